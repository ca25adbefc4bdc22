"""clkhash and anonlink on two files: anonlink_peer.py LEFT.csv RIGHT.csv PAIRS.csv

Beside PAIRS.csv goes PAIRS.json: how many rows clkhash encoded, and in how many seconds.
"""

import csv
import io
import json
import sys
import time

import anonlink
from clkhash import clk
from clkhash.comparators import NgramComparison
from clkhash.field_formats import BitsPerFeatureStrategy, FieldHashingProperties, StringSpec
from clkhash.schema import Schema

THRESHOLD = 0.8


def hashed(bits, length=2, positional=False):
    return FieldHashingProperties(
        comparator=NgramComparison(length, positional), strategy=BitsPerFeatureStrategy(bits))


COLUMNS = {
    "first_name": hashed(150), "middle_name": hashed(20, 1), "last_name": hashed(150),
    "birth_date": hashed(200, 1, True), "sex": hashed(20, 1),
}


def encoded(path):
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        row["middle_name"] = row["middle_name"][:1]
        writer.writerow([row[name].lower() for name in COLUMNS])
    text.seek(0)
    schema = Schema([StringSpec(name, of) for name, of in COLUMNS.items()], 1024)
    filters = clk.generate_clk_from_csv(text, "k" * 64, schema, progress_bar=False, validate=False)
    return [row["id"] for row in rows], filters


def main():
    left, right, out = sys.argv[1:4]
    begin = time.monotonic()
    (left_ids, left), (right_ids, right) = encoded(left), encoded(right)
    seconds = time.monotonic() - begin
    with open(out.removesuffix(".csv") + ".json", "w", encoding="utf-8") as file:
        json.dump({"rows": len(left_ids) + len(right_ids), "seconds": seconds}, file)
    dice = anonlink.similarities.dice_coefficient_accelerated
    found = anonlink.candidate_generation.find_candidate_pairs([left, right], dice, THRESHOLD)
    with open(out, "w", encoding="utf-8") as file:
        for similarity, one, other in zip(found[0], found[2][0], found[2][1]):
            file.write(f"{left_ids[one]},{right_ids[other]},{similarity}\n")


if __name__ == "__main__":
    main()
