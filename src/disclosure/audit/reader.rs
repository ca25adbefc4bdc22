//! The audit itself: each figure that must be protected, seen by each attacker.

use std::collections::BTreeSet;

use super::contributors::Computed;
use super::examine::{Outcome, Question, examine};
use super::report::{AuditReport, Finding, FindingKind, Narrowest, View};
use super::system::System;
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Attacker, Phase, Policy, Progress};
use crate::disclosure::primary::Target;
use crate::disclosure::public::{Evidence, PublicTable, Told, Within};
use crate::disclosure::table::Table;

/// What would be public.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// The tables of the release.
    pub tables: &'a [PublicTable],
    /// Earlier releases of the population, and tables that are public elsewhere.
    pub others: &'a [PublicTable],
    /// Which universes contain which.
    pub links: &'a [Within],
}

impl<'a> From<&'a [PublicTable]> for Published<'a> {
    fn from(tables: &'a [PublicTable]) -> Self {
        Published { tables, others: &[], links: &[] }
    }
}

/// What an audit is asked: the parameters of [`audit`].
#[derive(Clone, Copy)]
pub(in crate::disclosure) struct Asked<'a> {
    pub(in crate::disclosure) published: Published<'a>,
    /// What marks say of the release's tables.
    pub(in crate::disclosure) told: &'a [Told],
    pub(in crate::disclosure) policy: &'a Policy,
    pub(in crate::disclosure) targets: Option<&'a [Target]>,
    pub(in crate::disclosure) evidence: Option<Evidence<'a>>,
}

/// Takes an attacker's view of published tables and says what they give away.
///
/// `published` is all that would be public. `targets` are the figures that must be protected, which the release knows;
/// each must meet the policy's level. Without them every hidden figure is examined, and one is a finding when its interval
/// is narrower than the level asks and holds small counts only, or only nobody or everybody of a group; where it depends on
/// the true value whether anybody is given away, the figure counts as [`AuditReport::doubtful`]. In both cases every
/// figure that can be subtracted, bounded or read elsewhere is checked, and every sum of hidden figures that a published
/// total shows, with what is settled put in. `evidence` proposes tables that fit the published figures: each is checked
/// exactly, none is believed, and what they do not show is searched for as if there were none. With evidence the
/// contributor attacks, too, if the policy says so: the tables tell which hidden cells are not empty.
///
/// With other publications the attacker is the archivist; what already falls to the reader of the release alone says so.
///
/// # Method
/// Subtraction and bounds to a fixed point, in integers; a whole-number table that fits, found from the public figures;
/// other such tables that lean one way or the other or come of a walk along the edges of what is possible, and small
/// changes of them, until each figure has been seen to move as far as the level asks; for what is left, bounds that combinations of totals prove, then integer programs.
///
/// # Guarantees
/// When the report has passed: for each target there are whole tables, not negative, at least 1 where the policy's zeros
/// say so, each agreeing with every published figure, rate and total, and with the other publications, that move the
/// target over the range that the policy asks.
///
/// # Does not protect against
/// A reader who knows more than what is given here: that a hidden cell is not empty, unless the policy asks for that
/// ([`Policy::contributor`]), which hidden cells are primary, other publications, or the way the search chooses among
/// patterns. Sums are examined one equation at a time; at the level `full` no combination of equations can show a small sum, since each
/// of its terms would be bounded by it. At the level `percent` the figure is that of the evidence's table, or else of the
/// audit's own, which is not the true one.
///
/// # Reference
/// M. Fischetti and J. J. Salazar, "Solving the cell suppression problem on tabular data with linear constraints",
/// Management Science 47 (2001): the attacker's subproblems. A. Hundepool et al., "Statistical Disclosure Control",
/// Wiley (2012), chapter 4.
///
/// # Errors
/// Public tables that are malformed or contradict each other. Findings are no error: see [`AuditReport::passed`].
pub fn audit(
    published: Published<'_>,
    policy: &Policy,
    targets: Option<&[Target]>,
    evidence: Option<Evidence<'_>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<AuditReport, DisclosureError> {
    audit_closely(Asked { published, told: &[], policy, targets, evidence }, progress).map(|(report, _)| report)
}

/// The same of tables whose marks say something of the figures that they hide: whoever reads `<10` knows that it is less
/// than 10. Every hidden figure is examined.
///
/// # Guarantees
/// Those of [`audit`]; each of the tables meets what the marks say, too.
///
/// # Errors
/// As in [`audit`]. Marks that the figures or each other contradict are a contradiction.
pub fn audit_told(
    published: Published<'_>,
    told: &[Told],
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<AuditReport, DisclosureError> {
    let asked = Asked { published, told, policy, targets: None, evidence: None };
    audit_closely(asked, progress).map(|(report, _)| report)
}

/// The same, and of what contributors can compute, with the help of which cells.
pub(in crate::disclosure) fn audit_closely(
    asked: Asked<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(AuditReport, Vec<Computed>), DisclosureError> {
    if asked.policy.unit() > 1 { in_parts(asked, progress) } else { examined(asked, progress) }
}

/// The same for an attacker who does not know that counts are whole: in parts of a unit, so that a fraction is a whole
/// number of parts.
fn in_parts(
    asked: Asked<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(AuditReport, Vec<Computed>), DisclosureError> {
    let Asked { published, told, policy, targets, evidence } = asked;
    let unit = policy.unit();
    let divided = |tables: &[PublicTable]| {
        let mut tables = tables.to_vec();
        let values = tables.iter_mut().flat_map(|table| table.values.iter_mut().flatten().flatten());
        values.for_each(|value| *value = value.saturating_mul(unit));
        let bands =
            tables.iter_mut().flat_map(|table| &mut table.rates).flat_map(|rate| rate.bands.iter_mut().flatten());
        bands.for_each(|band| band.sizes = (band.sizes.0.saturating_mul(unit), band.sizes.1.saturating_mul(unit)));
        tables
    };
    let (tables, others) = (divided(published.tables), divided(published.others));
    let whole: Vec<Table> = evidence.map_or_else(Vec::new, |evidence| {
        let mut whole = evidence.tables.to_vec();
        whole.iter_mut().flat_map(|table| table.values.iter_mut().flatten()).for_each(|value| *value *= unit);
        whole
    });
    let evidence = evidence.map(|evidence| Evidence { tables: &whole, changes: evidence.changes });
    let mut told = told.to_vec();
    told.iter_mut().for_each(|one| one.most = one.most.saturating_mul(unit));
    let minimum_cell = policy.minimum_cell.saturating_mul(unit.unsigned_abs());
    let policy = Policy { minimum_cell, ..policy.clone() };
    let published = Published { tables: &tables, others: &others, links: published.links };
    examined(Asked { published, told: &told, policy: &policy, targets, evidence }, progress)
}

fn examined(
    asked: Asked<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(AuditReport, Vec<Computed>), DisclosureError> {
    let Asked { published, told, policy, targets, evidence } = asked;
    let alone = published.others.is_empty() && published.links.is_empty();
    let attacker = if alone { Attacker::Reader } else { Attacker::Archivist };
    let mut step = |done, total| progress(Progress { phase: Phase::Audit, done, total });
    let mut system = System::new(published.tables, published.others, published.links, policy)?;
    system.add_told(told)?;
    let question = Question { policy, attacker, targets, evidence };
    let mut outcome = examine(&system, system.bounds(policy.unit()), question, &mut step)?;
    let computed = std::mem::take(&mut outcome.by_contributors);
    let mut report = report(&system, outcome, attacker);
    if !alone {
        // Who keeps earlier releases sees all that a contributor to this one alone does.
        let alone = Policy { contributor: false, ..policy.clone() };
        let (reader, _) = examined(Asked { published: published.tables.into(), policy: &alone, ..asked }, progress)?;
        for finding in &mut report.findings {
            // What an archivist can do a reader may do by other means, or more narrowly.
            if reader.findings.iter().any(|other| other.cell == finding.cell && same_kind(&other.kind, &finding.kind)) {
                finding.attacker = Attacker::Reader;
            }
        }
        report.attackers.splice(0..0, reader.attackers);
    }
    if question.asks_for_contributors() {
        let figures: BTreeSet<u32> = computed.iter().map(|one| one.figure).collect();
        let attacker = Attacker::Contributor;
        report.attackers.push(View { attacker, fallen: figures.len(), computed: figures.len() });
        let finding = |figure| Finding { cell: system.figures.name(figure), kind: FindingKind::SingleValue, attacker };
        report.findings.extend(figures.into_iter().map(finding));
        report.passed = report.findings.is_empty();
    }
    Ok((report, computed))
}

/// Whether both are sums, or neither.
fn same_kind(one: &FindingKind, other: &FindingKind) -> bool {
    let is_sum = |kind: &FindingKind| matches!(kind, FindingKind::SmallSum { .. });
    is_sum(one) == is_sum(other)
}

fn report(system: &System<'_>, outcome: Outcome, attacker: Attacker) -> AuditReport {
    let name = |(figure, kind): (u32, FindingKind)| Finding { cell: system.figures.name(figure), kind, attacker };
    let mut findings: Vec<Finding> = outcome.findings.into_iter().map(name).collect();
    let narrowest = findings.iter().map(|finding| match finding.kind.is_exact() {
        true => Narrowest::SingleValue,
        false => Narrowest::TooNarrow,
    });
    let held = if outcome.protected > 0 { Narrowest::AsRequired } else { Narrowest::Nothing };
    let narrowest = narrowest.min().unwrap_or(held);
    let computed = findings.iter().filter(|finding| finding.kind.is_exact()).count();
    let attackers = vec![View { attacker, fallen: findings.len(), computed }];
    let examined = outcome.protected + outcome.doubtful + findings.len();
    findings.extend(outcome.small_sums);
    AuditReport {
        passed: findings.is_empty(),
        examined,
        protected: outcome.protected,
        sums: outcome.sums,
        findings,
        hidden: system.unknowns.len(),
        components: outcome.components,
        linear_programs: outcome.programs,
        narrowest,
        doubtful: outcome.doubtful,
        attackers,
    }
}
