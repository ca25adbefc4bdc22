//! The keyring: a folder with one age file per agreement and epoch, `AGREEMENT.eEPOCH.age`. Removing every copy of such a
//! file makes the agreement's pseudonyms dead for good: there is no key above it.
//!
//! The root key's bytes come from the caller. The age library draws its file keys and the quarantine identity from the
//! operating system's generator itself.

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use age::DecryptError;
use age::secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::keys::AgreementKeys;
use crate::error::{Error, Result};
use crate::workspace::{Secrets, Unlock};

/// The format word in a key file.
const FORMAT: &str = "accord-key/1";

/// scrypt work (log2 of N) beyond which a key file is refused: 4 GiB of memory. Fixed, since the age library would else
/// measure the machine, and a busy machine would refuse its own keys.
const MOST_SCRYPT_WORK: u8 = 22;

/// A key that is there, seen without opening it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyInfo {
    /// The agreement.
    pub agreement: String,
    /// The generation of its key, from 1.
    pub epoch: u32,
}

/// The folder of wrapped keys and what opens them.
pub struct Keyring {
    directory: PathBuf,
    opener: Opener,
}

enum Opener {
    Passphrase(SecretString),
    Identity(Box<age::x25519::Identity>),
}

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

impl Keyring {
    /// A keyring in `directory`, which need not exist yet. No key is opened.
    ///
    /// # Errors
    /// A config error where the passphrase or identity is missing, empty or not an age identity.
    pub fn open(directory: PathBuf, unlock: &Unlock, secrets: &dyn Secrets) -> Result<Keyring> {
        let opener = match unlock {
            Unlock::Passphrase(reference) => passphrase(secrets.resolve(reference)?)?,
            Unlock::Identity(reference) => identity(&secrets.resolve(reference)?)?,
        };
        Ok(Self { directory, opener })
    }

    /// Makes the first key of `agreement` from 32 random bytes and writes it, wrapped. The file appears whole or not at
    /// all.
    ///
    /// # Errors
    /// A usage error where the agreement has a key already; a storage error where the folder can't be written.
    pub fn create(
        &self,
        agreement: &str,
        randomness: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    ) -> Result<AgreementKeys> {
        check_name(agreement)?;
        if let Some(newest) = self.newest(agreement)? {
            return Err(already_there(agreement, newest));
        }
        self.create_epoch(agreement, 1, randomness)
    }

    pub(super) fn create_epoch(
        &self,
        agreement: &str,
        epoch: u32,
        randomness: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    ) -> Result<AgreementKeys> {
        let mut root = Zeroizing::new([0; 32]);
        randomness(root.as_mut_slice())?;
        if *root == [0; 32] {
            return Err(Error::internal("identity.no_randomness", "the source of randomness gave zeros only"));
        }
        let quarantine = age::x25519::Identity::generate();
        let wrapped = self.wrap(&plaintext(agreement, epoch, &root, &quarantine)?)?;
        self.write(agreement, epoch, &wrapped)?;
        Ok(AgreementKeys::new(agreement, epoch, SecretBox::new(Box::new(*root)), quarantine))
    }

    /// Opens the newest key of `agreement`.
    ///
    /// # Errors
    /// A config error where there is no key; `identity.wrong_key` where passphrase or identity do not open it;
    /// `identity.damaged_key` where the file is not what was written under its name.
    pub fn load(&self, agreement: &str) -> Result<AgreementKeys> {
        check_name(agreement)?;
        let epoch = self.newest(agreement)?.ok_or_else(|| {
            Error::config("identity.no_key", format!("there is no key for agreement {agreement}"))
                .with_hint(format!("accord keys new {agreement}"))
        })?;
        let path = self.path(agreement, epoch);
        let wrapped = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        self.unwrap(&wrapped, &path).and_then(|plain| parse(&plain, agreement, epoch, &path))
    }

    /// The keys that are there, by agreement and epoch. Opens none.
    ///
    /// # Errors
    /// A storage error where the folder can't be read; a missing folder is an empty keyring.
    pub fn list(&self) -> Result<Vec<KeyInfo>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&self.directory, error)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&self.directory, error))?;
            keys.extend(entry.file_name().to_str().and_then(read_name));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn newest(&self, agreement: &str) -> Result<Option<u32>> {
        Ok(self.list()?.into_iter().filter(|key| key.agreement == agreement).map(|key| key.epoch).max())
    }

    fn path(&self, agreement: &str, epoch: u32) -> PathBuf {
        self.directory.join(file_name(agreement, epoch))
    }

    fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>> {
        match &self.opener {
            // About a second of scrypt on this machine, the library's default.
            Opener::Passphrase(secret) => age::encrypt(&age::scrypt::Recipient::new(secret.clone()), plain),
            Opener::Identity(identity) => age::encrypt(&identity.to_public(), plain),
        }
        .map_err(|error| Error::failed("identity.wrap", "the key can't be wrapped").with_source(error))
    }

    fn unwrap(&self, wrapped: &[u8], path: &Path) -> Result<Zeroizing<Vec<u8>>> {
        let decryptor = age::Decryptor::new_buffered(wrapped).map_err(|error| damaged(path).with_source(error))?;
        let reader = match &self.opener {
            Opener::Passphrase(secret) => {
                let mut identity = age::scrypt::Identity::new(secret.clone());
                identity.set_max_work_factor(MOST_SCRYPT_WORK);
                decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
            }
            Opener::Identity(identity) => decryptor.decrypt(std::iter::once(identity.as_ref() as &dyn age::Identity)),
        };
        let mut reader = reader.map_err(|error| not_opened(path, error))?;
        // As large as the wrapped file, so that the buffer never moves and leaves no copy.
        let mut plain = Zeroizing::new(Vec::with_capacity(wrapped.len()));
        reader.read_to_end(&mut plain).map_err(|error| damaged(path).with_source(error))?;
        Ok(plain)
    }

    /// Writes to a temporary file beside it, then gives that its name, which fails where the name is taken.
    fn write(&self, agreement: &str, epoch: u32, wrapped: &[u8]) -> Result<()> {
        let path = self.path(agreement, epoch);
        let failed = |error: io::Error| {
            Error::storage("identity.keyring_write", format!("key file {} can't be written", path.display()))
                .with_source(error)
                .with_hint("check space and permissions of the keyring's folder")
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed)?;
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)
            .map_err(failed)?;
        file.write_all(wrapped).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => already_there(agreement, epoch),
            _ => failed(error.error),
        })?;
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, ..)", self.directory.display())
    }
}

fn passphrase(secret: SecretString) -> Result<Opener> {
    if secret.expose_secret().is_empty() {
        return Err(Error::config("identity.empty_passphrase", "the keyring's passphrase is empty"));
    }
    Ok(Opener::Passphrase(secret))
}

/// An identity as `age-keygen` writes it: comment lines, then the key.
fn identity(secret: &SecretString) -> Result<Opener> {
    let mut lines =
        secret.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next().and_then(|line| line.parse().ok()), lines.next()) {
        (Some(identity), None) => Ok(Opener::Identity(Box::new(identity))),
        _ => Err(Error::config("identity.bad_identity", "the keyring's identity is not one age identity")
            .with_hint("it looks like `AGE-SECRET-KEY-1…`, as age-keygen writes it")),
    }
}

/// Agreement ids become file names: letters, digits, `-`, `_` and `.`, and no leading `.`.
fn check_name(agreement: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = (1..=200).contains(&agreement.len()) && !agreement.starts_with('.') && agreement.bytes().all(allowed);
    fits.then_some(()).ok_or_else(|| {
        Error::config("identity.bad_agreement_id", format!("agreement id {agreement:?} can't name a key file"))
            .with_hint("use letters, digits, `-`, `_` and `.`")
    })
}

fn file_name(agreement: &str, epoch: u32) -> String {
    format!("{agreement}.e{epoch}.age")
}

fn read_name(name: &str) -> Option<KeyInfo> {
    let (agreement, epoch) = name.strip_suffix(".age")?.rsplit_once(".e")?;
    let epoch = epoch.parse().ok()?;
    // Only names as they are written: `a.e01.age` is no second key of epoch 1.
    (epoch > 0 && check_name(agreement).is_ok() && file_name(agreement, epoch) == name)
        .then(|| KeyInfo { agreement: agreement.to_owned(), epoch })
}

fn plaintext(
    agreement: &str,
    epoch: u32,
    root: &[u8; 32],
    quarantine: &age::x25519::Identity,
) -> Result<Zeroizing<Vec<u8>>> {
    let root = Zeroizing::new(hex::encode(root));
    let quarantine = quarantine.to_string();
    let content =
        KeyFile { format: FORMAT, agreement, epoch, root: &root, quarantine_identity: quarantine.expose_secret() };
    // Large enough never to move: 64 + 74 characters of keys, an agreement id of at most 200, and the words.
    let mut plain = Zeroizing::new(Vec::with_capacity(1024));
    serde_json::to_writer(&mut *plain, &content)
        .map_err(|_| Error::internal("identity.key_format", "the key can't be written as JSON"))?;
    Ok(plain)
}

/// The keys in an opened file. The cause of a failure is not passed on, since it may quote the file.
fn parse(plain: &[u8], agreement: &str, epoch: u32, path: &Path) -> Result<AgreementKeys> {
    let content: KeyFile<'_> = serde_json::from_slice(plain).map_err(|_| damaged(path))?;
    if content.format != FORMAT {
        return Err(damaged(path).with_hint("it was written by another version of Accord"));
    }
    if content.agreement != agreement || content.epoch != epoch {
        return Err(Error::failed(
            "identity.other_key",
            format!("key file {} holds the key of another agreement or epoch", path.display()),
        )
        .with_hint("it was renamed or copied: put it back under its own name"));
    }
    let mut root = Zeroizing::new([0; 32]);
    hex::decode_to_slice(content.root, root.as_mut_slice()).map_err(|_| damaged(path))?;
    let quarantine = content.quarantine_identity.parse().map_err(|_| damaged(path))?;
    Ok(AgreementKeys::new(agreement, epoch, SecretBox::new(Box::new(*root)), quarantine))
}

fn already_there(agreement: &str, epoch: u32) -> Error {
    Error::usage("identity.key_exists", format!("agreement {agreement} has a key already (epoch {epoch})"))
        .with_hint("nothing was changed: a key that is there is never overwritten")
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::storage("identity.keyring_read", format!("{} can't be read", path.display())).with_source(error)
}

fn damaged(path: &Path) -> Error {
    Error::failed("identity.damaged_key", format!("key file {} is damaged", path.display()))
        .with_hint("restore it from a backup of the keyring")
}

fn not_opened(path: &Path, error: DecryptError) -> Error {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            Error::failed("identity.wrong_key", format!("key file {} does not open", path.display()))
                .with_source(error)
                .with_hint(
                    "check `keyring.unlock` in config/accord.yaml: another passphrase or identity wrapped this key",
                )
        }
        _ => damaged(path).with_source(error),
    }
}
