//! A first draft of a contract from a sample: its layout, and what its columns seem to hold. What it can't know it marks,
//! for a person to decide; no value of a row stands in it, only words that stand for "no value" everywhere.

use std::fmt::Write;

use super::recognise::Head;
use super::sniff::{Sniffed, sample};
use super::value;
use crate::error::{Error, Result};
use crate::workspace::{BooleanWords, Compression, DateFormat, Format};

/// Bytes of the start that a draft is made of.
pub const SAMPLE: usize = 4 << 20;

/// Words that are likely to stand for "no value", whatever the file.
const NO_VALUE: [&str; 16] = [
    "*", "**", "N/A", "NA", "n/a", "--", "-", "NULL", "null", "None", "none", ".", "-9999", "-6666", "#N/A", "Unknown",
];
/// Parts of names that identifiers of people have.
const IDENTIFYING: [&str; 17] = [
    "ssn",
    "ssid",
    "student_id",
    "studentid",
    "student_number",
    "state_id",
    "local_id",
    "person",
    "name",
    "birth",
    "dob",
    "address",
    "street",
    "email",
    "phone",
    "zip",
    "guardian",
];

/// Drafts a contract from the first bytes of a file.
///
/// # Errors
/// `intake.infer`: nothing can be said about a file of this kind, or an empty one.
pub fn infer(bytes: &[u8], whole: bool, path: &str, id: &str) -> Result<String> {
    let none = |said: &str| {
        Error::data("intake.infer", format!("draft a contract of {path}: {said}"))
            .with_hint("text (delimited, fixed width, JSON lines) can be drafted; docs/contracts.md shows the rest")
    };
    let (found, rows) = sample(&Head { bytes, whole, path }).ok_or_else(|| none("nothing is known of such a file"))?;
    if !found.format.is_text() {
        return Err(none(&format!("columns of {} are not drafted yet", found.format.word())));
    }
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = draft(&mut text, &found, &rows, id);
    Ok(text)
}

fn draft(text: &mut String, found: &Sniffed, rows: &[Vec<String>], id: &str) -> std::fmt::Result {
    writeln!(
        text,
        "# A draft, made of a sample of {} rows. Look through it with the partner, above all what is marked.",
        rows.len()
    )?;
    writeln!(
        text,
        "id: {id}\nversion: 0.1.0\npartner: WHO # the party of the agreement that delivers it\ntitle: WHAT"
    )?;
    writeln!(text, "format: {}", found.format_yaml(None))?;
    let note = if found.ascii { " # the sample is ASCII alone: ask the partner" } else { "" };
    writeln!(text, "encoding: {}{note}", found.encoding.word())?;
    if found.compression != Compression::None {
        writeln!(text, "compression: {}", found.compression.word())?;
    }
    writeln!(text, "fields:")?;
    if let Format::FixedWidth { record_length, .. } = found.format {
        writeln!(text, "  # say where the fields stand: the sample does not show it")?;
        return writeln!(text, "  - {{ name: line, position: {{ start: 1, length: {record_length} }}, type: string }}");
    }
    let mut names: Vec<String> = Vec::new();
    for at in 0..found.width {
        let column = found.names().get(at);
        let name = field_name(column.map_or("", String::as_str), at, &names);
        let cells: Vec<&str> = rows.iter().filter_map(|row| row.get(at)).map(String::as_str).collect();
        let place = column.map_or(String::new(), |column| {
            let before = found.names()[..at].iter().filter(|one| *one == column).count();
            let twice = found.names().iter().filter(|one| *one == column).count() > 1;
            let nth = if twice { format!(", occurrence: {}", before + 1) } else { String::new() };
            format!(", column: {}{nth}", quoted(column))
        });
        let mark = if identifies(&name) { " # identifies people? then `normalise` it, and link only" } else { "" };
        writeln!(text, "  - {{ name: {name}{place}{} }}{mark}", kind(&cells))?;
        names.push(name);
    }
    Ok(())
}

fn quoted(word: &str) -> String {
    serde_json::Value::String(word.to_owned()).to_string()
}

/// A name that SQL can use, that no field before has.
fn field_name(column: &str, at: usize, taken: &[String]) -> String {
    let mut name = String::new();
    for character in column.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    let name = if name.starts_with(|first: char| first.is_ascii_lowercase()) && name != "person" {
        name.to_owned()
    } else {
        format!("column_{}", at + 1)
    };
    if taken.contains(&name) { format!("{name}_{}", at + 1) } else { name }
}

fn identifies(name: &str) -> bool {
    IDENTIFYING.iter().any(|part| name.contains(part))
}

/// The type that all values have, and the words among them that likely mean "no value".
fn kind(cells: &[&str]) -> String {
    let known: Vec<&str> = NO_VALUE.into_iter().filter(|word| cells.contains(word)).collect();
    let full: Vec<&str> =
        cells.iter().copied().filter(|cell| !cell.trim().is_empty() && !known.contains(cell)).collect();
    let missing: Vec<String> = known.iter().map(|word| format!("{}: WHY", quoted(word))).collect();
    let missing = if missing.is_empty() { String::new() } else { format!(", missing: {{ {} }}", missing.join(", ")) };
    let required =
        if known.is_empty() && !cells.is_empty() && full.len() == cells.len() { ", required: true" } else { "" };
    format!(", type: {}{missing}{required}", type_of(&full))
}

fn type_of(full: &[&str]) -> String {
    let all = |fits: &dyn Fn(&str) -> bool| !full.is_empty() && full.iter().all(|cell| fits(cell));
    // A leading zero is an id's.
    let leading = |cell: &str| cell.trim_start_matches('-').len() > 1 && cell.trim_start_matches('-').starts_with('0');
    let formats = [
        ("YYYYMMDD", DateFormat::Compact),
        ("YYYY-MM-DD", DateFormat::Iso),
        ("MM/DD/YYYY", DateFormat::Us),
        ("M/D/YYYY", DateFormat::UsShort),
    ];
    let plausible =
        |cell: &str, format: DateFormat| value::date(cell, &[format]).is_some_and(|day| day > -50_000 && day < 30_000);
    if let Some((word, _)) = formats.iter().find(|(_, format)| all(&|cell| plausible(cell, *format))) {
        return format!("date, date_formats: [{word}]");
    }
    if all(&|cell| value::integer(cell).is_some() && !leading(cell)) {
        return "integer".to_owned();
    }
    if all(&|cell| value::number(cell, None).is_some() && (cell.contains('.') || !leading(cell))) {
        return "number".to_owned();
    }
    for (yes, no) in [("Y", "N"), ("Yes", "No"), ("YES", "NO"), ("true", "false"), ("TRUE", "FALSE"), ("T", "F")] {
        let words = BooleanWords { yes: vec![yes.to_owned()], no: vec![no.to_owned()] };
        if all(&|cell| value::boolean(cell, Some(&words)).is_some()) {
            return format!("boolean, boolean_words: {{ \"true\": [\"{yes}\"], \"false\": [\"{no}\"] }}");
        }
    }
    "string".to_owned()
}
