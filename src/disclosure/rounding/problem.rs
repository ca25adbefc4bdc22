//! The rounding problem: for each figure a whole number of bases, so that every total stays the sum of its parts.

use super::{Aim, Rounding};
use crate::disclosure::random::Random;
use crate::disclosure::system::Release;

/// One figure per variable of the release; all numbers of bases are called `units` here.
pub(super) struct Problem {
    pub(super) base: i64,
    /// The true figures.
    pub(super) values: Vec<i64>,
    /// What each rounded figure would best be, in whole numbers (not units).
    pub(super) aims: Vec<i64>,
    /// The least and the greatest units of the strict problem: the neighbouring multiples.
    pub(super) low: Vec<i64>,
    pub(super) high: Vec<i64>,
    /// Total and parts.
    pub(super) equations: Vec<(usize, Vec<usize>)>,
    /// The equations in which a figure is the total.
    pub(super) whole_of: Vec<Vec<usize>>,
    /// The equations in which a figure is a part.
    pub(super) part_of: Vec<Vec<usize>>,
}

impl Problem {
    /// `names` tells figures apart, and is the same for a figure in every release.
    pub(super) fn new(release: &Release, rounding: &Rounding, names: &[u64]) -> Self {
        let base = rounding.base();
        let values: Vec<i64> = release.variables().map(|variable| variable.value).collect();
        let low: Vec<i64> = values.iter().map(|value| value / base).collect();
        let high: Vec<i64> = values.iter().map(|value| (value + base - 1) / base).collect();
        let equations: Vec<(usize, Vec<usize>)> =
            release.equations().map(|equation| (equation.total, equation.parts().collect())).collect();
        let mut whole_of = vec![Vec::new(); values.len()];
        let mut part_of = vec![Vec::new(); values.len()];
        for (index, (total, parts)) in equations.iter().enumerate() {
            whole_of[*total].push(index);
            for &part in parts {
                part_of[part].push(index);
            }
        }
        let aims = match rounding.aim {
            Aim::Nearest => values.clone(),
            Aim::Random { seed } => random_aims(&values, base, seed, names),
        };
        Problem { base, values, aims, low, high, equations, whole_of, part_of }
    }

    /// How far `units` are from the aim.
    pub(super) fn distance(&self, figure: usize, units: i64) -> i64 {
        (self.base * units - self.aims[figure]).abs()
    }

    /// How many units beyond the neighbouring multiples.
    pub(super) fn excess(&self, figure: usize, units: i64) -> i64 {
        (self.low[figure] - units).max(units - self.high[figure]).max(0)
    }

    /// Whether every total is the sum of its parts.
    pub(super) fn is_additive(&self, units: &[i64]) -> bool {
        let sum = |parts: &[usize]| parts.iter().map(|&part| units[part]).sum::<i64>();
        self.equations.iter().all(|(total, parts)| units[*total] == sum(parts))
    }

    /// Additive, and every figure at a neighbouring multiple.
    pub(super) fn is_strict(&self, units: &[i64]) -> bool {
        self.is_additive(units) && units.iter().enumerate().all(|(figure, &units)| self.excess(figure, units) == 0)
    }
}

/// Each figure up with the probability of its remainder over the base, else down: unbiased, figure by figure. What is drawn
/// depends on the figure's name alone, so that it is drawn the same way in each release, whatever else is in it: repetition
/// averages nothing out, and a figure that grows by one goes up once, nobody knows where.
fn random_aims(values: &[i64], base: i64, seed: u64, names: &[u64]) -> Vec<i64> {
    let bound = base.unsigned_abs();
    let aim = |(value, name): (&i64, &u64)| {
        let remainder = value % base;
        let up = Random::new(seed ^ name).below(bound) < remainder.unsigned_abs();
        value - remainder + if up { base } else { 0 }
    };
    values.iter().zip(names).map(aim).collect()
}
