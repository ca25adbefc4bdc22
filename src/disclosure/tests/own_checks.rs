//! What each part checks of its own proposals, so that an error elsewhere shows in an error and not in a release.

use proptest::prelude::*;

use super::build::*;
use super::exhaustive::{policies, releases};
use crate::disclosure::audit::computed_by_insiders;
use crate::disclosure::audit::parts::{Bounds, Open, Room, Side, System, assign, proven};
use crate::disclosure::condense::condense;
use crate::disclosure::local::{Goal, Local};
use crate::disclosure::{primary, system, *};

/// Three categories; all of them hidden, the total printed.
fn hidden_row(counts: [i64; 3]) -> (Table, Vec<PublicTable>) {
    let table = tabulate("t", vec![flat("s", &["a", "b", "c"])], vec![count("n")], |_, leaf| {
        counts[usize::from(leaf[0].as_bytes()[0] - b'a')]
    });
    let hidden = Status::Primary(Reason::MinimumCell);
    let statuses = vec![vec![vec![Status::Published, hidden, hidden, hidden]]];
    let public = public_view(std::slice::from_ref(&table), &statuses);
    (table, public)
}

fn two_or_more() -> Policy {
    Policy { minimum_cell: 3, ..Policy::default() }
}

#[test]
fn a_whole_table_that_does_not_fit_shows_nothing() {
    let (_, public) = hidden_row([2, 30, 40]);
    let system = System::new(&public, &[], &[], &two_or_more()).expect("system");
    let columns = system.equations.columns(system.unknowns.len());
    let mut bounds = Bounds::new(system.bounds(1));
    assert!(bounds.settle(&system.equations, &columns).is_ok());
    let open = Open::new(&system, &bounds);
    let (base, ..) = assign(&open, None);
    let mut room = Room::new(&open, base.clone());
    assert!(room.anchored.iter().all(|&anchored| anchored));
    let before = room.seen.clone();
    let least = |variable: usize| open.lower[variable] - base[variable];

    let unbalanced = vec![(0, 1)];
    let too_low = vec![(0, least(0) - 1), (1, 1 - least(0))];
    let too_high = vec![(0, open.upper[0] + 1 - base[0]), (1, base[0] - open.upper[0] - 1)];
    for change in [&unbalanced, &too_low, &too_high] {
        assert!(!room.learn(0, change.clone()) && !room.learn_in_any_case(0, change.clone()));
        let values = base.iter().enumerate().map(|(variable, value)| {
            value + change.iter().find(|(changed, _)| *changed as usize == variable).map_or(0, |&(_, by)| by)
        });
        assert!(!room.learn_table(values.collect()));
        assert!(room.seen == before && room.tables.len() == 1 && room.moves.is_empty());
    }
    assert!(room.learn(0, vec![(0, least(0)), (1, -least(0))]) && room.seen != before);
}

#[test]
fn a_combination_of_totals_proves_no_more_than_it_says() {
    let (_, public) = hidden_row([2, 30, 41]);
    let system = System::new(&public, &[], &[], &two_or_more()).expect("system");
    let columns = system.equations.columns(system.unknowns.len());
    let mut bounds = Bounds::new(system.bounds(1));
    assert!(bounds.settle(&system.equations, &columns).is_ok());
    let open = Open::new(&system, &bounds);
    assert_eq!((open.equations.len(), &open.lower), (1, &vec![0, 0, 0]));
    let at_most = |times: i64, denominator: i64| proven(&open, 0, Side::Upper, &[(0, times)], denominator);
    assert_eq!((at_most(1, 1), at_most(2, 2)), (Some(73), Some(73)));
    // Half of three times the total, as a whole person; of half of it nothing follows, nor of what is taken off.
    assert_eq!((at_most(3, 2), at_most(1, 2), at_most(-1, 1)), (Some(109), None, None));
    assert_eq!(proven(&open, 0, Side::Lower, &[(0, -1)], 1), None, "the others may have all of it");
}

#[test]
fn a_witness_that_falls_short_does_not_hold() {
    let (table, _) = hidden_row([2, 30, 40]);
    let tables = [table];
    let policy = two_or_more();
    let release = system::build(&tables).expect("release");
    let primary = primary::apply(&tables, &release, &policy);
    let condensed = condense(&tables, &release, &primary, &policy);
    let cell = |value: i64| condensed.unknowns.iter().position(|unknown| unknown.value == value).expect("cell");
    let local = Local::new(&condensed);
    let witness = |by: i64| {
        let mut witness = vec![(cell(2), by), (cell(30), -by)];
        witness.sort_unstable();
        witness
    };
    let up = [(cell(2), 1)];
    let goal_up = |change| Goal { sum: &up, change };
    assert!(local.holds(&goal_up(3), &witness(3)));
    assert!(!local.holds(&goal_up(3), &witness(2)), "short of its goal");
    assert!(!local.holds(&goal_up(-9), &witness(-3)), "fewer than nobody");
    assert!(!local.holds(&goal_up(3), &vec![(cell(2), 3)]), "a total that does not add up");
}

#[test]
fn who_is_told_which_figures_are_small_may_compute_them() {
    // Two people in two hidden groups: one each, for who knows that neither is empty.
    let policy = Policy { contributor: false, ..two_or_more() };
    let (table, _) = hidden_row([1, 1, 40]);
    let hidden = Status::Primary(Reason::MinimumCell);
    let statuses = vec![vec![vec![Status::Published, hidden, hidden, Status::Published]]];
    let public = public_view(std::slice::from_ref(&table), &statuses);
    let targets = targets(std::slice::from_ref(&table), &policy).expect("targets");
    for thorough in [false, true] {
        let found = computed_by_insiders(public[..].into(), &policy, &targets, None, thorough).expect("view");
        assert_eq!(found.len(), 2, "thorough: {thorough}");
        assert!(found.iter().all(|finding| finding.attacker == Attacker::Insider));
    }
}

#[test]
fn a_rate_that_contradicts_its_counts_is_refused() {
    let table = tabulate("t", vec![flat("s", &["a", "b"])], vec![count("n"), count_where("k", 0)], |measure, _| {
        if measure == 0 { 40 } else { 10 }
    });
    let statuses = vec![vec![vec![Status::Published; 3]; 2]];
    for (percent, fits) in [(22, false), (24, false), (25, true), (26, false), (28, false)] {
        let mut public = public_view(std::slice::from_ref(&table), &statuses);
        let rate = PublicRate {
            name: "rate".to_owned(),
            numerator: 1,
            denominator: 0,
            scale: 100,
            values: vec![Some(25), Some(percent), Some(25)],
            bands: Vec::new(),
        };
        public[0].rates.push(rate);
        let audited = audit(public[..].into(), &Policy::default(), None, None, &mut silent);
        assert_eq!(audited.is_ok(), fits, "{percent} %");
        if let Err(error) = audited {
            assert!(matches!(error, DisclosureError::Contradiction { .. }));
        }
    }
}

proptest! {
    /// The search leaves nothing for the audit to find, but for what contributors see, of which the audit tells the search.
    #[test]
    fn the_audit_finds_nothing_that_the_search_left(tables in releases(), policy in policies()) {
        let policy = Policy { contributor: false, insider: false, ..policy };
        if let Err(error) = protect(&tables, &policy, &mut silent) {
            prop_assert!(!matches!(error, DisclosureError::AuditFailed(_)), "{error}");
        }
    }
}
