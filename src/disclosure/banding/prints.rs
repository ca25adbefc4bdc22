//! Which bands are printed together for each rate. The same rate in two tables is printed the same.

use std::collections::BTreeMap;

use super::{Banding, BandingReport, PrintedBand, Rate};
use crate::disclosure::policy::{Policy, Status};
use crate::disclosure::primary_rules::{Bands, Block};
use crate::disclosure::public::PublicBand;
use crate::disclosure::system::Release;
use crate::disclosure::table::Table;

/// A rate's band.
#[derive(Clone)]
pub(super) struct Print {
    /// The numerator's variable.
    pub(super) numerator: usize,
    /// The size of the group.
    pub(super) size: i64,
    /// The profile's bands that have numerators in a group of this size, in order.
    bands: Vec<Block>,
    /// Those that are printed as one: the first and the last of `bands`.
    pub(super) shown: (usize, usize),
    /// Those to which the size alone leads.
    pub(super) least: (usize, usize),
}

impl Print {
    /// The numerators that are printed so.
    pub(super) fn numerators(&self) -> (i64, i64) {
        match self.is_whole() {
            true => (0, self.size),
            false => (self.bands[self.shown.0].numerators.0, self.bands[self.shown.1].numerators.1),
        }
    }

    /// Whether nothing is printed.
    pub(super) fn is_whole(&self) -> bool {
        self.shown.0 == 0 && self.shown.1 + 1 == self.bands.len()
    }

    /// How many more percentages are printed as one if numerators from `low` to `high` are, and the bands of that; none
    /// where nothing changes.
    pub(super) fn wider(&self, low: i64, high: i64) -> Option<(i64, (usize, usize))> {
        let last = self.bands.len() - 1;
        let mut shown = self.shown;
        while shown.0 > 0 && self.bands[shown.0].numerators.0 > low {
            shown.0 -= 1;
        }
        while shown.1 < last && self.bands[shown.1].numerators.1 < high {
            shown.1 += 1;
        }
        let before = self.numerators();
        let after = (self.bands[shown.0].numerators.0, self.bands[shown.1].numerators.1);
        let more = (after.1 - after.0) - (before.1 - before.0);
        (shown != self.shown).then_some((more.max(1), shown))
    }

    /// Prints nothing; whether that is a change.
    pub(super) fn hide(&mut self) -> bool {
        let whole = (0, self.bands.len() - 1);
        std::mem::replace(&mut self.shown, whole) != whole
    }
}

/// All bands.
pub(super) struct Prints {
    pub(super) all: Vec<Print>,
    /// By table, rate and cell; none where the group is hidden or empty.
    pub(super) places: Vec<Vec<Vec<Option<usize>>>>,
    /// By variable: those of which it is the numerator.
    pub(super) of: BTreeMap<usize, Vec<usize>>,
    /// Sizes below this are not printed.
    minimum: u64,
    /// By table, measure and cell of the profile: the least group of which anything is printed.
    pub(super) least: i64,
    /// Whether only small groups have a mark instead of a band. Where sizes are printed, those whose size is hidden to protect
    /// small ones have it as well.
    mark_says_small: bool,
}

impl Prints {
    pub(super) fn new(
        tables: &[Table],
        rates: &[Vec<Rate>],
        release: &Release,
        sizes: &[Vec<Vec<Status>>],
        banding: &Banding,
        policy: &Policy,
    ) -> Self {
        let minimum = policy.minimum_cell.max(banding.bands.least());
        let least = i64::try_from(minimum).unwrap_or(i64::MAX);
        let (all, places, of) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut prints = Prints { all, places, of, minimum, least, mark_says_small: !banding.sizes };
        let mut known: BTreeMap<(usize, u32), Option<usize>> = BTreeMap::new();
        let mut by_size: BTreeMap<i64, (Vec<Block>, Vec<Block>)> = BTreeMap::new();
        let open = Policy { minimum_cell: 0, homogeneous: false, ..policy.clone() };
        for (at, (table, rates)) in tables.iter().zip(rates).enumerate() {
            let mut own = Vec::new();
            for rate in rates {
                let (above, below) = (release.printed(at, rate.numerator), release.printed(at, rate.denominator));
                let mut one = |cell: usize| {
                    let size = table.values[rate.denominator][cell];
                    let hidden = banding.sizes && !sizes[at][rate.denominator][cell].is_published();
                    if size < least || hidden {
                        return None;
                    }
                    let numerator = above[cell] as usize;
                    *known.entry((numerator, below[cell])).or_insert_with(|| {
                        let (bands, blocks) = by_size
                            .entry(size)
                            .or_insert_with(|| (banding.bands.blocks(size, &open), banding.bands.blocks(size, policy)));
                        let value = release.variable(numerator).value;
                        let inside = |block: &&Block| (block.numerators.0..=block.numerators.1).contains(&value);
                        let block = blocks.iter().find(inside)?;
                        let first = bands.iter().position(|band| band.first >= block.first)?;
                        let last = bands.iter().rposition(|band| band.last <= block.last)?;
                        let shown = (first, last);
                        prints.all.push(Print { numerator, size, bands: bands.clone(), shown, least: shown });
                        prints.of.entry(numerator).or_default().push(prints.all.len() - 1);
                        Some(prints.all.len() - 1)
                    })
                };
                own.push((0..table.cell_count()).map(&mut one).collect());
            }
            prints.places.push(own);
        }
        prints
    }

    /// What a reader knows of a rate's cell: its band; of a group that is too small for any, that, where its mark says so.
    pub(super) fn public(
        &self,
        (table, rate, cell): (usize, usize, usize),
        bands: &Bands,
        size: i64,
    ) -> Option<PublicBand> {
        match self.places[table][rate][cell].map(|print| &self.all[print]).filter(|print| !print.is_whole()) {
            Some(print) => {
                let (low, high) = self.percentages(print, bands);
                Some(PublicBand { low, high, sizes: bands.sizes((low, high), self.minimum)?, apart: false })
            }
            None if size < self.least && self.mark_says_small => {
                Some(PublicBand { low: 0, high: 100, sizes: (0, self.least - 1), apart: false })
            }
            None => None,
        }
    }

    fn percentages(&self, print: &Print, bands: &Bands) -> (u8, u8) {
        bands.text(print.size, print.bands[print.shown.0].first, print.bands[print.shown.1].last).1
    }

    /// By table, rate and cell, what is printed.
    pub(super) fn bands(&self, bands: &Bands) -> Vec<Vec<Vec<Option<PrintedBand>>>> {
        let one = |print: &Option<usize>| {
            let print = print.map(|print| &self.all[print]).filter(|print| !print.is_whole())?;
            let (first, last) = (print.bands[print.shown.0].first, print.bands[print.shown.1].last);
            let (text, percentages) = bands.text(print.size, first, last);
            Some(PrintedBand { text, percentages })
        };
        let cells = |cells: &Vec<Option<usize>>| cells.iter().map(one).collect();
        self.places.iter().map(|rates| rates.iter().map(cells).collect()).collect()
    }

    /// What is printed, in numbers.
    pub(super) fn report(&self, tables: &[Table], rates: &[Vec<Rate>]) -> BandingReport {
        let mut report = BandingReport::default();
        for ((table, rates), places) in tables.iter().zip(rates).zip(&self.places) {
            for (rate, places) in rates.iter().zip(places) {
                let groups = table.values[rate.denominator].iter().zip(places).filter(|(size, _)| **size > 0);
                for (_, place) in groups {
                    report.rates += 1;
                    let Some(print) = place.map(|print| &self.all[print]) else {
                        report.hidden += 1;
                        continue;
                    };
                    if print.is_whole() {
                        report.whole += 1;
                        continue;
                    }
                    report.widened += usize::from(print.shown != print.least);
                    report.joined += usize::from(print.shown == print.least && print.shown.0 < print.shown.1);
                }
            }
        }
        report
    }
}
