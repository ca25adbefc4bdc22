//! The workspace: what operators, stewards and authors write, read strictly, checked and resolved.
//! One file per concept.

mod agreement;
mod check;
mod contract;
mod diagnose;
mod document;
mod linkage;
mod load;
mod method;
mod odcs;
mod pipeline;
mod resolved;
mod roles;
mod schema;
mod secrets;
mod settings;
mod shape;
mod types;

pub use agreement::{
    Agreement, AgreementStatus, Approvals, DataClause, Effective, Keep, LegalBasis, NotBy, Outputs, Party, PartyRole,
    Protection, Required, Retention, VaultClause,
};
pub use contract::{
    ActionField, BooleanWords, Bound, CheckDigit, Clean, ColumnPlace, Comparison, Compression, ConsistencyDecision,
    Contract, DateFormat, Delivering, DeliveryMode, EFFECTIVE_UNTIL, Encoding, ExtraColumns, Field, Format,
    FreshnessLimits, Length, LogicalType, Normaliser, Operand, OtherLayout, Picture, PictureContent, PictureSign,
    PlaceholderAction, Placeholders, Position, Rule, SNAPSHOT_DATE, Thresholds, UnknownKeys, WhenMissing,
};
pub(crate) use diagnose::nearest_word;
pub use diagnose::{Finding, Findings, SourceText};
pub use document::Document;
pub use linkage::{CompareAs, FilterEncoding, LinkThresholds, Probabilistic};
pub use load::{contract, load, parse, read};
pub use method::{CellKey, Method, MethodName, Rounding};
pub use pipeline::{
    Assignment, Dimension, Disclosure, Homogeneous, Identity, Insider, Level, Link, LinkRule, Measure, Pick, Pipeline,
    Release, Source, Table, Window, Zeros,
};
pub use resolved::{LinkFiles, Model, ResolvedPipeline, ResolvedSource, Workspace, find_root};
pub use roles::{Operator, PublicKeyRef, Recipient, Roles, Steward};
pub use schema::{schema_text, schemas};
pub use secrets::{Secrets, WorkspaceSecrets};
pub use settings::{
    AwsKms, AzureCredential, EngineConfig, GcsCredential, KeyringConfig, PartnerStorage, Settings, StorageConfig,
    Unlock, VaultTransit, WebLogin,
};
pub use types::{ByteSize, Days, Ordered, SecretRef, Share};

#[cfg(test)]
mod tests;
