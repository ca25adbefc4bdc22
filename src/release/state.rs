//! Where a candidate stands, computed from the ledger, the agreement, the stewards' keys and the time alone.
//!
//! Guarantees: silence never becomes a yes; an approval counts only with a valid signature of a steward of a party to
//! the agreement over exactly this candidate, plan, agreement and round; nobody counts twice, nor for their own run
//! where the agreement says so; what was decided stays decided until the candidate is put forward again.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::approval::{Decision, SignedFields, verify_approval};
use super::event::{Entry, Event, Signed, Target};
use super::keys::Stewards;
use crate::workspace::{Agreement, NotBy};

/// Where a candidate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Before the stewards.
    Waiting,
    /// Approved by as many as the agreement asks for; not published yet.
    Approved,
    /// Sent back to be made anew.
    Returned {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// Rejected.
    Rejected {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// Taken back.
    Withdrawn {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
        /// The version, where it had been published.
        version: Option<u32>,
    },
    /// Nobody answered in time, or nobody published it in time.
    Expired,
    /// A newer candidate of the pipeline took its place.
    Superseded {
        /// The newer one's id.
        by: String,
    },
    /// Published.
    Published {
        /// The version.
        version: u32,
    },
}

/// Where a candidate stands, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The state.
    #[serde(flatten)]
    pub state: State,
    /// What decisions are about in this round.
    #[serde(skip)]
    pub target: Target,
    /// Accounts that started a run which made this candidate.
    pub authors: Vec<String>,
    /// When this round began.
    pub since: Timestamp,
    /// When this round ends in a rejection.
    pub expires_at: Timestamp,
    /// Ledger entries and accounts of the approvals that count, in order.
    pub approved_by: Vec<(u64, String)>,
    /// How many approvals the agreement asks for.
    pub required: usize,
    /// Parties of which an approval is still missing.
    pub missing_parties: Vec<String>,
    /// Decisions of this round that do not count, and why.
    pub void: Vec<VoidDecision>,
}

/// A decision that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VoidDecision {
    /// Its ledger entry.
    pub seq: u64,
    /// Who made it.
    pub by: String,
    /// Why it does not count.
    pub why: &'static str,
}

/// Where the candidate `id` stands at `now`; none where the ledger has never heard of it.
#[must_use]
pub fn standing(
    entries: &[Entry],
    id: &str,
    now: Timestamp,
    agreement: &Agreement,
    stewards: &Stewards,
) -> Option<Standing> {
    let mut standing: Option<Standing> = None;
    for entry in entries {
        if let Event::Candidate { candidate, .. } = &entry.event
            && candidate == id
        {
            standing = Some(begin(entry, standing.take(), agreement)?);
        } else if let Some(standing) = &mut standing {
            standing.follow(entry, agreement, stewards);
        }
    }
    let mut standing = standing?;
    if standing.open() && now >= standing.expires_at {
        standing.state = State::Expired;
    }
    Some(standing)
}

/// Ids of candidates of `pipeline` that the ledger knows, the newest last, each once.
#[must_use]
pub fn known_candidates(entries: &[Entry], pipeline: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for entry in entries {
        if let Event::Candidate { pipeline: of, candidate, .. } = &entry.event
            && of == pipeline
        {
            ids.retain(|id| id != candidate);
            ids.push(candidate.clone());
        }
    }
    ids
}

/// A new round: earlier decisions are void; whoever ran it before stays an author.
fn begin(entry: &Entry, before: Option<Standing>, agreement: &Agreement) -> Option<Standing> {
    let Event::Candidate { pipeline, candidate, digest, plan_digest, agreement_digest, .. } = &entry.event else {
        return None;
    };
    let (mut authors, state) = match before {
        // What is published stays so: the same bytes again are nothing to decide.
        Some(Standing { authors, state: state @ State::Published { .. }, .. }) => (authors, state),
        Some(Standing { authors, .. }) => (authors, State::Waiting),
        None => (Vec::new(), State::Waiting),
    };
    if !authors.contains(&entry.actor) {
        authors.push(entry.actor.clone());
    }
    let term = SignedDuration::from_hours(24 * i64::from(agreement.approvals.expires_after.0));
    Some(Standing {
        state,
        target: Target {
            pipeline: pipeline.clone(),
            candidate: candidate.clone(),
            round: entry.seq,
            digest: digest.clone(),
            plan_digest: plan_digest.clone(),
            agreement_digest: agreement_digest.clone(),
        },
        authors,
        since: entry.at,
        expires_at: entry.at.checked_add(term).unwrap_or(Timestamp::MAX),
        approved_by: Vec::new(),
        // An agreement that asks for nobody would turn silence into a yes.
        required: agreement.approvals.required.max(1),
        missing_parties: agreement.approvals.one_from_each.clone(),
        void: Vec::new(),
    })
}

impl Standing {
    /// Whether stewards can still decide.
    #[must_use]
    pub fn open(&self) -> bool {
        matches!(self.state, State::Waiting | State::Approved)
    }

    fn approved(&self) -> bool {
        let enough = self.approved_by.len() >= self.required && self.missing_parties.is_empty();
        enough && matches!(self.state, State::Approved | State::Superseded { .. })
    }

    fn follow(&mut self, entry: &Entry, agreement: &Agreement, stewards: &Stewards) {
        if let Event::Candidate { pipeline, candidate, .. } = &entry.event {
            if *pipeline == self.target.pipeline && self.open() && entry.at < self.expires_at {
                self.state = State::Superseded { by: candidate.clone() };
            }
            return;
        }
        let Some(target) = entry.event.target().filter(|target| target.candidate == self.target.candidate) else {
            return;
        };
        if matches!(entry.event, Event::Comment { .. }) {
            return;
        }
        if *target != self.target {
            return self.void(entry, "it is about another round or other digests");
        }
        match self.consider(entry, agreement, stewards) {
            Ok(()) => {}
            Err(why) => self.void(entry, why),
        }
    }

    fn consider(&mut self, entry: &Entry, agreement: &Agreement, stewards: &Stewards) -> Result<(), &'static str> {
        let by = entry.actor.clone();
        match &entry.event {
            Event::Approval { signed, .. } => {
                self.still_open(entry)?;
                self.signed(entry, Decision::Approve, "", signed, agreement, stewards)?;
                self.may_approve(&by, agreement)?;
                self.count(entry, &signed.party);
            }
            Event::Return { reason, signed, .. } => {
                self.still_open(entry)?;
                self.signed(entry, Decision::Return, reason, signed, agreement, stewards)?;
                self.state = State::Returned { by, reason: reason.clone() };
            }
            Event::Rejection { reason, signed, .. } => {
                self.still_open(entry)?;
                self.signed(entry, Decision::Reject, reason, signed, agreement, stewards)?;
                self.state = State::Rejected { by, reason: reason.clone() };
            }
            Event::Withdrawal { reason, version, signed, .. } => {
                match (signed, version) {
                    (Some(signed), _) => self.signed(entry, Decision::Withdraw, reason, signed, agreement, stewards)?,
                    (None, None) => {}
                    (None, Some(_)) => return Err("a published version is taken back by a steward's signature only"),
                }
                if version.is_none() {
                    self.still_open(entry)?;
                } else if matches!(self.state, State::Withdrawn { .. }) {
                    return Err("it had been taken back before");
                }
                self.state = State::Withdrawn { by, reason: reason.clone(), version: *version };
            }
            // The entry comes last in publishing, so that the term may be over by then, or a newer candidate there.
            Event::Publication { version, .. } if self.approved() => {
                self.state = State::Published { version: *version };
            }
            Event::Publication { .. } => return Err("it was not approved when it was published"),
            _ => {}
        }
        Ok(())
    }

    fn still_open(&self, entry: &Entry) -> Result<(), &'static str> {
        if !self.open() {
            Err("it had been decided before")
        } else if entry.at >= self.expires_at {
            Err("it came after the term")
        } else {
            Ok(())
        }
    }

    fn signed(
        &self,
        entry: &Entry,
        decision: Decision,
        reason: &str,
        signed: &Signed,
        agreement: &Agreement,
        stewards: &Stewards,
    ) -> Result<(), &'static str> {
        let steward = stewards.get(&entry.actor).ok_or("it is by nobody who is a steward")?;
        if steward.public_key != signed.public_key || steward.party != signed.party {
            return Err("it is signed with a key that is not the steward's");
        }
        if !agreement.parties.contains_key(&steward.party) {
            return Err("the steward speaks for no party to the agreement");
        }
        let fields = SignedFields { decision, target: &self.target, steward: &entry.actor, reason };
        if verify_approval(&fields, signed) { Ok(()) } else { Err("its signature is not valid") }
    }

    /// Whether `steward` may still approve, by the agreement's rules.
    pub(super) fn may_approve(&self, steward: &str, agreement: &Agreement) -> Result<(), &'static str> {
        if agreement.approvals.not_by.contains(&NotBy::RunAuthor) && self.authors.iter().any(|author| author == steward)
        {
            return Err(OWN_RUN);
        }
        if self.approved_by.iter().any(|(_, by)| by == steward) {
            return Err("the steward has approved already");
        }
        Ok(())
    }

    fn count(&mut self, entry: &Entry, party: &str) {
        self.approved_by.push((entry.seq, entry.actor.clone()));
        self.missing_parties.retain(|missing| missing != party);
        if self.approved_by.len() >= self.required && self.missing_parties.is_empty() {
            self.state = State::Approved;
        }
    }

    fn void(&mut self, entry: &Entry, why: &'static str) {
        self.void.push(VoidDecision { seq: entry.seq, by: entry.actor.clone(), why });
    }
}

/// Why the author of a run can't approve.
pub(super) const OWN_RUN: &str = "nobody approves what they ran";
