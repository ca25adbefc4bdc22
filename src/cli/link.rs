//! `accord link`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use datafusion::execution::memory_pool::GreedyMemoryPool;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::identity::{Estimate, Phase, Resources, Watch};
use crate::linkfile::{self, FileLink, FilePair};
use crate::workspace;

/// Link the people of two files by probability, to try comparisons and thresholds
///
/// Works on any two CSV files with names and dates in them; no workspace is needed. The spec says which column names a
/// record, and holds what stands under `probabilistic` in a pipeline. Values are compared as keyed encodings, under a
/// key made up for this run. Out come pairs of record ids with their probability, links and pairs for review: no name.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file on the left
    left: PathBuf,
    /// The file on the right
    right: PathBuf,
    /// What is compared, and how (YAML)
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Where the pairs go, as CSV
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the trained model goes, as JSON, for review
    #[arg(long, value_name = "FILE")]
    model_out: Option<PathBuf>,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
    /// Memory for encodings and for comparing them, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: usize,
}

pub(super) async fn run(app: &App, args: &Args) -> Result<ExitCode> {
    for place in [Some(&args.out), args.model_out.as_ref()].into_iter().flatten() {
        if place.exists() && !args.force {
            return Err(Error::usage("cli.exists", format!("{} is there already", place.display()))
                .with_hint("give --force to overwrite it"));
        }
    }
    let text = String::from_utf8(read(&args.spec)?)
        .map_err(|_| Error::config("link.spec", format!("{} is not UTF-8 text", args.spec.display())))?;
    let spec: FileLink = match workspace::parse(&args.spec.display().to_string(), text) {
        Ok((_, spec)) => spec,
        Err(findings) => {
            return Err(Error::config("link.spec", format!("the spec {} has mistakes", args.spec.display()))
                .with_report(findings.each(app.color())));
        }
    };
    let mut root = [0; 32];
    getrandom::fill(&mut root)
        .map_err(|_| Error::failed("cli.random", "the system gives no random numbers for a key"))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bytes = args.memory << 20;
    let times = Times::default();
    let pool = Arc::new(GreedyMemoryPool::new(bytes));
    let resources = Resources::new(threads, pool, bytes as u64).watched(times.watch());
    let (left, right) = (read(&args.left)?, read(&args.right)?);
    let names = [&args.left, &args.right].map(|path| path.display().to_string());
    let done = linkfile::link(&spec, (&names[0], &left), (&names[1], &right), &root, &resources).await?;
    let seconds = times.seconds();
    write(&args.out, csv(&done.pairs).as_bytes())?;
    if let Some(place) = &args.model_out {
        let model = serde_json::to_vec_pretty(&done.model)
            .map_err(|_| Error::internal("cli.model", "the model can't be written"))?;
        write(place, &model)?;
    }
    let report = &done.report;
    if app.json() {
        let share = |one: Estimate| serde_json::json!({ "value": one.value, "low": one.low, "high": one.high });
        output::json(&serde_json::json!({
            "compared": report.compared,
            "linked": report.linked,
            "review": report.review,
            "not_told_apart": report.not_told_apart,
            "precision": share(report.precision),
            "recall": share(report.recall),
            "threads": threads,
            "seconds": seconds,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format!("{:>12} pairs compared", output::number(report.compared)));
    for rule in report.blocking.iter().filter(|rule| rule.pairs_left_out > 0) {
        let left_out = output::number(rule.pairs_left_out);
        output::line(format!("{left_out:>12} pairs left out of {}: too many people share a value", rule.rule));
    }
    output::line(format!("{:>12} links", output::number(report.linked)));
    output::line(format!("{:>12} pairs for review", output::number(report.review)));
    if report.not_told_apart > 0 {
        let pairs = output::number(report.not_told_apart);
        output::line(format!("{pairs:>12} of them probable, but nothing in them tells twins apart"));
    }
    output::line(format!(
        "{:>12} of the links are right {}",
        percent(report.precision.value),
        within(report.precision)
    ));
    output::line(format!("{:>12} of the matches are linked {}", percent(report.recall.value), within(report.recall)));
    output::line(format!("wrote {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// When each part of a link began.
#[derive(Default)]
struct Times(Arc<Mutex<Vec<(Phase, Instant)>>>);

impl Times {
    fn watch(&self) -> Watch {
        let begun = Arc::clone(&self.0);
        Arc::new(move |phase| begun.lock().unwrap_or_else(PoisonError::into_inner).push((phase, Instant::now())))
    }

    /// How long each part took, the last one until now.
    fn seconds(&self) -> serde_json::Map<String, serde_json::Value> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = begun.iter().skip(1).map(|next| next.1).chain([Instant::now()]);
        let seconds = |(&(phase, begin), end): (&(Phase, Instant), Instant)| {
            (word(phase).to_owned(), end.saturating_duration_since(begin).as_secs_f64().into())
        };
        begun.iter().zip(ends).map(seconds).collect()
    }
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Encode => "encode",
        Phase::Block => "block",
        Phase::Train => "train",
        Phase::Compare => "compare",
        Phase::Decide => "decide",
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn within(estimate: Estimate) -> String {
    format!("(estimated without labels; {:.1} to {:.1})", 100.0 * estimate.low, 100.0 * estimate.high)
}

fn csv(pairs: &[FilePair]) -> String {
    let quoted = |id: &str| match id.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", id.replace('"', "\"\"")),
        false => id.to_owned(),
    };
    let mut text = String::from("left,right,probability,decision\n");
    for pair in pairs {
        let decision = if pair.linked { "link" } else { "review" };
        // Writing to a String can't fail.
        let _ = writeln!(text, "{},{},{:.6},{decision}", quoted(&pair.left), quoted(&pair.right), pair.probability);
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Error::usage("cli.read", format!("{} can't be read ({})", path.display(), error.kind()))
            .with_hint("correct the path")
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes)
        .map_err(|error| Error::storage("cli.write", format!("{} can't be written ({})", path.display(), error.kind())))
}
