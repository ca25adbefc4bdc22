//! `accord contract`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::app::App;
use super::output;
use super::progress::Reading;
use crate::error::{Context, Error, Kind, Result};
use crate::intake::{self, IntakeReport, Quarantine, References, Spread};
use crate::storage::Store;
use crate::workspace::{self, Contract, Rule, Share};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Draft a contract from a sample of an extract
    ///
    /// Reads the whole file: delimited text, fixed width, JSON lines, xlsx, xls, Parquet, Arrow IPC; compressed or not, or
    /// an archive of several files. The draft says how the bytes are laid out (delimiter, header, titles, sheet, encoding,
    /// compression) and what each column seems to hold; it admits what it was made of. Words that likely mean "no value",
    /// and columns that likely identify people, are marked for a person to decide. Values of rows do not stand in it. Write it to config/contracts/ID.yaml, go through the marks with the
    /// partner, and try it with `accord contract check`.
    ///
    ///   accord contract infer delivered/exits_2024.csv --id district_exits > config/contracts/district_exits.yaml
    #[command(verbatim_doc_comment)]
    Infer {
        /// The extract
        file: PathBuf,
        /// The contract's id (default: made of the file's name)
        #[arg(long)]
        id: Option<String>,
    },
    /// Say in a page what a contract admits of an extract, and why not the rest; nothing is kept
    ///
    /// Reads the whole file as a run would: layout, types, rules, thresholds. Rejects are counted by rule and column.
    /// Rules that refer to other sources are not checked. Exits 0 where a run would go on, and 4 where it would stop.
    ///
    ///   accord contract check delivered/exits_2024.csv --contract config/contracts/district_exits.yaml
    #[command(verbatim_doc_comment)]
    Check {
        /// The extract
        file: PathBuf,
        /// The contract: a file, or the id of a contract of this workspace
        #[arg(long)]
        contract: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Infer { file, id } => infer(app, &file, id).await,
        Command::Check { file, contract } => check(app, &file, &contract).await,
    }
}

async fn infer(app: &App, file: &Path, id: Option<String>) -> Result<ExitCode> {
    let (store, name, size) = open(file)?;
    let id = id.unwrap_or_else(|| id_of(file));
    let reading = Reading::new("draft");
    let progress = |at: intake::Progress| reading.at(&name, at.bytes, at.total_bytes);
    let draft = intake::infer(&store, &name, size, &id, &progress).await?;
    drop(reading);
    if app.json() {
        output::json(&serde_json::json!({ "id": id, "contract": draft }))?;
    } else {
        output::text(&draft);
    }
    Ok(ExitCode::SUCCESS)
}

/// A file as a storage has it: the folder that it lies in, its name, its size in bytes.
fn open(file: &Path) -> Result<(Store, String, u64)> {
    let shown = file.display().to_string();
    let absolute = std::path::absolute(file).map_err(|error| unreadable(&shown, error))?;
    let metadata = std::fs::metadata(file).map_err(|error| unreadable(&shown, error))?;
    let (Some(folder), Some(name), true) =
        (absolute.parent(), absolute.file_name().and_then(|name| name.to_str()), metadata.is_file())
    else {
        return Err(Error::usage("usage.file", format!("{shown} is no file")).with_hint("name one extract"));
    };
    Ok((Store::open_folder(folder, jiff::Timestamp::now)?, name.to_owned(), metadata.len()))
}

/// The file's name up to its first point, as an id.
fn id_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let id: String = stem.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect();
    if id.starts_with(|first: char| first.is_ascii_lowercase()) { id } else { format!("extract_{id}") }
}

async fn check(app: &App, file: &Path, contract: &str) -> Result<ExitCode> {
    let mut contract = find(app, contract)?;
    let limit = contract.thresholds.rejected;
    // The page says it in its own words.
    contract.thresholds.rejected = Share(1.0);
    let before = contract.rules.len();
    contract.rules.retain(|rule| !matches!(rule, Rule::Reference { .. }));
    let unchecked = before - contract.rules.len();
    let report = scan(file, &contract).await?;
    let admissible = report.rejected as f64 <= limit.0 * report.rows_in as f64;
    if app.json() {
        output::json(&serde_json::json!({
            "contract": contract.id, "version": contract.version, "would_run": admissible,
            "unchecked_references": unchecked, "report": report,
        }))?;
    } else {
        page(&contract, &report, limit, admissible, unchecked);
    }
    Ok(if admissible { ExitCode::SUCCESS } else { ExitCode::from(Kind::Data.exit_code()) })
}

/// A contract's file, or a contract of the workspace.
fn find(app: &App, contract: &str) -> Result<Contract> {
    if Path::new(contract).is_file() {
        let text = std::fs::read_to_string(contract).map_err(|error| unreadable(contract, error))?;
        return workspace::contract(contract, text).map_err(|findings| findings.into_error(app.color()));
    }
    let workspace = app.load().context(|| format!("find contract `{contract}`, which is no file"))?;
    let known = workspace.contracts.get(contract).map(|known| known.as_ref().clone());
    known.ok_or_else(|| {
        let ids: Vec<&str> = workspace.contracts.keys().map(String::as_str).collect();
        Error::usage("usage.contract", format!("there is no contract `{contract}`"))
            .with_hint(format!("there is {}", ids.join(", ")))
    })
}

async fn scan(file: &Path, contract: &Contract) -> Result<IntakeReport> {
    let (store, name, _) = open(file)?;
    let delivery = intake::delivery(&store, &name).await?;
    let reading = Reading::new("check");
    let progress = |at: intake::Progress| reading.at(&name, at.bytes, at.total_bytes);
    let wanted: Vec<&str> = contract.fields.iter().map(|field| field.name.as_str()).collect();
    let mut references = References::of([contract]);
    let mut sink = |_| Ok(());
    intake::scan(
        &store,
        &contract.id,
        &[delivery],
        contract,
        &wanted,
        &mut references,
        &mut Quarantine::discard(),
        &mut sink,
        &progress,
        Spread::over(std::thread::available_parallelism().map_or(1, usize::from)),
    )
    .await
}

fn page(contract: &Contract, report: &IntakeReport, limit: Share, admissible: bool, unchecked: usize) {
    output::line(format!("contract {} {}: {}", contract.id, contract.version, contract.title));
    for delivery in &report.deliveries {
        output::line(format!(
            "  {}: layout {}, {} bytes",
            delivery.path,
            delivery.layout,
            output::number(delivery.bytes)
        ));
        for part in &delivery.parts {
            let rows = output::number(part.rows_in);
            output::line(format!("    {}: layout {}, {rows} rows, {} rejected", part.name, part.layout, part.rejected));
        }
    }
    let count = |n: u64| output::number(n);
    output::line(format!(
        "  {} rows in = {} admitted + {} rejected",
        count(report.rows_in),
        count(report.admitted),
        count(report.rejected)
    ));
    let mut rejects: Vec<_> = report.rejects.iter().collect();
    rejects.sort_by_key(|one| std::cmp::Reverse(one.rows));
    lines(
        "rejected rows",
        rejects.iter().map(|one| {
            vec![count(one.rows), one.rule.clone(), one.column.clone().unwrap_or_else(|| "the whole row".to_owned())]
        }),
    );
    output::what_to_do("  ", rejects.iter().map(|one| one.rule.as_str()));
    let mut changes = Vec::new();
    for book in &report.fields {
        let field = &book.field;
        let counts = [
            (book.trimmed, "trimmed"),
            (book.unwrapped, "unwrapped"),
            (book.stripped, "digits only"),
            (book.padded, "filled up"),
            (book.blank, "blank"),
            (book.null, "null, or not in this layout"),
            (book.placeholders, "placeholder, taken as missing"),
        ];
        let named = counts.iter().filter(|(values, _)| *values > 0);
        changes.extend(named.map(|(values, what)| vec![count(*values), field.clone(), (*what).to_owned()]));
        for word in &book.missing {
            let shown = if word.word.is_empty() { "blank".to_owned() } else { format!("`{}`", word.word) };
            changes.push(vec![count(word.values), field.clone(), format!("{shown}: {}", word.meaning)]);
        }
        for word in &book.replaced {
            changes.push(vec![
                count(word.values),
                field.clone(),
                format!("`{}` read as `{}`", word.word, word.meaning),
            ]);
        }
    }
    lines("in admitted rows", changes.into_iter());
    if unchecked > 0 {
        output::line(format!("  {unchecked} rules refer to other sources and were not checked"));
    }
    let verdict = if admissible { "a run would go on" } else { "a run would stop" };
    output::line(format!("  {verdict}: at most {limit} of the rows may be rejected"));
}

fn lines(title: &str, rows: impl Iterator<Item = Vec<String>>) {
    output::section("  ", title, &rows.collect::<Vec<_>>());
}

fn unreadable(path: &str, error: std::io::Error) -> Error {
    Error::usage("usage.file", format!("read {path}")).with_source(error)
}
