//! Taking back a candidate, or a version that was published.

use super::actions::{known_account, record, said, sign};
use super::approval::Decision;
use super::approved::not_open;
use super::context::{Case, Context};
use super::event::Event;
use super::keys::StewardKey;
use super::publish::LOCK;
use super::state::{Standing, State};
use super::version::{find_version, point_latest};
use crate::error::{Error, Result};

/// Takes a candidate back. A published version keeps its files, since others may have them; `latest.json` goes back to
/// the version before and names the withdrawn one with the reason. An operator may take back what is not published,
/// without a key; a published version takes a steward's signature. Doing it again finishes what a kill left open.
///
/// # Errors
/// `Governance` where the account may not; `NotApproved` where there is nothing to take back; `release.no_reason`; the
/// storage's.
pub async fn withdraw(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    actor: &str,
    key: Option<&StewardKey>,
    reason: &str,
) -> Result<Standing> {
    known_account(context, actor)?;
    let reason = said(reason)?;
    let lock = context.state.lock(LOCK, actor, None).await?;
    let standing = withdraw_locked(context, pipeline, id, actor, key, reason).await;
    lock.release().await;
    standing
}

async fn withdraw_locked(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    actor: &str,
    key: Option<&StewardKey>,
    reason: String,
) -> Result<Standing> {
    let case = context.case(pipeline, id).await?;
    let standing = match &case.standing.state {
        // The entry is there; the pointer may not have been moved yet.
        State::Withdrawn { version: Some(_), .. } => case.standing.clone(),
        _ => append(context, &case, actor, key, reason).await?,
    };
    if matches!(standing.state, State::Withdrawn { version: Some(_), .. }) {
        let entries = context.ledger().entries().await?;
        point_latest(context.published, pipeline, &entries, None).await?;
    }
    Ok(standing)
}

async fn append(
    context: &Context<'_>,
    case: &Case,
    actor: &str,
    key: Option<&StewardKey>,
    reason: String,
) -> Result<Standing> {
    let version = match case.standing.state {
        State::Published { version } => Some(version),
        // A publication that was stopped in its middle is public all the same.
        _ => find_version(context.published, &case.standing.target).await?.map(|record| record.version),
    };
    if version.is_none() && !case.standing.open() {
        return Err(not_open(&case.candidate.id, &case.standing));
    }
    let signed = match key {
        Some(key) => Some(sign(context, case, actor, key, Decision::Withdraw, &reason)?),
        None if version.is_some() => {
            return Err(Error::governance(
                "release.steward_only",
                "a published version is withdrawn by a steward only",
            )
            .with_hint("a steward runs the command with --key"));
        }
        None if !context.roles.operators.contains_key(actor) => {
            return Err(Error::governance("release.steward_key", format!("steward `{actor}` decides with a key only"))
                .with_hint("add --key FILE"));
        }
        None => None,
    };
    let target = case.standing.target.clone();
    record(context, case, actor, Event::Withdrawal { target, version, reason, signed }).await
}
