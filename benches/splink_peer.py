"""Splink on two files with the comparisons of `linkage.py`: splink_peer.py LEFT.csv RIGHT.csv PAIRS.csv

Beside PAIRS.csv goes PAIRS.json: how many pairs were compared and scored, and in how many seconds, the blocking join
included.
"""

import json
import logging
import sys
import time

import duckdb
import splink.comparison_library as compare
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

logging.getLogger("splink").setLevel(logging.ERROR)
left, right, out = sys.argv[1:4]
connection = duckdb.connect()
connection.execute("set threads = 2")
api = DuckDBAPI(connection=connection)
READ = """select id, nullif(upper(first_name), '') first_name, nullif(upper(substr(middle_name, 1, 1)), '') middle_name,
    nullif(upper(last_name), '') last_name, nullif(birth_date, '') birth_date, nullif(upper(sex), '') sex
    from read_csv('{}', header = true, all_varchar = true)"""
tables = [api.register(connection.sql(READ.format(path)).to_arrow_table()) for path in (left, right)]
blocking = [
    block_on("first_name", "last_name"),
    block_on("birth_date"),
    block_on("last_name", "substr(birth_date, 1, 4)"),
    block_on("first_name", "substr(birth_date, 1, 4)"),
    block_on("last_name", "substr(first_name, 1, 1)", "middle_name"),
    block_on("first_name", "substr(birth_date, 6, 5)"),
]
comparisons = [
    compare.NameComparison("first_name").configure(term_frequency_adjustments=True),
    compare.NameComparison("last_name").configure(term_frequency_adjustments=True),
    compare.ExactMatch("middle_name").configure(term_frequency_adjustments=True),
    compare.DateOfBirthComparison(
        "birth_date", input_is_string=True, datetime_format="%Y-%m-%d", invalid_dates_as_null=True),
    compare.ExactMatch("sex"),
]
settings = SettingsCreator(
    unique_id_column_name="id", link_type="link_only", comparisons=comparisons,
    blocking_rules_to_generate_predictions=blocking)
linker = Linker(tables, settings)
training = linker.training
training.estimate_probability_two_random_records_match([block_on("first_name", "last_name", "birth_date")], recall=0.8)
training.estimate_u_using_random_sampling(max_pairs=1e6)
for rule in (block_on("birth_date"), block_on("first_name", "last_name")):
    training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True)
begin = time.monotonic()
blocked = linker.inference.compute_blocked_pairs_for_predict()
predicted = linker.inference.predict(threshold_match_probability=0.01)
seconds = time.monotonic() - begin
compared = connection.sql(f"select count(*) from {blocked.physical_name}").fetchall()[0][0]
with open(out.removesuffix(".csv") + ".json", "w", encoding="utf-8") as file:
    json.dump({"compared": compared, "seconds": seconds}, file)
pairs = predicted.as_duckdbpyrelation()
first = {row[0] for row in connection.sql(READ.format(left)).project("id").fetchall()}
with open(out, "w", encoding="utf-8") as file:
    for one, other, probability in pairs.project("id_l, id_r, match_probability").fetchall():
        one, other = (one, other) if one in first else (other, one)
        file.write(f"{one},{other},{probability}\n")
