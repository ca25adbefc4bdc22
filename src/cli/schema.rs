//! `accord schema`

use std::process::ExitCode;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::{tablefile, workspace};

/// Write the JSON Schemas of the workspace's files, for editors
///
/// They go to config/schemas/. With --check nothing is written: it fails where a file is not up to date.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Only say whether the files are up to date
    #[arg(long)]
    check: bool,
}

pub(super) fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let folder = app.root()?.join("config/schemas");
    let mut stale = Vec::new();
    for (name, text) in workspace::schemas().into_iter().chain([tablefile::schema()]) {
        let path = folder.join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|existing| existing == text) {
            continue;
        }
        if args.check {
            stale.push(name);
            continue;
        }
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Error::failed("cli.schema", format!("{name} can't be written")).with_source(error))?;
        output::line(format!("wrote config/schemas/{name}"));
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::config("cli.schema_stale", format!("schemas are out of date: {}", stale.join(", ")))
        .with_hint("run `accord schema` and commit config/schemas/"))
}
