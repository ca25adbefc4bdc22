//! Where a key is while it is used: on locked pages of the process alone, and in no core that it leaves.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command};

use hkdf::Hkdf;
use sha2::Sha256;

use crate::harness::Workspace;

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

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

const UNTIL: [&str; 2] = ["step_started", "\"identity\""];

/// Each place of a secret in the memory of a stopped process, and whether its pages are locked.
fn places(child: &Child, secrets: &[(&'static str, Vec<u8>)]) -> Option<Vec<(&'static str, String, bool)>> {
    let maps = std::fs::read_to_string(format!("/proc/{}/smaps", child.id())).ok()?;
    let memory = File::open(format!("/proc/{}/mem", child.id())).ok()?;
    let mut found = Vec::new();
    let mut mapping: Option<(u64, u64, String)> = None;
    for line in maps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let Some((start, end, name)) = mapping.take() else { continue };
            let flags: Vec<&str> = flags.split_whitespace().collect();
            let mut bytes = vec![0; usize::try_from(end - start).expect("it fits")];
            // Guard pages and the kernel's own can't be read.
            if !flags.contains(&"rd") || memory.read_exact_at(&mut bytes, start).is_err() {
                continue;
            }
            for (what, secret) in secrets {
                let times = memchr::memmem::find_iter(&bytes, secret);
                found.extend(times.map(|_| (*what, name.clone(), flags.contains(&"lo"))));
            }
        } else if let Some((range, rest)) = line.split_once(' ')
            && let Some((start, end)) = range.split_once('-')
            && let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16))
        {
            mapping = Some((start, end, rest.split_whitespace().last().unwrap_or_default().to_owned()));
        }
    }
    Some(found)
}

/// A run's memory, as its administrator could read it, searched for the keys while they are in use.
#[test]
fn a_key_in_use_is_on_locked_pages_alone() {
    let workspace = Workspace::light();
    let secrets = secrets(&workspace);
    let mut child = workspace.start_until(&["run", "college_going"], &UNTIL);
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

/// The core of a run that is aborted while its keys are in use.
fn core(workspace: &Workspace, filter: Option<&str>) -> Option<Vec<u8>> {
    let mut child = workspace.start_dumping_until(&["run", "college_going"], &UNTIL);
    let set = filter.map(|filter| std::fs::write(format!("/proc/{}/coredump_filter", child.id()), filter));
    signal(&child, "-ABRT");
    child.wait().expect("ended");
    set.transpose().ok()?;
    let name = workspace.files("").into_iter().map(|(name, _)| name).find(|name| name.starts_with("core"))?;
    let mut bytes = Vec::new();
    File::open(workspace.path(&name)).expect("the core").read_to_end(&mut bytes).expect("it can be read");
    std::fs::remove_file(workspace.path(&name)).expect("removed");
    Some(bytes)
}

#[test]
fn a_key_is_in_no_core() {
    let workspace = Workspace::light();
    let secrets = secrets(&workspace);
    let found = |core: &[u8]| secrets.iter().filter(|(_, secret)| memchr::memmem::find(core, secret).is_some()).count();
    // Where the system writes no cores there is nothing to look into.
    let Some(bare) = core(&workspace, Some("0x33")) else { return };
    assert!(found(&bare) > 0, "the scan finds the keys where the command's own setting is undone");
    let core = core(&workspace, None).unwrap_or_default();
    assert_eq!(found(&core), 0, "a core of {} bytes holds a key", core.len());
}
