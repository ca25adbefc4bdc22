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
use crate::staging::{ParquetFile, Staged};
use crate::storage::Store;
use crate::workspace::ResolvedPipeline;

/// Makes a staged file readable under its table's name.
///
/// # Errors
/// When the file can't be opened.
pub async fn register_staged(context: &SessionContext, store: &Store, staged: &Staged) -> Result<()> {
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

/// Runs the pipeline's models in order, each into a staged file under `folder`, and registers it.
///
/// # Errors
/// What planning or execution says; never a value of a row.
pub async fn run_models(
    context: &SessionContext,
    store: &Store,
    pipeline: &ResolvedPipeline,
    folder: &str,
) -> Result<Vec<Staged>> {
    let mut done = Vec::new();
    for model in &pipeline.models {
        let path = format!("{folder}/models/{}.parquet", model.name);
        let rows = run_model(context, store, &model.sql, &path).await.context(|| model.path.display().to_string())?;
        let staged = Staged { table: format!("models.{}", model.name), path, rows };
        register_staged(context, store, &staged).await?;
        done.push(staged);
    }
    Ok(done)
}

async fn run_model(context: &SessionContext, store: &Store, sql: &str, path: &str) -> Result<u64> {
    let plan = sql::plan(context, sql).await?;
    let frame = context.execute_logical_plan(plan).await.map_err(execution_error)?;
    let mut stream = frame.execute_stream().await.map_err(execution_error)?;
    let schema = plain_schema(&stream.schema());
    let mut file = ParquetFile::create(store, path, schema.clone(), &[]).await?;
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
