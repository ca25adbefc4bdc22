//! How the bytes of an extract are laid out, encoded and compressed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the bytes are laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Format {
    /// Columns between delimiters.
    Delimited {
        /// One character, such as `,` or `^`.
        delimiter: char,
        /// Whether columns are named before the first row.
        header: bool,
        /// The quoting character; no quoting where it is left out.
        #[serde(default)]
        quote: Option<char>,
        /// Whether each line ends with one more delimiter.
        #[serde(default)]
        trailing_delimiter: bool,
        /// Rows above the header (or above the first row where there is none) that are not read, empty ones counted.
        #[serde(default)]
        title_rows: usize,
        /// Rows of the header, 1 or 2. The upper one of two stretches over empty cells to its right; a column is then
        /// named `UPPER / LOWER`.
        #[serde(default = "one")]
        header_rows: usize,
    },
    /// Columns at fixed positions.
    FixedWidth {
        /// Characters in each line, line end not counted.
        record_length: usize,
        /// Lines above the first row that are not read.
        #[serde(default)]
        title_rows: usize,
    },
    /// A sheet of an Excel workbook, xlsx or xls.
    Excel {
        /// Whether columns are named before the first row.
        header: bool,
        /// The sheet's name; the first sheet where neither name nor number is given.
        #[serde(default)]
        sheet: Option<String>,
        /// The sheet's number, counted from 1.
        #[serde(default)]
        sheet_number: Option<usize>,
        /// Rows above the header that are not read, empty ones counted.
        #[serde(default)]
        title_rows: usize,
        /// Rows of the header, 1 or 2, as for delimited text.
        #[serde(default = "one")]
        header_rows: usize,
    },
    /// A JSON object in each line; its keys are the columns.
    JsonLines {},
    /// Parquet.
    Parquet {},
    /// Arrow IPC, as a file (Feather) or as a stream.
    ArrowIpc {},
}

fn one() -> usize {
    1
}

impl Format {
    /// The word for it in a contract.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delimited { .. } => "delimited",
            Self::FixedWidth { .. } => "fixed_width",
            Self::Excel { .. } => "excel",
            Self::JsonLines {} => "json_lines",
            Self::Parquet {} => "parquet",
            Self::ArrowIpc {} => "arrow_ipc",
        }
    }

    /// Rows above header and data that are not read.
    #[must_use]
    pub fn title_rows(&self) -> usize {
        match self {
            Self::Delimited { title_rows, .. }
            | Self::FixedWidth { title_rows, .. }
            | Self::Excel { title_rows, .. } => *title_rows,
            Self::JsonLines {} | Self::Parquet {} | Self::ArrowIpc {} => 0,
        }
    }

    /// Rows that name the columns.
    #[must_use]
    pub fn header_rows(&self) -> usize {
        match self {
            Self::Delimited { header: true, header_rows, .. } | Self::Excel { header: true, header_rows, .. } => {
                *header_rows
            }
            _ => 0,
        }
    }

    /// Whether its columns have names.
    #[must_use]
    pub fn names_columns(&self) -> bool {
        match self {
            Self::Delimited { header, .. } | Self::Excel { header, .. } => *header,
            Self::FixedWidth { .. } => false,
            Self::JsonLines {} | Self::Parquet {} | Self::ArrowIpc {} => true,
        }
    }

    /// Whether it is written in characters, which have an encoding.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Delimited { .. } | Self::FixedWidth { .. } | Self::JsonLines {})
    }
}

/// How characters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8, with or without byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 in either byte order, which its byte order mark tells.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Windows code page 1252.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1 (Latin-1), without control characters.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// ASCII only.
    #[serde(rename = "us-ascii")]
    UsAscii,
}

impl Encoding {
    /// The word for it in a contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "iso-8859-1",
            Self::UsAscii => "us-ascii",
        }
    }
}

/// Whether the bytes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip; several members are one file.
    Gzip,
    /// Zstandard; several frames are one file.
    Zstd,
    /// bzip2; several streams are one file.
    Bzip2,
    /// A zip archive; each of its files is a part of the delivery, read in the order of their names.
    Zip,
}

impl Compression {
    /// The word for it in a contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Zip => "zip",
        }
    }
}

/// What to do with columns that the contract does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExtraColumns {
    /// The delivery is refused.
    #[default]
    Refuse,
    /// They are dropped unread.
    Drop,
}
