//! What people are linked by exists in the memory of the step that links them, and nowhere else: the tokens of rules, the
//! tokens and filters of linkage by probability, what is drawn for filters, and the hashes that block.

use std::collections::BTreeSet;
use std::time::Duration;

use accord::identity::NORMALISER_VERSION;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::harness::Workspace;
use crate::linkage::with_probability;
use crate::memory::{LINKED, LINKING, core, places, signal};

/// People of the graduates' extract, as normalised: first name, last name, birth date.
fn people(workspace: &Workspace) -> Vec<[String; 3]> {
    let extract = std::fs::read(workspace.path("fixtures/college_going/lausd/graduates_20251002.txt")).expect("a file");
    let text = String::from_utf8_lossy(&extract);
    let plain = |name: &&str| name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let person = |line: &str| {
        let fields: Vec<&str> = line.split('^').collect();
        let [first, last] = [3, 4].map(|at| fields.get(at).filter(|name| plain(name)).map(|name| name.to_uppercase()));
        let date = fields.get(5)?;
        Some([first?, last?, format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..)?)])
    };
    text.lines().filter_map(person).take(30).collect()
}

/// Everything that linking makes of them, computed by another implementation, with the agreement's key.
fn encodings(workspace: &Workspace) -> Vec<(&'static str, Vec<u8>)> {
    let identity: age::x25519::Identity =
        workspace.read("var/keys/operator.age-identity").trim().parse().expect("an identity");
    let wrapped = std::fs::read(workspace.path("var/keys/college-going-2026.e1.age")).expect("the key file");
    let plain = age::decrypt(&identity, &wrapped).expect("it opens");
    let key: serde_json::Value = serde_json::from_slice(&plain).expect("a key");
    let root = hex::decode(key["root"].as_str().expect("text")).expect("hexadecimal digits");
    let hash = |purpose: &str, domain: &str, values: &[&str]| keyed(&root, purpose, domain, values);
    let names = |values: &[&str]| hash("linkage", "college:first_name,last_name", values);
    let dates = |values: &[&str]| hash("linkage", "college:birth_date", values);
    let rule = "college#1:first_name,last_name,birth_date";
    let mut found = BTreeSet::new();
    for [first, last, born] in people(workspace) {
        let tokens = [names(&["whole", &first]), names(&["whole", &last]), dates(&["whole", &born])];
        found.insert(("a rule's token", hash("link", rule, &[&first, &last, &born])));
        found.insert(("a token", tokens[0][..8].to_vec()));
        found.insert(("a token", tokens[1][..8].to_vec()));
        found.insert(("a token that blocks", tokens[2][..8].to_vec()));
        found.insert(("a hash that blocks", mixed(&tokens[0], &tokens[1])));
        let letters: Vec<char> = format!(" {last} ").chars().collect();
        let mut filter = vec![0_u8; 64];
        for pair in letters.windows(2) {
            let pair: String = pair.iter().collect();
            let places: Vec<u8> =
                ["places 0", "places 1"].iter().flat_map(|half| names(&[half, &pair])[..12].to_vec()).collect();
            let places: Vec<u16> = places.chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]]) & 511).collect();
            places[..8].iter().for_each(|place| filter[usize::from(place / 8)] |= 1 << (place % 8));
            found.insert(("places in filters", places.iter().flat_map(|place| place.to_le_bytes()).collect()));
        }
        found.insert(("a filter", filter));
    }
    found.into_iter().collect()
}

/// HMAC-SHA256 under a key that HKDF derives, cut to 128 bits.
fn keyed(root: &[u8], purpose: &str, domain: &str, values: &[&str]) -> Vec<u8> {
    let prefixed = |part: &[u8]| [&(part.len() as u64).to_be_bytes(), part].concat();
    let mut key = [0; 32];
    let info = [prefixed(purpose.as_bytes()), prefixed(domain.as_bytes())].concat();
    Hkdf::<Sha256>::new(None, root).expand(&info, &mut key).expect("32 bytes");
    let mut hash = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    hash.update(&prefixed(domain.as_bytes()));
    hash.update(&prefixed(&NORMALISER_VERSION.to_be_bytes()));
    values.iter().for_each(|value| hash.update(&prefixed(value.as_bytes())));
    hash.finalize().into_bytes()[..16].to_vec()
}

/// Two tokens as the one hash that a blocking rule of two fields has.
fn mixed(a: &[u8], b: &[u8]) -> Vec<u8> {
    let [a, b] = [a, b].map(|hash| u64::from_le_bytes(hash[..8].try_into().expect("8 bytes")));
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(u128::from(b | 1));
    let hash = ((product as u64) ^ ((product >> 64) as u64) ^ b.rotate_left(29)).max(1);
    hash.to_le_bytes().to_vec()
}

fn in_bytes(bytes: &[u8], encodings: &[(&'static str, Vec<u8>)]) -> BTreeSet<&'static str> {
    let there = encodings.iter().filter(|(_, one)| memchr::memmem::find(bytes, one).is_some());
    there.map(|(what, _)| *what).collect()
}

/// What of the encodings is in the memory of a run that is stopped when it says `until`; none where nobody may look.
fn in_memory(until: &[&str]) -> Option<BTreeSet<&'static str>> {
    let workspace = with_probability("");
    let encodings = encodings(&workspace);
    let mut child = workspace.start_until(&["run", "college_going"], until);
    signal(&child, "-STOP");
    let found = places(&child, &encodings);
    child.kill().expect("killed");
    child.wait().expect("ended");
    Some(found?.into_iter().map(|place| place.0).collect())
}

#[test]
fn encodings_are_destroyed_after_the_step() {
    let Some(linking) = in_memory(&LINKING) else { return };
    let there = ["a rule's token", "a token", "a token that blocks", "a filter"];
    assert!(there.iter().all(|what| linking.contains(what)), "the scan finds what is there: {linking:?}");
    let linked = in_memory(&LINKED).expect("as before");
    assert!(linked.is_empty(), "after the links are made: {linked:?}");
}

#[test]
fn encodings_are_in_no_core() {
    let workspace = with_probability("");
    let encodings = encodings(&workspace);
    let Some(bare) = core(&workspace, &LINKING, Some("0x33")) else { return };
    assert!(in_bytes(&bare, &encodings).contains("a filter"), "the scan finds what is there");
    let shown = core(&workspace, &LINKING, None).unwrap_or_default();
    assert!(in_bytes(&shown, &encodings).is_empty(), "while they are in use");
    let after = core(&workspace, &LINKED, Some("0x33")).unwrap_or_default();
    assert!(in_bytes(&after, &encodings).is_empty(), "after the step, whatever goes into a core");
}

/// Killed before, while and after people are linked, and not at all.
#[test]
fn encodings_are_never_on_disk() {
    let workspace = with_probability("");
    let encodings = encodings(&workspace);
    let look = |when: &str| {
        for (name, bytes) in workspace.files("") {
            let found = in_bytes(&bytes, &encodings);
            assert!(found.is_empty(), "{name} holds {found:?} {when}");
        }
    };
    for (until, milliseconds) in [(LINKING, 0), (LINKING, 20), (LINKING, 100), (LINKING, 300), (LINKED, 0)] {
        let mut child = workspace.start_until(&["run", "college_going"], &until);
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().expect("killed");
        child.wait().expect("ended");
        look(&format!("killed {milliseconds} ms after {until:?}"));
    }
    workspace.ok("run college_going");
    look("after the run");
    workspace.write("planted", &encodings[0].1);
    let planted = workspace.files("").iter().any(|(_, bytes)| !in_bytes(bytes, &encodings).is_empty());
    assert!(planted, "the scan finds what is there");
}
