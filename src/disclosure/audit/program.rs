//! Linear programs over a part of the reader's system, and the exact check of what they propose.

use std::collections::BTreeMap;

use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Problem, SolveOptions};

use super::unknowns::Reader;
use crate::disclosure::public::Change;

/// A reader's assignment for the unknowns, and what has been seen of each.
pub(super) struct Room<'r, 'a> {
    pub(super) reader: &'r Reader<'a>,
    /// A whole-number assignment that fits everything published, by figure.
    pub(super) base: Vec<i64>,
    /// The least and the greatest value of each figure in any checked assignment.
    pub(super) seen: Vec<(i64, i64)>,
    pub(super) programs: usize,
    /// Scratch: position in the region at hand.
    position: Vec<usize>,
}

/// What a program said.
pub(super) enum Answer {
    /// The objective's bound, with rounding on the safe side. A proven one only.
    Bound(i64),
    Infeasible,
    /// The program was given up.
    Unknown,
}

/// Unknowns that may change, and whether they are a whole component.
pub(super) struct Part {
    pub(super) figures: Vec<usize>,
    pub(super) complete: bool,
}

const OUTSIDE: usize = usize::MAX;
/// Nodes of a whole-number program, so that it ends after the same work on every machine.
const NODE_LIMIT: u64 = 2000;
/// How far an optimum in floating point is pushed out before it is rounded, against the reader.
const SLACK: f64 = 1e-5;

impl<'r, 'a> Room<'r, 'a> {
    pub(super) fn new(reader: &'r Reader<'a>) -> Self {
        let count = reader.figures.len();
        let known = |figure: &super::unknowns::Figure| figure.known.unwrap_or(0);
        let base: Vec<i64> = reader.figures.iter().map(known).collect();
        let seen = base.iter().map(|&value| (value, value)).collect();
        Room { reader, base, seen, programs: 0, position: vec![OUTSIDE; count] }
    }

    /// Takes a proposed assignment of a component as its base, if it fits exactly.
    pub(super) fn adopt(&mut self, component: &[usize], value: impl Fn(usize) -> i64) -> bool {
        let before: Vec<i64> = component.iter().map(|&figure| self.base[figure]).collect();
        for &figure in component {
            self.base[figure] = value(figure);
        }
        if self.fits(component, |_| 0) {
            for &figure in component {
                self.seen[figure] = (self.base[figure], self.base[figure]);
            }
            return true;
        }
        for (&figure, before) in component.iter().zip(before) {
            self.base[figure] = before;
        }
        false
    }

    /// Whether base plus change keeps every sum and every lower bound, in whole numbers.
    fn fits(&self, figures: &[usize], change: impl Fn(usize) -> i64) -> bool {
        let reader = self.reader;
        figures.iter().all(|&figure| {
            let bound = self.base[figure] + change(figure) >= reader.figures[figure].lower;
            bound
                && reader.figures[figure].sums.iter().all(|&sum| {
                    let (terms, rest) = reader.open_terms(sum);
                    terms.iter().map(|&(other, sign)| sign * (self.base[other] + change(other))).sum::<i64>() == rest
                })
        })
    }

    /// The unknowns nearest to one, by shared sums.
    pub(super) fn part(&self, centre: usize, size: usize) -> Part {
        let mut seen = vec![false; self.reader.figures.len()];
        seen[centre] = true;
        let mut figures = vec![centre];
        let mut next = 0;
        while next < figures.len() && figures.len() < size {
            for &sum in &self.reader.figures[figures[next]].sums {
                for (other, _) in self.reader.open_terms(sum).0 {
                    if !std::mem::replace(&mut seen[other], true) {
                        figures.push(other);
                    }
                }
            }
            next += 1;
        }
        let complete = next == figures.len();
        figures.sort_unstable();
        Part { figures, complete }
    }

    /// The sums among some unknowns: the changes of their terms come to the right-hand side.
    fn rows(&mut self, figures: &[usize], from_base: bool) -> Vec<(Vec<(usize, i64)>, i64)> {
        for (position, &figure) in figures.iter().enumerate() {
            self.position[figure] = position;
        }
        let mut sums: Vec<usize> =
            figures.iter().flat_map(|&figure| self.reader.figures[figure].sums.iter().copied()).collect();
        sums.sort_unstable();
        sums.dedup();
        let rows = sums
            .into_iter()
            .map(|sum| {
                let (terms, rest) = self.reader.open_terms(sum);
                let inside = terms.into_iter().map(|(figure, sign)| (self.position[figure], sign));
                (inside.filter(|&(position, _)| position != OUTSIDE).collect(), if from_base { 0 } else { rest })
            })
            .collect();
        for &figure in figures {
            self.position[figure] = OUTSIDE;
        }
        rows
    }

    /// Finds any whole-number assignment of a component and makes it the base.
    pub(super) fn found(&mut self, component: &[usize]) -> Answer {
        let rows = self.rows(component, false);
        let lower = |&figure: &usize| self.reader.figures[figure].lower as f64;
        let bounds: Vec<(f64, f64)> = component.iter().map(|figure| (lower(figure), f64::INFINITY)).collect();
        for whole in [false, true] {
            self.programs += 1;
            match run(&rows, &bounds, &[], whole) {
                Outcome::Solved { values, .. } => {
                    let place = |figure: usize| component.binary_search(&figure).map_or(0, |position| values[position]);
                    if self.adopt(component, place) {
                        return Answer::Bound(0);
                    }
                }
                Outcome::Infeasible => return Answer::Infeasible,
                Outcome::Failed => {}
            }
        }
        Answer::Unknown
    }

    /// Moves figures as far in the wanted directions as the part allows: each goal is a figure and the change that
    /// would do. Whatever comes out in whole numbers and fits is kept for every figure. The bound is that of the
    /// goals' sum.
    pub(super) fn stretch(&mut self, part: &Part, goals: &[(usize, i64)], whole: bool) -> Answer {
        let figures = &part.figures;
        let rows = self.rows(figures, true);
        let mut bounds: Vec<(f64, f64)> = figures
            .iter()
            .map(|&figure| ((self.reader.figures[figure].lower - self.base[figure]) as f64, f64::INFINITY))
            .collect();
        let mut objective = Vec::new();
        for &(figure, change) in goals {
            let Ok(position) = figures.binary_search(&figure) else { continue };
            objective.push((position, change.signum() as f64));
            if change > 0 {
                bounds[position].1 = change as f64;
            }
        }
        self.programs += 1;
        match run(&rows, &bounds, &objective, whole) {
            Outcome::Solved { values, objective, proven } => {
                self.learn(figures, &values);
                if proven { Answer::Bound((objective + SLACK).floor() as i64) } else { Answer::Unknown }
            }
            Outcome::Infeasible => Answer::Infeasible,
            Outcome::Failed => Answer::Unknown,
        }
    }

    /// Looks at proposed changes of a component's base; those that fit exactly count.
    pub(super) fn consider(&mut self, component: &[usize], proposals: &[Vec<Change>]) {
        let reader = self.reader;
        for proposal in proposals {
            let mut printed: BTreeMap<usize, i64> = BTreeMap::new();
            for change in proposal {
                let figures = reader.at.get(change.table).and_then(|at| at.get(&(change.measure, None)));
                if let Some(&figure) = figures.and_then(|figures| figures.get(change.cell)) {
                    printed.insert(figure, change.by);
                }
            }
            // What is not printed follows: whole = measure + complement.
            let mut all = printed.clone();
            for sum in printed.keys().flat_map(|&figure| &reader.figures[figure].sums) {
                let sum = &reader.sums[*sum];
                if let Some(&complement) = sum.pieces.iter().find(|&&piece| reader.figures[piece].place.2.is_some()) {
                    let by = |figure: &usize| printed.get(figure).copied().unwrap_or(0);
                    all.insert(complement, by(&sum.whole) - sum.pieces.iter().map(by).sum::<i64>());
                }
            }
            all.retain(|figure, by| *by != 0 && component.binary_search(figure).is_ok());
            let (figures, values): (Vec<usize>, Vec<i64>) = all.into_iter().unzip();
            self.learn(&figures, &values);
        }
    }

    /// Keeps what a proposed change shows, if it fits exactly.
    fn learn(&mut self, figures: &[usize], values: &[i64]) {
        let moved: Vec<(usize, i64)> =
            figures.iter().copied().zip(values.iter().copied()).filter(|&(_, change)| change != 0).collect();
        let change = |figure: usize| moved.binary_search_by_key(&figure, |&(f, _)| f).map_or(0, |at| moved[at].1);
        let touched: Vec<usize> = moved.iter().map(|&(figure, _)| figure).collect();
        if self.fits(&touched, change) {
            for &(figure, change) in &moved {
                let value = self.base[figure] + change;
                let (low, high) = self.seen[figure];
                self.seen[figure] = (low.min(value), high.max(value));
            }
        }
    }
}

enum Outcome {
    /// Rounded values, the objective, and whether it is the proven optimum.
    Solved {
        values: Vec<i64>,
        objective: f64,
        proven: bool,
    },
    Infeasible,
    Failed,
}

/// Maximises the objective.
fn run(rows: &[(Vec<(usize, i64)>, i64)], bounds: &[(f64, f64)], objective: &[(usize, f64)], whole: bool) -> Outcome {
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let mut costs = vec![0.0; bounds.len()];
    for &(position, cost) in objective {
        costs[position] = cost;
    }
    let columns: Vec<_> = (costs.iter().zip(bounds))
        .map(|(&cost, &(low, high))| match whole {
            // Casts saturate; larger moves than that decide nothing.
            true => problem.add_integer_var(cost, (low as i32, high as i32)),
            false => problem.add_var(cost, (low, high)),
        })
        .collect();
    for (terms, rest) in rows {
        let mut sum = LinearExpr::empty();
        for &(position, sign) in terms {
            sum.add(columns[position], sign as f64);
        }
        problem.add_constraint(sum, ComparisonOp::Eq, *rest as f64);
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some(NODE_LIMIT);
    match problem.solve_with(options) {
        Err(Error::Infeasible) => Outcome::Infeasible,
        Err(_) => Outcome::Failed,
        Ok(outcome) => {
            let proven = outcome.is_optimal();
            outcome.into_solution().map_or(Outcome::Failed, |solution| Outcome::Solved {
                values: columns.iter().map(|&column| solution.var_value(column).round() as i64).collect(),
                objective: solution.objective(),
                proven,
            })
        }
    }
}
