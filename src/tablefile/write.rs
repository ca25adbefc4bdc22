//! The files that come of protection: as they were, but with a mark where a figure is hidden.

use bytes::Bytes;

use super::csv::Csv;
use super::layout::{FileLayout, Loaded, Rate, Role};
use super::margins;
use super::parquet;
use super::protect::Statuses;
use super::spec::{FormatSpec, Symbols};
use crate::disclosure::{Reason, Status, Zeros};
use crate::error::{Error, Result};

/// A file to write.
pub struct Output {
    /// The name of the file that it comes of.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What is printed of a table.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// Its figures, but for those that are hidden.
    Hidden(&'a Statuses),
    /// Its figures, which are not those of its files.
    Changed,
    /// Its sizes, but for those that are hidden, and for each rate and cell its band.
    Banded(&'a Statuses, &'a [Vec<Option<String>>]),
}

/// The files of a table, and how many rows they have more than before.
pub(super) fn table(
    table: &Loaded,
    shown: Shown<'_>,
    symbols: &Symbols,
    format: &FormatSpec,
    zeros: Zeros,
) -> Result<(Vec<Output>, usize)> {
    let mark = symbols.suppressed.first().map_or("*", String::as_str);
    let none = symbols.none.first().map_or("", String::as_str);
    let printer = Printer { table, shown, mark, none };
    let needed = needed(table, zeros);
    let mut outputs = Vec::new();
    let mut added = 0;
    for file in &table.files {
        let more = printer.more(file, &needed);
        added += more.len();
        outputs.push(Output { name: file.name.clone(), bytes: printer.file(file, format, &more)? });
    }
    Ok((outputs, added))
}

/// Cells that need a row: totals, where no row has one; empty cells, where they carry the mark of hidden ones and a
/// missing row would say that they are empty.
fn needed(table: &Loaded, zeros: Zeros) -> Vec<bool> {
    let mut inner = vec![false; table.cells()];
    margins::each_sum(table, |whole, _| inner[whole] = true);
    let rows = || table.files.iter().flat_map(|file| offsets(file).into_iter().map(move |offset| (file, offset)));
    let printed = rows().any(|(file, offset)| file.cells.iter().any(|&cell| inner[cell as usize + offset]));
    let empty = |cell: usize| table.values.iter().all(|values| values[cell].count() == Some(0));
    (0..inner.len())
        .map(|cell| match zeros {
            Zeros::Hide => !inner[cell] || !printed,
            Zeros::Print => inner[cell] && !printed && !empty(cell),
        })
        .collect()
}

/// How far the cells of a file's columns are from those of its rows.
fn offsets(file: &FileLayout) -> Vec<usize> {
    let mut offsets: Vec<usize> = file
        .roles
        .iter()
        .filter_map(|role| match role {
            Role::Measure(_, offset) | Role::Rate(_, offset) => Some(*offset),
            _ => None,
        })
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

struct Printer<'a> {
    table: &'a Loaded,
    shown: Shown<'a>,
    mark: &'a str,
    none: &'a str,
}

impl Printer<'_> {
    fn file(&self, file: &FileLayout, format: &FormatSpec, more: &[Vec<String>]) -> Result<Vec<u8>> {
        let bytes = std::fs::read(&file.source).map_err(|error| {
            Error::failed("tables.read", format!("{} can't be read again", file.name)).with_source(error)
        })?;
        let hidden = |row: usize, column: usize| self.is_hidden(file.roles[column], file.cells[row] as usize);
        if parquet::is_parquet(&bytes) {
            let figures = |(at, role): (usize, &Role)| {
                let figures = [matches!(role, Role::Measure(..) | Role::Rate(..)), matches!(role, Role::Average(_))];
                (figures.contains(&true) || matches!(role, Role::Quantile(_) | Role::Behind)).then_some(at)
            };
            let status: Vec<usize> = file.roles.iter().enumerate().filter_map(figures).collect();
            let bytes = Bytes::from(bytes);
            return match self.shown {
                Shown::Hidden(_) | Shown::Banded(..) => {
                    let bytes = self.with_words(file, bytes)?;
                    parquet::rewritten(&file.name, &bytes, &status, self.mark, hidden, more)
                }
                Shown::Changed => {
                    let word = |row: usize, column: usize| self.changed(file.roles[column], file.cells[row] as usize);
                    parquet::replaced(&file.name, &bytes, &status, false, word, more)
                }
            };
        }
        let change = |row: usize, column: usize| match self.shown {
            Shown::Hidden(_) if hidden(row, column) => Some(self.mark.to_owned()),
            Shown::Hidden(_) => self.quantile(file.roles[column], file.cells[row] as usize),
            Shown::Banded(..) if hidden(row, column) => Some(self.mark.to_owned()),
            Shown::Banded(..) => self.band(file.roles[column], file.cells[row] as usize),
            Shown::Changed => self.changed(file.roles[column], file.cells[row] as usize),
        };
        Csv::new(&file.name, &bytes, format)?.rewritten(change, more.iter().cloned())
    }

    /// A quantile as it is printed.
    fn quantile(&self, role: Role, cell: usize) -> Option<String> {
        let Role::Quantile(index) = role else { return None };
        self.table.quantiles[index].word(cell)
    }

    /// The band of a rate; the word for no group where it is empty.
    fn band(&self, role: Role, cell: usize) -> Option<String> {
        let (Role::Rate(rate, offset), Shown::Banded(_, bands)) = (role, self.shown) else { return None };
        bands[rate][cell + offset].clone().or_else(|| Some(self.none.to_owned()))
    }

    /// A Parquet file with its rates as bands, in columns of text.
    fn with_bands(&self, file: &FileLayout, bytes: &Bytes) -> Result<Bytes> {
        let is_rate = |(at, role): (usize, &Role)| matches!(role, Role::Rate(..)).then_some(at);
        let columns: Vec<usize> = file.roles.iter().enumerate().filter_map(is_rate).collect();
        let word = |row: usize, column: usize| self.band(file.roles[column], file.cells[row] as usize);
        parquet::replaced(&file.name, bytes, &columns, true, word, &[]).map(Bytes::from)
    }

    /// A Parquet file with its rates as bands, or its quantiles rounded.
    fn with_words(&self, file: &FileLayout, bytes: Bytes) -> Result<Bytes> {
        if matches!(self.shown, Shown::Banded(..)) {
            return self.with_bands(file, &bytes);
        }
        let is_quantile = |(at, role): (usize, &Role)| matches!(role, Role::Quantile(_)).then_some(at);
        let columns: Vec<usize> = file.roles.iter().enumerate().filter_map(is_quantile).collect();
        if columns.is_empty() {
            return Ok(bytes);
        }
        let word = |row: usize, column: usize| self.quantile(file.roles[column], file.cells[row] as usize);
        parquet::replaced(&file.name, &bytes, &columns, false, word, &[]).map(Bytes::from)
    }

    /// What stands in place of a figure of the file; `None` for a word that is none.
    fn changed(&self, role: Role, cell: usize) -> Option<String> {
        match role {
            Role::Measure(measure, offset) => {
                self.table.values[measure][cell + offset].printed().map(|value| value.to_string())
            }
            Role::Rate(rate, offset) => {
                let rate = &self.table.rates[rate];
                rate.values[cell + offset].printed().map(|_| self.rate(rate, cell + offset))
            }
            Role::Behind => Some(self.mark.to_owned()),
            Role::Dimension(..) | Role::Kept | Role::Quantile(_) | Role::Average(_) => None,
        }
    }

    fn is_hidden(&self, role: Role, cell: usize) -> bool {
        let (Shown::Hidden(statuses) | Shown::Banded(statuses, _)) = self.shown else { return false };
        let hidden = |measure: usize, cell: usize| !statuses[measure][cell].is_published();
        match role {
            Role::Measure(measure, offset) => hidden(measure, cell + offset),
            Role::Rate(rate, offset) if matches!(self.shown, Shown::Banded(..)) => {
                let Shown::Banded(_, bands) = self.shown else { return false };
                let group = self.table.rates[rate].denominator;
                let empty = self.table.values[group][cell + offset].count() == Some(0);
                bands[rate][cell + offset].is_none() && (!empty || hidden(group, cell + offset))
            }
            Role::Rate(rate, offset) => {
                let rate = &self.table.rates[rate];
                hidden(rate.numerator, cell + offset) || hidden(rate.denominator, cell + offset)
            }
            Role::Quantile(index) => {
                let quantile = &self.table.quantiles[index];
                let people = self.table.values[quantile.people][cell].count();
                hidden(quantile.people, cell) || quantile.is_hidden(cell, people)
            }
            Role::Average(index) => {
                let average = &self.table.averages[index];
                hidden(average.of, cell) || hidden(average.over, cell)
            }
            Role::Behind => true,
            Role::Dimension(..) | Role::Kept => false,
        }
    }

    /// The rows that a file lacks.
    fn more(&self, file: &FileLayout, needed: &[bool]) -> Vec<Vec<String>> {
        let offsets = offsets(file);
        let mut there = vec![false; needed.len()];
        file.cells.iter().for_each(|&cell| there[cell as usize] = true);
        let own = self.own(file);
        let lacks = |cell: &usize| {
            !there[*cell]
                && own(*cell)
                && offsets.iter().any(|offset| needed.get(cell + offset).is_some_and(|one| *one))
        };
        (0..needed.len()).filter(lacks).map(|cell| self.row(file, cell)).collect()
    }

    /// Whether a cell could be a row of a file: at the file's node of each dimension that its name says, and at the first
    /// node of a dimension that goes across.
    fn own(&self, file: &FileLayout) -> impl Fn(usize) -> bool {
        let (strides, first) = (self.table.strides(), file.cells.first().copied().unwrap_or(0) as usize);
        let mut fixed = Vec::new();
        for (at, axis) in self.table.axes.iter().enumerate() {
            let length = axis.nodes.len();
            let in_name = |role: &Role| matches!(role, Role::Dimension(own, _) if *own == at);
            let read = file.roles[..file.columns].iter().any(in_name);
            if !read {
                fixed.push((strides[at], length, first / strides[at] % length));
            }
        }
        move |cell| fixed.iter().all(|&(stride, length, node)| cell / stride % length == node)
    }

    fn row(&self, file: &FileLayout, cell: usize) -> Vec<String> {
        let nodes = self.table.nodes(cell);
        let word = |role: &Role| match *role {
            Role::Dimension(axis, column) => self.table.axes[axis].nodes[nodes[axis]].words[column].clone(),
            Role::Kept => String::new(),
            Role::Behind => self.mark.to_owned(),
            Role::Quantile(index) if !self.is_hidden(*role, cell) => {
                self.table.quantiles[index].word(cell).unwrap_or_default()
            }
            Role::Quantile(_) => self.mark.to_owned(),
            _ if self.is_hidden(*role, cell) => self.mark.to_owned(),
            Role::Average(index) => {
                let average = &self.table.averages[index];
                let value = |measure: usize| self.table.values[measure][cell].count();
                average.word(value(average.of), value(average.over)).unwrap_or_else(|| self.none.to_owned())
            }
            Role::Measure(measure, offset) => {
                self.table.values[measure][cell + offset].count().map_or_else(String::new, |value| value.to_string())
            }
            Role::Rate(..) if matches!(self.shown, Shown::Banded(..)) => self.band(*role, cell).unwrap_or_default(),
            Role::Rate(rate, offset) => self.rate(&self.table.rates[rate], cell + offset),
        };
        file.roles[..file.columns].iter().map(word).collect()
    }

    /// A rate that is printed, rounded half up in whole numbers, so that every machine gives the same.
    fn rate(&self, rate: &Rate, cell: usize) -> String {
        let count = |measure: usize| self.table.values[measure][cell].count();
        let (Some(above), Some(below)) = (count(rate.numerator), count(rate.denominator)) else { return String::new() };
        if below == 0 {
            return self.none.to_owned();
        }
        let units = (2 * i128::from(above) * i128::from(rate.scale()) + i128::from(below)) / (2 * i128::from(below));
        let one = 10_i128.pow(rate.decimals);
        let width = rate.decimals as usize;
        if width == 0 { units.to_string() } else { format!("{}.{:0width$}", units / one, units % one) }
    }
}

/// Why each hidden figure is hidden, as CSV.
pub(super) fn reasons(tables: &[Loaded], statuses: &[Statuses]) -> Vec<u8> {
    let mut out = String::from("stewards_only_table,measure,cell,reason\n");
    let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\"\""));
    for (table, statuses) in tables.iter().zip(statuses) {
        for cell in 0..table.cells() {
            for (measure, own) in table.measures.iter().zip(statuses) {
                let Some(reason) = reason(own[cell]) else { continue };
                let fields = [table.name.as_str(), &measure.name, &table.name_of(cell)].map(quoted).join(",");
                out.push_str(&format!("{fields},{reason}\n"));
            }
        }
    }
    out.into_bytes()
}

fn reason(status: Status) -> Option<&'static str> {
    match status {
        Status::Published | Status::Primary(Reason::Zero) => None,
        Status::Complementary => Some("complementary: protects another figure"),
        Status::Primary(Reason::MinimumCell) => Some("primary: fewer than the minimum"),
        Status::Primary(Reason::Numerator) => Some("primary: numerator under the minimum"),
        Status::Primary(Reason::Complement) => Some("primary: complement under the minimum"),
        Status::Primary(Reason::Homogeneous) => Some("primary: nobody or everybody in the group"),
        Status::Primary(Reason::Contributors) => Some("primary: fewer distinct people than the minimum"),
        Status::Primary(Reason::Organisations) => Some("primary: too few organisations"),
        Status::Primary(Reason::Dominance) => Some("primary: a few of the largest dominate"),
        Status::Primary(Reason::Percent | Reason::PriorPosterior) => Some("primary: too close to one contribution"),
    }
}
