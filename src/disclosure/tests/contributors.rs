//! People who know that they are counted themselves, against the reader who tries everything.

use proptest::prelude::*;

use super::brute::ranges_knowing;
use super::build::*;
use super::exhaustive::*;
use crate::disclosure::*;

/// Hidden figures that columns print and that somebody is in.
fn knowable(tables: &[Table], statuses: &[Vec<Vec<Status>>]) -> Vec<super::brute::Place> {
    let mut places = Vec::new();
    for (t, (table, statuses)) in tables.iter().zip(statuses).enumerate() {
        for (m, (values, statuses)) in table.values.iter().zip(statuses).enumerate() {
            let hidden = values.iter().zip(statuses).enumerate();
            let cells = hidden.filter(|(_, (value, status))| **value > 0 && !status.is_published());
            places.extend(cells.map(|(cell, _)| (t, m, None, cell)));
        }
    }
    places
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whichever hidden cell somebody knows not to be empty, no protected figure has a single value left for them.
    #[test]
    fn no_contributor_can_compute_a_protected_figure(tables in releases(), policy in policies()) {
        let policy = Policy { zeros: Zeros::Hide, contributor: true, ..policy };
        let Ok(protected) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let public = public_view(&tables, &protected.statuses);
        let targets = targets(&tables, &policy).expect("targets");
        for known in knowable(&tables, &protected.statuses) {
            let Some(ranges) = ranges_knowing(&public, &policy, CAP, known) else { return Ok(()) };
            for target in &targets {
                let (low, high) = ranges[&place(target)];
                prop_assert!(low < high, "{} beside {}", name(&tables, place(target)), name(&tables, known));
            }
        }
    }

    /// Of any pattern: what somebody who is in a hidden cell can compute is found. (Not every finding is one: a second value
    /// that was not found in time counts as none.)
    #[test]
    fn the_audit_finds_every_figure_that_a_contributor_computes(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(any::<bool>(), 40),
    ) {
        let policy = Policy { zeros: Zeros::Hide, level: Level::Exact, ..policy };
        let statuses = pattern(&tables, &policy, &coins);
        let public = public_view(&tables, &statuses);
        let targets = targets(&tables, &policy).expect("targets");
        let evidence = Evidence { tables: &tables, changes: &[] };
        let report = audit(public[..].into(), &policy, Some(&targets), Some(evidence), &mut silent).expect("audit");
        let found: Vec<&CellName> = report.findings.iter().map(|finding| &finding.cell).collect();
        for known in knowable(&tables, &statuses) {
            let Some(ranges) = ranges_knowing(&public, &policy, CAP, known) else { return Ok(()) };
            for target in targets.iter().filter(|target| ranges[&place(target)].0 == ranges[&place(target)].1) {
                let computed = name(&tables, place(target));
                prop_assert!(found.contains(&&computed), "{computed} beside {}", name(&tables, known));
            }
        }
    }

    /// The view of somebody who is told which hidden cells are small is reported, and refused where the policy asks.
    #[test]
    fn an_insiders_view_is_reported_and_refused_on_request(tables in releases(), policy in policies()) {
        let Ok(protected) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let view = protected.audit.attackers.iter().find(|view| view.attacker == Attacker::Insider).copied();
        let view = view.expect("reported");
        let strict = Policy { insider: true, ..policy };
        match protect(&tables, &strict, &mut silent) {
            Ok(_) => prop_assert_eq!(view.fallen, 0),
            Err(DisclosureError::AuditFailed(report)) => {
                // What is reported without being asked for is what subtraction and bounds give.
                prop_assert!(view.fallen <= report.findings.len());
                prop_assert!(report.findings.iter().all(|finding| finding.attacker == Attacker::Insider));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
