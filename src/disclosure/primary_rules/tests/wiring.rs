//! The rules at work on tables.

use crate::disclosure::policy::{Level, Reason};
use crate::disclosure::primary_rules::{Contributions, MagnitudeRule, Minimums, Scope, wage_rules};
use crate::disclosure::samples::{dimension, table};
use crate::disclosure::{MeasureKind, Policy, Table, targets};

/// Employers' wages by sector: people and the wages of each employer.
fn wages(sectors: &[(i64, &[i64])]) -> Table {
    let people: Vec<i64> = sectors.iter().map(|&(people, _)| people).collect();
    let paid: Vec<i64> = sectors.iter().map(|(_, paid)| paid.iter().sum()).collect();
    let measures = [("people", MeasureKind::Count), ("wages", MeasureKind::Magnitude)];
    let mut table = table("t", vec![dimension("sector", "T x<T y<T z<T")], &measures, &[&people, &paid]);
    let cell = |people: i64, mut paid: Vec<i64>| {
        paid.sort_unstable_by(|a, b| b.cmp(a));
        let employers = u64::try_from(paid.len()).expect("few");
        let sum = paid.iter().sum();
        Contributions::new(people.unsigned_abs(), employers, paid, sum).expect("contributions")
    };
    let all: Vec<i64> = sectors.iter().flat_map(|(_, paid)| paid.iter().copied()).collect();
    let cells = sectors.iter().map(|&(people, paid)| cell(people, paid.to_vec()));
    let total = cell(people.iter().sum(), all);
    table.contributions = vec![Vec::new(), std::iter::once(total).chain(cells).collect()];
    table
}

fn found(table: &Table, policy: &Policy) -> Vec<(usize, usize, Reason)> {
    let targets = targets(std::slice::from_ref(table), policy).expect("targets");
    targets.into_iter().map(|target| (target.measure, target.cell, target.reason)).collect()
}

#[test]
fn magnitudes_are_protected_by_their_own_rules() {
    let table = wages(&[(200, &[500, 400, 300]), (100, &[900, 50, 50]), (300, &[100, 200])]);
    let policy = Policy { magnitudes: wage_rules().to_vec(), ..Policy::default() };
    assert_eq!(found(&table, &policy), [(1, 2, Reason::Dominance), (1, 3, Reason::Organisations)]);
    assert!(found(&table, &Policy::default()).is_empty(), "a small wage is no small count");
    let policy = Policy { magnitudes: vec![MagnitudeRule::Percent { p: 12 }], ..Policy::default() };
    let targets = targets(&[table], &policy).expect("targets");
    let second = targets.iter().find(|target| target.cell == 2).expect("sensitive");
    // 12 percent of 900 are 108, of which the third gives 50.
    assert_eq!((second.requirement.lower, second.requirement.upper, second.requirement.width), (942, 1058, 58));
    assert!(!format!("{second:?}").contains("1058"));
}

#[test]
fn contributions_must_add_up() {
    let mut table = wages(&[(200, &[500, 400, 300]), (100, &[900, 50, 50]), (300, &[100, 200])]);
    table.contributions[1].swap(1, 2);
    assert!(targets(std::slice::from_ref(&table), &Policy::default()).is_err());
    table.contributions.clear();
    assert!(targets(&[table], &Policy::default()).is_err());
}

#[test]
fn a_minimum_of_its_own_holds_for_a_cell() {
    let counts = [("n", MeasureKind::Count)];
    let mut table = table("t", vec![dimension("race", "T p<T q<T")], &counts, &[&[12, 30]]);
    let policy = Policy { level: Level::Full, ..Policy::default() };
    assert!(found(&table, &policy).is_empty());
    let minimums = Minimums { general: 11, special: vec![(Scope::Dimension("race".to_owned()), 20)] };
    table.minimums = Some(minimums.of(&table, &[]));
    let targets = targets(&[table], &policy).expect("targets");
    assert_eq!(targets.len(), 1);
    assert_eq!((targets[0].cell, targets[0].requirement.upper, targets[0].requirement.width), (1, 20, 19));
}
