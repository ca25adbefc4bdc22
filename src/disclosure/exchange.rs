//! Witnesses without a linear program: people exchanged between categories.
//!
//! The tables of a universe are margins of one large cross-classification, and a few people more here and as many
//! fewer there keep every total that both places share. Such an exchange is a product: in each dimension, and among the
//! measures, it either moves people from one category to another or adds them up to the total. These are the basic
//! moves of P. Diaconis and B. Sturmfels, "Algebraic algorithms for sampling from conditional distributions", Annals
//! of Statistics 26 (1998), for hierarchies. Several of them, one after the other, make a witness. They do not reach
//! everything that a linear program reaches; where they fail, one is solved.

use std::collections::{BTreeMap, BTreeSet};

use super::condense::System;
use super::local::{Goal, Movable, Witness};
use super::system::{Place, Release};
use super::table::{MeasureKind, Table};

/// Categories that people may come from, in one dimension.
const DONORS: usize = 6;
/// Kinds of people that may come into a category.
const KINDS: usize = 3;
/// Exchanges that one witness may be made of.
const ROUNDS: usize = 10;
/// What moving a cell that is hidden for others costs, as a share of the price of hiding it: so that not everything
/// comes to rest on the one total that was hidden first, which could then never be published again.
const HIDDEN_SHARE: f64 = 0.1;

/// Coefficients by node of a dimension or by measure of a universe.
type Vector = Vec<(usize, i64)>;

/// The exchanges of a release.
pub(super) struct Exchange {
    universes: Vec<Universe>,
    /// For each unknown, one place where it stands: universe, view, quantity, cell.
    home: Vec<Option<Home>>,
}

#[derive(Clone, Copy)]
struct Home {
    universe: usize,
    view: usize,
    quantity: usize,
    cell: usize,
}

/// Tables that share cells.
struct Universe {
    axes: Vec<Axis>,
    /// Coefficients by measure: one kind of person more, or one kind instead of another.
    shifts: Vec<Vec<i64>>,
    /// Kinds of people: coefficients by measure.
    kinds: Vec<Vec<i64>>,
    views: Vec<View>,
}

/// A dimension, over all tables of a universe.
struct Axis {
    parent: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
}

/// A table within its universe.
struct View {
    /// For each axis of the universe: its position in the table.
    position: Vec<Option<usize>>,
    /// For each dimension of the table: node of the axis to node of the table.
    nodes: Vec<Vec<Option<usize>>>,
    /// For each dimension of the table: node of the table to node of the axis.
    axis_nodes: Vec<Vec<usize>>,
    axis_of: Vec<usize>,
    strides: Vec<usize>,
    /// Quantities: a measure (of the universe), or what it leaves of an enclosing one; with the unknown of each cell.
    quantities: Vec<Quantity>,
    /// The table's count by cell, to choose donors by.
    counts: Vec<i64>,
}

struct Quantity {
    measure: usize,
    of: Option<usize>,
    unknowns: Vec<Option<u32>>,
}

impl Exchange {
    pub(super) fn new(tables: &[Table], release: &Release, system: &System) -> Self {
        let names: BTreeSet<&str> = tables.iter().map(|table| table.universe.as_str()).collect();
        let unknown = |place: Place| release.at(place).and_then(|variable| system.unknown_of(variable));
        let universes: Vec<Universe> = names
            .iter()
            .map(|name| {
                let mut own: Vec<(usize, &Table)> =
                    tables.iter().enumerate().filter(|(_, table)| table.universe == *name).collect();
                own.sort_by_key(|(_, table)| &table.name);
                Universe::new(&own, &unknown)
            })
            .collect();
        let mut home = vec![None; system.unknowns.len()];
        for (universe, one) in universes.iter().enumerate() {
            for (view, table) in one.views.iter().enumerate() {
                for (quantity, figures) in table.quantities.iter().enumerate() {
                    for (cell, unknown) in figures.unknowns.iter().enumerate() {
                        if let Some(unknown) = unknown {
                            home[*unknown as usize].get_or_insert(Home { universe, view, quantity, cell });
                        }
                    }
                }
            }
        }
        Self { universes, home }
    }

    /// A witness for a goal about one unknown, made of exchanges.
    pub(super) fn witness(
        &self,
        system: &System,
        goal: &Goal<'_>,
        movable: &dyn Fn(usize) -> Movable,
    ) -> Option<Witness> {
        let &[(target, 1)] = goal.sum else { return None };
        let home = self.home[target]?;
        let universe = &self.universes[home.universe];
        let mut moved: BTreeMap<usize, i64> = BTreeMap::new();
        let mut need = goal.change;
        for _ in 0..ROUNDS {
            let step = universe.best(system, home, need, &moved, movable)?;
            for &(unknown, by) in &step.deltas {
                *moved.entry(unknown).or_default() += by * step.amount;
            }
            need -= step.amount;
            if need <= 0 {
                return Some(moved.into_iter().filter(|&(_, by)| by != 0).collect());
            }
        }
        None
    }
}

struct Step {
    deltas: Vector,
    amount: i64,
    price: f64,
}

impl Step {
    fn rate(&self) -> f64 {
        self.price / self.amount as f64
    }
}

impl Universe {
    fn new(tables: &[(usize, &Table)], unknown: &dyn Fn(Place) -> Option<usize>) -> Self {
        // Everything in the order of names, so that the pattern does not depend on the order of tables.
        let mut ids: BTreeMap<&str, BTreeMap<&str, Option<&str>>> = BTreeMap::new();
        for dimension in tables.iter().flat_map(|(_, table)| &table.dimensions) {
            let own = ids.entry(&dimension.name).or_default();
            for node in &dimension.nodes {
                let parent = node.parent.map(|parent| dimension.nodes[parent].id.as_str());
                let known = own.entry(&node.id).or_default();
                *known = known.or(parent);
            }
        }
        let axes: Vec<(&str, BTreeMap<&str, usize>, Axis)> =
            ids.into_iter().map(|(name, own)| numbered(name, &own)).collect();
        let measures = Measures::of(tables);
        let views = tables.iter().map(|&(index, table)| view(index, table, &axes, &measures, unknown)).collect();
        let kinds = measures.kinds();
        let shifts = shifts(&kinds);
        Self { axes: axes.into_iter().map(|(.., axis)| axis).collect(), shifts, kinds, views }
    }

    /// The exchange that takes the unknown at `home` up at the least price for each person, as far as `need`.
    fn best(
        &self,
        system: &System,
        home: Home,
        need: i64,
        moved: &BTreeMap<usize, i64>,
        movable: &dyn Fn(usize) -> Movable,
    ) -> Option<Step> {
        let view = &self.views[home.view];
        let quantity = &view.quantities[home.quantity];
        let common = self.common(view, quantity, home.cell, system);
        let lift = |shift: &Vec<i64>| self.kinds.contains(shift) && !common.contains(&shift);
        let shifts: Vec<&Vec<i64>> =
            self.shifts.iter().filter(|shift| quantity.of(shift) == 1 && !lift(shift)).collect();
        let nodes: Vec<usize> = self
            .axes
            .iter()
            .enumerate()
            .map(|(at, axis)| view.node(at, home.cell).unwrap_or_else(|| axis.root(0)))
            .collect();
        let options: Vec<Vec<Choice>> = self
            .axes
            .iter()
            .enumerate()
            .map(|(at, axis)| self.choices(at, axis, nodes[at], view, home.cell, need))
            .collect();
        let transfers = self.transfers(&common);
        let mut best: Option<Step> = None;
        let mut chosen = vec![0; options.len()];
        loop {
            for shift in &shifts {
                let choice: Vec<&Choice> = options.iter().zip(&chosen).map(|(options, at)| &options[*at]).collect();
                self.weigh(system, &choice, shift, need, moved, movable, &mut best);
            }
            let leaves: Vec<(usize, usize)> =
                options.iter().zip(&chosen).map(|(options, at)| (options[0].leaf, options[*at].leaf)).collect();
            let inside = chosen.iter().all(|&at| at == 0);
            let cells: Vec<Cells> = match view.people(&leaves) {
                0 => Vec::new(),
                _ => self.views.iter().map(|view| view.both(&self.axes, &leaves)).collect(),
            };
            for (own, donor) in transfers.iter().filter(|(_, donor)| !inside || quantity.of(donor) == 0) {
                if !cells.is_empty() {
                    self.weigh_transfer(system, &cells, own, donor, need, moved, movable, &mut best);
                }
            }
            let Some(at) = (0..chosen.len()).rev().find(|&at| chosen[at] + 1 < options[at].len()) else { break };
            chosen[at] += 1;
            chosen[at + 1..].fill(0);
        }
        best
    }

    /// The kinds of people that count in the quantity and of which there are most at the cell.
    fn common<'a>(&'a self, view: &View, quantity: &Quantity, cell: usize, system: &System) -> Vec<&'a Vec<i64>> {
        let value = |one: &Quantity| one.unknowns[cell].map_or(0, |unknown| system.unknowns[unknown as usize].value);
        let most = |kind: &[i64]| {
            let own = view.quantities.iter().filter(|one| one.of(kind) == 1);
            own.map(value).min().unwrap_or(0)
        };
        let mut own: Vec<&Vec<i64>> = self.kinds.iter().filter(|kind| quantity.of(kind) == 1).collect();
        own.sort_by_key(|kind| std::cmp::Reverse(most(kind)));
        own.truncate(KINDS);
        own
    }

    /// Pairs of kinds of people between which one may change: the first is one of `common`.
    fn transfers<'a>(&'a self, common: &[&'a Vec<i64>]) -> Vec<(&'a Vec<i64>, &'a Vec<i64>)> {
        let near = |one: &Vec<i64>, other: &Vec<i64>| one.iter().zip(other).filter(|(a, b)| a != b).count() <= 2;
        let others =
            |own: &'a Vec<i64>| self.kinds.iter().filter(move |other| near(own, other)).map(move |other| (own, other));
        common.iter().flat_map(|own| others(own)).collect()
    }

    /// One person of another category, in several dimensions at once, becomes one of this.
    #[expect(clippy::too_many_arguments, reason = "one step of a search over its whole state")]
    fn weigh_transfer(
        &self,
        system: &System,
        cells: &[Cells],
        own: &[i64],
        donor: &[i64],
        need: i64,
        moved: &BTreeMap<usize, i64>,
        movable: &dyn Fn(usize) -> Movable,
        best: &mut Option<Step>,
    ) {
        let mut weight = Weight {
            system,
            moved,
            movable,
            deltas: Vec::new(),
            amount: need,
            price: 0.0,
            limit: best.as_ref().map(Step::rate),
        };
        for (view, Cells { here, there }) in self.views.iter().zip(cells) {
            for quantity in &view.quantities {
                let (up, down) = (quantity.of(own), quantity.of(donor));
                if up == 0 && down == 0 {
                    continue;
                }
                for &cell in here {
                    let by = up - if there.contains(&cell) { down } else { 0 };
                    if !weight.visit(quantity.unknowns[cell], by) {
                        return;
                    }
                }
                for &cell in there.iter().filter(|cell| !here.contains(cell)) {
                    if !weight.visit(quantity.unknowns[cell], -down) {
                        return;
                    }
                }
            }
        }
        weight.settle(best);
    }

    /// Ways to take a node up by one: people come from another category, or are added up to the total.
    fn choices(&self, at: usize, axis: &Axis, node: usize, view: &View, cell: usize, need: i64) -> Vec<Choice> {
        let mut leaves = Vec::new();
        axis.leaves_under(node, &mut leaves);
        let count = |leaf: usize| view.count(at, cell, leaf);
        let own = leaves.iter().copied().max_by_key(|&leaf| (count(leaf), std::cmp::Reverse(leaf))).unwrap_or(node);
        let mut choices =
            vec![Choice { leaf: own, vector: axis.path(own).into_iter().map(|one| (one, 1)).collect(), swap: false }];
        if view.position[at].is_none() || axis.parent[node].is_none() {
            return choices;
        }
        let mut others = Vec::new();
        axis.leaves_under(axis.top(node), &mut others);
        others.retain(|leaf| !leaves.contains(leaf));
        // The smallest that have enough people first: they are the cheapest to hide.
        others.sort_by_key(|&leaf| (count(leaf) < need, count(leaf), leaf));
        if others.len() > DONORS {
            let small: Vec<usize> = others.iter().rev().copied().filter(|&leaf| count(leaf) < need).take(2).collect();
            others.truncate(DONORS);
            others.extend(small);
        }
        for other in others {
            choices.push(Choice { leaf: other, vector: axis.difference(own, other), swap: true });
        }
        choices
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a search over its whole state")]
    fn weigh(
        &self,
        system: &System,
        choice: &[&Choice],
        shift: &[i64],
        need: i64,
        moved: &BTreeMap<usize, i64>,
        movable: &dyn Fn(usize) -> Movable,
        best: &mut Option<Step>,
    ) {
        let mut weight = Weight {
            system,
            moved,
            movable,
            deltas: Vec::new(),
            amount: need,
            price: 0.0,
            limit: best.as_ref().map(Step::rate),
        };
        for view in &self.views {
            let absent = |at: usize| view.position[at].is_none();
            if choice.iter().enumerate().any(|(at, one)| one.swap && absent(at)) {
                continue;
            }
            if !view.each(choice, shift, &mut |unknown, by| weight.visit(unknown, by)) {
                return;
            }
        }
        weight.settle(best);
    }
}

/// An exchange being weighed: what it moves, how far, and at what price.
struct Weight<'a> {
    system: &'a System,
    moved: &'a BTreeMap<usize, i64>,
    movable: &'a dyn Fn(usize) -> Movable,
    deltas: Vector,
    amount: i64,
    price: f64,
    limit: Option<f64>,
}

impl Weight<'_> {
    /// Takes one change in; false when the exchange can't be, or not better than the best.
    fn visit(&mut self, unknown: Option<u32>, by: i64) -> bool {
        if by == 0 {
            return true;
        }
        let Some(unknown) = unknown else { return false };
        let unknown = unknown as usize;
        let cell = &self.system.unknowns[unknown];
        let before = self.moved.get(&unknown);
        if by < 0 {
            let room = cell.value + before.copied().unwrap_or(0) - cell.lower;
            self.amount = self.amount.min(room / -by);
        }
        self.price += match (self.movable)(unknown) {
            Movable::No => return false,
            Movable::Free => 0.0,
            _ if before.is_some() => 0.0,
            Movable::Hidden => cell.cost * HIDDEN_SHARE,
            Movable::Price(price) => price,
        };
        self.deltas.push((unknown, by));
        self.amount > 0 && self.limit.is_none_or(|limit| self.price / (self.amount as f64) < limit)
    }

    fn settle(mut self, best: &mut Option<Step>) {
        self.deltas.sort_unstable();
        self.deltas.dedup();
        if self.deltas.windows(2).all(|pair| pair[0].0 != pair[1].0) {
            *best = Some(Step { deltas: self.deltas, amount: self.amount, price: self.price });
        }
    }
}

/// The cells of a view that somebody is in: of the category that gains one, and of the one that loses one.
struct Cells {
    here: Vec<usize>,
    there: Vec<usize>,
}

struct Choice {
    /// The leaf that people come from; for the first choice, the leaf that they come to.
    leaf: usize,
    vector: Vector,
    swap: bool,
}

impl Axis {
    fn root(&self, node: usize) -> usize {
        self.top(node)
    }

    fn top(&self, node: usize) -> usize {
        let mut at = node;
        while let Some(parent) = self.parent[at] {
            at = parent;
        }
        at
    }

    /// A node and all that it is a part of.
    fn path(&self, node: usize) -> Vec<usize> {
        std::iter::successors(Some(node), |&at| self.parent[at]).collect()
    }

    fn leaves_under(&self, node: usize, leaves: &mut Vec<usize>) {
        if self.children[node].is_empty() {
            leaves.push(node);
        }
        for &child in &self.children[node] {
            self.leaves_under(child, leaves);
        }
    }

    /// One more at a leaf, one fewer at another: what they share stays.
    fn difference(&self, up: usize, down: usize) -> Vector {
        let (up, down) = (self.path(up), self.path(down));
        let own = up.iter().filter(|node| !down.contains(node)).map(|&node| (node, 1));
        own.chain(down.iter().filter(|node| !up.contains(node)).map(|&node| (node, -1))).collect()
    }
}

impl View {
    /// The node of an axis at a cell.
    fn node(&self, axis: usize, cell: usize) -> Option<usize> {
        let at = self.position[axis]?;
        Some(self.axis_nodes[at][cell / self.strides[at] % self.axis_nodes[at].len()])
    }

    /// The count at a cell whose coordinate on an axis is another.
    fn count(&self, axis: usize, cell: usize, node: usize) -> i64 {
        let Some(at) = self.position[axis] else { return 0 };
        let Some(there) = self.nodes[at][node] else { return 0 };
        let here = cell / self.strides[at] % self.axis_nodes[at].len();
        self.counts[cell - here * self.strides[at] + there * self.strides[at]]
    }

    /// How many people the category has that would lose some.
    fn people(&self, leaves: &[(usize, usize)]) -> i64 {
        let own = self.axis_of.iter().zip(&self.strides).enumerate();
        let cell = own
            .map(|(at, (&axis, stride))| self.nodes[at][leaves[axis].1].map(|node| node * stride))
            .sum::<Option<usize>>();
        cell.map_or(1, |cell| self.counts[cell])
    }

    fn both(&self, axes: &[Axis], leaves: &[(usize, usize)]) -> Cells {
        Cells { here: self.cells(axes, leaves, |pair| pair.0), there: self.cells(axes, leaves, |pair| pair.1) }
    }

    /// The cells that someone is in who is of one of each pair of leaves.
    fn cells(&self, axes: &[Axis], leaves: &[(usize, usize)], which: impl Fn(&(usize, usize)) -> usize) -> Vec<usize> {
        let mut cells = vec![0];
        for (at, &axis) in self.axis_of.iter().enumerate() {
            let up = std::iter::successors(Some(which(&leaves[axis])), |&node| axes[axis].parent[node]);
            let nodes: Vec<usize> = up.filter_map(|node| self.nodes[at][node]).collect();
            let stride = self.strides[at];
            cells = cells.iter().flat_map(|cell| nodes.iter().map(move |node| cell + node * stride)).collect();
        }
        cells
    }

    /// Calls `visit` with every unknown of the view and its change; stops where it says no.
    fn each(&self, choice: &[&Choice], shift: &[i64], visit: &mut dyn FnMut(Option<u32>, i64) -> bool) -> bool {
        let mut cells: Vec<(usize, i64)> = vec![(0, 1)];
        for (at, &axis) in self.axis_of.iter().enumerate() {
            let nodes = choice[axis].vector.iter().filter_map(|&(node, by)| Some((self.nodes[at][node]?, by)));
            let nodes: Vec<(usize, i64)> = nodes.collect();
            let stride = self.strides[at];
            cells = cells
                .iter()
                .flat_map(|&(cell, by)| nodes.iter().map(move |&(node, other)| (cell + node * stride, by * other)))
                .collect();
        }
        self.quantities.iter().all(|quantity| match quantity.of(shift) {
            0 => true,
            by => cells.iter().all(|&(cell, sign)| visit(quantity.unknowns[cell], by * sign)),
        })
    }
}

impl Quantity {
    /// The change of the quantity under a shift between measures.
    fn of(&self, shift: &[i64]) -> i64 {
        self.of.map_or(shift[self.measure], |of| shift[of] - shift[self.measure])
    }
}

/// An axis over the nodes and parents of all tables.
fn numbered<'a>(name: &'a str, own: &BTreeMap<&'a str, Option<&'a str>>) -> (&'a str, BTreeMap<&'a str, usize>, Axis) {
    let numbers: BTreeMap<&str, usize> = own.keys().copied().zip(0..).collect();
    let parent: Vec<Option<usize>> = own.values().map(|parent| parent.map(|parent| numbers[parent])).collect();
    let mut children = vec![Vec::new(); parent.len()];
    for (node, parent) in parent.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(node);
        }
    }
    (name, numbers, Axis { parent, children })
}

fn view(
    index: usize,
    table: &Table,
    axes: &[(&str, BTreeMap<&str, usize>, Axis)],
    measures: &Measures<'_>,
    unknown: &dyn Fn(Place) -> Option<usize>,
) -> View {
    let place = |name: &str| axes.iter().position(|(axis, ..)| *axis == name).unwrap_or_default();
    let axis_of: Vec<usize> = table.dimensions.iter().map(|dimension| place(&dimension.name)).collect();
    let axis_nodes: Vec<Vec<usize>> = table
        .dimensions
        .iter()
        .zip(&axis_of)
        .map(|(dimension, &axis)| dimension.nodes.iter().map(|node| axes[axis].1[node.id.as_str()]).collect())
        .collect();
    let nodes = axis_nodes
        .iter()
        .zip(&axis_of)
        .map(|(own, &axis)| {
            let mut back = vec![None; axes[axis].2.parent.len()];
            own.iter().enumerate().for_each(|(at, &node)| back[node] = Some(at));
            back
        })
        .collect();
    let position = (0..axes.len()).map(|axis| axis_of.iter().position(|&one| one == axis)).collect();
    let mut quantities = Vec::new();
    for measure in 0..table.measures.len() {
        for of in std::iter::once(None).chain(table.enclosing(measure).into_iter().map(Some)) {
            let at = |cell| unknown(Place { table: index, measure, of, cell }).and_then(|one| u32::try_from(one).ok());
            quantities.push(Quantity {
                measure: measures.number(&table.measures[measure].name),
                of: of.map(|of| measures.number(&table.measures[of].name)),
                unknowns: (0..table.cell_count()).map(at).collect(),
            });
        }
    }
    let count = table.measures.iter().position(|measure| measure.kind == MeasureKind::Count).unwrap_or_default();
    View {
        position,
        nodes,
        axis_nodes,
        axis_of,
        strides: table.strides(),
        quantities,
        counts: table.values[count].clone(),
    }
}

/// The measures of a universe: what kinds of people there are by them.
struct Measures<'a> {
    names: Vec<&'a str>,
    /// Enclosing measure and whether it is one of several parts.
    kinds: Vec<(Option<usize>, bool)>,
}

impl<'a> Measures<'a> {
    fn of(tables: &[(usize, &'a Table)]) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let mut wholes: Vec<(Option<&str>, bool)> = Vec::new();
        for (_, table) in tables {
            for measure in &table.measures {
                if !names.contains(&measure.name.as_str()) {
                    names.push(&measure.name);
                    let part = matches!(measure.kind, MeasureKind::Part { .. });
                    wholes.push((measure.kind.of().map(|of| table.measures[of].name.as_str()), part));
                }
            }
        }
        let number = |name: &str| names.iter().position(|one| *one == name);
        let kinds = wholes.iter().map(|(of, part)| (of.and_then(number), *part)).collect();
        Self { names, kinds }
    }

    fn number(&self, name: &str) -> usize {
        self.names.iter().position(|one| *one == name).unwrap_or_default()
    }

    /// The kinds of people: at each measure that is counted, in or out of each condition, and one of its parts.
    fn kinds(&self) -> Vec<Vec<i64>> {
        let mut kinds: Vec<Vec<i64>> = Vec::new();
        for root in (0..self.names.len()).filter(|&measure| self.kinds[measure].0.is_none()) {
            let mut start = vec![0; self.names.len()];
            start[root] = 1;
            kinds.extend(self.grow(vec![start], root));
        }
        kinds.sort();
        kinds.dedup();
        kinds.truncate(MOST_KINDS);
        kinds
    }

    /// Every way to go on from `whole`.
    fn grow(&self, kinds: Vec<Vec<i64>>, whole: usize) -> Vec<Vec<i64>> {
        let own = |part: bool| {
            (0..self.names.len()).filter(move |&one| self.kinds[one] == (Some(whole), part)).collect::<Vec<_>>()
        };
        let mut kinds = kinds;
        for condition in own(false) {
            let mut inside = kinds.clone();
            inside.iter_mut().for_each(|kind| kind[condition] = 1);
            kinds.extend(self.grow(inside, condition));
        }
        let parts = own(true);
        if parts.is_empty() {
            return kinds;
        }
        parts
            .into_iter()
            .flat_map(|part| {
                let mut inside = kinds.clone();
                inside.iter_mut().for_each(|kind| kind[part] = 1);
                self.grow(inside, part)
            })
            .collect()
    }
}

/// One kind of person more, or one instead of another that differs from it in one choice.
fn shifts(kinds: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let mut shifts: BTreeSet<Vec<i64>> = kinds.iter().cloned().collect();
    for one in kinds {
        for other in kinds {
            let shift: Vec<i64> = one.iter().zip(other).map(|(a, b)| a - b).collect();
            if (1..=2).contains(&shift.iter().filter(|&&by| by != 0).count()) {
                shifts.insert(shift);
            }
        }
    }
    let mut shifts: Vec<Vec<i64>> = shifts.into_iter().collect();
    // Exchanges that touch few measures first.
    shifts.sort_by_key(|shift| shift.iter().filter(|&&by| by != 0).count());
    shifts
}

/// Kinds of people beyond which exchanges between them are not listed.
const MOST_KINDS: usize = 24;
