//! Corrections of quarantined rows: written out in clear for the partner, and read back from what the partner corrected.
//!
//! A correction is taken only where it is clear which row it stands for and the contract admits it. What is said about
//! the others names lines, columns and rules, never a value.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::capture::{Captured, alone};
use super::check::Checker;
use super::field::{Cell, FieldPlan};
use super::layout::{Layout, Place};
use super::quarantine::{Form, QuarantinedRow};
use super::reader::{Delimited, Kind, Span};
use super::replay::values_of;
use super::resolution::{Correction, Decision, Resolution, RowKey, Value};
use super::value;
use crate::error::{Error, Result};
use crate::workspace::{Contract, Field, LogicalType, PictureContent};

/// What each row of an export starts with, besides the fields of the contract.
const KEY: &str = "accord_row";
const RULE: &str = "accord_rule";
const COLUMN: &str = "accord_column";
const REASON: &str = "accord_reason";
/// The row as it was delivered, where it can't be taken apart.
const RECORD: &str = "accord_record";
const MARK: &str = "\u{feff}";

/// How rows of a corrected file are known.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// By the values of these fields.
    Fields(&'a [String]),
    /// They are as many, and stand in the same order.
    Order,
}

/// What came of a corrected file.
#[derive(Default)]
pub struct Corrected {
    /// Rows in it.
    pub rows: u64,
    /// The corrections that can be taken.
    pub made: Vec<Resolution>,
    /// Rows that are as they were delivered: they correct nothing.
    pub unchanged: u64,
    /// The rows that can't, in order.
    pub refused: Vec<Refused>,
}

/// A row of a corrected file that can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its line in that file.
    pub line: u64,
    /// The column that is wrong; none where it is the whole row.
    pub column: Option<String>,
    /// The rule.
    pub rule: String,
    /// The reason, without a value.
    pub reason: String,
}

impl fmt::Debug for Corrected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Corrected(..)")
    }
}

/// Rows as comma-separated text in UTF-8 with a header: which row it is, why it was rejected, and its values by field. It
/// holds people in clear.
///
/// # Errors
/// The contract has no such layouts.
pub fn export(contract: &Contract, rows: &[QuarantinedRow]) -> Result<String> {
    let layouts = Layout::all(contract)?;
    let mut text = MARK.to_owned();
    let fields = contract.fields.iter().map(|field| field.name.as_str());
    let header: Vec<&str> = [KEY, RULE, COLUMN, REASON].into_iter().chain(fields).chain([RECORD]).collect();
    text.push_str(&header.join(","));
    text.push_str("\r\n");
    for row in rows {
        let Some(key) = row.key() else { continue };
        let column = row.column.clone().unwrap_or_default();
        let mut cells = vec![written(&key), row.rule.clone(), column, row.reason.clone()];
        match values_of(row, contract, &layouts) {
            Some(values) => cells.extend(values.into_iter().map(|value| value.text).chain([String::new()])),
            None => {
                cells.extend(contract.fields.iter().map(|_| String::new()));
                cells.push(match row.form {
                    Some(Form::Text) => String::from_utf8_lossy(&row.record).into_owned(),
                    _ => String::new(),
                });
            }
        }
        let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        text.push_str(&quoted.join(","));
        text.push_str("\r\n");
    }
    Ok(text)
}

/// Whether a file is one that [`export`] wrote, corrected or not.
#[must_use]
pub fn is_export(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
    bytes.strip_prefix(b"\"").unwrap_or(bytes).starts_with(KEY.as_bytes())
}

/// Corrections from a file that [`export`] wrote and the partner corrected. Rows may be missing from it.
///
/// # Errors
/// `quarantine.correction` where the file is not written as it was.
pub fn from_export(contract: &Contract, rows: &[QuarantinedRow], bytes: &[u8]) -> Result<Corrected> {
    let contract = &alone(contract);
    let layouts = Layout::all(contract)?;
    let lines = lines(bytes)?;
    let Some(((_, header), lines)) = lines.split_first() else { return Err(unreadable("it is empty")) };
    let place = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| unreadable(&format!("its column `{name}` is missing")))
    };
    let key = place(KEY)?;
    let fields = contract.fields.iter().map(|field| place(&field.name)).collect::<Result<Vec<_>>>()?;
    let known: HashMap<String, &QuarantinedRow> =
        rows.iter().filter_map(|row| Some((written(&row.key()?), row))).collect();
    let mut taking = Taking::new(contract)?;
    for (line, cells) in lines {
        taking.next(*line);
        if cells.len() != header.len() {
            taking.refuse("columns", format!("it has {} columns, and the header {}", cells.len(), header.len()));
            continue;
        }
        let Some(row) = known.get(&cells[key]) else {
            taking.refuse("match", format!("`{KEY}` names no row that is in quarantine"));
            continue;
        };
        let Some(layout) = row.origin.as_ref().and_then(|origin| origin.layout_of(&layouts)) else {
            taking.refuse("layout", "the contract has the row's layout no more".to_owned());
            continue;
        };
        let before = values_of(row, contract, &layouts);
        let read = |(at, field): (usize, &Field)| {
            let before = before.as_ref().map(|values| &values[at]);
            typed(&cells[fields[at]], field, before, layout, at)
        };
        let values: Vec<Value> = contract.fields.iter().enumerate().map(read).collect();
        let blank = || values.iter().all(|value| value.text.is_empty());
        if before.as_ref().map_or_else(blank, |before| *before == values) {
            taking.done.unchanged += 1;
            continue;
        }
        taking.take(row, Correction::new(layout, contract, values), layout)?;
    }
    Ok(taking.done)
}

/// Corrections from a file in a layout of the contract.
///
/// # Errors
/// `quarantine.match` where the fields are no fields of the contract, or the numbers of rows differ that should not.
pub fn from_extract(
    contract: &Contract,
    rows: &[QuarantinedRow],
    captured: &[Captured],
    by: By<'_>,
) -> Result<Corrected> {
    let contract = &alone(contract);
    let layouts = Layout::all(contract)?;
    let found = match by {
        By::Fields(fields) => by_fields(contract, &layouts, rows, captured, fields)?,
        By::Order if rows.len() == captured.len() => rows.iter().map(Ok).collect(),
        By::Order => {
            let said = format!(
                "match the rows in their order: the corrected file has {} and the quarantine {}",
                captured.len(),
                rows.len()
            );
            let hint = "`accord quarantine export` gives the rows in that order; or match by --match FIELD,...";
            return Err(Error::usage("quarantine.match", said).with_hint(hint));
        }
    };
    let mut taking = Taking::new(contract)?;
    for (one, found) in captured.iter().zip(found) {
        taking.next(one.line);
        let layout = layouts.iter().find(|layout| layout.name == one.layout && layout.own == one.own);
        match (found, &one.misfit, layout) {
            (Err(why), _, _) => taking.refuse("match", why.to_owned()),
            (Ok(row), _, _) if one.values.is_some() && one.values == values_of(row, contract, &layouts) => {
                taking.done.unchanged += 1;
            }
            (Ok(_), Some((column, rule, reason)), _) => taking.done.refused.push(Refused {
                line: one.line,
                column: column.clone(),
                rule: (*rule).to_owned(),
                reason: reason.clone(),
            }),
            (Ok(row), None, Some(layout)) => match one.correction(layout, contract) {
                Some(correction) => taking.take(row, correction, layout)?,
                None => taking.refuse("columns", "it can't be taken apart".to_owned()),
            },
            (Ok(_), None, None) => taking.refuse("layout", "the contract has its layout no more".to_owned()),
        }
    }
    Ok(taking.done)
}

/// Takes corrections one by one.
struct Taking<'c> {
    contract: &'c Contract,
    checker: Checker<'c>,
    taken: HashSet<RowKey>,
    line: u64,
    done: Corrected,
}

impl<'c> Taking<'c> {
    fn new(contract: &'c Contract) -> Result<Self> {
        let checker = Checker::alone(contract)?;
        Ok(Self { contract, checker, taken: HashSet::new(), line: 0, done: Corrected::default() })
    }

    fn next(&mut self, line: u64) {
        self.line = line;
        self.done.rows += 1;
    }

    fn refuse(&mut self, rule: &str, reason: String) {
        self.done.refused.push(Refused { line: self.line, column: None, rule: rule.to_owned(), reason });
    }

    /// Takes a correction where the contract admits it and the row has no other one.
    fn take(&mut self, row: &QuarantinedRow, correction: Correction, layout: &Layout<'_>) -> Result<()> {
        let Some(key) = row.key() else {
            self.refuse("match", "an earlier version rejected its row; run again".to_owned());
            return Ok(());
        };
        let checker = &mut self.checker;
        let misfit = correction
            .read(self.contract, self.line, |record, columns| Ok(checker.check(record, layout, columns)?.err()))?;
        if let Some(reject) = misfit {
            self.done.refused.push(Refused {
                line: self.line,
                column: reject.column(self.contract).map(str::to_owned),
                rule: reject.misfit.rule.to_owned(),
                reason: reject.misfit.reason,
            });
        } else if self.taken.insert(key.clone()) {
            self.done.made.push(Resolution { row: key, decision: Some(Decision::Corrected(correction)) });
        } else {
            self.refuse("match", "an earlier line corrects the same row".to_owned());
        }
        Ok(())
    }
}

type Found<'r> = std::result::Result<&'r QuarantinedRow, &'static str>;

/// The row that each corrected one stands for: the only one with the same values, of which it is the only correction.
fn by_fields<'r>(
    contract: &Contract,
    layouts: &[Layout<'_>],
    rows: &'r [QuarantinedRow],
    captured: &[Captured],
    fields: &[String],
) -> Result<Vec<Found<'r>>> {
    let places = fields.iter().map(|name| place_of(contract, name)).collect::<Result<Vec<_>>>()?;
    if places.is_empty() {
        let said = "match the rows: the contract does not say what identifies a person";
        let hint = "say by which fields with --match FIELD,..., or that they stand in order with --in-order";
        return Err(Error::usage("quarantine.match", said).with_hint(hint));
    }
    let plans = places.iter().map(|at| FieldPlan::new(&contract.fields[*at])).collect::<Result<Vec<_>>>()?;
    let key = |values: &[Value], layout: Option<&Layout<'_>>| -> Option<Vec<String>> {
        let one = |(plan, at): (&FieldPlan<'_>, &usize)| {
            comparable(plan, &values[*at], layout.and_then(|layout| layout.pictures[*at]))
        };
        plans.iter().zip(&places).map(one).collect()
    };
    let mut known: HashMap<Vec<String>, Vec<&QuarantinedRow>> = HashMap::new();
    for row in rows {
        let layout = row.origin.as_ref().and_then(|origin| origin.layout_of(layouts));
        if let Some(key) = values_of(row, contract, layouts).and_then(|values| key(&values, layout)) {
            known.entry(key).or_default().push(row);
        }
    }
    let keys: Vec<Option<Vec<String>>> = captured
        .iter()
        .map(|one| {
            let layout = layouts.iter().find(|layout| layout.name == one.layout && layout.own == one.own);
            key(one.values.as_deref()?, layout)
        })
        .collect();
    let mut times: HashMap<&Vec<String>, u64> = HashMap::new();
    for key in keys.iter().flatten() {
        *times.entry(key).or_default() += 1;
    }
    let find = |key: &Option<Vec<String>>| {
        let Some(key) = key else { return Err("it has no value in a field that it is matched by") };
        match known.get(key).map(Vec::as_slice) {
            None => Err("no row in quarantine has the same values in the fields that it is matched by"),
            Some([_]) if times.get(key).is_some_and(|times| *times > 1) => {
                Err("several lines of the file have the same values in the fields that it is matched by")
            }
            Some([row]) => Ok(*row),
            Some(_) => Err("several rows in quarantine have the same values in the fields that it is matched by"),
        }
    };
    Ok(keys.iter().map(find).collect())
}

fn place_of(contract: &Contract, name: &str) -> Result<usize> {
    contract.fields.iter().position(|field| field.name == name).ok_or_else(|| {
        let known: Vec<&str> = contract.fields.iter().map(|field| field.name.as_str()).collect();
        Error::usage("quarantine.match", format!("contract {} has no field `{name}`", contract.id))
            .with_hint(format!("its fields are {}", known.join(", ")))
    })
}

/// What two spellings of a value have in common; none where it is missing.
fn comparable(plan: &FieldPlan<'_>, value: &Value, picture: Option<PictureContent>) -> Option<String> {
    let mut scratch = String::new();
    let span = Span { start: 0, end: value.text.len() as u32, kind: value.kind };
    match plan.read(&value.text, span, '"', picture, &mut scratch, &mut |_| {}) {
        Ok(Cell::Missing) => None,
        Ok(Cell::Text(place)) => Some(place.of(&value.text, &scratch).to_owned()),
        Ok(cell) => Some(format!("{cell:?}")),
        Err(_) => Some(value.text.trim().to_owned()).filter(|text| !text.is_empty()),
    }
}

/// A value of an export. What was not changed is what it was. In layouts whose cells have types a date, a number, a
/// boolean is one where the field is.
fn typed(text: &str, field: &Field, before: Option<&Value>, layout: &Layout<'_>, at: usize) -> Value {
    let value = |kind| Value { kind, text: text.to_owned() };
    if let Some(before) = before.filter(|before| before.text == text) {
        return before.clone();
    }
    let has_types = !matches!(layout.format, crate::workspace::Format::Delimited { .. })
        && !matches!(layout.format, crate::workspace::Format::FixedWidth { .. });
    if text.is_empty() && (has_types || layout.places[at] == Place::Absent) {
        return value(Kind::Null);
    }
    let fits = match field.logical_type {
        LogicalType::Date => value::date(text, &[crate::workspace::DateFormat::Iso]).map(|_| Kind::Day),
        LogicalType::Integer | LogicalType::Number | LogicalType::Decimal => {
            value::number(text, None).map(|_| Kind::Number)
        }
        LogicalType::Boolean => ["true", "false"].contains(&text).then_some(Kind::Boolean),
        LogicalType::String => None,
    };
    value(fits.filter(|_| has_types).unwrap_or(Kind::Plain))
}

fn written(key: &RowKey) -> String {
    let part = key.part.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
    format!("{}/{}{part}", &key.delivery[..key.delivery.len().min(16)], key.line)
}

/// The records of an export, each with its line.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>> {
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let reader = Delimited::new(',', Some('"'), false)?;
    let (mut at, mut line, mut spans, mut found) = (0, 1, Vec::new(), Vec::new());
    while let Some(extent) = reader.next(&text.as_bytes()[at..], true, &mut spans) {
        if let Some(fault) = &extent.fault {
            return Err(unreadable(&format!("in line {line} {}", fault.reason)));
        }
        let record = &text[at..at + extent.content];
        let cell = |span: &Span| record[span.start as usize..span.end as usize].replace("\"\"", "\"");
        let plain = |span: &Span| record[span.start as usize..span.end as usize].to_owned();
        if extent.content > 0 {
            let cells = spans.iter().map(|span| if span.escaped() { cell(span) } else { plain(span) });
            found.push((line, cells.collect()));
        }
        line += extent.lines;
        at += extent.whole;
    }
    Ok(found)
}

fn unreadable(why: &str) -> Error {
    let hint = "save it as comma-separated text in UTF-8, with the header and the column `accord_row` as they were";
    Error::data("quarantine.correction", format!("read the corrected rows: {why}")).with_hint(hint)
}
