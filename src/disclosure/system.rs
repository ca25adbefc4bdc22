//! The release as one linear system: a variable per distinct figure, an equation per total.
//!
//! A figure is identified by its universe, its quantity (a measure, or the complement of a measure in an enclosing
//! one) and its coordinates, those at the only root of a dimension left out. So a margin that two tables share is one
//! variable. Variables and equations are numbered by sorted keys: nothing depends on the order of the tables.
//!
//! A table may have millions of cells, so that everything lies in flat arrays, and a place is a number: a table's
//! quantities follow each other, and in each the cells.

use std::collections::{BTreeMap, BTreeSet};

use super::error::DisclosureError;
use super::table::{CellName, MeasureKind, Table};

/// Where a figure stands: the cell of a measure, or of its complement in the measure `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) measure: usize,
    pub(super) of: Option<usize>,
    pub(super) cell: usize,
}

impl Place {
    pub(super) fn name(&self, tables: &[Table]) -> CellName {
        tables[self.table].cell_name(self.measure, self.of, self.cell)
    }
}

/// One distinct figure.
#[derive(Clone, Copy)]
pub(super) struct Variable<'r> {
    pub(super) value: i64,
    layout: &'r Layout,
    numbers: &'r [u32],
}

impl<'r> Variable<'r> {
    /// Every place of the figure; all printed or all complements.
    pub(super) fn places(self) -> impl Iterator<Item = Place> + Clone + 'r {
        self.numbers.iter().map(move |&number| self.layout.place(number))
    }

    /// The first of them.
    pub(super) fn place(self) -> Place {
        self.layout.place(self.numbers[0])
    }

    pub(super) fn is_printed(self) -> bool {
        self.place().of.is_none()
    }
}

/// `total = sum of parts`.
#[derive(Clone, Copy)]
pub(super) struct Equation<'r> {
    pub(super) total: usize,
    parts: &'r [u32],
}

impl<'r> Equation<'r> {
    /// In rising order.
    pub(super) fn parts(self) -> impl Iterator<Item = usize> + Clone + 'r {
        self.parts.iter().map(|&part| part as usize)
    }
}

/// The whole system.
pub(super) struct Release {
    layout: Layout,
    values: Vec<i64>,
    /// The numbers of the places of each variable, one variable after the other.
    starts: Vec<u32>,
    places: Vec<u32>,
    /// Variable by number of the place.
    of_place: Vec<u32>,
    equations: Equations,
}

impl Release {
    /// How many variables there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// A variable by number.
    pub(super) fn variable(&self, variable: usize) -> Variable<'_> {
        let range = self.starts[variable] as usize..self.starts[variable + 1] as usize;
        Variable { value: self.values[variable], layout: &self.layout, numbers: &self.places[range] }
    }

    /// All variables, in order.
    pub(super) fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        (0..self.len()).map(|variable| self.variable(variable))
    }

    /// All equations, sorted by total and parts.
    pub(super) fn equations(&self) -> impl Iterator<Item = Equation<'_>> {
        self.equations.order.iter().map(|&row| self.equations.row(row))
    }

    /// The variable at a place; `None` where the tables have no such place.
    pub(super) fn at(&self, place: Place) -> Option<usize> {
        let quantities = self.layout.tables.get(place.table)?;
        let index = quantities.quantities.iter().position(|&own| own == (place.measure, place.of))?;
        let number = quantities.offset + index * quantities.cells + place.cell;
        (place.cell < quantities.cells).then(|| self.of_place[number] as usize)
    }

    /// The variables of a table's measure, by cell.
    pub(super) fn printed(&self, table: usize, measure: usize) -> &[u32] {
        let own = &self.layout.tables[table];
        let index = own.quantities.iter().position(|&quantity| quantity == (measure, None)).unwrap_or_default();
        &self.of_place[own.offset + index * own.cells..][..own.cells]
    }
}

/// How places are numbered.
struct Layout {
    tables: Vec<Quantities>,
}

/// The places of a table.
struct Quantities {
    /// The first place's number.
    offset: usize,
    cells: usize,
    /// Each measure, followed by its complement in every enclosing measure.
    quantities: Vec<(usize, Option<usize>)>,
}

impl Quantities {
    fn first(&self, index: usize) -> usize {
        self.offset + index * self.cells
    }

    /// The number of the first place of a measure.
    fn first_of(&self, measure: usize) -> usize {
        self.first(self.quantities.iter().position(|&quantity| quantity == (measure, None)).unwrap_or_default())
    }
}

impl Layout {
    fn of(tables: &[Table]) -> Result<Self, DisclosureError> {
        let mut own = Vec::with_capacity(tables.len());
        let mut offset = 0;
        for table in tables {
            let (cells, quantities) = (table.cell_count(), quantities(table));
            let places = cells * quantities.len();
            own.push(Quantities { offset, cells, quantities });
            offset += places;
            if offset > MOST_PLACES {
                let what = "the tables have too many cells".to_owned();
                return Err(DisclosureError::InvalidTable { table: table.name.clone(), what });
            }
        }
        Ok(Layout { tables: own })
    }

    fn len(&self) -> usize {
        self.tables.last().map_or(0, |last| last.first(last.quantities.len()))
    }

    fn place(&self, number: u32) -> Place {
        let number = number as usize;
        let table = self.tables.partition_point(|own| own.offset <= number).saturating_sub(1);
        let own = &self.tables[table];
        let within = number - own.offset;
        let (measure, of) = own.quantities[within / own.cells];
        Place { table, measure, of, cell: within % own.cells }
    }
}

/// Places and terms are numbered in 32 bits; a place has some five terms.
const MOST_PLACES: usize = 1 << 28;

/// The quantities of a table: each measure, then its complement in every enclosing measure.
fn quantities(table: &Table) -> Vec<(usize, Option<usize>)> {
    let measures = 0..table.measures.len();
    measures
        .flat_map(|measure| {
            std::iter::once((measure, None))
                .chain(table.enclosing(measure).into_iter().map(move |of| (measure, Some(of))))
        })
        .collect()
}

/// Coordinates of a number of cells, each in as many words; shorter ones are filled up with zeros, so that they sort
/// first.
struct Coordinates {
    width: usize,
    words: Vec<u32>,
}

impl Coordinates {
    fn of(&self, cell: u32) -> &[u32] {
        &self.words[cell as usize * self.width..][..self.width]
    }
}

/// Numbers for the names of the categories of a universe's tables, from 1, in the order of the names.
type Categories<'a> = BTreeMap<(&'a str, &'a str), u32>;

fn categories<'a>(tables: &[&'a Table]) -> Categories<'a> {
    let dimensions = tables.iter().flat_map(|table| &table.dimensions);
    let names: BTreeSet<(&str, &str)> =
        dimensions.flat_map(|d| d.nodes.iter().map(|node| (d.name.as_str(), node.id.as_str()))).collect();
    names.into_iter().zip(1..).collect()
}

/// The sorted coordinates of each cell of the tables, one table after the other.
fn coordinates(tables: &[&Table]) -> Coordinates {
    let categories = categories(tables);
    let width = tables.iter().map(|table| table.dimensions.len()).max().unwrap_or(0);
    let cells: usize = tables.iter().map(|table| table.cell_count()).sum();
    let mut words = vec![0; width * cells];
    let mut keys = words.chunks_exact_mut(width.max(1));
    for table in tables {
        let mut axes: Vec<(&str, usize, Vec<u32>)> = (table.dimensions.iter().zip(table.strides()))
            .map(|(dimension, stride)| {
                let total = dimension.total();
                let number = |node: usize| categories[&(dimension.name.as_str(), dimension.nodes[node].id.as_str())];
                let numbers = (0..dimension.nodes.len()).map(|node| if Some(node) == total { 0 } else { number(node) });
                (dimension.name.as_str(), stride, numbers.collect())
            })
            .collect();
        // In the order of the names the numbers rise.
        axes.sort_unstable();
        for (cell, key) in (0..table.cell_count()).zip(&mut keys) {
            let numbers = axes.iter().map(|(_, stride, numbers)| numbers[cell / stride % numbers.len()]);
            numbers.filter(|&number| number > 0).zip(key).for_each(|(number, word)| *word = number);
        }
    }
    Coordinates { width, words }
}

/// For each cell of the tables, one table after the other, the rank of its coordinates among all that occur; and how many
/// do.
fn ranks(tables: &[&Table]) -> (Vec<u32>, usize) {
    let coordinates = coordinates(tables);
    let cells: usize = tables.iter().map(|table| table.cell_count()).sum();
    let mut order: Vec<u32> = (0..narrow(cells)).collect();
    order.sort_unstable_by(|&a, &b| coordinates.of(a).cmp(coordinates.of(b)));
    let mut ranks = vec![0; cells];
    let (mut rank, mut before) = (0, None);
    for cell in order {
        rank += u32::from(before.is_some_and(|before| coordinates.of(before) != coordinates.of(cell)));
        ranks[cell as usize] = rank;
        before = Some(cell);
    }
    (ranks, if cells == 0 { 0 } else { rank as usize + 1 })
}

/// A table's share of a quantity: its first place, the first of its ranks, its cells.
type Part = (usize, usize, usize);

/// Below [`MOST_PLACES`], or a small multiple of it.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("places and terms are numbered in 32 bits")
}

/// Builds the system and checks that every equation holds on the true values.
///
/// # Errors
/// A malformed table, a cell with two values, a total that is not the sum of its parts, a numerator above its
/// denominator; each with coordinates and without figures.
pub(super) fn build(tables: &[Table]) -> Result<Release, DisclosureError> {
    for table in tables {
        table.check()?;
    }
    check_names(tables)?;
    let layout = Layout::of(tables)?;
    let mut release = Release {
        of_place: vec![NONE; layout.len()],
        layout,
        values: Vec::new(),
        starts: vec![0],
        places: Vec::new(),
        equations: Equations::default(),
    };
    release.number(tables);
    release.enter(tables)?;
    let mut equations = Equations::default();
    for (index, table) in tables.iter().enumerate() {
        release.totals(index, table, &mut equations);
        release.relations(index, table, &mut equations);
    }
    equations.sort();
    release.equations = equations;
    release.check_sums(tables)?;
    Ok(release)
}

/// No variable.
const NONE: u32 = u32::MAX;

impl Release {
    /// Numbers the distinct figures: by universe, then quantity, then coordinates.
    fn number(&mut self, tables: &[Table]) {
        let universes: BTreeSet<&str> = tables.iter().map(|table| table.universe.as_str()).collect();
        let mut next = 0;
        for universe in universes {
            let own: Vec<usize> = (0..tables.len()).filter(|&table| tables[table].universe == universe).collect();
            let (ranks, distinct) = ranks(&own.iter().map(|&table| &tables[table]).collect::<Vec<_>>());
            // By names of measure and enclosing measure: first place and first rank of each table that has it.
            let mut by_quantity: BTreeMap<(&str, Option<&str>), Vec<Part>> = BTreeMap::new();
            let mut first_rank = 0;
            for &table in &own {
                let (table, own) = (&tables[table], &self.layout.tables[table]);
                let name = |measure: usize| table.measures[measure].name.as_str();
                for (index, &(measure, of)) in own.quantities.iter().enumerate() {
                    let places = by_quantity.entry((name(measure), of.map(name))).or_default();
                    places.push((own.first(index), first_rank, own.cells));
                }
                first_rank += own.cells;
            }
            let mut variable = vec![NONE; distinct];
            for places in by_quantity.into_values() {
                variable.fill(NONE);
                for &(_, rank, cells) in &places {
                    ranks[rank..rank + cells].iter().for_each(|&rank| variable[rank as usize] = 0);
                }
                for variable in variable.iter_mut().filter(|variable| **variable != NONE) {
                    *variable = next;
                    next += 1;
                }
                for (place, rank, cells) in places {
                    for (place, &rank) in self.of_place[place..].iter_mut().zip(&ranks[rank..rank + cells]) {
                        *place = variable[rank as usize];
                    }
                }
            }
        }
        self.starts = vec![0; next as usize + 1];
        for &variable in &self.of_place {
            self.starts[variable as usize + 1] += 1;
        }
        for variable in 0..next as usize {
            self.starts[variable + 1] += self.starts[variable];
        }
        let mut at = self.starts.clone();
        self.places = vec![0; self.of_place.len()];
        for (place, &variable) in self.of_place.iter().enumerate() {
            self.places[at[variable as usize] as usize] = narrow(place);
            at[variable as usize] += 1;
        }
    }

    /// Takes the figures from the tables.
    fn enter(&mut self, tables: &[Table]) -> Result<(), DisclosureError> {
        self.values = vec![-1; self.starts.len() - 1];
        for (index, (table, own)) in tables.iter().zip(&self.layout.tables).enumerate() {
            for (quantity, &(measure, of)) in own.quantities.iter().enumerate() {
                for cell in 0..own.cells {
                    let place = Place { table: index, measure, of, cell };
                    let figure = table.values[measure][cell];
                    let value = of.map_or(figure, |of| table.values[of][cell] - figure);
                    if value < 0 {
                        return Err(DisclosureError::NumeratorTooLarge { cell: Box::new(place.name(tables)) });
                    }
                    let variable = self.of_place[own.first(quantity) + cell] as usize;
                    let before = std::mem::replace(&mut self.values[variable], value);
                    if before >= 0 && before != value {
                        return Err(DisclosureError::Conflict {
                            first: Box::new(self.variable(variable).place().name(tables)),
                            second: Box::new(place.name(tables)),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Each inner node is the sum of its children, at every combination of the other coordinates.
    fn totals(&self, index: usize, table: &Table, equations: &mut Equations) {
        let strides = table.strides();
        for (axis, (dimension, stride)) in table.dimensions.iter().zip(strides).enumerate() {
            let children = dimension.children();
            for cell in 0..table.cell_count() {
                let node = cell / stride % dimension.nodes.len();
                if children[node].is_empty() {
                    continue;
                }
                let base = cell - node * stride;
                for measure in 0..table.measures.len() {
                    let first = self.layout.tables[index].first_of(measure);
                    let parts = children[node].iter().map(|child| self.of_place[first + base + child * stride]);
                    equations.add(self.of_place[first + cell], parts, (index, Rule::Along(axis)));
                }
            }
        }
    }

    /// Whole = measure + complement, for every enclosing measure; whole = sum of its parts.
    fn relations(&self, index: usize, table: &Table, equations: &mut Equations) {
        let own = &self.layout.tables[index];
        for (quantity, &(measure, of)) in own.quantities.iter().enumerate() {
            let Some(of) = of else { continue };
            let (whole, part, complement) = (own.first_of(of), own.first_of(measure), own.first(quantity));
            for cell in 0..own.cells {
                let parts = [self.of_place[part + cell], self.of_place[complement + cell]];
                equations.add(self.of_place[whole + cell], parts.into_iter(), (index, Rule::Complement));
            }
        }
        for of in 0..table.measures.len() {
            let kind = MeasureKind::Part { of };
            let measures = (0..table.measures.len()).filter(|&m| table.measures[m].kind == kind);
            let parts: Vec<usize> = measures.map(|measure| own.first_of(measure)).collect();
            if parts.is_empty() {
                continue;
            }
            for cell in 0..own.cells {
                let pieces = parts.iter().map(|part| self.of_place[part + cell]);
                equations.add(self.of_place[own.first_of(of) + cell], pieces, (index, Rule::Parts));
            }
        }
    }

    fn check_sums(&self, tables: &[Table]) -> Result<(), DisclosureError> {
        for &row in &self.equations.order {
            let equation = self.equations.row(row);
            let sum: i64 = equation.parts().map(|part| self.values[part]).sum();
            if sum != self.values[equation.total] {
                let total = Box::new(self.variable(equation.total).place().name(tables));
                let (table, rule) = self.equations.rules[row as usize];
                let rule = match rule {
                    Rule::Along(axis) => format!("along {}", tables[table as usize].dimensions[axis as usize].name),
                    Rule::Complement => "numerator and complement".to_owned(),
                    Rule::Parts => "parts of a measure".to_owned(),
                };
                return Err(DisclosureError::NotAdditive { total, rule });
            }
        }
        Ok(())
    }
}

/// Why an equation holds.
#[derive(Clone, Copy)]
enum Rule<Axis = u16> {
    Along(Axis),
    Complement,
    Parts,
}

/// Equations one after the other.
struct Equations {
    starts: Vec<u32>,
    totals: Vec<u32>,
    parts: Vec<u32>,
    /// Table and rule that made it.
    rules: Vec<(u32, Rule)>,
    /// Distinct ones, sorted by total and parts.
    order: Vec<u32>,
}

impl Default for Equations {
    fn default() -> Self {
        Equations { starts: vec![0], totals: Vec::new(), parts: Vec::new(), rules: Vec::new(), order: Vec::new() }
    }
}

impl Equations {
    fn row(&self, row: u32) -> Equation<'_> {
        let row = row as usize;
        let parts = &self.parts[self.starts[row] as usize..self.starts[row + 1] as usize];
        Equation { total: self.totals[row] as usize, parts }
    }

    fn add(&mut self, total: u32, parts: impl Iterator<Item = u32>, (table, rule): (usize, Rule<usize>)) {
        let first = self.parts.len();
        self.parts.extend(parts);
        self.parts[first..].sort_unstable();
        self.totals.push(total);
        self.starts.push(narrow(self.parts.len()));
        let rule = match rule {
            Rule::Along(axis) => Rule::Along(u16::try_from(axis).unwrap_or(u16::MAX)),
            Rule::Complement => Rule::Complement,
            Rule::Parts => Rule::Parts,
        };
        self.rules.push((narrow(table), rule));
    }

    fn sort(&mut self) {
        let mut order: Vec<u32> = (0..narrow(self.totals.len())).collect();
        let key = |row: u32| {
            let equation = self.row(row);
            (equation.total, equation.parts)
        };
        // The first of equal ones stays.
        order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
        order.dedup_by(|next, kept| key(*next) == key(*kept));
        self.order = order;
    }
}

fn check_names(tables: &[Table]) -> Result<(), DisclosureError> {
    let mut names = BTreeSet::new();
    let mut kinds = BTreeMap::new();
    for table in tables {
        let fault = |what: String| Err(DisclosureError::InvalidTable { table: table.name.clone(), what });
        if !names.insert(&table.name) {
            return fault("another table has the same name".to_owned());
        }
        for measure in &table.measures {
            let part = matches!(measure.kind, MeasureKind::Part { .. });
            let meaning = (part, measure.kind.of().map(|of| &table.measures[of].name));
            if *kinds.entry((&table.universe, &measure.name)).or_insert(meaning) != meaning {
                return fault(format!("the measure {} means something else in another table", measure.name));
            }
        }
    }
    Ok(())
}
