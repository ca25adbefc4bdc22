//! The complementary search: hides as little as it can so that every protected figure may be another.
//!
//! 1. A start pattern that meets what single equations ask for ([`cover`](super::cover)).
//! 2. For each figure that no witness protects yet, a linear program over the whole system finds one at the least price
//!    of cells not hidden so far ([`dual`](super::dual)); the cells that it moves are hidden. Hiding more never spoils
//!    a witness, so one pass suffices. Witnesses at hand are stretched or turned around first where that will do.
//! 3. Cells are published again, heaviest first, where the figures that relied on them have other witnesses.
//! 4. In a small system the cheapest pattern of all is found instead ([`optimum`](super::optimum)).
//! 5. Rounds: a figure that hidden cells alone can't protect gives a *cut*, cells of which at least one must be hidden.
//!    The pattern is made cheaper for as long as it meets all cuts known; what that leaves open is protected as before
//!    and gives further cuts. The best pattern seen is the answer.
//!
//! # Reference
//! M. Fischetti and J. J. Salazar, "Solving the cell suppression problem on tabular data with linear constraints",
//! Management Science 47 (2001): cover inequalities from unprotected figures. E. Moreno-Centeno and R. M. Karp, "The
//! implicit hitting set approach to solve combinatorial optimization problems", Operations Research 61 (2013).

use super::audit::Knowledge;
use super::condense::System;
use super::cover::Cover;
use super::exchange::Exchange;
use super::local::{Far, Goal, Local, Movable, Witness};
use super::optimum::optimum;
use super::policy::{Phase, Policy, Progress};

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

/// Where the program over the whole system gives no witness: how large a part of it a program looks at, in unknowns.
/// The first that gives one ends it.
const SEARCH_SIZES: [usize; 5] = [120, 400, 1200, 4000, usize::MAX];
/// The same where neither these nor exchanges give one.
const LAST_SIZES: [usize; 1] = [usize::MAX];
/// The same in rounds.
const RELEASE_SIZES: [usize; 2] = [120, 400];
/// The work after which the search looks no further for cheaper witnesses in larger regions: a bound on the time that
/// is the same on every machine.
const SEARCH_WORK: usize = 60_000;
/// Figures that may need a new witness for one cell to be published again.
const RELEASE_FIGURES: usize = 400;
/// How many of the policy's neighbourhoods a round stands for.
const ROUND: usize = 15;
/// How much dearer than the best a pattern may be to go on from, as a share of it.
const DRIFT: f64 = 0.003;
/// Steps of a linear program that must find a witness, and of one that may fail. Where the tables count several nested
/// measures a program may take a thousand, and that is still far cheaper than programs in regions.
const STEPS: usize = 2_000;
const RELEASE_STEPS: usize = 150;
/// Witnesses that are tried for stretching.
const STRETCHED: usize = 30;
/// Stands for no cell, where a witness may only move hidden cells.
const NOBODY: usize = usize::MAX;

/// So many times the work for a first pattern ends the search for better ones.
const REFINED: usize = 2;
/// Cubic thousands of unknowns beyond which the work for better patterns grows.
const REFINED_UNKNOWNS: usize = 1000;
/// Witnesses that a figure takes at most.
const STRETCHES: usize = 8;

fn goal(sum: &[(usize, i64)], change: i64) -> Goal<'_> {
    Goal { sum, change: change.abs() }
}

struct Search<'a> {
    system: &'a System,
    policy: &'a Policy,
    local: Local<'a>,
    /// None where the system is too large for it.
    exchange: Option<&'a Exchange>,
    hidden: Vec<bool>,
    witnesses: Vec<Kept>,
    /// Witnesses that move an unknown, and how far.
    moving: Vec<Vec<(u32, i64)>>,
    /// Cells hidden since this was last emptied.
    fresh: Vec<usize>,
    /// An unknown that no witness may move.
    still: Option<usize>,
}

struct Kept {
    moves: Witness,
    /// Uses no cell that has been published again.
    alive: bool,
}

/// Searches a pattern. `stop` says that the time is up: what is protected by then is the answer.
pub(super) fn search(
    system: &System,
    exchange: &Exchange,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Pattern {
    let primary = system.unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
    let mut search = Search::new(system, Some(exchange), policy, primary);
    let mut cover = Cover::new(system, policy);
    search.follow(&cover);
    let unmet = search.protect_all(progress);
    if unmet.is_empty() {
        search.publish_again(stop, progress);
        let known = search.price(&search.complementary());
        if let Some(best) = optimum(system, policy, known - 0.5) {
            let programs = search.local.programs;
            return Pattern { hidden: best.hidden, unmet, witnesses: best.witnesses, programs };
        }
        search.refine(&mut cover, stop, progress);
    }
    let witnesses = search.alive();
    if unmet.is_empty() {
        search.publish_unmoved(&witnesses);
    }
    Pattern { hidden: search.hidden, unmet, witnesses, programs: search.local.programs }
}

/// Hides more, so that each of these figures can be another also for readers who know more of the unknown beside it. What
/// was protected stays so.
pub(super) fn withstand(
    system: &System,
    policy: &Policy,
    pattern: Pattern,
    pairs: &[(usize, usize, Knowledge)],
) -> Pattern {
    let mut search = Search::new(system, None, policy, pattern.hidden);
    pattern.witnesses.into_iter().for_each(|witness| search.keep(witness));
    let mut unmet = pattern.unmet;
    for &(figure, known, knowledge) in pairs {
        (search.local.not_empty, search.still) = match knowledge {
            Knowledge::NotEmpty => (Some(known), None),
            Knowledge::Value => (None, Some(known)),
        };
        if !search.is_seen_to_move(figure) && ![1, -1].into_iter().any(|by| search.find_step(figure, by)) {
            unmet.push(figure);
        }
    }
    let programs = pattern.programs + search.local.programs;
    Pattern {
        hidden: search.hidden,
        unmet,
        witnesses: search.witnesses.into_iter().map(|kept| kept.moves).collect(),
        programs,
    }
}

impl<'a> Search<'a> {
    fn new(system: &'a System, exchange: Option<&'a Exchange>, policy: &'a Policy, hidden: Vec<bool>) -> Self {
        let moving = vec![Vec::new(); system.unknowns.len()];
        let (local, witnesses, fresh) = (Local::new(system), Vec::new(), Vec::new());
        Search { system, policy, local, exchange, hidden, witnesses, moving, fresh, still: None }
    }

    /// Whether a witness that fits what is known moves a figure.
    fn is_seen_to_move(&self, figure: usize) -> bool {
        let mut moving = self.moving[figure].iter().map(|&(index, _)| &self.witnesses[index as usize]);
        let agrees = |witness: &Witness| {
            self.still.is_none_or(|still| witness.iter().all(|&(moved, _)| moved != still))
                && self.local.holds(&Goal { sum: &[], change: 0 }, witness)
        };
        moving.any(|kept| kept.alive && agrees(&kept.moves))
    }

    fn find_step(&mut self, figure: usize, by: i64) -> bool {
        self.find(&Goal { sum: &[(figure, by)], change: 1 }, None, &SEARCH_SIZES)
    }
}

impl Search<'_> {
    /// Finds a cheaper cover of all cuts known, protects what it leaves open, and so on; the best pattern stays.
    fn refine(&mut self, cover: &mut Cover<'_>, stop: &dyn Fn() -> bool, progress: &mut dyn FnMut(Progress)) {
        let order = self.order();
        let total = self.policy.neighbourhoods.div_ceil(ROUND);
        let most = self.most();
        let mut best = self.price(&self.complementary());
        let mut kept = (self.hidden.clone(), self.alive());
        for done in 0..total {
            if self.spent() >= most {
                break;
            }
            progress(Progress { phase: Phase::Improve, done, total });
            cover.adopt(&self.hidden);
            cover.improve(1.0 - done as f64 / total as f64);
            self.follow(cover);
            self.fresh.clear();
            let (protected, cuts) = self.repair(&order, stop);
            cover.add(cuts);
            let mut fresh = std::mem::take(&mut self.fresh);
            self.heaviest_first(&mut fresh);
            for cell in fresh {
                self.try_publish(cell);
            }
            let price = self.price(&self.complementary());
            if protected && price < best - 0.5 {
                best = price;
                kept = (self.hidden.clone(), self.alive());
            }
            if !protected || price > best * (1.0 + DRIFT) {
                self.restore(&kept.0, &kept.1);
            } else {
                self.forget();
            }
            if stop() {
                break;
            }
        }
        self.restore(&kept.0, &kept.1);
    }

    /// The work done so far, in the whole parts that the policy's effort allows for a first pattern.
    fn spent(&self) -> usize {
        self.local.work / (SEARCH_WORK * self.policy.effort.max(1))
    }

    /// The work after which the pattern is good enough, in the same parts. The work of a round grows faster than the
    /// system.
    fn most(&self) -> usize {
        REFINED * ((self.system.unknowns.len() / 1000).pow(3) / REFINED_UNKNOWNS).clamp(1, 8)
    }

    /// Protects what is not; says whether that could be done, and gives the cuts that were found.
    fn repair(&mut self, order: &[usize], stop: &dyn Fn() -> bool) -> (bool, Vec<Vec<usize>>) {
        let mut cuts = Vec::new();
        for &figure in order {
            if self.protect(figure, Some(NOBODY), &[]) {
                continue;
            }
            let blocked = self.local.blocked();
            if !blocked.is_empty() {
                cuts.push(blocked.to_vec());
            }
            if stop() || self.spent() > self.most() || !self.protect(figure, None, &RELEASE_SIZES) {
                return (false, cuts);
            }
        }
        cuts.sort();
        cuts.dedup();
        (true, cuts)
    }

    fn restore(&mut self, hidden: &[bool], witnesses: &[Witness]) {
        self.witnesses.clear();
        self.moving.iter_mut().for_each(Vec::clear);
        witnesses.iter().for_each(|witness| self.keep(witness.clone()));
        self.hidden.copy_from_slice(hidden);
    }

    /// Hides what the cover hides, and nothing else.
    fn follow(&mut self, cover: &Cover<'_>) {
        for cell in 0..self.hidden.len() {
            let unknown = &self.system.unknowns[cell];
            if unknown.printed && !unknown.primary && cover.hides(cell) != self.hidden[cell] {
                if self.hidden[cell] {
                    self.publish(cell);
                } else {
                    self.hidden[cell] = true;
                }
            }
        }
    }

    fn protect_all(&mut self, progress: &mut dyn FnMut(Progress)) -> Vec<usize> {
        let order = self.order();
        let mut unmet = Vec::new();
        for (done, &unknown) in order.iter().enumerate() {
            progress(Progress { phase: Phase::Search, done, total: order.len() });
            let sizes: &[usize] = match self.spent() {
                0 => &SEARCH_SIZES,
                1 => &SEARCH_SIZES[..3],
                _ => &RELEASE_SIZES,
            };
            if !self.protect(unknown, None, sizes) && !self.protect_anyhow(unknown) {
                unmet.push(unknown);
            }
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

    /// How far the figure must still be moved: signed changes, of which one is needed now, the best first; none when it
    /// is protected.
    fn needs(&self, unknown: usize) -> Vec<i64> {
        let value = self.system.unknowns[unknown].value;
        let requirement = self.system.requirement(self.policy, unknown);
        let (mut low, mut high) = (value, value);
        for &(index, by) in &self.moving[unknown] {
            if self.witnesses[index as usize].alive {
                (low, high) = (low.min(value + by), high.max(value + by));
            }
        }
        let lacking = requirement.width - (high - low);
        let mut ends = Vec::new();
        if high < requirement.upper {
            ends.extend([requirement.upper.max(low + requirement.width), requirement.upper]);
        } else if low > requirement.lower {
            ends.extend([requirement.lower.min(high - requirement.width), requirement.lower]);
        } else {
            // The width may be had on either side, or on both together.
            let parts = std::iter::successors(Some(lacking), |part| Some(part / 2)).take_while(|&part| part > 0);
            ends.extend(parts.flat_map(|part| [high + part, low - part]));
        }
        ends.dedup();
        ends.into_iter().map(|end| end - value).collect()
    }

    fn protect(&mut self, unknown: usize, without: Option<usize>, sizes: &[usize]) -> bool {
        // Up, then down where the level asks for both.
        for _ in 0..3 {
            let Some(&change) = self.needs(unknown).first() else { return true };
            if self.stretched(unknown, change) {
                continue;
            }
            if !self.find(&goal(&[(unknown, change.signum())], change), without, sizes) {
                return false;
            }
        }
        self.needs(unknown).is_empty()
    }

    /// Protects a figure for which one witness does not go far enough: as far as each goes, one after the other.
    fn protect_anyhow(&mut self, unknown: usize) -> bool {
        for _ in 0..STRETCHES {
            let needs = self.needs(unknown);
            if needs.is_empty() {
                return true;
            }
            let mut find = |change: i64| self.find(&goal(&[(unknown, change.signum())], change), None, &SEARCH_SIZES);
            if !needs.into_iter().any(&mut find) {
                return false;
            }
        }
        self.needs(unknown).is_empty()
    }

    /// Makes a witness for the figure of one that moves it too little, or the other way.
    fn stretched(&mut self, figure: usize, change: i64) -> bool {
        let goal = Goal { sum: &[(figure, change.signum())], change: change.abs() };
        let alive = self.moving[figure].iter().rev().take(STRETCHED).find_map(|&(index, own)| {
            let kept = Some(&self.witnesses[index as usize]).filter(|kept| kept.alive)?;
            let stretch = |by: i64| by.checked_mul(change).filter(|by| by % own == 0).map(|by| by / own);
            // Most fail at a bound.
            let fits =
                |&(one, by): &(usize, i64)| stretch(by).is_some_and(|by| by >= 0 || self.local.room(one) + by >= 0);
            if !kept.moves.iter().all(fits) {
                return None;
            }
            let moved: Option<Witness> = kept.moves.iter().map(|&(one, by)| Some((one, stretch(by)?))).collect();
            moved.filter(|witness| self.local.holds(&goal, witness))
        });
        let stretched = alive.is_some();
        alive.into_iter().for_each(|witness| self.keep(witness));
        stretched
    }

    /// Finds a witness and hides what it moves. With a cell that must stay still, only hidden cells may move.
    fn find(&mut self, goal: &Goal<'_>, without: Option<usize>, sizes: &[usize]) -> bool {
        let most = if without.is_some() { RELEASE_STEPS } else { STEPS };
        let (system, hidden, still) = (self.system, &self.hidden, self.still);
        let movable = |index: usize| {
            let unknown = &system.unknowns[index];
            match (unknown.printed, hidden[index]) {
                _ if without == Some(index) || still == Some(index) => Movable::No,
                (false, _) => Movable::Free,
                (true, true) if unknown.primary => Movable::Free,
                (true, true) => Movable::Hidden,
                (true, false) if without.is_some() => Movable::No,
                (true, false) => Movable::Price(unknown.cost),
            }
        };
        let found = match self.local.far(goal, most, &movable) {
            Far::Found(witness) => Some(witness),
            _ if without.is_some() => None,
            _ => {
                let exchanged = self.exchange.and_then(|exchange| exchange.witness(system, goal, &movable));
                let exchanged = exchanged.filter(|witness| self.local.holds(goal, witness));
                let seed: Vec<usize> = exchanged.iter().flatten().map(|&(unknown, _)| unknown).collect();
                let near = self.local.witness(goal, sizes, &seed, &movable).or(exchanged);
                let last = if sizes.len() > RELEASE_SIZES.len() { &LAST_SIZES[..] } else { &[] };
                near.or_else(|| self.local.witness(goal, last, &[], &movable))
            }
        };
        let Some(witness) = found else { return false };
        self.keep(witness);
        true
    }

    fn keep(&mut self, witness: Witness) {
        let number = u32::try_from(self.witnesses.len()).expect("fewer witnesses than fit the memory");
        for &(unknown, by) in &witness {
            self.moving[unknown].push((number, by));
            let printed = self.system.unknowns[unknown].printed;
            if printed && !std::mem::replace(&mut self.hidden[unknown], true) {
                self.fresh.push(unknown);
            }
        }
        self.witnesses.push(Kept { moves: witness, alive: true });
    }

    /// Hidden cells that need not be, but for others.
    fn complementary(&self) -> Vec<usize> {
        let unknowns = &self.system.unknowns;
        (0..unknowns.len()).filter(|&unknown| self.hidden[unknown] && !unknowns[unknown].primary).collect()
    }

    fn price(&self, cells: &[usize]) -> f64 {
        cells.iter().map(|&cell| self.system.unknowns[cell].cost).sum()
    }

    fn heaviest_first(&self, cells: &mut [usize]) {
        let unknowns = &self.system.unknowns;
        cells.sort_by(|&a, &b| unknowns[b].cost.total_cmp(&unknowns[a].cost).then(a.cmp(&b)));
    }

    fn publish_again(&mut self, stop: &dyn Fn() -> bool, progress: &mut dyn FnMut(Progress)) {
        let mut cells = self.complementary();
        self.heaviest_first(&mut cells);
        let total = cells.len();
        for (done, cell) in cells.into_iter().enumerate() {
            progress(Progress { phase: Phase::Release, done, total });
            if stop() {
                return;
            }
            self.try_publish(cell);
        }
    }

    /// Publishes a cell; gives the witnesses that are none any more.
    fn publish(&mut self, cell: usize) -> Vec<u32> {
        self.hidden[cell] = false;
        let mut dead = Vec::new();
        for &(index, _) in &self.moving[cell] {
            if std::mem::replace(&mut self.witnesses[index as usize].alive, false) {
                dead.push(index);
            }
        }
        dead
    }

    /// The protected figures that some of these witnesses move.
    fn relying(&self, witnesses: &[u32]) -> Vec<usize> {
        let moved = witnesses.iter().flat_map(|&index| self.witnesses[index as usize].moves.iter().map(|&(u, _)| u));
        let mut figures: Vec<usize> = moved.filter(|&unknown| self.system.unknowns[unknown].protected).collect();
        figures.sort_unstable();
        figures.dedup();
        figures
    }

    /// Publishes a cell if all that relied on it can be protected without moving it.
    fn try_publish(&mut self, cell: usize) {
        let dead = self.publish(cell);
        let mut figures = self.relying(&dead);
        figures.retain(|&unknown| !self.needs(unknown).is_empty());
        let done = figures.len() <= RELEASE_FIGURES
            && figures.iter().all(|&unknown| self.protect(unknown, Some(cell), &RELEASE_SIZES));
        if !done {
            self.hidden[cell] = true;
            dead.into_iter().for_each(|index| self.witnesses[index as usize].alive = true);
        }
    }

    /// Publishes what is hidden and moved by no witness: every witness stays one.
    fn publish_unmoved(&mut self, witnesses: &[Witness]) {
        let mut moved = vec![false; self.hidden.len()];
        witnesses.iter().flatten().for_each(|&(unknown, _)| moved[unknown] = true);
        for (unknown, hidden) in self.hidden.iter_mut().enumerate() {
            *hidden &= moved[unknown] || self.system.unknowns[unknown].primary;
        }
    }

    fn alive(&self) -> Vec<Witness> {
        self.witnesses.iter().filter(|kept| kept.alive).map(|kept| kept.moves.clone()).collect()
    }

    /// Drops the witnesses that are none any more.
    fn forget(&mut self) {
        let mut next = 0;
        let mut renumber = |kept: &Kept| {
            let number = kept.alive.then_some(next);
            next += u32::from(kept.alive);
            number
        };
        let numbers: Vec<Option<u32>> = self.witnesses.iter().map(&mut renumber).collect();
        self.witnesses.retain(|kept| kept.alive);
        for moving in &mut self.moving {
            *moving = moving.iter().filter_map(|&(index, by)| Some((numbers[index as usize]?, by))).collect();
        }
    }
}
