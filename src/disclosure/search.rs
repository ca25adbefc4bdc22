//! The complementary search: hides as little as it can so that every protected figure may be another.
//!
//! 1. A start pattern by elimination ([`kernel`](super::kernel)): no protected figure is a combination of published ones.
//! 2. For each figure that no witness protects yet, a small linear program around it finds one at the least price of
//!    cells not hidden so far; the cells that it moves are hidden. Hiding more never spoils a witness, so one pass
//!    suffices.
//! 3. Cells are published again, heaviest first, where the figures that relied on them have other witnesses.
//! 4. In a small system the cheapest pattern of all is found instead ([`optimum`](super::optimum)).
//! 5. Large-neighbourhood search: a few neighbouring cells are published, what relied on them is protected anew at prices
//!    shaken a little, and the new pattern is kept when it is not much worse; the best one seen is the answer.
//!
//! # Reference
//! P. Shaw, "Using constraint programming and local search methods to solve vehicle routing problems", CP 1998 (large
//! neighbourhoods); S. Kirkpatrick, C. D. Gelatt and M. P. Vecchi, "Optimization by simulated annealing", Science 220
//! (1983).

use std::collections::{BTreeSet, VecDeque};

use super::condense::System;
use super::exchange::Exchange;
use super::kernel;
use super::local::{Goal, Local, Movable, Witness, cost, reach};
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

/// How large a part of the system a linear program looks at, in unknowns: the first that gives a witness ends it.
const SEARCH_SIZES: [usize; 5] = [120, 400, 1200, 4000, usize::MAX];
/// The same where neither these nor exchanges give one.
const LAST_SIZES: [usize; 1] = [usize::MAX];
/// The same when publishing again, and between neighbourhoods.
const RELEASE_SIZES: [usize; 2] = [120, 400];
/// The work after which the search looks no further for cheaper witnesses in larger regions: a bound on the time that is
/// the same on every machine.
const SEARCH_WORK: usize = 700_000;
/// Figures that may need a new witness for one cell to be published again.
const RELEASE_FIGURES: usize = 400;
/// Cells of a neighbourhood, at most.
const NEIGHBOURHOOD: usize = 6;
/// How far prices are shaken, as a share of them.
const SHAKE: f32 = 0.3;
/// How much worse a pattern may become in a step, as a share of the whole, at first.
const HEAT: f64 = 0.001;
/// Hidden cells looked at for a neighbourhood.
const NEAR: usize = 3000;
/// Neighbourhoods after which dead witnesses are forgotten.
const FORGET: usize = 64;

/// Witnesses that a figure takes at most.
const STRETCHES: usize = 8;

fn goal(sum: &[(usize, i64)], change: i64) -> Goal<'_> {
    Goal { sum, change: change.abs() }
}

struct Search<'a> {
    system: &'a System,
    policy: &'a Policy,
    local: Local<'a>,
    exchange: &'a Exchange,
    hidden: Vec<bool>,
    witnesses: Vec<Kept>,
    /// Witnesses that move an unknown.
    moving: Vec<Vec<u32>>,
    /// Cells hidden since this was last emptied.
    fresh: Vec<usize>,
    random: Random,
    /// Factors on the prices of cells, other than 1 within a neighbourhood only.
    shaken: Vec<f32>,
}

struct Kept {
    moves: Witness,
    /// Uses no cell that has been published again.
    alive: bool,
}

/// Splitmix64: G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        // Below the limit.
        (self.next() % limit.max(1) as u64) as usize
    }

    /// At least 0, below 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// Searches a pattern. `stop` says that the time is up: what is protected by then is the answer.
pub(super) fn search(
    system: &System,
    exchange: &Exchange,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Pattern {
    let count = system.unknowns.len();
    let mut search = Search {
        system,
        policy,
        local: Local::new(system),
        exchange,
        hidden: kernel::start(system),
        witnesses: Vec::new(),
        moving: vec![Vec::new(); count],
        fresh: Vec::new(),
        random: Random(policy.seed),
        shaken: vec![1.0; count],
    };
    let unmet = search.protect_all(progress);
    if unmet.is_empty() {
        search.publish_again(stop, progress);
        let known = search.price(&search.complementary());
        if let Some(best) = optimum(system, policy, known - 0.5) {
            let programs = search.local.programs;
            return Pattern { hidden: best.hidden, unmet, witnesses: best.witnesses, programs };
        }
        search.improve(stop, progress);
    }
    let witnesses = search.alive();
    if unmet.is_empty() {
        search.publish_unmoved(&witnesses);
    }
    Pattern { hidden: search.hidden, unmet, witnesses, programs: search.local.programs }
}

impl Search<'_> {
    fn protect_all(&mut self, progress: &mut dyn FnMut(Progress)) -> Vec<usize> {
        let order = self.order();
        let mut unmet = Vec::new();
        for (done, &unknown) in order.iter().enumerate() {
            progress(Progress { phase: Phase::Search, done, total: order.len() });
            let sizes: &[usize] = match self.local.work / (SEARCH_WORK * self.policy.effort.max(1)) {
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
    /// is protected. `without` is a cell that witnesses may not move.
    fn needs(&self, unknown: usize, without: Option<usize>) -> Vec<i64> {
        let value = self.system.unknowns[unknown].value;
        let requirement = self.policy.requirement(value, self.system.unknowns[unknown].least);
        let (mut low, mut high) = (value, value);
        for &index in &self.moving[unknown] {
            let kept = &self.witnesses[index as usize];
            if kept.alive && without.is_none_or(|cell| !moves(&kept.moves, cell)) {
                let there = value + reach(&[(unknown, 1)], &kept.moves);
                (low, high) = (low.min(there), high.max(there));
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
            let Some(&change) = self.needs(unknown, without).first() else { return true };
            if !self.find(&goal(&[(unknown, change.signum())], change), without, sizes) {
                return false;
            }
        }
        self.needs(unknown, without).is_empty()
    }

    /// Protects a figure for which one witness does not go far enough: as far as each goes, one after the other.
    fn protect_anyhow(&mut self, unknown: usize) -> bool {
        for _ in 0..STRETCHES {
            let needs = self.needs(unknown, None);
            if needs.is_empty() {
                return true;
            }
            let mut find = |change: i64| self.find(&goal(&[(unknown, change.signum())], change), None, &SEARCH_SIZES);
            if !needs.into_iter().any(&mut find) {
                return false;
            }
        }
        self.needs(unknown, None).is_empty()
    }

    /// Finds a witness and hides what it moves. With a cell that must stay still, only hidden cells may move.
    fn find(&mut self, goal: &Goal<'_>, without: Option<usize>, sizes: &[usize]) -> bool {
        let (system, hidden, shaken) = (self.system, &self.hidden, &self.shaken);
        let movable = |index: usize| {
            let unknown = &system.unknowns[index];
            match (unknown.printed, hidden[index]) {
                _ if without == Some(index) => Movable::No,
                (false, _) => Movable::Free,
                (true, true) if unknown.primary => Movable::Free,
                (true, true) => Movable::Hidden,
                (true, false) if without.is_some() => Movable::No,
                (true, false) => Movable::Price(unknown.cost * f64::from(shaken[index])),
            }
        };
        // An exchange that hides nothing is taken as it is; any other is what is left when no program finds a witness.
        let exchanged = self.exchange.witness(system, goal, &movable).filter(|witness| self.local.holds(goal, witness));
        let free = exchanged.as_ref().is_some_and(|witness| cost(witness, &movable) <= 0.0);
        let seed: Vec<usize> = exchanged.iter().flatten().map(|&(unknown, _)| unknown).collect();
        let solved = if free { None } else { self.local.witness(goal, sizes, &seed, &movable) };
        let last = |local: &mut Local<'_>| match without {
            None if sizes.len() > RELEASE_SIZES.len() => local.witness(goal, &LAST_SIZES, &[], &movable),
            _ => None,
        };
        let Some(witness) = solved.or(exchanged).or_else(|| last(&mut self.local)) else { return false };
        self.keep(witness);
        true
    }

    fn keep(&mut self, witness: Witness) {
        let number = u32::try_from(self.witnesses.len()).expect("fewer witnesses than fit the memory");
        for &(unknown, _) in &witness {
            self.moving[unknown].push(number);
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

    fn try_publish(&mut self, cell: usize) -> bool {
        let done = self.can_do_without(cell);
        if done {
            self.publish(cell);
        }
        done
    }

    /// Publishes a cell; gives the witnesses that are none any more.
    fn publish(&mut self, cell: usize) -> Vec<u32> {
        self.hidden[cell] = false;
        let mut dead = Vec::new();
        for &index in &self.moving[cell] {
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

    /// Whether all that relied on the cell can be protected without moving it.
    fn can_do_without(&mut self, cell: usize) -> bool {
        let moving = self.moving[cell].iter().copied();
        let alive: Vec<u32> = moving.filter(|&index| self.witnesses[index as usize].alive).collect();
        let mut figures = self.relying(&alive);
        figures.retain(|&unknown| !self.needs(unknown, Some(cell)).is_empty());
        figures.len() <= RELEASE_FIGURES
            && figures.iter().all(|&unknown| self.protect(unknown, Some(cell), &RELEASE_SIZES))
    }

    /// Large-neighbourhood search from the pattern at hand.
    fn improve(&mut self, stop: &dyn Fn() -> bool, progress: &mut dyn FnMut(Progress)) {
        let total = self.policy.neighbourhoods;
        let mut now = self.price(&self.complementary());
        let mut best = now;
        if total == 0 {
            return;
        }
        let mut kept = (self.hidden.clone(), self.alive());
        for done in 0..total {
            progress(Progress { phase: Phase::Improve, done, total });
            if stop() {
                break;
            }
            // Boltzmann's law: a step that is worse by x is taken with probability exp(-x / temperature).
            let temperature = HEAT * best * (1.0 - done as f64 / total as f64);
            let slack = -f64::from(self.random.unit().max(f32::MIN_POSITIVE)).ln() * temperature;
            now -= self.neighbourhood(slack);
            if now < best - 0.5 {
                best = now;
                kept = (self.hidden.clone(), self.alive());
            }
            if done % FORGET == FORGET - 1 {
                self.forget();
            }
        }
        // What is remembered stands by itself; the lists of what moves what are not needed any more.
        (self.hidden, self.witnesses) = (kept.0, kept.1.into_iter().map(|moves| Kept { moves, alive: true }).collect());
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

    /// Publishes some neighbouring cells and protects anew; takes it back where that costs more by `slack`. Gives what
    /// was won.
    fn neighbourhood(&mut self, slack: f64) -> f64 {
        let cells = self.complementary();
        if cells.is_empty() {
            return 0.0;
        }
        let centre = cells[self.random.below(cells.len())];
        let size = 2 + self.random.below(NEIGHBOURHOOD - 1);
        let ruined = self.near(centre, size);
        let limit = self.price(&ruined) + slack;
        let first = self.witnesses.len();
        let dead: Vec<u32> = ruined.iter().flat_map(|&cell| self.publish(cell)).collect();
        for &cell in &ruined {
            // Whatever lies around may be preferred this time.
            self.shaken[cell] = 1.0 + SHAKE * 2.0 * self.random.unit();
        }
        self.fresh.clear();
        let done = self.protect_again(&dead, limit);
        for &cell in &ruined {
            self.shaken[cell] = 1.0;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        if !done {
            self.take_back(first, &fresh, &ruined, &dead);
            return 0.0;
        }
        let mut price = self.price(&fresh);
        self.heaviest_first(&mut fresh);
        for cell in fresh {
            if self.try_publish(cell) {
                price -= self.system.unknowns[cell].cost;
            }
        }
        limit - slack - price
    }

    /// Protects what relied on dead witnesses, in random order; whether that was possible below the limit.
    fn protect_again(&mut self, dead: &[u32], limit: f64) -> bool {
        let mut figures = self.relying(dead);
        for at in (1..figures.len()).rev() {
            figures.swap(at, self.random.below(at + 1));
        }
        for figure in figures {
            if self.price(&self.fresh) >= limit || !self.protect(figure, None, &RELEASE_SIZES) {
                return false;
            }
        }
        self.price(&self.fresh) < limit
    }

    fn take_back(&mut self, first: usize, fresh: &[usize], ruined: &[usize], dead: &[u32]) {
        for &cell in fresh {
            self.hidden[cell] = false;
        }
        for &cell in ruined {
            self.hidden[cell] = true;
        }
        for &index in dead {
            self.witnesses[index as usize].alive = true;
        }
        for witness in self.witnesses.drain(first..) {
            for (unknown, _) in witness.moves {
                while self.moving[unknown].last().is_some_and(|&last| last as usize >= first) {
                    self.moving[unknown].pop();
                }
            }
        }
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
            *moving = moving.iter().filter_map(|&index| numbers[index as usize]).collect();
        }
    }

    /// Complementary cells around one, nearest first.
    fn near(&self, centre: usize, size: usize) -> Vec<usize> {
        let unknowns = &self.system.unknowns;
        let mut seen = BTreeSet::from([centre]);
        let mut queue = VecDeque::from([centre]);
        let mut found = vec![centre];
        while let Some(at) = queue.pop_front() {
            let equations = unknowns[at].equations.iter();
            for &(other, _) in equations.flat_map(|&equation| &self.system.equations[equation]) {
                if (!unknowns[other].printed || self.hidden[other]) && seen.insert(other) {
                    queue.push_back(other);
                    if unknowns[other].printed && !unknowns[other].primary {
                        found.push(other);
                    }
                }
            }
            if found.len() >= size || seen.len() > NEAR {
                break;
            }
        }
        found.truncate(size);
        found
    }
}

fn moves(witness: &Witness, cell: usize) -> bool {
    witness.binary_search_by_key(&cell, |&(moved, _)| moved).is_ok()
}
