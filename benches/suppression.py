"""Disclosure control measured: Accord and τ-Argus on the same tables in the same run, and an attacker against both.

    suppression.py --accord BINARY [--tables t1,t2,t3] [--long] [--million] [--out FOLDER]

Without options τ-Argus (pytauargus) runs on t1 alone, since it takes minutes on t2 and half an hour on t3; `--long`
runs it there too, and its optimal method on t1. `--million` protects a table of 1,074,170 non-empty cells, with a certificate. The attacker
is `tests/python/attack.py`, which shares no code with Accord and reads the printed cells alone. Prints figures beside
goals and never fails on a figure; leaves `suppression.json` and all files of the runs in the folder.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))

import optimum
from attack import Level, Published, Score, score
from runs import Key, Run, accord, audit, printed, tau_argus, verify
from tables import Instance, state

MINIMUM = 11


@dataclass(frozen=True)
class Case:
    """What is asked of Accord, and what it should reach: loss, seconds, MiB. `search` is the time to find less to hide;
    0 takes the first pattern that is protected. Without `sums` totals may show that hidden cells add up to a small
    group, as they may with τ-Argus."""

    table: str
    level: str
    zeros: str
    search: float | None = None
    sums: bool = True
    loss: int | None = None
    seconds: float | None = None
    mib: int | None = None
    certificate: bool = False


CASES = [
    Case("t1", "percent:30", "hide", search=4, sums=False, loss=15_605, seconds=5),
    Case("t1", "percent:30", "hide", search=4),
    Case("t1", "full", "hide", search=10, loss=17_500),
    Case("t1", "full", "print", search=10, loss=21_500),
    Case("t2", "full", "hide", search=0, seconds=2),
    Case("t2", "percent:30", "hide", search=25, sums=False, loss=35_300, seconds=30),
    Case("t2", "percent:30", "hide", search=25),
    Case("t2", "full", "hide", search=25),
    Case("t2", "full", "print", search=25),
    Case("t3", "full", "hide", search=0, seconds=15),
    Case("t3", "percent:30", "hide", search=150, sums=False, loss=146_000, seconds=180),
    Case("t3", "percent:30", "hide", search=150),
    Case("t3", "full", "hide", search=150),
    Case("t3", "full", "print", search=150),
    Case("million", "full", "hide", search=60, seconds=1200, mib=8192, certificate=True),
    Case("million", "full", "print", search=60, seconds=1200, mib=8192, certificate=True),
]

# Seconds after which a run of Accord is stopped from outside.
STOP = 1800

# Of τ-Argus, without and with `--long`.
METHODS = {
    ("t1", False): ("NONE", "MOD"),
    ("t1", True): ("NONE", "MOD", "OPT"),
    ("t2", True): ("MOD",),
    ("t3", True): ("MOD",),
}

# Of tools that are not on PyPI, and of runs that `--long` repeats: measured once on two cores, zeros printed.
# Computable by readers who know that counts are not negative, that hidden ones are at least 1, and which are small.
RECORDED = """\
t1  GaussSuppression               136 / 15,910     0.24 s   computable 0 / 0 / 58    narrow 18   sums 14
t1  GaussSuppression, interval 10  169 / 17,931    69 s      computable 0 / 0 / -     narrow 2    sums 0
t1  τ-Argus optimal, 5 minutes     119 / 15,462   363 s      computable 0 / 14 / 16   narrow 0    sums 17
t2  GaussSuppression               507 / 35,272     1.2 s    computable 0 / 0 / 64    narrow 68   sums 50
t2  τ-Argus modular                523 / 40,130   146 s      computable 0 / 84 / 90   narrow 5    sums 18
t3  GaussSuppression             2,124 / 146,237   20 s      computable - / 0 / -                 sums 185
t3  τ-Argus modular              2,217 / 178,047 1599 s                                           sums 54"""


@dataclass
class Row:
    """A run with what it hid beyond the small cells, and what the attacker made of it."""

    run: Run
    case: Case | None
    cells: int | None = None
    loss: int | None = None
    score: Score | None = None
    wrong: int = 0

    def harm(self) -> int | None:
        """Small cells that a reader computes or bounds too narrowly, and small sums if they are to be protected. The
        reader of a table with hidden zeros knows that counts are not negative, that of one with printed zeros that
        hidden ones are at least 1."""
        if self.score is None:
            return None
        sums = self.score.sums if self.case is None or self.case.sums else 0
        return sums + self.score.reader.computable + self.score.reader.narrow + self.score.reader.undecided


def judge(row: Row, table: Instance, cube: dict[Key, int], cells: dict[Key, int | None], insider: bool) -> Row:
    """Counts what is hidden and lets the attacker loose. A cell without a row is printed as empty."""
    found = Published(list(table.dimensions), table.parents(), dict.fromkeys(cube, 0) | cells)
    complementary = [cube[key] for key, count in found.cells.items() if count is None and cube[key] >= MINIMUM]
    row.cells, row.loss = len(complementary), sum(complementary)
    row.wrong = sum(count not in (None, cube.get(key)) for key, count in found.cells.items())
    row.score = score(found, cube, row.run.zeros, Level.parse(row.run.level, MINIMUM), insider=insider)
    return row


def place(case: Case) -> str:
    """The folder of a case's files."""
    ways = ("-first" if case.search == 0 else "") + ("" if case.sums else "-without-sums")
    return f"{case.table}-{case.level.replace(':', '-')}-{case.zeros}{ways}"


def protect(case: Case, binary: Path, folder: Path, table: Instance, cube: dict[Key, int] | None, long: bool) -> Row:
    """A run of Accord. Without the cube nothing is attacked."""
    own = folder / place(case)
    certificate = case.certificate
    run = accord(
        binary, table, case.level, case.zeros, own, case.search, limit=STOP, sums=case.sums, certificate=certificate
    )
    row = Row(run, case)
    if row.run.error is None and cube is not None:
        judge(row, table, cube, dict(printed(own, table)), insider=long or case.table != "t3")
    return row


def peer(table: Instance, cube: dict[Key, int], method: str, folder: Path) -> Row:
    """A run of τ-Argus."""
    run, cells = tau_argus(table, cube, method, folder / f"{table.name}-tau-{method}")
    row = Row(run, None)
    return row if run.error else judge(row, table, cube, cells, insider=True)


def measure(name: str, binary: Path, folder: Path, long: bool) -> list[Row]:
    """All runs on a table, each printed as it ends."""
    table = state(name)
    cube = None if name == "million" else table.cube()
    rows: list[Row] = []
    beside = None

    def add(row: Row) -> None:
        rows.append(row)
        print(line(row, beside if row.case else None), flush=True)

    for method in METHODS.get((name, long), ()):
        add(peer(table, cube, method, folder))
        beside = rows[-1] if method == "MOD" else beside
    for case in CASES:
        if case.table == name:
            add(protect(case, binary, folder, table, cube, long))
            if case.certificate and rows[-1].run.error is None:
                checked = Case(name, case.level, case.zeros, seconds=10, certificate=True)
                add(Row(verify(binary, folder / place(case), rows[-1].run, STOP), checked))
    last = next((row for row in reversed(rows) if row.case and not row.run.error), None)
    if last and last.case:
        seconds = 10 if name == "t3" else None
        case = Case(name, last.case.level, last.case.zeros, seconds=seconds)
        add(Row(audit(binary, folder / place(last.case), last.run, STOP), case))
    return rows


# What is printed ------------------------------------------------------------------------------------------------------

HEAD = (
    f"{'table':8}{'tool':14}{'level':12}{'zeros':7}{'cells / loss':>19}{'seconds':>10}{'MiB':>7}"
    f"  {'computable':14}{'narrow':>6}{'sums':>6}  {'against τ-Argus: loss, time'}"
)


def line(row: Row, beside: Row | None) -> str:
    """One run. Against τ-Argus's modular method on the same table: loss and time as parts of its own."""
    run = row.run
    text = f"{run.table:8}{run.tool:14}{run.level:12}{run.zeros:7}"
    if run.error:
        return f"{text}  {run.error}"
    size = f"{row.cells:,} / {row.loss:,}" if row.loss is not None else "-"
    text += f"{size:>19}{run.seconds:>10.2f}{run.peak_mib:>7}"
    if row.score is not None:
        views = (row.score.nonnegative, row.score.reader, row.score.insider)
        computable = " / ".join(str(one.computable) if one else "-" for one in views)
        # τ-Argus's ranges are meant against a reader who grants hidden cells no count.
        narrow = row.score.reader if row.case else row.score.nonnegative
        text += f"  {computable:14}{narrow.narrow + narrow.undecided:>6}{row.score.sums:>6}"
    if beside and beside.loss and row.loss is not None:
        text += f"  {row.loss / beside.loss:.3f}, {run.seconds / max(0.01, beside.run.seconds):.3f}"
    if row.wrong:
        text += f"  WRONG: {row.wrong} printed figures differ"
    if run.said.get("passed") is False:
        unproven = run.said.get("unproven")
        text += "  finds something" if unproven is None else f"  {unproven:,} of {run.said['hidden']:,} not proven"
    if row.case and row.case.search == 0:
        text += "  first pattern"
    if row.case and not row.case.sums:
        text += "  sums not protected, as by the peers"
    return text


def goals(rows: list[Row]) -> list[dict]:
    """What each case should reach, and what it does."""
    found = []
    for row in rows:
        case, run = row.case, row.run
        if case is None:
            continue
        ways = (", first pattern" if case.search == 0 else "") + ("" if case.sums else ", without sums")
        what = f"{run.table} {run.tool} {run.level}, zeros {run.zeros}{ways}"
        for figure, got, goal in (
            ("people in complementary cells", row.loss, case.loss),
            ("seconds", run.seconds, case.seconds),
            ("MiB", run.peak_mib, case.mib),
            ("hidden figures not proven", run.said.get("unproven"), 0 if run.tool == "accord verify" else None),
            ("cells that fall, narrow intervals, small sums", row.harm(), 0 if run.tool == "accord" else None),
        ):
            if goal is not None:
                got = None if run.error else got
                found.append({"run": what, "figure": figure, "got": got, "goal": goal})
    return found


def goal_lines(found: list[dict]) -> str:
    """The goals as lines."""
    lines = [f"{'run':48}{'figure':48}{'got':>10}{'goal':>10}"]
    for goal in found:
        got = "-" if goal["got"] is None else f"{goal['got']:,}"
        verdict = "not measured" if goal["got"] is None else "met" if goal["got"] <= goal["goal"] else "NOT MET"
        lines.append(f"{goal['run']:48}{goal['figure']:48}{got:>10}{goal['goal']:>10,}  {verdict}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accord", type=Path, required=True, help="the program that is measured")
    parser.add_argument("--tables", default="t1,t2,t3")
    parser.add_argument("--long", action="store_true", help="τ-Argus on t2 and t3, and its optimal method on t1")
    parser.add_argument("--million", action="store_true", help="a table of about a million non-empty cells")
    parser.add_argument("--optimum", type=float, default=30, help="seconds for each small table's optimum; 0: none")
    parser.add_argument("--out", type=Path, default=Path("bench"))
    options = parser.parse_args()
    binary, out = options.accord.resolve(), options.out.resolve()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n{HEAD}", flush=True)
    rows = []
    for name in [name for name in options.tables.split(",") if name] + (["million"] if options.million else []):
        rows += measure(name, binary, out, options.long)
    print(f"\nRecorded elsewhere (cells / loss, time):\n{RECORDED}", flush=True)
    least = optimum.compare(binary, out / "optimum", options.optimum) if options.optimum else []
    if least:
        print(f"\nSmall tables beside the proven optimum:\n{optimum.text(least)}")
    reached = goals(rows)
    print(f"\n{goal_lines(reached)}")
    out.mkdir(parents=True, exist_ok=True)
    found = {"runs": [asdict(row) for row in rows], "optimum": least, "goals": reached}
    (out / "suppression.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
