//! The protection of table files by controlled rounding.

use sha2::{Digest, Sha256};

use super::engine;
use super::layout::Loaded;
use super::load::Job;
use super::protect::{ProtectReport, ProtectedFiles};
use super::report::Progress;
use super::spec::RoundingSpec;
use super::views::{Bound, groups};
use super::words::Figure;
use super::write::{self, Shown};
use crate::disclosure::{Aim, Policy, Rounding, Zeros};
use crate::error::{Error, Result};

/// Rounds all figures of tables, and computes their rates from the rounded ones.
pub(super) fn protect(
    job: &Job,
    mut tables: Vec<Loaded>,
    spec: &RoundingSpec,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<ProtectedFiles> {
    if !job.spec.also_public.is_empty() {
        return Err(Error::config("tables.rounding", "rounded tables are not audited beside what is public already")
            .with_hint("leave out `also_public`, or hide figures instead: `method: suppression`"));
    }
    let rounding = Rounding { base: spec.base, aim: aim(job, spec)?, within: spec.within.unwrap_or(1) };
    let mut report =
        ProtectReport { minimum_cell: policy.minimum_cell, base: Some(spec.base), ..ProtectReport::default() };
    let groups = groups(&tables, &Bound::new());
    let mut rounded: Vec<Vec<Vec<Option<i64>>>> =
        tables.iter().map(|table| vec![vec![None; table.cells()]; table.measures.len()]).collect();
    for (at, group) in groups.iter().enumerate() {
        let parts = groups.len();
        let mut inner = |inner| progress(Progress { part: at, parts, inner: Some(inner) });
        let (views, relaxed) = engine::round(group, &tables, &rounding, policy, &mut inner).map_err(|error| {
            Error::disclosure(error.code(), format!("the tables can't be rounded: {error}")).with_hint(error.hint())
        })?;
        report.relaxed += relaxed;
        for (view, measures) in group.views.iter().zip(views) {
            for (cell, place) in view.cells(&tables[view.table]).into_iter().enumerate() {
                let Some(place) = place else { continue };
                for (own, values) in rounded[view.table].iter_mut().zip(&measures) {
                    own[place as usize] = Some(values[cell]);
                }
            }
        }
    }
    for (table, rounded) in tables.iter_mut().zip(rounded) {
        for (values, rounded) in table.values.iter_mut().zip(rounded) {
            for (value, rounded) in values.iter_mut().zip(rounded) {
                report.figures += 1;
                if value.printed().is_some() {
                    // A figure that no group holds must not stay as it was.
                    *value = rounded
                        .and_then(Figure::of)
                        .ok_or_else(|| Error::internal("tables.rounding", "a figure was not rounded"))?;
                }
            }
        }
    }
    let mut files = Vec::new();
    for table in &tables {
        let format = &job.spec.tables.get(&table.name).cloned().unwrap_or_default().format;
        let (outputs, added) = write::table(table, Shown::Rounded, &job.spec.symbols, format, Zeros::Print)?;
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
