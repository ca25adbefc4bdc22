//! Minimums by dimension and source, partners, groups of nobody and everybody.

use crate::disclosure::primary_rules::{Minimums, Scope, is_homogeneous, partners};
use crate::disclosure::samples::{dimension, table};
use crate::disclosure::{MeasureKind, Table};

fn schools() -> Table {
    let geo = dimension("geo", "S A<S B<S a1<A a2<A b1<B");
    let race = dimension("race", "T p<T q<T NR<T");
    table("t", vec![geo, race], &[("n", MeasureKind::Count)], &[&[1; 9]])
}

#[test]
fn the_largest_minimum_that_applies_holds() {
    let minimums = Minimums {
        general: 5,
        special: vec![
            (Scope::Source("wages".to_owned()), 20),
            (Scope::Dimension("race".to_owned()), 11),
            (Scope::Category("geo".to_owned(), "A".to_owned()), 15),
            (Scope::Dimension("age".to_owned()), 99),
        ],
    };
    let table = schools();
    let at = |geo: usize, race: usize, sources: &[&str]| minimums.at(&table, geo * 4 + race, sources);
    assert_eq!(at(0, 0, &[]), 5, "the whole population");
    assert_eq!(at(0, 1, &[]), 11, "by race");
    assert_eq!(at(2, 0, &[]), 5, "a district without a rule of its own");
    assert_eq!(at(1, 0, &["school"]), 15, "the district itself");
    assert_eq!(at(3, 1, &[]), 15, "a school in it, by race");
    assert_eq!(at(3, 1, &["school", "wages"]), 20);
    assert_eq!(minimums.of(&table, &[]).len(), 24);
}

#[test]
fn not_reported_is_hidden_where_any_race_is() {
    let table = schools();
    let mut hidden = vec![false; 24];
    hidden[4 * 4 + 1] = true;
    assert_eq!(partners(&table, "race", "NR", &hidden), [4 * 4 + 3]);
    hidden[4 * 4 + 3] = true;
    assert!(partners(&table, "race", "NR", &hidden).is_empty(), "already hidden");
    hidden[2 * 4] = true;
    assert!(partners(&table, "race", "NR", &hidden).is_empty(), "the total is not a race");
    assert!(partners(&table, "race", "other", &hidden).is_empty());
}

#[test]
fn groups_of_nobody_and_everybody_are_homogeneous_below_300() {
    for (numerator, denominator, expected) in
        [(0, 299, true), (299, 299, true), (0, 300, false), (1, 299, false), (0, 0, false), (298, 299, false)]
    {
        assert_eq!(is_homogeneous(numerator, denominator, 300), expected);
    }
}
