//! From the files of a table to its dense figures.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::averages::Average;
use super::axis::{Axis, AxisBuilder, Chain, Chains};
use super::csv::Csv;
use super::layout::{Behind, FileLayout, Loaded, PrintedBands, Rate, Role};
use super::marks::Mark;
use super::parquet;
use super::pattern::Captures;
use super::quantiles::Quantiles;
use super::raw::{RawColumn, RawFile};
use super::spec::{DimensionSpec, FormatSpec, HierarchyFile, Symbols, TableSpec};
use super::words::{Figure, Words, unwrapped};
use crate::disclosure::{Measure, MeasureKind};
use crate::error::{Error, Result};
use crate::workspace::{Ordered, nearest_word};

/// The most cells that a table may have.
const MOST_CELLS: usize = u32::MAX as usize - 1;

/// A file to read.
pub(super) struct Source {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What messages call it.
    pub(super) name: String,
    /// What its name says.
    pub(super) captures: Captures,
}

/// Reads a file into columns, those of its name included.
pub(super) fn open(source: &Source, format: &FormatSpec) -> Result<RawFile> {
    let bytes = std::fs::read(&source.path).map_err(|error| {
        Error::data("tables.read", format!("{} can't be read", source.name))
            .with_source(error)
            .with_hint("paths in a spec are relative to the folder of the spec")
    })?;
    let mut file = if parquet::is_parquet(&bytes) {
        parquet::read(&source.name, &Bytes::from(bytes))?
    } else {
        Csv::new(&source.name, &bytes, format)?.read()?
    };
    for (name, word) in &source.captures {
        file.columns.push(RawColumn::constant(name, word, file.rows));
    }
    file.check()?;
    Ok(file)
}

/// The hierarchies of a dimension that stand in files.
pub(super) fn chains(spec: &DimensionSpec, folder: &Path) -> Result<Chains> {
    let files = std::iter::once(spec.hierarchy.as_ref()).chain(spec.also.iter().map(|also| also.file.as_ref()));
    files.map(|file| file.map(|file| chain(file, folder)).transpose()).collect()
}

fn chain(spec: &HierarchyFile, folder: &Path) -> Result<Chain> {
    let name = spec.file.display().to_string();
    let source = Source { path: folder.join(&spec.file), name: name.clone(), captures: Captures::new() };
    let file = open(&source, &FormatSpec::default())?;
    let columns: Vec<&RawColumn> = if spec.columns.is_empty() {
        file.columns.iter().collect()
    } else {
        spec.columns.iter().map(|column| named(&file, column)).collect::<Result<_>>()?
    };
    let mut chain = Chain::default();
    for row in 0..file.rows {
        let mut words: Vec<String> = columns.iter().map(|column| unwrapped(column.word(row)).to_owned()).collect();
        words.dedup();
        words.retain(|word| !word.is_empty());
        for at in 0..words.len() {
            let above = words[at + 1..].to_vec();
            let known = chain.above.entry(words[at].clone()).or_insert_with(|| above.clone());
            if known.is_empty() {
                known.clone_from(&above);
            } else if !above.is_empty() && known[0] != above[0] {
                let said = format!("{}: `{}` stands in two categories", file.place(row), words[at]);
                return Err(Error::data("tables.hierarchy", said)
                    .with_hint("two hierarchies over the same categories go under `also`, each with a file"));
            }
            if at > 0 {
                chain.inner.insert(words[at].clone());
            }
        }
    }
    // `child,parent` files name one step a line: a category is also within what its parent is within.
    let steps: HashMap<String, String> =
        chain.above.iter().filter_map(|(word, above)| Some((word.clone(), above.first()?.clone()))).collect();
    for (word, above) in &mut chain.above {
        let up = std::iter::successors(steps.get(word), |at| steps.get(*at)).take(64);
        *above = up.cloned().collect();
    }
    Ok(chain)
}

fn named<'f>(file: &'f RawFile, name: &str) -> Result<&'f RawColumn> {
    file.column(name).ok_or_else(|| {
        let there: Vec<&str> = file.columns.iter().map(|column| column.name.as_str()).collect();
        let mut hint = format!("its columns are {}", listed(&there));
        if let Some(like) = nearest_word(name, there.iter().copied()) {
            hint = format!("did you mean `{like}`? {hint}");
        }
        Error::data("tables.column", format!("{} has no column `{name}`", file.path)).with_hint(hint)
    })
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A measure or rate, and the columns of its figures.
struct Column<'s> {
    /// The column, or category and column where it goes across a dimension.
    columns: Vec<(Option<&'s str>, &'s str)>,
    across: Option<&'s str>,
    decimals: Option<u32>,
}

fn column<'s>(
    name: &'s str,
    column: Option<&'s String>,
    across: Option<&'s String>,
    columns: &'s Ordered<String>,
    decimals: Option<u32>,
) -> Column<'s> {
    let columns = match across {
        Some(_) => columns.iter().map(|(category, column)| (Some(category), column.as_str())).collect(),
        None => vec![(None, column.map_or(name, String::as_str))],
    };
    Column { columns, across: across.map(String::as_str), decimals }
}

fn columns_of(spec: &TableSpec) -> (Vec<Column<'_>>, Vec<Column<'_>>) {
    let measures = spec.measures.iter().map(|(name, measure)| match measure {
        None => Column { columns: vec![(None, name)], across: None, decimals: None },
        Some(one) => {
            let decimals = one.magnitude.as_ref().map(|magnitude| magnitude.decimals);
            column(name, one.column.as_ref(), one.across.as_ref(), &one.columns, decimals)
        }
    });
    let rates = spec
        .rates
        .iter()
        .map(|(name, one)| column(name, one.column.as_ref(), one.across.as_ref(), &one.columns, Some(one.decimals)));
    (measures.collect(), rates.collect())
}

/// Reads a table. Its nodes have no names that hold across tables yet.
pub(super) fn read(
    name: &str,
    spec: &TableSpec,
    symbols: &Symbols,
    folder: &Path,
    sources: &[Source],
    bands: &Printed,
) -> Result<Loaded> {
    let files: Vec<RawFile> = sources.iter().map(|source| open(source, &spec.format)).collect::<Result<_>>()?;
    let (measure_columns, rate_columns) = columns_of(spec);
    let across: BTreeSet<&str> = measure_columns.iter().chain(&rate_columns).filter_map(|one| one.across).collect();
    let read = |at: &usize| !bands.need_no_numerators() || is_whole(spec, *at);
    let needed: Vec<&Column<'_>> = (0..measure_columns.len()).filter(read).map(|at| &measure_columns[at]).collect();
    every_column_is_somewhere(&files, &needed, &rate_columns)?;
    let empty = DimensionSpec::default();
    let mut axes = Vec::new();
    let mut rows: Vec<Vec<Vec<u32>>> = vec![Vec::new(); files.len()];
    for (dimension, own) in spec.dimensions.iter() {
        let own = own.as_ref().unwrap_or(&empty);
        let chains = chains(own, folder)?;
        let is_across = across.contains(dimension);
        let mut builder = AxisBuilder::new(dimension, own, &chains, is_across);
        for (file, rows) in files.iter().zip(&mut rows) {
            if is_across {
                rows.push(Vec::new());
                continue;
            }
            let columns: Vec<&RawColumn> =
                builder.columns().iter().map(|column| named(file, column)).collect::<Result<_>>()?;
            let nodes = builder.rows(file, &columns)?;
            rows.push(nodes);
        }
        if is_across {
            let all = measure_columns.iter().chain(&rate_columns).filter(|one| one.across == Some(dimension));
            for (category, _) in all.flat_map(|one| &one.columns) {
                builder.category(category.unwrap_or(""));
            }
        }
        axes.push(builder.finish()?);
    }
    let mut loaded = empty_table(name, spec, axes)?;
    loaded.rates.iter_mut().for_each(|rate| rate.bands = bands.read());
    let cells = cells_of_rows(&loaded, &files, &rows);
    for ((file, cells), source) in files.iter().zip(cells).zip(sources) {
        let layout = Filler { table: &mut loaded, file, cells: &cells, symbols, bands }.fill(
            spec,
            &measure_columns,
            &rate_columns,
        )?;
        loaded.files.push(FileLayout {
            source: source.path.clone(),
            name: source.name.clone(),
            columns: layout.len() - source.captures.len(),
            cells,
            roles: layout,
        });
    }
    if bands.need_no_numerators() {
        hide_numerators(&mut loaded);
    }
    loaded.conflicts.sort_unstable();
    loaded.conflicts.dedup();
    Ok(loaded)
}

/// Whether a measure is a part of none.
fn is_whole(spec: &TableSpec, measure: usize) -> bool {
    spec.measures
        .values()
        .nth(measure)
        .and_then(Option::as_ref)
        .is_none_or(|own| own.of.is_none() && own.part_of.is_none())
}

/// What rates in bands are of is hidden where they stand, also where no column says so.
fn hide_numerators(table: &mut Loaded) {
    for rate in &table.rates {
        for (cell, value) in table.values[rate.numerator].iter_mut().enumerate() {
            if *value == Figure::ABSENT && rate.values[cell] != Figure::ABSENT && rate.values[cell] != Figure::NONE {
                *value = Figure::HIDDEN;
            }
        }
    }
}

/// How the rates of tables are printed.
#[derive(Clone, Default)]
pub(super) enum Printed {
    /// As numbers.
    #[default]
    Numbers,
    /// They are computed and printed as bands; what stands in their place is not read.
    Computed,
    /// As bands.
    Bands(Arc<PrintedBands>),
}

impl Printed {
    fn read(&self) -> Option<Arc<PrintedBands>> {
        if let Printed::Bands(bands) = self { Some(Arc::clone(bands)) } else { None }
    }

    /// Whether the columns of numerators may be missing: bands stand in their place.
    fn need_no_numerators(&self) -> bool {
        matches!(self, Printed::Bands(_))
    }
}

fn empty_table(name: &str, spec: &TableSpec, axes: Vec<Axis>) -> Result<Loaded> {
    let mut cells: usize = 1;
    for axis in &axes {
        cells = cells.checked_mul(axis.nodes.len()).filter(|&cells| cells <= MOST_CELLS).ok_or_else(|| {
            Error::data("tables.too_large", format!("table `{name}` has more than four billion cells"))
                .with_hint("its dimensions multiply; leave one out, or take it apart into several tables")
        })?;
    }
    let index = |wanted: &str| spec.measures.keys().position(|name| name == wanted).unwrap_or(usize::MAX);
    let kind = |measure: &super::spec::MeasureSpec| match (&measure.of, &measure.part_of) {
        _ if measure.magnitude.is_some() => MeasureKind::Magnitude,
        (Some(of), _) => MeasureKind::CountWhere { of: index(of) },
        (_, Some(of)) => MeasureKind::Part { of: index(of) },
        _ => MeasureKind::Count,
    };
    let measures = spec.measures.iter().map(|(name, measure)| Measure {
        name: name.to_owned(),
        kind: measure.as_ref().map_or(MeasureKind::Count, kind),
    });
    let rates = spec.rates.iter().map(|(name, rate)| Rate {
        name: name.to_owned(),
        numerator: index(&rate.ratio[0]),
        denominator: index(&rate.ratio[1]),
        decimals: rate.decimals,
        unit: rate.unit,
        values: vec![Figure::ABSENT; cells],
        bands: None,
    });
    let quantiles = spec.quantiles.values().map(|own| Quantiles::new(own, index(&own.people), cells));
    let decimals = |measure: usize| {
        let own = spec.measures.values().nth(measure).and_then(Option::as_ref);
        own.and_then(|own| own.magnitude.as_ref()).map_or(0, |magnitude| magnitude.decimals)
    };
    let averages = spec.averages.iter().map(|(name, own)| {
        let (of, over) = (index(&own.of), index(&own.over));
        Average::new(name, own, (of, over), (decimals(of), decimals(over)), cells)
    });
    let column = |_: &String| vec![Figure::ABSENT; cells];
    let behind = spec.measures.iter().enumerate().filter_map(|(measure, (_, spec))| {
        let spec = spec.as_ref()?.contributions()?;
        Some(Behind {
            measure,
            people: spec.people.as_ref().map(column),
            organisations: spec.organisations.as_ref().map(column),
            largest: spec.largest.iter().map(column).collect(),
        })
    });
    Ok(Loaded {
        name: name.to_owned(),
        universe: spec.universe.clone().unwrap_or_default(),
        edition: None,
        values: vec![vec![Figure::ABSENT; cells]; spec.measures.len()],
        measures: measures.collect(),
        rates: rates.collect(),
        quantiles: quantiles.collect(),
        averages: averages.collect(),
        minimums: None,
        behind: behind.collect(),
        keys: vec![Vec::new(); spec.measures.len()],
        axes,
        files: Vec::new(),
        marks: Vec::new(),
        conflicts: Vec::new(),
        revealed: Vec::new(),
        unnamed: Vec::new(),
    })
}

fn cells_of_rows(table: &Loaded, files: &[RawFile], rows: &[Vec<Vec<u32>>]) -> Vec<Vec<u32>> {
    let strides = table.strides();
    let mut all = Vec::new();
    for (file, rows) in files.iter().zip(rows) {
        let mut cells = vec![0_u32; file.rows];
        for (nodes, &stride) in rows.iter().zip(&strides) {
            let stride = u32::try_from(stride).unwrap_or(u32::MAX);
            cells
                .iter_mut()
                .zip(nodes)
                .for_each(|(cell, node)| *cell = cell.saturating_add(node.saturating_mul(stride)));
        }
        all.push(cells);
    }
    all
}

fn every_column_is_somewhere(files: &[RawFile], measures: &[&Column<'_>], rates: &[Column<'_>]) -> Result<()> {
    for (_, name) in measures.iter().copied().chain(rates).flat_map(|one| &one.columns) {
        if !files.iter().any(|file| file.column(name).is_some()) {
            named(&files[0], name)?;
        }
    }
    Ok(())
}

/// Where figures of a column go.
#[derive(Clone, Copy)]
enum Destination {
    Measure(usize),
    Rate(usize),
    Quantile(usize),
    Average(usize),
    /// Who is behind an amount: which, and the column of it.
    Behind(usize, usize),
}

/// Puts a file's figures into the table.
struct Filler<'a> {
    table: &'a mut Loaded,
    file: &'a RawFile,
    cells: &'a [u32],
    symbols: &'a Symbols,
    bands: &'a Printed,
}

impl Filler<'_> {
    fn fill(&mut self, spec: &TableSpec, measures: &[Column<'_>], rates: &[Column<'_>]) -> Result<Vec<Role>> {
        let mut roles: Vec<Option<Role>> = vec![None; self.file.columns.len()];
        let position = |name: &str| self.file.columns.iter().position(|column| column.name == name);
        for (at, axis) in self.table.axes.iter().enumerate() {
            for (level, column) in axis.columns.iter().enumerate() {
                if let Some(role) = position(column).and_then(|position| roles.get_mut(position)) {
                    *role = Some(Role::Dimension(at, level));
                }
            }
        }
        for name in &spec.keep {
            if let Some(role) = position(name).and_then(|position| roles.get_mut(position)) {
                role.get_or_insert(Role::Kept);
            }
        }
        let magnitudes = spec.measures.values().filter_map(|measure| measure.as_ref()?.contributions());
        for (index, magnitude) in magnitudes.enumerate() {
            for (column, (name, decimals)) in magnitude.columns().enumerate() {
                let Some(at) = self.file.columns.iter().position(|column| column.name == name) else { continue };
                roles[at] = Some(Role::Behind);
                self.column(at, Destination::Behind(index, column), 0, Some(decimals))?;
            }
        }
        for (measure, spec) in spec.measures.values().enumerate() {
            let Some(name) = spec.as_ref().and_then(|spec| spec.cell_key.as_ref()) else { continue };
            let Some(at) = self.file.columns.iter().position(|column| column.name == *name) else { continue };
            roles[at] = Some(Role::Behind);
            self.keys(at, measure)?;
        }
        let numbered = measures.iter().enumerate().map(|one| (one, true));
        for ((index, column), is_measure) in numbered.chain(rates.iter().enumerate().map(|one| (one, false))) {
            for &(category, name) in &column.columns {
                let Some(at) = self.file.columns.iter().position(|column| column.name == name) else { continue };
                let offset = self.offset(column.across, category);
                roles[at] = Some(if is_measure { Role::Measure(index, offset) } else { Role::Rate(index, offset) });
                let into = if is_measure { Destination::Measure(index) } else { Destination::Rate(index) };
                self.column(at, into, offset, column.decimals)?;
            }
        }
        let quantiles = spec.quantiles.iter().enumerate().map(|(index, (name, own))| {
            (own.column.as_deref().unwrap_or(name), Role::Quantile(index), Destination::Quantile(index), own.decimals)
        });
        let averages = spec.averages.iter().enumerate().map(|(index, (name, own))| {
            (own.column.as_deref().unwrap_or(name), Role::Average(index), Destination::Average(index), own.decimals)
        });
        for (name, role, into, decimals) in quantiles.chain(averages) {
            let at = self.file.columns.iter().position(|column| column.name == name);
            let Some(at) = at else { return named(self.file, name).map(|_| Vec::new()) };
            roles[at] = Some(role);
            self.column(at, into, 0, Some(decimals))?;
        }
        if !roles.iter().any(|role| matches!(role, Some(Role::Measure(..) | Role::Rate(..)))) {
            let there: Vec<&str> = self.file.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(Error::data("tables.column", format!("{} has no column of figures", self.file.path))
                .with_hint(format!("its columns are {}", listed(&there))));
        }
        let mut done = Vec::new();
        for (role, column) in roles.into_iter().zip(&self.file.columns) {
            let is_status = self.file.is_status(&column.name);
            let holds_nothing = is_status || column.words.iter().all(|word| word.trim().is_empty());
            if role.is_none() && !holds_nothing {
                self.table.unnamed.push((self.file.path.clone(), column.name.clone()));
            }
            done.push(role.unwrap_or(Role::Kept));
        }
        Ok(done)
    }

    /// How far the cell of a category that stands across is from the row's.
    fn offset(&self, across: Option<&str>, category: Option<&str>) -> usize {
        let (Some(across), Some(category)) = (across, category) else { return 0 };
        let strides = self.table.strides();
        let axis = self.table.axes.iter().position(|axis| axis.name == across);
        axis.map_or(0, |at| {
            let node = self.table.axes[at].nodes.iter().position(|node| node.id == category).unwrap_or(0);
            node * strides[at]
        })
    }

    fn keys(&mut self, at: usize, measure: usize) -> Result<()> {
        let cells = self.table.cells();
        let keys = &mut self.table.keys[measure];
        keys.resize(cells, 0);
        let column = &self.file.columns[at];
        let is_mark = |word: &String| self.symbols.suppressed.iter().any(|symbol| symbol.trim() == word.trim());
        if column.words.iter().all(is_mark) {
            // A published file: its keys are not written.
            keys.clear();
            return Ok(());
        }
        for (row, (&cell, &code)) in self.cells.iter().zip(&column.codes).enumerate() {
            keys[cell as usize] = key(&column.words[code as usize]).ok_or_else(|| {
                let said = format!("{}: column `{}` holds no key of a cell", self.file.place(row), column.name);
                Error::data("tables.word", said)
                    .with_hint("a key is a whole number below 2^64, decimal or after `0x`; that of an empty cell is 0")
            })?;
        }
        Ok(())
    }

    fn column(&mut self, at: usize, into: Destination, offset: usize, decimals: Option<u32>) -> Result<()> {
        let column = &self.file.columns[at];
        let mut symbols = Cow::Borrowed(self.symbols);
        if matches!(into, Destination::Behind(..)) {
            // There may be fewer contributions than columns.
            symbols.to_mut().none.push(String::new());
        }
        if matches!(into, Destination::Quantile(_) | Destination::Average(_)) {
            // An empty group has none.
            symbols.to_mut().missing.push(String::new());
        }
        let words = match (decimals, into, self.bands) {
            (_, Destination::Rate(_), Printed::Computed) => return Ok(()),
            (_, Destination::Rate(_), Printed::Bands(own)) => Words::bands(&symbols, &own.bands),
            (Some(decimals), ..) => Words::rates(&symbols, decimals),
            (None, ..) => Words::counts(&symbols),
        };
        let figures: Vec<Result<Figure, String>> = column.words.iter().map(|word| words.read(word)).collect();
        let marks = self.file.marks(&column.name);
        let says: Vec<Option<Mark>> = column.words.iter().map(|word| self.says(into, word, decimals)).collect();
        let mut told = Vec::new();
        let mut own: Vec<bool> = vec![false; if self.table.files.is_empty() { 0 } else { self.table.cells() }];
        let measure = if let Destination::Measure(index) = into { Some(index) } else { None };
        let mut none = Vec::new();
        let into = match into {
            Destination::Measure(index) => &mut self.table.values[index],
            Destination::Rate(index) => &mut self.table.rates[index].values,
            Destination::Quantile(index) => &mut self.table.quantiles[index].values,
            Destination::Average(index) => &mut self.table.averages[index].values,
            Destination::Behind(index, column) => self.table.behind[index].columns().nth(column).unwrap_or(&mut none),
        };
        let first = own.is_empty();
        for (row, (&cell, &code)) in self.cells.iter().zip(&column.codes).enumerate() {
            let cell = cell as usize + offset;
            let figure = match &figures[code as usize] {
                _ if marks.as_ref().is_some_and(|marks| marks[row]) => Figure::HIDDEN,
                Ok(figure) => *figure,
                Err(why) => return Err(meaningless(self.file, row, &column.name, why)),
            };
            if let (Some(says), true) = (says[code as usize], figure == Figure::HIDDEN) {
                told.push(says.at(cell));
            }
            let before = into[cell];
            if before == figure {
                if figure != Figure::ABSENT && (first || std::mem::replace(&mut own[cell], true)) {
                    return Err(twice(self.file, row));
                }
                continue;
            }
            match (before, figure) {
                (Figure::ABSENT, _) => into[cell] = figure,
                (_, Figure::ABSENT) => {}
                _ if first || own[cell] => return Err(twice(self.file, row)),
                (Figure::HIDDEN, _) => {
                    into[cell] = figure;
                    self.table.revealed.extend(measure.map(|index| (index, cell)));
                }
                (_, Figure::HIDDEN) => self.table.revealed.extend(measure.map(|index| (index, cell))),
                _ if before.count() == figure.count() => {}
                _ => self.table.conflicts.extend(measure.map(|index| (index, cell))),
            }
            if !first {
                own[cell] = true;
            }
        }
        self.table.marks.extend(told);
        Ok(())
    }

    /// What a word of a column says of the figures that it hides.
    fn says(&self, into: Destination, word: &str, decimals: Option<u32>) -> Option<Mark> {
        match into {
            Destination::Measure(measure) => {
                self.symbols.bounds(word).map(|bounds| Mark::Count { measure, cell: 0, bounds })
            }
            Destination::Rate(rate) => {
                self.symbols.share(word, decimals?).map(|share| Mark::Rate { rate, cell: 0, share })
            }
            Destination::Quantile(_) | Destination::Average(_) | Destination::Behind(..) => None,
        }
    }
}

/// A cell's key; that of an empty field is 0.
fn key(word: &str) -> Option<u64> {
    let word = word.trim();
    match word.strip_prefix("0x") {
        _ if word.is_empty() => Some(0),
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

fn meaningless(file: &RawFile, row: usize, column: &str, why: &str) -> Error {
    Error::data("tables.word", format!("{}: column `{column}` {why}", file.place(row)))
        .with_hint("symbols are listed in the spec under `symbols`: `suppressed`, `none` or `missing`")
}

fn twice(file: &RawFile, row: usize) -> Error {
    Error::data(
        "tables.row_twice",
        format!("{} stands for a cell that another row of the file stands for", file.place(row)),
    )
    .with_hint("a dimension that tells the rows apart is missing from the spec, or the file repeats a row")
}
