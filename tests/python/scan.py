"""Looks for people of the extracts in everything that Accord left on disk.

    scan.py EXTRACTS_DIR PATH [PATH ...]
    scan.py EXTRACTS_DIR --self-test

Looks for every id, name and birth date of the extracts: as it is, in hex, in base64 (at each of its three alignments)
and as an unkeyed hash (MD5, SHA-1, SHA-256; in hex, in base64, as bytes, and cut to 128 bits). Parquet files are read as
bytes and as values, gzip and zstd files as bytes and unpacked. The extracts themselves are left out. Prints kinds, files
and numbers, never what was found. Exits with 1 if there is anything.

A short number can come up by chance, so ids count only where neither letter nor digit stands beside them, and ids of
fewer than six digits only in text; for the same reason whatever may be base64 is also decoded, and short ids are looked
for in what comes out. A number, word or day that the extracts hold as something harmless too (an
assessment's number, a word of the configuration, the first day of a term) says nothing about a person and is not
looked for.
"""

import argparse
import base64
import gzip
import hashlib
import io
import os
import re
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from independent import CSU_WIDTHS, carets, commas, fixed, name_key

# Whole numbers that Accord prints about itself (sizes, rows, cells, times), by their JSON key. Ids of the Open
# University have as few digits as these; nothing else may hold one.
OWN_NUMBERS = {
    "size", "bytes", "done", "total", "rows", "rows_in", "rows_out", "rejected", "resolved", "corrected", "cells",
    "figures", "people", "sequence", "line", "examined", "protected", "linear_programs", "findings", "variables",
    "components", "hidden_primary", "hidden_zeros", "hidden_complementary", "left_people", "right_people",
    "left_linked", "right_linked", "linked", "ambiguous_left", "ambiguous_right", "missing", "replaced", "cleaned",
    "total_bytes", "without_person", "count",
}  # fmt: skip
OWN_NUMBER = re.compile(rb'"([a-z_0-9]+)"\s*:\s*$')


# What to look for -----------------------------------------------------------------------------------------------------


@dataclass
class People:
    """Values that identify somebody, by kind."""

    ids: dict[str, set[str]]
    names: set[str]
    full_names: set[str]
    dates: set[str]


def three_ways(compact: str) -> set[str]:
    year, month, day = compact[:4], compact[4:6], compact[6:]
    return {compact, f"{year}-{month}-{day}", f"{month}/{day}/{year}"}


def full_names(first: str, last: str) -> set[str]:
    """As the three extracts put them side by side, as people write them, and normalised."""
    first_key, last_key = name_key(first) or "", name_key(last) or ""
    university = f"{last.upper()[:20]:<20}{first.upper()[:15]:<15}".rstrip()
    return {
        f"{first}^{last}", f"{first},{last}", f"{first} {last}", f"{last}, {first}", university,
        f"{first_key}{last_key}", f"{last_key}{first_key}", f"{first_key}|{last_key}", f"{first_key} {last_key}",
    }  # fmt: skip


def gather(extracts: Path) -> People:
    ids: dict[str, set[str]] = defaultdict(set)
    names, whole, births, harmless = set(), set(), set(), set()
    county, university = extracts / "college_going", extracts / "oulad"
    for path in sorted((county / "lausd").glob("*.txt")):
        for row in carets(path):
            ids["ssid"].add(row[1].strip())
            ids["district id"].add(row[2].strip())
            names |= {row[3], row[4]}
            whole |= full_names(row[3], row[4])
            births.add(row[5])
            harmless |= {row[11], *row[7:11]}
    for path in sorted((county / "laccd").glob("*.csv")):
        for row in commas(path):
            ids["college id"].add(row[0].strip().removeprefix('="').removesuffix('"'))
            ids["ssid"].add(row[4].strip())
            names |= {row[1], row[2], row[2].split(",")[0]}
            whole |= full_names(row[1], row[2]) | full_names(row[1], row[2].split(",")[0])
            births.add(row[3][6:] + row[3][:2] + row[3][3:5])
            harmless |= {row[5], row[6], row[7].replace("-", "")}
    for path in sorted((county / "csu").glob("*.txt")):
        for row in fixed(path, CSU_WIDTHS):
            ids["university id"].add(row[2])
            ids["ssid"].add(row[6].strip())
            names |= {row[3].strip(), row[4].strip()}
            whole |= full_names(row[4].strip(), row[3].strip())
            births.add(row[5])
            harmless |= {row[0], row[1], row[7]}
    for path in sorted((university / "registrar").glob("*.csv.gz")):
        ids["student number"] |= {row[2] for row in commas(path)}
    for row in commas(university / "assessment_office" / "assessment.csv.gz"):
        harmless.add(row[2])
    for row in commas(university / "assessment_office" / "student_assessment.csv.gz"):
        harmless.add(row[0])
        ids["student number"].add(row[1])

    placeholder = re.compile(r"0*|9*|.*E\+.*")
    ids = {kind: {one for one in values if not placeholder.fullmatch(one)} - harmless for kind, values in ids.items()}
    births = {one for one in births if re.fullmatch(r"(19|20)\d{6}", one)} - harmless
    names = {word for name in names for word in (name, name_key(name) or "")}
    return People(ids, names, whole, {form for one in births for form in three_ways(one)})


def ordinary_words(repository: Path) -> set[str]:
    """Words that people wrote into the configuration and the program: `Virginia` as a place is no leak."""
    words: set[str] = set()
    for folder, endings in [("config", {".yaml", ".json"}), ("pipelines", {".yaml", ".sql"}), ("src", {".rs"})]:
        for path in (repository / folder).rglob("*"):
            if path.suffix in endings and "synth" not in path.parts and "tests" not in path.name:
                words |= {word.lower() for word in re.findall(r"[^\W\d_]+", path.read_text(encoding="utf-8"))}
    return words


@dataclass(frozen=True)
class Needle:
    kind: str
    form: str
    text: bytes
    # What may not stand beside it.
    apart_from: str = ""
    text_only: bool = False


DIGEST_BYTES = 16


def encodings(kind: str, value: str):
    """A value in every form but its own."""
    raw = value.encode()
    yield Needle(kind, "hex", raw.hex().encode())
    if raw.hex().upper() != raw.hex():
        yield Needle(kind, "hex", raw.hex().upper().encode())
    for offset in range(3):
        # Characters that hold bits of this value alone.
        encoded = base64.b64encode(b"\0" * offset + raw)
        core = encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        if len(raw) >= 8:
            yield Needle(kind, "base64", core)
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, raw).digest()[:DIGEST_BYTES]
        yield Needle(kind, f"{name} as bytes", digest)
        yield Needle(kind, f"{name} in hex", digest.hex().encode())
        yield Needle(kind, f"{name} in hex", digest.hex().upper().encode())
        yield Needle(kind, f"{name} in base64", base64.b64encode(digest)[:21])


def needles(people: People, ordinary: set[str]):
    for kind, values in people.ids.items():
        for value in values:
            yield Needle(kind, "plain", value.encode(), "word", text_only=len(value) < 6)
            yield from encodings(kind, value)
    for value in people.dates:
        yield Needle("birth date", "plain", value.encode(), "word", text_only=False)
        yield from encodings("birth date", value)
    for value in people.names:
        if len(value) >= 6 and not set(re.findall(r"[^\W\d_]+", value.lower())) & ordinary:
            for form in {value, value.upper(), value.lower(), value.title()}:
                yield Needle("name", "plain", form.encode(), "letter")
                if form != form.encode("cp1252", "replace").decode("cp1252"):
                    continue
                yield Needle("name", "plain", form.encode("cp1252"), "letter")
            yield from encodings("name", value)
    for value in people.full_names:
        yield Needle("full name", "plain", value.encode(), "letter", text_only=len(value) < 8)
        yield from encodings("full name", value)


# Looking --------------------------------------------------------------------------------------------------------------


class Index:
    """Finds any of a million needles in one pass over the bytes.

    Each needle is known by its first bytes (eight, or all where it is shorter), as one number. A bitmap over a hash of
    these numbers passes on one position in some hundred; a binary search and a comparison decide the rest.
    """

    BITS = 26
    FACTOR = np.uint64(0x9E3779B97F4A7C15)

    def __init__(self, all_needles) -> None:
        by_width: dict[int, dict[int, list[Needle]]] = defaultdict(lambda: defaultdict(list))
        self.count = 0
        for needle in all_needles:
            width = min(8, len(needle.text))
            if width < 4:
                continue
            group = by_width[width][int.from_bytes(needle.text[:8], "little")]
            if needle not in group:
                group.append(needle)
                self.count += 1
        self.widths = []
        for width, groups in sorted(by_width.items()):
            heads = np.sort(np.fromiter(groups, np.uint64, len(groups)))
            bitmap = np.zeros(1 << self.BITS, np.bool_)
            bitmap[self.hash(heads)] = True
            mask = np.uint64((1 << 8 * width) - 1)
            self.widths.append((mask, bitmap, heads, groups))

    def hash(self, heads: np.ndarray) -> np.ndarray:
        return (heads * self.FACTOR) >> np.uint64(64 - self.BITS)

    def find(self, data: bytes, is_text: bool):
        padded = data + b"\0" * 16
        for shift in range(8):
            whole = np.frombuffer(padded, "<u8", count=(len(data) - shift + 7) // 8, offset=shift)
            for mask, bitmap, heads, groups in self.widths:
                windows = whole & mask
                at = np.flatnonzero(bitmap[self.hash(windows)])
                if not len(at):
                    continue
                found = windows[at]
                place = np.searchsorted(heads, found)
                exact = heads[np.minimum(place, len(heads) - 1)] == found
                for position, head in zip(at[exact].tolist(), found[exact].tolist()):
                    for needle in groups[head]:
                        if self.holds(data, position * 8 + shift, needle, is_text):
                            yield needle

    @staticmethod
    def holds(data: bytes, start: int, needle: Needle, is_text: bool) -> bool:
        end = start + len(needle.text)
        if data[start:end] != needle.text or (needle.text_only and not is_text):
            return False
        before, after = data[start - 1 : start] if start else b"", data[end : end + 1]
        if needle.apart_from == "letter":
            return not (before.isalpha() or after.isalpha())
        if needle.apart_from == "word":
            if before.isalnum() or after.isalnum():
                return False
            # A part of a decimal fraction is no id.
            if (before == b"." and data[start - 2 : start - 1].isdigit()) or (
                after == b"." and data[end + 1 : end + 2].isdigit()
            ):
                return False
            key = OWN_NUMBER.search(data, max(0, start - 48), start)
            return not (key and key.group(1).decode() in OWN_NUMBERS)
        return True


BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{6,}")
URL_SAFE = bytes.maketrans(b"-_", b"+/")


def decoded(data: bytes) -> bytes:
    """All that may be base64 in `data`, decoded, from each place at which a group of four may begin."""
    found = []
    for run in BASE64.findall(data):
        run = run.translate(URL_SAFE)
        for start in range(min(4, len(run) - 5)):
            part = run[start:]
            if len(part) % 4 == 1:
                part = part[:-1]
            found.append(base64.b64decode(part + b"=" * (-len(part) % 4)))
    return b"\n".join(found)


def is_text(data: bytes) -> bool:
    try:
        data[:65536].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > 65530
    return b"\0" not in data[:65536]


def parquet_values(content: bytes):
    """The values of each column as lines of text, or end to end where they are bytes."""
    file = pq.ParquetFile(io.BytesIO(content))
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        for column in table.column_names:
            values = table[column].unique().drop_null()
            if pa.types.is_dictionary(values.type):
                values = values.cast(values.type.value_type)
            if pa.types.is_floating(values.type) or pa.types.is_boolean(values.type):
                continue
            if pa.types.is_binary(values.type) or pa.types.is_fixed_size_binary(values.type):
                yield b"\n".join(values.to_pylist()), False
            else:
                yield "\n".join(map(str, values.to_pylist())).encode(), True


def views(content: bytes):
    """The bytes, and what is packed in them."""
    yield content, is_text(content)
    if content[:4] == b"PAR1" and content[-4:] == b"PAR1":
        yield from parquet_values(content)
    if content[:2] == b"\x1f\x8b":
        try:
            unpacked = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
        yield from views(unpacked)
    if content[:4] == b"\x28\xb5\x2f\xfd":
        yield from views(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read())


def files(paths: list[Path], extracts: Path):
    left_out = extracts.resolve()
    for path in paths:
        if path.is_file():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            here = Path(folder)
            folders[:] = [one for one in folders if (here / one).resolve() != left_out]
            if here.resolve() == left_out:
                folders.clear()
                continue
            yield from (here / name for name in names if (here / name).is_file())


def scan(index: Index, paths: list[Path], extracts: Path) -> tuple[Counter, int, int]:
    """Hits by file, kind and form; files; bytes."""
    hits: Counter = Counter()
    number = size = 0
    for path in files(paths, extracts):
        # A file's name can tell as much as its content.
        seen = list(views(path.read_bytes()))
        if path.name == "certificate.jsonl":
            # Numbers of figures and counts, by the thousand: the shortest student numbers have four digits.
            seen = [(content, False) for content, _ in seen]
        told = [(str(path.name).encode(), True), *seen]
        number += 1
        for content, text in told:
            size += len(content)
            for needle in index.find(content, text):
                hits[str(path), needle.kind, needle.form] += 1
            for needle in index.find(decoded(content), True):
                if needle.form == "plain":
                    hits[str(path), needle.kind, "decoded base64"] += 1
    return hits, number, size


# Can it fail? ---------------------------------------------------------------------------------------------------------


def plants(people: People) -> dict[str, tuple[bytes, str]]:
    """Files with one trace of a person each, and the kind that must be found."""
    ssid = sorted(people.ids["ssid"])[7]
    college = sorted(people.ids["college id"])[7]
    number = next(one for one in sorted(people.ids["student number"]) if len(one) == 6)
    name = max(people.full_names, key=len)
    date = sorted(people.dates)[7]

    def parquet(values: pa.Array) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.table({"value": values}), sink, compression="zstd")
        return sink.getvalue()

    filler = b'{"level":"info","message":"nothing of note","rows":1234}\n'
    padded = [base64.b64encode(b"x" * offset + ssid.encode() + b"yz") for offset in range(3)]
    return {
        "log.jsonl": (filler * 50 + f'{{"message":"row of {ssid} rejected"}}\n'.encode() + filler, "ssid"),
        "log_end.txt": (filler + ssid.encode(), "ssid"),
        "hex.txt": (b"digest " + ssid.encode().hex().encode(), "ssid"),
        "base64_0.txt": (padded[0], "ssid"),
        "base64_1.txt": (padded[1], "ssid"),
        "base64_2.txt": (padded[2], "ssid"),
        "base64_short.json": (b'{"person":"' + base64.b64encode(number.encode()) + b'"}', "student number"),
        "base64_url.txt": (b"x=" + base64.urlsafe_b64encode(f"?>{number}?>".encode()).rstrip(b"="), "student number"),
        "md5.txt": (hashlib.md5(ssid.encode()).hexdigest().encode(), "ssid"),
        "sha1.bin": (os.urandom(999) + hashlib.sha1(college.encode()).digest() + os.urandom(99), "college id"),
        "sha256.json": (b'{"person":"' + hashlib.sha256(number.encode()).hexdigest().encode() + b'"}', "student number"),
        "hash_column.parquet": (
            parquet(pa.array([hashlib.sha256(ssid.encode()).digest()[:16]], pa.binary(16))),
            "ssid",
        ),
        "column.parquet": (parquet(pa.array([f"nothing {at}" for at in range(500)] + [name])), "full name"),
        "dates.parquet": (parquet(pa.array(np.array([three_ways_iso(date)], "datetime64[D]"))), "birth date"),
        "numbers.parquet": (parquet(pa.array([1, 2, int(number)])), "student number"),
        "packed.gz": (gzip.compress(filler + f"<td>{college}</td>".encode()), "college id"),
        "packed.zst": (zstandard.compress(filler + f"born {date}.".encode()), "birth date"),
        "name.html": (b"<p>" + name.encode() + b"</p>", "full name"),
        f"{ssid}.tmp": (b"", "ssid"),
    }


def three_ways_iso(date: str) -> str:
    if "-" in date:
        return date
    if "/" in date:
        return f"{date[6:]}-{date[:2]}-{date[3:5]}"
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def self_test(index: Index, people: People, extracts: Path) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        planted = plants(people)
        for name, (content, _) in planted.items():
            (Path(folder) / name).write_bytes(content)
        hits, _, _ = scan(index, [Path(folder)], extracts)
        for name, (_, kind) in planted.items():
            if not any(Path(path).name == name and found == kind for path, found, _ in hits):
                print(f"NOT FOUND: {kind} in {'a file name' if name.endswith('.tmp') else name}")
                failed += 1
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "noise.bin").write_bytes(os.urandom(8 << 20))
        (Path(folder) / "noise.txt").write_text(os.urandom(1 << 20).hex())
        (Path(folder) / "noise.b64").write_bytes(base64.b64encode(os.urandom(1 << 20)))
        hits, _, _ = scan(index, [Path(folder)], extracts)
        if hits:
            print(f"FOUND where nothing is: {sum(hits.values())}")
            failed += 1
    print(f"{len(planted)} plants, {failed} failures")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extracts", type=Path)
    parser.add_argument("paths", type=Path, nargs="*")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()

    began = time.monotonic()
    people = gather(arguments.extracts)
    index = Index(needles(people, ordinary_words(Path(__file__).resolve().parents[2])))
    if arguments.self_test:
        return self_test(index, people, arguments.extracts)
    hits, number, size = scan(index, arguments.paths, arguments.extracts)
    print(f"{index.count} traces of people looked for in {number} files, {size >> 10} KiB, {time.monotonic() - began:.1f} s")
    for (path, kind, form), count in sorted(hits.items()):
        print(f"FOUND {kind}, {form}: {count} in {path}")
    if not number:
        print("FOUND nothing to look at")
        return 1
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
