//! A table as its author wrote it, resolved against the columns of its model.

use arrow::datatypes::DataType;

use crate::error::{Error, Result};
use crate::model::Column;
use crate::workspace::{Dimension, Table};

/// The word in `counts` for which a row of the model is a person.
const PERSON_UNIT: &str = "person";

/// A table, resolved.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// Its name.
    pub name: String,
    /// The model that gives its rows.
    pub model: String,
    /// Whether a row of the model is a person, so that no person may have two.
    pub counts_people: bool,
    /// The dimensions.
    pub axes: Vec<AxisSpec>,
    /// The counted measures: first the count of rows, then parts of it.
    pub measures: Vec<MeasureColumn>,
    /// The rates.
    pub rates: Vec<Rate>,
    /// Names of all measures and rates in the author's order; a `count_by` stands for its parts.
    pub order: Vec<String>,
}

/// A dimension: a hierarchy of columns, the highest first.
#[derive(Clone, Debug)]
pub struct AxisSpec {
    /// The name of the dimension: its lowest column.
    pub name: String,
    /// Columns from the highest level to the lowest.
    pub columns: Vec<String>,
    /// The label of the total over everything, where there is one.
    pub total: Option<String>,
    /// For each column: its label in rows that add over its values.
    pub subtotals: Vec<String>,
    /// For each column: the label of rows without a value.
    pub missing: Vec<Option<String>>,
}

/// A counted measure.
#[derive(Clone, Debug)]
pub struct MeasureColumn {
    /// Its name; for a `count_by` this is filled in per value when the values are known.
    pub name: String,
    /// What is counted.
    pub source: MeasureSource,
    /// The measure that it is a part of, by name; none for the count of rows.
    pub of: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

/// What a measure counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeasureSource {
    /// Rows.
    Rows,
    /// Rows in which this column is true.
    Where(String),
    /// Rows for each value of this column.
    By(String),
}

/// One measure divided by another, in percent.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Its name.
    pub name: String,
    /// The measure above the line.
    pub numerator: String,
    /// The measure below the line.
    pub denominator: String,
    /// Decimals shown.
    pub decimals: u32,
    /// What it means.
    pub description: Option<String>,
}

/// Resolves a table against the columns of its model.
///
/// # Errors
/// A config error naming the table and the column; a governance error for a dimension that carries another field under
/// the name of one that the agreement lists.
pub fn resolve(name: &str, table: &Table, columns: &[Column]) -> Result<TableSpec> {
    let spec = TableSpec {
        name: name.to_owned(),
        model: table.from.clone(),
        counts_people: table.counts == PERSON_UNIT,
        axes: axes(table),
        measures: measures(name, table)?,
        rates: rates(table),
        order: table.measures.keys().map(str::to_owned).collect(),
    };
    need(name, columns, crate::model::PERSON, &[crate::model::PSEUDONYM], "the pseudonym column")?;
    for column in spec.axes.iter().flat_map(|axis| &axis.columns) {
        need(
            name,
            columns,
            column,
            &[DataType::Utf8, DataType::Utf8View, DataType::Int64, DataType::Boolean],
            "text or a whole number",
        )?;
    }
    for measure in &spec.measures {
        match &measure.source {
            MeasureSource::Rows => {}
            MeasureSource::Where(column) => need(name, columns, column, &[DataType::Boolean], "true or false")?,
            MeasureSource::By(column) => need(name, columns, column, &[DataType::Utf8, DataType::Utf8View], "text")?,
        }
    }
    Ok(spec)
}

fn need(table: &str, columns: &[Column], name: &str, types: &[DataType], what: &str) -> Result<()> {
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        let nearest = columns
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(&a.name, name).total_cmp(&strsim::jaro_winkler(&b.name, name)));
        let hint = nearest.map_or_else(
            || "the model has no columns".to_owned(),
            |nearest| format!("the nearest column of the model is `{}`", nearest.name),
        );
        return Err(Error::config(
            "table.no_column",
            format!("table `{table}` needs column `{name}`, which its model lacks"),
        )
        .with_hint(hint));
    };
    if types.contains(&column.data_type) {
        return Ok(());
    }
    Err(Error::config(
        "table.column_type",
        format!("table `{table}` needs column `{name}` to be {what}; the model makes it {}", column.data_type),
    )
    .with_hint("CAST it in the model's SQL"))
}

/// Chains of `within`: a dimension that another one lies within is a level of that one, not a dimension of its own.
fn axes(table: &Table) -> Vec<AxisSpec> {
    let spec_of = |name: &str| table.dimensions.get(name).and_then(Option::as_ref);
    let within: Vec<&str> =
        table.dimensions.values().filter_map(|one| one.as_ref().and_then(|spec| spec.within.as_deref())).collect();
    table.dimensions.keys().filter(|name| !within.contains(name)).map(|name| axis(name, &spec_of)).collect()
}

fn axis<'a>(name: &'a str, spec_of: &impl Fn(&str) -> Option<&'a Dimension>) -> AxisSpec {
    let mut columns = vec![name.to_owned()];
    while let Some(above) = spec_of(&columns[0]).and_then(|spec| spec.within.clone()) {
        if columns.contains(&above) {
            break;
        }
        columns.insert(0, above);
    }
    let label = |column: &String, of: &dyn Fn(&Dimension) -> Option<String>| spec_of(column).and_then(of);
    AxisSpec {
        name: name.to_owned(),
        total: columns.iter().rev().find_map(|column| label(column, &|spec| spec.total.clone())),
        subtotals: columns
            .iter()
            .map(|column| label(column, &|spec| spec.subtotal.clone()).unwrap_or_else(|| "All".to_owned()))
            .collect(),
        missing: columns.iter().map(|column| label(column, &|spec| spec.missing.clone())).collect(),
        columns,
    }
}

fn measures(table_name: &str, table: &Table) -> Result<Vec<MeasureColumn>> {
    let mut count: Option<MeasureColumn> = None;
    let mut parts = Vec::new();
    for (name, measure) in table.measures.iter() {
        let description = measure.description.clone();
        let name = name.to_owned();
        if measure.count == Some(true) {
            count = Some(MeasureColumn { name, source: MeasureSource::Rows, of: None, description });
        } else if let Some(column) = &measure.count_where {
            let source = MeasureSource::Where(column.clone());
            parts.push(MeasureColumn { name, source, of: measure.of.clone(), description });
        } else if let Some(column) = &measure.count_by {
            let source = MeasureSource::By(column.clone());
            parts.push(MeasureColumn { name, source, of: measure.of.clone(), description });
        }
    }
    let count = count.ok_or_else(|| {
        Error::config("table.no_count", format!("table `{table_name}` has no measure with `count: true`"))
            .with_hint("every table prints how many rows stand behind it: add `NAME: { count: true }`")
    })?;
    for part in &mut parts {
        part.of.get_or_insert_with(|| count.name.clone());
    }
    Ok(std::iter::once(count).chain(parts).collect())
}

fn rates(table: &Table) -> Vec<Rate> {
    table
        .measures
        .iter()
        .filter_map(|(name, measure)| {
            let [numerator, denominator] = measure.ratio.clone()?;
            let decimals = measure.decimals.unwrap_or(1);
            Some(Rate {
                name: name.to_owned(),
                numerator,
                denominator,
                decimals,
                description: measure.description.clone(),
            })
        })
        .collect()
}
