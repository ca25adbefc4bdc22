//! The innermost cells of one large table, and the published totals that they are part of.
//!
//! Hidden totals follow from what is below them, and are never less than it. So a change of innermost cells is a change of
//! whole tables as soon as it keeps every published total and leaves no innermost cell below its least value. Most cells
//! of a large table are hidden: few totals are left to keep.

use std::collections::HashMap;

use crate::disclosure::audit::parts::{NONE, mix};
use crate::disclosure::public::PublicTable;
use crate::disclosure::table::Dimension;

/// A dimension of the table.
pub(in crate::disclosure) struct Axis {
    pub(in crate::disclosure) stride: usize,
    pub(in crate::disclosure) parent: Vec<u32>,
    /// Innermost nodes, those below one node next to each other; and their range by node.
    pub(in crate::disclosure) leaves: Vec<u32>,
    pub(in crate::disclosure) below: Vec<(u32, u32)>,
}

impl Axis {
    fn new(dimension: &Dimension, stride: usize) -> Self {
        let parent: Vec<u32> = dimension.nodes.iter().map(|node| node.parent.map_or(NONE, |at| at as u32)).collect();
        let children = dimension.children();
        let (mut leaves, mut below) = (Vec::new(), vec![(0, 0); parent.len()]);
        let roots = (0..parent.len()).rev().filter(|&node| parent[node] == NONE);
        let mut stack: Vec<(usize, bool)> = roots.map(|root| (root, false)).collect();
        while let Some((node, done)) = stack.pop() {
            if done {
                below[node].1 = leaves.len() as u32;
                continue;
            }
            below[node].0 = leaves.len() as u32;
            if children[node].is_empty() {
                leaves.push(node as u32);
            }
            stack.push((node, true));
            stack.extend(children[node].iter().rev().map(|&child| (child, false)));
        }
        Axis { stride, parent, leaves, below }
    }

    /// The dimensions of a table.
    pub(in crate::disclosure) fn all(dimensions: &[Dimension]) -> Vec<Axis> {
        let mut stride = dimensions.iter().map(|dimension| dimension.nodes.len()).product();
        let axes = dimensions.iter().map(|dimension| {
            stride /= dimension.nodes.len();
            Axis::new(dimension, stride)
        });
        axes.collect()
    }

    /// The node of a cell.
    pub(in crate::disclosure) fn node(&self, cell: usize) -> usize {
        cell / self.stride % self.parent.len()
    }

    /// The nodes that a node is part of, from the innermost.
    pub(in crate::disclosure) fn above(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let up = move |&at: &u32| Some(self.parent[at as usize]).filter(|&at| at != NONE);
        std::iter::successors(up(&(node as u32)), up).map(|at| at as usize)
    }

    /// Whether a node is another or part of it.
    pub(in crate::disclosure) fn is_below(&self, node: usize, other: usize) -> bool {
        let (first, end) = self.below[other];
        let (own, last) = self.below[node];
        first <= own && last <= end
    }
}

/// Hidden innermost cells whose value is not settled, by number in the order of the cells.
pub(in crate::disclosure) struct Ground {
    pub(in crate::disclosure) axes: Vec<Axis>,
    /// Cell by number.
    pub(in crate::disclosure) leaves: Vec<u32>,
    /// Number by cell.
    number: Vec<u32>,
    /// Totals of each leaf, one after the other.
    starts: Vec<u32>,
    totals: Vec<u32>,
    /// The cell of each total.
    pub(in crate::disclosure) conditions: Vec<u32>,
}

impl Ground {
    /// `is_open` says which hidden cells are not settled.
    pub(in crate::disclosure) fn new(table: &PublicTable, is_open: &dyn Fn(usize) -> bool) -> Self {
        let published = &table.values[0];
        let axes = Axis::all(&table.dimensions);
        let inner = (0..published.len()).filter(|&cell| published[cell].is_none() && is_leaf(&axes, cell));
        let leaves: Vec<u32> = inner.filter(|&cell| is_open(cell)).map(|cell| cell as u32).collect();
        let mut number = vec![NONE; published.len()];
        for (at, &cell) in leaves.iter().enumerate() {
            number[cell as usize] = at as u32;
        }
        let mut condition = vec![NONE; published.len()];
        let (mut starts, mut totals, mut conditions, mut above) = (vec![0], Vec::new(), Vec::new(), Vec::new());
        for &cell in &leaves {
            ancestors(&axes, cell, &mut above);
            for &total in above[1..].iter().filter(|&&total| published[total as usize].is_some()) {
                let condition = &mut condition[total as usize];
                if *condition == NONE {
                    *condition = conditions.len() as u32;
                    conditions.push(total);
                }
                totals.push(*condition);
            }
            starts.push(totals.len() as u32);
        }
        Ground { axes, leaves, number, starts, totals, conditions }
    }

    /// The published totals that a leaf is part of, by number.
    pub(in crate::disclosure) fn totals(&self, leaf: u32) -> &[u32] {
        &self.totals[self.starts[leaf as usize] as usize..self.starts[leaf as usize + 1] as usize]
    }

    /// The number of a cell; [`NONE`] where it is no leaf that is open.
    pub(in crate::disclosure) fn number(&self, cell: usize) -> u32 {
        self.number[cell]
    }

    /// Leaves of the same totals can stand for each other: the first such leaf, by leaf.
    pub(in crate::disclosure) fn alike(&self) -> Vec<u32> {
        let mut first: HashMap<&[u32], u32> = HashMap::new();
        let leaves = 0..self.leaves.len() as u32;
        leaves.map(|leaf| *first.entry(self.totals(leaf)).or_insert(leaf)).collect()
    }

    /// Whether a leaf is part of a cell.
    pub(in crate::disclosure) fn is_below(&self, leaf: u32, cell: u32) -> bool {
        let own = self.leaves[leaf as usize] as usize;
        self.axes.iter().all(|axis| axis.is_below(axis.node(own), axis.node(cell as usize)))
    }

    /// A few of the leaves that a cell is made of: all where there are few.
    pub(in crate::disclosure) fn some_below(&self, cell: u32, most: u64) -> Vec<u32> {
        let ranges: Vec<(u32, u32)> = self.axes.iter().map(|axis| axis.below[axis.node(cell as usize)]).collect();
        let count: u64 = ranges.iter().map(|(first, end)| u64::from(end - first)).product();
        let leaf = |number: u64| {
            let (mut at, mut number) = (0, if count <= most { number } else { mix(u64::from(cell), number) % count });
            for (axis, (first, end)) in self.axes.iter().zip(&ranges) {
                let width = u64::from(end - first);
                at += axis.leaves[*first as usize + (number % width) as usize] as usize * axis.stride;
                number /= width;
            }
            self.number(at)
        };
        (0..count.min(most)).map(leaf).filter(|&leaf| leaf != NONE).collect()
    }

    /// All leaves that a cell is made of.
    pub(in crate::disclosure) fn all_below(&self, cell: u32) -> Vec<u32> {
        let mut cells = vec![0_usize];
        for axis in &self.axes {
            let (first, end) = axis.below[axis.node(cell as usize)];
            let nodes = &axis.leaves[first as usize..end as usize];
            let more = cells.iter().flat_map(|cell| nodes.iter().map(move |&node| cell + node as usize * axis.stride));
            cells = more.collect();
        }
        cells.into_iter().map(|cell| self.number(cell)).filter(|&leaf| leaf != NONE).collect()
    }

    /// A cell and all totals that it is part of, itself first.
    pub(in crate::disclosure) fn ancestors(&self, cell: u32, all: &mut Vec<u32>) {
        ancestors(&self.axes, cell, all);
    }

    /// All cells from the innermost: `value` gives those.
    pub(in crate::disclosure) fn added_up(&self, value: &dyn Fn(usize) -> i64) -> Vec<i64> {
        let cells = 0..self.number.len();
        let mut sums: Vec<i64> = cells.map(|cell| if is_leaf(&self.axes, cell) { value(cell) } else { 0 }).collect();
        for axis in &self.axes {
            let mut nodes: Vec<usize> = (0..axis.parent.len()).filter(|&node| axis.parent[node] != NONE).collect();
            nodes.sort_by_cached_key(|&node| std::cmp::Reverse(axis.above(node).count()));
            let count = axis.parent.len();
            for outer in (0..sums.len()).step_by(axis.stride * count) {
                for &node in &nodes {
                    let (from, to) = (outer + node * axis.stride, outer + axis.parent[node] as usize * axis.stride);
                    for inner in 0..axis.stride {
                        sums[to + inner] += sums[from + inner];
                    }
                }
            }
        }
        sums
    }

    /// The whole table in which leaves have so many above their least value, which `least` gives for any hidden leaf.
    pub(in crate::disclosure) fn whole(
        &self,
        table: &PublicTable,
        values: &[i64],
        least: &dyn Fn(usize) -> i64,
    ) -> Vec<i64> {
        let above = |cell: usize| values.get(self.number(cell) as usize).copied().unwrap_or(0);
        self.added_up(&|cell| table.values[0][cell].unwrap_or_else(|| least(cell) + above(cell)))
    }

    /// By total, the leaves that satisfy a condition, in their order.
    pub(in crate::disclosure) fn pools(&self, of: &dyn Fn(u32) -> bool) -> Pools {
        let mut starts = vec![0_u32; self.conditions.len() + 1];
        let members: Vec<u32> = (0..self.leaves.len() as u32).filter(|&leaf| of(leaf)).collect();
        for &leaf in &members {
            self.totals(leaf).iter().for_each(|&total| starts[total as usize + 1] += 1);
        }
        for at in 0..self.conditions.len() {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut leaves = vec![0; starts[self.conditions.len()] as usize];
        for &leaf in &members {
            for &total in self.totals(leaf) {
                leaves[next[total as usize] as usize] = leaf;
                next[total as usize] += 1;
            }
        }
        Pools { starts, leaves }
    }
}

/// Leaves by total.
pub(in crate::disclosure) struct Pools {
    starts: Vec<u32>,
    leaves: Vec<u32>,
}

impl Pools {
    pub(in crate::disclosure) fn of(&self, total: u32) -> &[u32] {
        &self.leaves[self.starts[total as usize] as usize..self.starts[total as usize + 1] as usize]
    }
}

fn ancestors(axes: &[Axis], cell: u32, all: &mut Vec<u32>) {
    all.clear();
    all.push(cell);
    for axis in axes {
        let node = axis.node(cell as usize);
        let before = all.len();
        for at in axis.above(node) {
            let by = (at as isize - node as isize) * axis.stride as isize;
            for one in 0..before {
                all.push((all[one] as isize + by) as u32);
            }
        }
    }
}

/// Whether a cell is an innermost one.
pub(in crate::disclosure) fn is_leaf(axes: &[Axis], cell: usize) -> bool {
    axes.iter().all(|axis| {
        let (first, end) = axis.below[axis.node(cell)];
        end == first + 1 && axis.leaves[first as usize] as usize == axis.node(cell)
    })
}
