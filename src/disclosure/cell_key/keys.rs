//! Keys of cells: the sums of the keys of their people.

use std::fmt;

use crate::disclosure::table::Table;

/// The keys of a table's cells, by measure and cell, laid out as [`Table::values`]: for each cell the sum modulo 2^64 of
/// the record keys of the people whom the measure counts there.
///
/// A record key is a number that is uniform over all 64 bits, the same for a person in every table and release, and that
/// nobody outside can compute: the first eight bytes of a keyed hash (HMAC) of the pseudonym.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(pub(super) Vec<Vec<u64>>);

impl fmt::Debug for Keys {
    /// Shows nothing: who has the keys can take the noise away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Keys of every cell, from those of the innermost cells: by measure and cell, where the entries of cells that have
    /// parts are ignored. `None` where the layout is not that of [`Table::values`].
    pub fn from_leaves(table: &Table, leaves: &[Vec<u64>]) -> Option<Self> {
        let cells = table.cell_count();
        if leaves.len() != table.measures.len() || leaves.iter().any(|leaves| leaves.len() != cells) {
            return None;
        }
        let mut keys = leaves.to_vec();
        for (dimension, stride) in table.dimensions.iter().zip(table.strides()) {
            let children = dimension.children();
            let order = deepest_first(&dimension.nodes.iter().map(|node| node.parent).collect::<Vec<_>>());
            for keys in &mut keys {
                for start in (0..cells).filter(|cell| cell / stride % children.len() == 0) {
                    for &node in order.iter().filter(|&&node| !children[node].is_empty()) {
                        let parts = children[node].iter().map(|child| keys[start + child * stride]);
                        keys[start + node * stride] = parts.fold(0, u64::wrapping_add);
                    }
                }
            }
        }
        Some(Keys(keys))
    }
}

/// The nodes of a forest, each before its parent.
fn deepest_first(parents: &[Option<usize>]) -> Vec<usize> {
    let depth = |node: usize| std::iter::successors(parents[node], |&up| parents[up]).take(parents.len()).count();
    let mut order: Vec<usize> = (0..parents.len()).collect();
    order.sort_by_key(|&node| std::cmp::Reverse(depth(node)));
    order
}
