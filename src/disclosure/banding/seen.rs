//! What a reader has, and the audit of it.

use std::collections::BTreeMap;

use super::loosen::size;
use super::prints::Prints;
use super::{Banding, Rate};
use crate::disclosure::audit::{FindingKind, audit};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Level, Policy, Progress, Status, Zeros};
use crate::disclosure::primary::{Primary, Target};
use crate::disclosure::primary_rules::{Bands, within_group};
use crate::disclosure::public::{Evidence, PublicRate, PublicTable};
use crate::disclosure::system::{Place, Release};
use crate::disclosure::table::{CellName, MeasureKind, Table};

/// The tables that are audited.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) tables: &'a [Table],
    pub(super) rates: &'a [Vec<Rate>],
    pub(super) release: &'a Release,
    pub(super) primary: &'a Primary,
    pub(super) policy: &'a Policy,
}

/// The tables as readers have them; `known` says of a measure's cell whether its size is known.
fn public(
    asking: Asking<'_>,
    prints: &Prints,
    bands: &Bands,
    known: &dyn Fn(usize, usize, usize) -> bool,
) -> Vec<PublicTable> {
    let one = |(at, table): (usize, &Table)| {
        let value = |measure: usize, cell: usize| {
            let group = table.measures[measure].kind == MeasureKind::Count;
            (group && known(at, measure, cell)).then(|| table.values[measure][cell])
        };
        let rate = |(number, rate): (usize, &Rate)| PublicRate {
            name: String::new(),
            numerator: rate.numerator,
            denominator: rate.denominator,
            scale: 100,
            values: vec![None; table.cell_count()],
            bands: (0..table.cell_count())
                .map(|cell| {
                    let size = table.values[rate.denominator][cell];
                    let band = prints.public((at, number, cell), bands, size);
                    // Of a group whose size is known the mark says nothing.
                    band.filter(|band| (band.low, band.high) != (0, 100) || value(rate.denominator, cell).is_none())
                })
                .collect(),
        };
        PublicTable {
            name: table.name.clone(),
            universe: table.universe.clone(),
            dimensions: table.dimensions.clone(),
            measures: table.measures.clone(),
            values: (0..table.measures.len())
                .map(|measure| (0..table.cell_count()).map(|cell| value(measure, cell)).collect())
                .collect(),
            rates: asking.rates[at].iter().enumerate().map(rate).collect(),
            edition: None,
            minimums: table.minimums.clone(),
        }
    };
    asking.tables.iter().enumerate().map(one).collect()
}

/// The variables of some targets about which a reader computes too much, and how many were examined.
fn ask(
    asking: Asking<'_>,
    public: &[PublicTable],
    policy: &Policy,
    targets: &[(usize, Target)],
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<usize>, usize), DisclosureError> {
    let own: Vec<Target> = targets.iter().map(|&(_, target)| target).collect();
    let evidence = Evidence { tables: asking.tables, changes: &[] };
    let report = audit(public.into(), policy, Some(&own), Some(evidence), progress)?;
    let names: BTreeMap<CellName, usize> = (targets.iter())
        .flat_map(|&(variable, _)| asking.release.variable(variable).places().map(move |place| (variable, place)))
        .map(|(variable, place)| (place.name(asking.tables), variable))
        .collect();
    let is_sum = |kind: &FindingKind| matches!(kind, FindingKind::SmallSum { .. });
    let found = report.findings.iter().filter(|finding| !is_sum(&finding.kind));
    let mut found: Vec<usize> = found.filter_map(|finding| names.get(&finding.cell)).copied().collect();
    found.sort_unstable();
    found.dedup();
    Ok((found, targets.len()))
}

fn targets(asking: Asking<'_>, asked: &dyn Fn(Place, i64) -> Option<Target>) -> Vec<(usize, Target)> {
    let protected = (0..asking.release.len()).filter(|&variable| asking.primary.protected[variable].is_some());
    protected
        .filter_map(|number| {
            let variable = asking.release.variable(number);
            Some((number, asked(variable.place(), variable.value)?))
        })
        .collect()
}

fn target(asking: Asking<'_>, place: Place, policy: &Policy, (value, size): (i64, i64)) -> Option<Target> {
    let reason = asking.primary.protected[asking.release.at(place)?]?;
    Some(Target {
        table: place.table,
        measure: place.measure,
        of: place.of,
        cell: place.cell,
        reason,
        requirement: within_group(policy, value, size),
        minimum: policy.minimum(),
    })
}

/// What a reader computes who knows the size of every group: numerators and complements.
pub(super) fn audit_numerators(
    asking: Asking<'_>,
    prints: &Prints,
    bands: &Bands,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<usize>, usize), DisclosureError> {
    let policy = asking.policy;
    let asked = |place: Place, value: i64| target(asking, place, policy, (value, size(asking.tables, place)?));
    let public = public(asking, prints, bands, &|_, _, _| true);
    // No numerator is printed, so none is known not to be empty. Sizes and their sums are not asked for here.
    let policy = Policy { zeros: Zeros::Hide, sums: false, contributor: false, ..policy.clone() };
    ask(asking, &public, &policy, &targets(asking, &asked), progress)
}

/// What a reader of bands and printed sizes computes: the sizes of small groups.
pub(super) fn audit_sizes(
    asking: Asking<'_>,
    prints: &Prints,
    sizes: &[Vec<Vec<Status>>],
    banding: &Banding,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<usize>, usize), DisclosureError> {
    // A numerator that is not printed may be 0 here whatever the zeros say, as where 0 % groups are protected.
    let policy = Policy { sums: false, contributor: false, homogeneous: true, ..asking.policy.clone() };
    if banding.sizes {
        let known = |table: usize, measure: usize, cell: usize| sizes[table][measure][cell].is_published();
        let public = public(asking, prints, &banding.bands, &known);
        let asked = |place: Place, value: i64| match size(asking.tables, place) {
            None => target(asking, place, &policy, (value, i64::MAX / 4)),
            Some(_) => None,
        };
        return ask(asking, &public, &policy, &targets(asking, &asked), progress);
    }
    let public = public(asking, prints, &banding.bands, &|_, _, _| false);
    let level = match policy.level {
        Level::Interval(width) => Level::Interval(width.min(prints.least.unsigned_abs().saturating_sub(2)).max(1)),
        _ => Level::Exact,
    };
    let policy = Policy { level, zeros: Zeros::Hide, ..policy };
    let asked = |place: Place, value: i64| match size(asking.tables, place) {
        None => target(asking, place, &policy, (value, i64::MAX / 4)),
        Some(_) => None,
    };
    ask(asking, &public, &policy, &targets(asking, &asked), progress)
}
