//! The bands of two published practices.

use super::bands::{Band, Bands, SizeClass};

/// How the ends are written.
#[derive(Clone, Copy)]
enum Ends {
    /// `<=5`, `>=95`.
    Signs,
    /// `LE5`, `GE95`.
    Letters,
}

/// Bands with a bottom up to `bottom`, a top from `100 - bottom`, and between them multiples of `step` to the next one.
fn class(least: u64, bottom: u8, step: u8, ends: Ends) -> SizeClass {
    let top = 100 - bottom;
    let (lowest, highest) = match ends {
        Ends::Signs => (format!("<={bottom}"), format!(">={top}")),
        Ends::Letters => (format!("LE{bottom}"), format!("GE{top}")),
    };
    let mut bands = vec![Band { low: 0, high: bottom, text: lowest }];
    let mut low = bottom + 1;
    while low < top {
        let high = ((low / step + 1) * step - 1).min(top - 1);
        let text = if low == high { format!("{low}") } else { format!("{low}-{high}") };
        bands.push(Band { low, high, text });
        low = high + 1;
    }
    bands.push(Band { low: top, high: 100, text: highest });
    SizeClass { least, bands }
}

impl SizeClass {
    /// Bands up to `ends` percent and from `100 - ends` percent, and between them multiples of `step` to the next one;
    /// `None` where there are no such.
    pub fn even(least: u64, ends: u8, step: u8) -> Option<Self> {
        ((0..50).contains(&ends) && step > 0).then(|| class(least, ends, step, Ends::Signs))
    }

    /// Bands that begin at 0 and at these percentages; `None` where those do not ascend between 1 and 100.
    pub fn cut(least: u64, cuts: &[u8]) -> Option<Self> {
        let ascending = cuts.windows(2).all(|pair| pair[0] < pair[1]);
        if cuts.is_empty() || !ascending || cuts[0] == 0 || cuts.last().is_some_and(|&last| last > 100) {
            return None;
        }
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let highs = cuts.iter().map(|cut| cut - 1).chain([100]);
        let band = |(low, high): (u8, u8)| {
            let text = match (low, high) {
                (0, high) => format!("<={high}"),
                (low, 100) => format!(">={low}"),
                (low, high) if low == high => format!("{low}"),
                (low, high) => format!("{low}-{high}"),
            };
            Band { low, high, text }
        };
        Some(SizeClass { least, bands: starts.zip(highs).map(band).collect() })
    }
}

impl Bands {
    /// National Center for Education Statistics, "Statistical Methods for Protecting Personally Identifiable Information
    /// in Aggregate Reporting", SLDS Technical Brief 3 (NCES 2011-603), 2010 (rule S7). Groups of fewer than 10 print `*`.
    ///
    /// | group | printed |
    /// |---|---|
    /// | 300 and more | <=1, whole percentages, >=99 |
    /// | 100 to 299 | <=2, whole percentages, >=98 |
    /// | 40 to 99 | <=5, whole percentages, >=95 |
    /// | 20 to 39 | <=10, 11-19, 20-29, ... 80-89, >=90 |
    /// | 10 to 19 | <=20, 21-29, 30-39, ... 70-79, >=80 |
    pub fn nces() -> Self {
        let classes = [(10, 20, 10), (20, 10, 10), (40, 5, 1), (100, 2, 1), (300, 1, 1)];
        let classes = classes.map(|(least, bottom, step)| class(least, bottom, step, Ends::Signs));
        Bands::new(classes.to_vec(), "*").expect("the bands cover all percentages and their ends are open")
    }

    /// EDFacts public files (rule S8). Groups of 1 to 5 print `PS`.
    ///
    /// | group | printed |
    /// |---|---|
    /// | more than 300 | LE1, whole percentages, GE99 |
    /// | 61 to 300 | LE5, 6-9, 10-14, ... 90-94, GE95 |
    /// | 31 to 60 | LE10, 11-19, 20-29, ... 80-89, GE90 |
    /// | 16 to 30 | LE20, 21-39, 40-59, 60-79, GE80 |
    /// | 6 to 15 | LT50, GE50 |
    pub fn edfacts() -> Self {
        let half = |low, high, text: &str| Band { low, high, text: text.to_owned() };
        let mut classes = vec![SizeClass { least: 6, bands: vec![half(0, 49, "LT50"), half(50, 100, "GE50")] }];
        let finer = [(16, 20, 20), (31, 10, 10), (61, 5, 5), (301, 1, 1)];
        classes.extend(finer.map(|(least, bottom, step)| class(least, bottom, step, Ends::Letters)));
        Bands::new(classes, "PS").expect("the bands cover all percentages and their ends are open")
    }
}
