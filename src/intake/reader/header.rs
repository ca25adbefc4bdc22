//! Which column of a delivery is which field of the contract.

use super::{Record, Span};
use crate::error::{Error, Result};
use crate::intake::layout::{Layout, Place};
use crate::workspace::{ExtraColumns, Format};

/// Between the upper and the lower name of a column with a header of two rows.
const JOIN: &str = " / ";

/// Which column of a delivery is which field.
#[derive(Clone, Debug)]
pub(in crate::intake) struct Columns {
    /// The column of each field of the contract, counted from 0; none of a field that is not in this layout.
    pub(in crate::intake) of_field: Vec<Option<usize>>,
    /// Columns that each record must have; more are fine where `at_least`.
    count: usize,
    at_least: bool,
    /// The columns' names, where they have names.
    pub(in crate::intake) names: Vec<String>,
}

/// What comes before the first row.
pub(in crate::intake) enum Heading {
    /// Rows of the header that have been read.
    Header(Vec<Vec<String>>),
    /// The columns are known.
    Done(Columns),
}

impl Heading {
    pub(in crate::intake) fn new() -> Self {
        Self::Header(Vec::new())
    }

    /// Takes the next record and gives the columns where it is a row; none where it belongs to the header.
    ///
    /// # Errors
    /// `intake.no_header`, `intake.header`, `intake.missing_column`, `intake.extra_column`, `intake.duplicate_column`,
    /// `intake.column_count`, `intake.record_length`: another layout than the contract's.
    pub(in crate::intake) fn take(
        &mut self,
        layout: &Layout<'_>,
        record: &Record<'_>,
        path: &str,
    ) -> Result<Option<&Columns>> {
        if let Self::Header(rows) = self {
            let wanted = layout.format.header_rows();
            if rows.len() < wanted {
                if let Some(fault) = &record.fault {
                    let said = format!("read the header of extract {path}: {}", fault.reason);
                    return Err(Error::data("intake.header", said).with_hint(LAYOUT));
                }
                rows.push(record.spans.iter().map(|span| name(record, span)).collect());
                if rows.len() == wanted {
                    *self = Self::Done(Columns::by_name(layout, &joined(rows), path)?);
                }
                return Ok(None);
            }
            *self = Self::Done(Columns::by_place(layout, record, path)?);
        }
        match self {
            Self::Done(columns) => Ok(Some(columns)),
            Self::Header(_) => Ok(None),
        }
    }

    /// The columns, once they are known.
    pub(in crate::intake) fn columns(&self) -> Option<&Columns> {
        match self {
            Self::Done(columns) => Some(columns),
            Self::Header(_) => None,
        }
    }

    /// Whether the columns are known.
    pub(in crate::intake) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// Whether anything was read.
    pub(in crate::intake) fn seen(&self) -> bool {
        !matches!(self, Self::Header(rows) if rows.is_empty())
    }
}

impl Columns {
    /// Columns that the reader itself puts in the order of the fields.
    pub(in crate::intake) fn in_order(fields: usize) -> Self {
        Self::of_places((0..fields).map(Some).collect(), fields, false)
    }

    /// Columns without names: that of each field, how many there are, and whether there may be more.
    pub(in crate::intake) fn of_places(of_field: Vec<Option<usize>>, count: usize, at_least: bool) -> Self {
        Self { of_field, count, at_least, names: Vec::new() }
    }

    /// Columns without names, as a layout numbers them.
    pub(in crate::intake) fn by_order(layout: &Layout<'_>) -> Self {
        let (of_field, count) = layout.by_order();
        Self::of_places(of_field, count, layout.extra_columns == ExtraColumns::Drop)
    }

    /// Finds the fields by the names in the header.
    ///
    /// # Errors
    /// As [`Heading::take`].
    pub(in crate::intake) fn by_name(layout: &Layout<'_>, names: &[String], path: &str) -> Result<Self> {
        // A first line that names no column at all is likely a row, and a row is never quoted.
        if !names.iter().any(|name| layout.knows(name)) {
            let said = format!("read extract {path}: its first line names none of the contract's columns");
            return Err(Error::data("intake.no_header", said).with_hint(LAYOUT));
        }
        let mut taken = vec![false; names.len()];
        let mut of_field = Vec::with_capacity(layout.places.len());
        for place in &layout.places {
            let Place::Column { name: wanted, occurrence } = *place else {
                of_field.push(None);
                continue;
            };
            let mut same = names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(at, _)| at);
            let found = same.nth(occurrence.unwrap_or(1).saturating_sub(1));
            if occurrence.is_none() && same.next().is_some() {
                let said = format!("read extract {path}: the header names column `{wanted}` twice");
                let hint = "say which one it is with `occurrence: 1` or `2`, or ask the partner which of them counts";
                return Err(Error::data("intake.duplicate_column", said).with_hint(hint));
            }
            let at = found.ok_or_else(|| missing(path, wanted, names, layout))?;
            taken[at] = true;
            of_field.push(Some(at));
        }
        if layout.extra_columns == ExtraColumns::Refuse
            && let Some((at, extra)) = names.iter().enumerate().find(|(at, _)| !taken[*at])
        {
            return Err(extra_column(path, extra, at, layout));
        }
        Ok(Self { of_field, count: names.len(), at_least: false, names: names.to_vec() })
    }

    /// Finds the fields by their order or position.
    fn by_place(layout: &Layout<'_>, first: &Record<'_>, path: &str) -> Result<Self> {
        let count = layout.places.len();
        let refused = |code, said: String| Err(Error::data(code, said).with_hint(LAYOUT));
        match (layout.format, &first.fault) {
            (Format::FixedWidth { .. }, Some(fault)) if fault.rule == "record_length" => {
                let said = format!("read extract {path}: in line {} {}", first.line, fault.reason);
                return refused("intake.record_length", said);
            }
            (Format::JsonLines {}, Some(fault)) if fault.rule != "encoding" => {
                let said = format!("read extract {path}: in line {} {}", first.line, fault.reason);
                return refused("intake.json", said);
            }
            (Format::Delimited { .. } | Format::Excel { .. }, _) => {}
            _ => return Ok(Self::in_order(count)),
        }
        let columns = Self::by_order(layout);
        let count = columns.count;
        if first.fault.is_none() && !columns.fits(first.spans.len()) {
            let found = first.spans.len();
            let said = format!(
                "read extract {path}: line {} has {found} columns, and the contract has {count} fields",
                first.line
            );
            return refused("intake.column_count", said);
        }
        Ok(columns)
    }

    /// Whether a record may have that many columns.
    pub(in crate::intake) fn fits(&self, found: usize) -> bool {
        found == self.count || (self.at_least && found > self.count)
    }

    /// What is wrong with a record of that many columns.
    pub(in crate::intake) fn misfit(&self, found: usize) -> String {
        format!("the record has {found} columns instead of {}", self.count)
    }
}

const LAYOUT: &str = "the layout has changed, or delimiter, length or encoding are others than the contract says; \
                      agree a new version of the contract with the partner";

/// The columns' names of one or two rows. A name in the upper row stretches over empty cells to its right.
pub(in crate::intake) fn joined(rows: &[Vec<String>]) -> Vec<String> {
    let [upper, lower] = rows else { return rows.concat() };
    let width = upper.len().max(lower.len());
    let mut group = "";
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let mut names = Vec::with_capacity(width);
    for at in 0..width {
        if let Some(next) = upper.get(at).filter(|next| !next.trim().is_empty()) {
            group = next;
        }
        let lower = cell(lower, at);
        names.push(match (group.is_empty(), lower.is_empty()) {
            (false, false) => format!("{group}{JOIN}{lower}"),
            (true, _) => lower,
            (false, true) => group.to_owned(),
        });
    }
    names
}

/// A column's name as the header has it.
pub(in crate::intake) fn name(header: &Record<'_>, span: &Span) -> String {
    let name = &header.text[span.start as usize..span.end as usize];
    if !span.escaped() {
        return name.to_owned();
    }
    let quote = header.quote.to_string();
    name.replace(&quote.repeat(2), &quote)
}

fn missing(path: &str, wanted: &str, names: &[String], layout: &Layout<'_>) -> Error {
    let spare = names.iter().map(String::as_str).filter(|name| !layout.knows(name));
    let hint = match nearest(wanted, spare) {
        Some(near) => format!("the header has `{near}`, which the contract does not know; is it the same?"),
        None => LAYOUT.to_owned(),
    };
    Error::data("intake.missing_column", format!("read extract {path}: column `{wanted}` is missing")).with_hint(hint)
}

fn extra_column(path: &str, extra: &str, at: usize, layout: &Layout<'_>) -> Error {
    let hint = match nearest(extra, layout.columns()) {
        Some(near) => format!("the contract's nearest column is `{near}`; add a field, or set `extra_columns: drop`"),
        None => "add a field to the contract, or set `extra_columns: drop`".to_owned(),
    };
    let named = if extra.is_empty() { format!("{} has no name and", at + 1) } else { format!("`{extra}`") };
    let said = format!("read extract {path}: column {named} is not in the contract");
    Error::data("intake.extra_column", said).with_hint(hint)
}

pub(in crate::intake) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |name: &str| name.to_lowercase();
    let distance = |name: &str| strsim::normalized_damerau_levenshtein(&folded(wanted), &folded(name));
    let near = names.map(|name| (distance(name), name)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (near.0 >= 0.5).then_some(near.1)
}
