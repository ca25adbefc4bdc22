//! Bands: the published tables, and what a reader who knows the size of the group can say.

use proptest::prelude::*;

use crate::disclosure::primary_rules::{Band, Bands, SizeClass};

/// All that is printed for groups of these sizes, sorted.
fn texts(bands: &Bands, from: i64, to: i64) -> Vec<String> {
    let mut texts: Vec<String> = (from..=to)
        .flat_map(|size| (0..=size).map(move |numerator| (numerator, size)))
        .map(|(numerator, size)| bands.print(numerator, size).expect("in the group").text)
        .collect();
    texts.sort();
    texts.dedup();
    texts
}

fn sorted(list: &str) -> Vec<String> {
    let mut texts: Vec<String> = list.split_whitespace().map(str::to_owned).collect();
    texts.sort();
    texts
}

#[test]
fn the_nces_bands_are_those_of_the_brief() {
    let bands = Bands::nces();
    assert_eq!(texts(&bands, 1, 9), ["*"]);
    assert_eq!(texts(&bands, 10, 19), sorted("<=20 21-29 30-39 40-49 50-59 60-69 70-79 >=80"));
    assert_eq!(texts(&bands, 20, 39), sorted("<=10 11-19 20-29 30-39 40-49 50-59 60-69 70-79 80-89 >=90"));
    for (from, to, bottom) in [(40, 99, 5), (100, 299, 2), (300, 320, 1)] {
        let whole: Vec<String> = (bottom + 1..100 - bottom).map(|percent: i64| percent.to_string()).collect();
        let expected = sorted(&format!("<={bottom} {} >={}", whole.join(" "), 100 - bottom));
        assert_eq!(texts(&bands, from, to), expected);
    }
}

#[test]
fn the_edfacts_bands_are_those_of_the_public_files() {
    let bands = Bands::edfacts();
    assert_eq!(texts(&bands, 1, 5), ["PS"]);
    assert_eq!(texts(&bands, 6, 15), sorted("LT50 GE50"));
    assert_eq!(texts(&bands, 16, 30), sorted("LE20 21-39 40-59 60-79 GE80"));
    assert_eq!(texts(&bands, 31, 60), sorted("LE10 11-19 20-29 30-39 40-49 50-59 60-69 70-79 80-89 GE90"));
    let fives = "LE5 6-9 10-14 15-19 20-24 25-29 30-34 35-39 40-44 45-49 50-54 55-59 60-64 65-69 70-74 75-79 80-84 \
                 85-89 90-94 GE95";
    assert_eq!(texts(&bands, 61, 300), sorted(fives));
    let whole: Vec<String> = (2..99).map(|percent| percent.to_string()).collect();
    assert_eq!(texts(&bands, 301, 320), sorted(&format!("LE1 {} GE99", whole.join(" "))));
}

#[test]
fn halves_are_rounded_up() {
    // 41 of 200 is 20.5 percent.
    assert_eq!(Bands::nces().print(41, 200).expect("in the group").text, "21");
    assert_eq!(Bands::edfacts().print(5, 24).expect("in the group").text, "21-39", "20.8");
    assert!(Bands::nces().print(5, 0).is_none() && Bands::nces().print(5, 4).is_none());
    assert!(Bands::nces().print(-1, 4).is_none());
}

#[test]
fn a_printed_end_never_says_nobody_or_everybody() {
    for bands in [Bands::nces(), Bands::edfacts()] {
        for size in 1..700 {
            let (none, all) = (bands.print(0, size).expect("group"), bands.print(size, size).expect("group"));
            assert!(none.numerators.1 >= 1 && none.numerators.0 == 0, "{size}");
            assert!(all.numerators.0 < size && all.numerators.1 == size, "{size}");
        }
    }
}

#[test]
fn bands_that_give_something_away_are_refused() {
    let band = |low, high, text: &str| Band { low, high, text: text.to_owned() };
    let one = |least, bands: Vec<Band>| Bands::new(vec![SizeClass { least, bands }], "*");
    let halves = || vec![band(0, 49, "low"), band(50, 100, "high")];
    assert!(one(4, halves()).is_ok());
    assert!(one(2, halves()).is_err(), "0 of 2 is the only numerator below half");
    assert!(one(0, halves()).is_err());
    assert!(one(10, vec![band(0, 49, "low"), band(51, 100, "high")]).is_err(), "a gap");
    assert!(one(10, vec![band(0, 50, "low"), band(50, 100, "high")]).is_err(), "an overlap");
    assert!(one(10, vec![band(0, 49, "low"), band(50, 99, "high")]).is_err(), "no 100");
    assert!(one(10, vec![band(0, 49, "same"), band(50, 100, "same")]).is_err());
    assert!(one(10, vec![band(0, 49, "*"), band(50, 100, "high")]).is_err());
    assert!(one(100, vec![band(0, 0, "0"), band(1, 100, "some")]).is_err(), "nobody");
    let classes = vec![SizeClass { least: 20, bands: halves() }, SizeClass { least: 20, bands: halves() }];
    assert!(Bands::new(classes, "*").is_err());
    assert!(!format!("{:?}", one(4, halves()).expect("bands").print(7, 21)).contains('7'));
}

proptest! {
    #[test]
    fn a_band_stands_for_exactly_the_numerators_that_print_it(size in 1i64..800, part in 0i64..=1000, profile: bool) {
        let bands = if profile { Bands::nces() } else { Bands::edfacts() };
        let numerator = size * part / 1000;
        let printed = bands.print(numerator, size).expect("in the group");
        let same: Vec<i64> = (0..=size)
            .filter(|&other| bands.print(other, size).is_some_and(|other| other.text == printed.text))
            .collect();
        prop_assert_eq!((same[0], same[same.len() - 1]), printed.numerators);
    }
}
