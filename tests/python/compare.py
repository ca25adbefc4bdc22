"""Compares a published version with the cells of independent.py.

    compare.py cells.csv PUBLISHED_VERSION_DIR

Every figure that is shown equals the independent one; every other one is null with a status that says why; there is no
row more or less, and no table. Prints numbers of differences, never a figure. Exits with 1 if there is any.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq


def expected(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Table, dimensions, measure: value."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            measures = tables.setdefault(row["table"], {}).setdefault(row["dimensions"], {})
            measures[row["measure"]] = row["value"]
    return tables


def compare_table(name: str, wanted: dict[str, dict[str, str]], path: Path, found: Counter) -> None:
    table = pq.read_table(path)
    columns = table.column_names
    measures = [column for column in columns if f"{column}_status" in columns]
    statuses = {f"{measure}_status" for measure in measures}
    dimensions = [column for column in columns if column not in statuses and column not in measures]
    rows = {}
    for row in table.to_pylist():
        key = json.dumps({one: row[one] for one in dimensions}, sort_keys=True, ensure_ascii=False)
        if key in rows:
            found[f"{name}: a row twice"] += 1
        rows[key] = row
    found[f"{name}: rows too many"] += len(rows.keys() - wanted.keys())
    found[f"{name}: rows missing"] += len(wanted.keys() - rows.keys())
    if rows and set(measures) != set(next(iter(wanted.values()))):
        found[f"{name}: measures that differ"] += len(set(measures) ^ set(next(iter(wanted.values()))))
    for key in rows.keys() & wanted.keys():
        for measure in set(measures) & wanted[key].keys():
            compare_figure(name, measure, rows[key], wanted[key][measure], found)


def compare_figure(name: str, measure: str, row: dict, value: str, found: Counter) -> None:
    shown, status = row[measure], row[f"{measure}_status"]
    found["figures compared"] += 1
    if status == "published":
        found["figures shown"] += 1
        if shown is None or value == "" or abs(shown - float(value)) > 1e-9:
            found[f"{name}: {measure} differs"] += 1
    elif status == "suppressed":
        found["figures hidden"] += 1
        if shown is not None:
            found[f"{name}: {measure} is hidden and yet there"] += 1
    elif status == "not_applicable":
        # A rate of nobody, where the nobody is published.
        if shown is not None or value != "":
            found[f"{name}: {measure} is said not to apply"] += 1
    else:
        found[f"{name}: {measure} has an unknown status"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("version", type=Path)
    arguments = parser.parse_args()

    tables = expected(arguments.cells)
    files = {path.stem: path for path in arguments.version.glob("*.parquet")}
    found: Counter = Counter()
    found["tables too many"] += len(files.keys() - tables.keys())
    found["tables missing"] += len(tables.keys() - files.keys())
    for name in sorted(tables.keys() & files.keys()):
        compare_table(name, tables[name], files[name], found)
    told = {"figures compared", "figures shown", "figures hidden"}
    differences = {what: count for what, count in found.items() if count and what not in told}
    for what in sorted(told):
        print(f"{what}: {found[what]}")
    for what, count in sorted(differences.items()):
        print(f"DIFFERENCE {what}: {count}")
    if not found["figures shown"] or not found["figures hidden"]:
        print("DIFFERENCE nothing is shown, or nothing is hidden")
        return 1
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
