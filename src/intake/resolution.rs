//! Decisions about single rows that were rejected: dropped, with a reason, or replaced by a corrected row. A decision is
//! about a row of a delivery that is known by its content, and holds whatever the contract says of that row later.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::quarantine::{Origin, failed, unseal};
use super::reader::{Columns, Kind, Raw, Record, Span};
use crate::error::{Error, Result};
use crate::sealed;
use crate::workspace::Contract;

/// By what a row is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowKey {
    /// SHA-256 of its delivery's bytes.
    pub delivery: String,
    /// The file of an archive.
    pub part: Option<String>,
    /// Its first physical line, or its row, counted from 1.
    pub line: u64,
}

/// What was decided about a row.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is left out, and counted as resolved.
    Dropped,
    /// It is read from here.
    Corrected(Correction),
}

/// A whole row in place of one that was rejected.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The layout that its values are written in.
    pub(super) layout: String,
    /// Whether that is the layout that the contract itself describes.
    pub(super) own: bool,
    /// Its values by field.
    pub(super) values: BTreeMap<String, Value>,
}

/// A field's value as it is written, quotes around it taken off.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// A decision and what it is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// The row.
    pub row: RowKey,
    /// What was decided; none takes an earlier decision back.
    pub decision: Option<Decision>,
}

/// Decisions about the rows of one delivery, or of one part of it, by line.
pub(super) type Lines = HashMap<u64, Arc<Decision>>;

/// What holds for the rows of a source: of several decisions about a row the last one.
#[derive(Clone, Default)]
pub struct Resolutions {
    decided: HashMap<(String, Option<String>), Arc<Lines>>,
}

impl Resolutions {
    /// Takes decisions that were made after all that are in it.
    pub fn add(&mut self, made: impl IntoIterator<Item = Resolution>) {
        for Resolution { row, decision } in made {
            let lines = self.decided.entry((row.delivery, row.part)).or_default();
            let lines = Arc::make_mut(lines);
            match decision {
                Some(decision) => drop(lines.insert(row.line, Arc::new(decision))),
                None => drop(lines.remove(&row.line)),
            }
        }
    }

    /// What holds for a row.
    #[must_use]
    pub fn get(&self, row: &RowKey) -> Option<&Decision> {
        let lines = self.decided.get(&(row.delivery.clone(), row.part.clone()))?;
        lines.get(&row.line).map(AsRef::as_ref)
    }

    /// The rows of a delivery about which something was decided, in order.
    #[must_use]
    pub fn rows_of(&self, delivery: &str) -> Vec<(RowKey, &Decision)> {
        let parts = self.decided.iter().filter(|((of, _), _)| of == delivery);
        let mut rows: Vec<(RowKey, &Decision)> = parts
            .flat_map(|((delivery, part), lines)| {
                let key = move |line| RowKey { delivery: delivery.clone(), part: part.clone(), line };
                lines.iter().map(move |(line, decision)| (key(*line), decision.as_ref()))
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows
    }

    /// What holds for the rows of a delivery, or of a part of it; none where nothing does.
    pub(super) fn of(&self, delivery: &str, part: Option<&str>) -> Option<Arc<Lines>> {
        if self.decided.is_empty() {
            return None;
        }
        self.decided.get(&(delivery.to_owned(), part.map(str::to_owned))).cloned()
    }
}

/// Decisions as they are stored: a line of JSON each, encrypted for one recipient.
///
/// # Errors
/// Encryption fails.
pub fn seal_resolutions(made: &[Resolution], recipient: &age::x25519::Recipient) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for one in made {
        serde_json::to_writer(&mut lines, one)
            .map_err(|error| Error::internal("intake.resolution", "write a decision").with_source(error))?;
        lines.push(b'\n');
    }
    sealed::seal(&lines, recipient).map_err(failed)
}

/// Opens what [`seal_resolutions`] made.
///
/// # Errors
/// The identity is another one than the file was encrypted for, or the file is damaged.
pub fn open_resolutions(bytes: &[u8], identity: &age::x25519::Identity) -> Result<Vec<Resolution>> {
    let mut made = Vec::new();
    unseal(bytes, identity, &mut |line| {
        made.push(serde_json::from_str(line).ok()?);
        Some(())
    })?;
    Ok(made)
}

impl Correction {
    pub(super) fn new(layout: &Layout<'_>, contract: &Contract, values: Vec<Value>) -> Self {
        let names = contract.fields.iter().map(|field| field.name.clone());
        Self { layout: layout.name.to_owned(), own: layout.own, values: names.zip(values).collect() }
    }

    /// The layout that its values are written in, as the contract has it now.
    pub(super) fn layout_of<'l, 'c>(&self, layouts: &'l [Layout<'c>]) -> Option<&'l Layout<'c>> {
        find(&self.layout, self.own, layouts)
    }

    /// Reads it as a record whose columns are the fields of the contract.
    pub(super) fn read<T>(
        &self,
        contract: &Contract,
        line: u64,
        take: impl FnOnce(&Record<'_>, &Columns) -> Result<T>,
    ) -> Result<T> {
        let mut text = String::new();
        let mut spans = Vec::with_capacity(contract.fields.len());
        for field in &contract.fields {
            let start = text.len() as u32;
            let kind = self.values.get(&field.name).map_or(Kind::Null, |value| {
                text.push_str(&value.text);
                value.kind
            });
            spans.push(Span { start, end: text.len() as u32, kind });
        }
        let record = Record { line, raw: Raw::Cells, text: &text, spans: &spans, quote: '"', fault: None };
        take(&record, &Columns::in_order(contract.fields.len()))
    }
}

impl Origin {
    /// The layout that the rows have, as the contract has it now.
    pub(super) fn layout_of<'l, 'c>(&self, layouts: &'l [Layout<'c>]) -> Option<&'l Layout<'c>> {
        find(&self.layout, self.own, layouts)
    }
}

/// A contract's own layout is named after its version where it has no name, and versions change.
fn find<'l, 'c>(name: &str, own: bool, layouts: &'l [Layout<'c>]) -> Option<&'l Layout<'c>> {
    let named = layouts.iter().find(|layout| layout.name == name);
    named.or_else(|| layouts.iter().find(|layout| own && layout.own))
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.kind.letter(), &self.text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (letter, text) = Deserialize::deserialize(deserializer)?;
        let kind = Kind::of_letter(letter).ok_or_else(|| serde::de::Error::custom("no kind of cell"))?;
        Ok(Self { kind, text })
    }
}

/// They hold rows.
macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
redacted!(Decision, Correction, Value, Resolution, Resolutions);
