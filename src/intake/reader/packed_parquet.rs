//! Parquet that was compressed as a whole, or put into an archive. Its directory stands at its end, so that it is unpacked
//! and held in memory, up to a limit, as a workbook is.

use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::header::Columns;
use super::parquet::{LARGEST_PAGE, ROWS, page_too_large, projected, viewed, within_row_groups};
use super::{Each, columnar, guard, pages};
use crate::error::{Error, Result};
use crate::intake::layout::Layout;

/// The largest file that is read, in bytes once unpacked.
const LARGEST_PACKED: usize = 256 << 20;

/// Reads one file that is pushed into it piece by piece.
pub(super) struct PackedParquet {
    path: String,
    bytes: Vec<u8>,
}

impl PackedParquet {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), bytes: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.bytes.len() + bytes.len() > LARGEST_PACKED {
            let said = format!(
                "read extract {}: unpacked it is larger than {} MiB, and packed Parquet is read as a whole",
                self.path,
                LARGEST_PACKED >> 20
            );
            return Err(Error::data("intake.batch_too_large", said)
                .with_hint("ask the partner for Parquet as it is: it compresses its columns itself"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Hands on its rows. `names` is told the names of all its columns first.
    pub(super) fn finish(
        &mut self,
        layout: &Layout<'_>,
        names: &mut Option<Vec<String>>,
        each: &mut Each<'_>,
    ) -> Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let load = |options| self.read(|| ArrowReaderMetadata::load(&bytes, options));
        let known = load(ArrowReaderOptions::new())?;
        let known = load(ArrowReaderOptions::new().with_schema(Arc::new(viewed(known.schema()))))?;
        let found: Vec<String> = known.schema().fields().iter().map(|field| field.name().clone()).collect();
        *names = Some(found.clone());
        let (of_field, roots) = projected(Columns::by_name(layout, &found, &self.path)?.of_field);
        within_row_groups(known.metadata(), &self.path)?;
        self.within_pages(&known, &bytes)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, known);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let mut batches = self.read(|| builder.with_projection(mask).with_batch_size(ROWS).build())?;
        let mut row = 0;
        while let Some(batch) = self.read(|| batches.next().transpose())? {
            columnar::rows(&batch, &of_field, &mut row, &self.path, each)?;
        }
        Ok(())
    }

    fn within_pages(&self, known: &ArrowReaderMetadata, bytes: &Bytes) -> Result<()> {
        for chunk in known.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let (start, length) = chunk.byte_range();
            let chunk = usize::try_from(start).ok().zip(usize::try_from(length).ok());
            let chunk = chunk.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
            let chunk = chunk.ok_or_else(|| columnar::damaged(&self.path))?;
            if pages::largest(chunk) > LARGEST_PAGE {
                return Err(page_too_large(&self.path));
            }
        }
        Ok(())
    }

    /// Runs a step of the reader that is not ours; its own errors may quote a value and are left out.
    fn read<T, E>(&self, step: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
        guard::guarded(step).and_then(std::result::Result::ok).ok_or_else(|| columnar::damaged(&self.path))
    }
}
