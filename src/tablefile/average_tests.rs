//! Averages, organisations behind counts and categories that are hidden with others, each test named after what it
//! guarantees.

use proptest::prelude::*;

use super::averages::intervals;
use super::load::Purpose;
use super::tests::Files;
use super::{Way, averages};
use crate::disclosure::Policy;
use crate::error::Kind;

const WAGES: &str = "
policy: { minimum_cell: 5, magnitudes: [organisations: 3, dominance: { n: 1, k: 80 }] }
tables:
  t:
    files: [t.csv]
    dimensions: { sector: { total: All } }
    measures:
      workers:
      wages: { magnitude: { organisations: employers, largest: [first] } }
    averages: { mean: { of: wages, over: workers, decimals: 1 } }
";

const ROWS: &str = "sector,workers,wages,employers,first,mean
A,40,4000,9,900,100.0
B,25,2550,2,2000,102.0
C,3,360,3,200,120.0
D,60,5000,12,700,83.3
E,31,3100,5,1000,100.0
All,159,15010,31,2000,94.4
";

#[test]
fn an_average_is_printed_exactly_where_its_amount_and_its_count_are() {
    let out = Files::new(&[("t.csv", ROWS)]).protected(WAGES);
    for (line, whole) in out.lines().zip(ROWS.lines()).skip(1) {
        let (words, true_words): (Vec<&str>, Vec<&str>) = (line.split(',').collect(), whole.split(',').collect());
        let both = words[1] != "*" && words[2] != "*";
        assert_eq!(words[5], if both { true_words[5] } else { "*" }, "{line}");
    }
    let hidden: Vec<&str> = out.lines().filter(|line| line.ends_with('*')).collect();
    assert!(hidden.len() >= 2 && hidden.iter().any(|line| line.starts_with("B,")) && out.contains(",83.3\n"), "{out}");
}

#[test]
fn an_average_of_something_else_is_refused() {
    for (good, wrong) in [("102.0", "103.0"), ("83.3", "83.4"), ("100.0\nB", "99.9\nB")] {
        let files = Files::new(&[("t.csv", &ROWS.replace(good, wrong))]);
        let refused = files.protect(WAGES).err().unwrap();
        assert_eq!(refused.kind(), Kind::Data);
        assert!(
            refused.to_string().contains("`mean` of table `t` is not `wages` over `workers` at sector="),
            "{refused}"
        );
    }
    for (good, wrong) in
        [("of: wages", "of: wage"), ("over: workers", "over: wages"), ("decimals: 1 }", "decimals: 7 }")]
    {
        assert!(Files::new(&[]).job(&WAGES.replace(good, wrong)).is_err(), "{wrong}");
    }
}

const PLAIN: &str = "
policy: { minimum_cell: 5, magnitudes: [people: 5] }
tables:
  t:
    files: [t.csv]
    dimensions: { sector: { total: All } }
    measures: { workers: , wages: { magnitude: { people: behind } } }
    averages: { mean: { of: wages, over: workers, decimals: 1 } }
symbols: { missing: [\"\"] }
";

#[test]
fn an_audit_finds_what_an_average_gives_with_one_of_its_figures_and_along_its_margins() {
    let look = |rows: &str| Files::new(&[("t.csv", &format!("sector,workers,wages,behind,mean\n{rows}"))]).audit(PLAIN);
    let report = look("A,40,*,*,100.0\nB,*,*,*,*\nC,*,*,*,*\nAll,160,15000,*,93.8\n");
    assert_eq!((report.passed(), report.of_way(Way::Average)), (false, 1), "the amount of A: {report:?}");
    let report = look("A,*,4000,*,100.0\nB,*,*,*,*\nC,*,*,*,*\nAll,*,15000,*,*\n");
    assert_eq!(report.of_way(Way::Average), 1, "the count of A: {report:?}");
    // The averages of the whole and of all parts but one, weighted with their counts.
    let report = look("A,40,*,*,100.0\nB,60,*,*,90.0\nC,60,*,*,*\nAll,160,*,*,93.8\n");
    assert!(
        report.of_way(Way::Average) == 4 && report.worst.iter().any(|fall| fall.cell.contains("sector=C")),
        "{report:?}"
    );
    // Three workers, and no other number, earn 33.3 of 100 each.
    let report = look("A,*,100,*,33.3\nB,*,*,*,*\nC,*,*,*,*\nAll,*,15000,*,*\n");
    assert_eq!((report.passed(), report.small, report.of_way(Way::Average)), (false, 1, 1), "{report:?}");
    // A hidden average of two printed figures harms nobody; one of two that fall does.
    let report = look("A,40,4000,*,*\nB,60,5400,*,90.0\nC,60,5600,*,93.3\nAll,160,15000,*,93.8\n");
    assert!(report.passed() && report.fallen_rates() == 1, "{report:?}");
    let report = look("A,40,*,*,*\nB,60,5400,*,90.0\nC,60,5600,*,93.3\nAll,160,15000,*,93.8\n");
    assert_eq!((report.passed(), report.of_way(Way::RateOfFallen)), (false, 1), "{report:?}");
    // Nothing follows where two of the three are hidden everywhere.
    let report = look("A,*,*,*,100.0\nB,*,*,*,90.0\nC,*,*,*,93.3\nAll,160,*,*,*\n");
    assert_eq!(report.of_way(Way::Average), 0, "{report:?}");
}

#[test]
fn how_close_is_close_says_the_rule_or_ten_percent() {
    assert_eq!(averages::closeness(&Policy::default()), 10);
    assert!(
        averages::is_close((100, 110), 10) && !averages::is_close((100, 111), 10) && !averages::is_close((0, 0), 10)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tried out: all amounts and counts of two groups and their total that are printed so. `marks` hides.
    #[test]
    fn no_table_that_fits_lies_outside_what_averages_are_said_to_give(
        groups in proptest::collection::vec((0_i64..40, 1_i64..7), 2), marks in proptest::collection::vec(any::<bool>(), 9)
    ) {
        let average = |of: i64, over: i64| (20 * of + over) / (2 * over);
        let all = (groups[0].0 + groups[1].0, groups[0].1 + groups[1].1);
        let cells = [groups[0], groups[1], all];
        let word = |at: usize, word: String| if marks[at] { "*".to_owned() } else { word };
        let rows = (0..3).map(|at| {
            let (of, over) = cells[at];
            let mean = average(of, over);
            let (over, of_word) = (word(3 * at, over.to_string()), word(3 * at + 1, of.to_string()));
            let mean = word(3 * at + 2, format!("{}.{}", mean / 10, mean % 10));
            format!("{},{over},{of_word},*,{mean}\n", ["A", "B", "All"][at])
        });
        let text = format!("sector,workers,wages,behind,mean\n{}", rows.collect::<String>());
        let files = Files::new(&[("t.csv", &text)]);
        let tables = files.job(PLAIN).unwrap().tables(&[], Purpose::Audit).unwrap();
        let table = &tables[0];
        let none = vec![vec![None; table.cells()]; 2];
        let seen = intervals(table, &none);
        let node = |name: &str| table.axes[0].nodes.iter().position(|node| node.words[0] == name).unwrap();
        let at = [node("A"), node("B"), node("All")];
        // Either way of rounding a half.
        let fits = |cell: usize, of: i64, over: i64| {
            let (own_of, own_over) = cells[cell];
            (marks[3 * cell] || over == own_over)
                && (marks[3 * cell + 1] || of == own_of)
                && (marks[3 * cell + 2] || (over > 0 && (20 * of - 2 * average(own_of, own_over) * over).abs() <= over))
        };
        let pairs = |cell: usize| -> Vec<(i64, i64)> {
            let all = (0..90).flat_map(|of| (0..14).map(move |over| (of, over)));
            all.filter(|&(of, over)| fits(cell, of, over)).collect()
        };
        let (of_b, mut fitting) = (pairs(1), 0);
        for a in pairs(0) {
            for &b in of_b.iter().filter(|b| fits(2, a.0 + b.0, a.1 + b.1)) {
                fitting += 1;
                for (cell, pair) in [a, b, (a.0 + b.0, a.1 + b.1)].into_iter().enumerate() {
                    let (over, of) = (seen[0][at[cell]], seen[1][at[cell]]);
                    prop_assert!((of.0..=of.1).contains(&pair.0), "amount {pair:?} {of:?}\n{text}");
                    prop_assert!((over.0..=over.1).contains(&pair.1), "count {pair:?} {over:?}\n{text}");
                }
            }
        }
        prop_assert!(fitting > 0);
    }
}

const EMPLOYERS: &str = "
policy: { minimum_cell: 5, behind_counts: [organisations: 3, dominance: { n: 1, k: 80 }] }
tables:
  t:
    files: [t.csv]
    dimensions: { sector: { total: All } }
    measures: { workers: { behind: { organisations: employers, largest: [first] } } }
";

const BEHIND: &str = "sector,workers,employers,first
A,500,2,300
B,400,9,350
C,300,12,40
D,700,15,90
E,200,11,30
All,2100,49,350
";

#[test]
fn a_count_of_too_few_organisations_is_hidden_however_large_and_who_is_behind_it_is_not_written() {
    let files = Files::new(&[("t.csv", BEHIND)]);
    let done = files.protect(EMPLOYERS).unwrap();
    let out = String::from_utf8(done.files[0].bytes.clone()).unwrap();
    assert!(out.contains("A,*,*,*\n") && out.contains("B,*,*,*\n") && out.contains("D,700,*,*\n"), "{out}");
    let reasons = String::from_utf8(done.reasons).unwrap();
    assert!(reasons.contains("too few organisations") && reasons.contains("dominate"), "{reasons}");
    let short = BEHIND.replace("All,2100,49,350\n", "");
    let refused = Files::new(&[("t.csv", &short)]).protect(EMPLOYERS).err().unwrap();
    assert!(refused.to_string().contains("has no row at sector=All"), "{refused}");
    // One of two that are hidden knows its own: three are hidden where it is alone.
    let alone =
        BEHIND.replace("A,500,2,300", "A,500,1,500").replace("B,400,9,350", "B,400,9,50").replace("49,350", "48,500");
    let out = Files::new(&[("t.csv", &alone)]).protected(EMPLOYERS);
    assert!(out.contains("A,*,*,*\n") && out.matches(",*,*,*").count() >= 2, "{out}");
}

#[test]
fn organisations_behind_counts_need_columns_and_rules() {
    for (good, wrong) in [
        ("behind_counts: [organisations: 3, dominance: { n: 1, k: 80 }]", "level: full"),
        ("largest: [first] ", ""),
        ("organisations: 3", "people: 3"),
        ("organisations: 3", "organisations: 1"),
        (": { behind: { organisations: employers, largest: [first] } }", ": "),
        ("minimum_cell: 5", "method: { rounding: { base: 15 } }"),
    ] {
        let wrong = EMPLOYERS.replace(good, wrong);
        assert!(wrong != EMPLOYERS && Files::new(&[]).job(&wrong).is_err(), "{good}");
    }
}

#[test]
fn an_audit_finds_figures_that_say_how_few_organisations_are_behind_them() {
    let files = Files::new(&[("t.csv", BEHIND)]);
    let report = files.audit(EMPLOYERS);
    assert_eq!((report.passed(), report.printed_few), (false, 2), "{report:?}");
    let said = report.lines(&|_, text| text.to_owned()).join("\n");
    assert!(said.contains("S12"), "{said}");
    let out = files.protected(EMPLOYERS);
    std::fs::write(files.path("t.csv"), out).unwrap();
    assert!(files.audit(EMPLOYERS).passed());
}

const TOGETHER: &str = "
policy: { minimum_cell: 11, hide_with: [{ dimension: race, category: Not Reported }] }
tables:
  t: { files: [t.csv], dimensions: { school: { total: All }, race: { total: All } }, measures: { n: } }
";

#[test]
fn a_category_is_hidden_wherever_another_beside_it_is() {
    let rows = "school,race,n\nA,X,3\nA,Y,40\nA,Z,70\nA,Not Reported,900\nB,X,90\nB,Y,50\nB,Z,60\nB,Not Reported,800\n\
        C,X,90\nC,Y,80\nC,Z,65\nC,Not Reported,700\n";
    let files = Files::new(&[("t.csv", rows)]);
    let shown = |spec: &str| files.protected(spec);
    let plain = shown(&TOGETHER.replace(", hide_with: [{ dimension: race, category: Not Reported }]", ""));
    assert!(plain.contains("A,Not Reported,900"), "{plain}");
    let out = shown(TOGETHER);
    for school in ["A", "B", "C"] {
        let of =
            |race: &str| out.lines().find(|line| line.starts_with(&format!("{school},{race},"))).unwrap().to_owned();
        let marked = ["X", "Y", "Z"].iter().any(|race| of(race).ends_with('*'));
        assert_eq!(of("Not Reported").ends_with('*'), marked, "{out}");
    }
    assert!(out.contains("A,Not Reported,*") && out.contains("All,Not Reported,2400"), "{out}");
    let wrong = TOGETHER.replace("category: Not Reported", "category: Not Recorded");
    assert!(files.protect(&wrong).err().unwrap().to_string().contains("no table has the category"));
    std::fs::write(files.path("t.csv"), out).unwrap();
    assert!(files.audit(TOGETHER).passed());
}
