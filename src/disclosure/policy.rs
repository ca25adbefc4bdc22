//! What must be protected, how far, and what came of it.

use super::primary_rules::MagnitudeRule;

/// Whether empty cells are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// Empty cells are printed as 0, so that a reader knows that a hidden count is at least 1.
    Print,
    /// Empty cells carry the same mark as hidden ones, so that a hidden cell may be empty.
    Hide,
}

/// How much must stay open to the reader about each protected figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// More than one whole value.
    Exact,
    /// An interval at least this wide, so that this many values beside the true one lie in it.
    Interval(u64),
    /// An interval that reaches this many percent of the figure above and below it, rounded outwards to whole numbers
    /// but not below what a reader grants it: the protection that τ-Argus asks for, for comparison.
    Percent(u64),
    /// The upper end reaches the minimum cell and the interval is at least the minimum cell less one wide: the reader
    /// cannot even tell that the figure is small.
    Full,
}

/// What the search tries to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// People in the cells that are hidden beyond the primary ones.
    Value,
    /// Cells.
    Cells,
    /// Between the two: the logarithm of the people.
    Logarithm,
}

/// Cells that are worth more to readers than what they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// The dimension's name.
    pub dimension: String,
    /// Nodes of it; none means its total.
    pub nodes: Vec<String>,
    /// How many times its weight a cell counts.
    pub factor: u32,
}

/// Who tries to compute a hidden figure, by what they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attacker {
    /// Every published figure of the release, the structure, the threshold and the rules; that counts are whole and not
    /// negative; what zeros and rates say.
    Reader,
    /// Also every earlier release of the population, and tables declared public elsewhere.
    Archivist,
    /// Also that somebody is in one of the hidden cells: their own, so that it is not empty.
    Contributor,
    /// Also which hidden cells are primary, so that those are small and the others are not.
    Insider,
}

/// The rules of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The smallest count that may be published; 11 hides 1 to 10.
    pub minimum_cell: u64,
    /// How far each hidden small figure is protected.
    pub level: Level,
    /// Whether empty cells are printed.
    pub zeros: Zeros,
    /// Protect groups in which nobody (0 %) or everybody (100 %) is counted by a measure.
    pub homogeneous: bool,
    /// What makes the total of a magnitude sensitive, whatever the level.
    pub magnitudes: Vec<MagnitudeRule>,
    /// What makes a count sensitive by who is behind it, where its table says so in
    /// [`Table::contributions`](super::Table::contributions), besides being small.
    pub behind_counts: Vec<MagnitudeRule>,
    /// What the search tries to keep.
    pub weight: Weight,
    /// Also keep the sums of hidden cells that a published total shows to be small from being computed, to the same
    /// level. The level `full` implies it.
    pub sums: bool,
    /// Cells that the search hides last: at the nodes of a dimension, such as its total.
    pub prefer_keeping: Vec<Preference>,
    /// How long the search tries to do better after it has found a pattern: a round for each 15.
    pub neighbourhoods: usize,
    /// How long the search for a first pattern looks for cheap ways where the usual one fails: 20 takes minutes on 20,000
    /// cells.
    pub effort: usize,
    /// The start of the search's random numbers: the same gives the same pattern on every machine.
    pub seed: u64,
    /// Hide so much that somebody who knows that one hidden cell is not empty, such as their own, can compute no
    /// protected figure.
    pub contributor: bool,
    /// Refuse a pattern from which somebody who knows which cells are primary can compute one. Their view is reported
    /// in any case.
    pub insider: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            minimum_cell: 11,
            level: Level::Full,
            zeros: Zeros::Hide,
            homogeneous: true,
            magnitudes: Vec::new(),
            behind_counts: Vec::new(),
            weight: Weight::Value,
            sums: true,
            prefer_keeping: Vec::new(),
            neighbourhoods: 200,
            effort: 1,
            seed: 1,
            contributor: true,
            insider: false,
        }
    }
}

/// What an attacker's interval of a figure must reach, in whole numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The upper end is at least this.
    pub upper: i64,
    /// The lower end is at most this.
    pub lower: i64,
    /// The upper end less the lower end is at least this.
    pub width: i64,
}

impl std::fmt::Debug for Requirement {
    /// Shows nothing: the bounds are made of the figure.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Requirement(..)")
    }
}

impl Requirement {
    /// What asks for both.
    pub fn and(self, other: Requirement) -> Requirement {
        Requirement {
            upper: self.upper.max(other.upper),
            lower: self.lower.min(other.lower),
            width: self.width.max(other.width),
        }
    }

    /// The same in parts of a whole.
    pub fn times(self, unit: i64) -> Requirement {
        let times = |bound: i64| bound.saturating_mul(unit);
        Requirement { upper: times(self.upper), lower: times(self.lower), width: times(self.width) }
    }

    /// Whether an interval will do.
    pub fn is_met(&self, low: i64, high: i64) -> bool {
        high >= self.upper && low <= self.lower && high - low >= self.width
    }
}

impl Policy {
    /// Into how many parts a unit is divided for attackers who do not know that counts are whole.
    pub fn unit(&self) -> i64 {
        if matches!(self.level, Level::Percent(_)) { 1200 } else { 1 }
    }

    /// What the level asks for a figure of this value of which a reader knows that it is at least `least`.
    pub fn requirement(&self, value: i64, least: i64) -> Requirement {
        self.requirement_at(self.minimum(), value, least)
    }

    /// The same where another minimum cell holds.
    pub fn requirement_at(&self, minimum: i64, value: i64, least: i64) -> Requirement {
        let (upper, lower, width) = match self.level {
            Level::Exact => (value, value, 1),
            Level::Interval(width) => (value, value, i64::try_from(width).unwrap_or(i64::MAX / 4)),
            Level::Percent(percent) => {
                let percent = i64::try_from(percent).unwrap_or(i64::MAX / 4).min(1000);
                let span = value / 100 * percent;
                (value + span, (value - span).max(least).min(value), 1)
            }
            Level::Full => (minimum, value, minimum - 1),
        };
        Requirement { upper, lower, width }
    }

    /// Whether a count is small: at least one, below the minimum cell.
    pub fn is_small(&self, count: i64) -> bool {
        count > 0 && count.unsigned_abs() < self.minimum_cell
    }

    /// The minimum cell as a signed count.
    pub fn minimum(&self) -> i64 {
        i64::try_from(self.minimum_cell).unwrap_or(i64::MAX / 4)
    }
}

/// Why a cell is hidden in its own right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The count is small.
    MinimumCell,
    /// The numerator is small.
    Numerator,
    /// What the numerator leaves of its denominator is small.
    Complement,
    /// Nobody or everybody in the group.
    Homogeneous,
    /// Too few people behind the figure.
    Contributors,
    /// Too few organisations behind the figure.
    Organisations,
    /// A few of the largest have too large a share of the figure.
    Dominance,
    /// The figure gives an estimate of the largest contribution that is too close (p %).
    Percent,
    /// The same for who can estimate the small contributions beforehand (p/q).
    PriorPosterior,
    /// An empty cell, where empty cells carry the mark of hidden ones.
    Zero,
}

/// What happens to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its figure is printed.
    Published,
    /// Hidden in its own right.
    Primary(Reason),
    /// Hidden so that others cannot be computed.
    Complementary,
}

impl Status {
    /// Whether the figure is printed.
    pub fn is_published(self) -> bool {
        self == Status::Published
    }
}

/// What was hidden, in numbers. For stewards and benchmarks: the value is a function of hidden counts, so neither it
/// nor the number of primary cells belongs in a published file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Printed cells of all tables, each table's copy counted.
    pub cells: usize,
    /// Of them, hidden in their own right, empty cells not counted.
    pub primary: usize,
    /// Empty cells that carry the mark of hidden ones.
    pub zeros: usize,
    /// Hidden to protect others.
    pub complementary: usize,
    /// People in the complementary cells.
    pub complementary_value: i64,
    /// Distinct unknowns and their independent groups, as the search sees them.
    pub variables: usize,
    /// Independent systems into which the release falls.
    pub components: usize,
    /// Linear programs that the search solved.
    pub linear_programs: usize,
}

/// Where the work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which part of the work.
    pub phase: Phase,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
}

/// The parts of the work, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Protecting one figure after the other.
    Search,
    /// Publishing again what is not needed.
    Release,
    /// Doing better in neighbourhoods.
    Improve,
    /// Taking the reader's view.
    Audit,
    /// Making a certificate.
    Proof,
}
