//! The trained model: how often each level of agreement occurs among pairs of the same person, among random pairs, and
//! among people who resemble each other without being the same (members of a household, twins, namesakes).
//!
//! A file of it holds shares by level and no value of anybody: stewards review it like configuration.
//!
//! References: Fellegi & Sunter (1969), A theory for record linkage; Winkler (1988, 1993) on EM for its parameters.

use serde::{Deserialize, Serialize};

use super::compare::{self, Compared, NOTHING, Pattern};
use super::spec::LinkageSpec;
use crate::error::{Error, Result};

/// The version of the levels; a model of another version does not fit.
pub(super) const VERSION: u32 = 1;

/// A trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkModel {
    /// The version of the comparison levels.
    pub version: u32,
    /// How many of the people on the side that has fewer are expected on the other, as a share.
    pub overlap: f64,
    /// The compared fields.
    pub fields: Vec<FieldModel>,
    /// Kinds of people that resemble each other.
    pub near_misses: Vec<NearMiss>,
    /// People that a source holds twice.
    pub duplicates: NearMiss,
}

/// How a field agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldModel {
    /// The field.
    pub field: String,
    /// Its levels of agreement.
    pub levels: Vec<LevelModel>,
}

/// A level of agreement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelModel {
    /// What it means.
    pub level: String,
    /// Its share among pairs of the same person.
    pub same: f64,
    /// Its share among random pairs.
    pub random: f64,
}

/// A kind of people that resemble each other, learned within each source, where two people are never the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearMiss {
    /// Pairs of this kind per million pairs.
    pub per_million: f64,
    /// Shares of the levels, field by field.
    pub levels: Vec<Vec<f64>>,
}

/// Shares by level, column by column.
pub(super) type Shares = Vec<Vec<f64>>;

/// A model in the shape that training and scoring use.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub(super) columns: Vec<Compared>,
    pub(super) swapped: Option<(usize, usize)>,
    pub(super) same: Shares,
    pub(super) random: Shares,
    /// Share of all pairs, and levels.
    pub(super) near: Vec<(f64, Shares)>,
    /// The same of pairs within a source that are one person twice.
    pub(super) twice: (f64, Shares),
    pub(super) overlap: f64,
}

/// What is expected of a pattern.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    /// Its share among pairs of the same person.
    pub(super) same: f64,
    /// Its share among random pairs.
    pub(super) random: f64,
    /// The share of all pairs that are near misses and have it.
    pub(super) near: f64,
}

impl Weights {
    pub(super) fn product(&self, shares: &Shares, levels: &[u32]) -> f64 {
        // Where two names are swapped, the second column carries no level of its own.
        let skip = self.swapped.filter(|&(first, _)| levels[first] == compare::SWAPPED).map(|(_, second)| second);
        let factors = shares.iter().zip(levels).enumerate().filter(|(at, _)| Some(*at) != skip);
        factors.map(|(_, (shares, &level))| shares[level as usize]).product()
    }

    pub(super) fn expected(&self, levels: &[u32]) -> Expected {
        Expected {
            same: self.product(&self.same, levels),
            random: self.product(&self.random, levels),
            near: self.near.iter().map(|(share, shares)| share * self.product(shares, levels)).sum(),
        }
    }

    /// The probability that two of a source's people with this pattern are one person twice.
    pub(super) fn twice(&self, pattern: Pattern) -> f64 {
        let levels = self.levels(pattern);
        let expected = self.expected(&levels);
        let twice = self.twice.0 * self.product(&self.twice.1, &levels);
        twice / (twice + expected.random + expected.near).max(f64::MIN_POSITIVE)
    }

    pub(super) fn levels(&self, pattern: Pattern) -> Vec<u32> {
        let mut levels = vec![0; self.columns.len()];
        compare::levels_of(pattern, &self.columns, &mut levels);
        levels
    }

    /// The model as it is written down.
    pub(super) fn to_model(&self, spec: &LinkageSpec) -> LinkModel {
        let names = spec.fields.iter().map(|field| field.name.as_str()).chain(["all fields"]);
        let fields = names.zip(&self.columns).enumerate().map(|(at, (name, &column))| FieldModel {
            field: name.to_owned(),
            levels: (0..column.levels())
                .map(|level| LevelModel {
                    level: compare::level_name(column, level).to_owned(),
                    same: rounded(self.same[at][level as usize]),
                    random: rounded(self.random[at][level as usize]),
                })
                .collect(),
        });
        let kind = |(share, shares): &(f64, Shares)| NearMiss {
            per_million: rounded(share * 1e6),
            levels: shares.iter().map(|levels| levels.iter().copied().map(rounded).collect()).collect(),
        };
        LinkModel {
            version: VERSION,
            overlap: rounded(self.overlap),
            fields: fields.collect(),
            near_misses: self.near.iter().map(kind).collect(),
            duplicates: kind(&self.twice),
        }
    }

    /// A model that was written down.
    ///
    /// # Errors
    /// `identity.model` where it is of other fields or levels than the link's.
    pub(super) fn of_model(spec: &LinkageSpec, model: &LinkModel) -> Result<Self> {
        let columns = compare::columns(spec);
        let fits = model.version == VERSION
            && model.fields.len() == columns.len()
            && spec.fields.iter().zip(&model.fields).all(|(field, other)| field.name == other.field)
            && columns.iter().zip(&model.fields).all(|(column, field)| column.levels() as usize == field.levels.len())
            && model.near_misses.iter().chain([&model.duplicates]).all(|near| {
                near.levels.len() == columns.len()
                    && columns.iter().zip(&near.levels).all(|(column, levels)| column.levels() as usize == levels.len())
            });
        if !fits {
            return Err(Error::config(
                "identity.model",
                format!("the model of link {} is of other comparisons", spec.link),
            )
            .with_hint("train it again: remove `model` from the link, run, and review the new one"));
        }
        let shares = |of: fn(&LevelModel) -> f64| {
            model.fields.iter().map(|field| field.levels.iter().map(of).collect()).collect::<Shares>()
        };
        Ok(Self {
            columns,
            swapped: spec.swapped,
            same: shares(|level| level.same),
            random: shares(|level| level.random),
            near: model.near_misses.iter().map(|near| (near.per_million / 1e6, near.levels.clone())).collect(),
            twice: (model.duplicates.per_million / 1e6, model.duplicates.levels.clone()),
            overlap: model.overlap,
        })
    }
}

/// Six digits: what is reviewed is what is used. Less than the least is taken for it: readers of JSON give back numbers of
/// few digits exactly where their powers of ten are, up to 10²².
fn rounded(share: f64) -> f64 {
    const LEAST: f64 = 1e-15;
    if share == 0.0 || !share.is_finite() {
        return 0.0;
    }
    format!("{:.5e}", share.max(LEAST)).parse().unwrap_or(share)
}

/// Divides the levels of a column so that they sum to one, the missing one apart: its share is `missing`.
pub(super) fn normalised(levels: &mut [f64], missing: f64) {
    let sum: f64 = levels.iter().skip(1).sum();
    levels.iter_mut().skip(1).for_each(|share| *share *= (1.0 - missing) / sum.max(f64::MIN_POSITIVE));
    levels[NOTHING as usize] = missing;
}
