//! The storage over a real S3 server.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use accord::storage::Store;
use accord::workspace::{SecretRef, Secrets, StorageConfig};
use accord::{Kind, Result};
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::s3_server::{self, Conditions, S3Server};

struct Known {
    endpoint: String,
    secret: &'static str,
}

impl Secrets for Known {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString> {
        let SecretRef::Env(name) = reference else { unreachable!("only variables here") };
        Ok(match name.as_str() {
            "ENDPOINT" => self.endpoint.clone(),
            "ID" => s3_server::ACCESS_KEY_ID.to_owned(),
            _ => self.secret.to_owned(),
        }
        .into())
    }
}

fn open_with(server: &S3Server, secret: &'static str, clock: fn() -> Timestamp) -> Result<Store> {
    // The program's start does this once; a second time changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    opendal_http_transport_reqwest::install_default();
    let config = StorageConfig::S3 {
        bucket: "state".into(),
        prefix: Some("accord/one".into()),
        region: "us-west-2".into(),
        endpoint: Some(SecretRef::Env("ENDPOINT".into())),
        access_key_id: SecretRef::Env("ID".into()),
        secret_access_key: SecretRef::Env("SECRET".into()),
    };
    Store::open(&config, Path::new("."), &Known { endpoint: server.endpoint.clone(), secret }, clock)
}

fn open(server: &S3Server) -> Store {
    open_with(server, s3_server::SECRET_ACCESS_KEY, Timestamp::now).expect("a store")
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
fn a_bucket_does_what_a_folder_does() {
    let server = S3Server::start("state", Conditions::Honoured);
    run(async {
        let store = open(&server);
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
        store.put("b/two.txt", "2").await.expect("put");
        store.put("b/c/three.txt", "333").await.expect("put");
        store.put("bb.txt", "1").await.expect("put");
        assert_eq!(paths(&store, "").await, ["b/c/three.txt", "b/two.txt", "bb.txt"]);
        assert_eq!(paths(&store, "b").await, ["b/c/three.txt", "b/two.txt"]);
        assert_eq!(store.list("b/c").await.expect("a list")[0].size, 3);
        assert_eq!(store.read("b/two.txt").await.expect("read"), "2");
        assert_eq!(store.try_read("no.txt").await.expect("read"), None);
        assert!(store.exists("bb.txt").await.expect("exists") && !store.exists("no").await.expect("exists"));
        store.promote("b", "v1").await.expect("promote");
        assert_eq!(paths(&store, "").await, ["bb.txt", "v1/c/three.txt", "v1/two.txt"]);
        store.remove("bb.txt").await.expect("remove");
        store.remove_all("v1").await.expect("remove");
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
        assert_eq!(store.local_root(), None);
    });
}

#[test]
fn large_files_go_up_in_parts_and_come_down_in_pieces() {
    let server = S3Server::start("state", Conditions::Honoured);
    run(async {
        let store = open(&server);
        let piece = Bytes::from(vec![7_u8; 3 << 20]);
        let mut writer = store.writer("big").await.expect("a writer");
        for _ in 0..7 {
            writer.write(piece.clone()).await.expect("write");
        }
        assert_eq!(paths(&store, "").await, Vec::<String>::new());
        writer.close().await.expect("close");
        let mut stream = store.stream("big").await.expect("a stream");
        let mut size = 0;
        while let Some(piece) = stream.next().await {
            size += piece.expect("a piece").len();
        }
        assert_eq!(size, 21 << 20);
    });
}

#[test]
fn of_many_writers_to_a_bucket_exactly_one_creates() {
    let server = S3Server::start("state", Conditions::Honoured);
    run(async {
        let stores = [open(&server), open(&server)];
        let writers = (0..8).map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(
                async move { (n, store.put_new("ledger/0001", format!("writer {n}")).await.expect("put_new")) },
            )
        });
        let mut winners = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            let (n, won) = writer.await.expect("a writer");
            winners.extend(won.then_some(n));
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(stores[0].read("ledger/0001").await.expect("read"), format!("writer {}", winners[0]));
        assert_eq!(paths(&stores[0], "").await, ["ledger/0001"]);
    });
}

#[test]
fn a_server_that_ignores_conditions_is_refused_for_what_needs_them() {
    let server = S3Server::start("state", Conditions::Ignored);
    run(async {
        let store = open(&server);
        store.put("plain", "1").await.expect("needs no condition");
        assert_eq!(store.put_new("ledger/0001", "1").await.expect_err("refused").code(), "storage.no_conditions");
        assert_eq!(store.lock("run", "ana", None).await.expect_err("refused").code(), "storage.no_conditions");
    });
}

static SECONDS: AtomicI64 = AtomicI64::new(1_000);

fn moved_clock() -> Timestamp {
    Timestamp::from_second(SECONDS.load(Ordering::SeqCst)).expect("a time")
}

#[test]
fn a_lease_has_one_holder_and_is_taken_over_when_it_ran_out() {
    let server = S3Server::start("state", Conditions::Honoured);
    run(async {
        let ana = open_with(&server, s3_server::SECRET_ACCESS_KEY, moved_clock).expect("a store");
        let ben = open_with(&server, s3_server::SECRET_ACCESS_KEY, moved_clock).expect("a store");
        let first = ana.lock("run", "ana on host1", None).await.expect("the lock");
        let refused = ben.lock("run", "ben", None).await.expect_err("held");
        assert_eq!((refused.code(), refused.kind()), ("storage.locked", Kind::TryAgain));
        assert!(refused.to_string().contains("ana on host1"), "{refused}");
        first.release().await;
        let second = ben.lock("run", "ben", None).await.expect("freed");
        second.check().expect("held");
        // Ben's machine sleeps for longer than his lease lasts.
        SECONDS.fetch_add(61, Ordering::SeqCst);
        assert_eq!(second.check().expect_err("ran out").code(), "storage.lock_lost");
        let third = ana.lock("run", "ana", None).await.expect("taken over");
        second.release().await;
        third.check().expect("freeing a lost lease leaves the new holder's");
        assert_eq!(ben.lock("run", "ben", None).await.expect_err("held").code(), "storage.locked");
        assert_eq!(paths(&ana, "").await, Vec::<String>::new());
    });
}

#[test]
fn a_wrong_key_and_a_dead_server_are_said() {
    let server = S3Server::start("state", Conditions::Honoured);
    run(async {
        let wrong = open_with(&server, "not the secret", Timestamp::now).expect("a store");
        let denied = wrong.put("a", "1").await.expect_err("wrong key");
        assert_eq!((denied.code(), denied.kind()), ("storage.denied", Kind::TryAgain));
        assert!(!format!("{denied:?}").contains("not the secret"));
        server.set_down(true);
        let store = open(&server);
        let down =
            tokio::time::timeout(Duration::from_secs(30), store.read("a")).await.expect("soon").expect_err("down");
        assert_eq!((down.code(), down.kind()), ("storage.unreachable", Kind::TryAgain));
        let empty = open_with(&server, "", Timestamp::now).expect_err("never the machine's own credentials");
        assert_eq!(empty.code(), "config.secret_missing");
    });
}
