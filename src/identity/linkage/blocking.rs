//! Which pairs are compared: those that agree on a blocking rule. Each rule's blocks are a table to DataFusion, made while
//! it is read, and the pairs are an equi-join of two of them.
//!
//! Rows agree where keyed hashes of their values are equal. DataFusion is not told the hashes: it copies what it joins and
//! groups, and frees the copies as they are. It gets the numbers of the blocks, which say that rows agree, not on what.

use std::collections::HashSet;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
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

use super::super::wiped::Wiped;

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

/// What the rows of a side have in common with others, as keyed hashes: one for each row and rule, row after row; 0 where
/// there is none.
pub(super) struct Hashes {
    pub(super) hashes: Wiped<u64>,
    pub(super) rules: usize,
}

/// Which block each row of a side is in: a number for each rule, 0 where it is in none. Rows of either side that agree on a
/// rule have the same number under it.
pub(super) struct Keys {
    /// Row after row, `rules` of each.
    keys: Vec<u32>,
    rules: usize,
    /// How many blocks each rule has on both sides together.
    blocks: Arc<[u32]>,
}

/// The blocks of both sides, numbered in the order of their hashes: at random, to whoever has no key, and much the same from
/// one night to the next. The hashes end here.
pub(super) fn numbered(sides: [Hashes; 2], threads: usize) -> [Keys; 2] {
    let rules = sides[0].rules;
    let mut keys = [0, 1].map(|side: usize| vec![0; sides[side].hashes.len()]);
    let mut blocks = vec![0; rules];
    let all: Vec<usize> = (0..rules).collect();
    for some in all.chunks(threads.max(1)) {
        let numbers: Vec<Vec<u32>> = std::thread::scope(|scope| {
            let each = |&rule: &usize| {
                scope.spawn({
                    let sides = &sides;
                    move || numbers(sides, rule)
                })
            };
            let threads: Vec<_> = some.iter().map(each).collect();
            threads.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        for (&rule, numbers) in some.iter().zip(numbers) {
            blocks[rule] = numbers.iter().copied().max().unwrap_or_default();
            let places = keys.iter_mut().flat_map(|keys| keys.iter_mut().skip(rule).step_by(rules));
            places.zip(numbers).for_each(|(place, number)| *place = number);
        }
    }
    let blocks: Arc<[u32]> = blocks.into();
    keys.map(|keys| Keys { keys, rules, blocks: Arc::clone(&blocks) })
}

/// The numbers of a rule's blocks, for the rows on the left and then those on the right.
fn numbers(sides: &[Hashes; 2], rule: usize) -> Vec<u32> {
    let under = |side: &Hashes| side.hashes.len() / side.rules;
    let mut hashes = Wiped::with_capacity(sides.iter().map(under).sum());
    let all = sides.iter().flat_map(|side| side.hashes.iter().skip(rule).step_by(side.rules));
    (0_u32..).zip(all).for_each(|(row, &hash)| hashes.push((hash, row)));
    hashes.sort_unstable();
    let mut numbers = vec![0; hashes.len()];
    let (mut last, mut number) = (0, 0);
    for &(hash, row) in hashes.iter() {
        number += u32::from(hash != last);
        last = hash;
        numbers[row as usize] = number;
    }
    numbers
}

impl Keys {
    pub(super) fn bytes(&self) -> usize {
        self.keys.len() * size_of::<u32>()
    }

    pub(super) fn rules(&self) -> usize {
        self.rules
    }

    /// Bytes that numbering takes beside the hashes and the keys.
    pub(super) fn bytes_to_number(rows: usize, rules: usize, threads: usize) -> usize {
        rows * threads.clamp(1, rules.max(1)) * (size_of::<(u64, u32)>() + size_of::<u32>())
    }

    pub(super) fn of(&self, row: u32) -> &[u32] {
        let start = row as usize * self.rules;
        &self.keys[start..start + self.rules]
    }

    /// The same without those in `large`, by rule: what too many rows share blocks nobody.
    pub(super) fn without(&self, large: &[HashSet<u32>]) -> Self {
        let kept = |(at, &key): (usize, &u32)| if large[at % self.rules].contains(&key) { 0 } else { key };
        let keys = self.keys.iter().enumerate().map(kept).collect();
        Self { keys, rules: self.rules, blocks: Arc::clone(&self.blocks) }
    }

    fn under(&self, rule: usize) -> impl Iterator<Item = u32> {
        self.keys.iter().skip(rule).step_by(self.rules).copied()
    }
}

/// Whether one of the first `rules` rules gives the pair.
pub(super) fn given_by(left: &[u32], right: &[u32], rules: usize) -> bool {
    left[..rules].iter().zip(right).any(|(a, b)| *a != 0 && a == b)
}

/// How many rules give the pair.
pub(super) fn rules_of(left: &[u32], right: &[u32]) -> u8 {
    left.iter().zip(right).filter(|(a, b)| **a != 0 && a == b).count() as u8
}

/// A part of a side's rows under one rule, by the name of their column and of their keys' column: `row` and `key`. Rows
/// without a key are not among them. Rows with the same key come together, so that their encodings are at hand when they
/// are compared.
pub(super) struct KeyedRows {
    schema: SchemaRef,
    keys: Arc<Keys>,
    rule: usize,
    /// Of so many blocks one is taken: the first of them, which are in a random order.
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
            Field::new(names[1], DataType::UInt32, false),
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
    fn sorted(&self, memory: &MemoryReservation) -> Result<Vec<(u32, u32)>> {
        let last = u64::from(self.keys.blocks[self.rule]).div_ceil(self.one_in.max(1));
        let taken = |key: u32| key != 0 && u64::from(key) <= last && u64::from(key) % self.part.1 == self.part.0;
        let count = self.keys.under(self.rule).filter(|key| taken(*key)).count();
        memory.try_grow(count * size_of::<(u32, u32)>())?;
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
    rows: Option<Vec<(u32, u32)>>,
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
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.0))),
        ];
        Some(RecordBatch::try_new(Arc::clone(&self.part.schema), columns).map_err(Into::into))
    }
}
