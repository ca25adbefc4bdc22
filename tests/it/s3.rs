//! Extracts, state and releases in buckets: by configuration alone, everything works as in folders.

use std::sync::Arc;

use crate::harness::Workspace;
use crate::s3_server::{ACCESS_KEY_ID, Conditions, S3Server, SECRET_ACCESS_KEY};

const BUCKET: &str = "accord";

fn workspace_on(server: &S3Server) -> Workspace {
    let mut workspace = Workspace::light();
    workspace.set("S3_ENDPOINT", &server.endpoint);
    workspace.set("S3_KEY_ID", ACCESS_KEY_ID);
    workspace.set("S3_KEY_SECRET", SECRET_ACCESS_KEY);
    for (name, root) in [("extracts", "fixtures"), ("state", "var/state"), ("published", "var/published")] {
        let bucket = format!(
            "{name}: {{ type: s3, bucket: {BUCKET}, prefix: compact/{name}, region: us-west-2, \
             endpoint: {{ env: S3_ENDPOINT }}, access_key_id: {{ env: S3_KEY_ID }}, \
             secret_access_key: {{ env: S3_KEY_SECRET }} }}"
        );
        workspace.replace("config/accord.yaml", &format!("{name}: {{ type: fs, root: {root} }}"), &bucket);
    }
    // Partners put their extracts into the bucket.
    crate::harness::copy(&workspace.path("fixtures"), &server.folder(BUCKET).join("compact/extracts"));
    std::fs::remove_dir_all(workspace.path("fixtures")).expect("removed");
    std::fs::remove_dir_all(workspace.path("var/state")).expect("removed");
    workspace
}

#[test]
fn everything_works_in_buckets() {
    let server = Arc::new(S3Server::start(BUCKET, Conditions::Honoured));
    let workspace = workspace_on(&server);
    workspace.ok("check");
    workspace.ok("run college_going");
    workspace.ok("run college_going").says("unchanged");
    workspace.ok("release show college_going");
    workspace.run("release publish college_going").expect(7);
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    workspace.ok("release publish college_going");
    workspace.ok("release verify college_going");
    workspace.ok("ledger verify");
    workspace.ok("quarantine show college_going graduates --summary");
    // Anyone with the bucket reads the release.
    let published = server.folder(BUCKET).join("compact/published/college_going");
    let latest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(published.join("latest.json")).expect("latest.json")).unwrap();
    assert_eq!(latest["path"], "college_going/v0001");
    // The same extracts and keys give the same figures in folders.
    let folders = Workspace::with_candidates();
    let id = folders.candidate("college_going");
    let table = folders.path(&format!("var/state/candidates/college_going/{id}/release/college_going.parquet"));
    assert!(
        std::fs::read(table).expect("a table")
            == std::fs::read(published.join("v0001/college_going.parquet")).expect("a table")
    );
    // Nothing is kept beside the buckets.
    assert!(workspace.files("var/state").is_empty() && workspace.files("var/published").is_empty());
    // The bucket goes down: worth another try, and nothing lost.
    server.set_down(true);
    workspace.run("run college_going --again").expect(75);
    server.set_down(false);
    workspace.ok("release verify college_going");
    workspace.ok("ledger verify");
}

#[test]
fn of_two_runs_on_a_bucket_the_second_exits_75() {
    let server = S3Server::start(BUCKET, Conditions::Honoured);
    let workspace = workspace_on(&server);
    let mut first = workspace.start_until(&["run", "college_going"], &["step_started"]);
    workspace.run("run college_going").expect(75);
    assert!(first.wait().expect("ended").success());
    assert_eq!(workspace.recorded("college_going").len(), 1);
}
