//! Larger minimum cells, by table, dimension and category.

use super::axis::Axis;
use super::layout::Loaded;
use super::spec::{MinimumSpec, PolicySpec};
use crate::error::{Error, Result};
use crate::workspace::nearest_word;

/// Enters into each table the smallest count that may be shown, by cell, where it is not the same everywhere.
///
/// # Errors
/// A category that no table has: nothing would be protected by it.
pub(super) fn enter(policy: &PolicySpec, tables: &mut [Loaded]) -> Result<()> {
    policy.minimums.iter().try_for_each(|one| known(one, tables))?;
    for table in tables {
        let own: Vec<&MinimumSpec> = policy.minimums.iter().filter(|one| is_about(one, table)).collect();
        if own.is_empty() {
            continue;
        }
        let mut minimums = vec![policy.minimum_cell; table.cells()];
        let strides = table.strides();
        for one in own {
            let axis = one.dimension.as_ref().and_then(|name| table.axes.iter().position(|axis| axis.name == *name));
            let nodes = axis.map(|at| nodes(&table.axes[at], one.category.as_deref()));
            for (cell, minimum) in minimums.iter_mut().enumerate() {
                let holds = |(at, nodes): (usize, &Vec<bool>)| nodes[cell / strides[at] % nodes.len()];
                if axis.zip(nodes.as_ref()).is_none_or(holds) {
                    *minimum = one.minimum.max(*minimum);
                }
            }
        }
        table.minimums = Some(minimums);
    }
    Ok(())
}

fn is_about(one: &MinimumSpec, table: &Loaded) -> bool {
    let named = one.table.as_ref().is_none_or(|name| *name == table.name && table.edition.is_none());
    let has = |name: &String| table.axes.iter().any(|axis| axis.name == *name);
    named && one.dimension.as_ref().is_none_or(has)
}

/// The nodes of an axis for which it holds: all but the total, or those of a category.
fn nodes(axis: &Axis, category: Option<&str>) -> Vec<bool> {
    let Some(category) = category else {
        return (0..axis.nodes.len()).map(|node| axis.total != Some(node)).collect();
    };
    let inside = |node: usize| {
        axis.trees.iter().any(|tree| {
            let above = std::iter::successors(Some(node), |&at| tree.parent[at]).take(axis.nodes.len());
            above.into_iter().any(|at| axis.nodes[at].id == category)
        })
    };
    (0..axis.nodes.len()).map(inside).collect()
}

fn known(one: &MinimumSpec, tables: &[Loaded]) -> Result<()> {
    let (Some(dimension), Some(category)) = (&one.dimension, &one.category) else { return Ok(()) };
    let axes = tables.iter().flat_map(|table| &table.axes).filter(|axis| axis.name == *dimension);
    let ids: Vec<&str> = axes.flat_map(|axis| &axis.nodes).map(|node| node.id.as_str()).collect();
    if ids.is_empty() || ids.contains(&category.as_str()) {
        return Ok(());
    }
    let hint = match nearest_word(category, ids.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "compare it with the tables".to_owned(),
    };
    let said = format!("no table has the category `{category}` of `{dimension}`, which has a minimum of its own");
    Err(Error::config("tables.minimum", said).with_hint(hint))
}
