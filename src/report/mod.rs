//! What a run says while it works: events, which the command line draws as a bar or writes as JSON lines.
//!
//! No event holds a value of a person. Counts of rows and of rejects are about deliveries, not about groups of people.

use serde::Serialize;

/// A step of the way of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Finding extracts and their digests.
    Discover,
    /// Reading and checking rows.
    Intake,
    /// Pseudonyms and links.
    Identity,
    /// SQL.
    Model,
    /// Counting into cells.
    Tabulate,
    /// Suppression and audit.
    Disclosure,
    /// The candidate.
    Release,
}

/// Something that a run has to say.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A pipeline begins.
    PipelineStarted {
        /// The pipeline.
        pipeline: String,
    },
    /// A step begins.
    StepStarted {
        /// The pipeline.
        pipeline: String,
        /// The step.
        step: Step,
        /// What of: a source, a link, a model, a table.
        subject: String,
    },
    /// How far a step has come.
    Progress {
        /// The pipeline.
        pipeline: String,
        /// The step.
        step: Step,
        /// What of.
        subject: String,
        /// Units done.
        done: u64,
        /// Units in all, where known.
        total: Option<u64>,
        /// What is counted: `rows`, `bytes`, `cells`.
        unit: &'static str,
    },
    /// A step ends: rows in = rows out + rejected.
    StepDone {
        /// The pipeline.
        pipeline: String,
        /// The step.
        step: Step,
        /// What of.
        subject: String,
        /// Rows that came in.
        rows_in: u64,
        /// Rows that went out (for tables: cells).
        rows_out: u64,
        /// Rows that did not.
        rejected: u64,
    },
    /// Something worth knowing.
    Note {
        /// The pipeline.
        pipeline: String,
        /// In words.
        message: String,
    },
    /// A pipeline ends.
    PipelineDone {
        /// The pipeline.
        pipeline: String,
        /// `candidate`, `unchanged` or `failed`.
        outcome: &'static str,
        /// The candidate, where there is one.
        candidate: Option<String>,
        /// The stable code of the error, where it failed.
        error: Option<&'static str>,
    },
}

/// Takes events. Must not block for long: steps call it from their inner loops.
pub trait Reporter: Send + Sync {
    /// Takes one.
    fn event(&self, event: &Event);
}

/// Takes events and drops them.
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Event) {}
}

/// A whole number in groups of three: 1,234,567.
pub(crate) fn number(n: impl std::fmt::Display) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
