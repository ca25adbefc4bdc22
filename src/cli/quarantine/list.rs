//! `accord quarantine list`

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;

use super::{App, counts, counts_json, openers};
use crate::cli::output;
use crate::error::Result;
use crate::run::Openers;
use crate::storage::Entry;
use crate::workspace::Workspace;

pub(super) async fn run(app: &App, workspace: &Workspace) -> Result<ExitCode> {
    let state = app.state(workspace)?;
    let mut known: BTreeMap<&str, Option<Openers>> = BTreeMap::new();
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for entry in state.list("quarantine").await? {
        let (pipeline, source) = place(&entry);
        let agreement = workspace.pipelines.get(pipeline).map(|pipeline| pipeline.agreement.id.as_str());
        if let Some(agreement) = agreement.filter(|agreement| !known.contains_key(*agreement)) {
            known.insert(agreement, openers(app, workspace, &state, agreement).await.ok());
        }
        // A file that no key opens is listed all the same.
        let rows = match agreement.and_then(|agreement| known.get(agreement)?.as_ref()) {
            Some(openers) => openers.open(&state.read(&entry.path).await?).ok(),
            None => None,
        };
        let by_rule = rows.as_deref().map(counts);
        let words = by_rule.as_ref().map_or_else(
            || "(its key does not open here)".to_owned(),
            |counts| {
                let word = |((rule, column), rows): (&(&str, &str), &u64)| match *column {
                    "-" => format!("{rows} {rule}"),
                    column => format!("{rows} {rule} in {column}"),
                };
                counts.iter().map(word).collect::<Vec<_>>().join(", ")
            },
        );
        let age = entry.modified.map(|at| app.now().duration_since(at).as_hours().max(0));
        values.push(json!({
            "path": entry.path, "pipeline": pipeline, "source": source, "age_hours": age,
            "rows": rows.as_ref().map(Vec::len), "by_rule": by_rule.as_ref().map(counts_json),
        }));
        let count = rows.as_ref().map_or_else(|| "-".to_owned(), |rows| output::number(rows.len()));
        lines.push(vec![entry.path.clone(), age.map_or_else(|| "-".to_owned(), aged), count, words]);
    }
    if app.json() {
        output::json(&values)?;
    } else if lines.is_empty() {
        output::line("nothing is in quarantine");
    } else {
        lines.insert(0, ["file", "age", "rows", "by rule"].map(str::to_owned).to_vec());
        output::columns(&lines).iter().for_each(output::line);
    }
    Ok(ExitCode::SUCCESS)
}

/// Pipeline and source of a file, by its path.
fn place(entry: &Entry) -> (&str, &str) {
    let mut names = entry.path.split('/').skip(1);
    (names.next().unwrap_or_default(), names.next().unwrap_or_default())
}

fn aged(hours: i64) -> String {
    if hours < 48 { format!("{hours} h") } else { format!("{} d", hours / 24) }
}
