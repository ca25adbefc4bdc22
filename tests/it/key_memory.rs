//! Where a key is while it is used: on locked pages of the process alone, and in no core that it leaves.

use hkdf::Hkdf;
use sha2::Sha256;

use crate::harness::Workspace;
use crate::memory::{LINKING, core, places, signal};

/// The keys of the agreement, as anybody could open them who has the identity: the root, what HKDF makes of it for the
/// pseudonyms of the graduates, and the quarantine's identity.
fn secrets(workspace: &Workspace) -> Vec<(&'static str, Vec<u8>)> {
    let identity = workspace.read("var/keys/operator.age-identity");
    let identity: age::x25519::Identity = identity.trim().parse().expect("an identity");
    let wrapped = std::fs::read(workspace.path("var/keys/college-going-2026.e1.age")).expect("the key file");
    let plain = age::decrypt(&identity, &wrapped).expect("it opens");
    let key: serde_json::Value = serde_json::from_slice(&plain).expect("a key");
    let text = |name: &str| key[name].as_str().expect("text").to_owned();
    let root = hex::decode(text("root")).expect("hexadecimal digits");
    let mut pseudonym = vec![0; 32];
    let length = |part: &str| (part.len() as u64).to_be_bytes().to_vec();
    let info = [length("pseudonym"), b"pseudonym".to_vec(), length("ssid"), b"ssid".to_vec()].concat();
    Hkdf::<Sha256>::new(None, &root).expand(&info, &mut pseudonym).expect("32 bytes");
    vec![
        ("the root in hexadecimal digits", text("root").into_bytes()),
        ("the quarantine's identity", text("quarantine_identity").into_bytes()),
        ("the key of the pseudonyms", pseudonym),
        ("the root", root),
    ]
}

/// A run's memory, as its administrator could read it, searched for the keys while they are in use.
#[test]
fn a_key_in_use_is_on_locked_pages_alone() {
    let workspace = Workspace::light();
    let secrets = secrets(&workspace);
    let mut child = workspace.start_until(&["run", "college_going"], &LINKING);
    signal(&child, "-STOP");
    let found = places(&child, &secrets);
    child.kill().expect("killed");
    child.wait().expect("ended");
    // Elsewhere than on Linux, or where nobody may look into another process.
    let Some(found) = found else { return };
    assert!(found.iter().any(|place| place.0 == "the root" && place.2), "the scan finds what is there: {found:?}");
    let open: Vec<_> = found.iter().filter(|place| !place.2).collect();
    assert!(open.is_empty(), "on pages that may be swapped: {open:?}");
}

#[test]
fn a_key_is_in_no_core() {
    let workspace = Workspace::light();
    let secrets = secrets(&workspace);
    let found = |core: &[u8]| secrets.iter().filter(|(_, secret)| memchr::memmem::find(core, secret).is_some()).count();
    // Where the system writes no cores there is nothing to look into.
    let Some(bare) = core(&workspace, &LINKING, Some("0x33")) else { return };
    assert!(found(&bare) > 0, "the scan finds the keys where the command's own setting is undone");
    let core = core(&workspace, &LINKING, None).unwrap_or_default();
    assert_eq!(found(&core), 0, "a core of {} bytes holds a key", core.len());
}
