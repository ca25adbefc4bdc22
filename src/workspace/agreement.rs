//! `config/agreements/*.yaml`: who may use which fields for which purpose, until when, released to whom.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::method::MethodName;
use super::pipeline::{Homogeneous, Insider, Level};
use super::types::{Days, Ordered};

/// A data-sharing agreement.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its id; the file is named after it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether it may be used.
    pub status: AgreementStatus,
    /// The exception or licence that makes the sharing lawful.
    pub legal_basis: LegalBasis,
    /// The days on which it is in force, both included.
    pub effective: Effective,
    /// The institutions that signed it.
    pub parties: Ordered<Party>,
    /// The purposes it allows, each with its description.
    pub purposes: Ordered<String>,
    /// What may be read, contract by contract.
    pub data: Vec<DataClause>,
    /// What may be published.
    pub outputs: Outputs,
    /// Who must say yes.
    pub approvals: Approvals,
    /// How long things are kept.
    pub retention: Retention,
    /// Whether, and for what, it is kept whom a pseudonym stands for. Without this clause it is not.
    #[serde(default)]
    pub vault: Option<VaultClause>,
}

/// The re-identification vault: identifiers, sealed, which two stewards open together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultClause {
    /// What it is for.
    pub purpose: String,
    /// The contracts whose people it holds.
    pub contracts: Vec<String>,
}

/// Where an agreement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgreementStatus {
    /// Not signed yet.
    Draft,
    /// Signed.
    Active,
    /// Stopped for now.
    Suspended,
    /// Over.
    Ended,
}

/// The exception or licence under which records are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LegalBasis {
    /// Studies for or on behalf of schools, 34 CFR 99.31(a)(6).
    FerpaStudies,
    /// Audit or evaluation of education programmes, 34 CFR 99.31(a)(3) and 99.35.
    FerpaAuditEvaluation,
    /// School official with a legitimate educational interest, 34 CFR 99.31(a)(1).
    FerpaSchoolOfficial,
    /// Consent of the parent or eligible student, 34 CFR 99.30.
    Consent,
    /// Data that its publisher has released under an open licence.
    OpenLicence,
}

/// First and last day.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effective {
    /// First day in force.
    #[schemars(with = "String", extend("format" = "date"))]
    pub from: Date,
    /// Last day in force.
    #[schemars(with = "String", extend("format" = "date"))]
    pub until: Date,
}

/// One of the institutions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// What it does under the agreement.
    pub role: Vec<PartyRole>,
}

/// What a party does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyRole {
    /// Delivers extracts.
    Provider,
    /// Receives releases.
    Recipient,
}

/// Which fields of one contract may be used, and for what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataClause {
    /// The contract.
    pub contract: String,
    /// The clause of the signed text, such as `Exhibit A, 1`.
    #[serde(default)]
    pub clause: Option<String>,
    /// The purposes of this clause; all purposes of the agreement where it is left out.
    #[serde(default)]
    pub purposes: Option<Vec<String>>,
    /// Fields that only the identity step sees; gone after it.
    #[serde(default)]
    pub link: Vec<String>,
    /// Fields that SQL may read.
    #[serde(default)]
    pub analyse: Vec<String>,
}

/// What may be published.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// The smallest count of people that may be shown: a floor that pipelines may raise.
    pub minimum_cell: u64,
    /// Complementary suppression is always required; the word stands here so that the signed text says it.
    pub complementary_suppression: Required,
    /// The least protection of every table: a floor as well. What is left out is asked at its strictest.
    #[serde(default)]
    pub protection: Protection,
    /// The dimensions that tables may have.
    pub dimensions: Vec<String>,
    /// Who may receive releases.
    pub recipients: Vec<String>,
}

/// The least protection of every table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Protection {
    /// The methods of which pipelines may choose; where it is left out, they may hide figures and nothing else.
    pub methods: Vec<MethodName>,
    /// The least that must stay open about a hidden cell.
    pub level: Level,
    /// Whether pipelines may show groups in which nobody or everybody is counted.
    pub homogeneous: Homogeneous,
    /// Whether those who know that they are counted must be kept from computing a protected figure.
    pub contributor: bool,
    /// What becomes of a release from which an insider of the rule can compute a figure; pipelines may refuse it in any
    /// case.
    pub insider: Insider,
}

impl Default for Protection {
    fn default() -> Self {
        Self {
            methods: vec![MethodName::Suppression],
            level: Level::Full,
            homogeneous: Homogeneous::Hide,
            contributor: true,
            insider: Insider::Report,
        }
    }
}

/// The one word `required`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// It must be done.
    Required,
}

/// Who must say yes before anything is published.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// How many stewards.
    pub required: usize,
    /// Parties of which at least one steward each must approve.
    #[serde(default)]
    pub one_from_each: Vec<String>,
    /// Who may not approve.
    #[serde(default)]
    pub not_by: Vec<NotBy>,
    /// When an unanswered candidate is rejected.
    pub expires_after: Days,
}

/// Who may not approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotBy {
    /// Whoever started the run that made the candidate.
    RunAuthor,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Extracts as delivered.
    pub extracts: Keep,
    /// Quarantined rows.
    pub quarantine: Keep,
    /// Pseudonymized rows.
    pub pseudonymized: Keep,
}

/// A number of days (`30d`) or `until_agreement_ends`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// That many days.
    For(Days),
    /// As long as the agreement is in force.
    UntilAgreementEnds,
}

impl Serialize for Keep {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Keep::For(days) => days.serialize(serializer),
            Keep::UntilAgreementEnds => serializer.serialize_str("until_agreement_ends"),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "until_agreement_ends" {
            return Ok(Keep::UntilAgreementEnds);
        }
        text.strip_suffix('d').and_then(|digits| digits.parse().ok()).map(|days| Keep::For(Days(days))).ok_or_else(
            || {
                serde::de::Error::invalid_value(
                    serde::de::Unexpected::Str(&text),
                    &"a number of days such as 30d, or until_agreement_ends",
                )
            },
        )
    }
}

impl JsonSchema for Keep {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Keep".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([0-9]+d|until_agreement_ends)$",
            "description": "a number of days such as 30d, or until_agreement_ends"
        })
    }
}

impl Agreement {
    /// Whether the agreement is in force on `day`.
    #[must_use]
    pub fn in_force_on(&self, day: Date) -> bool {
        self.status == AgreementStatus::Active && self.effective.from <= day && day <= self.effective.until
    }

    /// Whether the vault holds the people of `contract`.
    #[must_use]
    pub fn in_vault(&self, contract: &str) -> bool {
        self.vault.iter().any(|vault| vault.contracts.iter().any(|one| one == contract))
    }

    /// The clause for `contract`, where it covers `purpose`.
    #[must_use]
    pub fn clause(&self, contract: &str, purpose: &str) -> Option<&DataClause> {
        self.data.iter().find(|clause| {
            clause.contract == contract
                && clause.purposes.as_ref().is_none_or(|purposes| purposes.iter().any(|one| one == purpose))
        })
    }
}
