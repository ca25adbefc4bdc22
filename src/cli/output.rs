//! How results and errors look.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io::Write;

use serde::Serialize;

use super::app::App;
use crate::error::{Error, Result};
use crate::intake::advice;
pub(super) use crate::report::number;

/// Writes a line to standard output. A reader that has gone away (`| head`) is no failure.
pub(super) fn line(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
}

/// Writes text to standard output as it is.
pub(super) fn text(text: &str) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// Writes a line to standard error.
pub(super) fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Writes a value as JSON to standard output.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::internal("cli.json", "a result can't be written as JSON").with_source(error))?;
    line(text);
    Ok(())
}

/// Says an error: report or message, causes, hint. One JSON object where JSON is asked for.
pub(super) fn print_error(app: &App, error: &Error) {
    if app.json() {
        let value = serde_json::json!({
            "error": error.code(), "exit_code": error.kind().exit_code(),
            "message": error.to_string(), "hint": error.hint(), "report": error.report(),
        });
        return say(value.to_string());
    }
    if let Some(report) = error.report() {
        say(report.trim_end());
        say("");
    }
    say(format!("{}: {error} [{}]", paint(app, "1;31", "error"), error.code()));
    let mut cause = error.source();
    while let Some(one) = cause {
        say(format!("  caused by: {one}"));
        cause = one.source();
    }
    if let Some(hint) = error.hint() {
        say(format!("\n{}: {hint}", paint(app, "1;36", "hint")));
    }
}

/// Text in a colour, where colours are on.
pub(super) fn paint(app: &App, code: &str, text: &str) -> String {
    if app.color() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Rows under a title; nothing where there are none.
pub(super) fn section(indent: &str, title: &str, rows: &[Vec<String>]) {
    if !rows.is_empty() {
        line(format!("{indent}{title}"));
    }
    columns(rows).iter().for_each(|row| line(format!("{indent}  {row}")));
}

/// What can be done about rows that rules rejected, for each rule once.
pub(super) fn what_to_do<'r>(indent: &str, rules: impl Iterator<Item = &'r str>) {
    let rules: BTreeSet<&str> = rules.collect();
    let known = rules.into_iter().filter_map(|rule| Some(vec![rule.to_owned(), advice(rule)?.to_owned()]));
    section(indent, "what to do", &known.collect::<Vec<_>>());
}

/// Rows with their columns lined up, two blanks between them.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}
