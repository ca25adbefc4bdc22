//! Rows that a contract admitted.

use std::fmt;

use arrow::record_batch::RecordBatch;

/// Rows that a contract admitted, with names and identifiers still in them. Only the identity step takes them.
pub struct TypedRows {
    pub(crate) batch: RecordBatch,
}

impl TypedRows {
    /// Rows of a batch whose columns are those of the contract.
    #[must_use]
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch }
    }

    /// The columns.
    #[must_use]
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
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
