//! Landing from a folder of a partner; real servers are in `tests/it/sources.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::workspace::{PartnerStorage, SecretRef, Secrets};

struct None_;

impl Secrets for None_ {
    fn resolve(&self, _: &SecretRef) -> Result<SecretString> {
        Err(Error::internal("test", "no secrets"))
    }
}

struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("drop/out")).expect("a folder");
        Self { folder }
    }

    /// A file at the partner, written an hour ago.
    fn deliver(&self, path: &str, content: &str) {
        self.deliver_at(path, content, 3600);
    }

    fn deliver_at(&self, path: &str, content: &str, seconds_ago: u64) {
        let path = self.folder.path().join("drop").join(path);
        std::fs::write(&path, content).expect("a file");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000 - seconds_ago);
        std::fs::File::options().write(true).open(path).expect("a file").set_modified(time).expect("a time");
    }

    fn extracts(&self) -> Extracts {
        let now = || Timestamp::from_second(2_000_000_000).expect("a time");
        let store = Store::open_folder(&self.folder.path().join("extracts"), now).expect("a store");
        let root = self.folder.path().to_owned();
        let open = move |partner: &str| {
            let config = PartnerStorage::Fs { root: "drop".into() };
            (partner == "csu").then(|| PartnerStore::open(partner, &config, &root, &None_)).transpose()
        };
        Extracts::new(store, Box::new(open), now)
    }

    /// Fetches, and gives what became of each path.
    fn fetch(&self, from: &str) -> BTreeMap<String, &'static str> {
        let fetched = run(self.extracts().fetch("csu", from, "test", None, &|_, _, _| {})).expect("fetched");
        let named = fetched.iter().map(|one| match one {
            Fetched::New { path, .. } => (path.clone(), "new"),
            Fetched::Same { path, .. } => (path.clone(), "same"),
            Fetched::Known { path } => (path.clone(), "known"),
            Fetched::Unfinished { path, .. } => (path.clone(), "unfinished"),
        });
        named.collect()
    }

    /// Paths and contents as they are read.
    fn read(&self) -> BTreeMap<String, String> {
        run(async {
            let extracts = self.extracts();
            extracts.fetch("csu", "none", "test", None, &|_, _, _| {}).await.expect("fetched");
            let view = extracts.of("csu").expect("a view");
            let mut read = BTreeMap::new();
            for entry in view.list("").await.expect("listed") {
                let content = view.read(&entry.path).await.expect("read");
                assert_eq!(content.len() as u64, entry.size);
                read.insert(entry.path, String::from_utf8(content.to_vec()).expect("text"));
            }
            read
        })
    }

    /// Contents that have landed, by digest.
    fn contents(&self) -> Vec<String> {
        let folder = self.folder.path().join("extracts/landed/csu/content");
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(work)
}

fn pairs<V: Clone>(of: &[(&str, V)]) -> BTreeMap<String, V> {
    of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn what_has_landed_is_not_fetched_again() {
    let world = World::new();
    world.deliver("out/a.csv", "one");
    assert_eq!(world.fetch("out/*.csv"), pairs(&[("out/a.csv", "new")]));
    assert_eq!(world.fetch("out/*.csv"), pairs(&[("out/a.csv", "known")]));
    // A file of which the next write could bear the same time is read again, and lands once.
    world.deliver_at("out/b.csv", "two", 1);
    assert_eq!(world.fetch("out/b.csv"), pairs(&[("out/b.csv", "new")]));
    world.deliver_at("out/b.csv", "owt", 1);
    assert_eq!(world.fetch("out/b.csv"), pairs(&[("out/b.csv", "new")]));
    assert_eq!(world.fetch("out/b.csv"), pairs(&[("out/b.csv", "same")]));
}

#[test]
fn the_same_bytes_under_another_name_are_kept_once() {
    let world = World::new();
    world.deliver("out/a.csv", "one");
    world.deliver("out/b.csv", "one");
    assert_eq!(world.fetch("out/*.csv"), pairs(&[("out/a.csv", "new"), ("out/b.csv", "same")]));
    assert_eq!(world.contents().len(), 1);
    let both = pairs(&[("out/a.csv", "one".to_owned()), ("out/b.csv", "one".to_owned())]);
    assert_eq!(world.read(), both);
}

#[test]
fn a_replaced_file_is_a_new_delivery_and_the_old_one_stays() {
    let world = World::new();
    world.deliver("out/a.csv", "one");
    world.fetch("out/a.csv");
    world.deliver_at("out/a.csv", "two", 1800);
    assert_eq!(world.fetch("out/a.csv"), pairs(&[("out/a.csv", "new")]));
    assert_eq!(world.contents().len(), 2);
    assert_eq!(world.read(), pairs(&[("out/a.csv", "two".to_owned())]));
    // And back again: nothing new, but it counts.
    world.deliver_at("out/a.csv", "one", 900);
    assert_eq!(world.fetch("out/a.csv"), pairs(&[("out/a.csv", "same")]));
    assert_eq!(world.read(), pairs(&[("out/a.csv", "one".to_owned())]));
}

#[test]
fn a_drop_box_that_is_emptied_loses_nothing() {
    let world = World::new();
    world.deliver("out/a.csv", "one");
    world.fetch("out/a.csv");
    std::fs::remove_file(world.folder.path().join("drop/out/a.csv")).expect("removed");
    assert_eq!(world.fetch("out/*.csv"), BTreeMap::new());
    assert_eq!(world.read(), pairs(&[("out/a.csv", "one".to_owned())]));
    let places = run(world.extracts().survey("csu", "out/*.csv")).expect("surveyed");
    assert!(matches!(&places[0].standing, Standing::Gone(_)), "{places:?}");
}

#[test]
fn a_file_whose_name_says_that_it_is_being_written_does_not_land() {
    let world = World::new();
    for name in ["a.csv.part", "a.csv.filepart", "A.TMP", "~$a.xlsx"] {
        world.deliver(&format!("out/{name}"), "half");
    }
    assert!(world.fetch("out/*").values().all(|outcome| *outcome == "unfinished"));
    assert_eq!((world.contents().len(), world.read().len()), (0, 0));
}

#[test]
fn a_file_that_changes_while_it_is_read_does_not_land() {
    let world = World::new();
    world.deliver("out/a.csv", &"x".repeat(3 << 20));
    let path = world.folder.path().join("drop/out/a.csv");
    let grow = |_: &str, _: u64, _: u64| {
        use std::io::Write;
        std::fs::File::options().append(true).open(&path).expect("a file").write_all(b"more").expect("written");
    };
    let fetched = run(world.extracts().fetch("csu", "out/a.csv", "test", None, &grow)).expect("fetched");
    assert!(matches!(&fetched[0], Fetched::Unfinished { .. }), "{fetched:?}");
    assert_eq!((world.contents().len(), world.read().len()), (0, 0));
    let words = fetched[0].words("csu").expect("words");
    assert!(words.contains("still being written"), "{words}");
}

#[test]
fn what_was_changed_after_it_landed_is_found() {
    let world = World::new();
    world.deliver("out/a.csv", "one");
    let extracts = world.extracts();
    run(async {
        extracts.fetch("csu", "out/*", "test", None, &|_, _, _| {}).await.expect("fetched");
        let view = extracts.of("csu").expect("a view");
        let delivery = super::super::delivery(&view, "out/a.csv").await.expect("read");
        extracts.verify("csu", std::slice::from_ref(&delivery)).expect("as it landed");
        let place = world.folder.path().join("extracts/landed/csu/content").join(&delivery.digest).join("a.csv");
        std::fs::write(place, "two").expect("changed");
        let delivery = super::super::delivery(&view, "out/a.csv").await.expect("read");
        let error = extracts.verify("csu", &[delivery]).expect_err("changed");
        assert_eq!(error.code(), "landing.changed");
    });
}

#[test]
fn nothing_is_written_at_a_partner_and_landed_extracts_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.deliver("out/a.csv", "one");
    world.fetch("out/*");
    let names = |folder: &Path| -> Vec<_> {
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect()
    };
    assert_eq!(names(&world.folder.path().join("drop")), ["out"]);
    assert_eq!(names(&world.folder.path().join("drop/out")), ["a.csv"]);
    let landed = std::fs::metadata(world.folder.path().join("extracts/landed")).expect("a folder");
    assert_eq!(landed.permissions().mode() & 0o077, 0);
    // Through the view neither.
    let view = world.extracts().of("csu").expect("a view");
    let refused = run(view.put("out/a.csv", "two")).expect_err("read only");
    assert_eq!(refused.code(), "storage.read_only");
}

#[test]
fn a_partner_that_puts_extracts_in_place_is_read_in_place() {
    let world = World::new();
    let extracts = world.extracts();
    std::fs::create_dir_all(world.folder.path().join("extracts/lausd")).expect("a folder");
    std::fs::write(world.folder.path().join("extracts/lausd/a.csv"), "one").expect("a file");
    run(async {
        let fetched = extracts.fetch("lausd", "lausd/*", "test", None, &|_, _, _| {}).await.expect("nothing to do");
        assert!(fetched.is_empty());
        let view = extracts.of("lausd").expect("the storage");
        assert_eq!(view.read("lausd/a.csv").await.expect("read"), "one");
        let places = extracts.survey("lausd", "lausd/*").await.expect("surveyed");
        assert_eq!(places[0].standing, Standing::InPlace);
    });
}
