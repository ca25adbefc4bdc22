//! What two stewards must sign before it happens: the destruction of keys, the opening of the vault.
//!
//! Guarantees: an order counts only with valid signatures of two stewards of parties to the agreement (of two parties
//! where more than one has a steward) over exactly the same order, the second within the agreement's term; each order
//! serves once. The first steward's signature makes the order, the second's completes it.

use jiff::{SignedDuration, Timestamp};

use super::approval::verify_message;
use super::event::{Entry, Event, Signed, StewardSignature};
use super::keys::{StewardKey, Stewards};
use crate::error::{Error, Result};
use crate::workspace::Agreement;

/// How many stewards it takes.
const STEWARDS: usize = 2;

/// Something that two stewards sign.
pub trait Order: Clone + PartialEq {
    /// The agreement that it is about.
    fn agreement(&self) -> &str;

    /// The bytes that `steward` signs.
    fn message(&self, steward: &str) -> Vec<u8>;

    /// What an entry of the ledger says of an order of this kind.
    fn seen(event: &Event) -> Option<Seen<'_, Self>>;
}

/// What an entry says of an order.
pub enum Seen<'a, O> {
    /// A steward signed it.
    Signed(&'a O, &'a Signed),
    /// It was carried out, or that has begun.
    CarriedOut(&'a O),
}

/// A steward who signs.
#[derive(Clone, Copy)]
pub struct Orderer<'a> {
    /// The steward.
    pub steward: &'a str,
    /// The steward's key.
    pub key: &'a StewardKey,
    /// Why; needed of the first one.
    pub reason: Option<&'a str>,
}

/// An order and who has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<O> {
    /// The order.
    pub order: O,
    /// Signatures that count.
    pub signatures: Vec<StewardSignature>,
    /// When it is void unless it is complete.
    pub expires_at: Timestamp,
}

/// Who may sign, under which agreement.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) agreement: &'a Agreement,
    pub(super) stewards: &'a Stewards,
    pub(super) now: Timestamp,
}

impl Desk<'_> {
    /// The order of the agreement that is neither carried out nor void.
    pub(super) fn pending<O: Order>(&self, entries: &[Entry]) -> Option<Pending<O>> {
        let term = SignedDuration::from_hours(24 * i64::from(self.agreement.approvals.expires_after.0));
        let mut pending: Option<Pending<O>> = None;
        for entry in entries {
            match O::seen(&entry.event) {
                Some(Seen::CarriedOut(order)) if pending.as_ref().is_some_and(|one| one.order == *order) => {
                    pending = None
                }
                Some(Seen::Signed(order, signed)) if self.counts(entry, order, signed) => {
                    let signature = StewardSignature { steward: entry.actor.clone(), signed: signed.clone() };
                    match &mut pending {
                        Some(one) if one.order == *order && self.lives(one, entry.at) => {
                            if one.signatures.iter().all(|other| other.steward != signature.steward) {
                                one.signatures.push(signature);
                            }
                        }
                        // A complete one waits for being carried out, whatever else is ordered.
                        Some(one) if self.complete(&one.signatures) => {}
                        _ => {
                            let expires_at = entry.at.checked_add(term).unwrap_or(Timestamp::MAX);
                            pending = Some(Pending { order: order.clone(), signatures: vec![signature], expires_at });
                        }
                    }
                }
                _ => {}
            }
        }
        pending.filter(|one| self.lives(one, self.now))
    }

    /// A complete order does not run out.
    fn lives<O>(&self, pending: &Pending<O>, at: Timestamp) -> bool {
        at < pending.expires_at || self.complete(&pending.signatures)
    }

    /// Whether an entry's signature is that of the steward who wrote it, for a party to the agreement.
    fn counts<O: Order>(&self, entry: &Entry, order: &O, signed: &Signed) -> bool {
        let Some(steward) = self.stewards.get(&entry.actor) else { return false };
        order.agreement() == self.agreement.id
            && steward.public_key == signed.public_key
            && steward.party == signed.party
            && self.agreement.parties.contains_key(&steward.party)
            && verify_message(&order.message(&entry.actor), signed)
    }

    /// Whether enough have signed.
    pub(super) fn complete(&self, signatures: &[StewardSignature]) -> bool {
        let distinct = |mut parties: Vec<&str>| {
            parties.sort_unstable();
            parties.dedup();
            parties.len()
        };
        let with_stewards = self.stewards.iter().map(|one| one.party.as_str());
        let possible = distinct(with_stewards.filter(|party| self.agreement.parties.contains_key(party)).collect());
        let signed = distinct(signatures.iter().map(|one| one.signed.party.as_str()).collect());
        signatures.len() >= STEWARDS && signed >= possible.min(STEWARDS)
    }

    /// Signs, after checking that the key is the steward's, the steward speaks for a party to the agreement, and has not
    /// signed it before.
    pub(super) fn sign<O: Order>(
        &self,
        order: &O,
        pending: Option<&Pending<O>>,
        orderer: Orderer<'_>,
    ) -> Result<Signed> {
        let steward = orderer.steward;
        let Some(identity) = self.stewards.get(steward) else {
            return Err(Error::governance("release.not_a_steward", format!("`{steward}` is no steward"))
                .with_hint("stewards stand in config/roles.yaml"));
        };
        if !self.agreement.parties.contains_key(&identity.party) {
            let message = format!(
                "steward `{steward}` speaks for `{}`, no party to agreement `{}`",
                identity.party, self.agreement.id
            );
            return Err(Error::governance("release.not_a_party", message)
                .with_hint("a steward of one of the agreement's parties must sign"));
        }
        if identity.public_key != orderer.key.public_key() {
            return Err(Error::not_approved(
                "release.wrong_key",
                format!("the key is not that of steward `{steward}`"),
            )
            .with_hint("use the key file whose public half stands in config/roles.yaml"));
        }
        if pending.is_some_and(|one| one.signatures.iter().any(|by| by.steward == steward)) {
            return Err(Error::not_approved("keys.signed_already", format!("`{steward}` has signed already"))
                .with_hint("another steward of a party to the agreement must sign, too"));
        }
        let signature = orderer.key.sign(&order.message(steward));
        Ok(Signed { party: identity.party.clone(), public_key: orderer.key.public_key(), signature })
    }
}
