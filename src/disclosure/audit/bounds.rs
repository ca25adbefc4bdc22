//! What subtraction and bounds give: exact, in whole numbers, to a fixed point.
//!
//! In an equation `sum of c_i x_i = b` each term lies between what `b` less the others' greatest, and less the others'
//! least values leave (activity bounds, as in M. W. P. Savelsbergh, "Preprocessing and probing techniques for mixed
//! integer programming problems", ORSA Journal on Computing 6 (1994)); counts are whole, so that quotients are rounded
//! inwards. Every bound that was tightened is logged with its equation: the log is a proof that can be read back.

use std::collections::VecDeque;

use super::figures::UNBOUNDED;
use super::system::{Columns, Equations};

/// A bound that an equation tightened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disclosure) struct Step {
    pub(in crate::disclosure) equation: u32,
    pub(in crate::disclosure) unknown: u32,
    pub(in crate::disclosure) side: Side,
}

/// An end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::disclosure) enum Side {
    Lower,
    Upper,
}

/// The interval of each unknown, and how it came about.
#[derive(Clone)]
pub(in crate::disclosure) struct Bounds {
    pub(in crate::disclosure) lower: Vec<i64>,
    /// [`UNBOUNDED`] or more where there is no bound.
    pub(in crate::disclosure) upper: Vec<i64>,
    pub(in crate::disclosure) log: Vec<Step>,
    /// Steps of the log that are subtractions: everything else in the equation was known.
    pub(in crate::disclosure) subtractions: usize,
}

/// An equation that no values between the bounds meet.
#[derive(Debug)]
pub(in crate::disclosure) struct Broken(pub(in crate::disclosure) usize);

/// Visits per equation after which bounds are left as they are: they are true, if not the tightest. Two rates can
/// tighten each other by a little for ever.
const VISITS: usize = 40;

impl Bounds {
    /// Starts from given intervals.
    pub(in crate::disclosure) fn new((lower, upper): (Vec<i64>, Vec<i64>)) -> Self {
        Bounds { lower, upper, log: Vec::new(), subtractions: 0 }
    }

    /// Whether an unknown has a single value.
    pub(in crate::disclosure) fn is_fixed(&self, unknown: usize) -> bool {
        self.lower[unknown] == self.upper[unknown]
    }

    /// Subtracts as long as an equation has a single unknown, then tightens all bounds.
    pub(in crate::disclosure) fn settle(&mut self, equations: &Equations, columns: &Columns) -> Result<(), Broken> {
        self.subtract(equations, columns)?;
        self.subtractions = self.log.len();
        self.tighten_all(equations, columns)
    }

    fn subtract(&mut self, equations: &Equations, columns: &Columns) -> Result<(), Broken> {
        let open = |equation: usize, bounds: &Bounds| {
            equations.row_terms(equation).iter().filter(|&&term| !bounds.is_fixed(term as usize)).count() as u32
        };
        let mut opens: Vec<u32> = (0..equations.len()).map(|equation| open(equation, self)).collect();
        let mut queue: VecDeque<u32> = (0..equations.len() as u32).filter(|&e| opens[e as usize] <= 1).collect();
        while let Some(equation) = queue.pop_front() {
            let equation = equation as usize;
            let only = equations.row_terms(equation).iter().find(|&&term| !self.is_fixed(term as usize)).copied();
            self.tighten(equations, equation, &mut |_| {})?;
            let Some(only) = only else { continue };
            if !self.is_fixed(only as usize) {
                // A coefficient that does not divide what is left: no whole number.
                return Err(Broken(equation));
            }
            for (other, _) in columns.of(only as usize) {
                opens[other] -= 1;
                if opens[other] <= 1 && other != equation {
                    queue.push_back(other as u32);
                }
            }
        }
        Ok(())
    }

    fn tighten_all(&mut self, equations: &Equations, columns: &Columns) -> Result<(), Broken> {
        let mut queue: VecDeque<u32> = (0..equations.len() as u32).collect();
        let mut waiting = vec![true; equations.len()];
        let mut visits = equations.len().saturating_mul(VISITS);
        let mut changed = Vec::new();
        while let Some(equation) = queue.pop_front() {
            waiting[equation as usize] = false;
            if visits == 0 {
                break;
            }
            visits -= 1;
            changed.clear();
            self.tighten(equations, equation as usize, &mut |unknown| changed.push(unknown))?;
            for &unknown in &changed {
                for (other, _) in columns.of(unknown) {
                    if other != equation as usize && !std::mem::replace(&mut waiting[other], true) {
                        queue.push_back(other as u32);
                    }
                }
            }
        }
        Ok(())
    }

    /// Tightens the bounds of an equation's unknowns.
    fn tighten(
        &mut self,
        equations: &Equations,
        equation: usize,
        changed: &mut dyn FnMut(usize),
    ) -> Result<(), Broken> {
        let (low, high) = self.activity(equations, equation);
        let rest = i128::from(equations.rests[equation]);
        if low.at_most(rest) == Some(false) || high.at_least(rest) == Some(false) {
            return Err(Broken(equation));
        }
        if low.open > 1 && high.open > 1 {
            return Ok(());
        }
        for (unknown, c) in equations.row(equation) {
            let (lower, upper) = (self.lower[unknown], self.upper[unknown]);
            if lower == upper {
                continue;
            }
            let (least, greatest) = ends(c, lower, upper);
            // What the others leave for `c * x`, from below and from above.
            let from = high.without(greatest).map(|others| rest - others);
            let to = low.without(least).map(|others| rest - others);
            let (down, up) = if c > 0 { (from, to) } else { (to, from) };
            let c = i128::from(c);
            if let Some(value) = down.map(|value| ceil(value, c)).filter(|&value| value > i128::from(lower)) {
                self.lower[unknown] = narrow(value);
                self.log.push(Step { equation: equation as u32, unknown: unknown as u32, side: Side::Lower });
                changed(unknown);
            }
            if let Some(value) = up.map(|value| floor(value, c)).filter(|&value| value < i128::from(upper)) {
                self.upper[unknown] = narrow(value);
                self.log.push(Step { equation: equation as u32, unknown: unknown as u32, side: Side::Upper });
                changed(unknown);
            }
            if self.lower[unknown] > self.upper[unknown] {
                return Err(Broken(equation));
            }
        }
        Ok(())
    }

    /// The least and the greatest value of an equation's left side.
    fn activity(&self, equations: &Equations, equation: usize) -> (Activity, Activity) {
        let (mut low, mut high) = (Activity::default(), Activity::default());
        for (unknown, c) in equations.row(equation) {
            let (least, greatest) = ends(c, self.lower[unknown], self.upper[unknown]);
            low.add(least);
            high.add(greatest);
        }
        (low, high)
    }

    /// The steps that some unknowns' bounds rest on, first to last; `wanted` has two entries by unknown: lower, upper.
    pub(in crate::disclosure) fn needed(&self, equations: &Equations, wanted: &mut [[bool; 2]]) -> Vec<Step> {
        let mut steps = Vec::new();
        for step in self.log.iter().rev() {
            let own = &mut wanted[step.unknown as usize][usize::from(step.side == Side::Upper)];
            if !std::mem::replace(own, false) {
                continue;
            }
            steps.push(*step);
            let row = || equations.row(step.equation as usize);
            let own = row().find(|&(unknown, _)| unknown == step.unknown as usize).map_or(1, |(_, c)| c);
            for (unknown, c) in row().filter(|&(unknown, _)| unknown != step.unknown as usize) {
                // The lower end of an unknown rests on the others' upper ends where the signs are the same.
                let upper = (step.side == Side::Lower) == (own.signum() == c.signum());
                wanted[unknown][usize::from(upper)] = true;
            }
        }
        steps.reverse();
        steps
    }
}

/// The log by unknown, to find what single bounds rest on.
pub(in crate::disclosure) struct Trace {
    starts: Vec<u32>,
    steps: Vec<u32>,
}

impl Trace {
    pub(in crate::disclosure) fn new(bounds: &Bounds) -> Self {
        let mut starts = vec![0u32; bounds.lower.len() + 1];
        for step in &bounds.log {
            starts[step.unknown as usize + 1] += 1;
        }
        for index in 0..bounds.lower.len() {
            starts[index + 1] += starts[index];
        }
        let (mut next, mut steps) = (starts.clone(), vec![0u32; bounds.log.len()]);
        for (number, step) in bounds.log.iter().enumerate() {
            steps[next[step.unknown as usize] as usize] = number as u32;
            next[step.unknown as usize] += 1;
        }
        Trace { starts, steps }
    }

    fn of(&self, unknown: u32) -> &[u32] {
        &self.steps[self.starts[unknown as usize] as usize..self.starts[unknown as usize + 1] as usize]
    }

    /// Whether an unknown's value was subtracted.
    pub(in crate::disclosure) fn is_subtracted(&self, bounds: &Bounds, unknown: u32) -> bool {
        self.of(unknown).iter().any(|&step| (step as usize) < bounds.subtractions)
    }

    /// The equations that both bounds of an unknown rest on, each once, where it is needed last.
    pub(in crate::disclosure) fn behind(&self, bounds: &Bounds, equations: &Equations, unknown: u32) -> Vec<u32> {
        let mut needed: std::collections::BTreeSet<u32> = std::collections::BTreeSet::new();
        let last = |unknown: u32, side: Side, before: u32| {
            let steps = self.of(unknown);
            let earlier = &steps[..steps.partition_point(|&step| step < before)];
            earlier.iter().rev().copied().find(|&step| bounds.log[step as usize].side == side)
        };
        let mut stack: Vec<u32> =
            [Side::Lower, Side::Upper].iter().filter_map(|&s| last(unknown, s, u32::MAX)).collect();
        while let Some(number) = stack.pop() {
            if !needed.insert(number) {
                continue;
            }
            let step = bounds.log[number as usize];
            let row = || equations.row(step.equation as usize);
            let own = row().find(|&(other, _)| other == step.unknown as usize).map_or(1, |(_, c)| c);
            for (other, c) in row().filter(|&(other, _)| other != step.unknown as usize) {
                let side =
                    if (step.side == Side::Lower) == (own.signum() == c.signum()) { Side::Upper } else { Side::Lower };
                stack.extend(last(other as u32, side, number));
            }
        }
        let mut order = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for &number in needed.iter().rev() {
            let equation = bounds.log[number as usize].equation;
            if seen.insert(equation) {
                order.push(equation);
            }
        }
        order.reverse();
        order
    }
}

/// A sum of bounds, some of them infinite.
#[derive(Clone, Copy, Default)]
struct Activity {
    sum: i128,
    open: usize,
}

impl Activity {
    fn add(&mut self, end: Option<i128>) {
        match end {
            Some(end) => self.sum += end,
            None => self.open += 1,
        }
    }

    /// The sum of the others; `None` when it is infinite.
    fn without(self, end: Option<i128>) -> Option<i128> {
        match end {
            Some(end) if self.open == 0 => Some(self.sum - end),
            None if self.open == 1 => Some(self.sum),
            _ => None,
        }
    }

    fn at_most(self, value: i128) -> Option<bool> {
        (self.open == 0).then_some(self.sum <= value)
    }

    fn at_least(self, value: i128) -> Option<bool> {
        (self.open == 0).then_some(self.sum >= value)
    }
}

/// The least and the greatest value of a term.
fn ends(c: i64, lower: i64, upper: i64) -> (Option<i128>, Option<i128>) {
    let lower = Some(i128::from(c) * i128::from(lower));
    let upper = (upper < UNBOUNDED).then(|| i128::from(c) * i128::from(upper));
    if c > 0 { (lower, upper) } else { (upper, lower) }
}

fn floor(value: i128, by: i128) -> i128 {
    // Both signs turned leave the quotient as it is, with a divisor above zero.
    let (value, by) = if by < 0 { (-value, -by) } else { (value, by) };
    value.div_euclid(by)
}

fn ceil(value: i128, by: i128) -> i128 {
    -floor(-value, by)
}

fn narrow(value: i128) -> i64 {
    let limit = i128::from(UNBOUNDED);
    i64::try_from(value.clamp(-limit, limit)).unwrap_or(0)
}
