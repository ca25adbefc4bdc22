//! No key dies without two stewards, and a dead one stays dead.

use std::path::Path;

use age::secrecy::{ExposeSecret, SecretString};
use jiff::SignedDuration;

use super::world::{ANNA, BEN, CARA, World, code, key};
use crate::error::{Kind, Result};
use crate::identity::{KeyInfo, Keyring};
use crate::release::*;
use crate::workspace::{KeyringConfig, SecretRef, Secrets, Unlock};

struct Fixed(String);

impl Secrets for Fixed {
    fn resolve(&self, _: &SecretRef) -> Result<SecretString> {
        Ok(SecretString::from(self.0.clone()))
    }
}

const AGREEMENT: &str = "district-college";

/// A world whose agreement has keys of two epochs, both in the ledger.
struct Keyed {
    world: World,
    keyring: Keyring,
    stewards: Stewards,
}

impl Keyed {
    async fn new() -> Self {
        let world = World::new();
        let config = KeyringConfig {
            directory: "keys".into(),
            unlock: Unlock::Identity(SecretRef::Env("KEY".into())),
            recipients: Vec::new(),
            formerly: Vec::new(),
        };
        let secret = Fixed(age::x25519::Identity::generate().to_string().expose_secret().to_owned());
        let keyring = Keyring::open(world.folder.path(), &config, &secret).unwrap();
        let stewards = Stewards::resolve(&world.roles, world.folder.path()).unwrap();
        let mut byte = 0;
        let mut fill = |bytes: &mut [u8]| {
            byte += 1;
            bytes.fill(byte);
            Ok(())
        };
        let none = destroyed_keys(&[]);
        let first = keyring.create(AGREEMENT, &none, &mut fill).await.unwrap();
        let second = keyring.rotate(AGREEMENT, &none, &mut fill).await.unwrap();
        let keyed = Self { world, keyring, stewards };
        for keys in [first, second] {
            let (epoch, fingerprint) = (keys.epoch(), keys.fingerprint());
            keyed
                .world
                .smuggle("keys", Event::KeyCreated { agreement: AGREEMENT.to_owned(), epoch, fingerprint })
                .await;
        }
        keyed
    }

    async fn destroy(&self, steward: &str, reason: Option<&str>) -> Result<Destruction> {
        self.destroy_with(None, Some((steward, steward)), reason).await
    }

    async fn destroy_with(
        &self,
        epoch: Option<u32>,
        by: Option<(&str, &str)>,
        reason: Option<&str>,
    ) -> Result<Destruction> {
        let signing = by.map(|(_, of)| key(of));
        let orderer = by.zip(signing.as_ref()).map(|((steward, _), key)| Orderer { steward, key, reason });
        let destroyer = Destroyer {
            ledger: Ledger::open(&self.world.state),
            keyring: &self.keyring,
            agreement: &self.world.agreement,
            stewards: &self.stewards,
            now: self.world.now,
        };
        destroyer.destroy(epoch, orderer).await
    }

    async fn entries(&self) -> Vec<Entry> {
        Ledger::open(&self.world.state).entries().await.unwrap()
    }

    async fn load(&self) -> Result<crate::identity::AgreementKeys> {
        living_key(&Ledger::open(&self.world.state), &self.keyring, AGREEMENT).await
    }

    fn folder(&self) -> std::path::PathBuf {
        self.world.folder.path().join("keys")
    }

    /// The order that Anna signed alone.
    async fn ordered(&self) -> Pending<DestructionOrder> {
        match self.destroy(ANNA, Some("the agreement has ended")).await.unwrap() {
            Destruction::Waiting(order) => order,
            other => panic!("{other:?}"),
        }
    }
}

fn is_done(outcome: &Destruction) -> bool {
    matches!(outcome, Destruction::Done { .. })
}

fn copies(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains(".age")).count()
}

#[tokio::test]
async fn a_key_dies_by_two_stewards_of_two_parties_only() {
    let keyed = Keyed::new().await;
    assert_eq!(keyed.destroy(ANNA, None).await.unwrap_err().code(), "release.no_reason");
    let order = keyed.ordered().await;
    assert_eq!(order.order.keys.iter().map(|key| key.epoch).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(code(keyed.destroy(ANNA, None).await), "keys.signed_already");
    // Another steward of the same party is not enough.
    assert!(matches!(keyed.destroy(CARA, None).await.unwrap(), Destruction::Waiting(_)));
    assert_eq!(copies(&keyed.folder()), 2, "nothing was removed");
    keyed.load().await.expect("it lives");
    let done = keyed.destroy(BEN, None).await.unwrap();
    assert!(is_done(&done), "{done:?}");
    assert_eq!(copies(&keyed.folder()), 0);
    let refused = keyed.load().await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (Kind::Governance, "identity.key_destroyed"));
}

#[tokio::test]
async fn the_ledger_proves_a_destruction() {
    let keyed = Keyed::new().await;
    keyed.ordered().await;
    keyed.destroy(BEN, None).await.unwrap();
    let entries = keyed.entries().await;
    let Event::KeyDestruction { stage, order, signatures, copies } = &entries.last().unwrap().event else {
        panic!("{:?}", entries.last())
    };
    assert_eq!(*stage, DestructionStage::Done);
    assert_eq!(*copies, [1, 2].map(|epoch| format!("file {AGREEMENT}.e{epoch}.age")));
    let made = recorded_keys(&entries, AGREEMENT);
    let doomed: Vec<String> = order.keys.iter().map(|key| key.fingerprint.clone()).collect();
    assert_eq!(doomed, made.into_iter().map(|(_, fingerprint)| fingerprint).collect::<Vec<_>>());
    assert_eq!(signatures.iter().map(|one| one.steward.as_str()).collect::<Vec<_>>(), [ANNA, BEN]);
    for one in signatures {
        assert!(verify_destruction(order, &one.steward, &one.signed));
        let mut other = order.clone();
        other.keys.pop();
        assert!(!verify_destruction(&other, &one.steward, &one.signed), "a signature is over exactly these keys");
        assert!(!verify_destruction(order, "someone", &one.signed));
    }
    assert!(matches!(keyed.destroy(ANNA, Some("again")).await.unwrap(), Destruction::DoneBefore(_)));
}

#[tokio::test]
async fn who_may_not_order_it_is_refused() {
    let keyed = Keyed::new().await;
    let by = |steward: &'static str, key: &'static str| keyed.destroy_with(None, Some((steward, key)), Some("why"));
    assert_eq!(by("eve", "eve").await.unwrap_err().code(), "release.not_a_party");
    assert_eq!(by("nobody", "anna").await.unwrap_err().code(), "release.not_a_steward");
    assert_eq!(by(ANNA, BEN).await.unwrap_err().code(), "release.wrong_key");
    assert_eq!(keyed.destroy_with(None, None, None).await.unwrap_err().code(), "keys.no_signer");
    keyed.ordered().await;
    assert_eq!(keyed.destroy_with(None, None, None).await.unwrap_err().code(), "keys.no_signer");
    assert_eq!(keyed.destroy(BEN, Some("another reason")).await.unwrap_err().code(), "keys.other_order");
    assert_eq!(copies(&keyed.folder()), 2);
}

#[tokio::test]
async fn a_signature_smuggled_into_the_ledger_kills_nothing() {
    let keyed = Keyed::new().await;
    let order = keyed.ordered().await.order;
    let signed = |party: &str, by: &str, over: &str| Signed {
        party: party.to_owned(),
        public_key: key(by).public_key(),
        signature: key(by).sign(&order.message(over)),
    };
    for (actor, signed) in [
        (BEN, signed("college", ANNA, BEN)),
        (BEN, signed("college", BEN, ANNA)),
        (BEN, signed("district", BEN, BEN)),
        ("eve", signed("elsewhere", "eve", "eve")),
        (ANNA, signed("district", ANNA, ANNA)),
    ] {
        keyed.world.smuggle(actor, Event::KeyDestructionOrder { order: order.clone(), signed }).await;
    }
    assert_eq!(keyed.destroy_with(None, None, None).await.unwrap_err().code(), "keys.no_signer");
    keyed.load().await.expect("it lives");
    assert!(is_done(&keyed.destroy(BEN, None).await.unwrap()));
}

#[tokio::test]
async fn an_order_that_nobody_seconds_is_void() {
    let mut keyed = Keyed::new().await;
    keyed.ordered().await;
    keyed.world.now += SignedDuration::from_hours(24 * 14);
    assert_eq!(keyed.destroy(BEN, None).await.unwrap_err().code(), "release.no_reason", "the old order is void");
    assert!(matches!(keyed.destroy(BEN, Some("anew")).await.unwrap(), Destruction::Waiting(_)));
    keyed.load().await.expect("it lives");
}

#[tokio::test]
async fn a_destruction_that_was_killed_is_finished_and_the_key_is_refused_meanwhile() {
    // Killed after the second signature, before it began.
    let keyed = Keyed::new().await;
    let order = keyed.ordered().await.order;
    let second = Signed {
        party: "college".to_owned(),
        public_key: key(BEN).public_key(),
        signature: key(BEN).sign(&order.message(BEN)),
    };
    keyed.world.smuggle(BEN, Event::KeyDestructionOrder { order: order.clone(), signed: second.clone() }).await;
    assert!(is_done(&keyed.destroy_with(None, None, None).await.unwrap()), "nobody needs to sign again");
    assert_eq!(copies(&keyed.folder()), 0);

    // Killed after it began, with one of two keys removed.
    let keyed = Keyed::new().await;
    let order = keyed.ordered().await;
    let signatures =
        [order.signatures.clone(), vec![StewardSignature { steward: BEN.to_owned(), signed: second }]].concat();
    let names = [1, 2].map(|epoch| format!("file {AGREEMENT}.e{epoch}.age"));
    let begun = Event::KeyDestruction {
        stage: DestructionStage::Begun,
        order: order.order.clone(),
        signatures,
        copies: names.to_vec(),
    };
    keyed.world.smuggle(BEN, begun).await;
    std::fs::remove_file(keyed.folder().join(format!("{AGREEMENT}.e2.age"))).unwrap();
    assert_eq!(keyed.load().await.unwrap_err().code(), "identity.key_destroyed", "though a copy is there");
    let Destruction::Done { copies: removed, .. } = keyed.destroy_with(None, None, None).await.unwrap() else {
        panic!()
    };
    assert_eq!(removed, names, "what the killed one removed is said, too");
    assert_eq!(copies(&keyed.folder()), 0);
}

#[tokio::test]
async fn a_copy_that_comes_back_is_refused_and_removed_by_the_same_command() {
    let keyed = Keyed::new().await;
    let path = keyed.folder().join(format!("{AGREEMENT}.e2.age"));
    let backup = std::fs::read(&path).unwrap();
    keyed.ordered().await;
    keyed.destroy(BEN, None).await.unwrap();
    std::fs::write(&path, backup).unwrap();
    assert_eq!(keyed.load().await.unwrap_err().code(), "identity.key_destroyed");
    assert!(is_done(&keyed.destroy_with(None, None, None).await.unwrap()));
    assert!(!path.exists());
    assert!(matches!(keyed.destroy_with(None, None, None).await.unwrap(), Destruction::DoneBefore(_)));
}

#[tokio::test]
async fn one_epoch_can_die_alone() {
    let keyed = Keyed::new().await;
    let order = keyed.destroy_with(Some(1), Some((ANNA, ANNA)), Some("retention")).await.unwrap();
    assert!(matches!(order, Destruction::Waiting(order) if order.order.keys.len() == 1));
    assert!(is_done(&keyed.destroy(BEN, None).await.unwrap()));
    assert_eq!(keyed.load().await.expect("the newest lives").epoch(), 2);
    let dead = destroyed_keys(&keyed.entries().await);
    let first = KeyInfo { agreement: AGREEMENT.to_owned(), epoch: 1 };
    assert_eq!(keyed.keyring.open_key(&first, &dead).await.unwrap_err().code(), "identity.key_destroyed");
}
