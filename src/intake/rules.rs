//! Rules over several rows of a source, with 128-bit hashes in place of the values.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest, Sha256};

use super::field::{Cell, Misfit};
use super::report::ConsistencyFinding;
use crate::error::{Error, Result};
use crate::workspace::{ConsistencyDecision, Contract, Rule};

/// The first 128 bits of SHA-256 over length-prefixed values.
type Hash = [u64; 2];
type Map<V> = HashMap<Hash, V, BuildHasherDefault<AlreadyHashed>>;

/// Takes the first half of a hash as it is.
#[derive(Default)]
struct AlreadyHashed(u64);

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
    rules: Vec<State<'c>>,
    /// Hashes of the row at hand for each rule: of its key, and of the value that is compared.
    hashes: Vec<Option<(Hash, Hash)>>,
    bytes: Vec<u8>,
}

enum State<'c> {
    Unique { fields: Vec<usize>, names: String, seen: Map<Hash> },
    Consistent { rule: &'c Rule, key: Vec<usize>, field: usize, reject: bool, seen: Map<First> },
}

/// The first value of a key, and whether another one came up.
struct First {
    value: Hash,
    several: bool,
}

impl<'c> Rules<'c> {
    /// # Errors
    /// A rule names a field that the contract does not have.
    pub(super) fn new(contract: &'c Contract) -> Result<Self> {
        let place = |name: &String| {
            contract.fields.iter().position(|field| &field.name == name).ok_or_else(|| {
                Error::config(
                    "intake.rule",
                    format!("read contract {}: a rule names the unknown field {name}", contract.id),
                )
            })
        };
        let mut rules = Vec::new();
        for rule in &contract.rules {
            rules.push(match rule {
                Rule::Unique { fields } => State::Unique {
                    fields: fields.iter().map(place).collect::<Result<_>>()?,
                    names: fields.join(", "),
                    seen: Map::default(),
                },
                Rule::Consistent { key, field, decision, .. } => State::Consistent {
                    rule,
                    key: key.iter().map(place).collect::<Result<_>>()?,
                    field: place(field)?,
                    reject: *decision == ConsistencyDecision::RejectLater,
                    seen: Map::default(),
                },
            });
        }
        Ok(Self { rules, hashes: Vec::new(), bytes: Vec::new() })
    }

    /// Checks a row against the rows that were admitted before it. `text` gives a cell's text.
    ///
    /// A key in which a value is missing is no key: such rows are not compared.
    pub(super) fn check<'t>(&mut self, cells: &[Cell], text: impl Fn(Cell) -> &'t str) -> Result<(), Misfit> {
        self.hashes.clear();
        let mut row = None;
        for rule in &self.rules {
            let (key, second) = match rule {
                State::Unique { fields, .. } => {
                    let key = hash(&mut self.bytes, fields.iter().map(|&at| cells[at]), &text, false);
                    let row = *row.get_or_insert_with(|| hash(&mut self.bytes, cells.iter().copied(), &text, true));
                    (key, row)
                }
                State::Consistent { key, field, .. } => {
                    let key = hash(&mut self.bytes, key.iter().map(|&at| cells[at]), &text, false);
                    (key, hash(&mut self.bytes, std::iter::once(cells[*field]), &text, true))
                }
            };
            let hashes = key.zip(second);
            self.hashes.push(hashes);
            if let Some((key, second)) = hashes {
                rule.judge(key, second)?;
            }
        }
        Ok(())
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
            State::Consistent { rule: Rule::Consistent { key, field, decision, reason }, seen, .. } => {
                Some(ConsistencyFinding {
                    key: key.clone(),
                    field: field.clone(),
                    decision: *decision,
                    reason: reason.clone(),
                    keys: seen.len() as u64,
                    keys_with_several: seen.values().filter(|first| first.several).count() as u64,
                })
            }
            _ => None,
        };
        self.rules.iter().filter_map(finding).collect()
    }
}

impl State<'_> {
    fn judge(&self, key: Hash, second: Hash) -> Result<(), Misfit> {
        match self {
            Self::Unique { seen, names, .. } => match seen.get(&key) {
                None => Ok(()),
                Some(row) if *row == second => {
                    Err(Misfit { rule: "duplicate", reason: "it equals an earlier row in all fields".to_owned() })
                }
                Some(_) => {
                    Err(Misfit { rule: "conflict", reason: format!("an earlier row has the same {names} and differs") })
                }
            },
            Self::Consistent { seen, reject: true, rule: Rule::Consistent { field, .. }, .. } => match seen.get(&key) {
                Some(first) if first.value != second => {
                    Err(Misfit { rule: "consistent", reason: format!("an earlier row of its key has another {field}") })
                }
                _ => Ok(()),
            },
            Self::Consistent { .. } => Ok(()),
        }
    }
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
