"""Intake measured: Accord and DuckDB on the same extract in the same run.

    intake.py --accord BINARY --intake BINARY [--rows 10000000] [--runs 3] [--unique] [--out FOLDER]

Accord reads the extract as the nightly run does: digest, contract check of all twelve columns, quarantine of what does
not fit, pseudonyms of the people, staged Parquet. DuckDB reads it with the same types, computes one SHA-256 of the id
and writes Parquet (zstd). Both use all cores. The runs alternate; the medians are compared. `--unique` adds the rule
that no id comes twice, which DuckDB does not check. Prints figures beside goals and beside what the machine can do, and
never fails on a figure: `benches/hmac.rs` does. Leaves `intake.json` in the folder.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import extract

DUCKDB = """
import duckdb, os, sys
source, target = sys.argv[1:]
database = duckdb.connect(config={"threads": os.cpu_count()})
types = {"student_id": "VARCHAR", "last_name": "VARCHAR", "first_name": "VARCHAR", "birth_date": "DATE",
         "gender": "VARCHAR", "cds_code": "VARCHAR", "school": "VARCHAR", "grade": "BIGINT", "entry_date": "DATE",
         "exit_date": "DATE", "exit_code": "VARCHAR", "credits": "DECIMAL(6,2)"}
database.execute(f'''copy (select sha256(student_id) as person, * exclude student_id from read_csv('{source}',
    header=true, delim=',', quote='"', columns={types})) to '{target}' (format parquet, compression zstd)''')
"""


def measured(command):
    """Seconds, seconds of all cores, peak MiB and what it printed, of a process of its own."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {"seconds": time.monotonic() - begin, "cpu": usage.ru_utime + usage.ru_stime,
            "mib": usage.ru_maxrss // unit, "said": said}


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--accord", required=True)
    parser.add_argument("--intake", required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("target/bench"))
    options = parser.parse_args()
    root = options.out / "intake"
    (root / "extracts").mkdir(parents=True, exist_ok=True)
    extract.workspace(root, options.unique)
    source = root / "extracts" / "enrollment.csv"
    if not (root / "var" / "keys").exists():
        for keys in (["keys", "identity"], ["keys", "new", "bench"]):
            subprocess.run([options.accord, "--workspace", root, *keys], check=True, stdout=subprocess.DEVNULL)
    size = extract.write(source, options.rows)
    print(f"{options.rows:,} rows, {size:,} bytes, {len(extract.COLUMNS)} columns")
    limits = json.loads(measured([options.intake, "limits", root, "bench", source])["said"])
    accord, duckdb = [], []
    for _ in range(options.runs):
        accord.append(measured([options.intake, "stage", root, "bench", "enrollment"]))
        duckdb.append(measured([sys.executable, "-c", DUCKDB, source, root / "duckdb.parquet"]))
    books = json.loads(accord[-1]["said"])
    for name, runs in (("Accord", accord), ("DuckDB", duckdb)):
        wall = median(runs, "seconds")
        print(f"{name:8} {wall:6.2f} s  {median(runs, 'cpu'):6.2f} s of cores  {median(runs, 'mib'):5} MiB  "
              f"{options.rows / wall / 1e6:5.2f} M rows/s  {size / wall / 1e6:6.0f} MB/s")
    ratio = median(accord, "seconds") / median(duckdb, "seconds")
    cores = median(accord, "cpu") / median(duckdb, "cpu")
    print(f"ratio {ratio:.2f} by the clock, {cores:.2f} by the cores (goal: 1.00 at most); "
          f"memory {median(accord, 'mib')} MiB (goal: under 1024)")
    print(f"rejected {books['rejected']:,} rows; the books balance: {books['balanced']}")
    print(f"one core reads {limits['read_bytes'] / 1e6:,.0f} MB/s, finds delimiters at {limits['scan_bytes'] / 1e6:,.0f} "
          f"MB/s, digests {limits['digest_bytes'] / 1e6:,.0f} MB/s, makes {limits['pseudonyms'] / 1e6:.1f} M pseudonyms/s")
    result = {"rows": options.rows, "bytes": size, "accord": accord, "duckdb": duckdb, "limits": limits, "ratio": ratio}
    (options.out / "intake.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    for one in (source, root / "duckdb.parquet"):
        one.unlink()


if __name__ == "__main__":
    main()
