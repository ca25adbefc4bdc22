//! `accord check`

use std::process::ExitCode;

use super::app::App;
use super::output;
use crate::error::Result;
use crate::model::session;
use crate::plan;

/// Check config, agreements, contracts, pipelines and their SQL without reading a row
///
/// Every mistake is shown with its file, its line and the nearest right word. The SQL is planned over the contracts'
/// columns and types, and the plan is walked against the agreement.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) async fn run(app: &App, _: &Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let mut engine = app.engine(&workspace);
    engine.spill = std::env::temp_dir();
    let done = |what: &str, names: Vec<&str>| {
        if !app.json() {
            output::line(format!("ok  {} {what}: {}", names.len(), names.join(", ")));
        }
    };
    done("agreements", workspace.agreements.keys().map(String::as_str).collect());
    done("contracts", workspace.contracts.keys().map(String::as_str).collect());
    let mut failed = None;
    let mut results = Vec::new();
    for (name, pipeline) in &workspace.pipelines {
        match plan::check(&session(&engine)?, pipeline).await {
            Ok(checked) => {
                let (models, tables) = (checked.models.len(), checked.tables.len());
                if !app.json() {
                    output::line(format!("ok  pipeline {name}: {models} models, {tables} tables"));
                }
                results.push(serde_json::json!({ "pipeline": name, "models": models, "tables": tables }));
            }
            Err(error) => {
                if failed.is_some() {
                    output::print_error(app, &error);
                } else {
                    failed = Some(error);
                }
            }
        }
        let today = app.today();
        if let Err(error) = plan::in_force(pipeline, today)
            && !app.json()
        {
            output::line(format!("note  {error}"));
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if app.json() {
        output::json(&results)?;
    }
    Ok(ExitCode::SUCCESS)
}
