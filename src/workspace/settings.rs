//! `config/accord.yaml`: where things are and how much of the machine a run may use.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::{ByteSize, Ordered, SecretRef};

/// The installation: storages, keyring, engine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The compact's name, shown on plans and pages.
    pub name: String,
    /// Where extracts are: where partners put them, and where those are laid down that are fetched from `partners`.
    pub extracts: StorageConfig,
    /// Partners whose extracts are fetched from elsewhere, by the `partner` of their contracts. Nothing is ever written
    /// there.
    #[serde(default)]
    pub partners: Ordered<PartnerStorage>,
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

/// Where a partner's extracts are fetched from. A type of its own: what holds Accord's own files must promise more than
/// most of these can (see [`StorageConfig`]).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum PartnerStorage {
    /// A folder, relative to the workspace, such as a mounted drop box.
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
        /// Certificates of the authorities to trust, and no others (PEM); relative to the workspace.
        #[serde(default)]
        ca_file: Option<PathBuf>,
    },
    /// A Google Cloud Storage bucket.
    Gcs {
        /// The bucket's name.
        bucket: String,
        /// The folder within the bucket; the whole bucket where it is left out.
        #[serde(default)]
        prefix: Option<String>,
        /// The server's address, where it is not Google's.
        #[serde(default)]
        endpoint: Option<SecretRef>,
        /// What opens it.
        credential: GcsCredential,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// The storage account's name.
        account: SecretRef,
        /// The container.
        container: String,
        /// The folder within the container; the whole container where it is left out.
        #[serde(default)]
        prefix: Option<String>,
        /// The server's address, where it is not `https://ACCOUNT.blob.core.windows.net`.
        #[serde(default)]
        endpoint: Option<SecretRef>,
        /// What opens it.
        credential: AzureCredential,
    },
    /// A WebDAV server (Nextcloud, SharePoint gateways, Apache).
    Webdav {
        /// The address of the folder, such as `https://files.example.org/dav/outbox`.
        endpoint: SecretRef,
        /// The account.
        #[serde(default)]
        login: Option<WebLogin>,
        /// Certificates of the authorities to trust, and no others (PEM); relative to the workspace.
        #[serde(default)]
        ca_file: Option<PathBuf>,
    },
    /// Files at known addresses. There is no listing: `from` of a source names its file.
    Https {
        /// The address that `from` is relative to, such as `https://data.example.org/exports`.
        endpoint: SecretRef,
        /// The account.
        #[serde(default)]
        login: Option<WebLogin>,
        /// Certificates of the authorities to trust, and no others (PEM); relative to the workspace.
        #[serde(default)]
        ca_file: Option<PathBuf>,
    },
    /// An SFTP server, through the system's `ssh`. Keys only, and only a server whose host key is known.
    Sftp {
        /// `HOST` or `HOST:PORT`.
        endpoint: SecretRef,
        /// The account.
        user: SecretRef,
        /// The file of the private key, relative to the workspace; readable by its owner alone, without a passphrase.
        key_file: PathBuf,
        /// The file of known host keys, relative to the workspace. `ssh-keyscan -p PORT HOST` writes one; before it is
        /// used, compare `ssh-keygen -lf FILE` with the partner by phone.
        known_hosts: PathBuf,
        /// The folder; the account's home where it is left out.
        #[serde(default)]
        root: Option<String>,
    },
}

/// What opens a Google Cloud Storage bucket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GcsCredential {
    /// A service account's key, as Google hands it out (JSON).
    ServiceAccount(SecretRef),
    /// An access token (OAuth 2), renewed by somebody else.
    Token(SecretRef),
}

/// What opens a container of Azure Blob Storage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AzureCredential {
    /// A shared access signature. Ask the partner for one that may read and list, and nothing else.
    SasToken(SecretRef),
    /// The account's key. It may do everything.
    AccountKey(SecretRef),
}

/// An account of a web server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebLogin {
    /// A name and a password.
    Password {
        /// The name.
        user: SecretRef,
        /// The password.
        password: SecretRef,
    },
    /// A bearer token.
    Token {
        /// The token.
        token: SecretRef,
    },
}

impl PartnerStorage {
    /// Whether it can say what is there.
    #[must_use]
    pub fn lists(&self) -> bool {
        !matches!(self, Self::Https { .. })
    }

    /// Its `type` in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fs { .. } => "fs",
            Self::S3 { .. } => "s3",
            Self::Gcs { .. } => "gcs",
            Self::Azure { .. } => "azure",
            Self::Webdav { .. } => "webdav",
            Self::Https { .. } => "https",
            Self::Sftp { .. } => "sftp",
        }
    }
}

/// The folder of wrapped keys: one per agreement and epoch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyringConfig {
    /// The folder, relative to the workspace.
    pub directory: PathBuf,
    /// What wraps the keys in it and opens them.
    pub unlock: Unlock,
    /// What wrapped them before, while keys move: `accord keys rewrap` takes them from here to `unlock`. Nothing else reads
    /// it but `accord keys destroy`, which destroys copies here as well. Take it out when `rewrap` is done.
    #[serde(default)]
    pub formerly: Vec<Unlock>,
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
    /// Memory for queries, and before them for what intake remembers of rows; beyond it both spill to disk.
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
