//! Averages, ratios and quantiles.

use proptest::prelude::*;

use crate::disclosure::policy::Reason;
use crate::disclosure::primary_rules::{
    Contributions, MagnitudeRule, Quantile, QuantileFault, average_of, implied_count, implied_sum, sensitive_average,
};

#[test]
fn an_average_and_its_count_give_the_sum() {
    // 12.3 on average of 7: between 12.25 * 7 = 85.75 and 12.35 * 7 = 86.45.
    assert_eq!(average_of(86, 7, 10), Some(123));
    assert_eq!(implied_sum(123, 7, 10), (86, 86));
    // And with the sum the count: 86 / 12.35 = 6.96 and 86 / 12.25 = 7.02.
    assert_eq!(implied_count(123, 86, 10), (7, 7));
    assert_eq!(implied_count(0, 0, 10), (1, i64::MAX));
    assert_eq!(average_of(5, 0, 10), None);
    assert_eq!(average_of(i64::MAX, 1, i64::MAX), None);
}

#[test]
fn an_average_is_hidden_with_its_sum_and_with_its_count() {
    let rules = [MagnitudeRule::Dominance { n: 1, k: 80 }];
    let reason = |cell: &Contributions| sensitive_average(&rules, cell, 11).map(|found| found.reason);
    assert_eq!(reason(&Contributions::of(vec![5; 10]).expect("cell")), Some(Reason::Contributors));
    assert_eq!(reason(&Contributions::of(vec![5; 11]).expect("cell")), None);
    let mut dominated = vec![1; 30];
    dominated.push(1000);
    assert_eq!(reason(&Contributions::of(dominated).expect("cell")), Some(Reason::Dominance));
}

proptest! {
    #[test]
    fn implied_sums_and_counts_are_all_that_the_printed_average_admits(
        sum in 0i64..400, count in 1i64..40, scale in prop::sample::select(vec![1i64, 10, 100]),
    ) {
        let printed = average_of(sum, count, scale).expect("average");
        // Printed by either way of rounding a half.
        let admits = |sum: i64, count: i64| (2 * scale * sum - 2 * printed * count).abs() <= count;
        let sums: Vec<i64> = (0..5000).filter(|&sum| admits(sum, count)).collect();
        prop_assert_eq!((sums[0], sums[sums.len() - 1]), implied_sum(printed, count, scale));
        let counts: Vec<i64> = (1..5000).filter(|&count| admits(sum, count)).collect();
        let (low, high) = implied_count(printed, sum, scale);
        prop_assert!(counts.contains(&count));
        prop_assert_eq!(counts[0], low);
        prop_assert!(counts[counts.len() - 1] == high || counts.len() == 4999 || high >= 4999);
    }

    #[test]
    fn a_printed_quantile_has_people_on_both_sides(
        mut values in prop::collection::vec(0i64..10_000, 0..60), part in 1u64..20,
    ) {
        values.sort_unstable();
        let rule = Quantile { minimum: 12, each_side: 3, grain: 1 };
        if let Ok(printed) = rule.printed(&values, part, 20) {
            prop_assert!(values.len() >= 12);
            // The third from either end lies on its side: whoever knows two values cannot place the quantile.
            prop_assert!(values[2] <= printed && values[values.len() - 3] >= printed);
        }
    }
}

#[test]
fn a_median_is_printed_for_enough_people_rounded_and_not_for_one_value() {
    let rule = Quantile { minimum: 11, each_side: 3, grain: 100 };
    assert_eq!(rule.check(), Ok(()));
    let wages: Vec<i64> = (0..11).map(|person| 1000 + 37 * person).collect();
    assert_eq!(rule.printed(&wages, 1, 2), Ok(1200), "1185 rounded");
    assert_eq!(rule.printed(&wages[..10], 1, 2), Err(QuantileFault::FewPeople));
    assert_eq!(rule.printed(&wages, 0, 1), Err(QuantileFault::NearTheEnd), "the least");
    assert_eq!(rule.printed(&wages, 1, 1), Err(QuantileFault::NearTheEnd), "the greatest");
    assert_eq!(rule.printed(&wages, 1, 10), Err(QuantileFault::NearTheEnd), "the second");
    assert_eq!(rule.printed(&[1010; 20], 1, 2), Err(QuantileFault::Homogeneous));
    let with_one_value = |people: usize| {
        let mut values = [[100, 300, 500, 700, 900], [5000, 6000, 7000, 8000, 9000]].concat();
        values.splice(5..5, vec![2000; people]);
        values
    };
    assert_eq!(rule.printed(&with_one_value(10), 1, 2), Ok(2000), "half have the value");
    assert_eq!(rule.printed(&with_one_value(11), 1, 2), Err(QuantileFault::Homogeneous), "more than half have it");
    let even: Vec<i64> = (1..=12).map(|person| person * 100).collect();
    assert_eq!(rule.printed(&even, 1, 2), Ok(700), "650 is half way and goes up");
    // The 3rd and the 4th of 20, and the same from above.
    let many: Vec<i64> = (1..=20).map(|person| person * 100).collect();
    let at = |part: u64| rule.printed(&many, part, 80);
    assert_eq!((at(11), at(15)), (Err(QuantileFault::NearTheEnd), Ok(400)));
    assert_eq!((at(67), at(69)), (Ok(1700), Err(QuantileFault::NearTheEnd)));
    for wrong in [Quantile { minimum: 9, ..rule }, Quantile { each_side: 2, ..rule }, Quantile { grain: 0, ..rule }] {
        assert!(wrong.check().is_err());
    }
}
