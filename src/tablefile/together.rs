//! Categories that are hidden together with others (rule S5).

use super::layout::Loaded;
use super::protect::Statuses;
use super::spec::HideWithSpec;
use super::words::Figure;
use crate::disclosure::{Status, Zeros};
use crate::error::{Error, Result};
use crate::workspace::nearest_word;

/// Hides a category wherever another one beside it carries a mark. What is hidden besides takes nothing from what protects
/// the others. An empty cell stays as it is where empty cells are printed: there a mark says that somebody is in it.
///
/// # Errors
/// A category that no table has: nothing would be hidden.
pub(super) fn hide(spec: &HideWithSpec, tables: &[Loaded], statuses: &mut [Statuses], zeros: Zeros) -> Result<()> {
    let mut found = false;
    for (table, statuses) in tables.iter().zip(statuses) {
        let Some(at) = table.axes.iter().position(|axis| axis.name == spec.dimension) else { continue };
        let (axis, stride) = (&table.axes[at], table.strides()[at]);
        let Some(own) = axis.nodes.iter().position(|node| node.id == spec.category) else { continue };
        found = true;
        let tree = &axis.trees[0];
        let beside = |&node: &usize| node != own && tree.member[node] && tree.parent[node] == tree.parent[own];
        let beside: Vec<usize> =
            (0..axis.nodes.len()).filter(beside).filter(|&node| axis.total != Some(node)).collect();
        for (values, statuses) in table.values.iter().zip(statuses) {
            for cell in (0..table.cells()).filter(|cell| cell / stride % axis.nodes.len() == own) {
                let empty = zeros == Zeros::Print && values[cell].count().unwrap_or(0) == 0;
                let marked = |&node: &usize| {
                    let other = cell - own * stride + node * stride;
                    !statuses[other].is_published() && values[other] != Figure::ABSENT
                };
                if statuses[cell].is_published() && !empty && beside.iter().any(marked) {
                    statuses[cell] = Status::Complementary;
                }
            }
        }
    }
    if found {
        return Ok(());
    }
    let axes = tables.iter().flat_map(|table| &table.axes).filter(|axis| axis.name == spec.dimension);
    let ids: Vec<&str> = axes.flat_map(|axis| &axis.nodes).map(|node| node.id.as_str()).collect();
    let hint = match nearest_word(&spec.category, ids.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "compare it with the tables".to_owned(),
    };
    let said =
        format!("no table has the category `{}` of `{}`, which is hidden with others", spec.category, spec.dimension);
    Err(Error::config("tables.hide_with", said).with_hint(hint))
}
