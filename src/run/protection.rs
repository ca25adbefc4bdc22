//! From cells to the tables of a release: suppression, audit, and what each column prints.

use serde_json::json;

use crate::disclosure::{self, Attacker, DisclosureError, Protected, Reason, Status, Table};
use crate::error::{Error, Result};
use crate::release::{self, DimensionColumn, MeasureColumn, MeasureKind, MeasureValues, OutputTable};
use crate::tabulate::{Rate, Tabulation};
use crate::workspace::{Method, ResolvedPipeline};

/// What to do where tables can't be protected.
const NARROWER: &str =
    "no candidate was laid down and the last release stays; merge categories, drop a margin, or drop the table";
/// How many findings a refusal names.
const FINDINGS: usize = 10;

/// What a disclosure error is to the run. Its text names cells, never counts.
pub(super) fn refused(error: DisclosureError) -> Error {
    let refused = |hint| Error::disclosure("disclosure.refused", error.to_string()).with_hint(hint);
    let report = match &error {
        DisclosureError::AuditFailed(report) => report,
        DisclosureError::Unprotectable { .. } => return refused(NARROWER),
        _ => return refused(error.hint()),
    };
    let mut text = format!("the audit does not pass: {} finding(s)\n", report.findings.len());
    for finding in report.findings.iter().take(FINDINGS) {
        let to = match finding.attacker {
            Attacker::Reader => "",
            Attacker::Archivist => ", to whoever keeps earlier releases",
            Attacker::Contributor => ", to somebody who is counted in another hidden figure",
            Attacker::Insider => ", to whoever is told which figures are small",
        };
        text.push_str(&format!("  {finding}{to}\n"));
    }
    if report.findings.len() > FINDINGS {
        text.push_str(&format!("  and {} more\n", report.findings.len() - FINDINGS));
    }
    let falls_to = |attacker| report.findings.iter().any(|finding| finding.attacker == attacker);
    let only = |attacker| report.findings.iter().all(|finding| finding.attacker == attacker);
    let hint = if falls_to(Attacker::Archivist) {
        "no candidate was laid down and the last release stays. Beside it, groups would show that are too small: merge \
         categories or drop a table, or publish again when more people have come"
    } else if only(Attacker::Insider) {
        "no candidate was laid down and the last release stays; merge categories or drop a margin, or only report what \
         insiders of the rule can do: `insider: report` under `disclosure`"
    } else if only(Attacker::Contributor) {
        "no candidate was laid down and the last release stays; merge categories or drop a margin, or agree that those \
         who are counted may compute a figure from that: `contributor: false` under `disclosure`"
    } else {
        NARROWER
    };
    refused(hint).with_report(text)
}

/// The tables as they are printed, with the reasons that only stewards see.
pub(super) fn output(
    pipeline: &ResolvedPipeline,
    tabulations: &[Tabulation],
    protected: &Protected,
) -> Result<Vec<OutputTable>> {
    tabulations
        .iter()
        .zip(&protected.statuses)
        .map(|(tabulation, statuses)| output_table(pipeline, tabulation, statuses))
        .collect()
}

/// Tables of which every figure is printed, changed as it is.
pub(super) fn output_changed(
    pipeline: &ResolvedPipeline,
    tabulations: &[Tabulation],
    changed: Vec<Table>,
) -> Result<Vec<OutputTable>> {
    let printed = |(tabulation, table): (&Tabulation, Table)| {
        let statuses = vec![vec![Status::Published; table.cell_count()]; table.measures.len()];
        let (spec, axes) = (tabulation.spec.clone(), tabulation.axes.clone());
        output_table(pipeline, &Tabulation { spec, axes, table, rows: tabulation.rows }, &statuses)
    };
    tabulations.iter().zip(changed).map(printed).collect()
}

fn output_table(pipeline: &ResolvedPipeline, tabulation: &Tabulation, statuses: &[Vec<Status>]) -> Result<OutputTable> {
    let spec = &tabulation.spec;
    let written = pipeline.spec.tables.get(&spec.name);
    let mut table = OutputTable {
        name: spec.name.clone(),
        title: written.and_then(|one| one.title.clone()).unwrap_or_else(|| pipeline.spec.title.clone()),
        description: None,
        counts: written.map(|one| one.counts.clone()).unwrap_or_default(),
        universe: tabulation.table.universe.clone(),
        dimensions: dimensions(pipeline, tabulation),
        measures: Vec::new(),
        keys: keys(tabulation),
        values: Vec::new(),
        steward_reasons: Vec::new(),
    };
    for name in &spec.order {
        if let Some(at) = spec.measures.iter().position(|measure| &measure.name == name) {
            let counted = &tabulation.table.measures[at];
            table.measures.push(MeasureColumn {
                name: name.clone(),
                kind: MeasureKind::Count,
                description: spec.measures[at].description.clone(),
                suppressed_rule: rule_text(pipeline),
                counted: counted.name.clone(),
                of: counted.kind.of().map(|of| spec.measures[of].name.clone()),
                is_part: matches!(counted.kind, disclosure::MeasureKind::Part { .. }),
            });
            table.values.push(MeasureValues::Counts(shown(&tabulation.table.values[at], &statuses[at])));
            table.steward_reasons.push(statuses[at].iter().map(|status| reason(*status)).collect());
        } else if let Some(rate) = spec.rates.iter().find(|rate| &rate.name == name) {
            push_rate(&mut table, tabulation, statuses, rate, hides(pipeline))?;
        }
    }
    Ok(table)
}

fn shown(values: &[i64], statuses: &[Status]) -> Vec<Option<i64>> {
    values.iter().zip(statuses).map(|(value, status)| status.is_published().then_some(*value)).collect()
}

/// A rate is printed where both of its counts are, so that it says nothing that they do not.
fn push_rate(
    table: &mut OutputTable,
    tabulation: &Tabulation,
    statuses: &[Vec<Status>],
    rate: &Rate,
    hides: bool,
) -> Result<()> {
    let index = |name: &str| {
        tabulation.spec.measures.iter().position(|measure| measure.name == name).ok_or_else(|| {
            Error::config("table.ratio", format!("rate `{}` is of `{name}`, which is not counted", rate.name))
                .with_hint("a ratio names two counted measures")
        })
    };
    let (above, below) = (index(&rate.numerator)?, index(&rate.denominator)?);
    let counts = &tabulation.table.values;
    let mut values = Vec::new();
    let mut reasons = Vec::new();
    for cell in 0..tabulation.table.cell_count() {
        let published = statuses[above][cell].is_published() && statuses[below][cell].is_published();
        let denominator = counts[below][cell];
        values.push((published && denominator > 0).then(|| {
            // Noise can make a part larger than its whole.
            percent(counts[above][cell].min(denominator), denominator, rate.decimals)
        }));
        reasons.push(match (published, denominator > 0) {
            (true, true) => "published",
            (true, false) => "not applicable",
            (false, _) => "a count is hidden",
        });
    }
    table.measures.push(MeasureColumn {
        name: rate.name.clone(),
        kind: MeasureKind::Rate {
            decimals: rate.decimals,
            numerator: rate.numerator.clone(),
            denominator: rate.denominator.clone(),
        },
        description: rate.description.clone(),
        suppressed_rule: if hides { "hidden where one of its counts is".to_owned() } else { String::new() },
        counted: String::new(),
        of: None,
        is_part: false,
    });
    table.values.push(MeasureValues::Rates(values));
    table.steward_reasons.push(reasons);
    Ok(())
}

/// `numerator / denominator` in percent, rounded half up at `decimals` in whole numbers, so that every machine gives
/// the same.
#[expect(clippy::cast_precision_loss, reason = "a percentage with a few decimals is far below 2^53")]
fn percent(numerator: i64, denominator: i64, decimals: u32) -> f64 {
    let scale = 10_i128.pow(decimals.min(9));
    let scaled = i128::from(numerator) * 100 * scale * 2 + i128::from(denominator);
    (scaled / (2 * i128::from(denominator))) as f64 / scale as f64
}

fn dimensions(pipeline: &ResolvedPipeline, tabulation: &Tabulation) -> Vec<DimensionColumn> {
    let written = pipeline.spec.tables.get(&tabulation.spec.name);
    let mut columns = Vec::new();
    for axis in &tabulation.axes {
        for (level, name) in axis.spec.columns.iter().enumerate() {
            let field = pipeline.sources.iter().find_map(|source| source.contract.field(name));
            let of_author = written.and_then(|table| table.dimensions.get(name)).and_then(Option::as_ref);
            let labels = field.and_then(|field| field.allowed.as_ref()).map(|allowed| {
                allowed.iter().map(|(code, meaning)| (code.to_owned(), meaning.clone())).collect::<Vec<_>>()
            });
            let total = match (&axis.spec.total, level) {
                (Some(total), 0) => Some(total.clone()),
                (_, 0) => None,
                _ => Some(axis.spec.subtotals[level].clone()),
            };
            columns.push(DimensionColumn {
                name: name.clone(),
                description: of_author
                    .and_then(|one| one.description.clone())
                    .or_else(|| field.and_then(|field| field.description.clone())),
                labels: labels.unwrap_or_default(),
                total,
                within: level.checked_sub(1).map(|above| axis.spec.columns[above].clone()),
            });
        }
    }
    columns
}

/// What each dimension column prints in each row.
fn keys(tabulation: &Tabulation) -> Vec<Vec<String>> {
    let printed: Vec<Vec<Vec<String>>> =
        tabulation.axes.iter().map(|axis| (0..axis.places.len()).map(|place| axis.printed(place)).collect()).collect();
    let cells: Vec<Vec<usize>> =
        (0..tabulation.table.cell_count()).map(|cell| tabulation.table.coordinates(cell)).collect();
    let mut keys = Vec::new();
    for (at, axis) in tabulation.axes.iter().enumerate() {
        let columns = axis.spec.columns.iter().enumerate();
        keys.extend(
            columns.map(|(level, _)| cells.iter().map(|places| printed[at][places[at]][level].clone()).collect()),
        );
    }
    keys
}

fn reason(status: Status) -> &'static str {
    match status {
        Status::Published => "published",
        Status::Complementary => "complementary",
        Status::Primary(Reason::MinimumCell) => "primary: fewer than the minimum",
        Status::Primary(Reason::Numerator) => "primary: numerator under the minimum",
        Status::Primary(Reason::Complement) => "primary: complement under the minimum",
        Status::Primary(Reason::Homogeneous) => "primary: nobody or everybody in the group",
        Status::Primary(Reason::Contributors) => "primary: fewer distinct people than the minimum",
        Status::Primary(Reason::Zero) => "primary: zero, hidden by policy",
        Status::Primary(Reason::Organisations) => "primary: too few organisations",
        Status::Primary(Reason::Dominance) => "primary: a few of the largest dominate",
        Status::Primary(Reason::Percent | Reason::PriorPosterior) => "primary: too close to one contribution",
    }
}

fn hides(pipeline: &ResolvedPipeline) -> bool {
    pipeline.spec.disclosure.method == Method::Suppression
}

/// When a figure is hidden, in words for readers; empty where none is.
fn rule_text(pipeline: &ResolvedPipeline) -> String {
    if !hides(pipeline) {
        return String::new();
    }
    format!("hidden where it stands for fewer than {} people, or would give such a count away", pipeline.minimum_cell)
}

/// Audit and loss, for the candidate's manifest and the run's report. Numbers of cells, not of people.
pub(super) fn audit_report(
    protected: &Protected,
    beside: &[serde_json::Value],
    proof: Option<&disclosure::CertificateReport>,
) -> Result<serde_json::Value> {
    let audit = &protected.audit;
    let loss = &protected.summary;
    let method = release::Method::Suppression;
    Ok(json!({
        "passed": audit.passed,
        "method": method.name(),
        "guarantee": method.guarantee(),
        "cells": loss.cells,
        "hidden_primary": loss.primary,
        "hidden_zeros": loss.zeros,
        "hidden_complementary": loss.complementary,
        "variables": loss.variables,
        "components": loss.components,
        "attackers": audit.attackers.iter().map(attacker).collect::<Vec<_>>(),
        "beside": beside,
        "certificate": proof.map(|proof| json!({ "hidden": proof.hidden, "proven": proof.hidden - proof.unproven, "open": proof.open, "settled": proof.settled, "tables": proof.tables })),
        "audit": serde_json::to_value(AuditNumbers::from(audit))
            .map_err(|_| Error::internal("run.audit", "the audit's report can't be written"))?,
    }))
}

fn attacker(view: &disclosure::View) -> serde_json::Value {
    let who = match view.attacker {
        Attacker::Reader => "a reader of the release",
        Attacker::Archivist => "a reader who keeps earlier releases",
        Attacker::Contributor => "somebody who knows that a hidden cell is not empty",
        Attacker::Insider => "somebody who is told which hidden figures are small",
    };
    json!({ "who": who, "computed": view.computed })
}

#[derive(serde::Serialize)]
struct AuditNumbers {
    examined: usize,
    protected: usize,
    linear_programs: usize,
    findings: usize,
}

impl From<&disclosure::AuditReport> for AuditNumbers {
    fn from(audit: &disclosure::AuditReport) -> Self {
        Self {
            examined: audit.examined,
            protected: audit.protected,
            linear_programs: audit.linear_programs,
            findings: audit.findings.len(),
        }
    }
}
