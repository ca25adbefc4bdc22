//! What changed between two releases of a pipeline: how many cells, never a figure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::files::{PublishedTable, read_table};
use super::input::MeasureValues;
use super::method::Method;
use crate::error::Result;
use crate::storage::Store;

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Tables that are new.
    pub added: Vec<String>,
    /// Tables that are gone.
    pub removed: Vec<String>,
    /// Tables that both have.
    pub tables: Vec<TableDifference>,
}

/// What changed in a table. Cells are figures: rows times measures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableDifference {
    /// The table's name.
    pub table: String,
    /// How figures were protected and are now, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<[String; 2]>,
    /// Columns that are new.
    pub columns_added: Vec<String>,
    /// Columns that are gone.
    pub columns_removed: Vec<String>,
    /// Rows that are new.
    pub rows_added: usize,
    /// Rows that are gone.
    pub rows_removed: usize,
    /// Cells shown in both with the same figure.
    pub same: usize,
    /// Cells shown in both with another figure.
    pub changed: usize,
    /// Cells shown before, hidden now.
    pub newly_hidden: usize,
    /// Cells hidden before, shown now.
    pub newly_shown: usize,
    /// Cells hidden in both.
    pub still_hidden: usize,
}

impl Difference {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.tables.iter().all(TableDifference::is_empty)
    }
}

impl TableDifference {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let unchanged =
            Self { table: self.table.clone(), same: self.same, still_hidden: self.still_hidden, ..Self::default() };
        *self == unchanged
    }
}

/// Differences between the Parquet files of two folders: of a candidate ([`super::Candidate::release_folder`]) or of a
/// version ([`super::version_folder`]).
///
/// # Errors
/// `release.not_ours` for a file that is no table; the storage's.
pub async fn diff(before: (&Store, &str), after: (&Store, &str)) -> Result<Difference> {
    let (before, after) = (tables(before).await?, tables(after).await?);
    Ok(diff_tables(&before, &after))
}

/// Differences between two sets of tables.
#[must_use]
pub fn diff_tables(before: &[PublishedTable], after: &[PublishedTable]) -> Difference {
    let named = |tables: &[PublishedTable]| -> BTreeSet<String> {
        tables.iter().map(|table| table.book.table.name.clone()).collect()
    };
    let (old, new) = (named(before), named(after));
    let pairs = after.iter().filter_map(|after| {
        let before = before.iter().find(|before| before.book.table.name == after.book.table.name)?;
        Some(diff_table(before, after))
    });
    Difference {
        added: new.difference(&old).cloned().collect(),
        removed: old.difference(&new).cloned().collect(),
        tables: pairs.collect(),
    }
}

async fn tables((store, folder): (&Store, &str)) -> Result<Vec<PublishedTable>> {
    let mut tables = Vec::new();
    for entry in store.list(folder).await? {
        if entry.path.ends_with(".parquet") {
            tables.push(read_table(store.read(&entry.path).await?)?);
        }
    }
    Ok(tables)
}

fn diff_table(before: &PublishedTable, after: &PublishedTable) -> TableDifference {
    let columns = |table: &PublishedTable| -> BTreeSet<String> {
        table.book.table.columns.iter().map(|column| column.name.clone()).collect()
    };
    let (old, new) = (columns(before), columns(after));
    let (old_rows, new_rows) = (rows(before), rows(after));
    let methods = [before, after].map(|table| &table.book.table.method);
    let mut difference = TableDifference {
        table: after.book.table.name.clone(),
        method: (methods[0] != methods[1]).then(|| named(methods)),
        columns_added: new.difference(&old).cloned().collect(),
        columns_removed: old.difference(&new).cloned().collect(),
        rows_added: new_rows.keys().filter(|key| !old_rows.contains_key(*key)).count(),
        rows_removed: old_rows.keys().filter(|key| !new_rows.contains_key(*key)).count(),
        ..TableDifference::default()
    };
    for after_measure in &after.measures {
        let Some(before_measure) = before.measure(&after_measure.book.name) else { continue };
        for (key, &row) in &new_rows {
            if let Some(&old_row) = old_rows.get(key) {
                let (old, new) = (figure(&before_measure.values, old_row), figure(&after_measure.values, row));
                difference.count(old, new);
            }
        }
    }
    difference
}

fn named([before, now]: [&Method; 2]) -> [String; 2] {
    let (was, is) = (before.name(), now.name());
    let is = if was == is { format!("{is}, under another key") } else { is };
    [was, is]
}

impl TableDifference {
    fn count(&mut self, old: Option<Figure>, new: Option<Figure>) {
        *match (old, new) {
            (None, None) => &mut self.still_hidden,
            (None, Some(_)) => &mut self.newly_shown,
            (Some(_), None) => &mut self.newly_hidden,
            (Some(old), Some(new)) if old == new => &mut self.same,
            (Some(_), Some(_)) => &mut self.changed,
        } += 1;
    }
}

#[derive(PartialEq)]
enum Figure {
    Count(i64),
    Rate(f64),
}

fn figure(values: &MeasureValues, row: usize) -> Option<Figure> {
    match values {
        MeasureValues::Counts(values) => values[row].map(Figure::Count),
        MeasureValues::Rates(values) => values[row].map(Figure::Rate),
    }
}

/// Rows by their categories, each with the name of its dimension: their order does not matter.
fn rows(table: &PublishedTable) -> BTreeMap<Vec<(&str, &str)>, usize> {
    let names: Vec<&str> = table.book.table.dimensions().map(|column| column.name.as_str()).collect();
    (0..table.rows())
        .map(|row| {
            let mut key: Vec<(&str, &str)> = names.iter().copied().zip(table.key(row)).collect();
            key.sort_unstable();
            (key, row)
        })
        .collect()
}
