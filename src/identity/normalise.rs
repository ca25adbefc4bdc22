//! What makes two spellings of a value the same before it becomes a pseudonym.
//!
//! Any change of what a normaliser gives needs a new [`NORMALISER_VERSION`]: the version is part of what is hashed, so
//! that values normalised in two ways are never compared by accident. `golden/normalised.tsv` holds what this version
//! gives, and a test holds the digest of that file beside the version: neither changes without the other.
//!
//! Version 2 (over 1): letter-like apostrophes (ʻokina, modifier apostrophes, saltillo) and the Arabic tatweel are
//! punctuation; more suffixes; family and given names; what stands in for an id is none. Version 3 (over 2): more of what
//! stands in for an id (`1234567890`, `1111111111`, `N/A`).

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use crate::workspace::Normaliser;

/// The version of the rules in this file; part of every pseudonym.
pub const NORMALISER_VERSION: u32 = 3;

/// Suffixes that some systems append to a name and others leave out.
const SUFFIXES: [&str; 10] = ["JR", "SR", "II", "III", "IV", "JNR", "SNR", "2ND", "3RD", "4TH"];

/// Words before a family name that one system writes and another leaves out.
const PARTICLES: [&str; 21] = [
    "AL", "BIN", "BINT", "DA", "DAS", "DE", "DEL", "DELA", "DELLA", "DI", "DO", "DOS", "DU", "EL", "IBN", "TEN", "TER",
    "VAN", "VON", "ZU", "ZUR",
];

/// Words that are particles only behind one of those: `de la`, `van der`.
const ARTICLES: [&str; 7] = ["DEN", "DER", "HET", "LA", "LAS", "LE", "LOS"];

/// An id of at least so many digits that are all 0 or all 9 stands in for one that nobody knew.
const STAND_IN_DIGITS: usize = 7;

/// The same of another digit, and of digits in their order (`1234567890`, `987654321`). Shorter ones are real numbers
/// where somebody counts students up.
const LONG_STAND_IN_DIGITS: usize = 9;

/// Words that systems write in the place of an id.
const STAND_IN_WORDS: [&str; 10] = ["NULL", "N/A", "NA", "#N/A", "NONE", "NIL", "NAN", "UNKNOWN", "UNK", "TBD"];

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
        // Most ids are digits alone.
        Normaliser::Digits if text.bytes().all(|byte| byte.is_ascii_digit()) => out.push_str(text),
        Normaliser::Digits if text.is_ascii() => out.extend(text.chars().filter(char::is_ascii_digit)),
        Normaliser::Digits => out.extend(text.nfkd().filter(char::is_ascii_digit)),
        Normaliser::Name if text.is_ascii() => name(text.chars(), out),
        Normaliser::Name => name(text.nfkd(), out),
        Normaliser::FamilyName => family_name(text, out),
        Normaliser::GivenName => {
            name(text.nfkd(), out);
            if let Some(formal) = formal(&out[before..]) {
                out.truncate(before);
                out.push_str(formal);
            }
        }
    }
    if stands_in(normaliser, &out[before..]) {
        out.truncate(before);
    }
    out.len() > before
}

/// Whether a normalised id is one that systems write where they know none. What a contract lists as placeholders goes
/// before; this holds where it lists nothing. Names are never taken for it: there are people called Null.
fn stands_in(normaliser: Normaliser, text: &str) -> bool {
    match normaliser {
        Normaliser::Digits => stand_in_digits(text.as_bytes()),
        Normaliser::Exact if text.len() <= 7 && STAND_IN_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) => {
            true
        }
        Normaliser::Exact => stand_in_digits(text.as_bytes()),
        Normaliser::Name | Normaliser::FamilyName | Normaliser::GivenName | Normaliser::Date => false,
    }
}

fn stand_in_digits(text: &[u8]) -> bool {
    let [first, second, ..] = *text else { return false };
    if text.len() < STAND_IN_DIGITS || !first.is_ascii_digit() || !second.is_ascii_digit() {
        return false;
    }
    // Most ids are through after these two digits.
    let step = (second + 10 - first) % 10;
    let steady = || {
        text.iter().all(u8::is_ascii_digit) && text.windows(2).all(|two| (two[0] - b'0' + step) % 10 == two[1] - b'0')
    };
    let long = text.len() >= LONG_STAND_IN_DIGITS;
    match (step, first) {
        (0, b'0' | b'9') => steady(),
        (0, _) | (1, b'0' | b'1') | (9, b'0' | b'9') => long && steady(),
        _ => false,
    }
}

/// A family name without suffixes and without the particles before it (or behind it, as in `Cruz, de la`). A hyphen
/// divides words here. A name that is a particle alone stays.
fn family_name(text: &str, out: &mut String) {
    let mut spaced = String::with_capacity(text.len());
    for character in text.nfkd() {
        if character.is_whitespace() || matches!(character, ',' | '-' | '\u{2010}'..='\u{2015}') {
            spaced.push(' ');
        } else {
            push_letters(character, &mut spaced);
        }
    }
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let mut words = &words[..];
    while let [rest @ .., last] = words
        && !rest.is_empty()
        && SUFFIXES.contains(last)
    {
        words = rest;
    }
    let mut behind_particle = false;
    while let [first, rest @ ..] = words
        && !rest.is_empty()
        && (PARTICLES.contains(first) || (behind_particle && ARTICLES.contains(first)))
    {
        words = rest;
        behind_particle = true;
    }
    let end = words.iter().rposition(|word| !PARTICLES.contains(word) && !ARTICLES.contains(word));
    if let Some(end) = end.map(|last| last + 1)
        && words.get(end).is_some_and(|first| PARTICLES.contains(first))
    {
        words = &words[..end];
    }
    out.extend(words.iter().copied());
}

/// The name that a nickname is short for. Each line of the table has the formal name and the nicknames that stand for
/// it alone.
fn formal(name: &str) -> Option<&'static str> {
    static TABLE: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
        let lines = include_str!("nicknames.txt").lines().filter(|line| !line.starts_with('#'));
        let names = lines.filter_map(|line| line.split_once(':'));
        names.flat_map(|(formal, nicks)| nicks.split_whitespace().map(move |nick| (nick, formal))).collect()
    });
    TABLE.get(name).copied()
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
        // Unicode counts these as letters; in names they are apostrophes (ʻokina, ʼ, saltillo) and a stretched line.
        '\u{2b9}'..='\u{2c1}' | '\u{2ee}' | '\u{640}' | '\u{a78b}' | '\u{a78c}' => {}
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
                ("Ka\u{2bb}ahumanu", Some("KAAHUMANU")),
                ("Д\u{2bc}яченко", Some("ДЯЧЕНКО")),
                ("محـــمد", Some("محمد")),
                ("Null", Some("NULL")),
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
    fn family_names_lose_particles_and_suffixes() {
        check(
            Normaliser::FamilyName,
            &[
                ("de la Cruz", Some("CRUZ")),
                ("De La Cruz Jr.", Some("CRUZ")),
                ("Cruz, de la", Some("CRUZ")),
                ("Dela Cruz", Some("CRUZ")),
                ("van der Berg", Some("BERG")),
                ("Al-Hassan", Some("HASSAN")),
                ("Smith-Jones", Some("SMITHJONES")),
                ("O'Brien III", Some("OBRIEN")),
                ("García y Vega", Some("GARCIAYVEGA")),
                ("La Rue", Some("LARUE")),
                ("Van", Some("VAN")),
                ("Do", Some("DO")),
                ("de la", Some("LA")),
                ("Jr", Some("JR")),
                (" - ", None),
            ],
        );
    }

    #[test]
    fn given_names_are_the_formal_ones() {
        check(
            Normaliser::GivenName,
            &[
                ("Bill", Some("WILLIAM")),
                ("LUPE", Some("GUADALUPE")),
                ("Guadalupe", Some("GUADALUPE")),
                ("José", Some("JOSE")),
                ("Pepe", Some("JOSE")),
                ("Alex", Some("ALEX")),
                ("", None),
            ],
        );
        // Only where the contract says so.
        check(Normaliser::Name, &[("Bill", Some("BILL"))]);
    }

    /// One name, one meaning: else two people would become one, or the order of the lines would decide.
    #[test]
    fn each_nickname_stands_for_one_name_that_is_no_nickname() {
        let lines: Vec<(&str, Vec<&str>)> = include_str!("nicknames.txt")
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| line.split_once(':').expect("a formal name"))
            .map(|(formal, nicks)| (formal, nicks.split_whitespace().collect()))
            .collect();
        let nicks: Vec<&str> = lines.iter().flat_map(|(_, nicks)| nicks.iter().copied()).collect();
        let mut once = nicks.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), nicks.len(), "a nickname stands twice");
        for (formal, nicks) in &lines {
            assert!(!once.contains(formal), "{formal} is a nickname, too");
            for word in nicks.iter().chain([formal]) {
                assert_eq!(normalise(Normaliser::Name, word).as_deref(), Some(*word), "written as it is compared");
            }
        }
    }

    #[test]
    fn what_stands_in_for_an_id_is_none() {
        let stand_ins = [
            "0000000000",
            "9999999999",
            "0000000",
            "999-999-9999",
            "1234567890",
            "123-45-6789",
            "0123456789",
            "987654321",
            "9876543210",
            "1111111111",
            "555555555",
        ];
        stand_ins.iter().for_each(|id| check(Normaliser::Digits, &[(id, None)]));
        check(
            Normaliser::Exact,
            &[("NULL", None), (" null ", None), ("0000000000", None), ("0", Some("0")), ("99", Some("99"))],
        );
        let words = ["N/A", "n/a", "NA", "#N/A", "None", "nil", "NaN", "unknown", "1234567890", "1111111111"];
        words.iter().for_each(|word| check(Normaliser::Exact, &[(word, None)]));
        // Numbers that somebody may have counted up to, and that only look like it.
        for id in
            ["1234567", "12345678", "1111111", "2345678901", "1234567899", "1111111112", "135792468", "N1", "NORA"]
        {
            check(Normaliser::Exact, &[(id, Some(id))]);
        }
        check(Normaliser::Digits, &[("NULL", None), ("0", Some("0")), ("0000000001", Some("0000000001"))]);
        check(Normaliser::Name, &[("Null", Some("NULL"))]);
    }

    /// What each version gives: the digest of the golden table, and that of all tables and of single characters
    /// ([`everything`]). A version that is out is never changed: whoever changes what a normaliser gives adds a version
    /// with its digests.
    const VERSIONS: [(u32, &str, &str); 1] = [(
        3,
        "ed5d066396201845e9c104fdee38c5a393a3ab90758c4455e28e65267982de21",
        "4fb166a9425a7979806829a04692aff232212c1b83cd94c50d42be8250b69ac1",
    )];

    fn sha256(text: &str) -> String {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(text))
    }

    #[test]
    fn a_changed_normaliser_is_a_new_version() {
        let table = include_str!("golden/normalised.tsv");
        let (version, digest, _) = VERSIONS[VERSIONS.len() - 1];
        assert_eq!(version, NORMALISER_VERSION, "a new version needs a table of its own");
        for line in table.lines() {
            let [normaliser, input, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
            let normaliser = serde_json::from_value(normaliser.into()).expect("a normaliser");
            let input: String = serde_json::from_str(input).expect("a JSON string");
            let given = normalise(normaliser, &input).unwrap_or_else(|| "-".to_owned());
            assert_eq!(given, expected, "{line:?}: make it version {}", version + 1);
        }
        assert_eq!(sha256(table), digest, "the table of version {version} was changed");
    }

    /// All words of all tables, each in its place, and what is left of each character of the scripts in use.
    fn everything() -> String {
        use std::fmt::Write;
        let mut all = String::new();
        let mut give = |normaliser: Normaliser, text: &str| {
            let given = normalise(normaliser, text).unwrap_or_else(|| "-".to_owned());
            writeln!(all, "{normaliser:?} {text:?} {given}").expect("a string takes it");
        };
        for line in include_str!("nicknames.txt").lines().filter(|line| !line.starts_with('#')) {
            line.split([':', ' ']).for_each(|name| give(Normaliser::GivenName, name));
        }
        for word in SUFFIXES.iter().chain(&PARTICLES).chain(&ARTICLES) {
            for text in
                [format!("{word} Ray"), format!("van {word} Ray"), format!("Ray {word}"), format!("Ray, {word} X")]
            {
                give(Normaliser::FamilyName, &text);
                give(Normaliser::Name, &text);
            }
        }
        STAND_IN_WORDS.iter().for_each(|word| give(Normaliser::Exact, word));
        for digits in 1..=12 {
            for digit in '0'..='9' {
                give(Normaliser::Digits, &digit.to_string().repeat(digits));
                let (up, down) = ("0123456789".repeat(3), "9876543210".repeat(3));
                for run in [up, down] {
                    let start = run.find(digit).expect("a digit");
                    give(Normaliser::Exact, &run[start..start + digits]);
                }
            }
        }
        for character in '\0'..'\u{20000}' {
            for normaliser in [Normaliser::Name, Normaliser::FamilyName, Normaliser::Digits] {
                give(normaliser, &format!("R{character}y1"));
            }
        }
        all
    }

    /// Also where nobody meant to: another name in a table, another Unicode version of a library or of the compiler.
    #[test]
    fn what_any_table_gives_changes_with_the_version_only() {
        let (version, _, digest) = VERSIONS[VERSIONS.len() - 1];
        let given = sha256(&everything());
        assert_eq!(given, digest, "version {version} gives something else now: make it version {}", version + 1);
    }

    #[test]
    fn appending_gives_the_same_as_starting_afresh() {
        let mut out = String::from("BEFORE");
        assert!(normalise_into(Normaliser::Name, "II", &mut out));
        assert!(!normalise_into(Normaliser::Name, "-", &mut out));
        assert_eq!(out, "BEFOREII");
    }
}
