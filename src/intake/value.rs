//! Text to typed values: strict, so that nothing is guessed.

use crate::workspace::{BooleanWords, DateFormat, PictureSign};

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
        DateFormat::UsShort => {
            let (month, rest) = text.split_once('/')?;
            let (day, year) = rest.split_once('/')?;
            let fits = (1..=2).contains(&month.len()) && (1..=2).contains(&day.len()) && year.len() == 4;
            fits.then_some(())?;
            days(digits(year.as_bytes())?, digits(month.as_bytes())?, digits(day.as_bytes())?)
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

/// A decimal as a whole number of its last places. Nothing is rounded: only zeros may stand behind the last place.
pub(super) fn decimal(text: &str, precision: u8, scale: u8, implied: Option<u32>) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if let Some(decimals) = implied {
        let digits = is_digits(unsigned).then(|| text.parse().ok()).flatten()?;
        return rescaled(digits, decimals, precision, scale);
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.len() + fraction.len() == 0 || (fraction.is_empty() && unsigned.contains('.')) {
        return None;
    }
    let mut number: i128 = 0;
    let mut add = |digit: u8| {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        Some(())
    };
    whole.bytes().try_for_each(&mut add)?;
    let (kept, rest) = fraction.as_bytes().split_at(fraction.len().min(usize::from(scale)));
    kept.iter().copied().try_for_each(&mut add)?;
    if rest.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let missing = u32::from(scale) - kept.len() as u32;
    number = number.checked_mul(10_i128.checked_pow(missing)?)?;
    let fits = number < 10_i128.checked_pow(u32::from(precision))?;
    fits.then_some(if text.starts_with('-') { -number } else { number })
}

/// Digits with so many decimals as a decimal of another scale; none where it has fewer places.
pub(super) fn rescaled(number: i128, decimals: u32, precision: u8, scale: u8) -> Option<i128> {
    let number = match u32::from(scale).checked_sub(decimals) {
        Some(more) => number.checked_mul(10_i128.checked_pow(more)?)?,
        None => {
            let power = 10_i128.checked_pow(decimals - u32::from(scale))?;
            (number % power == 0).then_some(number / power)?
        }
    };
    (number.unsigned_abs() < 10_u128.checked_pow(u32::from(precision))?).then_some(number)
}

/// Whether it is a whole number, however long.
pub(super) fn is_whole(text: &str) -> bool {
    is_digits(text.strip_prefix('-').unwrap_or(text))
}

/// A number: digits, with one point among them or without, with a minus sign or without. With `implied` decimals there is
/// no point: `0150` with 1 is 15.0.
pub(super) fn number(text: &str, implied: Option<u32>) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match (implied, unsigned.split_once('.')) {
        (Some(decimals), None) if is_digits(unsigned) => {
            let whole: i128 = text.parse().ok()?;
            Some(scaled(whole, decimals))
        }
        (None, None) if is_digits(unsigned) => finite(text),
        (None, Some((whole, fraction))) if is_digits(fraction) && (whole.is_empty() || is_digits(whole)) => {
            finite(text)
        }
        _ => None,
    }
}

/// The double nearest to `whole` with so many decimals.
pub(super) fn scaled(whole: i128, decimals: u32) -> f64 {
    // Both are doubles themselves, so that their quotient is the nearest one and no other.
    if whole.unsigned_abs() < 1 << 53 && decimals <= 22 {
        return whole as f64 / 10_f64.powi(decimals.cast_signed());
    }
    format!("{whole}e-{decimals}").parse().unwrap_or(f64::NAN)
}

/// The digits of a COBOL picture with their sign; a sign over a digit is one of `{ABCDEFGHI` (plus) or `}JKLMNOPQR` and
/// `pqrstuvwxy` (minus).
pub(super) fn pictured(text: &str, sign: PictureSign) -> Option<i128> {
    let bytes = text.as_bytes();
    let (digits, over, minus) = match (sign, bytes) {
        (PictureSign::None, digits) => (digits, None, false),
        (PictureSign::Before, [sign @ (b'+' | b'-'), digits @ ..])
        | (PictureSign::Behind, [digits @ .., sign @ (b'+' | b'-')]) => (digits, None, *sign == b'-'),
        (PictureSign::OverLast, [digits @ .., last]) => {
            let (digit, minus) = overpunched(*last)?;
            (digits, Some((digit, false)), minus)
        }
        (PictureSign::OverFirst, [first, digits @ ..]) => {
            let (digit, minus) = overpunched(*first)?;
            (digits, Some((digit, true)), minus)
        }
        _ => return None,
    };
    let mut number: i128 = match over {
        Some((digit, true)) => i128::from(digit),
        _ => 0,
    };
    if digits.is_empty() && over.is_none() {
        return None;
    }
    let behind = over.filter(|(_, first)| !first).map(|(digit, _)| digit + b'0');
    for byte in digits.iter().copied().chain(behind) {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    Some(if minus { -number } else { number })
}

fn overpunched(byte: u8) -> Option<(u8, bool)> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0', false)),
        b'{' => Some((0, false)),
        b'A'..=b'I' => Some((byte - b'A' + 1, false)),
        b'}' => Some((0, true)),
        b'J'..=b'R' => Some((byte - b'J' + 1, true)),
        b'p'..=b'y' => Some((byte - b'p', true)),
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
        let short = [DateFormat::UsShort];
        assert_eq!(date("2/9/2024", &short), date("02/09/2024", &all));
        assert_eq!(date("02/29/2024", &short), date("2024-02-29", &all));
        for wrong in ["2/30/2024", "/2/2024", "002/2/2024", "2/2/24", "2/2/2024 ", "2//2024", "2/2"] {
            assert_eq!(date(wrong, &short), None, "{wrong}");
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

    #[test]
    fn decimals_keep_every_digit_and_round_nothing() {
        for (text, expected) in [
            ("12.34", Some(1234)),
            ("12.3", Some(1230)),
            ("-0.01", Some(-1)),
            ("12", Some(1200)),
            (".5", Some(50)),
            ("12.3400", Some(1234)),
            ("12.345", None),
            ("1234.5", None),
            ("1.", None),
            ("", None),
            ("-", None),
            (".", None),
            ("1e2", None),
            ("1,5", None),
        ] {
            assert_eq!(decimal(text, 5, 2, None), expected, "{text}");
        }
        assert_eq!((decimal("0150", 5, 2, Some(1)), decimal("5", 5, 2, Some(2))), (Some(1500), Some(5)));
        let most = "9".repeat(38);
        assert_eq!(decimal(&most, 38, 0, None).map(|number| number.to_string()), Some(most));
    }

    #[test]
    fn zoned_digits_carry_their_sign() {
        use PictureSign::{Before, Behind, None as Unsigned, OverFirst, OverLast};
        for (text, sign, number) in [
            ("12C", OverLast, Some(123)),
            ("12L", OverLast, Some(-123)),
            ("12{", OverLast, Some(120)),
            ("12}", OverLast, Some(-120)),
            ("12s", OverLast, Some(-123)),
            ("123", OverLast, Some(123)),
            ("A23", OverFirst, Some(123)),
            ("J23", OverFirst, Some(-123)),
            ("-023", Before, Some(-23)),
            ("023+", Behind, Some(23)),
            ("023", Behind, None),
            ("1C3", OverLast, None),
            ("12C", Unsigned, None),
            (" 12", Unsigned, None),
            ("", Unsigned, None),
            ("-", Before, None),
            ("12S", OverLast, None),
        ] {
            assert_eq!(pictured(text, sign), number, "{text} {sign:?}");
        }
        assert_eq!((scaled(-1234, 2), scaled(1, 30)), (-12.34, 1e-30));
    }

    proptest! {
        #[test]
        fn implied_decimals_give_the_nearest_number(whole in any::<i64>(), decimals in 0..25_u32) {
            let nearest: f64 = format!("{whole}e-{decimals}").parse().expect("a number");
            prop_assert_eq!(scaled(i128::from(whole), decimals).to_bits(), nearest.to_bits());
        }

        #[test]
        fn every_day_is_the_calendars(days in -700_000_i32..2_900_000) {
            let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).expect("in range");
            prop_assume!(day.year() >= 1);
            let text = format!("{:04}{:02}{:02}", day.year(), day.month(), day.day());
            prop_assert_eq!(date(&text, &[DateFormat::Compact]), Some(days));
        }
    }
}
