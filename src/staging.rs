//! Pseudonymized rows on their way: Parquet files in the state storage that live as long as a run.

use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::error::{Error, Result};
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
    /// Starts a file with `schema` and key-value `metadata` in its footer.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn create(store: &Store, path: &str, schema: Arc<Schema>, metadata: &[(&str, String)]) -> Result<Self> {
        let metadata = metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(parquet_error)?))
            .set_key_value_metadata(Some(metadata))
            .set_max_row_group_row_count(Some(256 * 1024))
            .build();
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
