//! What a word in a column of figures means.

use super::spec::Symbols;
use crate::disclosure::primary_rules::Bands;

/// A figure in one number, since tables have millions: 0 and above is a printed figure (of a rate: in its units).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Figure(i64);

impl Figure {
    /// No row, or a word that says nothing.
    pub(super) const ABSENT: Self = Self(-1);
    /// A symbol of suppression.
    pub(super) const HIDDEN: Self = Self(-2);
    /// A symbol of "no such group".
    pub(super) const NONE: Self = Self(-3);

    /// A printed figure; negative ones are none.
    pub(super) fn of(value: i64) -> Option<Self> {
        (value >= 0).then_some(Self(value))
    }

    /// What a reader knows. A count of no group is zero; for a rate see [`Figure::printed`].
    pub(super) fn count(self) -> Option<i64> {
        if self == Self::NONE { Some(0) } else { self.printed() }
    }

    /// The number that is printed.
    pub(super) fn printed(self) -> Option<i64> {
        (self.0 >= 0).then_some(self.0)
    }
}

/// Reads words of a column.
pub(super) struct Words<'a> {
    symbols: &'a Symbols,
    /// Decimals of a rate; of a count none.
    decimals: Option<u32>,
    bands: Option<&'a Bands>,
}

impl<'a> Words<'a> {
    pub(super) fn counts(symbols: &'a Symbols) -> Self {
        Self { symbols, decimals: None, bands: None }
    }

    pub(super) fn rates(symbols: &'a Symbols, decimals: u32) -> Self {
        Self { symbols, decimals: Some(decimals), bands: None }
    }

    /// Words for bands: a thousand times the least percentage, and the greatest.
    pub(super) fn bands(symbols: &'a Symbols, bands: &'a Bands) -> Self {
        Self { symbols, decimals: Some(0), bands: Some(bands) }
    }

    /// What a word means; why it means nothing, in words that do not repeat a number.
    pub(super) fn read(&self, word: &str) -> Result<Figure, String> {
        let word = word.trim();
        let is = |words: &[String]| words.iter().any(|symbol| symbol.trim() == word);
        if is(&self.symbols.suppressed) {
            return Ok(Figure::HIDDEN);
        }
        if is(&self.symbols.none) {
            return Ok(Figure::NONE);
        }
        if is(&self.symbols.missing) {
            return Ok(Figure::ABSENT);
        }
        if let Some(bands) = self.bands {
            let band = bands.read(word).and_then(|(low, high)| Figure::of(i64::from(low) * 1000 + i64::from(high)));
            return band.ok_or_else(|| "holds a word that is no band, such as `<=5%` or `40-49%`".to_owned());
        }
        let number = self.decimals.map_or_else(|| whole(word), |decimals| scaled(word, decimals));
        number.and_then(Figure::of).ok_or_else(|| self.refusal(word))
    }

    fn refusal(&self, word: &str) -> String {
        if word.is_empty() {
            return "is empty; say among `symbols` what an empty field (`\"\"`) means".to_owned();
        }
        let wanted = match self.decimals {
            None => "a whole number".to_owned(),
            Some(decimals) => format!("a number with at most {decimals} decimals"),
        };
        if word.parse::<f64>().is_ok() || word.chars().any(|character| character.is_ascii_digit()) {
            format!(
                "holds a word with digits that is not {wanted}; if it is a symbol, say among `symbols` what it means"
            )
        } else {
            format!("holds `{word}`; say among `symbols` what it means")
        }
    }
}

/// A whole number, also with grouping commas (`1,234`) or empty decimals (`12.0`).
pub(super) fn whole(word: &str) -> Option<i64> {
    let (digits, rest) = word.split_once('.').unwrap_or((word, ""));
    if !rest.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let digits = ungrouped(digits)?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn ungrouped(digits: &str) -> Option<String> {
    let mut groups = digits.split(',');
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let fits = rest.iter().all(|group| group.len() == 3) && (rest.is_empty() || (1..=3).contains(&first.len()));
    fits.then(|| format!("{first}{}", rest.concat()))
}

/// A decimal number (also with `%`) in units of its last decimal.
pub(super) fn scaled(word: &str, decimals: u32) -> Option<i64> {
    let word = word.strip_suffix('%').unwrap_or(word).trim_end();
    let (whole, rest) = word.split_once('.').unwrap_or((word, ""));
    let kept = usize::try_from(decimals).ok()?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(rest) {
        return None;
    }
    if rest.get(kept..).unwrap_or("").bytes().any(|byte| byte != b'0') {
        return nearly(word, decimals);
    }
    let kept_digits = &rest[..rest.len().min(kept)];
    format!("{whole}{kept_digits:0<kept$}").parse().ok()
}

/// A number in floating point that has some decimals but for its representation: `58.599999999999994`.
fn nearly(word: &str, decimals: u32) -> Option<i64> {
    let scaled = word.parse::<f64>().ok()? * 10_f64.powi(i32::try_from(decimals).ok()?);
    let near = scaled.round();
    let fits = (scaled - near).abs() < 1e-6 && near.abs() < 1e15;
    fits.then(|| format!("{near:.0}").parse().ok())?
}

/// Excel's way to keep leading zeros, `="0020011"`, taken off; blanks around the word too.
pub(super) fn unwrapped(word: &str) -> &str {
    let word = word.trim();
    word.strip_prefix("=\"").and_then(|word| word.strip_suffix('"')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_the_forms_that_files_have() {
        for (word, value) in [("0", 0), ("12", 12), ("1,234", 1234), ("12,345,678", 12_345_678), ("7.0", 7)] {
            assert_eq!(whole(word), Some(value), "{word}");
        }
        for word in ["", "1.5", "-3", "1,23", ",123", "1234,567", "3?", "1e3", "٣"] {
            assert_eq!(whole(word), None, "{word}");
        }
        assert_eq!((scaled("58.6", 1), scaled("96", 1), scaled("96.00", 1)), (Some(586), Some(960), Some(960)));
        assert_eq!((scaled("58.65", 1), scaled("12 %", 0), scaled(".5", 1)), (None, Some(12), None));
        assert_eq!((unwrapped("=\"0020011\""), unwrapped(" a "), unwrapped("=x")), ("0020011", "a", "=x"));
    }

    #[test]
    fn a_word_without_a_meaning_is_refused_and_a_number_is_not_repeated() {
        let symbols = Symbols { none: vec!["N/A".to_owned()], ..Symbols::default() };
        let words = Words::counts(&symbols);
        assert!(words.read("*") == Ok(Figure::HIDDEN) && words.read(" N/A ") == Ok(Figure::NONE));
        assert!(words.read("--").is_err_and(|why| why.contains("`--`")));
        assert!(words.read("<7").is_err_and(|why| !why.contains('7')));
        assert!(words.read("-4").is_err_and(|why| !why.contains('4')));
    }
}
