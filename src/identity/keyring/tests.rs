//! Each test is named after the guarantee that it checks.

use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use futures::FutureExt;

use super::*;
use crate::error::Kind;
use crate::workspace::{AwsKms, SecretRef};

struct Fixed(String);

impl Secrets for Fixed {
    fn resolve(&self, _: &SecretRef) -> Result<SecretString> {
        Ok(SecretString::from(self.0.clone()))
    }
}

/// What is wrapped with age alone never waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it does not wait")
}

fn none() -> DestroyedKeys {
    DestroyedKeys::default()
}

fn filled(byte: u8) -> impl FnMut(&mut [u8]) -> Result<()> + Send {
    move |bytes| {
        bytes.fill(byte);
        Ok(())
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let keyring = folder.path().join("keyring");
    (folder, keyring)
}

fn ring(directory: &Path, unlock: Unlock, secret: &str, recipients: &[String]) -> Result<Keyring> {
    let config = KeyringConfig {
        directory: directory.to_owned(),
        unlock,
        recipients: recipients.to_vec(),
        formerly: Vec::new(),
    };
    Keyring::open(Path::new("/"), &config, &Fixed(secret.to_owned()))
}

fn of_identity(directory: &Path, identity: &age::x25519::Identity, recipients: &[String]) -> Keyring {
    let unlock = Unlock::Identity(SecretRef::Env("KEY".into()));
    ring(directory, unlock, identity.to_string().expose_secret(), recipients).expect("a keyring")
}

fn of_passphrase(directory: &Path, passphrase: &str, recipients: &[String]) -> Keyring {
    ring(directory, Unlock::Passphrase(SecretRef::Env("P".into())), passphrase, recipients).expect("a keyring")
}

fn identity() -> age::x25519::Identity {
    age::x25519::Identity::generate()
}

fn dead(keys: &AgreementKeys) -> DestroyedKeys {
    DestroyedKeys(vec![DestroyedKey {
        agreement: keys.agreement().to_owned(),
        epoch: keys.epoch(),
        fingerprint: keys.fingerprint(),
        recorded: "2026-07-01 (ledger entry 3)".to_owned(),
    }])
}

fn key(agreement: &str, epoch: u32) -> KeyInfo {
    KeyInfo { agreement: agreement.to_owned(), epoch }
}

#[test]
fn each_recipient_opens_the_key_and_nobody_else() {
    let (_folder, directory) = folder();
    let (own, partner, stranger) = (identity(), identity(), identity());
    let recipients = [of_identity(&directory, &partner, &[]).recipient().expect("a recipient")];
    let made = now(of_identity(&directory, &own, &recipients).create("a", &none(), &mut filled(1))).expect("a key");
    for one in [&own, &partner] {
        let loaded = now(of_identity(&directory, one, &[]).load("a", &none())).expect("it opens");
        assert_eq!(loaded.id(), made.id());
    }
    let refused = now(of_identity(&directory, &stranger, &[]).load("a", &none())).expect_err("a stranger");
    assert_eq!(refused.code(), "identity.wrong_key");
}

#[test]
fn a_passphrase_and_a_recipient_both_open_the_key() {
    let (_folder, directory) = folder();
    let partner = identity();
    let recipients = [partner.to_public().to_string()];
    let made =
        now(of_passphrase(&directory, "right", &recipients).create("a", &none(), &mut filled(1))).expect("a key");
    assert_eq!(now(of_passphrase(&directory, "right", &[]).load("a", &none())).expect("it opens").id(), made.id());
    assert_eq!(now(of_identity(&directory, &partner, &[]).load("a", &none())).expect("it opens").id(), made.id());
    let ring = of_passphrase(&directory, "right", &recipients);
    assert_eq!(ring.files_of(&key("a", 1)).expect("files"), ["a.e1.age", "a.e1.passphrase.age"]);
    assert_eq!(ring.list().expect("keys"), [key("a", 1)]);
    let wrong = now(of_passphrase(&directory, "wrong", &[]).load("a", &none())).expect_err("another passphrase");
    assert_eq!(wrong.code(), "identity.wrong_key");
}

#[test]
fn rewrapping_lets_new_recipients_in_and_old_ones_out() {
    let (_folder, directory) = folder();
    let (own, leaver, joiner) = (identity(), identity(), identity());
    let recipient = |one: &age::x25519::Identity| [one.to_public().to_string()];
    let made =
        now(of_identity(&directory, &own, &recipient(&leaver)).create("a", &none(), &mut filled(1))).expect("a key");
    let changed = of_identity(&directory, &own, &recipient(&joiner));
    now(changed.rewrap(&key("a", 1), &none())).expect("wrapped anew");
    assert_eq!(now(changed.load("a", &none())).expect("it opens").id(), made.id());
    assert_eq!(now(of_identity(&directory, &joiner, &[]).load("a", &none())).expect("it opens").id(), made.id());
    let out = now(of_identity(&directory, &leaver, &[]).load("a", &none())).expect_err("who left");
    assert_eq!(out.code(), "identity.wrong_key");
    let stranger = of_identity(&directory, &leaver, &[]);
    now(stranger.rewrap(&key("a", 1), &none())).expect_err("only who opens it wraps it anew");
}

#[test]
fn rotation_begins_an_epoch_beside_the_old_one() {
    let (_folder, directory) = folder();
    let own = identity();
    let ring = of_identity(&directory, &own, &[]);
    let first = now(ring.create("a", &none(), &mut filled(1))).expect("a key");
    let second = now(ring.rotate("a", &none(), &mut filled(2))).expect("the next");
    assert_eq!((second.epoch(), ring.list().expect("keys").len()), (2, 2));
    assert_eq!(now(ring.load("a", &none())).expect("the newest").id(), second.id());
    let all: Vec<u32> = now(ring.load_all("a", &none())).expect("both").iter().map(AgreementKeys::epoch).collect();
    assert_eq!(all, [2, 1]);
    let old = now(ring.load_all("a", &dead(&first))).expect("the living one");
    assert_eq!(old.iter().map(AgreementKeys::epoch).collect::<Vec<_>>(), [2]);
    assert_eq!(now(ring.rotate("b", &none(), &mut filled(3))).expect_err("no key").code(), "identity.no_key");
}

#[test]
fn a_destroyed_key_is_gone_with_every_copy() {
    let (_folder, directory) = folder();
    let (own, partner) = (identity(), identity());
    let ring = of_passphrase(&directory, "right", &[partner.to_public().to_string()]);
    let made = now(ring.create("a", &none(), &mut filled(1))).expect("a key");
    let other = now(of_identity(&directory, &own, &[]).create("a.e1.b", &none(), &mut filled(2))).expect("another");
    for backup in ["a.e1.age.bak", "a.e1.age~", "a.e1.b.e1.age.bak"] {
        std::fs::copy(directory.join("a.e1.age"), directory.join(backup)).expect("a backup");
    }
    let mut removed = now(ring.destroy(&key("a", 1))).expect("destroyed");
    removed.sort();
    let files = ["a.e1.age", "a.e1.age.bak", "a.e1.age~", "a.e1.passphrase.age"].map(|name| format!("file {name}"));
    assert_eq!(removed, files);
    let left: Vec<String> = std::fs::read_dir(&directory)
        .expect("the folder")
        .map(|one| one.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    assert!(left.iter().all(|name| name == LOCK || name.starts_with("a.e1.b.e1.")), "{left:?}");
    assert!(ring.files_of(&key("a", 1)).expect("files").is_empty(), "copies under other names go, too");
    // A key whose agreement's name begins like the other's file stays, and so does its backup.
    assert_eq!(now(of_identity(&directory, &own, &[]).load("a.e1.b", &none())).expect("it opens").id(), other.id());
    assert!(directory.join("a.e1.b.e1.age.bak").exists());
    assert_eq!(now(ring.destroy(&key("a", 1))).expect("again"), Vec::<String>::new());
    let refused = now(ring.load("a", &dead(&made))).expect_err("destroyed");
    assert_eq!((refused.kind(), refused.code()), (Kind::Governance, "identity.key_destroyed"));
    // Who can't open a key can still destroy it.
    let config = KeyringConfig {
        directory: directory.clone(),
        unlock: Unlock::Identity(SecretRef::Env("K".into())),
        recipients: vec![],
        formerly: vec![],
    };
    now(Keyring::closed(Path::new("/"), &config).destroy(&key("a.e1.b", 1))).expect("destroyed");
    assert!(ring.list().expect("keys").is_empty());
}

#[test]
fn a_destroyed_key_that_comes_back_from_a_backup_is_refused() {
    let (_folder, directory) = folder();
    let ring = of_identity(&directory, &identity(), &[]);
    let made = now(ring.create("a", &none(), &mut filled(1))).expect("a key");
    let backup = std::fs::read(directory.join("a.e1.age")).expect("the file");
    now(ring.destroy(&key("a", 1))).expect("destroyed");
    std::fs::write(directory.join("a.e1.age"), &backup).expect("it comes back");
    let dead = dead(&made);
    for refused in [now(ring.load("a", &dead)), now(ring.open_key(&key("a", 1), &dead))] {
        assert_eq!(refused.expect_err("it is dead").code(), "identity.key_destroyed");
    }
    assert_eq!(now(ring.rotate("a", &dead, &mut filled(2))).expect_err("it is dead").code(), "identity.key_destroyed");
    assert_eq!(now(ring.rewrap(&key("a", 1), &dead)).expect_err("it is dead").code(), "identity.key_destroyed");
    // A new life begins at the next epoch, so that no epoch ever comes twice; the dead one is not taken for it.
    let next = now(ring.create("a", &dead, &mut filled(3))).expect("the next epoch");
    assert_eq!(next.epoch(), 2);
    assert_eq!(now(ring.load("a", &dead)).expect("the living one").id(), next.id());
}

#[test]
fn a_destroyed_key_is_known_by_its_fingerprint_whatever_the_ledger_calls_it() {
    let (_folder, directory) = folder();
    let ring = of_identity(&directory, &identity(), &[]);
    let made = now(ring.create("a", &none(), &mut filled(1))).expect("a key");
    let mut dead = dead(&made);
    dead.0[0].agreement = "another".to_owned();
    assert_eq!(now(ring.load("a", &dead)).expect_err("it is dead").code(), "identity.key_destroyed");
}

#[test]
fn two_do_not_change_a_keyring_at_once() {
    let (_folder, directory) = folder();
    let ring = of_identity(&directory, &identity(), &[]);
    let held = ring.lock().expect("a lock");
    let busy = now(ring.create("a", &none(), &mut filled(1))).expect_err("it is held");
    assert_eq!((busy.kind(), busy.code()), (Kind::TryAgain, "identity.keyring_busy"));
    drop(held);
    std::fs::write(directory.join(".new-left"), "half a key").expect("left by one that was killed");
    now(ring.create("a", &none(), &mut filled(1))).expect("a key");
    assert!(!directory.join(".new-left").exists());
}

#[test]
fn mistakes_in_the_configuration_are_said() {
    let (_folder, directory) = folder();
    let secret = identity().to_string();
    let by_identity = Unlock::Identity(SecretRef::Env("KEY".into()));
    let open = |unlock: Unlock, secret: &str, recipients: &[String]| {
        ring(&directory, unlock, secret, recipients).expect_err("a mistake").code()
    };
    let kms = || {
        let reference = || SecretRef::Env("X".into());
        Unlock::AwsKms(AwsKms {
            region: "us-west-2".into(),
            endpoint: Some(reference()),
            access_key_id: reference(),
            secret_access_key: reference(),
            session_token: None,
        })
    };
    assert_eq!(open(by_identity, secret.expose_secret(), &["age1no".into()]), "identity.bad_recipient");
    assert_eq!(open(kms(), "https://kms.example.org", &["age1x".into()]), "identity.recipients");
    for address in ["http://vault.example.org:8200", "http://10.0.0.1", "ftp://127.0.0.1", "nonsense", ""] {
        assert_eq!(open(kms(), address, &[]), "identity.service_address", "{address}");
    }
}
