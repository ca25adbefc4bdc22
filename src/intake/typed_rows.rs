//! Rows that a contract admitted.

use std::fmt;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};

/// Rows that a contract admitted, with names and identifiers still in them. Only the identity step takes them.
pub struct TypedRows {
    pub(crate) batch: RecordBatch,
    /// The place of the delivery that they are of; of the last one where they are of several.
    pub(crate) delivery: usize,
}

impl TypedRows {
    /// Rows of a batch whose columns are those of the contract.
    #[must_use]
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch, delivery: 0 }
    }

    /// The columns.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The place among the deliveries of the one that they are of, where each delivery stands by itself
    /// (`Delivering::by_itself`).
    #[must_use]
    pub fn delivery(&self) -> usize {
        self.delivery
    }

    /// The same rows, of the delivery at this place.
    pub(super) fn of_delivery(self, delivery: usize) -> Self {
        Self { delivery, ..self }
    }

    /// All rows but those at `dropped`; none where none is left.
    pub(super) fn without(self, dropped: &[usize]) -> Result<Option<Self>> {
        if dropped.is_empty() {
            return Ok(Some(self));
        }
        if dropped.len() == self.rows() {
            return Ok(None);
        }
        let mut kept = vec![true; self.rows()];
        dropped.iter().for_each(|&row| kept[row] = false);
        let batch = filter_record_batch(&self.batch, &BooleanArray::from(kept));
        // Arrow's messages may quote values.
        batch
            .map(|batch| Some(Self { batch, delivery: self.delivery }))
            .map_err(|_| Error::internal("intake.batch", "leave rows out"))
    }

    /// The same rows in batches of no more than `rows`.
    pub(super) fn batches(self, rows: usize) -> impl Iterator<Item = Self> {
        let (all, Self { batch, delivery }) = (self.rows(), self);
        (0..all).step_by(rows.max(1)).map(move |from| Self { batch: batch.slice(from, rows.min(all - from)), delivery })
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }
}

impl fmt::Debug for TypedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedRows({} columns, ..)", self.batch.num_columns())
    }
}
