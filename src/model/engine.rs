//! The DataFusion session: built in one place, so that model and tabulate may later run elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{Error, Kind, Result};

/// What the engine may use of the machine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Memory for queries, in bytes; beyond it they spill.
    pub memory_limit: u64,
    /// Folder for spill files. It must exist.
    pub spill: PathBuf,
    /// Partitions that run at the same time.
    pub threads: usize,
}

/// The schemas that SQL may name.
pub(super) const SCHEMAS: [&str; 3] = ["sources", "links", "models"];

/// A session with the empty schemas `sources`, `links` and `models`, without information schema, without table
/// functions, and with no way to reach a file by its name.
///
/// # Errors
/// An internal error when DataFusion refuses the options.
pub fn session(options: &EngineOptions) -> Result<SessionContext> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(usize::try_from(options.memory_limit).unwrap_or(usize::MAX))))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![options.spill.clone()])),
        )
        .build_arc()
        .map_err(execution_error)?;
    let mut config = SessionConfig::new()
        .with_target_partitions(options.threads.max(1))
        .with_information_schema(false)
        .with_default_catalog_and_schema("accord", "public")
        .with_create_default_catalog_and_schema(true);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    config.options_mut().sql_parser.collect_spans = true;
    let context = SessionContext::new_with_config_rt(config, runtime);
    let functions: Vec<String> = context.state().table_functions().keys().cloned().collect();
    for function in functions {
        context.deregister_udtf(&function);
    }
    let catalog = context
        .catalog("accord")
        .ok_or_else(|| Error::internal("model.catalog", "the engine's catalog is not there"))?;
    for schema in SCHEMAS {
        let provider: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
        catalog.register_schema(schema, provider).map_err(execution_error)?;
    }
    Ok(context)
}

/// What a failed execution may say. DataFusion's own text can quote a value of a row, so it is never passed on.
#[must_use]
pub fn execution_error(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Error::failed(
            "model.memory",
            "a query needs more memory than `engine.memory_limit` allows, also with spilling",
        )
        .with_hint("raise `engine.memory_limit` in config/accord.yaml"),
        DataFusionError::IoError(io) if io.kind() == std::io::ErrorKind::StorageFull => {
            Error::storage("storage.full", "the disk is full while a query spills")
                .with_hint("free space, or point `engine.spill_directory` at a larger disk; then run again")
        }
        DataFusionError::IoError(io) => {
            Error::storage("model.io", format!("a query can't read or write its files ({})", io.kind()))
        }
        other => Error::new(Kind::Failed, "model.execution", format!("a query failed ({})", class(other)))
            .with_hint("a cast of a value that does not fit is the usual cause: use TRY_CAST, or tighten the contract"),
    }
}

fn class(error: &DataFusionError) -> &'static str {
    match error {
        DataFusionError::ArrowError(..) => "a value does not fit its type",
        DataFusionError::ParquetError(_) => "a staged file is damaged",
        DataFusionError::ObjectStore(_) => "the state storage can't be read",
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => "the plan does not fit the staged rows",
        DataFusionError::NotImplemented(_) => "not implemented by the engine",
        _ => "execution error",
    }
}
