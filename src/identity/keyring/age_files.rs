//! Keys wrapped with age: for any number of recipients (`age1…`), for a passphrase, or for both. The age format does not
//! allow a passphrase beside recipients in one file; where both are wanted there are two copies.

use std::io::{Read, Write};

use age::DecryptError;
use age::secrecy::{ExposeSecret, SecretString};
use futures::FutureExt;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::KeyInfo;
use super::file::{damaged, not_opened};
use super::wrap::{AGE, PASSPHRASE, WrappedCopy, Wrapper, find};
use crate::error::{Error, Result};

/// scrypt work (log2 of N) beyond which a key file is refused: 4 GiB of memory. Fixed, since the age library would else
/// measure the machine, and a busy machine would refuse its own keys.
const MOST_SCRYPT_WORK: u8 = 22;

pub(super) struct AgeWrapper {
    opener: Opener,
    /// Beside the opener's own.
    recipients: Vec<age::x25519::Recipient>,
}

pub(super) enum Opener {
    Passphrase(SecretString),
    Identity(Box<age::x25519::Identity>),
}

impl AgeWrapper {
    /// `recipients` as they stand in the configuration.
    pub(super) fn new(opener: Opener, recipients: &[String]) -> Result<Self> {
        let parse = |text: &String| {
            text.trim().parse().map_err(|_| {
                Error::config("identity.bad_recipient", format!("`{text}` is no age recipient"))
                    .with_hint("it looks like `age1…`, as `accord keys export-recipient` prints it")
            })
        };
        Ok(Self { opener, recipients: recipients.iter().map(parse).collect::<Result<_>>()? })
    }

    fn wrapped(&self, plain: &[u8]) -> Result<Vec<WrappedCopy>> {
        let mut copies = Vec::new();
        let mut recipients: Vec<Box<dyn age::Recipient>> = Vec::new();
        for one in &self.recipients {
            recipients.push(Box::new(one.clone()));
        }
        match &self.opener {
            Opener::Identity(identity) => recipients.push(Box::new(identity.to_public())),
            // About a second of scrypt, the library's default.
            Opener::Passphrase(secret) => {
                let alone: Vec<Box<dyn age::Recipient>> = vec![Box::new(age::scrypt::Recipient::new(secret.clone()))];
                let ending = if recipients.is_empty() { AGE } else { PASSPHRASE };
                copies.push(WrappedCopy { ending, bytes: encrypt(&alone, plain)? });
            }
        }
        if !recipients.is_empty() {
            copies.push(WrappedCopy { ending: AGE, bytes: encrypt(&recipients, plain)? });
        }
        Ok(copies)
    }

    fn opened(&self, copies: &[WrappedCopy], path: &str) -> Result<Zeroizing<Vec<u8>>> {
        match &self.opener {
            Opener::Passphrase(secret) => {
                let mut identity = age::scrypt::Identity::new(secret.clone());
                identity.set_max_work_factor(MOST_SCRYPT_WORK);
                decrypt(find(copies, &[PASSPHRASE, AGE], path)?, &identity, path)
            }
            Opener::Identity(identity) => decrypt(find(copies, &[AGE], path)?, identity.as_ref(), path),
        }
    }
}

impl Wrapper for AgeWrapper {
    fn endings(&self) -> &'static [&'static str] {
        &[PASSPHRASE, AGE]
    }

    fn wrap<'a>(&'a self, _: &'a KeyInfo, plain: &'a [u8], _: &'a str) -> BoxFuture<'a, Result<Vec<WrappedCopy>>> {
        async move { self.wrapped(plain) }.boxed()
    }

    fn unwrap<'a>(
        &'a self,
        _: &'a KeyInfo,
        copies: &'a [WrappedCopy],
        path: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        async move { self.opened(copies, path) }.boxed()
    }

    /// The files are all there is.
    fn destroy<'a>(&'a self, _: &'a KeyInfo, _: &'a [WrappedCopy]) -> BoxFuture<'a, Result<Vec<String>>> {
        async move { Ok(Vec::new()) }.boxed()
    }

    fn recipient(&self) -> Option<String> {
        match &self.opener {
            Opener::Identity(identity) => Some(identity.to_public().to_string()),
            Opener::Passphrase(_) => None,
        }
    }
}

/// A passphrase that is one.
pub(super) fn passphrase(secret: SecretString) -> Result<Opener> {
    if secret.expose_secret().is_empty() {
        return Err(Error::config("identity.empty_passphrase", "the keyring's passphrase is empty"));
    }
    Ok(Opener::Passphrase(secret))
}

/// An identity as `age-keygen` writes it: comment lines, then the key.
pub(super) fn identity(secret: &SecretString) -> Result<Opener> {
    let mut lines =
        secret.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next().and_then(|line| line.parse().ok()), lines.next()) {
        (Some(identity), None) => Ok(Opener::Identity(Box::new(identity))),
        _ => Err(Error::config("identity.bad_identity", "the keyring's identity is not one age identity")
            .with_hint("it looks like `AGE-SECRET-KEY-1…`, as age-keygen writes it")),
    }
}

fn encrypt(recipients: &[Box<dyn age::Recipient>], plain: &[u8]) -> Result<Vec<u8>> {
    let failed = || Error::failed("identity.wrap", "the key can't be wrapped");
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref))
        .map_err(|error| failed().with_source(error))?;
    let mut wrapped = Vec::new();
    let mut writer = encryptor.wrap_output(&mut wrapped).map_err(|error| failed().with_source(error))?;
    writer.write_all(plain).and_then(|()| writer.finish().map(drop)).map_err(|error| failed().with_source(error))?;
    Ok(wrapped)
}

fn decrypt(copy: &WrappedCopy, identity: &dyn age::Identity, path: &str) -> Result<Zeroizing<Vec<u8>>> {
    let wrapped = copy.bytes.as_slice();
    let decryptor = age::Decryptor::new_buffered(wrapped).map_err(|error| damaged(path).with_source(error))?;
    let mut reader = decryptor.decrypt(std::iter::once(identity)).map_err(|error| match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            not_opened(path).with_source(error)
        }
        _ => damaged(path).with_source(error),
    })?;
    // As large as the wrapped file, so that the buffer never moves and leaves no copy.
    let mut plain = Zeroizing::new(Vec::with_capacity(wrapped.len()));
    reader.read_to_end(&mut plain).map_err(|error| damaged(path).with_source(error))?;
    Ok(plain)
}
