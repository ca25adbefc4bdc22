"""Linkage beside its peers, in one run on one machine: Splink (DuckDB, plaintext) and clkhash + anonlink.

    linkage.py --accord ACCORD --data DIR --out DIR [--people N] [--skip-anonlink]

DIR holds `census_ssa/census2020.parquet` and `ssa2020.parquet` (simulated people with a known truth, for scoring alone).
Prints what each tool finds there (precision, recall, F1), what Accord says of itself and what is real, keyed encodings
beside encodings so wide that no two letter pairs meet (as good as plaintext), and seconds and memory on N x N made-up
people, six in ten of them on both sides; of these seconds, what it takes to encode a row and to compare a pair. Thresholds
are the tools' own: nothing is tuned to the truth.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

HERE = Path(__file__).parent
BLOCKING = """
    - [first_name.nickname, last_name]
    - [birth_date]
    - [last_name, birth_date.year]
    - [first_name.nickname, birth_date.year]
    - [last_name, first_name.initial, middle_name.initial]
    - [first_name.nickname, birth_date.month, birth_date.day]
"""
SPEC = """id: id
assignment: one_to_one
probabilistic:
  compare: {{ first_name: given_name, middle_name: initial, last_name: family_name, birth_date: date, sex: exact }}
  swapped: [first_name, last_name]
  blocking: {blocking}
  encoding: {encoding}
"""
KEYED = "{ bits: 512, hashes: 8 }"
WIDE = "{ bits: 16384, hashes: 1 }"
COLUMNS = ["id", "first_name", "middle_name", "last_name", "birth_date", "sex"]


def iso(date):
    """A date as it is written, put into the order of ISO 8601."""
    found = re.fullmatch(r"(\d\d?)/(\d\d?)/(\d{4})", date or "")
    if found:
        return f"{found[3]}-{found[1]:0>2}-{found[2]:0>2}"
    digits = re.sub(r"[^0-9]", "", date or "")
    if len(digits) == 8:
        year_last = "/" in date
        return f"{digits[4:]}-{digits[:2]}-{digits[2:4]}" if year_last else f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return date or ""


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def census(data, out):
    """The two files, and the true pairs of record ids."""
    people = {}
    for side, name in (("left", "census2020"), ("right", "ssa2020")):
        table = pq.read_table(data / "census_ssa" / f"{name}.parquet").to_pylist()
        middle = "middle_initial" if side == "left" else "middle_name"
        write(out / f"census_{side}.csv", [
            [row["rec_id"], row["first_name"] or "", row[middle] or "", row["last_name"] or "",
             iso(row["date_of_birth"]), row["sex"] or ""] for row in table])
        people[side] = table
    by_person = {}
    for row in people["right"]:
        by_person.setdefault(row["simulant_id"], []).append(row["rec_id"])
    return {(row["rec_id"], other) for row in people["left"] for other in by_person.get(row["simulant_id"], [])}


def made_up(data, out, count):
    """Two files of `count` people, six in ten of them in both: families with one last name, slips of the pen."""
    random = np.random.default_rng(5)
    tables = [pq.read_table(data / "census_ssa" / f"{name}.parquet") for name in ("census2020", "ssa2020")]

    def names(sex):
        found = {}
        for table in tables:
            for first, of in zip(table["first_name"].to_pylist(), table["sex"].to_pylist()):
                if first and of == sex:
                    found[first] = found.get(first, 0) + 1
        return found

    def drawn(of, number):
        share = np.array(list(of.values()), float)
        return np.array(list(of), object)[random.choice(len(of), number, p=share / share.sum())]

    number = int(count * 1.4)
    lasts = {}
    for table in tables:
        for last in filter(None, table["last_name"].to_pylist()):
            lasts[last] = lasts.get(last, 0) + 1
    sexes = random.integers(0, 2, number)
    male, female = names("Male"), names("Female")
    first = np.where(sexes == 0, drawn(male, number), drawn(female, number))
    middle = np.where(sexes == 0, drawn(male, number), drawn(female, number))
    last = drawn(lasts, number)
    syllables = [a + b for a in "BCDFGHKLMNPRSTV" for b in "aeiou"]
    picks = random.integers(0, len(syllables), (number, 3))
    for at in np.flatnonzero(random.random(number) < 0.5):
        last[at] = "".join(syllables[pick] for pick in picks[at]).title()
    for at in np.flatnonzero(random.random(number) < 0.4):
        last[at] = last[at - 1]
    born = (np.datetime64("1950-01-01") + random.integers(0, 365 * 60, number)).astype(str)
    letters = "abcdefghijklmnopqrstuvwxyz"

    def slip(text):
        at, letter = random.integers(0, len(text)), letters[random.integers(0, 26)]
        return [text[:at] + letter + text[at + 1:], text[:at] + text[at + 1:], text[:at] + letter + text[at:]][
            random.integers(0, 3)]

    def record(at):
        row = [str(first[at]), str(middle[at]), str(last[at]), str(born[at]), ["Male", "Female"][sexes[at]]]
        chance = random.random(7)
        if chance[0] < 0.03 and len(row[0]) > 2:
            row[0] = slip(row[0])
        if chance[1] < 0.03 and len(row[2]) > 2:
            row[2] = slip(row[2])
        if chance[2] < 0.02:
            digit = int(random.choice([0, 1, 2, 3, 5, 6, 8, 9]))
            row[3] = row[3][:digit] + str(random.integers(0, 10)) + row[3][digit + 1:]
        if chance[3] < 0.01:
            row[3] = ""
        if chance[4] < 0.01:
            row[0] = ""
        if chance[5] < 0.02:
            row[2] = str(last[random.integers(0, number)])
        if chance[6] < 0.3:
            row[1] = row[1][:1]
        return row

    for side, people in (("left", np.arange(count)), ("right", np.arange(number - count, number))):
        write(out / f"many_{side}.csv", ([f"{side}-{at}", *record(at)] for at in random.permutation(people)))
    both = range(number - count, count)
    return {(f"left-{at}", f"right-{at}") for at in both}


def quality(found, truth):
    right = len(found & truth)
    precision, recall = right / max(len(found), 1), right / len(truth)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def measured(out, command):
    """Runs a command in a process of its own; its seconds and peak memory."""
    result = out / "measured.json"
    said = out / "said.log"
    with open(said, "w", encoding="utf-8") as log:
        subprocess.run([sys.executable, str(HERE / "measure.py"), str(result), "0", *map(str, command)],
                       check=True, stdout=log, stderr=log)
    done = json.loads(result.read_text(encoding="utf-8"))
    if done["code"] != 0:
        sys.exit(f"{command[0]} ended with {done['code']}: see {said}")
    return done


def accord(args, out, name, encoding=KEYED):
    spec, pairs = out / "link.yaml", out / f"{name}_pairs.csv"
    spec.write_text(SPEC.format(blocking=BLOCKING, encoding=encoding), encoding="utf-8")
    done = measured(out, [args.accord, "link", out / f"{name}_left.csv", out / f"{name}_right.csv",
                          "--spec", spec, "--out", pairs, "--force", "--output", "json"])
    said = (out / "said.log").read_text(encoding="utf-8")
    done["report"] = json.loads(said[said.index("{"):])
    with open(pairs, encoding="utf-8") as file:
        rows = [(row["left"], row["right"], float(row["probability"]), row["decision"]) for row in csv.DictReader(file)]
    return rows, done


def peer(out, script, name, *more):
    pairs = out / f"{name}_{script}.csv"
    done = measured(out, [sys.executable, HERE / f"{script}.py", out / f"{name}_left.csv", out / f"{name}_right.csv",
                          pairs, *more])
    done["report"] = json.loads(pairs.with_suffix(".json").read_text(encoding="utf-8"))
    with open(pairs, encoding="utf-8") as file:
        return [(row[0], row[1], float(row[2])) for row in csv.reader(file)], done


def rates(args, accord, splink, clkhash):
    """Pairs and rows a second: of Accord for each core, of its peers on all of them. Joins and reading are included."""
    seconds, cores = accord["seconds"], accord["threads"]
    line = "  {:8} {:>12,} {} in {:6.2f} s: {:8.3f} {} a second{}"

    def rate(tool, count, unit, seconds, scale, of, cores=1):
        each = " and core" if cores > 1 else ""
        print(line.format(tool, count, unit, seconds, count / seconds / cores / scale, of, each))

    print("compare and score")
    rate("accord", accord["compared"], "pairs", seconds["compare"], 1e6, "million", cores)
    rate("splink", splink["compared"], "pairs", splink["seconds"], 1e6, "million")
    print("encode name, birth date and sex")
    # A thread for each of the two files.
    rate("accord", 2 * args.people, "rows", seconds["encode"], 1e3, "thousand", min(cores, 2))
    if clkhash:
        rate("clkhash", clkhash["rows"], "rows", clkhash["seconds"], 1e3, "thousand")
    parts = ", ".join(f"{part} {time:.2f}" for part, time in seconds.items())
    print(f"  accord's seconds: {parts}")


def one_to_one(rows):
    left, right, found = set(), set(), set()
    for a, b, _ in sorted(rows, key=lambda row: -row[2]):
        if a not in left and b not in right:
            left.add(a)
            right.add(b)
            found.add((a, b))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accord", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=500_000)
    parser.add_argument("--skip-anonlink", action="store_true")
    args = parser.parse_args()
    out = args.out
    out.mkdir(parents=True, exist_ok=True)

    truth = census(args.data, out)
    print(f"census x social security: {len(truth)} true pairs, one to one, each tool at its own threshold")
    line = "  {:34} precision {:.4f}  recall {:.4f}  F1 {:.4f}"
    rows, _ = accord(args, out, "census")
    linked = {(a, b) for a, b, _, decision in rows if decision == "link"}
    keyed = quality(linked, truth)
    print(line.format("accord, keyed", *keyed))
    sure = [(a, b, p) for a, b, p, _ in rows if p >= 0.95]
    real = quality({(a, b) for a, b, _ in sure}, truth)[0]
    stated = sum(p for *_, p in sure) / len(sure)
    wide, _ = accord(args, out, "census", WIDE)
    plain = quality({(a, b) for a, b, _, decision in wide if decision == "link"}, truth)
    print(line.format("accord, no two letter pairs meet", *plain))
    print(f"    keyed against plain: {keyed[2] - plain[2]:+.4f}")
    print(f"    from 0.95 on: stated precision {stated:.4f}, real {real:.4f}")
    found, _ = peer(out, "splink_peer", "census")
    for threshold in (0.5, 0.95):
        pairs = one_to_one([row for row in found if row[2] >= threshold])
        print(line.format(f"splink from {threshold} on", *quality(pairs, truth)))
    hashed = None
    if not args.skip_anonlink:
        found, hashed = peer(out, "anonlink_peer", "census")
        print(line.format("clkhash + anonlink from 0.8 on", *quality(one_to_one(found), truth)))

    truth = made_up(args.data, out, args.people)
    print(f"{args.people:,} x {args.people:,} made-up people, 6 blocking rules, reading and encoding included")
    rows, ours = accord(args, out, "many")
    print(line.format("accord", *quality({(a, b) for a, b, _, decision in rows if decision == "link"}, truth)))
    found, theirs = peer(out, "splink_peer", "many")
    print(line.format("splink from 0.5 on", *quality(one_to_one([row for row in found if row[2] >= 0.5]), truth)))
    print(f"  accord {ours['seconds']:7.1f} s  {ours['peak_mib']:6} MiB")
    print(f"  splink {theirs['seconds']:7.1f} s  {theirs['peak_mib']:6} MiB")
    print(f"  accord / splink: {ours['seconds'] / theirs['seconds']:.2f} of the time")
    rates(args, ours["report"], theirs["report"], hashed and hashed["report"])


if __name__ == "__main__":
    main()
