//! Text to typed values: strict, so that nothing is guessed.

use crate::workspace::{BooleanWords, DateFormat};

/// Days from 1970-01-01 to a day written in one of the formats.
pub(super) fn date(text: &str, formats: &[DateFormat]) -> Option<i32> {
    let bytes = text.as_bytes();
    formats.iter().find_map(|format| match format {
        DateFormat::Compact if bytes.len() == 8 => {
            days(digits(&bytes[..4])?, digits(&bytes[4..6])?, digits(&bytes[6..])?)
        }
        DateFormat::Iso if bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' => {
            days(digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?)
        }
        DateFormat::Us if bytes.len() == 10 && bytes[2] == b'/' && bytes[5] == b'/' => {
            days(digits(&bytes[6..])?, digits(&bytes[..2])?, digits(&bytes[3..5])?)
        }
        _ => None,
    })
}

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0')))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`); none for a day that does not exist.
fn days(year: i32, month: i32, day: i32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// A whole number: digits, with a minus sign or without.
pub(super) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_digits(digits).then(|| text.parse().ok()).flatten()
}

/// A number: digits, with one point among them or without, with a minus sign or without. With `implied` decimals there is
/// no point: `0150` with 1 is 15.0.
pub(super) fn number(text: &str, implied: Option<u32>) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match (implied, unsigned.split_once('.')) {
        (Some(decimals), None) if is_digits(unsigned) => {
            // Through text, so that 0150 with 1 is the double nearest to 15.0 and no other.
            format!("{text}e-{decimals}").parse().ok()
        }
        (None, None) if is_digits(unsigned) => finite(text),
        (None, Some((whole, fraction))) if is_digits(fraction) && (whole.is_empty() || is_digits(whole)) => {
            finite(text)
        }
        _ => None,
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// True or false by its words.
pub(super) fn boolean(text: &str, words: Option<&BooleanWords>) -> Option<bool> {
    match words {
        None if text == "true" => Some(true),
        None if text == "false" => Some(false),
        None => None,
        Some(words) if words.yes.iter().any(|word| word == text) => Some(true),
        Some(words) if words.no.iter().any(|word| word == text) => Some(false),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_strict() {
        let all = [DateFormat::Compact, DateFormat::Iso, DateFormat::Us];
        assert_eq!(date("19700101", &all), Some(0));
        assert_eq!(date("02/29/2024", &all), date("2024-02-29", &all));
        for wrong in [
            "20230229",
            "2024-2-29",
            "2024-13-01",
            "29/02/2024",
            "2024/02/29",
            " 20240229",
            "00000000",
            "",
            "２０２４０１０１",
        ] {
            assert_eq!(date(wrong, &all), None, "{wrong}");
        }
        assert_eq!(date("2024-02-29", &[DateFormat::Compact]), None, "only the declared formats");
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!((integer("0042"), integer("-7"), integer("9223372036854775808")), (Some(42), Some(-7), None));
        for wrong in ["", "-", "+1", "1.0", "1 ", "1e3", "0x1", "--1"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
        assert_eq!(
            (number("0150", Some(1)), number("-5", Some(2)), number("1.5", Some(1))),
            (Some(15.0), Some(-0.05), None)
        );
        assert_eq!(
            (number(".5", None), number("-12.25", None), number("7", None)),
            (Some(0.5), Some(-12.25), Some(7.0))
        );
        for wrong in ["", ".", "1.", "1,5", "1e3", "inf", "NaN", "1.2.3", "-", "-.", "+1"] {
            assert_eq!(number(wrong, None), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_the_calendars(days in -700_000_i32..2_900_000) {
            let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).expect("in range");
            prop_assume!(day.year() >= 1);
            let text = format!("{:04}{:02}{:02}", day.year(), day.month(), day.day());
            prop_assert_eq!(date(&text, &[DateFormat::Compact]), Some(days));
        }
    }
}
