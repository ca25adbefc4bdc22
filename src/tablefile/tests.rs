//! Small tables in temporary folders, each test named after what it guarantees.

use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{AuditReport, Job, ProtectedFiles, Way, audit, draft, page, protect};
use crate::error::{Error, Kind};

pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn job(&self, spec: &str) -> Result<Job, Error> {
        Job::parse("spec.yaml", spec.to_owned(), self.0.path().to_path_buf(), false)
    }

    pub(super) fn audit(&self, spec: &str) -> AuditReport {
        audit(&self.job(spec).unwrap(), &[], &mut |_| {}).unwrap()
    }

    pub(super) fn protect(&self, spec: &str) -> Result<ProtectedFiles, Error> {
        protect(&self.job(spec)?, &[], 1, &|| false, &mut |_| {})
    }

    pub(super) fn protected(&self, spec: &str) -> String {
        String::from_utf8(self.protect(spec).unwrap().files.remove(0).bytes).unwrap()
    }
}

const SCHOOL: &str = "
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All }, race: { total: All } }
    measures: { n: }
";

#[test]
fn a_hidden_figure_that_a_total_leaves_falls_and_its_value_is_nowhere_in_the_report() {
    let files = Files::new(&[("t.csv", "school,race,n\nA,X,*\nA,Y,20\nB,X,30\nB,Y,40\nA,All,27\nB,All,70\n")]);
    let report = files.audit(SCHOOL);
    assert!(!report.passed());
    assert_eq!((report.hidden(), report.fallen(), report.of_way(Way::Subtraction), report.small), (1, 1, 1, 1));
    assert_eq!(report.worst[0].cell, "n of t at school=A, race=X");
    let said = report.lines(&|_, text| text.to_owned()).join("\n");
    let page = page(&report).unwrap();
    let json = serde_json::to_string(&report).unwrap();
    // Above its body a page has the digest of its style.
    let body = page.split_once("<body>").unwrap().1;
    for text in [said.as_str(), body, &json] {
        assert!(!text.contains("27") && !text.contains("70"), "{text}");
    }
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<script") && !page.contains("://"));
}

#[test]
fn nothing_falls_where_four_cells_hide_each_other() {
    let text = "school,race,n\nA,X,*\nA,Y,*\nB,X,*\nB,Y,*\nC,X,50\nC,Y,60\nA,All,70\nB,All,80\nC,All,110\nAll,X,120\nAll,Y,140\nAll,All,260\n";
    let report = Files::new(&[("t.csv", text)]).audit(SCHOOL);
    assert!(report.passed(), "{report:?}");
    assert_eq!((report.hidden(), report.fallen()), (4, 0));
}

#[test]
fn figures_that_add_up_to_nothing_fall() {
    let report = Files::new(&[("t.csv", "school,race,n\nA,X,*\nA,Y,*\nA,Z,20\nA,All,20\n")]).audit(SCHOOL);
    assert_eq!((report.fallen(), report.of_way(Way::Nothing)), (2, 2));
}

#[test]
fn a_rate_beside_its_counts_falls_and_a_rate_gives_a_count_away() {
    let spec = "
tables:
  t:
    files: [t.csv]
    dimensions: { school: }
    measures: { all: , passed: { of: all } }
    rates: { rate: { ratio: [passed, all], decimals: 1 } }
";
    let report =
        Files::new(&[("t.csv", "school,all,passed,rate\nA,40,30,*\nB,40,*,95.0\nC,4000,*,95.0\n")]).audit(spec);
    assert_eq!((report.of_way(Way::RateBeside), report.of_way(Way::Rate)), (1, 1));
    assert_eq!((report.hidden(), report.fallen(), report.hidden_rates(), report.fallen_rates()), (2, 1, 1, 1));
}

#[test]
fn a_contradiction_is_reported_and_the_rest_is_audited() {
    let text = "school,race,n\nA,X,*\nA,Y,20\nA,All,27\nB,X,30\nB,Y,40\nB,All,71\nC,X,*\nC,Y,9\nC,All,5\n";
    let spec = SCHOOL.replace("school: { total: All }", "school: ");
    let report = Files::new(&[("t.csv", text)]).audit(&spec);
    assert_eq!((report.contradictions, report.impossible, report.of_way(Way::Subtraction)), (3, 1, 1));
    assert!(report.contradicting.contains(&"n of t at school=B, race=All".to_owned()), "{:?}", report.contradicting);
}

#[test]
fn a_second_table_and_an_earlier_release_are_part_of_the_audit() {
    let spec = "
tables:
  t: { files: [t.csv], dimensions: { school: , race: { total: All } }, measures: { n: } }
  schools: { files: [schools.csv], dimensions: { school: }, measures: { n: } }
also_public:
  before: { files: [before.csv], edition: release of 2024, like: t }
";
    let files = Files::new(&[
        ("t.csv", "school,race,n\nA,X,*\nA,Y,20\nB,X,*\nB,Y,40\n"),
        ("schools.csv", "school,n\nA,25\nB,*\n"),
        ("before.csv", "school,race,n\nA,X,*\nB,X,8\n"),
    ]);
    let report = files.audit(spec);
    // A, X is what the other table leaves of A; B, X stands in the earlier release, and then B is a sum.
    assert_eq!(report.fallen(), 4, "{report:?}");
    assert_eq!(report.tables.iter().map(|table| table.fallen).collect::<Vec<_>>(), [2, 1, 1]);
    assert!(report.of_way(Way::Edition) > 0);
}

#[test]
fn wide_and_long_files_say_the_same() {
    let wide = "
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All }, race: { total: Everybody } }
    measures: { n: { across: race, columns: { X: n_x, Y: n_y, Everybody: n_all } } }
";
    let files = Files::new(&[("t.csv", "school,n_x,n_y,n_all\nA,*,20,27\nB,30,40,70\n")]);
    let report = files.audit(wide);
    assert_eq!((report.hidden(), report.fallen(), report.of_way(Way::Subtraction)), (1, 1, 1));
    assert_eq!(report.worst[0].cell, "n of t at school=A, race=X");
    let whole = Files::new(&[("t.csv", "school,n_x,n_y,n_all\nA,7,20,27\nB,30,40,70\nC,31,22,53\nAll,68,82,150\n")]);
    let text = whole.protected(wide);
    assert!(text.contains("\nA,*,*,27\n") && text.contains("\nAll,68,82,150\n"), "{text}");
    let long = "school,race,n\nA,X,7\nA,Y,20\nA,Everybody,27\nB,X,30\nB,Y,40\nB,Everybody,70\nC,X,31\nC,Y,22\nC,Everybody,53\n\
        All,X,68\nAll,Y,82\nAll,Everybody,150\n";
    let spec = SCHOOL.replace("race: { total: All }", "race: { total: Everybody }");
    let same = Files::new(&[("t.csv", long)]).protected(&spec);
    let fields = |text: &str| {
        text.lines().skip(1).flat_map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let figures = |text: &str| {
        fields(text).into_iter().filter(|word| word == "*" || word.parse::<u64>().is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(figures(&text), figures(&same));
}

#[test]
fn a_row_that_is_not_there_is_empty_beside_others_and_unknown_elsewhere() {
    let text = "school,race,n\nA,All,20\nB,X,*\nB,Y,*\nB,All,30\n";
    let report = Files::new(&[("t.csv", text)]).audit(SCHOOL);
    assert_eq!(report.fallen(), 0, "A has no row but its total, so A, X may be anything");
    let text = "school,race,n\nA,X,*\nA,All,20\nB,Y,7\nB,X,23\nB,All,30\n";
    assert_eq!(Files::new(&[("t.csv", text)]).audit(SCHOOL).fallen(), 1, "A, Y has no row, so it is empty");
    let hidden = SCHOOL.replace("    measures", "    missing_rows: hidden\n    measures");
    assert_eq!(Files::new(&[("t.csv", text)]).audit(&hidden).fallen(), 0);
}

const LEAVES: &str = "school,race,n\nA1,X,3\nA1,Y,20\nA2,X,30\nA2,Y,14\nB1,X,50\nB1,Y,60\nB2,X,21\n";
const DISTRICTS: &str = "child,parent\nA1,A\nA2,A\nB1,B\nB2,B\n";

fn leaves(zeros: &str) -> String {
    format!(
        "
policy: {{ zeros: {zeros} }}
tables:
  t:
    files: [t.csv]
    dimensions:
      school: {{ hierarchy: {{ file: districts.csv }}, total: All schools }}
      race: {{ total: All }}
    measures: {{ n: }}
"
    )
}

#[test]
fn totals_are_computed_where_the_file_has_none_and_what_is_written_does_not_fall() {
    let files = Files::new(&[("t.csv", LEAVES), ("districts.csv", DISTRICTS)]);
    for zeros in ["print", "hide"] {
        let done = files.protect(&leaves(zeros)).unwrap();
        let text = String::from_utf8(done.files[0].bytes.clone()).unwrap();
        assert!(text.contains("All schools,All,198\n"), "{text}");
        assert!(!text.contains("A1,X,3\n"), "{text}");
        let reasons = String::from_utf8(done.reasons).unwrap();
        assert!(reasons.contains("\"school=A1, race=X\",primary: fewer than the minimum\n"), "{reasons}");
        std::fs::write(files.path("t.csv"), &text).unwrap();
        let report = files.audit(&leaves(zeros));
        assert!(report.passed() && report.hidden() > 0, "{report:?}");
        std::fs::write(files.path("t.csv"), LEAVES).unwrap();
        // A row that is missing would say that a cell is empty, where hidden cells may be empty.
        assert_eq!(text.contains("B2,Y,*\n"), zeros == "hide", "{text}");
        assert_eq!(text.lines().count() == 1 + 7 * 3, zeros == "hide");
    }
}

#[test]
fn hidden_zeros_and_complementary_cells_look_like_small_ones() {
    let files = Files::new(&[("t.csv", LEAVES), ("districts.csv", DISTRICTS)]);
    let text = files.protected(&leaves("hide"));
    let marks: std::collections::BTreeSet<&str> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.rsplit(',').next())
        .filter(|word| word.parse::<u64>().is_err())
        .collect();
    assert_eq!(marks.into_iter().collect::<Vec<_>>(), ["*"]);
}

#[test]
fn two_hierarchies_over_the_same_categories_are_both_protected() {
    let spec = "
policy: { zeros: print }
tables:
  t:
    files: [t.csv]
    dimensions:
      region: { within: [county], also: [{ within: [type] }], total: All }
      group: { total: Both }
    measures: { n: }
";
    let text = "region,county,type,group,n\nA,1,urban,x,11\nA,1,urban,y,25\nB,1,rural,x,4\nB,1,rural,y,31\nC,2,urban,x,40\nC,2,urban,y,17\nD,2,rural,x,55\nD,2,rural,y,60\n";
    let files = Files::new(&[("t.csv", text)]);
    let out = files.protected(spec);
    assert!(out.contains("All,,urban,x,") || out.contains(",urban,x,"), "{out}");
    std::fs::write(files.path("t.csv"), &out).unwrap();
    let report = files.audit(spec);
    assert!(report.passed() && report.hidden() >= 4, "{report:?}\n{out}");
}

#[test]
fn schools_of_one_name_in_two_districts_are_two_schools() {
    let spec = "
tables:
  t: { files: [t.csv], dimensions: { school: { within: [district], total: All } }, measures: { n: } }
";
    let text =
        "district,school,n\nEast,Central,*\nEast,Lake,20\nEast,All,27\nWest,Central,*\nWest,West,50\nWest,All,90\n";
    let report = Files::new(&[("t.csv", text)]).audit(spec);
    assert_eq!(report.fallen(), 2);
    let cells: Vec<&str> = report.worst.iter().map(|fall| fall.cell.as_str()).collect();
    assert_eq!(cells, ["n of t at school=East / Central", "n of t at school=West / Central"]);
}

#[test]
fn rates_are_hidden_with_their_counts_and_stay_where_both_are_shown() {
    let spec = "
policy: { zeros: print, homogeneous: print }
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All } }
    measures: { all: , passed: { of: all } }
    rates: { rate: { ratio: [passed, all], decimals: 1 } }
    keep: [note]
";
    let text = "school;all;passed;rate;note\r\nA;40;37;92.5;x\r\nB;40;20;50.0;\"y;z\"\r\nC;60;30;50.0;\r\nD;80;40;50.0;\r\nAll;220;127;57.7;\r\n";
    let files = Files::new(&[("t.csv", text)]);
    let out = files.protected(spec);
    assert!(out.contains("A;40;*;*;x\r\n") && out.contains("All;220;127;57.7;\r\n"), "{out}");
    assert_eq!(out.matches('*').count() % 2, 0, "a rate goes with its numerator: {out}");
    let report = {
        std::fs::write(files.path("t.csv"), &out).unwrap();
        files.audit(spec)
    };
    assert!(report.passed(), "{report:?}\n{out}");
}

#[test]
fn rounded_figures_are_multiples_that_add_up_and_rates_follow_from_them() {
    let spec = "
policy: { method: { rounding: { base: 5 } }, level: exact }
symbols: { none: [''] }
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All } }
    measures: { all: , passed: { of: all } }
    rates: { rate: { ratio: [passed, all], decimals: 1 } }
    keep: [note]
";
    let text = "school,all,passed,rate,note\nA,41,37,90.2,x\nB,3,2,66.7,\nC,62,33,53.2,y\nD,0,0,,z\nAll,106,72,67.9,\n";
    let files = Files::new(&[("t.csv", text)]);
    let out = files.protected(spec);
    let rows: Vec<Vec<&str>> = out.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let count = |row: usize, column: usize| rows[row][column].parse::<i64>().unwrap();
    for column in [1, 2] {
        assert!((0..5).all(|row| count(row, column) % 5 == 0), "{out}");
        assert_eq!((0..4).map(|row| count(row, column)).sum::<i64>(), count(4, column), "{out}");
    }
    for row in (0..5).filter(|&row| count(row, 1) > 0) {
        let rate = (2000 * count(row, 2) + count(row, 1)) / (2 * count(row, 1));
        assert_eq!(rows[row][3], format!("{}.{}", rate / 10, rate % 10), "{out}");
    }
    assert_eq!((rows[0][4], rows[3][4], rows[3][1]), ("x", "z", "0"));
    // The default level asks for more than base 5 gives.
    let error = files.protect(&spec.replace(", level: exact", "")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("use at least"), "{error}");
}

#[test]
fn a_column_that_the_spec_does_not_name_is_not_published() {
    let files = Files::new(&[("t.csv", "school,race,n,m\nA,X,30,3\nA,Y,20,2\n")]);
    let error = files.protect(SCHOOL).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("column `m`"), "{error}");
    assert!(files.audit(SCHOOL).notes[0].contains("column `m`"));
}

#[test]
fn figures_that_are_hidden_or_missing_already_can_not_be_protected() {
    for text in [
        "school,race,n\nA,X,*\nA,Y,20\n",
        "school,race,n\nA,X,30\nA,Y,\n",
        "school,race,n\nA,X,30\nA,X,30\n",
        "school,race,n\nA,X,9\nA,All,8\n",
    ] {
        let error = Files::new(&[("t.csv", text)]).protect(SCHOOL).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{error}");
        assert!(!error.to_string().contains('8') && error.hint().is_some());
    }
}

#[test]
fn a_slice_whose_file_is_missing_is_not_taken_for_zeros() {
    let spec = "
tables:
  t:
    files: [\"n_{year}.csv\", \"m_{year}.csv\"]
    dimensions: { year: , school: { total: All } }
    measures: { n: , m: { of: n } }
";
    let files = Files::new(&[
        ("n_1.csv", "school,n\nA,30\n"),
        ("m_1.csv", "school,m\nA,15\n"),
        ("n_2.csv", "school,n\nA,30\n"),
    ]);
    let error = files.protect(spec).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no file gives `m` of table `t` for year=2"), "{error}");
    std::fs::write(files.path("m_2.csv"), "school,m\nA,15\n").unwrap();
    assert_eq!(files.protect(spec).unwrap().files.len(), 4);
}

/// Four slices that do not know of each other.
#[test]
fn what_is_hidden_does_not_depend_on_threads() {
    let rows = "A,X,5\nA,Y,20\nB,X,30\nB,Y,7\nC,X,12\nC,Y,90\n";
    let slice = |year: usize| {
        rows.replace('A', &format!("{year},A")).replace('B', &format!("{year},B")).replace('C', &format!("{year},C"))
    };
    let text = format!("year,school,race,n\n{}", (2021..2025).map(slice).collect::<String>());
    let files = Files::new(&[("t.csv", &text)]);
    let job = files.job(&SCHOOL.replace("dimensions: {", "dimensions: { year: ,")).unwrap();
    let on = |threads: usize| protect(&job, &[], threads, &|| false, &mut |_| {}).unwrap().files.remove(0).bytes;
    assert!(String::from_utf8(on(1)).unwrap().contains('*'));
    assert_eq!(on(1), on(3));
}

#[test]
fn what_is_public_already_can_stop_a_protection() {
    let spec = "
policy: { zeros: print }
tables:
  t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } }
also_public:
  before: { files: [before.csv], edition: release of 2024, like: t }
";
    let table = "school,n\nA,5\nB,30\nC,40\nAll,75\n";
    let files = Files::new(&[("t.csv", table), ("before.csv", "school,n\nA,*\nB,*\nC,40\nAll,75\n")]);
    assert!(files.protect(spec).is_ok());
    std::fs::write(files.path("before.csv"), "school,n\nA,*\nB,30\nC,40\nAll,75\n").unwrap();
    let error = files.protect(spec).map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Disclosure, "tables.unprotectable"));
    assert!(error.to_string().contains("release of 2024") && error.report().unwrap().contains("school=A"), "{error}");
}

/// The cheapest second cell to hide is public already: another one is hidden.
#[test]
fn more_is_hidden_beside_what_is_public_where_that_suffices() {
    let alone = "policy: { zeros: print }\ntables:\n  t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } }\n";
    let beside =
        format!("{alone}also_public:\n  before: {{ files: [before.csv], edition: release of 2024, like: t }}\n");
    let table = "school,n\nA,5\nB,30\nC,40\nD,90\nAll,165\n";
    let files = Files::new(&[("t.csv", table), ("before.csv", "school,n\nA,*\nB,30\nC,*\nD,*\nAll,*\n")]);
    assert_eq!(files.protected(alone), "school,n\nA,*\nB,*\nC,40\nD,90\nAll,165\n");
    let out = files.protected(&beside);
    assert!(out.contains("\nA,*\n") && out.contains("\nC,*\n"), "{out}");
    std::fs::write(files.path("t.csv"), &out).unwrap();
    assert!(files.audit(&beside).passed(), "{:?}", files.audit(&beside));
}

#[test]
fn every_mistake_in_a_spec_is_shown_with_its_line_and_the_nearest_word() {
    let spec = "policy: { minimum_cel: 11, level: { interwal: 3 } }\ntables:\n  t:\n    files: [t.csv]\n    dimensions: { school: { totl: All } }\n    measures: { n: }\n";
    let error = Files::new(&[]).job(spec).map(|_| ()).unwrap_err();
    let report = error.report().unwrap();
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Config, "the spec spec.yaml has 3 mistakes"));
    for said in [
        "unknown key `minimum_cel`",
        "did you mean `minimum_cell`?",
        "unknown key `interwal`",
        "spec.yaml:5",
        "did you mean `total`?",
    ] {
        assert!(report.contains(said), "{said} is not in\n{report}");
    }
    let spec = "tables:\n  t:\n    files: [t.csv]\n    dimensions: { school: }\n    measures: { n: { of: m } }\n    rates: { r: { ratio: [n, k] } }\n";
    let report = Files::new(&[]).job(spec).map(|_| ()).unwrap_err().report().unwrap().to_owned();
    assert!(report.contains("there is no other measure `m`") && report.contains("there is no measure `k`"), "{report}");
}

#[test]
fn small_sums_are_protected_unless_the_spec_says_otherwise_and_then_the_reports_say_so() {
    let spec = |policy: &str| {
        format!(
            "policy: {{ {policy} }}\ntables:\n  t: {{ files: [t.csv], dimensions: {{ school: {{ total: All }} }}, measures: {{ n: }} }}\n"
        )
    };
    let files = Files::new(&[("t.csv", "school,n\nA,3\nB,2\nC,40\nD,50\nAll,95\n")]);
    let protected = files.protected(&spec("level: exact"));
    assert!(protected.matches('*').count() > 2, "A and B add up to less than 11: {protected}");
    let off = spec("level: exact, sums: false");
    let done = files.protect(&off).unwrap();
    assert!(done.report.notes.iter().any(|note| note.contains("`sums: false`")), "{:?}", done.report.notes);
    let protected = files.protected(&off);
    assert_eq!(protected.matches('*').count(), 2, "{protected}");
    std::fs::write(files.path("t.csv"), &protected).unwrap();
    let report = files.audit(&off);
    assert!(report.passed() && report.notes.iter().any(|note| note.contains("`sums: false`")), "{report:?}");
    let report = files.audit(&spec("level: exact"));
    assert_eq!((report.passed(), report.small_sums), (false, 1));
    let refused = files.job(&spec("sums: false")).map(|_| ()).unwrap_err();
    assert!(refused.report().unwrap().contains("the level `full` protects sums in any case"), "{refused}");
}

#[test]
fn a_hidden_figure_that_the_policy_lets_be_shown_may_fall() {
    let spec = "tables:\n  t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } }\n";
    let files = Files::new(&[("t.csv", "school,n\nA,40\nB,*\nAll,60\n")]);
    let report = files.audit(spec);
    assert_eq!((report.passed(), report.fallen(), report.harmless), (true, 1, 1), "{report:?}");
    assert!(report.headline().contains("the policy lets be shown"), "{}", report.headline());
    std::fs::write(files.path("t.csv"), "school,n\nA,50\nB,*\nAll,60\n").unwrap();
    let report = files.audit(spec);
    assert_eq!((report.passed(), report.fallen(), report.harmless), (false, 1, 0), "{report:?}");
}

#[test]
fn levels_are_words_or_one_key() {
    for level in ["full", "exact", "{ interval: 5 }", "{ percent: 30 }"] {
        assert!(Files::new(&[]).job(&format!("policy: {{ level: {level} }}\n{SCHOOL}")).is_ok(), "{level}");
    }
    for level in ["ful", "{ interval: 0 }", "{ interval: 5, percent: 30 }", "[full]"] {
        assert!(Files::new(&[]).job(&format!("policy: {{ level: {level} }}\n{SCHOOL}")).is_err(), "{level}");
    }
}

#[test]
fn a_drafted_spec_is_read_again_and_finds_what_is_there() {
    let text = "Title\n\nDistrict,District Code,School,Group,Cohort Count,Graduation Count,Graduation Rate\n\
        East,=\"\"\"01\"\"\",Lake,Total,60,*,*\nEast,\"=\"\"01\"\"\",Lake,Girls,30,25,83.3\nEast,\"=\"\"01\"\"\",Hill,Total,50,N/A,N/A\nWest,\"=\"\"02\"\"\",Bay,Total,70,30,42.9\n"
        .replace("=\"\"\"01\"\"\"", "\"=\"\"01\"\"\"");
    let files = Files::new(&[("t.csv", &text)]);
    let spec = draft(&[files.path("t.csv")]).unwrap();
    for said in [
        "skip_rows: 2",
        "within: [District]",
        "total: Total",
        "keep: [District Code]",
        "none: [\"N/A\"]",
        "ratio: [graduation_count, cohort_count]",
        "decimals: 1",
        "of: cohort_count",
    ] {
        assert!(spec.contains(said), "{said} is not in\n{spec}");
    }
    let report = files.audit(&spec);
    assert_eq!((report.hidden(), report.hidden_rates()), (1, 1), "{spec}");
}

/// 11,057 nodes of schools × 8 × 4 × 15: five million cells, a million rows.
#[test]
#[ignore = "takes seconds and gigabytes"]
fn a_million_rows_are_read_completed_and_worked_through_in_seconds() {
    let (mut rows, mut geo) = (String::from("school,race,gender,grade,n\n"), String::from("school,district,county\n"));
    for school in 0..10_000 {
        geo.push_str(&format!("S{school},D{},C{}\n", school / 10, school / 180));
        for cell in 0..108 {
            let value = (school * 7 + cell * 13) % 41 + 1;
            rows.push_str(&format!(
                "S{school},R{},G{},{},{value}\n",
                cell % 7,
                cell / 7 % 3,
                (cell / 21 * 3 + school) % 14
            ));
        }
    }
    let files = Files::new(&[("t.csv", &rows), ("geo.csv", &geo)]);
    let spec = "
tables:
  t:
    files: [t.csv]
    dimensions: { school: { hierarchy: { file: geo.csv }, total: All }, race: { total: All }, gender: { total: All }, grade: { total: All } }
    measures: { n: }
";
    let job = files.job(spec).unwrap();
    let started = std::time::Instant::now();
    let mut tables = job.tables(&[], super::load::Purpose::Protect).unwrap();
    super::load::name_all(&mut tables);
    println!("read and completed: {:?}, {} cells", started.elapsed(), tables[0].cells());
    let groups = super::views::groups(&tables, &super::views::Bound::new());
    println!("with views: {:?}", started.elapsed());
    let known = super::deduce::Known::new(&groups[0], &tables);
    println!("with arithmetic: {:?}", started.elapsed());
    assert!(known.contradictions.is_empty() && started.elapsed().as_secs() < 60);
}

/// A two-way table with totals, and which of its cells are hidden.
fn tables() -> impl Strategy<Value = (Vec<Vec<i64>>, Vec<Vec<bool>>)> {
    (2..4_usize, 2..4_usize).prop_flat_map(|(rows, columns)| {
        let values = prop::collection::vec(prop::collection::vec(0..30_i64, columns), rows);
        let hidden = prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.4), columns + 1), rows + 1);
        (values, hidden)
    })
}

fn with_totals(values: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let mut all: Vec<Vec<i64>> = values.to_vec();
    all.iter_mut().for_each(|row| row.push(row.iter().sum()));
    let columns = all[0].len();
    all.push((0..columns).map(|column| all.iter().map(|row| row[column]).sum()).collect());
    all
}

fn csv(values: &[Vec<i64>], hidden: &[Vec<bool>]) -> String {
    let name = |at: usize, last: usize, word: &str| if at == last { "All".to_owned() } else { format!("{word}{at}") };
    let rows = values.len();
    let mut text = String::from("school,race,n\n");
    for (row, (values, hidden)) in values.iter().zip(hidden).enumerate() {
        for (column, (value, hidden)) in values.iter().zip(hidden).enumerate() {
            let shown = if *hidden { "*".to_owned() } else { value.to_string() };
            let (row, column) = (name(row, rows - 1, "s"), name(column, values.len() - 1, "r"));
            text.push_str(&format!("{row},{column},{shown}\n"));
        }
    }
    text
}

/// What can be concluded line by line, as slowly and simply as can be: the cells that stay unknown.
fn left(values: &[Vec<i64>], hidden: &[Vec<bool>]) -> usize {
    let (rows, columns) = (values.len(), values[0].len());
    let mut lines: Vec<Vec<(usize, usize)>> =
        (0..rows).map(|row| (0..columns).map(|column| (row, column)).collect()).collect();
    lines.extend((0..columns).map(|column| (0..rows).map(|row| (row, column)).collect::<Vec<_>>()));
    let mut hidden = hidden.to_vec();
    loop {
        let before = hidden.clone();
        for line in &lines {
            let unknown: Vec<(usize, usize)> =
                line.iter().copied().filter(|&(row, column)| hidden[row][column]).collect();
            let total_known = !hidden[line[line.len() - 1].0][line[line.len() - 1].1];
            let nothing = total_known && unknown.iter().all(|&(row, column)| values[row][column] == 0);
            if unknown.len() == 1 || nothing {
                unknown.iter().for_each(|&(row, column)| hidden[row][column] = false);
            }
        }
        if hidden == before {
            return hidden.iter().flatten().filter(|one| **one).count();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_falls_by_arithmetic_is_what_falls_line_by_line((values, hidden) in tables()) {
        let values = with_totals(&values);
        let report = Files::new(&[("t.csv", &csv(&values, &hidden))]).audit(SCHOOL);
        let all = hidden.iter().flatten().filter(|one| **one).count();
        prop_assert_eq!(report.hidden(), all);
        prop_assert_eq!(all - report.fallen(), left(&values, &hidden));
        prop_assert_eq!((report.contradictions, report.impossible), (0, 0));
    }

    #[test]
    fn what_is_protected_and_written_passes_the_audit_of_the_file((values, _) in tables(), print in any::<bool>()) {
        let shown = vec![vec![false; values[0].len() + 1]; values.len() + 1];
        let files = Files::new(&[("t.csv", &csv(&with_totals(&values), &shown))]);
        let spec = format!("policy: {{ zeros: {} }}\n{SCHOOL}", if print { "print" } else { "hide" });
        // A table may have nothing large enough to hide behind.
        if let Ok(done) = files.protect(&spec) {
            std::fs::write(files.path("t.csv"), &done.files[0].bytes).unwrap();
            let report = files.audit(&spec);
            prop_assert!(report.passed(), "{:?}", report);
            for (line, row) in String::from_utf8(done.files[0].bytes.clone()).unwrap().lines().skip(1).zip(0..) {
                let value = with_totals(&values)[row / (values[0].len() + 1)][row % (values[0].len() + 1)];
                prop_assert!(!(1..11).contains(&value) || line.ends_with(",*"), "{}", line);
            }
        }
    }
}
