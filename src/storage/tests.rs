use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use proptest::prelude::*;

use super::Store;
use crate::error::Kind;

fn noon() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open_folder(folder.path(), noon).expect("a store")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

async fn paths(store: &Store, prefix: &str) -> Vec<String> {
    store.list(prefix).await.expect("a list").into_iter().map(|entry| entry.path).collect()
}

#[test]
fn what_is_put_is_read_listed_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        store.put("b/two.txt", "2").await.expect("put");
        store.put("b/c/three.txt", "333").await.expect("put");
        store.put("a.txt", "1").await.expect("put");
        store.put("a.txt", "one").await.expect("replace");
        assert_eq!(paths(&store, "").await, ["a.txt", "b/c/three.txt", "b/two.txt"]);
        assert_eq!(paths(&store, "b/").await, ["b/c/three.txt", "b/two.txt"]);
        assert_eq!(paths(&store, "nowhere").await, Vec::<String>::new());
        assert_eq!(store.list("b/c").await.expect("a list")[0].size, 3);
        assert_eq!(store.read("a.txt").await.expect("read"), "one");
        assert_eq!(store.try_read("no.txt").await.expect("read"), None);
        assert_eq!(store.read("no.txt").await.expect_err("missing").code(), "storage.not_found");
        assert!(store.exists("a.txt").await.expect("exists") && !store.exists("no.txt").await.expect("exists"));
        store.remove("a.txt").await.expect("remove");
        store.remove("a.txt").await.expect("remove what is gone");
        store.remove_all("b").await.expect("remove");
        store.remove_all("b").await.expect("remove what is gone");
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
    });
}

#[test]
fn a_stream_gives_the_whole_content() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        store.put("big", content.clone()).await.expect("put");
        let mut stream = store.stream("big").await.expect("a stream");
        let mut read = Vec::new();
        while let Some(piece) = stream.next().await {
            read.extend_from_slice(&piece.expect("a piece"));
        }
        assert!(read == content);
        assert_eq!(store.stream("no").await.err().map(|error| error.code()), Some("storage.not_found"));
    });
}

#[test]
fn of_many_writers_exactly_one_creates() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        let writers = (0..16).map(|n| {
            let store = store.clone();
            tokio::spawn(async move { (n, store.put_new("entry", format!("writer {n}")).await.expect("put_new")) })
        });
        let mut winners = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            let (n, won) = writer.await.expect("a writer");
            winners.extend(won.then_some(n));
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(store.read("entry").await.expect("read"), format!("writer {}", winners[0]));
        assert_eq!(paths(&store, "").await, ["entry"]);
    });
}

#[test]
fn a_written_file_appears_on_close_and_not_at_all_when_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        let mut writer = store.writer("out/file").await.expect("a writer");
        writer.write(Bytes::from_static(b"half ")).await.expect("write");
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
        writer.write(Bytes::from_static(b"whole")).await.expect("write");
        writer.close().await.expect("close");
        assert_eq!(store.read("out/file").await.expect("read"), "half whole");
        let mut dropped = store.writer("out/other").await.expect("a writer");
        dropped.write(Bytes::from_static(b"half")).await.expect("write");
        drop(dropped);
        assert_eq!(paths(&store, "").await, ["out/file"]);
        assert_eq!(std::fs::read_dir(folder.path().join("out")).expect("a folder").count(), 1);
    });
}

#[test]
fn what_a_killed_writer_leaves_is_not_listed_and_is_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        let writer = store.writer("out/file").await.expect("a writer");
        std::mem::forget(writer);
        assert_eq!(std::fs::read_dir(folder.path().join("out")).expect("a folder").count(), 1);
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
        assert_eq!(store.sweep().await.expect("sweep"), 1);
        assert_eq!(std::fs::read_dir(folder.path().join("out")).expect("a folder").count(), 0);
    });
}

#[test]
fn a_promoted_folder_appears_whole_and_replaces_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        store.put("staging/r1/a", "1").await.expect("put");
        store.put("staging/r1/deep/b", "2").await.expect("put");
        store.promote("staging/r1", "published/v1").await.expect("promote");
        assert_eq!(paths(&store, "").await, ["published/v1/a", "published/v1/deep/b"]);
        store.put("staging/r2/a", "other").await.expect("put");
        let refused = store.promote("staging/r2", "published/v1").await.expect_err("taken");
        assert_eq!(refused.code(), "storage.exists");
        assert_eq!(store.read("published/v1/a").await.expect("read"), "1");
        let missing = store.promote("staging/r9", "published/v9").await.expect_err("missing");
        assert_eq!(missing.code(), "storage.not_found");
    });
}

#[test]
fn a_lock_has_one_holder_and_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        let held = store.lock("run", "ana on host1", None).await.expect("the lock");
        held.check().expect("held");
        let refused = store.lock("run", "ben on host2", Some(Duration::from_millis(120))).await.expect_err("held");
        assert_eq!((refused.code(), refused.kind()), ("storage.locked", Kind::TryAgain));
        assert!(refused.to_string().contains("ana on host1"), "{refused}");
        store.lock("other", "ben", None).await.expect("another lock");
        let store = Arc::new(store);
        let waiting = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.lock("run", "ben", Some(Duration::from_secs(20))).await.map(|_| ()) }
        });
        drop(held);
        waiting.await.expect("a task").expect("the lock after it was freed");
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
    });
}

/// The other process of the test below.
#[test]
#[ignore = "started by a_killed_process_frees_its_lock"]
#[expect(clippy::disallowed_methods, reason = "the test that starts it says where")]
fn child_that_holds_a_lock() {
    let Some(folder) = std::env::var_os("ACCORD_TEST_FOLDER") else { return };
    run(async {
        let store = Store::open_folder(std::path::Path::new(&folder), noon).expect("a store");
        let _held = store.lock("run", "the child", None).await.expect("the lock");
        store.put("ready", "").await.expect("put");
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
}

#[test]
fn a_killed_process_frees_its_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = module_path!().split_once("::").expect("a crate").1;
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", &format!("{tests}::child_that_holds_a_lock")])
        .env("ACCORD_TEST_FOLDER", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a child");
    run(async {
        let store = open(&folder);
        for _ in 0..600 {
            if store.exists("ready").await.expect("exists") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let refused = store.lock("run", "the parent", None).await.expect_err("held by the child");
        assert!(refused.to_string().contains("the child"), "{refused}");
        child.kill().expect("kill -9");
        child.wait().expect("gone");
        store.lock("run", "the parent", Some(Duration::from_secs(5))).await.expect("freed");
    });
}

#[test]
fn a_folder_that_may_not_be_made_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let error = Store::open_folder(&folder.path().join("file/below"), noon).expect_err("a file is in the way");
    assert_eq!(error.kind(), Kind::TryAgain);
    assert!(error.hint().is_some());
}

#[test]
fn a_full_storage_is_said_with_a_hint() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = super::fault::of_io("write", "a/b", full);
    assert_eq!((error.code(), error.kind()), ("storage.full", Kind::TryAgain));
    assert_eq!(error.to_string(), "write a/b: the storage is full");
}

#[test]
fn datafusion_reads_what_is_put() {
    use datafusion::object_store::ObjectStoreExt;
    let folder = tempfile::tempdir().expect("a folder");
    run(async {
        let store = open(&folder);
        store.put("a/b.txt", "content").await.expect("put");
        let read = store.object_store().get(&"a/b.txt".into()).await.expect("get").bytes().await.expect("bytes");
        assert_eq!(read, "content");
    });
}

proptest! {
    #[test]
    fn no_path_leads_out_of_the_storage(path in "[./a\\\\-]{0,12}") {
        if let Ok(sound) = super::path::file(&path) {
            prop_assert!(!sound.starts_with('/') && !sound.split('/').any(|name| name.is_empty() || name == ".." || name == "."));
        }
    }
}
