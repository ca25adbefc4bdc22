//! The people behind the rows: no person twice where rows are people, and the distinct people of each cell where not.

use std::collections::BTreeSet;

use arrow::array::{Array, FixedSizeBinaryArray};
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::cells::{Grouped, coordinates, quoted, single_number, text_columns};
use super::layout::{Axis, strides};
use super::spec::TableSpec;
use crate::error::{Error, Result};
use crate::model::execution_error;

/// Refuses rows without a person, and a person with two rows where a row is a person.
pub(super) async fn check_people(context: &SessionContext, spec: &TableSpec) -> Result<()> {
    let model = quoted(&spec.model);
    let without = format!("SELECT count(*) FROM models.{model} WHERE \"person\" IS NULL");
    if single_number(context, &without).await? > 0 {
        return Err(Error::config("table.no_person", format!("some rows of model `{}` have no person", spec.model))
            .with_hint("filter them in the model's SQL, with a measure or a note that says so"));
    }
    if !spec.counts_people {
        return Ok(());
    }
    let more = format!("SELECT count(*) - count(DISTINCT \"person\") FROM models.{model}");
    if single_number(context, &more).await? > 0 {
        return Err(Error::config(
            "table.person_twice",
            format!("table `{}` counts people, and model `{}` has more than one row for some", spec.name, spec.model),
        )
        .with_hint("GROUP BY person in the model's SQL, or say in `counts` what a row is"));
    }
    Ok(())
}

/// Distinct people behind each cell, margins included, by streaming the rows in the order of people.
pub(super) async fn contributors(context: &SessionContext, spec: &TableSpec, axes: &[Axis]) -> Result<Vec<u64>> {
    let columns: Vec<String> = spec.axes.iter().flat_map(|axis| axis.columns.iter().map(|name| text(name))).collect();
    let columns = columns.iter().map(|column| format!(", {column}")).collect::<String>();
    let sql = format!("SELECT \"person\"{columns} FROM models.{} ORDER BY \"person\"", quoted(&spec.model));
    let frame = context.sql(&sql).await.map_err(execution_error)?;
    let mut stream = frame.execute_stream().await.map_err(execution_error)?;
    let cells: usize = axes.iter().map(|axis| axis.places.len()).product();
    let mut counts = vec![0_u64; cells];
    let mut person: Vec<u8> = Vec::new();
    let mut touched: BTreeSet<usize> = BTreeSet::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(execution_error)?;
        let people = batch.column(0).as_any().downcast_ref::<FixedSizeBinaryArray>();
        let people = people.ok_or_else(|| Error::internal("table.person_type", "a person is not a pseudonym"))?;
        let dimensions = text_columns(&batch, 1..batch.num_columns())?;
        for row in 0..batch.num_rows() {
            if people.value(row) != person.as_slice() {
                settle(&mut counts, &mut touched);
                person = people.value(row).to_vec();
            }
            touched.extend(cells_of(&coordinates(spec, &dimensions, row)?, axes)?);
        }
    }
    settle(&mut counts, &mut touched);
    Ok(counts)
}

fn settle(counts: &mut [u64], touched: &mut BTreeSet<usize>) {
    for cell in std::mem::take(touched) {
        counts[cell] += 1;
    }
}

/// Every cell that a row is in: its own and all margins over it.
fn cells_of(at: &Grouped, axes: &[Axis]) -> Result<Vec<usize>> {
    let mut cells = vec![0];
    for ((axis, path), stride) in axes.iter().zip(at).zip(strides(axes)) {
        let leaf = axis.leaf(path).ok_or_else(|| Error::internal("table.leaf", "a row is in no category"))?;
        let up = axis.up(leaf);
        cells = cells.iter().flat_map(|cell| up.iter().map(move |place| cell + place * stride)).collect();
    }
    Ok(cells)
}

/// A column as text.
pub(super) fn text(name: &str) -> String {
    format!("CAST({} AS VARCHAR)", quoted(name))
}
