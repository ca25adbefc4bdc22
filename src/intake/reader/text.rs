//! Formats that are written in lines of characters: delimited, fixed width, JSON lines.

use super::delimited::{self, Delimited};
use super::encoding::{self, Characters, Signs};
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

/// Whole records as they were delivered, unpacked: a piece of work that needs no other piece.
pub(in crate::intake) struct Block {
    pub(in crate::intake) bytes: Vec<u8>,
    /// The line of its first record, empty lines before it included.
    line: u64,
    /// Empty lines before it, records if another one follows.
    blank: u64,
}

/// Takes records and says whether to go on.
type Until<'e> = dyn FnMut(&Record<'_>) -> Result<bool> + 'e;

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
    pub(in crate::intake) fn new(layout: &Layout<'_>, path: &str) -> Result<Self> {
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
        let each: &mut Until<'_> = &mut |record| each(record).map(|()| true);
        if raw.is_empty() {
            reader.blank = 1;
            return reader.blanks(each);
        }
        reader.records(raw, true, each).map(drop)
    }

    /// Takes unpacked bytes and hands on the records that are complete.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut Each<'_>) -> Result<()> {
        self.take(bytes)?;
        self.until(false, &mut |record| each(record).map(|()| true))
    }

    /// Hands on what is left at the end.
    pub(super) fn finish(&mut self, each: &mut Each<'_>) -> Result<()> {
        self.ended()?;
        self.until(true, &mut |record| each(record).map(|()| true))?;
        self.characters.finish(&self.path)
    }

    /// Takes unpacked bytes.
    pub(in crate::intake) fn take(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.utf16 {
            Some(utf16) => utf16.push(bytes, &mut self.buffer, &self.path),
            None => {
                self.buffer.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Takes note that no bytes follow.
    pub(in crate::intake) fn ended(&self) -> Result<()> {
        self.utf16.as_ref().map_or(Ok(()), |utf16| utf16.finish(&self.path))
    }

    /// Hands on the records that are complete, until `each` says that it is enough.
    pub(in crate::intake) fn until(&mut self, end: bool, each: &mut Until<'_>) -> Result<()> {
        // Taken out so that a record may borrow it while the reader changes.
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        if !self.started && (end || buffer.len() >= encoding::SNIFF) {
            self.started = true;
            at = self.characters.start(&buffer, &self.path)?;
        }
        if self.started {
            at += self.records(&buffer[at..], end, each)?;
        }
        buffer.drain(..at);
        self.buffer = buffer;
        Ok(())
    }

    /// Cuts the next block off what was taken, about `size` bytes long; none where there is not enough yet. Records that
    /// were handed on before are not in it. Where it is cut depends on the bytes alone.
    pub(in crate::intake) fn cut(&mut self, size: usize, end: bool) -> Option<Block> {
        let mut window = size.max(1);
        loop {
            let rest = self.buffer.len();
            if end && rest <= window {
                return (rest > 0).then(|| self.block(rest));
            }
            if rest < window {
                return None;
            }
            match self.last_end(window) {
                None if window <= LONGEST_RECORD => window *= 2,
                // The reader of the block will say that its record is too long.
                None => return Some(self.block(window)),
                Some(cut) => match without_blank_lines(&self.buffer[..cut]) {
                    0 => {
                        self.blank += line_ends(&self.buffer[..cut]);
                        self.buffer.drain(..cut);
                        window = size.max(1);
                    }
                    cut => return Some(self.block(cut)),
                },
            }
        }
    }

    /// Cuts off all complete records, where no more are to come because the rest can't be read.
    pub(in crate::intake) fn cut_rest(&mut self) -> Option<Block> {
        let cut = self.last_end(self.buffer.len())?;
        Some(self.block(cut))
    }

    fn last_end(&self, window: usize) -> Option<usize> {
        match &self.lines {
            Lines::Delimited(layout) => layout.last_end(&self.buffer[..window]),
            Lines::FixedWidth(_) | Lines::Json(_) => delimited::last_line_end(&self.buffer[..window], false),
        }
    }

    fn block(&mut self, cut: usize) -> Block {
        let mut rest = Vec::with_capacity(self.buffer.capacity());
        rest.extend_from_slice(&self.buffer[cut..]);
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        bytes.truncate(cut);
        let (line, blank) = (self.line, std::mem::take(&mut self.blank));
        self.line += blank + line_ends(&bytes);
        Block { bytes, line, blank }
    }

    /// Hands on the records of a block that another reader of the same layout has cut off, and gives what it saw of its
    /// characters.
    pub(in crate::intake) fn read(&mut self, block: &Block, each: &mut Each<'_>) -> Result<Signs> {
        (self.started, self.titles) = (true, 0);
        (self.line, self.blank) = (block.line, block.blank);
        // Its records are whole, the last one of a delivery too: nothing that follows could change them.
        let read = self.records(&block.bytes, true, &mut |record| each(record).map(|()| true))?;
        if read < block.bytes.len() {
            return Err(Error::internal("intake.block", "a block was not read to its end"));
        }
        Ok(self.characters.take_signs())
    }

    /// Adds what was seen of the characters of a block.
    pub(in crate::intake) fn add_signs(&mut self, signs: Signs) {
        self.characters.add_signs(signs);
    }

    /// Judges the characters of the whole delivery.
    ///
    /// # Errors
    /// It was in another encoding all along.
    pub(in crate::intake) fn judge_characters(&self) -> Result<()> {
        self.characters.finish(&self.path)
    }

    /// Reads the records of `buffer` and says how many bytes they are.
    fn records(&mut self, buffer: &[u8], end: bool, each: &mut Until<'_>) -> Result<usize> {
        let mut at = 0;
        loop {
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
                let more = self.record(&rest[..extent.content], extent.fault, each)?;
                self.line += extent.lines;
                if !more {
                    return Ok(at);
                }
            }
        }
        if buffer.len() - at > LONGEST_RECORD {
            return Err(self.too_long());
        }
        Ok(at)
    }

    /// Empty lines in the middle are records too.
    fn blanks(&mut self, each: &mut Until<'_>) -> Result<()> {
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
    fn record(&mut self, raw: &[u8], fault: Option<Fault>, each: &mut Until<'_>) -> Result<bool> {
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

/// How many bytes are left of whole records without the empty lines at their end. Those may be the end of the delivery,
/// and then they are no records.
fn without_blank_lines(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    loop {
        let content = match &bytes[..end] {
            [content @ .., b'\r', b'\n'] | [content @ .., b'\n' | b'\r'] => content,
            [] => return 0,
            _ => return end,
        };
        match content.last() {
            None | Some(b'\n' | b'\r') => end = content.len(),
            Some(_) => return end,
        }
    }
}

/// Lines that end in whole records, within quotes or not: with LF, CRLF or CR.
fn line_ends(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let returns = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + returns) as u64
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
