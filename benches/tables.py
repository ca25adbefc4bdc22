"""The tables that are protected: made-up school counts of any size, and small ones read from `data/`.

    tables.py OUT --counties C --districts D --schools S [--grades G] [--seed K]

The school counts have schools in districts in counties of very unequal size, crossed with eight ethnicities, three
genders and, if asked, grades. School sizes are log-normal; the mix of ethnicities is drawn anew (Dirichlet) from county
to district to school, so that small groups cluster. Same parameters, same table, with the pinned NumPy.
"""

import argparse
import csv
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TOTAL = "Total"
SHARES = np.array([0.56, 0.20, 0.12, 0.05, 0.04, 0.02, 0.006, 0.004])
GENDERS = np.array([0.49, 0.48, 0.03])
SEED = 20240611
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Instance:
    """Counts of the finest cells, and for each dimension the columns of its categories, finest first."""

    name: str
    dimensions: dict[str, list[str]]
    rows: list[dict[str, str | int]]

    def parents(self) -> list[dict[str, str | None]]:
        """By dimension, what each category is a part of; the total comes first."""
        structure = []
        for columns in self.dimensions.values():
            nodes: dict[str, str | None] = {TOTAL: None}
            for row in self.rows:
                chain = [str(row[column]) for column in columns] + [TOTAL]
                nodes.update(zip(chain, chain[1:]))
            structure.append(nodes)
        return structure

    def cube(self) -> dict[tuple[str, ...], int]:
        """Every cell and margin with its count, the empty ones too."""
        parents = self.parents()
        cells = dict.fromkeys(itertools.product(*parents), 0)
        for row in self.rows:
            axes = []
            for columns, own in zip(self.dimensions.values(), parents):
                axes.append([str(row[column]) for column in columns] + [TOTAL])
            for key in itertools.product(*axes):
                cells[key] += int(row["n"])
        return cells

    def write(self, path: Path) -> None:
        """The finest cells as one file, categories of all levels side by side."""
        names = [column for columns in self.dimensions.values() for column in columns]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*names, "n"])
            writer.writeheader()
            writer.writerows(self.rows)


def split(random: np.random.Generator, whole: int, parts: int) -> np.ndarray:
    """Sizes of parts that follow a power law, none empty, as the index of the part that each of the whole is in."""
    weights = random.pareto(1.3, parts) + 0.15
    sizes = np.ones(parts, int) + random.multinomial(whole - parts, weights / weights.sum())
    return np.repeat(np.arange(parts), sizes)


def schools(
    name: str, counties: int, districts: int, schools: int, grades: int = 0, mean: float = 450, seed: int = SEED,
    ethnicities: int = 8, genders: int = 3,
) -> Instance:  # fmt: skip
    """A state. Nobody is in a cell that has no row."""
    random = np.random.default_rng(seed)
    county_of = split(random, districts, counties)
    district_of = split(random, schools, districts)

    def mixes(above: np.ndarray, concentration: float) -> np.ndarray:
        return np.array([random.dirichlet(mix * concentration + 1e-3) for mix in above])

    base = SHARES[:ethnicities] / SHARES[:ethnicities].sum()
    by_county = mixes(np.tile(base, (counties, 1)), 25)
    by_district = mixes(by_county[county_of], 25)
    by_school = mixes(by_district[district_of], 60)
    sizes = np.maximum(8, random.lognormal(np.log(mean) - 0.32, 0.8, schools)).astype(int)
    by_gender = GENDERS[:genders] / GENDERS[:genders].sum()
    rows = []
    for school in range(schools):
        served = np.ones(max(1, grades))
        if grades:
            lowest = random.integers(0, grades)
            served[:] = 0
            served[lowest : lowest + random.integers(2, 7)] = 1
        shares = by_school[school][:, None, None] * by_gender[None, :, None] * (served / served.sum())[None, None, :]
        counts = random.multinomial(sizes[school], shares.ravel()).reshape(shares.shape)
        place = {"school": f"S{school:05d}", "district": f"D{district_of[school]:04d}"}
        place["county"] = f"C{county_of[district_of[school]]:02d}"
        for ethnicity, gender, grade in zip(*np.nonzero(counts)):
            row = place | {"eth": f"E{ethnicity + 1}", "gender": f"G{gender + 1}"}
            if grades:
                row["grade"] = f"K{grade:02d}"
            rows.append(row | {"n": int(counts[ethnicity, gender, grade])})
    dimensions = {"geo": ["school", "district", "county"], "eth": ["eth"], "gender": ["gender"]}
    return Instance(name, dimensions | ({"grade": ["grade"]} if grades else {}), rows)


# The tables on which the peers' figures were taken.
STATES = {
    "t1": {"counties": 2, "districts": 6, "schools": 25},
    "t2": {"counties": 4, "districts": 20, "schools": 100},
    "t3": {"counties": 8, "districts": 60, "schools": 500},
    "million": {"counties": 58, "districts": 1000, "schools": 10000, "grades": 13},
}


def state(name: str) -> Instance:
    """One of the tables on which the peers' figures were taken."""
    return schools(name, **STATES[name])


def small() -> list[Instance]:
    """Tables small enough for a proven optimum: those of `data/`, and states of a few schools."""
    found = []
    for path in sorted(DATA.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        # Columns of one dimension share the name before the dot, finest first: area.region, area.county.
        dimensions: dict[str, list[str]] = {}
        for column in list(rows[0])[:-1]:
            dimensions.setdefault(column.partition(".")[0], []).append(column)
        found.append(Instance(path.stem, dimensions, rows))
    for seed in range(1, 9):
        size = {"counties": 1, "districts": 2, "schools": 4, "mean": 60, "ethnicities": 3, "genders": 2}
        found.append(schools(f"schools_{seed}", **size, seed=seed))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for name, value in (("counties", 4), ("districts", 20), ("schools", 100), ("grades", 0), ("seed", SEED)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = vars(parser.parse_args())
    out = options.pop("out")
    out.mkdir(parents=True, exist_ok=True)
    made = schools("table", **options)
    geography = {row["school"]: row for row in made.rows}
    names = ["school", *(column for columns in list(made.dimensions.values())[1:] for column in columns), "n"]
    for file, columns, rows in (
        ("leaf.csv", names, made.rows),
        ("geo.csv", ["school", "district", "county"], geography.values()),
    ):
        with (out / file).open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
