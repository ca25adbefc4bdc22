//! What a reader must grant, and when a base is refused.

use super::brute::{near, sources};
use crate::disclosure::rounding::{Aim, Rounding, promised, round, round_beside};
use crate::disclosure::samples::{dimension, table};
use crate::disclosure::{DisclosureError, Level, MeasureKind, Policy, Progress, PublicTable, Table};

const COUNT: (&str, MeasureKind) = ("n", MeasureKind::Count);
const PASSED: (&str, MeasureKind) = ("passed", MeasureKind::CountWhere { of: 0 });

fn exact() -> Policy {
    Policy { level: Level::Exact, ..Policy::default() }
}

fn nearest(base: u64) -> Rounding {
    Rounding { base, aim: Aim::Nearest, within: 1 }
}

fn rounded(tables: &[Table], rounding: &Rounding) -> Vec<Table> {
    round(tables, rounding, &exact(), &mut |_: Progress| {}).expect("rounded").tables
}

fn two_by_two(leaves: &[i64]) -> Table {
    table("t", vec![dimension("a", "T x<T y<T"), dimension("b", "T u<T v<T")], &[COUNT], &[leaves])
}

#[test]
fn a_reader_must_grant_twice_the_base_less_one_values_in_a_single_table() {
    for leaves in [[1, 2, 4, 0], [7, 1, 1, 2], [3, 6, 0, 1], [1, 1, 1, 1], [5, 4, 8, 10]] {
        let truth = [two_by_two(&leaves)];
        let shown = rounded(&truth, &nearest(3));
        let seen = sources(&shown, 3, &|_| true);
        for (cell, seen) in seen[0][0].iter().enumerate() {
            let r = shown[0].values[0][cell];
            let expected: Vec<i64> = ((r - 2).max(0)..=r + 2).collect();
            assert_eq!(seen.iter().copied().collect::<Vec<_>>(), expected, "{leaves:?} cell {cell}");
        }
    }
}

#[test]
fn a_reader_must_grant_them_to_numerators_and_denominators() {
    let school = || vec![dimension("a", "T x<T y<T")];
    for (all, passed) in [([5, 7], [1, 7]), ([1, 4], [0, 2]), ([9, 2], [4, 1])] {
        let truth = [table("t", school(), &[COUNT, PASSED], &[&all, &passed])];
        let shown = rounded(&truth, &nearest(3));
        let seen = sources(&shown, 3, &|_| true);
        for measure in 0..2 {
            for (cell, seen) in seen[0][measure].iter().enumerate() {
                let r = shown[0].values[measure][cell];
                let empty = measure == 1 && shown[0].values[0][cell] == 0;
                let expected: Vec<i64> = ((r - 2).max(0)..=r + 2).collect();
                assert!(empty || seen.iter().copied().eq(expected), "{all:?} {passed:?} {measure} {cell} {seen:?}");
            }
        }
    }
}

#[test]
fn a_reader_must_grant_the_promised_values_in_linked_tables() {
    // The same people by sex and by age within two districts.
    let linked = |sex: &[i64; 4], age: &[i64; 4]| {
        let district = || dimension("district", "T x<T y<T");
        [
            table("by sex", vec![district(), dimension("sex", "T f<T m<T")], &[COUNT], &[sex]),
            table("by age", vec![district(), dimension("age", "T o<T p<T")], &[COUNT], &[age]),
        ]
    };
    // Total, x and y of both tables.
    let agree = |tables: &[Vec<Vec<i64>>]| [0, 3, 6].iter().all(|&cell| tables[0][0][cell] == tables[1][0][cell]);
    for (sex, age) in [([1, 2, 4, 1], [3, 0, 1, 4]), ([1, 0, 0, 1], [0, 1, 1, 0]), ([2, 2, 5, 0], [1, 3, 4, 1])] {
        let truth = linked(&sex, &age);
        let shown = rounded(&truth, &nearest(2));
        let seen = sources(&shown, 2, &agree);
        for (index, table) in truth.iter().enumerate() {
            for (cell, seen) in seen[index][0].iter().enumerate() {
                let value = table.values[0][cell];
                let (low, high) = promised(shown[index].values[0][cell], value, 2);
                assert!(
                    value == 0 || (low..=high).all(|value| seen.contains(&value)),
                    "{sex:?} {age:?} {cell} {seen:?}"
                );
            }
        }
    }
}

#[test]
fn with_a_random_aim_every_neighbour_could_have_been_the_source() {
    let make = |values: &[i64]| table("t", vec![dimension("a", "T x<T y<T")], &[COUNT], &[values]);
    let shown = make(&[3, 3]);
    let sources = near(&shown, 3);
    assert_eq!(sources.len(), 19);
    for source in sources {
        let truth = [make(&source[0][1..])];
        assert_eq!(truth[0].values, source);
        let found = (0..500).any(|seed| {
            let rounding = Rounding { base: 3, aim: Aim::Random { seed }, within: 1 };
            rounded(&truth, &rounding)[0] == shown
        });
        assert!(found, "{source:?} never led to the rounded table");
    }
}

#[test]
fn a_random_aim_is_nearly_unbiased() {
    let truth = [table("t", vec![dimension("a", "T v<T w<T x<T y<T z<T")], &[COUNT], &[&[1, 2, 4, 5, 7]])];
    let mut sums = [0; 6];
    for seed in 0..3000 {
        let rounding = Rounding { base: 3, aim: Aim::Random { seed }, within: 1 };
        for (sum, value) in sums.iter_mut().zip(&rounded(&truth, &rounding)[0].values[0]) {
            *sum += value;
        }
    }
    for (sum, value) in sums.iter().zip(&truth[0].values[0]) {
        let mean = *sum as f64 / 3000.0;
        assert!((mean - *value as f64).abs() < 0.45, "mean {mean} of {value}");
    }
}

#[test]
fn a_base_that_shows_small_counts_to_be_small_is_refused() {
    for base in [3, 5, 10, 11] {
        let error = nearest(base).check(&Policy::default()).expect_err("refused");
        assert!(matches!(&error, DisclosureError::InvalidPolicy { what } if what.ends_with("at least 12")), "{error}");
    }
    assert_eq!(nearest(12).check(&Policy::default()), Ok(()));
    let interval = |width| Policy { level: Level::Interval(width), ..Policy::default() };
    assert!(nearest(3).check(&interval(3)).is_err());
    assert_eq!(nearest(3).check(&interval(2)), Ok(()));
    assert_eq!(nearest(2).check(&exact()), Ok(()));
    let percent = Policy { level: Level::Percent(30), ..Policy::default() };
    assert!(nearest(100).check(&percent).is_err());
    for wrong in [0, 1, 2_000_000] {
        assert!(nearest(wrong).check(&exact()).is_err());
    }
}

#[test]
fn a_group_of_nobody_may_have_somebody() {
    // Everybody passed in x, nobody in y: as far as the reader knows, one less and one more.
    let truth = [table("t", vec![dimension("a", "T x<T y<T")], &[COUNT, PASSED], &[&[6, 6], &[6, 0]])];
    let shown = rounded(&truth, &nearest(3));
    let seen = sources(&shown, 3, &|_| true);
    assert!(seen[0][1][1].contains(&5) && seen[0][1][2].contains(&1));
    let both = near(&shown[0], 3).iter().any(|values| values[1][1] < values[0][1] && values[1][2] > 0);
    assert!(both);
}

fn public(table: &Table) -> PublicTable {
    PublicTable {
        name: table.name.clone(),
        universe: table.universe.clone(),
        dimensions: table.dimensions.clone(),
        measures: table.measures.clone(),
        values: table.values.iter().map(|values| values.iter().map(|&value| Some(value)).collect()).collect(),
        rates: Vec::new(),
        edition: None,
        minimums: None,
    }
}

/// All true tables that fit both releases are tried.
#[test]
fn two_roundings_of_the_same_figures_leave_small_ones_open_or_the_second_is_refused() {
    let policy = Policy { minimum_cell: 4, level: Level::Interval(2), ..Policy::default() };
    let (mut passed, mut refused) = (0, 0);
    for leaves in [[1, 2, 4, 0], [7, 1, 1, 2], [3, 6, 0, 1], [1, 1, 1, 1], [5, 4, 8, 1], [2, 2, 3, 3], [1, 5, 1, 5]] {
        let truth = [two_by_two(&leaves)];
        for seed in 0..12 {
            let aim = |seed| Rounding { base: 3, aim: Aim::Random { seed }, within: 1 };
            let first = rounded(&truth, &aim(seed));
            let earlier = [public(&first[0])];
            let second = match round_beside(&truth, &aim(seed + 100), &policy, &earlier, &mut |_: Progress| {}) {
                Ok(second) => second.tables,
                Err(DisclosureError::Beside { cells }) => {
                    refused += 1;
                    assert!(!cells.is_empty());
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            passed += 1;
            let of_second = near(&second[0], 3);
            let both: Vec<_> = near(&first[0], 3).into_iter().filter(|source| of_second.contains(source)).collect();
            assert!(both.contains(&truth[0].values));
            for (cell, &value) in truth[0].values[0].iter().enumerate().filter(|(_, value)| policy.is_small(**value)) {
                let open = || both.iter().map(|source| source[0][cell]);
                let width = open().max().zip(open().min()).map(|(high, low)| high - low);
                assert!(width >= Some(2), "{leaves:?} {seed} cell {cell} is {value}");
            }
        }
    }
    assert!(passed > 20 && refused > 0, "{passed} passed, {refused} refused");
}

#[test]
fn a_figure_is_rounded_the_same_way_whatever_else_is_in_the_release() {
    let rounding = Rounding { base: 5, aim: Aim::Random { seed: 11 }, within: 1 };
    let few = [table("t", vec![dimension("a", "x y z")], &[COUNT], &[&[7, 12, 23]])];
    let more = [table("t", vec![dimension("a", "v w x y z")], &[COUNT], &[&[9, 4, 7, 12, 23]])];
    assert_eq!(rounded(&few, &rounding)[0].values[0], rounded(&more, &rounding)[0].values[0][2..]);
}
