//! `accord quarantine`

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, DestroyedKey};
use crate::intake;
use crate::release::{self, Ledger};

/// Look at rejected rows
///
/// Every row that does not meet its contract lies encrypted in the state storage, with its line, column, rule and
/// reason. What is shown here names places and rules, never a value.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the quarantine files
    List,
    /// Show where rejected rows of a pipeline's source stand and why they were rejected
    Show {
        /// The pipeline
        pipeline: String,
        /// The source
        source: String,
        /// Only counts by rule and column
        #[arg(long)]
        summary: bool,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let state = app.state(&workspace)?;
    match args.command {
        Command::List => {
            for entry in state.list("quarantine").await? {
                output::line(entry.path);
            }
        }
        Command::Show { pipeline, source, summary } => {
            let resolved = workspace.pipeline(&pipeline)?;
            if resolved.source(&source).is_none() {
                let names = resolved.sources.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(Error::usage("quarantine.no_source", format!("`{pipeline}` has no source `{source}`"))
                    .with_hint(format!("its sources are {names}")));
            }
            let dead = release::destroyed_keys(&Ledger::open(&state).entries().await?);
            let keys = app.keyring(&workspace)?.load_all(&resolved.agreement.id, &dead).await?;
            let mut rows = Vec::new();
            for entry in state.list(&format!("quarantine/{pipeline}/{source}")).await? {
                rows.extend(open(&state.read(&entry.path).await?, &keys, dead.newest(&resolved.agreement.id))?);
            }
            print(&rows, summary);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a file with the key of its epoch, whichever that is: the newest first.
fn open(bytes: &[u8], keys: &[AgreementKeys], dead: Option<&DestroyedKey>) -> Result<Vec<intake::QuarantinedRow>> {
    let mut first = None;
    for key in keys {
        match intake::open_quarantine(bytes, key.quarantine_identity()) {
            Ok(rows) => return Ok(rows),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(match (dead, first) {
        (Some(dead), _) => dead.refusal(),
        (None, Some(error)) => error,
        (None, None) => Error::internal("quarantine.no_key", "there is no key to open the quarantine with"),
    })
}

fn print(rows: &[intake::QuarantinedRow], summary: bool) {
    if summary {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for row in rows {
            *counts.entry((row.rule.as_str(), row.column.as_deref().unwrap_or("-"))).or_default() += 1;
        }
        let lines: Vec<Vec<String>> = counts
            .iter()
            .map(|((rule, column), n)| vec![(*rule).to_owned(), (*column).to_owned(), n.to_string()])
            .collect();
        output::columns(&lines).iter().for_each(output::line);
        return;
    }
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
}
