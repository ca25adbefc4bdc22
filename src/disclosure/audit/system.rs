//! The reader's equations, over the figures that are not printed.
//!
//! Printed figures are put in as the equations are built, so that what is kept is what a reader does not know. Rows are
//! held one after the other in flat arrays: a table of five million cells has about 25 million terms.

use super::figures::{Extra, Figures, NONE, wholes};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::Policy;
use crate::disclosure::public::{PublicBand, PublicRate, PublicTable, Told, Within};
use crate::disclosure::table::{CellName, MeasureKind};

/// The largest coefficient of what a mark says.
const LARGEST: i64 = 1_000_000;

/// What an equation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disclosure) enum Rule {
    /// A total is the sum of its categories along this dimension.
    Along(u8),
    /// A numerator and its complement make up the denominator.
    Complement,
    /// Parts make up their whole.
    Parts,
    /// What a printed rate, by number, allows: from above or from below.
    Rate(u16, bool),
    /// A universe holds another and those who came since.
    Since,
    /// What a mark says of what it hides.
    Mark,
}

impl Rule {
    /// Whether the equation is a total and what makes it up.
    pub(in crate::disclosure) fn is_total(self) -> bool {
        matches!(self, Rule::Along(_) | Rule::Complement | Rule::Parts)
    }
}

/// Which equation this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disclosure) struct Label {
    pub(in crate::disclosure) rule: Rule,
    /// The place of the total, of the complement, of the numerator; of the whole's first place.
    pub(in crate::disclosure) place: u32,
    /// The first place of the part, for universes.
    pub(in crate::disclosure) other: u32,
}

/// `sum of coefficient * unknown = rest`, by equation.
#[derive(Clone)]
pub(in crate::disclosure) struct Equations {
    pub(in crate::disclosure) starts: Vec<u32>,
    pub(in crate::disclosure) terms: Vec<u32>,
    pub(in crate::disclosure) coefficients: Vec<i32>,
    pub(in crate::disclosure) rests: Vec<i64>,
}

impl Default for Equations {
    fn default() -> Self {
        Equations { starts: vec![0], terms: Vec::new(), coefficients: Vec::new(), rests: Vec::new() }
    }
}

impl Equations {
    /// How many equations there are.
    pub(in crate::disclosure) fn len(&self) -> usize {
        self.rests.len()
    }

    fn range(&self, equation: usize) -> std::ops::Range<usize> {
        self.starts[equation] as usize..self.starts[equation + 1] as usize
    }

    /// The unknowns of an equation with their coefficients.
    pub(in crate::disclosure) fn row(&self, equation: usize) -> impl Iterator<Item = (usize, i64)> + Clone + '_ {
        let range = self.range(equation);
        let coefficients = &self.coefficients[range.clone()];
        self.terms[range].iter().zip(coefficients).map(|(&term, &c)| (term as usize, i64::from(c)))
    }

    /// The unknowns of an equation.
    pub(in crate::disclosure) fn row_terms(&self, equation: usize) -> &[u32] {
        &self.terms[self.range(equation)]
    }

    /// How many unknowns an equation has.
    pub(in crate::disclosure) fn width(&self, equation: usize) -> usize {
        self.range(equation).len()
    }

    /// Ends the row under construction.
    fn close(&mut self, rest: i64) {
        self.starts.push(self.terms.len() as u32);
        self.rests.push(rest);
    }

    /// Adds a row.
    pub(in crate::disclosure) fn push(&mut self, row: &[(u32, i32)], rest: i64) {
        for &(term, coefficient) in row {
            self.terms.push(term);
            self.coefficients.push(coefficient);
        }
        self.close(rest);
    }

    /// Keeps some equations, in order.
    fn retain(&mut self, keep: &dyn Fn(usize) -> bool) {
        let mut kept = Equations::default();
        for equation in (0..self.len()).filter(|&equation| keep(equation)) {
            let range = self.range(equation);
            kept.terms.extend_from_slice(&self.terms[range.clone()]);
            kept.coefficients.extend_from_slice(&self.coefficients[range]);
            kept.close(self.rests[equation]);
        }
        *self = kept;
    }

    /// The equations of each unknown.
    pub(in crate::disclosure) fn columns(&self, unknowns: usize) -> Columns {
        let mut starts = vec![0u32; unknowns + 1];
        for &term in &self.terms {
            starts[term as usize + 1] += 1;
        }
        for index in 0..unknowns {
            starts[index + 1] += starts[index];
        }
        let mut next = starts.clone();
        let (mut rows, mut coefficients) = (vec![0u32; self.terms.len()], vec![0i32; self.terms.len()]);
        for equation in 0..self.len() {
            for (term, coefficient) in self.row(equation) {
                let at = next[term] as usize;
                next[term] += 1;
                rows[at] = equation as u32;
                coefficients[at] = coefficient as i32;
            }
        }
        Columns { starts, rows, coefficients }
    }
}

/// The equations of each unknown, with its coefficient.
#[derive(Clone)]
pub(in crate::disclosure) struct Columns {
    starts: Vec<u32>,
    rows: Vec<u32>,
    coefficients: Vec<i32>,
}

impl Columns {
    /// The equations of an unknown with its coefficients in them.
    pub(in crate::disclosure) fn of(&self, unknown: usize) -> impl Iterator<Item = (usize, i64)> + '_ {
        let range = self.starts[unknown] as usize..self.starts[unknown + 1] as usize;
        let coefficients = &self.coefficients[range.clone()];
        self.rows[range].iter().zip(coefficients).map(|(&row, &c)| (row as usize, i64::from(c)))
    }
}

/// All that a reader knows.
pub(in crate::disclosure) struct System<'a> {
    pub(in crate::disclosure) figures: Figures<'a>,
    /// Figure by unknown.
    pub(in crate::disclosure) unknowns: Vec<u32>,
    /// Unknown by figure; [`NONE`] where the figure is printed.
    pub(in crate::disclosure) index: Vec<u32>,
    /// In unknowns.
    pub(in crate::disclosure) equations: Equations,
    /// By equation.
    pub(in crate::disclosure) labels: Vec<Label>,
    /// Unknowns that printed bands keep in an interval.
    ranges: Vec<(u32, i64, i64)>,
}

impl<'a> System<'a> {
    /// Builds the system of tables. An equation that printed figures break is a contradiction.
    pub(in crate::disclosure) fn new(
        own: &'a [PublicTable],
        others: &'a [PublicTable],
        links: &[Within],
        policy: &Policy,
    ) -> Result<Self, DisclosureError> {
        let figures = Figures::new(own, others, links, policy)?;
        let (unknowns, index, equations, labels) = (Vec::new(), Vec::new(), Equations::default(), Vec::new());
        let mut system = System { figures, unknowns, index, equations, labels, ranges: Vec::new() };
        system.number();
        for table in 0..system.figures.tables.len() {
            system.add_totals(table)?;
            system.add_quantities(table)?;
            system.add_rates(table)?;
        }
        system.add_links()?;
        if system.equations.terms.len() >= NONE as usize {
            let table = system.figures.tables.first().map(|table| table.name.clone()).unwrap_or_default();
            return Err(DisclosureError::InvalidTable { table, what: "the tables have too many cells".to_owned() });
        }
        if system.figures.tables.len() > 1 {
            system.drop_copies();
        }
        Ok(system)
    }

    /// Bounds that a reader starts from, by unknown.
    ///
    /// `unit` is what a person counts for: more than 1 where figures are divided into parts.
    pub(in crate::disclosure) fn bounds(&self, unit: i64) -> (Vec<i64>, Vec<i64>) {
        let least = |&figure: &u32| unit * i64::from(self.figures.least[figure as usize]);
        let mut lower: Vec<i64> = self.unknowns.iter().map(least).collect();
        let mut upper = vec![super::figures::UNBOUNDED; self.unknowns.len()];
        for &(unknown, low, high) in &self.ranges {
            let (lower, upper) = (&mut lower[unknown as usize], &mut upper[unknown as usize]);
            (*lower, *upper) = ((*lower).max(low), (*upper).min(high));
        }
        (lower, upper)
    }

    /// The total of an equation, in words.
    pub(in crate::disclosure) fn total_name(&self, equation: usize) -> CellName {
        let place = self.labels[equation].place as usize;
        match self.figures.locate(place) {
            (table, (_, Some(of)), cell) => {
                let figure = self.figures.find(table, (of, None), cell);
                figure.map_or_else(|| self.figures.place_name(place), |figure| self.figures.name(figure))
            }
            _ => self.figures.place_name(place),
        }
    }

    /// An unknown, in words.
    pub(in crate::disclosure) fn name(&self, unknown: usize) -> CellName {
        self.figures.name(self.unknowns[unknown])
    }

    fn number(&mut self) {
        self.index = vec![NONE; self.figures.len()];
        for figure in 0..self.figures.len() as u32 {
            if self.figures.printed(figure).is_none() {
                self.index[figure as usize] = self.unknowns.len() as u32;
                self.unknowns.push(figure);
            }
        }
    }

    /// Adds a term to the row under construction; gives what it takes from the rest.
    fn term(&mut self, figure: u32, coefficient: i32) -> i64 {
        match self.figures.printed(figure) {
            Some(value) => value * i64::from(coefficient),
            None => {
                self.equations.terms.push(self.index[figure as usize]);
                self.equations.coefficients.push(coefficient);
                0
            }
        }
    }

    /// Ends the row under construction, if it has unknowns.
    fn end(&mut self, known: i64, rule: Rule, place: usize, other: usize) -> Result<(), DisclosureError> {
        if self.equations.starts.last().is_some_and(|&start| start as usize == self.equations.terms.len()) {
            return match known {
                0 => Ok(()),
                _ => Err(DisclosureError::Contradiction { cell: Box::new(self.figures.place_name(place)) }),
            };
        }
        self.equations.close(-known);
        self.labels.push(Label { rule, place: place as u32, other: other as u32 });
        Ok(())
    }

    /// Each total is the sum of its categories, along each dimension and for each measure.
    fn add_totals(&mut self, table: usize) -> Result<(), DisclosureError> {
        let public = self.figures.tables[table];
        for (axis, dimension) in public.dimensions.iter().enumerate() {
            let mut children = vec![Vec::new(); dimension.nodes.len()];
            for (child, node) in dimension.nodes.iter().enumerate() {
                if let Some(parent) = node.parent {
                    children[parent].push(child);
                }
            }
            let (offset, cells, stride) = {
                let layout = &self.figures.layouts[table];
                (layout.offset, layout.cells, layout.strides[axis])
            };
            for measure in 0..public.measures.len() {
                let first = offset + measure * cells;
                for cell in 0..cells {
                    let node = cell / stride % dimension.nodes.len();
                    if children[node].is_empty() {
                        continue;
                    }
                    let mut known = self.term(self.figures.at(first + cell), -1);
                    for &child in &children[node] {
                        let piece = first + cell - node * stride + child * stride;
                        known += self.term(self.figures.at(piece), 1);
                    }
                    self.end(known, Rule::Along(axis as u8), first + cell, 0)?;
                }
            }
        }
        Ok(())
    }

    /// A measure is the sum of its parts, and of each numerator in it and its complement.
    fn add_quantities(&mut self, table: usize) -> Result<(), DisclosureError> {
        let public = self.figures.tables[table];
        let (offset, cells) = (self.figures.layouts[table].offset, self.figures.layouts[table].cells);
        let mut rows: Vec<(Rule, usize, usize, Vec<usize>)> = Vec::new();
        for (complement, &(measure, of)) in self.figures.layouts[table].quantities.iter().enumerate() {
            if let Some(of) = of {
                rows.push((Rule::Complement, complement, of, vec![measure, complement]));
            }
        }
        for whole in 0..public.measures.len() {
            let is_part = |&part: &usize| public.measures[part].kind == MeasureKind::Part { of: whole };
            let parts: Vec<usize> = (0..public.measures.len()).filter(is_part).collect();
            if !parts.is_empty() {
                rows.push((Rule::Parts, whole, whole, parts));
            }
        }
        for (rule, named, whole, pieces) in rows {
            for cell in 0..cells {
                let place = |quantity: usize| offset + quantity * cells + cell;
                let mut known = self.term(self.figures.at(place(whole)), -1);
                for &piece in &pieces {
                    known += self.term(self.figures.at(place(piece)), 1);
                }
                self.end(known, rule, place(named), 0)?;
            }
        }
        Ok(())
    }

    /// A printed rate `r / scale` bounds numerator and denominator: `(2r - 1) d <= 2 scale n <= (2r + 1) d`, both ends
    /// included since either way of rounding a half is in use, and `d` is at least 1.
    fn add_rates(&mut self, table: usize) -> Result<(), DisclosureError> {
        let public = self.figures.tables[table];
        for (number, rate) in public.rates.iter().enumerate() {
            for cell in 0..self.figures.layouts[table].cells {
                if let Some(printed) = rate.values[cell] {
                    self.add_rate(table, number, cell, printed)?;
                }
                if let Some(band) = rate.bands.get(cell).copied().flatten() {
                    self.add_band(table, number, cell, band)?;
                }
            }
        }
        Ok(())
    }

    fn add_rate(&mut self, table: usize, number: usize, cell: usize, printed: i64) -> Result<(), DisclosureError> {
        let rate: &PublicRate = &self.figures.tables[table].rates[number];
        let layout = &self.figures.layouts[table];
        let numerator_place = layout.offset + rate.numerator * layout.cells + cell;
        let denominator_place = layout.offset + rate.denominator * layout.cells + cell;
        let (n, d) = (self.figures.at(numerator_place), self.figures.at(denominator_place));
        let contradiction = |figures: &Figures<'_>| DisclosureError::Contradiction {
            cell: Box::new(figures.place_name(numerator_place)),
        };
        match (self.figures.printed(n), self.figures.printed(d)) {
            (_, Some(0)) => return Err(contradiction(&self.figures)),
            (Some(n), Some(d)) => {
                let (twice, low, high) = (2 * rate.scale * n, (2 * printed - 1) * d, (2 * printed + 1) * d);
                return if (low..=high).contains(&twice) { Ok(()) } else { Err(contradiction(&self.figures)) };
            }
            (_, None) => self.figures.least[d as usize] = self.figures.least[d as usize].max(1),
            (None, Some(_)) => {}
        }
        let (above, below, scale) = (2 * printed + 1, 2 * printed - 1, 2 * rate.scale);
        for (of_d, of_n) in [(above, -scale), (-below, scale)] {
            let slack = self.slack(numerator_place);
            // At most 1,000,001 in size: see `figures::check`.
            let known = self.term(d, of_d as i32) + self.term(n, of_n as i32) + self.term(slack, -1);
            self.end(known, Rule::Rate(number as u16, of_d > 0), numerator_place, 0)?;
        }
        Ok(())
    }

    /// An unknown for what an inequality about a place leaves.
    fn slack(&mut self, place: usize) -> u32 {
        let slack = self.figures.add(Extra::Slack { place });
        self.index.push(self.unknowns.len() as u32);
        self.unknowns.push(slack);
        slack
    }

    /// A mark's bound, with the slack that it leaves.
    pub(in crate::disclosure) fn add_told(&mut self, told: &[Told]) -> Result<(), DisclosureError> {
        for one in told {
            let layout = self.figures.layouts.get(one.table).filter(|layout| one.cell < layout.cells);
            let fits = |&(measure, c): &(usize, i64)| {
                measure < self.figures.tables[one.table].measures.len() && c != 0 && c.abs() <= LARGEST
            };
            let Some(layout) = layout.filter(|_| !one.terms.is_empty() && one.terms.iter().all(fits)) else {
                let table = self.figures.tables.get(one.table).map(|table| table.name.clone()).unwrap_or_default();
                return Err(DisclosureError::InvalidTable { table, what: "a mark says nothing that fits".to_owned() });
            };
            let (first, cells) = (layout.offset + one.cell, layout.cells);
            let figures: Vec<(u32, i64)> =
                one.terms.iter().map(|&(measure, c)| (self.figures.at(first + measure * cells), c)).collect();
            let place = first + one.terms[0].0 * cells;
            if figures.iter().all(|&(figure, _)| self.figures.printed(figure).is_some()) {
                let sum: i64 = figures.iter().map(|&(figure, c)| c * self.figures.printed(figure).unwrap_or(0)).sum();
                if sum > one.most {
                    return Err(DisclosureError::Contradiction { cell: Box::new(self.figures.place_name(place)) });
                }
                continue;
            }
            let slack = self.slack(place);
            // Turned round, so that the slack is taken off as in a rate's bounds; at most a million in size.
            let known: i64 = figures.iter().map(|&(figure, c)| self.term(figure, -c as i32)).sum();
            let known = known + self.term(slack, -1) + one.most;
            self.end(known, Rule::Mark, place, 0)?;
        }
        Ok(())
    }

    /// A printed band bounds the numerator, and says how large the group may be. Halves are rounded up: that is how bands
    /// are made, and a reader may know it.
    fn add_band(&mut self, table: usize, number: usize, cell: usize, band: PublicBand) -> Result<(), DisclosureError> {
        let rate: &PublicRate = &self.figures.tables[table].rates[number];
        let layout = &self.figures.layouts[table];
        let place = layout.offset + rate.numerator * layout.cells + cell;
        let (n, d) = (self.figures.at(place), self.figures.at(layout.offset + rate.denominator * layout.cells + cell));
        let fits = match (self.figures.printed(n), self.figures.printed(d)) {
            (printed, Some(size)) => {
                let (low, high) = band.numerators(size);
                if printed.is_none() {
                    self.ranges.push((self.index[n as usize], low, high));
                }
                low <= high && printed.is_none_or(|n| (low..=high).contains(&n))
            }
            (_, None) => {
                self.ranges.push((self.index[d as usize], band.sizes.0, band.sizes.1));
                if self.figures.printed(n).is_none() {
                    let (least, most) = (band.numerators(band.sizes.0).0, band.numerators(band.sizes.1).1);
                    self.ranges.push((self.index[n as usize], least, most));
                }
                // `(2 low - 1) d <= 200 n < (2 high + 1) d`
                let (above, below) = (2 * i32::from(band.high) + 1, 2 * i32::from(band.low) - 1);
                let ends = [(above, -200, -1, band.high < 100), (-below, 200, 0, band.low > 0)];
                for (of_d, of_n, strict, _) in ends.into_iter().filter(|&(.., says)| says && !band.apart) {
                    let slack = self.slack(place);
                    let known = self.term(d, of_d) + self.term(n, of_n) + self.term(slack, -1) + strict;
                    self.end(known, Rule::Rate(number as u16, of_d > 0), place, 0)?;
                }
                true
            }
        };
        match fits {
            true => Ok(()),
            false => Err(DisclosureError::Contradiction { cell: Box::new(self.figures.place_name(place)) }),
        }
    }

    fn add_links(&mut self) -> Result<(), DisclosureError> {
        for extra in 0..self.figures.extras.len() {
            let Extra::Since { whole, part } = self.figures.extras[extra] else { continue };
            let since = (self.figures.len() - self.figures.extras.len() + extra) as u32;
            let known = self.term(whole, -1) + self.term(part, 1) + self.term(since, 1);
            let place = self.figures.place(whole).unwrap_or(0);
            let other = self.figures.place(part).unwrap_or(0);
            self.end(known, Rule::Since, place, other)?;
        }
        Ok(())
    }

    /// Equations that several tables give are kept once.
    fn drop_copies(&mut self) {
        let count = self.equations.len();
        let mut order: Vec<u32> = (0..count as u32).collect();
        let key = |equation: u32| {
            let mut row: Vec<(usize, i64)> = self.equations.row(equation as usize).collect();
            row.sort_unstable();
            (row, self.equations.rests[equation as usize])
        };
        order.sort_by_cached_key(|&equation| (hash(&key(equation)), equation));
        let mut keep = vec![true; count];
        for pair in order.windows(2) {
            keep[pair[1] as usize] = key(pair[0]) != key(pair[1]);
        }
        self.equations.retain(&|equation| keep[equation]);
        let mut at = 0;
        self.labels.retain(|_| {
            at += 1;
            keep[at - 1]
        });
    }

    /// The measures that enclose a figure's, as figures of the same cell.
    pub(in crate::disclosure) fn enclosing(&self, figure: u32) -> Vec<u32> {
        let Some(place) = self.figures.place(figure) else { return Vec::new() };
        let (table, (measure, of), cell) = self.figures.locate(place);
        let wholes = of.map_or_else(|| wholes(self.figures.tables[table], measure), |of| vec![of]);
        wholes.into_iter().filter_map(|whole| self.figures.find(table, (whole, None), cell)).collect()
    }
}

/// FNV-1a over a row, to bring equal rows together.
fn hash((row, rest): &(Vec<(usize, i64)>, i64)) -> u64 {
    let words = row.iter().flat_map(|&(term, c)| [term as u64, c.unsigned_abs()]);
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    words.chain([rest.unsigned_abs()]).fold(0xcbf2_9ce4_8422_2325, step)
}
