//! What makes two spellings of a value the same before it becomes a pseudonym.
//!
//! Any change of what a normaliser gives needs a new [`NORMALISER_VERSION`]: the version is part of what is hashed, so
//! that values normalised in two ways never look like two people by accident.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use crate::workspace::Normaliser;

/// The version of the rules in this file; part of every pseudonym.
pub const NORMALISER_VERSION: u32 = 1;

/// Suffixes that some systems append to a name and others leave out.
const SUFFIXES: [&str; 5] = ["JR", "SR", "II", "III", "IV"];

/// `text` in the form that is compared; `None` where nothing is left, such as of a blank.
#[must_use]
pub fn normalise(normaliser: Normaliser, text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    normalise_into(normaliser, text, &mut out).then_some(out)
}

/// Appends the normalised `text` to `out` and says whether there was anything to append.
pub(super) fn normalise_into(normaliser: Normaliser, text: &str, out: &mut String) -> bool {
    let before = out.len();
    match normaliser {
        Normaliser::Exact | Normaliser::Date => out.push_str(text.trim()),
        Normaliser::Digits if text.is_ascii() => out.extend(text.chars().filter(char::is_ascii_digit)),
        Normaliser::Digits => out.extend(text.nfkd().filter(char::is_ascii_digit)),
        Normaliser::Name if text.is_ascii() => name(text.chars(), out),
        Normaliser::Name => name(text.nfkd(), out),
    }
    out.len() > before
}

/// Letters and digits in upper case without marks; a suffix that is a word of its own at the end goes.
fn name(characters: impl Iterator<Item = char>, out: &mut String) {
    let start = out.len();
    let mut last_word = start;
    let mut between_words = false;
    for character in characters {
        if character.is_whitespace() || character == ',' {
            between_words = true;
            continue;
        }
        let before = out.len();
        push_letters(character, out);
        if between_words && out.len() > before {
            last_word = before;
            between_words = false;
        }
    }
    if last_word > start && SUFFIXES.contains(&&out[last_word..]) {
        out.truncate(last_word);
    }
}

/// What is left of one character of a name: nothing of punctuation and accents. Vowel signs of scripts that write them
/// as marks of their own (combining class 0) are letters and stay.
fn push_letters(character: char, out: &mut String) {
    if character.is_ascii() {
        if character.is_ascii_alphanumeric() {
            out.push(character.to_ascii_uppercase());
        }
        return;
    }
    match character {
        // Letters that Unicode does not decompose, as they are written where only A to Z can be typed.
        'ẞ' => out.push_str("SS"),
        'ø' | 'Ø' => out.push('O'),
        'đ' | 'Đ' | 'ð' | 'Ð' => out.push('D'),
        'ł' | 'Ł' => out.push('L'),
        'ħ' | 'Ħ' => out.push('H'),
        'ŧ' | 'Ŧ' => out.push('T'),
        'æ' | 'Æ' => out.push_str("AE"),
        'œ' | 'Œ' => out.push_str("OE"),
        'þ' | 'Þ' => out.push_str("TH"),
        // `ß` becomes `SS` and dotless `ı` becomes `I` here.
        _ if canonical_combining_class(character) == 0 => {
            out.extend(character.to_uppercase().filter(|upper| upper.is_alphanumeric()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(normaliser: Normaliser, cases: &[(&str, Option<&str>)]) {
        for (text, expected) in cases {
            assert_eq!(normalise(normaliser, text).as_deref(), *expected, "{text:?}");
        }
    }

    #[test]
    fn names() {
        check(
            Normaliser::Name,
            &[
                ("O'Brien", Some("OBRIEN")),
                ("O’Brien", Some("OBRIEN")),
                (" Smith-Jones ", Some("SMITHJONES")),
                ("De La Cruz", Some("DELACRUZ")),
                ("St. John", Some("STJOHN")),
                ("José", Some("JOSE")),
                ("Jose\u{301}", Some("JOSE")),
                ("NUÑEZ", Some("NUNEZ")),
                ("Nguyễn", Some("NGUYEN")),
                ("Strauß", Some("STRAUSS")),
                ("STRAUẞ", Some("STRAUSS")),
                ("Sørensen", Some("SORENSEN")),
                ("Đặng", Some("DANG")),
                ("Łukasz", Some("LUKASZ")),
                ("Æbelø", Some("AEBELO")),
                ("Þórður", Some("THORDUR")),
                ("Yıldız", Some("YILDIZ")),
                ("ＳＭＩＴＨ", Some("SMITH")),
                ("Иванов", Some("ИВАНОВ")),
                ("ΠΑΠΑΔΌΠΟΥΛΟΣ", Some("ΠΑΠΑΔΟΠΟΥΛΟΣ")),
                ("陳大文", Some("陳大文")),
                ("प्रिया", Some("परिया")),
                ("מֹשֶׁה", Some("משה")),
                ("", None),
                (" \u{a0} ", None),
                ("--", None),
                ("\u{301}", None),
            ],
        );
    }

    #[test]
    fn name_suffixes_go_only_as_a_last_word_of_their_own() {
        check(
            Normaliser::Name,
            &[
                ("Smith Jr.", Some("SMITH")),
                ("Smith, JR", Some("SMITH")),
                ("Smith,III ", Some("SMITH")),
                ("Núñez Sr", Some("NUNEZ")),
                ("Smith I.V.", Some("SMITH")),
                ("Smith Jr Jones", Some("SMITHJRJONES")),
                ("Smithjr", Some("SMITHJR")),
                ("Smith-Jr", Some("SMITHJR")),
                ("Jr", Some("JR")),
                (", II", Some("II")),
            ],
        );
    }

    #[test]
    fn digits() {
        check(
            Normaliser::Digits,
            &[
                ("0012345678", Some("0012345678")),
                ("001-23-4567", Some("001234567")),
                ("=\"0020011\"", Some("0020011")),
                ("１２３", Some("123")),
                ("n/a", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn exact_and_date() {
        check(Normaliser::Exact, &[(" aB-1 ", Some("aB-1")), (" ", None), ("", None)]);
        check(Normaliser::Date, &[("2008-02-29", Some("2008-02-29")), ("", None)]);
    }

    #[test]
    fn appending_gives_the_same_as_starting_afresh() {
        let mut out = String::from("BEFORE");
        assert!(normalise_into(Normaliser::Name, "II", &mut out));
        assert!(!normalise_into(Normaliser::Name, "-", &mut out));
        assert_eq!(out, "BEFOREII");
    }
}
