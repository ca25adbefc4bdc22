use std::path::PathBuf;

use serde_json::Value;

use super::world::{NIGHT, World, code};
use crate::release::{Event, FindingKind, LedgerReport};

fn event(number: u32) -> Event {
    Event::KeyCreated { agreement: "district-college".to_owned(), epoch: number, fingerprint: "f".repeat(16) }
}

async fn written(entries: u32) -> World {
    let world = World::new();
    for number in 1..=entries {
        world.smuggle(NIGHT, event(number)).await;
    }
    world
}

fn file(world: &World, seq: u64) -> PathBuf {
    world.folder.path().join(format!("state/ledger/{seq:010}.json"))
}

/// Changes a field of an entry, as someone would who can write the storage.
fn edit(world: &World, seq: u64, change: impl FnOnce(&mut Value)) {
    let path = file(world, seq);
    let mut value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, format!("{value}\n")).unwrap();
}

async fn check(world: &World, anchor: Option<&str>) -> LedgerReport {
    world.context().ledger().verify(anchor).await.unwrap()
}

fn found(report: &LedgerReport) -> Vec<(u64, FindingKind)> {
    report.findings.iter().map(|finding| (finding.seq, finding.kind)).collect()
}

#[tokio::test]
async fn an_untouched_ledger_passes() {
    let world = written(5).await;
    let report = check(&world, None).await;
    assert_eq!((report.entries, report.passed()), (5, true));
    let entries = world.context().ledger().entries().await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(entries[0].previous, "0".repeat(64));
    assert!(check(&World::new(), None).await.passed());
}

#[tokio::test]
async fn tampered_ledger_entry_is_found() {
    for seq in 1..=5 {
        let world = written(5).await;
        edit(&world, seq, |entry| entry["actor"] = "someone".into());
        assert_eq!(found(&check(&world, None).await), [(seq, FindingKind::Changed)]);
    }
}

#[tokio::test]
async fn tampered_link_is_found_at_the_entry_that_was_changed() {
    for seq in 2..=5 {
        let world = written(5).await;
        edit(&world, seq, |entry| entry["previous"] = "1".repeat(64).into());
        assert_eq!(found(&check(&world, None).await), [(seq, FindingKind::Changed)]);
    }
}

#[tokio::test]
async fn missing_ledger_entry_is_found() {
    for seq in 1..=4 {
        let world = written(5).await;
        std::fs::remove_file(file(&world, seq)).unwrap();
        assert_eq!(found(&check(&world, None).await), [(seq, FindingKind::Missing)]);
    }
}

#[tokio::test]
async fn renumbered_ledger_entries_are_found() {
    let world = written(5).await;
    std::fs::remove_file(file(&world, 3)).unwrap();
    std::fs::rename(file(&world, 4), file(&world, 3)).unwrap();
    std::fs::rename(file(&world, 5), file(&world, 4)).unwrap();
    let found = found(&check(&world, None).await);
    assert!(
        found.contains(&(3, FindingKind::Renumbered)) && found.contains(&(4, FindingKind::Renumbered)),
        "{found:?}"
    );
    assert!(found.contains(&(5, FindingKind::Cut)), "{found:?}");
}

#[tokio::test]
async fn renumbered_entries_with_edited_numbers_are_found() {
    let world = written(5).await;
    std::fs::rename(file(&world, 4), file(&world, 3)).unwrap();
    edit(&world, 3, |entry| entry["seq"] = 3.into());
    std::fs::rename(file(&world, 5), file(&world, 4)).unwrap();
    edit(&world, 4, |entry| entry["seq"] = 4.into());
    assert!(!check(&world, None).await.passed());
}

#[tokio::test]
async fn reordered_ledger_entries_are_found() {
    let world = written(5).await;
    let (second, third) = (std::fs::read(file(&world, 2)).unwrap(), std::fs::read(file(&world, 3)).unwrap());
    std::fs::write(file(&world, 2), third).unwrap();
    std::fs::write(file(&world, 3), second).unwrap();
    let found = found(&check(&world, None).await);
    assert!(
        found.contains(&(2, FindingKind::Renumbered)) && found.contains(&(3, FindingKind::Renumbered)),
        "{found:?}"
    );
}

#[tokio::test]
async fn unreadable_ledger_entry_is_found() {
    let world = written(3).await;
    std::fs::write(file(&world, 2), "{").unwrap();
    assert!(found(&check(&world, None).await).contains(&(2, FindingKind::Unreadable)));
    assert_eq!(code(world.context().ledger().entries().await), "ledger.unreadable");
}

#[tokio::test]
async fn cut_tail_is_found_and_nothing_is_added_behind_it() {
    let world = written(5).await;
    std::fs::remove_file(file(&world, 4)).unwrap();
    std::fs::remove_file(file(&world, 5)).unwrap();
    assert_eq!(found(&check(&world, None).await), [(4, FindingKind::Cut)]);
    assert_eq!(code(world.context().ledger().append(world.now, NIGHT, event(6)).await), "ledger.cut");
}

#[tokio::test]
async fn an_anchor_finds_a_cut_tail_and_a_rewritten_chain() {
    let world = written(5).await;
    let anchor = check(&world, None).await.anchor.unwrap();
    assert!(check(&world, Some(&anchor)).await.passed());
    for seq in 3..=5 {
        std::fs::remove_file(file(&world, seq)).unwrap();
    }
    std::fs::remove_file(world.folder.path().join("state/ledger/HEAD")).unwrap();
    assert!(check(&world, None).await.passed(), "without the pointer nothing tells");
    assert_eq!(found(&check(&world, Some(&anchor)).await), [(3, FindingKind::Cut)]);
    for number in 13..=16 {
        world.smuggle(NIGHT, event(number)).await;
    }
    assert!(check(&world, None).await.passed(), "the chain was rewritten from entry 3 on");
    assert_eq!(found(&check(&world, Some(&anchor)).await), [(5, FindingKind::Changed)]);
    assert_eq!(code(world.context().ledger().verify(Some("5:xyz")).await), "ledger.anchor");
}

#[tokio::test]
async fn a_head_pointer_that_lags_is_fine() {
    let world = written(3).await;
    let head = world.folder.path().join("state/ledger/HEAD");
    let old = std::fs::read(&head).unwrap();
    world.smuggle(NIGHT, event(4)).await;
    std::fs::write(head, old).unwrap();
    assert!(check(&world, None).await.passed());
    world.smuggle(NIGHT, event(5)).await;
    assert!(check(&world, None).await.passed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_append_both() {
    let world = World::new();
    let writer = |name: &'static str| {
        let (store, at) = (world.state.clone(), world.now);
        tokio::spawn(async move {
            for number in 0..25 {
                crate::release::Ledger::open(&store).append(at, name, event(number)).await.unwrap();
            }
        })
    };
    let writers = [writer("one"), writer("two"), writer("three")];
    for one in writers {
        one.await.unwrap();
    }
    let report = check(&world, None).await;
    assert_eq!((report.entries, report.findings), (75, Vec::new()));
    let entries = world.context().ledger().entries().await.unwrap();
    for name in ["one", "two", "three"] {
        let epochs = entries.iter().filter(|entry| entry.actor == name).map(|entry| entry.event.clone());
        assert!(epochs.eq((0..25).map(event)), "each writer's entries are all there, in its order");
    }
}
