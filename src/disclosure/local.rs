//! One small linear program of the search: which cells around a figure must move so that it can.
//!
//! The answer is a witness: whole-number changes that keep every total, leave no cell below what a reader grants it,
//! and move the figure as far as asked. It is checked exactly; nothing in floating point is believed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, SolveOptions, Variable};

use super::condense::System;

/// Whole-number changes by unknown, sorted.
pub(super) type Witness = Vec<(usize, i64)>;

/// The columns whose signed sum is an unknown's change.
type Columns = Vec<(Variable, f64)>;

/// What a witness must do: change this sum by at least so much.
pub(super) struct Goal<'a> {
    pub(super) sum: &'a [(usize, i64)],
    pub(super) change: i64,
}

/// The unknowns that may move and the equations between them.
struct Region {
    unknowns: Vec<usize>,
    /// Equations, by position.
    rows: Vec<Vec<(usize, i64)>>,
    /// The goal's sum, by position.
    goal: Vec<(usize, i64)>,
}

/// What moving an unknown means: nothing may move it, it is hidden anyway, or it has to be hidden at a price.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Movable {
    No,
    Free,
    /// Hidden for others; the price is small and serves to leave it alone where that costs nothing.
    Hidden,
    Price(f64),
}

/// A search for witnesses over one system; holds the scratch space.
pub(super) struct Local<'a> {
    system: &'a System,
    /// Position in the region, or `usize::MAX`.
    position: Vec<usize>,
    pub(super) programs: usize,
    /// Unknowns of all programs, a measure of the time spent that is the same on every machine.
    pub(super) work: usize,
}

const OUTSIDE: usize = usize::MAX;

impl<'a> Local<'a> {
    pub(super) fn new(system: &'a System) -> Self {
        Local { system, position: vec![OUTSIDE; system.unknowns.len()], programs: 0, work: 0 }
    }

    /// A witness for the goal within regions of growing size; `None` when none is found in the largest.
    pub(super) fn witness(
        &mut self,
        goal: &Goal<'_>,
        sizes: &[usize],
        movable: &dyn Fn(usize) -> Movable,
    ) -> Option<Witness> {
        let mut before = 0;
        for &size in sizes {
            let Some(region) = self.region(goal, size, movable) else { continue };
            if region.unknowns.len() == before {
                continue;
            }
            before = region.unknowns.len();
            if let Some(witness) = self.solve(goal, &region, movable) {
                return Some(witness);
            }
        }
        None
    }

    /// The nearest unknowns, cheap ones first, less those that an equation with no other member pins down; `None` when
    /// that leaves nothing of the goal.
    fn region(&mut self, goal: &Goal<'_>, size: usize, movable: &dyn Fn(usize) -> Movable) -> Option<Region> {
        let members = self.nearest(goal, size, movable);
        for (position, &unknown) in members.iter().enumerate() {
            self.position[unknown] = position;
        }
        let inside = self.unpinned(&members);
        for &unknown in &members {
            self.position[unknown] = OUTSIDE;
        }
        let kept: Vec<usize> =
            members.iter().zip(inside).filter_map(|(&member, inside)| inside.then_some(member)).collect();
        for (position, &unknown) in kept.iter().enumerate() {
            self.position[unknown] = position;
        }
        let mut rows: Vec<usize> =
            kept.iter().flat_map(|&m| self.system.unknowns[m].equations.iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        let rows = rows.into_iter().map(|row| self.localise(&self.system.equations[row])).collect();
        let goal = self.localise(goal.sum);
        for &unknown in &kept {
            self.position[unknown] = OUTSIDE;
        }
        (!goal.is_empty()).then_some(Region { unknowns: kept, rows, goal })
    }

    /// The terms inside the region, by position.
    fn localise(&self, terms: &[(usize, i64)]) -> Vec<(usize, i64)> {
        let terms = terms.iter().map(|&(unknown, coefficient)| (self.position[unknown], coefficient));
        terms.filter(|&(position, _)| position != OUTSIDE).collect()
    }

    /// Which members are left when each that is alone in an equation is taken out, again and again.
    fn unpinned(&self, members: &[usize]) -> Vec<bool> {
        let mut inside = vec![true; members.len()];
        let is_inside = |inside: &[bool], unknown: usize| {
            let position = self.position[unknown];
            position != OUTSIDE && inside[position]
        };
        let mut stack: Vec<usize> = members.to_vec();
        while let Some(unknown) = stack.pop() {
            for &equation in &self.system.unknowns[unknown].equations {
                let mut alive = self.system.equations[equation].iter().filter(|&&(other, _)| is_inside(&inside, other));
                if let (Some(&(only, _)), None) = (alive.next(), alive.next()) {
                    inside[self.position[only]] = false;
                    stack.extend(self.neighbours(only).filter(|&other| is_inside(&inside, other)));
                }
            }
        }
        inside
    }

    fn neighbours(&self, unknown: usize) -> impl Iterator<Item = usize> + '_ {
        let equations = self.system.unknowns[unknown].equations.iter();
        equations.flat_map(|&equation| self.system.equations[equation].iter().map(|&(other, _)| other))
    }

    fn nearest(&self, goal: &Goal<'_>, size: usize, movable: &dyn Fn(usize) -> Movable) -> Vec<usize> {
        let mut distance = vec![u32::MAX; self.system.unknowns.len()];
        let mut queue = BinaryHeap::new();
        for &(unknown, _) in goal.sum {
            if movable(unknown) != Movable::No {
                distance[unknown] = 0;
                queue.push(Reverse((0, unknown)));
            }
        }
        let mut members = Vec::new();
        while let Some(Reverse((at, unknown))) = queue.pop() {
            if at > distance[unknown] {
                continue;
            }
            members.push(unknown);
            if members.len() >= size {
                break;
            }
            for &equation in &self.system.unknowns[unknown].equations {
                // What must move to make up for this one is sooner among few than among many.
                let terms = &self.system.equations[equation];
                let crowd = terms.len().ilog2();
                for &(other, _) in terms {
                    if distance[other] <= at {
                        continue;
                    }
                    let value = self.system.unknowns[other].value;
                    let step = match movable(other) {
                        Movable::No => continue,
                        Movable::Free | Movable::Hidden if value > 0 => 2 + crowd,
                        Movable::Free | Movable::Hidden => 5 + crowd,
                        Movable::Price(_) => 4 + crowd + value.max(1).ilog2(),
                    };
                    if at + step < distance[other] {
                        distance[other] = at + step;
                        queue.push(Reverse((at + step, other)));
                    }
                }
            }
        }
        members
    }

    fn solve(&mut self, goal: &Goal<'_>, region: &Region, movable: &dyn Fn(usize) -> Movable) -> Option<Witness> {
        if let Some(witness) = self.program(goal, region, movable, false)? {
            return Some(witness);
        }
        // A fractional corner: the same in whole numbers.
        self.program(goal, region, movable, true)?
    }

    /// `None`: no solution; `Some(None)`: a solution that is not whole.
    fn program(
        &mut self,
        goal: &Goal<'_>,
        region: &Region,
        movable: &dyn Fn(usize) -> Movable,
        whole: bool,
    ) -> Option<Option<Witness>> {
        self.programs += 1;
        self.work += region.unknowns.len();
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let add = |&unknown: &usize| self.columns(&mut problem, unknown, movable(unknown), whole);
        let columns: Vec<Columns> = region.unknowns.iter().map(add).collect();
        let expression = |terms: &[(usize, i64)]| {
            let mut sum = LinearExpr::empty();
            for &(position, coefficient) in terms {
                for &(column, sign) in &columns[position] {
                    sum.add(column, sign * coefficient as f64);
                }
            }
            sum
        };
        for row in &region.rows {
            problem.add_constraint(expression(row), ComparisonOp::Eq, 0.0);
        }
        problem.add_constraint(expression(&region.goal), ComparisonOp::Ge, goal.change as f64);
        let mut options = SolveOptions::default();
        options.node_limit = Some(NODE_LIMIT);
        options.mip_gap = if whole { WHOLE_GAP } else { 0.0 };
        let solution = problem.solve_with(options).ok()?.into_solution().ok()?;
        let moves = columns.iter().map(|parts| {
            let value: f64 = parts.iter().map(|&(column, sign)| sign * solution.var_value(column)).sum();
            value.round() as i64
        });
        let mut witness: Witness =
            region.unknowns.iter().copied().zip(moves).filter(|&(_, change)| change != 0).collect();
        witness.sort_unstable();
        Some(self.holds(goal, &witness).then_some(witness))
    }

    /// The columns of one unknown: its change, split into up and down where it has a price.
    fn columns(&self, problem: &mut Problem, unknown: usize, movable: Movable, whole: bool) -> Columns {
        let down = (self.system.unknowns[unknown].value - self.system.unknowns[unknown].lower) as f64;
        let price = match movable {
            Movable::No | Movable::Free => 0.0,
            Movable::Hidden => HIDDEN_PRICE,
            Movable::Price(price) => price,
        };
        let mut add = |low: f64, high: f64| match whole {
            // Witnesses move cells by small amounts; these bounds are far outside.
            true => problem.add_integer_var(price, (low.max(-1e9) as i32, high.min(1e9) as i32)),
            false => problem.add_var(price, (low, high)),
        };
        if price == 0.0 {
            vec![(add(-down, f64::INFINITY), 1.0)]
        } else {
            vec![(add(0.0, f64::INFINITY), 1.0), (add(0.0, down), -1.0)]
        }
    }

    /// Whether the witness keeps every equation and every bound and reaches the goal, in whole numbers.
    fn holds(&self, goal: &Goal<'_>, witness: &Witness) -> bool {
        let change = |unknown: usize| {
            witness.binary_search_by_key(&unknown, |&(moved, _)| moved).map_or(0, |found| witness[found].1)
        };
        let bounds = witness.iter().all(|&(unknown, change)| {
            let unknown = &self.system.unknowns[unknown];
            unknown.value + change >= unknown.lower
        });
        let mut rows: Vec<usize> =
            witness.iter().flat_map(|&(unknown, _)| self.system.unknowns[unknown].equations.iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        bounds
            && reach(goal.sum, witness) >= goal.change
            && rows.iter().all(|&row| self.system.equations[row].iter().map(|&(u, c)| c * change(u)).sum::<i64>() == 0)
    }
}

/// The change of a sum under a witness.
pub(super) fn reach(sum: &[(usize, i64)], witness: &Witness) -> i64 {
    let change = |unknown: usize| {
        witness.binary_search_by_key(&unknown, |&(moved, _)| moved).map_or(0, |found| witness[found].1)
    };
    sum.iter().map(|&(unknown, coefficient)| coefficient * change(unknown)).sum()
}

/// How far from the best a whole-number answer may be.
const WHOLE_GAP: f64 = 0.05;
/// Far below the price of any cell that is still published.
const HIDDEN_PRICE: f64 = 1e-3;
/// Nodes of a whole-number program, so that it ends after the same work on every machine.
const NODE_LIMIT: u64 = 400;
