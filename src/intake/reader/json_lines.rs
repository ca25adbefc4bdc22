//! A JSON object in each line. Its keys are found by name, its numbers keep the digits that they are written with.

use super::{Fault, Kind, Span};
use crate::intake::layout::{Layout, Place};
use crate::workspace::ExtraColumns;

/// Lists and objects within one another, beyond which a line is refused.
const DEEPEST: usize = 64;

/// Which keys are which fields.
pub(super) struct JsonLines {
    /// The key of each field of the contract; none of a field that is not in this layout.
    keys: Vec<Option<String>>,
    refuse_extra: bool,
}

/// What is wrong with a line.
enum Wrong {
    Json,
    Twice(usize),
    Extra,
}

impl JsonLines {
    pub(super) fn new(layout: &Layout<'_>) -> Self {
        let key = |place: &Place<'_>| match place {
            Place::Column { name, .. } => Some((*name).to_owned()),
            _ => None,
        };
        Self {
            keys: layout.places.iter().map(key).collect(),
            refuse_extra: layout.extra_columns == ExtraColumns::Refuse,
        }
    }

    pub(super) fn blank() -> Fault {
        Fault { rule: "json", reason: "the line is empty".to_owned() }
    }

    /// Copies the fields of a line into `text`, a span each; a field that is not there is null.
    pub(super) fn place(&self, line: &str, text: &mut String, spans: &mut Vec<Span>) -> Option<Fault> {
        text.clear();
        spans.clear();
        spans.resize(self.keys.len(), Span { kind: Kind::Null, ..Span::default() });
        let mut json = Json { text: line, at: 0, key: String::new() };
        let (rule, reason) = match self.object(&mut json, text, spans) {
            Ok(()) => return None,
            Err(Wrong::Json) => ("json", "the line is not a JSON object".to_owned()),
            Err(Wrong::Extra) => ("columns", "it has a key that is not in the contract".to_owned()),
            Err(Wrong::Twice(field)) => {
                let key = self.keys[field].as_deref().unwrap_or_default();
                ("columns", format!("it has the key `{key}` twice"))
            }
        };
        Some(Fault { rule, reason })
    }

    fn object(&self, json: &mut Json<'_>, text: &mut String, spans: &mut [Span]) -> Result<(), Wrong> {
        let mut seen = vec![false; self.keys.len()];
        json.expect(b'{')?;
        if !json.take(b'}') {
            loop {
                let mut key = std::mem::take(&mut json.key);
                key.clear();
                json.string(&mut key)?;
                let field = self.keys.iter().position(|known| known.as_deref() == Some(key.as_str()));
                json.key = key;
                json.expect(b':')?;
                let start = text.len();
                let kind = json.value(text, 0)?;
                match field {
                    Some(field) if std::mem::replace(&mut seen[field], true) => return Err(Wrong::Twice(field)),
                    Some(field) => spans[field] = Span { start: start as u32, end: text.len() as u32, kind },
                    None if self.refuse_extra => return Err(Wrong::Extra),
                    None => text.truncate(start),
                }
                if !json.take(b',') {
                    break;
                }
            }
            json.expect(b'}')?;
        }
        json.blanks();
        if json.at == json.text.len() { Ok(()) } else { Err(Wrong::Json) }
    }
}

/// The keys of a line, in their order; none where it is no JSON object.
pub(in crate::intake) fn json_keys(line: &str) -> Option<Vec<String>> {
    let mut json = Json { text: line, at: 0, key: String::new() };
    let mut keys = Vec::new();
    let mut skipped = String::new();
    json.expect(b'{').ok()?;
    if json.take(b'}') {
        return Some(keys);
    }
    loop {
        let mut key = String::new();
        json.string(&mut key).ok()?;
        keys.push(key);
        json.expect(b':').ok()?;
        json.value(&mut skipped, 0).ok()?;
        skipped.clear();
        if !json.take(b',') {
            return json.take(b'}').then_some(keys);
        }
    }
}

/// Walks over a line.
struct Json<'t> {
    text: &'t str,
    at: usize,
    key: String,
}

impl Json<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Wrong> {
        if self.take(byte) { Ok(()) } else { Err(Wrong::Json) }
    }

    /// Appends a value's text and says what it is; of a list or an object nothing.
    fn value(&mut self, into: &mut String, depth: usize) -> Result<Kind, Wrong> {
        self.blanks();
        let rest = &self.text[self.at..];
        match self.peek().ok_or(Wrong::Json)? {
            b'"' => self.string(into).map(|()| Kind::Plain),
            b'{' | b'[' if depth == DEEPEST => Err(Wrong::Json),
            b'{' => self.nested(into, depth, b'}'),
            b'[' => self.nested(into, depth, b']'),
            b't' if rest.starts_with("true") => Ok(self.word(into, "true", Kind::Boolean)),
            b'f' if rest.starts_with("false") => Ok(self.word(into, "false", Kind::Boolean)),
            b'n' if rest.starts_with("null") => {
                self.at += "null".len();
                Ok(Kind::Null)
            }
            _ => self.number(into),
        }
    }

    fn word(&mut self, into: &mut String, word: &str, kind: Kind) -> Kind {
        self.at += word.len();
        into.push_str(word);
        kind
    }

    fn nested(&mut self, into: &mut String, depth: usize, close: u8) -> Result<Kind, Wrong> {
        let start = into.len();
        self.at += 1;
        if !self.take(close) {
            loop {
                if close == b'}' {
                    self.blanks();
                    self.string(into)?;
                    self.expect(b':')?;
                }
                self.value(into, depth + 1)?;
                into.truncate(start);
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(close)?;
        }
        Ok(Kind::Nested)
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Wrong::Json) }
    }

    /// A number keeps its digits; one with an exponent is written out.
    fn number(&mut self, into: &mut String) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let leading = self.at;
        self.digits()?;
        if self.text.as_bytes()[leading] == b'0' && self.at > leading + 1 {
            return Err(Wrong::Json);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let written = &self.text[start..self.at];
        if !exponent {
            into.push_str(written);
            return Ok(Kind::Number);
        }
        let value: f64 = written.parse().map_err(|_| Wrong::Json)?;
        Ok(super::cells::push_float(value, into))
    }

    fn string(&mut self, into: &mut String) -> Result<(), Wrong> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return Err(Wrong::Json);
        }
        self.at += 1;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let length = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            let length = length.ok_or(Wrong::Json)?;
            into.push_str(&self.text[self.at..self.at + length]);
            self.at += length + 1;
            match rest[length] {
                b'"' => return Ok(()),
                b'\\' => self.escape(into)?,
                _ => return Err(Wrong::Json),
            }
        }
    }

    fn escape(&mut self, into: &mut String) -> Result<(), Wrong> {
        let byte = self.peek().ok_or(Wrong::Json)?;
        self.at += 1;
        into.push(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if !self.text[self.at..].starts_with("\\u") {
                        return Err(Wrong::Json);
                    }
                    self.at += 2;
                    let second = self.hex()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(Wrong::Json);
                    }
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or(Wrong::Json)?
            }
            _ => return Err(Wrong::Json),
        });
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, Wrong> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Wrong::Json)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |code, &byte| char::from(byte).to_digit(16).map(|digit| code << 4 | digit).ok_or(Wrong::Json))
    }
}
