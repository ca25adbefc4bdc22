//! What a steward signs.

use ed25519_dalek::Signature;

use super::digest::canonical;
use super::event::{Signed, Target};
use super::keys::{StewardKey, parse_public};

/// First line of the signed bytes: a signature made for anything else never fits.
const DOMAIN: &str = "accord decision v1";

/// What a steward decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// To be made anew.
    Return,
    /// No.
    Reject,
    /// Taken back.
    Withdraw,
}

impl Decision {
    fn word(self) -> &'static str {
        match self {
            Decision::Approve => "approve",
            Decision::Return => "return",
            Decision::Reject => "reject",
            Decision::Withdraw => "withdraw",
        }
    }
}

/// Everything that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct SignedFields<'a> {
    /// The decision.
    pub decision: Decision,
    /// What it is about: candidate, round, and the digests of candidate, plan and agreement.
    pub target: &'a Target,
    /// The steward's account.
    pub steward: &'a str,
    /// The reason given; empty for an approval.
    pub reason: &'a str,
}

impl SignedFields<'_> {
    /// The bytes to sign: each field with its length in front, so that no other decision has the same bytes.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let target = self.target;
        let round = target.round.to_string();
        canonical(
            DOMAIN,
            &[
                self.decision.word(),
                &target.pipeline,
                &target.candidate,
                &target.digest,
                &target.plan_digest,
                &target.agreement_digest,
                &round,
                self.steward,
                self.reason,
            ],
        )
    }

    pub(super) fn sign(&self, party: &str, key: &StewardKey) -> Signed {
        let signature = key.sign(&self.message());
        Signed { party: party.to_owned(), public_key: key.public_key(), signature }
    }
}

/// Whether `signed` is the signature of its own public key under `fields`. Whose key it is, is another question.
#[must_use]
pub fn verify_approval(fields: &SignedFields<'_>, signed: &Signed) -> bool {
    verify_message(&fields.message(), signed)
}

/// Whether `signed` is the signature of its own public key over `message`.
pub(super) fn verify_message(message: &[u8], signed: &Signed) -> bool {
    let mut bytes = [0_u8; 64];
    let decoded = hex::decode_to_slice(&signed.signature, &mut bytes).is_ok();
    let key = parse_public(&signed.public_key);
    decoded && key.is_some_and(|key| key.verify_strict(message, &Signature::from_bytes(&bytes)).is_ok())
}
