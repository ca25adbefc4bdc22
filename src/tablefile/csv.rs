//! Delimited files: read into columns, and written again with nothing changed but the fields that are hidden.

use std::borrow::Cow;

use super::raw::{RawColumn, RawFile};
use super::spec::FormatSpec;
use crate::error::{Error, Result};
use crate::intake::{Delimited, Span};
use crate::workspace::Encoding;

const MARK: &[u8] = b"\xef\xbb\xbf";
/// Between the upper and the lower name of a column with a header of two lines.
pub(super) const JOIN: &str = " / ";

/// A delimited file, and how it is taken apart.
pub(super) struct Csv<'a> {
    path: &'a str,
    /// UTF-8, without a byte order mark.
    text: Cow<'a, str>,
    delimiter: u8,
    skip: usize,
    header: usize,
    footer: usize,
    /// How the file is encoded, where it is not UTF-8.
    encoding: Option<Encoding>,
    /// It begins with a byte order mark.
    marked: bool,
}

/// A record: its fields within the text, and what lies between it and the next.
struct Records<'t> {
    text: &'t str,
    /// Where the record at hand begins, and the next one.
    base: usize,
    at: usize,
    line: u32,
    layout: Delimited,
    spans: Vec<Span>,
    path: &'t str,
}

impl<'a> Csv<'a> {
    /// Decodes a file and finds its delimiter.
    pub(super) fn new(path: &'a str, bytes: &'a [u8], format: &FormatSpec) -> Result<Self> {
        let marked = bytes.starts_with(MARK);
        let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
        let text = match format.encoding {
            Some(encoding @ (Encoding::Utf16 | Encoding::Latin1)) => return Err(not_written(path, encoding)),
            Some(Encoding::Windows1252) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
            _ => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|error| not_utf8(path, bytes, error))?),
        };
        let mut csv = Self {
            path,
            text,
            delimiter: b',',
            skip: format.skip_rows,
            header: format.header_rows.unwrap_or(1).max(1),
            footer: format.footer_rows,
            encoding: format.encoding,
            marked,
        };
        csv.delimiter = match format.delimiter {
            Some(delimiter) => u8::try_from(delimiter).ok().filter(u8::is_ascii).ok_or_else(|| {
                Error::config("tables.delimiter", format!("`{delimiter}` can't stand between columns"))
                    .with_hint("use an ASCII character such as `,` or `;`")
            })?,
            None => csv.guess(),
        };
        Ok(csv)
    }

    /// The delimiter that stands most often in the header.
    fn guess(&self) -> u8 {
        let header = self.text.lines().nth(self.skip + self.header - 1).unwrap_or("");
        let count = |delimiter: &u8| header.bytes().filter(|byte| byte == delimiter).count();
        let mut best = b',';
        for delimiter in [b';', b'\t', b'|', b'^'] {
            if count(&delimiter) > count(&best) {
                best = delimiter;
            }
        }
        best
    }

    fn records(&self) -> Result<Records<'_>> {
        let layout = Delimited::new(char::from(self.delimiter), Some('"'), false)?;
        Ok(Records { text: &self.text, base: 0, at: 0, line: 1, layout, spans: Vec::new(), path: self.path })
    }

    /// The columns.
    pub(super) fn read(&self) -> Result<RawFile> {
        let mut records = self.records()?;
        for _ in 0..self.skip {
            records.next()?;
        }
        let mut columns = self.header(&mut records)?;
        let mut lines = Vec::new();
        let rows = self.rows()?;
        while let Some(line) = records.next()? {
            if records.is_blank() {
                continue;
            }
            if rows.is_some_and(|rows| lines.len() >= rows) {
                break;
            }
            if records.spans.len() != columns.len() {
                let (found, wanted) = (records.spans.len(), columns.len());
                let said = format!("{} line {line} has {found} fields, and the header has {wanted}", self.path);
                return Err(Error::data("tables.fields", said)
                    .with_hint("compare `delimiter`, `skip_rows` and `header_rows` with the file"));
            }
            for (column, &span) in columns.iter_mut().zip(&records.spans) {
                column.push(&records.field(span));
            }
            lines.push(line);
        }
        Ok(RawFile { path: self.path.to_owned(), columns, rows: lines.len(), lines })
    }

    /// How many rows stand above the notes; none where there are no notes.
    fn rows(&self) -> Result<Option<usize>> {
        if self.footer == 0 {
            return Ok(None);
        }
        let mut records = self.records()?;
        for _ in 0..self.skip + self.header {
            records.next()?;
        }
        let mut rows = 0_usize;
        while records.next()?.is_some() {
            rows += usize::from(!records.is_blank());
        }
        Ok(Some(rows.saturating_sub(self.footer)))
    }

    fn header(&self, records: &mut Records<'_>) -> Result<Vec<RawColumn>> {
        let mut names: Vec<String> = Vec::new();
        for level in 0..self.header {
            if records.next()?.is_none() {
                return Err(Error::data("tables.header", format!("{} ends before its header", self.path))
                    .with_hint("compare `skip_rows` and `header_rows` with the file"));
            }
            let mut own: Vec<String> =
                records.spans.iter().map(|&span| records.field(span).trim().to_owned()).collect();
            if level + 1 < self.header {
                for at in 1..own.len() {
                    if own[at].is_empty() {
                        own[at] = own[at - 1].clone();
                    }
                }
            }
            names = own
                .into_iter()
                .enumerate()
                .map(|(at, name)| match names.get(at).filter(|upper| !upper.is_empty()) {
                    Some(upper) => format!("{upper}{JOIN}{name}"),
                    None => name,
                })
                .collect();
        }
        Ok(names.into_iter().map(RawColumn::new).collect())
    }

    /// The file with other fields where `change` gives them (by row and column), and `more` rows at its end. All else is
    /// as it was, to the byte.
    pub(super) fn rewritten(
        &self,
        mut change: impl FnMut(usize, usize) -> Option<String>,
        more: impl Iterator<Item = Vec<String>>,
    ) -> Result<Vec<u8>> {
        let mut records = self.records()?;
        for _ in 0..self.skip + self.header {
            records.next()?;
        }
        let line_end = if self.text[..records.at].ends_with("\r\n") { "\r\n" } else { "\n" };
        let mut out = String::with_capacity(self.text.len());
        out.push_str(&self.text[..records.at]);
        let added: Vec<String> = more
            .map(|fields| {
                let fields: Vec<String> = fields.iter().map(|word| field(word, self.delimiter, false)).collect();
                format!("{}{line_end}", fields.join(&char::from(self.delimiter).to_string()))
            })
            .collect();
        let rows = self.rows()?;
        let mut row = 0;
        // Where the last row ends, which notes may follow.
        let mut end = out.len();
        loop {
            let mut copied = records.at;
            if records.next()?.is_none() {
                break;
            }
            let is_row = !records.is_blank() && rows.is_none_or(|rows| row < rows);
            if is_row {
                for (column, &span) in records.spans.iter().enumerate() {
                    let Some(word) = change(row, column) else { continue };
                    let (from, to) = records.outer(span);
                    out.push_str(&self.text[copied..from]);
                    let quoted = self.text[from..].starts_with('"');
                    out.push_str(&field(&word, self.delimiter, quoted));
                    copied = to;
                }
                row += 1;
            }
            out.push_str(&self.text[copied..records.at]);
            if is_row || rows.is_none() {
                end = out.len();
            }
        }
        if !added.is_empty() {
            if !out[..end].ends_with('\n') {
                out.insert_str(end, line_end);
                end += line_end.len();
            }
            out.insert_str(end, &added.concat());
        }
        self.encoded(out)
    }

    /// Text as the file had it.
    fn encoded(&self, text: String) -> Result<Vec<u8>> {
        if self.encoding == Some(Encoding::Windows1252) {
            let (bytes, _, unmappable) = encoding_rs::WINDOWS_1252.encode(&text);
            if unmappable {
                let said =
                    format!("{} can't be written in windows-1252: a label of the spec has other letters", self.path);
                return Err(Error::config("tables.encoding", said).with_hint("convert the file to UTF-8 first"));
            }
            return Ok(bytes.into_owned());
        }
        Ok(if self.marked { [MARK, text.as_bytes()].concat() } else { text.into_bytes() })
    }
}

impl Records<'_> {
    /// Goes on to the next record and gives its line.
    fn next(&mut self) -> Result<Option<u32>> {
        // Taken apart within a window, since spans have 32 bits.
        let rest = &self.text.as_bytes()[self.at..];
        let window = &rest[..rest.len().min(1 << 30)];
        let Some(extent) = self.layout.next(window, window.len() == rest.len(), &mut self.spans) else {
            return Ok(None);
        };
        if let Some(fault) = extent.fault {
            return Err(Error::data("tables.fields", format!("{} line {}: {}", self.path, self.line, fault.reason))
                .with_hint("correct the file"));
        }
        self.base = self.at;
        self.at += extent.whole;
        let line = self.line;
        self.line = self.line.saturating_add(u32::try_from(extent.lines).unwrap_or(u32::MAX));
        Ok(Some(line))
    }

    /// Whether the record holds nothing: a blank line, or delimiters alone.
    fn is_blank(&self) -> bool {
        self.spans.iter().all(|span| span.start == span.end)
    }

    /// A field with its quotes.
    fn outer(&self, span: Span) -> (usize, usize) {
        let (start, end) = (self.base + span.start as usize, self.base + span.end as usize);
        let bytes = self.text.as_bytes();
        let quoted = start > self.base && bytes[start - 1] == b'"' && bytes.get(end) == Some(&b'"');
        if quoted { (start - 1, end + 1) } else { (start, end) }
    }

    fn field(&self, span: Span) -> Cow<'_, str> {
        let text = &self.text[self.base + span.start as usize..self.base + span.end as usize];
        if span.escaped() { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) }
    }
}

/// A field as it is written: in quotes where it needs them, or where the field in its place had them.
fn field(word: &str, delimiter: u8, quoted: bool) -> String {
    let needs =
        |character: char| matches!(character, '"' | '\n' | '\r') || u32::from(character) == u32::from(delimiter);
    if quoted || word.contains(needs) { format!("\"{}\"", word.replace('"', "\"\"")) } else { word.to_owned() }
}

/// Tables are written again as they were read, which only these encodings are so far.
fn not_written(path: &str, encoding: Encoding) -> Error {
    Error::config("tables.encoding", format!("read table {path}: {} is not read here", encoding.word()))
        .with_hint("tables are utf-8, us-ascii or windows-1252: convert the file first")
}

fn not_utf8(path: &str, bytes: &[u8], error: std::str::Utf8Error) -> Error {
    let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
    Error::data("tables.encoding", format!("{path} line {line} is not UTF-8"))
        .with_hint("say `encoding: windows-1252` under `format` if that is what it is, or save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "Title, 2015\r\n\r\n,,\"Graduates\",\r\nD,Code,n,rate\r\n\"A, b\",\"=\"\"01\"\"\",5,\"*\"\r\nC,2,\"6\",7\r\n\r\n";

    fn format(skip_rows: usize, header_rows: usize) -> FormatSpec {
        FormatSpec { skip_rows, header_rows: Some(header_rows), ..FormatSpec::default() }
    }

    #[test]
    fn titles_two_line_headers_quotes_and_marks_are_read() {
        let bytes = [MARK, FILE.as_bytes()].concat();
        let file = Csv::new("f", &bytes, &format(2, 2)).unwrap().read().unwrap();
        let names: Vec<&str> = file.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["D", "Code", "Graduates / n", "Graduates / rate"]);
        assert_eq!((file.rows, file.lines.clone()), (2, vec![5, 6]));
        assert_eq!((file.columns[0].word(0), file.columns[1].word(0)), ("A, b", "=\"01\""));
    }

    #[test]
    fn what_is_not_hidden_stays_as_it_is_to_the_byte() {
        let csv = Csv::new("f", FILE.as_bytes(), &format(3, 1)).unwrap();
        assert_eq!(csv.rewritten(|_, _| None, std::iter::empty()).unwrap(), FILE.as_bytes());
        let marked = [MARK, FILE.as_bytes()].concat();
        let again = Csv::new("f", &marked, &format(3, 1)).unwrap().rewritten(|_, _| None, std::iter::empty());
        assert_eq!(again.unwrap(), marked, "Excel takes a file without its mark for another encoding");
        let old = b"D,n\nA\xf1il,5\n";
        let windows = FormatSpec { encoding: Some(Encoding::Windows1252), ..format(0, 1) };
        let csv_of = Csv::new("f", old, &windows).unwrap();
        assert_eq!(csv_of.read().unwrap().columns[0].word(0), "Añil");
        assert_eq!(csv_of.rewritten(|_, _| None, std::iter::empty()).unwrap(), old);
        let foreign = csv_of.rewritten(|_, _| None, [vec!["総数".to_owned(), "9".to_owned()]].into_iter());
        assert!(foreign.is_err(), "a label that the encoding has no letters for is not garbled");
        let hidden = csv.rewritten(|row, column| (row == 1 && column == 2).then(|| "*".to_owned()), std::iter::empty());
        let text = String::from_utf8(hidden.unwrap()).unwrap();
        assert_eq!(text, FILE.replace("\"6\"", "\"*\""));
        let more = csv.rewritten(|_, _| None, [vec!["x,y".to_owned(), String::new()]].into_iter()).unwrap();
        assert!(String::from_utf8(more).unwrap().ends_with("\r\n\"x,y\",\r\n"));
    }

    #[test]
    fn notes_below_the_table_are_no_rows_and_stay_at_its_end() {
        let text = "D,n\nA,5\nB,6\n\n\"* fewer than 11, or so\"\nSource: us,\n";
        let format = FormatSpec { footer_rows: 2, ..FormatSpec::default() };
        let csv = Csv::new("f", text.as_bytes(), &format).unwrap();
        assert_eq!(csv.read().unwrap().rows, 2);
        let more = [vec!["All".to_owned(), "11".to_owned()]];
        let out = csv.rewritten(|row, column| (row == 1 && column == 1).then(|| "*".to_owned()), more.into_iter());
        let expected = "D,n\nA,5\nB,*\nAll,11\n\n\"* fewer than 11, or so\"\nSource: us,\n";
        assert_eq!(String::from_utf8(out.unwrap()).unwrap(), expected);
    }

    #[test]
    fn delimiters_are_guessed_from_the_header() {
        for (text, expected) in [("a;b;c\n1;2;3,4\n", 3), ("a\tb\n1\t2\n", 2), ("a\n1\n", 1)] {
            assert_eq!(Csv::new("f", text.as_bytes(), &format(0, 1)).unwrap().read().unwrap().columns.len(), expected);
        }
    }

    #[test]
    fn a_row_of_another_length_is_refused_with_its_line() {
        let error = Csv::new("f", b"a,b\n1,2\n3\n", &format(0, 1)).unwrap().read().map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
