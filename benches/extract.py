"""The extract that the intake is measured on, and a workspace that reads it."""

import os
import random

COLUMNS = ["student_id", "last_name", "first_name", "birth_date", "gender", "cds_code", "school",
           "grade", "entry_date", "exit_date", "exit_code", "credits"]
LAST = ["Smith", "Garcia", "Nguyen", "Johnson", "Hernandez", "Lee", "Williams", "Martinez", "Kim", "Brown", "O'Brien",
        "De La Cruz", "Lopez", "Patel", "Jones", "Rodriguez", "Núñez", "Davis", "Chen", "Smith-Jones", "Wilson Jr"]
FIRST = ["Maria", "James", "José", "Linh", "Olivia", "Noah", "Emma", "Daniel", "Sofía", "Ava", "Ethan", "Mia",
         "Christopher", "Alexander", "Isabella", "Li", "Ana", "Jo"]
EXITS = ["E125", "E130", "E155", "E230", "T160", "T180"]
KINDS = ["Senior High", "Senior High School", "High School", "Continuation School"]
ROWS_A_TIME = 100_000


def write(path, rows, damaged=1000):
    """`rows` rows with an id of their own each, just under 100 bytes a row; one in `damaged` does not fit the contract."""
    dice = random.Random(20)
    # Parts that are drawn from, so that a hundred million values need not be put together one by one.
    people = [f"{dice.choice(LAST)},{dice.choice(FIRST)},{2003 + dice.randrange(8)}-{dice.randrange(12) + 1:02}-"
              f"{dice.randrange(28) + 1:02},{dice.choice('FMX')}," for _ in range(5003)]
    schools = [f"1964733{1930000 + dice.randrange(900)},{dice.choice(LAST)} {dice.choice(KINDS)},{dice.randrange(9, 13)},"
               for _ in range(997)]
    times = [f"202{dice.randrange(3)}-08-{dice.randrange(28) + 1:02},"
             + ("," if dice.random() < 0.8 else f"2024-0{dice.randrange(1, 7)}-15,{dice.choice(EXITS)}")
             + f",{dice.randrange(0, 60)}.{dice.choice(['0', '5', '25'])}" for _ in range(2003)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for start in range(0, rows, ROWS_A_TIME):
            lines = []
            for row in range(start, min(rows, start + ROWS_A_TIME)):
                # An odd factor makes the ids a permutation: each once, in no order.
                number = row * 2_654_435_761 % 10_000_000_019
                line = f"{number:010},{people[row % 5003]}{schools[row % 997]}{times[row % 2003]}\n"
                if damaged and row % damaged == damaged - 1:
                    line = line.replace(",1964733", ",964733")
                lines.append(line)
            file.write("".join(lines))
    return os.path.getsize(path)


CONTRACT = """\
id: enrollment
version: 1.0.0
partner: district
title: Enrollments of a school year
format: {{ type: delimited, delimiter: ",", header: true }}
encoding: utf-8
person: [student_id]
fields:
  - {{ name: student_id, type: string, required: true, normalise: digits, pattern: "[0-9]{{10}}"{unique},
      placeholders: {{ values: ["0000000000", "9999999999"], action: reject }} }}
  - {{ name: last_name, type: string, required: true, clean: [trim], normalise: name }}
  - {{ name: first_name, type: string, required: true, clean: [trim], normalise: name }}
  - {{ name: birth_date, type: date, date_formats: [YYYY-MM-DD], required: true, minimum: 1990-01-01, maximum: 2020-12-31 }}
  - {{ name: gender, type: string, required: true, allowed: {{ F: female, M: male, X: nonbinary }} }}
  - {{ name: cds_code, type: string, required: true, length: {{ minimum: 14, maximum: 14 }} }}
  - {{ name: school, type: string, required: true, clean: [trim] }}
  - {{ name: grade, type: integer, required: true, minimum: 0, maximum: 12 }}
  - {{ name: entry_date, type: date, date_formats: [YYYY-MM-DD], required: true }}
  - {{ name: exit_date, type: date, date_formats: [YYYY-MM-DD] }}
  - {{ name: exit_code, type: string,
      allowed: {{ E125: left, E130: died, E155: moved, E230: completed, T160: transferred, T180: transferred }} }}
  - {{ name: credits, type: decimal, precision: 6, scale: 2 }}
rules:
  - {{ type: compare, left: exit_date, is: ">=", right: {{ field: entry_date }}, when_missing: admit }}
"""
FILES = {
    "config/accord.yaml": """\
name: Bench
extracts: { type: fs, root: extracts }
state: { type: fs, root: var/state }
published: { type: fs, root: var/published }
keyring: { directory: var/keys, unlock: { identity: { file: var/keys/operator.age-identity } } }
engine: { memory_limit: 512MiB }
""",
    "config/roles.yaml": """\
operators:
  nightly: { title: Nightly job }
stewards:
  one: { title: Data steward of the district, party: district, public_key: { file: var/keys/one.pub } }
  two: { title: Data steward of the county, party: county, public_key: { file: var/keys/two.pub } }
recipients:
  public: { title: Anyone }
""",
    "config/agreements/bench.yaml": """\
id: bench
title: Enrollments by grade
status: active
legal_basis: open-licence
effective: { from: 2020-01-01, until: 2120-01-01 }
parties:
  district: { name: A district, role: [provider, recipient] }
  county: { name: A county, role: [recipient] }
purposes:
  count: Count enrollments by grade.
data:
  - contract: enrollment
    clause: all
    link: [student_id]
    analyse: [last_name, first_name, birth_date, gender, cds_code, school, grade, entry_date, exit_date, exit_code,
      credits]
outputs:
  minimum_cell: 11
  complementary_suppression: required
  dimensions: [grade]
  recipients: [public]
approvals: { required: 2, one_from_each: [district, county], not_by: [run_author], expires_after: 14d }
retention: { extracts: 30d, quarantine: 30d, pseudonymized: until_agreement_ends }
""",
    "pipelines/bench/pipeline.yaml": """\
name: bench
title: Enrollments by grade
agreement: bench
purpose: count
schedule: "0 2 * * *"
sources:
  enrollment: { contract: enrollment, from: enrollment.csv, pick: newest }
identity: {}
models:
  grades: grades.sql
tables:
  by_grade:
    title: Enrollments by grade
    from: grades
    counts: enrollment
    dimensions:
      grade: { total: All grades }
    measures:
      enrollments: { count: true, description: Enrollments }
release:
  recipients: [public]
""",
    "pipelines/bench/grades.sql": "select cast(grade as varchar) as grade from sources.enrollment\n",
}


def workspace(folder, unique=False):
    """A workspace in `folder` that reads `extracts/enrollment.csv`."""
    contract = CONTRACT.format(unique=", unique: true" if unique else "")
    for name, text in {**FILES, "config/contracts/enrollment.yaml": contract}.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
