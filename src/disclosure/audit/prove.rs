//! Bounds that combinations of equations prove.
//!
//! With `x = l + y`, `y >= 0`: if multipliers `m` over some equations `A x = b` give `m A >= s e_v` in every column, then
//! `s y_v <= m (b - A l)` (weak duality). A linear program over the equations near a variable proposes multipliers;
//! rounded to fractions of a small denominator they are checked in integers, and only then believed. Equations that are
//! left out can only make the true interval narrower, so that a bound from some is a bound.

use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, SolveOptions};

use super::bounds::Side;
use super::open::Open;

/// Denominators of multipliers that are tried.
const DENOMINATORS: [i64; 9] = [1, 2, 3, 4, 5, 6, 8, 10, 12];

/// A bound and the combination of equations that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::disclosure) struct Proof {
    pub(in crate::disclosure) variable: u32,
    pub(in crate::disclosure) side: Side,
    pub(in crate::disclosure) bound: i64,
    /// Open equations with their multipliers; the sum bounds `denominator` times the variable.
    pub(in crate::disclosure) multipliers: Vec<(u32, i64)>,
    pub(in crate::disclosure) denominator: i64,
}

/// Scratch of one thread.
pub(in crate::disclosure) struct Prover {
    stamp: u32,
    row_mark: Vec<u32>,
    mark: Vec<u32>,
    position: Vec<u32>,
}

impl Prover {
    pub(in crate::disclosure) fn new(open: &Open) -> Self {
        let (variables, rows) = (open.len(), open.equations.len());
        Prover { stamp: 0, row_mark: vec![0; rows], mark: vec![0; variables], position: vec![0; variables] }
    }

    /// The equations nearest to a variable, narrow ones first.
    pub(in crate::disclosure) fn near(&mut self, open: &Open, variable: u32, count: usize, width: usize) -> Vec<u32> {
        self.stamp += 1;
        let mut rows: Vec<u32> = Vec::with_capacity(count);
        let mut queue = vec![variable];
        self.mark[variable as usize] = self.stamp;
        let mut next = 0;
        while next < queue.len() && rows.len() < count {
            for (row, _) in open.columns.of(queue[next] as usize) {
                if self.row_mark[row] == self.stamp || open.equations.width(row) > width || rows.len() >= count {
                    continue;
                }
                self.row_mark[row] = self.stamp;
                rows.push(row as u32);
                for &term in open.equations.row_terms(row) {
                    if self.mark[term as usize] != self.stamp {
                        self.mark[term as usize] = self.stamp;
                        queue.push(term);
                    }
                }
            }
            next += 1;
        }
        rows
    }

    /// The best bound of a variable that these equations prove, if any.
    pub(in crate::disclosure) fn bound(
        &mut self,
        open: &Open,
        variable: u32,
        side: Side,
        rows: &[u32],
    ) -> Option<Proof> {
        let sign = if side == Side::Upper { 1 } else { -1 };
        let multipliers = self.propose(open, variable, sign, rows)?;
        DENOMINATORS.iter().find_map(|&denominator| {
            let whole: Vec<(u32, i64)> = (rows.iter().zip(&multipliers))
                .map(|(&row, &m)| (row, (m * denominator as f64).round() as i64))
                .filter(|&(_, m)| m != 0)
                .collect();
            let close = (rows.iter().zip(&multipliers)).all(|(_, &m)| {
                let scaled = m * denominator as f64;
                (scaled - scaled.round()).abs() < 1e-5
            });
            if !close {
                return None;
            }
            let bound = check(open, variable, side, &whole, denominator)?;
            Some(Proof { variable, side, bound, multipliers: whole, denominator })
        })
    }

    /// Multipliers in floating point.
    fn propose(&mut self, open: &Open, variable: u32, sign: i64, rows: &[u32]) -> Option<Vec<f64>> {
        self.stamp += 1;
        let mut columns: Vec<LinearExpr> = Vec::new();
        let mut order = Vec::new();
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        for &row in rows {
            let lowest: i64 = open.equations.row(row as usize).map(|(v, c)| c * open.lower[v]).sum();
            let cost = (open.equations.rests[row as usize] - lowest) as f64;
            let multiplier = problem.add_var(cost, (f64::NEG_INFINITY, f64::INFINITY));
            order.push(multiplier);
            for (other, c) in open.equations.row(row as usize) {
                if self.mark[other] != self.stamp {
                    self.mark[other] = self.stamp;
                    self.position[other] = columns.len() as u32;
                    columns.push(LinearExpr::empty());
                }
                columns[self.position[other] as usize].add(multiplier, c as f64);
            }
        }
        if self.mark[variable as usize] != self.stamp {
            return None;
        }
        let own = self.position[variable as usize] as usize;
        for (position, column) in columns.into_iter().enumerate() {
            let least = if position == own { sign as f64 } else { 0.0 };
            problem.add_constraint(column, ComparisonOp::Ge, least);
        }
        let solution = problem.solve_with(SolveOptions::default()).ok()?.into_solution().ok()?;
        Some(order.iter().map(|&multiplier| solution.var_value(multiplier)).collect())
    }
}

/// The bound that multipliers prove, in integers; `None` where they prove none.
pub(in crate::disclosure) fn check(
    open: &Open,
    variable: u32,
    side: Side,
    multipliers: &[(u32, i64)],
    denominator: i64,
) -> Option<i64> {
    let sign: i128 = if side == Side::Upper { 1 } else { -1 };
    let mut columns: std::collections::BTreeMap<usize, i128> = std::collections::BTreeMap::new();
    let mut rest: i128 = 0;
    for &(row, m) in multipliers {
        rest += i128::from(m) * i128::from(open.equations.rests[row as usize]);
        for (other, c) in open.equations.row(row as usize) {
            *columns.entry(other).or_default() += i128::from(m) * i128::from(c);
        }
    }
    *columns.entry(variable as usize).or_default() -= sign * i128::from(denominator);
    // What remains is not negative in any column, so that it is at least its value at the lower bounds.
    for (&other, &left) in &columns {
        if left < 0 {
            return None;
        }
        rest -= left * i128::from(open.lower[other]);
    }
    // sign * denominator * x <= rest.
    let bound = match side {
        Side::Upper => rest.div_euclid(i128::from(denominator)),
        Side::Lower => -(rest.div_euclid(i128::from(denominator))),
    };
    i64::try_from(bound).ok()
}
