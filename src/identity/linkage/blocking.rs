//! Which pairs are compared: those that agree on a blocking rule. Each rule's keys are a table to DataFusion, made while
//! it is read, and the pairs are an equi-join of two of them.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::Partitioning;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use zeroize::Zeroize;

/// What a blocking rule gave. Counts under protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockingReport {
    /// The rule as written.
    pub rule: String,
    /// Pairs that agree on it, pairs of earlier rules included.
    pub pairs: u64,
    /// Blocks left out because they were too large.
    pub blocks_left_out: u64,
    /// Pairs in them.
    pub pairs_left_out: u64,
}

/// What the rows of a side have in common with others: a key for each row and rule, 0 where there is none. Wiped when
/// dropped.
pub(super) struct Keys {
    keys: Vec<u64>,
    rules: usize,
}

impl Keys {
    /// `keys` row after row, `rules` of each.
    pub(super) fn new(keys: Vec<u64>, rules: usize) -> Self {
        Self { keys, rules }
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.len() * size_of::<u64>()
    }

    pub(super) fn rules(&self) -> usize {
        self.rules
    }

    pub(super) fn of(&self, row: u32) -> &[u64] {
        let start = row as usize * self.rules;
        &self.keys[start..start + self.rules]
    }

    /// The same without those in `large`, by rule: what too many rows share blocks nobody.
    pub(super) fn without(&self, large: &[HashSet<u64>]) -> Self {
        let kept = |(at, &key): (usize, &u64)| if large[at % self.rules].contains(&key) { 0 } else { key };
        Self { keys: self.keys.iter().enumerate().map(kept).collect(), rules: self.rules }
    }

    fn under(&self, rule: usize) -> impl Iterator<Item = u64> {
        self.keys.iter().skip(rule).step_by(self.rules).copied()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

/// Whether one of the first `rules` rules gives the pair.
pub(super) fn given_by(left: &[u64], right: &[u64], rules: usize) -> bool {
    left[..rules].iter().zip(right).any(|(a, b)| *a != 0 && a == b)
}

/// How many rules give the pair.
pub(super) fn rules_of(left: &[u64], right: &[u64]) -> u8 {
    left.iter().zip(right).filter(|(a, b)| **a != 0 && a == b).count() as u8
}

/// A part of a side's rows under one rule, by the name of their column and of their keys' column: `row` and `key`. Rows
/// without a key are not among them. Rows with the same key come together, so that their encodings are at hand when they
/// are compared.
pub(super) struct KeyedRows {
    schema: SchemaRef,
    keys: Arc<Keys>,
    rule: usize,
    /// Of so many keys one is taken, chosen by its value.
    one_in: u64,
    /// Which part, of how many.
    part: (u64, u64),
}

impl KeyedRows {
    /// A rule's rows as a table. Parts hold whole blocks, so that joining and counting blocks moves no row from one part
    /// to another: DataFusion is told that its parts are by hash of the key, which it takes to be one and the same hash for
    /// all tables. It must not join one of these with a table of another kind.
    pub(super) fn table(
        keys: &Arc<Keys>,
        rule: usize,
        one_in: u64,
        parts: usize,
        names: [&str; 2],
    ) -> Result<StreamingTable> {
        let schema = Arc::new(Schema::new(vec![
            Field::new(names[0], DataType::UInt32, false),
            Field::new(names[1], DataType::UInt64, false),
        ]));
        let part = |part: u64| -> Arc<dyn PartitionStream> {
            let part = (part, parts as u64);
            Arc::new(Self { schema: Arc::clone(&schema), keys: Arc::clone(keys), rule, one_in, part })
        };
        let by_key = Partitioning::Hash(vec![Arc::new(Column::new(names[1], 1))], parts);
        let parts = (0..parts as u64).map(part).collect();
        Ok(StreamingTable::try_new(schema, parts)?.with_output_partitioning(by_key))
    }

    /// The rows and their keys; what they take is held in `memory`.
    fn sorted(&self, memory: &MemoryReservation) -> Result<Vec<(u64, u32)>> {
        let taken = |key: u64| {
            let mixed = key.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            key != 0
                && (self.one_in <= 1 || (mixed >> 33).is_multiple_of(self.one_in))
                && (mixed >> 3) % self.part.1 == self.part.0
        };
        let count = self.keys.under(self.rule).filter(|key| taken(*key)).count();
        memory.try_grow(count * size_of::<(u64, u32)>())?;
        let mut rows = Vec::with_capacity(count);
        rows.extend(self.keys.under(self.rule).zip(0..).filter(|(key, _)| taken(*key)));
        rows.sort_unstable();
        Ok(rows)
    }
}

impl fmt::Debug for KeyedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedRows(..)")
    }
}

impl PartitionStream for KeyedRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let part = Self {
            schema: Arc::clone(&self.schema),
            keys: Arc::clone(&self.keys),
            rule: self.rule,
            one_in: self.one_in,
            part: self.part,
        };
        let memory = MemoryConsumer::new("linkage rows").register(context.memory_pool());
        let size = context.session_config().batch_size().max(1);
        let batches = Batches { part, memory, size, rows: None, at: 0 };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(batches)))
    }
}

/// The batches of a part, which is sorted when the first is asked for.
struct Batches {
    part: KeyedRows,
    memory: MemoryReservation,
    size: usize,
    rows: Option<Vec<(u64, u32)>>,
    at: usize,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.is_none() {
            match self.part.sorted(&self.memory) {
                Ok(rows) => self.rows = Some(rows),
                Err(error) => {
                    self.rows = Some(Vec::new());
                    return Some(Err(error));
                }
            }
        }
        let rows = self.rows.as_deref()?;
        let rows = &rows[self.at..rows.len().min(self.at + self.size)];
        if rows.is_empty() {
            return None;
        }
        self.at += rows.len();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.1))),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.0))),
        ];
        Some(RecordBatch::try_new(Arc::clone(&self.part.schema), columns).map_err(Into::into))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.rows.iter_mut().flatten().for_each(|row| row.0.zeroize());
    }
}
