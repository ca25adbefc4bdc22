//! What is inside a wrapped key: the root of the pseudonyms and the identity that opens the quarantine, as JSON.

use age::secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::super::keys::AgreementKeys;
use super::KeyInfo;
use crate::error::{Error, Result};

/// The format word in a key file.
const FORMAT: &str = "accord-key/1";

/// What is inside a key file. Borrows, so that no copy of a secret is left behind.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile<'a> {
    format: &'a str,
    agreement: &'a str,
    epoch: u32,
    root: &'a str,
    quarantine_identity: &'a str,
}

pub(super) fn plaintext(
    key: &KeyInfo,
    root: &[u8; 32],
    quarantine: &age::x25519::Identity,
) -> Result<Zeroizing<Vec<u8>>> {
    let root = Zeroizing::new(hex::encode(root));
    let quarantine = quarantine.to_string();
    let content = KeyFile {
        format: FORMAT,
        agreement: &key.agreement,
        epoch: key.epoch,
        root: &root,
        quarantine_identity: quarantine.expose_secret(),
    };
    // Large enough never to move: 64 + 74 characters of keys, an agreement id of at most 200, and the words.
    let mut plain = Zeroizing::new(Vec::with_capacity(1024));
    serde_json::to_writer(&mut *plain, &content)
        .map_err(|_| Error::internal("identity.key_format", "the key can't be written as JSON"))?;
    Ok(plain)
}

/// The keys in an opened file. The cause of a failure is not passed on, since it may quote the file.
pub(super) fn parse(plain: &[u8], key: &KeyInfo, path: &str) -> Result<AgreementKeys> {
    let content: KeyFile<'_> = serde_json::from_slice(plain).map_err(|_| damaged(path))?;
    if content.format != FORMAT {
        return Err(damaged(path).with_hint("it was written by another version of Accord"));
    }
    if content.agreement != key.agreement || content.epoch != key.epoch {
        return Err(other_key(path));
    }
    let mut root = Zeroizing::new([0; 32]);
    hex::decode_to_slice(content.root, root.as_mut_slice()).map_err(|_| damaged(path))?;
    let quarantine = content.quarantine_identity.parse().map_err(|_| damaged(path))?;
    Ok(AgreementKeys::new(&key.agreement, key.epoch, &root, quarantine))
}

pub(super) fn other_key(path: &str) -> Error {
    Error::failed("identity.other_key", format!("key file {path} holds the key of another agreement or epoch"))
        .with_hint("it was renamed or copied: put it back under its own name")
}

pub(super) fn damaged(path: &str) -> Error {
    Error::failed("identity.damaged_key", format!("key file {path} is damaged"))
        .with_hint("restore it from a backup of the keyring")
}

pub(super) fn not_opened(path: &str) -> Error {
    Error::failed("identity.wrong_key", format!("key file {path} does not open"))
        .with_hint("check `keyring.unlock` in config/accord.yaml: something else wrapped this key")
}
