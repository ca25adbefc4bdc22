//! The re-identification vault: only where the agreement allows it, opened by two stewards only, each use in the ledger.

use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::harness::{Ran, Workspace};

const AGREEMENT: &str = "config/agreements/college-going-2026.yaml";
const FOLDER: &str = "var/state/vault/college-going-2026";
const FILE: &str = "var/state/vault/college-going-2026/e1/college_going.graduates.parquet";

/// A workspace whose agreement has a vault for the graduates, after a run; and the first two pseudonyms in it.
fn with_vault() -> (Workspace, [String; 2]) {
    let workspace = Workspace::light();
    let text = workspace.read(AGREEMENT);
    let clause =
        "vault:\n  purpose: Answer requests of parents to see their child's record\n  contracts: [lausd_graduates]\n";
    workspace.write(AGREEMENT, format!("{text}\n{clause}"));
    workspace.ok("run college_going");
    let bytes = bytes::Bytes::from(std::fs::read(workspace.path(FILE)).expect("the vault"));
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet").build().expect("a reader");
    let batch = reader.next().expect("a batch").expect("rows");
    let people = [0, 1].map(|row| hex::encode(batch.column(0).as_fixed_size_binary().value(row)));
    (workspace, people)
}

fn open(workspace: &Workspace, person: &str, steward: &str, rest: &[&str]) -> Ran {
    let key = format!("var/keys/{steward}.key");
    let args = ["vault", "open", "college_going", "graduates", person, "--as", steward, "--key", &key];
    workspace.run_args(&[&args[..], rest].concat())
}

const REASON: [&str; 2] = ["--reason", "A request of 2026-07-01"];

#[test]
fn an_identifier_is_opened_by_two_stewards_only_and_each_use_is_in_the_ledger() {
    let (workspace, [person, other]) = with_vault();
    open(&workspace, &person, "lausd_steward", &[]).expect(2).says("release.no_reason");
    open(&workspace, &person, "lausd_steward", &REASON).expect(0).says("nothing was opened");
    open(&workspace, &person, "lausd_steward", &[]).expect(7).says("keys.signed_already");
    open(&workspace, &person, "registrar_steward", &[]).expect(5).says("release.not_a_party");
    open(&workspace, &other, "laccd_steward", &[]).expect(2).says("vault.other_order");
    let opened = open(&workspace, &person, "laccd_steward", &["--output", "json"]).expect(0).json();
    let id = opened[0]["identifier"][0].as_str().expect("an id").to_owned();
    assert!(id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_digit()), "a state id has ten digits");
    let extracts: String =
        workspace.files("fixtures/college_going").iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    assert!(extracts.contains(&id), "it is one of the extract");
    // Once: the next time needs two again.
    open(&workspace, &person, "laccd_steward", &[]).expect(2).says("release.no_reason");
    let entries = workspace.ok("ledger show --output json").json();
    let of =
        |kind: &str| entries.as_array().expect("entries").iter().filter(|one| one["event"]["type"] == kind).count();
    assert_eq!((of("vault_order"), of("vault_opening")), (2, 1));
    let ledger = workspace.files("var/state/ledger");
    for (name, bytes) in &ledger {
        for secret in [id.as_bytes(), person.as_bytes()] {
            assert!(memchr::memmem::find(bytes, secret).is_none(), "{name} names a person");
        }
    }
    workspace.ok("ledger verify");
}

#[test]
fn the_vault_is_sealed_and_dies_with_the_key() {
    let (workspace, [person, _]) = with_vault();
    let extracts: Vec<u8> =
        workspace.files("fixtures/college_going").into_iter().flat_map(|(_, bytes)| bytes).collect();
    let text = String::from_utf8_lossy(&extracts).into_owned();
    let ids: Vec<&str> = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|word| word.len() == 10 && word.bytes().any(|byte| byte != b'0' && byte != b'9'))
        .take(500)
        .collect();
    assert!(ids.len() == 500);
    let vault = std::fs::read(workspace.path(FILE)).expect("the vault");
    assert!(ids.iter().all(|id| memchr::memmem::find(&vault, id.as_bytes()).is_none()));
    for (steward, rest) in [("lausd_steward", &REASON[..]), ("laccd_steward", &[])] {
        let key = format!("var/keys/{steward}.key");
        let args = ["keys", "destroy", "college-going-2026", "--as", steward, "--key", &key];
        workspace.run_args(&[&args[..], rest].concat()).expect(0);
    }
    open(&workspace, &person, "lausd_steward", &REASON).expect(5).says("identity.key_destroyed");
}

#[test]
fn without_a_clause_there_is_no_vault() {
    let (workspace, [person, _]) = with_vault();
    let key = "var/keys/lausd_steward.key";
    let args = ["vault", "open", "college_going", "laccd", &person, "--as", "lausd_steward", "--key", key];
    workspace.run_args(&args).expect(5).says("vault.not_allowed");
    let text = workspace.read(AGREEMENT);
    workspace.write(AGREEMENT, &text[..text.find("vault:").expect("the clause")]);
    open(&workspace, &person, "lausd_steward", &REASON).expect(5).says("vault.not_allowed");
    workspace.ok("run college_going");
    assert!(workspace.files(FOLDER).is_empty(), "what an earlier agreement allowed is removed");
    let never = Workspace::with_candidates();
    assert!(never.files("var/state/vault").is_empty());
    workspace.write(AGREEMENT, text.replace("contracts: [lausd_graduates]", "contracts: [lausd_gradutes]"));
    workspace.run("check").expect(3).says("did you mean `lausd_graduates`");
}
