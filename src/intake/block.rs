//! Blocks of whole records, examined on several threads: all that can be said of a row without the rows before it.

use std::sync::Arc;

use super::batch::Batch;
use super::check::{FieldUses, Reject, RowChecker, text_of};
use super::extract::{MOST_WAITING, too_many_waiting};
use super::field::Use;
use super::keys::KeyOfRow;
use super::layout::Layout;
use super::reader::{Block, Columns, Raw, Record, Signs, TextReader};
use super::references::Asked;
use super::typed_rows::TypedRows;
use crate::error::{Error, Result};
use crate::parallel::Queue;
use crate::workspace::Contract;

/// What blocks of one delivery, or of one part of it, have in common.
pub(super) struct Part {
    /// What messages call it.
    pub(super) path: String,
    /// The place of its layout among those of the contract.
    pub(super) layout: usize,
    pub(super) columns: Columns,
}

/// A block to be examined.
pub(super) type Work = (Arc<Part>, Block);

/// A block that was examined.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) rows_in: u64,
    /// Rows that fit by themselves.
    pub(super) fitting: usize,
    pub(super) rows: Option<TypedRows>,
    /// Rows that do not, in their order.
    pub(super) rejects: Vec<Misfitting>,
    /// What is counted of the rows that fit.
    pub(super) uses: Vec<FieldUses>,
    /// Keys of the rows that fit, those of one row after those of the other.
    pub(super) keys: Vec<KeyOfRow>,
    /// Of each row that fits, where there are keys.
    pub(super) origins: Vec<Origin>,
    row_uses: Vec<(usize, Use)>,
    /// Bytes that the rows which do not fit take, about.
    waiting: usize,
    pub(super) signs: Signs,
    bytes: Vec<u8>,
}

/// A row that does not fit.
pub(super) struct Misfitting {
    /// How many rows that fit come before it.
    pub(super) before: usize,
    pub(super) line: u64,
    pub(super) kept: Vec<u8>,
    pub(super) reject: Reject,
}

/// Where a row stands, should a rule over several rows reject it.
pub(super) struct Origin {
    pub(super) line: u64,
    record: std::ops::Range<usize>,
    /// Where its part of `row_uses` ends.
    uses: usize,
}

impl Examined {
    /// The bytes of a row's record.
    pub(super) fn record(&self, row: usize) -> &[u8] {
        &self.bytes[self.origins[row].record.clone()]
    }

    /// Takes back what was counted of a row.
    pub(super) fn forget(&mut self, row: usize) {
        let start = row.checked_sub(1).map_or(0, |before| self.origins[before].uses);
        for &(field, one) in &self.row_uses[start..self.origins[row].uses] {
            *self.uses[field].count(one) -= 1;
        }
    }
}

/// Examines blocks, one after the other.
pub(super) struct Examiner<'c> {
    contract: &'c Contract,
    layouts: &'c [Layout<'c>],
    rows: RowChecker<'c>,
    batch: Batch,
    reader: Option<(Arc<Part>, TextReader)>,
}

impl<'c> Examiner<'c> {
    pub(super) fn new(
        contract: &'c Contract,
        layouts: &'c [Layout<'c>],
        wanted: &[&str],
        asked: &Asked,
    ) -> Result<Self> {
        let (rows, batch) = (RowChecker::new(contract, asked)?, Batch::new(contract, wanted)?);
        Ok(Self { contract, layouts, rows, batch, reader: None })
    }

    /// # Errors
    /// The delivery can't be read as its layout says.
    pub(super) fn examine(&mut self, (part, block): Work) -> Result<Examined> {
        let layout = &self.layouts[part.layout];
        let mut reader = match self.reader.take() {
            Some((known, reader)) if Arc::ptr_eq(&known, &part) => reader,
            _ => TextReader::new(layout, &part.path)?,
        };
        let mut examined = Examined { uses: FieldUses::of(self.contract), ..Examined::default() };
        let signs = reader.read(&block, &mut |record| self.record(record, layout, &part, &block, &mut examined))?;
        self.reader = Some((part, reader));
        examined.rows = self.batch.take()?;
        (examined.signs, examined.bytes) = (signs, block.bytes);
        Ok(examined)
    }

    fn record(
        &mut self,
        record: &Record<'_>,
        layout: &Layout<'_>,
        part: &Part,
        block: &Block,
        examined: &mut Examined,
    ) -> Result<()> {
        examined.rows_in += 1;
        if let Err(reject) = self.rows.check(record, layout, &part.columns) {
            let (before, line, kept) = (examined.fitting, record.line, record.kept().into_owned());
            examined.waiting += size_of::<Misfitting>() + kept.len() + reject.misfit.reason.len();
            examined.rejects.push(Misfitting { before, line, kept, reject });
            // A block is small, but it may follow any number of empty lines.
            return if examined.waiting > MOST_WAITING { Err(too_many_waiting(&part.path)) } else { Ok(()) };
        }
        examined.fitting += 1;
        for &(field, one) in &self.rows.uses {
            *examined.uses[field].count(one) += 1;
        }
        if self.rows.keys_of_a_row() > 0 {
            examined.keys.extend_from_slice(&self.rows.keys);
            examined.row_uses.extend_from_slice(&self.rows.uses);
            let (line, record) = (record.line, place(record, block)?);
            examined.origins.push(Origin { line, record, uses: examined.row_uses.len() });
        }
        let scratch = &self.rows.scratch;
        self.batch.push(&self.rows.cells, |cell| text_of(cell, record.text, scratch))?;
        Ok(())
    }
}

/// Where a record stands in its block.
fn place(record: &Record<'_>, block: &Block) -> Result<std::ops::Range<usize>> {
    let Raw::Bytes(raw) = record.raw else {
        return Err(Error::internal("intake.block", "a record of a block has no bytes"));
    };
    // An empty line has no place of its own.
    let start = if raw.is_empty() { 0 } else { raw.as_ptr().addr() - block.bytes.as_ptr().addr() };
    Ok(start..start + raw.len())
}

/// Examines blocks until none are left.
pub(super) fn examine_all(
    contract: &Contract,
    wanted: &[String],
    asked: &Asked,
    queue: Queue<Work, Result<Examined>>,
) -> Result<()> {
    let layouts = Layout::all(contract)?;
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let mut examiner = Examiner::new(contract, &layouts, &wanted, asked)?;
    queue.work(|work| examiner.examine(work));
    Ok(())
}
