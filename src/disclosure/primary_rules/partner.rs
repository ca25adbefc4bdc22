//! Categories that are hidden together with others, and groups of nobody and everybody.

use crate::disclosure::table::Table;

/// The cells of the category `partner` of a dimension that are hidden because a sibling of it is (rule S5: where any race
/// is hidden, "Not Reported" is hidden whatever its size). `hidden` says of each cell whether it is.
///
/// Not a protection by itself: where the partner is empty it hides nothing.
pub fn partners(table: &Table, dimension: &str, partner: &str, hidden: &[bool]) -> Vec<usize> {
    let strides = table.strides();
    let Some(axis) = table.dimensions.iter().position(|one| one.name == dimension) else { return Vec::new() };
    let nodes = &table.dimensions[axis].nodes;
    let Some(own) = nodes.iter().position(|node| node.id == partner) else { return Vec::new() };
    let siblings: Vec<usize> =
        (0..nodes.len()).filter(|&node| node != own && nodes[node].parent == nodes[own].parent).collect();
    let stride = strides[axis];
    let is_hidden = |cell: usize| hidden.get(cell).copied().unwrap_or(true);
    (0..table.cell_count())
        .filter(|&cell| cell / stride % nodes.len() == own && !is_hidden(cell))
        .filter(|cell| siblings.iter().any(|sibling| is_hidden(cell - own * stride + sibling * stride)))
        .collect()
}

/// Whether nobody or everybody of a group is counted, in a group of fewer than `below` (rule S9: 300): then the figure
/// says of each of them what it says of all.
pub fn is_homogeneous(numerator: i64, denominator: i64, below: i64) -> bool {
    denominator > 0 && denominator < below && (numerator == 0 || numerator == denominator)
}
