//! Marks that say themselves something of the figure that they hide: `<10`, `1-9`, `>95%`.
//!
//! A reader takes them at their word, and so does the audit. Of a count `<10` says that it is at most 9. Of a rate `>95%`
//! says that it is above 95, and `>=95%` that it rounds to 95 or more: which of both was meant nobody can tell, so that the
//! weaker is taken.

use super::layout::Rate;
use super::spec::{BoundSpec, Symbols};
use super::words::{scaled, whole};
use crate::disclosure::Told;

/// What a mark says of a count: nothing below the first, nothing above the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: i64,
    pub(super) most: Option<i64>,
}

/// What a mark says of a rate, in units of its last decimal times two: how `2 scale n` compares with so many `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// At least; where it is true, more than.
    least: Option<(i64, bool)>,
    /// At most; where it is true, less than.
    most: Option<(i64, bool)>,
}

/// A mark at a cell of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// Of a measure.
    Count { measure: usize, cell: usize, bounds: Bounds },
    /// Of a rate.
    Rate { rate: usize, cell: usize, share: Share },
}

/// A comparison and the number behind it: `<`, `<=`, `>`, `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// Signs and words for them, the longest first.
const SIGNS: [(&str, Sign); 15] = [
    ("greater than", Sign::Above),
    ("fewer than", Sign::Below),
    ("less than", Sign::Below),
    ("more than", Sign::Above),
    ("at least", Sign::AtLeast),
    ("at most", Sign::AtMost),
    ("under", Sign::Below),
    ("over", Sign::Above),
    ("<=", Sign::AtMost),
    ("=<", Sign::AtMost),
    (">=", Sign::AtLeast),
    ("\u{2264}", Sign::AtMost),
    ("\u{2265}", Sign::AtLeast),
    ("<", Sign::Below),
    (">", Sign::Above),
];

/// A comparison with what follows its sign: `n < 10` too.
fn compared(word: &str) -> Option<(Sign, &str)> {
    let word = word.strip_prefix(['n', 'N']).map_or(word, str::trim_start);
    let sign = |(text, sign): &(&str, Sign)| Some((*sign, word.get(text.len()..).filter(|_| starts(word, text))?));
    let (sign, rest) = SIGNS.iter().find_map(sign)?;
    Some((sign, rest.trim()))
}

fn starts(word: &str, text: &str) -> bool {
    word.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
}

/// The two ends of `1-9`, `1 to 9`.
fn ends(word: &str) -> Option<(&str, &str)> {
    let (low, high) =
        word.split_once(" to ").or_else(|| word.split_once('\u{2013}')).or_else(|| word.split_once('-'))?;
    let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let (low, high) = (low.trim(), high.trim());
    (is_number(low) && is_number(high)).then_some((low, high))
}

/// What a word says of a count, where it says something.
pub(super) fn of_count(word: &str) -> Option<Bounds> {
    let word = word.trim();
    if word.contains('%') {
        return None;
    }
    if let Some((low, high)) = ends(word) {
        let (least, most) = (whole(low)?, whole(high)?);
        return (least <= most).then_some(Bounds { least, most: Some(most) });
    }
    let (sign, number) = compared(word)?;
    let number = whole(number)?;
    let bounds = match sign {
        Sign::Below => Bounds { least: 0, most: Some(number.checked_sub(1).filter(|&most| most >= 0)?) },
        Sign::AtMost => Bounds { least: 0, most: Some(number) },
        Sign::Above => Bounds { least: number.checked_add(1)?, most: None },
        Sign::AtLeast => Bounds { least: number, most: None },
    };
    Some(bounds)
}

/// What a word says of a rate with so many decimals. `<10` without a percent sign says nothing: it may be the group that has
/// fewer than 10.
pub(super) fn of_rate(word: &str, decimals: u32) -> Option<Share> {
    let word = word.trim();
    let number = |text: &str| {
        let text = text.trim_end_matches('%').trim();
        let own = u32::try_from(text.split_once('.').map_or(0, |(_, rest)| rest.len())).ok()?;
        // Half a unit of its own last decimal, in the rate's units times two.
        let grain = 10_i64.checked_pow(decimals.checked_sub(own)?)?;
        Some((2 * scaled(text, decimals)?, grain))
    };
    if let Some((low, high)) = ends(word) {
        let ((least, grain), (most, other)) = (number(low)?, number(high)?);
        let share = Share { least: Some((least - grain, false)), most: Some((most + other, false)) };
        return (word.contains('%') && least <= most).then_some(share);
    }
    let (sign, rest) = compared(word)?;
    let (number, grain) = number(rest)?;
    let sure = word.contains('%') || matches!(sign, Sign::Above | Sign::AtLeast);
    let share = match sign {
        Sign::Below => Share { least: None, most: Some((number, true)) },
        Sign::AtMost => Share { least: None, most: Some((number + grain, false)) },
        Sign::Above => Share { least: Some((number, true)), most: None },
        Sign::AtLeast => Share { least: Some((number - grain, false)), most: None },
    };
    sure.then_some(share)
}

/// Whether a word says something of a figure that it hides, of a count or of a rate.
pub(super) fn tells(word: &str) -> bool {
    of_count(word).is_some() || of_rate(word, 9).is_some()
}

impl Symbols {
    /// What a word says of a count: what the spec says that it does, or else what it says itself.
    pub(super) fn bounds(&self, word: &str) -> Option<Bounds> {
        match self.declared(word) {
            Some(BoundSpec { least: None, most: None }) => None,
            Some(BoundSpec { least, most }) => {
                let number = |bound: u64| i64::try_from(bound).unwrap_or(i64::MAX);
                Some(Bounds { least: least.map_or(0, number), most: most.map(number) })
            }
            None => of_count(word),
        }
    }

    /// What a word says of a rate.
    pub(super) fn share(&self, word: &str, decimals: u32) -> Option<Share> {
        // What is declared is about counts, or says that the word says nothing.
        if self.declared(word).is_some() { None } else { of_rate(word, decimals) }
    }

    fn declared(&self, word: &str) -> Option<BoundSpec> {
        self.bounds.iter().find(|(own, _)| own.trim() == word.trim()).map(|(_, bound)| *bound)
    }

    /// The words for hidden figures that say something of them.
    pub(super) fn telling(&self) -> impl Iterator<Item = &str> {
        let says = |word: &&String| self.bounds(word).is_some() || self.share(word, 9).is_some();
        self.suppressed.iter().filter(says).map(String::as_str)
    }
}

/// What a mark says, as inequalities of measures at `cell` of the view's table `table`.
pub(super) fn told(mark: &Mark, rates: &[Rate], table: usize, cell: usize) -> Vec<Told> {
    let one = |terms: Vec<(usize, i64)>, most: i64| Told { table, cell, terms, most };
    match *mark {
        Mark::Count { measure, bounds, .. } => {
            let least = (bounds.least > 0).then(|| one(vec![(measure, -1)], -bounds.least));
            let most = bounds.most.map(|most| one(vec![(measure, 1)], most));
            least.into_iter().chain(most).collect()
        }
        Mark::Rate { rate, share, .. } => {
            let Rate { numerator: n, denominator: d, .. } = rates[rate];
            let scale = 2 * rates[rate].scale();
            let strict = |strict: bool| -i64::from(strict);
            // A rate is one of somebody.
            let mut all = vec![one(vec![(d, -1)], -1)];
            // A share of nothing or less says nothing; a coefficient of 0 is none.
            all.extend(
                share.least.filter(|(least, _)| *least > 0).map(|(r, s)| one(vec![(d, r), (n, -scale)], strict(s))),
            );
            all.extend(
                share.most.filter(|(most, _)| *most > 0).map(|(r, s)| one(vec![(n, scale), (d, -r)], strict(s))),
            );
            all
        }
    }
}

impl Mark {
    /// The same at another cell.
    pub(super) fn at(self, at: usize) -> Self {
        match self {
            Mark::Count { measure, bounds, .. } => Mark::Count { measure, cell: at, bounds },
            Mark::Rate { rate, share, .. } => Mark::Rate { rate, cell: at, share },
        }
    }

    /// Its cell of the table.
    pub(super) fn cell(&self) -> usize {
        match self {
            Mark::Count { cell, .. } | Mark::Rate { cell, .. } => *cell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(word: &str) -> Option<(i64, Option<i64>)> {
        of_count(word).map(|bounds| (bounds.least, bounds.most))
    }

    #[test]
    fn words_for_bounds_of_counts_are_read_in_the_forms_that_files_have() {
        for word in
            ["<10", "< 10", "n<10", "N < 10", "fewer than 10", "Less than 10", "under 10", "<=9", "\u{2264}9", "=< 9"]
        {
            assert_eq!(count(word), Some((0, Some(9))), "{word}");
        }
        for word in ["1-9", "1 - 9", "1 to 9", "1\u{2013}9"] {
            assert_eq!(count(word), Some((1, Some(9))), "{word}");
        }
        for word in [">95", "over 95", ">=96", "\u{2265} 96", "at least 96"] {
            assert_eq!(count(word), Some((96, None)), "{word}");
        }
        for word in ["*", "--", "", "10", "<", "<0", "<10%", "9-1", "2024-25-26", "a-b", "-5", "n/a", "none", "<1.5"] {
            assert_eq!(count(word), None, "{word}");
        }
    }

    #[test]
    fn words_for_bounds_of_rates_need_a_sign_that_can_not_be_about_a_count() {
        let most = |word| of_rate(word, 1).and_then(|share| share.most);
        let least = |word| of_rate(word, 1).and_then(|share| share.least);
        // In tenths of a percent, times two.
        assert_eq!(
            (most("<5%"), most("<=5%"), most("\u{2264}5.0%")),
            (Some((100, true)), Some((110, false)), Some((101, false)))
        );
        assert_eq!(
            (least(">95%"), least(">=95%"), least(">95")),
            (Some((1900, true)), Some((1890, false)), Some((1900, true)))
        );
        assert_eq!((least("90-94%"), most("90-94%")), (Some((1790, false)), Some((1890, false))));
        for word in ["<10", "<=10", "n<10", "5-9", "*", "<5.25%"] {
            assert_eq!(of_rate(word, 1), None, "{word}");
        }
    }

    #[test]
    fn a_spec_may_say_that_a_mark_says_nothing_or_something_else() {
        let mut symbols = Symbols { suppressed: vec!["<10".to_owned(), "s".to_owned()], ..Symbols::default() };
        assert_eq!(symbols.telling().collect::<Vec<_>>(), ["<10"]);
        let declared = [("<10", BoundSpec::default()), ("s", BoundSpec { least: Some(1), most: Some(5) })];
        symbols.bounds = declared.into_iter().map(|(word, bound)| (word.to_owned(), bound)).collect();
        assert_eq!(symbols.telling().collect::<Vec<_>>(), ["s"]);
        assert_eq!(symbols.bounds("s"), Some(Bounds { least: 1, most: Some(5) }));
    }
}
