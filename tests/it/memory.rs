//! A command's memory as its administrator could read it: of the process while it is stopped, and of the core that it leaves.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command};

use crate::harness::Workspace;

/// What is searched for, and its bytes.
pub(crate) type Secrets = [(&'static str, Vec<u8>)];

/// When a run has its keys and has encoded the people of its sources, and links them.
pub(crate) const LINKING: [&str; 2] = ["step_started", "\"identity\""];
/// When its links are made.
pub(crate) const LINKED: [&str; 2] = ["step_started", "\"model\""];

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// Each place of a secret in the memory of a stopped process, and whether its pages are locked.
pub(crate) fn places(child: &Child, secrets: &Secrets) -> Option<Vec<(&'static str, String, bool)>> {
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

/// The core of a run that is aborted when it says `until`; with another filter than the command has set, where one is given.
/// None where the system writes no cores.
pub(crate) fn core(workspace: &Workspace, until: &[&str], filter: Option<&str>) -> Option<Vec<u8>> {
    let mut child = workspace.start_dumping_until(&["run", "college_going"], until);
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
