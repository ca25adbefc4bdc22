//! Pseudonymized rows on their way: Parquet files in the state storage that live as long as a run.
//!
//! Each says in its footer which key made its pseudonyms, and [`check_key`] refuses one of another key: whoever reads a
//! staged file asks it first.

use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::arrow::{ArrowWriter, AsyncArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;

use crate::error::{Error, Result};
use crate::identity::{KeyId, PERSON_COLUMN};
use crate::storage::{Store, Writer};

/// A staged table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// `sources.NAME`, `links.NAME` or `models.NAME`.
    pub table: String,
    /// Where its Parquet file is in the state storage.
    pub path: String,
    /// Its rows.
    pub rows: u64,
}

/// A Parquet file being written to a storage, a row group at a time. It appears whole when it is closed.
pub struct ParquetFile {
    writer: AsyncArrowWriter<StoreFile>,
    rows: u64,
}

impl ParquetFile {
    /// Starts a file with `schema`; its footer says under which `key` its pseudonyms were made.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn create(store: &Store, path: &str, schema: Arc<Schema>, key: &KeyId) -> Result<Self> {
        let properties = properties(key)?.build();
        let file = StoreFile(Some(store.writer(path).await?));
        Ok(Self { writer: AsyncArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet_error)?, rows: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).await.map_err(parquet_error)
    }

    /// Finishes the file and gives its number of rows.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn close(self) -> Result<u64> {
        self.writer.close().await.map_err(parquet_error)?;
        Ok(self.rows)
    }
}

/// Rows of a row group that is encoded apart from its file.
pub const GROUP: usize = 128 * 1024;

/// A Parquet file whose row groups are encoded on several threads and put into it in their order. It appears whole when
/// it is closed.
pub struct GroupedFile {
    encoded: SerializedFileWriter<Vec<u8>>,
    encoder: GroupEncoder,
    writer: Writer,
    rows: u64,
}

/// Encodes row groups; cheap to clone.
#[derive(Clone)]
pub struct GroupEncoder {
    schema: Arc<Schema>,
    columns: Arc<ArrowRowGroupWriterFactory>,
}

/// A row group, encoded.
pub struct Group {
    chunks: Vec<ArrowColumnChunk>,
    rows: u64,
}

impl GroupEncoder {
    /// Encodes the rows of these batches as one row group.
    ///
    /// # Errors
    /// An internal error where they have another schema than the file.
    pub fn encode(&self, batches: &[RecordBatch]) -> Result<Group> {
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        if rows == 0 {
            return Ok(Group { chunks: Vec::new(), rows });
        }
        self.chunks(batches).map(|chunks| Group { chunks, rows }).map_err(parquet_error)
    }

    fn chunks(&self, batches: &[RecordBatch]) -> parquet::errors::Result<Vec<ArrowColumnChunk>> {
        let mut writers = self.columns.create_column_writers(0)?;
        for batch in batches {
            let mut writers = writers.iter_mut();
            for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
                for (leaf, writer) in compute_leaves(field, column)?.iter().zip(&mut writers) {
                    writer.write(leaf)?;
                }
            }
        }
        writers.into_iter().map(|writer| writer.close()).collect()
    }
}

impl GroupedFile {
    /// Starts a file with `schema`; its footer says under which `key` its pseudonyms were made.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn create(store: &Store, path: &str, schema: Arc<Schema>, key: &KeyId) -> Result<Self> {
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(source_properties(key)?));
        let (encoded, columns) = writer.and_then(ArrowWriter::into_serialized_writer).map_err(parquet_error)?;
        let encoder = GroupEncoder { schema, columns: Arc::new(columns) };
        Ok(Self { encoded, encoder, writer: store.writer(path).await?, rows: 0 })
    }

    /// What encodes its row groups.
    #[must_use]
    pub fn encoder(&self) -> GroupEncoder {
        self.encoder.clone()
    }

    /// Adds a row group.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write(&mut self, group: Group) -> Result<()> {
        if group.rows == 0 {
            return Ok(());
        }
        self.rows += group.rows;
        self.append(group).map_err(parquet_error)?;
        let bytes = std::mem::take(self.encoded.inner_mut());
        self.writer.write(bytes.into()).await
    }

    fn append(&mut self, group: Group) -> parquet::errors::Result<()> {
        let mut row_group = self.encoded.next_row_group()?;
        for chunk in group.chunks {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close().map(drop)
    }

    /// Finishes the file and gives its number of rows.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn close(mut self) -> Result<u64> {
        let rest = self.encoded.into_inner().map_err(parquet_error)?;
        self.writer.write(rest.into()).await?;
        self.writer.close().await?;
        Ok(self.rows)
    }
}

/// Pseudonyms are random bits, of which no dictionary can be made and which nothing makes smaller; and no query asks for a
/// range of rows.
fn source_properties(key: &KeyId) -> Result<WriterProperties> {
    Ok(properties(key)?
        .set_column_dictionary_enabled(PERSON_COLUMN.into(), false)
        .set_column_compression(PERSON_COLUMN.into(), Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .build())
}

fn properties(key: &KeyId) -> Result<WriterPropertiesBuilder> {
    let metadata = key.metadata().into_iter().map(|(name, value)| KeyValue::new(name, value)).collect();
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(parquet_error)?))
        .set_key_value_metadata(Some(metadata))
        .set_max_row_group_row_count(Some(256 * 1024)))
}

/// The bytes at a file's end that are read first: more than the footer of most files.
const FOOTER: u64 = 64 * 1024;

/// Refuses a staged file whose pseudonyms another key than `key` made.
///
/// # Errors
/// `identity.keys_differ`; `staging.read` where it is no such file; the storage's.
pub async fn check_key(store: &Store, path: &str, key: &KeyId) -> Result<()> {
    check_footer(footer(store, path).await?.file_metadata(), key, path)
}

/// The same of a file whose footer is there already.
///
/// # Errors
/// `identity.keys_differ`.
pub fn check_footer(footer: &FileMetaData, key: &KeyId, path: &str) -> Result<()> {
    let said = footer.key_value_metadata();
    let found = |name: &str| said?.iter().find(|one| one.key == name)?.value.clone();
    key.check_metadata(found, path)
}

async fn footer(store: &Store, path: &str) -> Result<ParquetMetaData> {
    let damaged = || Error::storage("staging.read", format!("{path} is no staged file"));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let listed = store.list(folder).await?.into_iter().find(|entry| entry.path == path);
    let size = listed.ok_or_else(damaged)?.size;
    let mut wanted = FOOTER.min(size);
    loop {
        let tail = store.read_range(path, size - wanted..size).await?;
        let mut reader = ParquetMetaDataReader::new();
        match reader.try_parse_sized(&tail, size) {
            Ok(()) => return reader.finish().map_err(|_| damaged()),
            Err(ParquetError::NeedMoreData(more)) if more as u64 > wanted && more as u64 <= size => {
                wanted = more as u64
            }
            Err(_) => return Err(damaged()),
        }
    }
}

/// What a failed write may say: never the library's text, which can quote values. Our own storage error is handed on.
fn parquet_error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            // The writer wraps what a sink says once more.
            Err(other) => match other.downcast::<ParquetError>() {
                Ok(wrapped) => parquet_error(*wrapped),
                Err(_) => Error::storage("staging.write", "a staged file can't be written"),
            },
        },
        _ => Error::internal("staging.write", "a staged file can't be encoded"),
    }
}

struct StoreFile(Option<Writer>);

impl AsyncFileWriter for StoreFile {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, parquet::errors::Result<()>> {
        async move {
            match self.0.as_mut() {
                Some(writer) => writer.write(bytes).await.map_err(|error| ParquetError::External(Box::new(error))),
                None => Err(ParquetError::General("the file is closed".to_owned())),
            }
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, parquet::errors::Result<()>> {
        async move {
            match self.0.take() {
                Some(writer) => writer.close().await.map_err(|error| ParquetError::External(Box::new(error))),
                None => Ok(()),
            }
        }
        .boxed()
    }
}
