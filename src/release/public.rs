//! Published tables as disclosure control takes them: from what a reader has, and nothing else.

use std::collections::HashMap;

use super::files::{ColumnBook, PublishedMeasure, PublishedTable, Role, read_table};
use super::input::MeasureValues;
use super::method::Method;
use super::version::{folder, record_of, versions};
use crate::disclosure::{Dimension, Measure, MeasureKind, Node, PublicRate, PublicTable};
use crate::error::{Context as _, Error, Result};
use crate::storage::Store;

/// A table of an earlier release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierTable {
    /// How its figures are protected.
    pub method: Method,
    /// What its readers have.
    pub table: PublicTable,
}

/// The tables of every published version of a pipeline, ascending; of withdrawn ones too.
///
/// # Errors
/// As [`public_table`]; the storage's.
pub async fn published_tables(published: &Store, pipeline: &str) -> Result<Vec<(u32, Vec<EarlierTable>)>> {
    let mut releases = Vec::new();
    for version in versions(published, pipeline).await? {
        let Some((record, _)) = record_of(published, pipeline, version).await? else { continue };
        let mut tables = Vec::new();
        for file in record.files.iter().filter(|file| file.path.ends_with(".parquet")) {
            let path = format!("{}/{}", folder(pipeline, version), file.path);
            let table = read_table(published.read(&path).await?).and_then(|table| {
                Ok(EarlierTable { method: table.book.table.method.clone(), table: public_table(&table)? })
            });
            tables.push(table.context(|| format!("read {path}, beside which the release is audited"))?);
        }
        releases.push((version, tables));
    }
    Ok(releases)
}

/// A published table in the form in which it is audited. Its dimensions and their hierarchies come from the codebook in
/// its footer, its categories from its rows.
///
/// # Errors
/// `release.not_ours` where its rows are not all cells of its dimensions, once each.
pub fn public_table(table: &PublishedTable) -> Result<PublicTable> {
    let book = &table.book.table;
    let axes = axes(table);
    let sizes: Vec<usize> = axes.iter().map(|axis| axis.dimension.nodes.len()).collect();
    let count: usize = sizes.iter().product();
    let mut row_of = vec![None; count];
    for row in 0..table.rows() {
        let cell = axes.iter().zip(&sizes).fold(0, |cell, (axis, size)| cell * size + axis.node_of_row[row]);
        if row_of[cell].replace(row).is_some() {
            return Err(not_ours(&book.name, "two of its rows are the same cell"));
        }
    }
    let rows: Vec<usize> =
        row_of.into_iter().collect::<Option<_>>().ok_or_else(|| not_ours(&book.name, "a cell has no row"))?;
    let counted: Vec<&PublishedMeasure> =
        table.measures.iter().filter(|measure| measure.book.role == Role::Count).collect();
    let index = |name: &str| counted.iter().position(|measure| measure.book.name == name);
    let values: Vec<Vec<Option<i64>>> = counted.iter().map(|measure| in_order(&measure.values, &rows)).collect();
    let mut rates = Vec::new();
    for measure in &table.measures {
        if let (Role::Rate { decimals, numerator, denominator }, MeasureValues::Rates(shown)) =
            (&measure.book.role, &measure.values)
        {
            let (Some(above), Some(below)) = (index(numerator), index(denominator)) else {
                return Err(not_ours(&book.name, "a rate names a count that it does not have"));
            };
            let shown: Vec<Option<f64>> = rows.iter().map(|&row| shown[row]).collect();
            rates.extend(telling(
                &measure.book.name,
                *decimals,
                (above, &values[above]),
                (below, &values[below]),
                &shown,
            ));
        }
    }
    Ok(PublicTable {
        name: book.name.clone(),
        universe: if book.universe.is_empty() { book.name.clone() } else { book.universe.clone() },
        measures: counted.iter().map(|measure| measure_of(&measure.book, &index)).collect(),
        dimensions: axes.into_iter().map(|axis| axis.dimension).collect(),
        values,
        rates,
        edition: None,
        minimums: None,
    })
}

fn measure_of(book: &ColumnBook, index: &impl Fn(&str) -> Option<usize>) -> Measure {
    let kind = match book.of.as_deref().and_then(index) {
        Some(of) if book.is_part => MeasureKind::Part { of },
        Some(of) => MeasureKind::CountWhere { of },
        None => MeasureKind::Count,
    };
    Measure { name: book.counted.clone().unwrap_or_else(|| book.name.clone()), kind }
}

fn in_order(values: &MeasureValues, rows: &[usize]) -> Vec<Option<i64>> {
    match values {
        MeasureValues::Counts(values) => rows.iter().map(|&row| values[row]).collect(),
        MeasureValues::Rates(_) => vec![None; rows.len()],
    }
}

/// The rates that say more than the counts beside them; none where they say nothing.
#[expect(clippy::cast_possible_truncation, reason = "a percentage with at most nine decimals is far below 2^63")]
fn telling(
    name: &str,
    decimals: u32,
    (numerator, above): (usize, &[Option<i64>]),
    (denominator, below): (usize, &[Option<i64>]),
    shown: &[Option<f64>],
) -> Option<PublicRate> {
    let unit = 10_i64.pow(decimals.min(9));
    let known = |cell: usize| above[cell].is_some() && below[cell].is_some();
    let values: Vec<Option<i64>> = (shown.iter().enumerate())
        .map(|(cell, rate)| rate.filter(|_| !known(cell)).map(|rate| (rate * unit as f64).round() as i64))
        .collect();
    let any = values.iter().any(Option::is_some);
    any.then(|| PublicRate {
        name: name.to_owned(),
        numerator,
        denominator,
        scale: 100 * unit,
        values,
        bands: Vec::new(),
    })
}

/// A dimension, and the node of each row.
struct Axis {
    dimension: Dimension,
    node_of_row: Vec<usize>,
}

/// Columns that lie within the one before them are levels of one dimension, which is named after the highest.
fn axes(table: &PublishedTable) -> Vec<Axis> {
    let columns: Vec<&ColumnBook> = table.book.table.dimensions().collect();
    let mut axes = Vec::new();
    let mut first = 0;
    while first < columns.len() {
        let mut last = first + 1;
        while last < columns.len() && columns[last].within.as_deref() == Some(columns[last - 1].name.as_str()) {
            last += 1;
        }
        axes.push(axis(&columns[first..last], &table.keys[first..last], table.rows()));
        first = last;
    }
    axes
}

fn axis(columns: &[&ColumnBook], keys: &[Vec<String>], rows: usize) -> Axis {
    let mut nodes: Vec<Node> = Vec::new();
    let mut known: HashMap<Vec<&str>, usize> = HashMap::new();
    let mut node_of_row = Vec::with_capacity(rows);
    for row in 0..rows {
        let path: Vec<&str> = (columns.iter().zip(keys))
            .map(|(column, keys)| (*column, keys[row].as_str()))
            .take_while(|(column, value)| column.total.as_deref() != Some(value))
            .map(|(_, value)| value)
            .collect();
        let node = *known.entry(path).or_insert_with_key(|path| {
            nodes.push(Node { id: id(path), parent: None });
            nodes.len() - 1
        });
        node_of_row.push(node);
    }
    for (path, &node) in &known {
        nodes[node].parent = path.len().checked_sub(1).and_then(|above| known.get(&path[..above]).copied());
    }
    Axis { dimension: Dimension { name: columns[0].name.clone(), nodes }, node_of_row }
}

/// As a tabulation names its places.
fn id(path: &[&str]) -> String {
    if path.is_empty() { "*".to_owned() } else { path.join(" / ") }
}

fn not_ours(table: &str, what: &str) -> Error {
    Error::failed("release.not_ours", format!("read table `{table}` of a release: {what}"))
        .with_hint("the file was changed or damaged; `accord release verify` says which")
}
