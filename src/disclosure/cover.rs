//! The start pattern: the cheapest cells such that no hidden one stands alone.
//!
//! A figure can only change where another makes up for it, in each equation that it stands in: an equation with one
//! figure that must stay open needs another hidden cell, so does one whose open figures can't make up for as much as the
//! level asks, and an equation in which nothing was hidden needs none or at least two. That is necessary and not enough,
//! yet most of what a pattern costs is due to it, and it needs no linear program: so it is solved well before the first
//! witness is looked for. Equations are filled greedily, then some neighbouring cells are published and the equations
//! filled anew, many times, and the better pattern kept.
//!
//! # Reference
//! The conditions are the simplest of the cover inequalities in M. Fischetti and J. J. Salazar, "Solving the cell
//! suppression problem on tabular data with linear constraints", Management Science 47 (2001). R. Ruiz and T. Stützle,
//! "A simple and effective iterated greedy algorithm", European Journal of Operational Research 177 (2007).

use super::condense::System;
use super::policy::Policy;
use super::random::Random;

/// Trials for each hidden cell.
const TRIALS: usize = 150;
/// Cells published in a trial, at most.
const RUIN: usize = 10;
/// How much dearer a trial may make the pattern at first, as a share of a cell's mean price.
const HEAT: f64 = 0.2;
/// How far prices are shaken in a trial, as a share of them.
const SHAKE: f64 = 0.4;
/// What hiding a cell costs further on, as a share of the cheapest cell of each equation that is then in need.
const AHEAD: f64 = 0.7;

/// What an equation asks of the cells that are hidden in it beyond the primary ones.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    Nothing,
    /// At least one.
    One,
    /// None, or at least two.
    NotOne,
}

pub(super) struct Cover<'a> {
    system: &'a System,
    /// Equations and cuts: a cut is the cells of which at least one must be hidden.
    needs: Vec<Need>,
    /// The equations and cuts that a cell stands in.
    groups: Vec<Vec<usize>>,
    /// Cells that may be hidden, by equation; the price of the cheapest.
    members: Vec<Vec<usize>>,
    cheapest: Vec<f64>,
    hidden: Vec<bool>,
    /// Hidden members by equation.
    count: Vec<usize>,
    price: f64,
    /// What was changed in the trial at hand.
    changed: Vec<usize>,
    queue: Vec<usize>,
    random: Random,
}

impl<'a> Cover<'a> {
    pub(super) fn new(system: &'a System, policy: &Policy) -> Self {
        let equations = 0..system.equation_count();
        let may_hide = |unknown: usize| system.unknowns[unknown].printed && !system.unknowns[unknown].primary;
        let own = |equation| system.equation(equation).map(|(unknown, _)| unknown).filter(|&unknown| may_hide(unknown));
        let members: Vec<Vec<usize>> = equations.clone().map(|equation| own(equation).collect()).collect();
        let price = |cells: &Vec<usize>| {
            let prices = cells.iter().map(|&cell| system.unknowns[cell].cost);
            prices.fold(f64::INFINITY, f64::min)
        };
        let mut cover = Cover {
            system,
            groups: (0..system.unknowns.len()).map(|unknown| system.equations_of(unknown).collect()).collect(),
            needs: equations.clone().map(|equation| need(system, policy, equation)).collect(),
            cheapest: members.iter().map(price).collect(),
            members,
            hidden: vec![false; system.unknowns.len()],
            count: vec![0; equations.len()],
            price: 0.0,
            changed: Vec::new(),
            queue: Vec::new(),
            random: Random::new(policy.seed),
        };
        cover.queue = (0..equations.len()).rev().collect();
        cover.fill(0.0, None);
        cover.thin();
        cover.improve(1.0);
        cover
    }

    /// Whether a cell that is not primary is hidden.
    pub(super) fn hides(&self, cell: usize) -> bool {
        self.hidden[cell]
    }

    /// Takes in cuts.
    pub(super) fn add(&mut self, cuts: Vec<Vec<usize>>) {
        for cut in cuts {
            let number = self.needs.len();
            let mut cheapest = f64::INFINITY;
            for &cell in &cut {
                self.groups[cell].push(number);
                cheapest = cheapest.min(self.system.unknowns[cell].cost);
            }
            self.needs.push(Need::One);
            self.count.push(cut.iter().filter(|&&cell| self.hidden[cell]).count());
            self.members.push(cut);
            self.cheapest.push(cheapest);
            if self.is_short(number) {
                self.queue.push(number);
            }
        }
        self.fill(0.0, None);
        self.changed.clear();
    }

    /// Starts from a pattern that meets the cuts.
    pub(super) fn adopt(&mut self, hidden: &[bool]) {
        for (cell, &hidden) in hidden.iter().enumerate() {
            let unknown = &self.system.unknowns[cell];
            if unknown.printed && !unknown.primary && self.hidden[cell] != hidden {
                self.set(cell, hidden);
            }
        }
        self.queue.clear();
        self.changed.clear();
    }

    fn is_short(&self, equation: usize) -> bool {
        match self.needs[equation] {
            Need::Nothing => false,
            Need::One => self.count[equation] == 0,
            Need::NotOne => self.count[equation] == 1,
        }
    }

    fn set(&mut self, cell: usize, hidden: bool) {
        self.hidden[cell] = hidden;
        self.changed.push(cell);
        let cost = self.system.unknowns[cell].cost;
        self.price += if hidden { cost } else { -cost };
        for at in 0..self.groups[cell].len() {
            let equation = self.groups[cell][at];
            if hidden {
                self.count[equation] += 1;
            } else {
                self.count[equation] -= 1;
            }
            if self.is_short(equation) {
                self.queue.push(equation);
            }
        }
    }

    /// Hides cells until no equation is short of one, as far as there are any.
    fn fill(&mut self, shake: f64, avoided: Option<usize>) {
        while let Some(equation) = self.queue.pop() {
            if !self.is_short(equation) {
                continue;
            }
            let mut best: Option<(f64, usize)> = None;
            for at in 0..self.members[equation].len() {
                let cell = self.members[equation][at];
                if self.hidden[cell] {
                    continue;
                }
                let factor =
                    1.0 + shake * f64::from(self.random.unit()) + if avoided == Some(cell) { shake } else { 0.0 };
                let price = self.estimate(cell) * factor;
                if best.is_none_or(|(other, _)| price < other) {
                    best = Some((price, cell));
                }
            }
            if let Some((_, cell)) = best {
                self.set(cell, true);
            }
        }
    }

    /// What hiding a cell costs, with what it needs and what it spares elsewhere.
    fn estimate(&self, cell: usize) -> f64 {
        let mut spared = 0;
        let mut further = 0.0;
        for &equation in &self.groups[cell] {
            if self.is_short(equation) {
                spared += 1;
            } else if self.needs[equation] == Need::NotOne && self.count[equation] == 0 {
                further += AHEAD * self.cheapest[equation];
            }
        }
        (self.system.unknowns[cell].cost + further) / f64::from(spared.max(1))
    }

    fn can_go(&self, cell: usize) -> bool {
        let mut equations = self.groups[cell].iter();
        equations.all(|&equation| match self.needs[equation] {
            Need::Nothing => true,
            Need::One => self.count[equation] != 1,
            Need::NotOne => self.count[equation] != 2,
        })
    }

    /// Publishes again what can be, heaviest first.
    fn thin(&mut self) {
        let unknowns = &self.system.unknowns;
        let mut cells: Vec<usize> = (0..self.hidden.len()).filter(|&cell| self.hidden[cell]).collect();
        cells.sort_by(|&a, &b| unknowns[b].cost.total_cmp(&unknowns[a].cost).then(a.cmp(&b)));
        for cell in cells {
            if self.can_go(cell) {
                self.set(cell, false);
            }
        }
        self.queue.clear();
    }

    /// Makes the pattern cheaper; `warm` says how much dearer it may become on the way, from 0 to 1.
    pub(super) fn improve(&mut self, warm: f64) {
        let mut cells: Vec<usize> = (0..self.hidden.len()).filter(|&cell| self.hidden[cell]).collect();
        let heat = warm * HEAT * self.price / cells.len().max(1) as f64;
        let total = TRIALS * cells.len();
        for trial in 0..total {
            if trial % 1024 == 1023 {
                cells = (0..self.hidden.len()).filter(|&cell| self.hidden[cell]).collect();
            }
            let number = self.random.index(cells.len());
            if let Some(&centre) = cells.get(number).filter(|&&cell| self.hidden[cell]) {
                // Boltzmann's law, cooling down.
                let left = 1.0 - trial as f64 / total as f64;
                let slack = -f64::from(self.random.unit().max(f32::MIN_POSITIVE)).ln() * heat * left;
                self.trial(centre, slack);
            }
        }
    }

    /// Publishes a cell and some that share an equation with it, and fills anew; takes it back where that costs more.
    fn trial(&mut self, centre: usize, slack: f64) {
        let before = self.price;
        self.changed.clear();
        self.queue.clear();
        self.set(centre, false);
        let mut at = centre;
        for _ in 0..self.random.index(RUIN) {
            let number = self.random.index(self.groups[at].len());
            let Some(&group) = self.groups[at].get(number) else { break };
            let hidden: Vec<usize> = self.members[group].iter().copied().filter(|&cell| self.hidden[cell]).collect();
            let number = self.random.index(hidden.len());
            if let Some(&cell) = hidden.get(number) {
                self.set(cell, false);
                at = cell;
            }
        }
        self.fill(SHAKE, Some(centre));
        for at in 0..self.changed.len() {
            let cell = self.changed[at];
            if self.hidden[cell] && self.can_go(cell) {
                self.set(cell, false);
            }
        }
        self.queue.clear();
        if self.price > before + slack {
            self.take_back();
        }
    }

    fn take_back(&mut self) {
        for cell in std::mem::take(&mut self.changed).into_iter().rev() {
            let hidden = self.hidden[cell];
            self.set(cell, !hidden);
        }
        self.queue.clear();
    }
}

/// What an equation asks for, given what is hidden in any case.
fn need(system: &System, policy: &Policy, equation: usize) -> Need {
    let terms = || system.equation(equation);
    let unknowns = &system.unknowns;
    let is_open = |unknown: usize| !unknowns[unknown].printed || unknowns[unknown].primary;
    if !terms().any(|(unknown, _)| is_open(unknown)) {
        return Need::NotOne;
    }
    // Where one goes up, another of the same sign goes down, or one of the other sign up.
    let capacity = |figure: usize, falling: i64| {
        let others = terms().filter(|&(other, _)| other != figure && is_open(other));
        let rooms = others.map(|(other, c)| match c.signum() == falling {
            true => unknowns[other].value - unknowns[other].lower,
            false => i64::MAX,
        });
        rooms.fold(0_i64, i64::saturating_add)
    };
    let alone = terms().filter(|&(unknown, _)| unknowns[unknown].protected).any(|(unknown, c)| {
        let figure = &unknowns[unknown];
        let requirement = policy.requirement(figure.value, figure.least);
        let (up, down) = (requirement.upper - figure.value, figure.value - requirement.lower);
        capacity(unknown, c.signum()) < up.max(1) || (down > 0 && capacity(unknown, -c.signum()) < down)
    });
    if alone { Need::One } else { Need::Nothing }
}
