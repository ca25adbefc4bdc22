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
    /// By rule: the rows that are in a block, block after block.
    in_order: Arc<[Vec<u32>]>,
    /// How many blocks each rule has on both sides together.
    blocks: Arc<[u32]>,
}

/// The blocks of both sides, numbered in the order of their hashes: at random, to whoever has no key, and much the same from
/// one night to the next. The hashes end here.
pub(super) fn numbered(sides: [Hashes; 2], threads: usize) -> [Keys; 2] {
    let rules = sides[0].rules;
    let mut keys = [0, 1].map(|side: usize| vec![0; sides[side].hashes.len()]);
    let (mut in_order, mut blocks) = ([Vec::new(), Vec::new()], Vec::new());
    let all: Vec<usize> = (0..rules).collect();
    for some in all.chunks(threads.max(1)) {
        let numbered: Vec<Numbered> = std::thread::scope(|scope| {
            let sides = &sides;
            let threads: Vec<_> = some.iter().map(|&rule| scope.spawn(move || Numbered::of(sides, rule))).collect();
            threads.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        for (&rule, numbered) in some.iter().zip(numbered) {
            let places = keys.iter_mut().flat_map(|keys| keys.iter_mut().skip(rule).step_by(rules));
            places.zip(numbered.numbers).for_each(|(place, number)| *place = number);
            in_order.iter_mut().zip(numbered.in_order).for_each(|(all, of_rule)| all.push(of_rule));
            blocks.push(numbered.blocks);
        }
    }
    let blocks: Arc<[u32]> = blocks.into();
    let [left, right] = keys;
    let [left_order, right_order] = in_order;
    [(left, left_order), (right, right_order)].map(|(keys, in_order)| Keys {
        keys,
        rules,
        in_order: in_order.into(),
        blocks: Arc::clone(&blocks),
    })
}

/// The blocks of a rule.
struct Numbered {
    /// Of the rows on the left and then those on the right; 0 where they are in none.
    numbers: Vec<u32>,
    /// The rows of either side that are in one, block after block.
    in_order: [Vec<u32>; 2],
    blocks: u32,
}

impl Numbered {
    fn of(sides: &[Hashes; 2], rule: usize) -> Self {
        let lefts = sides[0].hashes.len() / sides[0].rules;
        let rows: usize = sides.iter().map(|side| side.hashes.len() / side.rules).sum();
        let mut hashes = Wiped::with_capacity(rows);
        let all = sides.iter().flat_map(|side| side.hashes.iter().skip(rule).step_by(side.rules));
        (0_u32..).zip(all).filter(|(_, hash)| **hash != 0).for_each(|(row, &hash)| hashes.push((hash, row)));
        hashes.sort_unstable();
        let mut numbered = Self { numbers: vec![0; rows], in_order: [Vec::new(), Vec::new()], blocks: 0 };
        let mut last = 0;
        for &(hash, row) in hashes.iter() {
            numbered.blocks += u32::from(hash != last);
            last = hash;
            let at = row as usize;
            numbered.numbers[at] = numbered.blocks;
            let side = usize::from(at >= lefts);
            numbered.in_order[side].push((at - side * lefts) as u32);
        }
        numbered
    }
}

impl Keys {
    pub(super) fn bytes(&self) -> usize {
        (self.keys.len() + self.in_order.iter().map(Vec::len).sum::<usize>()) * size_of::<u32>()
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
        Self { keys, rules: self.rules, in_order: Arc::clone(&self.in_order), blocks: Arc::clone(&self.blocks) }
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
        let size = context.session_config().batch_size().max(1);
        let batches = Batches { part, size, at: 0 };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(batches)))
    }
}

/// The batches of a part.
struct Batches {
    part: KeyedRows,
    size: usize,
    /// How many of the rule's rows are read.
    at: usize,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let KeyedRows { keys, rule, one_in, part, schema } = &self.part;
        let last = u64::from(keys.blocks[*rule]).div_ceil((*one_in).max(1));
        let (mut rows, mut blocks) = (Vec::with_capacity(self.size), Vec::with_capacity(self.size));
        for &row in &keys.in_order[*rule][self.at..] {
            let block = keys.of(row)[*rule];
            if u64::from(block) > last || rows.len() == self.size {
                break;
            }
            self.at += 1;
            // Blocks that are too large have lost their number.
            if block != 0 && u64::from(block) % part.1 == part.0 {
                rows.push(row);
                blocks.push(block);
            }
        }
        if rows.is_empty() {
            return None;
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(rows)), Arc::new(UInt32Array::from(blocks))];
        Some(RecordBatch::try_new(Arc::clone(schema), columns).map_err(Into::into))
    }
}
