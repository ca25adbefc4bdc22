//! Bands against a reader who tries every table. Nothing of the search or of the audit is used here.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Banded, Banding, PrintedBand, Rate, band};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Level, Policy, Zeros};
use crate::disclosure::primary_rules::{Band, Bands, SizeClass};
use crate::disclosure::samples::{dimension, leaf_cells, sums, table};
use crate::disclosure::table::{MeasureKind, Table};

/// Bands of small groups: halves from 4 on, five from 9 on, tens from 20 on.
fn small_bands() -> Bands {
    let class = |least: u64, edges: &[u8]| SizeClass {
        least,
        bands: edges
            .windows(2)
            .map(|pair| Band { low: pair[0], high: pair[1] - 1, text: format!("{}-{}", pair[0], pair[1] - 1) })
            .collect(),
    };
    let tens: Vec<u8> = std::iter::once(0).chain((11..=81).step_by(10)).chain([90, 101]).collect();
    Bands::new(vec![class(4, &[0, 50, 101]), class(9, &[0, 21, 40, 60, 80, 101]), class(20, &tens)], "*").unwrap()
}

const KINDS: [(&str, MeasureKind); 2] = [("n", MeasureKind::Count), ("k", MeasureKind::CountWhere { of: 0 })];
const RATE: Rate = Rate { numerator: 1, denominator: 0 };

fn banded(table: &Table, sizes: bool, policy: &Policy) -> Result<Banded, DisclosureError> {
    let banding = Banding { bands: small_bands(), sizes };
    band(std::slice::from_ref(table), &[vec![RATE]], &banding, policy, &|| false, &mut |_| {})
}

/// The percentages that are printed of a cell.
fn shown(banded: &Banded, cell: usize) -> Option<(i64, i64)> {
    let (low, high) = banded.bands[0][0][cell].as_ref()?.percentages;
    Some((i64::from(low), i64::from(high)))
}

fn percent(numerator: i64, size: i64) -> i64 {
    (200 * numerator + size) / (2 * size)
}

/// All choices of a number for each leaf.
fn each(tops: &[i64], try_one: &mut dyn FnMut(&[i64])) {
    let mut at = vec![0; tops.len()];
    loop {
        try_one(&at);
        let Some(next) = (0..tops.len()).find(|&leaf| at[leaf] < tops[leaf]) else { return };
        at[next] += 1;
        at[..next].fill(0);
    }
}

/// The least and the greatest numerator of each cell over all tables that print these bands, for groups of known sizes.
fn numerators(table: &Table, banded: &Banded) -> Vec<(i64, i64)> {
    let leaves = leaf_cells(table);
    let sizes: Vec<i64> = leaves.iter().map(|&leaf| table.values[0][leaf]).collect();
    let mut seen = vec![(i64::MAX, i64::MIN); table.cell_count()];
    each(&sizes, &mut |numerators| {
        let all = sums(table, &leaves, numerators);
        let fits = |cell: usize| match shown(banded, cell) {
            Some((low, high)) => (low..=high).contains(&percent(all[cell], table.values[0][cell])),
            None => true,
        };
        if (0..all.len()).all(fits) {
            for (seen, value) in seen.iter_mut().zip(&all) {
                *seen = (seen.0.min(*value), seen.1.max(*value));
            }
        }
    });
    seen
}

/// Whether an interval of a numerator (or complement) is what the level asks in a group of this size.
fn open(policy: &Policy, value: i64, size: i64, (low, high): (i64, i64)) -> bool {
    let minimum = policy.minimum_cell as i64;
    let small = (value > 0 && value < minimum) || (value == 0 && size > 0 && policy.homogeneous);
    let more = if policy.contributor { 2 } else { 1 };
    let wide = |width: i64| high - low >= width.max(more).min(size);
    !small
        || match policy.level {
            Level::Exact => wide(1),
            Level::Interval(width) => wide(width as i64),
            Level::Full => high >= minimum.min(size) && wide(minimum - 1),
            Level::Percent(_) => unreachable!(),
        }
}

/// The first cell about which a reader who tries everything knows too much.
fn fault(table: &Table, banded: &Banded, policy: &Policy) -> Option<String> {
    let seen = numerators(table, banded);
    let found = (0..table.cell_count()).find(|&cell| {
        let (size, value, (low, high)) = (table.values[0][cell], table.values[1][cell], seen[cell]);
        !open(policy, value, size, (low, high)) || !open(policy, size - value, size, (size - high, size - low))
    });
    found.map(|cell| format!("{:?}: {:?}", table.cell_name(1, None, cell), seen[cell]))
}

fn policies() -> impl Strategy<Value = Policy> {
    let level = prop_oneof![Just(Level::Exact), Just(Level::Full), (1_u64..5).prop_map(Level::Interval)];
    (level, 2_u64..6, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(level, minimum_cell, homogeneous, contributor, print)| {
            let zeros = if print { Zeros::Print } else { Zeros::Hide };
            Policy { level, minimum_cell, homogeneous, contributor, zeros, neighbourhoods: 15, ..Policy::default() }
        },
    )
}

/// A table of the given sizes and numerators (in parts of 1,000 of the size), by leaf.
fn sample(dimensions: Vec<crate::disclosure::Dimension>, leaves: &[(i64, i64)]) -> Table {
    let sizes: Vec<i64> = leaves.iter().map(|&(size, _)| size).collect();
    let parts: Vec<i64> = leaves.iter().map(|&(size, part)| (size * part + 500) / 1000).collect();
    table("t", dimensions, &KINDS, &[&sizes, &parts])
}

fn leaf() -> impl Strategy<Value = (i64, i64)> {
    (0_i64..13, prop_oneof![Just(0), Just(1000), 0_i64..=1000])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two dimensions, or a hierarchy: totals and parts of every size, and who knows all of them.
    #[test]
    fn no_reader_of_bands_who_knows_all_sizes_comes_closer_to_a_small_numerator_than_the_level_allows(
        leaves in proptest::collection::vec(leaf(), 4), nested: bool, sizes: bool, policy in policies()
    ) {
        let dimensions = match nested {
            false => vec![dimension("a", "T x<T y<T"), dimension("b", "T p<T q<T")],
            true => vec![dimension("a", "T d<T e<T v<d w<d x<e y<e")],
        };
        let table = sample(dimensions, &leaves);
        match banded(&table, sizes, &policy) {
            Ok(banded) => {
                prop_assert_eq!(fault(&table, &banded, &policy), None, "{:?}", banded.bands);
                for (cell, &size) in table.values[0].iter().enumerate() {
                    let small = size < 4 || (size as u64) < policy.minimum_cell;
                    prop_assert!(!small || shown(&banded, cell).is_none(), "a small group's rate");
                    let hidden = sizes && !banded.statuses[0][0][cell].is_published();
                    prop_assert!(!hidden || shown(&banded, cell).is_none(), "the rate of a group whose size is hidden");
                    prop_assert!(!banded.statuses[0][1][cell].is_published(), "a numerator");
                    prop_assert!(sizes || !banded.statuses[0][0][cell].is_published(), "a size");
                }
            }
            // Sizes alone may leave no pattern; numerators never do where nothing is printed.
            Err(error) => prop_assert!(sizes && matches!(error, DisclosureError::Unprotectable { .. }), "{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bands say how large a group is, too: nobody computes the size of a small one.
    #[test]
    fn no_size_of_a_small_group_follows_from_bands(
        leaves in proptest::collection::vec((prop_oneof![0_i64..5, 9_i64..11], 0_i64..=1000), 2..4), sizes: bool, wide: bool
    ) {
        let names: Vec<String> = (0..leaves.len()).map(|at| format!("c{at}<T")).collect();
        let table = sample(vec![dimension("a", &format!("T {}", names.join(" ")))], &leaves);
        let policy = Policy { level: if wide { Level::Interval(2) } else { Level::Exact }, minimum_cell: 4, contributor: false, ..Policy::default() };
        let Ok(banded) = banded(&table, sizes, &policy) else { return Ok(()) };
        // Each leaf has one of the pairs of size and numerator.
        let pairs: Vec<(i64, i64)> = (0_i64..11).flat_map(|size| (0..=size).map(move |k| (size, k))).collect();
        let mut seen = vec![(i64::MAX, i64::MIN); table.cell_count()];
        let cells = leaf_cells(&table);
        let classes = small_bands();
        each(&vec![pairs.len() as i64 - 1; leaves.len()], &mut |choice| {
            let of = |part: usize| -> Vec<i64> {
                choice.iter().map(|&at| if part == 0 { pairs[at as usize].0 } else { pairs[at as usize].1 }).collect()
            };
            let (n, k) = (sums(&table, &cells, &of(0)), sums(&table, &cells, &of(1)));
            let fits = |cell: usize| {
                let printed = banded.statuses[0][0][cell].is_published();
                let size = !printed || n[cell] == table.values[0][cell];
                size && match shown(&banded, cell) {
                    // The same band is printed of a group of this size.
                    Some((low, high)) => n[cell] >= 4
                        && (low..=high).contains(&percent(k[cell], n[cell]))
                        && classes.of_size(n[cell]).iter().any(|band| i64::from(band.low) == low)
                        && classes.of_size(n[cell]).iter().any(|band| i64::from(band.high) == high),
                    // A mark beside no printed size says that the group is small where it is.
                    None => printed || sizes || table.values[0][cell] >= 4 || n[cell] < 4,
                }
            };
            if (0..n.len()).all(fits) {
                for (seen, value) in seen.iter_mut().zip(&n) {
                    *seen = (seen.0.min(*value), seen.1.max(*value));
                }
            }
        });
        for (cell, (low, high)) in seen.into_iter().enumerate() {
            let size = table.values[0][cell];
            prop_assert!(!(1..4).contains(&size) || high - low > i64::from(wide), "{:?} {low} {high}", table.cell_name(0, None, cell));
        }
    }
}

/// Where sizes are printed, a mark does not say that its group is small: others are hidden to protect such ones.
#[test]
fn sizes_are_printed_beside_bands_where_they_can_be_protected() {
    let schools: Vec<String> = (0..16).map(|at| format!("s{at}<T")).collect();
    let dimensions = vec![dimension("school", &format!("T {}", schools.join(" "))), dimension("race", "T a<T b<T c<T")];
    let leaves: Vec<(i64, i64)> =
        (0..48_i64).map(|at| (((at * at * 7 + at * 5) % 90) / (1 + at % 3), 600 + (at * 37) % 300)).collect();
    let table = sample(dimensions, &leaves);
    for level in [Level::Exact, Level::Interval(2), Level::Full] {
        let policy = Policy { level, minimum_cell: 10, ..Policy::default() };
        let banding = Banding { bands: Bands::edfacts(), sizes: true };
        let banded =
            band(std::slice::from_ref(&table), &[vec![RATE]], &banding, &policy, &|| false, &mut |_| {}).unwrap();
        let small = |size: i64| (1..10).contains(&size);
        let sizes = table.values[0].iter().zip(&banded.statuses[0][0]);
        let hidden: Vec<i64> = sizes.filter(|(_, status)| !status.is_published()).map(|(size, _)| *size).collect();
        assert!(hidden.iter().any(|&size| small(size)) && hidden.iter().any(|&size| size >= 10), "{level:?}");
        assert!(
            table.values[0].iter().zip(&banded.statuses[0][0]).all(|(size, is)| !small(*size) || !is.is_published())
        );
    }
}

#[test]
fn numerators_that_add_up_to_a_whole_are_looked_at_together() {
    let kinds = [
        ("n", MeasureKind::Count),
        ("done", MeasureKind::Part { of: 0 }),
        ("left", MeasureKind::Part { of: 0 }),
        ("still", MeasureKind::Part { of: 0 }),
    ];
    let leaves: [&[i64]; 4] = [&[200, 90], &[150, 60], &[48, 20], &[2, 10]];
    let table = table("t", vec![dimension("a", "T x<T y<T")], &kinds, &leaves);
    let policy = Policy { level: Level::Interval(3), minimum_cell: 11, contributor: false, ..Policy::default() };
    let rates: Vec<Rate> = (1..4).map(|numerator| Rate { numerator, denominator: 0 }).collect();
    let banding = Banding { bands: Bands::nces(), sizes: true };
    let banded = band(std::slice::from_ref(&table), &[rates], &banding, &policy, &|| false, &mut |_| {}).unwrap();
    // Of x: all (done, left, still) that add up to 200 and are printed so.
    let x = 1;
    let fits = |measure: usize, value: i64| match &banded.bands[0][measure - 1][x] {
        Some(band) => (i64::from(band.percentages.0)..=i64::from(band.percentages.1)).contains(&percent(value, 200)),
        None => true,
    };
    let still: Vec<i64> = (0..=200)
        .filter(|&still| fits(3, still) && (0..=200 - still).any(|done| fits(1, done) && fits(2, 200 - still - done)))
        .collect();
    assert!(still.contains(&2) && still.last().unwrap() - still[0] >= 3, "{:?} {still:?}", banded.bands);
    assert!(banded.report.widened + banded.report.joined > 0);
}

#[test]
fn profiles_are_kept_where_they_protect_and_joined_where_they_do_not() {
    let table = sample(vec![dimension("a", "T x<T y<T z<T")], &[(500, 3), (420, 480), (600, 700)]);
    let of = |level: Level, minimum_cell: u64| {
        let policy = Policy { level, minimum_cell, ..Policy::default() };
        let banding = Banding { bands: Bands::nces(), sizes: false };
        let banded =
            band(std::slice::from_ref(&table), &[vec![RATE]], &banding, &policy, &|| false, &mut |_| {}).unwrap();
        banded.bands[0][0]
            .iter()
            .map(|band| band.as_ref().map_or("*", |band| &band.text).to_owned())
            .collect::<Vec<_>>()
    };
    // 2 of 500: fewer than 8 are printed as <=1, and so are fewer than 13 as <=2.
    assert_eq!(of(Level::Interval(4), 11), ["41", "<=1", "48", "70"]);
    assert_eq!(of(Level::Full, 11), ["41", "<=2", "48", "70"]);
}

/// Three groups in pairs: the band of a pair gives its numerator, and only all three pairs together those of the groups.
#[test]
fn what_several_totals_give_away_together_is_not_printed() {
    let numerators = [1, 6, 5];
    let tables = [("ab c a<ab b<ab", [2, 0, 1]), ("bc a b<bc c<bc", [0, 1, 2]), ("ac b a<ac c<ac", [1, 0, 2])];
    let tables = tables.map(|(nodes, order)| {
        let own = order.map(|group| numerators[group]);
        (table(&nodes[..2], vec![dimension("group", nodes)], &KINDS, &[&[8; 3], &own]), order)
    });
    let whole = tables.clone().map(|(table, _)| table);
    let ends = std::iter::once((0, 20)).chain((21..80).map(|at| (at, at))).chain([(80, 100)]);
    let percentages = ends.map(|(low, high)| Band { low, high, text: format!("{low}-{high}") }).collect();
    let bands = Bands::new(vec![SizeClass { least: 10, bands: percentages }], "*").unwrap();
    let policy =
        Policy { level: Level::Exact, minimum_cell: 3, contributor: false, homogeneous: false, ..Policy::default() };
    let banding = Banding { bands, sizes: false };
    let banded = band(&whole, &vec![vec![RATE]; 3], &banding, &policy, &|| false, &mut |_| {}).unwrap();
    let mut of_a = BTreeSet::new();
    each(&[8; 3], &mut |groups| {
        let fits = tables.iter().zip(&banded.bands).all(|((table, order), bands)| {
            let all = sums(table, &leaf_cells(table), &order.map(|group| groups[group]));
            bands[0].iter().zip(all).zip(&table.values[0]).all(|((band, numerator), &size)| {
                let within = |band: &PrintedBand| {
                    (i64::from(band.percentages.0)..=i64::from(band.percentages.1)).contains(&percent(numerator, size))
                };
                band.as_ref().is_none_or(within)
            })
        });
        if fits {
            of_a.insert(groups[0]);
        }
    });
    assert!(of_a.contains(&1) && of_a.len() > 1, "{of_a:?}");
    assert!(banded.bands.iter().flatten().flatten().any(Option::is_some));
}

/// The class of the whole begins at 9, and the marks of its three parts say that each is below 4: each would be 3.
#[test]
fn no_size_follows_from_marks_and_the_class_of_their_total() {
    let policy = Policy {
        level: Level::Interval(1),
        minimum_cell: 4,
        contributor: false,
        homogeneous: false,
        ..Policy::default()
    };
    let of = |leaves: &[(i64, i64)]| {
        let table = sample(vec![dimension("a", "T x<T y<T z<T")], leaves);
        banded(&table, false, &policy).unwrap().bands.remove(0).remove(0)
    };
    assert!(of(&[(3, 300), (3, 300), (3, 300)]).iter().all(Option::is_none));
    assert!(of(&[(3, 300), (3, 300), (2, 500)])[0].is_some(), "from 4 on, where sizes are open");
}

#[test]
fn what_bands_can_not_be_printed_of_is_refused() {
    let one = sample(vec![dimension("a", "T x<T y<T")], &[(40, 300), (50, 500)]);
    let refused = |table: &Table, rate: Rate, policy: &Policy| {
        let banding = Banding { bands: Bands::nces(), sizes: true };
        band(std::slice::from_ref(table), &[vec![rate]], &banding, policy, &|| false, &mut |_| {}).is_err()
    };
    let policy = Policy::default();
    assert!(!refused(&one, RATE, &Policy { level: Level::Interval(2), ..policy.clone() }));
    assert!(refused(&one, Rate { numerator: 0, denominator: 1 }, &policy));
    assert!(refused(&one, RATE, &Policy { level: Level::Percent(30), ..policy.clone() }));
    assert!(refused(&one, RATE, &Policy { insider: true, ..policy.clone() }));
    assert!(refused(&Table { minimums: Some(vec![20; 3]), ..one }, RATE, &policy));
}
