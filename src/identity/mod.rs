//! The step in which names disappear: typed rows and keys go in; rows that carry keyed pseudonyms and no direct
//! identifier come out, and links between the people of two partners.
//!
//! ```text
//! keyring ─► keys ─┐
//! typed rows ──────┴─► pseudonymize ─► rows for SQL
//!                            └─► people of a source ─► link ─► links for SQL
//! ```
//!
//! Guarantees, each with a test of its name: pseudonyms of two agreements do not join; epochs do not mix (an error, not
//! an empty join); direct identifiers do not leave; ids can't be enumerated without the key; links do not depend on the
//! order of rows; nothing that holds a key or a pseudonym shows it in its `Debug`.
//!
//! Does not protect against: whoever holds the key, and whoever sees the same values before this step.

mod columns;
mod keyed_hash;
mod keyring;
mod keys;
mod link;
mod linkage;
mod locked;
mod normalise;
mod people;
mod pseudonym;
mod pseudonymize;
mod row_key;
#[cfg(test)]
mod tests;
mod vault;
mod wiped;

pub use keyring::{DestroyedKey, DestroyedKeys, KeyInfo, Keyring, Randomness};
pub use keys::{AgreementKeys, KeyId, LinkKey, PseudonymKey, RecordKey, RowKey};
pub use link::{BY_PROBABILITY, LinkReport, Links, RuleReport, link};
pub use linkage::{
    Decision, Estimate, Given, GroupQuality, LinkModel, LinkTrial, LinkageSpec, Phase, ProbabilityReport,
    ProbableLinks, ProbablePairs, Resources, ReviewPair, Watch, cannot_tell_apart, link_by_probability, read_decisions,
};
pub use normalise::{NORMALISER_VERSION, normalise};
pub use people::SourcePeople;
pub use pseudonym::{LinkToken, Pseudonym};
pub use pseudonymize::{LinkEncoding, NO_PERSON, PERSON_COLUMN, PseudonymizedRows, Pseudonymizer};
pub use row_key::RowKeys;
pub use vault::{SealedPeople, VaultKey};
