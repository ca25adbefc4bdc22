//! Extracts that are fetched from partners' servers, each of them a real one on this machine.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::harness::{Workspace, copy};
use crate::s3_server::{ACCESS_KEY_ID, Conditions, S3Server, SECRET_ACCESS_KEY};
use crate::sites::{SftpServer, Site};

const ERS: &str = "college_going/csu/ers_20251004.txt";
const LANDED: &str = "fixtures/landed/csu";

/// A workspace whose partner `csu` has its extracts at a site and not in the storage of extracts.
fn workspace_at(site: &Site, from: &str) -> Workspace {
    let mut workspace = Workspace::light();
    site.configure(&mut workspace, "csu");
    workspace.replace("pipelines/college_going/pipeline.yaml", "college_going/csu/ers_*.txt", from);
    std::fs::remove_dir_all(workspace.path("fixtures/college_going/csu")).expect("removed");
    workspace
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)).expect("a fixture")
}

/// 24 MiB that no two places are alike in.
fn large() -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..(3 << 20)).flat_map(step).collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is in the index: paths and digests.
fn index(workspace: &Workspace) -> Vec<(String, String)> {
    let entry = |(name, _): (String, Vec<u8>)| {
        let (path, entry) = name.rsplit_once('/').expect("an entry");
        (path.to_owned(), entry.rsplit('~').next().expect("a digest").to_owned())
    };
    workspace.files(&format!("{LANDED}/index")).into_iter().map(entry).collect()
}

/// What every kind of site does: it is listed, fetched whole and once, also after a kill in the middle, and what is
/// replaced there is another delivery.
fn fetches_whole(site: &Site, lists: bool) {
    let (path, from) = ("outbox/large 1.txt", if lists { "outbox/*.txt" } else { "outbox/large 1.txt" });
    let bytes = large();
    site.put(path, &bytes);
    if lists {
        site.put("outbox/small.txt", b"small");
        site.put("outbox/small.txt.part", b"not whole");
        site.put("outbox/deeper/other.txt", b"nobody asked for this");
    }
    let workspace = workspace_at(site, from);
    let listed = workspace.ok("extracts list csu --output json").json();
    let standing = |path: &str| {
        let all = listed.as_array().expect("places").iter();
        all.clone().find(|one| one["path"] == path).map(|one| (one["standing"].clone(), one["size"].clone()))
    };
    assert_eq!(standing(path), Some(("new".into(), bytes.len().into())), "{listed}");
    assert_eq!(listed.as_array().expect("places").len(), if lists { 2 } else { 1 }, "{listed}");
    assert!(workspace.files(LANDED).is_empty(), "to look is not to fetch");

    kill_in_the_middle(&workspace);
    assert!(index(&workspace).is_empty() && workspace.files(&format!("{LANDED}/content")).is_empty());
    let fetched = workspace.ok("extracts fetch csu --output json").json();
    let mut wanted = vec![(path.to_owned(), digest(&bytes))];
    if lists {
        wanted.push(("outbox/small.txt".to_owned(), digest(b"small")));
    }
    assert_eq!(index(&workspace), wanted, "{fetched}");
    for (path, digest) in &wanted {
        let name = path.rsplit('/').next().expect("a name");
        let content = std::fs::read(workspace.path(&format!("{LANDED}/content/{digest}/{name}"))).expect("content");
        assert_eq!(&self::digest(&content), digest, "{path} is what the partner has");
    }
    // Nothing else is left, the remains of the killed fetch neither.
    assert_eq!(workspace.files(LANDED).len(), 2 * wanted.len());

    let again = workspace.ok("extracts fetch csu --output json").json();
    assert!(again.as_array().expect("files").iter().all(|one| one["outcome"] == "known"), "{again}");
    assert_eq!(workspace.files(LANDED).len(), 2 * wanted.len());
    site.put_at(path, b"corrected", 600);
    let replaced = workspace.ok("extracts fetch csu --output json").json();
    assert_eq!(replaced[0]["outcome"], "new", "{replaced}");
    assert!(
        index(&workspace).contains(&wanted[0]) && index(&workspace).contains(&(path.to_owned(), digest(b"corrected")))
    );
}

/// Kills a fetch while bytes of a file have come in and not all of them.
fn kill_in_the_middle(workspace: &Workspace) {
    for _ in 0..30 {
        let mut child = workspace
            .command(&["extracts", "fetch", "csu"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("accord starts");
        let mut begun = false;
        while !begun && child.try_wait().expect("a state").is_none() {
            let incoming = workspace.files(&format!("{LANDED}/incoming"));
            begun = incoming.iter().any(|(_, bytes)| !bytes.is_empty());
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        if begun && index(workspace).is_empty() && workspace.files(&format!("{LANDED}/content")).is_empty() {
            return;
        }
        std::fs::remove_dir_all(workspace.path(LANDED)).expect("removed");
    }
    panic!("no fetch could be killed in the middle");
}

#[test]
fn a_folder_is_fetched_whole_and_once() {
    fetches_whole(&Site::fs(), true);
}

#[test]
fn a_bucket_of_s3_is_fetched_whole_and_once() {
    fetches_whole(&Site::s3(), true);
}

#[test]
fn a_bucket_of_google_is_fetched_whole_and_once() {
    fetches_whole(&Site::gcs(), true);
}

#[test]
fn a_container_of_azure_is_fetched_whole_and_once_by_account_key_and_by_signature() {
    fetches_whole(&Site::azure("account_key"), true);
    fetches_whole(&Site::azure("sas_token"), true);
}

#[test]
fn webdav_is_fetched_whole_and_once() {
    fetches_whole(&Site::web("webdav", "authority.pem"), true);
}

#[test]
fn https_is_fetched_whole_and_once() {
    fetches_whole(&Site::web("https", "authority.pem"), false);
}

#[test]
fn sftp_is_fetched_whole_and_once() {
    let server = SftpServer::start();
    fetches_whole(&server.site("key", "known_hosts"), true);
}

#[test]
fn what_is_fetched_lands_in_a_bucket_as_in_a_folder() {
    let (site, server) = (Site::fs(), S3Server::start("extracts", Conditions::Honoured));
    let (large, ers) = (large(), fixture(ERS));
    site.put("outbox/ers 1~.txt", &large);
    site.put("outbox/ers_20251004.txt", &ers);
    let mut workspace = workspace_at(&site, "outbox/ers*.txt");
    workspace.set("S3_ENDPOINT", &server.endpoint);
    workspace.set("S3_ID", ACCESS_KEY_ID);
    workspace.set("S3_SECRET", SECRET_ACCESS_KEY);
    let bucket = "extracts: { type: s3, bucket: extracts, region: us-west-2, endpoint: { env: S3_ENDPOINT }, \
                  access_key_id: { env: S3_ID }, secret_access_key: { env: S3_SECRET } }";
    workspace.replace("config/accord.yaml", "extracts: { type: fs, root: fixtures }", bucket);
    copy(&workspace.path("fixtures"), &server.folder("extracts"));
    // Killed at several instants, of which some lie in the middle.
    for pause in [5, 50, 150, 300] {
        let mut child = workspace
            .command(&["extracts", "fetch", "csu"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("accord starts");
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    // As if the lease of the one that was killed had run out.
    let _ = std::fs::remove_dir_all(server.folder("extracts").join(".accord-locks"));
    workspace.ok("extracts fetch csu");
    let landed = |path: &str| {
        let place = server.folder("extracts").join("landed/csu/content").join(path);
        std::fs::read(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()))
    };
    assert!(landed(&format!("{}/ers 1~.txt", digest(&large))) == large);
    assert!(landed(&format!("{}/ers_20251004.txt", digest(&ers))) == ers);
    let listed = workspace.ok("extracts list csu --output json").json();
    let standings: Vec<_> = listed.as_array().expect("places").iter().map(|one| one["standing"].clone()).collect();
    assert_eq!(standings, ["landed", "landed"], "{listed}");
    workspace.ok("extracts fetch csu").says("2 had landed before");
    workspace.ok("run college_going");
}

#[test]
fn a_run_over_fetched_extracts_gives_the_figures_of_those_in_place() {
    let server = SftpServer::start();
    let site = server.site("key", "known_hosts");
    site.put("outbox/ers_20251004.txt", &fixture(ERS));
    let workspace = workspace_at(&site, "outbox/ers_*.txt");
    workspace.ok("check");
    workspace.ok("run college_going");
    // The drop box is emptied: what was fetched is still there.
    std::fs::remove_file(server.path("files/outbox/ers_20251004.txt")).expect("removed");
    workspace.ok("run college_going").says("unchanged");
    workspace.ok("extracts list csu").says("gone there");
    let tables = |workspace: &Workspace| {
        let id = workspace.candidate("college_going");
        let folder = format!("var/state/candidates/college_going/{id}/release");
        workspace.files(&folder).into_iter().find(|(name, _)| name == "college_going.parquet").expect("a table")
    };
    assert!(tables(&workspace) == tables(&Workspace::with_candidates()), "other figures");
}

#[test]
fn a_partner_that_is_down_stops_the_pipelines_that_need_it_and_no_others() {
    let mut server = SftpServer::start();
    let site = server.site("key", "known_hosts");
    let workspace = workspace_at(&site, "outbox/ers_*.txt");
    server.stop();
    let ran = workspace.run("run").expect(75);
    let said = ran.said();
    assert!(said.contains("partner `csu` (sftp)") && said.contains("storage.unreachable"), "{said}");
    assert!(said.contains("oulad: candidate"), "{said}");
    workspace.run("extracts fetch").expect(75);
}

#[test]
fn a_key_that_the_server_does_not_know_is_refused_and_no_password_or_other_key_is_tried() {
    let server = SftpServer::start();
    server.new_key("wrong_key");
    let site = server.site("wrong_key", "known_hosts");
    site.put("outbox/a.txt", b"a");
    let mut workspace = workspace_at(&site, "outbox/*.txt");
    // An agent that holds the right key, as an operator's session may have one.
    let agent = Agent::with(&server.path("key"), &server.path("agent"));
    workspace.set("SSH_AUTH_SOCK", &server.path("agent").display().to_string());
    let said = workspace.run("extracts fetch csu").expect(75).said();
    assert!(said.contains("storage.denied") && said.contains("authorized_keys"), "{said}");
    drop(agent);
    let log = server.log();
    assert!(log.contains("publickey") || log.contains("preauth"), "{log}");
    assert!(!log.contains("Accepted") && !log.contains("password"), "{log}");
    assert!(workspace.files(LANDED).is_empty());
}

#[test]
fn a_server_whose_host_key_has_changed_is_not_spoken_to() {
    let server = SftpServer::start();
    let site = server.site("key", "known_hosts");
    site.put("outbox/a.txt", b"a");
    let workspace = workspace_at(&site, "outbox/*.txt");
    workspace.ok("extracts list csu").says("new");
    let before = server.log().matches("Accepted").count();
    let server = server.with_another_host_key();
    let said = workspace.run("extracts fetch csu").expect(1).said();
    assert!(said.contains("storage.host_key_changed") && said.contains("by phone"), "{said}");
    assert_eq!(server.log().matches("Accepted").count(), before, "{}", server.log());
    assert!(workspace.files(LANDED).is_empty());
}

#[test]
fn a_server_whose_host_key_is_not_known_is_not_spoken_to_and_is_not_learned() {
    let server = SftpServer::start();
    std::fs::write(server.path("nobody"), "").expect("a file");
    let workspace = workspace_at(&server.site("key", "nobody"), "outbox/*.txt");
    let said = workspace.run("extracts fetch csu").expect(1).said();
    assert!(said.contains("storage.host_key_unknown") && said.contains("ssh-keyscan"), "{said}");
    assert!(!server.log().contains("Accepted"));
    assert_eq!(std::fs::read_to_string(server.path("nobody")).expect("a file"), "");
}

#[test]
fn a_server_with_a_certificate_of_an_unknown_authority_is_not_spoken_to() {
    for (kind, ca_file) in [("https", ""), ("https", "other.pem"), ("webdav", ""), ("webdav", "other.pem")] {
        let site = Site::web(kind, ca_file);
        site.put("outbox/a.txt", b"a");
        let workspace = workspace_at(&site, "outbox/a.txt");
        let said = workspace.run("extracts fetch csu").expect(1).said();
        assert!(said.contains("storage.untrusted") && said.contains("ca_file"), "{kind} {ca_file}: {said}");
        assert!(!said.contains("let-me-in"), "{said}");
        assert!(workspace.files(LANDED).is_empty());
    }
}

#[test]
fn nothing_is_asked_of_another_server_that_one_sends_on_to() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    other.set_nonblocking(true).expect("a mode");
    let site = Site::sent_on_to(&format!("http://{}", other.local_addr().expect("an address")));
    let workspace = workspace_at(&site, "outbox/a.txt");
    let said = workspace.run("extracts fetch csu").expect(1).said();
    assert!(said.contains("storage.sent_on") && !said.contains("let-me-in"), "{said}");
    assert_eq!(other.accept().expect_err("nobody came").kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_wrong_password_or_signature_is_said_and_not_shown() {
    for (mut site, name) in [
        (Site::web("webdav", "authority.pem"), "P_PASSWORD"),
        (Site::s3(), "P_SECRET"),
        (Site::azure("sas_token"), "P_SECRET"),
    ] {
        site.put("outbox/a.txt", b"a");
        let wrong = site.variables.iter_mut().find(|(variable, _)| *variable == name).expect("a secret");
        wrong.1 = "sig=a-wrong-secret".to_owned();
        let workspace = workspace_at(&site, "outbox/*.txt");
        let said = workspace.run("extracts fetch csu").expect(75).said();
        assert!(said.contains("storage.denied"), "{said}");
        assert!(!said.contains("a-wrong-secret"), "{said}");
    }
}

/// An `ssh-agent` with one key.
struct Agent(std::process::Child);

impl Agent {
    fn with(key: &Path, socket: &Path) -> Self {
        let mut agent = std::process::Command::new("ssh-agent");
        let agent = Self(agent.args(["-D", "-a"]).arg(socket).stdout(Stdio::null()).spawn().expect("ssh-agent starts"));
        for _ in 0..200 {
            let added = std::process::Command::new("ssh-add").arg(key).env("SSH_AUTH_SOCK", socket).output();
            if added.expect("ssh-add starts").status.success() {
                return agent;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("ssh-agent takes no key");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
