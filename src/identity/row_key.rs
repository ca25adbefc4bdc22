//! The rows that changes are about, known by a keyed hash of their key fields: what a delivery says about a row is
//! settled without the identifiers in it.

use std::fmt;

use arrow::array::FixedSizeBinaryArray;
use arrow::array::FixedSizeBinaryBuilder;

use super::columns::{NormalisedColumn, normaliser};
use super::keys::{AgreementKeys, RowKey};
use super::pseudonym::WIDTH;
use crate::error::{Error, Result};
use crate::intake::TypedRows;
use crate::workspace::{Contract, DataClause, Normaliser};

/// Makes the row keys of one source, batch after batch.
pub struct RowKeys {
    key: RowKey,
    fields: Vec<(String, Normaliser, NormalisedColumn)>,
}

impl RowKeys {
    /// Prepares the key fields of `contract`'s `delivery`, as far as `clause` lists them.
    ///
    /// # Errors
    /// A governance error for a field that the clause does not list; a config error for one that does not exist or
    /// has no one spelling.
    pub fn new(contract: &Contract, clause: &DataClause, keys: &AgreementKeys) -> Result<Self> {
        let names = &contract.delivery.key;
        let mut fields = Vec::new();
        for name in names {
            if !clause.link.contains(name) && !clause.analyse.contains(name) {
                return Err(Error::governance(
                    "identity.field_not_allowed",
                    format!(
                        "the agreement lists the key field {name} of {} neither under `link` nor under `analyse`",
                        contract.id
                    ),
                )
                .with_hint("list it under `link`: it is then gone after the identity step"));
            }
            let field = contract.field(name).ok_or_else(|| {
                Error::config("identity.no_field", format!("contract {} has no field {name}", contract.id))
            })?;
            let normaliser = normaliser(field).ok_or_else(|| {
                Error::config("identity.type", format!("field {name} of {} can't be a key", contract.id))
                    .with_hint("use fields of type string, integer or date")
            })?;
            fields.push((name.clone(), normaliser, NormalisedColumn::default()));
        }
        let domain = format!("{}:{}", contract.id, names.join(","));
        Ok(Self { key: keys.row_key(&domain), fields })
    }

    /// The key of each row, 16 bytes; null where nothing is left of one of its values.
    ///
    /// # Errors
    /// An internal error where the columns are not those of the contract.
    pub fn apply(&mut self, rows: &TypedRows) -> Result<FixedSizeBinaryArray> {
        for (name, normaliser, values) in &mut self.fields {
            let column = rows
                .batch()
                .column_by_name(name)
                .ok_or_else(|| Error::internal("identity.seam", format!("typed rows come without column {name}")))?;
            values.fill(column, *normaliser)?;
        }
        let mut keys = FixedSizeBinaryBuilder::with_capacity(rows.rows(), WIDTH as i32);
        let fields = &self.fields;
        let values = (0..rows.rows()).map(|row| {
            let values = fields.iter().map(move |(.., column)| column.get(row));
            values.clone().all(|value| value.is_some()).then(|| values.flatten())
        });
        let mut fits = true;
        self.key.of_each(values, |key| match key {
            Some(key) => fits &= keys.append_value(key).is_ok(),
            None => keys.append_null(),
        });
        if !fits {
            return Err(Error::internal("identity.arrow", "columns do not fit together"));
        }
        Ok(keys.finish())
    }
}

impl fmt::Debug for RowKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKeys(..)")
    }
}
