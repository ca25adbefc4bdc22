//! From the rows of a model to the cells of a table.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use super::layout::{Axis, add_margins, strides};
use super::people::{check_people, contributors, text};
use super::spec::{MeasureColumn, MeasureSource, TableSpec};
use crate::disclosure::{Measure, MeasureKind, Table};
use crate::error::{Context, Error, Result};
use crate::model::execution_error;

/// A table with all its cells.
pub struct Tabulation {
    /// The table's specification, each `count_by` replaced by its parts.
    pub spec: TableSpec,
    /// Its dimensions with their values.
    pub axes: Vec<Axis>,
    /// Its cells, as disclosure control takes them.
    pub table: Table,
    /// Rows of the model that it counts: all of them.
    pub rows: u64,
}

/// The lowest category of a row on each axis.
pub(super) type Grouped = Vec<Vec<String>>;

/// Counts the rows of `spec`'s model into cells with all margins.
///
/// # Errors
/// A config error where rows are in no cell, in two, or in a part but not in its whole.
pub async fn tabulate(context: &SessionContext, spec: &TableSpec) -> Result<Tabulation> {
    tabulate_inner(context, spec).await.context(|| format!("table `{}`", spec.name))
}

async fn tabulate_inner(context: &SessionContext, spec: &TableSpec) -> Result<Tabulation> {
    check_people(context, spec).await?;
    check_parts(context, spec).await?;
    let groups = group(context, spec).await?;
    let axes: Vec<Axis> = spec
        .axes
        .iter()
        .enumerate()
        .map(|(at, axis)| Axis::new(axis, &groups.iter().map(|group| group.at[at].clone()).collect()))
        .collect();
    let spec = with_parts(spec, &groups);
    let values = values(&spec, &axes, &groups)?;
    let contributors = if spec.counts_people { None } else { Some(contributors(context, &spec, &axes).await?) };
    let table = Table {
        name: spec.name.clone(),
        universe: spec.model.clone(),
        dimensions: axes.iter().map(Axis::dimension).collect(),
        measures: measures(&spec)?,
        values,
        contributors,
        contributions: Vec::new(),
        minimums: None,
    };
    let rows = groups.iter().map(|group| group.rows.unsigned_abs()).sum();
    Ok(Tabulation { spec, axes, table, rows })
}

/// Rows that are equal in all dimensions and all `count_by` columns.
struct Group {
    at: Grouped,
    by: Vec<String>,
    rows: i64,
    wheres: Vec<i64>,
}

async fn group(context: &SessionContext, spec: &TableSpec) -> Result<Vec<Group>> {
    let dimensions: Vec<String> =
        spec.axes.iter().flat_map(|axis| axis.columns.iter().map(|name| text(name))).collect();
    let by: Vec<String> = by_columns(spec).iter().map(|name| text(name)).collect();
    let keys: Vec<String> = dimensions.iter().chain(&by).cloned().collect();
    let sums: String = where_columns(spec)
        .iter()
        .map(|name| format!(", CAST(sum(CASE WHEN {} THEN 1 ELSE 0 END) AS BIGINT)", quoted(name)))
        .collect();
    let selected: String = keys.iter().enumerate().map(|(at, key)| format!("{key} AS k{at}, ")).collect();
    let grouped = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
    let sql = format!("SELECT {selected}CAST(count(*) AS BIGINT){sums} FROM models.{}{grouped}", quoted(&spec.model));
    let frame = context.sql(&sql).await.map_err(execution_error)?;
    let mut groups = Vec::new();
    for batch in frame.collect().await.map_err(execution_error)? {
        let names = text_columns(&batch, 0..keys.len())?;
        let numbers = (keys.len()..batch.num_columns()).map(|at| int_column(&batch, at)).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let rows = numbers[0].value(row);
            if rows == 0 {
                continue;
            }
            groups.push(Group {
                at: coordinates(spec, &names, row)?,
                by: by_values(spec, &names[dimensions.len()..], row)?,
                rows,
                wheres: numbers[1..].iter().map(|column| column.value(row)).collect(),
            });
        }
    }
    Ok(groups)
}

/// The lowest categories of a row, from its dimension columns.
pub(super) fn coordinates(spec: &TableSpec, columns: &[StringArray], row: usize) -> Result<Grouped> {
    let mut column = columns.iter();
    spec.axes
        .iter()
        .map(|axis| {
            axis.columns
                .iter()
                .zip(&axis.missing)
                .map(|(name, missing)| match (column.next(), missing) {
                    (Some(values), _) if !values.is_null(row) => Ok(values.value(row).to_owned()),
                    (_, Some(label)) => Ok(label.clone()),
                    (_, None) => Err(Error::config(
                        "table.missing_value",
                        format!("some rows of model `{}` have no `{name}`, so they would be in no cell", spec.model),
                    )
                    .with_hint(format!("give the dimension a label for them: `{name}: {{ missing: Not reported }}`"))),
                })
                .collect()
        })
        .collect()
}

fn by_values(spec: &TableSpec, columns: &[StringArray], row: usize) -> Result<Vec<String>> {
    columns
        .iter()
        .zip(by_columns(spec))
        .map(|(values, name)| match values.is_null(row) {
            false => Ok(values.value(row).to_owned()),
            true => Err(Error::config(
                "table.missing_part",
                format!("some rows of model `{}` have no `{name}`, so the parts would not add up", spec.model),
            )
            .with_hint(format!("COALESCE `{name}` in the model's SQL"))),
        })
        .collect()
}

/// Nulls in conditions, and rows that are in a part but not in its whole.
async fn check_parts(context: &SessionContext, spec: &TableSpec) -> Result<()> {
    let model = quoted(&spec.model);
    for measure in &spec.measures {
        let MeasureSource::Where(column) = &measure.source else { continue };
        let column = quoted(column);
        let nulls = format!("SELECT count(*) FROM models.{model} WHERE {column} IS NULL");
        if single_number(context, &nulls).await? > 0 {
            return Err(Error::config("table.null_condition", format!("{column} is null in some rows"))
                .with_hint("COALESCE it to true or false in the model's SQL"));
        }
        let Some(whole) = measure.of.as_ref().and_then(|of| where_column(spec, of)) else { continue };
        let outside = format!("SELECT count(*) FROM models.{model} WHERE {column} AND NOT {}", quoted(&whole));
        if single_number(context, &outside).await? > 0 {
            return Err(Error::config(
                "table.part_outside_whole",
                format!(
                    "some rows are counted in `{}` but not in `{}`",
                    measure.name,
                    measure.of.as_deref().unwrap_or("")
                ),
            )
            .with_hint("a part must lie within the measure that `of` names"));
        }
    }
    Ok(())
}

/// Replaces each `count_by` by one measure per value, and puts measures after what they are a part of.
fn with_parts(spec: &TableSpec, groups: &[Group]) -> TableSpec {
    let mut measures = Vec::new();
    let mut order = Vec::new();
    for measure in &spec.measures {
        let MeasureSource::By(column) = &measure.source else {
            measures.push((measure.clone(), None));
            continue;
        };
        let at = by_columns(spec).iter().position(|one| one == column).unwrap_or_default();
        let values: BTreeSet<&String> = groups.iter().map(|group| &group.by[at]).collect();
        for value in values {
            let name = format!("{}_{}", measure.name, slug(value));
            measures.push((MeasureColumn { name, ..measure.clone() }, Some(value.clone())));
        }
    }
    for name in &spec.order {
        let parts: Vec<String> = measures
            .iter()
            .filter(|(one, value)| value.as_ref().is_some_and(|value| one.name == format!("{name}_{}", slug(value))))
            .map(|(one, _)| one.name.clone())
            .collect();
        if parts.is_empty() { order.push(name.clone()) } else { order.extend(parts) }
    }
    let measures = measures
        .into_iter()
        .map(|(measure, value)| match (measure.source.clone(), value) {
            (MeasureSource::By(column), Some(value)) => {
                MeasureColumn { source: MeasureSource::By(format!("{column}\u{1f}{value}")), ..measure }
            }
            _ => measure,
        })
        .collect();
    TableSpec { measures, order, ..spec.clone() }
}

/// Lower case, every run of other characters one underscore.
fn slug(value: &str) -> String {
    let mut slug = String::new();
    for letter in value.chars() {
        if letter.is_alphanumeric() {
            slug.extend(letter.to_lowercase());
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
    }
    slug.trim_end_matches('_').to_owned()
}

fn measures(spec: &TableSpec) -> Result<Vec<Measure>> {
    let index = |name: &str| spec.measures.iter().position(|measure| measure.name == name);
    spec.measures
        .iter()
        .map(|measure| {
            let of = measure.of.as_deref().map(|name| {
                index(name).ok_or_else(|| {
                    Error::config(
                        "table.of",
                        format!("measure `{}` is `of` `{name}`, which is not counted", measure.name),
                    )
                    .with_hint("`of` names the count or a `count_where`")
                })
            });
            let kind = match (&measure.source, of.transpose()?) {
                (MeasureSource::Rows, _) | (_, None) => MeasureKind::Count,
                (MeasureSource::Where(_), Some(of)) => MeasureKind::CountWhere { of },
                (MeasureSource::By(_), Some(of)) if parts_of(spec, measure) < 2 => MeasureKind::CountWhere { of },
                (MeasureSource::By(_), Some(of)) => MeasureKind::Part { of },
            };
            // Named after what is counted, not after what the author calls it: the same count under two names in two
            // tables is one variable to whoever attacks them.
            Ok(Measure { name: counted(&measure.source), kind })
        })
        .collect()
}

fn counted(source: &MeasureSource) -> String {
    match source {
        MeasureSource::Rows => "rows".to_owned(),
        MeasureSource::Where(column) => format!("rows where {column}"),
        MeasureSource::By(key) => format!("rows with {}", key.replace('\u{1f}', " = ")),
    }
}

fn parts_of(spec: &TableSpec, part: &MeasureColumn) -> usize {
    spec.measures.iter().filter(|one| by_key(one).is_some() && by_key(one) == by_key(part)).count()
}

fn by_key(measure: &MeasureColumn) -> Option<&str> {
    match &measure.source {
        MeasureSource::By(key) => key.split('\u{1f}').next(),
        _ => None,
    }
}

fn values(spec: &TableSpec, axes: &[Axis], groups: &[Group]) -> Result<Vec<Vec<i64>>> {
    let cells: usize = axes.iter().map(|axis| axis.places.len()).product();
    let wheres = where_columns(spec);
    let bys = by_columns(spec);
    let mut values = vec![vec![0_i64; cells]; spec.measures.len()];
    for group in groups {
        let mut cell = 0;
        for ((axis, path), stride) in axes.iter().zip(&group.at).zip(strides(axes)) {
            cell += stride * axis.leaf(path).ok_or_else(|| Error::internal("table.leaf", "a row is in no category"))?;
        }
        let of_where = |column: &str| wheres.iter().position(|one| one == column).map_or(0, |at| group.wheres[at]);
        for (measure, counts) in spec.measures.iter().zip(&mut values) {
            counts[cell] += match &measure.source {
                MeasureSource::Rows => group.rows,
                MeasureSource::Where(column) => of_where(column),
                MeasureSource::By(key) => {
                    let (column, value) = key.split_once('\u{1f}').unwrap_or((key, ""));
                    let at = bys.iter().position(|one| one == column).unwrap_or_default();
                    let whole = measure.of.as_ref().and_then(|of| where_column(spec, of));
                    match group.by[at] == value {
                        true => whole.map_or(group.rows, |column| of_where(&column)),
                        false => 0,
                    }
                }
            };
        }
    }
    values.iter_mut().for_each(|counts| add_margins(counts, axes));
    Ok(values)
}

/// The columns of `count_by`, once each, in order.
pub(super) fn by_columns(spec: &TableSpec) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for column in spec.measures.iter().filter_map(by_key) {
        if !columns.iter().any(|one| one == column) {
            columns.push(column.to_owned());
        }
    }
    columns
}

pub(super) fn where_columns(spec: &TableSpec) -> Vec<String> {
    spec.measures
        .iter()
        .filter_map(|measure| match &measure.source {
            MeasureSource::Where(column) => Some(column.clone()),
            _ => None,
        })
        .collect()
}

pub(super) fn where_column(spec: &TableSpec, measure: &str) -> Option<String> {
    spec.measures.iter().find(|one| one.name == measure).and_then(|one| match &one.source {
        MeasureSource::Where(column) => Some(column.clone()),
        _ => None,
    })
}

/// An identifier as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The one whole number that a query gives.
pub(super) async fn single_number(context: &SessionContext, sql: &str) -> Result<i64> {
    let batches = context.sql(sql).await.map_err(execution_error)?.collect().await.map_err(execution_error)?;
    match batches.iter().find(|batch| batch.num_rows() > 0) {
        Some(batch) => Ok(int_column(batch, 0)?.value(0)),
        None => Ok(0),
    }
}

pub(super) fn text_columns(batch: &RecordBatch, columns: Range<usize>) -> Result<Vec<StringArray>> {
    columns
        .map(|at| {
            let column: ArrayRef = arrow::compute::cast(batch.column(at), &arrow::datatypes::DataType::Utf8)
                .map_err(|_| Error::internal("table.text", "a dimension is not text"))?;
            column
                .as_any()
                .downcast_ref::<StringArray>()
                .cloned()
                .ok_or_else(|| Error::internal("table.text", "a dimension is not text"))
        })
        .collect()
}

fn int_column(batch: &RecordBatch, at: usize) -> Result<Int64Array> {
    batch
        .column(at)
        .as_any()
        .downcast_ref::<Int64Array>()
        .cloned()
        .ok_or_else(|| Error::internal("table.number", "a count is not a whole number"))
}
