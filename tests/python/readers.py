"""Opens a published version as analysts do, with DuckDB, pyarrow, pandas and polars, and checks the types they see.

    readers.py PUBLISHED_VERSION_DIR

Checks besides that the codebook, the data package, the checksums and the release's record agree with the files. Exits
with 1 at the first thing that is not so.
"""

import csv
import hashlib
import json
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

STATUSES = {"published", "suppressed", "not_applicable"}
ROLE_TYPES = {"dimension": "string", "status": "string", "count": "integer", "rate": "number"}


def check(condition: bool, what: str) -> None:
    if not condition:
        print(f"NOT SO: {what}")
        sys.exit(1)


def role(column: dict) -> str:
    """`"count"` or `{"rate": {..}}`."""
    return column["role"] if isinstance(column["role"], str) else next(iter(column["role"]))


def check_pyarrow(path: Path, roles: dict[str, str]) -> pa.Table:
    table = pq.read_table(path)
    types = {"dimension": pa.string(), "status": pa.string(), "count": pa.int64(), "rate": pa.float64()}
    check(table.column_names == list(roles), f"{path.name}: pyarrow sees the columns of the codebook in order")
    for field in table.schema:
        kind = roles[field.name]
        check(field.type == types[kind], f"{path.name}: pyarrow reads {field.name} as {types[kind]}")
        if kind in ("dimension", "status"):
            check(not field.nullable, f"{path.name}: {field.name} is declared non-null")
            check(table[field.name].null_count == 0, f"{path.name}: {field.name} has a value in each row")
    return table


def check_duckdb(path: Path, roles: dict[str, str]) -> None:
    types = {"dimension": "VARCHAR", "status": "VARCHAR", "count": "BIGINT", "rate": "DOUBLE"}
    described = duckdb.connect().execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    seen = {row[0]: row[1] for row in described}
    check(seen == {name: types[kind] for name, kind in roles.items()}, f"{path.name}: DuckDB's types")


def check_pandas(path: Path, roles: dict[str, str], rows: int) -> None:
    frame = pd.read_parquet(path)
    check(len(frame) == rows, f"{path.name}: pandas reads every row")
    for name, kind in roles.items():
        dtype = frame[name].dtype
        if kind == "count":
            check(str(dtype) == "Int64", f"{path.name}: pandas keeps {name} whole, nulls and all")
        elif kind == "rate":
            check(pd.api.types.is_float_dtype(dtype), f"{path.name}: pandas reads {name} as floating point")
        else:
            check(pd.api.types.is_string_dtype(dtype), f"{path.name}: pandas reads {name} as text")


def check_polars(path: Path, roles: dict[str, str]) -> None:
    types = {"dimension": pl.String, "status": pl.String, "count": pl.Int64, "rate": pl.Float64}
    schema = pl.read_parquet(path).schema
    for name, kind in roles.items():
        check(schema[name] == types[kind], f"{path.name}: polars reads {name} as {types[kind]}")


def check_values(path: Path, table: pa.Table, roles: dict[str, str]) -> None:
    for name, kind in roles.items():
        if kind != "status":
            continue
        values = table[name.removesuffix("_status")].to_pylist()
        statuses = table[name].to_pylist()
        check(set(statuses) <= STATUSES, f"{path.name}: {name} holds statuses only")
        agree = all((value is not None) == (status == "published") for value, status in zip(values, statuses))
        check(agree, f"{path.name}: a figure is there exactly where {name} says published")
    for name in ("school", "district"):
        if name in roles:
            codes = {code for code in table[name].to_pylist() if not code.startswith("All ")}
            check(all(len(code) == 7 and code.isdigit() for code in codes), f"{path.name}: {name} codes keep seven digits")
    if "school" in roles:
        check(any(code.startswith("0") for code in table["school"].to_pylist()), f"{path.name}: leading zeros are there")


def check_metadata(folder: Path, files: dict[str, bytes], books: dict[str, dict]) -> None:
    sums = dict(reversed(line.split("  ", 1)) for line in files["SHA256SUMS"].decode().splitlines())
    actual = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    summed = {name: digest for name, digest in actual.items() if name not in ("SHA256SUMS", "RELEASE.json")}
    check(sums == summed, "SHA256SUMS names every file with its digest")

    record = json.loads(files["RELEASE.json"])
    listed = {one["path"]: (one["size"], one["sha256"]) for one in record["files"]}
    there = {name: (len(content), actual[name]) for name, content in files.items() if name != "RELEASE.json"}
    check(listed == there, "RELEASE.json lists every file with its size and digest")
    check(record["sums_digest"] == actual["SHA256SUMS"], "RELEASE.json holds the digest of SHA256SUMS")
    check(len(record["approvals"]) >= record["required"] >= 1, "RELEASE.json holds the approvals it needed")
    latest = json.loads((folder.parent / "latest.json").read_text())
    check(latest["version"] is not None, "latest.json names a version")
    if folder.name == f"v{latest['version']:04}":
        check(latest["path"] == f"{folder.parent.name}/{folder.name}", "latest.json points to the folder")
        check(latest["digest"] == record["approved"]["digest"], "latest.json and RELEASE.json name one candidate")

    package = json.loads(files["datapackage.json"])
    check(package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json", "the data package is of version 2")
    resources = {one["name"]: one for one in package["resources"]}
    check(resources.keys() == books.keys(), "the data package lists every table")
    lines = list(csv.DictReader(files["codebook.csv"].decode().splitlines()))
    page = files["codebook.html"].decode()
    for name, book in books.items():
        resource, columns = resources[name], book["table"]["columns"]
        content = files[resource["path"]]
        check(resource["bytes"] == len(content), f"{name}: the data package's size")
        check(resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}", f"{name}: the data package's digest")
        wanted = [(one["name"], ROLE_TYPES[role(one)]) for one in columns]
        fields = [(one["name"], one["type"]) for one in resource["schema"]["fields"]]
        check(fields == wanted, f"{name}: the data package's fields are the codebook's columns")
        listed = [(one["column"], one["type"]) for one in lines if one["table"] == name and not one["code"]]
        check(listed == wanted, f"{name}: codebook.csv has the same columns")
        check(all(one["description"] for one in columns), f"{name}: every column is described")
        check(all(f">{one['name']}<" in page for one in columns), f"{name}: codebook.html has every column")


def main() -> None:
    folder = Path(sys.argv[1])
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    books = {}
    for path in sorted(folder.glob("*.parquet")):
        book = json.loads(pq.read_metadata(path).metadata[b"accord"])
        books[path.stem] = book
        roles = {one["name"]: role(one) for one in book["table"]["columns"]}
        table = check_pyarrow(path, roles)
        check_duckdb(path, roles)
        check_pandas(path, roles, table.num_rows)
        check_polars(path, roles)
        check_values(path, table, roles)
    check(bool(books), "there is a table")
    check_metadata(folder, files, books)
    print(f"{len(books)} tables open alike in DuckDB, pyarrow, pandas and polars; {len(files)} files agree")


if __name__ == "__main__":
    main()
