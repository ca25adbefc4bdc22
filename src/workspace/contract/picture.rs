//! COBOL pictures: `X(10)`, `9(3)V99`, `S9(5)`, `S9(5) SIGN LEADING SEPARATE`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a fixed-width field is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    text: String,
    /// What it holds.
    pub content: PictureContent,
}

/// What a picture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureContent {
    /// `X(n)`: any characters.
    Text {
        /// How many.
        length: usize,
    },
    /// `9(n)V9(m)`: digits without a point.
    Digits {
        /// Digits, those behind the point counted.
        digits: usize,
        /// Digits behind the point.
        decimals: usize,
        /// Where its sign stands.
        sign: PictureSign,
    },
}

/// Where the sign of a picture stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSign {
    /// There is none.
    None,
    /// Over the last digit (`S`): `12C` is 123, `12L` is -123.
    OverLast,
    /// Over the first digit.
    OverFirst,
    /// A `+` or `-` behind the digits.
    Behind,
    /// A `+` or `-` before the digits.
    Before,
}

/// The largest number of characters or digits of a picture that is read.
const LARGEST: usize = 1 << 16;
const EXPECTED: &str = "a picture such as X(10), 9(3)V99 or S9(5)";

impl Picture {
    /// How many characters it takes.
    #[must_use]
    pub fn length(&self) -> usize {
        match self.content {
            PictureContent::Text { length } => length,
            PictureContent::Digits { digits, sign: PictureSign::Behind | PictureSign::Before, .. } => digits + 1,
            PictureContent::Digits { digits, .. } => digits,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads a picture; none where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.trim().to_ascii_uppercase();
        let (symbols, clause) = upper.split_once(char::is_whitespace).unwrap_or((&upper, ""));
        let content = if symbols.starts_with(['X', 'A']) {
            let (_, length) = run(symbols, |symbol| matches!(symbol, 'X' | 'A'))?;
            (clause.trim().is_empty()).then_some(PictureContent::Text { length })?
        } else {
            digits(symbols, clause.trim())?
        };
        Some(Self { text: text.trim().to_owned(), content })
    }
}

fn digits(symbols: &str, clause: &str) -> Option<PictureContent> {
    let (signed, symbols) = symbols.strip_prefix('S').map_or((false, symbols), |rest| (true, rest));
    let (whole, fraction) = symbols.split_once('V').unwrap_or((symbols, ""));
    let count = |part: &str| if part.is_empty() { Some(0) } else { run(part, |symbol| symbol == '9').map(|(_, n)| n) };
    let (whole, decimals) = (count(whole)?, count(fraction)?);
    let words: Vec<&str> =
        clause.split_whitespace().filter(|word| !matches!(*word, "SIGN" | "IS" | "CHARACTER")).collect();
    let sign = match (signed, words.as_slice()) {
        (false, []) => PictureSign::None,
        (true, [] | ["TRAILING"]) => PictureSign::OverLast,
        (true, ["LEADING"]) => PictureSign::OverFirst,
        (true, ["TRAILING", "SEPARATE"]) => PictureSign::Behind,
        (true, ["LEADING", "SEPARATE"]) => PictureSign::Before,
        _ => return None,
    };
    let digits = whole + decimals;
    (1..=38).contains(&digits).then_some(PictureContent::Digits { digits, decimals, sign })
}

/// A run of symbols such as `9(3)99`, with its length.
fn run(part: &str, fits: fn(char) -> bool) -> Option<(char, usize)> {
    let mut rest = part;
    let mut length = 0_usize;
    let first = rest.chars().next()?;
    while let Some(symbol) = rest.chars().next() {
        if !fits(symbol) {
            return None;
        }
        rest = &rest[symbol.len_utf8()..];
        let times = match rest.strip_prefix('(') {
            Some(counted) => {
                let (times, after) = counted.split_once(')')?;
                rest = after;
                times.trim().parse().ok().filter(|times| *times > 0)?
            }
            None => 1,
        };
        length = length.checked_add(times).filter(|length| *length <= LARGEST)?;
    }
    Some((first, length))
}

impl Serialize for Picture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &EXPECTED))
    }
}

impl JsonSchema for Picture {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Picture".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[SsXxAa9Vv(]", "description": EXPECTED })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Option<PictureContent> {
        Picture::parse(text).map(|picture| picture.content)
    }

    #[test]
    fn pictures_are_read_as_cobol_reads_them() {
        let digits = |digits, decimals, sign| Some(PictureContent::Digits { digits, decimals, sign });
        assert_eq!(content("X(10)"), Some(PictureContent::Text { length: 10 }));
        assert_eq!(content("xxX(2)"), Some(PictureContent::Text { length: 4 }));
        assert_eq!(content("9(3)V99"), digits(5, 2, PictureSign::None));
        assert_eq!(content("99v99"), digits(4, 2, PictureSign::None));
        assert_eq!(content("V9(4)"), digits(4, 4, PictureSign::None));
        assert_eq!(content("S9(5)"), digits(5, 0, PictureSign::OverLast));
        assert_eq!(content("S9(5)V9 SIGN IS LEADING"), digits(6, 1, PictureSign::OverFirst));
        assert_eq!(content("S9(5) TRAILING SEPARATE CHARACTER"), digits(5, 0, PictureSign::Behind));
        assert_eq!(Picture::parse("S99 SIGN LEADING SEPARATE").map(|picture| picture.length()), Some(3));
        for wrong in
            ["", "9(", "9(0)", "9(x)", "Z(5)", "9.99", "9 SEPARATE", "S9 SEPARATE", "X V", "9(39)", "X(99999999999)"]
        {
            assert_eq!(content(wrong), None, "{wrong}");
        }
    }
}
