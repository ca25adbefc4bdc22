//! `identity.links.NAME.probabilistic`: how people are linked whom no rule links, by weighing what agrees.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::types::Ordered;

/// Linkage by probability, after the rules: what is compared, which pairs, and from which probability on they count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probabilistic {
    /// Link fields that both contracts have, and how their values are compared.
    pub compare: Ordered<CompareAs>,
    /// Two of the fields whose values are sometimes entered in each other's place, such as first and last name.
    #[serde(default)]
    pub swapped: Option<[String; 2]>,
    /// Which pairs are compared at all: those that agree on all parts of at least one of these rules. A part is a
    /// field, or one of `FIELD.initial`, `.prefix`, `.sound`, `.nickname` (names) and `.year`, `.month`, `.day`
    /// (dates).
    pub blocking: Vec<Vec<String>>,
    /// People of one side that may share one blocking value; larger blocks are left out and reported.
    #[serde(default = "block_size")]
    pub block_size: u32,
    /// From which probability on a pair is a link, and from which on it is for somebody to look at.
    #[serde(default)]
    pub thresholds: LinkThresholds,
    /// How values become bits. Only keyed encodings are compared, and they are destroyed after the step.
    #[serde(default)]
    pub encoding: FilterEncoding,
    /// Seed of the random pairs by which chance agreement is estimated.
    #[serde(default = "seed")]
    pub seed: u64,
    /// A trained model, a file beside this one that somebody has reviewed. Trained on each run's people where left out.
    #[serde(default)]
    pub model: Option<PathBuf>,
    /// Decisions of clerical review, a file beside this one.
    #[serde(default)]
    pub decisions: Option<PathBuf>,
    /// Fields under `analyse` of the left source, one or a list, such as race and ethnicity: the quality of the link is
    /// also reported for each of their values.
    #[serde(default, deserialize_with = "one_or_several")]
    #[schemars(with = "OneOrSeveral")]
    pub report_by: Vec<String>,
}

/// What an editor is told.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a shape for the schema alone")]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

/// A word, or a list of words.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Words;
    impl<'de> Visitor<'de> for Words {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a field or a list of fields")
        }

        fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
            Ok(vec![word.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(word) = words.next_element()? {
                all.push(word);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Words)
}

fn block_size() -> u32 {
    2000
}

fn seed() -> u64 {
    1
}

/// How two values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompareAs {
    /// A first name: equal, a nickname of the other, alike in spelling, part of the other, an initial. It tells the
    /// members of a household apart.
    GivenName,
    /// A last name: as a first name, without nicknames.
    FamilyName,
    /// A middle name or initial: equal, or equal in the first letter.
    Initial,
    /// A date: equal, day and month swapped, a digit off, two parts equal, the year equal.
    Date,
    /// A word of a list, such as sex: equal or not.
    Exact,
    /// Other text, such as an address: equal, or alike in spelling.
    Text,
    /// An identifier that a person has alone. It tells the members of a household apart.
    Identifier,
}

/// Thresholds on calibrated probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinkThresholds {
    /// Pairs at least this probable are linked. `null`: none is linked without somebody's look. From one half on, more
    /// links are expected to be right than wrong at every step, which is where the harmonic mean of precision and
    /// recall is best.
    pub link: Option<f64>,
    /// Pairs at least this probable, and not linked, become the work list of clerical review.
    pub review: f64,
}

impl Default for LinkThresholds {
    fn default() -> Self {
        Self { link: Some(0.5), review: 0.1 }
    }
}

/// Bloom filters of letter pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterEncoding {
    /// Bits of a filter: a power of two, 64 to 16384.
    pub bits: u32,
    /// Bits set by each pair of letters.
    pub hashes: u32,
    /// How often a filter of `bits` times two is folded onto itself by exclusive or.
    pub folds: u32,
    /// The probability with which a bit is replaced by a random one.
    pub flips: f64,
    /// One filter for all compared fields together instead of one for each: similar spellings then count as a whole.
    pub record: bool,
}

impl Default for FilterEncoding {
    fn default() -> Self {
        Self { bits: 512, hashes: 8, folds: 0, flips: 0.0, record: false }
    }
}
