//! Check digits of identifiers: a mistyped id is a reject and not another person.
//!
//! Reference: ISO/IEC 7812-1, annex B (Luhn); ISO/IEC 7064 (MOD 11-2, MOD 97-10).

use crate::workspace::CheckDigit;

/// Whether the check digit at the end of an id is right. Blanks and hyphens count for nothing.
pub(super) fn is_right(scheme: CheckDigit, text: &str) -> bool {
    let mut values = Vec::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !matches!(letter, ' ' | '-')) {
        match letter.to_digit(36) {
            Some(value) => values.push(value),
            None => return false,
        }
    }
    let Some((&check, body)) = values.split_last() else { return false };
    let digits_alone = body.iter().all(|value| *value < 10);
    match scheme {
        _ if body.is_empty() => false,
        CheckDigit::Luhn => digits_alone && check < 10 && luhn(body) == check,
        // Ten is written X.
        CheckDigit::Mod11_2 => digits_alone && (check < 10 || check == 33) && mod_11_2(body) == check.min(10),
        CheckDigit::Mod97_10 => {
            // A letter counts as two digits.
            let add = |sum: u32, value: &u32| (sum * if *value < 10 { 10 } else { 100 } + value) % 97;
            values.iter().fold(0, add) == 1
        }
    }
}

/// Every second digit from the right is doubled, its digits added.
fn luhn(body: &[u32]) -> u32 {
    let sum: u32 = body
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
        .sum();
    (10 - sum % 10) % 10
}

fn mod_11_2(body: &[u32]) -> u32 {
    (12 - body.iter().fold(0, |sum, digit| (sum + digit) * 2 % 11)) % 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_are_right() {
        for (scheme, id) in [
            (CheckDigit::Luhn, "79927398713"),
            (CheckDigit::Luhn, "4539-1488 0343-6467"),
            (CheckDigit::Mod11_2, "0000-0002-1825-0097"),
            (CheckDigit::Mod11_2, "0000-0002-1694-233X"),
            (CheckDigit::Mod11_2, "079X"),
            (CheckDigit::Mod97_10, "79444"),
            (CheckDigit::Mod97_10, "3214282912345698765432161182"),
        ] {
            assert!(is_right(scheme, id), "{scheme:?} {id}");
        }
    }

    #[test]
    fn each_wrong_digit_is_found() {
        for (scheme, id) in [
            (CheckDigit::Luhn, "79927398713"),
            (CheckDigit::Mod11_2, "0000000218250097"),
            (CheckDigit::Mod97_10, "79444"),
        ] {
            for place in 0..id.len() {
                for digit in '0'..='9' {
                    let mut wrong: Vec<char> = id.chars().collect();
                    wrong[place] = digit;
                    let wrong: String = wrong.into_iter().collect();
                    assert_eq!(is_right(scheme, &wrong), wrong == id, "{scheme:?} {wrong}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_id_is_wrong() {
        for text in ["", "7", "-", "79927398713x", "７９", "X", "no id"] {
            for scheme in [CheckDigit::Luhn, CheckDigit::Mod11_2, CheckDigit::Mod97_10] {
                assert!(!is_right(scheme, text), "{scheme:?} {text:?}");
            }
        }
    }
}
