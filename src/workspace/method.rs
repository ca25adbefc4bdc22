//! How figures are protected: what a pipeline chooses, and what an agreement allows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How figures are protected. Never two ways over the same people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Some are hidden: the small ones, and others from which those could be computed.
    #[default]
    Suppression,
    /// All are multiples of a base, and totals are still the sums of their parts.
    Rounding(Rounding),
    /// All have noise that depends on the people in a cell and on nothing else: the same people have the same noise in
    /// every table and release. Totals are not the sums of their parts any more.
    CellKey(CellKey),
}

/// Controlled rounding, up or down at random by a secret of the agreement's key: the same way in each release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rounding {
    /// Every figure becomes a multiple of this, such as 3, 5 or 10. The minimum cell and the level say how large it must
    /// be: `full` asks for more than the minimum cell.
    pub base: u64,
    /// Where neighbouring multiples cannot add up: less than this many bases from the true figure; 1 where it is left out.
    #[serde(default)]
    pub within: Option<u64>,
}

/// Noise by cell keys. The keys of people are derived from the agreement's key.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellKey {
    /// The noise is at most this, 1 to 100. The minimum cell and the level say how large it must be.
    pub maximum: u32,
    /// The variance of the noise, where the count admits it.
    pub variance: f64,
    /// No count from 1 to this is printed; 0 where it is left out.
    #[serde(default)]
    pub threshold: u32,
}

/// The word for a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodName {
    /// Figures are hidden.
    Suppression,
    /// Figures are rounded.
    Rounding,
    /// Figures have noise by cell keys.
    CellKey,
}

impl Method {
    /// Its word.
    #[must_use]
    pub fn name(&self) -> MethodName {
        match self {
            Method::Suppression => MethodName::Suppression,
            Method::Rounding(_) => MethodName::Rounding,
            Method::CellKey(_) => MethodName::CellKey,
        }
    }
}

impl MethodName {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            MethodName::Suppression => "suppression",
            MethodName::Rounding => "rounding",
            MethodName::CellKey => "cell_key",
        }
    }
}
