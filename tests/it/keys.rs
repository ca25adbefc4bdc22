//! What becomes of keys: what is seen of them, how they change, how they die.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::harness::{REPOSITORY, Ran, Workspace, golden, python};

const AGREEMENT: &str = "college-going-2026";
const FILE: &str = "var/keys/college-going-2026.e1.age";

fn destroy(workspace: &Workspace, steward: &str, rest: &[&str]) -> Ran {
    let key = format!("var/keys/{steward}.key");
    workspace.run_args(&[&["keys", "destroy", AGREEMENT, "--as", steward, "--key", &key], rest].concat())
}

fn destroyed(workspace: &Workspace) {
    destroy(workspace, "lausd_steward", &["--reason", "The agreement has ended"]).expect(0);
    destroy(workspace, "laccd_steward", &[]).expect(0);
}

/// What is inside the wrapped key, opened as anybody could who has the identity.
fn opened(workspace: &Workspace, file: &str) -> Value {
    let identity = workspace.read("var/keys/operator.age-identity");
    let identity: age::x25519::Identity = identity.trim().parse().expect("an identity");
    let wrapped = std::fs::read(workspace.path(file)).expect("the key file");
    let decryptor = age::Decryptor::new_buffered(&wrapped[..]).expect("an age file");
    let mut reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).expect("it opens");
    let mut plain = String::new();
    reader.read_to_string(&mut plain).expect("text");
    serde_json::from_str(&plain).expect("a key")
}

#[test]
fn a_key_lives_from_new_to_destroy() {
    let workspace = Workspace::with_candidates();
    golden("keys_list", &workspace.ok("keys list").said());
    destroy(&workspace, "lausd_steward", &["--reason", "The agreement has ended"]).expect(0).golden("destroy_first");
    workspace.ok("keys list").golden("keys_list_ordered");
    // A second steward of nobody, the same one again, one of no party: nothing happens.
    destroy(&workspace, "lausd_steward", &[]).expect(7).golden("destroy_signed_twice");
    destroy(&workspace, "registrar_steward", &[]).expect(5);
    workspace.ok("run college_going").says("unchanged");
    destroy(&workspace, "laccd_steward", &[]).expect(0).golden("destroy_second");
    assert!(!workspace.path(FILE).exists());
    workspace.ok("keys list").golden("keys_list_destroyed");
    workspace.ok("ledger verify");
    // Nobody computes its pseudonyms or opens its quarantine any more, and each command says so.
    workspace.run("run college_going --again").expect(5).golden("run_with_a_destroyed_key");
    workspace.run("quarantine show college_going graduates").expect(5).golden("quarantine_of_a_destroyed_key");
    workspace.run(&format!("keys rotate {AGREEMENT}")).expect(5).says("identity.key_destroyed");
    // The other agreement lives on, and what was published stays.
    workspace.ok("run oulad --again");
    workspace.ok(&format!("keys destroy {AGREEMENT}")).says("was destroyed before");
}

#[test]
fn a_destroyed_key_from_a_backup_is_refused() {
    let workspace = Workspace::with_candidates();
    let backup = std::fs::read(workspace.path(FILE)).expect("the key file");
    destroyed(&workspace);
    workspace.write(FILE, &backup);
    workspace.run("run college_going --again").expect(5).says("identity.key_destroyed");
    workspace.run("quarantine show college_going graduates").expect(5).says("identity.key_destroyed");
    workspace.ok("keys list").says("A COPY IS THERE");
    workspace.ok(&format!("keys destroy {AGREEMENT}"));
    assert!(!workspace.path(FILE).exists());
    // A new epoch is another key, and its number was never used.
    workspace.ok(&format!("keys new {AGREEMENT}")).says("made key 2");
    workspace.write(FILE, &backup);
    workspace.ok("run college_going");
    assert!(!workspace.ok("keys list").said().contains("lost"));
}

#[test]
fn a_destruction_killed_at_any_instant_is_finished_by_the_next() {
    let pristine = Workspace::with_candidates();
    destroy(&pristine, "lausd_steward", &["--reason", "The agreement has ended"]).expect(0);
    for pause in [0, 5, 10, 15, 20, 30, 40, 60, 90] {
        let workspace = pristine.copy();
        let args = ["keys", "destroy", AGREEMENT, "--as", "laccd_steward", "--key", "var/keys/laccd_steward.key"];
        let mut child =
            workspace.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("accord starts");
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().expect("killed");
        child.wait().expect("ended");
        workspace.ok("ledger verify");
        let signed = workspace.run(&format!("keys destroy {AGREEMENT}"));
        if signed.code == 2 {
            // Killed before its signature was in the ledger.
            workspace.ok("run college_going").says("unchanged");
            destroy(&workspace, "laccd_steward", &[]).expect(0);
        }
        assert!(!workspace.path(FILE).exists(), "killed after {pause} ms");
        workspace.run("run college_going --again").expect(5).says("identity.key_destroyed");
        let entries = workspace.ok("ledger show --output json").json();
        let done = entries.as_array().expect("entries").iter().filter(|entry| entry["event"]["stage"] == "done");
        assert_eq!(done.count(), 1, "killed after {pause} ms: the proof is there once");
        workspace.ok("ledger verify");
    }
}

#[test]
fn an_epoch_begins_beside_the_old_one_and_its_candidate_is_another() {
    let workspace = Workspace::with_candidates();
    let before = workspace.recorded("college_going");
    workspace.ok(&format!("keys rotate {AGREEMENT}")).golden("keys_rotate");
    // What was encrypted under the first epoch stays readable, by its own key.
    let summary = workspace.ok("quarantine show college_going graduates --summary").stdout;
    assert!(summary.contains("birth_date"), "{summary}");
    workspace.ok("run college_going");
    assert_eq!(workspace.recorded("college_going").len(), before.len() + 1, "not unchanged: another key");
    // The retired epoch dies alone.
    let only = ["--epoch", "1", "--reason", "Retention is over"];
    destroy(&workspace, "lausd_steward", &only).expect(0);
    destroy(&workspace, "laccd_steward", &[]).expect(0);
    assert!(!workspace.path(FILE).exists());
    workspace.ok("run college_going").says("unchanged");
    workspace.ok("keys list").golden("keys_list_rotated");
}

#[test]
fn a_key_whose_entry_was_cut_off_by_a_kill_is_recorded_by_the_next_new() {
    let workspace = Workspace::bare();
    workspace.ok("keys identity");
    workspace.ok(&format!("keys new {AGREEMENT}"));
    std::fs::remove_dir_all(workspace.path("var/state")).expect("removed");
    workspace.ok(&format!("keys new {AGREEMENT}")).says("made key 1");
    workspace.run(&format!("keys new {AGREEMENT}")).expect(2).says("identity.key_exists");
}

/// What would make pseudonyms that join nothing made before, without a word, is an error.
#[test]
fn a_wrong_an_old_and_another_key_are_refused() {
    let workspace = Workspace::with_candidates();
    let (own, identity) = (std::fs::read(workspace.path(FILE)).expect("the key"), "var/keys/operator.age-identity");
    // The right name, epoch and recipient, and another key in it.
    let other = Workspace::bare();
    other.write(identity, workspace.read(identity));
    other.ok(&format!("keys new {AGREEMENT}"));
    workspace.write(FILE, std::fs::read(other.path(FILE)).expect("the other key"));
    workspace.run("run college_going --again").expect(1).says("identity.replaced_key");
    // The key of another agreement under this one's name.
    workspace.write(FILE, std::fs::read(workspace.path("var/keys/oulad-2026.e1.age")).expect("its key"));
    workspace.run("run college_going --again").expect(1).says("identity.other_key");
    workspace.write(FILE, own);
    // Another identity.
    let right = workspace.read(identity);
    std::fs::remove_file(workspace.path(identity)).expect("removed");
    workspace.ok("keys identity");
    workspace.run("run college_going --again").expect(1).says("identity.wrong_key");
    workspace.write(identity, right);
    // The first epoch alone, after the second was made.
    workspace.ok(&format!("keys rotate {AGREEMENT}"));
    let second = FILE.replace(".e1.", ".e2.");
    let newer = std::fs::read(workspace.path(&second)).expect("the second");
    std::fs::remove_file(workspace.path(&second)).expect("removed");
    workspace.run("run college_going --again").expect(1).golden("run_with_an_old_key");
    workspace.run(&format!("keys rotate {AGREEMENT}")).expect(1).says("identity.old_key");
    workspace.run(&format!("keys new {AGREEMENT}")).expect(1).says("identity.lost_key");
    workspace.write(&second, newer);
    workspace.ok("run college_going --again");
}

#[test]
fn keys_are_wrapped_for_partners_who_may_take_over() {
    let workspace = Workspace::bare();
    workspace.ok("keys identity");
    workspace.ok(&format!("keys new {AGREEMENT}"));
    let own = workspace.ok("keys export-recipient").stdout.trim().to_owned();
    assert!(own.starts_with("age1"), "{own}");
    let partner = age::x25519::Identity::generate();
    let recipients = format!("keyring:\n  recipients: [{}]\n", partner.to_public());
    workspace.replace("config/accord.yaml", "keyring:\n", &recipients);
    workspace.ok("keys rewrap").says("wrapped key 1 of college-going-2026 anew");
    let wrapped = std::fs::read(workspace.path(FILE)).expect("the key file");
    for identity in [partner, workspace.read("var/keys/operator.age-identity").trim().parse().expect("an identity")] {
        age::decrypt(&identity, &wrapped).expect("both open it");
    }
    workspace.replace("config/accord.yaml", "recipients: [age1", "recipients: [age2");
    workspace.run("keys rewrap").expect(3).says("identity.bad_recipient");
}

/// Everything that a workspace holds and says after a run, a mistake and a panic's worth of commands.
#[test]
fn a_key_is_in_no_log_error_or_file() {
    let workspace = Workspace::with_candidates();
    let key = opened(&workspace, FILE);
    workspace.ok("run college_going --again");
    workspace.ok(&format!("keys rotate {AGREEMENT}"));
    let second = opened(&workspace, &FILE.replace(".e1.", ".e2."));
    workspace.ok("run college_going");
    workspace.ok("keys list --output json");
    workspace.ok("keys rewrap");
    workspace.ok("keys export-recipient");
    workspace.ok("quarantine show college_going graduates");
    workspace.ok("ledger show --output json");
    let damaged = std::fs::read(workspace.path(FILE)).expect("the key file");
    workspace.write(FILE, &damaged[..damaged.len() - 1]);
    workspace.run("quarantine show college_going graduates");
    workspace.write(FILE, &damaged);
    destroyed(&workspace);
    workspace.run("run college_going --again").expect(5);

    let secrets = [spellings(&key), spellings(&second)].concat();
    let files = workspace.files("");
    assert!(files.iter().any(|(name, _)| name.starts_with("captured/")), "what commands said is looked at, too");
    for (name, bytes) in &files {
        for secret in &secrets {
            let found = memchr::memmem::find(bytes, secret).is_some();
            assert!(!found, "{name} holds a key");
        }
    }
    // The scan finds what is there.
    assert!(memchr::memmem::find(key.to_string().as_bytes(), &secrets[3]).is_some());
}

/// The root and the quarantine's identity of a key as they might be written down.
fn spellings(key: &Value) -> Vec<Vec<u8>> {
    let root = hex::decode(key["root"].as_str().expect("a root")).expect("hexadecimal digits");
    let identity = key["quarantine_identity"].as_str().expect("an identity").to_owned();
    let mut secrets: Vec<Vec<u8>> = vec![identity.clone().into_bytes(), identity.to_lowercase().into_bytes()];
    // Half of it would be found, too, wherever it stands in base64.
    for part in [&root[..], &root[..16], &root[16..]] {
        secrets.extend([part.to_vec(), hex::encode(part).into_bytes(), hex::encode_upper(part).into_bytes()]);
        for shift in 0..3 {
            let shifted = [&vec![0; shift][..], part].concat();
            for text in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
                secrets.push(text.into_bytes()[4..text_end(shifted.len())].to_vec());
            }
        }
    }
    secrets
}

/// Characters of base64 that depend on whole bytes alone.
fn text_end(bytes: usize) -> usize {
    bytes / 3 * 4
}

#[test]
fn the_golden_pseudonyms_are_those_of_another_implementation() {
    let given = python("pseudonyms.py", &[]).expect(0).stdout;
    let golden = std::fs::read_to_string(format!("{REPOSITORY}/src/identity/golden/pseudonyms.tsv"));
    assert!(given == golden.expect("the vectors"), "the vectors are not those that the script gives");
}
