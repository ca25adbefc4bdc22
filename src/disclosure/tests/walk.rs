//! The walk along the edges by itself, against the reader who tries everything.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::brute::ranges;
use super::exhaustive::*;
use crate::disclosure::audit::parts::{Bounds, Open, Room, System, Wants, assign, walk};
use crate::disclosure::*;

/// What walks through random tables came to.
#[derive(Default)]
struct Tally {
    /// Figures that some table moves as far as asked, and of them those that no walk did.
    reachable: usize,
    missed: usize,
    /// Figures that none does, and of them those of which the walk says so.
    beyond: usize,
    told: usize,
}

/// Walks through what the public tables leave open; every value that it shows, and all that it gives up, is compared with
/// what trying everything shows. `None` where there is too much to try.
fn walked(public: &[PublicTable], policy: &Policy, tally: &mut Tally) -> Option<()> {
    let ranges = ranges(public, policy, CAP)?;
    let system = System::new(public, &[], &[], policy).ok()?;
    let mut bounds = Bounds::new(system.bounds(1));
    let columns = system.equations.columns(system.unknowns.len());
    bounds.settle(&system.equations, &columns).ok()?;
    let open = Open::new(&system, &bounds);
    let mut room = Room::new(&open, assign(&open, None).0);
    if !room.anchored.iter().all(|&anchored| anchored) {
        return None;
    }
    let wants: Wants = (0..open.len()).map(|v| Some(policy.requirement(room.base()[v], open.lower[v]))).collect();
    let hopeless = walk(&mut room, &wants, 50_000_000, &mut |_, _| {}).hopeless;
    for (variable, need) in wants.iter().enumerate() {
        let figure = system.unknowns[open.first[variable] as usize];
        let Some(place) = system.figures.place(figure) else { continue };
        let (table, (measure, of), cell) = system.figures.locate(place);
        let (low, high) = ranges[&(table, measure, of, cell)];
        let (seen, need) = (room.seen[variable], need.expect("all are wanted"));
        // What no total bounds is tried up to the cap only.
        assert!(low <= seen.0 && (seen.1 <= high || high >= CAP), "a table that is none was shown");
        let (can, has) = (need.is_met(low, high), need.is_met(seen.0, seen.1));
        let given_up = hopeless.contains(&(variable as u32));
        assert!(!given_up || !can, "a figure was given up that some table moves as far as asked");
        tally.reachable += usize::from(can);
        tally.missed += usize::from(can && !has);
        tally.beyond += usize::from(!can);
        tally.told += usize::from(given_up);
    }
    Some(())
}

/// What it misses takes steps by halves, which are left to programs.
#[test]
fn a_walk_shows_only_tables_that_fit_and_nearly_all_that_they_can() {
    let mut runner = TestRunner::deterministic();
    let cases = (releases(), policies(), prop::collection::vec(prop::bool::weighted(0.6), 40));
    let mut tally = Tally::default();
    for _ in 0..600 {
        let (tables, policy, coins) = cases.new_tree(&mut runner).expect("drawn").current();
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        walked(&public, &policy, &mut tally);
    }
    let Tally { reachable, missed, beyond, told } = tally;
    assert!(reachable > 500 && missed * 20 < reachable, "{missed} of {reachable} were not reached");
    assert!(told > 0, "of {beyond} that cannot be reached none was given up");
}
