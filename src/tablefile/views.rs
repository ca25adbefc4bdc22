//! From tables as files have them to tables as disclosure control takes them.
//!
//! A dimension of files may have several hierarchies, and it need not have a total; a dimension of
//! [`crate::disclosure`] is one tree or several. So a table becomes a view for each choice of hierarchies (they share
//! the cells at leaves and totals), and it is cut along each dimension that has no total in any table: between such
//! slices nothing adds up, and each is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::Axis;
use super::layout::Loaded;
use super::words::Figure;
use crate::disclosure::{Dimension, Node};

/// A part of a table that is one table to disclosure control.
pub(super) struct View {
    /// The table, as its position among those read.
    pub(super) table: usize,
    /// The hierarchy of each axis.
    trees: Vec<usize>,
    /// The nodes of each axis, those of the table's axis; one that is not there stands at the end where a lone root must
    /// not be taken for the total.
    nodes: Vec<Vec<usize>>,
    /// Whether the lone root of each axis is a slice's, or the total: where the axis says nothing.
    pub(super) silent: Vec<Option<usize>>,
    strides: Vec<usize>,
}

/// Views that belong together, and the people they count. Those of tables at hand come first, then those of what is public
/// besides.
pub(super) struct Group {
    /// Name of the universe and the slice.
    pub(super) universe: String,
    pub(super) views: Vec<View>,
}

impl Group {
    /// How many of its views are of tables at hand: they come first.
    pub(super) fn at_hand(&self, tables: &[Loaded]) -> usize {
        self.views.iter().take_while(|view| tables[view.table].edition.is_none()).count()
    }
}

impl View {
    /// The cells of the view as cells of its table, in the view's order; none for one that is not there.
    pub(super) fn cells(&self, table: &Loaded) -> Vec<Option<u32>> {
        let mut cells: Vec<Option<usize>> = vec![Some(0)];
        for ((nodes, stride), axis) in self.nodes.iter().zip(&self.strides).zip(&table.axes) {
            let step = |cell: Option<usize>, node: usize| {
                (node < axis.nodes.len()).then(|| cell.map(|at| at + node * stride))?
            };
            cells = cells.iter().flat_map(|&cell| nodes.iter().map(move |&node| step(cell, node))).collect();
        }
        cells.into_iter().map(|cell| cell.and_then(|cell| u32::try_from(cell).ok())).collect()
    }

    /// The dimensions.
    pub(super) fn dimensions(&self, table: &Loaded) -> Vec<Dimension> {
        let axes = table.axes.iter().zip(&self.nodes).zip(&self.trees);
        axes.map(|((axis, nodes), &tree)| dimension(axis, nodes, tree)).collect()
    }

    /// Each sum of the view along an axis: the position of the total among the axis's nodes and those of its parts.
    pub(super) fn sums(&self, table: &Loaded) -> Vec<Vec<(usize, Vec<usize>)>> {
        let dimensions = self.dimensions(table);
        let of = |dimension: &Dimension| {
            let children = dimension.children();
            children.into_iter().enumerate().filter(|(_, children)| !children.is_empty()).collect()
        };
        dimensions.iter().map(of).collect()
    }

    /// How many nodes each axis has.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.nodes.iter().map(Vec::len).collect()
    }

    /// The nodes of an axis, those of the table's axis.
    pub(super) fn nodes(&self, axis: usize) -> &[usize] {
        &self.nodes[axis]
    }

    /// Whether it is the first choice of hierarchies, which holds every leaf.
    pub(super) fn is_main(&self) -> bool {
        self.trees.iter().all(|&tree| tree == 0)
    }
}

fn dimension(axis: &Axis, nodes: &[usize], tree: usize) -> Dimension {
    let mut position = vec![None; axis.nodes.len() + 1];
    nodes.iter().enumerate().for_each(|(at, &node)| position[node.min(axis.nodes.len())] = Some(at));
    let tree = &axis.trees[tree];
    let node = |&at: &usize| match axis.nodes.get(at) {
        Some(node) => Node { id: node.id.clone(), parent: tree.parent[at].and_then(|parent| position[parent]) },
        None => Node { id: "\u{2014}".to_owned(), parent: None },
    };
    Dimension { name: axis.name.clone(), nodes: nodes.iter().map(node).collect() }
}

/// The roots of an axis's main hierarchy.
fn roots(axis: &Axis) -> Vec<usize> {
    (0..axis.nodes.len()).filter(|&node| axis.trees[0].member[node] && axis.trees[0].parent[node].is_none()).collect()
}

/// A node and all that it contains.
fn below(axis: &Axis, tree: usize, root: usize, children: &[Vec<usize>]) -> Vec<usize> {
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() && found.len() <= axis.nodes.len() {
        found.extend(&children[found[next]]);
        next += 1;
    }
    found.retain(|&node| axis.trees[tree].member[node]);
    found.sort_unstable();
    found
}

/// Sets of universes that are looked at together, by name of the universe.
pub(super) type Bound = BTreeMap<String, String>;

/// The views of all tables, grouped. `bound` names for a universe the one that it is tied to.
pub(super) fn groups(tables: &[Loaded], bound: &Bound) -> Vec<Group> {
    let of = |table: &Loaded| bound.get(&table.universe).unwrap_or(&table.universe).clone();
    let mut groups: BTreeMap<(String, Slice), Vec<View>> = BTreeMap::new();
    let universes: BTreeSet<String> = tables.iter().map(of).collect();
    for universe in universes {
        let own: Vec<usize> = (0..tables.len()).filter(|&at| of(&tables[at]) == universe).collect();
        let sliced = sliced(tables, &own);
        for &at in &own {
            for (slice, view) in views(tables, at, &sliced) {
                groups.entry((universe.clone(), slice)).or_default().push(view);
            }
        }
    }
    let name = |universe: String, slice: Slice| {
        let slice: Vec<String> = slice.into_iter().map(|(dimension, node)| format!("{dimension}={node}")).collect();
        [vec![universe], slice].concat().join("\u{1f}")
    };
    groups.into_iter().map(|((universe, slice), views)| Group { universe: name(universe, slice), views }).collect()
}

/// The dimensions that have no total in any of these tables, and one hierarchy.
fn sliced<'t>(tables: &'t [Loaded], own: &[usize]) -> BTreeSet<&'t str> {
    let axes = || own.iter().flat_map(|&at| &tables[at].axes);
    let kept: BTreeSet<&str> =
        axes().filter(|axis| axis.total.is_some() || axis.trees.len() > 1).map(|axis| axis.name.as_str()).collect();
    axes().map(|axis| axis.name.as_str()).filter(|name| !kept.contains(name)).collect()
}

/// Dimension and root of each cut.
type Slice = Vec<(String, String)>;

/// The choices that an axis gives: hierarchy, nodes, the silent one, and the slice where it is cut.
type Choice = (usize, Vec<usize>, Option<usize>, Option<(String, String)>);

fn choices(axis: &Axis, cut: bool) -> Vec<Choice> {
    if cut {
        let children = axis.trees[0].children();
        let one = |root: usize| {
            let slice = (axis.name.clone(), axis.nodes[root].id.clone());
            (0, below(axis, 0, root, &children), Some(root), Some(slice))
        };
        return roots(axis).into_iter().map(one).collect();
    }
    let of_tree = |tree: usize| {
        let mut nodes: Vec<usize> = (0..axis.nodes.len()).filter(|&node| axis.trees[tree].member[node]).collect();
        if axis.total.is_none() {
            let roots = nodes.iter().filter(|&&node| axis.trees[tree].parent[node].is_none()).count();
            if roots == 1 {
                nodes.push(axis.nodes.len());
            }
        }
        (tree, nodes, axis.total, None)
    };
    (0..axis.trees.len()).map(of_tree).collect()
}

fn views(tables: &[Loaded], at: usize, sliced: &BTreeSet<&str>) -> Vec<(Slice, View)> {
    let table = &tables[at];
    let strides = table.strides();
    let mut found: Vec<(Slice, View)> = vec![(
        Vec::new(),
        View { table: at, trees: Vec::new(), nodes: Vec::new(), silent: Vec::new(), strides: strides.clone() },
    )];
    for axis in &table.axes {
        let choices = choices(axis, sliced.contains(axis.name.as_str()));
        let mut next = Vec::new();
        for (slice, view) in &found {
            for (tree, nodes, silent, cut) in &choices {
                let mut slice = slice.clone();
                slice.extend(cut.clone());
                let view = View {
                    table: at,
                    trees: [view.trees.as_slice(), &[*tree]].concat(),
                    nodes: [view.nodes.as_slice(), std::slice::from_ref(nodes)].concat(),
                    silent: [view.silent.as_slice(), &[*silent]].concat(),
                    strides: strides.clone(),
                };
                next.push((slice, view));
            }
        }
        found = next;
    }
    for (slice, _) in &mut found {
        slice.sort();
    }
    found.retain(|(_, view)| holds_something(table, view));
    found
}

fn holds_something(table: &Loaded, view: &View) -> bool {
    let cells = view.cells(table);
    let figures = |values: &Vec<Figure>| cells.iter().flatten().any(|&cell| values[cell as usize] != Figure::ABSENT);
    table.values.iter().any(figures) || table.rates.iter().any(|rate| figures(&rate.values))
}
