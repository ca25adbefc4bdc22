//! Amounts, such as wages, against the reader who tries every amount.

use proptest::prelude::*;

use super::brute::{ranges, ranges_knowing_value};
use super::build::*;
use super::exhaustive::{name, place};
use crate::disclosure::primary_rules::{Contributions, MagnitudeRule};
use crate::disclosure::*;

/// The largest amount of a cell and what the rules ask for beyond it.
const CAP: i64 = 40;

fn magnitude(name: &str) -> Measure {
    Measure { name: name.to_owned(), kind: MeasureKind::Magnitude }
}

/// Wages by sector and region: what each employer pays in each innermost cell.
fn wages(paid: &[Vec<i64>]) -> Vec<Table> {
    by_employer(paid, magnitude("wages"))
}

/// A measure by sector and region: what each employer adds to it in each innermost cell.
fn by_employer(paid: &[Vec<i64>], measure: Measure) -> Vec<Table> {
    let dimensions = vec![flat("sector", &["a", "b"]), flat("region", &["x", "y", "z"])];
    let at = |names: &[&str]| usize::from(names[0] == "b") * 3 + usize::from(names[1].as_bytes()[0] - b'x');
    let mut table = tabulate("t", dimensions, vec![measure], |_, leaf| paid[at(leaf)].iter().sum());
    let inside = |cell: usize| -> Vec<i64> {
        let nodes = table.coordinates(cell);
        let (sectors, regions) = (if nodes[0] == 0 { 0..2 } else { nodes[0] - 1..nodes[0] }, nodes[1]);
        let regions = if regions == 0 { 0..3 } else { regions - 1..regions };
        sectors.flat_map(|s| regions.clone().flat_map(move |r| paid[s * 3 + r].clone())).collect()
    };
    let cells = (0..table.cell_count()).map(|cell| Contributions::of(inside(cell)).expect("contributions")).collect();
    table.contributions = vec![cells];
    vec![table]
}

/// The innermost cells below a cell in which anything is paid.
fn employers(paid: &[Vec<i64>], cell: usize) -> Vec<usize> {
    let (sector, region) = (cell / 4, cell % 4);
    let below = |leaf: &usize| (sector == 0 || leaf / 3 == sector - 1) && (region == 0 || leaf % 3 == region - 1);
    (0..6).filter(below).filter(|&leaf| !paid[leaf].is_empty()).collect()
}

fn rules() -> impl Strategy<Value = Vec<MagnitudeRule>> {
    prop_oneof![
        Just(vec![MagnitudeRule::Percent { p: 30 }]),
        Just(vec![MagnitudeRule::Dominance { n: 1, k: 70 }]),
        Just(vec![MagnitudeRule::Organisations { minimum: 3, range: 20 }]),
        Just(vec![
            MagnitudeRule::Organisations { minimum: 3, range: 0 },
            MagnitudeRule::PriorPosterior { p: 20, q: 60 }
        ]),
    ]
}

fn payrolls() -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(1..=4i64, 0..=3), 6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each sensitive amount keeps the interval that its rule asks for.
    #[test]
    fn every_sensitive_amount_keeps_its_interval(paid in payrolls(), magnitudes in rules(), print in any::<bool>()) {
        let zeros = if print { Zeros::Print } else { Zeros::Hide };
        let policy = Policy { magnitudes, zeros, level: Level::Exact, ..Policy::default() };
        let tables = wages(&paid);
        let Ok(protected) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let public = public_view(&tables, &protected.statuses);
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        for target in targets(&tables, &policy).expect("targets") {
            let (low, high) = ranges[&place(&target)];
            prop_assert!(target.requirement.is_met(low, high), "{} {low} {high}", name(&tables, place(&target)));
        }
    }

    /// Each count with too few organisations behind it keeps the interval that its rule and the level ask for, however
    /// large it is; and a count that is small all the same is protected as such.
    #[test]
    fn every_count_of_too_few_organisations_keeps_its_interval(
        staff in payrolls(), behind_counts in rules(), width in 1_u64..4, print in any::<bool>()
    ) {
        let zeros = if print { Zeros::Print } else { Zeros::Hide };
        let level = Level::Interval(width);
        let policy = Policy { behind_counts: behind_counts.clone(), zeros, level, minimum_cell: 2, ..Policy::default() };
        let tables = by_employer(&staff, count("workers"));
        let Ok(protected) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let public = public_view(&tables, &protected.statuses);
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        for (cell, behind) in tables[0].contributions[0].iter().enumerate() {
            let few = MagnitudeRule::judge(&behind_counts, behind);
            let (low, high) = ranges[&(0, 0, None, cell)];
            let value = tables[0].values[0][cell];
            if let Some(few) = &few {
                prop_assert!(!protected.statuses[0][0][cell].is_published());
                // Where empty cells are printed everybody knows that a hidden one is not.
                let asked = Requirement { lower: few.requirement.lower.max(i64::from(print)), ..few.requirement };
                prop_assert!(asked.is_met(low, high), "{} {low} {high}", name(&tables, (0, 0, None, cell)));
            }
            prop_assert!((few.is_none() && value != 1) || high - low >= width as i64, "{low} {high}");
        }
    }

    /// An organisation alone in a hidden count knows it, and computes no other.
    #[test]
    fn no_organisation_computes_a_count_from_its_own(staff in payrolls(), behind_counts in rules()) {
        let policy = Policy { behind_counts, level: Level::Exact, minimum_cell: 2, ..Policy::default() };
        let tables = by_employer(&staff, count("workers"));
        let Ok(protected) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let public = public_view(&tables, &protected.statuses);
        let alone = |cell: &usize| {
            tables[0].contributions[0][*cell].organisations() == 1 && !protected.statuses[0][0][*cell].is_published()
        };
        for own in (0..tables[0].cell_count()).filter(alone) {
            let value = tables[0].values[0][own];
            let Some(ranges) = ranges_knowing_value(&public, &policy, CAP, (0, 0, None, own), value) else {
                return Ok(());
            };
            let theirs = |cell: usize| employers(&staff, cell) == employers(&staff, own);
            for target in targets(&tables, &policy).expect("targets").iter().filter(|target| !theirs(target.cell)) {
                let (low, high) = ranges[&place(target)];
                prop_assert!(low < high, "{} beside cell {own}", name(&tables, place(target)));
            }
        }
    }

    /// Who is alone in a hidden cell knows its amount, and computes no other.
    #[test]
    fn nobody_computes_an_amount_from_their_own(paid in payrolls(), magnitudes in rules()) {
        let policy = Policy { magnitudes, level: Level::Exact, ..Policy::default() };
        let tables = wages(&paid);
        let Ok(protected) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let public = public_view(&tables, &protected.statuses);
        let alone = |cell: &usize| {
            tables[0].contributions[0][*cell].contributors() == 1 && !protected.statuses[0][0][*cell].is_published()
        };
        for own in (0..tables[0].cell_count()).filter(alone) {
            let value = tables[0].values[0][own];
            let Some(ranges) = ranges_knowing_value(&public, &policy, CAP, (0, 0, None, own), value) else {
                return Ok(());
            };
            // The same amount in another cell, a margin of theirs alone, is their own.
            let theirs = |cell: usize| employers(&paid, cell) == employers(&paid, own);
            for target in targets(&tables, &policy).expect("targets").iter().filter(|target| !theirs(target.cell)) {
                let (low, high) = ranges[&place(target)];
                prop_assert!(low < high, "{} beside cell {own}", name(&tables, place(target)));
            }
        }
    }
}

#[test]
fn an_amount_is_no_small_count() {
    // Three employers who pay 1 each: 3 is no group of three people.
    let tables = wages(&vec![vec![1, 1, 1]; 6]);
    let policy =
        Policy { magnitudes: vec![MagnitudeRule::Organisations { minimum: 3, range: 0 }], ..Policy::default() };
    let protected = protect(&tables, &policy, &mut silent).expect("protected");
    assert!(protected.statuses[0][0].iter().all(|status| status.is_published()));
}

#[test]
fn a_minimum_of_its_own_is_kept_by_the_search() {
    let counts: [(&[&str], i64); 4] = [(&["a"], 15), (&["b"], 40), (&["c"], 50), (&["d"], 60)];
    let mut table = from_rows("t", vec![flat("s", &["a", "b", "c", "d"])], &counts);
    table.minimums = Some(vec![11, 20, 20, 20, 20]);
    let tables = [table];
    let policy = Policy::default();
    let protected = protect(&tables, &policy, &mut silent).expect("protected");
    assert_eq!(protected.statuses[0][0][1], Status::Primary(Reason::MinimumCell));
    let public = public_view(&tables, &protected.statuses);
    let ranges = ranges(&public, &policy, 200).expect("few tables");
    let (low, high) = ranges[&(0, 0, None, 1)];
    assert!(high >= 20 && high - low >= 19, "{low} {high}");
}
