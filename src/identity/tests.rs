//! Each test is named after the guarantee that it checks.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::{ExposeSecret, SecretString};
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::error::{Error, Kind, Result};
use crate::intake::TypedRows;
use crate::workspace::{Assignment, Contract, DataClause, KeyringConfig, Link, LinkRule, SecretRef, Secrets, Unlock};

/// Known keys; `root` stands for the random bytes.
fn keys(agreement: &str, epoch: u32, root: u8) -> AgreementKeys {
    AgreementKeys::known(agreement, epoch, [root; 32])
}

fn contract(id: &str) -> Contract {
    let name = |field: &str| json!({ "name": field, "type": "string", "normalise": "name" });
    serde_json::from_value(json!({
        "id": id, "version": "1.0.0", "partner": "district", "title": "Graduates",
        "format": { "type": "delimited", "delimiter": ",", "header": true },
        "encoding": "utf-8",
        "person": ["ssid"],
        "fields": [
            { "name": "ssid", "type": "string", "normalise": "digits" },
            name("first_name"), name("last_name"),
            { "name": "birth_date", "type": "date", "date_formats": ["YYYY-MM-DD"] },
            { "name": "school", "type": "string" },
            { "name": "cohort_year", "type": "integer" },
        ],
    }))
    .expect("a contract")
}

fn clause(contract: &str) -> DataClause {
    serde_json::from_value(json!({
        "contract": contract,
        "link": ["ssid", "first_name", "last_name", "birth_date"],
        "analyse": ["cohort_year", "school"],
    }))
    .expect("a clause")
}

/// ssid, first name, last name, birth date (days since 1970), school, cohort year.
type Row = (Option<&'static str>, Option<&'static str>, Option<&'static str>, Option<i32>, &'static str, i64);

fn typed(rows: &[Row]) -> TypedRows {
    let text = |pick: fn(&Row) -> Option<&'static str>| Arc::new(rows.iter().map(pick).collect::<StringArray>());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ssid", text(|row| row.0)),
        ("first_name", text(|row| row.1)),
        ("last_name", text(|row| row.2)),
        ("birth_date", Arc::new(rows.iter().map(|row| row.3).collect::<Date32Array>())),
        ("school", text(|row| Some(row.4))),
        ("cohort_year", Arc::new(rows.iter().map(|row| row.5).collect::<Int64Array>())),
    ];
    TypedRows::new(RecordBatch::try_from_iter(columns).expect("typed rows"))
}

const ROWS: [Row; 4] = [
    (Some("0012345678"), Some("José"), Some("Núñez Jr."), Some(13_938), "Alpha High", 2026),
    (Some("001-234-5679"), Some("Mary Ann"), Some("O'Brien"), Some(13_000), "Beta High", 2026),
    (Some("n/a"), Some("Nobody"), Some("Unknown"), Some(12_000), "Gamma High", 2025),
    (None, Some("Missing"), Some("Number"), None, "Gamma High", 2025),
];

fn rules() -> Vec<LinkEncoding> {
    let encoding = |rule, fields: &[&str]| LinkEncoding {
        link: "college".into(),
        rule,
        fields: fields.iter().map(ToString::to_string).collect(),
    };
    vec![encoding(0, &["ssid"]), encoding(1, &["first_name", "last_name", "birth_date"])]
}

fn spec(assignment: Assignment) -> Link {
    let rule = |name: &str, encoding: &LinkEncoding| LinkRule { name: name.into(), fields: encoding.fields.clone() };
    let rules = rules();
    let rules = vec![rule("ssid", &rules[0]), rule("name_and_birth_date", &rules[1])];
    Link { left: "graduates".into(), right: "enrollment".into(), assignment, rules, probabilistic: None }
}

/// Applies the rows in batches of at most `size`.
fn pseudonymized(keys: &AgreementKeys, rows: &[Row], size: usize) -> (Vec<PseudonymizedRows>, SourcePeople) {
    let mut step = Pseudonymizer::new(&contract("graduates"), &clause("graduates"), keys, &rules()).expect("a step");
    let batches = rows.chunks(size).map(|rows| step.apply(typed(rows)).expect("rows")).collect();
    (batches, step.finish())
}

fn people(keys: &AgreementKeys, rows: &[Row]) -> SourcePeople {
    pseudonymized(keys, rows, 1000).1
}

fn pseudonyms(rows: &PseudonymizedRows) -> Vec<Vec<u8>> {
    let column = rows.batch().column_by_name(PERSON_COLUMN).expect("a person column").as_fixed_size_binary();
    column.iter().map(|value| value.expect("never null").to_vec()).collect()
}

fn ssid(keys: &AgreementKeys, ssid: &str) -> Pseudonym {
    keys.pseudonym_key("ssid").pseudonym([ssid])
}

// Keys and the keyring.

struct Fixed(String);

impl Secrets for Fixed {
    fn resolve(&self, _: &SecretRef) -> Result<SecretString> {
        Ok(SecretString::from(self.0.clone()))
    }
}

fn by_identity() -> (Unlock, Fixed) {
    let identity = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
    (Unlock::Identity(SecretRef::Env("KEY".into())), Fixed(format!("# public key: age1…\n{identity}\n")))
}

fn config(directory: &Path, unlock: &Unlock) -> KeyringConfig {
    KeyringConfig { directory: directory.to_owned(), unlock: unlock.clone(), recipients: Vec::new() }
}

fn try_keyring(directory: &Path, unlock: &(Unlock, Fixed)) -> Result<Keyring> {
    Keyring::open(Path::new("/"), &config(directory, &unlock.0), &unlock.1)
}

fn keyring(directory: &Path, unlock: &(Unlock, Fixed)) -> Keyring {
    try_keyring(directory, unlock).expect("a keyring")
}

fn none() -> DestroyedKeys {
    DestroyedKeys::default()
}

/// What is wrapped with age alone never waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    use futures::FutureExt;
    future.now_or_never().expect("it does not wait")
}

fn create(ring: &Keyring, agreement: &str, byte: u8) -> Result<AgreementKeys> {
    now(ring.create(agreement, &none(), &mut filled(byte)))
}

fn load(ring: &Keyring, agreement: &str) -> Result<AgreementKeys> {
    now(ring.load(agreement, &none()))
}

/// The files of a keyring.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
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

#[test]
fn pseudonyms_of_two_agreements_do_not_join() {
    let (north, south) = (keys("north", 1, 1), keys("south", 1, 2));
    let ids = || (0..10_000).map(|id| format!("{id:010}"));
    let of = |keys: &AgreementKeys| ids().map(|id| ssid(keys, &id)).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(of(&north).len(), 10_000, "pseudonyms are injective");
    assert!(of(&north).is_disjoint(&of(&south)));
    let error = link(&spec(Assignment::OneToOne), &people(&north, &ROWS), &people(&south, &ROWS), "college");
    let error = error.expect_err("two agreements");
    assert_eq!((error.kind(), error.code()), (Kind::Config, "identity.keys_differ"));
}

#[test]
fn epochs_do_not_mix() {
    let (_folder, directory) = folder();
    let keyring = keyring(&directory, &by_identity());
    let first = create(&keyring, "a", 1).expect("a key");
    let second = now(keyring.create_epoch("a", 2, &mut filled(2))).expect("a key");
    assert_eq!(load(&keyring, "a").expect("the newest").id(), second.id());
    assert_ne!(ssid(&first, "1"), ssid(&second, "1"));
    let (old, new) = (people(&first, &ROWS), people(&second, &ROWS));
    let error = link(&spec(Assignment::OneToOne), &old, &new, "college").expect_err("two epochs, not an empty join");
    assert_eq!(error.code(), "identity.keys_differ");
}

#[test]
fn keys_of_different_uses_and_domains_differ() {
    let keys = keys("a", 1, 1);
    let all = [
        keys.pseudonym_key("ssid").pseudonym(["1"]).0,
        keys.pseudonym_key("id").pseudonym(["1"]).0,
        keys.link_key("ssid").token(["1"]).0,
        keys.link_key("id").token(["1"]).0,
    ];
    let distinct = all.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn the_same_person_fields_give_the_same_pseudonym_in_two_contracts() {
    let keys = keys("a", 1, 1);
    let mut step = Pseudonymizer::new(&contract("other"), &clause("other"), &keys, &[]).expect("a step");
    let other = step.apply(typed(&ROWS)).expect("rows");
    assert_eq!(pseudonyms(&other), pseudonyms(&pseudonymized(&keys, &ROWS, 1000).0[0]));
}

/// The attacker has everything but the key: the domain, the version, the layout of what is hashed, the fingerprint.
#[test]
fn ten_digit_ids_cannot_be_enumerated_without_the_key() {
    let keys = keys("a", 1, 0x5a);
    let target = *ssid(&keys, "0000004711").as_bytes();
    let message = |id: &str| {
        let part = |bytes: &[u8]| [&(bytes.len() as u64).to_be_bytes()[..], bytes].concat();
        [part(b"ssid"), part(&NORMALISER_VERSION.to_be_bytes()), part(id.as_bytes())].concat()
    };
    let hmac = |key: &[u8], text: &[u8]| {
        Hmac::<Sha256>::new_from_slice(key).expect("any length").chain_update(text).finalize().into_bytes().to_vec()
    };
    let fingerprint = keys.fingerprint();
    let others = [
        super::tests::keys("a", 2, 0x5b).pseudonym_key("ssid"),
        super::tests::keys("b", 1, 0x5c).pseudonym_key("ssid"),
        keys.pseudonym_key("id"),
    ];
    let link_key = keys.link_key("ssid");
    for id in 0..20_000 {
        let id = format!("{id:010}");
        let whole = message(&id);
        let mut guesses = vec![Sha256::digest(&id).to_vec(), Sha256::digest(&whole).to_vec()];
        for key in [&b""[..], b"ssid", &[0; 32], &[0x5a; 32], fingerprint.as_bytes()] {
            guesses.extend([hmac(key, id.as_bytes()), hmac(key, &whole)]);
        }
        // The keys of another epoch, of another agreement, of another field and of links.
        let own = others.iter().map(|key| key.pseudonym([id.as_str()]).0.repeat(2));
        guesses.extend(own.chain([link_key.token([id.as_str()]).0.repeat(2)]));
        assert!(guesses.iter().all(|guess| guess[..16] != target && guess[16..] != target), "{id} was found");
    }
    // The attack is real: with the key's own derivation it finds the id.
    assert!((0..20_000).any(|id| ssid(&keys, &format!("{id:010}")).as_bytes() == &target));
}

#[test]
fn direct_identifiers_do_not_leave() {
    let (batches, people) = pseudonymized(&keys("a", 1, 1), &ROWS, 1000);
    let schema = batches[0].batch().schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["person", "cohort_year", "school"], "only what the clause lists under analyse, in its order");
    let mut bytes = Vec::new();
    for column in batches[0].batch().columns() {
        column.to_data().buffers().iter().for_each(|buffer| bytes.extend_from_slice(buffer.as_slice()));
    }
    people.people.iter().for_each(|person| bytes.extend_from_slice(&person.0));
    people.rules.iter().flat_map(|rule| &rule.pairs).for_each(|(token, _)| bytes.extend_from_slice(&token.0));
    bytes.extend_from_slice(format!("{:?} {people:?} {:?}", batches[0], schema).as_bytes());
    let raw = ["0012345678", "0012345679", "001-234-5679", "José", "JOSE", "Núñez", "NUNEZ", "O'Brien", "OBRIEN"];
    for value in raw.iter().chain(&["2008-02-29", "20080229", "Mary Ann", "MARYANN"]) {
        let digest = Sha256::digest(value).to_vec();
        for form in [
            value.as_bytes().to_vec(),
            hex::encode(value).into_bytes(),
            BASE64_STANDARD_NO_PAD.encode(value).into_bytes(),
            BASE64_URL_SAFE_NO_PAD.encode(value).into_bytes(),
            digest[..16].to_vec(),
            hex::encode(&digest[..16]).into_bytes(),
        ] {
            assert!(!bytes.windows(form.len()).any(|window| window == form), "{value} left the step");
        }
    }
}

/// A name in each alphabet that people in California write, and in some that they don't.
const ALPHABETS: [&str; 22] = [
    "José",
    "Nguyễn",
    "Łukasz",
    "Þórður",
    "Иванов",
    "Παπαδόπουλος",
    "Անի",
    "ნინო",
    "משה",
    "محمد",
    "فاطمه",
    "प्रिया",
    "ਗੁਰਪ੍ਰੀਤ",
    "অনিতা",
    "தமிழ்",
    "สมชาย",
    "ខ្មែរ",
    "陳大文",
    "山田",
    "やまだ",
    "김민수",
    "ᏣᎳᎩ",
];

#[test]
fn one_row_in_all_alphabets_leaves_no_identifier() {
    let keys = keys("a", 1, 1);
    let mut contract = contract("graduates");
    contract.person = vec!["first_name".into()];
    let mut step = Pseudonymizer::new(&contract, &clause("graduates"), &keys, &rules()).expect("a step");
    let everyone: &'static str = ALPHABETS.join(" ").leak();
    let row = |name: &'static str| (Some("1"), Some(name), Some(everyone), Some(1), "Alpha High", 2026);
    let rows: Vec<Row> = ALPHABETS.into_iter().chain([everyone]).map(row).collect();
    let out = step.apply(typed(&rows)).expect("rows");
    assert_eq!((out.batch().num_rows(), out.without_person), (rows.len(), 0), "each is somebody");
    let people: std::collections::BTreeSet<_> = pseudonyms(&out).into_iter().collect();
    assert_eq!(people.len(), rows.len(), "and nobody is another");
    let mut bytes = format!("{out:?} {step:?} {:?}", out.batch().schema()).into_bytes();
    for column in out.batch().columns() {
        column.to_data().buffers().iter().for_each(|buffer| bytes.extend_from_slice(buffer.as_slice()));
    }
    for name in ALPHABETS {
        let normalised = normalise(crate::workspace::Normaliser::Name, name).expect("a name");
        for form in [name, &normalised, &BASE64_STANDARD_NO_PAD.encode(name), &hex::encode(name)] {
            assert!(!bytes.windows(form.len()).any(|window| window == form.as_bytes()), "{name} left the step");
        }
    }
    // The same in another normal form of Unicode is the same person.
    use unicode_normalization::UnicodeNormalization;
    let decomposed: Vec<Row> = ALPHABETS.iter().map(|name| row(name.nfd().collect::<String>().leak())).collect();
    let again = pseudonyms(&step.apply(typed(&decomposed)).expect("rows"));
    assert!(again.into_iter().all(|person| people.contains(&person)));
}

#[test]
fn metadata_of_typed_rows_is_not_carried_on() {
    let rows = typed(&ROWS);
    let secret = [("note".to_owned(), "0012345678".to_owned())];
    let fields: Vec<Field> = rows
        .batch()
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_metadata(secret.clone().into()))
        .collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, secret.into()));
    let batch = RecordBatch::try_new(schema, rows.batch().columns().to_vec()).expect("rows");
    let keys = keys("a", 1, 1);
    let mut step = Pseudonymizer::new(&contract("graduates"), &clause("graduates"), &keys, &[]).expect("a step");
    let out = step.apply(TypedRows::new(batch)).expect("rows").into_batch();
    assert_eq!(out.schema(), step.schema());
    assert!(out.schema().fields().iter().all(|field| field.metadata().is_empty()));
    assert_eq!(out.schema().metadata().get("note"), None);
    assert_eq!(out.schema().metadata().get("accord.epoch").map(String::as_str), Some("1"));
}

#[test]
fn rows_in_are_rows_out_and_rejects() {
    for size in [1, 2, 3, 1000] {
        let (batches, people) = pseudonymized(&keys("a", 1, 1), &ROWS, size);
        let out: u64 = batches.iter().map(|rows| rows.batch().num_rows() as u64).sum();
        let rejected: u64 = batches.iter().map(|rows| rows.without_person).sum();
        assert_eq!((out, rejected), (2, 2), "a missing ssid and one without a digit identify nobody");
        assert_eq!(people.count(), 2);
    }
    let (batches, _) = pseudonymized(&keys("a", 1, 1), &ROWS, 1000);
    let years = batches[0].batch().column(1).as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!(years.values().to_vec(), [2026, 2026], "the rows that stay are the ones with a person");
}

#[test]
fn pseudonyms_are_those_of_the_normalised_values() {
    let keys = keys("a", 1, 1);
    let (batches, people) = pseudonymized(&keys, &ROWS, 1000);
    let expected = [ssid(&keys, "0012345678"), ssid(&keys, "0012345679")];
    assert_eq!(pseudonyms(&batches[0]), expected.map(|person| person.as_bytes().to_vec()));
    let domain = "college#1:first_name,last_name,birth_date";
    let token = keys.link_key(domain).token(["JOSE", "NUNEZ", "2008-02-29"]);
    assert!(people.rules[1].pairs.contains(&(token, expected[0])));
}

#[test]
fn rows_that_are_not_about_people_have_no_person_column() {
    let mut contract = contract("graduates");
    contract.person.clear();
    let keys = keys("a", 1, 1);
    let mut step = Pseudonymizer::new(&contract, &clause("graduates"), &keys, &[]).expect("a step");
    let rows = step.apply(typed(&ROWS)).expect("rows");
    assert_eq!((rows.batch().num_rows(), rows.batch().num_columns(), rows.without_person), (4, 2, 0));
    assert_eq!(step.finish().count(), 0);
    let error = Pseudonymizer::new(&contract, &clause("graduates"), &keys, &rules()).expect_err("a link of nobody");
    assert_eq!(error.code(), "identity.no_person_fields");
}

#[test]
fn a_field_is_used_only_as_the_clause_says() {
    let keys = keys("a", 1, 1);
    let refused = |contract: &Contract, clause: &DataClause| {
        let error = Pseudonymizer::new(contract, clause, &keys, &rules()).expect_err("refused");
        (error.kind(), error.code())
    };
    let contract = contract("graduates");
    let mut both = clause("graduates");
    both.analyse.push("ssid".into());
    assert_eq!(refused(&contract, &both), (Kind::Governance, "identity.link_field_analysed"));
    let mut unlisted = clause("graduates");
    unlisted.link.retain(|field| field != "birth_date");
    assert_eq!(refused(&contract, &unlisted), (Kind::Governance, "identity.field_not_allowed"));
    unlisted.link.retain(|field| field != "ssid");
    assert_eq!(refused(&contract, &unlisted), (Kind::Governance, "identity.field_not_allowed"));
    let mut reserved = clause("graduates");
    reserved.analyse.push("person".into());
    assert_eq!(refused(&contract, &reserved), (Kind::Config, "identity.reserved_name"));
    assert_eq!(refused(&contract, &clause("other")), (Kind::Internal, "identity.seam"));
}

#[test]
fn columns_of_another_type_are_refused() {
    let rows = typed(&ROWS);
    let batch = rows.batch();
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| match field.data_type() {
        DataType::Int64 => (field.name().clone(), Arc::new(StringArray::from(vec!["x"; 4])) as ArrayRef),
        _ => (field.name().clone(), Arc::clone(column)),
    });
    let batch = RecordBatch::try_from_iter(columns).expect("rows");
    let keys = keys("a", 1, 1);
    let mut step = Pseudonymizer::new(&contract("graduates"), &clause("graduates"), &keys, &[]).expect("a step");
    assert_eq!(step.apply(TypedRows::new(batch)).expect_err("another type").code(), "identity.seam");
}

#[test]
fn debug_shows_no_key_and_no_pseudonym() {
    let (_folder, directory) = folder();
    let unlock = by_identity();
    let ring = keyring(&directory, &unlock);
    let keys = create(&ring, "a", 0xab).expect("a key");
    let (batches, people) = pseudonymized(&keys, &ROWS, 1000);
    let person = ssid(&keys, "0012345678");
    let token = people.rules[0].pairs[0].0;
    let links = link(&spec(Assignment::OneToOne), &people, &people, "college").expect("links");
    let step = Pseudonymizer::new(&contract("graduates"), &clause("graduates"), &keys, &rules()).expect("a step");
    let (pseudonym_key, link_key) = (keys.pseudonym_key("ssid"), keys.link_key("ssid"));
    let shown = format!(
        "{ring:?} {keys:?} {pseudonym_key:?} {link_key:?} {person:?} {token:?} {people:?} {links:?} {:?} {:?} {step:?} {:?}",
        links.report, links.report.rules, batches[0]
    );
    let identity = keys.quarantine_identity().to_string();
    let unlocks = unlock.1.0.lines().last().expect("the key");
    let bytes = |bytes: &[u8]| [hex::encode(bytes), format!("{bytes:?}"), BASE64_STANDARD_NO_PAD.encode(bytes)];
    let mut secrets = vec![identity.expose_secret().to_owned(), unlocks.to_owned(), "AGE-SECRET".to_owned()];
    secrets.extend([&[0xab; 4][..], &person.0[..6], &token.0[..6]].into_iter().flat_map(bytes));
    for secret in secrets {
        let inside = secret.trim_matches(['[', ']']);
        assert!(!shown.to_lowercase().contains(&inside.to_lowercase()), "{shown}");
    }
    let counts = format!("{:?} {:?} {:?}", links.report, links.report.rules, batches[0]);
    assert!(!counts.contains(|character: char| character.is_ascii_digit()), "counts are under protection");
}

// Links.

fn person(ssid: &'static str, first: &'static str, last: &'static str) -> Row {
    (Some(ssid), Some(first), Some(last), Some(13_000), "Alpha High", 2026)
}

/// Links rows under one key and gives the pairs as ssids with the rule, and the report.
fn linked(assignment: Assignment, left: &[Row], right: &[Row]) -> (Vec<(String, String, u16)>, LinkReport) {
    let keys = keys("a", 1, 1);
    let links = link(&spec(assignment), &people(&keys, left), &people(&keys, right), "college").expect("links");
    let name = |wanted: Pseudonym| {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let ids = left.iter().chain(right).filter_map(|row| row.0).map(digits);
        ids.into_iter().find(|id| ssid(&keys, id) == wanted).expect("one of the people")
    };
    let mut pairs: Vec<_> = links.pairs.iter().map(|&(left, right, rule)| (name(left), name(right), rule)).collect();
    pairs.sort();
    (pairs, links.report)
}

fn pair(left: &str, right: &str, rule: u16) -> (String, String, u16) {
    (left.into(), right.into(), rule)
}

fn ambiguous(report: &LinkReport) -> Vec<(u64, u64, u64)> {
    report.rules.iter().map(|rule| (rule.linked, rule.ambiguous_left, rule.ambiguous_right)).collect()
}

#[test]
fn rules_link_in_order_and_people_linked_are_done() {
    let left = [person("1", "Ann", "Lee"), person("2", "Bob", "Ray")];
    // 1 agrees by ssid; 9 has the name of 1, who is done by then; 8 has the name of 2.
    let right = [person("1", "Anne", "Lee"), person("9", "Ann", "Lee"), person("8", "BOB", "Ray Jr")];
    let (pairs, report) = linked(Assignment::OneToOne, &left, &right);
    assert_eq!(pairs, [pair("1", "1", 0), pair("2", "8", 1)]);
    assert_eq!((report.left_people, report.right_people, report.left_linked, report.right_linked), (2, 3, 2, 2));
    assert_eq!(ambiguous(&report), [(1, 0, 0), (1, 0, 0)]);
    // With one-to-many the left person may take the second record too.
    let (pairs, report) = linked(Assignment::OneToMany, &left, &right);
    assert_eq!(pairs, [pair("1", "1", 0), pair("1", "9", 1), pair("2", "8", 1)]);
    assert_eq!((report.left_linked, report.right_linked), (2, 3));
}

#[test]
fn ambiguous_people_are_not_linked() {
    let twins = [person("1", "Ann", "Lee"), person("2", "Ann", "Lee")];
    let one = [person("9", "Ann", "Lee")];
    for assignment in [Assignment::OneToOne, Assignment::OneToMany] {
        let (pairs, report) = linked(assignment, &twins, &one);
        assert_eq!(pairs, []);
        assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 2, 1)]);
    }
    let (pairs, report) = linked(Assignment::OneToOne, &one, &twins);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 1, 2)]);
    let (pairs, report) = linked(Assignment::OneToMany, &one, &twins);
    assert_eq!(pairs, [pair("9", "1", 1), pair("9", "2", 1)]);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (2, 0, 0)]);
}

#[test]
fn a_person_whose_rows_point_to_several_is_ambiguous() {
    let two_names = [person("1", "Ann", "Lee"), person("1", "Ann", "Lee-Ray")];
    let others = [person("8", "Ann", "Lee"), person("9", "Ann", "LeeRay")];
    let (pairs, report) = linked(Assignment::OneToOne, &two_names, &others);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report)[1], (0, 1, 2));
    let (pairs, _) = linked(Assignment::OneToMany, &two_names, &others);
    assert_eq!(pairs, [pair("1", "8", 1), pair("1", "9", 1)]);
    let (pairs, report) = linked(Assignment::OneToMany, &others, &two_names);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report)[1], (0, 2, 1));
}

#[test]
fn a_missing_value_links_nobody() {
    let no_date = |ssid| (Some(ssid), Some("Ann"), Some("Lee"), None, "Alpha High", 2026);
    let blank = |ssid| (Some(ssid), Some(" - "), Some("Lee"), Some(1), "Alpha High", 2026);
    let (pairs, report) = linked(Assignment::OneToOne, &[no_date("1"), blank("2")], &[no_date("8"), blank("9")]);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 0, 0)]);
}

#[test]
fn fields_normalised_in_two_ways_are_refused() {
    let keys = keys("a", 1, 1);
    let left = people(&keys, &ROWS);
    let mut right = people(&keys, &ROWS);
    right.rules[1].normalisers[0] = crate::workspace::Normaliser::Exact;
    let error = link(&spec(Assignment::OneToOne), &left, &right, "college").expect_err("an error, not an empty join");
    assert_eq!((error.kind(), error.code()), (Kind::Config, "identity.normalisers_differ"));
    assert_eq!(link(&spec(Assignment::OneToOne), &left, &left, "other").expect_err("no rule").code(), "identity.seam");
}

#[test]
fn links_become_the_columns_that_sql_reads() {
    let keys = keys("a", 1, 1);
    let left = people(&keys, &[person("1", "Ann", "Lee"), person("2", "Bob", "Ray")]);
    let right = people(&keys, &[person("1", "X", "Y"), person("8", "Bob", "Ray")]);
    let batch =
        link(&spec(Assignment::OneToOne), &left, &right, "college").expect("links").to_batch().expect("a batch");
    let schema = batch.schema();
    let types: Vec<_> =
        schema.fields().iter().map(|field| (field.name().as_str(), field.data_type().clone())).collect();
    let binary = DataType::FixedSizeBinary(16);
    let text = DataType::Utf8;
    let two = [("left_person", binary.clone()), ("right_person", binary)];
    assert_eq!(types[..2], two);
    assert_eq!(types[2..], [("rule", text), ("probability", DataType::Float64)]);
    let rules: Vec<_> = batch.column(2).as_string::<i32>().iter().flatten().collect();
    let mut sorted = rules.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["name_and_birth_date", "ssid"]);
    let first = batch.column(0).as_fixed_size_binary();
    let place = (0..2).find(|&row| first.value(row) == ssid(&keys, "2").as_bytes()).expect("person 2");
    assert_eq!(batch.column(1).as_fixed_size_binary().value(place), ssid(&keys, "8").as_bytes());
    let none = link(&spec(Assignment::OneToOne), &people(&keys, &[]), &right, "college").expect("no links");
    assert_eq!(none.to_batch().expect("an empty batch").num_rows(), 0);
}

fn any_row() -> impl Strategy<Value = Row> {
    let id = prop::sample::select(vec![None, Some("1"), Some("2"), Some("3"), Some("4"), Some("5"), Some("6")]);
    let first = prop::sample::select(vec![None, Some("Ann"), Some("ANN"), Some("Bo"), Some("Cy")]);
    let last = prop::sample::select(vec![Some("Lee"), Some("Ray")]);
    (id, first, last, 0..2_i32).prop_map(|(id, first, last, day)| (id, first, last, Some(day), "Alpha High", 2026))
}

fn any_rows() -> impl Strategy<Value = (Vec<Row>, Vec<Row>)> {
    prop::collection::vec(any_row(), 0..24).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
}

proptest! {
    #[test]
    fn link_is_independent_of_row_order((left, left_again) in any_rows(), (right, right_again) in any_rows(), size in 1..9_usize) {
        let keys = keys("a", 1, 1);
        let of = |rows: &[Row], size| pseudonymized(&keys, rows, size).1;
        for assignment in [Assignment::OneToOne, Assignment::OneToMany] {
            let spec = spec(assignment);
            let once = link(&spec, &of(&left, 1000), &of(&right, 1000), "college").expect("links");
            let again = link(&spec, &of(&left_again, size), &of(&right_again, size), "college").expect("links");
            prop_assert!(once.pairs == again.pairs && once.report == again.report);
        }
    }

    #[test]
    fn assignment_holds((left, _) in any_rows(), (right, _) in any_rows()) {
        let keys = keys("a", 1, 1);
        let (left, right) = (people(&keys, &left), people(&keys, &right));
        for assignment in [Assignment::OneToOne, Assignment::OneToMany] {
            let links = link(&spec(assignment), &left, &right, "college").expect("links");
            let count = |people: Vec<Pseudonym>| {
                let all = people.len();
                (all, people.into_iter().collect::<std::collections::BTreeSet<_>>().len())
            };
            let (pairs, lefts) = count(links.pairs.iter().map(|pair| pair.0).collect());
            let (_, rights) = count(links.pairs.iter().map(|pair| pair.1).collect());
            prop_assert_eq!(rights, pairs, "each person on the right has one link at most");
            prop_assert!(assignment == Assignment::OneToMany || lefts == pairs);
            prop_assert_eq!(links.report.left_linked, lefts as u64);
            prop_assert_eq!(links.report.right_linked, rights as u64);
        }
    }
}
