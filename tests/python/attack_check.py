"""Checks attack.py: its intervals beside those of all tables that agree with what is published, enumerated.

    attack_check.py

Prints numbers of intervals. Exits with 1 if one is wrong.
"""

import itertools
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np

from attack import FAR, GIVE_UP, ROUNDS, Component, Key, Published, Reader

AREAS = {"Total": None, "A": "Total", "B": "Total", "a": "A", "b": "A", "c": "B", "d": "B"}
KINDS = {"Total": None, "x": "Total", "y": "Total"}
LEAVES = [(area, kind) for area in "abcd" for kind in "xy"]
# Counts in the finest cells of a test table: all tables with this total are enumerated.
LARGEST = 11


def tables(parts: int, total: int) -> Iterator[tuple[int, ...]]:
    """All ways to write the total as so many counts."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in tables(parts - 1, total - first))


def check(minimum: int = 3, trials: int = 120) -> int:
    """Compares the three readers' intervals with what all tables that agree with what is published show: once as they
    work, once by programs alone, since on small tables bounding by hand leaves little for these."""
    keys = list(itertools.product(AREAS, KINDS))
    above = [{(a, k) for a in (area, AREAS[area], "Total") for k in (kind, "Total")} for area, kind in LEAVES]
    margins = np.array([[key in own for own in above] for key in keys], dtype=np.int64).T
    every = [np.array(list(tables(len(LEAVES), total)), dtype=np.int64) @ margins for total in range(LARGEST + 1)]
    random, wrong, seen = np.random.default_rng(1), Counter(), Counter()
    for trial in range(trials):
        truth = random.multinomial(random.integers(4, LARGEST + 1), np.full(len(LEAVES), 1 / len(LEAVES))) @ margins
        printed_zeros = trial % 2 == 0
        hidden = (0 < truth) & (truth < minimum) | (truth > 0) & (random.random(len(keys)) < 0.4)
        hidden |= (truth == 0) & (not printed_zeros)
        hidden[0] = False
        published = Published(["area", "kind"], [AREAS, KINDS])
        published.cells = {key: None if hide else int(n) for key, hide, n in zip(keys, hidden, truth)}
        fitting = every[truth[0]]
        fitting = fitting[(fitting[:, ~hidden] == truth[~hidden]).all(axis=1)]
        small = {key for key, hide, count in zip(keys, hidden, truth) if hide and 0 < count < minimum}
        least = 1 if printed_zeros else 0
        is_small = np.array([key in small for key in keys])
        inside = np.where(is_small, (fitting > 0) & (fitting < minimum), fitting >= minimum)
        for name, floor, named, grants in (
            ("nonnegative", 0, None, fitting >= 0),
            ("reader", least, None, fitting >= least),
            ("insider", least, small, inside | (fitting == 0) & ~is_small if least == 0 else inside),
        ):
            agreed = fitting[grants[:, hidden].all(axis=1)]
            for rounds in (ROUNDS, 0):
                for key, interval in intervals(Reader(published, floor, named, minimum, rounds)).items():
                    counts = agreed[:, keys.index(key)]
                    seen[name, rounds] += 1
                    wrong[name, rounds] += interval != (counts.min(), counts.max())
    for name, rounds in seen:
        how = "as it works" if rounds else "by programs alone"
        print(f"{name}, {how}: {seen[name, rounds]} intervals, {wrong[name, rounds]} wrong")
    return 1 if sum(wrong.values()) or not seen else 0


def intervals(reader: Reader) -> dict[Key, tuple[int, int]]:
    """The whole interval of every hidden cell. One that is undecided has none."""
    found = {key: (reader.low[at], reader.high[at]) for at, key in enumerate(reader.keys)}
    for component in reader.components():
        component.attack(component.unknowns, lambda *_: False, GIVE_UP)
        for at, unknown in enumerate(component.unknowns):
            interval = int(component.low[at]), int(component.high[at])
            found[reader.keys[unknown]] = (0, FAR) if unknown in component.undecided else interval
        if not refuses(component):
            raise ValueError("a solution was kept that does not fit")
    return found


def refuses(component: Component) -> bool:
    """Whether a solution that breaks an equation or a bound is not kept. Solvers rarely offer one on small tables."""
    fits = component.solution
    if fits is None or not component.keep(fits):
        return False
    one = np.zeros_like(fits)
    one[0] = 1
    wide = component.low, component.high
    component.low, component.high = fits - 9, fits + 9
    taken = [component.keep(fits + one)]
    component.low, component.high = fits + one, fits + 9
    taken.append(component.keep(fits))
    component.low, component.high = wide
    return not any(taken)


if __name__ == "__main__":
    sys.exit(check())
