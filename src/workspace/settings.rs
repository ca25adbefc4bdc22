//! `config/accord.yaml`: where things are and how much of the machine a run may use.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::{ByteSize, SecretRef};

/// The installation: storages, keyring, engine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The compact's name, shown on plans and pages.
    pub name: String,
    /// Where partners put their extracts.
    pub extracts: StorageConfig,
    /// Where Accord keeps staging, quarantine, candidates and the ledger.
    pub state: StorageConfig,
    /// Where releases are published.
    pub published: StorageConfig,
    /// The keys of the agreements.
    pub keyring: KeyringConfig,
    /// The query engine.
    #[serde(default)]
    pub engine: EngineConfig,
}

/// A storage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum StorageConfig {
    /// A folder, relative to the workspace.
    Fs {
        /// The folder.
        root: PathBuf,
    },
    /// An S3 bucket, or any server that speaks S3.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The folder within the bucket; the whole bucket where it is left out.
        #[serde(default)]
        prefix: Option<String>,
        /// The region, such as `us-west-2`.
        region: String,
        /// The server's address, where it is not AWS.
        #[serde(default)]
        endpoint: Option<SecretRef>,
        /// The access key's id.
        access_key_id: SecretRef,
        /// The access key's secret.
        secret_access_key: SecretRef,
    },
}

/// The folder of wrapped keys: one per agreement and epoch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyringConfig {
    /// The folder, relative to the workspace.
    pub directory: PathBuf,
    /// What wraps the keys in it and opens them.
    pub unlock: Unlock,
    /// Others for whom each key is wrapped besides: age recipients (`age1…`), as `accord keys export-recipient` prints
    /// them. After a change, `accord keys rewrap` wraps the keys that are there anew.
    #[serde(default)]
    pub recipients: Vec<String>,
}

/// What opens a wrapped key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unlock {
    /// An age passphrase.
    Passphrase(SecretRef),
    /// An age identity (`AGE-SECRET-KEY-1…`).
    Identity(SecretRef),
    /// AWS KMS.
    AwsKms(AwsKms),
    /// The transit engine of HashiCorp Vault.
    VaultTransit(VaultTransit),
}

/// AWS KMS. Each key of the keyring gets a KMS key of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsKms {
    /// The region, such as `us-west-2`.
    pub region: String,
    /// The service's address, where it is not the region's usual one.
    #[serde(default)]
    pub endpoint: Option<SecretRef>,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The access key's secret.
    pub secret_access_key: SecretRef,
    /// The session's token, for credentials that end.
    #[serde(default)]
    pub session_token: Option<SecretRef>,
}

/// The transit engine of HashiCorp Vault. Each key of the keyring gets a transit key of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultTransit {
    /// Vault's address, such as `https://vault.example.org:8200`.
    pub address: SecretRef,
    /// The token.
    pub token: SecretRef,
    /// Where the engine is mounted.
    #[serde(default = "transit")]
    pub mount: String,
    /// The namespace, where Vault has them.
    #[serde(default)]
    pub namespace: Option<String>,
}

fn transit() -> String {
    "transit".to_owned()
}

/// What the query engine may use.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Memory for queries; beyond it they spill to disk.
    pub memory_limit: ByteSize,
    /// Folder for spill files, relative to the workspace; emptied at the start of each run.
    pub spill_directory: PathBuf,
    /// Threads; all cores where it is left out.
    pub threads: Option<usize>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { memory_limit: ByteSize(1 << 30), spill_directory: PathBuf::from("var/spill"), threads: None }
    }
}
