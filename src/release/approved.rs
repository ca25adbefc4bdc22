//! The proof that a candidate may be published.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;

use super::context::{Case, Context};
use super::event::{Entry, Event, Signed, Target};
use super::state::{Standing, State};
use crate::error::{Error, Result};
use crate::workspace::Approvals;

/// A candidate that may be published: the approvals that the agreement asks for are there and each signature is valid,
/// every file is as the stewards saw it, the ledger is whole, the agreement is unchanged and in force, the term is not
/// over. It can be made by [`ApprovedCandidate::check`] only, and publishing takes nothing else.
#[derive(Debug)]
pub struct ApprovedCandidate {
    pub(super) case: Case,
    pub(super) approvals: Vec<Approval>,
    pub(super) rule: Approvals,
    pub(super) files: Vec<(String, Bytes)>,
    /// When it was checked: the time of publication.
    pub(super) at: Timestamp,
    pub(super) on: Date,
}

/// An approval that counts.
#[derive(Clone, Debug)]
pub(super) struct Approval {
    pub(super) steward: String,
    pub(super) at: Timestamp,
    pub(super) signed: Signed,
}

impl ApprovedCandidate {
    /// Checks everything, now.
    ///
    /// # Errors
    /// `NotApproved` or `Governance` with the reason; `release.damaged`, `ledger.damaged`; the storage's.
    pub async fn check(context: &Context<'_>, pipeline: &str, id: &str) -> Result<Self> {
        Self::check_at(context, pipeline, id, context.now, context.today).await
    }

    /// Checks everything as of a time: that at which a publication began that was stopped in its middle.
    pub(super) async fn check_at(
        context: &Context<'_>,
        pipeline: &str,
        id: &str,
        at: Timestamp,
        on: Date,
    ) -> Result<Self> {
        let entries = sound_entries(context, at).await?;
        let case = context.case_among(&entries, pipeline, id, at).await?;
        context.same_agreement(&case)?;
        context.in_force(on)?;
        if case.standing.state != State::Approved {
            return Err(not_open(&case.candidate.id, &case.standing));
        }
        let allowed = &context.agreement.outputs.recipients;
        if let Some(one) = case.candidate.manifest.recipients.iter().find(|one| !allowed.contains(one)) {
            return Err(Error::governance(
                "release.recipient",
                format!("agreement `{}` does not allow recipient `{one}`", context.agreement.id),
            )
            .with_hint("change `release: recipients` of the pipeline and run again"));
        }
        let approvals = approvals(&entries, &case.standing);
        let files = case.candidate.public_files(context.state).await?;
        Ok(Self { case, approvals, rule: context.agreement.approvals.clone(), files, at, on })
    }

    /// What was approved.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.case.standing.target
    }
}

/// The ledger's entries up to `at`; a ledger that was tampered with publishes nothing.
async fn sound_entries(context: &Context<'_>, at: Timestamp) -> Result<Vec<Entry>> {
    let report = context.ledger().verify(None).await?;
    if let Some(finding) = report.findings.first() {
        return Err(Error::failed(
            "ledger.damaged",
            format!("the ledger is damaged at entry {}: {}", finding.seq, finding.detail),
        )
        .with_hint("`accord ledger verify` says all that is wrong; nothing is published until it is repaired"));
    }
    let entries = context.ledger().entries().await?;
    Ok(entries.into_iter().filter(|entry| entry.at <= at).collect())
}

fn approvals(entries: &[Entry], standing: &Standing) -> Vec<Approval> {
    let counted = |entry: &&Entry| standing.approved_by.iter().any(|(seq, _)| *seq == entry.seq);
    let approval = |entry: &Entry| match &entry.event {
        Event::Approval { signed, .. } => {
            Some(Approval { steward: entry.actor.clone(), at: entry.at, signed: signed.clone() })
        }
        _ => None,
    };
    entries.iter().filter(counted).filter_map(approval).collect()
}

/// The refusal that fits the state of a candidate on which nothing can be decided, or that lacks approvals.
pub(super) fn not_open(id: &str, standing: &Standing) -> Error {
    let refuse = |code, message: String, hint: &str| Error::not_approved(code, message).with_hint(hint);
    let again =
        "`accord run` makes a new candidate where something has changed, and puts this one forward again where not";
    match &standing.state {
        State::Waiting => too_few(id, standing),
        State::Approved => refuse("release.approved", format!("candidate {id} is approved already"), "publish it"),
        State::Returned { by, reason } => {
            refuse("release.returned", format!("candidate {id} was sent back by {by}: {reason}"), again)
        }
        State::Rejected { by, reason } => {
            refuse("release.rejected", format!("candidate {id} was rejected by {by}: {reason}"), again)
        }
        State::Withdrawn { by, reason, .. } => {
            refuse("release.withdrawn", format!("candidate {id} was withdrawn by {by}: {reason}"), again)
        }
        State::Expired => {
            let message = format!("candidate {id} expired at {}; silence is a no", standing.expires_at);
            refuse("release.expired", message, again)
        }
        State::Superseded { by } => {
            let hint = format!("decide on candidate {by}");
            refuse("release.superseded", format!("candidate {id} was superseded by {by}"), &hint)
        }
        State::Published { version } => {
            let hint = "a published version never changes; a new candidate becomes a new version";
            refuse("release.published", format!("candidate {id} is published as version {version}"), hint)
        }
    }
}

fn too_few(id: &str, standing: &Standing) -> Error {
    let mut message = format!("candidate {id} has {} of {} approvals", standing.approved_by.len(), standing.required);
    if !standing.missing_parties.is_empty() {
        message.push_str(&format!("; a steward of {} is missing", standing.missing_parties.join(" and of ")));
    }
    if let Some(void) = standing.void.last() {
        message.push_str(&format!("; the decision of {} in entry {} does not count: {}", void.by, void.seq, void.why));
    }
    Error::not_approved("release.too_few_approvals", message)
        .with_hint("stewards approve with `accord release approve`")
}
