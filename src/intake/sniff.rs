//! What the first bytes of an extract look like. For messages and drafts only: nothing is read by it.

use super::reader::{Delimited, Span, Unpack, compression_of, joined, json_keys};
use super::recognise::Head;
use crate::workspace::{Compression, Encoding, Format};

/// Rows that are looked at.
const ROWS: usize = 2000;

/// What an extract looks like.
#[derive(Debug)]
pub(super) struct Sniffed {
    pub(super) compression: Compression,
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    /// It has ASCII characters only, so that most encodings would do.
    pub(super) ascii: bool,
    /// Columns, or characters of a line.
    pub(super) width: usize,
    /// The cells of the row that may be the header.
    first: Vec<String>,
}

impl Sniffed {
    /// The names of the columns, if the first row names them.
    pub(super) fn names(&self) -> &[String] {
        &self.first
    }

    /// The format as a contract has it. `quoting` is used where the start has nothing in quotes.
    pub(super) fn format_yaml(&self, quoting: Option<char>) -> String {
        format_yaml(&self.format, quoting)
    }
}

/// A format as a contract has it. `quoting` is used where it has no quote.
pub(super) fn format_yaml(format: &Format, quoting: Option<char>) -> String {
    let titles = |rows: usize| if rows > 0 { format!(", title_rows: {rows}") } else { String::new() };
    let headers = |rows: usize| if rows > 1 { format!(", header_rows: {rows}") } else { String::new() };
    match format {
        Format::Delimited { delimiter, header, quote, trailing_delimiter, title_rows, header_rows } => {
            let delimiter = if *delimiter == '\t' { "\\t".to_owned() } else { delimiter.to_string() };
            let quote = quote.or(quoting).map_or(String::new(), |quote| format!(", quote: '{quote}'"));
            let trailing = if *trailing_delimiter { ", trailing_delimiter: true" } else { "" };
            let (titles, rows) = (titles(*title_rows), headers(*header_rows));
            format!(
                "{{ type: delimited, delimiter: \"{delimiter}\", header: {header}{quote}{trailing}{titles}{rows} }}"
            )
        }
        Format::FixedWidth { record_length, title_rows } => {
            format!("{{ type: fixed_width, record_length: {record_length}{} }}", titles(*title_rows))
        }
        Format::Excel { header, sheet_number, title_rows, header_rows, .. } => {
            let sheet = sheet_number.map_or(String::new(), |number| format!(", sheet_number: {number}"));
            let (titles, rows) = (titles(*title_rows), headers(*header_rows));
            format!("{{ type: excel, header: {header}{sheet}{titles}{rows} }}")
        }
        other => format!("{{ type: {} }}", other.word()),
    }
}

/// Looks at the start of an extract; none where nothing can be said.
pub(super) fn sniff(head: &Head<'_>) -> Option<Sniffed> {
    let (compression, bytes) = unpacked(head)?;
    let whole = head.whole && bytes.len() < 1 << 20;
    let bare =
        |format| Sniffed { compression, format, encoding: Encoding::Utf8, ascii: true, width: 0, first: Vec::new() };
    match bytes.as_slice() {
        [] => return None,
        [b'P', b'A', b'R', b'1', ..] => return Some(bare(Format::Parquet {})),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => {
            return Some(bare(Format::ArrowIpc {}));
        }
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => {
            let (sheet, sheet_number) = (None, None);
            let excel = Format::Excel { header: true, sheet, sheet_number, title_rows: 0, header_rows: 1 };
            // A workbook is an archive itself.
            let compression = if compression == Compression::Zip { Compression::None } else { compression };
            return Some(Sniffed { compression, ..bare(excel) });
        }
        _ => {}
    }
    let (encoding, text) = decoded(&bytes, whole);
    if text.contains('\0') {
        // No text: bytes of a format that is not known, or UTF-16 without its mark.
        return None;
    }
    let ascii = text.is_ascii();
    let mut lines: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    if !whole {
        // The last one may go on.
        lines.pop();
    }
    let first = lines.first()?;
    if let Some(keys) = first.trim_start().starts_with('{').then(|| json_keys(first)).flatten() {
        let json = bare(Format::JsonLines {});
        return Some(Sniffed { encoding, ascii, width: keys.len(), first: keys, ..json });
    }
    let found = delimited(&text, whole).or_else(|| fixed_width(&lines))?;
    Some(Sniffed { compression, encoding, ascii, ..found })
}

/// Unpacks as much as the start holds.
fn unpacked(head: &Head<'_>) -> Option<(Compression, Vec<u8>)> {
    let compression = compression_of(head.bytes);
    if matches!(compression, Compression::None | Compression::Zip) {
        return Some((compression, head.bytes.to_vec()));
    }
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| {
        if bytes.len() < 1 << 20 {
            bytes.extend_from_slice(piece);
        }
        Ok(())
    };
    let mut unpack = Unpack::new(compression, true, head.path).ok()?;
    // A start is no whole file: what it gives before its end is enough.
    let _ = unpack.push(head.bytes, &mut sink);
    if head.whole {
        let _ = unpack.finish(&mut sink);
    }
    Some((compression, bytes))
}

fn decoded(bytes: &[u8], whole: bool) -> (Encoding, String) {
    let utf16 = |units: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| units([pair[0], pair[1]]));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => return (Encoding::Utf16, utf16(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => return (Encoding::Utf16, utf16(u16::from_be_bytes)),
        _ => {}
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(text) {
        Ok(text) => (Encoding::Utf8, text.to_owned()),
        // Cut within a character.
        Err(error) if !whole && error.error_len().is_none() => {
            (Encoding::Utf8, String::from_utf8_lossy(&text[..error.valid_up_to()]).into_owned())
        }
        Err(_) => (Encoding::Windows1252, encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0.into_owned()),
    }
}

/// The delimiter by which most rows have one number of columns, more than one.
fn delimited(text: &str, whole: bool) -> Option<Sniffed> {
    let mut best: Option<(usize, Vec<Vec<String>>, usize, char)> = None;
    for delimiter in [',', '\t', '^', '|', ';'] {
        let rows = rows(text, delimiter, whole);
        let width = most_common(&rows)?;
        let agreeing = rows.iter().filter(|row| row.len() == width).count();
        // Empty lines stand above and below.
        let full = rows.iter().filter(|row| row.len() > 1 || row.iter().any(|cell| !cell.is_empty())).count();
        let score = if width > 1 && agreeing * 2 > full { width * agreeing } else { 0 };
        if score > best.as_ref().map_or(0, |(score, ..)| *score) {
            best = Some((score, rows, width, delimiter));
        }
    }
    let (_, rows, width, delimiter) = best?;
    let (title_rows, header_rows, header) = heading(&rows, width)?;
    let body = &rows[title_rows..];
    let trailing = body.iter().all(|row| row.len() != width || row.last().is_some_and(String::is_empty));
    let mut first = body[0].clone();
    if trailing {
        first.pop();
    }
    if header_rows == 2 {
        first = joined(&body[..2]);
    }
    let quote = text.contains('"').then_some('"');
    let format = Format::Delimited { delimiter, header, quote, trailing_delimiter: trailing, title_rows, header_rows };
    let width = width - usize::from(trailing);
    let first = if header { first } else { Vec::new() };
    Some(Sniffed { compression: Compression::None, format, encoding: Encoding::Utf8, ascii: true, width, first })
}

/// Rows above the header, rows of the header, and whether there is one.
fn heading(rows: &[Vec<String>], width: usize) -> Option<(usize, usize, bool)> {
    let named = |row: &Vec<String>| row.iter().filter(|cell| cell.chars().any(char::is_alphabetic)).count();
    let start = rows.iter().position(|row| row.len() == width)?;
    let bare = rows[start].iter().filter(|cell| cell.is_empty()).count() * 2 > width;
    if !bare {
        return Some((start, 1, named(&rows[start]) * 2 > width));
    }
    // A row of titles or of groups' names is mostly empty, and a row of names below it is not.
    let names = rows.iter().skip(start + 1).take(4).position(|row| named(row) * 10 > width * 9);
    match names {
        Some(0) => Some((start, 2, true)),
        Some(behind) => Some((start + 1 + behind, 1, true)),
        None => Some((start, 1, false)),
    }
}

fn rows(text: &str, delimiter: char, whole: bool) -> Vec<Vec<String>> {
    let Ok(layout) = Delimited::new(delimiter, Some('"'), false) else { return Vec::new() };
    let (mut rows, mut spans, mut at) = (Vec::new(), Vec::<Span>::new(), 0);
    while rows.len() < ROWS
        && let Some(extent) = layout.next(&text.as_bytes()[at..], whole, &mut spans)
    {
        let cell = |span: &Span| {
            let cell = text.get(at + span.start as usize..at + span.end as usize).unwrap_or_default();
            if span.escaped() { cell.replace("\"\"", "\"") } else { cell.to_owned() }
        };
        rows.push(spans.iter().map(cell).collect());
        at += extent.whole;
    }
    rows
}

/// The number of columns that most rows have, the larger one of two.
fn most_common(rows: &[Vec<String>]) -> Option<usize> {
    let count = |width: usize| rows.iter().filter(|row| row.len() == width).count();
    let wide = rows.iter().map(Vec::len).filter(|width| *width > 1);
    wide.max_by_key(|width| (count(*width), *width)).or_else(|| rows.first().map(Vec::len))
}

/// Lines of one length, which are not short.
fn fixed_width(lines: &[&str]) -> Option<Sniffed> {
    let width = lines.last()?.chars().count();
    let agreeing = lines.iter().filter(|line| line.chars().count() == width).count();
    (width >= 8 && agreeing * 2 > lines.len()).then(|| Sniffed {
        compression: Compression::None,
        format: Format::FixedWidth { record_length: width, title_rows: 0 },
        encoding: Encoding::Utf8,
        ascii: true,
        width,
        first: Vec::new(),
    })
}
