//! `accord quarantine resolve`

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use serde_json::json;

use super::{App, By, Of, Opened, counts, counts_json, open, reason, rows};
use crate::cli::output;
use crate::error::{Error, Result};
use crate::intake::{Decision, QuarantinedRow, Resolution};
use crate::run::{self, Made};
use crate::workspace::Workspace;

/// Decide that rejected rows do not count: a test record, a withdrawn consent
///
/// The chosen rows are left out by every run over the same delivery, whatever the contract says of them later, and are
/// counted as resolved: rows in = admitted + quarantined + resolved. Says how many they are, by rule, and asks. The
/// reason goes into the ledger and stays there: write no name and no value of a row into it.
///
///   accord quarantine resolve college_going laccd --line 101 --reason "test record of the registrar"
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// Why these rows do not count
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Rows that this rule rejected
    #[arg(long)]
    rule: Option<String>,
    /// Rows that were rejected for this column
    #[arg(long)]
    column: Option<String>,
    /// The row at this line; may be given several times
    #[arg(long = "line", value_name = "N")]
    lines: Vec<u64>,
    /// Rows of this delivery (of an archive: the delivery, or DELIVERY/FILE)
    #[arg(long, value_name = "PATH")]
    delivery: Option<String>,
    /// All rows in quarantine; needed where nothing else says which
    #[arg(long)]
    all: bool,
    /// Take earlier decisions back: the rows at these lines are read as they were delivered again
    #[arg(long, requires = "lines")]
    reopen: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(app: &App, workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    args.by.check(workspace)?;
    reason(&args.reason)?;
    let opened = open(app, workspace, &args.of).await?;
    if args.reopen { reopen(app, &opened, args).await } else { drop_rows(app, &opened, args).await }
}

async fn drop_rows(app: &App, opened: &Opened<'_>, args: &Args) -> Result<ExitCode> {
    let (pipeline, source) = (&opened.pipeline.spec.name, &opened.source.name);
    opened.held.not_empty(pipeline, source)?;
    if !(args.all || args.rule.is_some() || args.column.is_some() || args.delivery.is_some() || !args.lines.is_empty())
    {
        return Err(Error::usage("quarantine.which", "resolve rows: nothing says which")
            .with_hint("choose by --rule, --column, --line, --delivery, or take --all"));
    }
    let chosen: Vec<&QuarantinedRow> = opened.held.rows.iter().filter(|row| args.chooses(row)).collect();
    let (mut made, mut before) = (Vec::new(), 0);
    for row in &chosen {
        let key = row.key().ok_or_else(|| {
            Error::usage("quarantine.old", "resolve rows: an earlier version put them into quarantine")
                .with_hint(format!("`accord run {pipeline} --again` puts them there anew"))
        })?;
        if matches!(opened.held.decided.resolutions.get(&key), Some(Decision::Dropped)) {
            before += 1;
        } else {
            made.push(Resolution { row: key, decision: Some(Decision::Dropped) });
        }
    }
    if chosen.is_empty() {
        return Err(Error::usage("quarantine.no_row", "resolve rows: none in quarantine is like that")
            .with_hint(format!("`accord quarantine show {pipeline} {source}` lists them")));
    }
    let counts = counts(chosen.iter().copied());
    if !app.json() {
        output::say(format!("{source} of {pipeline}: {}", rows(chosen.len())));
        let each = counts
            .iter()
            .map(|((rule, column), rows)| vec![rows.to_string(), (*rule).to_owned(), (*column).to_owned()]);
        let each: Vec<Vec<String>> = each.collect();
        output::columns(&each).iter().for_each(|line| output::say(format!("  {line}")));
        if before > 0 {
            output::say(format!("  {before} of them are dropped already"));
        }
    }
    if !made.is_empty() {
        args.sure(&format!("drop {} from every run over these deliveries", rows(made.len())))?;
        record(app, opened, args, "dropped", &made).await?;
    }
    if app.json() {
        let (dropped, rules) = (made.len(), counts_json(&counts));
        output::json(&json!({ "dropped": dropped, "dropped_before": before, "by_rule": rules }))?;
    } else {
        output::line(format!("{source}: {} dropped; next: accord run {pipeline}", rows(made.len())));
    }
    Ok(ExitCode::SUCCESS)
}

async fn reopen(app: &App, opened: &Opened<'_>, args: &Args) -> Result<ExitCode> {
    let (pipeline, source) = (&opened.pipeline.spec.name, &opened.source.name);
    let mut made = Vec::new();
    for delivery in &opened.held.deliveries {
        for (row, _) in opened.held.decided.resolutions.rows_of(&delivery.digest) {
            let path =
                row.part.as_ref().map_or_else(|| delivery.path.clone(), |part| format!("{}/{part}", delivery.path));
            if args.lines.contains(&row.line) && args.delivers(&path) {
                made.push(Resolution { row, decision: None });
            }
        }
    }
    if made.is_empty() {
        return Err(Error::usage("quarantine.no_row", "reopen rows: nothing was decided about rows at these lines")
            .with_hint("`accord ledger show` lists what was decided"));
    }
    args.sure(&format!("take back what was decided about {}", rows(made.len())))?;
    record(app, opened, args, "reopened", &made).await?;
    if app.json() {
        output::json(&json!({ "reopened": made.len() }))?;
    } else {
        output::line(format!("{source}: {} reopened; next: accord run {pipeline}", rows(made.len())));
    }
    Ok(ExitCode::SUCCESS)
}

async fn record(app: &App, opened: &Opened<'_>, args: &Args, what: &'static str, decided: &[Resolution]) -> Result<()> {
    let (source, reason) = (&opened.source.name, reason(&args.reason)?);
    let made = Made { pipeline: opened.pipeline, source, what, reason, rows: decided };
    run::decide(&opened.state, opened.openers.newest()?, &made, &args.by.actor, app.now()).await.map(drop)
}

impl Args {
    fn chooses(&self, row: &QuarantinedRow) -> bool {
        self.rule.as_ref().is_none_or(|rule| *rule == row.rule)
            && self.column.as_ref().is_none_or(|column| row.column.as_ref() == Some(column))
            && (self.lines.is_empty() || self.lines.contains(&row.line))
            && self.delivers(&row.delivery)
    }

    fn delivers(&self, path: &str) -> bool {
        let Some(wanted) = &self.delivery else { return true };
        path.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Asks, unless nobody wants to be asked.
    fn sure(&self, what: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        let refused = |said: &str| {
            Error::usage("quarantine.not_confirmed", said.to_owned())
                .with_hint("nothing was recorded; --yes does not ask")
        };
        if !std::io::stdin().is_terminal() {
            return Err(refused("nobody is there to ask"));
        }
        output::say(format!("{what}? [y/N]"));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        match read.map(|_| answer.trim().to_lowercase()) {
            Ok(answer) if answer == "y" || answer == "yes" => Ok(()),
            _ => Err(refused("the answer was no")),
        }
    }
}
