//! Rules beyond single fields. Those over several rows, and over another source, hold 128-bit hashes in place of values.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::compare::{Constant, order};
use super::field::{Cell, Misfit};
use super::layout::column_name;
use super::references::References;
use super::report::ConsistencyFinding;
use crate::error::{Error, Result};
use crate::workspace::{Comparison, ConsistencyDecision, Contract, Field, Operand, Rule, WhenMissing};

/// The first 128 bits of SHA-256 over length-prefixed values.
type Hash = [u64; 2];
type Map<V> = HashMap<Hash, V, BuildHasherDefault<AlreadyHashed>>;
/// Keys that were seen.
pub(super) type Keys = HashSet<Hash, BuildHasherDefault<AlreadyHashed>>;

/// Takes the first half of a hash as it is.
#[derive(Clone, Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }
    // The length that arrays put before their content is the same for all.
    fn write_usize(&mut self, _: usize) {}
    fn finish(&self) -> u64 {
        self.0
    }
}

/// The rules of a source with what they have seen.
pub(super) struct Rules<'c> {
    compares: Vec<Compare<'c>>,
    rules: Vec<State<'c>>,
    fields: &'c [Field],
    /// Hashes of the row at hand for each rule: of its key, and of the value that is compared.
    hashes: Vec<Option<(Hash, Hash)>>,
    bytes: Vec<u8>,
}

enum State<'c> {
    Unique {
        fields: Vec<usize>,
        names: String,
        seen: Map<Hash>,
    },
    Consistent {
        rule: &'c Rule,
        key: Vec<usize>,
        field: usize,
        reject: bool,
        seen: Map<First>,
        /// Keys of deliveries before, and those of them with several values, where each delivery stands by itself.
        before: (u64, u64),
    },
    Reference {
        fields: Vec<usize>,
        names: String,
        contract: &'c str,
        reject_missing: bool,
        keys: Arc<Keys>,
    },
    /// Keys that rows of other sources refer to.
    Referred {
        fields: Vec<usize>,
        names: Vec<String>,
        keys: Keys,
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

/// What a rule says of a row: the column that it is about, where it is about one.
type Judgement<'c> = Result<(), (Option<&'c str>, Misfit)>;

/// The first value of a key, and whether another one came up.
struct First {
    value: Hash,
    several: bool,
}

impl<'c> Rules<'c> {
    /// # Errors
    /// A rule names a field that the contract does not have, or refers to a source that was not read.
    pub(super) fn new(contract: &'c Contract, references: &mut References) -> Result<Self> {
        let mut found = Self {
            compares: Vec::new(),
            rules: Vec::new(),
            fields: &contract.fields,
            hashes: Vec::new(),
            bytes: Vec::new(),
        };
        for field in contract.fields.iter().filter(|field| field.unique) {
            found.rules.push(unique(contract, std::slice::from_ref(&field.name))?);
        }
        for rule in &contract.rules {
            match rule {
                Rule::Unique { fields } => found.rules.push(unique(contract, fields)?),
                Rule::Consistent { key, field, decision, .. } => found.rules.push(State::Consistent {
                    rule,
                    key: places(contract, key)?,
                    field: place(contract, field)?,
                    reject: *decision == ConsistencyDecision::RejectLater,
                    seen: Map::default(),
                    before: (0, 0),
                }),
                Rule::Compare { left, is, right, when_missing } => {
                    found.compares.push(compare(contract, left, *is, right, *when_missing)?);
                }
                Rule::Reference { fields, contract: other, to, when_missing } => found.rules.push(State::Reference {
                    fields: places(contract, fields)?,
                    names: fields.join(", "),
                    contract: other,
                    reject_missing: *when_missing == WhenMissing::Reject,
                    keys: references.keys(other, to)?,
                }),
            }
        }
        for (names, keys) in references.wanted(&contract.id) {
            found.rules.push(State::Referred { fields: places(contract, &names)?, names, keys });
        }
        Ok(found)
    }

    /// Checks a row against itself, against the rows that were admitted before it, and against other sources. `text`
    /// gives a cell's text.
    ///
    /// A key in which a value is missing is no key: such rows are not compared with others.
    pub(super) fn check<'t>(&mut self, cells: &[Cell], text: impl Fn(Cell) -> &'t str) -> Judgement<'c> {
        for compare in &self.compares {
            compare.judge(self.fields, cells, &text)?;
        }
        self.hashes.clear();
        let mut row = None;
        for rule in &self.rules {
            let key = match rule {
                State::Unique { fields, .. } | State::Reference { fields, .. } | State::Referred { fields, .. } => {
                    fields
                }
                State::Consistent { key, .. } => key,
            };
            let key = hash(&mut self.bytes, key.iter().map(|&at| cells[at]), &text, false);
            let second = match rule {
                State::Unique { .. } => {
                    *row.get_or_insert_with(|| hash(&mut self.bytes, cells.iter().copied(), &text, true))
                }
                State::Consistent { field, .. } => hash(&mut self.bytes, std::iter::once(cells[*field]), &text, true),
                State::Reference { .. } | State::Referred { .. } => Some([0, 0]),
            };
            let hashes = key.zip(second);
            self.hashes.push(hashes);
            rule.judge(hashes).map_err(|misfit| (None, misfit))?;
        }
        Ok(())
    }

    /// Forgets the rows before: the next delivery stands by itself. Keys that other sources refer to stay.
    pub(super) fn start_over(&mut self) {
        for rule in &mut self.rules {
            match rule {
                State::Unique { seen, .. } => seen.clear(),
                State::Consistent { seen, before, .. } => {
                    before.0 += seen.len() as u64;
                    before.1 += several(seen);
                    seen.clear();
                }
                State::Reference { .. } | State::Referred { .. } => {}
            }
        }
    }

    /// Hands back the keys that other sources refer to.
    pub(super) fn learned(&mut self, contract: &str, references: &mut References) {
        for rule in &mut self.rules {
            if let State::Referred { names, keys, .. } = rule {
                references.learn(contract, names, std::mem::take(keys));
            }
        }
    }

    /// Takes note of the row that was checked last: it is admitted.
    pub(super) fn admit(&mut self) {
        for (rule, hashes) in self.rules.iter_mut().zip(&self.hashes) {
            let Some((key, second)) = *hashes else { continue };
            match rule {
                State::Unique { seen, .. } => {
                    seen.insert(key, second);
                }
                State::Consistent { seen, .. } => {
                    let first = seen.entry(key).or_insert(First { value: second, several: false });
                    first.several |= first.value != second;
                }
                State::Referred { keys, .. } => {
                    keys.insert(key);
                }
                State::Reference { .. } => {}
            }
        }
    }

    /// Takes note of a row that a consistency rule rejected: its key has several values all the same.
    pub(super) fn reject(&mut self) {
        for (rule, hashes) in self.rules.iter_mut().zip(&self.hashes) {
            if let (State::Consistent { seen, .. }, Some((key, second))) = (rule, hashes)
                && let Some(first) = seen.get_mut(key)
            {
                first.several |= first.value != *second;
            }
        }
    }

    /// What the consistency rules found.
    pub(super) fn findings(&self) -> Vec<ConsistencyFinding> {
        let finding = |state: &State<'_>| match state {
            State::Consistent { rule: Rule::Consistent { key, field, decision, reason }, seen, before, .. } => {
                Some(ConsistencyFinding {
                    key: key.clone(),
                    field: field.clone(),
                    decision: *decision,
                    reason: reason.clone(),
                    keys: before.0 + seen.len() as u64,
                    keys_with_several: before.1 + several(seen),
                })
            }
            _ => None,
        };
        self.rules.iter().filter_map(finding).collect()
    }
}

impl State<'_> {
    fn judge(&self, hashes: Option<(Hash, Hash)>) -> Result<(), Misfit> {
        let wrong = |rule, reason: String| Err(Misfit { rule, reason });
        let (key, second) = match (hashes, self) {
            (Some(hashes), _) => hashes,
            (None, Self::Reference { names, reject_missing: true, .. }) => {
                return wrong("reference", format!("{names} is missing, and the rule asks for it"));
            }
            (None, _) => return Ok(()),
        };
        match self {
            Self::Unique { seen, names, .. } => match seen.get(&key) {
                None => Ok(()),
                Some(row) if *row == second => wrong("duplicate", "it equals an earlier row in all fields".to_owned()),
                Some(_) => wrong("conflict", format!("an earlier row has the same {names} and differs")),
            },
            Self::Consistent { seen, reject: true, rule: Rule::Consistent { field, .. }, .. } => match seen.get(&key) {
                Some(first) if first.value != second => {
                    wrong("consistent", format!("an earlier row of its key has another {field}"))
                }
                _ => Ok(()),
            },
            Self::Reference { keys, names, contract, .. } if !keys.contains(&key) => {
                wrong("reference", format!("no row of {contract} has its {names}"))
            }
            Self::Consistent { .. } | Self::Reference { .. } | Self::Referred { .. } => Ok(()),
        }
    }
}

impl<'c> Compare<'c> {
    fn judge<'t>(&self, fields: &'c [Field], cells: &[Cell], text: &impl Fn(Cell) -> &'t str) -> Judgement<'c> {
        let left = &fields[self.left];
        let wrong = |reason| Err((Some(column_name(left)), Misfit { rule: "compare", reason }));
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

/// Keys with several values.
fn several(seen: &Map<First>) -> u64 {
    seen.values().filter(|first| first.several).count() as u64
}

fn unique<'c>(contract: &Contract, fields: &[String]) -> Result<State<'c>> {
    Ok(State::Unique { fields: places(contract, fields)?, names: fields.join(", "), seen: Map::default() })
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

/// None where a value is missing, unless missing values count.
fn hash<'t>(
    bytes: &mut Vec<u8>,
    cells: impl Iterator<Item = Cell>,
    text: &impl Fn(Cell) -> &'t str,
    with_missing: bool,
) -> Option<Hash> {
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
    let digest = Sha256::digest(bytes.as_slice());
    let half = |from: usize| digest[from..from + 8].iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    Some([half(0), half(8)])
}

fn tagged(bytes: &mut Vec<u8>, tag: u8, value: [u8; 8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&value);
}
