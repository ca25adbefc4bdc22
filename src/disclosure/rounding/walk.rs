//! A rounded release for systems of any size: whole people are put in and moved until every figure is where it may be.
//!
//! Every state is additive, since only [`unit`](super::unit) sets are added and taken away. The search for violated
//! figures follows the breakout method (P. Morris, "The breakout method for escaping from local minima", AAAI 1993):
//! a violation that no move mends becomes dearer.

use super::exact;
use super::problem::Problem;
use super::unit::Builder;
use crate::disclosure::policy::{Phase, Progress};
use crate::disclosure::random::Random;

/// What a violation costs at first, in bases.
const VIOLATION: i64 = 8;
/// What a violation costs once there should be none.
const PROHIBITIVE: i64 = 1 << 40;
/// Moves of a round of mending, and more for each undecided figure.
const MOVES: usize = 60_000;
const MOVES_EACH: usize = 4;
/// Undecided figures in the surroundings of a violated one that are rounded anew, and how many such programs.
const SURROUNDINGS: [usize; 3] = [120, 300, 700];
const PROGRAMS: usize = 200;
/// Programs that bring figures nearer at the end.
const REFINEMENTS: usize = 200;
/// Rounds of bringing figures nearer.
const POLISH: usize = 4;
/// Moves without a new best state after which the search goes back to the last one, and more for each violation.
const STRETCH: usize = 5_000;
const STRETCH_EACH: usize = 20;
/// How often it goes back to one state before the search ends.
const RESTARTS: usize = 6;
/// Siblings of one total that are tried to make up for a move, and how many of all when one of them does.
const SIBLINGS: usize = 40;
const ENOUGH: usize = 12;

/// The state of the search.
pub(super) struct Walk<'a> {
    problem: &'a Problem,
    builder: Builder<'a>,
    random: Random,
    /// By figure, in units.
    pub(super) units: Vec<i64>,
    weights: Vec<i64>,
    violated: Members,
    /// Figures whose weight is not what it was at first.
    dearer: Vec<usize>,
    /// The fewest violations so far, and the moves made since.
    fewest: usize,
    since: Vec<(Vec<usize>, i64)>,
    /// Moves until the search goes back to that state.
    patience: usize,
    restarts: usize,
}

/// A set of figures from which one can be drawn.
struct Members {
    list: Vec<usize>,
    position: Vec<usize>,
}

impl Members {
    fn set(&mut self, figure: usize, inside: bool) {
        let position = self.position[figure];
        if inside && position == usize::MAX {
            self.position[figure] = self.list.len();
            self.list.push(figure);
        } else if !inside && position != usize::MAX {
            self.list.swap_remove(position);
            if let Some(&moved) = self.list.get(position) {
                self.position[moved] = position;
            }
            self.position[figure] = usize::MAX;
        }
    }
}

/// What a move by `sign` costs at a figure; `None` where it may not: an empty cell stays empty, nothing gets negative.
fn price(problem: &Problem, units: &[i64], weights: &[i64], figure: usize, sign: i64) -> Option<i64> {
    let (before, after) = (units[figure], units[figure] + sign);
    let allowed = after >= 0 && problem.values[figure] > 0;
    allowed.then(|| {
        let excess = problem.excess(figure, after) - problem.excess(figure, before);
        weights[figure] * excess + problem.distance(figure, after) - problem.distance(figure, before)
    })
}

impl<'a> Walk<'a> {
    /// Starts from empty tables.
    pub(super) fn new(problem: &'a Problem, seed: u64) -> Self {
        let count = problem.values.len();
        let mut walk = Walk {
            problem,
            builder: Builder::new(problem, seed ^ 0x1405_7b7e_f767_814f),
            random: Random::new(seed ^ 0x5851_f42d_4c95_7f2d),
            units: vec![0; count],
            weights: vec![VIOLATION * problem.base; count],
            violated: Members { list: Vec::new(), position: vec![usize::MAX; count] },
            dearer: Vec::new(),
            fewest: usize::MAX,
            since: Vec::new(),
            patience: STRETCH,
            restarts: 0,
        };
        for figure in 0..count {
            walk.note(figure);
        }
        walk
    }

    fn note(&mut self, figure: usize) {
        let inside = self.problem.excess(figure, self.units[figure]) > 0;
        self.violated.set(figure, inside);
    }

    /// How many figures are beyond their neighbouring multiples.
    pub(super) fn violations(&self) -> usize {
        self.violated.list.len()
    }

    fn build(&mut self, figure: usize, sign: i64) -> Option<(i64, Vec<usize>)> {
        let (problem, units, weights) = (self.problem, &self.units, &self.weights);
        let price = |at: usize| price(problem, units, weights, at, sign);
        let set = self.builder.through(figure, &price)?.to_vec();
        let sum = set.iter().map(|&at| price(at)).sum::<Option<i64>>()?;
        Some((sum, set))
    }

    fn add(&mut self, set: &[usize], by: i64) {
        for &figure in set {
            self.units[figure] += by;
            self.note(figure);
        }
    }

    /// The whole search: fill; mend by moves and then by programs, in so many rounds; polish.
    pub(super) fn run(&mut self, rounds: usize, progress: &mut dyn FnMut(Progress)) {
        let problem = self.problem;
        let undecided: Vec<usize> =
            (0..self.units.len()).filter(|&figure| problem.low[figure] < problem.high[figure]).collect();
        self.fill();
        for round in 0..rounds {
            progress(Progress { phase: Phase::Search, done: round, total: rounds });
            self.mend(MOVES + MOVES_EACH * undecided.len());
            self.return_to_best();
            if self.violations() > 0 {
                self.solve_around();
            }
            if self.violations() == 0 {
                break;
            }
        }
        // Now no gain outweighs a violation, and there is no way back.
        self.weights.fill(PROHIBITIVE);
        for round in 0..POLISH {
            progress(Progress { phase: Phase::Release, done: round, total: POLISH });
            self.polish(&undecided);
            self.since.clear();
        }
        self.refine(&undecided);
    }

    /// Rounds the surroundings of figures drawn at random anew, where that brings them nearer to their aims.
    fn refine(&mut self, undecided: &[usize]) {
        for _ in 0..REFINEMENTS.min(undecided.len()) {
            let figure = undecided[self.random.index(undecided.len())];
            let Some(found) = exact::around(self.problem, &self.units, figure, SURROUNDINGS[1]) else { continue };
            let problem = self.problem;
            let gain = |&(figure, units): &(usize, i64)| {
                problem.distance(figure, self.units[figure]) - problem.distance(figure, units)
            };
            if found.iter().map(gain).sum::<i64>() > 0 {
                for (figure, units) in found {
                    self.units[figure] = units;
                    self.note(figure);
                }
            }
        }
    }

    /// Puts people in, where they are missing most, until the outermost figures are full.
    fn fill(&mut self) {
        let outermost: Vec<usize> =
            (0..self.units.len()).filter(|&figure| self.problem.part_of[figure].is_empty()).collect();
        for figure in outermost {
            while 2 * self.problem.distance(figure, self.units[figure]) > self.problem.base
                && self.problem.base * self.units[figure] < self.problem.aims[figure]
            {
                let Some((_, set)) = self.build(figure, 1) else { break };
                let room = set.iter().map(|&at| self.problem.low[at] - self.units[at]).min().unwrap_or(0);
                self.add(&set, room.max(1));
            }
        }
    }

    /// Mends violations by at most so many moves.
    fn mend(&mut self, moves: usize) {
        self.fewest = usize::MAX;
        self.keep_best();
        for _ in 0..moves {
            if self.violated.list.is_empty() || self.restarts > RESTARTS {
                return;
            }
            self.patience = self.patience.saturating_sub(1);
            if self.patience == 0 {
                self.restart();
                continue;
            }
            let at = self.random.index(self.violated.list.len());
            let figure = self.violated.list[at];
            let sign = if self.units[figure] < self.problem.low[figure] { 1 } else { -1 };
            self.improve(figure, sign, true);
            self.keep_best();
        }
    }

    /// Brings figures nearer to their aims by moves that violate nothing.
    fn polish(&mut self, undecided: &[usize]) {
        for _ in 0..undecided.len() * 2 {
            let figure = undecided[self.random.index(undecided.len())];
            let units = self.units[figure];
            let here = self.problem.distance(figure, units);
            for sign in [1, -1] {
                if self.problem.excess(figure, units + sign) == 0 && self.problem.distance(figure, units + sign) < here
                {
                    self.improve(figure, sign, false);
                }
            }
        }
    }

    /// Moves a figure by one unit, with or without another move that makes up for it, whichever is cheapest. Where
    /// nothing is cheaper than staying and the figure is violated, that gets dearer.
    fn improve(&mut self, figure: usize, sign: i64, violated: bool) {
        let Some((alone, set)) = self.build(figure, sign) else {
            if violated {
                self.weights[figure] += self.problem.base;
            }
            return;
        };
        self.add(&set, sign);
        let mut best: (i64, Option<Vec<usize>>) = (alone, None);
        for (tried, sibling) in self.siblings(figure).into_iter().enumerate() {
            if tried >= ENOUGH && best.0 < 0 {
                break;
            }
            if let Some((price, other)) = self.build(sibling, -sign)
                && alone + price < best.0
            {
                best = (alone + price, Some(other));
            }
        }
        if best.0 < 0 {
            self.since.push((set, sign));
            if let Some(other) = best.1 {
                self.add(&other, -sign);
                self.since.push((other, -sign));
            }
            return;
        }
        self.add(&set, -sign);
        if violated {
            self.raise(figure);
        }
    }

    fn raise(&mut self, figure: usize) {
        self.weights[figure] += self.problem.base * 4;
        self.dearer.push(figure);
    }

    /// Figures of the same total that are not empty, a few of each total in turn.
    fn siblings(&mut self, figure: usize) -> Vec<usize> {
        let mut siblings = Vec::new();
        for &equation in &self.problem.part_of[figure] {
            let parts = &self.problem.equations[equation].1;
            let start = self.random.index(parts.len());
            let candidates = (0..parts.len()).map(|step| parts[(start + step) % parts.len()]);
            let candidates = candidates.filter(|&part| part != figure && self.problem.values[part] > 0);
            siblings.extend(candidates.take(SIBLINGS).enumerate());
        }
        siblings.sort_by_key(|&(rank, _)| rank);
        siblings.into_iter().map(|(_, figure)| figure).collect()
    }

    /// Rounds the surroundings of what is still violated anew, larger and larger ones.
    fn solve_around(&mut self) {
        let mut programs = 0;
        for size in SURROUNDINGS {
            let mut open = self.violated.list.clone();
            open.sort_unstable();
            for figure in open {
                if self.problem.excess(figure, self.units[figure]) == 0 || programs >= PROGRAMS {
                    continue;
                }
                programs += 1;
                for (figure, units) in exact::around(self.problem, &self.units, figure, size).unwrap_or_default() {
                    self.units[figure] = units;
                    self.note(figure);
                }
            }
        }
    }

    fn keep_best(&mut self) {
        if self.violations() < self.fewest {
            self.fewest = self.violations();
            self.since.clear();
            self.restarts = 0;
            self.patience = STRETCH + STRETCH_EACH * self.fewest;
        }
    }

    /// Back to the best state, with nothing dearer than at first.
    fn restart(&mut self) {
        for figure in self.dearer.drain(..) {
            self.weights[figure] = VIOLATION * self.problem.base;
        }
        self.return_to_best();
        self.restarts += 1;
        self.patience = STRETCH + STRETCH_EACH * self.fewest;
    }

    /// Takes back the moves since the state with the fewest violations.
    fn return_to_best(&mut self) {
        while let Some((set, by)) = self.since.pop() {
            self.add(&set, -by);
        }
    }
}
