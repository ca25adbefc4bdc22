//! From bytes to characters, and whether the declared encoding can be true.

use encoding_rs::WINDOWS_1252;

use super::{Fault, Span};
use crate::error::{Error, Result};
use crate::workspace::Encoding;

/// Bytes of the start that are looked at before the first record.
pub(super) const SNIFF: usize = 4 << 10;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes that stand for no character in Windows-1252.
const UNDEFINED: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];

/// Reads characters in the declared encoding and watches for signs of another one.
pub(super) struct Characters {
    encoding: Encoding,
    signs: Signs,
}

/// Signs of another encoding than the declared one.
#[derive(Clone, Copy, Default)]
pub(in crate::intake) struct Signs {
    /// Records with other than ASCII bytes that read as another encoding, which one, and the line of the first.
    odd: [(u64, u64); 2],
    /// Records with other than ASCII bytes that are fine.
    fine: u64,
}

/// What a record that is declared as one encoding looks like.
#[derive(Clone, Copy)]
enum Like {
    Utf8 = 0,
    Windows1252 = 1,
}

impl Characters {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, signs: Signs::default() }
    }

    /// Looks at the file's start and says how many bytes of a byte order mark to skip.
    pub(super) fn start(&self, bytes: &[u8], path: &str) -> Result<usize> {
        let start = &bytes[..bytes.len().min(SNIFF)];
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(wrong(path, "it starts with a UTF-16 byte order mark", self.encoding));
        }
        if start.contains(&0) {
            return Err(wrong(path, "it has NUL bytes, as UTF-16 and binary files do", self.encoding));
        }
        match (start.starts_with(UTF8_MARK), self.encoding) {
            // UTF-16 has been made UTF-8 by now, its own mark taken off.
            (true, Encoding::Utf8) => Ok(UTF8_MARK.len()),
            (true, _) => Err(wrong(path, "it starts with a UTF-8 byte order mark", self.encoding)),
            (false, _) => Ok(0),
        }
    }

    /// A record's text where its bytes are it; else none: it is to be decoded. And what is odd about it.
    pub(super) fn read<'a>(
        &mut self,
        raw: &'a [u8],
        line: u64,
        path: &str,
    ) -> Result<(Option<&'a str>, Option<Fault>)> {
        match self.encoding {
            Encoding::Utf8 | Encoding::Utf16 => match std::str::from_utf8(raw) {
                Ok(text) => Ok((Some(text), None)),
                Err(error) => {
                    let line = line + raw[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() as u64;
                    Err(wrong(path, &format!("line {line} is not UTF-8"), self.encoding))
                }
            },
            _ if raw.is_ascii() => Ok((std::str::from_utf8(raw).ok(), None)),
            Encoding::UsAscii => Err(wrong(path, &format!("line {line} has other than ASCII bytes"), self.encoding)),
            Encoding::Windows1252 | Encoding::Latin1 => Ok((None, self.single_byte(raw, line))),
        }
    }

    /// Whether bytes beyond ASCII can be characters of the declared single-byte encoding.
    fn single_byte(&mut self, raw: &[u8], line: u64) -> Option<Fault> {
        let fault = |reason: String| Some(Fault { rule: "encoding", reason });
        let declared = self.encoding.word();
        if std::str::from_utf8(raw).is_ok() {
            self.note(Like::Utf8, line);
            return fault(format!("its bytes read as UTF-8, and the contract says {declared}"));
        }
        if self.encoding == Encoding::Latin1 && raw.iter().any(|byte| (0x80..0xa0).contains(byte)) {
            if !raw.iter().any(|byte| UNDEFINED.contains(byte)) {
                self.note(Like::Windows1252, line);
            }
            return fault(format!("it has control characters, as windows-1252 read as {declared} does"));
        }
        if self.encoding == Encoding::Windows1252 && raw.iter().any(|byte| UNDEFINED.contains(byte)) {
            return fault(format!("it has a byte that is no character in {declared}"));
        }
        self.signs.fine += 1;
        None
    }

    /// What was seen so far, to be added to what another reader saw before.
    pub(super) fn take_signs(&mut self) -> Signs {
        std::mem::take(&mut self.signs)
    }

    /// Adds what another reader saw behind what this one saw.
    pub(super) fn add_signs(&mut self, signs: Signs) {
        for (own, other) in self.signs.odd.iter_mut().zip(signs.odd) {
            *own = (own.0 + other.0, if own.0 == 0 { other.1 } else { own.1 });
        }
        self.signs.fine += signs.fine;
    }

    fn note(&mut self, like: Like, line: u64) {
        let (records, first) = &mut self.signs.odd[like as usize];
        if *records == 0 {
            *first = line;
        }
        *records += 1;
    }

    /// Decodes a whole record.
    pub(super) fn decode(&self, raw: &[u8], into: &mut String) {
        into.clear();
        self.append(raw, into);
    }

    /// Decodes each field of a record.
    pub(super) fn decode_spans(&self, raw: &[u8], spans: &[Span], into: &mut (String, Vec<Span>)) {
        let (text, decoded) = into;
        text.clear();
        decoded.clear();
        for span in spans {
            let start = text.len() as u32;
            self.append(&raw[span.start as usize..span.end as usize], text);
            decoded.push(Span { start, end: text.len() as u32, kind: span.kind });
        }
    }

    fn append(&self, raw: &[u8], into: &mut String) {
        if self.encoding == Encoding::Latin1 {
            into.push_str(&encoding_rs::mem::decode_latin1(raw));
        } else {
            into.push_str(&WINDOWS_1252.decode_without_bom_handling(raw).0);
        }
    }

    /// Refuses a delivery that was in another encoding all along.
    pub(super) fn finish(&self, path: &str) -> Result<()> {
        for (like, name) in [(Like::Utf8, "UTF-8"), (Like::Windows1252, "windows-1252")] {
            let (records, first) = self.signs.odd[like as usize];
            if records > self.signs.fine {
                let said = format!("it reads as {name}, first in line {first}");
                return Err(wrong(path, &said, self.encoding));
            }
        }
        Ok(())
    }
}

pub(super) fn wrong(path: &str, said: &str, declared: Encoding) -> Error {
    let declared = declared.word();
    Error::data("intake.encoding", format!("read extract {path}: {said}, and the contract says {declared}"))
        .with_hint("correct `encoding` in the contract, or ask the partner how the file is written")
}
