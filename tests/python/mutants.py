"""Breaks disclosure control in many ways, one at a time, and sees whether its tests notice.

The folder src/disclosure stands alone, so that a crate of it alone is built: seconds in place of minutes. Each mutant
changes one line. A mutant that no test catches is a hole in the tests.

    python tests/python/mutants.py [--out FOLDER] [WORD ...]     only the mutants that have a word in their name
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Name, file of src/disclosure, what stands there, what stands there in the mutant.
MUTANTS = [
    ("rules: a count of the minimum less one is not small", "policy.rs",
     "count.unsigned_abs() < self.minimum_cell", "count.unsigned_abs() + 1 < self.minimum_cell"),
    ("rules: complements are not looked at", "primary.rs",
     "(Some(_), _) => Reason::Complement,", "(Some(_), _) => return None,"),
    ("rules: nobody and everybody may be shown", "primary.rs",
     "(policy.homogeneous && variable.value == 0 && group)", "(policy.homogeneous && variable.value < 0 && group)"),
    ("rules: amounts are never sensitive by p percent", "primary_rules/magnitude.rs",
     "excess(i128::from(p) * cell.first() - 100 * remainder, 100, Reason::Percent)",
     "excess(i128::from(p) * cell.first() - 200 * remainder, 100, Reason::Percent)"),
    ("search: a witness may go below what readers know", "local.rs",
     "self.room(one) + change < 0", "self.room(one) + change < -2"),
    ("search: a witness need not reach its goal", "local.rs",
     "if reach(goal.sum, witness) < goal.change ||", "if reach(goal.sum, witness) < 1.min(goal.change) ||"),
    ("search: upper ends are forgotten", "search.rs",
     "if high < requirement.upper {", "if high < requirement.upper - 1 {"),
    ("search: contributors are forgotten", "search.rs",
     "for &(figure, known, knowledge) in pairs {", "for &(figure, known, knowledge) in &pairs[..0] {"),
    ("audit: proposed tables need not fit", "audit/room.rs",
     "self.imbalance(open, change).is_empty()", "(self.imbalance(open, change).is_empty() || true)"),
    ("audit: proposed tables may go below bounds", "audit/room.rs",
     "value >= open.lower[variable] && value <= open.upper[variable]", "value <= open.upper[variable]"),
    ("audit: rates that contradict their counts go unnoticed", "audit/system.rs",
     "(2 * printed - 1) * d, (2 * printed + 1) * d)", "(2 * printed - 9) * d, (2 * printed + 9) * d)"),
    ("audit: rates say less than they do", "audit/system.rs",
     "let (above, below, scale) = (2 * printed + 1, 2 * printed - 1, 2 * rate.scale);",
     "let (above, below, scale) = (2 * printed + 3, 2 * printed - 3, 2 * rate.scale);"),
    ("audit: upper bounds are rounded up", "audit/bounds.rs",
     "up.map(|value| floor(value, c))", "up.map(|value| floor(value, c) + 1)"),
    ("audit: hidden counts may be 0 though zeros are printed", "audit/figures.rs",
     "let positive = policy.zeros == Zeros::Print && never_empty;", "let positive = false && never_empty;"),
    ("audit: small sums are not reported", "audit/judge.rs",
     "counted && self.policy.sums &&", "!counted && self.policy.sums &&"),
    ("audit: contributors see what readers see", "audit/contributors.rs",
     "Knowledge::NotEmpty => value > 0,", "Knowledge::NotEmpty => value >= 0,"),
    ("audit: who is alone does not know their own amount", "audit/contributors.rs",
     "Knowledge::Value => value == base,", "Knowledge::Value => value >= 0,"),
    ("audit: insiders are told nothing", "audit/insiders.rs",
     "                (1, policy.minimum() - 1)", "                (0, upper[unknown])"),
    ("history: nothing is known from earlier releases", "history.rs",
     "(Some(&variable), Some(_)) => known[variable] = true,", "(Some(&variable), Some(_)) => known[variable] = false,"),
    ("walk: a figure is moved away from its goal", "audit/walk.rs",
     "let rises = (entry < 0.0) == up;", "let rises = (entry > 0.0) == up;"),
    ("walk: other figures do not stop a way", "audit/walk.rs",
     "                self.value[other] - self.lower[other]\n",
     "                self.value[other] - self.lower[other] + 9.0\n"),
    ("walk: rows are turned the wrong way", "audit/walk.rs",
     "            *entry /= -own;", "            *entry /= own;"),
    ("certificate: tables need not fit", "certificate/verify.rs",
     "self.fits(&base, 0)?;", ""),
    ("certificate: a narrow interval will do", "certificate/verify.rs",
     ".is_met(least, greatest) {", ".is_met(least - 1, greatest + 1) {"),
    ("certificate: cells have the policy's minimum alone", "audit/figures.rs",
     "*minimum = own.max(*minimum);", "*minimum = policy.minimum().max(*minimum);"),
    ("marks: what they say is left out", "audit/reader.rs",
     "system.add_told(told)?;", ""),
    ("bands: they bound no numerator", "audit/system.rs",
     "let (low, high) = band.numerators(size);", "let (low, high) = (0, size);"),
    ("bands: a mark says that a group is small, even where others are hidden", "banding/prints.rs",
     "mark_says_small: !banding.sizes }", "mark_says_small: true }"),
    ("bands: a mark alone says nothing of the size", "banding/prints.rs",
     "mark_says_small: !banding.sizes }", "mark_says_small: false }"),
]

CARGO = """[package]
name = "disclosure-alone"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
microlp = "{microlp}"
serde = {{ version = "{serde}", features = ["derive"] }}
serde_json = "{serde_json}"
thiserror = "{thiserror}"

[dev-dependencies]
proptest = {{ version = "{proptest}", default-features = false, features = ["std"] }}

[profile.dev]
opt-level = 2
debug = "line-tables-only"

[profile.dev.package."*"]
opt-level = 3
"""


def version(name):
    """The version of a dependency in the lock file."""
    lock = (ROOT / "Cargo.lock").read_text()
    return re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock).group(1)


def crate(folder):
    """A crate of src/disclosure alone."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    versions = {name: version(name) for name in ("microlp", "serde", "serde_json", "thiserror", "proptest")}
    (folder / "Cargo.toml").write_text(CARGO.format(**versions))
    (folder / "src/lib.rs").write_text("pub mod disclosure;\n")
    shutil.rmtree(folder / "src/disclosure", ignore_errors=True)
    shutil.copytree(ROOT / "src/disclosure", folder / "src/disclosure")


def tests(folder):
    """Whether the tests pass; None where the crate does not compile."""
    target = ["--target-dir", str(folder / "target")]
    built = subprocess.run(["cargo", "test", "--quiet", "--lib", "--no-run", *target], cwd=folder, capture_output=True)
    if built.returncode:
        return None
    try:
        ran = subprocess.run(["cargo", "test", "--quiet", "--lib", *target], cwd=folder, capture_output=True, timeout=600)
    except subprocess.TimeoutExpired:
        return False
    return ran.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, help="where the crate is built; a temporary folder if left out")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    folder = arguments.out or pathlib.Path(tempfile.mkdtemp())
    crate(folder)
    if not tests(folder):
        sys.exit("the tests fail before anything is changed")
    survived = []
    for name, file, before, after in MUTANTS:
        if arguments.words and not any(word in name for word in arguments.words):
            continue
        path = folder / "src/disclosure" / file
        text = path.read_text()
        if text.count(before) != 1:
            sys.exit(f"{file} holds what `{name}` changes {text.count(before)} times; bring the list up to date")
        path.write_text(text.replace(before, after))
        passed = tests(folder)
        path.write_text(text)
        said = {True: "SURVIVED", False: "caught", None: "does not compile"}[passed]
        print(f"{said:16} {name}", flush=True)
        if passed is not False:
            survived.append(name)
    sys.exit(f"{len(survived)} not caught" if survived else 0)


if __name__ == "__main__":
    main()
