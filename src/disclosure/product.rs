//! Exchanges in one table: people come from another category, or are added up to the total, in each dimension.
//!
//! An exchange is a product, one factor for each dimension, or for several in which people differ at once. Its cells in the
//! dimensions chosen so far are among its cells in the end, so that their price bounds its price from below, and the least
//! of those that lose people bounds how many can come: the cheapest is found by branch and bound.
//!
//! # Reference
//! P. Diaconis and B. Sturmfels, "Algebraic algorithms for sampling from conditional distributions", Annals of
//! Statistics 26 (1998): basic moves. A. H. Land and A. G. Doig, "An automatic method of solving discrete programming
//! problems", Econometrica 28 (1960): branch and bound.

use super::table::Dimension;

/// Categories of one parent that people may come from, at most, and such of other parents.
const SIBLINGS: usize = 12;
const COUSINS: usize = 6;
/// Ways to differ in several dimensions at once, for each set of them.
const JOINT: usize = 8;
/// How many exchanges one change may be made of; the cheapest way is taken.
const ROUNDS: [i32; 4] = [1, 2, 4, 8];
/// Cells looked at for one exchange.
const VISITS: usize = 20_000;
/// The same where only what is hidden may move.
const HIDDEN_VISITS: usize = 2000;
/// What preparing for an exchange takes, in cells looked at.
const EXCHANGE: usize = 1000;
/// What moving a cell that is hidden for others costs, as a share of the price of hiding it.
const HIDDEN_SHARE: f32 = 0.1;
/// No node.
const NONE: u32 = u32::MAX;

/// What an exchange has to know of a cell.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// How many people can leave.
    pub(super) room: i32,
    /// Published: what hiding it costs. Hidden for others: the same, negative. Hidden in its own right: 0. Known to be
    /// empty: infinite.
    pub(super) price: f32,
}

/// A dimension of the table.
struct Axis {
    stride: usize,
    parent: Vec<u32>,
    children: Vec<Vec<u32>>,
    /// The leaf with the most people below each node, going down from child to child.
    main: Vec<u32>,
}

/// One factor of an exchange: how far in cells a node is from the figure's own, and whether it gains or loses.
type Factor = Vec<(isize, bool)>;

/// Dimensions in which people may differ at once, and one of their nodes in each.
const GROUP: usize = 5;
type Tuple = [u32; GROUP];

/// The cell that an exchange starts from, whether it gains, how many people have to move, and whether only what is
/// hidden may.
#[derive(Clone, Copy)]
struct Start {
    cell: u32,
    gains: bool,
    least: i32,
    hidden_only: bool,
}

/// What can be done in one dimension.
#[derive(Default)]
struct Options {
    factors: Vec<Factor>,
}

impl Options {
    /// The cheapest donor, and adding up to the total.
    fn first(&self) -> Options {
        let (first, last) = (self.factors.first(), self.factors.last());
        Options { factors: first.into_iter().chain(last).cloned().collect() }
    }
}

/// The best exchange so far.
struct Best {
    rate: f32,
    amount: i32,
    cells: Vec<(u32, bool)>,
}

/// A search by branch and bound.
struct Branch<'b> {
    cells: &'b [Cell],
    moved: &'b [i32],
    options: Vec<&'b Options>,
    /// Only what is hidden may move.
    hidden_only: bool,
    /// How many people have to move at least.
    least: i32,
    stack: Vec<(u32, bool)>,
    visits: usize,
    /// Cells that may be looked at for one way to put dimensions together.
    most: usize,
    /// Cells looked at.
    work: usize,
    best: Best,
}

impl<'b> Branch<'b> {
    /// Searches one way to put dimensions together, few choices first: they bound the others.
    fn run(&mut self, mut options: Vec<&'b Options>, price: f32, amount: i32) {
        options.sort_by_key(|options| options.factors.len());
        self.options = options;
        self.visits = self.most;
        self.go(0, price, amount);
        self.work += self.most - self.visits;
    }

    /// Multiplies the cells of the stack by each factor of the dimension.
    fn go(&mut self, axis: usize, price: f32, amount: i32) {
        let Some(&options) = self.options.get(axis) else {
            let rate = price / amount as f32;
            if rate < self.best.rate {
                self.best.rate = rate;
                self.best.amount = amount;
                self.best.cells.clone_from(&self.stack);
            }
            return;
        };
        let before = self.stack.len();
        for factor in &options.factors {
            if self.visits == 0 {
                return;
            }
            if let Some((price, amount)) = self.multiply(before, factor, price, amount) {
                self.go(axis + 1, price, amount);
            }
            self.stack.truncate(before);
        }
    }

    /// Adds the cells of a factor; `None` where that is no better than the best.
    fn multiply(&mut self, before: usize, factor: &Factor, mut price: f32, mut amount: i32) -> Option<(f32, i32)> {
        for &(offset, gains) in factor {
            for at in 0..before {
                let (cell, sign) = self.stack[at];
                let cell = (cell as isize + offset) as usize;
                let gains = sign == gains;
                self.visits = self.visits.saturating_sub(1);
                let own = self.cells[cell];
                if self.moved[cell] == 0 {
                    if own.price > 0.0 {
                        if self.hidden_only || own.price == f32::INFINITY {
                            return None;
                        }
                        price += own.price;
                    } else {
                        price -= own.price * HIDDEN_SHARE;
                    }
                }
                if !gains {
                    amount = amount.min(own.room + self.moved[cell]);
                }
                if amount < self.least || price >= self.best.rate * amount as f32 {
                    return None;
                }
                self.stack.push((cell as u32, gains));
            }
        }
        Some((price, amount))
    }
}

impl Axis {
    fn new(dimensions: &[Dimension], axis: usize, value: &dyn Fn(usize) -> i64) -> Self {
        let (dimension, strides) = (&dimensions[axis], strides(dimensions));
        let (stride, count) = (strides[axis], dimension.nodes.len());
        // People by node, as far as the other dimensions have totals.
        let totals: usize = (dimensions.iter().zip(strides).enumerate())
            .filter(|&(other, _)| other != axis)
            .map(|(_, (dimension, stride))| dimension.total().unwrap_or(0) * stride)
            .sum();
        let people = |node: usize| value(totals + node * stride);
        let children: Vec<Vec<u32>> =
            dimension.children().into_iter().map(|own| own.into_iter().map(|child| child as u32).collect()).collect();
        let largest = |node: u32| {
            let own = children[node as usize].iter();
            own.copied().max_by_key(|&child| (people(child as usize), std::cmp::Reverse(child)))
        };
        let main = |node: u32| std::iter::successors(Some(node), |&at| largest(at)).last().unwrap_or(node);
        let main = (0..count as u32).map(main).collect();
        let parent = dimension.nodes.iter().map(|node| node.parent.map_or(NONE, |parent| parent as u32)).collect();
        Axis { stride, parent, children, main }
    }

    /// The node of a cell.
    fn node(&self, cell: u32) -> u32 {
        (cell as usize / self.stride % self.parent.len()) as u32
    }

    /// How far in cells one node is from another.
    fn offset(&self, from: u32, to: u32) -> isize {
        (to as isize - from as isize) * self.stride as isize
    }

    fn up(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(node), |&at| Some(self.parent[at as usize]).filter(|&parent| parent != NONE))
    }

    /// One more at a leaf, one fewer at another, without what they share and without `own`.
    fn swap(&self, own: u32, leaf: u32, other: u32) -> Factor {
        let offset = |node: u32| (node as isize - own as isize) * self.stride as isize;
        let gains = self.up(leaf).filter(|&node| node != own && !self.up(other).any(|one| one == node));
        let loses = self.up(other).filter(|&node| !self.up(leaf).any(|one| one == node));
        loses.map(|node| (offset(node), false)).chain(gains.map(|node| (offset(node), true))).collect()
    }

    /// One more at a leaf and in all that it is a part of, without `own`.
    fn lift(&self, own: u32, leaf: u32) -> Factor {
        let offset = |node: u32| (node as isize - own as isize) * self.stride as isize;
        self.up(leaf).filter(|&node| node != own).map(|node| (offset(node), true)).collect()
    }

    /// Leaves that people may come from: below other children of the same parent, then below those of its parent.
    fn donors(&self, own: u32, rank: impl Fn(u32) -> (bool, i64)) -> Vec<u32> {
        let mut donors = Vec::new();
        let mut below = own;
        let mut most = SIBLINGS;
        while self.parent[below as usize] != NONE && most > 0 {
            let parent = self.parent[below as usize];
            let mut own: Vec<u32> =
                self.children[parent as usize].iter().copied().filter(|&one| one != below).collect();
            if own.len() > most {
                own.sort_by_key(|&node| (rank(node), node));
                own.truncate(most);
            }
            donors.extend(own.into_iter().map(|node| self.main[node as usize]));
            (below, most) = (parent, if most == SIBLINGS { COUSINS } else { most / 2 });
        }
        donors
    }
}

/// A table's cells and what can be exchanged between them.
pub(super) struct Grid {
    axes: Vec<Axis>,
    /// Dimensions in which people may differ at once.
    groups: Vec<Vec<usize>>,
    pub(super) cells: Vec<Cell>,
    /// By how much the change under construction moves each cell.
    moved: Vec<i32>,
    /// Cells looked at so far, a measure of the time spent that is the same on every machine.
    pub(super) work: usize,
}

impl Grid {
    /// `value` gives a cell's count, or a guess: people come from where there are most.
    pub(super) fn new(dimensions: &[Dimension], cells: Vec<Cell>, value: &dyn Fn(usize) -> i64) -> Self {
        let axes = (0..dimensions.len()).map(|axis| Axis::new(dimensions, axis, value)).collect();
        Grid { axes, groups: groups(dimensions.len()), moved: vec![0; cells.len()], cells, work: 0 }
    }

    /// The cheapest changes of cells that were found which move a cell by as much as asked, in one exchange or several.
    pub(super) fn moves(&mut self, cell: u32, change: i32, hidden_only: bool) -> Option<Vec<(u32, i32)>> {
        let mut best: Option<(f32, Vec<(u32, i32)>)> = None;
        for rounds in ROUNDS {
            if let Some(moves) = self.moves_in(rounds, cell, change, hidden_only) {
                let price: f32 = moves.iter().map(|&(cell, _)| self.cells[cell as usize].price.max(0.0)).sum();
                if best.as_ref().is_none_or(|best| price < best.0) {
                    best = Some((price, moves));
                }
                if price == 0.0 {
                    break;
                }
            }
        }
        best.map(|best| best.1)
    }

    fn moves_in(&mut self, rounds: i32, cell: u32, change: i32, hidden_only: bool) -> Option<Vec<(u32, i32)>> {
        let mut touched: Vec<u32> = Vec::new();
        let mut need = change.abs();
        for round in 0..rounds {
            // Enough in each round for those that are left to do.
            let least = (need + (rounds - round - 1)) / (rounds - round);
            let Some(best) = self.best(cell, change > 0, (least, need), hidden_only) else { break };
            for (cell, gains) in best.cells {
                let moved = &mut self.moved[cell as usize];
                if *moved == 0 {
                    touched.push(cell);
                }
                *moved += if gains { best.amount } else { -best.amount };
            }
            need -= best.amount;
            if need <= 0 {
                break;
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let moves = touched.iter().map(|&cell| (cell, self.moved[cell as usize])).filter(|&(_, by)| by != 0).collect();
        touched.iter().for_each(|&cell| self.moved[cell as usize] = 0);
        (need <= 0).then_some(moves)
    }

    /// The exchange that moves a cell at the least price for each person.
    fn best(&mut self, cell: u32, gains: bool, (least, need): (i32, i32), hidden_only: bool) -> Option<Best> {
        let own = self.cells[cell as usize];
        if own.price == f32::INFINITY {
            return None;
        }
        let donors: Vec<Vec<u32>> = self.axes.iter().map(|axis| self.donors(axis, cell, gains, need)).collect();
        let from = Start { cell, gains, least, hidden_only };
        let options = |axis: usize| self.possible(from, self.options(axis, cell, &donors[axis]));
        let single: Vec<Options> = (0..self.axes.len()).map(options).collect();
        let room = if gains { i32::MAX } else { own.room + self.moved[cell as usize] };
        let (price, amount) = (if hidden_only { 0.0 } else { own.price.max(0.0) }, need.min(room));
        let first: Vec<Options> = single.iter().map(Options::first).collect();
        let mut joint: Vec<(&Vec<usize>, Options)> = Vec::new();
        let mut branch = Branch {
            cells: &self.cells,
            moved: &self.moved,
            options: Vec::new(),
            hidden_only,
            least,
            stack: vec![(cell, gains)],
            visits: 0,
            most: if hidden_only { HIDDEN_VISITS } else { VISITS },
            work: 0,
            best: Best { rate: f32::INFINITY, amount: 0, cells: Vec::new() },
        };
        // First the cheapest donors alone, so that there is a bound.
        branch.run(first.iter().collect(), price, amount);
        branch.run(single.iter().collect(), price, amount);
        if branch.best.rate > 0.0 {
            let groups = self.groups.iter().filter(|group| group.iter().all(|&axis| !donors[axis].is_empty()));
            joint.extend(groups.map(|group| {
                let options = self.joint(group, cell, gains, need, &donors);
                (group, self.possible(from, options))
            }));
            for (group, joint) in &joint {
                let rest = (0..self.axes.len()).filter(|axis| !group.contains(axis)).map(|axis| &single[axis]);
                branch.run(rest.chain([joint]).collect(), price, amount);
            }
        }
        let (work, best) = (branch.work + EXCHANGE, branch.best);
        self.work += work;
        (best.amount > 0).then_some(best)
    }

    /// The options that are possible beside the cell itself: it is among the cells of any exchange.
    fn possible(&self, from: Start, mut options: Options) -> Options {
        let fits = |&(offset, gains): &(isize, bool)| {
            let at = (from.cell as isize + offset) as usize;
            let (own, moved) = (self.cells[at], self.moved[at]);
            let fixed = own.price == f32::INFINITY || (from.hidden_only && own.price > 0.0);
            (moved != 0 || !fixed) && (from.gains == gains || own.room + moved >= from.least)
        };
        options.factors.retain(|factor| factor.iter().all(fits));
        options
    }

    /// The leaves that people may come from in a dimension, cheapest first.
    fn donors(&self, axis: &Axis, cell: u32, gains: bool, need: i32) -> Vec<u32> {
        let node = axis.node(cell);
        let rank = |other: u32| self.rank((cell as isize + axis.offset(node, other)) as usize, gains, need);
        let mut donors = axis.donors(node, rank);
        donors.sort_by_key(|&donor| (rank(donor), donor));
        donors
    }

    /// Who loses people needs room; of those the cheapest.
    fn rank(&self, cell: usize, gains: bool, need: i32) -> (bool, i64) {
        let cell = self.cells[cell];
        let poor = gains && cell.room < need;
        (poor, if poor { -i64::from(cell.room) } else { price(cell) })
    }

    /// What can be done in a dimension, cheapest first.
    fn options(&self, axis: usize, cell: u32, donors: &[u32]) -> Options {
        let axis = &self.axes[axis];
        let node = axis.node(cell);
        // A leaf below a total: the one with the most people.
        let leaf = axis.main[node as usize];
        let mut factors: Vec<Factor> = donors.iter().map(|&donor| axis.swap(node, leaf, donor)).collect();
        factors.push(axis.lift(node, leaf));
        Options { factors }
    }

    /// People who differ in several dimensions at once.
    fn joint(&self, group: &[usize], cell: u32, gains: bool, need: i32, donors: &[Vec<u32>]) -> Options {
        let mut tuples: Vec<(isize, Tuple)> = vec![(0, [NONE; GROUP])];
        for (position, &axis) in group.iter().enumerate() {
            let own = &self.axes[axis];
            let node = own.node(cell);
            let few = &donors[axis][..donors[axis].len().min(if group.len() > 2 { 4 } else { SIBLINGS })];
            tuples = (tuples.iter())
                .flat_map(|&(offset, tuple)| {
                    few.iter().map(move |&donor| {
                        let mut tuple = tuple;
                        tuple[position] = donor;
                        (offset + own.offset(node, donor), tuple)
                    })
                })
                .collect();
        }
        // The figure's own people gain; those who differ in all lose.
        tuples.sort_by_cached_key(|&(offset, _)| self.rank((cell as isize + offset) as usize, gains, need));
        tuples.truncate(JOINT);
        let factor = |(_, tuple): (isize, Tuple)| self.transfer(group, cell, &tuple);
        Options { factors: tuples.into_iter().map(factor).collect() }
    }

    /// One more of a category, with all that it is a part of, and one fewer of another.
    fn transfer(&self, group: &[usize], cell: u32, others: &[u32]) -> Factor {
        let mut gains: Vec<isize> = vec![0];
        let mut loses: Vec<isize> = vec![0];
        for (&axis, &other) in group.iter().zip(others) {
            let axis = &self.axes[axis];
            let node = axis.node(cell);
            let times = |offsets: &[isize], leaf: u32| -> Vec<isize> {
                let up: Vec<isize> = axis.up(leaf).map(|at| axis.offset(node, at)).collect();
                offsets.iter().flat_map(|offset| up.iter().map(move |by| offset + by)).collect()
            };
            gains = times(&gains, axis.main[node as usize]);
            loses = times(&loses, other);
        }
        let own = gains.iter().filter(|offset| **offset != 0 && !loses.contains(offset)).map(|&offset| (offset, true));
        let lost = loses.iter().filter(|offset| !gains.contains(offset)).map(|&offset| (offset, false));
        lost.chain(own).collect()
    }
}

/// How far apart in cell index two neighbouring nodes of each dimension are.
fn strides(dimensions: &[Dimension]) -> Vec<usize> {
    let mut strides = vec![1; dimensions.len()];
    for position in (1..dimensions.len()).rev() {
        strides[position - 1] = strides[position] * dimensions[position].nodes.len();
    }
    strides
}

/// Sets of two dimensions or more, small ones first.
fn groups(dimensions: usize) -> Vec<Vec<usize>> {
    let sets = 0..1_u32 << dimensions.min(GROUP);
    let members = |set: u32| (0..dimensions).filter(|axis| set >> axis & 1 == 1).collect::<Vec<usize>>();
    let mut groups: Vec<Vec<usize>> = sets.map(members).filter(|group| group.len() > 1).collect();
    groups.sort_by_key(Vec::len);
    groups
}

/// What moving a cell costs, in whole numbers, to sort by.
fn price(cell: Cell) -> i64 {
    let price = if cell.price < 0.0 { -cell.price * HIDDEN_SHARE } else { cell.price };
    price.min(1e15) as i64
}
