//! The workspace: what operators, stewards and authors write, read strictly, checked and resolved.
//! One file per concept.

mod agreement;
mod contract;
mod pipeline;
mod roles;
mod secrets;
mod settings;
mod types;

pub use agreement::{
    Agreement, AgreementStatus, Approvals, DataClause, Effective, Keep, LegalBasis, NotBy, Outputs, Party, PartyRole,
    Required, Retention,
};
pub use contract::{
    BooleanWords, Clean, Compression, ConsistencyDecision, Contract, DateFormat, Encoding, ExtraColumns, Field, Format,
    LogicalType, Normaliser, PlaceholderAction, Placeholders, Position, Rule, Thresholds,
};
pub use pipeline::{
    Assignment, Dimension, Disclosure, Homogeneous, Identity, Level, Link, LinkRule, Measure, Pick, Pipeline, Release,
    Source, Table, Zeros,
};
pub use roles::{Operator, PublicKeyRef, Recipient, Roles, Steward};
pub use secrets::{Secrets, WorkspaceSecrets};
pub use settings::{EngineConfig, KeyringConfig, Settings, StorageConfig, Unlock};
pub use types::{ByteSize, Days, Ordered, SecretRef, Share};
