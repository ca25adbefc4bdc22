"""Protects Connecticut's graduation rates again, and lets the audit look at them before and after.

    connecticut.py --accord BINARY --data FOLDER [--out FOLDER] [--policy state,default] [--minutes 30]
        [--levels district,school] [--years 2012-13,2013-14] [--time-limit 60s]

Nobody outside the state has the counts that its files hide, and protection needs them. So they are made up: for each
district or school and year whole numbers that fit all that is published (an integer program: parts, totals, rates), and
where the published figures contradict each other, the least change of them. The completed files are protected as one
release, under the rules of `fixtures/tables/connecticut/all.yaml` and under the default policy, and the audit, which
has only the protected files, must find nothing. Rows that a year's file leaves out while another file of that year has
the unit are added, so that totals add up. Needs scipy. Says counts, and no name. What the audit says of the files as the state
prints them is compared with `tests/python/leaks.py`, where all of them are looked at.
"""

import argparse
import csv
import json
import random
import re
import shutil
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from runs import Run, measured
from scipy.optimize import Bounds, LinearConstraint, milp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "python"))
import leaks  # noqa: E402

SPEC = Path(__file__).resolve().parent.parent / "fixtures" / "tables" / "connecticut" / "all.yaml"
MEASURES = ("cohort", "graduated", "still_enrolled", "other")
COLUMNS = {
    "cohort": "Four-Year Cohort Count",
    "graduated": "Graduation Count",
    "still_enrolled": "Still Enrolled Count",
    "other": "Other Count",
}
RATES = {"graduated": "Graduation Rate", "still_enrolled": "Still Enrolled Rate", "other": "Other Rate"}
TOPICS = ("all-students", "ell", "gender", "high-needs", "lunch", "race", "special-education")
POLICIES = {
    "state": "policy: { minimum_cell: 6, homogeneous: print }",
    "default": "policy: { minimum_cell: 11 }",
}
# What a contradicted figure's change costs, beside how far a made-up one is from what is likely.
WRONG = 1000.0
# Usual shares of a cohort.
SHARES = {"graduated": 0.75, "still_enrolled": 0.12, "other": 0.13}

Key = tuple[str, str, str]


class Unit:
    """A district or school in a year: by topic and category each measure's printed count or None, and printed rates."""

    def __init__(self, place: dict[str, str]) -> None:
        self.place = place
        self.counts: dict[str, dict[str, dict[str, int | None]]] = {}
        self.rates: dict[str, dict[str, dict[str, float]]] = {}


def read(
    data: Path,
    wanted: list[str],
    years: list[str],
) -> tuple[dict[str, dict[Key, Unit]], dict[str, list[str]], dict[str, str]]:
    """Units by level, the categories of each topic, and their column."""
    levels: dict[str, dict[Key, Unit]] = {}
    categories: dict[str, list[str]] = defaultdict(list)
    labels: dict[str, str] = {}
    for level in wanted:
        units = levels.setdefault(level, {})
        for path in sorted((data / f"four-year-graduation-rates-{level}").glob("*.csv")):
            parts = path.stem.split("_")
            if parts[-1] not in ("grad", "nongrad"):
                continue
            year, topic = next(part for part in parts if re.fullmatch(r"\d{4}-\d\d", part)), parts[-2]
            if years and year not in years:
                continue
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.reader(file))
            at = {name: index for index, name in enumerate(rows[4])}
            places = [name for name in rows[4] if name in ("District", "District Code", "School", "School Code")]
            extra = [name for name in rows[4] if name not in places and "Count" not in name and "Rate" not in name]
            labels[topic] = extra[0] if extra else ""
            for row in rows[5:]:
                if len(row) < len(rows[4]):
                    continue
                place = {name: row[at[name]] for name in places}
                unit = units.setdefault((year, place["District"], place.get("School", "")), Unit(place))
                category = row[at[extra[0]]] if extra else ""
                if category == "All Students":
                    category, topic_of = "", "all-students"
                else:
                    topic_of = topic
                    if category not in categories[topic]:
                        categories[topic].append(category)
                for measure, column in COLUMNS.items():
                    if column not in at:
                        continue
                    word = row[at[column]].replace(",", "")
                    known = unit.counts.setdefault(topic_of, {}).setdefault(category, {})
                    known[measure] = int(word) if word.isdecimal() else 0 if word == "N/A" else known.get(measure)
                    rate = row[at[RATES[measure]]] if measure in RATES else ""
                    if re.fullmatch(r"\d+(\.\d+)?", rate):
                        unit.rates.setdefault(topic_of, {}).setdefault(category, {})[measure] = float(rate)
    categories["all-students"] = [""]
    return levels, {topic: categories[topic] for topic in TOPICS}, labels


def complete(unit: Unit, categories: dict[str, list[str]], seed: str) -> tuple[dict, int, int]:
    """Counts by topic, category and measure that fit; printed figures changed, and rates left out."""
    for rated in (True, False):
        found = fitted(unit, categories, seed, rated)
        if found is not None:
            return (*found, 0 if rated else 1)
    raise ValueError("no whole numbers fit")


def fitted(unit: Unit, categories: dict[str, list[str]], seed: str, rated: bool) -> tuple[dict, int] | None:
    """The same, with the rates or without."""
    draw = random.Random(seed)
    cells: list[tuple[str, str, str]] = []
    for topic in TOPICS:
        own = unit.counts.get(topic)
        names = [name for name in categories[topic] if own and name in own]
        if not names:
            # A topic of which the unit has no row: everybody is in the last category.
            names = categories[topic][-1:]
        cells += [(topic, name, measure) for name in names for measure in MEASURES]
    index = {cell: at for at, cell in enumerate(cells)}
    count = len(cells)
    known = [unit.counts.get(topic, {}).get(name, {}).get(measure) for topic, name, measure in cells]
    # Each figure is above + below what is likely (or printed), whose distance costs.
    total = unit.counts.get("all-students", {}).get("", {}).get("cohort")
    likely, price = np.zeros(count), np.ones(count)
    for at, (topic, name, measure) in enumerate(cells):
        if known[at] is not None:
            likely[at], price[at] = known[at], WRONG
        elif measure == "cohort":
            likely[at] = draw.randint(1, 9) if name else (total or draw.randint(5, 40))
        else:
            whole = known[index[topic, name, "cohort"]]
            likely[at] = round((whole or draw.randint(1, 9)) * SHARES[measure])
    rows: list[dict[int, float]] = []
    low: list[float] = []
    high: list[float] = []

    def add(row: dict[int, float], least: float, most: float) -> None:
        rows.append(row)
        low.append(least)
        high.append(most)

    for at in range(count):
        add({at: 1, count + at: -1, 2 * count + at: 1}, likely[at], likely[at])
    for topic in TOPICS:
        names = [name for one, name, measure in cells if one == topic and measure == "cohort"]
        for name in names:
            add({index[topic, name, "cohort"]: 1} | {index[topic, name, part]: -1 for part in RATES}, 0, 0)
            for measure, rate in (unit.rates.get(topic, {}).get(name, {}) if rated else {}).items():
                part, whole = index[topic, name, measure], index[topic, name, "cohort"]
                add({part: 2000, whole: -(20 * rate - 1)}, 0, np.inf)
                add({part: 2000, whole: -(20 * rate + 1)}, -np.inf, 0)
        if topic != "all-students":
            for measure in MEASURES:
                parts = {index[topic, name, measure]: 1.0 for name in names}
                add(parts | {index["all-students", "", measure]: -1.0}, 0, 0)
    matrix = np.zeros((len(rows), 3 * count))
    for at, row in enumerate(rows):
        for column, entry in row.items():
            matrix[at, column] = entry
    solution = milp(
        np.concatenate([np.zeros(count), price, price]),
        constraints=LinearConstraint(matrix, low, high),
        integrality=np.concatenate([np.ones(count), np.zeros(2 * count)]),
        bounds=Bounds(0, np.inf),
        options={"time_limit": 20, "mip_rel_gap": 0.05},
    )
    if solution.x is None:
        return None
    values = np.rint(solution.x[:count]).astype(int)
    changed = sum(one is not None and one != value for one, value in zip(known, values))
    found: dict = defaultdict(lambda: defaultdict(dict))
    for (topic, name, measure), value in zip(cells, values):
        found[topic][name][measure] = int(value)
    return {topic: {name: dict(own) for name, own in names.items()} for topic, names in found.items()}, changed


def one(task: tuple[str, Key, Unit, dict[str, list[str]]]) -> tuple[str, Key, dict, int, int]:
    level, key, unit, categories = task
    values, changed, unrated = complete(unit, categories, "/".join((level, *key)))
    return level, key, values, changed, unrated


def write(folder: Path, levels: dict[str, dict[Key, Unit]], labels: dict[str, str], found: dict) -> int:
    """Completed files, in the state's layout; says how many rows there are."""
    written = 0
    files: dict[Path, list[list]] = {}
    for level, units in levels.items():
        middle = "_all-schools" if level == "school" else ""
        for key in sorted(units):
            for topic, names in found[level, key].items():
                for half, measures in (("grad", MEASURES[1:2]), ("nongrad", MEASURES[2:])):
                    name = f"four-year-graduation-rates__{key[0]}{middle}_{topic}_{half}.csv"
                    path = folder / f"four-year-graduation-rates-{level}" / name
                    place = units[key].place
                    if path not in files:
                        heads = [*place, *([labels[topic]] if labels[topic] else []), COLUMNS["cohort"]]
                        heads += [column for measure in measures for column in (COLUMNS[measure], RATES[measure])]
                        files[path] = [["Four-Year Graduation Rates, completed"], [topic], [], [""], heads]
                    for category, values in names.items():
                        row = [*place.values(), *([category] if labels[topic] else []), values["cohort"]]
                        for measure in measures:
                            whole = values["cohort"]
                            row += [values[measure], f"{100 * values[measure] / whole:.1f}" if whole else "N/A"]
                        files[path].append(row)
                        written += 1
    for path, rows in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return written


def ran(binary: Path, what: str, folder: Path, arguments: list[str], limit: float, fine: tuple[int, ...]) -> Run:
    """A run of the program, and what it said."""
    run = measured(Run(what, "connecticut", "", ""), folder, [str(binary), "--output", "json", *arguments], limit, fine)
    if run.error is None:
        run.said = json.loads((folder / "out").read_text(encoding="utf-8"))
    return run


def fallen(run: Run) -> str:
    """What an audit said, in numbers."""
    if run.error:
        return f"{run.error} ({run.seconds:.0f} s)"
    said = run.said
    sums = {key: sum(table[key] for table in said["tables"]) for key in ("printed", "hidden", "fallen", "fallen_rates")}
    others = ("small", "empty", "harmless", "harmless_rates", "bounds", "narrow", "small_sums", "printed_small")
    rest = {key: said.get(key, 0) for key in (*others, "undecided", "unexamined", "impossible", "contradictions")}
    numbers = ", ".join(f"{key} {number:,}" for key, number in {**sums, **rest}.items())
    return f"{numbers}; {run.seconds:.0f} s, {run.peak_mib:,} MiB; passed {said['passed']}"


def differs(data: Path, run: Run) -> bool:
    """Whether the audit says something else than what another program counts in the files."""
    found, own = leaks.looked(data), leaks.reported(run.said)
    wrong = [f"  {name}: {found[name]} counted, {own[name]} said" for name in found if found[name] != own[name]]
    print("\n".join(["counted from the files alone: " + ("the same" if not wrong else "not the same"), *wrong]), flush=True)
    return bool(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accord", type=Path, required=True, help="the program that is measured")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the state's files")
    parser.add_argument("--out", type=Path, default=Path("connecticut"))
    parser.add_argument("--policy", default="state,default")
    parser.add_argument("--minutes", type=float, default=30, help="after which a run is stopped")
    parser.add_argument("--levels", default="district,school")
    parser.add_argument("--years", default="", help="such as 2012-13; all where it is left out")
    parser.add_argument("--time-limit", help="the policy's time limit, such as 60s")
    options = parser.parse_args()
    binary, out, limit = options.accord.resolve(), options.out.resolve(), 60 * options.minutes
    years = [year for year in options.years.split(",") if year]
    levels, categories, labels = read(options.data, options.levels.split(","), years)
    units = [(level, key, unit, categories) for level, own in levels.items() for key, unit in own.items()]
    missing = sum(not unit.counts.get(topic) for _, _, unit, _ in units for topic in TOPICS)
    print(f"{len(units):,} districts and schools by year", flush=True)
    with ProcessPoolExecutor() as pool:
        done = list(pool.map(one, units, chunksize=20))
    found = {(level, key): values for level, key, values, _, _ in done}
    changed, touched = sum(one[3] for one in done), sum(one[3] > 0 for one in done)
    rows = write(out / "completed", levels, labels, found)
    print(
        f"completed: {rows:,} rows; {changed} printed counts of {touched} places changed to fit each other, the rates"
        f" of {sum(one[4] for one in done)} left out; {missing} topics without a row of a place added",
        flush=True,
    )
    head, tables = SPEC.read_text(encoding="utf-8").split("tables:\n", 1)
    own = [table for table in re.split(r"(?m)^(?=  \w+:$)", tables) if table.strip().startswith(tuple(levels))]
    spec = f"{head}tables:\n{''.join(own)}"
    before = out / "before"
    shutil.rmtree(before, ignore_errors=True)
    before.mkdir(parents=True, exist_ok=True)
    for level in levels:
        folder = before / f"four-year-graduation-rates-{level}"
        folder.mkdir(exist_ok=True)
        for path in (options.data / folder.name).glob("*.csv"):
            link = folder / path.name
            link.unlink(missing_ok=True)
            if not years or any(year in path.name for year in years):
                link.symlink_to(path.resolve())
    # The state has not published every half of every year.
    lines = spec.splitlines(keepends=True)
    years_of = [line.strip(" -\n").replace("{year}", "*") if "{year}" in line else "all.yaml" for line in lines]
    (before / "all.yaml").touch()
    there = [line for line, pattern in zip(lines, years_of) if any(before.glob(pattern))]
    (before / "all.yaml").write_text("".join(there), encoding="utf-8")
    run = ran(binary, "audit", before, ["audit", "--spec", "all.yaml"], limit, (0, 6))
    print(f"as the state prints it: {fallen(run)}", flush=True)
    failed = run.error is None and not years and levels.keys() == {"district", "school"} and differs(options.data, run)
    for name in options.policy.split(","):
        folder = out / name
        more = f", time_limit: {options.time_limit}" if options.time_limit else ""
        rules = POLICIES[name].replace(" }", f"{more} }}")
        text = re.sub(r"^policy: .*$", rules, spec, flags=re.M)
        (out / "completed" / f"{name}.yaml").write_text(text, encoding="utf-8")
        completed, safe = out / "completed" / f"{name}.yaml", folder / "safe"
        shutil.rmtree(safe, ignore_errors=True)
        arguments = ["protect", "--spec", str(completed), "--out", str(safe)]
        run = ran(binary, "protect", folder, arguments, limit, (0,))
        if run.error:
            print(f"{name}: {run.error}; {run.seconds:.0f} s, {run.peak_mib:,} MiB", flush=True)
            failed = True
            continue
        said = {key: value for key, value in run.said["report"].items() if isinstance(value, int)}
        print(f"{name}: protected in {run.seconds:.0f} s, {run.peak_mib:,} MiB: {said}", flush=True)
        look = ran(binary, "audit", folder / "after", ["audit", str(safe), "--spec", str(completed)], limit, (0, 6))
        print(f"{name}: {fallen(look)}", flush=True)
        failed |= look.error is not None or not look.said["passed"]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
