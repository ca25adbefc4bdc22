//! Parquet, whose directory stands at its end: read by ranges, batch by batch, and only the columns that are fields.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::header::Columns;
use super::{Record, columnar, guard, pages};
use crate::error::{Error, Result};
use crate::intake::layout::Layout;
use crate::storage::Store;

/// Rows that are read at a time.
pub(super) const ROWS: usize = 8192;
/// The largest row group that is read, in bytes once unpacked: a row group's columns are held as a whole.
const LARGEST_ROW_GROUP: i64 = 1 << 30;
/// The largest page, in bytes once unpacked: room is made for it before it is looked at.
pub(super) const LARGEST_PAGE: i64 = 256 << 20;

/// Takes records.
type Each<'e> = dyn FnMut(&Record<'_>) -> Result<()> + Send + 'e;

/// Reads one delivery.
pub(in crate::intake) struct ParquetReader {
    path: String,
    stream: ParquetRecordBatchStream<Ranges>,
    of_field: Vec<Option<usize>>,
    row: u64,
}

impl ParquetReader {
    pub(in crate::intake) async fn open(store: &Store, layout: &Layout<'_>, path: &str, size: u64) -> Result<Self> {
        let ranges = Ranges { store: store.clone(), path: path.to_owned(), size, chunks: BTreeSet::new() };
        let builder = guarded(path, opened(ranges)).await?;
        let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let (of_field, roots) = projected(Columns::by_name(layout, &names, path)?.of_field);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        within_row_groups(builder.metadata(), path)?;
        let stream = builder.with_projection(mask).with_batch_size(ROWS).build();
        Ok(Self { path: path.to_owned(), stream: stream.map_err(|error| refused(path, error))?, of_field, row: 0 })
    }

    /// The names of all columns of a file.
    pub(in crate::intake) async fn names(store: &Store, path: &str, size: u64) -> Result<Vec<String>> {
        let ranges = Ranges { store: store.clone(), path: path.to_owned(), size, chunks: BTreeSet::new() };
        let builder = guarded(path, opened(ranges)).await?;
        Ok(builder.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// Hands on the rows of the next batch; false where there is none.
    pub(in crate::intake) async fn next(&mut self, each: &mut Each<'_>) -> Result<bool> {
        let Some(batch) = guarded(&self.path, self.stream.next().map(Option::transpose)).await? else {
            return Ok(false);
        };
        columnar::rows(&batch, &self.of_field, &mut self.row, &self.path, &mut |record| each(record))?;
        Ok(true)
    }
}

/// The file's directory. Text is read as views of the values that a column chunk holds once, however many rows have them.
async fn opened(mut ranges: Ranges) -> parquet::errors::Result<ParquetRecordBatchStreamBuilder<Ranges>> {
    let metadata = ranges.get_metadata(None).await?;
    let known = ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new())?;
    ranges.chunks =
        metadata.row_groups().iter().flat_map(|group| group.columns()).map(|one| one.byte_range().0).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(viewed(known.schema())));
    Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(ranges, ArrowReaderMetadata::try_new(metadata, options)?))
}

/// The schema by which text is read as views of the values that a column chunk holds once.
pub(super) fn viewed(schema: &Schema) -> Schema {
    let viewed = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        DataType::Binary | DataType::LargeBinary => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::BinaryView))
        }
        _ => Arc::clone(field),
    };
    Schema::new(schema.fields().iter().map(viewed).collect::<Vec<_>>())
}

/// The column of each field in batches of the columns that are read alone, and which of the file's those are: batches hold
/// them in the order of the file.
pub(super) fn projected(found: Vec<Option<usize>>) -> (Vec<Option<usize>>, Vec<usize>) {
    let mut roots: Vec<usize> = found.iter().copied().flatten().collect();
    roots.sort_unstable();
    roots.dedup();
    let of_field = found.iter().map(|at| at.and_then(|at| roots.binary_search(&at).ok())).collect();
    (of_field, roots)
}

/// Refuses row groups that are larger than what is held.
pub(super) fn within_row_groups(metadata: &ParquetMetaData, path: &str) -> Result<()> {
    let largest = metadata.row_groups().iter().map(|group| group.total_byte_size()).max();
    if largest.is_none_or(|largest| largest <= LARGEST_ROW_GROUP) {
        return Ok(());
    }
    let said = format!("read extract {path}: it has a row group larger than {} MiB", LARGEST_ROW_GROUP >> 20);
    Err(Error::data("intake.batch_too_large", said).with_hint("ask the partner to write smaller row groups"))
}

pub(super) fn page_too_large(path: &str) -> Error {
    let said = format!("read extract {path}: it has a page larger than {} MiB", LARGEST_PAGE >> 20);
    Error::data("intake.batch_too_large", said)
        .with_hint("ask the partner to write smaller pages, or to deliver it again if it is damaged")
}

/// A file whose bytes are read by ranges.
struct Ranges {
    store: Store,
    path: String,
    size: u64,
    /// Where column chunks start.
    chunks: BTreeSet<u64>,
}

impl AsyncFileReader for Ranges {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            if range.start > range.end || range.end > self.size {
                return Err(ParquetError::EOF("a range behind the file's end".to_owned()));
            }
            let chunk = self.chunks.contains(&range.start);
            let read = self.store.read_range(&self.path, range).await;
            let read = read.map_err(|error| ParquetError::External(Box::new(error)))?;
            if chunk && pages::largest(&read) > LARGEST_PAGE {
                let error = page_too_large(&self.path);
                return Err(ParquetError::External(Box::new(error)));
            }
            Ok(read)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

/// Waits for a step of the reader that is not ours: a panic in it is a damaged file.
async fn guarded<T>(path: &str, step: impl Future<Output = parquet::errors::Result<T>>) -> Result<T> {
    let mut step = Box::pin(step);
    let step = std::future::poll_fn(|context| match guard::guarded(|| step.as_mut().poll(context)) {
        Some(poll) => poll.map(Some),
        None => std::task::Poll::Ready(None),
    });
    match step.await {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) => Err(refused(path, error)),
        None => Err(columnar::damaged(path)),
    }
}

/// What the storage says, or that the file is damaged.
fn refused(path: &str, error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => columnar::damaged(path),
        },
        _ => columnar::damaged(path),
    }
}
