//! What falls by arithmetic alone: figures that subtraction gives, step by step, and what rates say of their counts.
//!
//! The audit of [`crate::disclosure`] answers for the rest (bounds, several equations at once). This pass runs over
//! tables that contradict themselves too: a contradiction is noted, and nothing is concluded from it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Range;

use serde::Serialize;

use super::layout::Loaded;
use super::report::number;
use super::views::{Group, View};
use super::words::Figure;
use crate::disclosure::MeasureKind;

/// How a hidden figure falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum How {
    /// It is printed in another table or file.
    Elsewhere,
    /// It is what a total leaves, or the sum of what it contains.
    Total { steps: u32 },
    /// It is what the other parts of its whole leave.
    Parts { steps: u32 },
    /// Parts that are all known add up to it, though it is hidden or not printed anywhere; or it follows from such.
    Sum { steps: u32 },
    /// A printed rate and one of its counts give it.
    Rate { steps: u32 },
    /// Hidden figures add up to nothing, so each of them is empty; or it follows from such.
    Nothing { steps: u32 },
}

impl How {
    /// Sums and rates that lead to it, one after the other.
    pub(super) fn steps(self) -> u32 {
        match self {
            How::Elsewhere => 0,
            How::Total { steps }
            | How::Parts { steps }
            | How::Sum { steps }
            | How::Rate { steps }
            | How::Nothing { steps } => steps,
        }
    }
}

/// A printed figure or a sum that another contradicts: view, measure, cell of the view.
pub(super) type Place = (usize, usize, usize);

/// What is known in the end.
pub(super) struct Known<'a> {
    group: &'a Group,
    tables: &'a [Loaded],
    /// Of each view its cells as cells of its table.
    pub(super) cells: Vec<Vec<Option<u32>>>,
    /// The figure of each view, measure and cell.
    figures: Vec<Vec<Vec<u32>>>,
    value: Vec<i64>,
    how: Vec<Option<How>>,
    /// Whether a symbol hides the figure anywhere.
    marked: Vec<bool>,
    /// Whether a number is printed anywhere, not a word for nobody, nor a row left out.
    shown: Vec<bool>,
    sums: Vec<Sum>,
    /// The parts of all sums, one sum after the other.
    parts: Vec<u32>,
    /// The sums that each figure stands in, one figure after the other, and where each figure's begin.
    in_sums: Vec<u32>,
    in_sums_of: Vec<usize>,
    /// Printed rates: numerator's and denominator's figure, value and scale.
    rates: Vec<(u32, u32, i64, i64)>,
    in_rates: HashMap<u32, Vec<u32>>,
    places: Vec<Place>,
    /// Places where figures contradict each other.
    pub(super) contradictions: BTreeSet<Place>,
    /// Figures that would fall to an impossible value.
    pub(super) impossible: BTreeSet<Place>,
    /// Totals that are printed with all that makes them up.
    pub(super) whole: AddUp,
}

/// How many printed totals are the sums of their printed parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AddUp {
    /// Totals over categories that are the sums of them.
    pub totals: usize,
    /// Those that are not.
    pub wrong_totals: usize,
    /// Wholes, such as a cohort, that are the sums of their parts, such as graduates and all others.
    pub wholes: usize,
    /// Those that are not.
    pub wrong_wholes: usize,
}

impl AddUp {
    /// In sentences, where there are any.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |fit: usize, wrong: usize, what: &str| {
            let others = match wrong {
                0 => String::new(),
                _ => format!(", {} are not", number(wrong)),
            };
            (fit + wrong > 0).then(|| format!("{} are the sums of their {what}{others}", number(fit)))
        };
        let lines = [
            line(self.totals, self.wrong_totals, "categories"),
            line(self.wholes, self.wrong_wholes, "measured parts"),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// What may be concluded from a sum.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// What is left of a total that is known, for a figure that a symbol hides.
    Subtraction,
    /// Also totals, and figures that no file has.
    Addition,
}

struct Sum {
    whole: u32,
    /// Where its parts are among the parts of all sums.
    parts: Range<usize>,
    along_parts: bool,
    dead: bool,
}

const UNKNOWN: i64 = -1;

impl<'a> Known<'a> {
    /// Works out all that follows from the printed figures of a group.
    pub(super) fn new(group: &'a Group, tables: &'a [Loaded]) -> Self {
        let mut known = Self {
            group,
            tables,
            cells: group.views.iter().map(|view| view.cells(&tables[view.table])).collect(),
            figures: Vec::new(),
            value: Vec::new(),
            how: Vec::new(),
            marked: Vec::new(),
            shown: Vec::new(),
            sums: Vec::new(),
            parts: Vec::new(),
            in_sums: Vec::new(),
            in_sums_of: Vec::new(),
            rates: Vec::new(),
            in_rates: HashMap::new(),
            places: Vec::new(),
            contradictions: BTreeSet::new(),
            impossible: BTreeSet::new(),
            whole: AddUp::default(),
        };
        known.enter();
        known.add_sums();
        known.whole = known.printed_with_parts();
        known.add_rates();
        known.work();
        known
    }

    /// The number of a figure, the same wherever it stands.
    pub(super) fn figure(&self, view: usize, measure: usize, cell: usize) -> u32 {
        self.figures[view][measure][cell]
    }

    /// The value of a figure, where it is known.
    pub(super) fn value(&self, view: usize, measure: usize, cell: usize) -> Option<i64> {
        let figure = self.figures[view][measure][cell] as usize;
        (self.value[figure] != UNKNOWN).then(|| self.value[figure])
    }

    /// How a figure falls that is not printed at its place.
    pub(super) fn how(&self, view: usize, measure: usize, cell: usize) -> Option<How> {
        self.how[self.figures[view][measure][cell] as usize]
            .or_else(|| self.value(view, measure, cell).is_some().then_some(How::Elsewhere))
    }

    /// Hidden counts that turn out to be empty.
    pub(super) fn hidden_zeros(&self) -> usize {
        let mut count = 0;
        for (at, view) in self.group.views.iter().enumerate() {
            let table = &self.tables[view.table];
            for (measure, figures) in self.figures[at].iter().enumerate() {
                let hidden =
                    |place: &Option<u32>| place.is_some_and(|at| table.values[measure][at as usize] == Figure::HIDDEN);
                let places = figures.iter().zip(&self.cells[at]).filter(|(_, place)| hidden(place));
                count += places.filter(|(figure, _)| self.value[**figure as usize] == 0).count();
            }
        }
        count
    }

    /// Whether some figure is neither printed, nor hidden by a symbol, nor a total of such: nothing is known of it, not
    /// even that it is not empty.
    pub(super) fn has_unpublished(&self) -> bool {
        let mut total = vec![false; self.value.len()];
        self.sums.iter().filter(|sum| !sum.along_parts).for_each(|sum| total[sum.whole as usize] = true);
        (0..total.len()).any(|at| self.value[at] == UNKNOWN && !self.marked[at] && !total[at])
    }

    fn enter(&mut self) {
        let alone = self.group.views.len() == 1;
        let mut nodes: HashMap<(&str, &str), u32> = HashMap::new();
        let mut quantities: HashMap<(&str, &str), u32> = HashMap::new();
        let mut seen: HashMap<Vec<u32>, u32> = HashMap::new();
        for (at, view) in self.group.views.iter().enumerate() {
            let table = &self.tables[view.table];
            let axes = axes(view, table, &mut nodes);
            let mut own = Vec::new();
            for (measure, spec) in table.measures.iter().enumerate() {
                let next = u32::try_from(quantities.len()).unwrap_or(u32::MAX);
                let quantity = *quantities.entry((&table.universe, &spec.name)).or_insert(next);
                let mut figures = Vec::with_capacity(self.cells[at].len());
                for (cell, place) in self.cells[at].iter().enumerate() {
                    let entered = place.map_or(Figure::ABSENT, |place| table.values[measure][place as usize]);
                    let next = u32::try_from(self.value.len()).unwrap_or(u32::MAX);
                    let figure = if alone { next } else { *seen.entry(key(quantity, &axes, cell)).or_insert(next) };
                    if figure == next {
                        self.value.push(UNKNOWN);
                        self.how.push(None);
                        self.marked.push(false);
                        self.shown.push(false);
                        self.places.push((at, measure, cell));
                    }
                    figures.push(figure);
                    self.marked[figure as usize] |= entered == Figure::HIDDEN;
                    self.shown[figure as usize] |= entered.printed().is_some();
                    let Some(printed) = entered.count() else { continue };
                    let value = &mut self.value[figure as usize];
                    if *value != UNKNOWN && *value != printed {
                        self.contradictions.insert((at, measure, cell));
                    }
                    *value = printed;
                }
                own.push(figures);
            }
            self.figures.push(own);
        }
    }

    fn add_sums(&mut self) {
        for (at, view) in self.group.views.iter().enumerate() {
            let table = &self.tables[view.table];
            let lengths = view.lengths();
            let mut stride = self.cells[at].len();
            for (length, sums) in lengths.iter().zip(view.sums(table)) {
                stride /= length;
                for (whole, parts) in sums {
                    for base in bases(self.cells[at].len(), *length, stride) {
                        for measure in 0..table.measures.len() {
                            let start = self.parts.len();
                            let figures = &self.figures[at][measure];
                            self.parts.extend(parts.iter().map(|part| figures[base + part * stride]));
                            let whole = figures[base + whole * stride];
                            self.sums.push(Sum {
                                whole,
                                parts: start..self.parts.len(),
                                along_parts: false,
                                dead: false,
                            });
                        }
                    }
                }
            }
            for of in 0..table.measures.len() {
                let is_part = |&part: &usize| table.measures[part].kind == MeasureKind::Part { of };
                let parts: Vec<usize> = (0..table.measures.len()).filter(is_part).collect();
                for cell in 0..if parts.is_empty() { 0 } else { self.cells[at].len() } {
                    let start = self.parts.len();
                    self.parts.extend(parts.iter().map(|&part| self.figures[at][part][cell]));
                    let whole = self.figures[at][of][cell];
                    self.sums.push(Sum { whole, parts: start..self.parts.len(), along_parts: true, dead: false });
                }
            }
        }
        self.index();
    }

    /// Finds the sums of each figure.
    fn index(&mut self) {
        let mut ends = vec![0_usize; self.value.len() + 1];
        self.parts
            .iter()
            .chain(self.sums.iter().map(|sum| &sum.whole))
            .for_each(|&figure| ends[figure as usize + 1] += 1);
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        self.in_sums_of.clone_from(&ends);
        self.in_sums = vec![0; ends.last().copied().unwrap_or(0)];
        for (number, sum) in self.sums.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for &figure in self.parts[sum.parts.clone()].iter().chain([&sum.whole]) {
                self.in_sums[ends[figure as usize]] = number;
                ends[figure as usize] += 1;
            }
        }
    }

    fn add_rates(&mut self) {
        for (at, view) in self.group.views.iter().enumerate() {
            let table = &self.tables[view.table];
            for rate in table.rates.iter().filter(|rate| rate.bands.is_none()) {
                for (cell, place) in self.cells[at].iter().enumerate() {
                    let Some(value) = place.and_then(|place| rate.values[place as usize].printed()) else { continue };
                    let (above, below) =
                        (self.figures[at][rate.numerator][cell], self.figures[at][rate.denominator][cell]);
                    let number = u32::try_from(self.rates.len()).unwrap_or(u32::MAX);
                    self.rates.push((above, below, value, rate.scale()));
                    self.in_rates.entry(above).or_default().push(number);
                    self.in_rates.entry(below).or_default().push(number);
                }
            }
        }
    }

    /// The sums of which everything is printed, each once.
    fn printed_with_parts(&self) -> AddUp {
        let mut add_up = AddUp::default();
        let mut seen = HashSet::new();
        for sum in self.sums.iter().filter(|sum| self.shown[sum.whole as usize]) {
            let parts = &self.parts[sum.parts.clone()];
            let value = |figure: u32| Some(self.value[figure as usize]).filter(|&value| value != UNKNOWN);
            let all: Option<i64> = parts.iter().map(|&part| value(part)).sum();
            let (Some(whole), Some(all)) = (value(sum.whole), all) else { continue };
            // Several views hold the same sum.
            let key = (sum.whole, sum.along_parts, parts.iter().min().copied(), parts.len());
            if self.group.views.len() > 1 && !seen.insert(key) {
                continue;
            }
            match (sum.along_parts, whole == all) {
                (false, true) => add_up.totals += 1,
                (false, false) => add_up.wrong_totals += 1,
                (true, true) => add_up.wholes += 1,
                (true, false) => add_up.wrong_wholes += 1,
            }
        }
        add_up
    }

    fn work(&mut self) {
        let mut open: VecDeque<u32> = (0..u32::try_from(self.sums.len()).unwrap_or(u32::MAX)).collect();
        let mut open_totals = VecDeque::new();
        let mut open_rates: VecDeque<u32> = (0..u32::try_from(self.rates.len()).unwrap_or(u32::MAX)).collect();
        loop {
            let found: Vec<(u32, i64, How)> = if let Some(sum) = open.pop_front() {
                // What subtraction alone gives comes first, so that it is said to need nothing else.
                open_totals.push_back(sum);
                self.subtract(sum as usize, By::Subtraction).into_iter().collect()
            } else if let Some(sum) = open_totals.pop_front() {
                self.subtract(sum as usize, By::Addition).into_iter().collect()
            } else if let Some(rate) = open_rates.pop_front() {
                self.by_rate(rate as usize).into_iter().collect()
            } else {
                // Last, so that what needs no bound is said to need none.
                let found = self.nothing();
                if found.is_empty() {
                    return;
                }
                found
            };
            for (figure, value, how) in found {
                self.value[figure as usize] = value;
                self.how[figure as usize] = Some(how);
                let (from, to) = (self.in_sums_of[figure as usize], self.in_sums_of[figure as usize + 1]);
                open.extend(&self.in_sums[from..to]);
                open_rates.extend(self.in_rates.get(&figure).into_iter().flatten());
            }
        }
    }

    /// Figures whose known total, less what is known of it, leaves nothing.
    fn nothing(&self) -> Vec<(u32, i64, How)> {
        let mut found = Vec::new();
        let mut taken = BTreeSet::new();
        for sum in self.sums.iter().filter(|sum| !sum.dead && self.value[sum.whole as usize] != UNKNOWN) {
            let value = |part: &u32| self.value[*part as usize];
            let parts = &self.parts[sum.parts.clone()];
            let known: i64 = parts.iter().map(value).filter(|&value| value != UNKNOWN).sum();
            if known != self.value[sum.whole as usize] {
                continue;
            }
            let how = How::Nothing { steps: self.steps(parts.iter().copied().chain([sum.whole])) };
            let open = parts.iter().copied().filter(|part| value(part) == UNKNOWN);
            found.extend(open.filter(|&part| taken.insert(part)).map(|part| (part, 0, how)));
        }
        found
    }

    fn steps(&self, figures: impl Iterator<Item = u32>) -> u32 {
        figures.filter_map(|figure| self.how[figure as usize]).map(How::steps).max().unwrap_or(0) + 1
    }

    fn subtract(&mut self, at: usize, by: By) -> Option<(u32, i64, How)> {
        let sum = &self.sums[at];
        if sum.dead {
            return None;
        }
        let mut unknown = None;
        let mut rest = 0_i64;
        let parts = &self.parts[sum.parts.clone()];
        for (&figure, sign) in parts.iter().map(|part| (part, -1)).chain([(&sum.whole, 1)]) {
            match self.value[figure as usize] {
                UNKNOWN if unknown.is_some() => return None,
                UNKNOWN => unknown = Some((figure, sign)),
                value => rest += sign * value,
            }
        }
        let Some((figure, sign)) = unknown else {
            if rest != 0 {
                let place = self.places[sum.whole as usize];
                self.contradictions.insert(place);
                self.sums[at].dead = true;
            }
            return None;
        };
        let added = sign > 0 || !self.marked[figure as usize];
        if added && by == By::Subtraction {
            return None;
        }
        let value = -sign * rest;
        if value < 0 {
            self.impossible.insert(self.places[figure as usize]);
            self.contradictions.insert(self.places[sum.whole as usize]);
            self.sums[at].dead = true;
            return None;
        }
        let others = parts.iter().copied().chain([sum.whole]).filter(|&other| other != figure);
        let bounded = others.clone().any(|other| matches!(self.how[other as usize], Some(How::Nothing { .. })));
        let added = added || others.clone().any(|other| matches!(self.how[other as usize], Some(How::Sum { .. })));
        let steps = self.steps(others);
        let how = match (bounded, added, sum.along_parts) {
            (true, ..) => How::Nothing { steps },
            (false, true, _) => How::Sum { steps },
            (false, false, true) => How::Parts { steps },
            (false, false, false) => How::Total { steps },
        };
        Some((figure, value, how))
    }

    /// A count that a printed rate and the other count leave no choice: |scale·a/b − r| ≤ ½ allows for either way of
    /// rounding a half.
    fn by_rate(&mut self, at: usize) -> Option<(u32, i64, How)> {
        let (above, below, rate, scale) = self.rates[at];
        let (numerator, denominator) = (self.value[above as usize], self.value[below as usize]);
        let (figure, low, high) = match (numerator, denominator) {
            (UNKNOWN, UNKNOWN) => return None,
            (UNKNOWN, below_value) => {
                let (low, high) = ((2 * rate - 1) * below_value, (2 * rate + 1) * below_value);
                (above, ceiling(low, 2 * scale).max(0), (high.div_euclid(2 * scale)).min(below_value))
            }
            (above_value, UNKNOWN) if above_value > 0 && rate > 0 => {
                let whole = 2 * scale * above_value;
                (below, ceiling(whole, 2 * rate + 1).max(above_value), whole.div_euclid(2 * rate - 1))
            }
            (_, UNKNOWN) => return None,
            (above_value, below_value) => {
                let off = (scale * above_value - rate * below_value).abs() * 2;
                if below_value > 0 && off > below_value {
                    self.contradictions.insert(self.places[above as usize]);
                }
                return None;
            }
        };
        if low > high {
            self.contradictions.insert(self.places[figure as usize]);
            return None;
        }
        let steps = self.steps([above, below].into_iter().filter(|&other| other != figure));
        (low == high).then_some((figure, low, How::Rate { steps }))
    }
}

fn ceiling(a: i64, b: i64) -> i64 {
    -(-a).div_euclid(b)
}

/// The first cell of each line along an axis.
fn bases(cells: usize, length: usize, stride: usize) -> impl Iterator<Item = usize> {
    (0..cells).step_by((length * stride).max(1)).flat_map(move |outer| outer..outer + stride)
}

/// The number of each node of each axis of a view; none where the node says nothing.
fn axes<'t>(view: &View, table: &'t Loaded, numbers: &mut HashMap<(&'t str, &'t str), u32>) -> Vec<Vec<Option<u32>>> {
    let mut axes = Vec::new();
    for (at, axis) in table.axes.iter().enumerate() {
        let mut own = Vec::new();
        for &node in view.nodes(at) {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let id = axis.nodes.get(node).map_or("", |node| node.id.as_str());
            let number = *numbers.entry((&axis.name, id)).or_insert(next);
            own.push((view.silent[at] != Some(node)).then_some(number));
        }
        axes.push(own);
    }
    axes
}

/// What tells a figure from others: its quantity and the nodes that say something, sorted.
fn key(quantity: u32, axes: &[Vec<Option<u32>>], cell: usize) -> Vec<u32> {
    let mut key = Vec::with_capacity(axes.len() + 1);
    let mut rest = cell;
    for axis in axes.iter().rev() {
        key.extend(axis[rest % axis.len()]);
        rest /= axis.len();
    }
    key.sort_unstable();
    key.push(quantity);
    key
}
