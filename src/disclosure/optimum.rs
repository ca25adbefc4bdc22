//! The least costly pattern of a small system, with proof: implicit hitting sets.
//!
//! A figure that is not protected although a set of cells is hidden needs at least one of the others: that is a *cut*. The
//! cheapest pattern that meets all cuts so far is found by a whole-number program; where it protects everything it is
//! the optimum, since every pattern that protects meets all cuts; where not, it gives the next cut. Cuts are made strong
//! by hiding more for as long as the figure stays unprotected: first all cells that the multipliers of an impossible
//! program do not name, then the others, cheapest first.
//!
//! # Reference
//! M. Fischetti and J. J. Salazar, "Solving the cell suppression problem on tabular data with linear constraints",
//! Management Science 47 (2001): cover inequalities. E. Moreno-Centeno and R. M. Karp, "The implicit hitting set approach
//! to solve combinatorial optimization problems", Operations Research 61 (2013).

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, SolveOptions};

use super::condense::System;
use super::local::{Far, Goal, Local, Movable, Witness, reach};
use super::policy::{Policy, Requirement};

/// Systems with more cells to choose from are left to the search.
const CANDIDATES: usize = 60;
/// The same for figures to protect and for all unknowns.
const FIGURES: usize = 60;
const UNKNOWNS: usize = 300;
/// Cuts after which the search's pattern stands.
const CUTS: usize = 600;
/// Nodes of a hitting-set program.
const NODES: u64 = 20_000;

/// Steps of a linear program.
const STEPS: usize = 2000;

/// A pattern and its witnesses.
pub(super) struct Optimum {
    pub(super) hidden: Vec<bool>,
    pub(super) witnesses: Vec<Witness>,
}

/// The cheapest pattern, if the system is small and it was found within the limits. `known` is the price of a pattern
/// that protects.
pub(super) fn optimum(system: &System, policy: &Policy, known: f64) -> Option<Optimum> {
    let unknowns = &system.unknowns;
    let all = 0..unknowns.len();
    let mut candidates: Vec<usize> =
        all.clone().filter(|&one| unknowns[one].printed && !unknowns[one].primary).collect();
    let figures: Vec<usize> = all.filter(|&one| unknowns[one].protected).collect();
    // Of amounts too many values would be tried.
    if unknowns.iter().any(|unknown| unknown.magnitude)
        || candidates.len() > CANDIDATES
        || figures.len() > FIGURES
        || unknowns.len() > UNKNOWNS
    {
        return None;
    }
    candidates.sort_by(|&a, &b| unknowns[a].cost.total_cmp(&unknowns[b].cost).then(a.cmp(&b)));
    let primary = unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
    let mut small = Small { system, policy, local: Local::new(system), candidates, cuts: Vec::new(), primary };
    while small.cuts.len() < CUTS {
        let (hidden, price) = small.cheapest()?;
        if price >= known {
            // Nothing cheaper than what is known.
            return None;
        }
        match small.protect(&hidden, &figures) {
            Ok(witnesses) => return Some(Optimum { hidden, witnesses }),
            Err(figures) => {
                for figure in figures {
                    small.cut(&hidden, figure)?;
                }
            }
        }
    }
    None
}

struct Small<'a> {
    system: &'a System,
    policy: &'a Policy,
    local: Local<'a>,
    /// Cells that may be hidden, cheapest first.
    candidates: Vec<usize>,
    /// Of each at least one has to be hidden.
    cuts: Vec<Vec<usize>>,
    /// Hidden in any case.
    primary: Vec<bool>,
}

impl Small<'_> {
    /// The cheapest pattern that meets the cuts, and its price. `None` where that could not be proven.
    fn cheapest(&self) -> Option<(Vec<bool>, f64)> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let unknowns = &self.system.unknowns;
        let columns: Vec<_> = self.candidates.iter().map(|&cell| problem.add_binary_var(unknowns[cell].cost)).collect();
        for cut in &self.cuts {
            let mut sum = LinearExpr::empty();
            for (column, cell) in columns.iter().zip(&self.candidates) {
                if cut.contains(cell) {
                    sum.add(*column, 1.0);
                }
            }
            problem.add_constraint(sum, ComparisonOp::Ge, 1.0);
        }
        let mut options = SolveOptions::default();
        options.node_limit = Some(NODES);
        let outcome = problem.solve_with(options).ok()?;
        if !outcome.is_optimal() {
            return None;
        }
        let solution = outcome.into_solution().ok()?;
        let mut hidden = self.primary.clone();
        let mut price = 0.0;
        for (column, &cell) in columns.iter().zip(&self.candidates) {
            if solution.var_value(*column) > 0.5 {
                hidden[cell] = true;
                price += unknowns[cell].cost;
            }
        }
        Some((hidden, price))
    }

    /// Witnesses for all figures that a pattern protects, or the figures that it does not.
    fn protect(&mut self, hidden: &[bool], figures: &[usize]) -> Result<Vec<Witness>, Vec<usize>> {
        let mut witnesses: Vec<Witness> = Vec::new();
        let mut unmet = Vec::new();
        for &figure in figures {
            match self.ranges(hidden, figure, &witnesses) {
                Some(own) => witnesses.extend(own),
                None => unmet.push(figure),
            }
        }
        if unmet.is_empty() { Ok(witnesses) } else { Err(unmet) }
    }

    /// Witnesses that, with those at hand, give the figure the range it needs; `None` where hidden cells can't.
    fn ranges(&mut self, hidden: &[bool], figure: usize, known: &[Witness]) -> Option<Vec<Witness>> {
        let unknown = &self.system.unknowns[figure];
        let value = unknown.value;
        let requirement = self.system.requirement(self.policy, figure);
        let at = |witness: &Witness| value + reach(&[(figure, 1)], witness);
        let low = known.iter().map(at).fold(value, i64::min);
        let high = known.iter().map(at).fold(value, i64::max);
        if requirement.is_met(low, high) {
            return Some(Vec::new());
        }
        // As far up as can be of use, then as far down as is still wanted.
        let most = requirement.upper.max(value + requirement.width) - value;
        let least = (requirement.upper - value).max(0);
        let mut found = Vec::new();
        let mut high = high;
        if let Some(up) = self.farthest(hidden, figure, least.max(1), most) {
            high = high.max(at(&up));
            found.push(up);
        } else if high < requirement.upper {
            return None;
        }
        let wanted = Requirement { upper: requirement.upper, ..requirement };
        let down = (value - requirement.lower).max(requirement.width - (high - value)).max(0);
        if down > 0 && !wanted.is_met(low, high) {
            found.push(self.moved(hidden, figure, -1, down)?);
        }
        let low = found.iter().map(at).fold(low, i64::min);
        requirement.is_met(low, high).then_some(found)
    }

    /// The witness that takes the figure up farthest, at least and at most so far: what lies between two ways is one.
    fn farthest(&mut self, hidden: &[bool], figure: usize, least: i64, most: i64) -> Option<Witness> {
        if let Some(witness) = self.moved(hidden, figure, 1, most) {
            return Some(witness);
        }
        let (mut reached, mut failed) = (least, most);
        let mut best = (least < most).then(|| self.moved(hidden, figure, 1, least)).flatten()?;
        while failed - reached > 1 {
            let middle = reached + (failed - reached) / 2;
            match self.moved(hidden, figure, 1, middle) {
                Some(witness) => (best, reached) = (witness, middle),
                None => failed = middle,
            }
        }
        Some(best)
    }

    fn moved(&mut self, hidden: &[bool], figure: usize, sign: i64, change: i64) -> Option<Witness> {
        let unknowns = &self.system.unknowns;
        let movable = |index: usize| {
            if hidden[index] || !unknowns[index].printed { Movable::Free } else { Movable::No }
        };
        let goal = Goal { sum: &[(figure, sign)], change };
        match self.local.far(&goal, STEPS, &movable) {
            Far::Found(witness) => Some(witness),
            Far::Impossible => None,
            Far::Unknown => self.local.witness(&goal, &[usize::MAX], &[], &movable),
        }
    }

    /// A larger pattern that leaves the figure unprotected: where one program is impossible its multipliers (Farkas'
    /// lemma) name few cells that block it, and all others can be hidden at once.
    fn unblocked(&mut self, hidden: &[bool], figure: usize) -> Vec<bool> {
        let mut most = hidden.to_vec();
        if self.ranges(hidden, figure, &[]).is_none() && !self.local.blocked().is_empty() {
            self.candidates.iter().for_each(|&cell| most[cell] = true);
            self.local.blocked().iter().for_each(|&cell| most[cell] = hidden[cell]);
            if self.ranges(&most, figure, &[]).is_some() {
                most.copy_from_slice(hidden);
            }
        }
        most
    }

    /// Adds a cut that a pattern violates which leaves the figure unprotected.
    fn cut(&mut self, hidden: &[bool], figure: usize) -> Option<()> {
        let mut most = self.unblocked(hidden, figure);
        let mut needed = Vec::new();
        for cell in self.candidates.clone() {
            if most[cell] {
                continue;
            }
            most[cell] = true;
            if self.ranges(&most, figure, &[]).is_some() {
                most[cell] = false;
                needed.push(cell);
            }
        }
        // A figure that nothing protects has no cut: the search says so.
        if needed.is_empty() {
            return None;
        }
        self.cuts.push(needed);
        Some(())
    }
}
