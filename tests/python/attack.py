"""An attacker: what can be computed about the hidden cells of published tables. Shares no code with Accord.

    attack.py TABLE.csv [TABLE.csv ...] --structure STRUCTURE.csv [--zeros print|hide] [--minimum 11]
              --truth TRUTH.csv [--level exact|interval:N|percent:N|full] [--give-up SECONDS]

A table has one column for each dimension and a last one with the count; anything that is no whole number is a hidden
cell. A dimension that a table lacks stands at its total, so linked tables share cells. The structure names each
category and the one that it is a part of (dimension,node,parent; the root has none), and every total is an equation.
A category without a row is empty.

Three readers try: one who knows that counts are whole and not negative, one who also knows that a hidden count is at
least 1 where empty cells are printed, and an insider who also knows which hidden cells are small. Each substitutes and
bounds until nothing more falls, then solves linear programs with HiGHS. A solution in whole numbers is checked against
every equation; the range that these solutions cover lies within the interval, and what the programs bound lies around
it. Only where the two differ and it matters is the cell given to branch and bound.

The truth (the same columns, all counts) is read to say which cells are small and to score; no reader but the insider
sees any of it, and the insider sees only which cells are small. Prints numbers of cells, never a figure. Exits with 1
if a small cell can be computed, does not reach the level, or is part of a small sum that a total shows.
"""

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import highspy
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Key = tuple[str, ...]

# Larger than any count; a bound that reaches it is none.
FAR = 10**8
# How far a solver's number may be from a whole one.
CLOSE = 1e-5
# Rounds of substitution and bounding before the programs take over.
ROUNDS = 200
# Directions that are tried on a whole component before single cells are.
DIRECTIONS = 40
# Equations between a cell and those that may move with it, tried one after the other in whole numbers.
RADII = (1, 2, 3, 5, 8)
# Seconds for the whole of a component in whole numbers; beyond it a cell counts as undecided.
GIVE_UP = 60.0


# What is published ----------------------------------------------------------------------------------------------------


@dataclass
class Published:
    """Tables as they are printed: a count for each cell, or None where it is hidden."""

    dimensions: list[str]
    parents: list[dict[str, str | None]]
    cells: dict[Key, int | None] = field(default_factory=dict)

    def add(self, cells: Iterable[tuple[dict[str, str], int | None]]) -> None:
        """Adds a table. A cell that one table prints is no longer hidden in another."""
        roots = [[node for node, parent in own.items() if parent is None] for own in self.parents]
        for place, count in cells:
            key = tuple(place.get(name) or root[0] for name, root in zip(self.dimensions, roots))
            known = self.cells.get(key)
            if known is not None and count is not None and known != count:
                raise ValueError(f"two tables print different counts for {key}")
            self.cells[key] = count if known is None else known

    def equations(self) -> list[tuple[Key, list[Key]]]:
        """Each total with the cells that add up to it."""
        parts = defaultdict(list)
        for key in self.cells:
            for at, parents in enumerate(self.parents):
                parent = parents[key[at]]
                if parent is not None:
                    parts[at, (*key[:at], parent, *key[at + 1 :])].append(key)
        return [(total, keys) for (_, total), keys in parts.items() if total in self.cells]


def read_structure(path: Path) -> tuple[list[str], list[dict[str, str | None]]]:
    """Dimensions, and by dimension the category that each category is a part of."""
    structure: dict[str, dict[str, str | None]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            structure.setdefault(row["dimension"], {})[row["node"]] = row["parent"] or None
    return list(structure), list(structure.values())


def read_table(path: Path) -> list[tuple[dict[str, str], int | None]]:
    """Cells of a table; a count that is no whole number is hidden."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        head = next(rows)
        return [(dict(zip(head[:-1], row[:-1])), int(row[-1]) if row[-1].isdecimal() else None) for row in rows]


# What a reader derives by hand ----------------------------------------------------------------------------------------


class Reader:
    """Hidden cells as unknowns with bounds, and the equations that are left of the totals.

    An equation is (unknowns, signs, rest): the signed sum of the unknowns is the rest. `gap` marks cells of which the
    insider knows that they are empty or at least the minimum.
    """

    def __init__(
        self,
        published: Published,
        least: int,
        small: set[Key] | None = None,
        minimum: int = 11,
        rounds: int = ROUNDS,
    ) -> None:
        self.keys = [key for key, count in published.cells.items() if count is None]
        self.at = {key: index for index, key in enumerate(self.keys)}
        self.minimum = minimum
        self.low = [least] * len(self.keys)
        self.high = [FAR] * len(self.keys)
        self.gap = [False] * len(self.keys)
        self.by_subtraction: set[int] = set()
        for index, key in enumerate(self.keys if small is not None else []):
            if key in small:
                self.low[index], self.high[index] = 1, minimum - 1
            else:
                self.gap[index] = least == 0
                self.low[index] = 0 if least == 0 else minimum
        self.equations = []
        for total, parts in published.equations():
            terms = [(self.at[key], 1) for key in parts if key in self.at]
            rest = -sum(published.cells[key] or 0 for key in parts)
            if total in self.at:
                terms.append((self.at[total], -1))
            else:
                rest += published.cells[total]
            if terms:
                self.equations.append(([i for i, _ in terms], [s for _, s in terms], rest))
            elif rest:
                raise ValueError(f"the published figures under {total} do not add up")
        self.derive(rounds)

    def derive(self, rounds: int) -> None:
        """Substitutes what has a single value and bounds the others, until nothing changes."""
        where = defaultdict(list)
        for number, (unknowns, _, _) in enumerate(self.equations):
            for unknown in unknowns:
                where[unknown].append(number)
        todo = set(range(len(self.equations)))
        for _ in range(rounds):
            changed = {unknown for number in sorted(todo) for unknown in self.bound(*self.equations[number])}
            todo = {number for unknown in changed for number in where[unknown]}
            if not todo:
                return

    def bound(self, unknowns: list[int], signs: list[int], rest: int) -> list[int]:
        """Bounds the unknowns of one equation by each other; gives those that moved."""
        low, high = self.low, self.high
        open_ones = [unknown for unknown in unknowns if low[unknown] < high[unknown]]
        least = sum(low[u] if s > 0 else -high[u] for u, s in zip(unknowns, signs))
        most = sum(high[u] if s > 0 else -low[u] for u, s in zip(unknowns, signs))
        moved = []
        for unknown, sign in zip(unknowns, signs):
            before = low[unknown], high[unknown]
            # What the others can add up to leaves this much for the unknown itself.
            if sign > 0:
                own = rest - (most - before[1]), rest - (least - before[0])
            else:
                own = (least + before[1]) - rest, (most + before[0]) - rest
            new = self.close_gap(unknown, max(before[0], own[0]), min(before[1], own[1]))
            if new[0] > new[1]:
                raise ValueError("the published figures contradict each other")
            if new != before:
                low[unknown], high[unknown] = new
                moved.append(unknown)
                if sign > 0:
                    least, most = least + new[0] - before[0], most + new[1] - before[1]
                else:
                    least, most = least - new[1] + before[1], most - new[0] + before[0]
                if open_ones == [unknown]:
                    self.by_subtraction.add(unknown)
        return moved

    def close_gap(self, unknown: int, low: int, high: int) -> tuple[int, int]:
        if self.gap[unknown]:
            if 0 < low < self.minimum:
                low = self.minimum
            if 0 < high < self.minimum:
                high = 0
        return low, high

    def components(self) -> list["Component"]:
        """The unknowns that are still open, in independent groups."""
        left = []
        for unknowns, signs, rest in self.equations:
            terms = [(u, s) for u, s in zip(unknowns, signs) if self.low[u] < self.high[u]]
            fixed = sum(s * self.low[u] for u, s in zip(unknowns, signs) if self.low[u] == self.high[u])
            if terms:
                left.append((terms, rest - fixed))
        ends = [(terms[0][0], unknown) for terms, _ in left for unknown, _ in terms]
        count = len(self.keys)
        ones = np.ones(len(ends), dtype=np.int8)
        a, b = np.array(ends, dtype=int).reshape(-1, 2).T
        _, labels = connected_components(sparse.coo_array((ones, (a, b)), shape=(count, count)), directed=False)
        groups, rows = defaultdict(list), defaultdict(list)
        for unknown in range(count):
            if self.low[unknown] < self.high[unknown]:
                groups[labels[unknown]].append(unknown)
        for terms, rest in left:
            rows[labels[terms[0][0]]].append((terms, rest))
        return [Component(self, unknowns, rows[label]) for label, unknowns in groups.items()]


# What a reader derives by programs ------------------------------------------------------------------------------------


class Component:
    """An independent group of unknowns: which values have been seen, which are excluded."""

    def __init__(self, reader: Reader, unknowns: list[int], rows: list[tuple[list[tuple[int, int]], int]]) -> None:
        self.unknowns = unknowns
        self.place = {unknown: index for index, unknown in enumerate(unknowns)}
        self.low = np.array([reader.low[u] for u in unknowns], dtype=np.int64)
        self.high = np.array([reader.high[u] for u in unknowns], dtype=np.int64)
        self.gap = np.array([reader.gap[u] for u in unknowns], dtype=bool) & (self.low < reader.minimum)
        self.minimum = reader.minimum
        entries = [(row, self.place[u], sign) for row, (terms, _) in enumerate(rows) for u, sign in terms]
        row, column, sign = np.array(entries, dtype=np.int64).T if entries else np.zeros((3, 0), dtype=np.int64)
        self.matrix = sparse.csr_array((sign, (row, column)), shape=(len(rows), len(unknowns)))
        self.rest = np.array([rest for _, rest in rows], dtype=np.int64)
        self.seen_low = np.full(len(unknowns), FAR, dtype=np.int64)
        self.seen_high = np.full(len(unknowns), -1, dtype=np.int64)
        self.solution: np.ndarray | None = None
        self.programs = 0
        self.undecided: set[int] = set()
        self.solver = solver(self.matrix, self.rest, self.low, self.high)

    def attack(self, wanted: list[int], enough: Callable[[int, int, int], bool], give_up: float) -> None:
        """Finds for each wanted unknown an interval, or solutions whose range is enough."""
        places = [self.place[unknown] for unknown in wanted]
        if not places:
            return

        def unmet() -> list[int]:
            return [p for p in places if not enough(self.unknowns[p], int(self.seen_low[p]), int(self.seen_high[p]))]

        random = np.random.default_rng(0)
        left = unmet()
        for _ in range(DIRECTIONS):
            cost = np.zeros(len(self.unknowns))
            cost[left] = random.choice([-1.0, 1.0], len(left))
            self.solve(cost)
            before, left = len(left), unmet()
            if not left or before - len(left) < max(1, before // 20):
                break
        for at in left:
            self.attack_one(at, lambda at=at: enough(self.unknowns[at], self.seen_low[at], self.seen_high[at]), give_up)

    def attack_one(self, at: int, enough: Callable[[], bool], give_up: float) -> None:
        for sense in (1, -1):
            if enough():
                return
            cost = np.zeros(len(self.unknowns))
            cost[at] = sense
            self.exclude(at, sense, self.solve(cost))
        if enough() or (self.seen_low[at] == self.low[at] and self.seen_high[at] == self.high[at]):
            return
        for sense in (1, -1):
            reached = self.seen_low[at] == self.low[at] if sense > 0 else self.seen_high[at] == self.high[at]
            if not enough() and not reached:
                self.branch(at, sense, enough, give_up)

    def exclude(self, at: int, sense: int, value: float) -> None:
        """A program has bounded the unknown, which is whole, from below (sense 1) or its opposite (sense -1)."""
        least = int(np.ceil(value - CLOSE))
        if sense > 0:
            self.low[at] = max(self.low[at], least)
        else:
            self.high[at] = min(self.high[at], -least)

    def solve(self, cost: np.ndarray) -> float:
        """Least value of a linear function; where it is taken is kept if it is in whole numbers."""
        count = len(self.unknowns)
        self.solver.changeColsCost(count, np.arange(count, dtype=np.int32), cost)
        self.solver.run()
        self.programs += 1
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise ValueError(f"a program ended with {self.solver.getModelStatus()}")
        values = np.array(self.solver.getSolution().col_value)
        self.keep(values)
        return float(cost @ values)

    def keep(self, values: np.ndarray) -> bool:
        """Takes note of a solution if it is in whole numbers and agrees with every equation."""
        whole = np.rint(values).astype(np.int64)
        fits = np.all(whole >= self.low) and np.all(whole <= self.high)
        filled = not np.any(self.gap & (whole > 0) & (whole < self.minimum))
        if not (fits and filled and np.array_equal(self.matrix @ whole, self.rest)):
            return False
        np.minimum(self.seen_low, whole, out=self.seen_low)
        np.maximum(self.seen_high, whole, out=self.seen_high)
        self.solution = whole
        return True

    def branch(self, at: int, sense: int, enough: Callable[[], bool], give_up: float) -> None:
        """The same in whole numbers: around a known solution first, then with everything free."""
        for radius in RADII if self.solution is not None else ():
            free = self.around(at, radius)
            if free.all():
                break
            self.integer(at, sense, free, give_up / 10)
            if enough():
                return
        if not self.integer(at, sense, np.ones(len(self.unknowns), dtype=bool), give_up):
            self.undecided.add(self.unknowns[at])

    def integer(self, at: int, sense: int, free: np.ndarray, seconds: float) -> bool:
        """One program in whole numbers, with all but the free unknowns at the known solution; true if it ended. With
        all of them free its bound is the unknown's."""
        some = np.flatnonzero(free)
        values = np.zeros(len(free), dtype=np.int64) if free.all() else np.where(free, 0, self.solution)
        part = self.matrix[:, some]
        rows = np.flatnonzero(np.diff(part.indptr))
        rest = (self.rest - self.matrix @ values)[rows]
        program = solver(part[rows], rest, self.low[some], self.high[some], self.gap[some], self.minimum)
        program.setOptionValue("time_limit", seconds)
        program.changeColCost(int(np.searchsorted(some, at)), float(sense))
        program.run()
        self.programs += 1
        if program.getInfo().primal_solution_status == 2:
            values = values.astype(float)
            values[some] = program.getSolution().col_value
            self.keep(values)
        ended = program.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if ended and free.all():
            self.exclude(at, sense, program.getInfo().mip_dual_bound)
        return ended

    def around(self, at: int, radius: int) -> np.ndarray:
        """The unknowns within so many equations of one."""
        pattern = abs(self.matrix)
        free = np.zeros(len(self.unknowns), dtype=np.int64)
        free[at] = 1
        for _ in range(radius):
            free = np.minimum(1, free + pattern.T @ (pattern @ free))
        return free > 0


def solver(
    matrix: sparse.csr_array,
    rest: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    gap: np.ndarray | None = None,
    minimum: int = 0,
) -> highspy.Highs:
    """A program without an aim: matrix times unknowns is the rest. In whole numbers if `gap` is given, which marks the
    unknowns that are 0 or at least the minimum."""
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = matrix.shape
    program.col_cost_ = np.zeros(matrix.shape[1])
    program.col_lower_ = low.astype(float)
    program.col_upper_ = high.astype(float)
    program.row_lower_ = program.row_upper_ = rest.astype(float)
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = matrix.indptr
    program.a_matrix_.index_ = matrix.indices
    program.a_matrix_.value_ = matrix.data.astype(float)
    if gap is not None:
        program.col_lower_ = np.where(gap & (low < high), np.maximum(low, minimum), low).astype(float)
        kinds = highspy.HighsVarType
        program.integrality_ = [
            kinds.kSemiInteger if hole and least < most else kinds.kInteger for hole, least, most in zip(gap, low, high)
        ]
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue("threads", 1)
    if gap is None:
        # The same program is solved again and again from where it ended: from inside, with another aim.
        highs.setOptionValue("presolve", "off")
        highs.setOptionValue("simplex_strategy", 4)
    highs.passModel(program)
    return highs


# Score ----------------------------------------------------------------------------------------------------------------


@dataclass
class Level:
    """What an interval must reach. Percent is rounded outwards, but not below what a reader grants."""

    name: str
    size: int
    minimum: int

    @staticmethod
    def parse(text: str, minimum: int) -> "Level":
        name, _, size = text.partition(":")
        if name not in ("exact", "interval", "percent", "full") or (name in ("interval", "percent")) != bool(size):
            raise ValueError(f"no such level: {text}")
        return Level(name, int(size or 0), minimum)

    def met(self, value: int, least: int, low: int, high: int) -> bool:
        """Whether the interval of a cell of this value will do."""
        if self.name == "percent":
            span = max(1, -(-value * self.size // 100))
            return high >= value + span and low <= min(value, max(value - span, least)) and low < high
        if self.name == "full":
            return high >= self.minimum and high - low >= self.minimum - 1
        return high - low >= (self.size if self.name == "interval" else 1)


@dataclass
class View:
    """What one reader can do. All numbers are of small cells."""

    computable: int
    by_subtraction: int
    narrow: int
    undecided: int
    programs: int
    seconds: float


@dataclass
class Score:
    """What the readers can do, and how many small sums totals show."""

    small: int
    hidden: int
    sums: int
    nonnegative: View
    reader: View
    insider: View | None

    @property
    def harmless(self) -> bool:
        """Nothing falls to those whom the default policy defeats."""
        return not (self.sums or self.reader.computable or self.reader.narrow or self.reader.undecided)


def view(
    published: Published,
    truth: dict[Key, int],
    least: int,
    level: Level | None,
    give_up: float = GIVE_UP,
    small: set[Key] | None = None,
) -> View:
    """What a reader who grants hidden cells this least count can compute; an insider if the small ones are named."""
    begin = time.monotonic()
    minimum = level.minimum if level else 11
    reader = Reader(published, least, small, minimum)
    value = [truth[key] for key in reader.keys]
    protected = [unknown for unknown, count in enumerate(value) if 0 < count < minimum]

    def enough(unknown: int, low: int, high: int) -> bool:
        return low < high and (level is None or level.met(value[unknown], least, low, high))

    computable = {unknown for unknown in protected if reader.low[unknown] == reader.high[unknown]}
    narrow, undecided, programs = set(computable) if level else set(), set(), 0
    for component in reader.components():
        wanted = [unknown for unknown in component.unknowns if 0 < value[unknown] < minimum]
        component.attack(wanted, enough, give_up)
        programs += component.programs
        for unknown in wanted:
            at = component.place[unknown]
            seen = int(component.seen_low[at]), int(component.seen_high[at])
            if not component.low[at] <= value[unknown] <= component.high[at]:
                raise ValueError("an interval does not hold the true count: the attacker is wrong")
            if component.low[at] == component.high[at]:
                computable.add(unknown)
            if enough(unknown, *seen):
                continue
            if unknown in component.undecided:
                undecided.add(unknown)
            elif level:
                narrow.add(unknown)
    return View(
        computable=len(computable),
        by_subtraction=len(computable & reader.by_subtraction),
        narrow=len(narrow),
        undecided=len(undecided),
        programs=programs,
        seconds=round(time.monotonic() - begin, 2),
    )


def small_sums(published: Published, minimum: int) -> int:
    """Published totals that show that two or more hidden cells add up to a small group."""
    found = 0
    for total, parts in published.equations():
        hidden = sum(published.cells[key] is None for key in parts)
        if published.cells[total] is not None and hidden > 1:
            rest = published.cells[total] - sum(published.cells[key] or 0 for key in parts)
            found += 0 < rest < minimum
    return found


def score(
    published: Published,
    truth: dict[Key, int],
    zeros: str,
    level: Level,
    give_up: float = GIVE_UP,
    insider: bool = True,
) -> Score:
    """All readers. Where empty cells are printed, a reader knows that a hidden one is at least 1. The insider may be
    left out: on large tables with hidden zeros it is slow."""
    minimum = level.minimum
    small = {key for key, count in published.cells.items() if count is None and 0 < truth[key] < minimum}
    least = 1 if zeros == "print" else 0
    nonnegative = view(published, truth, 0, level, give_up)
    return Score(
        small=sum(0 < truth[key] < minimum for key in published.cells),
        hidden=sum(count is None for count in published.cells.values()),
        sums=small_sums(published, minimum),
        nonnegative=nonnegative,
        reader=view(published, truth, least, level, give_up) if least else nonnegative,
        insider=view(published, truth, least, Level("exact", 0, minimum), give_up, small) if insider else None,
    )


# Command line ---------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--structure", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--zeros", choices=("print", "hide"), default="print")
    parser.add_argument("--minimum", type=int, default=11)
    parser.add_argument("--level", default="exact")
    parser.add_argument("--give-up", type=float, default=GIVE_UP)
    options = parser.parse_args()
    published = Published(*read_structure(options.structure))
    truth = Published(published.dimensions, published.parents)
    for path in options.tables:
        published.add(read_table(path))
    truth.add(read_table(options.truth))
    try:
        level = Level.parse(options.level, options.minimum)
    except ValueError as error:
        parser.error(str(error))
    found = score(published, truth.cells, options.zeros, level, options.give_up)
    print(json.dumps(asdict(found), indent=2))
    return 0 if found.harmless else 1


if __name__ == "__main__":
    sys.exit(main())
