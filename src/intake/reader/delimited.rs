//! Columns between delimiters.

use super::{Extent, Fault, Kind, Span};
use crate::error::{Error, Result};

/// How a delimited file is written. All encodings that are read keep ASCII bytes as they are, so that delimiter, quote
/// and line ends can be found before decoding.
pub(crate) struct Delimited {
    delimiter: u8,
    quote: Option<u8>,
    trailing: bool,
    /// Bytes at which an unquoted field may end.
    ends: [bool; 256],
}

impl Delimited {
    pub(crate) fn new(delimiter: char, quote: Option<char>, trailing: bool) -> Result<Self> {
        let ascii = |character: char| {
            u8::try_from(character).ok().filter(|byte| byte.is_ascii() && !b"\r\n".contains(byte)).ok_or_else(|| {
                Error::config(
                    "intake.delimiter",
                    "read a delimited extract: delimiter and quote must be ASCII characters",
                )
                .with_hint("correct `format` in the contract")
            })
        };
        let delimiter = ascii(delimiter)?;
        let mut ends = [false; 256];
        for byte in [delimiter, b'\n', b'\r'] {
            ends[usize::from(byte)] = true;
        }
        Ok(Self { delimiter, quote: quote.map(ascii).transpose()?, trailing, ends })
    }

    /// Takes the next record apart; none where its end is not in `bytes` yet. Lines end with LF, CRLF or CR.
    pub(crate) fn next(&self, bytes: &[u8], end: bool, spans: &mut Vec<Span>) -> Option<Extent> {
        if bytes.is_empty() {
            return None;
        }
        spans.clear();
        let mut extent = Extent { content: 0, whole: 0, lines: 1, fault: None };
        let mut at = 0;
        loop {
            let (span, after) = match self.quote {
                Some(quote) if bytes.get(at) == Some(&quote) => self.quoted(bytes, at, quote, end, &mut extent)?,
                _ => {
                    let after = self.end_of_field(bytes, at);
                    (Span { start: at as u32, end: after as u32, kind: Kind::Plain }, after)
                }
            };
            spans.push(span);
            match bytes.get(after) {
                Some(&byte) if byte == self.delimiter => at = after + 1,
                Some(b'\r') if after + 1 == bytes.len() && !end => return None,
                Some(b'\r') if bytes.get(after + 1) == Some(&b'\n') => {
                    return Some(self.close(extent, after, 2, spans));
                }
                Some(_) => return Some(self.close(extent, after, 1, spans)),
                None if end => return Some(self.close(extent, after, 0, spans)),
                None => return None,
            }
        }
    }

    /// Where the last record ends that ends in `bytes`, line end included, when they begin with a record.
    pub(super) fn last_end(&self, bytes: &[u8]) -> Option<usize> {
        let Some(quote) = self.quote else { return last_line_end(bytes, false) };
        let (mut found, mut unquoted) = (None, 0);
        loop {
            let open = self.opening(bytes, quote, unquoted);
            let until = open.unwrap_or(bytes.len());
            let end = last_line_end(&bytes[unquoted..until], open.is_some());
            found = end.map(|end| unquoted + end).or(found);
            let Some(closed) = open.and_then(|open| closing(bytes, quote, open)) else { return found };
            unquoted = closed + 1;
        }
    }

    /// The next quote that opens a field: others in an unquoted field are characters of it.
    fn opening(&self, bytes: &[u8], quote: u8, from: usize) -> Option<usize> {
        let opens = |at: &usize| *at == 0 || self.ends[usize::from(bytes[*at - 1])];
        memchr::memchr_iter(quote, &bytes[from..]).map(|at| from + at).find(opens)
    }

    /// A quoted field from its opening quote, and where the delimiter or line end after it stands.
    fn quoted(&self, bytes: &[u8], open: usize, quote: u8, end: bool, extent: &mut Extent) -> Option<(Span, usize)> {
        let mut at = open + 1;
        let mut kind = Kind::Plain;
        loop {
            match bytes.get(at) {
                Some(&byte) if byte == quote => match bytes.get(at + 1) {
                    Some(&next) if next == quote => {
                        kind = Kind::Escaped;
                        at += 2;
                    }
                    None if !end => return None,
                    _ => break,
                },
                Some(&byte) => {
                    let line_end = byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
                    extent.lines += u64::from(line_end);
                    at += 1;
                }
                None if end => {
                    extent.fault = Some(fault("a quote is opened and never closed"));
                    return Some((Span { start: open as u32 + 1, end: at as u32, kind }, at));
                }
                None => return None,
            }
        }
        let after = self.end_of_field(bytes, at + 1);
        if after > at + 1 {
            extent.fault = Some(fault("a quoted field goes on behind its closing quote"));
        }
        Some((Span { start: open as u32 + 1, end: at as u32, kind }, after))
    }

    fn end_of_field(&self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        while at < bytes.len() && !self.ends[usize::from(bytes[at])] {
            at += 1;
        }
        at
    }

    fn close(&self, mut extent: Extent, content: usize, line_end: usize, spans: &mut Vec<Span>) -> Extent {
        extent.content = content;
        extent.whole = content + line_end;
        if self.trailing && content > 0 {
            match spans.last() {
                Some(last) if spans.len() > 1 && last.start == last.end => {
                    spans.pop();
                }
                _ => extent.fault = extent.fault.or_else(|| Some(self.no_trailing())),
            }
        }
        extent
    }

    /// What is wrong with an empty line: nothing where it is the only column's empty value.
    pub(super) fn blank(&self) -> Option<Fault> {
        self.trailing.then(|| self.no_trailing())
    }

    fn no_trailing(&self) -> Fault {
        Fault { rule: "columns", reason: "the line does not end with a delimiter".to_owned() }
    }
}

/// The quote that closes the field that `open` opens; none where that can't be said yet.
fn closing(bytes: &[u8], quote: u8, open: usize) -> Option<usize> {
    let mut from = open + 1;
    loop {
        let at = from + memchr::memchr(quote, bytes.get(from..)?)?;
        match bytes.get(at + 1)? {
            next if *next == quote => from = at + 2,
            _ => return Some(at),
        }
    }
}

/// Where the last line ends, its LF, CRLF or CR included. A CR at the very end may be half of a CRLF, unless the bytes
/// are known to be `complete`.
pub(super) fn last_line_end(bytes: &[u8], complete: bool) -> Option<usize> {
    let at = memchr::memrchr2(b'\n', b'\r', bytes)?;
    if bytes[at] == b'\n' || at + 1 < bytes.len() || complete {
        Some(at + 1)
    } else {
        last_line_end(&bytes[..at], true)
    }
}

fn fault(reason: &str) -> Fault {
    Fault { rule: "quote", reason: reason.to_owned() }
}
