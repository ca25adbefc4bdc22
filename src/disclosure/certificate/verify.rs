//! The check: additions and comparisons of whole numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::above::Above;
use super::{Certificate, EquationKind, EquationName};
use crate::disclosure::audit::Published;
use crate::disclosure::audit::parts::{Columns, Extra, NONE, Rule, System, UNBOUNDED};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::Policy;
use crate::disclosure::table::CellName;

/// Names of figures that are not proven are listed up to this number.
const NAMED: usize = 1000;

/// What a certificate proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateReport {
    /// Every hidden figure is shown to be open, or shown not to be small.
    pub passed: bool,
    /// Hidden figures, complements included.
    pub hidden: usize,
    /// Of them, shown to be open as far as the level asks.
    pub open: usize,
    /// Of them, shown not to be small: at least the minimum cell, or empty where that gives nobody away.
    pub settled: usize,
    /// Of them, neither.
    pub unproven: usize,
    /// Of those, the ones that a table shows empty: nobody can tell that anybody is there. Less than the level asks.
    pub perhaps_empty: usize,
    /// The first of those.
    pub names: Vec<CellName>,
    /// Figures that are printed, or that printed figures leave, and give somebody away.
    pub exposed: usize,
    /// Whole tables that were checked, differences included.
    pub tables: usize,
    /// Minimum cells that hold beside the one of the rules, rising.
    pub minimums: Vec<u64>,
}

/// Why a certificate is refused. No message holds a count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The public tables themselves are wrong.
    #[error(transparent)]
    Tables(#[from] DisclosureError),
    /// It is about other tables: the numbers of hidden figures differ.
    #[error("the certificate is about other tables: it names {named} hidden figures of {hidden}")]
    OtherTables {
        /// Figures that the certificate names.
        named: usize,
        /// Hidden figures of the tables.
        hidden: usize,
    },
    /// A table of the certificate does not add up.
    #[error("table {table} of the certificate does not fit the published figures at {cell}")]
    DoesNotFit {
        /// Which: 0 is the base, then tables and moves in their order.
        table: usize,
        /// The total, or the figure below its least value.
        cell: Box<CellName>,
    },
    /// A difference or a step is misshapen.
    #[error("entry {entry} of the certificate is not well formed: {what}")]
    Malformed {
        /// Which of its kind.
        entry: usize,
        /// The fault.
        what: &'static str,
    },
}

/// Checks a certificate against public tables.
///
/// # Guarantees
/// When the report has passed: for each figure that the tables do not print there are whole tables, not negative, at least
/// 1 where the zeros say so, each agreeing with every published figure, total and rate, that move it as far as the level
/// asks; or each such table gives it the minimum cell or more, or none where that gives nobody away. Since small figures
/// are not told from others, that holds for whichever are small.
///
/// # Does not protect against
/// What the tables given here do not show: other publications, people who know their own group. Whether the digest in
/// [`Certificate::about`] is that of the tables is the caller's to compare.
///
/// # Errors
/// Tables that are malformed or contradict each other; a certificate about other tables; one whose tables do not fit.
/// That some figures are not proven is no error: see [`CertificateReport::passed`].
pub fn verify(published: Published<'_>, certificate: &Certificate) -> Result<CertificateReport, CertificateError> {
    let policy = certificate.policy.policy();
    let system = System::new(published.tables, published.others, published.links, &policy)?;
    let check = Check::new(&system);
    if check.numbered.len() != certificate.base.len() {
        let (named, hidden) = (certificate.base.len(), check.numbered.len());
        return Err(CertificateError::OtherTables { named, hidden });
    }
    let ranges = check.ranges(certificate)?;
    let intervals = check.intervals(&certificate.steps)?;
    Ok(check.report(&policy, certificate, &ranges, &intervals))
}

/// The hidden figures' numbers in a system.
pub(super) fn numbered(system: &System<'_>) -> Vec<u32> {
    let is_printed = |&unknown: &u32| {
        let place = system.figures.place(system.unknowns[unknown as usize]);
        place.is_some_and(|place| system.figures.locate(place).1.1.is_none())
    };
    (0..system.unknowns.len() as u32).filter(is_printed).collect()
}

/// An equation's name.
pub(super) fn name(system: &System<'_>, equation: usize) -> EquationName {
    let label = system.labels[equation];
    let (table, quantity, cell) = system.figures.locate(label.place as usize);
    let index = system.figures.layouts[table].quantity(quantity).unwrap_or(0) as u32;
    let (table, cell) = (table as u32, cell as u32);
    match label.rule {
        Rule::Along(axis) => EquationName { kind: EquationKind::Along(u32::from(axis)), table, index, cell },
        Rule::Complement => EquationName { kind: EquationKind::Complement, table, index, cell },
        // What is protected has marks that say nothing (`Rule::Mark` is of audits alone).
        Rule::Parts | Rule::Mark => EquationName { kind: EquationKind::Parts, table, index, cell },
        Rule::Rate(rate, above) => {
            let kind = if above { EquationKind::RateAbove } else { EquationKind::RateBelow };
            EquationName { kind, table, index: u32::from(rate), cell }
        }
        Rule::Since => {
            let (table, quantity, cell) = system.figures.locate(label.other as usize);
            let index = system.figures.layouts[table].quantity(quantity).unwrap_or(0) as u32;
            EquationName { kind: EquationKind::Since(label.place), table: table as u32, index, cell: cell as u32 }
        }
    }
}

struct Check<'s, 'a> {
    system: &'s System<'a>,
    columns: Columns,
    /// Unknown by number.
    numbered: Vec<u32>,
    /// The unknown that an equation defines: a complement, those since, a slack.
    defines: Vec<u32>,
}

impl<'s, 'a> Check<'s, 'a> {
    fn new(system: &'s System<'a>) -> Self {
        let numbered = numbered(system);
        let mut is_numbered = vec![false; system.unknowns.len()];
        for &unknown in &numbered {
            is_numbered[unknown as usize] = true;
        }
        let defined = |equation: usize| {
            let along = matches!(system.labels[equation].rule, Rule::Along(_) | Rule::Parts);
            let mut terms = system.equations.row_terms(equation).iter().copied();
            let derived = terms.find(|&term| !is_numbered[term as usize]);
            if along { NONE } else { derived.unwrap_or(NONE) }
        };
        let defines = (0..system.equations.len()).map(defined).collect();
        Check { system, columns: system.equations.columns(system.unknowns.len()), numbered, defines }
    }

    /// The least and the greatest value of each unknown over all tables of a certificate.
    fn ranges(&self, certificate: &Certificate) -> Result<Vec<(i64, i64)>, CertificateError> {
        let base = self.completed(&certificate.base, 0)?;
        self.fits(&base, 0)?;
        let mut ranges: Vec<(i64, i64)> = base.iter().map(|&value| (value, value)).collect();
        let moves = by_table(&certificate.moves, certificate.tables.len())?;
        let cells = by_table(&certificate.cells, certificate.tables.len())?;
        let (mut scratch, mut above) = (Scratch::new(self.system), None);
        for table in 0..=certificate.tables.len() {
            let mut values = std::borrow::Cow::Borrowed(&base);
            if let Some(differences) = table.checked_sub(1).and_then(|table| certificate.tables.get(table)) {
                let mut whole = certificate.base.clone();
                for &(number, by) in self.sound(differences, table)? {
                    whole[number as usize] += by;
                }
                let whole = self.completed(&whole, table)?;
                self.fits(&whole, table)?;
                for (range, &value) in ranges.iter_mut().zip(&whole) {
                    *range = (range.0.min(value), range.1.max(value));
                }
                values = std::borrow::Cow::Owned(whole);
            }
            let mut show = |unknown: u32, by: i64, entry: usize| {
                let value = values[unknown as usize] + by;
                let range = &mut ranges[unknown as usize];
                *range = (range.0.min(value), range.1.max(value));
                self.at_least(unknown, value, entry)
            };
            for &number in moves.get(&(table as u32)).into_iter().flatten() {
                let entry = certificate.tables.len() + 1 + number;
                let differences = self.sound(&certificate.moves[number].1, entry)?;
                for (unknown, by) in self.moved(differences, &mut scratch, entry)? {
                    show(unknown, by, entry)?;
                }
            }
            for &number in cells.get(&(table as u32)).into_iter().flatten() {
                let entry = certificate.tables.len() + 1 + certificate.moves.len() + number;
                let differences = self.sound(&certificate.cells[number].1, entry)?;
                let what = "changes of innermost cells are for one table of counts";
                if above.is_none() {
                    above = Some(Above::new(self.system).ok_or(CertificateError::Malformed { entry, what })?);
                }
                let Some(above) = &mut above else { continue };
                let unknown = |&(number, by): &(u32, i64)| (self.numbered[number as usize], by);
                for (unknown, by) in above.in_full(differences.iter().map(unknown), entry)? {
                    show(unknown, by, entry)?;
                }
            }
        }
        Ok(ranges)
    }

    /// Differences whose numbers rise and exist, and that are small enough to add up.
    fn sound<'c>(&self, differences: &'c [(u32, i64)], entry: usize) -> Result<&'c [(u32, i64)], CertificateError> {
        let rising = differences.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let inside = differences
            .iter()
            .all(|&(number, by)| (number as usize) < self.numbered.len() && by.unsigned_abs() <= 1 << 50);
        match rising && inside {
            true => Ok(differences),
            false => Err(CertificateError::Malformed { entry, what: "a number or a difference is out of range" }),
        }
    }

    /// Values of all unknowns from those of the numbered ones.
    fn completed(&self, numbered: &[i64], table: usize) -> Result<Vec<i64>, CertificateError> {
        let mut values = vec![0i64; self.system.unknowns.len()];
        for (&unknown, &value) in self.numbered.iter().zip(numbered) {
            if value.unsigned_abs() > 1 << 50 {
                return Err(CertificateError::Malformed { entry: table, what: "a value is out of range" });
            }
            values[unknown as usize] = value;
        }
        for (equation, &derived) in self.defines.iter().enumerate().filter(|&(_, &derived)| derived != NONE) {
            let (mut rest, mut own) = (i128::from(self.system.equations.rests[equation]), 1);
            for (unknown, c) in self.system.equations.row(equation) {
                match unknown == derived as usize {
                    true => own = c,
                    false => rest -= i128::from(c) * i128::from(values[unknown]),
                }
            }
            // The coefficient of a derived unknown is 1 or -1.
            values[derived as usize] = i64::try_from(rest * i128::from(own)).unwrap_or(-1);
        }
        Ok(values)
    }

    fn fits(&self, values: &[i64], table: usize) -> Result<(), CertificateError> {
        for (unknown, &value) in values.iter().enumerate() {
            self.at_least(unknown as u32, value, table)?;
        }
        let equations = &self.system.equations;
        for equation in 0..equations.len() {
            let terms = equations.row(equation).map(|(unknown, c)| i128::from(c) * i128::from(values[unknown]));
            if terms.sum::<i128>() != i128::from(equations.rests[equation]) {
                let cell = Box::new(self.system.total_name(equation));
                return Err(CertificateError::DoesNotFit { table, cell });
            }
        }
        Ok(())
    }

    fn at_least(&self, unknown: u32, value: i64, table: usize) -> Result<(), CertificateError> {
        let figure = self.system.unknowns[unknown as usize];
        if value >= i64::from(self.system.figures.least[figure as usize]) {
            return Ok(());
        }
        let cell = Box::new(self.system.figures.name(figure));
        Err(CertificateError::DoesNotFit { table, cell })
    }

    /// A difference with what follows from it, if it leaves every equation as it is.
    fn moved(
        &self,
        differences: &[(u32, i64)],
        scratch: &mut Scratch,
        entry: usize,
    ) -> Result<Vec<(u32, i64)>, CertificateError> {
        let mut moved: Vec<(u32, i64)> =
            differences.iter().map(|&(number, by)| (self.numbered[number as usize], by)).collect();
        scratch.begin();
        for &(unknown, by) in &moved {
            scratch.add(&self.columns, unknown, by);
        }
        let mut next = 0;
        while next < scratch.touched.len() {
            let equation = scratch.touched[next] as usize;
            next += 1;
            let sum = scratch.sums[equation];
            if sum == 0 {
                continue;
            }
            let derived = self.defines[equation];
            if derived == NONE {
                let cell = Box::new(self.system.total_name(equation));
                return Err(CertificateError::DoesNotFit { table: entry, cell });
            }
            let own = self.system.equations.row(equation).find(|&(unknown, _)| unknown == derived as usize);
            let own = own.map_or(1, |(_, c)| c);
            let by = i64::try_from(-sum * i128::from(own)).unwrap_or(i64::MIN / 4);
            // It stands in this equation only, so that nothing else is touched.
            moved.push((derived, by));
        }
        Ok(moved)
    }

    /// The interval that the steps prove for each unknown.
    fn intervals(&self, steps: &[Vec<(EquationName, i64)>]) -> Result<(Vec<i64>, Vec<i64>), CertificateError> {
        let (mut lower, mut upper) = self.system.bounds(1);
        if steps.is_empty() {
            return Ok((lower, upper));
        }
        let mut wanted: HashMap<EquationName, usize> =
            steps.iter().flatten().map(|&(name, _)| (name, usize::MAX)).collect();
        for equation in 0..self.system.equations.len() {
            if let Some(found) = wanted.get_mut(&name(self.system, equation)) {
                *found = equation;
            }
        }
        for (entry, step) in steps.iter().enumerate() {
            let mut row: BTreeMap<usize, i128> = BTreeMap::new();
            let mut rest = 0i128;
            for (name, multiplier) in step {
                let equation = wanted[name];
                if equation == usize::MAX || multiplier.unsigned_abs() > 1 << 40 {
                    return Err(CertificateError::Malformed {
                        entry,
                        what: "a step names no equation of hidden figures",
                    });
                }
                rest += i128::from(*multiplier) * i128::from(self.system.equations.rests[equation]);
                for (unknown, c) in self.system.equations.row(equation) {
                    *row.entry(unknown).or_default() += i128::from(*multiplier) * i128::from(c);
                }
            }
            row.retain(|_, c| *c != 0);
            tighten(&row, rest, &mut lower, &mut upper);
        }
        Ok((lower, upper))
    }

    fn report(
        &self,
        policy: &Policy,
        certificate: &Certificate,
        ranges: &[(i64, i64)],
        (lower, upper): &(Vec<i64>, Vec<i64>),
    ) -> CertificateReport {
        let figures = &self.system.figures;
        let mut report = CertificateReport {
            passed: false,
            hidden: 0,
            open: 0,
            settled: 0,
            unproven: 0,
            perhaps_empty: 0,
            names: Vec::new(),
            exposed: 0,
            tables: 1 + certificate.tables.len() + certificate.moves.len() + certificate.cells.len(),
            minimums: Vec::new(),
        };
        let mut minimums = BTreeSet::new();
        let interval = |figure: u32| match (figures.printed(figure), self.system.index[figure as usize]) {
            (Some(value), _) => (value, value),
            (None, unknown) => (lower[unknown as usize], upper[unknown as usize]),
        };
        for figure in 0..figures.len() as u32 {
            if matches!(figures.extra(figure), Some(Extra::Slack { .. })) || !is_ours(self.system, figure) {
                continue;
            }
            let (low, high) = interval(figure);
            let minimum = figures.minimum(figure, policy);
            minimums.insert(minimum);
            // In which of the enclosing groups somebody is known to be, and in which somebody may be.
            let enclosing = self.system.enclosing(figure);
            let group = |known: bool| {
                policy.homogeneous
                    && enclosing
                        .iter()
                        .map(|&whole| interval(whole))
                        .any(|(low, high)| if known { low > 0 } else { high > 0 })
            };
            if low == high && ((1..minimum).contains(&low) || (low == 0 && group(true))) {
                report.exposed += 1;
            }
            if figures.printed(figure).is_some() {
                continue;
            }
            report.hidden += 1;
            let unknown = self.system.index[figure as usize] as usize;
            let (least, greatest) = ranges[unknown];
            let value = self.base_value(unknown, certificate);
            if policy.requirement_at(minimum, value.unwrap_or(least), low).is_met(least, greatest) {
                report.open += 1;
            } else if low >= minimum || (high == 0 && !group(false)) {
                report.settled += 1;
            } else {
                report.unproven += 1;
                report.perhaps_empty += usize::from(least <= 0);
                if report.names.len() < NAMED {
                    report.names.push(figures.name(figure));
                }
            }
        }
        minimums.remove(&policy.minimum());
        report.minimums = minimums.into_iter().map(i64::unsigned_abs).collect();
        report.passed = report.unproven == 0 && report.exposed == 0;
        report
    }

    fn base_value(&self, unknown: usize, certificate: &Certificate) -> Option<i64> {
        let number = self.numbered.binary_search(&(unknown as u32)).ok()?;
        certificate.base.get(number).copied()
    }
}

/// Changes by the table that they start from.
fn by_table(changes: &[(u32, Vec<(u32, i64)>)], tables: usize) -> Result<BTreeMap<u32, Vec<usize>>, CertificateError> {
    let mut by_table: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (entry, (table, _)) in changes.iter().enumerate() {
        if *table as usize > tables {
            return Err(CertificateError::Malformed { entry, what: "it starts from no table" });
        }
        by_table.entry(*table).or_default().push(entry);
    }
    Ok(by_table)
}

/// Whether a figure is one of the release, or what it shows beside an earlier one.
fn is_ours(system: &System<'_>, figure: u32) -> bool {
    system.figures.place(figure).is_none_or(|place| system.figures.locate(place).0 < system.figures.own)
}

/// Sums by equation that need no clearing.
struct Scratch {
    stamp: u32,
    stamps: Vec<u32>,
    sums: Vec<i128>,
    touched: Vec<u32>,
}

impl Scratch {
    fn new(system: &System<'_>) -> Self {
        let rows = system.equations.len();
        Scratch { stamp: 0, stamps: vec![0; rows], sums: vec![0; rows], touched: Vec::new() }
    }

    fn begin(&mut self) {
        self.stamp += 1;
        self.touched.clear();
    }

    fn add(&mut self, columns: &Columns, unknown: u32, by: i64) {
        for (equation, c) in columns.of(unknown as usize) {
            if self.stamps[equation] != self.stamp {
                self.stamps[equation] = self.stamp;
                self.sums[equation] = 0;
                self.touched.push(equation as u32);
            }
            self.sums[equation] += i128::from(c) * i128::from(by);
        }
    }
}

/// Tightens the intervals of a row's unknowns: each term is what the others leave of `rest`, in whole numbers.
fn tighten(row: &BTreeMap<usize, i128>, rest: i128, lower: &mut [i64], upper: &mut [i64]) {
    // Least and greatest of a term; `None` where there is no end.
    let ends = |unknown: usize, c: i128, lower: &[i64], upper: &[i64]| {
        let low = Some(c * i128::from(lower[unknown]));
        let high = (upper[unknown] < UNBOUNDED).then(|| c * i128::from(upper[unknown]));
        if c > 0 { [low, high] } else { [high, low] }
    };
    let (mut sums, mut endless) = ([0i128; 2], [0usize; 2]);
    for (&unknown, &c) in row {
        for (side, end) in ends(unknown, c, lower, upper).into_iter().enumerate() {
            sums[side] += end.unwrap_or(0);
            endless[side] += usize::from(end.is_none());
        }
    }
    for (&unknown, &c) in row {
        let own = ends(unknown, c, lower, upper);
        let others = |side: usize| {
            let open = endless[side] - usize::from(own[side].is_none());
            (open == 0).then(|| rest - (sums[side] - own[side].unwrap_or(0)))
        };
        // What the others leave at most makes the term's least value, and the other way round.
        let (from, to) = if c > 0 { (others(1), others(0)) } else { (others(0), others(1)) };
        if let Some(from) = from.and_then(|from| i64::try_from(-(-from * c.signum()).div_euclid(c.abs())).ok()) {
            lower[unknown] = lower[unknown].max(from);
        }
        if let Some(to) = to.and_then(|to| i64::try_from((to * c.signum()).div_euclid(c.abs())).ok()) {
            upper[unknown] = upper[unknown].min(to);
        }
        let now = ends(unknown, c, lower, upper);
        for side in 0..2 {
            sums[side] += now[side].unwrap_or(0) - own[side].unwrap_or(0);
            endless[side] -= usize::from(own[side].is_none() && now[side].is_some());
        }
    }
}
