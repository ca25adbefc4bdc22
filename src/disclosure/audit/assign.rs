//! A whole-number assignment that fits everything published, found from the public figures alone.
//!
//! First an estimate: hidden cells in proportion, scaled to one equation after the other (iterative proportional fitting,
//! W. E. Deming and F. F. Stephan, "On a least squares adjustment of a sampled frequency table when the expected marginal
//! totals are known", Annals of Mathematical Statistics 11 (1940); for a hidden total the factor that meets an equation
//! of both signs). It lies inside what is possible, so that most cells can move both ways. Then it is rounded, with what
//! equations lack carried on to the next cell, and mended: by chains of changes, by small linear programs in growing
//! balls, by the whole component at last. A change is taken only if it leaves the equations lacking less, in integers.

use super::chain::Chain;
use super::open::Open;
use super::program::{Answer, Ball, Balls};
use super::room::{Move, residual};

/// Sweeps of proportional fitting.
const SWEEPS: usize = 1000;
/// Sweeps that are made in any case.
const LEAST_SWEEPS: usize = 40;
/// What equations may lack when fitting ends: rounding adds as much.
const CLOSE: f64 = 0.2;
/// Rounds of chains; the first make things better at each step, the others may carry on what lacks.
const ROUNDS: u64 = 100;
/// Sizes of the balls that are mended, in variables.
const SIZES: [usize; 5] = [60, 250, 800, 2000, 8000];
/// Variables of an equation that a ball takes in at a time.
const FAN: usize = 1;
/// Components up to this size are solved whole if the balls fail.
const WHOLE: usize = 20_000;
/// Components up to this size are solved in whole numbers at last.
const EXACT: usize = 800;

/// What lies above each variable's lower bound, in proportion.
pub(in crate::disclosure) type Estimate = Vec<f64>;

/// The first assignment: by variable, the estimate that it was rounded from, and the programs solved. It may fit only
/// some components. `hint` proposes values.
pub(in crate::disclosure) fn assign(open: &Open, hint: Option<&[Option<i64>]>) -> (Vec<i64>, Estimate, usize) {
    let estimate = fitted(open, vec![1.0; open.len()]);
    let mut values = rounded(open, &estimate);
    for (variable, proposed) in hint.unwrap_or_default().iter().enumerate() {
        if let Some(proposed) = proposed {
            values[variable] = (*proposed).clamp(open.lower[variable], open.upper[variable]);
        }
    }
    let mut mender = Mender::new(open, values);
    mender.chains();
    mender.balls(&SIZES);
    mender.balls(&[usize::MAX]);
    mender.components();
    (mender.values, estimate, mender.programs)
}

/// Another assignment, leaning towards what `prior` makes large.
pub(in crate::disclosure) fn lean(open: &Open, prior: Estimate) -> Vec<i64> {
    let estimate = fitted(open, prior);
    let mut mender = Mender::new(open, rounded(open, &estimate));
    mender.chains();
    let lacking = mender.chain.residuals().iter().filter(|&&lack| lack != 0).count();
    if lacking <= 60 {
        mender.balls(&SIZES[..2]);
    }
    mender.values
}

/// Proportional fitting of what lies above the lower bounds.
fn fitted(open: &Open, mut above: Estimate) -> Estimate {
    let equations = &open.equations;
    let unit: Vec<u32> = (0..equations.len())
        .filter(|&row| equations.row(row).all(|(_, c)| c.abs() == 1))
        .map(|row| row as u32)
        .collect();
    let rest = |row: usize| {
        let lowest: i64 = equations.row(row).map(|(variable, c)| c * open.lower[variable]).sum();
        (equations.rests[row] - lowest) as f64
    };
    let rests: Vec<f64> = unit.iter().map(|&row| rest(row as usize)).collect();
    for sweep in 0..SWEEPS {
        let mut widest = 0.0f64;
        for (&row, &rest) in unit.iter().zip(&rests) {
            let (mut plus, mut minus) = (0.0f64, 0.0f64);
            for (variable, c) in equations.row(row as usize) {
                if c > 0 { plus += above[variable] } else { minus += above[variable] }
            }
            widest = widest.max((plus - minus - rest).abs());
            // factor * plus - minus / factor = rest.
            let factor = match (plus > 0.0, minus > 0.0) {
                (true, true) => (rest + (rest * rest + 4.0 * plus * minus).sqrt()) / (2.0 * plus),
                (true, false) => rest / plus,
                (false, true) => -minus / rest,
                (false, false) => continue,
            };
            if !factor.is_finite() || factor <= 1e-12 {
                continue;
            }
            for (variable, c) in equations.row(row as usize) {
                let scaled = if c > 0 { above[variable] * factor } else { above[variable] / factor };
                above[variable] = scaled.clamp(1e-30, 1e15);
            }
        }
        if sweep >= LEAST_SWEEPS && widest < CLOSE {
            break;
        }
    }
    above
}

/// Rounds each value up or down, whichever keeps the equations' rounding errors smaller.
fn rounded(open: &Open, estimate: &[f64]) -> Vec<i64> {
    let mut errors = vec![0.0f64; open.equations.len()];
    let mut values = Vec::with_capacity(open.len());
    for (variable, &above) in estimate.iter().enumerate() {
        let estimate =
            (above + open.lower[variable] as f64).clamp(open.lower[variable] as f64, open.upper[variable] as f64);
        let down = estimate.floor();
        let cost = |by: f64| -> f64 {
            let rows = open.columns.of(variable);
            rows.map(|(row, c)| (errors[row] + c as f64 * by).powi(2) - errors[row].powi(2)).sum()
        };
        let (below, above) = (down - estimate, down + 1.0 - estimate);
        let by = if cost(below) <= cost(above) || below == 0.0 { below } else { above };
        for (row, c) in open.columns.of(variable) {
            errors[row] += c as f64 * by;
        }
        let value = (estimate + by).round() as i64;
        values.push(value.clamp(open.lower[variable], open.upper[variable]));
    }
    values
}

struct Mender<'o> {
    open: &'o Open,
    values: Vec<i64>,
    chain: Chain,
    programs: usize,
}

impl<'o> Mender<'o> {
    fn new(open: &'o Open, values: Vec<i64>) -> Self {
        let mut chain = Chain::new(open);
        let narrow = |lack: i128| i64::try_from(lack).unwrap_or(if lack > 0 { 1 << 60 } else { -(1 << 60) });
        let lacks = (0..open.equations.len()).map(|row| narrow(residual(open, &values, row))).collect();
        chain.set_residuals(lacks);
        Mender { open, values, chain, programs: 0 }
    }

    fn take(&mut self, change: &Move) {
        self.chain.commit(self.open, change);
        for &(variable, by) in change {
            self.values[variable as usize] += by;
        }
    }

    /// Mends by chains, the narrow equations first, as long as that helps.
    fn chains(&mut self) {
        let mut order: Vec<u32> = (0..self.open.equations.len() as u32).collect();
        order.sort_by_key(|&row| (self.open.equations.width(row as usize), row));
        for salt in 0..ROUNDS {
            let mut lacking = Vec::new();
            let wander = salt >= 3;
            for &row in &order {
                let mut tries = 0;
                while self.chain.residuals()[row as usize] != 0 {
                    let salt = salt + 1000 * tries;
                    let repaired = self.chain.repair(self.open, &self.values, row as usize, salt, wander);
                    let Some(change) = repaired.filter(|_| tries == 0 || !wander) else {
                        break;
                    };
                    self.take(&change);
                    tries += 1;
                }
            }
            lacking.extend(order.iter().copied().filter(|&row| self.chain.residuals()[row as usize] != 0));
            if lacking.is_empty() {
                return;
            }
            if wander {
                order = (0..self.open.equations.len() as u32)
                    .filter(|&row| self.chain.residuals()[row as usize] != 0)
                    .collect();
            }
        }
    }

    /// Mends by linear programs in growing balls around what lacks.
    fn balls(&mut self, sizes: &[usize]) {
        let mut balls = Balls::new(self.open);
        for &size in sizes {
            let lacking: Vec<usize> =
                (0..self.open.equations.len()).filter(|&row| self.chain.residuals()[row] != 0).collect();
            if lacking.is_empty() {
                return;
            }
            for row in lacking {
                if self.chain.residuals()[row] != 0 {
                    self.ball(&mut balls, row, size);
                }
            }
        }
    }

    fn ball(&mut self, balls: &mut Balls, row: usize, size: usize) {
        let mut centres: Vec<u32> = self.open.equations.row_terms(row).to_vec();
        centres.truncate(if size == usize::MAX { usize::MAX } else { size / 3 });
        let ball = balls.around(self.open, &self.values, &centres, (size, FAN));
        if size == usize::MAX && ball.variables.len() > WHOLE {
            return;
        }
        for whole in [false, true] {
            self.programs += 1;
            let residuals = self.chain.residuals();
            let answer = balls.mend(self.open, &self.values, &ball, &|row| residuals[row], whole);
            let Answer::Solved { change, .. } = answer else { return };
            if self.helps(&change) {
                self.take(&change);
                return;
            }
            // A vertex between whole numbers may have one near it that helps; one that changes nothing has none.
            if change.is_empty() || size > SIZES[2] {
                return;
            }
        }
    }

    /// Solves small components that still lack something whole, in whole numbers.
    fn components(&mut self) {
        let open = self.open;
        for component in open.components.iter().filter(|component| component.len() <= EXACT) {
            let rows = |variable: &u32| open.columns.of(*variable as usize).map(|(row, _)| row);
            if component.iter().flat_map(rows).all(|row| self.chain.residuals()[row] == 0) {
                continue;
            }
            self.programs += 1;
            let ball = Ball { variables: component.clone(), complete: true };
            let residuals = self.chain.residuals();
            let answer = Balls::new(open).fit(open, &self.values, &ball, &|row| residuals[row]);
            if let Answer::Solved { change, .. } = answer
                && self.helps(&change)
            {
                self.take(&change);
            }
        }
    }

    /// Whether a change keeps the bounds and leaves the equations lacking less.
    fn helps(&self, change: &Move) -> bool {
        let mut lacks: std::collections::BTreeMap<usize, i64> = std::collections::BTreeMap::new();
        for &(variable, by) in change {
            let value = self.values[variable as usize].saturating_add(by);
            if value < self.open.lower[variable as usize] || value > self.open.upper[variable as usize] {
                return false;
            }
            for (row, c) in self.open.columns.of(variable as usize) {
                *lacks.entry(row).or_insert(self.chain.residuals()[row]) -= c * by;
            }
        }
        let gains = lacks.iter().map(|(&row, lack)| self.chain.residuals()[row].abs() - lack.abs());
        gains.sum::<i64>() > 0
    }
}
