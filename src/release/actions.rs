//! What stewards do with a candidate. Each function checks first, then adds one signed entry to the ledger.

use super::approval::{Decision, SignedFields};
use super::approved::not_open;
use super::context::{Case, Context};
use super::event::{Entry, Event, Signed};
use super::keys::StewardKey;
use super::state::{OWN_RUN, Standing};
use super::version::find_version;
use crate::error::{Error, Result};

/// A steward says yes to a candidate as it is now.
///
/// # Errors
/// `Governance` where the agreement does not let this steward approve it; `NotApproved` where the key is not the
/// steward's or the candidate can't be approved any more; `release.damaged`; the storage's.
pub async fn approve(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    steward: &str,
    key: &StewardKey,
) -> Result<Standing> {
    let case = context.case(pipeline, id).await?;
    context.same_agreement(&case)?;
    context.in_force(context.today)?;
    let signed = sign(context, &case, steward, key, Decision::Approve, "")?;
    if !case.standing.open() {
        return Err(not_open(&case.candidate.id, &case.standing));
    }
    may_approve(context, &case, steward)?;
    let target = case.standing.target.clone();
    record(context, &case, steward, Event::Approval { target, signed }).await
}

/// A steward sends a candidate back to be made anew.
///
/// # Errors
/// As [`approve`], except that authors of a run may send it back; `release.no_reason`.
pub async fn return_(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    steward: &str,
    key: &StewardKey,
    reason: &str,
) -> Result<Standing> {
    let (case, reason, signed) = refuse(context, pipeline, id, steward, key, Decision::Return, reason).await?;
    let target = case.standing.target.clone();
    record(context, &case, steward, Event::Return { target, reason, signed }).await
}

/// A steward says no to a candidate.
///
/// # Errors
/// As [`return_`].
pub async fn reject(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    steward: &str,
    key: &StewardKey,
    reason: &str,
) -> Result<Standing> {
    let (case, reason, signed) = refuse(context, pipeline, id, steward, key, Decision::Reject, reason).await?;
    let target = case.standing.target.clone();
    record(context, &case, steward, Event::Rejection { target, reason, signed }).await
}

/// An operator or a steward says something about a candidate, whatever its state.
///
/// # Errors
/// `release.unknown_account`, `release.no_reason`, `release.no_candidate`; the storage's.
pub async fn comment(context: &Context<'_>, pipeline: &str, id: &str, actor: &str, text: &str) -> Result<Entry> {
    known_account(context, actor)?;
    let text = said(text)?;
    let target = context.case(pipeline, id).await?.standing.target;
    context.ledger().append(context.now, actor, Event::Comment { target, text }).await
}

async fn refuse(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    steward: &str,
    key: &StewardKey,
    decision: Decision,
    reason: &str,
) -> Result<(Case, String, Signed)> {
    let reason = said(reason)?;
    let case = context.case(pipeline, id).await?;
    let signed = sign(context, &case, steward, key, decision, &reason)?;
    if !case.standing.open() {
        return Err(not_open(&case.candidate.id, &case.standing));
    }
    if find_version(context.published, &case.standing.target).await?.is_some() {
        return Err(Error::not_approved(
            "release.half_published",
            format!("candidate {} is being published", case.candidate.id),
        )
        .with_hint("finish it with `accord release publish`, then take it back with `accord release withdraw`"));
    }
    Ok((case, reason, signed))
}

/// Signs, after checking that the key is the steward's and the steward speaks for a party to the agreement.
pub(super) fn sign(
    context: &Context<'_>,
    case: &Case,
    steward: &str,
    key: &StewardKey,
    decision: Decision,
    reason: &str,
) -> Result<Signed> {
    let Some(identity) = case.stewards.get(steward) else {
        return Err(Error::governance("release.not_a_steward", format!("`{steward}` is no steward"))
            .with_hint("stewards stand in config/roles.yaml"));
    };
    if !context.agreement.parties.contains_key(&identity.party) {
        let message = format!(
            "steward `{steward}` speaks for `{}`, no party to agreement `{}`",
            identity.party, context.agreement.id
        );
        return Err(Error::governance("release.not_a_party", message)
            .with_hint("a steward of one of the agreement's parties must decide"));
    }
    if identity.public_key != key.public_key() {
        return Err(Error::not_approved("release.wrong_key", format!("the key is not that of steward `{steward}`"))
            .with_hint("use the key file whose public half stands in config/roles.yaml"));
    }
    let fields = SignedFields { decision, target: &case.standing.target, steward, reason };
    Ok(fields.sign(&identity.party, key))
}

fn may_approve(context: &Context<'_>, case: &Case, steward: &str) -> Result<()> {
    case.standing.may_approve(steward, context.agreement).map_err(|why| {
        if why == OWN_RUN {
            let message = format!("`{steward}` started the run that made candidate {}: {why}", case.candidate.id);
            Error::governance("release.own_run", message)
                .with_hint("another steward of the party must approve, or another account must run the pipeline")
        } else {
            Error::not_approved("release.approved_already", format!("steward `{steward}`: {why}"))
                .with_hint("each steward counts once; `accord release show` says who is missing")
        }
    })
}

pub(super) async fn record(context: &Context<'_>, case: &Case, actor: &str, event: Event) -> Result<Standing> {
    context.ledger().append(context.now, actor, event).await?;
    Ok(context.case(&case.candidate.manifest.pipeline, &case.candidate.id).await?.standing)
}

pub(super) fn known_account(context: &Context<'_>, actor: &str) -> Result<()> {
    if context.roles.operators.contains_key(actor) || context.roles.stewards.contains_key(actor) {
        return Ok(());
    }
    Err(Error::governance("release.unknown_account", format!("`{actor}` is neither an operator nor a steward"))
        .with_hint("accounts stand in config/roles.yaml"))
}

pub(super) fn said(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::usage("release.no_reason", "it needs a reason in words").with_hint("add --reason \"...\""));
    }
    Ok(text.to_owned())
}
