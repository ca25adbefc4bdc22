//! `accord protect` and `accord audit`: tables in files, without a workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{REPOSITORY, Workspace, python};

const CONNECTICUT: &str = "fixtures/tables/connecticut/graduation.yaml";
const SCHOOLS: &str = "fixtures/tables/schools/schools.yaml";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// How many figures fall a way.
fn of_way(report: &Value, way: &str) -> u64 {
    let ways = report["ways"].as_array().into_iter().flatten();
    ways.into_iter().find(|one| one["way"] == way).and_then(|one| one["figures"].as_u64()).unwrap_or(0)
}

fn sum(report: &Value, column: &str) -> u64 {
    report["tables"].as_array().into_iter().flatten().filter_map(|table| table[column].as_u64()).sum()
}

/// The figures of this test were counted by another program, written for it, in another language.
#[test]
fn what_is_known_to_leak_in_connecticuts_graduation_rates_is_found() {
    let workspace = Workspace::bare();
    let report = json(&workspace.run(&format!("audit --spec {CONNECTICUT} --output json")).expect(6).stdout);
    assert_eq!((sum(&report, "hidden"), sum(&report, "hidden_rates")), (973, 989));
    assert_eq!(of_way(&report, "rate_beside"), 91, "hidden rates whose two counts stand beside them");
    let subtracted = ["subtraction", "parts", "steps", "impossible"].map(|way| of_way(&report, way));
    assert_eq!(subtracted.iter().sum::<u64>(), 61);
    assert_eq!((of_way(&report, "nothing"), sum(&report, "fallen")), (19, 80));
    assert_eq!(report["impossible"], 1, "one hidden count would have to be negative");
    assert_eq!(report["contradictions"], 9, "some districts' parts do not add up to their cohort");
    assert_eq!(report["passed"], false);
    assert_eq!(report["worst"].as_array().map(Vec::len), Some(10));
    counted_alike(&workspace, &workspace.path("fixtures/tables/connecticut"), &report);
}

/// Every figure of an audit's report is what `tests/python/leaks.py` counts in the files.
fn counted_alike(workspace: &Workspace, folder: &Path, report: &Value) {
    workspace.write("report.json", report.to_string());
    let path = workspace.path("report.json");
    let ran = python("leaks.py", &[folder.as_os_str(), "--report".as_ref(), path.as_os_str()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Nested parts under four classifications: what the state hid is made up, what it printed is kept.
#[test]
fn connecticuts_districts_protected_again_leave_nothing() {
    let workspace = Workspace::bare();
    let (from, spec) = ("fixtures/tables/connecticut/completed", "districts.yaml");
    workspace.ok(&format!("protect --spec {from}/{spec} --out safe"));
    let text = workspace.read(&format!("{from}/{spec}"));
    workspace.write(&format!("safe/{spec}"), &text);
    let report = json(&workspace.ok(&format!("audit --spec safe/{spec} --output json")).stdout);
    for fault in ["small", "homogeneous", "small_sums", "bounds", "printed_small", "undecided", "contradictions"] {
        assert_eq!(report[fault], 0, "{fault}");
    }
    assert_eq!(report["passed"], true);
    assert_eq!((sum(&report, "fallen"), sum(&report, "fallen_rates")), (report["empty"].as_u64().unwrap(), 0));
    assert!(sum(&report, "hidden") > 500, "{}", sum(&report, "hidden"));
    let race = "four-year-graduation-rates__2012-13_race_grad.csv";
    let (before, after) = (workspace.read(&format!("{from}/{race}")), workspace.read(&format!("safe/{race}")));
    let small = |line: &&str| line.split("\",\"").skip(3).take(2).any(|word| matches!(word.parse(), Ok(1..=5)));
    assert!(before.lines().filter(small).count() > 20);
    assert_eq!(after.lines().filter(small).count(), 0);
}

#[test]
fn the_report_for_people_names_figures_and_shows_no_value() {
    let workspace = Workspace::bare();
    let ran = workspace.run(&format!("audit --spec {CONNECTICUT} --html page.html")).expect(6);
    for said in ["subtraction from a whole and its parts", "The worst", "What would have prevented it", "S6"] {
        assert!(ran.stdout.contains(said), "{said} is not in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no colour where there is no terminal");
    assert!(workspace.run(&format!("audit --spec {CONNECTICUT} --color always")).stdout.contains("\u{1b}[1;31m"));
    let page = workspace.read("page.html");
    assert!(page.contains("prefers-color-scheme") || page.contains("color-scheme: light dark"));
    assert!(page.contains("@media print") && !page.contains("<script") && !page.contains("http://"));
    let again = workspace.run(&format!("audit --spec {CONNECTICUT} --html page.html")).expect(2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
}

#[test]
fn a_table_is_protected_written_and_passes_its_audit() {
    let workspace = Workspace::bare();
    let ran = workspace.ok(&format!("protect --spec {SCHOOLS} --out protected.csv --steward-out reasons.csv"));
    assert!(ran.stderr.contains("for stewards only"), "{}", ran.stderr);
    let (before, after) = (workspace.read("fixtures/tables/schools/schools.csv"), workspace.read("protected.csv"));
    for line in before.lines().skip(1) {
        let (cell, value) = line.rsplit_once(',').expect("a value");
        let small = value.parse::<u64>().expect("a number") < 11;
        let shown = after.contains(&format!("{line}\n"));
        assert!(shown || after.contains(&format!("{cell},*\n")), "{cell} has a row");
        assert!(!(small && shown), "{cell} is small and shown");
    }
    assert!(after.contains("All schools,All students,All,"), "totals are written");
    let reasons = workspace.read("reasons.csv");
    assert!(reasons.starts_with("stewards_only_") && reasons.contains("complementary"));
    workspace.write("fixtures/tables/schools/schools.csv", &after);
    workspace.ok(&format!("audit --spec {SCHOOLS}"));
    let again = workspace.run(&format!("protect --spec {SCHOOLS} --out protected.csv")).expect(4);
    assert!(again.stderr.contains("is hidden already"), "{}", again.stderr);
}

#[test]
fn files_that_are_there_are_kept_and_equal_tables_give_equal_bytes() {
    let workspace = Workspace::bare();
    workspace.ok(&format!("protect --spec {SCHOOLS} --out protected.csv"));
    let first = workspace.read("protected.csv");
    let ran = workspace.run(&format!("protect --spec {SCHOOLS} --out protected.csv")).expect(2);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    workspace.ok(&format!("protect --spec {SCHOOLS} --out protected.csv --force"));
    assert_eq!(workspace.read("protected.csv"), first);
}

#[test]
fn what_is_public_already_can_stop_a_protection_and_then_nothing_is_written() {
    let workspace = Workspace::bare();
    workspace.write("t.csv", "school,n\nA,5\nB,30\nC,40\nAll,75\n");
    workspace.write("before.csv", "school,n\nA,*\nB,30\nC,40\nAll,75\n");
    let spec = "policy: { zeros: print }\ntables:\n  t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } }\n\
        also_public:\n  before: { files: [before.csv], edition: release of 2024, like: t }\n";
    workspace.write("spec.yaml", spec);
    let ran = workspace.run("protect --spec spec.yaml --out out.csv").expect(6);
    assert!(ran.stderr.contains("release of 2024") && ran.stderr.contains("nothing was written"), "{}", ran.stderr);
    assert!(!workspace.path("out.csv").exists());
}

#[test]
fn a_drafted_spec_says_where_a_person_must_look() {
    let workspace = Workspace::bare();
    let file = "fixtures/tables/connecticut/four-year-graduation-rates__2012-13_lunch_grad.csv";
    let spec = workspace.ok(&format!("audit {file} --draft-spec")).stdout;
    for said in ["skip_rows: 4", "LOOK", "ratio: [graduation_count, four_year_cohort_count]", "keep: [District Code]"] {
        assert!(spec.contains(said), "{said} is not in\n{spec}");
    }
    workspace.write("fixtures/tables/connecticut/draft.yaml", &spec);
    let ran = workspace.run("audit --spec fixtures/tables/connecticut/draft.yaml --output json").expect(6);
    assert!(of_way(&json(&ran.stdout), "rate_beside") > 0);
}

/// Races of counties of 30,000 people and more, once the largest groups and once all: 12 points, and 13.
#[test]
fn a_table_of_thirteen_points_goes_to_review_and_one_of_twelve_does_not() {
    let workspace = Workspace::bare();
    workspace.write("t.csv", "county,race,n\nA,X,27\nA,Y,214\nB,X,318\nB,Y,46\n");
    let spec = |races: &str, over: &str| {
        format!(
            "policy: {{ score: {{ calhhs: edition_2, over: {over} }} }}\ntables:\n  cases:\n    files: [t.csv]\n    \
             score: [{{ months: 12 }}]\n    measures: {{ n: }}\n    dimensions:\n      \
             county: {{ total: All, score: {{ residence: 30000 }} }}\n      \
             race: {{ total: All, score: {{ race: {races} }} }}\n"
        )
    };
    workspace.write("twelve.yaml", spec("major", "refuse"));
    workspace.write("thirteen.yaml", spec("standard", "report"));
    workspace.write("refused.yaml", spec("standard", "refuse"));
    workspace.ok("protect --spec twelve.yaml --out twelve.csv").says("12 points, not above 12");
    workspace.ok("protect --spec thirteen.yaml --out thirteen.csv").says("13 points, above 12, statistical review");
    workspace.run("protect --spec refused.yaml --out refused.csv").expect(6).golden("score_refused");
    assert!(!workspace.path("refused.csv").exists());
    workspace.ok("audit --spec twelve.yaml").says("12 points, not above 12");
    workspace.ok("audit --spec thirteen.yaml --html page.html").golden("score_reported");
    let refused = workspace.run("audit --spec refused.yaml --output json").expect(6);
    let report = json(&refused.stdout);
    let score = &report["scores"][0];
    assert_eq!((&report["passed"], &score["points"], &score["review"]), (&false.into(), &13.into(), &true.into()));
    let sum: i64 = score["criteria"].as_array().unwrap().iter().filter_map(|one| one["points"].as_i64()).sum();
    assert_eq!(sum, 13);
    let page = workspace.read("page.html").split_once("<body>").unwrap().1.to_owned();
    assert!(page.contains("Publication score of cases") && page.contains("the standard groups"), "{page}");
    for count in ["27", "214", "318", "46"] {
        assert!(!page.contains(count) && !refused.stdout.contains(count), "{count} is in\n{page}\n{}", refused.stdout);
    }
}

#[test]
fn a_mistake_in_a_spec_is_shown_with_its_place() {
    let workspace = Workspace::bare();
    workspace.replace(SCHOOLS, "hierarchy:", "hierachy:");
    let ran = workspace.run(&format!("audit --spec {SCHOOLS}")).expect(3);
    assert!(ran.stderr.contains("unknown key `hierachy`") && ran.stderr.contains("schools.yaml:"), "{}", ran.stderr);
}

/// All files of the publication: `ACCORD_CT_GRADUATION` names the folder that holds them.
#[test]
#[ignore = "reads data that is not in the repository"]
fn all_of_connecticuts_graduation_rates_are_audited() {
    let folder = PathBuf::from(std::env::var_os("ACCORD_CT_GRADUATION").expect("a folder"));
    let workspace = Workspace::bare();
    let spec = Path::new(REPOSITORY).join("fixtures/tables/connecticut/all.yaml");
    std::fs::copy(spec, folder.join("all.yaml")).expect("a spec beside the data");
    let spec = folder.join("all.yaml").display().to_string();
    let ran = workspace.run(&format!("audit --spec {spec} --output json")).expect(6);
    let report = json(&ran.stdout);
    assert_eq!((sum(&report, "hidden"), sum(&report, "hidden_rates")), (47_756, 45_897));
    assert_eq!(of_way(&report, "rate_beside"), 4_398);
    assert_eq!(report["impossible"], 1);
    let subtracted = ["subtraction", "parts", "steps", "impossible"].map(|way| of_way(&report, way));
    assert_eq!((subtracted.iter().sum::<u64>(), of_way(&report, "sum")), (883, 82));
    assert_eq!(report["add_up"]["totals"], 11_496);
    counted_alike(&workspace, &folder, &report);
}

#[test]
fn the_certificate_of_protected_files_holds_for_them_and_for_no_others() {
    let workspace = Workspace::bare();
    let protect = format!("protect --spec {SCHOOLS} --out safe.csv --certificate safe.certificate");
    workspace.ok(&protect).says("wrote safe.certificate");
    let verify = format!("verify safe.csv --spec {SCHOOLS} --certificate safe.certificate");
    let proof = json(&workspace.ok(&format!("{verify} --output json")).stdout);
    assert_eq!((&proof["passed"], &proof["unproven"]), (&Value::Bool(true), &Value::from(0)));
    assert!(proof["hidden"].as_u64() > Some(30), "{proof}");
    // A figure more that is hidden makes it another table.
    let text = workspace.read("safe.csv");
    let shown = text.lines().skip(1).find(|line| !line.ends_with('*') && !line.ends_with(",0")).unwrap();
    let hidden = format!("{},*", shown.rsplit_once(',').unwrap().0);
    workspace.replace("safe.csv", shown, &hidden);
    workspace.run(&verify).expect(6).says("other tables");
    workspace.run("verify safe.csv").expect(2).says("--certificate");
}

/// The spec that is published with the tables says which minimum holds where; the certificate is about these.
#[test]
fn a_certificate_holds_for_the_minimum_cells_that_the_spec_says_and_for_no_others() {
    let workspace = Workspace::bare();
    let larger = "  minimum_cell: 11\n  minimums: [{ dimension: race, category: Asian, minimum: 20 }]";
    workspace.replace(SCHOOLS, "  minimum_cell: 11", larger);
    workspace.ok(&format!("protect --spec {SCHOOLS} --out safe.csv --certificate safe.certificate"));
    let verify = format!("verify safe.csv --spec {SCHOOLS} --certificate safe.certificate");
    workspace.ok(&verify).says("Where the spec asks for more, the minimum cell is 20.");
    let proof = json(&workspace.ok(&format!("{verify} --output json")).stdout);
    assert_eq!((&proof["passed"], &proof["larger_minimums"]), (&Value::Bool(true), &serde_json::json!([20])));
    for other in ["  minimum_cell: 11", "  minimum_cell: 11\n  minimums: [{ dimension: race, minimum: 20 }]"] {
        workspace.write("safe.spec", workspace.read(SCHOOLS));
        workspace.replace(SCHOOLS, larger, other);
        workspace.run(&verify).expect(6).says("other tables");
        workspace.write(SCHOOLS, workspace.read("safe.spec"));
    }
}

/// A reader need not believe Accord: what is public of the files is written for a page of Python.
#[test]
fn a_second_implementation_checks_the_certificate_of_protected_files() {
    let workspace = Workspace::bare();
    let larger = "  minimum_cell: 11\n  minimums: [{ dimension: race, category: Asian, minimum: 20 }]";
    for minimums in ["  minimum_cell: 11", larger] {
        workspace.replace(SCHOOLS, "  minimum_cell: 11", minimums);
        workspace.ok(&format!("protect --spec {SCHOOLS} --out safe.csv --certificate safe.certificate --force"));
        let verify =
            format!("verify safe.csv --spec {SCHOOLS} --certificate safe.certificate --write-public safe.public");
        let second = || {
            let files = ["safe.public", "safe.certificate"].map(|name| workspace.path(name));
            python("certificate.py", &[files[0].as_ref(), files[1].as_ref()])
        };
        let proof = json(&workspace.ok(&format!("{verify} --force --output json")).stdout);
        let ran = second().expect(0);
        assert!(proof["hidden"].as_u64() > Some(30), "{proof}");
        for name in ["open", "settled", "unproven", "perhaps_empty", "exposed"] {
            assert_eq!(ran.json()[name], proof[name], "{name}");
        }
        workspace.run(&verify).expect(2).says("--force");
        // A certificate that was changed, and files that were.
        let certificate = workspace.read("safe.certificate");
        workspace.write("safe.certificate", certificate.replacen("{\"base\":[", "{\"base\":[1", 1));
        second().expect(2).says("refused");
        workspace.write("safe.certificate", certificate);
        let text = workspace.read("safe.csv");
        let shown = text.lines().skip(1).find(|line| !line.ends_with('*') && !line.ends_with(",0")).unwrap();
        workspace.replace("safe.csv", shown, &format!("{},*", shown.rsplit_once(',').unwrap().0));
        workspace.run(&format!("{verify} --force")).expect(6).says("other tables");
        second().expect(2).says("other tables");
    }
}

/// Where the files of a spec lie in folders, one pattern may fit files of two of them by their names alone.
#[test]
fn tables_of_several_folders_keep_them_and_are_audited_by_naming_the_one_that_holds_them() {
    let workspace = Workspace::bare();
    let text = "school,n\nA,5\nB,30\nC,40\nAll,75\n";
    for name in ["in/district/rates_2024.csv", "in/school/rates_2024_all.csv"] {
        workspace.write(name, text);
    }
    let table = |name: &str, file: &str| {
        format!(
            "  {name}: {{ universe: {name}, files: [\"in/{name}/{file}\"], dimensions: {{ year: , school: {{ total: All }} }}, measures: {{ n: }} }}\n"
        )
    };
    let tables = [table("district", "rates_{year}.csv"), table("school", "rates_{year}_all.csv")].concat();
    workspace.write("spec.yaml", format!("tables:\n{tables}"));
    let ran = workspace.ok("protect --spec spec.yaml --out safe --certificate safe.certificate");
    ran.says("safe/district/rates_2024.csv").says("safe/school/rates_2024_all.csv");
    for named in ["safe", "safe/district/rates_2024.csv safe/school/rates_2024_all.csv"] {
        let report = json(&workspace.ok(&format!("audit {named} --spec spec.yaml --output json")).stdout);
        assert_eq!((sum(&report, "hidden"), sum(&report, "files")), (4, 2), "{named}");
    }
    workspace.ok("verify safe --spec spec.yaml --certificate safe.certificate");
    // Side by side, the pattern with more text of its own is meant.
    workspace.write("flat/rates_2024.csv", workspace.read("safe/district/rates_2024.csv"));
    workspace.write("flat/rates_2024_all.csv", workspace.read("safe/school/rates_2024_all.csv"));
    workspace.ok("audit flat --spec spec.yaml");
    workspace.run("audit other --spec spec.yaml").expect(2).says("no table of the spec has files like other");
}

#[test]
fn a_word_of_a_spec_that_a_file_does_not_have_is_shown_with_the_nearest() {
    let workspace = Workspace::bare();
    workspace.write("t.csv", "school,race,n\nA,X,20\nA,Y,21\n");
    let spec = |dimension: &str, measure: &str| {
        let text = format!(
            "tables: {{ t: {{ files: [t.csv], dimensions: {{ school: , {dimension}: }}, measures: {{ {measure}: }} }} }}\n"
        );
        workspace.write("spec.yaml", &text);
        workspace.run("protect --spec spec.yaml --out out.csv")
    };
    spec("rcae", "n").expect(4).says("t.csv has no column `rcae`").says("did you mean `race`?");
    spec("race", "m").expect(4).says("t.csv has no column `m`").says("its columns are `school`, `race`, `n`");
}

#[test]
fn a_parquet_file_is_audited_with_the_spec_that_protected_it() {
    use arrow::array::{ArrayRef, Int32Array, NullArray, StringArray};
    use std::sync::Arc;
    let workspace = Workspace::bare();
    let (schools, counts) = (["A", "B", "C", "D", "All"], [5, 30, 40, 9, 84]);
    let columns: [(&str, ArrayRef); 3] = [
        ("school", Arc::new(StringArray::from_iter_values(schools))),
        ("n", Arc::new(Int32Array::from_iter_values(counts))),
        ("note", Arc::new(NullArray::new(5))),
    ];
    let batch = arrow::record_batch::RecordBatch::try_from_iter(columns).expect("a batch");
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("an end");
    std::fs::write(workspace.path("t.parquet"), bytes).expect("a file");
    let draft = workspace.ok("protect t.parquet --draft-spec").stdout;
    workspace.write("spec.yaml", &draft);
    workspace.ok("protect --spec spec.yaml --out safe.parquet");
    let report = json(&workspace.ok("audit safe.parquet --spec spec.yaml --output json").stdout);
    assert!(sum(&report, "hidden") >= 2 && sum(&report, "fallen") == 0, "{report}");
    assert_eq!(
        report["notes"].as_array().map(Vec::len),
        Some(1),
        "nothing is said of the column of statuses: {report}"
    );
    workspace.run("protect safe.parquet --spec spec.yaml --out again.parquet").expect(4).says("is hidden already");
}

#[test]
fn rounding_comes_with_its_promise_and_without_a_certificate() {
    let workspace = Workspace::bare();
    workspace.write("t.csv", "school,n\nA,41\nB,3\nC,62\nAll,106\n");
    let spec = "policy: { method: { rounding: { base: 5 } }, level: exact }\n\
                tables: { t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } } }\n";
    workspace.write("t.yaml", spec);
    workspace.ok("protect --spec t.yaml --out safe.csv").says("multiples of 5");
    assert_eq!(workspace.read("safe.csv"), "school,n\nA,40\nB,5\nC,60\nAll,105\n");
    workspace.run("protect --spec t.yaml --out again.csv --certificate c").expect(2).says("rounding hides none");
    workspace.replace("t.yaml", ", level: exact", "");
    workspace.run("protect --spec t.yaml --out again.csv").expect(6).says("use at least");
    assert!(!workspace.path("again.csv").exists());
}
