"""What Connecticut's published graduation rates give away, counted from the files alone.

    leaks.py FOLDER [--report AUDIT.json]

FOLDER holds the files of the publication, in one folder or in one for districts and one for schools. Nothing here comes
from Accord. With the audit's report (`accord audit --output json`) every figure that both count is compared; exits 1
where one differs.

The rules, each of which decides a number:

- The state's own files (`_ct`) are left out: no file says which districts make up the state.
- A figure is one of a year, a place (a district or a school), a category and a measure; two files that give the same
  figure (a cohort stands in those of graduates and of others) give it once. `*` hides it, `N/A` is none: 0.
- Two kinds of sums are known: a category's parts (Female and Male) make up the place's total, which stands in the files of
  all students; graduates, those still enrolled and others make up a cohort. A row that is not there is not a part.
- By SUBTRACTION falls what a known total leaves when all else is known, again and again, and nothing else is used: no
  total that is hidden or that no file has is added up. Where less than nothing is left it is impossible, and nothing more
  follows from that sum.
- By ADDITION falls what needs such totals as well.
- As NOTHING falls what makes up a total together of which all is known already; and what follows from that.
- By BOUNDS falls a small count (1 to 5: the state hides those) for which sums and printed rates leave a single value: counts
  are whole and not negative, and a rate is one of its counts to a tenth of a percent. Not where a place contradicts itself.
- A rate falls BESIDE where its row prints both of its counts, and WITH its counts where they fall.
- A PARTITION is a total that is printed with all its categories, or a cohort with all its parts. `N/A` is no
  printed total.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

WHOLE = "Four-Year Cohort Count"
PARTS = ("Graduation Count", "Still Enrolled Count", "Other Count")
RATES = {"Graduation Rate": PARTS[0], "Still Enrolled Rate": PARTS[1], "Other Rate": PARTS[2]}
NAMES = {WHOLE: "cohort", PARTS[0]: "graduated", PARTS[1]: "still_enrolled", PARTS[2]: "other"} | {
    name: name.lower().replace(" ", "_") for name in RATES
}
MINIMUM = 6
PLACES = ("District", "District Code", "School", "School Code")

# Level, year, place, topic, category; topic and category are empty for all students.
Cell = tuple[str, str, tuple[str, str], str, str]
Figure = tuple[Cell, str]


def files(folder: Path) -> Iterator[Path]:
    """The tables, without those of the state."""
    own = [*folder.glob("*.csv"), *folder.glob("four-year-graduation-rates-*/*.csv")]
    for path in sorted(own):
        if not path.stem.endswith("_ct"):
            yield path


def rows(path: Path) -> Iterator[tuple[Cell, dict[str, str]]]:
    """Each row's cell and words."""
    year, topic = re.fullmatch(
        r"four-year-graduation-rates__(\d{4}-\d\d)(?:_all-schools)?_(.+)_(?:non)?grad", path.stem
    ).groups()
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.reader(file))
    start = next(at for at, line in enumerate(lines) if line and line[0] == "District")
    head = lines[start]
    category = [name for name in head if name not in PLACES and not name.endswith(("Count", "Rate"))]
    for line in lines[start + 1 :]:
        if not line:
            continue
        row = dict(zip(head, line, strict=True))
        place = (row["District"], row.get("School", ""))
        own = ("", "") if topic == "all-students" else (topic, row[category[0]])
        yield ("school" if "School" in row else "district", year, place, *own), row


def count(word: str) -> int | None:
    """A printed count; none where it is hidden."""
    if word == "*":
        return None
    return 0 if word == "N/A" else int(word.replace(",", ""))


class Files:
    """What the files print and hide."""

    def __init__(self, folder: Path) -> None:
        self.words: dict[Figure, str] = {}
        self.rates: dict[Figure, tuple[str, bool]] = {}
        for path in files(folder):
            for cell, row in rows(path):
                for name in (WHOLE, *PARTS):
                    if name in row and self.words.setdefault((cell, name), row[name]) != row[name]:
                        raise SystemExit(f"{path}: two files give different figures for {name} of {cell}")
                for name, above in RATES.items():
                    if name in row:
                        beside = count(row[WHOLE]) is not None and count(row[above]) is not None
                        self.rates[cell, name] = (row[name], beside)
        self.figures = {figure: count(word) for figure, word in self.words.items()}

    def sums(self, unpublished: bool) -> list[tuple[Figure, list[Figure], bool]]:
        """Totals with what makes them up, and whether these are categories; with totals and parts that no file has."""
        there = set(self.figures)
        if unpublished:
            for level, year, place, topic, category in {cell for cell, _ in self.figures}:
                for name in (WHOLE, *PARTS):
                    there |= {((level, year, place, topic, category), name), ((level, year, place, "", ""), name)}
        topics: dict[tuple[str, str, tuple[str, str], str, str], list[Figure]] = defaultdict(list)
        for cell, name in there:
            level, year, place, topic, _ = cell
            if topic:
                topics[level, year, place, topic, name].append((cell, name))
        found = []
        for (level, year, place, _, name), parts in topics.items():
            total = ((level, year, place, "", ""), name)
            if total in there:
                found.append((total, parts, True))
        for cell in {cell for cell, _ in there}:
            if all((cell, name) in there for name in (WHOLE, *PARTS)):
                found.append(((cell, WHOLE), [(cell, name) for name in PARTS], False))
        return found


class Reader:
    """Somebody who does sums."""

    def __init__(self, figures: dict[Figure, int | None]) -> None:
        self.known = {figure: value for figure, value in figures.items() if value is not None}
        self.impossible: set[Figure] = set()
        self.dead: set[tuple[Figure, str]] = set()

    def learn(self, sums: list[tuple[Figure, list[Figure], bool]], adding: bool, nothing: bool) -> None:
        """Does sums until nothing more follows."""
        again = True
        while again:
            again = False
            for total, parts, _ in sums:
                key = (total, parts[0][0][3] + "/" + parts[0][1])
                if key in self.dead:
                    continue
                hidden = [part for part in parts if part not in self.known]
                of_parts = sum(self.known[part] for part in parts if part in self.known)
                if total not in self.known:
                    if adding and not hidden:
                        self.known[total], again = of_parts, True
                    continue
                left = self.known[total] - of_parts
                if not hidden:
                    continue
                if len(hidden) == 1 and left < 0:
                    self.impossible.add(hidden[0])
                    self.dead.add(key)
                elif len(hidden) == 1:
                    self.known[hidden[0]], again = left, True
                elif nothing and left == 0:
                    self.known |= dict.fromkeys(hidden, 0)
                    again = True


def bounded(data: Files, sums: list[tuple[Figure, list[Figure], bool]]) -> dict[Figure, int]:
    """Hidden figures of a single value, from intervals that are tightened until nothing changes, place by place."""
    places: dict[Cell, list[tuple[Figure, list[Figure]]]] = defaultdict(list)
    rates: dict[Cell, list[tuple[Figure, Figure, Fraction]]] = defaultdict(list)
    for total, parts, _ in sums:
        places[total[0][:3]].append((total, parts))
    for (cell, name), (word, _) in data.rates.items():
        if re.fullmatch(r"\d+(\.\d+)?", word):
            rates[cell[:3]].append(((cell, RATES[name]), (cell, WHOLE), Fraction(word)))
    found: dict[Figure, int] = {}
    for place, own in places.items():
        intervals = tightened(data.figures, own, rates[place])
        if intervals:
            found |= {figure: low for figure, (low, high) in intervals.items() if low == high}
    return {figure: value for figure, value in found.items() if data.figures.get(figure, 0) is None}


def tightened(
    figures: dict[Figure, int | None],
    sums: list[tuple[Figure, list[Figure]]],
    rates: list[tuple[Figure, Figure, Fraction]],
) -> dict[Figure, tuple[int, int]] | None:
    """Each figure's interval; none where nothing fits."""
    half, most = Fraction(1, 20), 10**9
    low = {figure: figures.get(figure) or 0 for total, parts in sums for figure in (total, *parts)}
    high = {figure: most if (value := figures.get(figure)) is None else value for figure in low}
    again = True

    def within(figure: Figure, least: int, greatest: int) -> None:
        nonlocal again
        if least > low[figure]:
            low[figure], again = least, True
        if greatest < high[figure]:
            high[figure], again = greatest, True

    while again:
        again = False
        for total, parts in sums:
            least, greatest = sum(low[part] for part in parts), sum(high[part] for part in parts)
            within(total, least, greatest)
            for part in parts:
                within(part, low[total] - greatest + high[part], high[total] - least + low[part])
        for part, whole, rate in rates:
            if part not in low or whole not in low:
                continue
            above, below = (rate + half) / 100, (rate - half) / 100
            within(whole, max(1, ceil(low[part] / above)), floor(high[part] / below) if below > 0 else most)
            within(part, ceil(below * low[whole]), floor(above * high[whole]))
        if any(low[figure] > high[figure] for figure in low):
            return None
    return {figure: (low[figure], high[figure]) for figure in low}


def looked(folder: Path) -> dict:
    """Everything that is counted."""
    data = Files(folder)
    hidden = {figure for figure, value in data.figures.items() if value is None}
    published = data.sums(unpublished=False)
    reader = Reader(data.figures)
    reader.learn(published, adding=False, nothing=False)
    subtraction = {figure for figure in hidden if figure in reader.known or figure in reader.impossible}
    everything = data.sums(unpublished=True)
    reader.learn(everything, adding=True, nothing=False)
    addition = {figure for figure in hidden if figure in reader.known or figure in reader.impossible} - subtraction
    reader.learn(everything, adding=True, nothing=True)
    nothing = {figure for figure in hidden if figure in reader.known} - subtraction - addition
    bounds = bounded(data, everything)
    small = {figure for figure in hidden - set(reader.known) if 1 <= bounds.get(figure, 0) < MINIMUM}
    add_up: Counter[tuple[bool, bool]] = Counter()
    for total, parts, categories in published:
        values = [data.figures[figure] for figure in (total, *parts)]
        if None not in values and data.words[total] != "N/A":
            add_up[categories, values[0] == sum(values[1:])] += 1
    fallen = subtraction | addition | nothing
    by_figure: dict[str, Counter[str]] = {name: Counter() for name in NAMES.values()}
    for (_, name), word in data.words.items():
        by_figure[NAMES[name]]["hidden"] += word == "*"
    for _, name in fallen:
        by_figure[NAMES[name]]["fallen"] += 1
    for (cell, name), (word, beside) in data.rates.items():
        if word != "*":
            continue
        book = by_figure[NAMES[name]]
        book["hidden"] += 1
        counts = [reader.known.get((cell, one)) for one in (WHOLE, RATES[name])]
        if beside:
            book["beside"] += 1
        elif None not in counts and counts[0] > 0:
            book["fallen"] += 1
    return {
        "hidden_counts": len(hidden),
        "hidden_rates": sum(by_figure[NAMES[name]]["hidden"] for name in RATES),
        "subtraction": len(subtraction),
        "impossible": len(reader.impossible),
        "addition": len(addition),
        "nothing": len(nothing),
        "bounds": len(small),
        "rates_beside": sum(by_figure[NAMES[name]]["beside"] for name in RATES),
        "rates_with_counts": sum(by_figure[NAMES[name]]["fallen"] for name in RATES),
        "categories_add_up": add_up[True, True],
        "categories_do_not": add_up[True, False],
        "parts_add_up": add_up[False, True],
        "parts_do_not": add_up[False, False],
        "figures": {
            name: {what: book[what] for what in ("hidden", "beside", "fallen")} for name, book in by_figure.items()
        },
    }


def reported(report: dict) -> dict:
    """The same figures as the audit reports them."""
    ways = Counter({way["way"]: way["figures"] for way in report["ways"]})
    books = {book["figure"]: book for book in report["figures"]}
    return {
        "hidden_counts": sum(table["hidden"] for table in report["tables"]),
        "hidden_rates": sum(table["hidden_rates"] for table in report["tables"]),
        "subtraction": sum(ways[way] for way in ("subtraction", "parts", "steps", "impossible")),
        "impossible": ways["impossible"],
        "addition": ways["sum"],
        "nothing": ways["nothing"],
        "bounds": ways["bounds"],
        "rates_beside": ways["rate_beside"],
        "rates_with_counts": ways["rate_of_fallen"],
        "categories_add_up": report["add_up"]["totals"],
        "categories_do_not": report["add_up"]["wrong_totals"],
        "parts_add_up": report["add_up"]["wholes"],
        "parts_do_not": report["add_up"]["wrong_wholes"],
        "figures": {
            name: {what: books[name][what] for what in ("hidden", "beside", "fallen")} for name in NAMES.values()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--report", type=Path, help="the audit's report, to be compared")
    options = parser.parse_args()
    found = looked(options.folder)
    print(json.dumps(found, indent=1))
    if options.report:
        own = reported(json.loads(options.report.read_text(encoding="utf-8")))
        wrong = [f"{name}: {found[name]} here, {own[name]} in the report" for name in found if found[name] != own[name]]
        if wrong:
            sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
