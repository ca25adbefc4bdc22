//! Rates as bands that depend on the size of the group, and the audit of such tables.

use std::sync::Arc;

use super::assemble::Printed;
use super::engine;
use super::layout::{Loaded, PrintedBands};
use super::load::{Job, Purpose};
use super::protect::{ProtectReport, ProtectedFiles, Statuses, unprotectable};
use super::report::{AuditReport, Progress, counted};
use super::scoring;
use super::spec::{BandClassSpec, BandProfile, BandsSpec, MethodSpec, Spec};
use super::views::{Bound, groups};
use super::words::Figure;
use super::write::{self, Shown};
use crate::disclosure::primary_rules::{Bands, SizeClass};
use crate::disclosure::{Banding, DisclosureError, MeasureKind, PrintedBand, Status};
use crate::error::{Error, Result};
use crate::workspace;

/// The bands of a spec.
///
/// # Errors
/// What is wrong with them, in words.
pub(super) fn bands(spec: &BandsSpec) -> std::result::Result<Bands, String> {
    match (spec.profile, spec.classes.is_empty()) {
        (Some(BandProfile::Nces), true) => Ok(Bands::nces()),
        (Some(BandProfile::Edfacts), true) => Ok(Bands::edfacts()),
        (None, false) => {
            let classes: Option<Vec<SizeClass>> = spec.classes.iter().map(class).collect();
            let classes = classes.ok_or(
                "a class has `ends` below 50 and a `step`, or `cuts`: first percentages that ascend, as in [20, 50, 80]",
            )?;
            Bands::new(classes, "*").map_err(|error| match error {
                DisclosureError::InvalidPolicy { what } => what,
                error => error.to_string(),
            })
        }
        _ => Err("bands are those of a `profile` or of `classes` of one's own, one of both".to_owned()),
    }
}

fn class(spec: &BandClassSpec) -> Option<SizeClass> {
    match (spec.ends, spec.cuts.is_empty()) {
        (Some(ends), true) => SizeClass::even(spec.from, ends, spec.step.unwrap_or(1)),
        (None, false) if spec.step.is_none() => SizeClass::cut(spec.from, &spec.cuts),
        _ => None,
    }
}

/// Whether sizes are printed.
fn with_sizes(spec: &BandsSpec) -> bool {
    match spec.sizes {
        None => spec.profile != Some(BandProfile::Nces),
        Some(sizes) => sizes == workspace::Zeros::Print,
    }
}

/// How the rates of a spec's tables are read.
pub(super) fn printed(spec: &Spec, purpose: Purpose) -> Printed {
    let MethodSpec::Bands(own) = &spec.policy.method else { return Printed::Numbers };
    match (purpose, bands(own)) {
        (Purpose::Audit, Ok(bands)) => {
            Printed::Bands(Arc::new(PrintedBands { minimum: spec.policy.minimum_cell.max(bands.least()), bands }))
        }
        _ => Printed::Computed,
    }
}

/// Prints the rates of tables as bands.
pub(super) fn band(
    job: &Job,
    tables: &[Loaded],
    spec: &BandsSpec,
    policy: &crate::disclosure::Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<ProtectedFiles> {
    plain(tables)?;
    let bands = bands(spec).map_err(|what| Error::config("tables.bands", what))?;
    let banding = Banding { bands, sizes: with_sizes(spec) };
    let letters = spec.profile == Some(BandProfile::Edfacts);
    let word = |band: &PrintedBand| if letters { band.text.clone() } else { format!("{}%", band.text) };
    let mut statuses: Vec<Statuses> =
        tables.iter().map(|table| vec![vec![Status::Complementary; table.cells()]; table.measures.len()]).collect();
    let mut words: Vec<Vec<Vec<Option<String>>>> =
        tables.iter().map(|table| vec![vec![None; table.cells()]; table.rates.len()]).collect();
    let groups = groups(tables, &Bound::new());
    let (mut report, mut all) = (crate::disclosure::BandingReport::default(), Vec::new());
    for (at, group) in groups.iter().enumerate() {
        let parts = groups.len();
        let mut inner = |inner| progress(Progress { part: at, parts, inner: Some(inner) });
        let done = match engine::band(group, tables, &banding, policy, stop, &mut inner) {
            Ok(done) => done,
            Err(DisclosureError::Unprotectable { cells }) => {
                all.extend(cells);
                continue;
            }
            Err(error @ DisclosureError::AuditFailed(_)) => {
                return Err(Error::disclosure(error.code(), error.to_string()).with_hint(error.hint()));
            }
            Err(error) => return Err(Error::data("tables.figures", error.to_string()).with_hint(error.hint())),
        };
        report = report.and(done.report);
        for (view, (own, bands)) in group.views.iter().zip(done.statuses.iter().zip(&done.bands)) {
            for (cell, place) in view.cells(&tables[view.table]).into_iter().enumerate() {
                let Some(place) = place.map(|place| place as usize) else { continue };
                for (into, own) in statuses[view.table].iter_mut().zip(own) {
                    into[place] = own[cell];
                }
                for (into, own) in words[view.table].iter_mut().zip(bands) {
                    into[place] = own[cell].as_ref().map(word);
                }
            }
        }
    }
    if !all.is_empty() {
        let error = unprotectable(&all, &[], &[]);
        return Err(match banding.sizes {
            true => error
                .with_hint("nothing was written. Print no sizes (`sizes: hide`), merge categories, or drop the table"),
            false => error,
        });
    }
    let scores = scoring::scores(&job.spec, tables, &|at, table| {
        let printed = |measure: usize, cell: usize| statuses[at][measure][cell].is_published();
        let count =
            |measure: usize, cell: usize| table.values[measure][cell].printed().filter(|_| printed(measure, cell));
        scoring::smallest(table, &count, &|rate, cell| words[at][rate][cell].is_some())
    });
    scoring::refuse(&scores)?;
    let mut files = Vec::new();
    let mut done =
        ProtectReport { minimum_cell: policy.minimum_cell, bands: Some(report), scores, ..ProtectReport::default() };
    for ((table, statuses), words) in tables.iter().zip(&statuses).zip(&words) {
        let format = &job.spec.tables.get(&table.name).cloned().unwrap_or_default().format;
        let shown = Shown::Banded(statuses, words);
        let (outputs, added) = write::table(table, shown, &job.spec.symbols, format, policy.zeros)?;
        files.extend(outputs);
        done.added_rows += added;
    }
    Ok(ProtectedFiles { files, reasons: write::reasons(tables, &said(tables, statuses, banding.sizes)), report: done })
}

/// What is hidden in its own right, for stewards: that numerators (and sizes, where none is printed) are not printed says
/// nothing of any.
fn said(tables: &[Loaded], mut statuses: Vec<Statuses>, sizes: bool) -> Vec<Statuses> {
    for (table, statuses) in tables.iter().zip(&mut statuses) {
        for (measure, own) in table.measures.iter().zip(statuses) {
            if measure.kind != MeasureKind::Count || !sizes {
                let complementary = own.iter_mut().filter(|status| **status == Status::Complementary);
                complementary.for_each(|status| *status = Status::Published);
            }
        }
    }
    statuses
}

/// Refuses what is public already of the same people: what bands say beside it is not known. What is public of others, whose
/// universe is another and contains nobody of these, says nothing of them.
pub(super) fn refuse_beside(job: &Job, tables: &[Loaded], others: &[Loaded]) -> Result<()> {
    let within = job.spec.also_public.values().any(|public| public.within.is_some());
    let same = |other: &&Loaded| tables.iter().any(|own| own.universe == other.universe);
    let Some(other) = others.iter().find(|other| within || same(other)) else { return Ok(()) };
    let said = format!("what bands say beside what is public of the same people (`{}`) is not known", other.name);
    Err(Error::config("tables.method", said).with_hint(
        "if it counts other people, such as those of another year, say so: `universe: NAME`, and no `within`; else leave it out of \
         `also_public` and have it looked at before these bands are published",
    ))
}

/// Refuses what bands are not proven for.
fn plain(tables: &[Loaded]) -> Result<()> {
    let refused = |said: &str, hint: &str| Err(Error::config("tables.method", said).with_hint(hint));
    let others = |table: &Loaded| !(table.quantiles.is_empty() && table.averages.is_empty() && table.behind.is_empty());
    if tables.iter().any(others) {
        return refused(
            "amounts, averages, quantiles and who is behind counts can't stand beside rates in bands",
            "publish them in a table of other people, with `method: suppression`",
        );
    }
    let lacks = tables.iter().find(|table| table.rates.is_empty());
    match lacks {
        Some(table) => refused(
            &format!("table `{}` has no `rates` to print as bands", table.name),
            "name the column of the rate; it may be empty, since the bands are computed from the counts",
        ),
        None => Ok(()),
    }
}

/// Adds what is not as the method prints it: bands of no class, and counts beside bands.
pub(super) fn look(spec: &Spec, tables: &[Loaded], report: &mut AuditReport) {
    let MethodSpec::Bands(_) = &spec.policy.method else { return };
    let printed = |figure: Figure| figure.printed().is_some();
    let mut alone = 0;
    for table in tables {
        for rate in &table.rates {
            let unlike = |&cell: &usize| {
                let size = table.values[rate.denominator][cell].printed();
                let beside = printed(rate.values[cell]) && printed(table.values[rate.numerator][cell]);
                beside || rate.is_unlike(cell, size)
            };
            report.unlike += (0..table.cells()).filter(unlike).count();
            let of_unknown =
                |&cell: &usize| printed(rate.values[cell]) && table.values[rate.denominator][cell].count().is_none();
            alone += (0..table.cells()).filter(of_unknown).count();
        }
    }
    if alone > 0 {
        let said =
            "printed without sizes of groups: used for what each says of its size and of its numerator, not of both";
        report.notes.push(format!("{} {said}", counted(alone, "band", "bands")));
    }
}
