//! `accord quarantine replay`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::{App, By, Of, Opened, open, reason, rows as count_of};
use crate::cli::output;
use crate::error::{Error, Kind, Result};
use crate::intake::{self, By as MatchedBy, Corrected, Decision, QuarantinedRow, Refused, Resolution, Verdict};
use crate::run::{self, Made};
use crate::storage::Store;
use crate::workspace::Workspace;

/// Read the rejected rows again: under the contract as it is now, or from a corrected file
///
/// Without --with: says by rule how many rows fit the contract as it is now and how many don't, and changes nothing; the
/// next run admits those that fit. Rows that were rejected beside other rows (duplicates, references) are compared with
/// them by the run alone. Exits 0 where all fit, 4 where some don't.
///
/// With --with FILE: takes the rows of a corrected file in the place of the rejected ones. The file is one that `accord
/// quarantine export` wrote, which knows its rows, or whole rows in a layout of the contract, which are matched by the
/// fields of --match (default: those that identify a person in the contract) or stand --in-order.
/// Each must stand for exactly one rejected row and fit the contract; what does not is said by line and rule, and then
/// nothing is recorded. Rows that are as they were delivered correct nothing. A correction holds for every run over the
/// same delivery; the last one counts.
///
///   accord quarantine replay college_going laccd
///   accord quarantine replay college_going laccd --with corrections/laccd.csv
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// The corrected file
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// Fields by which rows of the file are matched
    #[arg(long = "match", value_name = "FIELD", value_delimiter = ',', requires = "with", conflicts_with = "in_order")]
    fields: Vec<String>,
    /// The file has as many rows as are in quarantine, in the same order
    #[arg(long, requires = "with")]
    in_order: bool,
    /// Record the corrections that fit, also where others don't
    #[arg(long, requires = "with")]
    partial: bool,
    /// Why, for the ledger; name no person
    #[arg(long, value_name = "TEXT", requires = "with", default_value = "corrected by the partner")]
    reason: String,
    #[command(flatten)]
    by: By,
}

pub(super) async fn run(app: &App, workspace: &Workspace, args: &Args) -> Result<ExitCode> {
    args.by.check(workspace)?;
    reason(&args.reason)?;
    let opened = open(app, workspace, &args.of).await?;
    match &args.with {
        Some(file) => {
            opened.held.not_empty(&opened.pipeline.spec.name, &opened.source.name)?;
            with(app, &opened, args, file).await
        }
        None => again(app, &opened),
    }
}

/// What became of rows that one rule rejected.
#[derive(Default)]
struct Became {
    fit: u64,
    decided: u64,
    undecided: u64,
    /// By the rule and column that reject them now.
    left: BTreeMap<(String, Option<String>), u64>,
}

fn again(app: &App, opened: &Opened<'_>) -> Result<ExitCode> {
    let rows = &opened.held.rows;
    let verdicts = intake::replay(&opened.source.contract, rows)?;
    let mut by_rule: BTreeMap<(&str, Option<&str>), Became> = BTreeMap::new();
    for (row, verdict) in rows.iter().zip(&verdicts) {
        let became = by_rule.entry((row.rule.as_str(), row.column.as_deref())).or_default();
        match verdict {
            _ if decision(opened, row).is_some() => became.decided += 1,
            Verdict::Fits => became.fit += 1,
            Verdict::Undecided => became.undecided += 1,
            Verdict::Misfit { rule, column } => {
                *became.left.entry((rule.clone(), column.clone())).or_default() += 1;
            }
        }
    }
    let total = |count: fn(&Became) -> u64| by_rule.values().map(count).sum::<u64>();
    let (fit, decided, undecided) = (total(|one| one.fit), total(|one| one.decided), total(|one| one.undecided));
    let left = total(|one| one.left.values().sum());
    if app.json() {
        let left_of = |became: &Became| -> Vec<serde_json::Value> {
            let left = became.left.iter();
            left.map(|((rule, column), rows)| json!({ "rule": rule, "column": column, "rows": rows })).collect()
        };
        let one = |((rule, column), became): (&(&str, Option<&str>), &Became)| {
            json!({
                "rule": rule, "column": column, "fit": became.fit, "undecided": became.undecided,
                "decided": became.decided, "left": left_of(became),
            })
        };
        output::json(&json!({
            "rows": rows.len(), "fit": fit, "undecided": undecided, "decided": decided, "left": left,
            "by_rule": by_rule.iter().map(one).collect::<Vec<_>>(),
        }))?;
    } else {
        if rows.is_empty() {
            output::line(format!("{}: nothing is in quarantine of its present deliveries", opened.source.name));
            return Ok(ExitCode::SUCCESS);
        }
        let (contract, version) = (&opened.source.contract.id, &opened.source.contract.version);
        output::line(format!("{} in quarantine, under contract {contract} {version}:", count_of(rows.len())));
        for ((rule, column), became) in &by_rule {
            say(rule, *column, became);
        }
        let mut words = vec![format!("{} fit now", output::number(fit))];
        words.extend((decided > 0).then(|| format!("{} are decided", output::number(decided))));
        words.extend((undecided > 0).then(|| format!("{} the run decides", output::number(undecided))));
        words.extend((left > 0).then(|| format!("{} do not fit", output::number(left))));
        output::line(format!("{}; next: accord run {}", words.join(", "), opened.pipeline.spec.name));
    }
    Ok(if left + undecided == 0 { ExitCode::SUCCESS } else { ExitCode::from(Kind::Data.exit_code()) })
}

fn say(rule: &str, column: Option<&str>, became: &Became) {
    let place = column.map(|column| format!(" in {column}")).unwrap_or_default();
    let mut words = Vec::new();
    words.extend((became.fit > 0).then(|| format!("{} fit now", became.fit)));
    words.extend((became.decided > 0).then(|| format!("{} dropped or corrected already", became.decided)));
    words.extend(
        (became.undecided > 0).then(|| format!("{} to be compared with other rows by the run", became.undecided)),
    );
    for ((now, at), rows) in &became.left {
        let place = at.as_ref().map(|column| format!(" in {column}")).unwrap_or_default();
        words.push(match now == rule && at.as_deref() == column {
            true => format!("{rows} as before"),
            false => format!("{rows} rejected by {now}{place} now"),
        });
    }
    output::line(format!("  {rule}{place}: {}", words.join(", ")));
}

fn decision<'o>(opened: &'o Opened<'_>, row: &QuarantinedRow) -> Option<&'o Decision> {
    opened.held.decided.resolutions.get(&row.key()?)
}

async fn with(app: &App, opened: &Opened<'_>, args: &Args, file: &Path) -> Result<ExitCode> {
    let rows = opened.held.open_rows();
    let corrected = read(opened, args, file, &rows).await?;
    let known = |one: &&Resolution| opened.held.decided.resolutions.get(&one.row) == one.decision.as_ref();
    let before = corrected.made.iter().filter(known).count();
    let new: Vec<Resolution> = corrected.made.iter().filter(|one| !known(one)).cloned().collect();
    let legal = corrected.refused.is_empty() || args.partial;
    if legal && !new.is_empty() {
        let (source, reason) = (&opened.source.name, reason(&args.reason)?);
        let made = Made { pipeline: opened.pipeline, source, what: "corrected", reason, rows: &new };
        run::decide(&opened.state, opened.openers.newest()?, &made, &args.by.actor, app.now()).await?;
    }
    let recorded = if legal { new.len() } else { 0 };
    let without = rows.len() - corrected.made.len().min(rows.len());
    if app.json() {
        let one =
            |one: &Refused| json!({ "line": one.line, "column": one.column, "rule": one.rule, "reason": one.reason });
        output::json(&json!({
            "file_rows": corrected.rows, "recorded": recorded, "recorded_before": before,
            "unchanged": corrected.unchanged, "without_correction": without, "refused": corrected.refused.iter().map(one).collect::<Vec<_>>(),
        }))?;
    } else {
        page(opened, file, &corrected, recorded, before, without);
    }
    Ok(if corrected.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(Kind::Data.exit_code()) })
}

fn page(opened: &Opened<'_>, file: &Path, corrected: &Corrected, recorded: usize, before: usize, without: usize) {
    let (pipeline, source) = (&opened.pipeline.spec.name, &opened.source.name);
    let shown = file.display();
    let refused: Vec<Vec<String>> = corrected
        .refused
        .iter()
        .map(|one| {
            let column = one.column.clone().unwrap_or_else(|| "-".to_owned());
            vec![format!("{shown}:{}", one.line), column, one.rule.clone(), one.reason.clone()]
        })
        .collect();
    output::columns(&refused).iter().for_each(output::say);
    let mut words = vec![format!("{} corrected", count_of(recorded))];
    words.extend((before > 0).then(|| format!("{} as before", output::number(before))));
    words.extend((!refused.is_empty()).then(|| format!("{} of the file refused", output::number(refused.len()))));
    words.extend((without > 0).then(|| format!("{} in quarantine without a correction", output::number(without))));
    let next = match (recorded + before, refused.len()) {
        (0, 0) => "the file has every row as it was delivered".to_owned(),
        (0, 1..) => "nothing was recorded; correct the file, or take what fits with --partial".to_owned(),
        (_, 1..) if recorded == 0 => {
            "nothing new was recorded; correct the file, or take what fits with --partial".to_owned()
        }
        _ => format!("next: accord run {pipeline}"),
    };
    output::line(format!("{source}: {}; {next}", words.join(", ")));
}

/// Reads the corrected file.
async fn read(opened: &Opened<'_>, args: &Args, file: &Path, rows: &[QuarantinedRow]) -> Result<Corrected> {
    let contract = &opened.source.contract;
    let shown = file.display().to_string();
    let unreadable = |error: std::io::Error| Error::usage("usage.file", format!("read {shown}")).with_source(error);
    let mut start = [0; 16];
    let read = std::fs::File::open(file).and_then(|mut opened| std::io::Read::read(&mut opened, &mut start));
    let read = read.map_err(unreadable)?;
    if intake::is_export(&start[..read]) {
        if args.in_order || !args.fields.is_empty() {
            let said = format!("{shown} was written by `accord quarantine export` and knows its rows");
            return Err(Error::usage("quarantine.match", said).with_hint("leave --match and --in-order out"));
        }
        return intake::from_export(contract, rows, &std::fs::read(file).map_err(unreadable)?);
    }
    let absolute = std::path::absolute(file).map_err(unreadable)?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name().and_then(|name| name.to_str())) else {
        return Err(Error::usage("usage.file", format!("{shown} is no file")));
    };
    let store = Store::open_folder(folder, jiff::Timestamp::now)?;
    let delivery = intake::delivery(&store, name).await?;
    let captured = intake::capture(&store, &delivery, contract).await?;
    let fields = if args.fields.is_empty() { &contract.person } else { &args.fields };
    let by = if args.in_order { MatchedBy::Order } else { MatchedBy::Fields(fields) };
    intake::from_extract(contract, rows, &captured, by)
}
