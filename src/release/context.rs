//! What every decision needs to know.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;

use super::candidate::Candidate;
use super::event::Entry;
use super::keys::Stewards;
use super::ledger::Ledger;
use super::state::{Standing, standing};
use crate::error::{Error, Result};
use crate::storage::Store;
use crate::workspace::{Agreement, Roles};

/// Where things are, who may do what, and what time it is.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The state storage: candidates and the ledger.
    pub state: &'a Store,
    /// The storage of what is published.
    pub published: &'a Store,
    /// Operators and stewards.
    pub roles: &'a Roles,
    /// The agreement of the pipeline, as it is today.
    pub agreement: &'a Agreement,
    /// Its digest, computed as for a plan.
    pub agreement_digest: &'a str,
    /// The time.
    pub now: Timestamp,
    /// The day, where the agreement's days are counted.
    pub today: Date,
    /// The workspace, for files with public keys.
    pub root: &'a Path,
}

/// A candidate with everything known about it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) candidate: Candidate,
    pub(super) standing: Standing,
    pub(super) stewards: Stewards,
}

impl<'a> Context<'a> {
    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> Ledger<'a> {
        Ledger::open(self.state)
    }

    /// Reads a candidate, checks its files and computes where it stands.
    pub(super) async fn case(&self, pipeline: &str, id: &str) -> Result<Case> {
        let entries = self.ledger().entries().await?;
        self.case_among(&entries, pipeline, id, self.now).await
    }

    /// The same from given entries, at a given time.
    pub(super) async fn case_among(&self, entries: &[Entry], pipeline: &str, id: &str, at: Timestamp) -> Result<Case> {
        let candidate = Candidate::load(self.state, pipeline, id).await?;
        candidate.check_files(self.state).await?;
        let stewards = Stewards::resolve(self.roles, self.root)?;
        let standing = standing(entries, &candidate.id, at, self.agreement, &stewards).ok_or_else(|| {
            Error::not_approved("release.not_recorded", format!("candidate {} is not in the ledger", candidate.id))
                .with_hint("run `accord run` again: it was stopped before it put the candidate before the stewards")
        })?;
        Ok(Case { candidate, standing, stewards })
    }

    /// Checks that `case` was made under the agreement as it is today.
    pub(super) fn same_agreement(&self, case: &Case) -> Result<()> {
        let manifest = &case.candidate.manifest;
        let target = &case.standing.target;
        if manifest.agreement != self.agreement.id {
            return Err(Error::internal("release.agreement", "decide under an agreement that is not the candidate's"));
        }
        if target.digest != case.candidate.digest
            || target.plan_digest != manifest.plan_digest
            || target.agreement_digest != manifest.agreement_digest
        {
            return Err(Error::not_approved(
                "release.digests_differ",
                "the ledger records other digests than the candidate has",
            )
            .with_hint("run `accord ledger verify`, then `accord run` for a new candidate"));
        }
        if manifest.agreement_digest != self.agreement_digest {
            return Err(Error::governance(
                "release.agreement_changed",
                format!("agreement `{}` was changed after candidate {} was made", self.agreement.id, case.candidate.id),
            )
            .with_hint("run `accord run` for a candidate under the agreement as it is now"));
        }
        Ok(())
    }

    /// Checks that the agreement is in force on `day`.
    pub(super) fn in_force(&self, day: Date) -> Result<()> {
        if self.agreement.in_force_on(day) {
            return Ok(());
        }
        Err(Error::governance(
            "release.agreement_not_in_force",
            format!("agreement `{}` is not in force on {day}", self.agreement.id),
        )
        .with_hint("its status and `effective` days stand in its file under config/agreements/"))
    }
}
