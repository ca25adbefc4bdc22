//! `accord synth`

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::ProgressBar;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::synth::{Options, generate};

/// Make up a county and its partners' extracts, for demos, tests and benches
///
/// One seeded population and what a school district, a community-college district and a state university would deliver
/// about it, each in its own format and with the dirt that partners really ship, and a truth file for linkage. The same
/// numbers give the same bytes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How many people
    #[arg(long, default_value_t = 6000)]
    people: u64,
    /// The seed
    #[arg(long, default_value_t = 20_260_701)]
    seed: u64,
    /// The folder to write to; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let options = Options { threads, ..Options::new(args.people, args.seed) };
    let open = |path: &str| -> std::io::Result<Box<dyn std::io::Write + Send>> {
        let path = args.out.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Box::new(std::fs::File::create(path)?))
    };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(args.people) } else { ProgressBar::hidden() };
    let summary = generate(&options, &open, &mut |done| bar.set_position(done))?;
    bar.finish_and_clear();
    if app.json() {
        output::line(summary.to_json(args.seed));
        return Ok(ExitCode::SUCCESS);
    }
    for (path, rows) in &summary.files {
        output::line(format!("{:>12} rows  {}", output::number(*rows), args.out.join(path).display()));
    }
    if summary.files.is_empty() {
        return Err(Error::internal("synth.nothing", "nothing was written"));
    }
    Ok(ExitCode::SUCCESS)
}
