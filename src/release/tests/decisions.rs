use super::world::{ANNA, BEN, CARA, NIGHT, PIPELINE, World, code, input, key, newer_input};
use crate::error::Kind;
use crate::release::*;
use crate::workspace::{AgreementStatus, Days};

#[tokio::test]
async fn two_stewards_of_both_parties_approve() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    assert_eq!(world.state_of(&candidate).await, State::Waiting);
    assert_eq!(world.approve(&candidate, ANNA).await.unwrap().state, State::Waiting);
    let standing = world.approve(&candidate, BEN).await.unwrap();
    assert_eq!((standing.state, standing.approved_by.len()), (State::Approved, 2));
}

#[tokio::test]
async fn own_run_is_refused() {
    let world = World::new();
    let candidate = world.run(CARA, &input()).await;
    let error = world.approve(&candidate, CARA).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Governance, "release.own_run"));
    assert!(error.hint().is_some());
    // Also when another account puts the same candidate forward again.
    let candidate = world.run(NIGHT, &input()).await;
    assert_eq!(code(world.approve(&candidate, CARA).await), "release.own_run");
}

#[tokio::test]
async fn own_run_does_not_count_when_smuggled_into_the_ledger() {
    let world = World::new();
    let candidate = world.run(CARA, &input()).await;
    let target = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing.target;
    let fields = SignedFields { decision: Decision::Approve, target: &target, steward: CARA, reason: "" };
    let signed = fields.sign("district", &key(CARA));
    world.smuggle(CARA, Event::Approval { target, signed }).await;
    let standing = world.approve(&candidate, BEN).await.unwrap();
    assert_eq!((standing.state, standing.approved_by.len(), standing.void.len()), (State::Waiting, 1, 1));
}

#[tokio::test]
async fn too_few_approvals() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    for approvals in 0..2 {
        let error = world.publish(&candidate).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::NotApproved, "release.too_few_approvals"));
        assert!(error.to_string().contains(&format!("{approvals} of 2 approvals")), "{error}");
        world.approve(&candidate, [ANNA, BEN][approvals]).await.unwrap();
    }
    assert!(world.publish(&candidate).await.is_ok());
}

#[tokio::test]
async fn one_from_each_party() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    world.approve(&candidate, ANNA).await.unwrap();
    let standing = world.approve(&candidate, CARA).await.unwrap();
    assert_eq!((standing.state, standing.missing_parties), (State::Waiting, vec!["college".to_owned()]));
    assert_eq!(code(world.publish(&candidate).await), "release.too_few_approvals");
    assert_eq!(world.approve(&candidate, BEN).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn each_steward_counts_once() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    world.approve(&candidate, ANNA).await.unwrap();
    assert_eq!(code(world.approve(&candidate, ANNA).await), "release.approved_already");
    let entries = world.context().ledger().entries().await.unwrap();
    world.smuggle(ANNA, entries.last().unwrap().event.clone()).await;
    let standing = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing;
    assert_eq!((standing.approved_by.len(), standing.void.len()), (1, 1));
}

#[tokio::test]
async fn rebuilt_candidate_voids_approvals() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let again = world.run(NIGHT, &input()).await;
    assert_eq!(again.id, candidate.id);
    assert_eq!(world.state_of(&candidate).await, State::Waiting);
    assert_eq!(code(world.publish(&candidate).await), "release.too_few_approvals");
    // An approval of the earlier round, copied behind the new one, does not count either.
    let entries = world.context().ledger().entries().await.unwrap();
    let old = entries.iter().find(|entry| matches!(entry.event, Event::Approval { .. })).unwrap().clone();
    world.smuggle(&old.actor, old.event).await;
    let standing = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing;
    assert_eq!((standing.state, standing.void.len()), (State::Waiting, 1));
}

#[tokio::test]
async fn a_newer_candidate_supersedes() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let newer = world.run(NIGHT, &newer_input()).await;
    assert_eq!(world.state_of(&candidate).await, State::Superseded { by: newer.id.clone() });
    assert_eq!(code(world.approve(&candidate, CARA).await), "release.superseded");
    assert_eq!(code(world.publish(&candidate).await), "release.superseded");
    assert_eq!(world.state_of(&newer).await, State::Waiting);
    let entries = world.context().ledger().entries().await.unwrap();
    assert_eq!(known_candidates(&entries, PIPELINE), [candidate.id, newer.id]);
}

#[tokio::test]
async fn expired_is_refused() {
    let mut world = World::new();
    let candidate = world.approved(&input()).await;
    world.pass_days(14);
    assert_eq!(world.state_of(&candidate).await, State::Expired);
    let error = world.publish(&candidate).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::NotApproved, "release.expired"));
    assert_eq!(code(world.approve(&candidate, CARA).await), "release.expired");
}

#[tokio::test]
async fn silence_never_becomes_yes() {
    let mut world = World::new();
    world.agreement.approvals.required = 0;
    world.agreement.approvals.one_from_each.clear();
    world.agreement.approvals.expires_after = Days(3);
    let candidate = world.run(NIGHT, &input()).await;
    for day in 0..30 {
        let state = world.state_of(&candidate).await;
        assert_eq!(state, if day < 3 { State::Waiting } else { State::Expired });
        assert_eq!(world.publish(&candidate).await.unwrap_err().kind(), Kind::NotApproved);
        world.pass_days(1);
    }
}

#[tokio::test]
async fn an_approval_after_the_term_does_not_count() {
    let mut world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    world.approve(&candidate, ANNA).await.unwrap();
    let target = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing.target;
    world.pass_days(15);
    let fields = SignedFields { decision: Decision::Approve, target: &target, steward: BEN, reason: "" };
    let signed = fields.sign("college", &key(BEN));
    world.smuggle(BEN, Event::Approval { target, signed }).await;
    let standing = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing;
    assert_eq!((standing.state, standing.void[0].why), (State::Expired, "it came after the term"));
}

#[tokio::test]
async fn forged_signature() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    world.approve(&candidate, ANNA).await.unwrap();
    let target = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing.target;
    let by = |steward: &'static str| SignedFields { decision: Decision::Approve, target: &target, steward, reason: "" };
    let right = by(BEN).sign("college", &key(BEN));
    assert!(verify_approval(&by(BEN), &right));

    let mut other_digest = target.clone();
    other_digest.digest = "9".repeat(64);
    let mut other_round = target.clone();
    other_round.round += 1;
    let forgeries = [
        // Signed by someone else in Ben's name, under their key and under Ben's.
        by(BEN).sign("college", &key("mallory")),
        Signed { public_key: key(BEN).public_key(), ..by(BEN).sign("college", &key("mallory")) },
        // Ben's own signatures of other things.
        by(ANNA).sign("college", &key(BEN)),
        SignedFields { decision: Decision::Reject, ..by(BEN) }.sign("college", &key(BEN)),
        SignedFields { reason: "fine", ..by(BEN) }.sign("college", &key(BEN)),
        SignedFields { target: &other_digest, ..by(BEN) }.sign("college", &key(BEN)),
        SignedFields { target: &other_round, ..by(BEN) }.sign("college", &key(BEN)),
        // Right, but for another party; cut short; not hexadecimal.
        Signed { party: "district".to_owned(), ..right.clone() },
        Signed { signature: right.signature[2..].to_owned(), ..right.clone() },
        Signed { signature: "z".repeat(128), ..right },
    ];
    let number = forgeries.len();
    for signed in forgeries {
        world.smuggle(BEN, Event::Approval { target: target.clone(), signed }).await;
    }
    let standing = world.context().case(PIPELINE, &candidate.id).await.unwrap().standing;
    assert_eq!((standing.state, standing.approved_by.len(), standing.void.len()), (State::Waiting, 1, number));
    assert_eq!(code(world.publish(&candidate).await), "release.too_few_approvals");
}

#[tokio::test]
async fn a_key_that_is_not_the_stewards_is_refused() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    let with = |steward: &'static str, of: &'static str| {
        let (context, id) = (world.context(), candidate.id.clone());
        async move { approve(&context, PIPELINE, &id, steward, &key(of)).await.unwrap_err() }
    };
    assert_eq!(with(BEN, ANNA).await.code(), "release.wrong_key");
    assert_eq!(with(BEN, ANNA).await.kind(), Kind::NotApproved);
    assert_eq!(with("nobody", ANNA).await.code(), "release.not_a_steward");
    assert_eq!(with("eve", "eve").await.code(), "release.not_a_party");
}

#[tokio::test]
async fn return_and_rejection_are_final_until_the_next_round() {
    let world = World::new();
    let candidate = world.run(NIGHT, &input()).await;
    world.approve(&candidate, ANNA).await.unwrap();
    let context = world.context();
    assert_eq!(code(reject(&context, PIPELINE, &candidate.id, BEN, &key(BEN), "  ").await), "release.no_reason");
    let standing = reject(&context, PIPELINE, &candidate.id, BEN, &key(BEN), "the year is wrong").await.unwrap();
    assert_eq!(standing.state, State::Rejected { by: BEN.to_owned(), reason: "the year is wrong".to_owned() });
    assert_eq!(code(world.approve(&candidate, CARA).await), "release.rejected");
    assert_eq!(code(world.publish(&candidate).await), "release.rejected");

    world.run(NIGHT, &input()).await;
    let standing = return_(&context, PIPELINE, &candidate.id, ANNA, &key(ANNA), "add a note").await.unwrap();
    assert_eq!(standing.state, State::Returned { by: ANNA.to_owned(), reason: "add a note".to_owned() });
    assert_eq!(code(world.publish(&candidate).await), "release.returned");
    comment(&context, PIPELINE, &candidate.id, NIGHT, "will do").await.unwrap();
    assert_eq!(code(comment(&context, PIPELINE, &candidate.id, "stranger", "hello").await), "release.unknown_account");
}

#[tokio::test]
async fn an_operator_takes_back_what_is_not_published() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let context = world.context();
    assert_eq!(code(withdraw(&context, PIPELINE, &candidate.id, ANNA, None, "no").await), "release.steward_key");
    let standing = withdraw(&context, PIPELINE, &candidate.id, NIGHT, None, "wrong extract").await.unwrap();
    assert!(matches!(standing.state, State::Withdrawn { version: None, .. }));
    assert_eq!(code(world.publish(&candidate).await), "release.withdrawn");
}

#[tokio::test]
async fn an_agreement_that_changed_or_ended_is_refused() {
    let mut world = World::new();
    let candidate = world.approved(&input()).await;
    world.agreement_digest = "f".repeat(64);
    assert_eq!(code(world.publish(&candidate).await), "release.agreement_changed");
    assert_eq!(code(world.approve(&candidate, CARA).await), "release.agreement_changed");
    world.agreement_digest = "a".repeat(64);
    world.agreement.status = AgreementStatus::Suspended;
    let error = world.publish(&candidate).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Governance, "release.agreement_not_in_force"));
    world.agreement.status = AgreementStatus::Active;
    world.agreement.effective.until = jiff::civil::date(2026, 11, 1);
    assert_eq!(code(world.publish(&candidate).await), "release.agreement_not_in_force");
    world.agreement.effective.until = world.today;
    world.agreement.outputs.recipients.clear();
    assert_eq!(code(world.publish(&candidate).await), "release.recipient");
}

#[tokio::test]
async fn a_changed_candidate_is_neither_approved_nor_published() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let folder = world.folder.path().join("state").join(candidate.release_folder());
    std::fs::write(folder.join("codebook.csv"), "changed").unwrap();
    assert_eq!(code(world.publish(&candidate).await), "release.damaged");
    assert_eq!(code(world.approve(&candidate, CARA).await), "release.damaged");
}

#[tokio::test]
async fn a_tampered_ledger_publishes_nothing() {
    let world = World::new();
    let candidate = world.approved(&input()).await;
    let first = world.folder.path().join("state/ledger/0000000001.json");
    let text = std::fs::read_to_string(&first).unwrap().replace("\"night\"", "\"other\"");
    std::fs::write(first, text).unwrap();
    assert_eq!(code(world.publish(&candidate).await), "ledger.damaged");
}

#[test]
fn a_key_file_is_its_owners_alone_and_never_overwritten() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("anna.key");
    let made = key(ANNA);
    made.save(&path).unwrap();
    assert_eq!(StewardKey::load(&path).unwrap().public_key(), made.public_key());
    assert_eq!(code(key(BEN).save(&path)), "keys.exists");
    let text = std::fs::read_to_string(&path).unwrap();
    let secret = text.lines().nth(1).unwrap();
    assert!(text.starts_with('#') && secret.len() == 64);
    assert!(!format!("{made:?}").contains(secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert_eq!(code(StewardKey::load(&path)), "keys.open_to_others");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    std::fs::write(&path, "# a key\n1234\n").unwrap();
    assert_eq!(code(StewardKey::load(&path)), "keys.not_a_key");
}

#[test]
fn two_stewards_with_one_key_are_refused() {
    let mut world = World::new();
    let shared: Vec<_> = world.roles.stewards.iter().map(|(id, steward)| (id.to_owned(), steward.clone())).collect();
    let first = shared[0].1.public_key.clone();
    world.roles.stewards = shared
        .into_iter()
        .map(|(id, mut steward)| {
            steward.public_key = first.clone();
            (id, steward)
        })
        .collect();
    assert_eq!(code(Stewards::resolve(&world.roles, world.folder.path())), "roles.shared_key");
}
