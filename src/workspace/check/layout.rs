//! How a contract's extract is laid out: its format, and where its fields stand in it.

use super::super::diagnose::Finding;
use super::super::document::Document;
use super::super::{
    ColumnPlace, Contract, Encoding, Field, Format, LogicalType, OtherLayout, PictureContent, PictureSign,
};
use super::step;

/// What a layout says of the bytes, whichever it is.
struct Bytes<'c> {
    /// Where it stands in the file.
    at: String,
    format: &'c Format,
    encoding: Option<Encoding>,
}

pub(super) fn check(document: &Document, contract: &Contract) -> Vec<Finding> {
    let Contract { format, encoding, .. } = contract;
    let own = Bytes { at: String::new(), format, encoding: *encoding };
    let mut findings = own.check(document);
    if let Format::FixedWidth { record_length, .. } = &contract.format {
        findings.extend(fixed_width(document, contract, *record_length));
    }
    for (at, field) in contract.fields.iter().enumerate() {
        findings.extend(misplaced(document, &contract.format, at, field));
        findings.extend(picture(document, at, field));
    }
    let mut names = vec![contract.layout.as_deref().unwrap_or(&contract.version)];
    for (at, layout) in contract.layouts.iter().enumerate() {
        let OtherLayout { format, encoding, name, .. } = layout;
        let bytes = Bytes { at: format!("/layouts/{at}"), format, encoding: *encoding };
        findings.extend(bytes.check(document));
        if names.contains(&name.as_str()) {
            let pointer = format!("{}/name", bytes.at);
            findings.push(document.finding(&pointer, format!("there are two layouts `{name}`")));
        }
        names.push(name);
        findings.extend(places(document, contract, layout, &bytes.at));
    }
    findings
}

impl Bytes<'_> {
    fn check(&self, document: &Document) -> Vec<Finding> {
        let mut findings = self.encoded(document);
        findings.extend(self.rows(document));
        let at = &self.at;
        match self.format {
            Format::Delimited { delimiter, quote, .. } => findings.extend(delimited(document, at, *delimiter, *quote)),
            Format::Excel { sheet: Some(_), sheet_number: Some(_), .. } => {
                let message = "a sheet is found by its name or by its number";
                let finding = point(document, &format!("{at}/format/sheet_number"), message);
                findings.push(finding.help("remove one of the two"));
            }
            Format::Excel { sheet_number: Some(0), .. } => {
                findings.push(document.finding(&format!("{at}/format/sheet_number"), "sheets are counted from 1"));
            }
            _ => {}
        }
        findings
    }

    /// The encoding, which not all formats have.
    fn encoded(&self, document: &Document) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (format, word, at) = (self.format, self.format.word(), &self.at);
        match self.encoding {
            None if format.is_text() => {
                let finding = document.finding(&format!("{at}/format"), "this lacks the key `encoding` beside it");
                findings.push(finding.help("add `encoding: utf-8`, or ask the partner how the file is written"));
            }
            Some(_) if !format.is_text() => {
                let finding = point(document, &format!("{at}/encoding"), &format!("`{word}` has no encoding"));
                findings.push(finding.label("only text has one"));
            }
            Some(Encoding::Windows1252 | Encoding::Latin1 | Encoding::UsAscii) if *format == (Format::JsonLines {}) => {
                findings.push(document.finding(&format!("{at}/encoding"), "JSON is written in `utf-8` or `utf-16`"));
            }
            _ => {}
        }
        findings
    }

    /// Title rows and header rows.
    fn rows(&self, document: &Document) -> Option<Finding> {
        let (header, rows) = match self.format {
            Format::Delimited { header, header_rows, .. } | Format::Excel { header, header_rows, .. } => {
                (*header, *header_rows)
            }
            _ => return None,
        };
        let pointer = format!("{}/format/header_rows", self.at);
        if !(1..=2).contains(&rows) {
            return Some(document.finding(&pointer, "a header has 1 or 2 rows"));
        }
        (!header && rows > 1)
            .then(|| point(document, &pointer, "`header_rows` without a header").label("`header` is false"))
    }
}

/// Where another layout says that fields stand.
fn places(document: &Document, contract: &Contract, layout: &OtherLayout, at: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let fields = || contract.fields.iter().map(|field| field.name.as_str());
    let mut numbers = Vec::new();
    for (name, place) in layout.columns.iter() {
        let pointer = format!("{at}/columns/{}", step(name));
        let Some(field) = contract.field(name) else {
            let finding =
                Finding::new(&document.source, document.locate_key(&pointer), format!("there is no field `{name}`"));
            findings.push(finding.nearest(name, fields()));
            continue;
        };
        let mut wrong = |message: String| findings.push(point(document, &pointer, &message));
        let word = layout.format.word();
        match (place, &layout.format) {
            (ColumnPlace::Absent, _) if field.required => {
                wrong(format!("`{name}` is required, and absent from this layout"));
            }
            (ColumnPlace::Absent, _) => {}
            (ColumnPlace::Column(_), format) if format.names_columns() => {}
            (
                ColumnPlace::Number(number),
                Format::Delimited { header: false, .. } | Format::Excel { header: false, .. },
            ) => {
                if *number == 0 || numbers.contains(number) {
                    wrong(format!("columns are counted from 1, and each is one field: `{name}` has no column"));
                }
                numbers.push(*number);
            }
            (ColumnPlace::Position(place), Format::FixedWidth { record_length, .. }) => {
                let length = place.length.or(field.picture.as_ref().map(|picture| picture.length()));
                let end = length.and_then(|length| place.start.checked_add(length));
                if place.start < 1 || length == Some(0) || end.is_none_or(|end| end - 1 > *record_length) {
                    wrong(format!("`{name}` has no place within the record"));
                }
            }
            _ => wrong(format!("a column of `{word}` is not found like this")),
        }
    }
    let placed = contract.fields.iter().filter(|field| field.meaning_of.is_none()).map(|field| field.name.as_str());
    let mut placed = placed.filter(|name| !layout.columns.contains_key(name));
    let unlisted = placed.next();
    let fixed = matches!(layout.format, Format::FixedWidth { .. });
    let must = fixed || (!layout.format.names_columns() && !layout.columns.is_empty());
    if let Some(name) = unlisted.filter(|_| must) {
        let message = format!("this layout does not say where `{name}` stands");
        let finding = document.finding(&format!("{at}/name"), message);
        findings.push(finding.help("list it under `columns`, or write that it is `absent`"));
    }
    findings
}

fn delimited(document: &Document, at: &str, delimiter: char, quote: Option<char>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (at_delimiter, at_quote) = (format!("{at}/format/delimiter"), format!("{at}/format/quote"));
    if !delimiter.is_ascii() || matches!(delimiter, '\r' | '\n') {
        findings.push(document.finding(&at_delimiter, "a delimiter is an ASCII character, not a line end"));
    }
    if quote == Some(delimiter) {
        findings.push(document.finding(&at_quote, "the quote is the delimiter"));
    }
    if quote.is_some_and(|quote| !quote.is_ascii()) {
        findings.push(document.finding(&at_quote, "a quote is an ASCII character"));
    }
    findings
}

/// What a field says of its place that its format does not have.
fn misplaced(document: &Document, format: &Format, at: usize, field: &Field) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wrong = |there: bool, key: &str, what: &str, label: String| {
        if there {
            let span = document.locate_key(&format!("/fields/{at}/{key}"));
            let message = format!("`{}` has {what}", field.name);
            findings.push(Finding::new(&document.source, span, message).label(label));
        }
    };
    let fixed = matches!(format, Format::FixedWidth { .. });
    let is = format!("the format is {}", if fixed { "fixed-width" } else { format.word() });
    wrong(field.position.is_some() && !fixed, "position", "a position", is.clone());
    wrong(field.picture.is_some() && !fixed, "picture", "a picture", is.clone());
    let named = format.names_columns();
    wrong(field.column.is_some() && !named, "column", "a column name", if fixed { is } else { NO_HEADER.to_owned() });
    let (again, once) = match format {
        Format::JsonLines {} => (false, "a JSON object has a name once"),
        _ => (named, NO_HEADER),
    };
    wrong(field.occurrence.is_some() && !again, "occurrence", "an occurrence", once.to_owned());
    if field.occurrence == Some(0) {
        findings.push(document.finding(&format!("/fields/{at}/occurrence"), "columns are counted from 1"));
    }
    findings
}

const NO_HEADER: &str = "the format has no header";

fn fixed_width(document: &Document, contract: &Contract, record_length: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut placed: Vec<(usize, usize, usize)> = Vec::new();
    let mut behind = 1;
    for (at, field) in contract.fields.iter().enumerate() {
        if field.meaning_of.is_some() {
            continue;
        }
        let pointer = format!("/fields/{at}/position");
        let pictured = field.picture.as_ref().map(|picture| picture.length());
        let (start, length) = match (field.position, pictured) {
            (Some(position), pictured) => (position.start, position.length.or(pictured)),
            (None, Some(length)) => (behind, Some(length)),
            (None, None) => {
                let message = format!("`{}` has no position", field.name);
                let finding = document.finding(&format!("/fields/{at}/name"), message);
                findings.push(finding.label("the format is fixed-width"));
                continue;
            }
        };
        let Some(length) = length else {
            findings.push(point(document, &pointer, &format!("`{}` has no length", field.name)));
            continue;
        };
        let Some(end) = start.checked_add(length).filter(|_| start >= 1 && length >= 1) else {
            findings.push(point(document, &pointer, "a position starts at 1 or later and has a length of 1 or more"));
            continue;
        };
        if let Some(pictured) = pictured.filter(|pictured| *pictured != length) {
            let finding = document.finding(&format!("{pointer}/length"), format!("`{}` has two lengths", field.name));
            findings.push(finding.label(format!("its picture has {pictured} characters")));
        }
        if end - 1 > record_length {
            let finding = point(document, &pointer, &format!("`{}` ends behind the record", field.name));
            findings.push(finding.label(format!("at {}, the record at {record_length}", end - 1)));
        }
        let other = placed.iter().find(|(_, from, stop)| start < *stop && *from < end);
        if let Some((other, ..)) = other {
            let name = &contract.fields[*other].name;
            findings.push(point(document, &pointer, &format!("`{}` overlaps `{name}`", field.name)));
        }
        placed.push((at, start, end));
        behind = end;
    }
    findings
}

/// Whether a picture holds what the field's type says.
fn picture(document: &Document, at: usize, field: &Field) -> Option<Finding> {
    let picture = field.picture.as_ref()?;
    let pointer = format!("/fields/{at}/picture");
    let wrong = |message: String| Some(document.finding(&pointer, message));
    if field.implied_decimals.is_some() {
        return wrong(format!("`{}` has a picture and implied decimals", field.name));
    }
    let PictureContent::Digits { decimals, sign, .. } = picture.content else { return None };
    let bare = decimals == 0 && sign == PictureSign::None;
    match field.logical_type {
        LogicalType::Number | LogicalType::Decimal => None,
        LogicalType::Integer if decimals == 0 => None,
        LogicalType::Integer => wrong(format!("`{}` is an integer, and its picture has decimals", field.name)),
        LogicalType::String | LogicalType::Date if bare => None,
        _ => wrong(format!("`{}` is no number, and its picture is one", field.name)),
    }
}

fn point(document: &Document, pointer: &str, message: &str) -> Finding {
    Finding::new(&document.source, document.locate_key(pointer), message)
}
