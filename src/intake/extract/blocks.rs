//! Text read in blocks: other threads examine them, and what depends on the rows before is judged here, in their order.

use std::sync::Arc;

use super::super::batch;
use super::super::block::{Examined, Part};
use super::super::check::Reject;
use super::super::layout::Layout;
use super::super::reader::{Block, Heading, PIECE, TextReader, Unpack};
use super::{Intake, Kept, Open};
use crate::error::{Error, Result};

/// Rows whose keys memory is asked for at a time.
const TOUCHED: usize = 64;

impl<'a> Intake<'a> {
    /// Whether each row is looked at in its turn: where something was decided about some, or each one is captured.
    pub(super) fn is_in_turn(&self, open: &Open<'_>) -> bool {
        open.decided.is_some() || self.captured.is_some()
    }

    /// Reads text: its header here, all that follows in blocks on other threads.
    pub(super) fn blocks(
        &mut self,
        open: &mut Open<'a>,
        layout: &'a Layout<'a>,
        unpack: &mut Unpack,
        text: &mut TextReader,
        bytes: &[u8],
    ) -> Result<()> {
        for piece in bytes.chunks(PIECE) {
            let done = unpack.push(piece, &mut |unpacked| self.unpacked(open, layout, text, unpacked));
            self.first_error(open, layout, text, done)?;
        }
        Ok(())
    }

    pub(super) fn last_blocks(
        &mut self,
        open: &mut Open<'a>,
        layout: &'a Layout<'a>,
        unpack: &mut Unpack,
        text: &mut TextReader,
    ) -> Result<()> {
        let done = unpack.finish(&mut |unpacked| self.unpacked(open, layout, text, unpacked));
        let done = done.and_then(|()| text.ended());
        self.first_error(open, layout, text, done)?;
        self.cut(open, layout, text, true)?;
        self.settle(open, layout, text, 0)?;
        text.judge_characters()
    }

    fn unpacked(
        &mut self,
        open: &mut Open<'a>,
        layout: &'a Layout<'a>,
        text: &mut TextReader,
        bytes: &[u8],
    ) -> Result<()> {
        text.take(bytes)?;
        self.cut(open, layout, text, false)
    }

    /// Where the bytes can't be read any further, what is wrong with a row before them comes first.
    fn first_error(
        &mut self,
        open: &mut Open<'a>,
        layout: &'a Layout<'a>,
        text: &mut TextReader,
        done: Result<()>,
    ) -> Result<()> {
        if done.is_err() && !self.stopped && open.heading.is_done() {
            if let Some(rest) = text.cut_rest() {
                self.examine(open, layout, text, rest)?;
            }
            self.settle(open, layout, text, 0)?;
        }
        done
    }

    fn cut(&mut self, open: &mut Open<'a>, layout: &'a Layout<'a>, text: &mut TextReader, end: bool) -> Result<()> {
        if !open.heading.is_done() {
            text.until(end, &mut |record| {
                self.record(record, layout, open)?;
                Ok(!open.heading.is_done())
            })?;
        }
        if open.heading.is_done() {
            while let Some(block) = text.cut(self.spread.block, end) {
                self.examine(open, layout, text, block)?;
            }
        }
        Ok(())
    }

    /// Has a block examined, and takes what was examined before where enough is on its way.
    fn examine(
        &mut self,
        open: &mut Open<'a>,
        layout: &'a Layout<'a>,
        text: &mut TextReader,
        block: Block,
    ) -> Result<()> {
        let part = match &open.blocks {
            Some(part) => Arc::clone(part),
            None => Arc::clone(open.blocks.insert(self.part(open.path.clone(), layout, &open.heading)?)),
        };
        if self.workers.is_none() {
            self.workers = Some((self.start)()?);
        }
        if let Some(workers) = &self.workers {
            self.pending.push_back(workers.give((part, block)));
        }
        self.settle(open, layout, text, 2 * self.spread.threads)
    }

    fn part(&self, path: String, layout: &Layout<'_>, heading: &Heading) -> Result<Arc<Part>> {
        let place = self.layouts.iter().position(|one| std::ptr::eq(one, layout));
        match (place, heading.columns()) {
            (Some(layout), Some(columns)) => Ok(Arc::new(Part { path, layout, columns: columns.clone() })),
            _ => Err(Error::internal("intake.block", "a block comes before its header")),
        }
    }

    /// Takes the blocks that were examined, in their order, until no more than `left` are on their way.
    fn settle(
        &mut self,
        open: &mut Open<'a>,
        layout: &'a Layout<'a>,
        text: &mut TextReader,
        left: usize,
    ) -> Result<()> {
        while self.pending.len() > left {
            let Some(next) = self.pending.pop_front() else { break };
            let examined = next.wait().flatten();
            let done = examined.and_then(|examined| {
                text.add_signs(examined.signs);
                self.take(open, layout, examined)
            });
            self.stopped |= done.is_err();
            done?;
        }
        Ok(())
    }

    /// Takes an examined block: what depends on the rows before is judged here.
    fn take(&mut self, open: &mut Open<'a>, layout: &Layout<'_>, mut examined: Examined) -> Result<()> {
        self.hand_on()?;
        let Some(part) = open.blocks.clone() else {
            return Err(Error::internal("intake.block", "a block is of no part"));
        };
        let place = (layout, &part.columns);
        open.rows_in += examined.rows_in;
        let mut early = std::mem::take(&mut examined.rejects).into_iter().peekable();
        let mut dropped = Vec::new();
        let keys = std::mem::take(&mut examined.keys);
        for (row, of_row) in self.rules.rows(&keys).enumerate() {
            if row % TOUCHED == 0 {
                let from = row * of_row.len();
                self.rules.touch(&keys[from..(from + TOUCHED * of_row.len()).min(keys.len())]);
            }
            while let Some(one) = early.next_if(|one| one.before <= row) {
                self.reject(&mut open.rejects, place, &Kept::text(one.line, &one.kept), &one.reject)?;
            }
            if let Err(misfit) = self.rules.judge(of_row)? {
                let row_kept = Kept::text(examined.origins[row].line, examined.record(row));
                self.reject(&mut open.rejects, place, &row_kept, &Reject { field: None, misfit })?;
                examined.forget(row);
                dropped.push(row);
            }
        }
        for one in early {
            self.reject(&mut open.rejects, place, &Kept::text(one.line, &one.kept), &one.reject)?;
        }
        open.admitted += (examined.fitting - dropped.len()) as u64;
        self.tally.add(examined.uses);
        let delivery = self.batch.delivery();
        let rows = examined.rows.map(|rows| rows.of_delivery(delivery).without(&dropped)).transpose()?.flatten();
        rows.into_iter().flat_map(|rows| rows.batches(batch::ROWS)).try_for_each(|rows| (self.sink)(rows))
    }
}
