"""Every cell of every table, before suppression, from the raw extracts alone.

    independent.py PIPELINE EXTRACTS_DIR --out cells.csv

PIPELINE is `college_going` or `oulad`, EXTRACTS_DIR the folder that holds their extracts (`fixtures/`). Nothing here
comes from Accord: the layouts, rejects, links and indicators were written anew from the contracts and the pipelines'
definitions, in Python for the bytes and in DuckDB's SQL for the rest. So a mistake would have to be made twice, in two
languages, to go unseen.

The output has one line per figure: table, dimensions (a JSON object, as printed), measure, value. A rate without a
denominator has no value.
"""

import argparse
import csv
import gzip
import io
import itertools
import json
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

SUFFIXES = {"JR", "SR", "II", "III", "IV"}


# Bytes to rows of text ------------------------------------------------------------------------------------------------


def newest(folder: Path, pattern: str) -> list[Path]:
    """Each delivery replaces the ones before it."""
    return sorted(folder.glob(pattern))[-1:]


def every(folder: Path, pattern: str) -> list[Path]:
    """Deliveries add up."""
    return sorted(folder.glob(pattern))


def carets(path: Path) -> list[list[str]]:
    text = path.read_bytes().decode("cp1252")
    return [line.split("^") for line in text.split("\r\n") if line]


def commas(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    return [row for row in rows[1:] if row]


def fixed(path: Path, widths: list[int]) -> list[list[str]]:
    ends = list(itertools.accumulate(widths))
    starts = [0, *ends[:-1]]
    lines = path.read_bytes().decode("ascii").split("\n")
    return [[line[a:b] for a, b in zip(starts, ends)] for line in lines if line]


def load(db: duckdb.DuckDBPyConnection, name: str, columns: list[str], deliveries: list[list[list[str]]]) -> None:
    """A table of text, with the place of each row: a later delivery's rows come after an earlier one's."""
    rows = [row for delivery in deliveries for row in delivery]
    table = {column: pa.array([row[at] for row in rows], pa.string()) for at, column in enumerate(columns)}
    table["line"] = pa.array(range(len(rows)), pa.int64())
    db.register("incoming", pa.table(table))
    db.execute(f"CREATE TABLE raw_{name} AS SELECT * FROM incoming")
    db.unregister("incoming")


def name_key(text: str | None) -> str | None:
    """A name without accents, case and punctuation, and without a suffix that is its last word."""
    if text is None:
        return None
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).upper()
    words = ["".join(filter(str.isalnum, word)) for word in plain.replace(",", " ").split()]
    words = [word for word in words if word]
    if len(words) > 1 and words[-1] in SUFFIXES:
        words.pop()
    return "".join(words) or None


def date_or_null(column: str, form: str, pattern: str) -> str:
    """A day in exactly this form, else null."""
    return f"CASE WHEN regexp_full_match({column}, '{pattern}') THEN try_strptime({column}, '{form}')::DATE END"


# Links ----------------------------------------------------------------------------------------------------------------

STATE_ID = "ssid"
NAME_AND_BIRTH = "first_key || '|' || last_key || '|' || birth_date"


def link(db: duckdb.DuckDBPyConnection, name: str, left: str, right: str, rules: list[str]) -> None:
    """People who alone on their side have a value that one person alone on the other side has; rule after rule."""
    db.execute(f"CREATE TABLE {name} (left_person VARCHAR, right_person VARCHAR)")
    for rule in rules:
        db.execute(
            f"""
            INSERT INTO {name}
            WITH l AS (
                SELECT DISTINCT {rule} AS value, person FROM {left}
                WHERE {rule} IS NOT NULL AND person NOT IN (SELECT left_person FROM {name})
            ), r AS (
                SELECT DISTINCT {rule} AS value, person FROM {right}
                WHERE {rule} IS NOT NULL AND person NOT IN (SELECT right_person FROM {name})
            ), sole_l AS (
                SELECT value, any_value(person) AS person FROM l GROUP BY value HAVING count(*) = 1
            ), sole_r AS (
                SELECT value, any_value(person) AS person FROM r GROUP BY value HAVING count(*) = 1
            ), pairs AS (
                SELECT DISTINCT sole_l.person AS a, sole_r.person AS b FROM sole_l JOIN sole_r USING (value)
            )
            SELECT a, b FROM pairs
            WHERE a IN (SELECT a FROM pairs GROUP BY a HAVING count(*) = 1)
              AND b IN (SELECT b FROM pairs GROUP BY b HAVING count(*) = 1)
            """
        )


# College-going --------------------------------------------------------------------------------------------------------

GRADUATE_COLUMNS = (
    "record_type ssid local_id first_name last_name birth_date gender district school cohort_year completion_status "
    "completion_date ethnicity english_learner foster"
).split()
LACCD_COLUMNS = "student_id first_name last_name birth_date ssid college term term_start units".split()
CSU_COLUMNS = "campus term student_id last_name first_name birth_date ssid term_start units residence".split()
CSU_WIDTHS = [2, 5, 9, 20, 15, 8, 10, 8, 4, 3]
ETHNICITIES = ("RB", "RI", "RA", "RF", "RH", "RD", "RP", "RT", "RW")
STATUSES = ("100", "106", "120", "250", "320", "330")

DIGITS = "nullif(regexp_replace({0}, '[^0-9]', '', 'g'), '')"
REAL_SSID = f"CASE WHEN trim(ssid) NOT IN ('', '0000000000', '9999999999') THEN {DIGITS.format('ssid')} END"


def college_going(db: duckdb.DuckDBPyConnection, extracts: Path) -> None:
    folder = extracts / "college_going"
    load(db, "graduates", GRADUATE_COLUMNS, [carets(one) for one in newest(folder / "lausd", "graduates_*.txt")])
    load(db, "laccd", LACCD_COLUMNS, [commas(one) for one in every(folder / "laccd", "enrollment_*.csv")])
    load(db, "csu", CSU_COLUMNS, [fixed(one, CSU_WIDTHS) for one in newest(folder / "csu", "ers_*.txt")])

    db.execute(
        f"""
        CREATE TABLE graduates AS
        WITH typed AS (
            SELECT
                {DIGITS.format("ssid")} AS person,
                {DIGITS.format("ssid")} AS ssid,
                name_key(first_name) AS first_key,
                name_key(last_name) AS last_key,
                {date_or_null("birth_date", "%Y%m%d", "[0-9]{8}")} AS birth_date,
                district, school,
                try_cast(cohort_year AS INTEGER) AS cohort_year,
                {date_or_null("completion_date", "%Y%m%d", "[0-9]{8}")} AS completion_date,
                ethnicity, english_learner, line
            FROM raw_graduates
            WHERE record_type = 'GRAD'
              AND trim(ssid) NOT IN ('', '0000000000', '9999999999')
              AND trim(first_name) <> '' AND trim(last_name) <> ''
              AND gender IN ('F', 'M', 'X')
              AND district <> '' AND school <> ''
              AND completion_status IN {STATUSES}
              AND ethnicity IN {ETHNICITIES}
              AND english_learner IN ('Y', 'N') AND foster IN ('Y', 'N')
        )
        SELECT * FROM typed
        WHERE birth_date IS NOT NULL AND completion_date IS NOT NULL AND cohort_year BETWEEN 2000 AND 2100
        QUALIFY row_number() OVER (PARTITION BY ssid ORDER BY line) = 1
        """
    )
    db.execute(
        f"""
        CREATE TABLE laccd AS
        WITH typed AS (
            SELECT
                regexp_replace(regexp_replace(trim(student_id), '^="(.*)"$', '\\1'), '[^0-9]', '', 'g') AS person,
                {REAL_SSID} AS ssid,
                name_key(first_name) AS first_key,
                name_key(last_name) AS last_key,
                birth_date AS birth_text,
                {date_or_null("birth_date", "%m/%d/%Y", "[0-9]{2}/[0-9]{2}/[0-9]{4}")} AS birth_date,
                college, term,
                {date_or_null("term_start", "%Y-%m-%d", "[0-9]{4}-[0-9]{2}-[0-9]{2}")} AS term_start,
                try_cast(units AS DOUBLE) AS units, line
            FROM raw_laccd
        )
        SELECT * FROM typed
        WHERE person <> '' AND college <> '' AND term <> '' AND term_start IS NOT NULL
          AND (birth_text = '' OR birth_date IS NOT NULL) AND units BETWEEN 0 AND 40
        QUALIFY row_number() OVER (PARTITION BY person, college, term ORDER BY line) = 1
        """
    )
    db.execute(
        f"""
        CREATE TABLE csu AS
        WITH typed AS (
            SELECT
                {DIGITS.format("student_id")} AS person,
                {REAL_SSID} AS ssid,
                name_key(first_name) AS first_key,
                name_key(last_name) AS last_key,
                birth_date AS birth_text,
                {date_or_null("birth_date", "%Y%m%d", "[0-9]{8}")} AS birth_date,
                campus, term,
                {date_or_null("term_start", "%Y%m%d", "[0-9]{8}")} AS term_start,
                try_cast(units AS INTEGER) / 10 AS units, line
            FROM raw_csu
        )
        SELECT * FROM typed
        WHERE person IS NOT NULL AND trim(campus) <> '' AND trim(term) <> '' AND term_start IS NOT NULL
          AND (trim(birth_text) IN ('', '00000000') OR birth_date IS NOT NULL) AND units BETWEEN 0 AND 40
        QUALIFY row_number() OVER (PARTITION BY person, campus, term ORDER BY line) = 1
        """
    )
    link(db, "college", "graduates", "laccd", [STATE_ID, NAME_AND_BIRTH])
    link(db, "university", "graduates", "csu", [STATE_ID, NAME_AND_BIRTH])
    db.execute(
        """
        CREATE TABLE outcomes AS
        WITH terms AS (
            SELECT left_person AS person, term_start FROM college JOIN laccd ON person = right_person
            UNION ALL
            SELECT left_person AS person, term_start FROM university JOIN csu ON person = right_person
        ), began AS (
            SELECT person, min(term_start) AS first_term
            FROM graduates JOIN terms USING (person)
            WHERE term_start > completion_date
            GROUP BY person
        )
        SELECT
            cohort_year::VARCHAR AS cohort_year, district, school, ethnicity, english_learner,
            coalesce(first_term <= completion_date + INTERVAL 16 MONTH, FALSE) AS within_16,
            coalesce(first_term <= completion_date + INTERVAL 12 MONTH, FALSE) AS within_12
        FROM graduates LEFT JOIN began USING (person)
        """
    )


# Open University ------------------------------------------------------------------------------------------------------

STUDENT_COLUMNS = (
    "code_module code_presentation id_student gender region highest_education imd_band age_band num_of_prev_attempts "
    "studied_credits disability final_result"
).split()
REGISTRATION_COLUMNS = "code_module code_presentation id_student date_registration date_unregistration".split()
ASSESSMENT_COLUMNS = "code_module code_presentation id_assessment assessment_type date weight".split()
RESULT_COLUMNS = "id_assessment id_student date_submitted is_banked score".split()


def oulad(db: duckdb.DuckDBPyConnection, extracts: Path) -> None:
    folder = extracts / "oulad"
    for name, columns, path in [
        ("students", STUDENT_COLUMNS, "registrar/student.csv.gz"),
        ("registrations", REGISTRATION_COLUMNS, "registrar/student_registration.csv.gz"),
        ("assessments", ASSESSMENT_COLUMNS, "assessment_office/assessment.csv.gz"),
        ("results", RESULT_COLUMNS, "assessment_office/student_assessment.csv.gz"),
    ]:
        load(db, name, columns, [commas(folder / path)])
    # The student's number is the only rule, and it names one person on each side: the link is equality.
    db.execute(
        """
        CREATE TABLE outcomes AS
        WITH handed_in AS (
            SELECT DISTINCT id_student, code_module, code_presentation
            FROM raw_results JOIN raw_assessments USING (id_assessment)
            WHERE is_banked = 'False'
        )
        SELECT
            s.code_module AS module,
            s.code_module || ' ' || s.code_presentation AS presentation,
            s.region, s.gender, s.age_band,
            CASE s.disability WHEN 'True' THEN 'Declared' WHEN 'False' THEN 'Not declared' END AS disability,
            CASE s.imd_band WHEN '' THEN 'Not stated' WHEN '10-20' THEN '10-20%' ELSE s.imd_band END AS imd_band,
            s.final_result,
            h.id_student IS NOT NULL AS submitted,
            coalesce(try_cast(nullif(r.date_registration, '') AS INTEGER) <= -30, FALSE) AS registered_ahead
        FROM raw_students AS s
        LEFT JOIN handed_in AS h USING (id_student, code_module, code_presentation)
        LEFT JOIN raw_registrations AS r USING (id_student, code_module, code_presentation)
        """
    )


# Tables ---------------------------------------------------------------------------------------------------------------


class Table:
    """A table: its axes (columns from the highest to the lowest level, label of each column's total), counts, rates."""

    def __init__(self, axes, counts, rates):
        self.axes, self.counts, self.rates = axes, counts, rates


RESULTS = {f"result_{one.lower()}": f"final_result = '{one}'" for one in ("Distinction", "Fail", "Pass", "Withdrawn")}
OULAD_COUNTS = {"enrolments": "TRUE", **RESULTS, "submitted": "submitted"}
OULAD_RATES = {
    "pass_rate": ("result_pass", "enrolments"),
    "distinction_rate": ("result_distinction", "enrolments"),
    "withdrawal_rate": ("result_withdrawn", "enrolments"),
    "submission_rate": ("submitted", "enrolments"),
}
PRESENTATION = [("module", "All modules"), ("presentation", "All presentations")]

TABLES = {
    "college_going": {
        "college_going": Table(
            axes=[
                [("cohort_year", None)],
                [("district", "All districts"), ("school", "All schools")],
                [("ethnicity", "All students")],
                [("english_learner", "All students")],
            ],
            counts={
                "graduates": "TRUE",
                "enrolled_within_16_months": "within_16",
                "enrolled_within_12_months": "within_12",
            },
            rates={
                "rate_within_16_months": ("enrolled_within_16_months", "graduates"),
                "rate_within_12_months": ("enrolled_within_12_months", "graduates"),
            },
        )
    },
    "oulad": {
        "by_region": Table([PRESENTATION, [("region", "All regions")]], OULAD_COUNTS, OULAD_RATES),
        "by_gender_and_age": Table(
            [PRESENTATION, [("gender", "All students")], [("age_band", "All ages")]], OULAD_COUNTS, OULAD_RATES
        ),
        "by_disability": Table(
            [PRESENTATION, [("disability", "All students")]],
            {**OULAD_COUNTS, "registered_ahead": "registered_ahead"},
            OULAD_RATES,
        ),
        "by_deprivation": Table(
            [[("module", "All modules")], [("imd_band", "All students")]], OULAD_COUNTS, OULAD_RATES
        ),
    },
}


def places(db: duckdb.DuckDBPyConnection, axis) -> list[tuple[list[str], str]]:
    """Each place on an axis: what its columns print, and the condition under which a row belongs to it."""
    columns = [name for name, _ in axis]
    rows = db.execute(f"SELECT DISTINCT {', '.join(columns)} FROM outcomes").fetchall()
    paths = {path[:depth] for path in rows for depth in range(1, len(columns) + 1)}
    if axis[0][1] is not None:
        paths.add(())
    found = []
    for path in sorted(paths):
        printed = [path[at] if at < len(path) else label for at, (_, label) in enumerate(axis)]
        conditions = [column + " = '" + value.replace("'", "''") + "'" for column, value in zip(columns, path)]
        found.append((printed, " AND ".join(conditions) or "TRUE"))
    return found


def cells(db: duckdb.DuckDBPyConnection, table: Table) -> dict[tuple[str, ...], list[int]]:
    """Counts of every combination of places, the empty ones too.

    The rows are grouped by all dimension columns once; then every place of every axis gathers its rows. That is not how
    Accord does it, which adds children into their parents.
    """
    columns = [name for axis in table.axes for name, _ in axis]
    sums = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in table.counts.values())
    # For each axis, from a leaf to all places above it.
    above = []
    every_place = []
    for axis in table.axes:
        names = [name for name, _ in axis]
        leaves = {}
        found = places(db, axis)
        for printed, condition in found:
            for leaf in db.execute(f"SELECT DISTINCT {', '.join(names)} FROM outcomes WHERE {condition}").fetchall():
                leaves.setdefault(leaf, []).append(tuple(printed))
        above.append((len(names), leaves))
        every_place.append([tuple(printed) for printed, _ in found])
    result = {sum(combination, ()): [0] * len(table.counts) for combination in itertools.product(*every_place)}
    query = f"SELECT {', '.join(columns)}, {sums} FROM outcomes GROUP BY ALL"
    for row in db.execute(query).fetchall():
        values, counts = row[: len(columns)], row[len(columns) :]
        at = 0
        options = []
        for width, leaves in above:
            options.append(leaves[values[at : at + width]])
            at += width
        for combination in itertools.product(*options):
            target = result[sum(combination, ())]
            for index, count in enumerate(counts):
                target[index] += count
    return result


def percent(numerator: int, denominator: int) -> str:
    if denominator == 0:
        return ""
    return str((Decimal(100 * numerator) / denominator).quantize(Decimal("0.1"), ROUND_HALF_UP))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", choices=sorted(TABLES))
    parser.add_argument("extracts", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.create_function("name_key", name_key, ["VARCHAR"], "VARCHAR", null_handling="special")
    {"college_going": college_going, "oulad": oulad}[arguments.pipeline](db, arguments.extracts)

    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "dimensions", "measure", "value"])
        for name, table in TABLES[arguments.pipeline].items():
            columns = [column for axis in table.axes for column, _ in axis]
            for printed, counts in cells(db, table).items():
                key = json.dumps(dict(zip(columns, printed)), sort_keys=True, ensure_ascii=False)
                by_name = dict(zip(table.counts, counts))
                for measure, value in by_name.items():
                    writer.writerow([name, key, measure, value])
                for measure, (above, below) in table.rates.items():
                    writer.writerow([name, key, measure, percent(by_name[above], by_name[below])])


if __name__ == "__main__":
    main()
