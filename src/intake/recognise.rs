//! Which of a contract's layouts an extract has, by its fingerprint: compression, format, encoding, width, columns. One
//! that has none of them is refused before any row is read, with what differs from the nearest layout and a layout to put
//! into the contract if the partner means it so.

use super::layout::{Layout, Place};
use super::reader::{Heading, Reader, Record, nearest};
use super::sniff::{Sniffed, sniff};
use crate::error::{Error, Result};
use crate::workspace::{Compression, Contract, Encoding, Format};
use crate::yaml::quoted;

/// Bytes of the start by which an extract is recognised.
pub(super) const HEAD: usize = 64 << 10;
/// Columns that are listed one by one.
const LISTED: usize = 20;

/// The first bytes of an extract, or of one file of an archive.
pub(super) struct Head<'h> {
    pub(super) bytes: &'h [u8],
    /// They are all of it.
    pub(super) whole: bool,
    /// What messages call it.
    pub(super) path: &'h str,
}

/// The layout whose format, encoding and columns the start has.
///
/// # Errors
/// With one layout, what it refuses; with several, `intake.unknown_layout` where the start has none of them.
pub(super) fn choose<'l, 'c>(
    layouts: &[&'l Layout<'c>],
    head: &Head<'_>,
    reader: &dyn Fn(&'l Layout<'c>) -> Result<Reader>,
) -> Result<&'l Layout<'c>> {
    if let [only] = layouts {
        return Ok(only);
    }
    let mut best: Option<(u64, &'l Layout<'c>)> = None;
    for layout in layouts {
        // The first of those that fit equally well: they would read the same.
        if let Ok(odd) = reader(layout).and_then(|reader| odd_records(reader, layout, head))
            && best.is_none_or(|(least, _)| odd < least)
        {
            best = Some((odd, layout));
        }
    }
    best.map(|(_, layout)| layout).ok_or_else(|| {
        let names: Vec<&str> = layouts.iter().map(|layout| layout.name).collect();
        let said = format!("read extract {}: its layout is none of {}", head.path, names.join(", "));
        Error::data("intake.unknown_layout", said)
            .with_hint("agree the layout above with the partner, and put it under `layouts` of the contract")
    })
}

/// Reads the start as a layout says, and counts records that do not look it.
///
/// # Errors
/// It has another layout.
fn odd_records(mut reader: Reader, layout: &Layout<'_>, head: &Head<'_>) -> Result<u64> {
    let mut heading = Heading::new();
    let mut odd = 0;
    let mut each = |record: &Record<'_>| {
        if let Some(columns) = heading.take(layout, record, head.path)? {
            odd += u64::from(record.fault.is_some() || !columns.fits(record.spans.len()));
        }
        Ok(())
    };
    reader.push(layout, head.bytes, &mut each)?;
    if head.whole {
        reader.finish(layout, &mut each)?;
    }
    // Without its header, or a first row, nothing is recognised but an empty file.
    if head.bytes.is_empty() || heading.is_done() {
        return Ok(odd);
    }
    Err(Error::data("intake.no_header", format!("read extract {}: its start has no header", head.path)))
}

/// Whether an error is about the layout, so that a comparison with the known ones helps.
pub(super) fn is_of_layout(error: &Error) -> bool {
    matches!(
        error.code(),
        "intake.unknown_layout"
            | "intake.no_header"
            | "intake.missing_column"
            | "intake.extra_column"
            | "intake.duplicate_column"
            | "intake.column_count"
            | "intake.record_length"
            | "intake.json"
    )
}

/// Adds what differs from the nearest layout, and a layout that the start has.
pub(super) fn explained(error: Error, contract: &Contract, layouts: &[&Layout<'_>], head: &Head<'_>) -> Error {
    let Some(found) = sniff(head) else { return error };
    // Of several that are equally near, the first.
    let near = layouts.iter().rev().max_by_key(|layout| likeness(layout, &found));
    let Some(nearest) = near else { return error };
    let mut report = format!("{} compared with layout `{}` of contract {}:\n", head.path, nearest.name, contract.id);
    for line in differences(nearest, &found) {
        report.push_str("  ");
        report.push_str(&line);
        report.push('\n');
    }
    if let Some(draft) = draft(contract, nearest, &found) {
        report.push_str("\nif the partner means it so, the contract says (look through what is marked):\n");
        report.push_str(&draft);
    }
    error.with_report(report)
}

/// How like a layout the start is: the most columns in common, then the most that are alike, then the format.
fn likeness(layout: &Layout<'_>, found: &Sniffed) -> (usize, usize, bool, bool, std::cmp::Reverse<usize>) {
    let common = found.names().iter().filter(|name| layout.knows(name)).count();
    let alike = found.names().iter().filter(|name| nearest(name, layout.columns()).is_some()).count();
    let same = layout.format.word() == found.format.word();
    let width = width(layout.format, layout.by_order().1).abs_diff(found.width);
    (common, alike, same, layout.encoding == found.encoding, std::cmp::Reverse(width))
}

fn width(format: &Format, columns: usize) -> usize {
    match format {
        Format::FixedWidth { record_length, .. } => *record_length,
        _ => columns,
    }
}

/// The names of the columns, where they are surely names: where none is known, it may be a row, and a row is never shown.
fn shown<'f>(layout: &Layout<'_>, found: &'f Sniffed) -> Option<&'f [String]> {
    let names = found.names();
    let known = names.iter().filter(|name| layout.knows(name)).count();
    let sure = known > 0 && known * 3 >= names.len().min(layout.columns().count());
    // Of a damaged line of JSON the pieces between its commas are no names, even where one of them is a key.
    let pieces = *layout.format == Format::JsonLines {} && found.format != Format::JsonLines {};
    (sure && !pieces && layout.format.names_columns()).then_some(names)
}

/// What differs, a line each.
fn differences(layout: &Layout<'_>, found: &Sniffed) -> Vec<String> {
    let mut lines = Vec::new();
    let mut differs = |what: &str, known: String, now: String| {
        if known != now {
            lines.push(format!("{what}: {known}, now {now}"));
        }
    };
    if layout.compression != Compression::Zip {
        differs("compression", layout.compression.word().to_owned(), found.compression.word().to_owned());
    }
    differs("format", layout.format.word().to_owned(), found.format.word().to_owned());
    if layout.format.is_text() && layout.encoding != found.encoding && !found.ascii {
        differs("encoding", layout.encoding.word().to_owned(), found.encoding.word().to_owned());
    }
    match (layout.format, &found.format) {
        (Format::Delimited { delimiter, .. }, Format::Delimited { delimiter: now, .. }) => {
            differs("delimiter", format!("{delimiter:?}"), format!("{now:?}"));
        }
        (Format::FixedWidth { record_length, .. }, Format::FixedWidth { record_length: now, .. }) => {
            differs("record length", record_length.to_string(), now.to_string());
        }
        _ => {}
    }
    match shown(layout, found) {
        Some(names) => lines.extend(columns(layout, names)),
        None if !layout.format.names_columns() && matches!(found.format, Format::Delimited { .. }) => {
            let known = layout.by_order().1;
            if known != found.width {
                lines.push(format!("columns: {known}, now {}", found.width));
            }
        }
        None => {}
    }
    if lines.is_empty() {
        lines.push("nothing that its first bytes show".to_owned());
    }
    lines
}

/// Columns that are gone, new, or there twice.
fn columns(layout: &Layout<'_>, names: &[String]) -> Vec<String> {
    let gone: Vec<&str> = layout.columns().filter(|name| !names.iter().any(|one| one == name)).collect();
    let new: Vec<&str> = names.iter().map(String::as_str).filter(|name| !layout.knows(name)).collect();
    let mut lines = Vec::new();
    for name in gone.iter().take(LISTED) {
        let near = nearest(name, new.iter().copied()).map(|near| format!("; is it `{near}` now?"));
        lines.push(format!("column gone: `{name}`{}", near.unwrap_or_default()));
    }
    lines.extend(new.iter().take(LISTED).map(|name| format!("column new: `{name}`")));
    let more = gone.len().saturating_sub(LISTED) + new.len().saturating_sub(LISTED);
    if more > 0 {
        lines.push(format!("and {more} more columns"));
    }
    let twice = names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name));
    lines.extend(twice.take(LISTED).map(|(_, name)| format!("column twice: `{name}`")));
    lines
}

/// The encoding that the contract says, where the start is ASCII alone and would fit it.
fn encoding(layout: &Layout<'_>, found: &Sniffed) -> Encoding {
    let fits = found.ascii && layout.format.is_text() && found.encoding != Encoding::Utf16;
    if fits && layout.encoding != Encoding::Utf16 { layout.encoding } else { found.encoding }
}

fn quote(format: &Format) -> Option<char> {
    match format {
        Format::Delimited { quote, .. } => *quote,
        _ => None,
    }
}

/// A layout that the start has, to be put into the contract.
fn draft(contract: &Contract, nearest_layout: &Layout<'_>, found: &Sniffed) -> Option<String> {
    let text = matches!(found.format, Format::Delimited { .. } | Format::FixedWidth { .. } | Format::JsonLines {});
    if !text {
        return None;
    }
    let mut lines = vec![
        "layouts:".to_owned(),
        "  - name: NEW # what you call it".to_owned(),
        format!("    format: {}", found.format_yaml(quote(nearest_layout.format))),
        format!("    encoding: {}", encoding(nearest_layout, found).word()),
    ];
    let zipped = nearest_layout.compression == Compression::Zip;
    let compression = if zipped { Compression::Zip } else { found.compression };
    if compression != Compression::None {
        lines.push(format!("    compression: {}", compression.word()));
    }
    let names = shown(nearest_layout, found);
    if names.is_some_and(|names| names.iter().any(|name| !nearest_layout.knows(name))) {
        lines.push("    extra_columns: drop # or add fields for the new columns".to_owned());
    }
    let mut places = Vec::new();
    for (field, place) in contract.fields.iter().zip(&nearest_layout.places) {
        let name = &field.name;
        match (place, names) {
            (Place::Column { name: column, .. }, Some(names)) if !names.iter().any(|one| one == column) => {
                let spare = names.iter().map(String::as_str).filter(|name| !nearest_layout.knows(name));
                places.push(match nearest(column, spare) {
                    Some(near) => format!("      {name}: {{ column: {} }} # is it?", quoted(near)),
                    None if field.required => format!("      {name}: {{ column: WHICH }} # it is required"),
                    None => format!("      {name}: absent # or which column?"),
                });
            }
            (Place::Position { start, length }, _) => {
                places.push(format!(
                    "      {name}: {{ position: {{ start: {}, length: {length} }} }} # still?",
                    start + 1
                ));
            }
            (Place::Order(at), _) if nearest_layout.by_order().1 != found.width => {
                places.push(format!("      {name}: {{ number: {} }} # still?", at + 1));
            }
            _ => {}
        }
    }
    if !places.is_empty() {
        lines.push("    columns:".to_owned());
        lines.extend(places);
    }
    lines.push(String::new());
    Some(lines.join("\n"))
}
