//! `accord quarantine`

mod export;
mod list;
mod replay;
mod resolve;
mod show;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::intake::{QuarantinedRow, advice};
use crate::release::Ledger;
use crate::run::{self, Held, Openers};
use crate::storage::Store;
use crate::workspace::{ResolvedPipeline, ResolvedSource, Workspace};

/// Look at rejected rows, decide about them, and bring them back
///
/// Every row that does not meet its contract lies encrypted in the state storage, with its line, column, rule and
/// reason. What is shown names places and rules, never a value; `export` alone writes rows in clear.
///
/// A row leaves quarantine in one of three ways: the contract is fixed and admits it, the partner corrects it (`replay
/// --with`), or somebody decides that it does not count (`resolve`). Each decision is an entry of the ledger, and the
/// next `accord run` follows it.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

// What a command says of itself stands over its arguments: words here would take the place of all of it.
#[derive(Subcommand)]
enum Command {
    /// List the quarantine files, with rows by rule
    List,
    /// Show where rejected rows of a pipeline's source stand and why they were rejected
    Show(show::Args),
    Resolve(resolve::Args),
    Replay(replay::Args),
    Export(export::Args),
}

/// A source of a pipeline.
#[derive(clap::Args)]
struct Of {
    /// The pipeline
    pipeline: String,
    /// The source
    source: String,
}

/// Who decides.
#[derive(clap::Args)]
struct By {
    /// Who decides; one of the operators or stewards in roles.yaml
    #[arg(long = "as", value_name = "ID", env = "ACCORD_AS", default_value = "nightly")]
    actor: String,
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    match args.command {
        Command::List => list::run(app, &workspace).await,
        Command::Show(args) => show::run(app, &workspace, &args).await,
        Command::Resolve(args) => resolve::run(app, &workspace, &args).await,
        Command::Replay(args) => replay::run(app, &workspace, &args).await,
        Command::Export(args) => export::run(app, &workspace, &args).await,
    }
}

/// A source, and what is in its quarantine.
struct Opened<'a> {
    pipeline: &'a ResolvedPipeline,
    source: &'a ResolvedSource,
    state: Store,
    openers: Openers,
    held: Held,
}

/// Finds a source.
fn find<'a>(workspace: &'a Workspace, of: &Of) -> Result<(&'a ResolvedPipeline, &'a ResolvedSource)> {
    let pipeline = workspace.pipeline(&of.pipeline)?;
    let source = pipeline.source(&of.source).ok_or_else(|| {
        let names = pipeline.sources.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
        let said = format!("`{}` has no source `{}`", of.pipeline, of.source);
        Error::usage("quarantine.no_source", said).with_hint(format!("its sources are {names}"))
    })?;
    Ok((pipeline, source))
}

/// The keys of an agreement's quarantine.
async fn openers(app: &App, workspace: &Workspace, state: &Store, agreement: &str) -> Result<Openers> {
    Openers::load(&app.keyring(workspace)?, &Ledger::open(state).entries().await?, agreement).await
}

/// Opens the quarantine of a source's present deliveries.
async fn open<'a>(app: &App, workspace: &'a Workspace, of: &Of) -> Result<Opened<'a>> {
    let (pipeline, source) = find(workspace, of)?;
    let (extracts, state) = (app.extracts(workspace)?, app.state(workspace)?);
    let openers = openers(app, workspace, &state, &pipeline.agreement.id).await?;
    let held = run::held(&extracts, &state, pipeline, source, &openers, app.today()).await?;
    Ok(Opened { pipeline, source, state, openers, held })
}

impl By {
    fn check(&self, workspace: &Workspace) -> Result<()> {
        let roles = &workspace.roles;
        if roles.operators.contains_key(&self.actor) || roles.stewards.contains_key(&self.actor) {
            return Ok(());
        }
        let said = format!("`{}` is neither an operator nor a steward", self.actor);
        Err(Error::usage("quarantine.actor", said).with_hint("give --as one of the ids in config/roles.yaml"))
    }
}

/// A reason for the ledger: a line of words.
fn reason(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Error::usage("quarantine.reason", "decide about rows: the reason is not a line of words")
            .with_hint("say why in a few words; it stays in the ledger, so name no person"));
    }
    Ok(text)
}

/// How many rows, in words.
fn rows(count: usize) -> String {
    match count {
        1 => "1 row".to_owned(),
        _ => format!("{} rows", output::number(count)),
    }
}

/// Rows by rule and column.
fn counts<'r>(rows: impl IntoIterator<Item = &'r QuarantinedRow>) -> BTreeMap<(&'r str, &'r str), u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry((row.rule.as_str(), row.column.as_deref().unwrap_or("-"))).or_default() += 1;
    }
    counts
}

/// The same as JSON.
fn counts_json(counts: &BTreeMap<(&str, &str), u64>) -> serde_json::Value {
    let one = |((rule, column), rows): (&(&str, &str), &u64)| {
        let column = Some(column).filter(|column| **column != "-");
        serde_json::json!({ "rule": rule, "column": column, "rows": rows, "what_to_do": advice(rule) })
    };
    counts.iter().map(one).collect()
}
