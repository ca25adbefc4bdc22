//! The release as one linear system: a variable per distinct figure, an equation per total.
//!
//! A figure is identified by its universe, its quantity (a measure, or the complement of a measure in an enclosing
//! one) and its coordinates, those at the only root of a dimension left out. So a margin that two tables share is one
//! variable. Variables and equations are numbered by sorted keys: nothing depends on the order of the tables.

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
pub(super) struct Variable {
    pub(super) value: i64,
    /// Every place of the figure; all printed or all complements.
    pub(super) places: Vec<Place>,
}

impl Variable {
    pub(super) fn is_printed(&self) -> bool {
        self.places[0].of.is_none()
    }
}

/// `total = sum of parts`.
pub(super) struct Equation {
    pub(super) total: usize,
    pub(super) parts: Vec<usize>,
}

/// The whole system.
pub(super) struct Release {
    pub(super) variables: Vec<Variable>,
    pub(super) equations: Vec<Equation>,
    /// Variable by table, measure and cell.
    pub(super) printed: Vec<Vec<Vec<usize>>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    universe: u32,
    quantity: u32,
    coordinates: Vec<u32>,
}

/// Numbers for the names of a release, in the order of the names.
struct Names<'a> {
    universes: BTreeMap<&'a str, u32>,
    quantities: BTreeMap<(&'a str, Option<&'a str>), u32>,
    coordinates: BTreeMap<(&'a str, &'a str), u32>,
}

fn numbered<T: Ord>(items: BTreeSet<T>) -> BTreeMap<T, u32> {
    items.into_iter().zip(0..).collect()
}

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

impl<'a> Names<'a> {
    fn of(tables: &'a [Table]) -> Self {
        let quantity_names = |table: &'a Table| {
            let name = |measure: usize| table.measures[measure].name.as_str();
            quantities(table).into_iter().map(move |(measure, of)| (name(measure), of.map(name))).collect::<Vec<_>>()
        };
        let dimensions = tables.iter().flat_map(|table| &table.dimensions);
        Names {
            universes: numbered(tables.iter().map(|table| table.universe.as_str()).collect()),
            quantities: numbered(tables.iter().flat_map(quantity_names).collect()),
            coordinates: numbered(
                dimensions.flat_map(|d| d.nodes.iter().map(|node| (d.name.as_str(), node.id.as_str()))).collect(),
            ),
        }
    }

    /// The sorted coordinates of each cell of a table.
    fn cells(&self, table: &Table) -> Vec<Vec<u32>> {
        let axes: Vec<Vec<Option<u32>>> = table
            .dimensions
            .iter()
            .map(|dimension| {
                let total = dimension.total();
                let number =
                    |node: usize| self.coordinates[&(dimension.name.as_str(), dimension.nodes[node].id.as_str())];
                (0..dimension.nodes.len()).map(|node| (Some(node) != total).then(|| number(node))).collect()
            })
            .collect();
        (0..table.cell_count())
            .map(|cell| {
                let nodes = table.coordinates(cell);
                let mut key: Vec<u32> = axes.iter().zip(nodes).filter_map(|(axis, node)| axis[node]).collect();
                key.sort_unstable();
                key
            })
            .collect()
    }

    fn quantity(&self, table: &Table, measure: usize, of: Option<usize>) -> u32 {
        let name = |measure: usize| table.measures[measure].name.as_str();
        // Table and Names are built from the same slice.
        self.quantities[&(name(measure), of.map(name))]
    }
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
    let (found, keys) = figures(tables)?;
    let numbers: BTreeMap<&Key, usize> = found.keys().zip(0..).collect();
    let number = |own: Vec<(Place, Key)>| {
        let mut by_quantity = Quantities::new();
        for (place, key) in own {
            by_quantity.entry((place.measure, place.of)).or_default().push(numbers[&key]);
        }
        by_quantity
    };
    let lookup: Vec<Quantities> = keys.into_iter().map(number).collect();
    let printed = tables
        .iter()
        .zip(&lookup)
        .map(|(table, own)| (0..table.measures.len()).map(|measure| own[&(measure, None)].clone()).collect())
        .collect();
    let mut equations = BTreeMap::new();
    for (table, own) in tables.iter().zip(&lookup) {
        totals(table, own, &mut equations);
        relations(table, own, &mut equations);
    }
    let variables: Vec<Variable> = found.into_values().collect();
    check_sums(tables, &variables, &equations)?;
    let equations = equations.into_keys().map(|(total, parts)| Equation { total, parts }).collect();
    Ok(Release { variables, equations, printed })
}

/// Variables by cell, for each measure and each complement of a table.
type Quantities = BTreeMap<(usize, Option<usize>), Vec<usize>>;
/// The distinct figures by key, and for each table the key of each of its places.
type Figures = (BTreeMap<Key, Variable>, Vec<Vec<(Place, Key)>>);

fn figures(tables: &[Table]) -> Result<Figures, DisclosureError> {
    let names = Names::of(tables);
    let mut found: BTreeMap<Key, Variable> = BTreeMap::new();
    let mut keys = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let universe = names.universes[table.universe.as_str()];
        let cells = names.cells(table);
        let mut own = Vec::new();
        for (measure, of) in quantities(table) {
            let quantity = names.quantity(table, measure, of);
            for (cell, coordinates) in cells.iter().enumerate() {
                let key = Key { universe, quantity, coordinates: coordinates.clone() };
                let place = Place { table: index, measure, of, cell };
                insert(&mut found, &key, place, tables)?;
                own.push((place, key));
            }
        }
        keys.push(own);
    }
    Ok((found, keys))
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

fn insert(
    found: &mut BTreeMap<Key, Variable>,
    key: &Key,
    place: Place,
    tables: &[Table],
) -> Result<(), DisclosureError> {
    let table = &tables[place.table];
    let own = table.values[place.measure][place.cell];
    let value = place.of.map_or(own, |of| table.values[of][place.cell] - own);
    if value < 0 {
        return Err(DisclosureError::NumeratorTooLarge { cell: Box::new(place.name(tables)) });
    }
    if let Some(variable) = found.get_mut(key) {
        if variable.value != value {
            return Err(DisclosureError::Conflict {
                first: Box::new(variable.places[0].name(tables)),
                second: Box::new(place.name(tables)),
            });
        }
        variable.places.push(place);
    } else {
        found.insert(key.clone(), Variable { value, places: vec![place] });
    }
    Ok(())
}

/// Equations by total and sorted parts, with the rule that made them.
type Equations = BTreeMap<(usize, Vec<usize>), String>;

fn add(equations: &mut Equations, total: usize, mut parts: Vec<usize>, rule: impl FnOnce() -> String) {
    parts.sort_unstable();
    equations.entry((total, parts)).or_insert_with(rule);
}

/// Each inner node is the sum of its children, at every combination of the other coordinates.
fn totals(table: &Table, own: &Quantities, equations: &mut Equations) {
    let strides = table.strides();
    for (dimension, stride) in table.dimensions.iter().zip(strides) {
        let children = dimension.children();
        for cell in 0..table.cell_count() {
            let node = cell / stride % dimension.nodes.len();
            if children[node].is_empty() {
                continue;
            }
            let base = cell - node * stride;
            for measure in 0..table.measures.len() {
                let variables = &own[&(measure, None)];
                let parts = children[node].iter().map(|child| variables[base + child * stride]).collect();
                add(equations, variables[cell], parts, || format!("along {}", dimension.name));
            }
        }
    }
}

/// Whole = measure + complement, for every enclosing measure; whole = sum of its parts.
fn relations(table: &Table, own: &Quantities, equations: &mut Equations) {
    for (&(measure, of), complements) in own {
        let Some(of) = of else { continue };
        for (cell, &complement) in complements.iter().enumerate() {
            let (whole, part) = (own[&(of, None)][cell], own[&(measure, None)][cell]);
            add(equations, whole, vec![part, complement], || "numerator and complement".to_owned());
        }
    }
    for of in 0..table.measures.len() {
        let kind = MeasureKind::Part { of };
        let parts: Vec<usize> = (0..table.measures.len()).filter(|&m| table.measures[m].kind == kind).collect();
        if parts.is_empty() {
            continue;
        }
        for (cell, &whole) in own[&(of, None)].iter().enumerate() {
            let variables = parts.iter().map(|&part| own[&(part, None)][cell]).collect();
            add(equations, whole, variables, || "parts of a measure".to_owned());
        }
    }
}

fn check_sums(tables: &[Table], variables: &[Variable], equations: &Equations) -> Result<(), DisclosureError> {
    for ((total, parts), rule) in equations {
        let sum: i64 = parts.iter().map(|&part| variables[part].value).sum();
        if sum != variables[*total].value {
            let total = Box::new(variables[*total].places[0].name(tables));
            return Err(DisclosureError::NotAdditive { total, rule: rule.clone() });
        }
    }
    Ok(())
}
