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
