//! Totals of magnitudes. Examples 1, 2, 4 and 5 are those of Hundepool et al. 2012, section 4.2.

use proptest::prelude::*;

use crate::disclosure::policy::Reason;
use crate::disclosure::primary_rules::{Contributions, MagnitudeRule, wage_rules};

fn cell(all: &[i64]) -> Contributions {
    Contributions::of(all.to_vec()).expect("contributions")
}

fn listed(contributors: u64, largest: &[i64], sum: i64) -> Contributions {
    Contributions::new(contributors, contributors, largest.to_vec(), sum).expect("contributions")
}

fn judge(rule: MagnitudeRule, cell: &Contributions) -> Option<(Reason, i64, i64, i64)> {
    let found = MagnitudeRule::judge(&[rule], cell)?;
    Some((found.reason, found.requirement.lower, found.requirement.upper, found.requirement.width))
}

#[test]
fn example_1_is_safe_by_dominance_and_not_by_p_percent() {
    let cell = listed(30, &[50_000, 49_000], 100_000);
    assert_eq!(judge(MagnitudeRule::Dominance { n: 1, k: 90 }, &cell), None);
    // The second estimates 51,000, 2 percent above: 4,000 are missing to 10 percent.
    let found = judge(MagnitudeRule::Percent { p: 10 }, &cell);
    assert_eq!(found, Some((Reason::Percent, 96_000, 104_000, 4_000)));
}

#[test]
fn example_2_is_safe_by_p_percent_and_not_by_dominance() {
    let cell = listed(30, &[52_000, 50_000], 110_000);
    assert_eq!(judge(MagnitudeRule::Percent { p: 10 }, &cell), None);
    assert!(judge(MagnitudeRule::Percent { p: 16 }, &cell).is_some(), "15.4 percent above");
    // 100 / 91 * 102,000 = 112,087.9...
    let found = judge(MagnitudeRule::Dominance { n: 2, k: 91 }, &cell);
    assert_eq!(found, Some((Reason::Dominance, 107_912, 112_088, 2_088)));
}

#[test]
fn example_4_needs_an_upper_bound_of_353() {
    // 100 / 85 * 300 = 352.94...
    let found = judge(MagnitudeRule::Dominance { n: 1, k: 85 }, &cell(&[300, 20, 10]));
    assert_eq!(found, Some((Reason::Dominance, 307, 353, 23)));
}

#[test]
fn p_q_is_p_percent_of_the_ratio() {
    let cell = listed(9, &[1000, 500], 1650);
    let found = judge(MagnitudeRule::PriorPosterior { p: 10, q: 50 }, &cell);
    assert_eq!(found, Some((Reason::PriorPosterior, 1600, 1700, 50)));
    let same = judge(MagnitudeRule::Percent { p: 20 }, &cell).expect("sensitive");
    assert_eq!((same.1, same.2, same.3), (1600, 1700, 50));
}

#[test]
fn one_and_two_contributors_are_always_sensitive() {
    for rule in [
        MagnitudeRule::Percent { p: 1 },
        MagnitudeRule::PriorPosterior { p: 1, q: 99 },
        MagnitudeRule::Contributors { minimum: 3, range: 0 },
    ] {
        assert!(judge(rule, &cell(&[1000])).is_some());
        assert!(judge(rule, &cell(&[1000, 1000])).is_some());
        assert_eq!(judge(rule, &cell(&[])), None);
    }
}

#[test]
fn wages_need_three_employers_none_above_80_percent() {
    let employers = |people, largest: &[i64], sum| {
        let count = u64::try_from(largest.len()).expect("few");
        Contributions::new(people, count, largest.to_vec(), sum).expect("contributions")
    };
    let reason = |cell: &Contributions| MagnitudeRule::judge(&wage_rules(), cell).map(|found| found.reason);
    assert_eq!(reason(&employers(500, &[60, 40], 100)), Some(Reason::Organisations));
    assert_eq!(reason(&employers(500, &[81, 10, 9], 100)), Some(Reason::Dominance));
    assert_eq!(reason(&employers(500, &[80, 10, 10], 100)), None);
    assert_eq!(reason(&employers(3, &[40, 30, 30], 100)), None);
}

#[test]
fn rules_add_up() {
    let rules = [MagnitudeRule::Percent { p: 10 }, MagnitudeRule::Contributors { minimum: 3, range: 30 }];
    let found = MagnitudeRule::judge(&rules, &cell(&[60, 40])).expect("sensitive");
    assert_eq!(found.reason, Reason::Percent);
    assert_eq!((found.requirement.lower, found.requirement.upper, found.requirement.width), (70, 130, 30));
    assert!(!format!("{found:?} {:?}", cell(&[123])).contains("1"), "nothing is shown");
}

#[test]
fn contradicting_contributions_are_refused() {
    for (people, units, largest, sum) in [
        (2, 2, vec![1, 2], 3),
        (1, 1, vec![2, 1], 3),
        (2, 2, vec![5, 1], 5),
        (2, 2, vec![5, 1], 7),
        (3, 3, vec![5, 1], 8),
        (2, 2, vec![5, -1], 4),
        (2, 0, vec![], 4),
    ] {
        assert!(Contributions::new(people, units, largest.clone(), sum).is_err(), "{largest:?} {sum}");
    }
    assert!(Contributions::of(vec![i64::MAX, 1]).is_err());
}

#[test]
fn unusable_parameters_are_refused() {
    for rule in [
        MagnitudeRule::Contributors { minimum: 1, range: 0 },
        MagnitudeRule::Dominance { n: 0, k: 80 },
        MagnitudeRule::Dominance { n: 1, k: 100 },
        MagnitudeRule::Percent { p: 0 },
        MagnitudeRule::PriorPosterior { p: 50, q: 50 },
        MagnitudeRule::PriorPosterior { p: 10, q: 101 },
    ] {
        assert!(rule.check().is_err(), "{rule:?}");
    }
    assert!(wage_rules().iter().all(|rule| rule.check().is_ok()));
}

proptest! {
    #[test]
    fn no_contributor_to_a_published_total_estimates_another_within_p_percent(
        all in prop::collection::vec(0i64..1000, 1..8), p in 1u32..60,
    ) {
        let cell = cell(&all);
        let sum: i64 = all.iter().sum();
        // The estimate of i by j is the total less what j contributed, and nobody else knows anything.
        let close = |estimate: i64, value: i64| 100 * estimate < (100 + i64::from(p)) * value;
        let found = judge(MagnitudeRule::Percent { p }, &cell);
        let disclosed = (0..all.len()).any(|i| {
            (0..all.len()).filter(|&j| j != i).any(|j| close(sum - all[j], all[i])) || (all.len() == 1 && close(sum, all[i]))
        });
        prop_assert_eq!(found.is_some(), disclosed);
        if let Some((_, _, upper, _)) = found {
            // An interval up to the requirement protects everybody, one short of it does not.
            let exposed = |upper: i64| (0..all.len()).any(|i| {
                let others = (0..all.len()).filter(|&j| j != i).map(|j| all[j]).max().unwrap_or(0);
                close(upper - others, all[i])
            });
            prop_assert!(!exposed(upper));
            prop_assert!(upper == sum || exposed(upper - 1));
        }
    }

    #[test]
    fn a_dominance_interval_is_the_least_in_which_the_largest_do_not_dominate(
        all in prop::collection::vec(1i64..1000, 1..8), n in 1u64..4, k in 1u32..100,
    ) {
        let mut sorted = all.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let top: i64 = sorted.iter().take(usize::try_from(n).expect("few")).sum();
        let sum: i64 = all.iter().sum();
        let dominates = |total: i64| 100 * top > i64::from(k) * total;
        match judge(MagnitudeRule::Dominance { n, k }, &cell(&all)) {
            None => prop_assert!(!dominates(sum)),
            Some((_, _, upper, _)) => {
                prop_assert!(dominates(sum) && !dominates(upper) && dominates(upper - 1));
            }
        }
    }

    #[test]
    fn what_is_safe_by_dominance_of_two_is_safe_by_p_percent(
        all in prop::collection::vec(1i64..1000, 2..8), k in 50u32..100,
    ) {
        // Hundepool et al. 2012, 4.2.1, statement A, with p rounded down.
        let p = 100 * (100 - k) / k;
        let cell = cell(&all);
        if p > 0 && judge(MagnitudeRule::Dominance { n: 2, k }, &cell).is_none() {
            prop_assert_eq!(judge(MagnitudeRule::Percent { p }, &cell), None);
        }
    }

    #[test]
    fn knowing_fewer_of_the_largest_errs_on_the_safe_side(
        all in prop::collection::vec(0i64..1000, 1..8), keep in 1usize..8, p in 1u32..60, n in 1u64..4, k in 1u32..100,
    ) {
        let mut sorted = all.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted.truncate(keep);
        let count = u64::try_from(all.len()).expect("few");
        let some = listed(count, &sorted, all.iter().sum());
        for rule in [MagnitudeRule::Percent { p }, MagnitudeRule::Dominance { n, k }, MagnitudeRule::PriorPosterior { p, q: 100 }] {
            if rule.check().is_err() {
                continue;
            }
            let full = judge(rule, &cell(&all));
            let less = judge(rule, &some);
            prop_assert!(full.is_none() || less.is_some_and(|less| full.is_some_and(|full| less.2 >= full.2)));
        }
    }
}
