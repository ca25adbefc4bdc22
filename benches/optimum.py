"""The cheapest pattern that protects a small table, proven, to compare Accord's with.

    optimum.py --accord BINARY [--folder FOLDER] [--seconds N]

Which cells to hide is a program in zeros and ones whose constraints are found as they are needed: for each small cell
the attacker's two linear programs are solved, and one that stays short of the level gives a cut (Benders; M. Fischetti
and J. J. Salazar, "Solving the cell suppression problem on tabular data with linear constraints", Management Science
47, 2001). A pattern that passes them is tried in whole numbers, and for small sums. One that fails stays unsafe when
less is hidden, so it is enlarged while it fails, and at least one cell outside must be hidden. So the last pattern is
the cheapest that is safe, if HiGHS has solved each program to its end. Cost is the people in cells that are hidden
beyond the small ones.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import highspy
import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))

from attack import Level, Published, Reader, small_sums, solver, view
from runs import accord, printed
from tables import Instance, small

CLOSE = 1e-6
# Levels and ways with zeros that are compared.
WAYS = (("exact", "print"), ("interval:5", "print"), ("percent:30", "hide"), ("full", "print"), ("full", "hide"))


@dataclass
class Optimum:
    """The least cost, or how far the search for it came. None: no pattern is safe, or none was found in time."""

    cost: int | None
    bound: int | None
    proven: bool
    cuts: int
    seconds: float


class Problem:
    """Cells that a reader does not know by structure, their equations, and what the small ones need."""

    def __init__(self, table: Instance, level: Level, zeros: str) -> None:
        self.table, self.level, self.zeros = table, level, zeros
        self.least = 1 if zeros == "print" else 0
        self.cube = table.cube()
        self.parents = table.parents()
        # Printed zeros are known; hidden ones carry the mark anyway.
        self.keys = [key for key, count in self.cube.items() if count or zeros == "hide"]
        self.at = {key: index for index, key in enumerate(self.keys)}
        self.value = np.array([self.cube[key] for key in self.keys])
        self.small = np.flatnonzero((self.value > 0) & (self.value < level.minimum))
        self.always = (self.value < level.minimum) & (self.value >= 0)
        self.equations = Published(list(table.dimensions), self.parents, dict(self.cube)).equations()
        entries, row = [], 0
        for total, parts in self.equations:
            terms = [(self.at[key], 1) for key in parts if key in self.at]
            terms += [(self.at[total], -1)] if total in self.at else []
            entries += [(row, index, sign) for index, sign in terms]
            row += 1
        rows, columns, signs = np.array(entries).T
        self.matrix = sparse.csr_array((signs, (rows, columns)), shape=(row, len(self.keys)))
        # How far a hidden cell can go: down to the least, up without an end that matters.
        self.down = np.maximum(0, self.value - self.least)
        self.up = np.full(len(self.keys), 10 * int(self.value.max()) + 100)

    def published(self, hidden: np.ndarray) -> Published:
        cells = dict(self.cube)
        cells.update((self.keys[index], None) for index in np.flatnonzero(hidden))
        return Published(list(self.table.dimensions), self.parents, cells)

    def needs(self, cell: int) -> list[tuple[bool, bool, int]]:
        """What must be reached: upwards, downwards or both together, by how much."""
        value = int(self.value[cell])
        if self.level.name == "percent":
            span = max(1, -(-value * self.level.size // 100))
            lower = min(value, max(value - span, self.least))
            return [(True, False, span)] + ([(False, True, value - lower)] if lower < value else [])
        if self.level.name == "full":
            return [(True, False, self.level.minimum - value), (True, True, self.level.minimum - 1)]
        return [(True, True, self.level.size if self.level.name == "interval" else 1)]


def reach(problem: Problem, program: highspy.Highs, cell: int, sense: int) -> tuple[float, np.ndarray]:
    """How far a cell can move up (1) or down (-1), and what hiding each cell adds to that at most."""
    cost = np.zeros(len(problem.keys))
    cost[cell] = -sense
    program.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)
    program.run()
    dual = -np.array(program.getSolution().col_dual)
    worth = np.where(dual > CLOSE, dual * problem.up, 0) + np.where(dual < -CLOSE, -dual * problem.down, 0)
    return -program.getInfo().objective_function_value, worth


def cuts(problem: Problem, hidden: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """For each need that the pattern leaves unmet: weights of hidden cells, and what they must add up to."""
    low, high = np.where(hidden, -problem.down, 0), np.where(hidden, problem.up, 0)
    program = solver(problem.matrix, np.zeros(problem.matrix.shape[0]), low, high)
    found = []
    for cell in problem.small:
        reached = {sense: reach(problem, program, int(cell), sense) for sense in (1, -1)}
        for upwards, downwards, need in problem.needs(int(cell)):
            senses = [sense for sense, asked in ((1, upwards), (-1, downwards)) if asked]
            if sum(reached[sense][0] for sense in senses) < need - CLOSE:
                found.append((np.minimum(sum(reached[sense][1] for sense in senses), need), float(need)))
    return found


def is_safe(problem: Problem, hidden: np.ndarray) -> bool:
    """The pattern in whole numbers, and with what can be subtracted taken as printed: no small sums."""
    published = problem.published(hidden)
    seen = view(published, problem.cube, problem.least, problem.level)
    if seen.computable or seen.narrow or seen.undecided:
        return False
    reader = Reader(published, problem.least)
    for index, key in enumerate(reader.keys):
        if reader.low[index] == reader.high[index]:
            published.cells[key] = reader.low[index]
    return small_sums(published, problem.level.minimum) == 0


def largest_unsafe(problem: Problem, hidden: np.ndarray) -> np.ndarray:
    """Hides more while that leaves the pattern unsafe, so that a cut says as much as it can."""
    hidden = hidden.copy()
    shown = np.flatnonzero(~hidden)
    for cell in shown[np.argsort(problem.value[shown], kind="stable")]:
        hidden[cell] = True
        hidden[cell] = not is_safe(problem, hidden)
    return hidden


def optimum(problem: Problem, seconds: float = 60) -> Optimum:
    """Solves, cuts, and solves again until nothing is left to cut."""
    begin = time.monotonic()
    count = len(problem.keys)
    master = highspy.Highs()
    master.silent()
    master.setOptionValue("mip_rel_gap", 0.0)
    master.setOptionValue("mip_abs_gap", 0.5)
    for index in range(count):
        master.addVar(float(problem.always[index]), 1.0)
        master.changeColCost(index, 0.0 if problem.always[index] else float(problem.value[index]))
        master.changeColIntegrality(index, highspy.HighsVarType.kInteger)

    def add(weights: np.ndarray, need: float) -> None:
        places = np.flatnonzero(weights > CLOSE).astype(np.int32)
        master.addRow(need, highspy.kHighsInf, len(places), places, weights[places])

    for total, parts in problem.equations:
        # Small cells under a printed total must not add up to a small group.
        own = np.zeros(count)
        for key in parts:
            if key in problem.at:
                own[problem.at[key]] = problem.cube[key]
        if 0 < sum(own[problem.always]) < problem.level.minimum <= problem.cube[total]:
            own = np.minimum(own, problem.level.minimum)
            own[problem.at[total]] = problem.level.minimum
            add(own, float(problem.level.minimum))
    added, bound = 0, 0
    while time.monotonic() - begin < seconds:
        master.setOptionValue("time_limit", max(1.0, seconds - (time.monotonic() - begin)) + master.getRunTime())
        master.run()
        if master.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            proven = master.getModelStatus() == highspy.HighsModelStatus.kInfeasible
            return Optimum(None, None if proven else bound, proven, added, round(time.monotonic() - begin, 2))
        bound = round(master.getInfo().objective_function_value)
        hidden = np.array(master.getSolution().col_value) > 0.5
        fresh = cuts(problem, hidden)
        if not fresh:
            if is_safe(problem, hidden):
                return Optimum(bound, bound, True, added, round(time.monotonic() - begin, 2))
            fresh = [((~largest_unsafe(problem, hidden)).astype(float), 1.0)]
        for weights, need in fresh:
            add(weights, need)
        added += len(fresh)
    return Optimum(None, bound, False, added, round(time.monotonic() - begin, 2))


def compare(binary: Path, folder: Path, seconds: float) -> list[dict]:
    """Accord's cost beside the least one, for each small table, level and way with zeros."""
    found = []
    for table in small():
        for level, zeros in WAYS:
            problem = Problem(table, Level.parse(level, 11), zeros)
            least = optimum(problem, seconds)
            place = folder / f"{table.name}-{level.replace(':', '-')}-{zeros}"
            run = accord(binary, table, level, zeros, place, limit=max(60, seconds))
            cost, safe = None, None
            if run.error is None:
                cells = problem.cube | dict(printed(place, table))
                safe = is_safe(problem, np.array([cells[key] is None for key in problem.keys]))
                cost = sum(problem.cube[key] for key, n in cells.items() if n is None and problem.cube[key] >= 11)
            asked = {"table": table.name, "level": level, "zeros": zeros}
            found.append(asked | {"accord": cost, "safe": safe, "error": run.error} | asdict(least))
    return found


def text(found: list[dict]) -> str:
    """The comparison as lines."""
    lines = [f"{'table':22} {'level':11} {'zeros':6} {'accord':>8} {'optimum':>8}  gap"]
    for row in found:
        least = row["cost"] if row["proven"] else f">={row['bound']}"
        if row["safe"] is False:
            gap = "UNSAFE: the attacker computes a cell, or bounds it more narrowly than the level allows"
        elif row["accord"] is None or row["cost"] is None:
            gap = "equal: nothing is safe" if row["proven"] and row["cost"] is None and row["accord"] is None else "-"
        else:
            gap = "equal" if row["accord"] == row["cost"] else f"{row['accord'] / max(1, row['cost']) - 1:+.1%}"
        numbers = " ".join(f"{'-' if one is None else one:>8}" for one in (row["accord"], least))
        error = f"  {row['error'][:60]}" if row["error"] else ""
        lines.append(f"{row['table']:22} {row['level']:11} {row['zeros']:6} {numbers}  {gap}{error}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accord", type=Path, required=True)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = compare(options.accord.resolve(), options.folder or Path(scratch), options.seconds)
    print(json.dumps(found, indent=2) if options.json else text(found))


if __name__ == "__main__":
    main()
