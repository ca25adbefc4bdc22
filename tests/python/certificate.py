#!/usr/bin/env python3
"""Checks a certificate of Accord against public tables, by additions alone.

    certificate.py TABLES.public TABLES.certificate
    certificate.py FOLDER

FOLDER is that of a published version: its Parquet tables, read with pyarrow, and its certificate. A second implementation,
written from the description of the two forms (src/disclosure/certificate/text.rs) and of the codebook in the Parquet
footer. Of table files TABLES.public is what `accord verify --write-public` writes; that these are the tables that the
certificate names is seen from their SHA-256. It knows nothing of how the certificate was made. Exit status: 0 every hidden figure is shown to be open or not
small; 1 some are not; 2 the certificate is wrong.
"""
import hashlib
import json
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path


class Wrong(Exception):
    """The certificate, or a table, does not add up."""


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def published(folder):
    """The public tables of a release, in the form of the text, from the Parquet files alone."""
    import pyarrow.parquet

    tables = [pyarrow.parquet.read_table(path) for path in folder.glob("*.parquet")]
    books = [json.loads(table.schema.metadata[b"accord"])["table"] for table in tables]
    both = sorted(zip(books, tables), key=lambda pair: pair[0]["name"])
    return [public(book, table.to_pydict()) for book, table in both]


def public(book, rows):
    axes = []
    for column in (c for c in book["columns"] if c["role"] == "dimension"):
        if axes and column.get("within") == axes[-1][-1]["name"]:
            axes[-1].append(column)
        else:
            axes.append([column])
    dimensions, places = [], []
    for axis in axes:
        paths = []
        for values in zip(*(rows[column["name"]] for column in axis)):
            path = ()
            for value, column in zip(values, axis):
                if value == column.get("total"):
                    break
                path += (value,)
            paths.append(path)
        nodes = list(dict.fromkeys(paths))
        parents = [nodes.index(path[:-1]) if path and path[:-1] in nodes else None for path in nodes]
        names = [" / ".join(path) or "*" for path in nodes]
        dimensions.append({"name": axis[0]["name"], "nodes": names, "parents": parents})
        number = {path: at for at, path in enumerate(nodes)}
        places.append([number[path] for path in paths])
    cells = []
    for at in zip(*places):
        cell = 0
        for node, dimension in zip(at, dimensions):
            cell = cell * len(dimension["nodes"]) + node
        cells.append(cell)
    counts = [c for c in book["columns"] if c["role"] == "count"]
    names = [c["name"] for c in counts]
    measures, values = [], []
    for column in counts:
        of = names.index(column["of"]) if "of" in column else None
        kind = "count" if of is None else "part" if column.get("is_part") else "where"
        measures.append({"name": column.get("counted", column["name"]), "kind": kind, "of": of})
        figures = [None] * len(cells)
        for cell, value in zip(cells, rows[column["name"]]):
            figures[cell] = value
        values.append(figures)
    # A rate is printed only beside both of its counts, and says nothing more.
    for rate in (c for c in book["columns"] if isinstance(c["role"], dict) and "rate" in c["role"]):
        of = rows[rate["role"]["rate"]["numerator"]], rows[rate["role"]["rate"]["denominator"]]
        for shown, n, d in zip(rows[rate["name"]], *of):
            if shown is not None and None in (n, d):
                raise Wrong("a rate is printed beside a hidden count")
    return {"own": True, "universe": book.get("universe") or book["name"], "dimensions": dimensions,
            "measures": measures, "values": values, "rates": []}


class Tables:
    """Figures and equations of the public tables. A figure is known by what it counts, wherever it stands."""

    def __init__(self, lines, rules):
        self.tables = [line for line in lines if "dimensions" in line]
        self.rules = rules
        self.known, self.least, self.hidden, self.places = {}, {}, [], {}  # figure -> value, least value; order; names
        self.minimum = {}  # figure -> the smallest count that may be shown
        self.equations = {}  # name -> ([(figure, coefficient)], slack figures included)
        self.derived, self.groups, self.own, self.offsets = {}, {}, set(), []
        offset = 0
        for number, table in enumerate(self.tables):
            self.lay_out(number, table, offset)
            offset += table["cells"] * len(table["quantities"])
        self.hidden = [f for f in self.places if f not in self.known and f[2] is None]
        for number, table in enumerate(self.tables):
            self.add_equations(number, table)
        for link in (line for line in lines if "part" in line):
            self.add_link(link)
        # Where a figure stands: the equations, and the figures that follow from it. None of these has any that follow.
        self.rows, self.follow = defaultdict(list), defaultdict(list)
        for name, row in self.equations.items():
            for figure, _ in row:
                self.rows[figure].append(name)
        for derived, terms in self.derived.items():
            for figure in terms:
                assert figure not in self.derived
                self.follow[figure].append(derived)

    def lay_out(self, number, table, offset):
        table["sizes"] = [len(d["nodes"]) for d in table["dimensions"]]
        table["cells"] = 1
        for size in table["sizes"]:
            table["cells"] *= size
        table["nodes"] = list(product(*(range(size) for size in table["sizes"])))
        table["at"] = {nodes: cell for cell, nodes in enumerate(table["nodes"])}
        measures = table["measures"]
        chains = []
        for m in range(len(measures)):
            of = measures[m]["of"]
            while of is not None:
                chains.append((m, of))
                of = measures[of]["of"]
        table["quantities"] = [(m, None) for m in range(len(measures))] + chains
        table["figures"] = {}
        for q, (m, of) in enumerate(table["quantities"]):
            never_empty = measures[m]["kind"] == "count" or not self.rules["homogeneous"]
            least = int(of is None and self.rules["zeros"] == "print" and never_empty)
            for cell in range(table["cells"]):
                figure = self.figure(table, m, of, cell)
                table["figures"][q, cell] = figure
                self.places.setdefault(figure, (offset + q * table["cells"] + cell, number))
                self.least[figure] = max(self.least.get(figure, 0), least)
                minimum = table["minimums"][cell] if "minimums" in table else self.rules["minimum"]
                self.minimum[figure] = max(self.minimum.get(figure, 0), minimum)
                value = table["values"][m][cell] if of is None else None
                if value is not None and self.known.setdefault(figure, value) != value:
                    raise Wrong(f"two tables differ at {figure}")
                if table["own"]:
                    self.own.add(figure)
                chain = [of] if of is not None else [b for a, b in table["quantities"] if a == m and b is not None]
                self.groups.setdefault(figure, []).extend((self.figure(table, w, None, cell)) for w in chain)

    @staticmethod
    def figure(table, m, of, cell):
        """Universe, measure, enclosing measure and coordinates: the only root of a dimension says nothing."""
        at = []
        for dimension, node in zip(table["dimensions"], table["nodes"][cell]):
            roots = [n for n, parent in enumerate(dimension["parents"]) if parent is None]
            if roots != [node]:
                at.append((dimension["name"], dimension["nodes"][node]))
        name = lambda measure: None if measure is None else table["measures"][measure]["name"]
        return (table["universe"], name(m), name(of), tuple(sorted(at)))

    def add_equations(self, number, table):
        figures, cells = table["figures"], range(table["cells"])
        at = table["at"]
        for axis, dimension in enumerate(table["dimensions"]):
            children = {}
            for child, parent in enumerate(dimension["parents"]):
                children.setdefault(parent, []).append(child)
            for m, cell in product(range(len(table["measures"])), cells):
                nodes = table["nodes"][cell]
                below = [at[nodes[:axis] + (c,) + nodes[axis + 1:]] for c in children.get(nodes[axis], [])]
                if below:
                    row = [(figures[m, c], 1) for c in below] + [(figures[m, cell], -1)]
                    self.equations[0, number, m, cell, axis] = row
        for q, (m, of) in enumerate(table["quantities"]):
            for cell in cells if of is not None else ():
                row = [(figures[m, cell], 1), (figures[q, cell], 1), (figures[of, cell], -1)]
                self.equations[1, number, q, cell, 0] = row
                self.derived[figures[q, cell]] = ({figures[of, cell]: 1, figures[m, cell]: -1})
        for whole in range(len(table["measures"])):
            parts = [p for p, m in enumerate(table["measures"]) if m["kind"] == "part" and m["of"] == whole]
            for cell in cells if parts else ():
                row = [(figures[p, cell], 1) for p in parts] + [(figures[whole, cell], -1)]
                self.equations[2, number, whole, cell, 0] = row
        for r, rate in enumerate(table["rates"]):
            for cell in cells:
                if rate["values"][cell] is not None:
                    self.add_rate(number, r, rate, cell, figures)

    def add_rate(self, number, r, rate, cell, figures):
        n, d, printed = figures[rate["numerator"], cell], figures[rate["denominator"], cell], rate["values"][cell]
        self.least[d] = max(self.least[d], 1)
        for kind, of_d, of_n in ((3, 2 * printed + 1, -2 * rate["scale"]), (4, 1 - 2 * printed, 2 * rate["scale"])):
            slack = ("slack", kind, number, r, cell)
            self.least[slack] = 0
            self.derived[slack] = {d: of_d, n: of_n}
            self.equations[kind, number, r, cell, 0] = [(d, of_d), (n, of_n), (slack, -1)]

    def add_link(self, link):
        for part in [f for f in self.places if f[0] == link["part"] and f[2] is None]:
            whole = (link["whole"],) + part[1:]
            if whole in self.places:
                since = ("since", whole, part)
                self.least[since] = 0
                self.own.add(since)
                self.minimum[since] = self.minimum[whole]
                self.derived[since] = {whole: 1, part: -1}
                place, number = self.places[part]
                table = self.tables[number]
                start = self.start(number)
                m, cell = divmod(place - start, table["cells"])
                row = [(part, 1), (since, 1), (whole, -1)]
                self.equations[5, number, m, cell, self.places[whole][0]] = row

    def start(self, number):
        return sum(t["cells"] * len(t["quantities"]) for t in self.tables[:number])

    def complete(self, values):
        """Known and hidden values, and what follows from them; all must be at least what is known of them."""
        full = dict(self.known)
        full.update(values)
        for figure, terms in self.derived.items():
            full[figure] = sum(c * full[f] for f, c in terms.items())
        return full

    def check(self, full):
        """A whole table."""
        for figure, value in full.items():
            self.check_least(figure, value)
        for name in self.equations:
            self.check_sum(name, full.__getitem__)

    def changed(self, differences, full):
        """What differs in a table from one that is whole, which is whole itself: what no difference touches still adds up."""
        changed = {figure: full[figure] + by for figure, by in differences.items()}
        value = lambda figure: changed[figure] if figure in changed else full[figure]
        follow = {derived for figure in differences for derived in self.follow[figure]}
        changed.update({derived: sum(c * value(f) for f, c in self.derived[derived].items()) for derived in follow})
        for figure in changed:
            self.check_least(figure, changed[figure])
        for name in {name for figure in changed for name in self.rows[figure]}:
            self.check_sum(name, value)
        return changed

    def with_totals(self, differences, full):
        """What differs if innermost cells of a table of counts change, and with each all totals that it is part of. Such
        a cell is in one part of each total that it is in, so that totals still add up if no published one changes."""
        table, sums = self.tables[0], defaultdict(int)
        if len(self.tables) > 1 or len(table["quantities"]) > 1 or table["rates"]:
            raise Wrong("changes of innermost cells are for one table of counts")
        for figure, by in differences.items():
            paths = []
            for node, dimension in zip(table["nodes"][self.places[figure][0]], table["dimensions"]):
                if node in dimension["parents"]:
                    raise Wrong(f"a total among innermost cells: {figure}")
                paths.append([node])
                while dimension["parents"][paths[-1][-1]] is not None:
                    paths[-1].append(dimension["parents"][paths[-1][-1]])
            for nodes in product(*paths):
                sums[table["figures"][0, table["at"][nodes]]] += by
        changed = {figure: full[figure] + by for figure, by in sums.items() if by}
        for figure, value in changed.items():
            if figure in self.known:
                raise Wrong(f"a published total changes: {figure}")
            self.check_least(figure, value)
        return changed

    def check_least(self, figure, value):
        if value < (0 if figure in self.known else self.least[figure]):
            raise Wrong(f"below its least value: {figure}")

    def check_sum(self, name, value):
        if sum(c * value(f) for f, c in self.equations[name]):
            raise Wrong(f"does not add up: {name}")

def tighten(row, rest, low, high):
    """Each term is what the others leave of the rest, in whole numbers."""
    for figure, c in row.items():
        others = [(low[f] * k, high[f] * k if high[f] is not None else None, k) for f, k in row.items() if f != figure]
        least = [b if k < 0 else a for a, b, k in others]
        most = [a if k < 0 else b for a, b, k in others]
        bounds = [None if None in most else rest - sum(most), None if None in least else rest - sum(least)]
        bounds = bounds if c > 0 else bounds[::-1]
        if bounds[0] is not None:
            low[figure] = max(low[figure], -(-bounds[0] // c))
        if bounds[1] is not None:
            top = bounds[1] // c
            high[figure] = top if high[figure] is None else min(high[figure], top)


def is_open(rules, minimum, low, high):
    if rules["level"] == "full":
        return high >= minimum and high - low >= minimum - 1
    if rules["level"] == "percent":
        raise Wrong("percentages are not checked here")
    return high - low >= (1 if rules["level"] == "exact" else rules["extent"])


def pairs(numbers, hidden):
    return {hidden[i]: d for i, d in zip(numbers[::2], numbers[1::2])}


def verify(public, certificate):
    rules, lines = certificate[0], certificate[1:]
    tables = Tables(public, rules)
    hidden = tables.hidden
    base = [line["base"] for line in lines if "base" in line]
    if len(base) != 1 or len(base[0]) != len(hidden):
        raise Wrong("it is about other tables")
    whole = [tables.complete(dict(zip(hidden, base[0])))]
    unknown = [f for f in whole[0] if f not in tables.known]
    ranges = {f: (whole[0][f], whole[0][f]) for f in unknown}

    tables.check(whole[0])

    def take(changed):
        for f, value in changed.items():
            ranges[f] = (min(ranges[f][0], value), max(ranges[f][1], value))
        return changed

    for line in lines:
        if "table" in line:
            whole.append({**whole[0], **take(tables.changed(pairs(line["table"], hidden), whole[0]))})
    for line in lines:
        if "move" in line:
            take(tables.changed(pairs(line["move"][1:], hidden), whole[line["move"][0]]))
        if "cells" in line:
            take(tables.with_totals(pairs(line["cells"][1:], hidden), whole[line["cells"][0]]))
    low, high = {f: tables.least[f] for f in unknown}, dict.fromkeys(unknown)
    for step in (line["step"] for line in lines if "step" in line):
        row, rest = {}, 0
        for at in range(0, len(step), 6):
            *name, multiplier = step[at:at + 6]
            for figure, c in tables.equations[tuple(name)]:
                if figure in tables.known:
                    rest -= multiplier * c * tables.known[figure]
                else:
                    row[figure] = row.get(figure, 0) + multiplier * c
        tighten({f: c for f, c in row.items() if c}, rest, low, high)
    counts = {"open": 0, "settled": 0, "unproven": 0, "perhaps_empty": 0, "exposed": 0}
    interval = lambda f: (tables.known[f],) * 2 if f in tables.known else (low[f], high[f])
    for figure in [*tables.places, *(f for f in unknown if f[0] == "since")]:
        if figure not in tables.own or figure[0] == "slack":
            continue
        group = [interval(w) for w in tables.groups.get(figure, [])] if rules["homogeneous"] else []
        (bottom, top), minimum = interval(figure), tables.minimum[figure]
        if bottom == top and (0 < bottom < minimum or bottom == 0 and any(a > 0 for a, _ in group)):
            counts["exposed"] += 1
        if figure in tables.known:
            continue
        if is_open(rules, minimum, *ranges[figure]):
            counts["open"] += 1
        elif bottom >= minimum or top == 0 and all(b == 0 for _, b in group):
            counts["settled"] += 1
        else:
            counts["unproven"] += 1
            counts["perhaps_empty"] += ranges[figure][0] <= 0
    return counts


if __name__ == "__main__":
    try:
        first = Path(sys.argv[1])
        tables = published(first) if first.is_dir() else read(first)
        certificate = read(first / "certificate.jsonl" if first.is_dir() else sys.argv[2])
        if first.is_file() and certificate[0]["about"] != hashlib.sha256(first.read_bytes()).hexdigest():
            raise Wrong("it is about other tables")
        result = verify(tables, certificate)
    except (Wrong, KeyError, IndexError, ValueError) as error:
        sys.exit(print(f"refused: {error}") or 2)
    print(json.dumps(result))
    sys.exit(1 if result["unproven"] or result["exposed"] else 0)
