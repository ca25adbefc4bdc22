//! Mixed-integer programs: the least total distance of a small system, and a rounding of the surroundings of a figure
//! that nothing else could mend.
//!
//! What the solver returns is a proposal: it is taken only when it is additive and within the neighbouring multiples in
//! whole numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Problem as Program, SolveOptions, Variable};

use super::problem::Problem;

/// Undecided figures up to which the whole system is one program.
const UNDECIDED: usize = 1_500;
/// Branches after which a program of the whole, and one of surroundings, is given up.
const NODES: u64 = 2_000;
const NODES_AROUND: u64 = 40;

/// What the program of a whole system came to.
pub(super) enum Outcome {
    /// Rounded figures in units, checked; whether the solver found none nearer.
    Found { units: Vec<i64>, optimal: bool },
    /// The solver found that no rounding to neighbouring multiples is additive.
    Impossible,
    /// Too large, or given up.
    Unknown,
}

/// Solves the strict problem.
pub(super) fn solve(problem: &Problem) -> Outcome {
    if problem.low.iter().zip(&problem.high).filter(|(low, high)| low < high).count() > UNDECIDED {
        return Outcome::Unknown;
    }
    let all =
        Region { figures: (0..problem.values.len()).collect(), equations: (0..problem.equations.len()).collect() };
    let mut units = problem.low.clone();
    match all.solve(problem, &mut units, NODES) {
        Solved::Optimal | Solved::Feasible if !problem.is_strict(&units) => Outcome::Unknown,
        Solved::Optimal => Outcome::Found { units, optimal: true },
        Solved::Feasible => Outcome::Found { units, optimal: false },
        Solved::Infeasible => Outcome::Impossible,
        Solved::GivenUp => Outcome::Unknown,
    }
}

/// Rounds about so many undecided figures around one anew, the others as they are. `None` where that was not found;
/// else the figures of the surroundings with their units, each at a neighbouring multiple, every total of theirs the sum
/// of its parts.
pub(super) fn around(problem: &Problem, units: &[i64], figure: usize, size: usize) -> Option<Vec<(usize, i64)>> {
    let region = Region::around(problem, figure, size);
    let mut proposed = units.to_vec();
    if !matches!(region.solve(problem, &mut proposed, NODES_AROUND), Solved::Optimal | Solved::Feasible) {
        return None;
    }
    let sum = |parts: &[usize]| parts.iter().map(|&part| proposed[part]).sum::<i64>();
    let additive = region.equations.iter().map(|&equation| &problem.equations[equation]);
    let holds = additive.into_iter().all(|(total, parts)| proposed[*total] == sum(parts))
        && region.figures.iter().all(|&figure| problem.excess(figure, proposed[figure]) == 0);
    holds.then(|| region.figures.iter().map(|&figure| (figure, proposed[figure])).collect())
}

/// How a program ended.
enum Solved {
    Optimal,
    Feasible,
    Infeasible,
    GivenUp,
}

/// Figures to be rounded, and the equations in which they stand.
struct Region {
    figures: Vec<usize>,
    equations: Vec<usize>,
}

impl Region {
    /// The nearest figures: a total of few parts is nearer than one of many.
    fn around(problem: &Problem, figure: usize, size: usize) -> Region {
        let mut distance = std::collections::BTreeMap::from([(figure, 0)]);
        let mut queue = BinaryHeap::from([Reverse((0, figure))]);
        let (mut figures, mut equations, mut undecided) = (Vec::new(), Vec::new(), 0);
        while let Some(Reverse((at, figure))) = queue.pop() {
            if distance.get(&figure).is_some_and(|&least| least < at) {
                continue;
            }
            figures.push(figure);
            undecided += usize::from(problem.low[figure] < problem.high[figure]);
            if undecided >= size {
                break;
            }
            for &equation in problem.part_of[figure].iter().chain(&problem.whole_of[figure]) {
                let (total, parts) = &problem.equations[equation];
                let next = at + 1 + parts.len().ilog2();
                for &other in parts.iter().chain([total]).filter(|&&other| problem.values[other] > 0) {
                    if distance.get(&other).is_none_or(|&least| next < least) {
                        distance.insert(other, next);
                        queue.push(Reverse((next, other)));
                    }
                }
            }
        }
        figures.sort_unstable();
        figures.dedup();
        for &figure in &figures {
            equations.extend(problem.part_of[figure].iter().chain(&problem.whole_of[figure]));
        }
        equations.sort_unstable();
        equations.dedup();
        Region { figures, equations }
    }

    /// Sets the region's figures in `units`.
    fn solve(&self, problem: &Problem, units: &mut [i64], nodes: u64) -> Solved {
        let mut program = Program::new(OptimizationDirection::Minimize);
        let mut columns: Vec<(usize, Variable)> = Vec::new();
        for &figure in &self.figures {
            let (low, high) = (problem.low[figure], problem.high[figure]);
            units[figure] = low;
            if low < high {
                // Distances are at most a few bases, far below 2^52.
                let rise = (problem.distance(figure, high) - problem.distance(figure, low)) as f64;
                columns.push((figure, program.add_binary_var(rise)));
            }
        }
        if !self.add_equations(problem, &columns, units, &mut program) {
            return Solved::Infeasible;
        }
        let mut options = SolveOptions::default();
        options.node_limit = Some(nodes);
        let outcome = match program.solve_with(options) {
            Ok(outcome) => outcome,
            Err(Error::Infeasible) => return Solved::Infeasible,
            Err(_) => return Solved::GivenUp,
        };
        let Some(solution) = outcome.solution() else { return Solved::GivenUp };
        for (figure, column) in columns {
            units[figure] += i64::from(solution.var_value(column) > 0.5);
        }
        if outcome.is_optimal() { Solved::Optimal } else { Solved::Feasible }
    }

    /// Each total less its parts; `false` where one without undecided figures does not hold.
    fn add_equations(
        &self,
        problem: &Problem,
        columns: &[(usize, Variable)],
        units: &[i64],
        program: &mut Program,
    ) -> bool {
        for &equation in &self.equations {
            let (total, parts) = &problem.equations[equation];
            let mut sum = LinearExpr::empty();
            let (mut known, mut undecided) = (0, false);
            for (figure, sign) in parts.iter().map(|&part| (part, 1)).chain([(*total, -1)]) {
                known += sign * units[figure];
                if let Ok(at) = columns.binary_search_by_key(&figure, |&(figure, _)| figure) {
                    undecided = true;
                    sum.add(columns[at].1, sign as f64);
                }
            }
            if undecided {
                program.add_constraint(sum, ComparisonOp::Eq, -known as f64);
            } else if known != 0 {
                return false;
            }
        }
        true
    }
}
