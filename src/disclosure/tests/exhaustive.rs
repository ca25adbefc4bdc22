//! Random small tables against the reader who tries everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::brute::{Place, Ranges, ranges};
use super::build::*;
use crate::disclosure::*;

/// The largest innermost cell plus more than a level can ask at a minimum cell of 3.
pub(super) const CAP: i64 = 8 + 3;

/// The kinds of release that the tests draw.
pub(super) fn release(shape: usize, counts: &[i64]) -> Vec<Table> {
    let ab = || flat("group", &["a", "b"]);
    let abc = || flat("group", &["a", "b", "c"]);
    let xy = || flat("kind", &["x", "y"]);
    let at = |names: &[&str]| -> usize {
        names.iter().fold(0, |at, name| at * 3 + (name.as_bytes()[name.len() - 1] - b'a') as usize % 3)
    };
    let leaf = |names: &[&str]| counts[at(names) % counts.len()];
    let share = |names: &[&str], step: usize| counts[(at(names) + step) % counts.len()];
    match shape {
        0 => vec![tabulate("t", vec![abc(), xy()], vec![count("n")], |_, l| leaf(l))],
        1 => vec![tabulate("t", vec![abc()], vec![count("n"), count_where("k", 0)], |m, l| {
            if m == 0 { leaf(l) } else { leaf(l).min(share(l, 4)) }
        })],
        2 => {
            let school = dimension("school", &[("T", ""), ("D", "T"), ("E", "T"), ("a", "D"), ("b", "D"), ("c", "E")]);
            vec![tabulate("t", vec![school, xy()], vec![count("n")], |_, l| leaf(l))]
        }
        3 => {
            let linked = |other: &str, step: usize| {
                let second = flat(other, &["x", "y"]);
                let name = other.to_owned();
                tabulate(&name, vec![ab(), second], vec![count("n")], |_, l| {
                    // The same total of each group, split in two ways.
                    let group = leaf(&l[..1]) + share(&l[..1], 3);
                    let first = share(&l[..1], step).min(group);
                    if l[1] == "x" { first } else { group - first }
                })
            };
            vec![linked("kind", 5), linked("origin", 7)]
        }
        4 => vec![tabulate("t", vec![ab()], vec![count("n"), part("p", 0), part("q", 0), part("r", 0)], |m, l| {
            let parts = [share(l, 1), share(l, 4), share(l, 6)];
            if m == 0 { parts.iter().sum() } else { parts[m - 1] }
        })],
        5 => {
            let measures = vec![count("n"), count_where("k", 0), count_where("j", 1)];
            vec![tabulate("t", vec![ab()], measures, |m, l| match m {
                0 => leaf(l),
                1 => leaf(l).min(share(l, 3)),
                _ => leaf(l).min(share(l, 3)).min(share(l, 5)),
            })]
        }
        6 => {
            let cohort = dimension("cohort", &[("a", ""), ("b", "")]);
            vec![tabulate("t", vec![cohort, xy()], vec![count("n"), count_where("k", 0)], |m, l| {
                if m == 0 { leaf(l) } else { leaf(l).min(share(l, 4)) }
            })]
        }
        _ => vec![tabulate("t", vec![ab(), xy(), flat("third", &["v", "w"])], vec![count("n")], |_, l| leaf(l))],
    }
}

pub(super) fn policies() -> impl Strategy<Value = Policy> {
    let level = prop_oneof![Just(Level::Exact), Just(Level::Interval(2)), Just(Level::Full)];
    let zeros = prop_oneof![Just(Zeros::Print), Just(Zeros::Hide)];
    (level, zeros, any::<bool>()).prop_map(|(level, zeros, homogeneous)| Policy {
        minimum_cell: 3,
        level,
        zeros,
        homogeneous,
        weight: Weight::Value,
        neighbourhoods: 6,
        ..Policy::default()
    })
}

pub(super) fn releases() -> impl Strategy<Value = Vec<Table>> {
    let value = prop_oneof![3 => 0..=4i64, 1 => Just(0i64), 1 => Just(1i64)];
    (0..8usize, prop::collection::vec(value, 9)).prop_map(|(shape, counts)| release(shape, &counts))
}

pub(super) fn is_met(policy: &Policy, (low, high): (i64, i64)) -> bool {
    match policy.level {
        // A reader who does not know that counts are whole is not one that can be enumerated.
        Level::Exact | Level::Percent(_) => low < high,
        Level::Interval(width) => high - low >= width as i64,
        Level::Full => high >= policy.minimum_cell as i64 && high - low >= policy.minimum_cell as i64 - 1,
    }
}

/// The targets that whoever has these ranges knows to be small.
pub(super) fn known_to_be_small(tables: &[Table], policy: &Policy, ranges: &Ranges) -> BTreeSet<CellName> {
    let small = |(low, high): (i64, i64)| low > 0 && policy.is_small(high) && !is_met(policy, (low, high));
    let targets = targets(tables, policy).expect("targets");
    let known = targets.iter().filter(|target| small(ranges[&place(target)]));
    known.map(|target| name(tables, place(target))).collect()
}

pub(super) fn place(target: &Target) -> Place {
    (target.table, target.measure, target.of, target.cell)
}

pub(super) fn name(tables: &[Table], (table, measure, of, cell): Place) -> CellName {
    tables[table].cell_name(measure, of, cell)
}

/// A pattern that keeps what the policy's zeros promise.
pub(super) fn pattern(tables: &[Table], policy: &Policy, coins: &[bool]) -> Vec<Vec<Vec<Status>>> {
    let mut coin = coins.iter().cycle();
    let mut status = |table: &Table, measure: usize, value: i64| {
        let shown = *coin.next().expect("cycle");
        let never_empty = table.measures[measure].kind == MeasureKind::Count || !policy.homogeneous;
        match (value, policy.zeros) {
            (0, Zeros::Hide) => Status::Complementary,
            (0, Zeros::Print) if never_empty => Status::Published,
            _ if shown => Status::Published,
            _ => Status::Complementary,
        }
    };
    tables
        .iter()
        .map(|table| {
            let measures = table.values.iter().enumerate();
            measures.map(|(m, values)| values.iter().map(|&value| status(table, m, value)).collect()).collect()
        })
        .collect()
}

/// One cell may stand in two tables; hidden in one and published in the other is what an audit has to see through.
pub(super) fn fallen(report: &AuditReport) -> BTreeSet<CellName> {
    let cells = report.findings.iter().filter(|finding| !matches!(finding.kind, FindingKind::SmallSum { .. }));
    cells.map(|finding| finding.cell.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No reader who tries every table learns more than the policy allows.
    #[test]
    fn every_protected_figure_keeps_its_interval(tables in releases(), policy in policies()) {
        let protected = protect(&tables, &policy, &mut silent).expect("every small release has a pattern");
        prop_assert!(protected.audit.passed);
        let public = public_view(&tables, &protected.statuses);
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        for target in targets(&tables, &policy).expect("targets") {
            let range = ranges[&place(&target)];
            prop_assert!(is_met(&policy, range), "{} {range:?}", name(&tables, place(&target)));
        }
    }

    /// The audit finds what such a reader finds, and nothing else, on patterns good and bad.
    #[test]
    fn the_audit_agrees_with_trying_everything(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.5), 40),
        told in any::<bool>(),
    ) {
        let statuses = pattern(&tables, &policy, &coins);
        let public = public_view(&tables, &statuses);
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        let targets = targets(&tables, &policy).expect("targets");
        let bad = |target: &&Target| !is_met(&policy, ranges[&place(target)]);
        let expected: BTreeSet<CellName> =
            targets.iter().filter(bad).map(|target| name(&tables, place(target))).collect();
        let witness = told.then_some(Evidence { tables: &tables, changes: &[] });
        let policy = Policy { contributor: false, ..policy };
        let report = audit(public[..].into(), &policy, Some(&targets), witness, &mut silent).expect("audit");
        prop_assert_eq!(fallen(&report), expected);
    }

    /// Without being told what is small, the audit finds every figure whose interval is too narrow and holds small values
    /// only.
    #[test]
    fn the_public_audit_finds_every_figure_known_to_be_small(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.5), 40),
    ) {
        let policy = Policy { homogeneous: false, ..policy };
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        let expected = known_to_be_small(&tables, &policy, &ranges);
        let report = audit(public[..].into(), &policy, None, None, &mut silent).expect("audit");
        prop_assert_eq!(fallen(&report), expected);
    }

    /// No published total shows that hidden figures add up to a small group.
    #[test]
    fn no_total_shows_a_small_sum(tables in releases(), policy in policies()) {
        let protected = protect(&tables, &policy, &mut silent).expect("every small release has a pattern");
        let public = public_view(&tables, &protected.statuses);
        for table in &public {
            for (axis, dimension) in table.dimensions.iter().enumerate() {
                let stride: usize = table.dimensions[axis + 1..].iter().map(|d| d.nodes.len()).product();
                let children = dimension.children();
                for (values, cell) in table.values.iter().flat_map(|v| (0..v.len()).map(move |cell| (v, cell))) {
                    let node = cell / stride % dimension.nodes.len();
                    let below = children[node].iter().map(|child| values[cell - node * stride + child * stride]);
                    let below: Vec<Option<i64>> = below.collect();
                    let hidden = below.iter().filter(|value| value.is_none()).count();
                    if let (Some(total), true) = (values[cell], hidden > 1) {
                        let rest = total - below.iter().flatten().sum::<i64>();
                        prop_assert!(!policy.is_small(rest));
                    }
                }
            }
        }
    }

    /// The order of the tables does not change which cells are hidden.
    #[test]
    fn the_order_of_tables_does_not_matter(counts in prop::collection::vec(0..=4i64, 9), policy in policies()) {
        let tables = release(3, &counts);
        let mut turned = tables.clone();
        turned.reverse();
        let mut backwards = protected(&turned, &policy).statuses;
        backwards.reverse();
        let again = protected(&tables, &policy);
        prop_assert_eq!(&again.statuses, &backwards);
        prop_assert_eq!(again, protected(&tables, &policy));
    }
}
