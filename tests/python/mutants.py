"""Breaks disclosure control in many ways, one at a time, and sees whether its tests notice.

The folder src/disclosure stands alone, so that a crate of it alone is built, once: in the copy each mutant is written
beside what it changes, behind a switch that an environment variable turns (R. Untch, A. Offutt, M. J. Harrold,
"Mutation analysis using mutant schemata", ISSTA 1993). Each mutant is then one run of the tests, up to the first that
fails. A mutant that no test catches is a hole in the tests.

    python tests/python/mutants.py [--out FOLDER] [WORD ...]     only the mutants that have a word in their name
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Name, file of src/disclosure, what stands there, what stands there in the mutant. What changes is an expression: all
# of the third entry, or what is between « and » in it where it takes more to say which place is meant.
MUTANTS = [
    ("rules: a count of the minimum less one is not small", "policy.rs",
     "count.unsigned_abs() < self.minimum_cell", "count.unsigned_abs() + 1 < self.minimum_cell"),
    ("rules: complements are not looked at", "primary.rs",
     "(Some(_), _) => «Reason::Complement»,", "return None"),
    ("rules: nobody and everybody may be shown", "primary.rs",
     "(policy.homogeneous && variable.value == 0 && group)", "(policy.homogeneous && variable.value < 0 && group)"),
    ("rules: amounts are never sensitive by p percent", "primary_rules/magnitude.rs",
     "excess(«i128::from(p) * cell.first() - 100 * remainder», 100, Reason::Percent)",
     "i128::from(p) * cell.first() - 200 * remainder"),
    ("search: a witness may go below what readers know", "local.rs",
     "self.room(one) + change < 0", "self.room(one) + change < -2"),
    ("search: a witness need not reach its goal", "local.rs",
     "if «reach(goal.sum, witness) < goal.change» ||", "reach(goal.sum, witness) < 1.min(goal.change)"),
    ("search: upper ends are forgotten", "search.rs",
     "if «high < requirement.upper» {", "high < requirement.upper - 1"),
    ("search: contributors are forgotten", "search.rs",
     "for &(figure, known, knowledge) in «pairs» {", "&pairs[..0]"),
    ("audit: proposed tables need not fit", "audit/room.rs",
     "self.imbalance(open, change).is_empty()", "true"),
    ("audit: proposed tables may go below bounds", "audit/room.rs",
     "«value >= open.lower[variable]» && value <= open.upper[variable]", "true"),
    ("audit: rates that contradict their counts go unnoticed", "audit/system.rs",
     "(2 * rate.scale * n, (2 * printed - 1) * d, (2 * printed + 1) * d)",
     "(2 * rate.scale * n, (2 * printed - 9) * d, (2 * printed + 9) * d)"),
    ("audit: rates say less than they do", "audit/system.rs",
     "let (above, below, scale) = «(2 * printed + 1, 2 * printed - 1, 2 * rate.scale)»;",
     "(2 * printed + 3, 2 * printed - 3, 2 * rate.scale)"),
    ("audit: upper bounds are rounded up", "audit/bounds.rs",
     "up.map(|value| «floor(value, c)»)", "floor(value, c) + 1"),
    ("audit: hidden counts may be 0 though zeros are printed", "audit/figures.rs",
     "let positive = «policy.zeros == Zeros::Print» && never_empty;", "false"),
    ("audit: small sums are not reported", "audit/judge.rs",
     "if «counted» && self.policy.sums &&", "!counted"),
    ("audit: contributors see what readers see", "audit/contributors.rs",
     "Knowledge::NotEmpty => «value > 0»,", "value >= 0"),
    ("audit: who is alone does not know their own amount", "audit/contributors.rs",
     "Knowledge::Value => «value == base»,", "value >= 0"),
    ("audit: insiders are told nothing", "audit/insiders.rs",
     "(1, target.minimum - 1)", "(0, upper[unknown])"),
    ("history: nothing is known from earlier releases", "history.rs",
     "(Some(&variable), Some(_)) => known[variable] = «true»,", "false"),
    ("printed: what no change of hidden cells moves is left", "printed.rs",
     "        let left = seen.left();\n        if «left.is_empty()» {", "true"),
    ("walk: a figure is moved away from its goal", "audit/walk.rs",
     "let rises = «(entry < 0.0) == up»;", "(entry > 0.0) == up"),
    ("walk: other figures do not stop a way", "audit/walk.rs",
     "{\n                «self.value[other] - self.lower[other]»\n", "self.value[other] - self.lower[other] + 9.0"),
    ("walk: rows are turned the wrong way", "audit/walk.rs",
     "*entry /= «-own»;", "own"),
    ("certificate: tables need not fit", "certificate/verify.rs",
     "self.fits(&base, 0)?", "()"),
    ("certificate: a narrow interval will do", "certificate/verify.rs",
     "if «policy.requirement_at(minimum, value.unwrap_or(least), low).is_met(least, greatest)» {",
     "policy.requirement_at(minimum, value.unwrap_or(least), low).is_met(least - 1, greatest + 1)"),
    ("certificate: cells have the policy's minimum alone", "audit/figures.rs",
     "*minimum = «own.max(*minimum)»;", "policy.minimum().max(*minimum)"),
    ("marks: what they say is left out", "audit/reader.rs",
     "system.add_told(told)?", "()"),
    ("bands: they bound no numerator", "audit/system.rs",
     "let (low, high) = «band.numerators(size)»;", "(0, size)"),
    ("bands: a mark says that a group is small, even where others are hidden", "banding/prints.rs",
     "mark_says_small: «!banding.sizes» }", "true"),
    ("bands: a mark alone says nothing of the size", "banding/prints.rs",
     "mark_says_small: «!banding.sizes» }", "false"),
    ("bands: numerators that give somebody away are let through", "banding/seen.rs",
     "let found = report.findings.iter().filter(|finding| «!is_sum(&finding.kind)»);", "false"),
    ("bands: only who knows the printed sizes is looked at", "banding/seen.rs",
     "public(asking, prints, bands, &|_, _, _| «true»)", "false"),
    ("certificate: other tables need not fit", "certificate/verify.rs",
     "self.fits(&whole, table)?", "()"),
    ("certificate: a change may break totals", "certificate/verify.rs",
     "let sum = scratch.sums[equation];\n            if «sum == 0» {",
     "sum == 0 || self.defines[equation] == NONE"),
    ("certificate: there may be fewer than nobody", "certificate/verify.rs",
     "value >= i64::from(self.system.figures.least[figure as usize])", "true"),
    ("certificate: a group of nobody may be printed", "certificate/verify.rs",
     "|| «(low == 0 && group(true))») {", "false"),
    ("certificate: an empty cell needs no proof in any group", "certificate/verify.rs",
     "|| «(high == 0 && !group(false))» {", "high == 0"),
    ("certificate: in steps what has no end counts for nothing", "certificate/verify.rs",
     "endless[side] += «usize::from(end.is_none())»;", "0"),
    ("far: a change may leave fewer than nobody", "certificate/far.rs",
     "«self.values[leaf as usize] + by >= 0»;", "true"),
    ("leaves: an empty cell lends somebody", "certificate/leaves.rs",
     "self.values[other as usize] - by < 0", "self.values[other as usize] - by < -1"),
    ("proofs: what is left over may be negative", "audit/prove.rs",
     "if «left < 0» {", "false"),
    ("proofs: fractions of a person are rounded up", "audit/prove.rs",
     "Side::Upper => «rest.div_euclid(i128::from(denominator))»,", "rest.div_euclid(i128::from(denominator)) + 1"),
    ("history: people who left are passed over", "history.rs",
     "came && any(Compared::More) && «!any(Compared::Less)»", "true"),
    ("history: a total of others is taken for the one at hand", "history.rs",
     "if «dimension.total().is_none()» {", "true"),
    ("history: figures that earlier releases alone hide are not looked at", "history.rs",
     "(None, None) => all_ours = «false»,", "true"),
    ("history: parts are the same where nothing became less", "restated.rs",
     "if !any(«&[Compared::More, Compared::Less]») {", "&[Compared::Less]"),
    ("history: a category alone is taken for a total", "restated.rs",
     "let beside = «one_root && total.is_none_or(|total| !nodes.contains(&total))»;", "false"),
    ("rounding: a figure may be at any multiple", "rounding/mod.rs",
     "if !multiple || «within > rounding.within» {", "false"),
    ("rounding: what was rounded up before is passed over", "rounding/beside.rs",
     "otherwise |= «printed != now»;", "printed < now"),
    ("cell keys: noise of two cells says that of both together", "cell_key/mod.rs",
     "draw(«mixed(key)» >> 32)", "key"),
    ("cell keys: an empty cell may have the key of others", "cell_key/mod.rs",
     "(variable.value == 0 && own != 0)", "false"),
    ("cell keys: figures at the threshold are printed", "cell_key/noise.rs",
     "count + noise > threshold", "count + noise >= threshold"),
    ("cell keys: groups of nobody are not looked at", "cell_key/mod.rs",
     "(policy.homogeneous && variable.value == 0 && group)", "false"),
    ("quantiles: one person fewer on a side will do", "primary_rules/quantile.rs",
     "low <= self.each_side", "low < self.each_side"),
    ("quantiles: the value of most people is printed", "primary_rules/quantile.rs",
     "2 * same > ascending.len()", "2 * same > ascending.len() + 2"),
]

CARGO = """[package]
name = "disclosure-alone"
version = "0.0.0"
edition = "2024"

[workspace]

{dependencies}
{development}
[profile.dev]
opt-level = 2
debug = false
incremental = false

[profile.dev.package."*"]
opt-level = 3
"""

# What switches mutants; 0 is none.
LIBRARY = """#![allow(warnings)]
pub mod disclosure;

pub(crate) fn mutant(number: usize) -> bool {
    static CHOSEN: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let chosen = || std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
    *CHOSEN.get_or_init(chosen) == number
}
"""

# Tests that take no longer than so many seconds are run together.
QUICK = 0.5
WORKERS = os.cpu_count() or 1

# Property tests try other cases in each run; what failed once says nothing of the next mutant, and needs no small case.
PROPERTIES = {"PROPTEST_MAX_SHRINK_ITERS": "0", "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true"}


def place(text, name, file, before):
    """Where the expression stands that a mutant changes."""
    first, mark, rest = before.partition("«")
    own, _, last = rest.partition("»") if mark else (first, "", "")
    first = first if mark else ""
    if text.count(first + own + last) != 1:
        count = text.count(first + own + last)
        sys.exit(f"{file} holds what `{name}` changes {count} times; bring the list up to date")
    start = text.index(first + own + last) + len(first)
    return start, start + len(own)


def switched(text, changes):
    """A text with its changes (start, end, number, what stands there then) behind switches; two may be of one place."""
    done, at = "", 0
    for start, end in sorted({(start, end) for start, end, *_ in changes}):
        if start < at:
            sys.exit(f"two mutants overlap at `{text[start:end]}`; let them change the same expression")
        form = text[start:end]
        for *own, number, after in changes:
            if own == [start, end]:
                form = f"(if crate::mutant({number}) {{ {after} }} else {{ {form} }})"
        done, at = done + text[at:start] + form, end
    return done + text[at:]


def section(kind, names):
    """The part of Cargo.toml about some dependencies, as the product's own says it."""
    known = tomllib.loads((ROOT / "Cargo.toml").read_text())[kind]
    lines = []
    for name in names:
        own = known[name] if isinstance(known[name], dict) else {"version": known[name]}
        lines += [f"[{kind}.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in own.items())]
    return "\n".join(lines) + "\n"


def crate(folder):
    """A crate of src/disclosure alone, with every mutant in it."""
    shutil.rmtree(folder / "src", ignore_errors=True)
    (folder / "src").mkdir(parents=True)
    shutil.copytree(ROOT / "src/disclosure", folder / "src/disclosure")
    changes = {}
    for number, (name, file, before, after) in enumerate(MUTANTS, 1):
        text = (ROOT / "src/disclosure" / file).read_text()
        changes.setdefault(file, []).append((*place(text, name, file, before), number, after))
    for file, own in changes.items():
        path = folder / "src/disclosure" / file
        path.write_text(switched(path.read_text(), own))
    (folder / "src/lib.rs").write_text(LIBRARY)
    (folder / "Cargo.toml").write_text(CARGO.format(
        dependencies=section("dependencies", ("microlp", "serde", "serde_json", "thiserror")),
        development=section("dev-dependencies", ("proptest",))))
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")


def build(folder):
    """The program that runs the tests."""
    command = ["cargo", "test", "--quiet", "--lib", "--no-run", "--message-format", "json-render-diagnostics"]
    command += ["--target-dir", str(folder / "target")]
    built = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        sys.exit("the crate does not compile: a mutant's text is no expression, or of another type")
    messages = map(json.loads, built.stdout.splitlines())
    return next(m["executable"] for m in messages if m.get("executable") and m["profile"]["test"])


class Tests:
    """The tests of the crate, each with the seconds that it takes unbroken."""

    def __init__(self, program, folder):
        self.program, self.folder, self.caught = program, folder, collections.Counter()
        listed = subprocess.run([program, "--list"], cwd=folder, check=True, capture_output=True, text=True).stdout
        names = re.findall(r"^(\S+): test$", listed, re.MULTILINE)
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            ran = list(pool.map(lambda name: self.run(0, [name], None, threading.Event()), names))
        if failed := next((failed for failed, _ in ran if failed), None):
            sys.exit(f"the tests fail before anything is changed: {failed}")
        self.seconds = {name: took for name, (_, took) in zip(names, ran)}

    def run(self, number, names, limit, stop):
        """The first of some tests that fails with a mutant, or None; and the seconds that it took."""
        environment = os.environ | PROPERTIES | {"MUTANT": str(number)}
        command, start = [self.program, "--exact", *names], time.monotonic()
        with tempfile.TemporaryFile() as said, subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=subprocess.DEVNULL) as tests:
            while True:
                try:
                    ended = tests.wait(0.02)
                except subprocess.TimeoutExpired:
                    ended = None
                took = time.monotonic() - start
                # The tests write on at the file's position, which stays as it is.
                found = re.search(rb"^test (\S+).* \.\.\. FAILED$", os.pread(said.fileno(), 1 << 20, 0), re.MULTILINE)
                late = limit is not None and took > limit
                if ended is None and not found and not late and not stop.is_set():
                    continue
                tests.kill()
                name = names[0] if len(names) == 1 else "one of the quick tests"
                if found:
                    return found.group(1).decode(), took
                if ended is None:
                    return (f"{name}, by time-out" if late else None), took
                return (f"{name}, which ended the program" if ended else None), took

    def catch(self, number):
        """A test that fails with a mutant, or None: the quick ones all at once, then the others, those that have caught
        most for their time first."""
        stop = threading.Event()
        limit = lambda names: 10 * sum(self.seconds[name] for name in names) + 10
        quick = [name for name, took in self.seconds.items() if took <= QUICK]
        failed, _ = self.run(number, quick, limit(quick), stop)

        def slow(name):
            failed = None if stop.is_set() else self.run(number, [name], limit([name]), stop)[0]
            if failed:
                stop.set()
            return failed

        if not failed:
            price = lambda name: self.seconds[name] / (1 + self.caught[name])
            order = sorted(self.seconds.keys() - set(quick), key=price)
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                failed = next(filter(None, list(pool.map(slow, order))), None)
        self.caught[failed] += 1
        return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, help="where the crate is built; a temporary folder if left out")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    folder = (arguments.out or pathlib.Path(tempfile.mkdtemp())).resolve()
    start = time.monotonic()
    crate(folder)
    program = build(folder)
    print(f"built in {time.monotonic() - start:.0f} s", flush=True)
    tests = Tests(program, folder)
    print(f"unbroken, {len(tests.seconds)} tests pass in {sum(tests.seconds.values()):.0f} s", flush=True)
    tried, survived = 0, 0
    for number, (name, *_) in enumerate(MUTANTS, 1):
        if arguments.words and not any(word in name for word in arguments.words):
            continue
        began = time.monotonic()
        failed = tests.catch(number)
        tried, survived = tried + 1, survived + (failed is None)
        said = f"caught   {name}: {failed}" if failed else f"SURVIVED {name}"
        print(f"{time.monotonic() - began:4.0f} s {said.replace('disclosure::', '')}", flush=True)
    print(f"{tried} mutants, {survived} not caught, {time.monotonic() - start:.0f} s")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
