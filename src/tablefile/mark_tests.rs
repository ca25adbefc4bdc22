//! Marks that say something of what they hide, in files; each test named after what it guarantees.

use proptest::prelude::*;

use super::draft;
use super::tests::Files;
use crate::error::Kind;

const SCHOOLS: &str = "
policy: { minimum_cell: 11, zeros: hide }
symbols: { suppressed: [\"*\", \"<5\", \"<10\"] }
tables:
  t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } }
";

#[test]
fn a_mark_gives_figures_away_that_a_star_does_not() {
    let text = "school,n\nA,<5\nB,<5\nC,31\nAll,39\n";
    let exact = SCHOOLS.replace("zeros: hide", "zeros: hide, level: exact, sums: false");
    let report = Files::new(&[("t.csv", text)]).audit(&exact);
    // Both are at most 4, and come to 8.
    assert_eq!((report.bounds, report.fallen(), report.marked, report.passed()), (2, 0, 2, false), "{report:?}");
    let report = Files::new(&[("t.csv", &text.replace("<5", "*"))]).audit(&exact);
    assert!(report.passed() && report.marked == 0, "{report:?}");
    // It may say nothing where the spec says so.
    let silent = exact.replace("\"<10\"] }", "\"<10\"], bounds: { \"<5\": {} } }");
    assert!(silent != exact && Files::new(&[("t.csv", text)]).audit(&silent).passed());
    let other = exact.replace("\"<10\"] }", "\"<10\"], bounds: { \"<5\": { most: 7 } } }");
    assert_eq!(Files::new(&[("t.csv", text)]).audit(&other).bounds, 0);
}

#[test]
fn that_a_mark_says_that_a_figure_is_small_is_no_fall_and_that_more_can_be_told_is_one() {
    let wide = "school,n\nA,<10\nB,<10\nC,*\nD,*\nE,*\nAll,200\n";
    let report = Files::new(&[("t.csv", wide)]).audit(SCHOOLS);
    assert_eq!((report.marked, report.narrow, report.passed()), (2, 0, true), "{report:?}");
    assert!(report.notes.iter().any(|note| note.starts_with("`<5`, `<10` say themselves what 2 hidden figures")));
    let said = report.lines(&|_, text| text.to_owned()).join("\n");
    assert!(said.contains("2  hidden figures are small by their mark"), "{said}");
    // At most 9 each and 12 together: each is at least 3, which the mark does not say.
    let report = Files::new(&[("t.csv", "school,n\nA,<10\nB,<10\nC,30\nAll,42\n")]).audit(SCHOOLS);
    assert_eq!((report.marked, report.narrow, report.passed()), (2, 2, false), "{report:?}");
}

#[test]
fn marks_that_do_not_tell_the_truth_are_a_contradiction_and_the_rest_is_audited_without_them() {
    // At most 9 each, and 70 together: one of them was hidden to protect the other.
    let text = "school,race,n\nA,X,<10\nA,Y,<10\nA,All,70\nB,X,*\nB,Y,20\nB,All,24\n";
    let spec = SCHOOLS.replace("school: { total: All }", "school: , race: { total: All }");
    let report = Files::new(&[("t.csv", text)]).audit(&spec);
    assert_eq!((report.contradictions, report.fallen(), report.passed()), (1, 1, false), "{report:?}");
    assert!(report.contradicting[0].ends_with("(with what marks of hidden figures say)"), "{report:?}");
}

#[test]
fn a_mark_of_a_rate_bounds_its_counts_where_it_can_not_be_about_a_count() {
    let spec = "
policy: { minimum_cell: 11, zeros: hide }
symbols: { suppressed: [\"*\", \"90-95%\", \"<10\"] }
tables:
  t:
    files: [t.csv]
    dimensions: { school: }
    measures: { all: , passed: { of: all } }
    rates: { rate: { ratio: [passed, all], decimals: 1 } }
";
    let look = |mark: &str| Files::new(&[("t.csv", &format!("school,all,passed,rate\nA,40,*,{mark}\n"))]).audit(spec);
    // 36 to 38 of 40 passed, so that 2 to 4 did not: somebody, and fewer than 11.
    assert_eq!((look("90-95%").narrow, look("*").narrow, look("<10").narrow), (1, 0, 0));
}

#[test]
fn a_draft_declares_what_marks_say_and_takes_no_band_of_ages_for_one() {
    let text = "school,ages,n,rate\nA,5-9,<10,*\nA,10-14,40,>95%\nA,All,46,80.0\nB,5-9,1-9,12.5\nB,10-14,44,30.0\nB,All,50,20.0\n";
    let files = Files::new(&[("t.csv", text)]);
    let spec = draft(&[files.path("t.csv")]).unwrap();
    for said in [
        "suppressed: [\"*\", \"1-9\", \"<10\", \">95%\"]",
        "bounds: { \"1-9\": { least: 1, most: 9 }, \"<10\": { most: 9 } }",
        "ages: { total: All }",
    ] {
        assert!(spec.contains(said), "{said} is not in\n{spec}");
    }
    assert_eq!(files.audit(&spec).marked, 2);
    // Where every mark says something, one that says nothing is put first.
    let files = Files::new(&[("t.csv", "school,n\nA,<10\nB,30\nAll,36\n")]);
    let spec = draft(&[files.path("t.csv")]).unwrap();
    assert!(spec.contains("suppressed: [\"*\", \"<10\"]"), "{spec}");
}

#[test]
fn no_mark_is_written_that_says_something_of_what_it_hides() {
    let files = Files::new(&[("t.csv", "school,n\nA,4\nB,30\nC,40\nAll,74\n")]);
    for word in ["<10", "1-9", ">95%", "fewer than 10"] {
        let spec = SCHOOLS.replace("\"*\", \"<5\"", &format!("\"{word}\", \"<5\""));
        let error = files.protect(&spec).err().expect("refused");
        assert_eq!((error.kind(), error.code()), (Kind::Config, "tables.telling_mark"), "{word}");
        assert!(error.hint().is_some_and(|hint| hint.contains("suppressed: [\"*\"]")));
    }
    let declared = SCHOOLS.replace("[\"*\", \"<5\", \"<10\"]", "[s], bounds: { s: { most: 9 } }");
    assert!(files.protect(&declared).is_err());
    let out = files.protected(SCHOOLS);
    assert!(out.contains("A,*\n"), "{out}");
    // What comes out keeps the reader of stars at a distance.
    std::fs::write(files.path("t.csv"), &out).unwrap();
    assert!(files.audit(SCHOOLS).passed());
}

#[test]
fn records_of_persons_are_not_drafted_as_a_table_and_days_are_no_counts() {
    let text = "student_id,birth_date,school,entry\n1001,20081231,A,20240901\n1002,20080704,B,20240902\n";
    let files = Files::new(&[("t.csv", text)]);
    let error = draft(&[files.path("t.csv")]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Data, "tables.records"));
    assert!(
        error.to_string().contains("`student_id`") && error.hint().is_some_and(|hint| hint.contains("contract infer"))
    );
    assert!(!error.to_string().contains("1001"));
    let files = Files::new(&[("t.csv", "school,taken_on,n\nA,20240901,31\nB,20240902,32\nC,20240902,4\n")]);
    let spec = draft(&[files.path("t.csv")]).unwrap();
    let (dimensions, measures) = spec.split_once("measures:").unwrap();
    assert!(dimensions.contains("taken_on") && !measures.contains("taken_on"), "{spec}");
}

#[test]
fn bounds_of_a_spec_are_about_its_words_for_hidden_figures() {
    for wrong in ["\"<7\": { most: 6 }", "\"<5\": { least: 4, most: 3 }", "\"<5\": { below: 5 }"] {
        let spec = SCHOOLS.replace("\"<10\"] }", &format!("\"<10\"], bounds: {{ {wrong} }} }}"));
        assert!(spec != SCHOOLS && Files::new(&[]).job(&spec).is_err(), "{wrong}");
    }
}

#[test]
fn an_earlier_table_whose_marks_say_what_is_small_stops_no_protection_and_what_they_add_does() {
    let (text, earlier) = ("school,n\nA,5\nB,30\nC,40\nAll,75\n", "school,n\nA,<10\nB,*\nC,*\nAll,75\n");
    let public = "also_public: { before: { files: [before.csv], edition: release of 2024, like: t } }\n";
    let files = Files::new(&[("t.csv", text), ("before.csv", earlier)]);
    let spec = format!("{SCHOOLS}{public}");
    assert!(files.protect(&spec).is_ok_and(|done| String::from_utf8_lossy(&done.files[0].bytes).contains("A,*\n")));
    // Of B its mark says 26 to 30: what it leaves of the total is more of A than that it is small.
    let spec = spec.replace("\"<10\"] }", "\"<10\", \"26-30\"] }");
    std::fs::write(files.path("before.csv"), earlier.replace("B,*", "B,26-30").replace("C,*", "C,40")).unwrap();
    let error = files.protect(&spec).err().expect("refused");
    assert_eq!(error.kind(), Kind::Disclosure);
}

/// What a mark leaves possible, of each figure that is hidden.
type Open = [Option<(i64, i64)>; 9];

/// Two schools by two groups with totals: each printed, or hidden with a mark that tells the truth.
fn table(cells: [i64; 4], words: &[u8]) -> (String, [i64; 9], Open) {
    let [a, b, c, d] = cells;
    let figures = [a, b, a + b, c, d, c + d, a + c, b + d, a + b + c + d];
    let (mut text, mut open) = ("school,race,n\n".to_owned(), [None; 9]);
    for (at, &figure) in figures.iter().enumerate() {
        let (school, race) = (["A", "B", "All"][at / 3], ["X", "Y", "All"][at % 3]);
        let (word, range) = match words[at] {
            0..=3 => (figure.to_string(), None),
            4 | 5 if figure < 3 => ("<3".to_owned(), Some((0, 2))),
            4..=6 if figure < 5 => ("<5".to_owned(), Some((0, 4))),
            7 if (2..=4).contains(&figure) => ("2-4".to_owned(), Some((2, 4))),
            _ => ("*".to_owned(), Some((0, 40))),
        };
        open[at] = range;
        text.push_str(&format!("{school},{race},{word}\n"));
    }
    (text, figures, open)
}

/// The least and the greatest value of each figure over all tables that fit, tried one after the other.
fn tried(figures: [i64; 9], open: Open) -> [(i64, i64); 9] {
    let mut ranges = [(i64::MAX, i64::MIN); 9];
    for code in 0..12_i64.pow(4) {
        let [a, b, c, d] = [code % 12, code / 12 % 12, code / 144 % 12, code / 1728];
        let tried = [a, b, a + b, c, d, c + d, a + c, b + d, a + b + c + d];
        let fits = (0..9).all(|at| match open[at] {
            None => tried[at] == figures[at],
            Some((least, most)) => (least..=most).contains(&tried[at]),
        });
        if fits {
            for (range, value) in ranges.iter_mut().zip(tried) {
                *range = (range.0.min(value), range.1.max(value));
            }
        }
    }
    ranges
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// A reader who tries every table and takes marks at their word computes as many small figures as the audit says.
    #[test]
    fn an_audit_of_a_file_finds_what_a_reader_of_its_marks_finds(
        cells in prop::array::uniform4(0..6_i64),
        words in prop::collection::vec(0..10_u8, 9),
    ) {
        let (text, figures, open) = table(cells, &words);
        let ranges = tried(figures, open);
        let told = (0..9).filter(|&at| open[at].is_some() && ranges[at].0 == ranges[at].1);
        let expected = told.filter(|&at| (1..9).contains(&ranges[at].0)).count();
        let spec = "
policy: { minimum_cell: 9, level: exact, sums: false, zeros: hide }
symbols: { suppressed: [\"*\", \"<3\", \"<5\", \"2-4\"] }
tables:
  t: { files: [t.csv], dimensions: { school: { total: All }, race: { total: All } }, measures: { n: } }
";
        let report = Files::new(&[("t.csv", &text)]).audit(spec);
        prop_assert_eq!(report.contradictions, 0);
        prop_assert_eq!(report.small + report.bounds, expected, "{}\n{:?}", text, report);
    }
}
