//! The keys of cells: for each cell the sum of the record keys of the people whom a measure counts there.

use arrow::array::{Array, BooleanArray, FixedSizeBinaryArray};
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::cells::{Tabulation, by_columns, coordinates, quoted, text_columns, where_column, where_columns};
use super::layout::strides;
use super::people::text;
use super::spec::MeasureSource;
use crate::disclosure::Keys;
use crate::error::{Context, Error, Result};
use crate::identity::RecordKey;
use crate::model::execution_error;

/// The keys of a tabulation's cells, by streaming the rows of its model in any order. Keys of people stay in this process.
///
/// # Errors
/// The engine's.
pub async fn cell_keys(context: &SessionContext, tabulation: &Tabulation, key: &RecordKey) -> Result<Keys> {
    let leaves = leaves(context, tabulation, key).await.context(|| format!("table `{}`", tabulation.spec.name))?;
    Keys::from_leaves(&tabulation.table, &leaves)
        .ok_or_else(|| Error::internal("table.keys", "the keys of cells do not have the shape of the table"))
}

/// By measure and innermost cell.
async fn leaves(context: &SessionContext, tabulation: &Tabulation, key: &RecordKey) -> Result<Vec<Vec<u64>>> {
    let Tabulation { spec, axes, table, .. } = tabulation;
    let (bys, wheres) = (by_columns(spec), where_columns(spec));
    let dimensions = spec.axes.iter().flat_map(|axis| &axis.columns);
    let texts: Vec<String> = dimensions.chain(&bys).map(|name| text(name)).collect();
    let all = texts.iter().cloned().chain(wheres.iter().map(|name| quoted(name)));
    let columns: String = all.map(|column| format!(", {column}")).collect();
    let sql = format!("SELECT \"person\"{columns} FROM models.{}", quoted(&spec.model));
    let frame = context.sql(&sql).await.map_err(execution_error)?;
    let mut stream = frame.execute_stream().await.map_err(execution_error)?;
    let mut keys = vec![vec![0_u64; table.cell_count()]; spec.measures.len()];
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(execution_error)?;
        let people = batch.column(0).as_any().downcast_ref::<FixedSizeBinaryArray>();
        let people = people.ok_or_else(|| Error::internal("table.person_type", "a person is not a pseudonym"))?;
        let names = text_columns(&batch, 1..1 + texts.len())?;
        let by_values = &names[texts.len() - bys.len()..];
        let flags = (1 + texts.len()..batch.num_columns()).map(|at| batch.column(at).as_any().downcast_ref());
        let flags: Option<Vec<&BooleanArray>> = flags.collect();
        let flags = flags.ok_or_else(|| Error::internal("table.condition", "a condition is not true or false"))?;
        for row in 0..batch.num_rows() {
            let mut cell = 0;
            for ((axis, path), stride) in axes.iter().zip(&coordinates(spec, &names, row)?).zip(strides(axes)) {
                let leaf = axis.leaf(path);
                cell += stride * leaf.ok_or_else(|| Error::internal("table.leaf", "a row is in no category"))?;
            }
            let holds = |column: &str| {
                let at = wheres.iter().position(|one| one == column);
                at.is_some_and(|at| flags[at].is_valid(row) && flags[at].value(row))
            };
            let of_person = key.of(people.value(row));
            for (measure, keys) in spec.measures.iter().zip(&mut keys) {
                let counted = match &measure.source {
                    MeasureSource::Rows => true,
                    MeasureSource::Where(column) => holds(column),
                    MeasureSource::By(part) => {
                        let (column, value) = part.split_once('\u{1f}').unwrap_or((part, ""));
                        let at = bys.iter().position(|one| one == column).unwrap_or_default();
                        let whole = measure.of.as_ref().and_then(|of| where_column(spec, of));
                        by_values[at].value(row) == value && whole.is_none_or(|column| holds(&column))
                    }
                };
                if counted {
                    keys[cell] = keys[cell].wrapping_add(of_person);
                }
            }
        }
    }
    Ok(keys)
}
