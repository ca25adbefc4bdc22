//! `accord quarantine show`

use std::process::ExitCode;

use serde_json::json;

use super::{App, Of, counts, counts_json, find, openers};
use crate::cli::output;
use crate::error::Result;
use crate::intake::QuarantinedRow;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// Only counts by rule and column
    #[arg(long)]
    summary: bool,
}

pub(super) async fn run(app: &App, workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    let (pipeline, source) = find(workspace, &args.of)?;
    let state = app.state(workspace)?;
    let openers = openers(app, workspace, &state, &pipeline.agreement.id).await?;
    let mut rows = Vec::new();
    for entry in state.list(&format!("quarantine/{}/{}", pipeline.spec.name, source.name)).await? {
        rows.extend(openers.open(&state.read(&entry.path).await?)?);
    }
    match (args.summary, app.json()) {
        (true, true) => output::json(&counts_json(&counts(&rows)))?,
        (true, false) => summary(&rows),
        (false, true) => output::json(&rows.iter().map(value).collect::<Vec<_>>())?,
        (false, false) => all(&rows),
    }
    Ok(ExitCode::SUCCESS)
}

fn value(row: &QuarantinedRow) -> serde_json::Value {
    json!({
        "delivery": row.delivery, "line": row.line, "column": row.column, "rule": row.rule, "reason": row.reason,
    })
}

fn summary(rows: &[QuarantinedRow]) {
    let lines: Vec<Vec<String>> = counts(rows)
        .iter()
        .map(|((rule, column), rows)| vec![(*rule).to_owned(), (*column).to_owned(), rows.to_string()])
        .collect();
    output::columns(&lines).iter().for_each(output::line);
    output::what_to_do("", rows.iter().map(|row| row.rule.as_str()));
}

fn all(rows: &[QuarantinedRow]) {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                format!("{}:{}", row.delivery, row.line),
                row.column.clone().unwrap_or_else(|| "-".to_owned()),
                row.rule.clone(),
                row.reason.clone(),
            ]
        })
        .collect();
    output::columns(&lines).iter().for_each(output::line);
    output::what_to_do("", rows.iter().map(|row| row.rule.as_str()));
}
