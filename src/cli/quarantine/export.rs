//! `accord quarantine export`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::{App, By, Of, open};
use crate::cli::output;
use crate::error::{Error, Result};
use crate::intake;
use crate::release::{Event, Ledger};
use crate::workspace::Workspace;

/// Write the rejected rows in clear, for the partner to correct
///
/// Comma-separated text in UTF-8 with a header: which row it is, why it was rejected, and its values by field. The file
/// holds people in clear: it is for the partner that delivered it and nobody else, goes to them the way that extracts
/// come, and is deleted afterwards. It must not exist yet, and only you can read it. Rows that are dropped are left out.
///
///   accord quarantine export college_going laccd --to corrections/laccd.csv
///   accord quarantine replay college_going laccd --with corrections/laccd.csv
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(app: &App, workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    args.by.check(workspace)?;
    let opened = open(app, workspace, &args.of).await?;
    let (pipeline, source) = (&opened.pipeline.spec.name, &opened.source.name);
    opened.held.not_empty(pipeline, source)?;
    let rows: Vec<_> = opened.held.open_rows().into_iter().filter(|row| row.key().is_some()).collect();
    let text = intake::export(&opened.source.contract, &rows)?;
    let mut file = create(&args.to)?;
    // Recorded before anything is in it: what is in clear is never there without a trace.
    let event = Event::QuarantineExport {
        pipeline: pipeline.clone(),
        source: source.clone(),
        agreement: opened.pipeline.agreement.id.clone(),
        rows: rows.len() as u64,
    };
    Ledger::open(&opened.state).append(app.now(), &args.by.actor, event).await?;
    let shown = args.to.display().to_string();
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| unwritable(&shown, error))?;
    if app.json() {
        output::json(&json!({ "file": shown, "rows": rows.len() }))?;
    } else {
        output::line(format!("{shown}: {} in clear, readable by you alone", super::rows(rows.len())));
        output::line("it is for the partner that delivered them; delete it when it is corrected and read");
        output::line(format!("next: accord quarantine replay {pipeline} {source} --with {shown}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// A new file for this user alone.
fn create(path: &Path) -> Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let shown = path.display().to_string();
    options.open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return Error::usage("quarantine.file_exists", format!("write {shown}: it is there already"))
                .with_hint("nothing is overwritten; give another name, or remove it");
        }
        unwritable(&shown, error)
    })
}

fn unwritable(path: &str, error: std::io::Error) -> Error {
    Error::failed("quarantine.file", format!("write {path}")).with_source(error)
}
