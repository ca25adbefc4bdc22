//! Formats that are written in lines of characters: delimited, fixed width, JSON lines.

use super::delimited::Delimited;
use super::encoding::{self, Characters};
use super::fixed_width::FixedWidth;
use super::json_lines::JsonLines;
use super::utf16::Utf16;
use super::{Each, Extent, Fault, LONGEST_RECORD, Raw, Record, Span};
use crate::error::{Error, Result};
use crate::intake::layout::Layout;
use crate::workspace::{Encoding, Format};

enum Lines {
    Delimited(Box<Delimited>),
    FixedWidth(FixedWidth),
    Json(JsonLines),
}

/// Reads unpacked bytes that are pushed into it piece by piece.
pub(in crate::intake) struct TextReader {
    path: String,
    lines: Lines,
    quote: char,
    utf16: Option<Utf16>,
    characters: Characters,
    /// Bytes that are not yet records.
    buffer: Vec<u8>,
    spans: Vec<Span>,
    /// Text and spans of a record that had to be decoded.
    decoded: (String, Vec<Span>),
    line: u64,
    /// Empty lines that turn out to be the file's end, or not.
    blank: u64,
    /// Rows that are still to be passed over.
    titles: usize,
    started: bool,
}

impl TextReader {
    pub(super) fn new(layout: &Layout<'_>, path: &str) -> Result<Self> {
        let mut quote = '"';
        let lines = match layout.format {
            Format::Delimited { delimiter, quote: quoted, trailing_delimiter, .. } => {
                quote = quoted.unwrap_or(quote);
                Lines::Delimited(Box::new(Delimited::new(*delimiter, *quoted, *trailing_delimiter)?))
            }
            Format::FixedWidth { record_length, .. } => {
                Lines::FixedWidth(FixedWidth::new(*record_length, &layout.places))
            }
            _ => Lines::Json(JsonLines::new(layout)),
        };
        Ok(Self {
            path: path.to_owned(),
            lines,
            quote,
            utf16: (layout.encoding == Encoding::Utf16).then(Utf16::new),
            characters: Characters::new(layout.encoding),
            buffer: Vec::new(),
            spans: Vec::new(),
            decoded: (String::new(), Vec::new()),
            line: 1,
            blank: 0,
            titles: layout.format.title_rows(),
            started: false,
        })
    }

    /// Reads a record as the quarantine keeps it: without its line end, and of UTF-16 as UTF-8.
    pub(in crate::intake) fn again(layout: &Layout<'_>, raw: &[u8], line: u64, each: &mut Each<'_>) -> Result<()> {
        let mut reader = Self { line, utf16: None, titles: 0, started: true, ..Self::new(layout, "")? };
        if raw.is_empty() {
            reader.blank = 1;
            return reader.blanks(each);
        }
        reader.buffer.extend_from_slice(raw);
        reader.records(true, each)
    }

    /// Takes unpacked bytes and hands on the records that are complete.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut Each<'_>) -> Result<()> {
        match &mut self.utf16 {
            Some(utf16) => utf16.push(bytes, &mut self.buffer, &self.path)?,
            None => self.buffer.extend_from_slice(bytes),
        }
        self.records(false, each)
    }

    /// Hands on what is left at the end.
    pub(super) fn finish(&mut self, each: &mut Each<'_>) -> Result<()> {
        if let Some(utf16) = &self.utf16 {
            utf16.finish(&self.path)?;
        }
        self.records(true, each)?;
        self.characters.finish(&self.path)
    }

    fn records(&mut self, end: bool, each: &mut Each<'_>) -> Result<()> {
        // Taken out so that a record may borrow it while the reader changes.
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        if !self.started && (end || buffer.len() >= encoding::SNIFF) {
            self.started = true;
            at = self.characters.start(&buffer, &self.path)?;
        }
        while self.started {
            let rest = &buffer[at..];
            let extent = match &self.lines {
                Lines::Delimited(layout) => layout.next(rest, end, &mut self.spans),
                Lines::FixedWidth(_) | Lines::Json(_) => line(rest, end),
            };
            let Some(extent) = extent else { break };
            if extent.whole > LONGEST_RECORD {
                return Err(self.too_long());
            }
            at += extent.whole;
            if self.titles > 0 {
                self.titles -= 1;
                self.line += extent.lines;
            } else if extent.content == 0 {
                self.blank += extent.lines;
            } else {
                self.blanks(each)?;
                self.record(&rest[..extent.content], extent.fault, each)?;
                self.line += extent.lines;
            }
        }
        if buffer.len() - at > LONGEST_RECORD {
            return Err(self.too_long());
        }
        buffer.drain(..at);
        self.buffer = buffer;
        Ok(())
    }

    /// Empty lines in the middle are records too.
    fn blanks(&mut self, each: &mut Each<'_>) -> Result<()> {
        for _ in 0..std::mem::take(&mut self.blank) {
            let fault = match &self.lines {
                Lines::Delimited(layout) => layout.blank(),
                Lines::FixedWidth(layout) => layout.blank(),
                Lines::Json(_) => Some(JsonLines::blank()),
            };
            let (line, quote) = (self.line, self.quote);
            each(&Record { line, raw: Raw::Bytes(b""), text: "", spans: &[Span::default()], quote, fault })?;
            self.line += 1;
        }
        Ok(())
    }

    /// Decodes a record and hands it on.
    fn record(&mut self, raw: &[u8], fault: Option<Fault>, each: &mut Each<'_>) -> Result<()> {
        let line = self.line;
        let (text, odd) = self.characters.read(raw, line, &self.path)?;
        let mut fault = fault.or(odd);
        let (text, spans) = match (&self.lines, text) {
            (Lines::Delimited(_), Some(text)) => (text, &self.spans),
            (Lines::Delimited(_), None) => {
                self.characters.decode_spans(raw, &self.spans, &mut self.decoded);
                (self.decoded.0.as_str(), &self.decoded.1)
            }
            (Lines::FixedWidth(layout), text) => {
                let text = match text {
                    Some(text) => text,
                    None => {
                        self.characters.decode(raw, &mut self.decoded.0);
                        self.decoded.0.as_str()
                    }
                };
                fault = fault.or(layout.place(text, &mut self.spans));
                (text, &self.spans)
            }
            (Lines::Json(layout), text) => {
                let found = layout.place(text.unwrap_or_default(), &mut self.decoded.0, &mut self.spans);
                fault = fault.or(found);
                (self.decoded.0.as_str(), &self.spans)
            }
        };
        each(&Record { line, raw: Raw::Bytes(raw), text, spans, quote: self.quote, fault })
    }

    fn too_long(&self) -> Error {
        let said =
            format!("read extract {}: the record that starts in line {} is longer than 1 MiB", self.path, self.line);
        Error::data("intake.record_too_long", said)
            .with_hint("a quote that is never closed, or another line end or format than the contract says")
    }
}

/// The next line; none where its end is not in `bytes` yet. Lines end with LF, CRLF or CR.
fn line(bytes: &[u8], end: bool) -> Option<Extent> {
    let (content, line_end) = match memchr::memchr2(b'\n', b'\r', bytes) {
        Some(at) if bytes[at] == b'\n' => (at, 1),
        Some(at) if bytes.get(at + 1) == Some(&b'\n') => (at, 2),
        Some(at) if at + 1 < bytes.len() || end => (at, 1),
        None if end && !bytes.is_empty() => (bytes.len(), 0),
        _ => return None,
    };
    Some(Extent { content, whole: content + line_end, lines: 1, fault: None })
}
