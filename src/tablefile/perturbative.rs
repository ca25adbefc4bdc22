//! Protections of table files that change figures: controlled rounding, noise by cell keys.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::deduce::Known;
use super::engine;
use super::layout::Loaded;
use super::load::Job;
use super::protect::{ProtectReport, ProtectedFiles};
use super::report::{AuditReport, Progress, TableBook};
use super::scoring;
use super::spec::{CellKeySpec, MethodSpec, RoundingSpec};
use super::views::{Bound, Group, groups};
use super::words::Figure;
use super::write::{self, Shown};
use crate::disclosure::{self, Aim, CellKey, Policy, Rounding, Zeros};
use crate::error::{Error, Result};

/// How many places a report names.
const NAMED: usize = 10;

/// Rounds all figures of tables, and computes their rates from the rounded ones.
pub(super) fn round(
    job: &Job,
    mut tables: Vec<Loaded>,
    spec: &RoundingSpec,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<ProtectedFiles> {
    plain(job, &tables)?;
    let rounding = Rounding { base: spec.base, aim: aim(job, spec)?, within: spec.within.unwrap_or(1) };
    let mut report =
        ProtectReport { minimum_cell: policy.minimum_cell, base: Some(spec.base), ..ProtectReport::default() };
    let mut round = |group: &Group, tables: &[Loaded], inner: &mut dyn FnMut(disclosure::Progress)| {
        let (views, relaxed) = engine::round(group, tables, &rounding, policy, inner).map_err(|error| {
            Error::disclosure(error.code(), format!("the tables can't be rounded: {error}")).with_hint(error.hint())
        })?;
        report.relaxed += relaxed;
        Ok(views)
    };
    report.figures = replace(&mut tables, &mut round, progress)?;
    written(job, &tables, report)
}

/// Adds noise to tables by the keys of their cells.
pub(super) fn perturb(
    job: &Job,
    mut tables: Vec<Loaded>,
    spec: &CellKeySpec,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<ProtectedFiles> {
    plain(job, &tables)?;
    // Hundredths of a variance that is at most that of the largest noise.
    let variance_percent = (spec.variance * 100.0).round().clamp(0.0, 1e6) as u32;
    let rule = CellKey { maximum: spec.maximum, variance_percent, threshold: spec.threshold };
    let mut report =
        ProtectReport { minimum_cell: policy.minimum_cell, noise: Some(spec.maximum), ..ProtectReport::default() };
    let mut perturb = |group: &Group, tables: &[Loaded], inner: &mut dyn FnMut(disclosure::Progress)| {
        let (views, done) = engine::perturb(group, tables, &rule, policy, inner).map_err(|error| {
            Error::disclosure(error.code(), format!("the tables can't be given noise: {error}")).with_hint(error.hint())
        })?;
        report.changed += done.changed;
        report.unequal_sums += done.unequal_sums;
        report.narrowed += done.narrowed.len();
        Ok(views)
    };
    report.figures = replace(&mut tables, &mut perturb, progress)?;
    written(job, &tables, report)
}

/// What can be said of published tables whose figures are changed: whether they look like what the method prints, and
/// whether totals are the sums of their parts where the method keeps them. None where figures are hidden.
pub(super) fn looked(job: &Job, tables: &[Loaded]) -> Option<AuditReport> {
    let method = &job.spec.policy.method;
    let (said, additive) = match method {
        MethodSpec::Suppression | MethodSpec::Bands(_) => return None,
        MethodSpec::Rounding(_) => ("they are rounded to multiples of a base", true),
        MethodSpec::CellKey(_) => ("they have noise by cell keys", false),
    };
    let unlike = |value: i64| match method {
        MethodSpec::Rounding(spec) => spec.base > 0 && !value.unsigned_abs().is_multiple_of(spec.base),
        MethodSpec::CellKey(spec) => (1..=i64::from(spec.threshold)).contains(&value),
        MethodSpec::Suppression | MethodSpec::Bands(_) => false,
    };
    let mut report =
        AuditReport { minimum_cell: job.spec.policy.minimum_cell, method: Some(said), ..AuditReport::default() };
    for table in tables {
        let figures = || table.values.iter().flatten();
        let printed = figures().filter(|figure| figure.printed().is_some()).count();
        let hidden = figures().filter(|&&figure| figure == Figure::HIDDEN).count();
        report.unlike +=
            hidden + figures().filter_map(|figure| figure.printed()).filter(|&value| unlike(value)).count();
        report.tables.push(TableBook {
            table: table.name.clone(),
            files: table.files.len(),
            printed,
            hidden,
            ..TableBook::default()
        });
    }
    if additive {
        let groups = groups(tables, &Bound::new());
        let wrong = groups.iter().flat_map(|group| {
            let known = Known::new(group, tables);
            let places = known.contradictions.iter().chain(&known.impossible);
            let name = |&(view, measure, cell): &(usize, usize, usize)| {
                let table = &tables[group.views[view].table];
                let place = known.cells[view][cell]? as usize;
                Some(format!("{} of {} at {}", table.measures[measure].name, table.name, table.name_of(place)))
            };
            places.filter_map(name).collect::<BTreeSet<String>>()
        });
        let wrong: BTreeSet<String> = wrong.collect();
        report.contradictions = wrong.len();
        report.contradicting = wrong.into_iter().take(NAMED).collect();
    }
    Some(report)
}

/// Refuses what neither rounding nor noise can do.
fn plain(job: &Job, tables: &[Loaded]) -> Result<()> {
    if !job.spec.also_public.is_empty() {
        return Err(Error::config(
            "tables.method",
            "tables whose figures are changed are not audited beside what is public",
        )
        .with_hint("leave out `also_public`, or hide figures instead: `method: suppression`"));
    }
    if tables.iter().any(|table| !table.quantiles.is_empty()) {
        return Err(Error::config("tables.method", "quantiles can't stand beside counts that are changed")
            .with_hint("publish them in a table of their own, with `method: suppression`"));
    }
    if tables.iter().any(|table| !table.averages.is_empty()) {
        return Err(Error::config("tables.method", "averages can't stand beside counts that are changed")
            .with_hint("leave them out, or hide figures instead: `method: suppression`"));
    }
    if tables.iter().any(|table| !table.behind.is_empty()) {
        return Err(Error::config("tables.method", "amounts (`magnitude`) can't be changed with the counts")
            .with_hint("protect them in a spec of their own, with `method: suppression`"));
    }
    Ok(())
}

/// What becomes of a group's figures.
type Change<'c> = dyn FnMut(&Group, &[Loaded], &mut dyn FnMut(disclosure::Progress)) -> Result<engine::Changed> + 'c;

/// Replaces every figure of the tables; gives how many there are.
fn replace(tables: &mut [Loaded], change: &mut Change<'_>, progress: &mut dyn FnMut(Progress)) -> Result<usize> {
    let groups = groups(tables, &Bound::new());
    let mut changed: Vec<Vec<Vec<Option<i64>>>> =
        tables.iter().map(|table| vec![vec![None; table.cells()]; table.measures.len()]).collect();
    for (at, group) in groups.iter().enumerate() {
        let parts = groups.len();
        let mut inner = |inner| progress(Progress { part: at, parts, inner: Some(inner) });
        let views = change(group, tables, &mut inner)?;
        for (view, measures) in group.views.iter().zip(views) {
            for (cell, place) in view.cells(&tables[view.table]).into_iter().enumerate() {
                let Some(place) = place else { continue };
                for (own, values) in changed[view.table].iter_mut().zip(&measures) {
                    own[place as usize] = Some(values[cell]);
                }
            }
        }
    }
    let mut figures = 0;
    for (table, changed) in tables.iter_mut().zip(changed) {
        for (values, changed) in table.values.iter_mut().zip(changed) {
            for (value, changed) in values.iter_mut().zip(changed) {
                figures += 1;
                if value.printed().is_some() {
                    // A figure that no group holds must not stay as it was.
                    *value = changed
                        .and_then(Figure::of)
                        .ok_or_else(|| Error::internal("tables.method", "a figure was not changed"))?;
                }
            }
        }
    }
    Ok(figures)
}

fn written(job: &Job, tables: &[Loaded], mut report: ProtectReport) -> Result<ProtectedFiles> {
    report.scores = scoring::scores(&job.spec, tables, &|_, table| {
        // Rates are computed from the counts that are printed.
        scoring::smallest(table, &|measure, cell| table.values[measure][cell].printed(), &|_, _| false)
    });
    scoring::refuse(&report.scores)?;
    let mut files = Vec::new();
    for table in tables {
        let format = &job.spec.tables.get(&table.name).cloned().unwrap_or_default().format;
        let (outputs, added) = write::table(table, Shown::Changed, &job.spec.symbols, format, Zeros::Print)?;
        files.extend(outputs);
        report.added_rows += added;
    }
    Ok(ProtectedFiles { files, reasons: Vec::new(), report })
}

fn aim(job: &Job, spec: &RoundingSpec) -> Result<Aim> {
    let Some(path) = &spec.secret else { return Ok(Aim::Nearest) };
    let secret = std::fs::read(job.folder.join(path)).map_err(|error| {
        Error::config("tables.secret", "the file of `secret` can't be read")
            .with_source(error)
            .with_hint("write some random bytes into it once, and keep it: `head -c 32 /dev/urandom > FILE`")
    })?;
    if secret.len() < SECRET {
        return Err(Error::config("tables.secret", format!("the file of `secret` has fewer than {SECRET} bytes"))
            .with_hint("write some random bytes into it once, and keep it: `head -c 32 /dev/urandom > FILE`"));
    }
    let digest = Sha256::digest(&secret);
    let mut seed = [0; 8];
    seed.copy_from_slice(&digest[..8]);
    Ok(Aim::Random { seed: u64::from_be_bytes(seed) })
}

/// Bytes of a secret that nobody tries out.
const SECRET: usize = 16;
