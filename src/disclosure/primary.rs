//! The primary rules: which figures a reader must not learn, and what the reader knows of a hidden one beforehand.
//!
//! What a hidden mark says under [`Zeros::Print`]: an empty cell of a count is printed, so a hidden count is at least 1.
//! A numerator or part is different once 0 % groups are protected: then every empty numerator of a group that is not
//! empty is hidden as well, so a hidden numerator may be 0. A complement is never printed and may always be 0.

use super::policy::{Policy, Reason, Requirement, Status, Zeros};
use super::primary_rules::{MagnitudeRule, Sensitive};
use super::system::{Place, Release, Variable};
use super::table::{MeasureKind, Table};

/// The rules applied, by variable.
pub(super) struct Primary {
    /// Why a variable must be protected; `None` where it need not be.
    pub(super) protected: Vec<Option<Reason>>,
    /// Why a printed variable is hidden before any search; `None` where it is not.
    pub(super) hidden: Vec<Option<Reason>>,
    /// Whether a reader knows that a variable that is hidden or never printed is not 0.
    positive: Vec<bool>,
    /// What the interval of each protected variable must reach, in the parts of [`Policy::unit`].
    required: Vec<Requirement>,
    /// The smallest count that may be shown at each protected variable.
    minimums: Vec<i64>,
    /// Everybody knows the variable from what is public besides: no other table may move it.
    pub(super) known: Vec<bool>,
}

/// A figure of which the release knows that a reader must not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Index of the table.
    pub table: usize,
    /// Index of the measure.
    pub measure: usize,
    /// The enclosing measure, where the figure is the complement of the measure in it.
    pub of: Option<usize>,
    /// Index of the cell.
    pub cell: usize,
    /// Why.
    pub reason: Reason,
    /// What the reader's interval must reach, in the parts of [`Policy::unit`].
    pub requirement: Requirement,
    /// The smallest count that may be shown there.
    pub minimum: i64,
}

/// Applies the rules.
pub(super) fn apply(tables: &[Table], release: &Release, policy: &Policy) -> Primary {
    let count = release.len();
    let mut primary = Primary {
        protected: vec![None; count],
        hidden: vec![None; count],
        positive: vec![false; count],
        required: Vec::new(),
        minimums: Vec::new(),
        known: vec![false; count],
    };
    for (index, variable) in release.variables().enumerate() {
        primary.positive[index] = is_positive(tables, variable, policy);
        if let Some((reason, requirement)) = judge(tables, variable, policy, primary.lower(index)) {
            primary.protected[index] = Some(reason);
            primary.required.push(requirement);
            let own = own_minimum(tables, variable).and_then(|minimum| i64::try_from(minimum).ok());
            primary.minimums.push(own.unwrap_or_else(|| policy.minimum()));
        }
    }
    for (index, variable) in release.variables().enumerate() {
        if variable.is_printed() {
            let zero = variable.value == 0 && policy.zeros == Zeros::Hide;
            let own = primary.protected[index].or(zero.then_some(Reason::Zero));
            primary.hidden[index] = own.or(primary.hidden[index]);
        } else if let Some(reason) = primary.protected[index] {
            for place in variable.places() {
                let numerator = release.printed(place.table, place.measure)[place.cell] as usize;
                // An empty numerator that a printed 0 must stay for is left to the denominator to hide.
                if release.variable(numerator).value >= primary.lower(numerator).max(1) {
                    primary.hidden[numerator].get_or_insert(reason);
                }
            }
        }
    }
    primary
}

impl Primary {
    /// The least value that a reader grants a variable that is hidden or never printed.
    pub(super) fn lower(&self, variable: usize) -> i64 {
        i64::from(self.positive[variable])
    }

    /// The protected variables, in order, and what is asked for each.
    pub(super) fn requirements(&self) -> impl Iterator<Item = (usize, Requirement)> + '_ {
        let protected = (0..self.protected.len()).filter(|&variable| self.protected[variable].is_some());
        protected.zip(self.required.iter().copied())
    }

    /// The protected figures, one place each.
    pub(super) fn targets(&self, release: &Release) -> Vec<Target> {
        let protected = release.variables().zip(&self.protected);
        protected
            .filter_map(|(variable, &reason)| Some((variable.place(), reason?)))
            .zip(self.required.iter().zip(&self.minimums))
            .map(|((place, reason), (&requirement, &minimum))| Target {
                table: place.table,
                measure: place.measure,
                of: place.of,
                cell: place.cell,
                reason,
                requirement,
                minimum,
            })
            .collect()
    }

    /// The status of a printed variable, given whether the pattern hides it.
    pub(super) fn status(&self, variable: usize, hidden: bool) -> Status {
        match (hidden, self.hidden[variable]) {
            (false, _) => Status::Published,
            (true, Some(reason)) => Status::Primary(reason),
            (true, None) => Status::Complementary,
        }
    }
}

fn is_positive(tables: &[Table], variable: Variable<'_>, policy: &Policy) -> bool {
    let place = variable.place();
    let kind = tables[place.table].measures[place.measure].kind;
    let never_empty = match kind {
        MeasureKind::Count => true,
        MeasureKind::Magnitude => false,
        _ => !policy.homogeneous,
    };
    policy.zeros == Zeros::Print && variable.is_printed() && never_empty
}

/// Why a variable must be protected and how far, over all its places.
fn judge(tables: &[Table], variable: Variable<'_>, policy: &Policy, least: i64) -> Option<(Reason, Requirement)> {
    let place = variable.place();
    if tables[place.table].measures[place.measure].kind == MeasureKind::Magnitude {
        let cells = variable.places().map(|place| &tables[place.table].contributions[place.measure][place.cell]);
        let found = cells.filter_map(|cell| MagnitudeRule::judge(&policy.magnitudes, cell));
        let both = |one: (Reason, Requirement), other: (Reason, Requirement)| (one.0, one.1.and(other.1));
        return found.map(|found| (found.reason, found.requirement.times(policy.unit()))).reduce(both);
    }
    let (value, least) = (variable.value * policy.unit(), least * policy.unit());
    // The minimum at the place itself holds there, be it larger or smaller than the policy's.
    let special = own_minimum(tables, variable).map(|minimum_cell| Policy { minimum_cell, ..policy.clone() });
    let own = special.as_ref().unwrap_or(policy);
    let asked = || own.requirement(value, least);
    let behind = behind(tables, variable, policy);
    match (reason(tables, variable, own), behind) {
        (Some(reason), None) => Some((reason, asked())),
        (Some(reason), Some(behind)) => Some((reason, asked().and(behind.requirement.times(policy.unit())))),
        (None, Some(behind)) => Some((behind.reason, asked().and(behind.requirement.times(policy.unit())))),
        (None, None) => None,
    }
}

/// What the organisations behind a count ask for.
fn behind(tables: &[Table], variable: Variable<'_>, policy: &Policy) -> Option<Sensitive> {
    if policy.behind_counts.is_empty() || !variable.is_printed() {
        return None;
    }
    let cell = |place: Place| tables[place.table].contributions.get(place.measure)?.get(place.cell);
    let found = variable.places().filter_map(|place| MagnitudeRule::judge(&policy.behind_counts, cell(place)?));
    found.reduce(|one, other| Sensitive { reason: one.reason, requirement: one.requirement.and(other.requirement) })
}

/// The largest minimum cell of its own that a variable has at one of its places.
fn own_minimum(tables: &[Table], variable: Variable<'_>) -> Option<u64> {
    variable.places().filter_map(|place| Some(tables[place.table].minimums.as_ref()?[place.cell])).max()
}

fn reason(tables: &[Table], variable: Variable<'_>, policy: &Policy) -> Option<Reason> {
    let place = variable.place();
    let table = &tables[place.table];
    let kind = table.measures[place.measure].kind;
    if policy.is_small(variable.value) {
        return Some(match (place.of, kind) {
            (Some(_), _) => Reason::Complement,
            (None, MeasureKind::Count | MeasureKind::Magnitude) => Reason::MinimumCell,
            (None, _) => Reason::Numerator,
        });
    }
    if place.of.is_none() && kind == MeasureKind::Count {
        let few = variable.places().any(|place| {
            let contributors = tables[place.table].contributors.as_ref();
            contributors.is_some_and(|people| (1..policy.minimum_cell).contains(&people[place.cell]))
        });
        return (few && variable.value > 0).then_some(Reason::Contributors);
    }
    // A complement is empty in a group of its own denominator; a numerator in a group of any enclosing measure.
    let denominators = place.of.map_or_else(|| table.enclosing(place.measure), |of| vec![of]);
    let group = denominators.into_iter().any(|of| table.values[of][place.cell] > 0);
    (policy.homogeneous && variable.value == 0 && group).then_some(Reason::Homogeneous)
}
