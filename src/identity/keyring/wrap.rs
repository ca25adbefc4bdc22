//! What wraps a key: age recipients, a passphrase, AWS KMS or HashiCorp Vault.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeyInfo;
use super::file::{damaged, other_key};
use crate::error::{Error, Result};

/// Endings of the files that hold a key each. Which it is says what wrapped it.
pub(super) const AGE: &str = "age";
pub(super) const AWS_KMS: &str = "aws_kms.json";
pub(super) const VAULT_TRANSIT: &str = "vault_transit.json";
/// A second copy beside `AGE`, where a key is wrapped for recipients and for a passphrase.
pub(super) const PASSPHRASE: &str = "passphrase.age";

/// The endings under which a key is there at all.
pub(super) const MAIN: [&str; 3] = [AGE, AWS_KMS, VAULT_TRANSIT];
/// All endings.
pub(super) const ALL: [&str; 4] = [AGE, AWS_KMS, VAULT_TRANSIT, PASSPHRASE];

/// One wrapped copy of a key.
pub(super) struct WrappedCopy {
    /// The ending of its file's name.
    pub(super) ending: &'static str,
    /// Its bytes; they may be read by anybody who can't unwrap them.
    pub(super) bytes: Vec<u8>,
}

/// Wraps keys and opens them again.
pub(super) trait Wrapper: Send + Sync {
    /// The endings of the copies that it wraps and opens. The last one is that by which the key is there.
    fn endings(&self) -> &'static [&'static str];

    /// Whether a key of its own in a service wraps each key.
    fn has_own_keys(&self) -> bool {
        false
    }

    /// Makes the service's own key for `key`, and gives its name; `intent` is a word that finds it again.
    fn make<'a>(&'a self, _key: &'a KeyInfo, _intent: &'a str) -> BoxFuture<'a, Result<String>> {
        async move { Ok(String::new()) }.boxed()
    }

    /// The name of the service's own key that a command made which was killed before it could note it.
    fn made<'a>(&'a self, _key: &'a KeyInfo, _intent: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        async move { Ok(None) }.boxed()
    }

    /// The copies to keep. The last one is the one by which the key is there. `own` is the name of the service's own key.
    fn wrap<'a>(&'a self, key: &'a KeyInfo, plain: &'a [u8], own: &'a str) -> BoxFuture<'a, Result<Vec<WrappedCopy>>>;

    /// What is inside. `path` names the key's file in messages.
    fn unwrap<'a>(
        &'a self,
        key: &'a KeyInfo,
        copies: &'a [WrappedCopy],
        path: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>>;

    /// Destroys what can open the key beside its files, and says what that was, in words for the ledger. Where it is gone
    /// already, nothing is said. Done again, it does no harm.
    fn destroy<'a>(&'a self, key: &'a KeyInfo, copies: &'a [WrappedCopy]) -> BoxFuture<'a, Result<Vec<String>>>;

    /// To whom others can wrap a key, where that is somebody: an age recipient.
    fn recipient(&self) -> Option<String> {
        None
    }
}

/// The copy with that ending.
pub(super) fn find<'a>(copies: &'a [WrappedCopy], endings: &[&str], path: &str) -> Result<&'a WrappedCopy> {
    let found = endings.iter().find_map(|ending| copies.iter().find(|copy| copy.ending == *ending));
    found.ok_or_else(|| {
        let there = copies.iter().map(|copy| copy.ending).collect::<Vec<_>>().join(", ");
        Error::config(
            "identity.other_wrapping",
            format!("key file {path} was wrapped by something else: {there} is there"),
        )
        .with_hint(
            "name what wrapped it in config/accord.yaml: under `keyring.unlock`, or under `keyring.formerly` to take it from \
             there with `accord keys rewrap`",
        )
    })
}

/// A key that a service wrapped: which of the service's keys it was, and what it gave.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    format: String,
    pub(super) agreement: String,
    pub(super) epoch: u32,
    /// The name or id of the service's own key, which wraps this one key and nothing else.
    pub(super) wrapped_by: String,
    pub(super) ciphertext: String,
}

const ENVELOPE: &str = "accord-wrapped-key/1";

impl Envelope {
    pub(super) fn write(key: &KeyInfo, wrapped_by: &str, ciphertext: &str) -> Result<Vec<u8>> {
        let envelope = Self {
            format: ENVELOPE.to_owned(),
            agreement: key.agreement.clone(),
            epoch: key.epoch,
            wrapped_by: wrapped_by.to_owned(),
            ciphertext: ciphertext.to_owned(),
        };
        serde_json::to_vec_pretty(&envelope)
            .map_err(|_| Error::internal("identity.key_format", "the wrapped key can't be written as JSON"))
    }

    pub(super) fn read(copy: &WrappedCopy, key: &KeyInfo, path: &str) -> Result<Self> {
        let envelope: Self = serde_json::from_slice(&copy.bytes).map_err(|_| damaged(path))?;
        if envelope.format != ENVELOPE {
            return Err(damaged(path).with_hint("it was written by another version of Accord"));
        }
        if envelope.agreement != key.agreement || envelope.epoch != key.epoch {
            return Err(other_key(path));
        }
        Ok(envelope)
    }
}
