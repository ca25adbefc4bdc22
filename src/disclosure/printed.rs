//! The search for one large table of counts whose empty cells are printed.
//!
//! A product of categories mostly meets an empty cell then, so that exchanges seldom lead anywhere. First the table is
//! searched as if empty cells were hidden ([`large`]). They are printed, and with the rest of what that hides nearly every
//! figure can still be moved by changes of a few innermost cells ([`raise`]). For each of the others a linear program over
//! all innermost cells says how it is moved at the least price of published totals and cells; these are hidden as well.
//! That always leads to a pattern, since a cell may be anything where all totals that it is part of are hidden. In the end
//! what no witness moves is published.

use std::collections::BTreeMap;

use super::audit::parts::mix;
use super::condense::{System, condense};
use super::dual::{Dual, Outcome, Terms};
use super::history::Beside;
use super::innermost::{Axis, Change, Goals, Ground, both, is_leaf, raise};
use super::large;
use super::local::{Goal, Local, Witness};
use super::policy::{Level, Phase, Policy, Progress, Requirement, Zeros};
use super::primary::{self, Target};
use super::public::PublicTable;
use super::search::Pattern;
use super::system::{Place, Release};
use super::table::Table;

/// Figures that both threads look at before what they found is taken in.
const BATCH: usize = 64;
/// What it costs to change a hidden cell by 1, and how far equal ones are apart, as a share of that.
const PRICE: f64 = 0.01;
const JITTER: f64 = 0.5;
/// Steps for each program, and other prices that are tried where its answer can't be made whole.
const STEPS: usize = 2000;
const TRIES: u64 = 3;
/// Innermost cells of a part of the table that is looked at by itself.
const PART: usize = 20_000;
/// A published total that is to be hidden may change as its cells let it.
const ENDLESS: f64 = 1e9;
/// Not an unknown.
const NONE: u32 = u32::MAX;

/// Whether the search is for a large table under such a policy.
pub(super) fn is_for(policy: &Policy, beside: &Beside) -> bool {
    policy.zeros == Zeros::Print && policy.level == Level::Full && beside.others.is_empty()
}

/// A table, and what is hidden of it.
struct Printed<'a> {
    table: &'a Table,
    system: &'a System,
    /// Unknown by cell.
    unknown: Vec<u32>,
    /// What hiding a cell costs: its share of its unknown's price.
    price: Vec<f64>,
    /// By unknown.
    hidden: Vec<bool>,
}

/// Searches a pattern; `stop` says that the time for publishing again is up.
pub(super) fn search(
    tables: &[Table],
    release: &Release,
    (system, targets): (&System, &[Target]),
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Pattern {
    let mut printed = Printed::new(&tables[0], release, system);
    printed.start(tables, release, policy, stop, progress);
    let mut seen = Seen::new(&tables[0].values[0], targets);
    let mut witnesses = printed.raise(policy, &mut seen, progress);
    let programs = seen.left().len();
    witnesses.extend(printed.hide(&mut seen, progress));
    printed.pattern(&seen, witnesses, programs)
}

impl<'a> Printed<'a> {
    fn new(table: &'a Table, release: &Release, system: &'a System) -> Self {
        let unknown = |cell| {
            let variable = release.at(Place { table: 0, measure: 0, of: None, cell });
            variable.and_then(|variable| system.unknown_of(variable)).map_or(NONE, |unknown| unknown as u32)
        };
        let unknown: Vec<u32> = (0..table.cell_count()).map(unknown).collect();
        let mut places = vec![0_u32; system.unknowns.len()];
        unknown.iter().filter(|&&own| own != NONE).for_each(|&own| places[own as usize] += 1);
        let price = |&own: &u32| match own {
            NONE => 0.0,
            own => system.unknowns[own as usize].cost / f64::from(places[own as usize]),
        };
        let price = unknown.iter().map(price).collect();
        let hidden = system.unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
        Printed { table, system, unknown, price, hidden }
    }

    /// Hides what would be hidden if empty cells were.
    fn start(
        &mut self,
        tables: &[Table],
        release: &Release,
        policy: &Policy,
        stop: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(Progress),
    ) {
        let policy = Policy { zeros: Zeros::Hide, ..policy.clone() };
        let primary = primary::apply(tables, release, &policy);
        let system = condense(tables, release, &primary, &policy);
        let pattern = large::search(tables, release, &system, &policy, stop, progress);
        for cell in 0..self.unknown.len() {
            let variable = release.at(Place { table: 0, measure: 0, of: None, cell });
            if variable.and_then(|variable| system.unknown_of(variable)).is_some_and(|there| pattern.hidden[there]) {
                self.hide_cell(cell as u32);
            }
        }
    }

    fn hide_cell(&mut self, cell: u32) {
        let unknown = self.unknown[cell as usize];
        if unknown != NONE {
            self.hidden[unknown as usize] = true;
        }
    }

    fn is_hidden(&self, cell: u32) -> bool {
        let unknown = self.unknown[cell as usize];
        unknown != NONE && self.hidden[unknown as usize]
    }

    /// How far a cell may go down.
    fn room(&self, cell: u32) -> i64 {
        let unknown = self.unknown[cell as usize];
        let lower = if unknown == NONE { 0 } else { self.system.unknowns[unknown as usize].lower };
        self.table.values[0][cell as usize] - lower
    }

    /// The hidden innermost cells, with the totals that are published; with `all` of them also those that are published.
    fn ground(&self, all: bool) -> Ground {
        let table = &self.table;
        let axes = Axis::all(&table.dimensions);
        let may_be_hidden = |cell: usize| all && self.unknown[cell] != NONE && is_leaf(&axes, cell);
        let values = table.values[0].iter().enumerate();
        let shown = |(cell, &value)| (!self.is_hidden(cell as u32) && !may_be_hidden(cell)).then_some(value);
        let public = PublicTable {
            name: table.name.clone(),
            universe: table.universe.clone(),
            dimensions: table.dimensions.clone(),
            measures: table.measures.clone(),
            values: vec![values.map(shown).collect()],
            rates: Vec::new(),
            edition: None,
            minimums: None,
        };
        Ground::new(&public, &|_| true)
    }

    /// Moves what changes of hidden cells move.
    fn raise(&self, policy: &Policy, seen: &mut Seen<'_>, progress: &mut dyn FnMut(Progress)) -> Vec<Witness> {
        let ground = self.ground(false);
        let rooms = ground.leaves.iter().map(|&cell| self.room(cell)).collect();
        let mut step = |done, total| progress(Progress { phase: Phase::Search, done, total });
        let changes = raise(&ground, rooms, policy.minimum() - 1, seen, &mut step);
        changes.into_iter().map(|change| self.witness(&ground, &change)).collect()
    }

    /// Hides totals and cells until everything that is left can be moved.
    fn hide(&mut self, seen: &mut Seen<'_>, progress: &mut dyn FnMut(Progress)) -> Vec<Witness> {
        let left = seen.left();
        if left.is_empty() {
            return Vec::new();
        }
        let ground = self.ground(true);
        let rooms: Vec<i64> = ground.leaves.iter().map(|&cell| self.room(cell)).collect();
        let (total, mut done) = (left.len(), 0);
        let mut witnesses = Vec::new();
        for (leaves, figures) in parts(&ground, &left) {
            let part = Part::new(&ground, leaves, &figures);
            let mut workers = {
                let rows = part.rows(&ground);
                [(); 2].map(|()| Dual::over(part.unknowns(), &rows))
            };
            for batch in figures.chunks(BATCH) {
                progress(Progress { phase: Phase::Search, done, total });
                done += batch.len();
                let programs = Programs { printed: self, ground: &ground, rooms: &rooms, part: &part };
                let look =
                    |dual: &mut Dual, cell: u32| Some(programs.cheapest(dual, (cell, seen.need(cell as usize, true)?)));
                for (cell, change) in both(&mut workers, batch, &look) {
                    if seen.need(cell as usize, true).is_some() {
                        self.hide_moved(&ground, &change);
                        seen.learn(&ground, &change);
                        witnesses.push(self.witness(&ground, &change));
                    }
                }
            }
        }
        witnesses
    }

    /// Hides the published cells and totals that a change moves.
    fn hide_moved(&mut self, ground: &Ground, change: &Change) {
        let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
        for &(leaf, by) in change {
            ground.totals(leaf).iter().for_each(|&total| *sums.entry(total).or_default() += by);
            self.hide_cell(ground.leaves[leaf as usize]);
        }
        for (total, _) in sums.into_iter().filter(|&(_, by)| by != 0) {
            self.hide_cell(ground.conditions[total as usize]);
        }
    }

    /// A change of innermost cells and of all that they are part of, by unknown.
    fn witness(&self, ground: &Ground, change: &Change) -> Witness {
        let moved = added_up(ground, change).into_iter();
        let named = moved.map(|(cell, by)| (self.unknown[cell as usize], by)).filter(|&(unknown, _)| unknown != NONE);
        let mut witness: Witness = named.map(|(unknown, by)| (unknown as usize, by)).collect();
        witness.sort_unstable();
        witness.dedup();
        witness
    }

    /// What witnesses move; what they do not protect when looked at once more.
    fn pattern(self, seen: &Seen<'_>, witnesses: Vec<Witness>, programs: usize) -> Pattern {
        let unknowns = &self.system.unknowns;
        let mut hidden: Vec<bool> = unknowns.iter().map(|unknown| unknown.printed && unknown.primary).collect();
        let mut ranges: Vec<(i64, i64)> = unknowns.iter().map(|unknown| (unknown.value, unknown.value)).collect();
        let local = Local::new(self.system);
        let nothing = Goal { sum: &[], change: 0 };
        let witnesses: Vec<Witness> = witnesses.into_iter().filter(|witness| local.holds(&nothing, witness)).collect();
        for &(unknown, by) in witnesses.iter().flatten() {
            hidden[unknown] = true;
            let (range, value) = (&mut ranges[unknown], unknowns[unknown].value + by);
            *range = (range.0.min(value), range.1.max(value));
        }
        let is_unmet = |&(&cell, need): &(&u32, &Requirement)| match self.unknown[cell as usize] {
            NONE => false,
            unknown => !need.is_met(ranges[unknown as usize].0, ranges[unknown as usize].1),
        };
        let unmet = seen.targets.iter().filter(is_unmet).map(|(&cell, _)| self.unknown[cell as usize] as usize);
        let unmet = unmet.collect();
        Pattern { hidden, unmet, witnesses, programs }
    }
}

/// Parts of the table that are large enough for their figures to move within them: neighbours along the dimension with the
/// most categories, whole below each of its first ones. Leaves by part, and the figures to be moved.
fn parts(ground: &Ground, left: &[u32]) -> Vec<(Vec<u32>, Vec<u32>)> {
    let Some(axis) = ground.axes.iter().max_by_key(|axis| axis.leaves.len()) else { return Vec::new() };
    let position = |leaf: u32| axis.below[axis.node(ground.leaves[leaf as usize] as usize)].0 as usize;
    let mut count = vec![0; axis.leaves.len()];
    (0..ground.leaves.len() as u32).for_each(|leaf| count[position(leaf)] += 1);
    let first = |node: usize| {
        let mut up = axis.above(node).collect::<Vec<usize>>();
        up.pop();
        up.pop().unwrap_or(node)
    };
    let (mut part, mut size) = (vec![0_usize; count.len()], 0);
    for at in 1..count.len() {
        size += count[at - 1];
        let (before, here) = (axis.leaves[at - 1] as usize, axis.leaves[at] as usize);
        let ends = size >= PART && first(before) != first(here);
        part[at] = part[at - 1] + usize::from(ends);
        size = if ends { 0 } else { size };
    }
    let mut parts = vec![(Vec::new(), Vec::new()); part.last().map_or(0, |last| last + 1)];
    (0..ground.leaves.len() as u32).for_each(|leaf| parts[part[position(leaf)]].0.push(leaf));
    for &cell in left {
        let own = ground.number(cell as usize);
        let leaf = if own == NONE { ground.all_below(cell).first().copied() } else { Some(own) };
        if let Some(leaf) = leaf {
            parts[part[position(leaf)]].1.push(cell);
        }
    }
    parts.retain(|(_, figures)| !figures.is_empty());
    parts
}

/// The unknowns of linear programs over innermost cells: the cells; what each published total changes by; the same once
/// more; figures to be moved that are totals.
struct Part {
    /// Leaves, sorted.
    leaves: Vec<u32>,
    /// Numbers of published totals, sorted.
    totals: Vec<u32>,
    /// Cells of the figures that are totals, sorted.
    figures: Vec<u32>,
}

impl Part {
    fn new(ground: &Ground, leaves: Vec<u32>, figures: &[u32]) -> Self {
        let mut totals: Vec<u32> = leaves.iter().flat_map(|&leaf| ground.totals(leaf)).copied().collect();
        totals.sort_unstable();
        totals.dedup();
        let figures = figures.iter().copied().filter(|&cell| ground.number(cell as usize) == NONE).collect();
        Part { leaves, totals, figures }
    }

    fn unknowns(&self) -> usize {
        self.leaves.len() + 2 * self.totals.len() + self.figures.len()
    }

    /// The unknown of a figure.
    fn unknown(&self, ground: &Ground, cell: u32) -> Option<usize> {
        match ground.number(cell as usize) {
            NONE => Some(self.leaves.len() + 2 * self.totals.len() + self.figures.binary_search(&cell).ok()?),
            leaf => self.leaves.binary_search(&leaf).ok(),
        }
    }

    /// What each published total is, then each figure that is a total, then what a published total changes by, once more.
    fn rows(&self, ground: &Ground) -> Vec<Vec<(usize, i64)>> {
        let (leaves, totals) = (self.leaves.len(), self.totals.len());
        let mut rows: Vec<Vec<(usize, i64)>> = vec![Vec::new(); totals];
        let mut own: Vec<Vec<(usize, i64)>> =
            (0..self.figures.len()).map(|at| vec![(leaves + 2 * totals + at, -1)]).collect();
        let mut cells = Vec::new();
        for (at, &leaf) in self.leaves.iter().enumerate() {
            for total in ground.totals(leaf).iter().filter_map(|total| self.totals.binary_search(total).ok()) {
                rows[total].push((at, 1));
            }
            if !own.is_empty() {
                ground.ancestors(ground.leaves[leaf as usize], &mut cells);
                for figure in cells.iter().filter_map(|cell| self.figures.binary_search(cell).ok()) {
                    own[figure].push((at, 1));
                }
            }
        }
        // It stands in two rows, since an unknown that stands in one makes up for others at no price.
        for (total, row) in rows.iter_mut().enumerate() {
            row.push((leaves + total, -1));
        }
        rows.extend(own);
        rows.extend((0..totals).map(|total| vec![(leaves + total, 1), (leaves + totals + total, -1)]));
        rows
    }
}

/// Linear programs over a part of the innermost cells.
struct Programs<'p> {
    printed: &'p Printed<'p>,
    ground: &'p Ground,
    /// How far cells may go down.
    rooms: &'p [i64],
    part: &'p Part,
}

impl Programs<'_> {
    /// How a figure is moved at about the least price.
    fn cheapest(&self, dual: &mut Dual, (cell, by): (u32, i64)) -> Change {
        let (ground, leaves) = (self.ground, &self.part.leaves);
        let unit = by.abs() as f64;
        let programs =
            self.part.unknown(ground, cell).into_iter().flat_map(|unknown| (0..TRIES).map(move |salt| (unknown, salt)));
        for (unknown, salt) in programs {
            let terms = |unknown: usize| self.terms(unknown, unit, salt);
            let Outcome::Found(found) = dual.solve((unknown, by.signum() as f64), unit, STEPS, &terms) else {
                continue;
            };
            let mut sums: BTreeMap<usize, f64> = BTreeMap::from([(unknown, by as f64)]);
            for (unknown, by) in found {
                *sums.entry(unknown).or_default() += by * unit;
            }
            let whole = sums.into_iter().filter(|&(unknown, _)| unknown < leaves.len());
            let whole = whole.map(|(unknown, by)| (leaves[unknown], by.round() as i64));
            let change: Change = whole.filter(|&(_, by)| by != 0).collect();
            let own = change.iter().filter(|&&(leaf, _)| ground.is_below(leaf, cell)).map(|&(_, by)| by).sum::<i64>();
            if own == by && change.iter().all(|&(leaf, by)| self.rooms[leaf as usize] + by >= 0) {
                return change;
            }
        }
        // More people, whatever that hides.
        let own = ground.number(cell as usize);
        let leaf = if own == NONE { ground.all_below(cell).first().copied() } else { Some(own) };
        leaf.into_iter().map(|leaf| (leaf, by)).collect()
    }

    fn terms(&self, unknown: usize, unit: f64, salt: u64) -> Option<Terms> {
        let (printed, part) = (self.printed, self.part);
        let terms = |price, room| Some(Terms { up: price, down: price, room });
        if let Some(&leaf) = part.leaves.get(unknown) {
            let cell = self.ground.leaves[leaf as usize];
            let jitter = 1.0 + JITTER * (mix(u64::from(leaf), salt) >> 40) as f64 / (1_u64 << 24) as f64;
            let price = if printed.is_hidden(cell) { PRICE * jitter } else { printed.price[cell as usize] };
            return terms(price, self.rooms[leaf as usize] as f64 / unit);
        }
        let total = part.totals.get(unknown - part.leaves.len()).map(|&total| self.ground.conditions[total as usize]);
        match total.filter(|&cell| !printed.is_hidden(cell)) {
            Some(cell) => terms(printed.price[cell as usize], ENDLESS),
            None => terms(0.0, ENDLESS),
        }
    }
}

/// A change of innermost cells and of all that they are part of, by cell.
fn added_up(ground: &Ground, change: &[(u32, i64)]) -> BTreeMap<u32, i64> {
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    let mut above = Vec::new();
    for &(leaf, by) in change {
        ground.ancestors(ground.leaves[leaf as usize], &mut above);
        above.iter().for_each(|&cell| *sums.entry(cell).or_default() += by);
    }
    sums.retain(|_, by| *by != 0);
    sums
}

/// What has been seen of the figures that must be protected.
struct Seen<'s> {
    truth: &'s [i64],
    targets: BTreeMap<u32, Requirement>,
    ranges: BTreeMap<u32, (i64, i64)>,
}

impl<'s> Seen<'s> {
    fn new(truth: &'s [i64], targets: &[Target]) -> Self {
        let targets: BTreeMap<u32, Requirement> =
            targets.iter().map(|target| (target.cell as u32, target.requirement)).collect();
        let ranges = targets.keys().map(|&cell| (cell, (truth[cell as usize], truth[cell as usize]))).collect();
        Seen { truth, targets, ranges }
    }

    fn left(&self) -> Vec<u32> {
        self.targets.keys().copied().filter(|&cell| self.need(cell as usize, true).is_some()).collect()
    }
}

impl Goals for Seen<'_> {
    fn wanted(&self) -> Vec<u32> {
        self.left()
    }

    fn need(&self, cell: usize, up: bool) -> Option<i64> {
        let need = self.targets.get(&(cell as u32))?;
        let (low, high) = self.ranges[&(cell as u32)];
        let goal = if up { need.upper.max(low + need.width) } else { need.lower.min(high - need.width) };
        let helps = !need.is_met(low, high) && goal > 0 && (goal < low || goal > high);
        helps.then(|| goal - self.truth[cell])
    }

    fn learn(&mut self, ground: &Ground, change: &[(u32, i64)]) {
        for (cell, by) in added_up(ground, change) {
            if let Some(range) = self.ranges.get_mut(&cell) {
                let value = self.truth[cell as usize] + by;
                *range = (range.0.min(value), range.1.max(value));
            }
        }
    }
}
