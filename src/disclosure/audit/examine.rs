//! One look at a system with an attacker's eyes: what is settled, what is shown to be open, what is left.

use std::collections::BTreeMap;

use super::assign::assign;
use super::bounds::{Bounds, Broken, Side, Trace};
use super::contributors::{Computed, computed};
use super::figures::NONE;
use super::judge::Settled;
use super::open::Open;
use super::program::{Answer, Ball, Balls};
use super::prove::Prover;
use super::report::{Finding, FindingKind};
use super::room::{Move, Room};
use super::system::System;
use super::witness::{Wants, is_hopeless, is_unmet, one_by_one, search};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Attacker, Level, Policy, Requirement};
use crate::disclosure::primary::Target;
use crate::disclosure::public::Evidence;

/// What an examination found.
pub(in crate::disclosure) struct Outcome {
    pub(in crate::disclosure) findings: BTreeMap<u32, FindingKind>,
    pub(in crate::disclosure) small_sums: Vec<Finding>,
    pub(in crate::disclosure) sums: usize,
    pub(in crate::disclosure) protected: usize,
    pub(in crate::disclosure) doubtful: usize,
    pub(in crate::disclosure) components: usize,
    pub(in crate::disclosure) programs: usize,
    /// What contributors can compute, where that was asked.
    pub(in crate::disclosure) by_contributors: Vec<Computed>,
}

/// What is asked of an examination.
#[derive(Clone, Copy)]
pub(in crate::disclosure) struct Question<'q> {
    pub(in crate::disclosure) policy: &'q Policy,
    pub(in crate::disclosure) attacker: Attacker,
    pub(in crate::disclosure) targets: Option<&'q [Target]>,
    pub(in crate::disclosure) evidence: Option<Evidence<'q>>,
}

impl Question<'_> {
    /// Whether contributors are looked at: they know of whole people, and only the release knows where people are.
    pub(in crate::disclosure) fn asks_for_contributors(&self) -> bool {
        self.policy.contributor && self.policy.unit() == 1 && self.evidence.is_some()
    }
}

/// Examines a system, from what the attacker knows of each unknown beforehand.
pub(in crate::disclosure) fn examine(
    system: &System<'_>,
    start: (Vec<i64>, Vec<i64>),
    question: Question<'_>,
    step: &mut dyn FnMut(usize, usize),
) -> Result<Outcome, DisclosureError> {
    let columns = system.equations.columns(system.unknowns.len());
    let mut bounds = Bounds::new(start);
    let settled = bounds.settle(&system.equations, &columns);
    settled.map_err(|Broken(equation)| contradiction(system, equation))?;
    drop(columns);
    let (policy, attacker) = (question.policy, question.attacker);
    let settled = Settled { system, bounds: &bounds, trace: Trace::new(&bounds), policy, attacker };
    let open = Open::new(system, &bounds);
    let wanted = wanted(&settled, &open, question.targets);
    let (sums, small_sums) = settled.sums();
    let mut outcome = Outcome {
        findings: BTreeMap::new(),
        small_sums,
        sums,
        protected: 0,
        doubtful: 0,
        components: open.components.len(),
        programs: 0,
        by_contributors: Vec::new(),
    };
    for figure in wanted.fallen.iter().copied().chain(settled.fallen()) {
        outcome.findings.entry(figure).or_insert_with(|| settled.how(figure));
    }
    let hint = question.evidence.map(|evidence| hint(system, &open, evidence));
    let (base, estimate, programs) = assign(&open, hint.as_deref());
    outcome.programs += programs;
    let mut room = Room::new(&open, base);
    if let Some(evidence) = question.evidence {
        for change in proposals(system, &open, evidence) {
            match question.asks_for_contributors() {
                true => room.learn_in_any_case(0, change),
                false => room.learn(0, change),
            };
        }
    }
    let wants: Wants = (0..open.len())
        .map(|variable| {
            let asked = wanted.variables[variable];
            let usual = || policy.requirement(room.base()[variable], open.lower[variable]);
            asked.then(|| wanted.special.get(&(variable as u32)).copied().unwrap_or_else(usual))
        })
        .collect();
    let effort = if question.targets.is_some() { EFFORT } else { EFFORT / 4 };
    outcome.programs += search(&mut room, &wants, estimate, effort, step);
    // The full effort goes to what would be a finding.
    let pressing = |&variable: &u32| {
        let (low, high) = room.seen[variable as usize];
        let known_small = low > 0 && policy.is_small(high);
        is_unmet(&room, &wants, variable) && (question.targets.is_some() || known_small)
    };
    let whole = open.components.iter().zip(&room.anchored).filter(|(_, anchored)| **anchored);
    let left: Vec<u32> = whole.flat_map(|(component, _)| component.iter().copied()).filter(pressing).collect();
    outcome.programs += one_by_one(&mut room, &wants, left, effort);
    let mut deciding = Deciding { settled: &settled, room: &mut room, wants: &wants, told: question.targets.is_some() };
    deciding.decide(&wanted.figures, &mut outcome)?;
    if let Some(evidence) = question.evidence.filter(|_| question.asks_for_contributors()) {
        let held = |(figure, variable): &&(u32, u32)| {
            !outcome.findings.contains_key(figure) && !is_unmet(&room, &wants, *variable)
        };
        let held: Vec<(u32, u32)> = wanted.figures.iter().filter(held).copied().collect();
        outcome.by_contributors = computed(system, &open, &room, &held, evidence);
    }
    Ok(outcome)
}

pub(in crate::disclosure) fn contradiction(system: &System<'_>, equation: usize) -> DisclosureError {
    DisclosureError::Contradiction { cell: Box::new(system.total_name(equation)) }
}

/// What must be protected.
struct Wanted {
    /// Figures that have a single value already.
    fallen: Vec<u32>,
    /// Open figures, with their variables.
    figures: Vec<(u32, u32)>,
    /// By variable.
    variables: Vec<bool>,
    /// What targets ask for that the policy's level does not say: magnitudes, minimums of their own.
    special: BTreeMap<u32, Requirement>,
}

/// The targets; without them every hidden figure. What an audience gained since an earlier release is always examined.
fn wanted(settled: &Settled<'_, '_>, open: &Open, targets: Option<&[Target]>) -> Wanted {
    let system = settled.system;
    let variables = vec![false; open.len()];
    let mut wanted = Wanted { fallen: Vec::new(), figures: Vec::new(), variables, special: BTreeMap::new() };
    let named = |target: &Target| system.figures.find(target.table, (target.measure, target.of), target.cell);
    let figures: Vec<u32> = match targets {
        Some(targets) => targets.iter().filter_map(named).collect(),
        None => {
            let counts = |&figure: &u32| settled.is_ours(figure) && !system.figures.is_magnitude(figure);
            system.unknowns.iter().copied().filter(counts).collect()
        }
    };
    let variable = |figure: u32| match system.index[figure as usize] {
        NONE => NONE,
        unknown => open.variable[unknown as usize],
    };
    let usual = settled.policy.requirement(0, 0);
    for target in targets.into_iter().flatten() {
        let Some(figure) = named(target).filter(|&figure| variable(figure) != NONE) else { continue };
        // In a small group no figure reaches what the level asks of others.
        let lower = settled.policy.level == Level::Full && target.requirement.upper != usual.upper;
        if target.requirement.width != usual.width || lower || system.figures.is_magnitude(figure) {
            let least = open.lower[variable(figure) as usize];
            let own = Requirement { lower: target.requirement.lower.max(least), ..target.requirement };
            wanted.special.entry(variable(figure)).and_modify(|all| *all = all.and(own)).or_insert(own);
        }
    }
    for figure in figures {
        let variable = variable(figure);
        if variable != NONE {
            wanted.figures.push((figure, variable));
            wanted.variables[variable as usize] = true;
        } else if targets.is_some() {
            wanted.fallen.push(figure);
        }
    }
    wanted.figures.sort_unstable();
    wanted.figures.dedup();
    wanted
}

/// A proposed table's values, by variable.
pub(in crate::disclosure) fn hint(system: &System<'_>, open: &Open, evidence: Evidence<'_>) -> Vec<Option<i64>> {
    let mut hint: Vec<Option<i64>> = open.first.iter().map(|&unknown| proposed(system, unknown, evidence)).collect();
    complete(open, &mut hint, true);
    hint
}

/// A proposed table's value of an unknown.
fn proposed(system: &System<'_>, unknown: u32, evidence: Evidence<'_>) -> Option<i64> {
    let (table, (measure, of), cell) = system.figures.locate(system.figures.place(system.unknowns[unknown as usize])?);
    let table = evidence.tables.get(table)?;
    let value = |measure: usize| table.values.get(measure)?.get(cell).copied();
    match of {
        None => value(measure),
        Some(of) => Some(value(of)? - value(measure)?),
    }
}

/// Fills in what an equation leaves when everything else in it is given.
fn complete(open: &Open, values: &mut [Option<i64>], whole: bool) {
    for row in 0..open.equations.len() {
        let mut missing = open.equations.row(row).filter(|&(variable, _)| values[variable].is_none());
        let (Some((variable, c)), None) = (missing.next(), missing.next()) else { continue };
        drop(missing);
        let others: i64 = open.equations.row(row).map(|(other, c)| c * values[other].unwrap_or(0)).sum();
        let rest = if whole { open.equations.rests[row] } else { 0 };
        values[variable] = Some((rest - others) / c);
    }
}

/// Proposed changes, by variable. What no column prints follows from the equations.
pub(in crate::disclosure) fn proposals<'p>(
    system: &'p System<'_>,
    open: &'p Open,
    evidence: Evidence<'p>,
) -> impl Iterator<Item = Move> + 'p {
    let printed: Vec<bool> = (open.first.iter())
        .map(|&unknown| {
            let place = system.figures.place(system.unknowns[unknown as usize]);
            place.is_some_and(|place| system.figures.locate(place).1.1.is_none())
        })
        .collect();
    let variable_at = move |table, measure, cell| {
        let unknown = system.index[system.figures.find(table, (measure, None), cell)? as usize];
        let variable = if unknown == NONE { NONE } else { open.variable[unknown as usize] };
        (variable != NONE).then_some(variable)
    };
    // Where columns print everything nothing else follows.
    let rounds = if printed.iter().all(|&printed| printed) { 0 } else { 4 };
    let change = move |changes: &Vec<crate::disclosure::Change>| {
        let named = changes.iter().filter_map(|c| Some((variable_at(c.table, c.measure, c.cell)?, c.by)));
        if rounds == 0 {
            let mut moved: Move = named.filter(|&(_, by)| by != 0).collect();
            moved.sort_unstable();
            moved.dedup_by_key(|&mut (variable, _)| variable);
            return moved;
        }
        let mut moved: BTreeMap<u32, i64> = named.collect();
        // What follows is looked for a few steps far: complements of complements, then slacks.
        for _ in 0..rounds {
            let rows: std::collections::BTreeSet<usize> =
                moved.keys().flat_map(|&v| open.columns.of(v as usize).map(|(row, _)| row)).collect();
            for row in rows {
                let open_term = |&(v, _): &(usize, i64)| !printed[v] && !moved.contains_key(&(v as u32));
                let mut missing = open.equations.row(row).filter(open_term);
                let (Some((variable, c)), None) = (missing.next(), missing.next()) else { continue };
                drop(missing);
                let by = |v: usize| moved.get(&(v as u32)).copied().unwrap_or(0);
                let sum: i64 = open.equations.row(row).map(|(v, c)| c * by(v)).sum();
                moved.insert(variable as u32, -sum / c);
            }
        }
        moved.into_iter().filter(|&(_, by)| by != 0).collect()
    };
    evidence.changes.iter().map(change)
}

/// What is spent on variables one by one, in the units of `witness`: about ten seconds of two threads.
pub(in crate::disclosure) const EFFORT: usize = 1_200_000;
/// Equations that a proof of a single figure's bounds may combine.
const PROOF: usize = 250;
/// Components up to this size are bounded by programs over all of them.
const WHOLE: usize = 4000;

struct Deciding<'d, 's, 'a, 'o> {
    settled: &'d Settled<'s, 'a>,
    room: &'d mut Room<'o>,
    wants: &'d Wants,
    /// The figures are known to need protection.
    told: bool,
}

impl Deciding<'_, '_, '_, '_> {
    fn decide(&mut self, figures: &[(u32, u32)], outcome: &mut Outcome) -> Result<(), DisclosureError> {
        let mut verdicts: BTreeMap<u32, Verdict> = BTreeMap::new();
        let mut component = vec![NONE; self.room.open.len()];
        for (number, members) in self.room.open.components.iter().enumerate() {
            for &variable in members {
                component[variable as usize] = number as u32;
            }
        }
        for &(figure, variable) in figures {
            let anchored = self.room.anchored[component[variable as usize] as usize];
            if anchored && !is_unmet(self.room, self.wants, variable) {
                outcome.protected += 1;
                continue;
            }
            let verdict = match verdicts.get(&variable) {
                Some(verdict) => verdict.clone(),
                None if anchored => self.bound(variable, &mut outcome.programs),
                None => self.unanchored(component[variable as usize] as usize, &mut outcome.programs)?,
            };
            verdicts.insert(variable, verdict.clone());
            match self.judge(figure, variable, &verdict) {
                Judgement::Protected => outcome.protected += 1,
                Judgement::Doubtful => outcome.doubtful += 1,
                Judgement::Finding(kind) => {
                    outcome.findings.insert(figure, kind);
                }
            }
        }
        Ok(())
    }

    fn unanchored(&self, component: usize, programs: &mut usize) -> Result<Verdict, DisclosureError> {
        let members = &self.room.open.components[component];
        if members.len() > WHOLE {
            return Ok(Verdict::Undecided);
        }
        *programs += 1;
        let ball = Ball { variables: members.clone(), complete: true };
        let residual =
            |row: usize| i64::try_from(super::room::residual(self.room.open, self.room.base(), row)).unwrap_or(0);
        match Balls::new(self.room.open).fit(self.room.open, self.room.base(), &ball, &residual) {
            Answer::Infeasible => {
                let unknown = self.room.open.first[members[0] as usize];
                Err(DisclosureError::Contradiction { cell: Box::new(self.settled.system.name(unknown as usize)) })
            }
            _ => Ok(Verdict::Undecided),
        }
    }

    /// Bounds a variable over its whole component: first by linear programs, then in whole numbers.
    fn bound(&mut self, variable: u32, programs: &mut usize) -> Verdict {
        let open = self.room.open;
        let mut balls = Balls::new(open);
        let ball = balls.around(open, self.room.base(), &[variable], (usize::MAX, usize::MAX));
        let (low, high) = self.room.seen[variable as usize];
        // A figure that may be none or large is not known to be small, however narrow its interval is.
        let known_small = low > 0 && self.settled.policy.is_small(high);
        let doubtful = !self.told && !known_small;
        if !doubtful {
            let mut prover = Prover::new(open);
            let rows = prover.near(open, variable, PROOF, PROOF);
            for side in [Side::Lower, Side::Upper] {
                if let Some(proof) = prover.bound(open, variable, side, &rows) {
                    self.room.limit(proof);
                }
            }
        }
        let hopeless = is_hopeless(self.room, self.wants, variable);
        let mut widest = self.room.proven[variable as usize];
        if hopeless && (doubtful || self.told) {
            return Verdict::Bounded(widest.0, widest.1);
        }
        if ball.variables.len() > WHOLE {
            return if doubtful { Verdict::Doubtful } else { Verdict::Undecided };
        }
        let Some(need) = self.wants[variable as usize] else { return Verdict::Met };
        let far = need.upper.max(need.width) * 2 + self.room.base()[variable as usize] + 1;
        for whole in [false, true] {
            for by in [far, -far] {
                *programs += 1;
                let base = self.room.base()[variable as usize];
                if let Answer::Solved { change, objective, proven } =
                    balls.stretch(open, self.room.base(), &ball, &[(variable, by)], whole)
                {
                    // The objective is pushed out before it is rounded, against the reader.
                    let reach = (objective + 1e-5).floor() as i64;
                    self.room.learn(0, change);
                    match by > 0 {
                        _ if !proven => {}
                        true if reach < far => widest.1 = widest.1.min(base + reach),
                        true => {}
                        false => widest.0 = widest.0.max(base - reach),
                    }
                }
                if !is_unmet(self.room, self.wants, variable) {
                    return Verdict::Met;
                }
                let (low, high) = self.room.seen[variable as usize];
                if widest.0 >= low && widest.1 <= high {
                    return Verdict::Bounded(low, high);
                }
            }
        }
        match need.is_met(widest.0, widest.1) {
            true => Verdict::Undecided,
            false => Verdict::Bounded(widest.0, widest.1),
        }
    }

    /// How a single value came about: by a combination of totals, where one is proven.
    fn combination(&self, variable: u32) -> FindingKind {
        let (low, high) = self.room.proven[variable as usize];
        if low != high {
            return FindingKind::SingleValue;
        }
        let own = self.room.proofs.iter().filter(|proof| proof.variable == variable);
        let rows = own.flat_map(|proof| proof.multipliers.iter().map(|&(row, _)| self.room.open.source[row as usize]));
        let equations: std::collections::BTreeSet<u32> = rows.collect();
        let name = |&equation: &u32| self.settled.system.total_name(equation as usize);
        FindingKind::Combination { totals: equations.iter().map(name).collect() }
    }

    fn judge(&self, figure: u32, variable: u32, verdict: &Verdict) -> Judgement {
        match *verdict {
            Verdict::Met => Judgement::Protected,
            Verdict::Doubtful => Judgement::Doubtful,
            Verdict::Undecided => Judgement::Finding(FindingKind::Undecided),
            Verdict::Bounded(low, high) if self.told || self.settled.is_harmful(figure, (low, high)) => {
                Judgement::Finding(if low == high { self.combination(variable) } else { FindingKind::TooNarrow })
            }
            Verdict::Bounded(low, high) => {
                // Nobody, or a large group: neither is given away.
                let harmless = low >= self.settled.policy.minimum() || high == 0;
                if harmless { Judgement::Protected } else { Judgement::Doubtful }
            }
        }
    }
}

#[derive(Clone)]
enum Verdict {
    Met,
    Bounded(i64, i64),
    /// Not decided, and not certain to give anybody away.
    Doubtful,
    Undecided,
}

enum Judgement {
    Protected,
    Doubtful,
    Finding(FindingKind),
}
