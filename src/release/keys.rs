//! Stewards' Ed25519 keys.

use std::fmt;
use std::io::Write;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rand::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};
use crate::workspace::{PublicKeyRef, Roles};

/// The first line of a key file.
const HEADER: &str = "# accord steward key (Ed25519). Whoever has this file can approve in your name.";

/// A steward's private key. It prints as its public key.
pub struct StewardKey(SigningKey);

impl fmt::Debug for StewardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StewardKey(public {})", self.public_key())
    }
}

impl StewardKey {
    /// A new key from `randomness`.
    pub fn generate(randomness: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut secret = Zeroizing::new([0_u8; 32]);
        randomness.fill_bytes(secret.as_mut_slice());
        Self(SigningKey::from_bytes(&secret))
    }

    /// The public key, 64 hexadecimal digits, as `config/roles.yaml` wants it.
    #[must_use]
    pub fn public_key(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }

    /// Writes the key to a new file that only its owner can read.
    ///
    /// # Errors
    /// `keys.exists` where a file of that name is there; `keys.write`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::usage("keys.exists", format!("{} is there already", path.display()))
                    .with_hint("a key is never written over another; choose another name")
            }
            _ => Error::failed("keys.write", format!("write key file {}", path.display())).with_source(error),
        })?;
        let text = Zeroizing::new(format!("{HEADER}\n{}\n", *Zeroizing::new(hex::encode(self.0.as_bytes()))));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
            Error::failed("keys.write", format!("write key file {}", path.display())).with_source(error)
        })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// `keys.read`; `keys.open_to_others` where others than its owner can read it; `keys.not_a_key`.
    pub fn load(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| Error::usage("keys.read", format!("key file {shown} can't be read")).with_source(error))?;
        check_owner_only(path)?;
        let digits = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let mut secret = Zeroizing::new([0_u8; 32]);
        let decoded = digits.is_some_and(|digits| hex::decode_to_slice(digits, secret.as_mut_slice()).is_ok());
        if !decoded {
            return Err(Error::usage("keys.not_a_key", format!("{shown} is no steward's key"))
                .with_hint("a key file holds 64 hexadecimal digits below a line that starts with #"));
        }
        let key = Self(SigningKey::from_bytes(&secret));
        secret.zeroize();
        Ok(key)
    }

    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.0.sign(message).to_bytes())
    }
}

#[cfg(unix)]
fn check_owner_only(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)
        .map_err(|error| {
            Error::usage("keys.read", format!("key file {} can't be read", path.display())).with_source(error)
        })?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::usage("keys.open_to_others", format!("others than its owner can read key file {}", path.display()))
        .with_hint(format!("chmod 600 {}; if others may have read it, make a new key", path.display())))
}

#[cfg(not(unix))]
fn check_owner_only(_: &Path) -> Result<()> {
    Ok(())
}

/// The stewards of `config/roles.yaml` with their public keys.
#[derive(Clone, Debug)]
pub struct Stewards(Vec<Identity>);

/// A steward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub id: String,
    /// The party that it speaks for.
    pub party: String,
    /// The public key, 64 lower-case hexadecimal digits.
    pub public_key: String,
}

impl Stewards {
    /// Reads the public keys, files of them relative to `root`.
    ///
    /// # Errors
    /// `roles.public_key` for one that is missing or no key; `roles.shared_key` where two stewards have the same.
    pub fn resolve(roles: &Roles, root: &Path) -> Result<Self> {
        let mut stewards: Vec<Identity> = Vec::new();
        for (id, steward) in roles.stewards.iter() {
            let public_key = public_key(id, &steward.public_key, root)?;
            if let Some(other) = stewards.iter().find(|other| other.public_key == public_key) {
                return Err(Error::config(
                    "roles.shared_key",
                    format!("stewards `{}` and `{id}` have one key", other.id),
                )
                .with_hint("each steward makes their own with `accord keys steward`"));
            }
            stewards.push(Identity { id: id.to_owned(), party: steward.party.clone(), public_key });
        }
        Ok(Self(stewards))
    }

    /// The steward `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Identity> {
        self.0.iter().find(|steward| steward.id == id)
    }

    /// All stewards.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.0.iter()
    }
}

fn public_key(id: &str, reference: &PublicKeyRef, root: &Path) -> Result<String> {
    let text = match reference {
        PublicKeyRef::Ed25519(text) => text.clone(),
        PublicKeyRef::File(path) => std::fs::read_to_string(root.join(path)).map_err(|error| {
            Error::config(
                "roles.public_key",
                format!("public key file {} of steward `{id}` can't be read", path.display()),
            )
            .with_source(error)
            .with_hint("`accord keys steward` makes a key and prints its public half")
        })?,
    };
    let digits =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let digits = digits.to_ascii_lowercase();
    if parse_public(&digits).is_none() {
        return Err(Error::config("roles.public_key", format!("the public key of steward `{id}` is none"))
            .with_hint("it is 64 hexadecimal digits, as `accord keys steward` prints them"));
    }
    Ok(digits)
}

/// A public key from 64 hexadecimal digits; none for a weak one, under which many signatures would be valid.
pub(super) fn parse_public(digits: &str) -> Option<VerifyingKey> {
    let mut bytes = [0_u8; 32];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())
}
