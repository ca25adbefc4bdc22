//! `config/roles.yaml`: operators, stewards with their public keys, and recipients.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::Ordered;

/// Who does what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Accounts that start runs.
    pub operators: Ordered<Operator>,
    /// Accounts that approve.
    pub stewards: Ordered<Steward>,
    /// Groups that receive releases.
    pub recipients: Ordered<Recipient>,
}

/// An account that starts runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// What it is.
    pub title: String,
}

/// An account that approves for one partner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steward {
    /// What it is.
    pub title: String,
    /// The party it speaks for.
    pub party: String,
    /// Its Ed25519 public key.
    pub public_key: PublicKeyRef,
}

/// An Ed25519 public key: 64 hexadecimal digits, here or in a file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicKeyRef {
    /// `{ ed25519: 64 hexadecimal digits }`.
    Ed25519(String),
    /// `{ file: PATH }`, relative to the workspace.
    File(PathBuf),
}

/// A group that receives releases.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// What it is.
    pub title: String,
}
