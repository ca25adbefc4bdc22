//! The protection of table files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::audit::{bound, look};
use super::averages;
use super::banded;
use super::engine::{self, Outcome};
use super::layout::Loaded;
use super::load::{Job, Purpose, name_all};
use super::marks;
use super::minimums;
use super::parallel::in_groups;
use super::perturbative;
use super::policy::{not_followed, policy};
use super::report::{AuditReport, Progress, counted, number};
use super::scoring::{self, TableScore};
use super::spec::MethodSpec;
use super::together;
use super::views::{Group, groups};
use super::words::Figure;
use super::write::{self, Output, Shown};
use crate::disclosure::{BandingReport, CellName, Policy, Reason, Status, Zeros};
use crate::error::{Error, Result};

/// How many cells an error names.
const NAMED: usize = 10;

/// Protected files, not yet written anywhere.
pub struct ProtectedFiles {
    /// A file for each that was read, in their order.
    pub files: Vec<Output>,
    /// Why each hidden figure is hidden, as CSV. For stewards only: which figures are small must not be published.
    pub reasons: Vec<u8>,
    /// What was done, in numbers.
    pub report: ProtectReport,
}

/// What protecting did, in numbers of figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProtectReport {
    /// The smallest count that is shown.
    pub minimum_cell: u64,
    /// Figures of all tables.
    pub figures: usize,
    /// Of them, those that are hidden.
    pub hidden: usize,
    /// For stewards only: hidden because they are small (or say so of others).
    pub primary: usize,
    /// For stewards only: empty, hidden so that a mark may stand for nobody.
    pub zeros: usize,
    /// For stewards only: hidden so that others can't be computed.
    pub complementary: usize,
    /// Medians and other quantiles.
    pub quantiles: usize,
    /// Of them, those that are hidden; the others are rounded.
    pub hidden_quantiles: usize,
    /// Rows that were added: totals, and empty cells that must carry a mark.
    pub added_rows: usize,
    /// Hidden figures that the audit examined.
    pub examined: usize,
    /// What became of rates that are printed as bands.
    pub bands: Option<BandingReport>,
    /// What every figure is a multiple of, where they are rounded.
    pub base: Option<u64>,
    /// Of rounded figures, those beyond a neighbouring multiple of the true one.
    pub relaxed: usize,
    /// The largest noise, where figures have noise.
    pub noise: Option<u32>,
    /// Of figures with noise, those that are not the true ones.
    pub changed: usize,
    /// Totals that are not the sum of their printed parts.
    pub unequal_sums: usize,
    /// Small figures that printed totals narrow below the level, though not to one value.
    pub narrowed: usize,
    /// The publication score of each table as it is written, where the policy asks for it.
    pub scores: Vec<TableScore>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// The statuses of a table's figures, by measure and cell.
pub(super) type Statuses = Vec<Vec<Status>>;

/// Protects tables: those that the spec names, or of them the `named` files. Nothing is written.
///
/// `stop` says that the time is up: the best pattern found so far is taken then, never one that does not protect.
/// `progress` hears how far the work is. Parts that do not know of each other are worked on by `threads`, with the same result.
///
/// # Guarantees
/// What [`crate::disclosure::protect`] guarantees, for all tables of the spec together; a rate is shown exactly where
/// both of its counts are. Where the spec names what is public besides, the result was audited together with it.
///
/// # Errors
/// A spec or files that can't be read, figures that are hidden already or do not add up, columns that the spec says
/// nothing about; a disclosure error with the cells in the way where no pattern protects them, or where something falls
/// with what is public besides.
pub fn protect(
    job: &Job,
    named: &[PathBuf],
    threads: usize,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<ProtectedFiles> {
    let mut tables = job.tables(named, Purpose::Protect)?;
    refuse_unnamed(&tables)?;
    let own = tables.len();
    tables.extend(job.also_public()?);
    name_all(&mut tables);
    minimums::enter(&job.spec.policy, &mut tables)?;
    let policy = policy(&job.spec.policy, Zeros::Hide);
    match &job.spec.policy.method {
        MethodSpec::Suppression => refuse_telling(job)?,
        MethodSpec::Rounding(spec) => return perturbative::round(job, tables, spec, &policy, progress),
        MethodSpec::CellKey(spec) => return perturbative::perturb(job, tables, spec, &policy, progress),
        MethodSpec::Bands(spec) => {
            let (tables, others) = tables.split_at(own);
            banded::refuse_beside(job, tables, others)?;
            return banded::band(job, tables, spec, &policy, stop, progress);
        }
    }
    tables.iter().try_for_each(averages::check)?;
    let mut report = ProtectReport { minimum_cell: policy.minimum_cell, ..ProtectReport::default() };
    let mut statuses = statuses(job, &tables, &policy, threads, &mut report, stop, progress)?;
    for one in &job.spec.policy.hide_with {
        together::hide(one, &tables[..own], &mut statuses, policy.zeros)?;
    }
    count(&statuses[..own], &mut report);
    quantiles(&tables[..own], &statuses, &mut report);
    let reasons = write::reasons(&tables[..own], &statuses);
    let mut files = Vec::new();
    for (table, statuses) in tables[..own].iter().zip(&statuses) {
        let symbols = &job.spec.symbols;
        let format = &job.spec.tables.get(&table.name).cloned().unwrap_or_default().format;
        let (outputs, added) = write::table(table, Shown::Hidden(statuses), symbols, format, policy.zeros)?;
        files.extend(outputs);
        report.added_rows += added;
    }
    report.scores = scoring::scores(&job.spec, &tables[..own], &|at, table| {
        let shown = |measure: usize, cell: usize| statuses[at][measure][cell].is_published();
        let count =
            |measure: usize, cell: usize| table.values[measure][cell].printed().filter(|_| shown(measure, cell));
        // A rate is printed exactly where both of its counts are.
        scoring::smallest(table, &count, &|_, _| false)
    });
    scoring::refuse(&report.scores)?;
    if !job.spec.also_public.is_empty() {
        with_public(job, tables, own, &statuses, &policy, progress)?;
    }
    report.notes = not_followed(&job.spec, Purpose::Protect);
    Ok(ProtectedFiles { files, reasons, report })
}

/// Refuses to write a mark that says something of what it hides: figures that are hidden to protect others are no small
/// ones, so that it would not tell the truth, and where it does, it gives away what is protected.
fn refuse_telling(job: &Job) -> Result<()> {
    let symbols = &job.spec.symbols;
    let first = symbols.suppressed.first().map_or("", String::as_str);
    if !symbols.telling().any(|word| word == first) && !marks::tells(first) {
        return Ok(());
    }
    let said = format!("the mark `{first}` would say something of every figure that it hides");
    Err(Error::config("tables.telling_mark", said).with_hint(
        "figures of any size are hidden to protect small ones, and nobody is to know which are small: put a mark that says \
         nothing first, as in `symbols: { suppressed: [\"*\"] }`",
    ))
}

fn refuse_unnamed(tables: &[Loaded]) -> Result<()> {
    let unnamed: BTreeSet<&(String, String)> = tables.iter().flat_map(|table| &table.unnamed).collect();
    let Some((file, column)) = unnamed.first() else { return Ok(()) };
    let more =
        if unnamed.len() > 1 { format!(" ({} more columns likewise)", unnamed.len() - 1) } else { String::new() };
    Err(Error::config("tables.column", format!("the spec says nothing about column `{column}` of {file}{more}"))
        .with_hint("it would be published as it is: name it as a dimension, a measure or a rate, or under `keep`"))
}

fn statuses(
    job: &Job,
    tables: &[Loaded],
    policy: &Policy,
    threads: usize,
    report: &mut ProtectReport,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Statuses>> {
    let mut statuses: Vec<Statuses> =
        tables.iter().map(|table| vec![vec![Status::Published; table.cells()]; table.measures.len()]).collect();
    let bound = bound(job);
    let mut groups = groups(tables, &bound);
    groups.retain(|group| group.at_hand(tables) > 0);
    let (mut blocked, mut leaks) = (Vec::new(), Vec::new());
    let outcomes = in_groups(&groups, tables, threads, stop, progress, &|group, stop, inner| {
        engine::protect(group, tables, &bound, policy, stop, inner)
    });
    for (group, outcome) in groups.iter().zip(outcomes) {
        match outcome {
            Outcome::Protected(protected) => {
                report.examined += protected.audit.examined;
                let status = |view, measure, cell| engine::status(&protected, view, measure, cell);
                enter(group, tables, &mut statuses, status);
            }
            Outcome::Blocked(cells) => blocked.extend(cells),
            Outcome::Leaks(findings) => leaks.extend(findings.into_iter().map(|finding| finding.cell)),
            Outcome::Wrong(error) => {
                return Err(Error::data("tables.figures", error.to_string()).with_hint(error.hint()));
            }
        }
    }
    if blocked.is_empty() && leaks.is_empty() {
        return Ok(statuses);
    }
    let editions: Vec<&str> = job.spec.also_public.values().map(|public| public.edition.as_str()).collect();
    Err(unprotectable(&blocked, &leaks, &editions))
}

pub(super) fn unprotectable(blocked: &[CellName], leaks: &[CellName], editions: &[&str]) -> Error {
    let cells: Vec<&CellName> = blocked.iter().chain(leaks).collect();
    let mut report = String::new();
    for cell in cells.iter().take(NAMED) {
        report.push_str(&format!("  {cell}\n"));
    }
    if cells.len() > NAMED {
        report.push_str(&format!("  and {} more\n", number(cells.len() - NAMED)));
    }
    let said = if blocked.is_empty() {
        format!("the audit of the pattern that was found does not pass at {}", counted(cells.len(), "cell", "cells"))
    } else {
        format!("no pattern of hidden cells protects {}", counted(cells.len(), "cell", "cells"))
    };
    let said = match editions {
        [] => said,
        some => format!("{said} beside what is public already: {}", some.join(", ")),
    };
    Error::disclosure("tables.unprotectable", said).with_report(report).with_hint(
        "nothing was written. Hide the margin above these cells (leave out the dimension's `total`), merge categories \
         until they are large enough, or drop the table",
    )
}

/// Puts the statuses of a group's views into its tables.
fn enter(group: &Group, tables: &[Loaded], statuses: &mut [Statuses], status: impl Fn(usize, usize, usize) -> Status) {
    for (at, view) in group.views[..group.at_hand(tables)].iter().enumerate() {
        for (cell, place) in view.cells(&tables[view.table]).into_iter().enumerate() {
            let Some(place) = place else { continue };
            for (measure, own) in statuses[view.table].iter_mut().enumerate() {
                own[place as usize] = status(at, measure, cell);
            }
        }
    }
}

/// Hides what the statuses hide.
fn mask(tables: &mut [Loaded], statuses: &[Statuses]) {
    for (table, statuses) in tables.iter_mut().zip(statuses) {
        for (values, statuses) in table.values.iter_mut().zip(statuses) {
            for (value, status) in values.iter_mut().zip(statuses) {
                if !status.is_published() {
                    *value = Figure::HIDDEN;
                }
            }
        }
    }
}

/// Counts the quantiles, and those that are hidden.
fn quantiles(tables: &[Loaded], statuses: &[Statuses], report: &mut ProtectReport) {
    for (table, statuses) in tables.iter().zip(statuses) {
        for quantile in &table.quantiles {
            for cell in (0..table.cells()).filter(|&cell| quantile.values[cell].printed().is_some()) {
                let people = table.values[quantile.people][cell].count();
                let hidden = !statuses[quantile.people][cell].is_published() || quantile.is_hidden(cell, people);
                report.quantiles += 1;
                report.hidden_quantiles += usize::from(hidden);
            }
        }
    }
}

fn count(statuses: &[Statuses], report: &mut ProtectReport) {
    for status in statuses.iter().flatten().flatten() {
        report.figures += 1;
        match status {
            Status::Published => {}
            Status::Primary(Reason::Zero) => report.zeros += 1,
            Status::Primary(_) => report.primary += 1,
            Status::Complementary => report.complementary += 1,
        }
    }
    report.hidden = report.zeros + report.primary + report.complementary;
}

/// Audits the protected tables together with what is public besides.
fn with_public(
    job: &Job,
    mut tables: Vec<Loaded>,
    own: usize,
    statuses: &[Statuses],
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    mask(&mut tables[..own], statuses);
    for rate in tables[..own].iter_mut().flat_map(|table| &mut table.rates) {
        rate.values.fill(Figure::ABSENT);
    }
    let report = look(&tables, &bound(job), policy, progress);
    let at_hand = |report: &AuditReport| {
        report.tables.iter().any(|table| table.edition.is_none() && table.fallen > table.harmless)
    };
    let others = report.bounds + report.narrow + report.small_sums + report.undecided + report.contradictions;
    if !at_hand(&report) && others == 0 {
        return Ok(());
    }
    let lines = report.lines(&|_, text| text.to_owned()).join("\n");
    Err(Error::disclosure("tables.also_public", "with what is public besides, hidden figures fall")
        .with_report(format!("{lines}\n"))
        .with_hint("nothing was written. Merge categories, drop a margin, or publish later"))
}

impl ProtectReport {
    fn rounded(&self, base: u64) -> Vec<String> {
        let mut lines = vec![
            format!(
                "All {} figures are multiples of {base}, and every total is the sum of its parts.",
                number(self.figures)
            ),
            format!(
                "A reader must grant each the true value and every value from what is printed to {} more, in tables of one \
                 measure also to {} less; a printed 0 says less than {base}.",
                base - 1,
                base - 1
            ),
        ];
        if self.relaxed > 0 {
            let relaxed = counted(self.relaxed, "is", "are");
            lines.push(format!("{relaxed} beyond a neighbouring multiple, as far as `within` allows."));
        }
        lines
    }

    fn perturbed(&self, noise: u32) -> Vec<String> {
        let mut lines = vec![
            format!(
                "All {} figures have noise of at most {noise}, the same for the same people in every table; empty cells stay \
                 empty. {} are not the true ones.",
                number(self.figures),
                number(self.changed)
            ),
            format!("{} the sum of the printed parts.", counted(self.unequal_sums, "total is not", "totals are not")),
        ];
        if self.narrowed > 0 {
            let narrowed = counted(self.narrowed, "small figure is", "small figures are");
            lines.push(format!(
                "{narrowed} narrowed by printed totals below the level asked for, though not to one value."
            ));
        }
        lines
    }

    fn banded(&self, bands: &BandingReport) -> Vec<String> {
        let shown = bands.rates - bands.hidden - bands.whole;
        vec![
            format!(
                "{} of {} printed as bands, and no numerator: {} of the others belong to groups that are hidden, {} would say \
                 too much (these numbers are for stewards only).",
                number(shown),
                counted(bands.rates, "rate is", "rates are"),
                number(bands.hidden),
                number(bands.whole)
            ),
            format!(
                "{} joined with neighbours for their own sake, {} for what totals and other bands would say.",
                counted(bands.joined, "band is", "bands are"),
                number(bands.widened)
            ),
            format!(
                "The audit passed: {} examined, each keeps its interval.",
                counted(bands.examined, "numerator, complement or size", "numerators, complements and sizes")
            ),
        ]
    }

    /// The report for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let hidden = || {
            vec![
                format!(
                    "{} of {} hidden: {} small, {} to protect others, {} empty (these three numbers are for stewards only).",
                    number(self.hidden),
                    counted(self.figures, "figure is", "figures are"),
                    number(self.primary),
                    number(self.complementary),
                    number(self.zeros)
                ),
                match self.examined {
                    0 => "The audit passed: no figure needs protection.".to_owned(),
                    1 => "The audit passed: it examined one figure, which keeps its interval.".to_owned(),
                    many => format!("The audit passed: {} figures examined, each keeps its interval.", number(many)),
                },
            ]
        };
        let mut lines = match (self.base, self.noise, &self.bands) {
            (Some(base), ..) => self.rounded(base),
            (None, Some(noise), _) => self.perturbed(noise),
            (None, None, Some(bands)) => self.banded(bands),
            (None, None, None) => hidden(),
        };
        if self.quantiles > 0 {
            lines.push(format!(
                "{} of {} hidden, the others rounded.",
                number(self.hidden_quantiles),
                counted(self.quantiles, "quantile is", "quantiles are")
            ));
        }
        if self.added_rows > 0 {
            let (rows, were) =
                (counted(self.added_rows, "row", "rows"), if self.added_rows == 1 { "was" } else { "were" });
            lines.push(format!("{rows} {were} added: totals, and empty cells that carry a mark."));
        }
        lines.extend(self.scores.iter().flat_map(TableScore::lines));
        lines.extend(self.notes.iter().map(|note| format!("Note: {note}.")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_protected_is_named_with_the_choices_and_without_a_number() {
        let cell = |node: &str| CellName {
            table: "t".to_owned(),
            measure: "n".to_owned(),
            coordinates: vec![("school".to_owned(), node.to_owned())],
        };
        let cells: Vec<CellName> = (0..12).map(|at| cell(&format!("S{at}"))).collect();
        let error = unprotectable(&cells, &[], &[]);
        let said = "no pattern of hidden cells protects 12 cells";
        assert_eq!((error.kind(), error.to_string().as_str()), (crate::Kind::Disclosure, said));
        let report = error.report().unwrap();
        assert!(report.contains("n of t at school=S9\n  and 2 more") && !report.contains("S10"), "{report}");
        let hint = error.hint().unwrap();
        assert!(["Hide the margin", "merge categories", "drop the table"].iter().all(|choice| hint.contains(choice)));
    }
}
