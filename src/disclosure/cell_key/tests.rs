//! The guarantees of the cell-key method.

use proptest::prelude::*;

use super::*;
use crate::disclosure::policy::Level;
use crate::disclosure::samples::{contains, dimension, leaf_cells, table};

const COUNT: (&str, MeasureKind) = ("n", MeasureKind::Count);
const PASSED: (&str, MeasureKind) = ("passed", MeasureKind::CountWhere { of: 0 });

fn rule(maximum: u32, variance_percent: u32, threshold: u32) -> CellKey {
    CellKey { maximum, variance_percent, threshold }
}

fn noise(maximum: u32, variance_percent: u32, threshold: u32) -> NoiseTable {
    NoiseTable::new(&rule(maximum, variance_percent, threshold)).expect("noise")
}

/// A record key: uniform numbers from a counter.
fn record(index: u64) -> u64 {
    let mut mixed = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A person: the innermost cell (a, b) and whether they passed.
type Person = (usize, usize, bool);

/// The table of people by two dimensions, with keys.
fn tabulated(name: &str, people: &[Person]) -> (Table, Keys) {
    let dimensions = vec![dimension("a", "T x<T y<T z<T"), dimension("b", "T u<T v<T")];
    let mut counts = vec![vec![0; 6]; 2];
    let mut table = table(name, dimensions, &[COUNT, PASSED], &[&[0; 6], &[0; 6]]);
    let cells = leaf_cells(&table);
    let mut keys = vec![vec![0_u64; table.cell_count()]; 2];
    for (index, &(a, b, passed)) in people.iter().enumerate() {
        let leaf = 2 * a + b;
        for measure in 0..=usize::from(passed) {
            counts[measure][leaf] += 1;
            let key = &mut keys[measure][cells[leaf]];
            *key = key.wrapping_add(record(u64::try_from(index).expect("small")));
        }
    }
    let summed = crate::disclosure::samples::sums;
    table.values = counts.iter().map(|counts| summed(&table, &cells, counts)).collect();
    let keys = Keys::from_leaves(&table, &keys).expect("shape");
    (table, keys)
}

fn lax() -> Policy {
    Policy { level: Level::Interval(1), homogeneous: false, ..Policy::default() }
}

fn printed(tables: &[Table], keys: &[Keys], rule: &CellKey) -> Result<Perturbed, DisclosureError> {
    perturb(tables, keys, rule, &lax(), &mut |_: Progress| {})
}

#[test]
fn noise_is_unbiased_bounded_and_of_the_variance_asked_for() {
    for (maximum, variance, threshold) in
        [(2, 100, 0), (3, 150, 0), (5, 200, 0), (5, 300, 2), (11, 600, 0), (5, 200, 4)]
    {
        let table = noise(maximum, variance, threshold);
        for count in 0..40 {
            let row = table.row(count);
            assert_eq!(row.shares.iter().sum::<u64>(), noise::WHOLE);
            let mean: i128 =
                row.noise.iter().zip(&row.shares).map(|(&v, &share)| i128::from(v) * i128::from(share)).sum();
            let points = row.shares.iter().filter(|&&share| share > 0).count();
            assert!(mean == 0 || (points == 2 && mean.abs() < i128::from(maximum)), "{maximum} {count}: {mean}");
            let spread: f64 = table.distribution(count).iter().map(|&(v, p)| (v * v) as f64 * p).sum();
            if count > i64::from(maximum + threshold) {
                assert!((spread - f64::from(variance) / 100.0).abs() < 1e-6, "variance {spread} at {count}");
            }
            for (v, p) in table.distribution(count) {
                assert!(v.abs() <= i64::from(maximum));
                assert!(p == 0.0 || count + v == 0 || count + v > i64::from(threshold));
            }
        }
        assert_eq!(table.distribution(0), [(0, 1.0)]);
    }
}

#[test]
fn the_design_is_that_of_the_published_generator() {
    // ptable 1.0.0, create_cnt_ptable(D = 2, V = 1): the row of counts of 2 and more.
    let row = noise(2, 100, 0).distribution(9);
    for ((_, found), expected) in row.iter().zip([0.0638, 0.2447, 0.3830, 0.2447, 0.0638]) {
        assert!((found - expected).abs() < 1e-4, "{row:?}");
    }
}

#[test]
fn maximum_entropy_beats_every_other_noise_of_the_same_moments() {
    let row = noise(3, 150, 0).distribution(1);
    let entropy = |p: &[f64]| -> f64 { p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum() };
    let p: Vec<f64> = row.iter().map(|&(_, p)| p).collect();
    // Directions that leave sum, mean and variance as they are: third differences of neighbours.
    for at in 0..p.len() - 3 {
        for size in [1e-3, -1e-3] {
            let mut other = p.clone();
            for (step, by) in [1.0, -3.0, 3.0, -1.0].iter().enumerate() {
                other[at + step] += size * by;
            }
            assert!(other.iter().any(|&p| p < 0.0) || entropy(&other) < entropy(&p));
        }
    }
}

#[test]
fn impossible_noise_is_refused() {
    for (maximum, variance, threshold) in [(0, 100, 0), (101, 100, 0), (3, 0, 0), (2, 100, 2)] {
        assert!(NoiseTable::new(&rule(maximum, variance, threshold)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn the_same_people_have_the_same_noise_in_every_table_and_release(
        people in prop::collection::vec((0usize..3, 0usize..2, any::<bool>()), 0..80),
        later in prop::collection::vec((0usize..3, 0usize..1, any::<bool>()), 0..10),
    ) {
        let (first, first_keys) = tabulated("first", &people);
        // The later release has more people, none of them in v.
        let all: Vec<Person> = people.iter().chain(&later).copied().collect();
        let (second, second_keys) = tabulated("second", &all);
        let table = noise(4, 200, 0);
        let (before, after) = (apply(&first, &first_keys, &table), apply(&second, &second_keys, &table));
        let nodes = |cell: usize| (cell / 3, cell % 3);
        for cell in (0..12).filter(|&cell| nodes(cell).1 == 2) {
            for measure in 0..2 {
                prop_assert_eq!(before.values[measure][cell], after.values[measure][cell]);
            }
        }
        // Everybody passed in a cell: numerator and denominator are the same people.
        for cell in 0..12 {
            if first.values[0][cell] == first.values[1][cell] {
                prop_assert_eq!(before.values[0][cell], before.values[1][cell]);
            }
        }
    }

    #[test]
    fn a_printed_figure_leaves_open_every_count_that_could_have_been_printed_so(
        maximum in 1u32..8, variance in 50u32..600, threshold in 0u32..3, printed in 0i64..40,
    ) {
        prop_assume!(threshold < maximum);
        let table = noise(maximum, variance, threshold);
        let sources: Vec<i64> = (0..80).filter(|&count| {
            table.distribution(count).iter().any(|&(v, p)| count + v == printed && p > 0.0)
        }).collect();
        if let (Some(&first), Some(&last)) = (sources.first(), sources.last()) {
            prop_assert_eq!(table.sources(printed), (first, last));
            prop_assert!(printed - first <= i64::from(maximum) && last - printed <= i64::from(maximum));
        }
    }

    #[test]
    fn no_small_figure_follows_from_the_totals(people in prop::collection::vec((0usize..3, 0usize..2, any::<bool>()), 1..14)) {
        let (mut truth, mut keys) = tabulated("t", &people);
        truth.measures.truncate(1);
        truth.values.truncate(1);
        keys.0.truncate(1);
        let rule = rule(1, 60, 0);
        let table = NoiseTable::new(&rule).expect("noise");
        // Every table of counts that could have been printed so.
        let shown = apply(&truth, &keys, &table);
        let cells = leaf_cells(&truth);
        let axes: Vec<(i64, i64)> = cells.iter().map(|&cell| table.sources(shown.values[0][cell])).collect();
        let mut range = vec![(i64::MAX, i64::MIN); truth.cell_count()];
        let mut at: Vec<i64> = axes.iter().map(|axis| axis.0).collect();
        loop {
            let value = |outer: usize| -> i64 {
                cells.iter().zip(&at).filter(|&(&cell, _)| contains(&truth, outer, cell)).map(|(_, value)| value).sum()
            };
            let values: Vec<i64> = (0..truth.cell_count()).map(value).collect();
            if values.iter().zip(&shown.values[0]).all(|(&value, &shown)| {
                table.distribution(value).iter().any(|&(v, p)| value + v == shown && p > 0.0)
            }) {
                for (range, value) in range.iter_mut().zip(values) {
                    *range = (range.0.min(value), range.1.max(value));
                }
            }
            let Some(next) = (0..at.len()).find(|&i| at[i] < axes[i].1) else { break };
            at[next] += 1;
            for i in 0..next { at[i] = axes[i].0; }
        }
        let result = printed(std::slice::from_ref(&truth), std::slice::from_ref(&keys), &rule);
        let fallen = (0..range.len()).filter(|&cell| range[cell].0 == range[cell].1 && truth.values[0][cell] > 0).count();
        // What the bounds find is there; what is there and not found is why the guarantee names the bounds.
        if let Err(DisclosureError::Unprotectable { cells }) = &result {
            let counts = cells.iter().filter(|cell| cell.measure == "n").count();
            prop_assert!(counts <= fallen, "{counts} found, {fallen} fallen");
        }
    }
}

#[test]
fn two_cells_that_differ_by_one_person_have_independent_noise() {
    let table = noise(5, 300, 0);
    let (mut sum, mut square, mut equal) = (0_i64, 0_i64, 0);
    let trials = 200_000;
    for trial in 0..trials {
        let key = record(2 * trial);
        let with = 21 + table.noise(21, key.wrapping_add(record(2 * trial + 1)));
        let difference = with - (20 + table.noise(20, key));
        sum += difference;
        square += difference * difference;
        equal += i64::from(difference == 0);
    }
    let trials = i64::try_from(trials).expect("small") as f64;
    let mean = sum as f64 / trials;
    let variance = square as f64 / trials - mean * mean;
    assert!((mean - 1.0).abs() < 0.03, "mean {mean}");
    assert!((variance - 6.0).abs() < 0.1, "variance {variance}");
    assert!(equal > 0, "the difference does not always show");
}

#[test]
fn noise_of_two_cells_does_not_say_that_of_both_together() {
    let table = noise(5, 300, 0);
    let lowest: Vec<u64> = (0..30_000).map(record).filter(|&key| table.noise(21, key) == -5).take(40).collect();
    let pairs = (0..lowest.len()).flat_map(|at| lowest[..at].iter().map(move |other| (at, other)));
    let of_both: Vec<i64> = pairs.map(|(at, other)| table.noise(42, lowest[at].wrapping_add(*other))).collect();
    let above = of_both.iter().filter(|&&noise| noise > 0).count();
    assert!(of_both.len() == 780 && (200..500).contains(&above), "{above} of {} are above 0", of_both.len());
}

#[test]
fn two_extremes_that_give_a_figure_away_are_refused() {
    // A total up by the maximum over two parts down by it: with bounded noise both parts follow.
    let truth = table("t", vec![dimension("a", "T x<T y<T")], &[COUNT], &[&[3, 4]]);
    let rule = rule(1, 60, 0);
    let find = |count: i64, wanted: i64| {
        let table = NoiseTable::new(&rule).expect("noise");
        (0..100_000).map(record).find(move |&key| table.noise(count, key) == wanted)
    };
    let table = NoiseTable::new(&rule).expect("noise");
    let low = find(3, -1).expect("a key");
    let other =
        (0..100_000).map(record).find(|&key| table.noise(4, key) == -1 && table.noise(7, low.wrapping_add(key)) == 1);
    let keys = Keys::from_leaves(&truth, &[vec![0, low, other.expect("a key")]]).expect("shape");
    let error = printed(&[truth], &[keys], &rule).expect_err("given away");
    assert!(matches!(error, DisclosureError::Unprotectable { ref cells } if cells.len() == 3), "{error}");
}

#[test]
fn a_group_of_nobody_that_the_totals_give_away_is_refused() {
    // Both other parts are printed above what they are and the total below: nobody of x passed.
    let passed = [0, 3, 4];
    let truth = table("t", vec![dimension("a", "T x<T y<T z<T")], &[COUNT, PASSED], &[&[30, 40, 50], &passed]);
    let rule = rule(1, 60, 0);
    let table = NoiseTable::new(&rule).expect("noise");
    let keys = || (0..100_000).map(record);
    let first = keys().find(|&key| table.noise(3, key) == 1).expect("a key");
    let both = |key: u64| table.noise(4, key) == 1 && table.noise(7, first.wrapping_add(key)) == -1;
    let second = keys().find(|&key| both(key)).expect("a key");
    let all = vec![0, 7, first.wrapping_add(8), second.wrapping_add(9)];
    let keys = [Keys::from_leaves(&truth, &[all, vec![0, 0, first, second]]).expect("shape")];
    let policy = Policy { minimum_cell: 3, ..lax() };
    let truth = [truth];
    assert!(perturb(&truth, &keys, &rule, &policy, &mut |_: Progress| {}).is_ok(), "where such groups may be shown");
    let policy = Policy { homogeneous: true, ..policy };
    let error = perturb(&truth, &keys, &rule, &policy, &mut |_: Progress| {}).expect_err("given away");
    assert!(matches!(error, DisclosureError::Unprotectable { ref cells } if cells.len() == 1), "{error}");
}

#[test]
fn keys_of_other_people_are_refused() {
    let (truth, keys) = tabulated("t", &[(0, 0, true), (1, 1, false), (1, 1, true), (2, 0, false)]);
    let mut wrong = keys.clone();
    wrong.0[0][0] = wrong.0[0][0].wrapping_add(1);
    assert!(matches!(
        printed(std::slice::from_ref(&truth), &[wrong], &rule(3, 100, 0)),
        Err(DisclosureError::InvalidTable { .. })
    ));
    let mut other = truth.clone();
    other.name = "other".to_owned();
    let mut apart = keys.clone();
    apart.0[0].iter_mut().for_each(|key| *key = key.wrapping_mul(3));
    apart.0[1].iter_mut().for_each(|key| *key = key.wrapping_mul(3));
    let both = printed(&[truth.clone(), other], &[keys.clone(), apart], &rule(3, 100, 0));
    assert!(both.is_err(), "the same cell with two keys");
    // Every sum is as it was, and a cell where nobody is has a key.
    let mut lent = keys.clone();
    for (cell, by) in [(4, 1), (5, u64::MAX), (7, u64::MAX), (8, 1)] {
        lent.0[0][cell] = lent.0[0][cell].wrapping_add(by);
    }
    assert!(printed(std::slice::from_ref(&truth), &[lent], &rule(3, 100, 0)).is_err(), "nobody with a key");
    let short = Keys(vec![vec![0; 3]]);
    assert!(printed(&[truth], &[short], &rule(3, 100, 0)).is_err());
    assert_eq!(format!("{keys:?}"), "Keys(..)");
}

#[test]
fn noise_too_small_for_the_level_is_refused() {
    let full = Policy::default();
    assert!(rule(5, 300, 0).check(&full).is_err());
    assert!(rule(10, 600, 0).check(&full).is_err());
    assert_eq!(rule(11, 600, 0).check(&full), Ok(()));
    let interval = Policy { level: Level::Interval(5), ..Policy::default() };
    assert!(rule(4, 300, 0).check(&interval).is_err());
    assert_eq!(rule(5, 300, 0).check(&interval), Ok(()));
}
