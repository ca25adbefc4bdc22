//! How figures are protected.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workspace::Zeros;

/// How figures are protected. Never two ways over the same people.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodSpec {
    /// Some are hidden.
    #[default]
    Suppression,
    /// All are multiples of a base, and totals are still the sums of their parts.
    Rounding(RoundingSpec),
    /// All have noise that depends on the people in a cell and on nothing else: the same people have the same noise in
    /// every table and release. Totals are not the sums of their parts any more.
    CellKey(CellKeySpec),
    /// Rates are printed as bands that depend on the size of the group, and no numerator is.
    Bands(BandsSpec),
}

/// Bands of percentages by size of the group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BandsSpec {
    /// A published practice.
    pub profile: Option<BandProfile>,
    /// Bands of one's own, in its place: those of the smallest groups first.
    pub classes: Vec<BandClassSpec>,
    /// Whether the sizes of groups are printed beside their bands. Where it is left out `nces` hides them, and all others
    /// are printed.
    pub sizes: Option<Zeros>,
}

/// A published practice of printing percentages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BandProfile {
    /// SLDS Technical Brief 3 of the National Center for Education Statistics: from 10 on, such as `<=5%` and `40-49%`.
    Nces,
    /// The public files of EDFacts: from 6 on, such as `LE5` and `40-44`.
    Edfacts,
}

/// The bands of groups from a size on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BandClassSpec {
    /// The smallest group.
    pub from: u64,
    /// The lowest band goes up to this percentage, the highest begins at 100 less it.
    pub ends: Option<u8>,
    /// The bands between go from one multiple of this to the next; 1 where it is left out.
    pub step: Option<u8>,
    /// In place of both: the first percentages of all bands but the lowest, as in `[20, 50, 80]`.
    pub cuts: Vec<u8>,
}

/// The cell-key method. Each measure names the column of its `cell_key`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellKeySpec {
    /// The noise is at most this, 1 to 100. The minimum cell and the level say how large it must be.
    pub maximum: u32,
    /// The variance of the noise, where the count admits it.
    pub variance: f64,
    /// No count from 1 to this is printed; 0 where it is left out.
    #[serde(default)]
    pub threshold: u32,
}

/// Controlled rounding.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundingSpec {
    /// Every figure becomes a multiple of this, such as 3, 5 or 10. The minimum cell and the level say how large it must
    /// be: `full` asks for more than the minimum cell.
    pub base: u64,
    /// A file of which nobody else knows the content, relative to the spec: figures are rounded up or down at random then,
    /// the same way each time. Without it each goes to the nearest multiple that keeps the totals, and who knows that can
    /// rule out some true tables.
    #[serde(default)]
    pub secret: Option<PathBuf>,
    /// Where neighbouring multiples cannot add up: less than this many bases from the true figure; 1 where it is left out.
    #[serde(default)]
    pub within: Option<u64>,
}
