//! Linear programs over a part of the open system. What they propose is checked elsewhere, exactly.

use microlp::{ComparisonOp, Error, LinearExpr, OptimizationDirection, Problem, SolveOptions, Variable};

use super::open::Open;
use super::room::Move;

/// Nodes of a whole-number program, so that it ends after the same work on every machine.
const NODE_LIMIT: u64 = 2000;

/// Equations up to this width are taken into a ball whole, unless they add up along the largest dimension: the cells of
/// a few schools, and those whole, serve better than a few cells of many.
const NARROW: usize = 24;

/// Variables near to one, and whether they are its whole component.
pub(in crate::disclosure) struct Ball {
    pub(in crate::disclosure) variables: Vec<u32>,
    pub(in crate::disclosure) complete: bool,
}

/// Scratch of one thread.
pub(in crate::disclosure) struct Balls {
    stamp: u32,
    mark: Vec<u32>,
    position: Vec<u32>,
    row_mark: Vec<u32>,
    row_count: Vec<u32>,
}

/// What a program said.
#[derive(Debug)]
pub(in crate::disclosure) enum Answer {
    /// The change of each variable, rounded, and the objective.
    Solved {
        change: Move,
        objective: f64,
        proven: bool,
    },
    Infeasible,
    /// The program was given up.
    Failed,
}

/// A row of a program: terms by position, and what they come to.
type Row = (Vec<(u32, i64)>, i64);

impl Balls {
    pub(in crate::disclosure) fn new(open: &Open) -> Self {
        let (variables, rows) = (open.len(), open.equations.len());
        Balls {
            stamp: 0,
            mark: vec![0; variables],
            position: vec![0; variables],
            row_mark: vec![0; rows],
            row_count: vec![0; rows],
        }
    }

    /// The variables nearest to some, by shared equations; of a wide equation those with the largest values first.
    pub(in crate::disclosure) fn around(
        &mut self,
        open: &Open,
        values: &[i64],
        centres: &[u32],
        (size, fan): (usize, usize),
    ) -> Ball {
        self.stamp += 1;
        let mut variables = Vec::with_capacity(size.min(open.len()));
        for &centre in centres {
            self.mark[centre as usize] = self.stamp;
            variables.push(centre);
        }
        let (mut next, mut cut) = (0, false);
        while next < variables.len() {
            let mut rows: Vec<usize> = open.columns.of(variables[next] as usize).map(|(row, _)| row).collect();
            rows.sort_by_key(|&row| (open.equations.width(row), row));
            for row in rows {
                if self.row_mark[row] == self.stamp {
                    continue;
                }
                let fresh = |balls: &Balls, variable: u32| balls.mark[variable as usize] != balls.stamp;
                let terms = open.equations.row_terms(row);
                let mut near: Vec<u32> = terms.iter().copied().filter(|&term| fresh(self, term)).collect();
                let room = size.saturating_sub(variables.len());
                let fan = if open.across[row] || terms.len() > NARROW { fan } else { NARROW };
                let take = if size == usize::MAX { near.len() } else { room.min(fan) };
                if near.len() > take {
                    let slack = |variable: u32| values[variable as usize] - open.lower[variable as usize];
                    near.sort_by_key(|&variable| (std::cmp::Reverse(slack(variable)), variable));
                    near.truncate(take);
                    cut = true;
                } else {
                    self.row_mark[row] = self.stamp;
                }
                for variable in near {
                    self.mark[variable as usize] = self.stamp;
                    variables.push(variable);
                }
            }
            next += 1;
            if variables.len() >= size {
                cut |= next < variables.len();
                break;
            }
        }
        variables.sort_unstable();
        let complete = !cut && variables.len() < size;
        Ball { variables, complete }
    }

    /// Leaves out variables that are alone in an equation: the others stay as they are, so these must.
    fn peel(&mut self, open: &Open, variables: &mut Vec<u32>, may_lack: &dyn Fn(usize) -> bool) {
        self.stamp += 1;
        for &variable in variables.iter() {
            for (row, _) in open.columns.of(variable as usize) {
                if self.row_mark[row] != self.stamp {
                    self.row_mark[row] = self.stamp;
                    self.row_count[row] = 0;
                }
                self.row_count[row] += 1;
            }
        }
        let alone = |balls: &Balls, variable: u32| {
            open.columns.of(variable as usize).any(|(row, _)| balls.row_count[row] == 1 && !may_lack(row))
        };
        loop {
            let before = variables.len();
            let mut kept = Vec::with_capacity(before);
            for &variable in variables.iter() {
                if alone(self, variable) {
                    for (row, _) in open.columns.of(variable as usize) {
                        self.row_count[row] -= 1;
                    }
                } else {
                    kept.push(variable);
                }
            }
            *variables = kept;
            if variables.len() == before {
                return;
            }
        }
    }

    /// The equations that touch some variables, in positions.
    fn rows(&mut self, open: &Open, variables: &[u32], lack: &dyn Fn(usize) -> i64) -> (Vec<Row>, Vec<u32>) {
        self.stamp += 1;
        for (position, &variable) in variables.iter().enumerate() {
            self.mark[variable as usize] = self.stamp;
            self.position[variable as usize] = position as u32;
        }
        let mut touched = Vec::new();
        for &variable in variables {
            for (row, _) in open.columns.of(variable as usize) {
                if self.row_mark[row] != self.stamp {
                    self.row_mark[row] = self.stamp;
                    self.row_count[row] = touched.len() as u32;
                    touched.push(row as u32);
                }
            }
        }
        let mut rows: Vec<Row> = touched.iter().map(|&row| (Vec::new(), lack(row as usize))).collect();
        for (position, &variable) in variables.iter().enumerate() {
            for (row, c) in open.columns.of(variable as usize) {
                rows[self.row_count[row] as usize].0.push((position as u32, c));
            }
        }
        (rows, touched)
    }

    /// Moves some variables of a ball as far in the wanted directions as it allows, each no further than wanted.
    pub(in crate::disclosure) fn stretch(
        &mut self,
        open: &Open,
        values: &[i64],
        ball: &Ball,
        goals: &[(u32, i64)],
        whole: bool,
    ) -> Answer {
        let mut variables = ball.variables.clone();
        self.peel(open, &mut variables, &|_| false);
        let bounds = |variable: u32| {
            let variable = variable as usize;
            (open.lower[variable] - values[variable], open.upper[variable] - values[variable])
        };
        let mut columns: Vec<(i64, i64, f64)> =
            variables.iter().map(|&variable| (bounds(variable).0, bounds(variable).1, 0.0)).collect();
        let mut any = false;
        for &(variable, by) in goals {
            let Ok(position) = variables.binary_search(&variable) else { continue };
            any = true;
            let column = &mut columns[position];
            match by > 0 {
                true => *column = (column.0, column.1.min(by), 1.0),
                false => *column = (column.0.max(by), column.1, -1.0),
            }
        }
        if !any {
            return Answer::Solved { change: Vec::new(), objective: 0.0, proven: ball.complete };
        }
        let (rows, _) = self.rows(open, &variables, &|_| 0);
        run(&rows, &columns, &[], &variables, whole)
    }

    /// Changes that leave a ball's equations lacking nothing.
    pub(in crate::disclosure) fn fit(
        &mut self,
        open: &Open,
        values: &[i64],
        ball: &Ball,
        lack: &dyn Fn(usize) -> i64,
    ) -> Answer {
        let bounds = |&variable: &u32| {
            let variable = variable as usize;
            (open.lower[variable] - values[variable], open.upper[variable] - values[variable], 0.0)
        };
        let columns: Vec<(i64, i64, f64)> = ball.variables.iter().map(bounds).collect();
        let (rows, _) = self.rows(open, &ball.variables, lack);
        run(&rows, &columns, &[], &ball.variables, true)
    }

    /// Changes within a ball that leave its equations lacking least, none more than before.
    pub(in crate::disclosure) fn mend(
        &mut self,
        open: &Open,
        values: &[i64],
        ball: &Ball,
        lack: &dyn Fn(usize) -> i64,
        whole: bool,
    ) -> Answer {
        let mut variables = ball.variables.clone();
        self.peel(open, &mut variables, &|row| lack(row) != 0);
        let columns: Vec<(i64, i64, f64)> = (variables.iter())
            .map(|&variable| {
                let variable = variable as usize;
                (open.lower[variable] - values[variable], open.upper[variable] - values[variable], 0.0)
            })
            .collect();
        let (rows, touched) = self.rows(open, &variables, lack);
        let lacking: Vec<(usize, i64)> =
            touched.iter().enumerate().map(|(at, &row)| (at, lack(row as usize))).filter(|&(_, l)| l != 0).collect();
        run(&rows, &columns, &lacking, &variables, whole)
    }
}

/// Maximises the columns' costs; each row in `lacking` may keep a part of what it lacks, at a price.
fn run(rows: &[Row], columns: &[(i64, i64, f64)], lacking: &[(usize, i64)], variables: &[u32], whole: bool) -> Answer {
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let finite = |bound: i64| if bound.abs() >= 1 << 50 { f64::INFINITY.copysign(bound as f64) } else { bound as f64 };
    let mut add = |low: i64, high: i64, cost: f64| match whole {
        // Casts saturate; larger moves than that decide nothing.
        true => problem.add_integer_var(cost, (low.max(-1_000_000_000) as i32, high.min(1_000_000_000) as i32)),
        false => problem.add_var(cost, (finite(low), finite(high))),
    };
    let placed: Vec<Variable> = columns.iter().map(|&(low, high, cost)| add(low, high, cost)).collect();
    let mut slacks: Vec<Option<Variable>> = vec![None; rows.len()];
    for &(row, lack) in lacking {
        // Terms plus slack come to the lack, the slack between it and nothing.
        slacks[row] = Some(add(lack.min(0), lack.max(0), -(lack.signum() as f64)));
    }
    for ((terms, lack), slack) in rows.iter().zip(&slacks) {
        let mut sum = LinearExpr::empty();
        for &(position, c) in terms {
            sum.add(placed[position as usize], c as f64);
        }
        if let Some(slack) = slack {
            sum.add(*slack, 1.0);
        }
        problem.add_constraint(sum, ComparisonOp::Eq, *lack as f64);
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some(NODE_LIMIT);
    match problem.solve_with(options) {
        Err(Error::Infeasible) => Answer::Infeasible,
        Err(_) => Answer::Failed,
        Ok(outcome) => {
            let proven = outcome.is_optimal();
            outcome.into_solution().map_or(Answer::Failed, |solution| {
                let values = placed.iter().map(|&column| solution.var_value(column).round() as i64);
                let change = variables.iter().copied().zip(values).filter(|&(_, by)| by != 0).collect();
                Answer::Solved { change, objective: solution.objective(), proven }
            })
        }
    }
}
