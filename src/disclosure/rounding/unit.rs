//! One more person: a set of figures that all grow by one when somebody joins the population.
//!
//! In every equation that it touches such a set holds the total and exactly one part, so adding it any number of times
//! keeps every total the sum of its parts, whatever hierarchies and links the equations come from.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::problem::Problem;
use crate::disclosure::random::Random;

/// Builds such sets.
pub(super) struct Builder<'a> {
    problem: &'a Problem,
    /// Which figures and equations belong to the set under construction: those that carry its number.
    number: u32,
    member: Vec<u32>,
    covered: Vec<u32>,
    /// The same for a trial of what choosing a part would bring along.
    trial_number: u32,
    trial: Vec<u32>,
    set: Vec<usize>,
    /// Totals that may still lack a part, the smallest first: what lies deep decides what lies above.
    pending: BinaryHeap<Reverse<(i64, usize)>>,
    /// Two parts of one total came in.
    broken: bool,
    /// Draws among parts of one price.
    random: Random,
}

impl<'a> Builder<'a> {
    pub(super) fn new(problem: &'a Problem, seed: u64) -> Self {
        Builder {
            problem,
            number: 0,
            member: vec![0; problem.values.len()],
            covered: vec![0; problem.equations.len()],
            trial_number: 0,
            trial: vec![0; problem.values.len()],
            set: Vec::new(),
            pending: BinaryHeap::new(),
            broken: false,
            random: Random::new(seed),
        }
    }

    /// A set with this figure; where a total leaves the choice of the part, the part whose followers have the least
    /// sum of `price`. `None` prices forbid a figure. `None` when the choices end in a contradiction.
    pub(super) fn through(&mut self, figure: usize, price: &dyn Fn(usize) -> Option<i64>) -> Option<&[usize]> {
        self.number += 1;
        self.set.clear();
        self.pending.clear();
        self.broken = false;
        self.followers(figure, price)?;
        self.include(figure);
        while let Some(Reverse((_, equation))) = self.pending.pop() {
            if self.covered[equation] != self.number {
                let problem = self.problem;
                let mut best: Option<(i64, usize)> = None;
                let mut equal = 0;
                for &part in &problem.equations[equation].1 {
                    let Some(price) = self.followers(part, price) else { continue };
                    match best {
                        Some((least, _)) if price > least => continue,
                        Some((least, _)) if price == least => equal += 1,
                        _ => equal = 1,
                    }
                    if self.random.below(equal) == 0 {
                        best = Some((price, part));
                    }
                }
                self.include(best?.1);
            }
        }
        (!self.broken).then_some(&self.set[..])
    }

    /// The price of the figures that including this one adds; `None` where it cannot be included.
    fn followers(&mut self, figure: usize, price: &dyn Fn(usize) -> Option<i64>) -> Option<i64> {
        self.trial_number += 1;
        let mut sum = 0;
        let mut stack = vec![figure];
        self.trial[figure] = self.trial_number;
        while let Some(at) = stack.pop() {
            sum += price(at)?;
            for &equation in &self.problem.part_of[at] {
                // A part of this total is in the set already.
                if self.covered[equation] == self.number {
                    return None;
                }
                let total = self.problem.equations[equation].0;
                if self.member[total] != self.number && self.trial[total] != self.trial_number {
                    self.trial[total] = self.trial_number;
                    stack.push(total);
                }
            }
        }
        Some(sum)
    }

    fn include(&mut self, figure: usize) {
        let mut stack = vec![figure];
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut self.member[at], self.number) == self.number {
                continue;
            }
            self.set.push(at);
            let value = self.problem.values[at];
            self.pending.extend(self.problem.whole_of[at].iter().map(|&equation| Reverse((value, equation))));
            for &equation in &self.problem.part_of[at] {
                self.broken |= std::mem::replace(&mut self.covered[equation], self.number) == self.number;
                stack.push(self.problem.equations[equation].0);
            }
        }
    }
}
