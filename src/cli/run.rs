//! `accord run`

use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;

use super::app::App;
use super::{output, progress};
use crate::error::{Error, Kind, Result};
use crate::intake::{Freshness, IntakeReport};
use crate::run::{self, Books, Job, Outcome, PipelineReport, SourceBook};

/// Run pipelines: extracts in, a protected and audited candidate out
///
/// Without a name all pipelines run. Extracts are found, checked against their contracts (rows that do not fit go to
/// quarantine), pseudonymized, linked, computed, tabulated, protected and audited. What comes out is a candidate that
/// waits for the partners' stewards; nothing is published. A run that was killed is simply started again. Where
/// extracts, config and keys are those of the last candidate, the run says so and makes no new one.
///
/// Progress goes to standard error (a bar on a terminal, JSON lines elsewhere), the report to standard output.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The pipelines
    pipelines: Vec<String>,
    /// Who starts the run; one of the operators or stewards in roles.yaml
    #[arg(long = "as", value_name = "ID", env = "ACCORD_AS", default_value = "nightly")]
    author: String,
    /// Lay the candidate down again for a new round of approvals, also where nothing changed
    #[arg(long)]
    again: bool,
    /// Seconds to wait for another run to end before giving up with exit code 75
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

pub(super) async fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let roles = &workspace.roles;
    if !roles.operators.contains_key(&args.author) && !roles.stewards.contains_key(&args.author) {
        return Err(Error::usage("run.author", format!("`{}` is neither an operator nor a steward", args.author))
            .with_hint("give --as one of the ids in config/roles.yaml"));
    }
    let (extracts, state) = (app.extracts(&workspace)?, app.state(&workspace)?);
    let published = app.published(&workspace)?;
    let keyring = app.keyring(&workspace)?;
    let reporter = progress::reporter();
    let job = Job {
        workspace: &workspace,
        extracts: &extracts,
        state: &state,
        published: &published,
        keyring: &keyring,
        engine: app.engine(&workspace),
        author: args.author.clone(),
        clock: Timestamp::now,
        today: app.today(),
        again: args.again,
        wait: (args.wait > 0).then(|| Duration::from_secs(args.wait)),
        reporter: reporter.as_ref(),
    };
    let report = run::run(&job, &args.pipelines).await?;
    if app.json() {
        output::json(&report)?;
    } else {
        report.pipelines.iter().for_each(|pipeline| print_pipeline(app, pipeline));
    }
    let failed = report.pipelines.iter().filter(|one| matches!(one.outcome, Outcome::Failed { .. })).count();
    match report.into_error() {
        None => Ok(ExitCode::SUCCESS),
        // Each failure was said above; the exit code is the first one's.
        Some(error) if failed > 0 && !app.json() => Ok(ExitCode::from(code_of(error.kind()))),
        Some(error) => Err(error),
    }
}

fn code_of(kind: Kind) -> u8 {
    kind.exit_code()
}

fn print_pipeline(app: &App, report: &PipelineReport) {
    match &report.outcome {
        Outcome::Candidate { candidate } => {
            output::line(format!("{}: candidate {candidate} waits for approval", report.pipeline));
            print_freshness(&report.freshness);
            if let Some(books) = &report.books {
                print_books(books);
            }
            if let Some(disclosure) = &report.disclosure {
                output::line(format!("  {}", audit_line(disclosure)));
            }
            output::line(format!("  next: accord release show {} {candidate}", report.pipeline));
        }
        Outcome::Unchanged { candidate, state } => {
            output::line(format!(
                "{}: unchanged since candidate {candidate} ({state}); no new candidate",
                report.pipeline
            ));
            print_freshness(&report.freshness);
        }
        Outcome::Failed { error, .. } => {
            output::line(format!("{}: failed; the last release stays", report.pipeline));
            output::print_error(app, error);
        }
    }
}

/// Sources whose contract says how old they may be.
fn print_freshness(sources: &[Freshness]) {
    for source in sources.iter().filter(|source| source.has_limits()) {
        output::line(format!("  {} of {}: {}, {}", source.source, source.partner, source.state, source.in_words()));
    }
}

pub(super) fn audit_line(disclosure: &serde_json::Value) -> String {
    let number = |key: &str| output::number(disclosure[key].as_u64().unwrap_or(0));
    if !disclosure["change"].is_null() {
        let method = disclosure["method"].as_str().unwrap_or_default();
        return format!(
            "{} figures under {method}; nothing is hidden, so that there is no audit of hidden figures",
            number("cells")
        );
    }
    format!(
        "audit passed: {} figures, hidden {} by rule, {} zeros, {} to protect them",
        number("cells"),
        number("hidden_primary"),
        number("hidden_zeros"),
        number("hidden_complementary")
    )
}

pub(super) fn print_books(books: &Books) {
    let mut rows =
        vec![["source", "rows in", "rejected", "no person", "rows out", "people"].map(str::to_owned).to_vec()];
    for book in &books.sources {
        let people = book.people.map_or_else(|| "-".to_owned(), output::number);
        let numbers = [book.rows_in, book.rejected, book.without_person, book.rows_out].map(output::number);
        rows.push(std::iter::once(book.source.clone()).chain(numbers).chain([people]).collect());
    }
    output::columns(&rows).iter().for_each(|row| output::line(format!("  {row}")));
    books.sources.iter().for_each(print_quarantine);
    for book in &books.sources {
        let moved = [
            (book.superseded, "replaced or deleted by later ones"),
            (book.deletions, "that delete"),
            (book.without_key, "without a key"),
        ];
        let moved = moved.iter().filter(|(rows, _)| *rows > 0);
        let moved: Vec<String> = moved.map(|(rows, what)| format!("{} rows {what}", output::number(*rows))).collect();
        if !moved.is_empty() {
            output::line(format!("  {}: {}", book.source, moved.join(", ")));
        }
        for one in &book.replaced {
            output::line(format!("  {}: {} takes the place of {}", book.source, one.by, one.path));
        }
    }
    for link in &books.links {
        let said = link.probable.iter().flat_map(|probable| probable.said(&link.link));
        said.for_each(|line| output::line(format!("  {line}")));
    }
    for (model, count) in &books.models {
        output::line(format!("  {model}: {} rows", output::number(*count)));
    }
    for table in &books.tables {
        let (rows, cells) = (output::number(table.rows), output::number(table.cells));
        output::line(format!("  table {}: {rows} rows in {cells} figures, margins included", table.table));
    }
}

/// Rejected rows by rule and column, and what was decided about others; nothing where there is none of either.
fn print_quarantine(book: &SourceBook) {
    let report: IntakeReport = serde_json::from_value(book.intake.clone()).unwrap_or_default();
    for reject in &report.rejects {
        let place = reject.column.as_ref().map(|column| format!(" in {column}")).unwrap_or_default();
        let rows = output::number(reject.rows);
        output::line(format!("  {}: {rows} rejected by rule {}{place}", book.source, reject.rule));
    }
    if book.resolved > 0 {
        output::line(format!("  {}: {} resolved: left out by decision", book.source, output::number(book.resolved)));
    }
    if book.corrected > 0 {
        output::line(format!("  {}: {} read from corrections", book.source, output::number(book.corrected)));
    }
}
