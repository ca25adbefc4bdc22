//! What the ledger records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One entry: one file of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 1 without a gap; the file is named after it.
    pub seq: u64,
    /// SHA-256 of the bytes of the entry before, 64 zeros for the first.
    pub previous: String,
    /// When it was written.
    pub at: Timestamp,
    /// The account that did it.
    pub actor: String,
    /// What was done.
    pub event: Event,
}

/// What was done. No variant holds a value of a person or a count of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A run ended.
    Run {
        /// The run's id.
        run: String,
        /// The pipeline.
        pipeline: String,
        /// The agreement.
        agreement: String,
        /// How it ended, such as `candidate`, `unchanged` or `failed`.
        outcome: String,
        /// The plan that it carried out.
        plan_digest: String,
        /// Fingerprint of extracts, configuration and keys.
        inputs_digest: String,
        /// Rows in and out of each step.
        books: serde_json::Value,
    },
    /// A candidate was put before the stewards. The same candidate again is a new round: earlier decisions are void.
    Candidate {
        /// The pipeline.
        pipeline: String,
        /// The candidate's id.
        candidate: String,
        /// The candidate's digest.
        digest: String,
        /// The plan that made it.
        plan_digest: String,
        /// The agreement.
        agreement: String,
        /// The agreement's digest.
        agreement_digest: String,
        /// The run that made it.
        run: Option<String>,
    },
    /// Someone said something about a candidate.
    Comment {
        /// The candidate.
        target: Target,
        /// What was said.
        text: String,
    },
    /// A steward said yes.
    Approval {
        /// The candidate.
        target: Target,
        /// The steward's signature.
        signed: Signed,
    },
    /// A steward sent it back to be made anew.
    Return {
        /// The candidate.
        target: Target,
        /// Why.
        reason: String,
        /// The steward's signature.
        signed: Signed,
    },
    /// A steward said no.
    Rejection {
        /// The candidate.
        target: Target,
        /// Why.
        reason: String,
        /// The steward's signature.
        signed: Signed,
    },
    /// A candidate, or a published version, was taken back.
    Withdrawal {
        /// The candidate.
        target: Target,
        /// The version, where it was published.
        version: Option<u32>,
        /// Why.
        reason: String,
        /// The steward's signature; an operator may take back what is not published without one.
        signed: Option<Signed>,
    },
    /// A version was published.
    Publication {
        /// The candidate.
        target: Target,
        /// The version.
        version: u32,
        /// SHA-256 of its `RELEASE.json`.
        record_digest: String,
    },
    /// Somebody decided about rows in quarantine.
    QuarantineResolution {
        /// The pipeline.
        pipeline: String,
        /// The source.
        source: String,
        /// The agreement.
        agreement: String,
        /// What: `dropped`, `corrected` or `reopened`.
        decision: String,
        /// How many rows.
        rows: u64,
        /// Why.
        reason: String,
        /// SHA-256 of the deliveries that the rows came in.
        deliveries: Vec<String>,
        /// The file in the state storage that says about which rows, encrypted.
        file: String,
        /// SHA-256 of its bytes.
        digest: String,
    },
    /// Rows in quarantine were written out in clear.
    QuarantineExport {
        /// The pipeline.
        pipeline: String,
        /// The source.
        source: String,
        /// The agreement.
        agreement: String,
        /// How many rows.
        rows: u64,
    },
    /// A key was made.
    KeyCreated {
        /// The agreement.
        agreement: String,
        /// The generation of the key.
        epoch: u32,
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// A steward orders that keys of an agreement be destroyed. Two of them are needed.
    KeyDestructionOrder {
        /// What is to be destroyed, and why.
        order: DestructionOrder,
        /// The steward's signature.
        signed: Signed,
    },
    /// Keys are destroyed. From the first of these entries on they are refused, wherever a copy may be.
    KeyDestruction {
        /// Whether it has begun or is done.
        stage: DestructionStage,
        /// What was ordered.
        order: DestructionOrder,
        /// By whom.
        signatures: Vec<StewardSignature>,
        /// Every copy: those found where it has begun, those removed where it is done.
        copies: Vec<String>,
    },
    /// A steward orders that seals of the vault be opened. Two of them are needed.
    VaultOrder {
        /// What is to be opened, and why.
        order: VaultOrder,
        /// The steward's signature.
        signed: Signed,
    },
    /// Seals of the vault were opened.
    VaultOpening {
        /// What was ordered.
        order: VaultOrder,
        /// By whom.
        signatures: Vec<StewardSignature>,
    },
    /// Data were destroyed.
    DataDestruction {
        /// The agreement.
        agreement: String,
        /// What: `extracts`, `quarantine` or `pseudonymized`.
        what: String,
        /// How many files.
        files: u64,
        /// How.
        method: String,
        /// Why.
        reason: String,
    },
}

/// Exactly what a decision is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The pipeline.
    pub pipeline: String,
    /// The candidate's id.
    pub candidate: String,
    /// The number of the ledger entry that put it before the stewards.
    pub round: u64,
    /// The candidate's digest.
    pub digest: String,
    /// The plan's digest.
    pub plan_digest: String,
    /// The agreement's digest.
    pub agreement_digest: String,
}

/// Keys that are to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestructionOrder {
    /// The agreement.
    pub agreement: String,
    /// Its keys that are to go.
    pub keys: Vec<DoomedKey>,
    /// Why.
    pub reason: String,
}

/// A key that is to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoomedKey {
    /// The generation of the key.
    pub epoch: u32,
    /// The key's fingerprint.
    pub fingerprint: String,
}

/// Seals of the vault that are to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultOrder {
    /// The agreement.
    pub agreement: String,
    /// The pipeline.
    pub pipeline: String,
    /// The source.
    pub source: String,
    /// Digests of the pseudonyms.
    pub people: Vec<String>,
    /// Why.
    pub reason: String,
}

/// How far a destruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestructionStage {
    /// Copies may still be there.
    Begun,
    /// No copy is left that could be reached.
    Done,
}

/// Who signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StewardSignature {
    /// The steward.
    pub steward: String,
    /// The signature.
    pub signed: Signed,
}

/// A steward's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The party that the steward speaks for.
    pub party: String,
    /// The Ed25519 public key, 64 hexadecimal digits.
    pub public_key: String,
    /// The Ed25519 signature, 128 hexadecimal digits.
    pub signature: String,
}

impl Event {
    /// What a decision is about, where it is one.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Event::Comment { target, .. }
            | Event::Approval { target, .. }
            | Event::Return { target, .. }
            | Event::Rejection { target, .. }
            | Event::Withdrawal { target, .. }
            | Event::Publication { target, .. } => Some(target),
            _ => None,
        }
    }
}
