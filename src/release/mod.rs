//! The release step: protected cells become a candidate, stewards decide on it, and what they approved is published.
//!
//! A candidate is a folder of the state storage that holds the very bytes to be published and, beside them, what only
//! stewards see. Its state is nowhere written down: it follows from the ledger, the agreement and the day
//! ([`standing`]). [`publish`] takes an [`ApprovedCandidate`], which only the check of all approvals, files and digests
//! can make. What is published can be verified by anyone with the bucket alone ([`verify`]).
//!
//! | file | concept |
//! |---|---|
//! | `input` | what a run hands over |
//! | `files/` | Parquet, codebook, data package, checksums; and reading them back |
//! | `candidate` | the content-addressed folder |
//! | `ledger`, `event`, `chain` | the append-only, hash-chained record, its entries, the check of its chain |
//! | `method` | how figures are protected, and what that promises, in words |
//! | `keys`, `approval` | stewards' keys; the message that is signed |
//! | `two_stewards` | what two stewards must sign before it happens |
//! | `destruction`, `vault` | the death of an agreement's keys; the opening of its vault |
//! | `state`, `context` | where a candidate stands; what every decision needs to know |
//! | `approved` | the proof that a candidate may be published |
//! | `actions`, `withdraw` | approve, return, reject, comment; taking back |
//! | `publish`, `version` | publishing, and the layout of what is published |
//! | `public`, `proof` | published tables as disclosure control takes them; the certificate of a release |
//! | `verify`, `table_checks`, `diff` | checks of a published version; differences between two releases |

mod actions;
mod approval;
mod approved;
mod candidate;
mod chain;
mod context;
mod destruction;
mod diff;
mod digest;
mod event;
pub mod files;
mod input;
mod keys;
mod ledger;
mod method;
mod proof;
mod public;
mod publish;
mod state;
mod table_checks;
mod two_stewards;
mod vault;
mod verify;
mod version;
mod withdraw;

#[cfg(test)]
mod tests;

pub use actions::{approve, comment, reject, return_};
pub use approval::{Decision, SignedFields, verify_approval};
pub use approved::ApprovedCandidate;
pub use candidate::{Candidate, Manifest, ManifestFile, ManifestTable, lay_down, list};
pub use chain::{Finding, FindingKind, LedgerReport};
pub use context::Context;
pub use destruction::{
    Destroyer, Destruction, check_none_lost, destroyed_keys, living_key, open_order, recorded_fingerprint,
    recorded_keys, verify_destruction,
};
pub use diff::{Difference, TableDifference, diff, diff_tables};
pub(crate) use digest::sha256_hex;
pub use event::{
    DestructionOrder, DestructionStage, DoomedKey, Entry, Event, Signed, StewardSignature, Target, VaultOrder,
};
pub use input::{CandidateInput, DimensionColumn, MeasureColumn, MeasureKind, MeasureValues, OutputTable, SourceNote};
pub use keys::{Identity, StewardKey, Stewards};
pub use ledger::Ledger;
pub use method::Method;
pub use proof::{FolderReport, Proof, certificate, verify_folder};
pub(crate) use proof::{check as check_certificate, digest_of};
pub use public::{EarlierTable, public_table, published_tables};
pub use publish::{Published, publish};
pub use state::{Standing, State, VoidDecision, known_candidates, standing};
pub use two_stewards::{Order, Orderer, Pending, Seen};
pub use vault::{Opening, VaultDesk, vault_folder, write_vault};
pub use verify::{Check, VerifyReport, verify};
pub use version::{
    Latest, PublicApproval, ReleaseRecord, WithdrawnVersion, folder as version_folder, latest, not_beside,
    over_the_same,
};
pub use withdraw::withdraw;
