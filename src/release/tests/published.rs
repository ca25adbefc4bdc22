use super::world::{ANNA, BEN, NIGHT, PIPELINE, World, all_files, code, input, key, newer_input};
use crate::release::publish::Publication;
use crate::release::*;

fn failed(report: &VerifyReport) -> Vec<&str> {
    report.checks.iter().filter(|check| !check.ok).map(|check| check.name.as_str()).collect()
}

async fn verified(world: &World) -> VerifyReport {
    let stewards = Stewards::resolve(&world.roles, world.folder.path()).unwrap();
    verify(&world.published, PIPELINE, None, Some(&stewards)).await.unwrap()
}

#[tokio::test]
async fn publish_then_verify_from_the_bucket_alone() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let published = world.publish(&candidate).await.unwrap();
    assert_eq!((published.version, published.path.as_str(), published.already), (1, "college_going/v0001", false));
    assert_eq!(world.state_of(&candidate).await, State::Published { version: 1 });
    let report = verified(&world).await;
    assert!(report.passed(), "{report:?}");
    assert_eq!(report.checks.len(), 11);
    let latest = latest(&world.published, PIPELINE).await.unwrap().unwrap();
    assert_eq!((latest.version, latest.digest), (Some(1), Some(candidate.digest)));
    let names: Vec<String> =
        all_files(&world.folder.path().join("published")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 7, "{names:?}");
}

#[tokio::test]
async fn publishing_twice_says_so_and_changes_nothing() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    world.publish(&candidate).await.unwrap();
    let before = all_files(world.folder.path());
    let again = world.publish(&candidate).await.unwrap();
    assert_eq!((again.version, again.already), (1, true));
    assert_eq!(all_files(world.folder.path()), before);
}

/// Stops after `steps` steps, as a kill would.
async fn killed_after(world: &World, candidate: &Candidate, steps: usize) {
    let context = world.context();
    let approved = ApprovedCandidate::check(&context, PIPELINE, &candidate.id).await.unwrap();
    let publication = Publication::begin(&context, approved).await.unwrap();
    for step in 0..steps {
        match step {
            0 => publication.stage(&context).await.unwrap(),
            1 => publication.promote(&context).await.unwrap(),
            2 => publication.point(&context).await.unwrap(),
            _ => publication.record(&context, NIGHT).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn publish_is_idempotent_after_kill() {
    let whole = World::new();
    let candidate = whole.approved(&input()).await;
    whole.publish(&candidate).await.unwrap();
    let expected = all_files(&whole.folder.path().join("published"));
    for steps in 0..=4 {
        let mut world = World::new();
        let candidate = world.approved(&input()).await;
        killed_after(&world, &candidate, steps).await;
        let published = world.publish(&candidate).await.unwrap();
        assert_eq!((published.version, published.already), (1, steps == 4), "after step {steps}");
        assert_eq!(all_files(&world.folder.path().join("published")), expected, "after step {steps}");
        assert!(verified(&world).await.passed());
        let entries = world.context().ledger().entries().await.unwrap();
        let publications = entries.iter().filter(|entry| matches!(entry.event, Event::Publication { .. })).count();
        assert_eq!(publications, 1, "after step {steps}");
        world.pass_days(1);
        assert!(world.publish(&candidate).await.unwrap().already);
    }
}

#[tokio::test]
async fn a_kill_within_staging_or_copying_is_finished() {
    // Half a staging folder, from a kill between two of its files.
    let world = World::new();
    let candidate = world.approved(&input()).await;
    world.published.put("_staging/college_going/leftover.parquet", "half").await.unwrap();
    world.publish(&candidate).await.unwrap();
    assert!(verified(&world).await.passed());
    // Half a version, with and without its record, as a storage that copies file by file leaves it.
    for missing in ["codebook.csv", "RELEASE.json"] {
        let world = World::new();
        let candidate = world.approved(&input()).await;
        killed_after(&world, &candidate, 2).await;
        world.published.remove(&format!("college_going/v0001/{missing}")).await.unwrap();
        assert_eq!(world.publish(&candidate).await.unwrap().version, 1);
        assert!(verified(&world).await.passed(), "without {missing}");
    }
}

#[tokio::test]
async fn a_publication_begun_in_time_is_finished_after_the_term() {
    for steps in [2, 3] {
        let mut world = World::new();
        let candidate = world.approved(&input()).await;
        killed_after(&world, &candidate, steps).await;
        world.pass_days(20);
        assert_eq!(code(world.approve(&candidate, ANNA).await), "release.expired");
        assert_eq!(world.publish(&candidate).await.unwrap().version, 1);
        assert_eq!(world.state_of(&candidate).await, State::Published { version: 1 });
        assert!(verified(&world).await.passed());
    }
    let mut world = World::new();
    let candidate = world.approved(&input()).await;
    killed_after(&world, &candidate, 1).await;
    world.pass_days(20);
    assert_eq!(code(world.publish(&candidate).await), "release.expired");
}

#[tokio::test]
async fn published_is_immutable() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    world.publish(&candidate).await.unwrap();
    let first = all_files(&world.folder.path().join("published/college_going/v0001"));
    let newer = world.approved(&newer_input()).await;
    assert_eq!(world.publish(&newer).await.unwrap().version, 2);
    assert_eq!(all_files(&world.folder.path().join("published/college_going/v0001")), first);
    assert_eq!(latest(&world.published, PIPELINE).await.unwrap().unwrap().version, Some(2));

    // A version whose publication was stopped and whose file was then changed is not written over.
    let world = World::new();
    let candidate = world.approved(&input()).await;
    killed_after(&world, &candidate, 2).await;
    world.published.put("college_going/v0001/codebook.csv", "other").await.unwrap();
    assert_eq!(code(world.publish(&candidate).await), "release.immutable");
}

#[tokio::test]
async fn a_candidate_whose_audit_did_not_know_the_last_version_is_not_published() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    world.publish(&candidate).await.unwrap();
    let newer = world.approved(&CandidateInput { beside: Vec::new(), ..newer_input() }).await;
    assert_eq!(code(world.publish(&newer).await), "release.not_audited_beside");
    // What is published already is finished and said again all the same.
    assert!(world.publish(&candidate).await.unwrap().already);
}

#[tokio::test]
async fn a_folder_that_is_not_ours_is_left_alone() {
    let world = World::new();
    world.published.put("college_going/v0001/notes.txt", "by hand").await.unwrap();
    let candidate = world.approved(&input()).await;
    assert_eq!(world.publish(&candidate).await.unwrap().version, 2);
    assert_eq!(world.published.read("college_going/v0001/notes.txt").await.unwrap(), "by hand");
}

#[tokio::test]
async fn two_publications_of_a_pipeline_exclude_each_other() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let lock = world.state.lock("publish", "another", None).await.unwrap();
    assert_eq!(code(world.publish(&candidate).await), "storage.locked");
    lock.release().await;
    assert!(world.publish(&candidate).await.is_ok());
}

#[tokio::test]
async fn a_withdrawn_version_stays_but_is_not_the_latest() {
    let world = World::new();
    let first = world.approved(&input()).await;
    world.publish(&first).await.unwrap();
    let second = world.approved(&newer_input()).await;
    world.publish(&second).await.unwrap();
    let context = world.context();
    let anna = key(ANNA);
    let take_back =
        async |candidate: &Candidate, key| withdraw(&context, PIPELINE, &candidate.id, ANNA, key, "wrong year").await;
    assert_eq!(code(take_back(&second, None).await), "release.steward_only");
    let by_ben = withdraw(&context, PIPELINE, &second.id, ANNA, Some(&key(BEN)), "wrong year").await;
    assert_eq!(code(by_ben), "release.wrong_key");
    take_back(&second, Some(&anna)).await.unwrap();
    let after = latest(&world.published, PIPELINE).await.unwrap().unwrap();
    assert_eq!((after.version, after.withdrawn.len(), after.withdrawn[0].version), (Some(1), 1, 2));
    assert_eq!(after.withdrawn[0].reason, "wrong year");
    assert!(world.published.exists("college_going/v0002/by_school.parquet").await.unwrap());
    assert_eq!(code(world.publish(&second).await), "release.withdrawn");

    // A kill between the ledger and the pointer is finished by doing it again.
    let bytes = serde_json::to_vec(&Latest { version: Some(2), ..after.clone() }).unwrap();
    world.published.put("college_going/latest.json", bytes).await.unwrap();
    take_back(&second, Some(&anna)).await.unwrap();
    assert_eq!(latest(&world.published, PIPELINE).await.unwrap().unwrap(), after);

    take_back(&first, Some(&anna)).await.unwrap();
    assert_eq!(latest(&world.published, PIPELINE).await.unwrap().unwrap().version, None);
    assert_eq!(code(verify(&world.published, PIPELINE, None, None).await), "release.no_version");
    assert!(verify(&world.published, PIPELINE, Some(2), None).await.unwrap().passed());

    // Put forward and approved again, it becomes a version of its own.
    let again = world.approved(&newer_input()).await;
    assert_eq!(world.publish(&again).await.unwrap().version, 3);
}

#[tokio::test]
async fn a_half_published_candidate_is_withdrawn_not_rejected() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    killed_after(&world, &candidate, 3).await;
    let context = world.context();
    assert_eq!(code(reject(&context, PIPELINE, &candidate.id, BEN, &key(BEN), "no").await), "release.half_published");
    let standing = withdraw(&context, PIPELINE, &candidate.id, BEN, Some(&key(BEN)), "no").await.unwrap();
    assert!(matches!(standing.state, State::Withdrawn { version: Some(1), .. }));
    assert_eq!(latest(&world.published, PIPELINE).await.unwrap().unwrap().version, None);
}

#[tokio::test]
async fn verify_finds_every_change() {
    type Change = (&'static str, fn(&str) -> String, &'static [&'static str]);
    let changes: [Change; 7] = [
        ("codebook.csv", |text| text.replace("person", "persons"), &["files", "checksums"]),
        ("SHA256SUMS", |text| text.replacen('1', "2", 1), &["files", "checksums", "digest"]),
        ("datapackage.json", |text| text.replace("sha256:", "sha1:"), &["files", "checksums", "data package"]),
        ("extra.txt", |_| "more".to_owned(), &["files", "checksums"]),
        (
            "RELEASE.json",
            |text| text.replace("\"steward\": \"anna\"", "\"steward\": \"cara\""),
            &["approvals", "stewards"],
        ),
        ("RELEASE.json", |text| text.replace("\"required\": 2", "\"required\": 3"), &["approvals"]),
        ("RELEASE.json", |text| text.replace("\"version\": 1", "\"version\": 2"), &["record"]),
    ];
    for (name, change, expected) in changes {
        let world = World::new();
        let candidate = world.approved(&input()).await;
        world.publish(&candidate).await.unwrap();
        let path = world.folder.path().join("published/college_going/v0001").join(name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let after = change(&before);
        assert_ne!(before, after, "{name}");
        std::fs::write(path, after).unwrap();
        assert_eq!(failed(&verified(&world).await), expected, "{name}");
    }
}

#[tokio::test]
async fn verify_finds_figures_that_do_not_fit() {
    type Wrong = (fn(&mut CandidateInput), &'static str);
    let wrong: [Wrong; 2] = [
        (
            |input| input.tables[0].values[2] = MeasureValues::Rates(vec![Some(51.2), None, None, None, Some(50.6)]),
            "by_school.parquet: rates",
        ),
        (
            |input| {
                input.tables[0].values[1] =
                    MeasureValues::Counts(vec![Some(51), Some(20), Some(22), Some(0), Some(91)]);
                input.tables[0].steward_reasons[1] = vec!["published"; 5];
            },
            "by_school.parquet: totals",
        ),
    ];
    for (change, expected) in wrong {
        let world = World::new();
        let mut wrong = input();
        change(&mut wrong);
        let candidate = world.approved(&wrong).await;
        world.publish(&candidate).await.unwrap();
        assert_eq!(failed(&verified(&world).await), [expected]);
    }
}

#[tokio::test]
async fn differences_are_counted_and_not_shown() {
    let world = World::new();
    let first = world.approved(&input()).await;
    let path = world.publish(&first).await.unwrap().path;
    let second = world.run(NIGHT, &newer_input()).await;
    let folder = second.release_folder();
    let difference = diff((&world.published, &path), (&world.state, &folder)).await.unwrap();
    let expected = TableDifference {
        table: "by_school".to_owned(),
        same: 5,
        changed: 2,
        newly_hidden: 1,
        still_hidden: 7,
        ..TableDifference::default()
    };
    assert_eq!(difference.tables, [expected]);
    assert!(!difference.is_empty());
    assert!(diff((&world.published, &path), (&world.published, &path)).await.unwrap().is_empty());
}
