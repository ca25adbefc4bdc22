//! What the reader's system is about: each distinct figure of all tables, numbered once.
//!
//! A figure is a count at a place: table, measure (or the complement of a measure in an enclosing one) and cell. The
//! same count at several places is one figure. Figures that no table has a place for follow at the end: what a universe
//! gained on one that it contains, and the slack of a printed rate.

use std::collections::{BTreeMap, HashMap};

use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Policy, Zeros};
use crate::disclosure::public::{PublicTable, Within};
use crate::disclosure::table::{CellName, MeasureKind};

/// No figure, no unknown, no equation.
pub(in crate::disclosure) const NONE: u32 = u32::MAX;
/// A bound that is none. Far from overflow when a few are added.
pub(in crate::disclosure) const UNBOUNDED: i64 = i64::MAX / 4;
/// Counts that a public table may hold, as in tables to protect.
const MAXIMUM_COUNT: i64 = 1 << 40;

/// A measure, or what it leaves of an enclosing one.
pub(in crate::disclosure) type Quantity = (usize, Option<usize>);

/// Where the figures of a table lie.
pub(in crate::disclosure) struct Layout {
    /// The first place.
    pub(in crate::disclosure) offset: usize,
    /// Cells per quantity.
    pub(in crate::disclosure) cells: usize,
    /// Measures in their order, then complements.
    pub(in crate::disclosure) quantities: Vec<Quantity>,
    /// How far apart neighbouring nodes of each dimension are.
    pub(in crate::disclosure) strides: Vec<usize>,
}

impl Layout {
    /// Index of a quantity.
    pub(in crate::disclosure) fn quantity(&self, quantity: Quantity) -> Option<usize> {
        self.quantities.iter().position(|&own| own == quantity)
    }
}

/// A figure that has no place of its own.
#[derive(Clone, Copy)]
pub(in crate::disclosure) enum Extra {
    /// Those of `whole` who are not in `part`: two figures.
    Since { whole: u32, part: u32 },
    /// What a rate's bound leaves; `place` is that of its numerator.
    Slack { place: usize },
}

/// All figures.
pub(in crate::disclosure) struct Figures<'a> {
    /// The release's tables, then the others.
    pub(in crate::disclosure) tables: Vec<&'a PublicTable>,
    /// How many tables are the release's.
    pub(in crate::disclosure) own: usize,
    pub(in crate::disclosure) layouts: Vec<Layout>,
    /// Figure by place; empty where figures and places are the same.
    of_place: Vec<u32>,
    /// First place by figure; empty likewise.
    first: Vec<u32>,
    /// How many figures have places.
    placed: usize,
    /// The others.
    pub(in crate::disclosure) extras: Vec<Extra>,
    /// Printed value by figure; negative where nothing is printed.
    printed: Vec<i64>,
    /// What a reader knows beforehand about a figure that is not printed, by figure.
    pub(in crate::disclosure) least: Vec<u8>,
    /// The smallest count that may be shown, by figure that has a place; empty where it is the policy's everywhere.
    minimums: Vec<i64>,
}

impl<'a> Figures<'a> {
    /// Numbers the figures of the tables and enters what is printed.
    pub(in crate::disclosure) fn new(
        own: &'a [PublicTable],
        others: &'a [PublicTable],
        links: &[Within],
        policy: &Policy,
    ) -> Result<Self, DisclosureError> {
        let tables: Vec<&PublicTable> = own.iter().chain(others).collect();
        let mut layouts: Vec<Layout> = Vec::with_capacity(tables.len());
        let mut places = 0;
        for table in &tables {
            let layout = layout(table, places)?;
            places += layout.cells * layout.quantities.len();
            if places >= NONE as usize / 2 {
                return Err(invalid(table, "the tables have too many cells"));
            }
            layouts.push(layout);
        }
        let mut figures = Figures {
            tables,
            own: own.len(),
            layouts,
            of_place: Vec::new(),
            first: Vec::new(),
            placed: places,
            extras: Vec::new(),
            printed: Vec::new(),
            least: Vec::new(),
            minimums: Vec::new(),
        };
        let universes: BTreeMap<&str, usize> = figures.tables.iter().fold(BTreeMap::new(), |mut count, table| {
            *count.entry(table.universe.as_str()).or_default() += 1;
            count
        });
        if !links.is_empty() || universes.values().any(|&count| count > 1) {
            figures.identify(links, places)?;
        }
        figures.enter(policy)?;
        figures.enter_minimums(policy);
        Ok(figures)
    }

    /// How many figures there are.
    pub(in crate::disclosure) fn len(&self) -> usize {
        self.placed + self.extras.len()
    }

    /// Adds a figure without a place.
    pub(in crate::disclosure) fn add(&mut self, extra: Extra) -> u32 {
        self.extras.push(extra);
        self.printed.push(-1);
        self.least.push(0);
        (self.len() - 1) as u32
    }

    /// The figure at a place.
    pub(in crate::disclosure) fn at(&self, place: usize) -> u32 {
        if self.of_place.is_empty() { place as u32 } else { self.of_place[place] }
    }

    /// Whether a figure is a total of contributions, not a count.
    pub(in crate::disclosure) fn is_magnitude(&self, figure: u32) -> bool {
        self.place(figure).is_some_and(|place| {
            let (table, (measure, _), _) = self.locate(place);
            self.tables[table].measures[measure].kind == MeasureKind::Magnitude
        })
    }

    /// The figure at a table's quantity and cell.
    pub(in crate::disclosure) fn find(&self, table: usize, quantity: Quantity, cell: usize) -> Option<u32> {
        let layout = self.layouts.get(table)?;
        let quantity = layout.quantity(quantity)?;
        (cell < layout.cells).then(|| self.at(layout.offset + quantity * layout.cells + cell))
    }

    /// A figure's printed value.
    pub(in crate::disclosure) fn printed(&self, figure: u32) -> Option<i64> {
        let value = self.printed[figure as usize];
        (value >= 0).then_some(value)
    }

    /// The smallest count that may be shown of a figure: the largest of its places. Those who came since an earlier edition
    /// are of the kind of all that there are now.
    pub(in crate::disclosure) fn minimum(&self, figure: u32, policy: &Policy) -> i64 {
        let figure = match self.extra(figure) {
            Some(Extra::Since { whole, .. }) => whole,
            _ => figure,
        };
        self.minimums.get(figure as usize).copied().unwrap_or_else(|| policy.minimum())
    }

    /// The place where a figure stands first.
    pub(in crate::disclosure) fn place(&self, figure: u32) -> Option<usize> {
        let figure = figure as usize;
        (figure < self.placed).then(|| if self.first.is_empty() { figure } else { self.first[figure] as usize })
    }

    /// The figure without a place, where this is one.
    pub(in crate::disclosure) fn extra(&self, figure: u32) -> Option<Extra> {
        (figure as usize).checked_sub(self.placed).and_then(|extra| self.extras.get(extra).copied())
    }

    /// Table, quantity and cell of a place.
    pub(in crate::disclosure) fn locate(&self, place: usize) -> (usize, Quantity, usize) {
        let table = self.layouts.partition_point(|layout| layout.offset <= place).saturating_sub(1);
        let layout = &self.layouts[table];
        let within = place - layout.offset;
        (table, layout.quantities[within / layout.cells], within % layout.cells)
    }

    /// A figure in words.
    pub(in crate::disclosure) fn name(&self, figure: u32) -> CellName {
        match self.extra(figure) {
            None => self.place_name(self.place(figure).unwrap_or(0)),
            Some(Extra::Slack { place }) => self.place_name(place),
            Some(Extra::Since { whole, part }) => {
                let before = self.locate(self.place(part).unwrap_or(0)).0;
                let before = self.tables[before];
                let mut name = self.place_name(self.place(whole).unwrap_or(0));
                let since = before.edition.as_ref().unwrap_or(&before.universe);
                name.measure = format!("{} less {since}", name.measure);
                name
            }
        }
    }

    /// A place in words.
    pub(in crate::disclosure) fn place_name(&self, place: usize) -> CellName {
        let (table, (measure, of), cell) = self.locate(place);
        let (table, layout) = (self.tables[table], &self.layouts[table]);
        let name = &table.measures[measure].name;
        let node = |(axis, stride): (usize, &usize)| {
            let dimension = &table.dimensions[axis];
            (dimension.name.clone(), dimension.nodes[cell / stride % dimension.nodes.len()].id.clone())
        };
        CellName {
            table: table.edition.as_ref().map_or_else(|| table.name.clone(), |e| format!("{} ({e})", table.name)),
            measure: of.map_or_else(|| name.clone(), |of| format!("{} less {name}", table.measures[of].name)),
            coordinates: layout.strides.iter().enumerate().map(node).collect(),
        }
    }

    /// Numbers each distinct figure once, and pairs those of universes that contain each other.
    fn identify(&mut self, links: &[Within], places: usize) -> Result<(), DisclosureError> {
        let mut keys = Keys::new(&self.tables);
        let mut known: HashMap<(u32, u128), u32> = HashMap::new();
        let mut of_place = Vec::with_capacity(places);
        for (table, layout) in self.tables.iter().zip(&self.layouts) {
            for &quantity in &layout.quantities {
                keys.for_each(table, layout, &table.universe, quantity, true, &mut |key, place| {
                    let figure = *known.entry(key).or_insert(self.first.len() as u32);
                    if figure as usize == self.first.len() {
                        self.first.push((layout.offset + place) as u32);
                    }
                    of_place.push(figure);
                });
            }
        }
        self.of_place = of_place;
        self.placed = self.first.len();
        let mut pairs = Vec::new();
        for link in links {
            for (table, layout) in
                self.tables.iter().zip(&self.layouts).filter(|(table, _)| table.universe == link.part)
            {
                for measure in 0..table.measures.len() {
                    let first = layout.offset + measure * layout.cells;
                    keys.for_each(table, layout, &link.whole, (measure, None), false, &mut |key, place| {
                        if let Some(&whole) = known.get(&key) {
                            pairs.push((whole, self.of_place[first + place % layout.cells]));
                        }
                    });
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        self.extras = pairs.into_iter().map(|(whole, part)| Extra::Since { whole, part }).collect();
        Ok(())
    }

    fn enter_minimums(&mut self, policy: &Policy) {
        if self.tables.iter().all(|table| table.minimums.is_none()) {
            return;
        }
        let mut minimums = vec![0; self.placed];
        for (table, layout) in self.tables.iter().zip(&self.layouts) {
            for place in 0..layout.cells * layout.quantities.len() {
                let own = table.minimums.as_ref().map(|own| own[place % layout.cells]);
                let own = own.map_or_else(|| policy.minimum(), |own| i64::try_from(own).unwrap_or(i64::MAX / 4));
                let minimum: &mut i64 = &mut minimums[self.at(layout.offset + place) as usize];
                *minimum = own.max(*minimum);
            }
        }
        self.minimums = minimums;
    }

    fn enter(&mut self, policy: &Policy) -> Result<(), DisclosureError> {
        self.printed = vec![-1; self.len()];
        self.least = vec![0; self.len()];
        for (table, layout) in self.tables.iter().zip(&self.layouts) {
            for (quantity, &(measure, of)) in layout.quantities.iter().enumerate() {
                let kind = table.measures[measure].kind;
                // A hidden count is not empty where empty ones are printed. Once 0 % groups are protected that does not
                // hold for numerators and parts, whose empty cells are hidden as well, and never for complements. The
                // people of a group may come to nothing.
                let never_empty = match kind {
                    MeasureKind::Count => true,
                    MeasureKind::Magnitude => false,
                    _ => !policy.homogeneous,
                };
                let positive = policy.zeros == Zeros::Print && never_empty;
                for cell in 0..layout.cells {
                    let place = layout.offset + quantity * layout.cells + cell;
                    let figure = if self.of_place.is_empty() { place } else { self.of_place[place] as usize };
                    if of.is_some() {
                        continue;
                    }
                    self.least[figure] = self.least[figure].max(u8::from(positive));
                    let Some(value) = table.values[measure][cell] else { continue };
                    if !(0..=MAXIMUM_COUNT).contains(&value) {
                        return Err(invalid(table, "a count is negative or too large"));
                    }
                    let before = std::mem::replace(&mut self.printed[figure], value);
                    if before >= 0 && before != value {
                        return Err(DisclosureError::Contradiction { cell: Box::new(self.place_name(place)) });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Numbers for the coordinates that tell cells apart: those at the only root of a dimension say nothing.
struct Keys<'a> {
    dimensions: BTreeMap<&'a str, BTreeMap<&'a str, u32>>,
    groups: BTreeMap<Group, u32>,
}

/// Universe, measure, enclosing measure, dimensions.
type Group = (String, String, Option<String>, Vec<usize>);

impl<'a> Keys<'a> {
    fn new(tables: &[&'a PublicTable]) -> Self {
        let mut dimensions: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
        for dimension in tables.iter().flat_map(|table| &table.dimensions) {
            let ids = dimensions.entry(&dimension.name).or_default();
            for node in &dimension.nodes {
                let next = ids.len() as u32;
                ids.entry(&node.id).or_insert(next);
            }
        }
        Keys { dimensions, groups: BTreeMap::new() }
    }

    /// Gives each cell of a quantity its key and its place in the table. `fresh`: keys of groups not seen so far, too.
    fn for_each(
        &mut self,
        table: &PublicTable,
        layout: &Layout,
        universe: &str,
        (measure, of): Quantity,
        fresh: bool,
        give: &mut dyn FnMut((u32, u128), usize),
    ) {
        let order: Vec<(usize, usize)> = {
            let names: Vec<&str> = self.dimensions.keys().copied().collect();
            let mut order: Vec<(usize, usize)> = (table.dimensions.iter().enumerate())
                .map(|(axis, dimension)| (names.binary_search(&dimension.name.as_str()).unwrap_or(0), axis))
                .collect();
            order.sort_unstable();
            order
        };
        // By axis and node: the node's number, `None` for an only root; and how many numbers the dimension has.
        let numbers: Vec<(Vec<Option<u32>>, u128)> = (table.dimensions.iter())
            .map(|dimension| {
                let ids = &self.dimensions[dimension.name.as_str()];
                let total = dimension.total();
                let number = |(index, node): (usize, &crate::disclosure::Node)| {
                    (total != Some(index)).then(|| ids.get(node.id.as_str()).copied().unwrap_or(0))
                };
                (dimension.nodes.iter().enumerate().map(number).collect(), ids.len() as u128)
            })
            .collect();
        let name = |measure: usize| table.measures[measure].name.clone();
        let mut group_of_mask: HashMap<u64, Option<u32>> = HashMap::new();
        let quantity = layout.quantity((measure, of)).unwrap_or(0);
        for cell in 0..layout.cells {
            let (mut mask, mut code) = (0u64, 0u128);
            for &(_, axis) in &order {
                let node = cell / layout.strides[axis] % table.dimensions[axis].nodes.len();
                if let Some(number) = numbers[axis].0[node] {
                    mask |= 1 << axis;
                    code = code * numbers[axis].1 + u128::from(number);
                }
            }
            let groups = &mut self.groups;
            let group = *group_of_mask.entry(mask).or_insert_with(|| {
                let dimensions = order.iter().filter(|&&(_, axis)| mask >> axis & 1 == 1).map(|&(d, _)| d).collect();
                let group = (universe.to_owned(), name(measure), of.map(name), dimensions);
                let next = groups.len() as u32;
                match fresh {
                    true => Some(*groups.entry(group).or_insert(next)),
                    false => groups.get(&group).copied(),
                }
            });
            if let Some(group) = group {
                give((group, code), quantity * layout.cells + cell);
            }
        }
    }
}

/// The enclosing measures of a measure, nearest first.
pub(in crate::disclosure) fn wholes(table: &PublicTable, measure: usize) -> Vec<usize> {
    let next = |&at: &usize| table.measures[at].kind.of();
    // A chain longer than the measures goes in a circle; `check` refuses it.
    std::iter::successors(next(&measure), next).take(table.measures.len()).collect()
}

fn invalid(table: &PublicTable, what: &str) -> DisclosureError {
    DisclosureError::InvalidTable { table: table.name.clone(), what: what.to_owned() }
}

fn layout(table: &PublicTable, offset: usize) -> Result<Layout, DisclosureError> {
    let sizes = table.dimensions.iter().map(|dimension| dimension.nodes.len());
    let cells = sizes.clone().try_fold(1usize, usize::checked_mul).filter(|&cells| cells < NONE as usize);
    let Some(cells) = cells.filter(|_| table.dimensions.len() <= 60) else {
        return Err(invalid(table, "the dimensions have too many cells"));
    };
    check(table, cells)?;
    let mut strides = vec![1; table.dimensions.len()];
    for axis in (1..strides.len()).rev() {
        strides[axis - 1] = strides[axis] * table.dimensions[axis].nodes.len();
    }
    let measures = 0..table.measures.len();
    let complements = measures.clone().flat_map(|m| wholes(table, m).into_iter().map(move |of| (m, Some(of))));
    let quantities = measures.map(|measure| (measure, None)).chain(complements).collect();
    Ok(Layout { offset, cells, quantities, strides })
}

/// Checks a public table's form as far as the audit relies on it.
fn check(table: &PublicTable, cells: usize) -> Result<(), DisclosureError> {
    let measures = table.measures.len();
    let fits = table.values.len() == measures
        && table.values.iter().all(|values| values.len() == cells)
        && table.minimums.as_ref().is_none_or(|minimums| minimums.len() == cells);
    let of = |measure: usize| table.measures[measure].kind.of();
    let kinds = (0..measures).all(|measure| of(measure).is_none_or(|of| of < measures))
        && (0..measures).all(|measure| wholes(table, measure).len() < measures.max(1));
    let forests = table.dimensions.iter().all(|dimension| {
        let nodes = &dimension.nodes;
        let depth = |node: usize| {
            let next = |&at: &usize| nodes[at].parent.filter(|&parent| parent < nodes.len());
            std::iter::successors(Some(node), next).take(nodes.len() + 1).count()
        };
        let inside = nodes.iter().all(|node| node.parent.is_none_or(|parent| parent < nodes.len()));
        inside && !nodes.is_empty() && (0..nodes.len()).all(|node| depth(node) <= nodes.len())
    });
    let rates = table.rates.iter().all(|rate| {
        let measures = rate.numerator < measures && rate.denominator < measures && rate.numerator != rate.denominator;
        let scale = (1..=200_000).contains(&rate.scale);
        // So that products with counts stay far from overflow.
        measures
            && scale
            && rate.values.len() == cells
            && (rate.bands.is_empty() || rate.bands.len() == cells)
            && rate.values.iter().flatten().all(|r| (0..=500_000).contains(r))
    });
    if fits && kinds && forests && rates {
        return Ok(());
    }
    Err(invalid(table, "the lengths or indices of dimensions, measures, values, minimums or rates do not fit"))
}
