//! Wrapped keys in their folder.

use super::*;

#[test]
fn a_key_that_was_made_is_loaded_again() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    assert_eq!(keyring.list().expect("an empty list"), []);
    let made = create(&keyring, "north-2026", 1).expect("a key");
    create(&keyring, "south.e2", 2).expect("a key");
    let loaded = load(&keyring, "north-2026").expect("the key");
    assert_eq!(made.id(), loaded.id());
    assert_eq!((loaded.agreement(), loaded.epoch()), ("north-2026", 1));
    assert_eq!(ssid(&made, "1"), ssid(&loaded, "1"));
    assert_eq!(loaded.quarantine_recipient(), made.quarantine_identity().to_public());
    let info = |agreement: &str, epoch| KeyInfo { agreement: agreement.into(), epoch };
    assert_eq!(keyring.list().expect("a list"), [info("north-2026", 1), info("south.e2", 1)]);
}

#[test]
fn a_passphrase_wraps_and_opens() {
    let (_folder, directory) = folder();
    let passphrase = |text: &str| (Unlock::Passphrase(SecretRef::Env("P".into())), Fixed(text.to_owned()));
    let made = create(&keyring(&directory, &passphrase("right")), "a", 1).expect("a key");
    let loaded = load(&keyring(&directory, &passphrase("right")), "a").expect("the key");
    assert_eq!(made.fingerprint(), loaded.fingerprint());
    let wrong = load(&keyring(&directory, &passphrase("wrong")), "a").expect_err("wrong passphrase");
    assert_eq!((wrong.kind(), wrong.code()), (Kind::Failed, "identity.wrong_key"));
    let empty = passphrase("");
    let empty = try_keyring(&directory, &empty).expect_err("empty passphrase");
    assert_eq!((empty.kind(), empty.code()), (Kind::Config, "identity.empty_passphrase"));
}

#[test]
fn wrong_key_is_refused() {
    let (_folder, directory) = folder();
    create(&keyring(&directory, &by_identity()), "a", 1).expect("a key");
    let wrong = load(&keyring(&directory, &by_identity()), "a").expect_err("wrong identity");
    assert_eq!((wrong.kind(), wrong.code()), (Kind::Failed, "identity.wrong_key"));
    assert!(wrong.hint().is_some());
    let unlock = (Unlock::Identity(SecretRef::Env("KEY".into())), Fixed("not an identity".into()));
    let bad = try_keyring(&directory, &unlock).expect_err("no identity");
    assert_eq!((bad.kind(), bad.code()), (Kind::Config, "identity.bad_identity"));
}

#[test]
fn a_missing_key_says_how_to_make_it() {
    let (_folder, directory) = folder();
    let error = load(&keyring(&directory, &by_identity()), "north-2026").expect_err("no key");
    assert_eq!((error.kind(), error.code()), (Kind::Config, "identity.no_key"));
    assert_eq!(error.hint(), Some("accord keys new north-2026"));
}

#[test]
fn a_key_is_never_overwritten() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    let first = create(&keyring, "a", 1).expect("a key");
    assert_eq!(create(&keyring, "a", 2).expect_err("there is one").code(), "identity.key_exists");
    // Also where another process made it between the look and the write.
    let late = now(keyring.create_epoch("a", 1, &mut filled(2))).expect_err("there is one");
    assert_eq!(late.code(), "identity.key_exists");
    assert_eq!(load(&keyring, "a").expect("the first").id(), first.id());
    assert_eq!(names(&directory), ["a.e1.age"], "no temporary file is left");
}

#[test]
fn key_files_are_the_owners_alone() {
    let (_folder, directory) = folder();
    create(&keyring(&directory, &by_identity()), "a", 1).expect("a key");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("a.e1.age")), 0o600);
}

#[test]
fn a_key_file_under_another_name_is_refused() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    create(&keyring, "a", 1).expect("a key");
    for name in ["b.e1.age", "a.e2.age"] {
        std::fs::copy(directory.join("a.e1.age"), directory.join(name)).expect("a copy");
    }
    for agreement in ["a", "b"] {
        assert_eq!(load(&keyring, agreement).expect_err("a copy").code(), "identity.other_key");
    }
}

#[test]
fn a_damaged_key_file_is_refused() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    create(&keyring, "a", 1).expect("a key");
    let path = directory.join("a.e1.age");
    let whole = std::fs::read(&path).expect("the file");
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    for bytes in [&flipped[..], &whole[..whole.len() - 1], &whole[..40], b""] {
        std::fs::write(&path, bytes).expect("written");
        let error = load(&keyring, "a").expect_err("damaged");
        assert_eq!((error.kind(), error.code()), (Kind::Failed, "identity.damaged_key"));
    }
}

#[test]
fn agreement_ids_can_not_leave_the_folder() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    for id in ["", "../a", "a/b", ".a", "a\0", "ä"] {
        assert_eq!(create(&keyring, id, 1).expect_err(id).code(), "identity.bad_agreement_id");
        assert_eq!(load(&keyring, id).expect_err(id).code(), "identity.bad_agreement_id");
    }
}

#[test]
fn failing_randomness_makes_no_key() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    let mut fails = |_: &mut [u8]| Err(Error::failed("test.random", "no randomness"));
    assert_eq!(now(keyring.create("a", &none(), &mut fails)).expect_err("fails").code(), "test.random");
    assert_eq!(create(&keyring, "a", 0).expect_err("zeros").code(), "identity.no_randomness");
    assert_eq!(keyring.list().expect("a list"), []);
}

#[test]
fn the_wrapped_file_holds_no_key_in_the_clear() {
    let (_folder, directory) = folder();
    let made = create(&keyring(&directory, &by_identity()), "a", 0xab).expect("a key");
    let bytes = std::fs::read(directory.join("a.e1.age")).expect("the file");
    let identity = made.quarantine_identity().to_string();
    for secret in [&[0xab; 16][..], "ab".repeat(16).as_bytes(), &identity.expose_secret().as_bytes()[15..]] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

// Pseudonyms.
