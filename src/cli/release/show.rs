//! `accord release show`: a steward's page.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::Value;

use super::{Desk, words};
use crate::cli::{output, run};
use crate::error::{Error, Result};
use crate::release::files::{PublishedTable, Reasons};
use crate::release::{self, Candidate, Difference, Ledger, MeasureValues, Standing};
use crate::run::Books;

/// Rows of a table that the page shows.
const PREVIEW: usize = 12;

pub(super) async fn run(desk: &Desk<'_>, pipeline: &str, id: Option<&str>) -> Result<ExitCode> {
    let candidate = desk.candidate(pipeline, id).await?;
    candidate.check_files(&desk.state).await?;
    let entries = Ledger::open(&desk.state).entries().await?;
    let agreement = &desk.workspace.pipeline(pipeline)?.agreement;
    let standing = release::standing(&entries, &candidate.id, desk.app.now(), agreement, &desk.stewards()?)
        .ok_or_else(|| Error::failed("release.not_recorded", "the candidate is not in the ledger"))?;
    let mut tables = Vec::new();
    for table in &candidate.manifest.tables {
        let shown = candidate.table(&desk.state, &table.name).await?;
        tables.push((shown, candidate.reasons(&desk.state, &table.name).await?));
    }
    if desk.app.json() {
        output::json(&serde_json::json!({
            "candidate": candidate.id, "digest": candidate.digest, "standing": standing, "manifest": candidate.manifest,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    head(&candidate, &standing);
    if let Ok(books) = serde_json::from_value::<Books>(candidate.manifest.books.clone()) {
        output::line("Rows");
        run::print_books(&books);
        output::line("");
    }
    for (table, reasons) in &tables {
        print_table(table, reasons);
    }
    foot(&candidate);
    changes(desk, pipeline, &candidate).await?;
    output::line("");
    next(&candidate, &standing);
    Ok(ExitCode::SUCCESS)
}

fn head(candidate: &Candidate, standing: &Standing) {
    let manifest = &candidate.manifest;
    output::line(format!("Candidate {} of `{}`: {}", candidate.id, manifest.pipeline, manifest.title));
    if let Some(description) = &manifest.description {
        output::line(format!("  {description}"));
    }
    output::line("");
    let rows = [
        ("state", words(standing)),
        ("run by", standing.authors.join(", ")),
        ("agreement", format!("{} ({})", manifest.agreement_title, manifest.agreement)),
        ("purpose", manifest.purpose.clone()),
        ("goes to", manifest.recipients.join(", ")),
        (
            "made from",
            manifest
                .sources
                .iter()
                .map(|one| format!("{} {}", one.contract, one.version))
                .collect::<Vec<_>>()
                .join(", "),
        ),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    output::columns(&rows).iter().for_each(|row| output::line(format!("  {row}")));
    output::line("");
}

/// Totals first: the rows that add over the most.
fn print_table(table: &PublishedTable, reasons: &Reasons) {
    let book = &table.book.table;
    output::line(format!(
        "Table {}: {} ({} rows, one a cell; counts: {})",
        book.name,
        book.title,
        output::number(table.rows() as u64),
        book.counts
    ));
    let totals: Vec<Option<&str>> = book.dimensions().map(|column| column.total.as_deref()).collect();
    let detail = |row: usize| table.key(row).iter().zip(&totals).filter(|(key, total)| Some(**key) != **total).count();
    let mut order: Vec<usize> = (0..table.rows()).collect();
    order.sort_by_key(|row| (detail(*row), *row));
    let header = book
        .dimensions()
        .map(|column| column.name.clone())
        .chain(table.measures.iter().map(|one| one.book.name.clone()));
    let mut rows = vec![header.collect::<Vec<_>>()];
    for row in order.iter().take(PREVIEW) {
        let keys = table.key(*row).into_iter().map(str::to_owned);
        rows.push(
            keys.chain(table.measures.iter().map(|measure| figure(&measure.values, &measure.statuses, *row))).collect(),
        );
    }
    output::columns(&rows).iter().for_each(|row| output::line(format!("  {row}")));
    if table.rows() > PREVIEW {
        output::line(format!("  ... and {} more rows", output::number((table.rows() - PREVIEW) as u64)));
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let measures: Vec<&str> = table.measures.iter().map(|measure| measure.book.name.as_str()).collect();
    for column in reasons.iter().filter(|column| measures.iter().any(|name| column.name.starts_with(name))) {
        for reason in &column.values {
            *counts.entry(reason.as_str()).or_default() += 1;
        }
    }
    output::line(match book.method.is_suppression() {
        true => "  figures, and why they are hidden (`*`); only stewards see this",
        false => "  figures, all of them changed and shown",
    });
    let lines: Vec<Vec<String>> =
        counts.iter().map(|(reason, n)| vec![format!("{:>9}", output::number(*n)), (*reason).to_owned()]).collect();
    output::columns(&lines).iter().for_each(|line| output::line(format!("  {line}")));
    output::line("");
}

fn figure(values: &MeasureValues, statuses: &[String], row: usize) -> String {
    let shown = match values {
        MeasureValues::Counts(values) => values[row].map(|value| value.to_string()),
        MeasureValues::Rates(values) => values[row].map(|value| format!("{value:?}")),
    };
    shown.unwrap_or_else(|| if statuses[row] == "suppressed" { "*" } else { "-" }.to_owned())
}

fn foot(candidate: &Candidate) {
    let manifest = &candidate.manifest;
    output::line("Protection");
    output::line(format!("  minimum cell {}; {}", manifest.policy["minimum_cell"], run::audit_line(&manifest.audit)));
    protection(&manifest.audit).iter().for_each(|line| output::line(format!("  {line}")));
    output::line("");
    output::line("What your signature covers");
    for (name, digest) in
        [("candidate", &candidate.digest), ("plan", &manifest.plan_digest), ("agreement", &manifest.agreement_digest)]
    {
        output::line(format!("  {name:<10} {digest}"));
    }
    output::line("");
}

/// What was tried beside the reader's view, and what proof goes with the release.
fn protection(audit: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(method), Some(guarantee)) = (audit["method"].as_str(), audit["guarantee"].as_str()) {
        lines.push(format!("method: {method}"));
        lines.push(format!("  {guarantee}"));
    }
    let change = &audit["change"];
    let counted = [
        ("beyond_neighbouring_multiples", "figures are beyond a neighbouring multiple, as far as `within` allows"),
        ("changed", "figures are not the true ones"),
        ("unequal_sums", "totals are not the sum of their printed parts"),
        ("narrowed", "small figures are narrowed by printed totals below the level, though not to one value"),
    ];
    for (key, what) in counted {
        if let Some(count) = change[key].as_u64().filter(|count| *count > 0) {
            lines.push(format!("{} {what}", output::number(count)));
        }
    }
    for view in audit["attackers"].as_array().into_iter().flatten() {
        let count = view["computed"].as_u64().unwrap_or(0);
        let who = view["who"].as_str().unwrap_or_default();
        lines.push(format!("{} protected figures can be computed by {who}", output::number(count)));
    }
    for earlier in audit["beside"].as_array().into_iter().flatten() {
        let linked = earlier["linked"].as_str().unwrap_or_default();
        let of = earlier["pipeline"].as_str().map(|other| format!(" of {other}")).unwrap_or_default();
        match (earlier["version"].as_u64(), earlier["table"].as_str()) {
            (Some(version), Some(table)) => {
                lines.push(format!("beside release {version}{of}, table {table}: {linked}"))
            }
            _ => lines.push(linked.to_owned()),
        }
    }
    let proof = &audit["certificate"];
    lines.push(match (proof["proven"].as_u64(), proof["hidden"].as_u64()) {
        (Some(proven), Some(hidden)) => format!(
            "certificate: {} of {} hidden figures are proven to stay hidden (`accord verify`)",
            output::number(proven),
            output::number(hidden)
        ),
        _ => audit["without_certificate"].as_str().unwrap_or("no certificate").to_owned(),
    });
    lines
}

async fn changes(desk: &Desk<'_>, pipeline: &str, candidate: &Candidate) -> Result<()> {
    let latest = release::latest(&desk.published, pipeline).await?;
    let Some(latest) = latest.filter(|one| one.candidate.as_ref() != Some(&candidate.id)) else { return Ok(()) };
    let Some(version) = latest.version else { return Ok(()) };
    let folder = release::version_folder(pipeline, version);
    let difference = release::diff((&desk.published, &folder), (&desk.state, &candidate.release_folder())).await?;
    output::line(format!("Against version {version}"));
    self::difference(&difference).iter().for_each(|line| output::line(format!("  {line}")));
    Ok(())
}

/// A difference, a line a table.
pub(super) fn difference(difference: &Difference) -> Vec<String> {
    if difference.is_empty() {
        return vec!["no difference".to_owned()];
    }
    let mut lines = Vec::new();
    lines.extend(difference.added.iter().map(|table| format!("table {table} is new")));
    lines.extend(difference.removed.iter().map(|table| format!("table {table} is gone")));
    for table in difference.tables.iter().filter(|table| !table.is_empty()) {
        lines.push(format!(
            "table {}: {} figures changed, {} newly hidden, {} newly shown; {} rows added, {} removed",
            table.table, table.changed, table.newly_hidden, table.newly_shown, table.rows_added, table.rows_removed
        ));
        if let Some([before, now]) = &table.method {
            lines.push(format!("  protected by {now}, before by {before}"));
        }
        lines.extend(table.columns_added.iter().map(|column| format!("  column {column} is new")));
        lines.extend(table.columns_removed.iter().map(|column| format!("  column {column} is gone")));
    }
    lines
}

fn next(candidate: &Candidate, standing: &Standing) {
    let (pipeline, id) = (&candidate.manifest.pipeline, &candidate.id);
    if !standing.open() {
        return;
    }
    output::line("Next");
    output::line(format!("  accord release approve {pipeline} {id} --as STEWARD --key FILE"));
    output::line(format!("  accord release return  {pipeline} {id} --as STEWARD --key FILE --reason \"...\""));
}
