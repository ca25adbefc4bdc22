//! From bytes to characters, and whether the declared encoding can be true.

use std::borrow::Cow;

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
    /// Records with other than ASCII bytes that read as UTF-8, and the line of the first.
    like_utf8: u64,
    first_like_utf8: u64,
    /// Records with other than ASCII bytes that do not.
    unlike_utf8: u64,
}

impl Characters {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, like_utf8: 0, first_like_utf8: 0, unlike_utf8: 0 }
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
            (true, Encoding::Utf8) => Ok(UTF8_MARK.len()),
            (true, _) => Err(wrong(path, "it starts with a UTF-8 byte order mark", self.encoding)),
            (false, _) => Ok(0),
        }
    }

    /// A record's text, whether it had to be decoded (its length then differs from the bytes'), and what is odd about it.
    pub(super) fn read<'a>(
        &mut self,
        raw: &'a [u8],
        line: u64,
        path: &str,
    ) -> Result<(Cow<'a, str>, bool, Option<Fault>)> {
        match (std::str::from_utf8(raw), self.encoding) {
            (Ok(text), _) if raw.is_ascii() => Ok((Cow::Borrowed(text), false, None)),
            (Ok(text), Encoding::Utf8) => Ok((Cow::Borrowed(text), false, None)),
            (Err(error), Encoding::Utf8) => {
                let line = line + raw[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() as u64;
                Err(wrong(path, &format!("line {line} is not UTF-8"), self.encoding))
            }
            (_, Encoding::UsAscii) => {
                Err(wrong(path, &format!("line {line} has other than ASCII bytes"), self.encoding))
            }
            (like_utf8, Encoding::Windows1252) => {
                let (text, _) = WINDOWS_1252.decode_without_bom_handling(raw);
                Ok((text, true, self.windows_1252(raw, like_utf8.is_ok(), line)))
            }
        }
    }

    fn windows_1252(&mut self, raw: &[u8], like_utf8: bool, line: u64) -> Option<Fault> {
        if like_utf8 {
            if self.like_utf8 == 0 {
                self.first_like_utf8 = line;
            }
            self.like_utf8 += 1;
            let reason = "its bytes read as UTF-8, and the contract says windows-1252".to_owned();
            return Some(Fault { rule: "encoding", reason });
        }
        self.unlike_utf8 += 1;
        raw.iter().any(|byte| UNDEFINED.contains(byte)).then(|| Fault {
            rule: "encoding",
            reason: "it has a byte that is no character in windows-1252".to_owned(),
        })
    }

    /// Refuses a delivery that was UTF-8 all along.
    pub(super) fn finish(&self, path: &str) -> Result<()> {
        if self.like_utf8 > self.unlike_utf8 {
            let said = format!("it reads as UTF-8, first in line {}", self.first_like_utf8);
            return Err(wrong(path, &said, self.encoding));
        }
        Ok(())
    }
}

/// Decodes each field of a Windows-1252 record.
pub(super) fn decode_spans(raw: &[u8], spans: &[Span], into: &mut (String, Vec<Span>)) {
    let (text, decoded) = into;
    text.clear();
    decoded.clear();
    for span in spans {
        let start = text.len() as u32;
        let (field, _) = WINDOWS_1252.decode_without_bom_handling(&raw[span.start as usize..span.end as usize]);
        text.push_str(&field);
        decoded.push(Span { start, end: text.len() as u32, escaped: span.escaped });
    }
}

fn wrong(path: &str, said: &str, declared: Encoding) -> Error {
    let declared = match declared {
        Encoding::Utf8 => "utf-8",
        Encoding::Windows1252 => "windows-1252",
        Encoding::UsAscii => "us-ascii",
    };
    Error::data("intake.encoding", format!("read extract {path}: {said}, and the contract says {declared}"))
        .with_hint("correct `encoding` in the contract, or ask the partner how the file is written")
}
