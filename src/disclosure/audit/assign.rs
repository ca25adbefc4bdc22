//! A whole-number assignment that fits everything published, found from the public figures alone.
//!
//! First an estimate: hidden cells in proportion, scaled to one equation after the other (iterative proportional fitting,
//! W. E. Deming and F. F. Stephan, "On a least squares adjustment of a sampled frequency table when the expected marginal
//! totals are known", Annals of Mathematical Statistics 11 (1940); for a hidden total the factor that meets an equation
//! of both signs). It lies inside what is possible, so that most cells can move both ways. Then it is rounded, with what
//! equations lack carried on to the next cell, and mended: by chains of changes, by small linear programs in growing
//! balls, by the whole component at last. A change is taken only if it leaves the equations lacking less, in integers.

use super::chain::{ANY, Chain};
use super::open::Open;
use super::program::{Answer, Ball, Balls};
use super::room::{Move, residual};

/// Sweeps of proportional fitting.
const SWEEPS: usize = 1000;
/// Sweeps that are made in any case.
const LEAST_SWEEPS: usize = 40;
/// What equations may lack when fitting ends: rounding adds as much.
const CLOSE: f64 = 0.2;
/// Rounds of chains over everything.
const ROUNDS: u64 = 100;
/// The same at each depth before.
const LEVEL_ROUNDS: u64 = 60;
/// The first round that may carry on what lacks.
const WANDER: u64 = 3;
/// Sizes of the balls that are mended, in variables, and how many variables of a wide equation they take in at a time.
const SIZES: [(usize, usize); 5] = [(150, 1), (500, 1), (1200, 2), (3000, 3), (8000, 4)];
/// Larger balls than this are tried only for this many equations.
const LARGE: (usize, usize) = (1200, 200);
/// Components up to this size are solved whole if the balls fail.
const WHOLE: usize = 20_000;
/// Components up to this size are solved in whole numbers at last.
const EXACT: usize = 800;

/// What lies above each variable's lower bound, in proportion.
pub(in crate::disclosure) type Estimate = Vec<f64>;

/// The first assignment: by variable, the estimate that it was rounded from where one was made, and the programs solved.
/// It may fit only some components. `hint` proposes values.
pub(in crate::disclosure) fn assign(open: &Open, hint: Option<&[Option<i64>]>) -> (Vec<i64>, Option<Estimate>, usize) {
    let clamp = |variable: usize, value: i64| value.clamp(open.lower[variable], open.upper[variable]);
    if let Some(whole) = hint.and_then(|hint| hint.iter().copied().collect::<Option<Vec<i64>>>()) {
        let values: Vec<i64> = whole.into_iter().enumerate().map(|(variable, value)| clamp(variable, value)).collect();
        if (0..open.equations.len()).all(|row| residual(open, &values, row) == 0) {
            return (values, None, 0);
        }
    }
    let estimate = estimate(open);
    let mut values = rounded(open, &estimate);
    for (variable, proposed) in hint.unwrap_or_default().iter().enumerate() {
        if let Some(proposed) = proposed {
            values[variable] = clamp(variable, *proposed);
        }
    }
    let mut mender = Mender::new(open, values);
    mender.chains();
    mender.balls(&SIZES);
    mender.balls(&[(usize::MAX, usize::MAX)]);
    mender.components();
    (mender.values, Some(estimate), mender.programs)
}

/// What lies above the lower bounds, in proportion to what the equations say.
pub(in crate::disclosure) fn estimate(open: &Open) -> Estimate {
    fitted(open, vec![1.0; open.len()])
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

    /// Mends by chains: first what is above, so that what is below has only to fit it; then all together.
    fn chains(&mut self) {
        let mut depths = self.open.depth.clone();
        depths.sort_unstable();
        depths.dedup();
        if depths.len() > 1 && self.open.len() > EXACT {
            for depth in depths {
                self.chains_at(depth, LEVEL_ROUNDS);
            }
        }
        self.chains_at(ANY, ROUNDS);
    }

    /// Mends by chains at a depth, the narrow equations first, as long as that helps.
    fn chains_at(&mut self, depth: u8, rounds: u64) {
        self.chain.set_depth(depth);
        let open = self.open;
        let mut order: Vec<u32> = (0..open.equations.len() as u32).collect();
        order.sort_by_key(|&row| (open.equations.width(row as usize), row));
        for salt in 0..rounds {
            let counts = |row: u32| depth == ANY || open.row_depth[row as usize] == depth;
            order.retain(|&row| counts(row) && (salt < WANDER || self.chain.residuals()[row as usize] != 0));
            for &row in &order {
                self.mend(row as usize, salt);
            }
            if salt + 1 >= WANDER {
                let lacks = |&row: &u32| counts(row) && self.chain.residuals()[row as usize] != 0;
                order = (0..open.equations.len() as u32).filter(lacks).collect();
            }
            if order.iter().all(|&row| self.chain.residuals()[row as usize] == 0) {
                break;
            }
        }
        self.chain.set_depth(ANY);
    }

    /// Chains from an equation: as many as make things better, or one that carries on what it lacks.
    fn mend(&mut self, row: usize, salt: u64) {
        let wander = salt >= WANDER;
        for tries in 0.. {
            if self.chain.residuals()[row] == 0 {
                return;
            }
            let Some(change) = self.chain.repair(self.open, &self.values, row, salt + 1000 * tries, wander) else {
                return;
            };
            self.take(&change);
            if wander {
                return;
            }
        }
    }

    /// Mends by linear programs in growing balls around what lacks.
    fn balls(&mut self, sizes: &[(usize, usize)]) {
        let mut balls = Balls::new(self.open);
        for &size in sizes {
            let lacking: Vec<usize> =
                (0..self.open.equations.len()).filter(|&row| self.chain.residuals()[row] != 0).collect();
            if lacking.is_empty() || (size.0 > LARGE.0 && lacking.len() > LARGE.1) {
                return;
            }
            for row in lacking {
                if self.chain.residuals()[row] != 0 {
                    self.ball(&mut balls, row, size);
                }
            }
        }
    }

    fn ball(&mut self, balls: &mut Balls, row: usize, (size, fan): (usize, usize)) {
        let mut centres: Vec<u32> = self.open.equations.row_terms(row).to_vec();
        if size < usize::MAX {
            let room = |variable: u32| self.values[variable as usize] - self.open.lower[variable as usize];
            centres.sort_by_key(|&variable| (std::cmp::Reverse(room(variable)), variable));
            centres.truncate(if self.open.across[row] { fan + 1 } else { size / 3 });
        }
        let ball = balls.around(self.open, &self.values, &centres, (size, fan));
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
            if change.is_empty() || size > SIZES[2].0 {
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
