//! A small world: two stewards of two parties, a third who has a namesake among the operators, one pipeline.

use std::path::Path;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde_json::json;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::release::*;
use crate::storage::Store;
use crate::workspace::{
    Agreement, AgreementStatus, Approvals, Days, Effective, Keep, LegalBasis, NotBy, Operator, Ordered, Outputs, Party,
    PartyRole, Protection, PublicKeyRef, Required, Retention, Roles, Steward,
};

pub(super) const PIPELINE: &str = "college_going";
pub(super) const ANNA: &str = "anna";
pub(super) const BEN: &str = "ben";
pub(super) const CARA: &str = "cara";
pub(super) const NIGHT: &str = "night";

pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) state: Store,
    pub(super) published: Store,
    pub(super) roles: Roles,
    pub(super) agreement: Agreement,
    pub(super) agreement_digest: String,
    pub(super) now: Timestamp,
    pub(super) today: Date,
}

fn clock() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

pub(super) fn key(of: &str) -> StewardKey {
    let seed = of.bytes().fold(7_u64, |seed, byte| seed * 31 + u64::from(byte));
    StewardKey::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn ordered<V>(entries: impl IntoIterator<Item = (&'static str, V)>) -> Ordered<V> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn steward(id: &str, party: &str) -> Steward {
    Steward {
        title: format!("Steward {id}"),
        party: party.to_owned(),
        public_key: PublicKeyRef::Ed25519(key(id).public_key()),
    }
}

fn agreement() -> Agreement {
    let party = |name: &str| Party { name: name.to_owned(), role: vec![PartyRole::Provider] };
    Agreement {
        id: "district-college".to_owned(),
        title: "College-going outcomes".to_owned(),
        status: AgreementStatus::Active,
        legal_basis: LegalBasis::FerpaStudies,
        effective: Effective { from: date(2026, 7, 1), until: date(2028, 6, 30) },
        parties: ordered([("district", party("The district")), ("college", party("The college"))]),
        purposes: ordered([("college_going", "Report it".to_owned())]),
        data: Vec::new(),
        outputs: Outputs {
            minimum_cell: 11,
            complementary_suppression: Required::Required,
            protection: Protection::default(),
            dimensions: vec!["school".to_owned()],
            recipients: vec!["analysts".to_owned()],
        },
        approvals: Approvals {
            required: 2,
            one_from_each: vec!["district".to_owned(), "college".to_owned()],
            not_by: vec![NotBy::RunAuthor],
            expires_after: Days(14),
        },
        retention: Retention {
            extracts: Keep::For(Days(30)),
            quarantine: Keep::For(Days(30)),
            pseudonymized: Keep::UntilAgreementEnds,
        },
        vault: None,
    }
}

impl World {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let open = |name: &str| Store::open_folder(&folder.path().join(name), clock).unwrap();
        let (state, published) = (open("state"), open("published"));
        let operator = |title: &str| Operator { title: title.to_owned() };
        let stewards = [
            (ANNA, steward(ANNA, "district")),
            (BEN, steward(BEN, "college")),
            (CARA, steward(CARA, "district")),
            ("eve", steward("eve", "elsewhere")),
        ];
        let roles = Roles {
            operators: ordered([(NIGHT, operator("The nightly job")), (CARA, operator("Cara at the keyboard"))]),
            stewards: ordered(stewards),
            recipients: ordered([]),
        };
        Self {
            state,
            published,
            roles,
            agreement: agreement(),
            agreement_digest: "a".repeat(64),
            now: "2026-11-02T09:00:00Z".parse().unwrap(),
            today: date(2026, 11, 2),
            folder,
        }
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            state: &self.state,
            published: &self.published,
            roles: &self.roles,
            agreement: &self.agreement,
            agreement_digest: &self.agreement_digest,
            now: self.now,
            today: self.today,
            root: self.folder.path(),
        }
    }

    pub(super) fn pass_days(&mut self, days: i64) {
        self.now += SignedDuration::from_hours(24 * days);
        self.today = self.today.saturating_add(jiff::Span::new().days(days));
    }

    /// A run by `author` that ends in a candidate.
    pub(super) async fn run(&self, author: &str, input: &CandidateInput) -> Candidate {
        let candidate = lay_down(&self.state, input).await.unwrap();
        self.context().ledger().append(self.now, author, candidate.event(None)).await.unwrap();
        candidate
    }

    pub(super) async fn approve(&self, candidate: &Candidate, steward: &str) -> Result<Standing> {
        approve(&self.context(), PIPELINE, &candidate.id, steward, &key(steward)).await
    }

    /// A candidate that both parties approved.
    pub(super) async fn approved(&self, input: &CandidateInput) -> Candidate {
        let candidate = self.run(NIGHT, input).await;
        self.approve(&candidate, ANNA).await.unwrap();
        self.approve(&candidate, BEN).await.unwrap();
        candidate
    }

    pub(super) async fn publish(&self, candidate: &Candidate) -> Result<Published> {
        publish(&self.context(), PIPELINE, &candidate.id, NIGHT).await
    }

    pub(super) async fn state_of(&self, candidate: &Candidate) -> State {
        self.context().case(PIPELINE, &candidate.id).await.unwrap().standing.state
    }

    /// Appends an event past all checks, as someone could who can write the storage.
    pub(super) async fn smuggle(&self, actor: &str, event: Event) {
        self.context().ledger().append(self.now, actor, event).await.unwrap();
    }
}

pub(super) fn code(result: Result<impl std::fmt::Debug>) -> &'static str {
    result.map_err(|error: Error| error.code()).unwrap_err()
}

/// Every file below `folder` with its bytes, by path.
pub(super) fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap_io) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                files.push((name, std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    files.sort();
    files
}

trait UnwrapIo {
    fn unwrap_io(self) -> std::fs::DirEntry;
}

impl UnwrapIo for std::io::Result<std::fs::DirEntry> {
    fn unwrap_io(self) -> std::fs::DirEntry {
        self.unwrap()
    }
}

const SHOWN: &str = "published";
const SMALL: &str = "primary: minimum cell";
const OTHER: &str = "complementary";

/// Three schools and their total, two cohorts; a small cell, the one that protects it, and an empty school.
pub(super) fn input() -> CandidateInput {
    let count = |name: &str| MeasureColumn {
        name: name.to_owned(),
        kind: MeasureKind::Count,
        description: Some(format!("Students counted as {name}")),
        suppressed_rule: "fewer than 11 people, or another figure would give away such a group".to_owned(),
        counted: name.to_owned(),
        of: (name != "graduates").then(|| "graduates".to_owned()),
        is_part: false,
    };
    let rate = MeasureColumn {
        name: "rate".to_owned(),
        kind: MeasureKind::Rate { decimals: 1, numerator: "enrolled".to_owned(), denominator: "graduates".to_owned() },
        description: None,
        suppressed_rule: "one of its counts is hidden".to_owned(),
        counted: String::new(),
        of: None,
        is_part: false,
    };
    let keys = |values: [&str; 5]| values.map(str::to_owned).to_vec();
    let graduates = vec![Some(100), None, None, Some(0), Some(180)];
    let enrolled = vec![Some(51), None, None, Some(0), Some(91)];
    let rates = vec![Some(51.0), None, None, None, Some(50.6)];
    let reasons = vec![SHOWN, SMALL, OTHER, SHOWN, SHOWN];
    let table = OutputTable {
        name: "by_school".to_owned(),
        title: "Enrolment by school, \"all\" cohorts".to_owned(),
        description: Some("Graduates, and how many of them enrolled".to_owned()),
        counts: "person".to_owned(),
        universe: "graduates".to_owned(),
        dimensions: vec![
            DimensionColumn {
                name: "cohort_year".to_owned(),
                description: Some("School year of graduation".to_owned()),
                labels: Vec::new(),
                total: None,
                within: None,
            },
            DimensionColumn {
                name: "school".to_owned(),
                description: None,
                labels: vec![
                    ("0001".to_owned(), "First <High>".to_owned()),
                    ("0002".to_owned(), "Second".to_owned()),
                    ("0003".to_owned(), "Third".to_owned()),
                    ("0004".to_owned(), "New".to_owned()),
                ],
                total: Some("All".to_owned()),
                within: None,
            },
        ],
        measures: vec![count("graduates"), count("enrolled"), rate],
        keys: vec![keys(["2025"; 5]), keys(["0001", "0002", "0003", "0004", "All"])],
        values: vec![MeasureValues::Counts(graduates), MeasureValues::Counts(enrolled), MeasureValues::Rates(rates)],
        steward_reasons: vec![reasons.clone(), reasons, vec![SHOWN, "follows", "follows", "follows", SHOWN]],
    };
    CandidateInput {
        pipeline: PIPELINE.to_owned(),
        title: "College going".to_owned(),
        description: Some("Who goes to college".to_owned()),
        agreement: "district-college".to_owned(),
        agreement_title: "College-going outcomes".to_owned(),
        purpose: "college_going".to_owned(),
        legal_basis: "ferpa-studies".to_owned(),
        plan_digest: "b".repeat(64),
        agreement_digest: "a".repeat(64),
        inputs_digest: "c".repeat(64),
        key_fingerprint: "d".repeat(16),
        recipients: vec!["analysts".to_owned()],
        licence: Some("CC-BY-4.0".to_owned()),
        attribution: vec!["The district".to_owned()],
        method: crate::release::Method::Suppression,
        tables: vec![table],
        certificate: None,
        beside: Vec::new(),
        beside_others: std::collections::BTreeMap::new(),
        books: json!({ "intake": { "in": 10, "out": 9 } }),
        audit: json!({ "passed": true }),
        policy: json!({ "minimum_cell": 11 }),
        sources: vec![SourceNote {
            partner: "district".to_owned(),
            contract: "graduates".to_owned(),
            version: "1.0.0".to_owned(),
            title: "Graduates".to_owned(),
        }],
    }
}

/// The same release over other extracts: one figure differs.
pub(super) fn newer_input() -> CandidateInput {
    let mut input = input();
    input.beside = vec![1];
    input.inputs_digest = "e".repeat(64);
    input.tables[0].values[1] = MeasureValues::Counts(vec![Some(52), None, None, Some(0), Some(91)]);
    input.tables[0].values[2] = MeasureValues::Rates(vec![Some(52.0), None, None, None, None]);
    input.tables[0].steward_reasons[2][4] = "follows";
    input
}
