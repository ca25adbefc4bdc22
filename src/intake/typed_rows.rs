//! Rows that a contract admitted.

use std::fmt;

use arrow::record_batch::RecordBatch;

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
