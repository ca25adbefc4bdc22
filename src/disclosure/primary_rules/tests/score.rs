//! The points of the publication score at every boundary, and the guidelines' own examples.

use crate::disclosure::primary_rules::Edition::{First, Second};
use crate::disclosure::primary_rules::Variable::{
    Address, Age, DetailedEthnicities, DetailedGenderIdentity, DetailedLanguages, DetailedRaces, GenderIdentity,
    Hispanic, Immigration, Insurance, Intersex, MajorLanguages, MajorRaces, Months, Other, Population, Program,
    Residence, Service, Sex, SexualOrientation, StandardRaces,
};
use crate::disclosure::primary_rules::{Area, Edition, REVIEW_ABOVE, ScoreLine, Scored, Variable};

fn scored(variable: Variable) -> Scored {
    Scored { name: "it".to_owned(), categories: 4, variable }
}

fn score(edition: Edition, smallest: Option<u64>, variables: &[Variable]) -> Vec<ScoreLine> {
    edition.score(smallest, &variables.iter().copied().map(scored).collect::<Vec<_>>())
}

fn sum(edition: Edition, smallest: Option<u64>, variables: &[Variable]) -> i32 {
    score(edition, smallest, variables).iter().map(|line| line.points).sum()
}

/// The points of one variable alone: those of its own line.
fn points(edition: Edition, variable: Variable) -> i32 {
    let lines = score(edition, Some(5_000), &[variable]);
    assert_eq!(lines.len(), 3, "events, the variable, interactions");
    lines[1].points
}

#[track_caller]
fn steps(edition: Edition, variable: impl Fn(u64) -> Variable, all: &[(u64, i32)]) {
    for &(value, wanted) in all {
        assert_eq!(points(edition, variable(value)), wanted, "{edition:?} at {value}");
    }
}

#[test]
fn events_have_the_points_of_the_smallest_count() {
    for edition in [First, Second] {
        let events = |smallest| score(edition, smallest, &[])[0].points;
        for (count, wanted) in [(1, 7), (10, 7), (11, 5), (99, 5), (100, 3), (999, 3), (1_000, 2), (u64::MAX, 2)] {
            assert_eq!(events(Some(count)), wanted, "{count}");
        }
        assert_eq!(events(None), 7, "what is not known is taken for a small count");
    }
}

#[test]
fn only_the_class_of_the_smallest_count_is_said() {
    for (count, class) in [(1, (0, Some(10))), (37, (11, Some(99))), (640, (100, Some(999))), (1_234, (1_000, None))] {
        let line = &score(Second, Some(count), &[])[0];
        assert_eq!((line.class, line.words), (Some(class), "the smallest count is "));
    }
    let of_five = |count| score(Second, Some(count), &[]).pop().unwrap();
    assert_eq!(of_five(5), of_five(4_711));
}

#[test]
fn time_has_the_points_of_the_guidelines_and_less_than_a_month_those_of_a_month() {
    for edition in [First, Second] {
        let all = [
            (1, 5),
            (2, 5),
            (3, 4),
            (5, 4),
            (6, 3),
            (11, 3),
            (12, 0),
            (23, 0),
            (24, -3),
            (59, -3),
            (60, -5),
            (120, -5),
        ];
        steps(edition, Months, &all);
    }
}

#[test]
fn the_population_of_a_place_has_the_points_of_the_guidelines() {
    let shared = [
        (39_000_000, -5),
        (2_000_001, -5),
        (2_000_000, -3),
        (1_000_001, -3),
        (1_000_000, -1),
        (560_001, -1),
        (560_000, 0),
        (250_001, 0),
        (250_000, 1),
        (100_001, 1),
        (100_000, 3),
        (50_001, 3),
        (50_000, 4),
        (20_001, 4),
        (20_000, 5),
        (4_001, 5),
    ];
    steps(First, Residence, &shared);
    steps(Second, Residence, &shared);
    steps(Second, Insurance, &shared);
    assert_eq!([4_000, 1].map(|people| points(First, Residence(people))), [5, 5]);
    assert_eq!([4_000, 1].map(|people| points(Second, Residence(people))), [7, 7], "the size of a census tract");
    assert_eq!(points(Second, Insurance(4_000)), 5, "of members there is no such class");
    let service = [
        (2_000_001, -5),
        (2_000_000, -4),
        (1_000_001, -4),
        (1_000_000, -3),
        (560_001, -3),
        (560_000, -1),
        (250_001, -1),
        (250_000, 0),
        (20_001, 0),
        (20_000, 1),
        (1, 1),
    ];
    steps(First, Service, &service);
    steps(Second, Service, &service);
    let address = |edition| [Area::Town, Area::Rural, Area::Frontier].map(|area| points(edition, Address(area)));
    assert_eq!((address(First), address(Second)), ([3, 3, 3], [3, 5, 7]));
}

#[test]
fn ages_have_the_points_of_the_narrowest_band() {
    let shared = [(29, 2), (11, 2), (10, 3), (6, 3), (5, 5), (3, 5), (2, 7), (1, 7)];
    steps(First, Age, &shared);
    steps(Second, Age, &shared);
    assert_eq!((points(First, Age(30)), points(Second, Age(30))), (2, 1));
}

#[test]
fn traits_have_the_points_of_their_edition() {
    let all = [
        (Sex, 1, 1),
        (MajorRaces, 2, 2),
        (StandardRaces, 3, 3),
        (Hispanic, 2, 1),
        (MajorLanguages, 2, 1),
        // Edition 1.0 knows none of these: they are other variables of four categories.
        (Intersex, 3, 2),
        (SexualOrientation, 3, 2),
        (GenderIdentity, 3, 3),
        (DetailedGenderIdentity, 3, 5),
        (Immigration, 3, 1),
    ];
    for (variable, first, second) in all {
        assert_eq!((points(First, variable), points(Second, variable)), (first, second), "{variable:?}");
    }
}

#[test]
fn detailed_groups_have_the_points_of_the_smallest_in_the_state() {
    let all = [
        (4_000_001, 1),
        (4_000_000, 2),
        (300_001, 2),
        (300_000, 3),
        (100_001, 3),
        (100_000, 5),
        (20_001, 5),
        (20_000, 7),
        (1, 7),
    ];
    let kinds: [fn(u64) -> Variable; 4] = [DetailedRaces, DetailedEthnicities, DetailedLanguages, Population];
    kinds.into_iter().for_each(|variable| steps(Second, variable, &all));
    for (people, _) in all {
        let kinds = [DetailedRaces(people), DetailedEthnicities(people), DetailedLanguages(people)];
        assert_eq!(kinds.map(|variable| points(First, variable)), [4; 3]);
        assert_eq!(points(First, Population(people)), 3, "by its four categories");
    }
    steps(Second, Program, &[(10_000_001, 0), (10_000_000, 1), (4_000_001, 1)]);
    steps(Second, Program, &all[1..]);
    assert_eq!((points(First, Program(1)), points(First, Insurance(1))), (3, 3));
}

#[test]
fn other_variables_have_the_points_of_their_number_of_categories() {
    for edition in [First, Second] {
        let of = |categories| {
            let lines = edition.score(Some(50), &[Scored { categories, ..scored(Other) }]);
            assert_eq!(lines[1].other.as_deref(), Some("it"));
            lines[1].points
        };
        assert_eq!([1, 4, 5, 9, 10, 500].map(of), [3, 3, 5, 5, 7, 7]);
    }
}

#[test]
fn interactions_count_what_stands_beside_time_and_population() {
    let base = [Months(12), Residence(30_000)];
    for (edition, three) in [(First, 3), (Second, 4)] {
        let last =
            |smallest, more: &[Variable]| score(edition, smallest, &[&base, more].concat()).pop().unwrap().points;
        assert_eq!(
            [Some(5), Some(4), Some(3), Some(2), Some(1), None].map(|least| last(least, &[])),
            [-5, -3, -3, 0, 0, 0]
        );
        assert_eq!(last(Some(5), &[Sex]), 1, "no points are taken off");
        assert_eq!(last(Some(1), &[Sex, Age(5)]), 2);
        assert_eq!(last(Some(1), &[Sex, Age(5), StandardRaces]), three);
        assert_eq!(last(Some(1), &[Sex, Age(5), StandardRaces, Hispanic]), three, "the highest that is listed");
        assert_eq!(last(Some(1), &[Age(5), Age(10)]), 1, "two columns of ages are one variable");
    }
}

#[test]
fn of_one_criterion_the_highest_points_count() {
    // Ages 0 to 11, 12 to 14 and 15 to 18: five points, since the narrowest band has three years (4.3).
    let ages = [Age(12), Age(3), Age(4)];
    assert_eq!(score(First, Some(50), &ages).iter().map(|line| line.points).collect::<Vec<_>>(), [5, 5, 1]);
    let places = [Residence(5_000_000), Service(10_000), Insurance(30_000)];
    let lines = score(Second, Some(50), &places);
    assert_eq!((lines.len(), lines[1].criterion, lines[1].points), (3, "insurance coverage", 4));
    let two_others = [scored(Other), Scored { name: "another".to_owned(), ..scored(Other) }];
    assert_eq!(Second.score(Some(50), &two_others).iter().map(|line| line.points).sum::<i32>(), 5 + 3 + 3 + 2);
}

/// Edition 2.0, appendix I, table 36: annual data, fewer than 11 events. There smaller counts than 3 are among them.
#[test]
fn the_guidelines_own_examples_have_their_points() {
    let annual = |more: &[Variable]| sum(Second, Some(1), &[&[Months(12)], more].concat());
    assert_eq!([1_163, 10_000, 30_000].map(|people| annual(&[Residence(people)])), [14, 12, 11]);
    let state = |enrolled| annual(&[Residence(39_000_000), Program(enrolled)]);
    assert_eq!([14_000_000, 2_700_000, 5_500_000, 1_000_000, 13_000].map(state), [2, 5, 4, 5, 10]);
    let alpine = |enrolled| annual(&[Residence(1_163), Program(enrolled)]);
    assert_eq!([14_000_000, 2_700_000, 5_500_000, 1_000_000, 13_000].map(alpine), [14, 17, 16, 17, 22]);
    assert_eq!([3_000, 10_000, 30_000].map(|members| annual(&[Insurance(members)])), [12, 12, 11]);
    let plan = |members| annual(&[Insurance(members), Program(1_000_000)]);
    assert_eq!([10_000, 30_000, 150_000].map(plan), [15, 14, 11]);
}

#[test]
fn twelve_points_are_not_above_twelve_and_thirteen_are() {
    let by_race = |races| sum(Second, Some(11), &[Months(12), Residence(30_000), races]);
    assert_eq!((by_race(MajorRaces), by_race(StandardRaces)), (12, 13));
    assert_eq!(REVIEW_ABOVE, 12);
}

#[test]
fn an_edition_says_what_a_population_is() {
    for population in [Residence(1), Service(1), Address(Area::Town)] {
        assert!(First.is_population(population) && Second.is_population(population));
    }
    assert!(!First.is_population(Insurance(1)) && Second.is_population(Insurance(1)));
    assert!(![Sex, Months(12), Program(1)].iter().any(|&variable| Second.is_population(variable)));
    assert!(First.source().contains("1.0") && Second.source().contains("2.0"));
}
