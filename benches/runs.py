"""Runs Accord and its peer on a table, each as a process of its own, and reads what they hid."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tables import TOTAL, Instance

HERE = Path(__file__).parent
Key = tuple[str, ...]


@dataclass
class Run:
    """A run and what it cost."""

    tool: str
    table: str
    level: str
    zeros: str
    seconds: float = 0.0
    peak_mib: int = 0
    error: str | None = None
    said: dict = field(default_factory=dict)


def measured(run: Run, folder: Path, command: list[str], limit: float, fine: tuple[int, ...] = (0,)) -> Run:
    """Runs a command in the folder. What it prints is kept in `out` and `err` there. Other exit codes are errors."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome = folder / "outcome.json"
    outcome.unlink(missing_ok=True)
    wrapped = [sys.executable, str(HERE / "measure.py"), str(outcome), str(limit), *command]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        subprocess.run(wrapped, cwd=folder, stdout=out, stderr=err, check=True)
    found = json.loads(outcome.read_text())
    run.seconds, run.peak_mib = round(found["seconds"], 2), found["peak_mib"]
    if found["stopped"]:
        run.error = f"stopped after {limit:.0f} s"
    elif found["code"] not in fine:
        lines = (folder / "err").read_text(errors="replace").strip().splitlines()
        run.error = f"exit {found['code']}: {lines[0] if lines else ''}"
    return run


# Accord ---------------------------------------------------------------------------------------------------------------


def spec(table: Instance, level: str, zeros: str, minimum: int, seconds: float | None, sums: bool = True) -> str:
    """What Accord is asked. A level is exact, full, interval:N or percent:N; seconds are for finding less to hide."""
    name, _, size = level.partition(":")
    lines = ["tables:", f"  {table.name}:", "    files: [leaf.csv]", "    dimensions:"]
    for dimension, (finest, *within) in table.dimensions.items():
        above = f", within: [{', '.join(within)}]" if within else ""
        lines.append(f"      {dimension}: {{ column: {finest}{above}, total: {TOTAL} }}")
    lines += ["    measures:", "      n: {}", "policy:", f"  minimum_cell: {minimum}", f"  zeros: {zeros}"]
    lines.append(f"  level: {{ {name}: {size} }}" if size else f"  level: {name}")
    if not sums:
        lines.append("  sums: false")
    if seconds is not None:
        lines.append(f"  time_limit: {seconds:.0f}s")
    return "\n".join(lines) + "\n"


def accord(
    binary: Path,
    table: Instance,
    level: str,
    zeros: str,
    folder: Path,
    seconds: float | None = None,
    minimum: int = 11,
    limit: float = 0,
    sums: bool = True,
    certificate: bool = False,
) -> Run:
    """Protects a table with Accord. Past the limit it is stopped from outside."""
    run = Run("accord", table.name, level, zeros)
    folder.mkdir(parents=True, exist_ok=True)
    table.write(folder / "leaf.csv")
    (folder / "spec.yaml").write_text(spec(table, level, zeros, minimum, seconds, sums), encoding="utf-8")
    asked = ["protect", "leaf.csv", "--spec", "spec.yaml"]
    written = ["--out", "protected.csv", "--steward-out", "steward.csv", "--force"]
    written += ["--certificate", "certificate.jsonl"] if certificate else []
    measured(run, folder, [str(binary), "--output", "json", *asked, *written], limit)
    if run.error is None:
        run.said = json.loads((folder / "out").read_text(encoding="utf-8"))
    return run


def audit(binary: Path, folder: Path, run: Run, limit: float = 0) -> Run:
    """Audits what Accord has protected in a folder, from the protected file alone. `said` has what it found."""
    command = [str(binary), "--output", "json", "audit", "../protected.csv", "--spec", "../spec.yaml"]
    # 6: the audit has found something.
    found = measured(Run("accord audit", run.table, run.level, run.zeros), folder / "audit", command, limit, (0, 6))
    if found.error is None:
        found.said = json.loads((folder / "audit" / "out").read_text(encoding="utf-8"))
    return found


def verify(binary: Path, folder: Path, run: Run, limit: float = 0) -> Run:
    """Checks the certificate of what Accord has protected in a folder. `said` has what it proves."""
    asked = ["verify", "../protected.csv", "--spec", "../spec.yaml", "--certificate", "../certificate.jsonl"]
    command = [str(binary), "--output", "json", *asked]
    found = measured(Run("accord verify", run.table, run.level, run.zeros), folder / "verify", command, limit, (0, 6))
    if found.error is None:
        found.said = json.loads((folder / "verify" / "out").read_text(encoding="utf-8"))
    return found


def printed(folder: Path, table: Instance) -> Iterator[tuple[Key, int | None]]:
    """The cells of a protected file; None where the count is hidden. A total has the total's label or nothing in the
    columns that it adds up."""
    with (folder / "protected.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        at = {name: index for index, name in enumerate(next(rows))}
        columns = [[at[column] for column in own] for own in table.dimensions.values()]
        for row in rows:
            key = tuple(next((row[c] for c in own if row[c] not in ("", TOTAL)), TOTAL) for own in columns)
            count = row[at["n"]]
            yield key, int(count) if count.isdecimal() else None


# τ-Argus --------------------------------------------------------------------------------------------------------------

ENGINE = """
from pytauargus.engine import Engine
Engine().run_batch("batch.arb")
"""


def tau_argus(
    table: Instance,
    cells: dict[Key, int],
    method: str,
    folder: Path,
    minimum: int = 11,
    percent: int = 30,
    minutes: int = 5,
    limit: float = 0,
) -> tuple[Run, dict[Key, int | None]]:
    """Protects a table with τ-Argus, and gives what would be printed: method MOD (modular), OPT (optimal) or NONE (only
    small cells), with safety ranges of so many percent and protection of singletons. Minutes are the engine's own
    limit, by part for MOD and in all for OPT."""
    run = Run(f"τ-Argus {method}", table.name, f"percent:{percent}", "print")
    folder.mkdir(parents=True, exist_ok=True)
    metadata = ['<SEPARATOR> ";"']
    for dimension, columns in table.dimensions.items():
        metadata += [dimension, "    <RECODEABLE>", f'    <TOTCODE> "{TOTAL}"']
        if len(columns) > 1:
            tree = sorted({tuple(str(row[column]) for column in reversed(columns)) for row in table.rows})
            hierarchy, open_ones = [], ()
            for path in tree:
                shared = next((at for at, (a, b) in enumerate(zip(path, open_ones)) if a != b), len(open_ones))
                hierarchy += ["@" * at + path[at] for at in range(shared, len(path))]
                open_ones = path
            (folder / f"{dimension}.hrc").write_text("\n".join(hierarchy) + "\n")
            metadata += ["    <HIERARCHICAL>", f'    <HIERCODELIST> "{dimension}.hrc"', '    <HIERLEADSTRING> "@"']
    metadata += ["N", "    <NUMERIC>", "    <DECIMALS> 0", "FreqVar", "    <FREQUENCY>"]
    (folder / "table.rda").write_text("\n".join(metadata) + "\n")
    with (folder / "table.tab").open("w") as file:
        file.writelines(";".join([*key, str(n), str(n)]) + "\n" for key, n in cells.items() if n)
    batch = ['<OPENTABLEDATA> "table.tab"', '<OPENMETADATA> "table.rda"']
    batch.append(f'<SPECIFYTABLE> {"".join(f"{chr(34)}{name}{chr(34)}" for name in table.dimensions)}|"N"||')
    batch += [f"<SAFETYRULE> FREQ({minimum},{percent})", "<READTABLE>"]
    batch += {
        "MOD": [f"<SUPPRESS> MOD(1,{minutes},1,1,1)"],
        "OPT": [f"<SUPPRESS> OPT(1,{minutes})"],
        "NONE": [],
    }[method]
    (folder / "batch.arb").write_text("\n".join([*batch, '<WRITETABLE> (1, 5, AS+SO+, "out.tab")']) + "\n")
    measured(run, folder, [sys.executable, "-c", ENGINE], limit)
    hidden = set()
    if run.error is None:
        for line in (folder / "out.tab").read_text(encoding="utf-8", errors="replace").splitlines():
            fields = [part.strip().strip('"') for part in line.split(";")]
            status = next((part for part in reversed(fields) if part in ("S", "U", "M", "P", "E")), "S")
            if status in ("U", "M", "P"):
                hidden.add(tuple(fields[: len(table.dimensions)]))
    return run, {key: None if key in hidden else count for key, count in cells.items()}
