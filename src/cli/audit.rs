//! `accord audit`

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::app::App;
use super::{output, protect};
use crate::error::{Error, Result};
use crate::tablefile::{self, Job};

/// Say what of the hidden figures of published tables a reader can compute
///
/// Works on any CSV or Parquet tables of counts; no workspace is needed. A spec says what their columns are: start with
/// --draft-spec. The report names figures and never shows a value. Exits 0 where nothing falls, 6 where something does.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The tables, or folders of them; those that the spec names where none is given
    #[arg(value_name = "TABLE")]
    tables: Vec<PathBuf>,
    /// What their columns are, and the rules (YAML)
    #[arg(long, value_name = "FILE", required_unless_present = "draft_spec")]
    spec: Option<PathBuf>,
    /// Write a first spec, guessed from the tables, to standard output
    #[arg(long, conflicts_with_all = ["spec", "html"], requires = "tables")]
    draft_spec: bool,
    /// Write the report as a page, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Overwrite the page
    #[arg(long)]
    force: bool,
}

pub(super) fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let Some(spec) = &args.spec else {
        output::text(&tablefile::draft(&args.tables)?);
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(page) = &args.html {
        protect::refuse_existing([page.as_path()], args.force)?;
    }
    let job = Job::read(spec, app.color())?;
    let mut bar = protect::Progress::new("examining");
    let report = tablefile::audit(&job, &args.tables, &mut |progress| bar.step(progress))?;
    bar.finish();
    if let Some(page) = &args.html {
        protect::write(page, tablefile::page(&report)?.as_bytes())?;
    }
    if app.json() {
        let mut value = serde_json::to_value(&report)
            .map_err(|error| Error::internal("cli.json", "the report can't be written").with_source(error))?;
        value["passed"] = report.passed().into();
        value["headline"] = report.headline().into();
        output::json(&value)?;
    } else {
        let colour = app.colors(std::io::stdout().is_terminal());
        let paint = |code: &str, text: &str| {
            if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
        };
        report.lines(&paint).iter().for_each(output::line);
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(crate::Kind::Disclosure.exit_code()) })
}
