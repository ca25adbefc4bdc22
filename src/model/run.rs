//! Running the models: staged Parquet in, staged Parquet out.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::TableReference;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use futures::StreamExt;
use url::Url;

use super::engine::execution_error;
use super::sql;
use crate::error::{Context, Error, Result};
use crate::identity::KeyId;
use crate::staging::{self, ParquetFile, Staged};
use crate::storage::Store;
use crate::workspace::ResolvedPipeline;

/// Makes a staged file readable under its table's name, if its pseudonyms are of `key`. There is no other way for rows
/// into a session, so that SQL never joins pseudonyms of two agreements or epochs.
///
/// # Errors
/// `identity.keys_differ` where another key made its pseudonyms; when the file can't be opened.
#[expect(clippy::disallowed_methods, reason = "the one place, behind the check")]
pub async fn register_staged(context: &SessionContext, store: &Store, staged: &Staged, key: &KeyId) -> Result<()> {
    staging::check_key(store, &staged.path, key).await.context(|| format!("read {}", staged.table))?;
    let url =
        Url::parse("accord://state/").map_err(|_| Error::internal("model.url", "the staging address is wrong"))?;
    context.register_object_store(&url, store.object_store());
    let (schema, table) = staged.table.split_once('.').unwrap_or(("models", &staged.table));
    context
        .register_parquet(
            TableReference::partial(schema, table),
            format!("accord://state/{}", staged.path),
            ParquetReadOptions::default(),
        )
        .await
        .map_err(execution_error)
}

/// Runs the pipeline's models in order, each into a staged file under `folder`, and registers it; their pseudonyms are of
/// `key`.
///
/// # Errors
/// What planning or execution says; never a value of a row.
pub async fn run_models(
    context: &SessionContext,
    store: &Store,
    pipeline: &ResolvedPipeline,
    folder: &str,
    key: &KeyId,
) -> Result<Vec<Staged>> {
    let mut done = Vec::new();
    for model in &pipeline.models {
        let path = format!("{folder}/models/{}.parquet", model.name);
        let rows =
            run_model(context, store, &model.sql, &path, key).await.context(|| model.path.display().to_string())?;
        let staged = Staged { table: format!("models.{}", model.name), path, rows };
        register_staged(context, store, &staged, key).await?;
        done.push(staged);
    }
    Ok(done)
}

async fn run_model(context: &SessionContext, store: &Store, sql: &str, path: &str, key: &KeyId) -> Result<u64> {
    let plan = sql::plan(context, sql).await?;
    let frame = context.execute_logical_plan(plan).await.map_err(execution_error)?;
    let mut stream = frame.execute_stream().await.map_err(execution_error)?;
    let schema = plain_schema(&stream.schema());
    let mut file = ParquetFile::create(store, path, schema.clone(), key).await?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(execution_error)?;
        let batch = RecordBatch::try_new(schema.clone(), batch.columns().to_vec())
            .map_err(|_| Error::internal("model.batch", "a batch does not fit its schema"))?;
        file.write(&batch).await?;
    }
    file.close().await
}

/// The schema without qualifiers and metadata, every column nullable.
fn plain_schema(schema: &Schema) -> Arc<Schema> {
    let fields: Vec<Field> =
        schema.fields().iter().map(|field| Field::new(field.name(), field.data_type().clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, FixedSizeBinaryArray};

    use super::super::engine::{EngineOptions, session};
    use super::*;

    fn key(agreement: &str, epoch: u32, fingerprint: &str) -> KeyId {
        KeyId { agreement: agreement.into(), epoch, fingerprint: fingerprint.into() }
    }

    async fn staged(store: &Store, name: &str, key: &KeyId) -> Staged {
        let people: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([[7; 16]].iter()).unwrap());
        let batch = RecordBatch::try_from_iter([("person", people)]).unwrap();
        let path = format!("staging/p/sources/{name}.parquet");
        let mut file = ParquetFile::create(store, &path, batch.schema(), key).await.unwrap();
        file.write(&batch).await.unwrap();
        Staged { table: format!("sources.{name}"), path, rows: file.close().await.unwrap() }
    }

    /// Whichever table it is: sources, links and models all come into a session this way.
    #[tokio::test]
    async fn tables_of_two_agreements_or_epochs_never_meet_in_a_session() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_folder(folder.path(), jiff::Timestamp::default).unwrap();
        let options = EngineOptions { memory_limit: 1 << 28, spill: folder.path().to_owned(), threads: 1 };
        let context = session(&options).unwrap();
        let own = key("a", 2, "00aa");
        register_staged(&context, &store, &staged(&store, "own", &own).await, &own).await.unwrap();
        for other in [key("b", 2, "00aa"), key("a", 1, "00aa"), key("a", 2, "00bb")] {
            let table = staged(&store, "other", &other).await;
            let refused = register_staged(&context, &store, &table, &own).await.unwrap_err();
            assert_eq!(refused.code(), "identity.keys_differ");
            assert!(context.table("sources.other").await.is_err(), "it is not there");
        }
        // One that says nothing of its key.
        let mut bare = Vec::new();
        let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
        parquet::arrow::ArrowWriter::try_new(&mut bare, batch.schema(), None).unwrap().close().unwrap();
        store.put("staging/p/sources/bare.parquet", bare).await.unwrap();
        let table = Staged { table: "sources.bare".into(), path: "staging/p/sources/bare.parquet".into(), rows: 0 };
        let refused = register_staged(&context, &store, &table, &own).await.unwrap_err();
        assert_eq!(refused.code(), "identity.keys_differ");
    }
}
