//! Each test is named after the guarantee that it checks.

mod keyring;
mod links;

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
    (batches, step.finish(1).expect("people"))
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
    KeyringConfig {
        directory: directory.to_owned(),
        unlock: unlock.clone(),
        recipients: Vec::new(),
        formerly: Vec::new(),
    }
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
    people.rules.iter().flat_map(|rule| rule.pairs.iter()).for_each(|(token, _)| bytes.extend_from_slice(&token.0));
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
    assert_eq!(step.finish(1).expect("people").count(), 0);
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

/// What a broken assumption about a key says: it goes to standard error, and from there to who knows where.
#[test]
fn no_panic_quotes_a_key() {
    fn said<T: std::fmt::Debug>(holder: T) -> String {
        let broken: Result<(), T> = std::iter::once(Err(holder)).collect();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| broken.unwrap()));
        panic.expect_err("it panics").downcast_ref::<String>().expect("with words").to_lowercase()
    }
    let of = || keys("a", 1, 0xab);
    let (_folder, directory) = folder();
    let unlock = by_identity();
    let identity = unlock.1.0.lines().last().expect("the key").to_lowercase();
    let person = ssid(&of(), "0012345678");
    let shown = [
        said(keyring(&directory, &unlock)),
        said(of().pseudonym_key("ssid")),
        said(of().link_key("ssid")),
        said(of().row_key("ssid")),
        said(of().vault_key("ssid")),
        said(person),
        said(of()),
    ];
    for text in shown {
        assert!(text.contains(".."), "{text}");
        for secret in ["abab", "171, 171", &identity, &hex::encode(&person.0[..4])] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// One can't stand in another's place, in the compiler's eyes.
#[test]
fn keys_of_different_uses_have_different_types() {
    use std::any::TypeId;
    let types = [
        TypeId::of::<PseudonymKey>(),
        TypeId::of::<LinkKey>(),
        TypeId::of::<RowKey>(),
        TypeId::of::<VaultKey>(),
        TypeId::of::<AgreementKeys>(),
    ];
    assert_eq!(types.iter().collect::<std::collections::HashSet<_>>().len(), types.len());
}
