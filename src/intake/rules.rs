//! Rules beyond single fields. Those over several rows, and over another source, hold hashes in place of values.

use std::sync::Arc;

use super::compare::{Constant, order};
use super::field::{Cell, Misfit};
use super::keys::{Key, KeyHasher, KeyOfRow, KeyTable};
use super::references::{Asked, References};
use super::report::ConsistencyFinding;
use crate::error::{Error, Result};
use crate::workspace::{Comparison, ConsistencyDecision, Contract, Field, Operand, Rule, WhenMissing};

/// What rules ask of each row by itself: comparisons, and the keys that the rules over several rows need. Rows can be
/// asked in any order.
pub(super) struct RowRules<'c> {
    compares: Vec<Compare<'c>>,
    keys: Vec<KeyFields>,
    fields: &'c [Field],
    hasher: KeyHasher,
    bytes: Vec<u8>,
    whole: Vec<u8>,
}

/// What a rule over several rows hashes.
struct KeyFields {
    key: Vec<usize>,
    value: Value,
}

enum Value {
    None,
    Field(usize),
    Row,
}

/// The rules over several rows with what they have seen. Rows are judged in the order of the extract.
pub(super) struct Rules<'c> {
    rules: Vec<State<'c>>,
}

enum State<'c> {
    Unique {
        names: String,
        seen: KeyTable,
    },
    Consistent {
        rule: &'c Rule,
        reject: bool,
        /// Each key with its first value.
        seen: KeyTable,
        /// Keys for which another value came up.
        several: KeyTable,
        /// Keys of deliveries before, and those of them with several values, where each delivery stands by itself.
        before: (u64, u64),
    },
    Reference {
        names: String,
        contract: &'c str,
        reject_missing: bool,
        keys: Arc<KeyTable>,
    },
    /// Keys that rows of other sources refer to.
    Referred {
        names: Vec<String>,
        keys: KeyTable,
    },
}

/// A field compared with another one, or with a constant.
struct Compare<'c> {
    left: usize,
    is: Comparison,
    right: Right<'c>,
    reject_missing: bool,
}

enum Right<'c> {
    Field(usize),
    Constant(Constant, &'c str),
}

/// What a rule says of a row: the field that it is about, where it is about one.
type Judgement = Result<(), (Option<usize>, Misfit)>;

impl<'c> RowRules<'c> {
    /// # Errors
    /// A rule names a field that the contract does not have.
    pub(super) fn new(contract: &'c Contract, asked: &Asked) -> Result<Self> {
        let (mut compares, mut keys) = (Vec::new(), Vec::new());
        let key = |names: &[String], value| Ok::<_, Error>(KeyFields { key: places(contract, names)?, value });
        for field in contract.fields.iter().filter(|field| field.unique) {
            keys.push(key(std::slice::from_ref(&field.name), Value::Row)?);
        }
        for rule in &contract.rules {
            match rule {
                Rule::Unique { fields } => keys.push(key(fields, Value::Row)?),
                Rule::Consistent { key: names, field, .. } => {
                    keys.push(key(names, Value::Field(place(contract, field)?))?);
                }
                Rule::Compare { left, is, right, when_missing } => {
                    compares.push(compare(contract, left, *is, right, *when_missing)?);
                }
                Rule::Reference { fields, .. } => keys.push(key(fields, Value::None)?),
            }
        }
        for names in &asked.fields {
            keys.push(key(names, Value::None)?);
        }
        let (bytes, whole) = (Vec::new(), Vec::new());
        Ok(Self { compares, keys, fields: &contract.fields, hasher: asked.hasher.clone(), bytes, whole })
    }

    /// How many keys a row has.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Checks a row against itself, and appends its key for each rule over several rows. `text` gives a cell's text.
    ///
    /// A key in which a value is missing is no key: such rows are not compared with others.
    pub(super) fn check<'t>(
        &mut self,
        cells: &[Cell],
        text: impl Fn(Cell) -> &'t str,
        keys: &mut Vec<KeyOfRow>,
    ) -> Judgement {
        for compare in &self.compares {
            compare.judge(self.fields, cells, &text)?;
        }
        let mut row = None;
        for rule in &self.keys {
            let bytes = spelled(&mut self.bytes, rule.key.iter().map(|&at| cells[at]), &text, false);
            let key = bytes.map(|bytes| self.hasher.key(bytes));
            let value = match rule.value {
                Value::None => Some(0),
                Value::Field(field) => {
                    let bytes = spelled(&mut self.whole, std::iter::once(cells[field]), &text, false);
                    bytes.map(|bytes| self.hasher.value(bytes))
                }
                Value::Row => Some(*row.get_or_insert_with(|| {
                    let bytes = spelled(&mut self.whole, cells.iter().copied(), &text, true);
                    self.hasher.value(bytes.unwrap_or_default())
                })),
            };
            keys.push(key.zip(value).map(|(key, value)| Key { key, value }));
        }
        Ok(())
    }
}

impl<'c> Rules<'c> {
    /// In the order of the keys that [`RowRules`] makes.
    ///
    /// # Errors
    /// A rule refers to a source that was not read.
    pub(super) fn new(contract: &'c Contract, references: &mut References) -> Result<Self> {
        let referred = references.take(&contract.id);
        let of_rule = |rule: &Rule| match rule {
            Rule::Unique { .. } => 1,
            Rule::Consistent { .. } => 2,
            Rule::Compare { .. } | Rule::Reference { .. } => 0,
        };
        let tables = contract.fields.iter().filter(|field| field.unique).count()
            + contract.rules.iter().map(of_rule).sum::<usize>()
            + referred.len();
        let spill = references.spill(tables);
        let table = || KeyTable::spilling(spill.clone());
        let unique = |names: &[String]| State::Unique { names: names.join(", "), seen: table() };
        let mut rules = Vec::new();
        for field in contract.fields.iter().filter(|field| field.unique) {
            rules.push(unique(std::slice::from_ref(&field.name)));
        }
        for rule in &contract.rules {
            match rule {
                Rule::Unique { fields } => rules.push(unique(fields)),
                Rule::Consistent { decision, .. } => rules.push(State::Consistent {
                    rule,
                    reject: *decision == ConsistencyDecision::RejectLater,
                    seen: table(),
                    several: table(),
                    before: (0, 0),
                }),
                Rule::Compare { .. } => {}
                Rule::Reference { fields, contract: other, to, when_missing } => rules.push(State::Reference {
                    names: fields.join(", "),
                    contract: other,
                    reject_missing: *when_missing == WhenMissing::Reject,
                    keys: references.keys(other, to)?,
                }),
            }
        }
        for (names, mut keys) in referred {
            keys.spill_to(spill.clone());
            rules.push(State::Referred { names, keys });
        }
        Ok(Self { rules })
    }

    /// The keys of each row, of keys of many rows; of no row where there is nothing to judge.
    pub(super) fn rows<'k>(&self, keys: &'k [KeyOfRow]) -> impl Iterator<Item = &'k [KeyOfRow]> + use<'k> {
        keys.chunks_exact(self.rules.len().max(1))
    }

    /// Asks memory for what the next rows will be judged by.
    pub(super) fn touch(&self, rows: &[KeyOfRow]) {
        for (rule, key) in self.rules.iter().cycle().zip(rows) {
            let Some(Key { key, .. }) = key else { continue };
            match rule {
                State::Unique { seen: keys, .. }
                | State::Consistent { seen: keys, .. }
                | State::Referred { keys, .. } => {
                    keys.touch(*key);
                }
                State::Reference { keys, .. } => keys.touch(*key),
            }
        }
    }

    /// Judges a row by its keys, against the rows that were admitted before it and against other sources, and takes note
    /// of it.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn judge(&mut self, keys: &[KeyOfRow]) -> Result<Result<(), Misfit>> {
        for (at, (rule, key)) in self.rules.iter().zip(keys).enumerate() {
            if let Err(misfit) = rule.judge(*key)? {
                if misfit.rule == "consistent" {
                    self.reject(&keys[..=at])?;
                }
                return Ok(Err(misfit));
            }
        }
        self.admit(keys)?;
        Ok(Ok(()))
    }

    /// Forgets the rows before: the next delivery stands by itself. Keys that other sources refer to stay.
    pub(super) fn start_over(&mut self) {
        for rule in &mut self.rules {
            match rule {
                State::Unique { seen, .. } => seen.clear(),
                State::Consistent { seen, several, before, .. } => {
                    before.0 += seen.len();
                    before.1 += several.len();
                    seen.clear();
                    several.clear();
                }
                State::Reference { .. } | State::Referred { .. } => {}
            }
        }
    }

    /// Hands back the keys that other sources refer to.
    ///
    /// # Errors
    /// `spill.read` or `spill.write` where the disk refuses.
    pub(super) fn learned(&mut self, contract: &str, references: &mut References) -> Result<()> {
        for rule in &mut self.rules {
            if let State::Referred { names, keys, .. } = rule {
                references.learn(contract, names, std::mem::take(keys))?;
            }
        }
        Ok(())
    }

    fn admit(&mut self, keys: &[KeyOfRow]) -> Result<()> {
        for (rule, key) in self.rules.iter_mut().zip(keys) {
            let Some(key) = *key else { continue };
            match rule {
                // It has been judged: it is not there.
                State::Unique { seen, .. } => seen.put(key)?,
                State::Consistent { seen, several, .. } => match seen.same(key)? {
                    None => seen.put(key)?,
                    Some(true) => {}
                    Some(false) => several.insert(key)?,
                },
                State::Referred { keys, .. } => keys.insert(key)?,
                State::Reference { .. } => {}
            }
        }
        Ok(())
    }

    /// A row that a consistency rule rejects: its key has several values all the same.
    fn reject(&mut self, keys: &[KeyOfRow]) -> Result<()> {
        for (rule, key) in self.rules.iter_mut().zip(keys) {
            if let (State::Consistent { seen, several, .. }, Some(key)) = (rule, key)
                && seen.same(*key)? == Some(false)
            {
                several.insert(*key)?;
            }
        }
        Ok(())
    }

    /// What the consistency rules found.
    pub(super) fn findings(&self) -> Vec<ConsistencyFinding> {
        let finding = |state: &State<'_>| match state {
            State::Consistent {
                rule: Rule::Consistent { key, field, decision, reason },
                seen,
                several,
                before,
                ..
            } => Some(ConsistencyFinding {
                key: key.clone(),
                field: field.clone(),
                decision: *decision,
                reason: reason.clone(),
                keys: before.0 + seen.len(),
                keys_with_several: before.1 + several.len(),
            }),
            _ => None,
        };
        self.rules.iter().filter_map(finding).collect()
    }
}

impl State<'_> {
    fn judge(&self, key: KeyOfRow) -> Result<Result<(), Misfit>> {
        let wrong = |rule, reason: String| Ok(Err(Misfit { rule, reason }));
        let key = match (key, self) {
            (Some(key), _) => key,
            (None, Self::Reference { names, reject_missing: true, .. }) => {
                return wrong("reference", format!("{names} is missing, and the rule asks for it"));
            }
            (None, _) => return Ok(Ok(())),
        };
        match self {
            Self::Unique { seen, names } => match seen.same(key)? {
                None => Ok(Ok(())),
                Some(true) => wrong("duplicate", "it equals an earlier row in all fields".to_owned()),
                Some(false) => wrong("conflict", format!("an earlier row has the same {names} and differs")),
            },
            Self::Consistent { seen, reject: true, rule: Rule::Consistent { field, .. }, .. } => {
                match seen.same(key)? {
                    Some(false) => wrong("consistent", format!("an earlier row of its key has another {field}")),
                    _ => Ok(Ok(())),
                }
            }
            Self::Reference { keys, names, contract, .. } if !keys.contains(key.key)? => {
                wrong("reference", format!("no row of {contract} has its {names}"))
            }
            Self::Consistent { .. } | Self::Reference { .. } | Self::Referred { .. } => Ok(Ok(())),
        }
    }
}

impl<'c> Compare<'c> {
    fn judge<'t>(&self, fields: &'c [Field], cells: &[Cell], text: &impl Fn(Cell) -> &'t str) -> Judgement {
        let left = &fields[self.left];
        let wrong = |reason| Err((Some(self.left), Misfit { rule: "compare", reason }));
        let cell = cells[self.left];
        let (name, missing, order) = match &self.right {
            Right::Field(at) => {
                let right = &fields[*at];
                let missing = match (cell, cells[*at]) {
                    (Cell::Missing, _) => Some(left),
                    (_, Cell::Missing) => Some(right),
                    _ => None,
                };
                (right.name.as_str(), missing, order((cell, left), (cells[*at], right), text))
            }
            Right::Constant(constant, written) => {
                (*written, (cell == Cell::Missing).then_some(left), constant.order(cell, text))
            }
        };
        match (missing, order) {
            (Some(missing), _) if self.reject_missing => {
                wrong(format!("{} is missing, and the rule asks for it", missing.name))
            }
            (Some(_), _) => Ok(()),
            (None, Some(order)) if self.is.holds(order) => Ok(()),
            (None, _) => wrong(format!("it is not {} {name}", self.is.sign())),
        }
    }
}

fn compare<'c>(
    contract: &'c Contract,
    left: &String,
    is: Comparison,
    right: &'c Operand,
    when_missing: WhenMissing,
) -> Result<Compare<'c>> {
    let left = place(contract, left)?;
    let right = match right {
        Operand::Field(name) => Right::Field(place(contract, name)?),
        Operand::Value(bound) => {
            let constant = Constant::read(bound, &contract.fields[left]).ok_or_else(|| {
                let said = format!("read contract {}: a rule compares with a value of another type", contract.id);
                Error::config("intake.rule", said)
            })?;
            Right::Constant(constant, &bound.0)
        }
    };
    Ok(Compare { left, is, right, reject_missing: when_missing == WhenMissing::Reject })
}

fn place(contract: &Contract, name: &String) -> Result<usize> {
    contract.fields.iter().position(|field| &field.name == name).ok_or_else(|| {
        let said = format!("read contract {}: a rule names the unknown field {name}", contract.id);
        Error::config("intake.rule", said)
    })
}

fn places(contract: &Contract, names: &[String]) -> Result<Vec<usize>> {
    names.iter().map(|name| place(contract, name)).collect()
}

/// Values as bytes that are the same for the same values alone; none where one is missing, unless missing values count.
fn spelled<'b, 't>(
    bytes: &'b mut Vec<u8>,
    cells: impl Iterator<Item = Cell>,
    text: &impl Fn(Cell) -> &'t str,
    with_missing: bool,
) -> Option<&'b [u8]> {
    bytes.clear();
    for cell in cells {
        match cell {
            Cell::Missing if with_missing => bytes.push(0),
            Cell::Missing => return None,
            Cell::Text(_) => {
                let text = text(cell);
                bytes.push(1);
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Cell::Integer(value) => tagged(bytes, 2, value.to_le_bytes()),
            Cell::Number(value) => tagged(bytes, 3, value.to_bits().to_le_bytes()),
            Cell::Decimal(value) => {
                tagged(bytes, 6, (value as u64).to_le_bytes());
                bytes.extend_from_slice(&((value >> 64) as u64).to_le_bytes());
            }
            Cell::Boolean(value) => bytes.extend_from_slice(&[4, u8::from(value)]),
            Cell::Date(value) => tagged(bytes, 5, i64::from(value).to_le_bytes()),
        }
    }
    Some(bytes)
}

fn tagged(bytes: &mut Vec<u8>, tag: u8, value: [u8; 8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&value);
}
