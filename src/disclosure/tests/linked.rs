//! Rates, earlier editions and cohorts that grow, against the reader who tries everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::brute::{linked_ranges, ranges};
use super::build::*;
use super::exhaustive::*;
use crate::disclosure::*;

/// A table of groups with a numerator each, and a rate printed wherever a coin says so, whether its counts are or not.
pub(super) fn rated(counts: &[(i64, i64)], policy: &Policy, coins: &[bool]) -> (Vec<Table>, Vec<PublicTable>) {
    let table = tabulate("t", vec![flat("s", &["a", "b", "c"])], vec![count("n"), count_where("k", 0)], |m, leaf| {
        let (n, k) = counts[(leaf[0].as_bytes()[0] - b'a') as usize];
        if m == 0 { n } else { n.min(k) }
    });
    let tables = vec![table];
    let mut public = public_view(&tables, &pattern(&tables, policy, coins));
    let [n, k] = [&tables[0].values[0], &tables[0].values[1]];
    // So that nothing is without end for the reader who tries everything.
    public[0].values[0][0] = Some(n[0]);
    let rate = |cell: usize| (n[cell] > 0 && coins[20 + cell]).then(|| (100 * k[cell] + n[cell] / 2) / n[cell]);
    let values = (0..n.len()).map(rate).collect();
    public[0].rates = vec![PublicRate {
        name: "share".to_owned(),
        numerator: 1,
        denominator: 0,
        scale: 100,
        values,
        bands: Vec::new(),
    }];
    (tables, public)
}

/// A cohort as it is, and as an earlier release showed it before others came.
pub(super) fn cohorts(
    early: &[i64],
    more: &[i64],
    policy: &Policy,
    coins: &[bool],
) -> (Vec<Table>, Vec<PublicTable>, Vec<Within>) {
    let leaf = |names: &[&str]| usize::from(names[0] == "b") * 2 + usize::from(names[1] == "y");
    let dimensions = || vec![flat("s", &["a", "b"]), flat("k", &["x", "y"])];
    let mut now = tabulate("now", dimensions(), vec![count("n")], |_, l| early[leaf(l)] + more[leaf(l)]);
    let mut before = tabulate("before", dimensions(), vec![count("n")], |_, l| early[leaf(l)]);
    now.universe = "2027".to_owned();
    before.universe = "2026".to_owned();
    let tables = vec![now, before];
    let mut public = public_view(&tables, &pattern(&tables, policy, coins));
    public[1].edition = Some("release 1".to_owned());
    let links = vec![Within { part: "2026".to_owned(), whole: "2027".to_owned() }];
    (tables, public, links)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A reader's interval keeps to every printed rate.
    #[test]
    fn rates_are_used_as_far_as_they_go(
        counts in prop::collection::vec((0..=6i64, 0..=6i64), 3),
        policy in policies(),
        coins in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (tables, public) = rated(&counts, &policy, &coins);
        let Some(ranges) = ranges(&public, &policy, 24) else { return Ok(()) };
        let targets = targets(&tables, &policy).expect("targets");
        let bad = |target: &&Target| !is_met(&policy, ranges[&place(target)]);
        let expected: BTreeSet<CellName> =
            targets.iter().filter(bad).map(|target| name(&tables, place(target))).collect();
        let report = audit(public[..].into(), &policy, Some(&targets), None, &mut silent).expect("audit");
        prop_assert_eq!(fallen(&report), expected, "{:?}", report.findings.iter().map(|f| f.to_string()).collect::<Vec<_>>());
    }

    /// An archivist uses an earlier release of a cohort that has grown since.
    #[test]
    fn earlier_editions_are_used_as_far_as_they_go(
        early in prop::collection::vec(0..=4i64, 4),
        more in prop::collection::vec(0..=3i64, 4),
        policy in policies(),
        coins in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (tables, public, links) = cohorts(&early, &more, &policy, &coins);
        let Some(ranges) = linked_ranges(&public, &links, &policy, CAP) else { return Ok(()) };
        let now = &tables[..1];
        let targets = targets(now, &policy).expect("targets");
        let bad = |target: &&Target| !is_met(&policy, ranges[&place(target)]);
        let expected: BTreeSet<CellName> = targets.iter().filter(bad).map(|target| name(now, place(target))).collect();
        let published = Published { tables: &public[..1], others: &public[1..], links: &links };
        let report = audit(published, &policy, Some(&targets), None, &mut silent).expect("audit");
        let own: BTreeSet<CellName> = fallen(&report).into_iter().filter(|cell| !cell.measure.contains("less")).collect();
        prop_assert_eq!(own, expected);
    }
}

#[test]
fn a_group_that_came_since_an_earlier_release_is_found() {
    let row = |n: i64| from_rows("now", vec![flat("s", &["a", "b"])], &[(&["a"], n), (&["b"], 40)]);
    let (mut now, mut before) = (row(34), row(30));
    (now.universe, before.universe) = ("2027".to_owned(), "2026".to_owned());
    let tables = [now, before];
    let shown = vec![vec![Status::Published; 3]];
    let mut public = public_view(&tables, &[shown.clone(), shown]);
    public[1].edition = Some("release 1".to_owned());
    let links = [Within { part: "2026".to_owned(), whole: "2027".to_owned() }];
    let published = Published { tables: &public[..1], others: &public[1..], links: &links };
    let report = audit(published, &Policy::default(), Some(&[]), None, &mut silent).expect("audit");
    let texts: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(texts.iter().any(|text| text.contains("n less release 1 of now at s=a")), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains('4')), "{texts:?}");
    let alone = audit(public[..1].into(), &Policy::default(), Some(&[]), None, &mut silent).expect("audit");
    assert!(alone.passed, "the release by itself gives nobody away");
}

#[test]
fn a_rate_beside_one_count_gives_the_other() {
    // 40 of whom 5.0 % were counted: two.
    let table = tabulate("t", vec![flat("s", &["a", "b"])], vec![count("n"), count_where("k", 0)], |m, leaf| {
        if m == 0 {
            40
        } else if leaf[0] == "a" {
            2
        } else {
            15
        }
    });
    let (shown, hidden) = (Status::Published, Status::Complementary);
    let statuses = [vec![vec![shown; 3], vec![hidden; 3]]];
    let mut public = public_view(std::slice::from_ref(&table), &statuses);
    let values = vec![None, Some(50), None];
    public[0].rates = vec![PublicRate {
        name: "share".to_owned(),
        numerator: 1,
        denominator: 0,
        scale: 1000,
        values,
        bands: Vec::new(),
    }];
    let report = audit(public[..].into(), &Policy::default(), None, None, &mut silent).expect("audit");
    let finding = report.findings.iter().find(|finding| finding.cell.measure == "k").expect("found");
    assert!(matches!(finding.kind, FindingKind::Rates { .. }), "{finding:?}");
    public[0].rates[0].values[1] = Some(51);
    assert!(audit(public[..].into(), &Policy::default(), None, None, &mut silent).is_err(), "no count makes 5.1 %");
}

#[test]
fn a_count_that_another_table_prints_is_found_there() {
    let rows: [(&[&str], i64); 2] = [(&["a"], 4), (&["b"], 40)];
    let tables = [
        from_rows("first", vec![flat("s", &["a", "b"])], &rows),
        from_rows("second", vec![flat("s", &["a", "b"])], &rows),
    ];
    let (shown, hidden) = (Status::Published, Status::Complementary);
    let statuses = [vec![vec![shown, hidden, hidden]], vec![vec![shown, shown, shown]]];
    let public = public_view(&tables, &statuses);
    let report = audit(public[..].into(), &Policy::default(), None, None, &mut silent).expect("audit");
    assert_eq!(report.findings[0].to_string(), "n of first at s=a is published as n of second at s=a");
}
