//! The nightly run: the steps in order, under one lock, killed and run again at will. The only place that knows them all.
//!
//! A run leaves nothing behind but quarantine files, ledger entries and candidates, each whole or absent. Staged rows
//! and spill files of a run that was killed are removed by the next one, which starts over: a candidate is a function
//! of extracts, config, keys and earlier releases alone, so it ends in the same bytes.

mod books;
mod changed;
mod fingerprint;
mod history;
mod linkage;
mod match_rate;
mod pipeline;
mod protection;
mod quarantine;
mod replay;
mod settle;
mod sources;

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::identity::Keyring;
use crate::intake::{Extracts, Freshness};
use crate::model::EngineOptions;
use crate::report::{Event, Reporter};
use crate::storage::{Lock, Store};
use crate::workspace::Workspace;

pub use books::{Books, LinkBook, Linked, Nearly, ProbableBook, SourceBook, TableBook};
pub use linkage::work_list;
pub use quarantine::{Decided, Held, Made, Openers, decide, held};
pub use sources::stage_source;

/// The folder of staged rows in the state storage.
const STAGING: &str = "staging";
/// The name of the lock that one run holds; so does whoever must not meet one.
pub const LOCK: &str = "run";

/// Everything a run needs from outside.
pub struct Job<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// Where extracts are, and where they are fetched from.
    pub extracts: &'a Extracts,
    /// Where staging, quarantine, candidates and the ledger are.
    pub state: &'a Store,
    /// What is published: earlier releases are what readers have besides.
    pub published: &'a Store,
    /// The keys.
    pub keyring: &'a Keyring,
    /// What the engine may use.
    pub engine: EngineOptions,
    /// Who started the run.
    pub author: String,
    /// The time.
    pub clock: fn() -> Timestamp,
    /// The day, in the operator's time zone.
    pub today: Date,
    /// Whether a candidate is laid down again where nothing changed (a new round of approvals).
    pub again: bool,
    /// How long to wait for another run to end.
    pub wait: Option<Duration>,
    /// Where events go.
    pub reporter: &'a dyn Reporter,
}

/// What a run came to.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// Each pipeline, in order.
    pub pipelines: Vec<PipelineReport>,
}

/// What a pipeline came to.
#[derive(Debug, Serialize)]
pub struct PipelineReport {
    /// The pipeline.
    pub pipeline: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// How old each source is; none where the pipeline failed.
    pub freshness: Vec<Freshness>,
    /// Rows in and out of each step; none where the pipeline was not run.
    pub books: Option<Books>,
    /// The audit and the loss; none where the pipeline was not run.
    pub disclosure: Option<serde_json::Value>,
}

/// How a pipeline ended.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A new candidate waits for approval.
    Candidate {
        /// Its id.
        candidate: String,
    },
    /// Inputs, config and keys are those of an earlier candidate.
    Unchanged {
        /// Its id.
        candidate: String,
        /// Where it stands.
        state: String,
    },
    /// It failed.
    Failed {
        /// The error.
        #[serde(skip)]
        error: Error,
        /// Its stable code.
        code: &'static str,
        /// Its message.
        message: String,
    },
}

impl RunReport {
    /// The first error, where a pipeline failed.
    #[must_use]
    pub fn into_error(self) -> Option<Error> {
        self.pipelines.into_iter().find_map(|pipeline| match pipeline.outcome {
            Outcome::Failed { error, .. } => Some(error),
            _ => None,
        })
    }
}

/// Runs the named pipelines, all of them where none is named. A pipeline that fails does not stop the others.
///
/// # Errors
/// Busy when another run holds the lock; config errors for unknown names. What a single pipeline meets is in the report.
pub async fn run(job: &Job<'_>, names: &[String]) -> Result<RunReport> {
    let names: Vec<String> = match names.is_empty() {
        true => job.workspace.pipelines.keys().cloned().collect(),
        false => names.to_vec(),
    };
    for name in &names {
        job.workspace.pipeline(name)?;
    }
    let lock = job.state.lock(LOCK, &job.author, job.wait).await?;
    let report = run_locked(job, &names, &lock).await;
    // Also where it failed: a lease that nobody gives back keeps others waiting until it runs out.
    lock.release().await;
    report
}

async fn run_locked(job: &Job<'_>, names: &[String], lock: &Lock) -> Result<RunReport> {
    sweep(job).await?;
    let mut pipelines = Vec::new();
    for name in names {
        lock.check()?;
        pipelines.push(one(job, name).await);
    }
    job.state.remove_all(STAGING).await?;
    Ok(RunReport { pipelines })
}

/// Removes what a killed run left: staged rows, half-written files, spill files.
async fn sweep(job: &Job<'_>) -> Result<()> {
    job.state.sweep().await?;
    job.state.remove_all(STAGING).await?;
    let spill = &job.engine.spill;
    let fresh = || {
        match std::fs::remove_dir_all(spill) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(spill)
    };
    fresh().map_err(|error| {
        Error::storage("engine.spill", "the spill folder can't be emptied")
            .with_source(error)
            .with_hint("check `engine.spill_directory` in config/accord.yaml")
    })
}

async fn one(job: &Job<'_>, name: &str) -> PipelineReport {
    job.reporter.event(&Event::PipelineStarted { pipeline: name.to_owned() });
    let report = pipeline::run_pipeline(job, name).await.unwrap_or_else(|error| PipelineReport {
        pipeline: name.to_owned(),
        outcome: Outcome::Failed { code: error.code(), message: error.to_string(), error },
        freshness: Vec::new(),
        books: None,
        disclosure: None,
    });
    let (outcome, candidate, error) = match &report.outcome {
        Outcome::Candidate { candidate } => ("candidate", Some(candidate.clone()), None),
        Outcome::Unchanged { candidate, .. } => ("unchanged", Some(candidate.clone()), None),
        Outcome::Failed { code, .. } => ("failed", None, Some(*code)),
    };
    job.reporter.event(&Event::PipelineDone { pipeline: name.to_owned(), outcome, candidate, error });
    report
}
