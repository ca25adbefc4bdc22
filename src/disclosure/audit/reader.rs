//! The audit itself: each figure that must be protected, seen by the reader.

use std::collections::BTreeMap;

use super::program::{Answer, Part, Room};
use super::report::{AuditReport, Finding, FindingKind, Narrowest};
use super::unknowns::Reader;
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Level, Phase, Policy, Progress};
use crate::disclosure::primary::Target;
use crate::disclosure::public::{Evidence, PublicTable};
use crate::disclosure::table::{MeasureKind, Table};

/// Sizes of the parts of the system that are tried before the whole, in unknowns.
const SIZES: [usize; 3] = [60, 250, 1000];

/// Takes the reader's view of published tables and says what it gives away.
///
/// `targets` are the figures that must be protected, which the release knows; each must meet the policy's level.
/// Without them every hidden figure is examined, and one is reported when it can only be one small value, or only be
/// nobody or everybody of a group. In both cases every figure that can be subtracted is checked, and every sum of hidden
/// figures that a published total shows. `evidence` proposes tables that fit the published figures: each is checked
/// exactly, none is believed, and what they do not show is searched for as if there were none.
///
/// # Guarantees
/// When the report has passed: for each target there are whole tables, not negative, at least 1 where the policy's
/// zeros say so, each agreeing with every published figure and every total, that move the target over the range that
/// the policy asks. Rates of two published counts add nothing, and no other rate may be published.
///
/// # Does not protect against
/// A reader who knows more than the tables: other releases, a contributor's own value, which hidden cells are primary,
/// or the way the search chooses among patterns. Sums are examined one equation at a time; at the level `full` no
/// combination of equations can show a small sum, since each of its terms would be bounded by it.
///
/// # Reference
/// M. Fischetti and J. J. Salazar, "Solving the cell suppression problem on tabular data with linear constraints",
/// Management Science 47 (2001): the attacker's subproblems. A. Hundepool et al., "Statistical Disclosure Control",
/// Wiley (2012), chapter 4.
///
/// # Errors
/// Public tables that are malformed or contradict each other. Findings are no error: see [`AuditReport::passed`].
pub fn audit(
    public: &[PublicTable],
    policy: &Policy,
    targets: Option<&[Target]>,
    evidence: Option<Evidence<'_>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<AuditReport, DisclosureError> {
    let mut reader = Reader::new(public, policy)?;
    let hidden = reader.figures.iter().filter(|figure| figure.known.is_none()).count();
    reader.subtract()?;
    let (wanted, findings, every) = (BTreeMap::new(), BTreeMap::new(), targets.is_none());
    let mut audit = Audit { reader: &reader, policy, wanted, findings, protected: 0, every };
    let (sums, small_sums) = audit.sums();
    audit.known(targets);
    let components = reader.components();
    let mut room = Room::new(&reader);
    let total = audit.wanted.len();
    let mut done = 0;
    for component in &components {
        let own: Vec<usize> = component.iter().copied().filter(|figure| audit.wanted.contains_key(figure)).collect();
        if own.is_empty() {
            continue;
        }
        if !audit.anchor(&mut room, component, evidence)? {
            audit.findings.extend(own.iter().map(|&figure| (figure, FindingKind::Undecided)));
            continue;
        }
        room.consider(component, evidence.map_or(&[], |evidence| evidence.changes));
        if component.len() <= SIZES[1] {
            audit.raise_together(&mut room, component, &own);
        }
        for &figure in &own {
            progress(Progress { phase: Phase::Audit, done, total });
            done += 1;
            audit.examine(&mut room, figure);
        }
    }
    let mut report = audit.report(small_sums);
    report.sums = sums;
    report.hidden = hidden;
    report.components = components.len();
    report.linear_programs = room.programs;
    Ok(report)
}

struct Audit<'r, 'a> {
    reader: &'r Reader<'a>,
    policy: &'r Policy,
    /// Unknown figures to examine, with the level that each must meet.
    wanted: BTreeMap<usize, Level>,
    findings: BTreeMap<usize, FindingKind>,
    protected: usize,
    /// No targets: every hidden figure is examined, and only one that gives somebody away is a finding.
    every: bool,
}

impl Audit<'_, '_> {
    /// Checks the sums that published and subtracted figures imply.
    fn sums(&self) -> (usize, Vec<Finding>) {
        let mut count = 0;
        let mut findings = Vec::new();
        for (index, sum) in self.reader.sums.iter().enumerate() {
            let (terms, rest) = self.reader.open_terms(index);
            let one_sign = terms.iter().all(|&(_, sign)| sign > 0) || terms.iter().all(|&(_, sign)| sign < 0);
            if terms.len() < 2 || !one_sign {
                continue;
            }
            count += 1;
            if self.policy.is_small(rest.abs()) {
                let kind = FindingKind::SmallSum { figures: terms.len() };
                findings.push(Finding { cell: self.reader.name(sum.whole), kind });
            }
        }
        (count, findings)
    }

    /// Judges the figures that are published or subtracted, and sorts out those to examine.
    fn known(&mut self, targets: Option<&[Target]>) {
        for figure in 0..self.reader.figures.len() {
            match self.reader.figures[figure].known {
                Some(value) if self.is_harmful(figure, value, |other| self.reader.figures[other].known) => {
                    self.fallen(figure);
                }
                None if targets.is_none() => {
                    self.wanted.insert(figure, Level::Exact);
                }
                _ => {}
            }
        }
        for target in targets.unwrap_or_default() {
            let figures = self.reader.at.get(target.table).and_then(|at| at.get(&(target.measure, target.of)));
            let Some(&figure) = figures.and_then(|figures| figures.get(target.cell)) else { continue };
            if self.reader.figures[figure].known.is_some() {
                self.fallen(figure);
            } else {
                self.wanted.insert(figure, self.policy.level);
            }
        }
    }

    fn fallen(&mut self, figure: usize) {
        let kind = match self.reader.figures[figure].from {
            None => FindingKind::Published,
            Some(_) => FindingKind::Subtraction { totals: self.reader.derivation(figure) },
        };
        self.findings.insert(figure, kind);
    }

    /// Whether a value, if a reader knows it, is a small group, or nobody or everybody of one.
    fn is_harmful(&self, figure: usize, value: i64, known: impl Fn(usize) -> Option<i64>) -> bool {
        if self.policy.is_small(value) {
            return true;
        }
        if !self.policy.homogeneous || value != 0 {
            return false;
        }
        let (table, measure, of, cell) = self.reader.figures[figure].place;
        let mut wholes = Vec::new();
        let mut at = measure;
        let measures = &self.reader.tables[table].measures;
        while let MeasureKind::CountWhere { of } | MeasureKind::Part { of } = measures[at].kind {
            wholes.push(of);
            at = of;
            if wholes.len() > measures.len() {
                break;
            }
        }
        let wholes = of.map_or(wholes, |of| vec![of]);
        wholes.into_iter().any(|whole| {
            let figure = self.reader.at[table][&(whole, None)][cell];
            known(figure).unwrap_or(self.reader.figures[figure].lower) > 0
        })
    }

    /// Gives a component an assignment that fits: the one proposed, or one that is found.
    fn anchor(
        &self,
        room: &mut Room<'_, '_>,
        component: &[usize],
        evidence: Option<Evidence<'_>>,
    ) -> Result<bool, DisclosureError> {
        if evidence.is_some_and(|evidence| room.adopt(component, |figure| self.proposed(evidence.tables, figure))) {
            return Ok(true);
        }
        match room.found(component) {
            Answer::Bound(_) => Ok(true),
            Answer::Unknown => Ok(false),
            Answer::Infeasible => {
                Err(DisclosureError::Contradiction { cell: Box::new(self.reader.name(component[0])) })
            }
        }
    }

    /// A proposed table's value of a figure; a misshapen table gives what the exact check refuses.
    fn proposed(&self, tables: &[Table], figure: usize) -> i64 {
        let (table, measure, of, cell) = self.reader.figures[figure].place;
        let value = |measure: usize| {
            let values = tables.get(table).and_then(|table| table.values.get(measure));
            values.and_then(|values| values.get(cell)).copied().unwrap_or(-1)
        };
        of.map_or_else(|| value(measure), |of| value(of) - value(measure))
    }

    fn is_met(&self, level: Level, (low, high): (i64, i64)) -> bool {
        let minimum = self.policy.minimum();
        match level {
            Level::Exact => high > low,
            Level::Interval(width) => high.abs_diff(low) >= width,
            Level::Percent(_) => high > low,
            Level::Full => high >= minimum && high - low >= minimum - 1,
        }
    }

    /// The upward change that meets the level by itself.
    fn enough(&self, room: &Room<'_, '_>, figure: usize) -> i64 {
        let (low, _) = room.seen[figure];
        let minimum = self.policy.minimum();
        let high = match self.wanted.get(&figure) {
            Some(Level::Interval(width)) => low + i64::try_from(*width).unwrap_or(i64::MAX / 4),
            Some(Level::Full) => minimum.max(low + minimum - 1),
            Some(Level::Exact | Level::Percent(_)) | None => low + 1,
        };
        high - room.base[figure]
    }

    /// The figures of a part that are not yet shown to be protected, with the change that would do.
    fn goals(&self, room: &Room<'_, '_>, part: &Part) -> Vec<(usize, i64)> {
        let open = |figure: usize| {
            let level = *self.wanted.get(&figure)?;
            (!self.is_met(level, room.seen[figure])).then(|| (figure, self.enough(room, figure).max(1)))
        };
        part.figures.iter().filter_map(|&figure| open(figure)).collect()
    }

    fn raise_together(&self, room: &mut Room<'_, '_>, component: &[usize], own: &[usize]) {
        let part = Part { figures: component.to_vec(), complete: true };
        let goals = self.goals(room, &part);
        if goals.is_empty() {
            return;
        }
        room.stretch(&part, &goals, false);
        let down: Vec<(usize, i64)> = own.iter().map(|&figure| (figure, -1)).collect();
        room.stretch(&part, &down, false);
    }

    fn examine(&mut self, room: &mut Room<'_, '_>, figure: usize) {
        let level = self.wanted[&figure];
        for size in SIZES {
            if self.is_met(level, room.seen[figure]) {
                break;
            }
            let part = room.part(figure, size);
            if part.complete {
                break;
            }
            let goals = self.goals(room, &part);
            room.stretch(&part, &goals, false);
        }
        let kind = if self.is_met(level, room.seen[figure]) { None } else { self.decide(room, figure, level) };
        match kind {
            None => self.protected += 1,
            Some(FindingKind::SingleValue) if self.every && self.is_harmless(room, figure) => {
                self.protected += 1;
            }
            Some(kind) => {
                self.findings.insert(figure, kind);
            }
        }
    }

    /// Without targets a figure that is known and gives nobody away is no finding.
    fn is_harmless(&self, room: &Room<'_, '_>, figure: usize) -> bool {
        let known = |other: usize| Some(room.base[other]);
        !self.is_harmful(figure, room.base[figure], known)
    }

    /// Bounds a figure over its whole component: first by linear programs, then in whole numbers.
    fn decide(&self, room: &mut Room<'_, '_>, figure: usize, level: Level) -> Option<FindingKind> {
        let part = room.part(figure, usize::MAX);
        for whole in [false, true] {
            let base = room.base[figure];
            let enough = self.enough(room, figure).max(1);
            let up = bound(room.stretch(&part, &[(figure, enough)], whole));
            if self.is_met(level, room.seen[figure]) {
                return None;
            }
            let down = bound(room.stretch(&part, &[(figure, -1)], whole));
            if self.is_met(level, room.seen[figure]) {
                return None;
            }
            if let (Some(up), Some(down)) = (up, down) {
                let widest = (base - down, base + up);
                if widest.0 == widest.1 {
                    return Some(FindingKind::SingleValue);
                }
                if !self.is_met(level, widest) {
                    return Some(FindingKind::TooNarrow);
                }
            }
        }
        Some(FindingKind::Undecided)
    }

    fn report(self, small_sums: Vec<Finding>) -> AuditReport {
        let name = |(figure, kind): (usize, FindingKind)| Finding { cell: self.reader.name(figure), kind };
        let mut findings: Vec<Finding> = self.findings.into_iter().map(name).collect();
        let narrowest = findings.iter().map(|finding| match finding.kind {
            FindingKind::TooNarrow | FindingKind::Undecided | FindingKind::SmallSum { .. } => Narrowest::TooNarrow,
            _ => Narrowest::SingleValue,
        });
        let held = if self.protected > 0 { Narrowest::AsRequired } else { Narrowest::Nothing };
        let narrowest = narrowest.min().unwrap_or(held);
        let examined = self.protected + findings.len();
        findings.extend(small_sums);
        AuditReport {
            passed: findings.is_empty(),
            examined,
            protected: self.protected,
            sums: 0,
            findings,
            hidden: 0,
            components: 0,
            linear_programs: 0,
            narrowest,
        }
    }
}

fn bound(answer: Answer) -> Option<i64> {
    match answer {
        Answer::Bound(bound) => Some(bound),
        Answer::Infeasible | Answer::Unknown => None,
    }
}
