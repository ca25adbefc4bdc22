//! From bytes to records: unpacked, decoded, split, in bounded memory. A wrong declaration (compression, encoding) is an
//! error that names the line; a damaged record is handed on with its fault, so that it can be rejected.

mod delimited;
mod encoding;
mod fixed_width;
mod header;
mod unpack;

pub(crate) use self::delimited::Delimited;
pub(super) use header::{Columns, column_name};

use self::encoding::Characters;
use self::fixed_width::FixedWidth;
use self::unpack::Unpack;
use crate::error::{Error, Result};
use crate::workspace::{Contract, Format};

/// The longest record that is read, in bytes.
pub(super) const LONGEST_RECORD: usize = 1 << 20;

/// Where a field's text stands in a record's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Quotes within it are doubled.
    pub(crate) escaped: bool,
}

/// Why a record can't be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    pub(crate) reason: String,
}

/// A record.
pub(super) struct Record<'a> {
    /// Its first physical line, counted from 1.
    pub(super) line: u64,
    /// Its bytes without the line end.
    pub(super) raw: &'a [u8],
    /// Its decoded text, to which `spans` refer.
    pub(super) text: &'a str,
    /// Its fields; of a fixed-width record those of the contract in their order.
    pub(super) spans: &'a [Span],
    /// The quoting character, doubled within escaped spans.
    pub(super) quote: char,
    pub(super) fault: Option<Fault>,
}

/// How far a piece of the buffer reaches.
pub(crate) struct Extent {
    /// Bytes of the record without its line end.
    pub(crate) content: usize,
    /// Bytes with it.
    pub(crate) whole: usize,
    /// Physical lines.
    pub(crate) lines: u64,
    pub(crate) fault: Option<Fault>,
}

enum Layout {
    Delimited(Box<Delimited>),
    FixedWidth(FixedWidth),
}

/// Reads one delivery that is pushed into it piece by piece.
pub(super) struct Reader {
    path: String,
    unpack: Unpack,
    layout: Layout,
    quote: char,
    characters: Characters,
    /// Unpacked bytes that are not yet records.
    buffer: Vec<u8>,
    spans: Vec<Span>,
    /// Text and spans of a record that had to be decoded.
    decoded: (String, Vec<Span>),
    line: u64,
    /// Empty lines that turn out to be the file's end, or not.
    blank: u64,
    started: bool,
}

impl Reader {
    pub(super) fn new(contract: &Contract, path: &str) -> Result<Self> {
        let layout = match &contract.format {
            Format::Delimited { delimiter, quote, trailing_delimiter, .. } => {
                Layout::Delimited(Box::new(Delimited::new(*delimiter, *quote, *trailing_delimiter)?))
            }
            Format::FixedWidth { record_length } => Layout::FixedWidth(FixedWidth::new(*record_length, contract)?),
        };
        let quote = match &contract.format {
            Format::Delimited { quote: Some(quote), .. } => *quote,
            _ => '"',
        };
        Ok(Self {
            path: path.to_owned(),
            unpack: Unpack::new(contract.compression),
            layout,
            quote,
            characters: Characters::new(contract.encoding),
            buffer: Vec::new(),
            spans: Vec::new(),
            decoded: (String::new(), Vec::new()),
            line: 1,
            blank: 0,
            started: false,
        })
    }

    /// Takes bytes as delivered and hands on the records that are complete.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        for piece in bytes.chunks(self.unpack.piece()) {
            self.unpack.push(piece, &mut self.buffer, &self.path)?;
            self.records(false, each)?;
        }
        Ok(())
    }

    /// Hands on what is left at the delivery's end.
    pub(super) fn finish(&mut self, each: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        self.unpack.finish(&mut self.buffer, &self.path)?;
        self.records(true, each)?;
        self.characters.finish(&self.path)
    }

    fn records(&mut self, end: bool, each: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        // Taken out so that a record may borrow it while the reader changes.
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        if !self.started && (end || buffer.len() >= encoding::SNIFF) {
            self.started = true;
            at = self.characters.start(&buffer, &self.path)?;
        }
        while self.started {
            let rest = &buffer[at..];
            let extent = match &mut self.layout {
                Layout::Delimited(layout) => layout.next(rest, end, &mut self.spans),
                Layout::FixedWidth(layout) => layout.next(rest, end),
            };
            let Some(extent) = extent else { break };
            if extent.whole > LONGEST_RECORD {
                return Err(self.too_long());
            }
            at += extent.whole;
            if extent.content == 0 {
                self.blank += extent.lines;
                continue;
            }
            self.blanks(each)?;
            self.record(&rest[..extent.content], extent.fault, each)?;
            self.line += extent.lines;
        }
        if buffer.len() - at > LONGEST_RECORD {
            return Err(self.too_long());
        }
        buffer.drain(..at);
        self.buffer = buffer;
        Ok(())
    }

    /// Empty lines in the middle are records too.
    fn blanks(&mut self, each: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        for _ in 0..std::mem::take(&mut self.blank) {
            let fault = match &self.layout {
                Layout::Delimited(layout) => layout.blank(),
                Layout::FixedWidth(layout) => layout.blank(),
            };
            let (line, quote) = (self.line, self.quote);
            each(&Record { line, raw: b"", text: "", spans: &[Span::default()], quote, fault })?;
            self.line += 1;
        }
        Ok(())
    }

    /// Decodes a record and hands it on.
    fn record(
        &mut self,
        raw: &[u8],
        fault: Option<Fault>,
        each: &mut dyn FnMut(&Record<'_>) -> Result<()>,
    ) -> Result<()> {
        let line = self.line;
        let (text, decoded, odd) = self.characters.read(raw, line, &self.path)?;
        let mut fault = fault.or(odd);
        let (text, spans) = match &mut self.layout {
            Layout::Delimited(_) if !decoded => (&*text, &self.spans),
            Layout::Delimited(_) => {
                encoding::decode_spans(raw, &self.spans, &mut self.decoded);
                (self.decoded.0.as_str(), &self.decoded.1)
            }
            Layout::FixedWidth(layout) => {
                fault = fault.or(layout.place(&text, &mut self.spans));
                (&*text, &self.spans)
            }
        };
        each(&Record { line, raw, text, spans, quote: self.quote, fault })
    }

    fn too_long(&self) -> Error {
        let said =
            format!("read extract {}: the record that starts in line {} is longer than 1 MiB", self.path, self.line);
        Error::data("intake.record_too_long", said)
            .with_hint("a quote that is never closed, or another line end or format than the contract says")
    }
}
