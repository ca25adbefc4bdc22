//! Deliveries: changes replayed, dated rows, snapshots, corrections, windows, and partners who are late.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::OnceLock;

use arrow::util::display::array_value_to_string;
use jiff::ToSpan;
use jiff::civil::Date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::harness::{Ran, Workspace};

const HEADER: &str = "student_id,course,grade,since,action\n";
const FROM: &str = "grades/grades_{date:YYYYMMDD}*.csv";
const TRANSACTIONS: &str = "  mode: transactions\n  key: [student_id, course]\n  \
                            action: { field: action, add: [A], change: [C], delete: [D] }\n";
const EFFECTIVE: &str = "  mode: effective_dated\n  key: [student_id, course]\n  effective: since\n";
const SNAPSHOTS: &str = "  snapshots: true\n";
const REPLACEMENT: &str = "  mode: replacement\n";
/// Grades as they are.
const GRADES: &str = "SELECT person, grade FROM sources.grades";

/// A workspace of one registrar who delivers grades; no count is so small that it is hidden.
struct World(Workspace);

impl World {
    /// `delivery` is the clause of the contract, indented by two.
    fn new(delivery: &str, pick: &str, sql: &str) -> Self {
        static TEMPLATE: OnceLock<Workspace> = OnceLock::new();
        let make = || {
            let workspace = Workspace::with_keys();
            let agreement = workspace.read("config/agreements/oulad-2026.yaml");
            let (before, after) = (agreement.find("data:").unwrap(), agreement.find("outputs:").unwrap());
            let data = "data:\n  - contract: grades\n    link: [student_id]\n    analyse: [course, grade, since]\n";
            let agreement = format!("{}{data}{}", &agreement[..before], &agreement[after..])
                .replace("oulad-2026", "grades-2026")
                .replace(
                    "minimum_cell: 11",
                    "minimum_cell: 2\n  protection: { level: exact, homogeneous: print, contributor: false }",
                )
                .replace("dimensions: [", "dimensions: [grade, ");
            workspace.write("config/agreements/grades-2026.yaml", agreement);
            World::write_contract(&workspace, REPLACEMENT);
            World::write_pipeline(&workspace, FROM, "all", GRADES);
            workspace.ok("keys new grades-2026");
            workspace
        };
        let world = Self(TEMPLATE.get_or_init(make).copy());
        Self::write_contract(&world.0, delivery);
        Self::write_pipeline(&world.0, FROM, pick, sql);
        world
    }

    fn write_contract(workspace: &Workspace, delivery: &str) {
        workspace.write(
            "config/contracts/grades.yaml",
            format!(
                r#"id: grades
version: 1.0.0
partner: registrar
title: Grades
format: {{ type: delimited, delimiter: ",", header: true }}
encoding: utf-8
person: [student_id]
fields:
  - {{ name: student_id, type: string, required: true, normalise: digits }}
  - {{ name: course, type: string, required: true }}
  - {{ name: grade, type: string, required: true, allowed: {{ A: best, B: good, C: fair }} }}
  - {{ name: since, type: date, required: true, date_formats: [YYYY-MM-DD] }}
  - {{ name: action, type: string, required: true, allowed: {{ A: added, C: changed, D: deleted }} }}
thresholds: {{ rejected: 60%, row_change: 100000% }}
delivery:
{delivery}"#
            ),
        );
    }

    fn write_pipeline(workspace: &Workspace, from: &str, pick: &str, sql: &str) {
        workspace.write(
            "pipelines/grades/pipeline.yaml",
            format!(
                r#"name: grades
title: Grades
agreement: grades-2026
purpose: course_outcomes
sources:
  grades:
    contract: grades
    from: {from}
    pick: {pick}
models:
  outcomes: outcomes.sql
tables:
  grades:
    from: outcomes
    counts: enrolment
    dimensions:
      grade: {{ total: All }}
    measures:
      enrolments: {{ count: true }}
disclosure: {{ level: exact, zeros: print, homogeneous: print, contributor: false }}
release: {{ recipients: [district_analysts] }}
"#
            ),
        );
        workspace.write("pipelines/grades/outcomes.sql", sql);
    }

    /// Another pattern of names.
    fn from(&self, from: &str, pick: &str) {
        Self::write_pipeline(&self.0, from, pick, GRADES);
    }

    fn deliver(&self, name: &str, rows: &[String]) {
        self.0.write(&format!("fixtures/grades/grades_{name}.csv"), format!("{HEADER}{}", rows.concat()));
    }

    fn run(&self) -> Ran {
        self.0.run("run grades --output json")
    }

    /// Runs; the books balance.
    #[track_caller]
    fn report(&self) -> Value {
        let report = self.run().expect(0).json()["pipelines"][0].clone();
        if report["outcome"]["outcome"] == "candidate" {
            let book = &report["books"]["sources"][0];
            let rows = |name: &str| book[name].as_u64().unwrap();
            let places = ["rows_out", "rejected", "without_key", "superseded", "deletions", "without_person"];
            assert_eq!(rows("rows_in"), places.into_iter().map(rows).sum::<u64>(), "{book}");
        }
        report
    }

    #[track_caller]
    fn book(&self) -> Value {
        self.report()["books"]["sources"][0].clone()
    }

    /// How many threes of enrolments have each grade, by the newest candidate.
    #[track_caller]
    fn counts(&self) -> BTreeMap<String, u64> {
        let folder = self.0.path(&format!("var/state/candidates/grades/{}", self.0.candidate("grades")));
        let file = find(&folder, "grades.parquet").expect("the table");
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
        let mut counts = BTreeMap::new();
        for batch in reader.map(Result::unwrap) {
            let text = |column: &str, row| array_value_to_string(batch.column_by_name(column).unwrap(), row).unwrap();
            for row in 0..batch.num_rows() {
                let count = text("enrolments", row).parse::<u64>().expect("a count that is shown");
                if count > 0 && text("grade", row) != "All" {
                    counts.insert(text("grade", row), threes(&count.into()));
                }
            }
        }
        counts
    }

    /// The bytes of the newest candidate's tables.
    fn tables(&self) -> Vec<Vec<u8>> {
        let folder = format!("var/state/candidates/grades/{}", self.0.candidate("grades"));
        let mut files = self.0.files(&folder);
        files.retain(|(name, _)| name.ends_with(".parquet"));
        files.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find_map(|path| if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) })
}

/// Rows of three students each, so that no count is under the minimum cell: all that is counted is counted in threes.
fn row(student: u32, course: &str, grade: &str, since: &str, action: &str) -> String {
    (0..3).map(|one| format!("{:010},{course},{grade},{since},{action}\n", 3 * student + one + 17)).collect()
}

/// A number that counts in threes.
#[track_caller]
fn threes(number: &Value) -> u64 {
    let number = number.as_u64().expect("a number");
    assert!(number.is_multiple_of(3), "{number}");
    number / 3
}

fn add(student: u32, grade: &str) -> String {
    row(student, "c1", grade, "2026-01-01", "A")
}

fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(grade, count)| ((*grade).to_owned(), *count)).collect()
}

fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn compact(day: Date) -> String {
    day.to_string().replace('-', "")
}

/// One row: student, course, grade, action.
type Change = (u32, u8, usize, usize);

#[test]
fn transactions_end_where_an_independent_replay_ends() {
    let world = World::new(TRANSACTIONS, "all", GRADES);
    let history =
        prop::collection::vec(prop::collection::vec((0_u32..40, 0_u8..2, 0_usize..3, 0_usize..4), 1..120), 2..6);
    let config = Config { cases: 4, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner
        .run(&history, |deliveries: Vec<Vec<Change>>| {
            let _ = std::fs::remove_dir_all(world.0.path("fixtures/grades"));
            let mut state: BTreeMap<(u32, u8), &str> = BTreeMap::new();
            let (mut deletions, mut unknown) = (0, 0);
            // Something is always there, so that there is a table.
            world.deliver("20260101", &[add(1000, "A")]);
            state.insert((1000, 1), "A");
            for (at, changes) in deliveries.iter().enumerate() {
                let mut rows = Vec::new();
                for &(student, course, grade, action) in changes {
                    // Additions are as frequent as changes and deletions together.
                    let (grade, action) = (["A", "B", "C"][grade], ["A", "A", "C", "D"][action]);
                    rows.push(row(student, &format!("c{course}"), grade, "2026-01-01", action));
                    if action == "D" {
                        deletions += 1;
                        unknown += u64::from(state.remove(&(student, course)).is_none());
                    } else {
                        state.insert((student, course), grade);
                    }
                }
                let name = format!("2026020{}", at + 1);
                world.deliver(&name, &rows);
                // A file that came twice is read once.
                world.deliver(&format!("2026030{}", at + 1), &rows);
            }
            let book = world.book();
            let mut expected = BTreeMap::new();
            state.values().for_each(|grade| *expected.entry((*grade).to_owned()).or_insert(0) += 1);
            prop_assert_eq!(world.counts(), expected);
            prop_assert_eq!(threes(&book["deletions"]), deletions);
            prop_assert_eq!(threes(&book["unknown_deletions"]), unknown);
            prop_assert_eq!(threes(&book["rows_out"]), state.len() as u64);
            let people: std::collections::BTreeSet<u32> = state.keys().map(|(student, _)| *student).collect();
            prop_assert_eq!(threes(&book["people"]), people.len() as u64);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_re_delivery_changes_nothing() {
    let first = [add(1, "A"), add(2, "B"), row(2, "c1", "C", "2026-02-01", "C")];
    let second = [row(1, "c1", "B", "2026-03-01", "D")];
    for (delivery, name) in
        [(TRANSACTIONS, "20260401"), (EFFECTIVE, "20260401"), (REPLACEMENT, "20260401"), (SNAPSHOTS, "20260101_again")]
    {
        let world = World::new(delivery, "all", GRADES);
        world.deliver("20260101", &first);
        world.deliver("20260201", &second);
        assert_eq!(world.report()["outcome"]["outcome"], "candidate");
        // The first delivery once more, after a change of what it said.
        world.deliver(name, &first);
        assert_eq!(world.report()["outcome"]["outcome"], "unchanged", "{delivery}");
    }
}

#[test]
fn a_correction_replaces_exactly_what_it_corrects() {
    let (may, june) = ([add(1, "A"), add(2, "B")], [add(3, "B"), add(4, "C")]);
    let corrected = [add(1, "C")];
    let from = "grades/grades_{period}_v{version}.csv";
    for delivery in [TRANSACTIONS, EFFECTIVE, REPLACEMENT] {
        let (late, right) = (World::new(delivery, "all", GRADES), World::new(delivery, "all", GRADES));
        for world in [&late, &right] {
            world.from(from, "all");
            world.deliver("2026-06_v1", &june);
        }
        // The tenth version corrects the ninth, and it is about May though it came after June.
        late.deliver("2026-05_v9", &may);
        assert_eq!(late.report()["outcome"]["outcome"], "candidate");
        assert_eq!(late.counts(), counts(&[("A", 1), ("B", 2), ("C", 1)]), "{delivery}");
        late.deliver("2026-05_v10", &corrected);
        let report = late.report();
        let replaced = &report["books"]["sources"][0]["replaced"][0];
        assert_eq!(replaced["path"], "grades/grades_2026-05_v9.csv");
        assert_eq!(replaced["by"], "grades/grades_2026-05_v10.csv");
        right.deliver("2026-05_v1", &corrected);
        right.report();
        assert!(late.tables() == right.tables(), "{delivery}: as if the corrected one had come alone");
        assert_eq!(late.counts(), counts(&[("B", 1), ("C", 2)]), "{delivery}");
    }
    // Without a version the later name of the same day corrects, and a re-delivery of what was corrected does not.
    let world = World::new(REPLACEMENT, "all", GRADES);
    world.deliver("20260501", &may);
    world.deliver("20260501_b", &corrected);
    world.deliver("20260501_c", &may);
    assert_eq!(world.book()["replaced"].as_array().unwrap().len(), 2);
    assert_eq!(world.counts(), counts(&[("C", 1)]));
}

#[test]
fn parts_of_a_delivery_do_not_correct_one_another() {
    let world = World::new(REPLACEMENT, "newest", GRADES);
    world.from("grades/grades_{date:YYYYMMDD}_{part}of2_v{version}.csv", "newest");
    world.deliver("20260401_1of2_v1", &[add(9, "C")]);
    world.deliver("20260501_1of2_v1", &[add(1, "A")]);
    world.deliver("20260501_2of2_v1", &[add(2, "B")]);
    world.deliver("20260501_2of2_v2", &[add(2, "C")]);
    let book = world.book();
    assert_eq!(world.counts(), counts(&[("A", 1), ("C", 1)]));
    assert_eq!(book["replaced"].as_array().unwrap().len(), 1);
}

#[test]
fn effective_dated_rows_answer_as_of_any_day() {
    let as_of = "SELECT person, grade FROM sources.grades \
                 WHERE since <= DATE '2026-03-15' AND (effective_until IS NULL OR effective_until > DATE '2026-03-15')";
    let world = World::new(EFFECTIVE, "all", as_of);
    let at = |student, grade, since| row(student, "c1", grade, since, "A");
    world.deliver(
        "20260401",
        &[at(1, "A", "2026-01-01"), at(1, "B", "2026-03-15"), at(2, "A", "2026-03-16"), at(3, "A", "2026-02-01")],
    );
    // A later delivery says another thing of the same day, ends one row earlier, and comes out of order.
    world.deliver(
        "20260501",
        &[at(1, "C", "2026-04-01"), at(1, "C", "2026-03-15"), at(3, "B", "2026-03-01"), at(4, "B", "2026-03-14")],
    );
    let book = world.book();
    assert_eq!(world.counts(), counts(&[("B", 2), ("C", 1)]));
    assert_eq!((threes(&book["superseded"]), threes(&book["rows_out"])), (1, 7));
    // Each key is in effect once on each day.
    World::write_pipeline(
        &world.0,
        FROM,
        "all",
        "SELECT one.person, one.grade FROM sources.grades AS one JOIN sources.grades AS other \
         ON one.person = other.person AND one.since < other.since AND one.effective_until > other.since",
    );
    world.0.run("run grades").expect(0).says("outcomes: 0 rows");
}

#[test]
fn snapshots_keep_history_by_the_day_in_their_names() {
    let world = World::new(SNAPSHOTS, "all", GRADES);
    world.0.replace("config/contracts/grades.yaml", "name: student_id,", "name: student_id, unique: true,");
    world.deliver("20260501", &[add(1, "A"), add(2, "A")]);
    // Nothing changed in a month: the same bytes are a snapshot of their own day. In July somebody is there twice.
    world.deliver("20260601", &[add(1, "A"), add(2, "A")]);
    world.deliver("20260701", &[add(1, "C"), add(1, "B"), add(3, "A"), add(4, "A")]);
    assert_eq!(threes(&world.book()["rejected"]), 1, "rules hold within each snapshot");
    assert_eq!(world.counts(), counts(&[("A", 6), ("C", 1)]));
    let as_of = |day: &str| {
        let sql = format!("{GRADES} WHERE snapshot_date = DATE '{day}'");
        World::write_pipeline(&world.0, FROM, "all", &sql);
        world.report();
        world.counts()
    };
    assert_eq!(as_of("2026-06-01"), counts(&[("A", 2)]));
    assert_eq!(as_of("2026-07-01"), counts(&[("A", 2), ("C", 1)]));
    // Another day for the same bytes is another candidate.
    let grades = |day: &str| world.0.path(&format!("fixtures/grades/grades_{day}.csv"));
    std::fs::rename(grades("20260701"), grades("20260702")).unwrap();
    assert_eq!(world.report()["outcome"]["outcome"], "candidate");
    assert_eq!(as_of("2026-07-02"), counts(&[("A", 2), ("C", 1)]));
}

#[test]
fn windows_take_deliveries_by_their_day_and_change_nothing_but_what_is_read() {
    let world = World::new(REPLACEMENT, "all", GRADES);
    let day = |ago: i64| compact(today() - ago.days());
    for (ago, student, grade) in [(40, 1, "A"), (9, 2, "B"), (2, 3, "C")] {
        world.deliver(&day(ago), &[add(student, grade)]);
    }
    let picks = |pick: &str| {
        world.from(FROM, pick);
        world.report();
        world.counts().into_keys().collect::<String>()
    };
    assert_eq!(picks("all"), "ABC");
    assert_eq!(picks("newest"), "C");
    assert_eq!(picks("{ last: 2 }"), "BC");
    assert_eq!(picks("{ within: 10d }"), "BC");
    assert_eq!(picks("{ within: 9d }"), "C");
    let window = format!("{{ window: {{ from: {}, until: {} }} }}", today() - 40.days(), today() - 9.days());
    assert_eq!(picks(&window), "AB");
    // A re-delivery is none of the last two, whatever its name.
    world.deliver(&day(1), &[add(3, "C")]);
    assert_eq!(picks("{ last: 2 }"), "BC");
    world.from(FROM, "{ window: { until: 2020-01-01 } }");
    world.run().expect(4);
    world.0.run("run grades").expect(4).says("widen `pick`");
}

#[test]
fn a_late_partner_is_said_and_one_that_is_too_late_or_missing_stops_the_pipeline() {
    let limits = "  freshness: { warn: 8d, error: 15d, every: 7d }\n";
    let world = World::new(limits, "all", GRADES);
    let delivered = |ago: i64| {
        let _ = std::fs::remove_dir_all(world.0.path("fixtures/grades"));
        world.deliver(&compact(today() - (ago + 7).days()), &[add(1, "A")]);
        world.deliver(&compact(today() - ago.days()), &[add(2, "B")]);
    };
    delivered(8);
    // On the last day of each limit it is not beyond it.
    let report = world.report();
    assert_eq!(report["freshness"][0]["state"], "fresh");
    assert_eq!(report["freshness"][0]["gaps"], Value::Array(Vec::new()), "seven days lie between them");
    let candidate = world.0.candidate("grades");
    delivered(9);
    let report = world.report();
    assert_eq!(
        (&report["freshness"][0]["state"], &report["outcome"]["outcome"]),
        (&"late".into(), &"unchanged".into())
    );
    world.0.run("run grades").expect(0).says("grades of registrar: late, last delivery of ").says("9 days ago");
    delivered(15);
    assert_eq!(world.report()["freshness"][0]["state"], "late");
    delivered(16);
    let refused = world.0.run("run grades").expect(4).says("of registrar").says("16 days ago; the limit is 15d");
    refused.says("ask registrar for a new delivery").says("the last release stays");
    assert_eq!(world.0.candidate("grades"), candidate, "what was there stays");
    std::fs::remove_dir_all(world.0.path("fixtures/grades")).unwrap();
    world.0.run("run grades").expect(4).says("ask the partner");
    // Eight days between two deliveries are a day too many.
    delivered(0);
    world.deliver(&compact(today() - 15.days()), &[add(3, "C")]);
    let said = world.0.run("run grades --again").expect(0);
    let gap = format!("no delivery between {} and {}", today() - 15.days(), today() - 7.days());
    assert!(said.stderr.contains(&gap), "{}", said.stderr);
}

#[test]
fn changes_of_rows_that_are_not_there_are_said_or_refused() {
    let world = World::new(TRANSACTIONS, "all", GRADES);
    world.deliver(
        "20260101",
        &[add(1, "A"), row(2, "c1", "B", "2026-01-01", "C"), row(3, "c1", "B", "2026-01-01", "D")],
    );
    let run = world.0.run("run grades").expect(0);
    assert!(run.stderr.contains("changes and deletes rows that are not there"), "{}", run.stderr);
    assert_eq!(world.counts(), counts(&[("A", 1), ("B", 1)]));
    World::write_contract(&world.0, &format!("{TRANSACTIONS}  unknown_keys: refuse\n"));
    world.0.run("run grades").expect(4).says("rows that are not there").says("a delivery is missing or out of order");
}

#[test]
fn what_is_settled_does_not_depend_on_threads_or_memory() {
    let rows = |from: u32| -> Vec<String> {
        let action = |n: u32| ["A", "C", "D"][(n * 7 % 3) as usize];
        (from..from + 3000)
            .map(|n| row(n * 37 % 1009, "c1", ["A", "B", "C"][(n % 3) as usize], "2026-01-01", action(n)))
            .collect()
    };
    let worlds: Vec<World> = (0..2).map(|_| World::new(TRANSACTIONS, "all", GRADES)).collect();
    for world in &worlds {
        world.deliver("20260101", &rows(0));
        world.deliver("20260102", &rows(5000));
    }
    worlds[1].0.replace("config/accord.yaml", "memory_limit: 512MiB", "memory_limit: 64MiB\n  threads: 1");
    let books: Vec<Value> = worlds.iter().map(World::book).collect();
    assert_eq!(books[0], books[1]);
    assert!(worlds[0].tables() == worlds[1].tables());
}

#[test]
fn what_deliveries_add_can_be_read_and_nothing_else_of_them() {
    for hidden in ["action", "row_key", "student_id"] {
        let world = World::new(
            TRANSACTIONS,
            "all",
            &format!("SELECT person, grade FROM sources.grades WHERE {hidden} IS NOT NULL"),
        );
        world.deliver("20260101", &[add(1, "A")]);
        let code = if hidden == "row_key" { 3 } else { 5 };
        world.0.run("run grades").expect(code).says(hidden);
    }
    let world = World::new(EFFECTIVE, "all", GRADES);
    world.0.replace(
        "config/agreements/grades-2026.yaml",
        "analyse: [course, grade, since]",
        "analyse: [course, grade]",
    );
    world.0.run("check").expect(5).says("effective_until");
    let world = World::new(&format!("{TRANSACTIONS}  freshness: {{ warn: 8d, error: 15d }}\n"), "all", GRADES);
    let page = world.0.ok("plan grades").says("delivered as changes, replayed by student_id + course");
    page.says("late after 8d, refused after 15d");
}
