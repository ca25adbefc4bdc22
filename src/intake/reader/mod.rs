//! From bytes to records: unpacked, decoded, split, in bounded memory. A wrong declaration (compression, encoding) is an
//! error that names the line; a damaged record is handed on with its fault, so that it can be rejected.

mod arrow_ipc;
mod biff;
mod cells;
mod columnar;
mod compound;
mod delimited;
mod encoding;
mod excel;
mod fixed_width;
mod guard;
mod header;
mod json_lines;
mod packed_parquet;
mod pages;
mod parquet;
mod text;
mod unpack;
mod utf16;

use std::borrow::Cow;

use self::arrow_ipc::ArrowReader;
pub(super) use self::cells::Cells;
#[cfg(test)]
pub(super) use self::compound::container as xls_container;
pub(crate) use self::delimited::Delimited;
pub(super) use self::encoding::Signs;
use self::excel::ExcelReader;
pub(super) use self::excel::LARGEST_WORKBOOK;
pub use self::guard::panic_is_of_a_file;
pub(super) use self::header::{Columns, Heading, joined, nearest};
pub(super) use self::json_lines::json_keys;
use self::packed_parquet::PackedParquet;
pub(super) use self::parquet::ParquetReader;
pub(super) use self::text::{Block, TextReader};
pub(super) use self::unpack::{Sealed, Unpack, compression_of};
use super::layout::Layout;
use crate::error::Result;
use crate::workspace::Format;

/// The longest record that is read, in bytes.
pub(super) const LONGEST_RECORD: usize = 1 << 20;

/// Takes records.
pub(super) type Each<'e> = dyn FnMut(&Record<'_>) -> Result<()> + 'e;

/// Where a field's text stands in a record's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: Kind,
}

impl Span {
    /// Whether quotes within it are doubled.
    pub(crate) fn escaped(self) -> bool {
        self.kind == Kind::Escaped
    }
}

/// What kind of cell a field's text stands in. Lines of text have plain ones only, and escaped ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    #[default]
    Plain,
    /// Text in quotes; quotes within it are doubled.
    Escaped,
    /// A number, with all its digits.
    Number,
    /// A number that may have lost digits.
    Rounded,
    /// `true` or `false`.
    Boolean,
    /// A day, `YYYY-MM-DD`, with a time of day behind a `T` where there is one.
    Day,
    /// Nothing: null, or no such key.
    Null,
    /// A list or an object.
    Nested,
    /// A spreadsheet's error, or a number that is none.
    Fault,
}

impl Kind {
    /// All kinds, each with the letter by which the quarantine knows it.
    const LETTERS: [(Self, char); 9] = [
        (Self::Plain, 'p'),
        (Self::Escaped, 'e'),
        (Self::Number, 'n'),
        (Self::Rounded, 'r'),
        (Self::Boolean, 'b'),
        (Self::Day, 'd'),
        (Self::Null, '0'),
        (Self::Nested, 'l'),
        (Self::Fault, 'f'),
    ];

    /// Its letter.
    pub(crate) fn letter(self) -> char {
        Self::LETTERS.iter().find(|(kind, _)| *kind == self).map_or('p', |(_, letter)| *letter)
    }

    /// The kind of that letter.
    pub(crate) fn of_letter(letter: char) -> Option<Self> {
        Self::LETTERS.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }
}

/// Why a record can't be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    pub(crate) reason: String,
}

/// A record.
pub(super) struct Record<'a> {
    /// Its first physical line, or its row, counted from 1.
    pub(super) line: u64,
    pub(super) raw: Raw<'a>,
    /// Its decoded text, to which `spans` refer.
    pub(super) text: &'a str,
    /// Its fields; of formats without columns of their own those of the contract in their order.
    pub(super) spans: &'a [Span],
    /// The quoting character, doubled within escaped spans.
    pub(super) quote: char,
    pub(super) fault: Option<Fault>,
}

/// A record as it was delivered.
pub(super) enum Raw<'a> {
    /// Its bytes without the line end; of UTF-16 as UTF-8.
    Bytes(&'a [u8]),
    /// Its format has no bytes of a record: its cells are it.
    Cells,
}

impl Record<'_> {
    /// What the quarantine keeps of it: its bytes, or a JSON list of its cells.
    pub(super) fn kept(&self) -> Cow<'_, [u8]> {
        match self.raw {
            Raw::Bytes(bytes) => Cow::Borrowed(bytes),
            Raw::Cells => {
                let cell = |span: &Span| match span.kind {
                    Kind::Null => serde_json::Value::Null,
                    _ => self.text[span.start as usize..span.end as usize].into(),
                };
                Cow::Owned(serde_json::Value::Array(self.spans.iter().map(cell).collect()).to_string().into_bytes())
            }
        }
    }
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

/// Reads one delivery, or one part of it, that is pushed into it piece by piece.
pub(super) struct Reader {
    unpack: Unpack,
    records: Records,
    /// The names of all columns of a packed Parquet file, once they are known.
    names: Option<Vec<String>>,
}

enum Records {
    Text(Box<TextReader>),
    Excel(ExcelReader),
    Arrow(Box<ArrowReader>),
    Parquet(PackedParquet),
}

/// Bytes that are read at a time.
pub(super) const PIECE: usize = 256 << 10;

impl Reader {
    /// For bytes as a storage delivers them.
    pub(super) fn new(layout: &Layout<'_>, path: &str) -> Result<Self> {
        // Formats that hold compressed pieces themselves start as archives do.
        let unpack = Unpack::new(layout.compression, !layout.format.is_text(), path)?;
        Self::over(unpack, layout, path)
    }

    /// For bytes that `unpack` unpacks.
    pub(super) fn over(unpack: Unpack, layout: &Layout<'_>, path: &str) -> Result<Self> {
        let records = match layout.format {
            Format::Excel { .. } => Records::Excel(ExcelReader::new(layout, path)),
            Format::ArrowIpc {} => Records::Arrow(Box::new(ArrowReader::new(path))),
            Format::Parquet {} => Records::Parquet(PackedParquet::new(path)),
            _ => Records::Text(Box::new(TextReader::new(layout, path)?)),
        };
        Ok(Self { unpack, records, names: None })
    }

    /// Its two halves, where it reads text: that can be cut into blocks.
    pub(super) fn text(&mut self) -> Option<(&mut Unpack, &mut TextReader)> {
        match &mut self.records {
            Records::Text(text) => Some((&mut self.unpack, text)),
            Records::Excel(_) | Records::Arrow(_) | Records::Parquet(_) => None,
        }
    }

    /// The names of the columns of a format of columns, as far as it was read, whether or not the layout knows them; of a
    /// workbook those of its sheets.
    pub(super) fn names(&self) -> Option<&[String]> {
        match &self.records {
            Records::Arrow(reader) => reader.names(),
            Records::Excel(reader) => reader.sheets.as_deref(),
            _ => self.names.as_deref(),
        }
    }

    /// Takes bytes as delivered and hands on the records that are complete.
    pub(super) fn push(&mut self, layout: &Layout<'_>, bytes: &[u8], each: &mut Each<'_>) -> Result<()> {
        let Self { unpack, records, .. } = self;
        for piece in bytes.chunks(PIECE) {
            unpack.push(piece, &mut |unpacked| records.push(layout, unpacked, each))?;
        }
        Ok(())
    }

    /// Hands on what is left at the end.
    pub(super) fn finish(&mut self, layout: &Layout<'_>, each: &mut Each<'_>) -> Result<()> {
        let Self { unpack, records, names } = self;
        unpack.finish(&mut |unpacked| records.push(layout, unpacked, each))?;
        match records {
            Records::Text(reader) => reader.finish(each),
            Records::Excel(reader) => reader.finish(each),
            Records::Arrow(reader) => reader.finish(),
            Records::Parquet(reader) => reader.finish(layout, names, each),
        }
    }
}

impl Records {
    fn push(&mut self, layout: &Layout<'_>, bytes: &[u8], each: &mut Each<'_>) -> Result<()> {
        match self {
            Self::Text(reader) => reader.push(bytes, each),
            Self::Excel(reader) => reader.push(bytes),
            Self::Arrow(reader) => reader.push(layout, bytes, each),
            Self::Parquet(reader) => reader.push(bytes),
        }
    }
}
