//! The complementary search: hides as little as it can so that every protected figure may be another.
//!
//! For each figure that no witness protects yet, a small linear program around it finds one at the least price of
//! cells not hidden so far; the cells that it moves are hidden. Hiding more never spoils a witness, so one pass
//! suffices. Then cells are published again, heaviest first, where the figures that relied on them have other
//! witnesses.

use super::condense::System;
use super::exchange::Exchange;
use super::local::{Goal, Local, Movable, Witness, reach};
use super::policy::{Level, Phase, Policy, Progress};

/// The pattern found.
pub(super) struct Pattern {
    /// Hidden, by unknown; false for figures that nothing prints.
    pub(super) hidden: Vec<bool>,
    /// Unknowns for which no witness was found.
    pub(super) unmet: Vec<usize>,
    /// The changes that show, between them, that every protected unknown may be another.
    pub(super) witnesses: Vec<Witness>,
    /// Linear programs solved.
    pub(super) programs: usize,
}

/// How large a part of the system a linear program looks at, in unknowns: the first that gives a witness ends it.
const SEARCH_SIZES: [usize; 5] = [120, 400, 1200, 4000, usize::MAX];
/// The same when publishing again.
const RELEASE_SIZES: [usize; 2] = [120, 400];
/// An exchange that hides no more than this, at the price of the cells, is not improved upon.
const CHEAP: f64 = 60.0;
/// The work after which the search takes exchanges as they come, in unknowns of linear programs: a time limit that is
/// the same on every machine.
const SEARCH_WORK: usize = 30_000;
/// The work after which publishing again solves no more linear programs, in unknowns of those solved.
const RELEASE_WORK: usize = 20_000;
/// The same for witnesses of any kind: after so many only what costs nothing is published again.
const RELEASE_TRIES: usize = 1500;
/// Figures that may need a new witness for one cell to be published again.
const RELEASE_FIGURES: usize = 400;

struct Search<'a> {
    system: &'a System,
    policy: &'a Policy,
    local: Local<'a>,
    exchange: &'a Exchange,
    /// Witnesses asked for.
    tries: usize,
    /// Linear programs that only look for something cheaper are solved until this much work is done.
    programs_until: usize,
    hidden: Vec<bool>,
    witnesses: Vec<Kept>,
    /// Witnesses that move an unknown.
    moving: Vec<Vec<usize>>,
    /// Sums of hidden cells that must not be known exactly, below the level `full`.
    sums: Vec<Vec<(usize, i64)>>,
}

struct Kept {
    moves: Witness,
    /// Uses no cell that has been published again.
    alive: bool,
}

/// Searches a pattern.
pub(super) fn search(
    system: &System,
    exchange: &Exchange,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Pattern {
    let hidden = system.unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
    let count = system.unknowns.len();
    let local = Local::new(system);
    let mut search = Search {
        system,
        policy,
        local,
        exchange,
        tries: 0,
        programs_until: SEARCH_WORK,
        hidden,
        witnesses: Vec::new(),
        moving: vec![Vec::new(); count],
        sums: Vec::new(),
    };
    let unmet = search.protect_all(progress);
    if unmet.is_empty() {
        search.publish_again(progress);
    }
    let witnesses = search.witnesses.into_iter().filter(|kept| kept.alive).map(|kept| kept.moves).collect();
    Pattern { hidden: search.hidden, unmet, witnesses, programs: search.local.programs }
}

impl Search<'_> {
    fn protect_all(&mut self, progress: &mut dyn FnMut(Progress)) -> Vec<usize> {
        let order = self.order();
        let mut unmet = Vec::new();
        for (done, &unknown) in order.iter().enumerate() {
            progress(Progress { phase: Phase::Search, done, total: order.len() });
            if !self.protect(unknown, None, &SEARCH_SIZES) {
                unmet.push(unknown);
            }
        }
        while let Some(sum) = self.small_sum() {
            if !self.open(&sum, None, &SEARCH_SIZES) {
                unmet.extend(sum.iter().map(|&(unknown, _)| unknown));
                break;
            }
            self.sums.push(sum);
        }
        unmet
    }

    /// The smallest figures first: measured to hide less than the other way round, at the default policy.
    fn order(&self) -> Vec<usize> {
        let unknowns = self.system.unknowns.iter().enumerate();
        let mut order: Vec<usize> = unknowns.filter(|(_, unknown)| unknown.protected).map(|(index, _)| index).collect();
        order.sort_by_key(|&index| (self.system.unknowns[index].value, index));
        order
    }

    /// How much further up the figure must be able to go; `None` when it is protected. `without` is a cell that
    /// witnesses may not move.
    fn need(&self, unknown: usize, without: Option<usize>) -> Option<i64> {
        let value = self.system.unknowns[unknown].value;
        let (mut low, mut high) = (value, value);
        for &index in &self.moving[unknown] {
            let kept = &self.witnesses[index];
            if kept.alive && without.is_none_or(|cell| !moves(&kept.moves, cell)) {
                let there = value + reach(&[(unknown, 1)], &kept.moves);
                (low, high) = (low.min(there), high.max(there));
            }
        }
        let wanted = match self.policy.level {
            Level::Exact => low + 1,
            Level::Interval(width) => low + i64::try_from(width).unwrap_or(i64::MAX / 4),
            Level::Full => self.policy.minimum().max(low + self.policy.minimum() - 1),
        };
        (high < wanted).then_some(wanted - value)
    }

    fn protect(&mut self, unknown: usize, without: Option<usize>, sizes: &[usize]) -> bool {
        let Some(change) = self.need(unknown, without) else { return true };
        self.find(&Goal { sum: &[(unknown, 1)], change }, without, sizes)
    }

    /// Sees to it that a sum is not known exactly.
    fn open(&mut self, sum: &[(usize, i64)], without: Option<usize>, sizes: &[usize]) -> bool {
        let open = self.witnesses.iter().any(|kept| {
            kept.alive && without.is_none_or(|cell| !moves(&kept.moves, cell)) && reach(sum, &kept.moves) != 0
        });
        open || self.find(&Goal { sum, change: 1 }, without, sizes)
    }

    /// Finds a witness and hides what it moves. With a cell that must stay still, only hidden cells may move.
    fn find(&mut self, goal: &Goal<'_>, without: Option<usize>, sizes: &[usize]) -> bool {
        self.tries += 1;
        let (system, hidden) = (self.system, &self.hidden);
        let movable = |index: usize| {
            let unknown = &system.unknowns[index];
            match (unknown.printed, hidden[index]) {
                _ if without == Some(index) => Movable::No,
                (false, _) => Movable::Free,
                (true, true) if unknown.primary => Movable::Free,
                (true, true) => Movable::Hidden,
                (true, false) if without.is_some() => Movable::No,
                (true, false) => Movable::Price(unknown.cost),
            }
        };
        let exchanged = self.exchange.witness(system, goal, &movable).filter(|witness| self.local.holds(goal, witness));
        // An exchange that hides nothing dear is taken as it is; otherwise a linear program may find a cheaper way.
        let price = exchanged.as_ref().map(|witness| price(witness, &movable));
        let dear = price.is_none_or(|price| price > CHEAP);
        let solved = if dear && (exchanged.is_none() || self.local.work < self.programs_until) {
            self.local.witness(goal, sizes, &movable)
        } else {
            None
        };
        let solved_price = solved.as_ref().map(|witness| self::price(witness, &movable));
        let cheaper = match (price, solved_price) {
            (Some(exchanged), Some(solved)) => solved < exchanged,
            (None, _) => true,
            (_, None) => false,
        };
        let Some(witness) = (if cheaper { solved } else { exchanged }) else { return false };
        self.keep(witness);
        true
    }

    fn keep(&mut self, witness: Witness) {
        for &(unknown, _) in &witness {
            self.moving[unknown].push(self.witnesses.len());
            self.hidden[unknown] |= self.system.unknowns[unknown].printed;
        }
        self.witnesses.push(Kept { moves: witness, alive: true });
    }

    /// A sum of two or more hidden cells that a published total shows to be small, at the levels below `full` (which
    /// excludes it: each term would be bounded by the sum).
    fn small_sum(&self) -> Option<Vec<(usize, i64)>> {
        if self.policy.level == Level::Full {
            return None;
        }
        let known = self.known();
        let mut sums = (0..self.system.equations.len()).filter_map(|equation| self.implied(equation, &known));
        sums.find(|sum| !self.sums.contains(sum))
    }

    /// What is published, and what subtraction gives.
    fn known(&self) -> Vec<bool> {
        let unknowns = self.system.unknowns.iter().zip(&self.hidden);
        let mut known: Vec<bool> = unknowns.map(|(unknown, &hidden)| unknown.printed && !hidden).collect();
        let mut queue: Vec<usize> = (0..self.system.equations.len()).collect();
        while let Some(equation) = queue.pop() {
            let mut open = self.system.equations[equation].iter().filter(|&&(index, _)| !known[index]);
            if let (Some(&(only, _)), None) = (open.next(), open.next()) {
                known[only] = true;
                queue.extend(&self.system.unknowns[only].equations);
            }
        }
        known
    }

    /// The sum of hidden figures that an equation shows to be small.
    fn implied(&self, equation: usize, known: &[bool]) -> Option<Vec<(usize, i64)>> {
        let terms = &self.system.equations[equation];
        let sum: Vec<(usize, i64)> = terms.iter().filter(|&&(index, _)| !known[index]).copied().collect();
        let one_sign = sum.iter().all(|&(_, c)| c > 0) || sum.iter().all(|&(_, c)| c < 0);
        let value: i64 = sum.iter().map(|&(index, c)| c * self.system.unknowns[index].value).sum();
        (sum.len() > 1 && one_sign && self.policy.is_small(value.abs())).then_some(sum)
    }

    fn publish_again(&mut self, progress: &mut dyn FnMut(Progress)) {
        let unknowns = &self.system.unknowns;
        let mut cells: Vec<usize> = (0..unknowns.len()).filter(|&u| self.hidden[u] && !unknowns[u].primary).collect();
        cells.sort_by(|&a, &b| unknowns[b].cost.total_cmp(&unknowns[a].cost).then(a.cmp(&b)));
        let total = cells.len();
        self.programs_until = usize::MAX;
        let (limit, last) = (self.local.work + RELEASE_WORK, self.tries + RELEASE_TRIES);
        for (done, cell) in cells.into_iter().enumerate() {
            progress(Progress { phase: Phase::Release, done, total });
            let sizes: &[usize] = if self.local.work < limit { &RELEASE_SIZES } else { &[] };
            let bearable = if self.tries < last { RELEASE_FIGURES } else { 0 };
            if self.can_do_without(cell, sizes, bearable) {
                self.hidden[cell] = false;
                for &index in &self.moving[cell] {
                    self.witnesses[index].alive = false;
                }
            }
        }
    }

    /// Whether all that relied on the cell can be protected without moving it, by exchanges or by linear programs of
    /// these sizes.
    fn can_do_without(&mut self, cell: usize, sizes: &[usize], bearable: usize) -> bool {
        self.hidden[cell] = false;
        let fresh_sum = self.small_sum().is_some();
        self.hidden[cell] = true;
        if fresh_sum {
            return false;
        }
        let alive = self.moving[cell].iter().filter(|&&index| self.witnesses[index].alive);
        let mut figures: Vec<usize> = alive
            .flat_map(|&index| self.witnesses[index].moves.iter().map(|&(unknown, _)| unknown))
            .filter(|&unknown| self.system.unknowns[unknown].protected)
            .collect();
        figures.sort_unstable();
        figures.dedup();
        figures.retain(|&unknown| self.need(unknown, Some(cell)).is_some());
        if figures.len() > bearable {
            return false;
        }
        let sums = self.sums.clone();
        figures.iter().all(|&unknown| self.protect(unknown, Some(cell), sizes))
            && sums.iter().all(|sum| self.open(sum, Some(cell), sizes))
    }
}

/// What a witness hides that was not hidden.
fn price(witness: &Witness, movable: &dyn Fn(usize) -> Movable) -> f64 {
    let prices = witness.iter().map(|&(unknown, _)| match movable(unknown) {
        Movable::Price(price) => price,
        _ => 0.0,
    });
    prices.sum()
}

fn moves(witness: &Witness, cell: usize) -> bool {
    witness.binary_search_by_key(&cell, |&(moved, _)| moved).is_ok()
}
