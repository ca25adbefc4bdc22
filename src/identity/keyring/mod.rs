//! The keyring: a folder with the wrapped key of each agreement and epoch, `AGREEMENT.eEPOCH.age` or, where a key service
//! wraps it, `AGREEMENT.eEPOCH.SERVICE.json`. There is no key above it: once every copy is gone, so is the key.
//!
//! The root key's bytes come from the caller. The age library draws its file keys and the quarantine identity from the
//! operating system's generator itself.

mod age_files;
mod aws_kms;
mod destroyed;
mod file;
mod http;
mod making;
#[cfg(test)]
mod tests;
mod vault_transit;
mod wrap;

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use self::age_files::AgeWrapper;
use self::aws_kms::KmsWrapper;
use self::vault_transit::VaultWrapper;
use self::wrap::{ALL, MAIN, WrappedCopy, Wrapper};
use super::keys::AgreementKeys;
use crate::error::{Error, Result};
use crate::workspace::{KeyringConfig, Secrets, Unlock};

pub use destroyed::{DestroyedKey, DestroyedKeys};

/// A file that was to be new is there.
const TAKEN: &str = "identity.key_file_exists";

/// Held by whoever changes the folder.
const LOCK: &str = ".lock";

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
    /// None where nothing is to be opened.
    wrapper: Option<Box<dyn Wrapper>>,
    /// What wrapped keys before, while they move.
    former: Vec<Box<dyn Wrapper>>,
}

/// Where a key's 32 random bytes come from.
pub type Randomness<'a> = &'a mut (dyn FnMut(&mut [u8]) -> Result<()> + Send);

impl Keyring {
    /// The keyring that `config` describes, below `root`; its folder need not exist yet. No key is opened.
    ///
    /// # Errors
    /// A config error where what opens the keys is missing, empty or of another form.
    pub fn open(root: &Path, config: &KeyringConfig, secrets: &dyn Secrets) -> Result<Keyring> {
        let wrapper = |unlock: &Unlock, recipients: &[String]| -> Result<Box<dyn Wrapper>> {
            Ok(match unlock {
                Unlock::Passphrase(reference) => {
                    let opener = age_files::passphrase(secrets.resolve(reference)?)?;
                    Box::new(AgeWrapper::new(opener, recipients)?)
                }
                Unlock::Identity(reference) => {
                    let opener = age_files::identity(&secrets.resolve(reference)?)?;
                    Box::new(AgeWrapper::new(opener, recipients)?)
                }
                _ if !recipients.is_empty() => return Err(recipients_of_a_service()),
                Unlock::AwsKms(kms) => Box::new(KmsWrapper::new(kms, secrets)?),
                Unlock::VaultTransit(vault) => Box::new(VaultWrapper::new(vault, secrets)?),
            })
        };
        let former = config.formerly.iter().map(|unlock| wrapper(unlock, &[])).collect::<Result<_>>()?;
        let wrapper = Some(wrapper(&config.unlock, &config.recipients)?);
        Ok(Self { wrapper, former, ..Self::closed(root, config) })
    }

    /// The same without what opens the keys: it can list them, and destroy those that age wrapped.
    #[must_use]
    pub fn closed(root: &Path, config: &KeyringConfig) -> Keyring {
        Self { directory: root.join(&config.directory), wrapper: None, former: Vec::new() }
    }

    /// Makes a key for an agreement that has none (or whose keys are all destroyed) from 32 random bytes and writes it,
    /// wrapped. It is there whole or not at all.
    ///
    /// # Errors
    /// A usage error where the agreement has a key already; a storage error where the folder or the key service can't be
    /// reached.
    pub async fn create(
        &self,
        agreement: &str,
        destroyed: &DestroyedKeys,
        randomness: Randomness<'_>,
    ) -> Result<AgreementKeys> {
        check_name(agreement)?;
        let _lock = self.lock()?;
        let dead = destroyed.newest(agreement).map_or(0, |key| key.epoch);
        match self.newest(agreement)? {
            Some(newest) if newest > dead => {
                Err(already_there(&KeyInfo { agreement: agreement.to_owned(), epoch: newest }))
            }
            _ => self.create_epoch(agreement, dead + 1, randomness).await,
        }
    }

    /// Makes the next epoch beside the one that is there. Pseudonyms of the two do not join.
    ///
    /// # Errors
    /// As [`Self::load`], and as [`Self::create`].
    pub async fn rotate(
        &self,
        agreement: &str,
        destroyed: &DestroyedKeys,
        randomness: Randomness<'_>,
    ) -> Result<AgreementKeys> {
        check_name(agreement)?;
        let _lock = self.lock()?;
        let newest = self.load(agreement, destroyed).await?.epoch();
        self.create_epoch(agreement, newest + 1, randomness).await
    }

    pub(super) async fn create_epoch(
        &self,
        agreement: &str,
        epoch: u32,
        randomness: Randomness<'_>,
    ) -> Result<AgreementKeys> {
        let mut root = Zeroizing::new([0; 32]);
        randomness(root.as_mut_slice())?;
        if *root == [0; 32] {
            return Err(Error::internal("identity.no_randomness", "the source of randomness gave zeros only"));
        }
        let quarantine = age::x25519::Identity::generate();
        let key = KeyInfo { agreement: agreement.to_owned(), epoch };
        let plain = file::plaintext(&key, &root, &quarantine)?;
        let keys = AgreementKeys::new(agreement, epoch, &root, quarantine);
        let copies = self.wrapped(self.wrapper()?, &key, (&plain, &keys.fingerprint()), &[]).await?;
        self.write(&key, &copies, false)?;
        self.remove_notes(&key)?;
        Ok(keys)
    }

    /// Opens the newest key of `agreement`.
    ///
    /// # Errors
    /// A config error where there is no key; a governance error where it was destroyed (`identity.key_destroyed`), also
    /// where its file is there again; `identity.wrong_key` where it does not open; `identity.damaged_key` where the file
    /// is not what was written under its name.
    pub async fn load(&self, agreement: &str, destroyed: &DestroyedKeys) -> Result<AgreementKeys> {
        check_name(agreement)?;
        let newest = self.newest(agreement)?;
        if let Some(dead) = destroyed.newest(agreement)
            && newest.is_none_or(|newest| newest <= dead.epoch)
        {
            return Err(dead.refusal());
        }
        let epoch = newest.ok_or_else(|| {
            Error::config("identity.no_key", format!("there is no key for agreement {agreement}"))
                .with_hint(format!("accord keys new {agreement}"))
        })?;
        self.open_key(&KeyInfo { agreement: agreement.to_owned(), epoch }, destroyed).await
    }

    /// Opens all keys of `agreement` that live, the newest first: what an earlier epoch encrypted, only that one opens.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn load_all(&self, agreement: &str, destroyed: &DestroyedKeys) -> Result<Vec<AgreementKeys>> {
        let mut keys = vec![self.load(agreement, destroyed).await?];
        for key in self.list()?.into_iter().rev() {
            let earlier = key.agreement == agreement && key.epoch < keys[0].epoch();
            if earlier && destroyed.get(agreement, key.epoch).is_none() {
                keys.push(self.open_key(&key, destroyed).await?);
            }
        }
        Ok(keys)
    }

    /// Opens the key of one epoch.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn open_key(&self, key: &KeyInfo, destroyed: &DestroyedKeys) -> Result<AgreementKeys> {
        if let Some(dead) = destroyed.get(&key.agreement, key.epoch) {
            return Err(dead.refusal());
        }
        let (copies, path) = self.copies(key)?;
        let plain = self.wrapper()?.unwrap(key, &copies, &path).await?;
        self.living(file::parse(&plain, key, &path)?, destroyed)
    }

    fn living(&self, keys: AgreementKeys, destroyed: &DestroyedKeys) -> Result<AgreementKeys> {
        match destroyed.get(keys.agreement(), keys.epoch()).or(destroyed.by_fingerprint(&keys.fingerprint())) {
            Some(dead) => Err(dead.refusal()),
            None => Ok(keys),
        }
    }

    /// Wraps a key anew as the configuration says now: for other recipients, or by something else than before, which the
    /// configuration then names as `formerly`. What wrapped it before is removed once the new copies open, in the service
    /// too, and said. Done again, it finishes what was left.
    ///
    /// # Errors
    /// As [`Self::load`]; the key stays as it was. `identity.same_service` where it would move within one kind of service.
    pub async fn rewrap(&self, key: &KeyInfo, destroyed: &DestroyedKeys) -> Result<Vec<String>> {
        let _lock = self.lock()?;
        let (copies, path) = self.copies(key)?;
        let wrapper = self.wrapper()?;
        let own = |copy: &WrappedCopy| wrapper.endings().contains(&copy.ending);
        let (plain, moves) = match wrapper.unwrap(key, &copies, &path).await {
            Ok(plain) => (plain, false),
            Err(refused) => (self.unwrap_formerly(key, &copies, &path, refused).await?, true),
        };
        let keys = self.living(file::parse(&plain, key, &path)?, destroyed)?;
        if moves && wrapper.has_own_keys() && copies.iter().any(own) {
            return Err(same_service(&path));
        }
        let again = self.wrapped(wrapper, key, (&plain, &keys.fingerprint()), &copies).await?;
        let opened = wrapper.unwrap(key, &again, &path).await?;
        if *opened != *plain {
            return Err(Error::internal("identity.rewrap", "the new copies hold another key; nothing was changed"));
        }
        let kept = |copy: &WrappedCopy| again.iter().any(|one| one.ending == copy.ending);
        let (_, left): (Vec<_>, Vec<_>) = copies.into_iter().partition(kept);
        self.check_handled(&left)?;
        self.write(key, &again, true)?;
        self.remove_notes(key)?;
        let mut removed = Vec::new();
        for former in self.former.iter().filter(|one| left.iter().any(|copy| one.endings().contains(&copy.ending))) {
            removed.extend(former.destroy(key, &left).await?);
        }
        for copy in &left {
            let name = file_name(key, copy.ending);
            self.remove(&name)?;
            removed.push(format!("file {name}"));
        }
        Ok(removed)
    }

    /// What is inside, opened by what wrapped it before. `refused` is what the present one says.
    async fn unwrap_formerly(
        &self,
        key: &KeyInfo,
        copies: &[WrappedCopy],
        path: &str,
        refused: Error,
    ) -> Result<Zeroizing<Vec<u8>>> {
        if !matches!(refused.code(), "identity.other_wrapping" | "identity.wrong_key") {
            return Err(refused);
        }
        for former in &self.former {
            match former.unwrap(key, copies, path).await {
                Err(error) if matches!(error.code(), "identity.other_wrapping" | "identity.wrong_key") => {}
                opened => return opened,
            }
        }
        Err(refused)
    }

    /// Refuses copies of a service that the configuration does not name: the service's own key would be left.
    fn check_handled(&self, copies: &[WrappedCopy]) -> Result<()> {
        let handled =
            |ending: &str| self.wrapper.iter().chain(&self.former).any(|wrapper| wrapper.endings().contains(&ending));
        match copies.iter().find(|copy| !copy.ending.ends_with(wrap::AGE) && !handled(copy.ending)) {
            None => Ok(()),
            Some(copy) => Err(Error::config(
                "identity.other_wrapping",
                format!("a copy of the key is wrapped by a service that is not named ({})", copy.ending),
            )
            .with_hint(
                "name it under `keyring.formerly` in config/accord.yaml, so that its own key is destroyed, too",
            )),
        }
    }

    /// The keys that are there, by agreement and epoch. Opens none.
    ///
    /// # Errors
    /// A storage error where the folder can't be read; a missing folder is an empty keyring.
    pub fn list(&self) -> Result<Vec<KeyInfo>> {
        let mut keys: Vec<KeyInfo> = self.names()?.iter().filter_map(|name| read_name(name)).collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The files in which a key lies: its copies, and any other file that bears its name, such as `KEY.age.bak`.
    ///
    /// # Errors
    /// A storage error where the folder can't be read.
    pub fn files_of(&self, key: &KeyInfo) -> Result<Vec<String>> {
        let beginning = file_name(key, "");
        // An agreement `a.e1.b` has files that begin like those of key 1 of `a`.
        let longer: Vec<String> = self.list()?.iter().map(|other| file_name(other, "")).collect();
        let of_another =
            |name: &str| longer.iter().any(|other| other.len() > beginning.len() && name.starts_with(other.as_str()));
        let mut names = self.names()?;
        names.retain(|name| name.starts_with(&beginning) && !of_another(name));
        names.sort_unstable();
        Ok(names)
    }

    /// Destroys a key: first what a key service holds, then every file. Says what was removed. Done again, it finishes what
    /// was left.
    ///
    /// # Errors
    /// The folder's or the service's; what is left then is removed by the next call.
    pub async fn destroy(&self, key: &KeyInfo) -> Result<Vec<String>> {
        check_name(&key.agreement)?;
        let _lock = self.lock()?;
        let (mut copies, _) = self.copies(key)?;
        copies.extend(self.noted(key, &copies)?);
        self.check_handled(&copies)?;
        let mut removed = Vec::new();
        for wrapper in self.wrapper.iter().chain(&self.former) {
            removed.extend(wrapper.destroy(key, &copies).await?);
        }
        for name in self.files_of(key)? {
            self.remove(&name)?;
            removed.push(format!("file {name}"));
        }
        self.remove_notes(key)?;
        Ok(removed)
    }

    /// To whom a key is wrapped by this keyring, so that another can add it to its `recipients`.
    ///
    /// # Errors
    /// A usage error where that is no age recipient.
    pub fn recipient(&self) -> Result<String> {
        self.wrapper()?.recipient().ok_or_else(|| {
            Error::usage("keys.no_recipient", "this keyring has no public recipient")
                .with_hint("only `unlock: { identity: … }` has one; a passphrase or a key service has none")
        })
    }

    fn wrapper(&self) -> Result<&dyn Wrapper> {
        self.wrapper.as_deref().ok_or_else(closed)
    }

    fn newest(&self, agreement: &str) -> Result<Option<u32>> {
        Ok(self.list()?.into_iter().filter(|key| key.agreement == agreement).map(|key| key.epoch).max())
    }

    fn names(&self) -> Result<Vec<String>> {
        let unreadable = |error| unreadable(&self.directory, error);
        match fs::read_dir(&self.directory) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.file_name()).map_err(unreadable))
                .filter_map(|name| name.map(|name| name.into_string().ok()).transpose())
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// The wrapped copies of a key, and how it is named in messages.
    fn copies(&self, key: &KeyInfo) -> Result<(Vec<WrappedCopy>, String)> {
        let mut copies = Vec::new();
        for ending in ALL {
            let path = self.directory.join(file_name(key, ending));
            match fs::read(&path) {
                Ok(bytes) => copies.push(WrappedCopy { ending, bytes }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&path, error)),
            }
        }
        let ending = copies.first().map_or(wrap::AGE, |copy| copy.ending);
        Ok((copies, self.directory.join(file_name(key, ending)).display().to_string()))
    }

    /// Each copy to a temporary file beside it, which is then given its name; the last one makes the key be there, and
    /// fails where the name is taken, unless it is to be replaced.
    fn write(&self, key: &KeyInfo, copies: &[WrappedCopy], replace: bool) -> Result<()> {
        let last = copies.len().saturating_sub(1);
        for (at, copy) in copies.iter().enumerate() {
            match self.put(&file_name(key, copy.ending), &copy.bytes, replace || at < last) {
                Err(error) if error.code() == TAKEN => return Err(already_there(key)),
                done => done?,
            }
        }
        Ok(())
    }

    /// Writes a file that is there whole or not at all; one that is there is replaced, or is an error ([`TAKEN`]).
    fn put(&self, name: &str, bytes: &[u8], replace: bool) -> Result<()> {
        let path = self.directory.join(name);
        let failed = |error: io::Error| {
            Error::storage("identity.keyring_write", format!("key file {} can't be written", path.display()))
                .with_source(error)
                .with_hint("check space and permissions of the keyring's folder")
        };
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)
            .map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        if replace {
            file.persist(&path).map_err(|error| failed(error.error))?;
        } else {
            file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => Error::usage(TAKEN, format!("{} is there already", path.display())),
                _ => failed(error.error),
            })?;
        }
        self.sync().map_err(failed)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::storage("identity.keyring_write", format!("{} can't be removed", path.display()))
                    .with_source(error)
                    .with_hint("check the permissions of the keyring's folder, and run the command again"))
            }
            _ => self.sync().map_err(|error| unreadable(&self.directory, error)),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory).and_then(|directory| directory.sync_all())
    }

    /// One at a time changes the folder. What a killed one left half-written goes.
    fn lock(&self) -> Result<File> {
        let failed = |error: io::Error| {
            Error::storage("identity.keyring_write", format!("{} can't be written", self.directory.display()))
                .with_source(error)
                .with_hint("check space and permissions of the keyring's folder")
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(failed)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(self.directory.join(LOCK)).map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Error::busy("identity.keyring_busy", "another command is changing the keyring")
                .with_hint("run the command again when it is done")
        })?;
        for name in self.names()?.iter().filter(|name| name.starts_with(".new-")) {
            self.remove(name)?;
        }
        Ok(file)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, ..)", self.directory.display())
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

fn file_name(key: &KeyInfo, ending: &str) -> String {
    format!("{}.e{}.{ending}", key.agreement, key.epoch)
}

fn read_name(name: &str) -> Option<KeyInfo> {
    let stem = MAIN.iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'))?;
    let (agreement, epoch) = stem.rsplit_once(".e")?;
    let key = KeyInfo { agreement: agreement.to_owned(), epoch: epoch.parse().ok()? };
    // Only names as they are written: `a.e01.age` is no second key of epoch 1.
    let written = MAIN.iter().any(|ending| file_name(&key, ending) == name);
    (key.epoch > 0 && check_name(agreement).is_ok() && written).then_some(key)
}

fn already_there(key: &KeyInfo) -> Error {
    let KeyInfo { agreement, epoch } = key;
    Error::usage("identity.key_exists", format!("agreement {agreement} has a key already (epoch {epoch})")).with_hint(
        format!(
            "nothing was changed: a key that is there is never overwritten; `accord keys rotate {agreement}` makes \
                 the next epoch"
        ),
    )
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::storage("identity.keyring_read", format!("{} can't be read", path.display())).with_source(error)
}

fn closed() -> Error {
    Error::internal("identity.closed", "a keyring that opens no keys was asked for one")
}

fn same_service(path: &str) -> Error {
    Error::config(
        "identity.same_service",
        format!("key file {path} can't move from one account of a service to another"),
    )
    .with_hint("two steps: let `unlock` be an age identity and run `accord keys rewrap`, then name the new service")
}

fn recipients_of_a_service() -> Error {
    Error::config("identity.recipients", "`keyring.recipients` go with `unlock: { identity }` or `{ passphrase }` only")
        .with_hint("a key that a service wraps has no other copy, so that destroying it there destroys it")
}
