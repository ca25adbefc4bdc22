//! The form of the result: multiples, sums, neighbours; relaxation; order and repetition.

use proptest::prelude::*;

use super::brute::is_near;
use crate::disclosure::rounding::problem::Problem;
use crate::disclosure::rounding::walk::Walk;
use crate::disclosure::rounding::{Aim, ROUNDS, Rounding, printed, round};
use crate::disclosure::samples::{dimension, leaf_cells, sums, table};
use crate::disclosure::{DisclosureError, Level, MeasureKind, Policy, Progress, Table, system};

const COUNT: (&str, MeasureKind) = ("n", MeasureKind::Count);

fn exact() -> Policy {
    Policy { level: Level::Exact, ..Policy::default() }
}

/// State over districts over schools, by race; with a numerator; and the same people by grade.
fn release(people: &[(i64, i64)], grades: &[i64]) -> [Table; 2] {
    let geo = "S A<S B<S a1<A a2<A a3<A b1<B b2<B";
    let passed = ("passed", MeasureKind::CountWhere { of: 0 });
    let all: Vec<i64> = people.iter().map(|&(rest, passed)| rest + passed).collect();
    let good: Vec<i64> = people.iter().map(|&(_, passed)| passed).collect();
    let race = dimension("race", "T p<T q<T r<T");
    let by_race = table("by race", vec![dimension("geo", geo), race], &[COUNT, passed], &[&all, &good]);
    // Each school's people spread over two grades.
    let schools: Vec<i64> = all.chunks(3).map(|races| races.iter().sum()).collect();
    let split: Vec<i64> =
        schools.iter().zip(grades).flat_map(|(n, share)| [n * share / 100, n - n * share / 100]).collect();
    let by_grade = table("by grade", vec![dimension("geo", geo), dimension("grade", "T g<T h<T")], &[COUNT], &[&split]);
    [by_race, by_grade]
}

fn assert_rounded(truth: &[Table], shown: &[Table], base: i64) {
    for (truth, shown) in truth.iter().zip(shown) {
        let cells = leaf_cells(shown);
        for (before, after) in truth.values.iter().zip(&shown.values) {
            let leaves: Vec<i64> = cells.iter().map(|&cell| after[cell]).collect();
            assert_eq!(&sums(shown, &cells, &leaves), after, "every total is the sum of its parts");
            for (&before, &after) in before.iter().zip(after) {
                assert!(after % base == 0 && (before - after).abs() < base && (before > 0 || after == 0));
            }
        }
        assert!(is_near(shown, &truth.values, base));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn figures_are_multiples_neighbours_and_sums(
        people in prop::collection::vec((0i64..12, 0i64..12), 15),
        grades in prop::collection::vec(0i64..=100, 5),
        base in 2u64..14,
        seed in prop::option::of(any::<u64>()),
    ) {
        let truth = release(&people, &grades);
        let aim = seed.map_or(Aim::Nearest, |seed| Aim::Random { seed });
        let signed = i64::try_from(base).expect("small");
        let rounding = Rounding { base, aim, within: 3 };
        let result = round(&truth, &rounding, &exact(), &mut |_: Progress| {}).expect("rounded");
        if result.report.relaxed.is_empty() {
            assert_rounded(&truth, &result.tables, signed);
        } else {
            prop_assert!(result.report.relaxed.iter().all(|relaxed| relaxed.within <= 3));
        }
        prop_assert!(result.report.distance >= result.report.bound);
        // Shared figures agree, whichever way the tables are given, and a second time.
        let reversed = [truth[1].clone(), truth[0].clone()];
        let again = round(&reversed, &rounding, &exact(), &mut |_: Progress| {}).expect("rounded");
        prop_assert_eq!(&again.tables[1], &result.tables[0]);
        prop_assert_eq!(&again.tables[0], &result.tables[1]);
        prop_assert_eq!(again.report.distance, result.report.distance);
    }

    #[test]
    fn small_tables_are_rounded_with_the_least_distance(leaves in prop::collection::vec(0i64..9, 4)) {
        let truth = table("t", vec![dimension("a", "T x<T y<T"), dimension("b", "T u<T v<T")], &[COUNT], &[&leaves]);
        let rounding = Rounding { base: 3, aim: Aim::Nearest, within: 1 };
        let result = round(std::slice::from_ref(&truth), &rounding, &exact(), &mut |_: Progress| {}).expect("rounded");
        let choices = |value: &i64| if value % 3 == 0 { vec![*value] } else { vec![value - value % 3, value - value % 3 + 3] };
        let options: Vec<Vec<i64>> = leaves.iter().map(choices).collect();
        let mut least = i64::MAX;
        for a in &options[0] { for b in &options[1] { for c in &options[2] { for d in &options[3] {
            let rounded = table("t", truth.dimensions.clone(), &[COUNT], &[&[*a, *b, *c, *d]]);
            if is_near(&rounded, &truth.values, 3) {
                let distance = rounded.values[0].iter().zip(&truth.values[0]).map(|(a, b)| (a - b).abs()).sum();
                least = least.min(distance);
            }
        }}}}
        prop_assert_eq!(result.report.distance, least);
        prop_assert!(result.report.optimal || least == 0);
    }
}

#[test]
fn where_neighbours_cannot_be_additive_figures_are_relaxed_and_named() {
    // Four ones at corners of a cube of which no two share a face twice: each face holds 2, so it must stay 2.
    let axes = || vec![dimension("a", "T x<T y<T"), dimension("b", "T x<T y<T"), dimension("c", "T x<T y<T")];
    let cube = [table("t", axes(), &[COUNT], &[&[1, 0, 0, 1, 0, 1, 1, 0]])];
    let strict = Rounding { base: 2, aim: Aim::Nearest, within: 1 };
    let error = round(&cube, &strict, &exact(), &mut |_: Progress| {}).expect_err("impossible");
    assert!(matches!(error, DisclosureError::Unroundable { ref cells } if !cells.is_empty()));
    let relaxed = Rounding { within: 2, ..strict };
    let result = round(&cube, &relaxed, &exact(), &mut |_: Progress| {}).expect("relaxed");
    assert!(result.report.impossible && !result.report.relaxed.is_empty());
    assert!(result.report.relaxed.iter().all(|cell| cell.within == 2));
}

#[test]
fn the_search_for_large_releases_finds_neighbours() {
    let flat = |name: &str, count: usize| {
        let nodes: Vec<String> = (0..count).map(|node| format!("{name}{node}<T")).collect();
        dimension(name, &format!("T {}", nodes.join(" ")))
    };
    let schools: Vec<String> = (0..25).map(|school| format!("s{school}<{}", ["A", "B", "C"][school % 3])).collect();
    let geo = &format!("S A<S B<S C<S {}", schools.join(" "));
    let mut state = 1_u64;
    let mut count = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 40) % 23).expect("small") - 5
    };
    let leaves: Vec<i64> = (0..800).map(|_| count().max(0)).collect();
    let truth = [table("t", vec![dimension("geo", geo), flat("race", 8), flat("sex", 4)], &[COUNT], &[&leaves])];
    for (base, aim) in [(3, Aim::Nearest), (5, Aim::Nearest), (10, Aim::Nearest), (5, Aim::Random { seed: 3 })] {
        let rounding = Rounding { base, aim, within: 1 };
        let release = system::build(&truth).expect("release");
        let problem = Problem::new(&release, &rounding, &crate::disclosure::history::names(&truth, &release));
        let mut walk = Walk::new(&problem, 7);
        walk.run(ROUNDS, &mut |_: Progress| {});
        assert_eq!(walk.violations(), 0);
        assert_rounded(&truth, &printed(&truth, &release, &walk.units, problem.base), problem.base);
    }
}

#[test]
fn multiples_are_left_alone() {
    let tables = [table("t", vec![dimension("a", "T x<T y<T z<T")], &[COUNT], &[&[15, 0, 30]])];
    let rounding = Rounding { base: 5, aim: Aim::Random { seed: 7 }, within: 1 };
    let result = round(&tables, &rounding, &exact(), &mut |_: Progress| {}).expect("rounded");
    assert_eq!(result.tables, tables);
}

#[test]
fn a_seed_is_not_shown() {
    assert!(!format!("{:?}", Rounding { base: 3, aim: Aim::Random { seed: 424_242 }, within: 1 }).contains("4242"));
}
