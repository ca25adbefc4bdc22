//! Primary rules of specs, each test named after what it guarantees.

use proptest::prelude::*;

use super::Way;
use super::tests::Files;
use crate::error::Kind;

const LEAVES: &str = "school,race,n\nA,X,12\nA,Y,40\nA,Z,33\nB,X,60\nB,Y,17\nB,Z,70\nC,X,80\nC,Y,55\nC,Z,14\n";

fn spec(minimums: &str, total: &str) -> String {
    format!(
        "policy: {{ minimum_cell: 5, minimums: [{minimums}] }}\ntables:\n  t: {{ files: [t.csv], dimensions: {{ \
         school: {{ total: All }}, race: {{ {total} }} }}, measures: {{ n: }} }}\n"
    )
}

/// The figures of rows that are printed.
fn printed(out: &str) -> Vec<(String, u64)> {
    let split = out.lines().skip(1).filter_map(|line| line.rsplit_once(','));
    split.filter_map(|(cell, word)| Some((cell.to_owned(), word.parse().ok()?))).collect()
}

#[test]
fn a_larger_minimum_holds_for_its_dimension_its_category_and_its_table_and_nowhere_else() {
    let files = Files::new(&[("t.csv", LEAVES)]);
    let shown = |minimums: &str, total: &str| printed(&files.protected(&spec(minimums, total)));
    let has = |shown: &[(String, u64)], cell: &str| shown.iter().any(|(one, _)| one == cell);
    assert!(LEAVES.lines().skip(1).all(|line| has(&shown("", "total: All"), line.rsplit_once(',').unwrap().0)));
    for total in ["total: All", ""] {
        let by_race = shown("{ dimension: race, minimum: 20 }", total);
        assert!(["A,X", "B,Y", "C,Z"].iter().all(|cell| !has(&by_race, cell)), "{by_race:?}");
    }
    let of_y = shown("{ dimension: race, category: Y, minimum: 20 }", "total: All");
    assert!(!has(&of_y, "B,Y") && of_y.iter().any(|(_, count)| *count < 20), "{of_y:?}");
    let of_table = shown("{ table: t, minimum: 20 }", "total: All");
    assert!(of_table.iter().all(|(_, count)| *count >= 20), "{of_table:?}");
}

#[test]
fn a_certificate_is_about_the_minimums_that_the_spec_says() {
    for total in ["total: All", ""] {
        let files = Files::new(&[("t.csv", LEAVES)]);
        let larger = spec("{ dimension: race, category: Y, minimum: 20 }", total);
        std::fs::write(files.path("t.csv"), files.protected(&larger)).unwrap();
        let made = |spec: &str| super::certificate(&files.job(spec).unwrap(), &[], &mut |_| {}).unwrap();
        let (text, report) = made(&larger);
        assert_eq!((report.passed, report.exposed, report.minimums), (true, 0, vec![20]), "{total}");
        let verify = |spec: &str, text: &str| super::verify(&files.job(spec).unwrap(), &[], text);
        assert!(verify(&larger, &text).unwrap().report.passed);
        // For others it proves nothing, be they smaller or larger.
        let (smaller, largest) = (spec("", total), spec("{ dimension: race, minimum: 50 }", total));
        assert!(verify(&smaller, &text).is_err() && verify(&largest, &text).is_err());
        let (_, report) = made(&largest);
        assert!(!report.passed && report.exposed > 0, "what is printed is less than 50");
    }
}

#[test]
fn an_audit_finds_what_a_larger_minimum_asks_for_and_not_more() {
    let files = Files::new(&[("t.csv", LEAVES)]);
    let (plain, larger) = (spec("", "total: All"), spec("{ dimension: race, minimum: 20 }", "total: All"));
    let (open, safe) = (files.protected(&plain), files.protected(&larger));
    std::fs::write(files.path("t.csv"), open).unwrap();
    assert!(files.audit(&plain).passed());
    let report = files.audit(&larger);
    assert_eq!((report.passed(), report.printed_small), (false, 3), "{report:?}");
    std::fs::write(files.path("t.csv"), safe).unwrap();
    assert!(files.audit(&larger).passed(), "{:?}", files.audit(&larger));
    // Hidden, and bounded to fewer than 20, though not to fewer than 5.
    let bounded = "school,race,n\nA,X,*\nA,Y,*\nA,Z,40\nA,All,58\nB,X,*\nB,Y,*\nB,Z,40\nB,All,110\nC,X,0\nC,Y,30\nC,Z,40\n\
        C,All,70\nAll,X,44\nAll,Y,74\nAll,Z,120\nAll,All,238\n";
    std::fs::write(files.path("t.csv"), bounded).unwrap();
    assert!(files.audit(&plain).passed(), "{:?}", files.audit(&plain));
    let report = files.audit(&larger);
    assert_eq!((report.passed(), report.narrow > 0), (false, true), "{report:?}");
    assert!(report.worst.iter().any(|fall| fall.way == super::Way::Narrow), "{report:?}");
}

#[test]
fn a_minimum_that_would_protect_nothing_is_refused() {
    let files = Files::new(&[("t.csv", LEAVES)]);
    let refused = files.protect(&spec("{ dimension: race, category: YY, minimum: 20 }", "total: All")).err().unwrap();
    assert!(refused.to_string().contains("no table has the category `YY`"), "{refused}");
    assert_eq!(refused.kind(), Kind::Config);
    for wrong in [
        "{ minimum: 20 }",
        "{ dimension: rase, minimum: 20 }",
        "{ category: X, minimum: 20 }",
        "{ dimension: race, minimum: 5 }",
        "{ table: u, minimum: 20 }",
    ] {
        assert!(files.job(&spec(wrong, "total: All")).is_err(), "{wrong}");
    }
}

const MEDIANS: &str = "
policy: { minimum_cell: 11 }
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All } }
    measures: { n: }
    quantiles:
      median: { people: n, grain: 500, minimum: 24, each_side: 10 }
      tenth: { people: n, part: [1, 10], decimals: 1, grain: 10, minimum: 24, each_side: 4 }
";

#[test]
fn a_quantile_that_is_published_of_too_few_or_of_hidden_people_is_found() {
    let text = "school,n,median,tenth\nA,*,21000,1000.0\nB,23,22000,*\nC,40,23100,*\nD,*,*,*\nE,90,24000,990.0\nAll,200,23500,980.0\n";
    let report = Files::new(&[("t.csv", text)]).audit(MEDIANS);
    // Two of A, whose count is hidden; of B, 23 people; C's is not rounded.
    assert_eq!((report.passed(), report.printed_quantiles), (false, 4), "{report:?}");
    let said = report.lines(&|_, text| text.to_owned()).join("\n");
    assert!(said.contains("S13") && said.contains("4  quantiles are printed"), "{said}");
}

#[test]
fn a_quantile_needs_people_a_place_and_a_grain() {
    for (good, wrong) in [
        ("people: n, grain: 500", "people: m, grain: 500"),
        ("part: [1, 10]", "part: [10, 1]"),
        ("minimum: 24, each_side: 10", "minimum: 9, each_side: 10"),
        ("each_side: 4", "each_side: 2"),
        ("grain: 10,", "grain: 0,"),
    ] {
        let wrong = MEDIANS.replace(good, wrong);
        assert!(wrong != MEDIANS && Files::new(&[]).job(&wrong).is_err(), "{good}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Counted again here: n people, of whom the median is the middle one or the mean of the two in the middle.
    #[test]
    fn quantiles_are_printed_of_printed_groups_large_enough_in_their_middle_and_rounded(
        groups in proptest::collection::vec((0_i64..120, 0_i64..90_000), 3..7)
    ) {
        let rows: Vec<String> = groups.iter().enumerate().map(|(at, (n, value))| match n {
            0 => format!("S{at},0,,"),
            _ => format!("S{at},{n},{value},{}.5", value / 3),
        }).collect();
        let all: i64 = groups.iter().map(|(n, _)| n).sum();
        let files = Files::new(&[("t.csv", &format!("school,n,median,tenth\n{}\nAll,{all},40000,1234.5\n", rows.join("\n")))]);
        let out = files.protected(MEDIANS);
        for (line, (n, value)) in out.lines().skip(1).zip(groups.iter().copied().chain([(all, 40_000)])) {
            let words: Vec<&str> = line.split(',').collect();
            let shown = words[1] != "*";
            let middle = if n % 2 == 0 { n / 2 - 1 } else { (n - 1) / 2 };
            let expected = shown && n >= 24 && middle >= 10;
            prop_assert_eq!(words[2] == "*", !expected && (n > 0 || !shown), "{}", line);
            if expected {
                let printed: i64 = words[2].parse().unwrap();
                prop_assert!(printed % 500 == 0 && (printed - value).abs() <= 250, "{}", line);
            }
            // Below the tenth of n people in order are those before its place.
            let below = if n % 10 == 0 { n / 10 - 1 } else { n / 10 };
            let expected = shown && n >= 24 && below >= 4;
            prop_assert_eq!(words[3] == "*", !expected && (n > 0 || !shown), "{}", line);
            prop_assert!(!expected || words[3].ends_with("0.0"), "{}", line);
        }
        std::fs::write(files.path("t.csv"), &out).unwrap();
        prop_assert!(files.audit(MEDIANS).passed());
    }
}

#[test]
fn an_audit_of_rounded_or_noisy_tables_says_that_nothing_is_hidden_and_finds_what_the_method_does_not_print() {
    let rounded = "policy: { method: { rounding: { base: 5 } }, minimum_cell: 3, level: exact }\ntables:\n  t: { files: [t.csv], \
        dimensions: { school: { total: All } }, measures: { n: } }\n";
    let files = Files::new(&[("t.csv", "school,n\nA,41\nB,3\nC,62\nAll,106\n")]);
    let out = files.protected(rounded);
    let look = |text: &str| {
        std::fs::write(files.path("t.csv"), text).unwrap();
        files.audit(rounded)
    };
    let report = look(&out);
    assert!(report.passed() && report.headline().contains("rounded to multiples"), "{report:?}");
    assert!(report.notes.is_empty(), "{report:?}");
    assert_eq!(look(&out.replace("B,5", "B,3")).unlike, 1);
    let report = look(&out.replace("B,5", "B,10"));
    assert_eq!((report.passed(), report.contradictions), (false, 1), "{report:?}");
    let noisy = "policy: { method: { cell_key: { maximum: 3, variance: 2 } }, minimum_cell: 3, level: exact }\ntables:\n  t: { \
        files: [t.csv], dimensions: { school: { total: All } }, measures: { n: { cell_key: k } } }\n";
    let files = Files::new(&[("t.csv", "school,n,k\nA,41,0x1234567890abcdef\nB,30,77777777777777777\n")]);
    let out = files.protected(noisy);
    std::fs::write(files.path("t.csv"), &out).unwrap();
    assert!(files.audit(noisy).passed(), "{out}");
    assert!(files.protect(noisy).is_err(), "a published file has no keys any more");
}

#[test]
fn what_needs_a_hidden_total_added_up_is_told_from_subtraction() {
    let text = "school,race,n\nA,X,30\nA,Y,40\nA,All,*\nB,X,*\nB,Y,20\nB,All,27\n";
    // Sums along the first dimension are looked at first.
    let spec = "tables:\n  t: { files: [t.csv], dimensions: { race: { total: All }, school: { total: All } }, measures: { n: } }\n";
    let ways = |text: &str| {
        let report = Files::new(&[("t.csv", text)]).audit(spec);
        [Way::Subtraction, Way::Steps, Way::Sum].map(|way| report.of_way(way))
    };
    assert_eq!(ways(text), [1, 0, 1]);
    // A printed total of both schools leaves A's, and then none has to be added up.
    assert_eq!(ways(&format!("{text}All,All,97\n")), [2, 0, 0]);
    // What follows from one that was added up is no subtraction from printed totals.
    assert_eq!(ways(&text.replace("B,All,27", "B,All,*\nAll,All,97")), [0, 0, 3]);
}
