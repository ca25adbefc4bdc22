//! A file as columns of words. A word is kept once, a row has its number: files have millions of rows and few words.

use std::collections::HashMap;

use crate::error::{Error, Result};

/// What the column beside a column of Parquet is called, and its words.
pub(super) const STATUS: &str = "_status";
/// The figure is hidden.
pub(super) const HIDDEN: &str = "suppressed";
/// The figure is printed.
pub(super) const SHOWN: &str = "published";

/// A file's columns.
pub(super) struct RawFile {
    /// The path that messages show.
    pub(super) path: String,
    pub(super) columns: Vec<RawColumn>,
    pub(super) rows: usize,
    /// The line of each row, where the file has lines.
    pub(super) lines: Vec<u32>,
}

/// A column: the number of each row's word.
#[derive(Default)]
pub(super) struct RawColumn {
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) codes: Vec<u32>,
    numbers: HashMap<String, u32>,
}

impl RawColumn {
    pub(super) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, word: &str) {
        // Tables are sorted by something: often the word is the one before it.
        if let Some(&last) = self.codes.last()
            && self.words.get(last as usize).is_some_and(|before| before == word)
        {
            return self.codes.push(last);
        }
        let code = match self.numbers.get(word) {
            Some(&code) => code,
            None => {
                let code = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
                self.words.push(word.to_owned());
                self.numbers.insert(word.to_owned(), code);
                code
            }
        };
        self.codes.push(code);
    }

    /// A column that has the same word in each row.
    pub(super) fn constant(name: &str, word: &str, rows: usize) -> Self {
        Self { name: name.to_owned(), words: vec![word.to_owned()], codes: vec![0; rows], numbers: HashMap::new() }
    }

    /// Whether it holds nothing but the words of a column of statuses.
    fn says_status(&self) -> bool {
        self.words.iter().all(|word| word == HIDDEN || word == SHOWN)
    }

    /// The word of a row.
    pub(super) fn word(&self, row: usize) -> &str {
        &self.words[self.codes[row] as usize]
    }
}

impl RawFile {
    /// The column of a name.
    pub(super) fn column(&self, name: &str) -> Option<&RawColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The rows in which the column beside another one says that its figure is hidden, as `accord protect` writes it to
    /// Parquet; none where there is no such column.
    pub(super) fn marks(&self, name: &str) -> Option<Vec<bool>> {
        let status = self.column(&format!("{name}{STATUS}")).filter(|status| status.says_status())?;
        Some(status.codes.iter().map(|&code| status.words[code as usize] == HIDDEN).collect())
    }

    /// Whether a column says of another one which of its figures are hidden.
    pub(super) fn is_status(&self, name: &str) -> bool {
        let of = name.strip_suffix(STATUS).and_then(|of| self.column(of));
        of.is_some() && self.column(name).is_some_and(RawColumn::says_status)
    }

    /// Where a row is, in words.
    pub(super) fn place(&self, row: usize) -> String {
        match self.lines.get(row) {
            Some(line) => format!("{} line {line}", self.path),
            None => format!("{} row {}", self.path, row + 1),
        }
    }

    /// Refuses a header with a name twice and a file without rows.
    pub(super) fn check(&self) -> Result<()> {
        for (at, column) in self.columns.iter().enumerate() {
            if !column.name.is_empty() && self.columns[..at].iter().any(|other| other.name == column.name) {
                let said = format!("{} has two columns `{}`", self.path, column.name);
                return Err(Error::data("tables.header", said).with_hint(
                    "where a second header line tells them apart, say `header_rows: 2` and less `skip_rows`",
                ));
            }
        }
        if self.rows == 0 {
            return Err(Error::data("tables.empty", format!("{} has no row below its header", self.path))
                .with_hint("compare `skip_rows` and `header_rows` with the file"));
        }
        Ok(())
    }
}
