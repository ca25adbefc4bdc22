//! The ways of large tables, on tables that are not.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::brute::ranges;
use super::build::*;
use super::certificates::hopeless;
use super::exhaustive::{CAP, policies, release};
use crate::disclosure::certificate::large_certificate;
use crate::disclosure::large;
use crate::disclosure::*;
use crate::disclosure::{condense, primary, system};

/// Schools in districts, by race and gender, with counts from a seed.
fn schools(seed: u64) -> Table {
    let geo = dimension(
        "geo",
        &[("S", ""), ("A", "S"), ("B", "S"), ("a", "A"), ("b", "A"), ("c", "B"), ("d", "B"), ("e", "B")],
    );
    let mut state = seed;
    let counts: Vec<i64> = (0..5 * 3 * 2)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = (state >> 40) as i64;
            if draw % 3 == 0 { draw % 7 } else { draw % 90 }
        })
        .collect();
    let races = ["x", "y", "z"];
    let place = |names: &[&str]| {
        let school = ["a", "b", "c", "d", "e"].iter().position(|name| *name == names[0]).expect("school");
        let race = races.iter().position(|name| *name == names[1]).expect("race");
        school * 6 + race * 2 + usize::from(names[2] == "f")
    };
    let dimensions = vec![geo, flat("race", &races), flat("gender", &["f", "m"])];
    tabulate("t", dimensions, vec![count("n")], |_, names| counts[place(names)])
}

fn policy(zeros: Zeros, level: Level) -> Policy {
    Policy { zeros, level, neighbourhoods: 0, ..Policy::default() }
}

/// The large search's pattern, by cell, with what it found no witness for.
fn pattern(table: &Table, policy: &Policy) -> (Vec<Vec<Vec<Status>>>, usize) {
    let tables = std::slice::from_ref(table);
    let release = system::build(tables).expect("adds up");
    let primary = primary::apply(tables, &release, policy);
    let condensed = condense::condense(tables, &release, &primary, policy);
    let found = large::search(tables, &release, &condensed, policy, &|| false, &mut silent);
    let status = |&variable: &u32| {
        let hidden = condensed
            .unknown_of(variable as usize)
            .map_or(primary.hidden[variable as usize].is_some(), |unknown| found.hidden[unknown]);
        primary.status(variable as usize, hidden)
    };
    (vec![vec![release.printed(0, 0).iter().map(status).collect()]], found.unmet.len() + condensed.hopeless.len())
}

/// What a certificate by exchanges proves is true: compared with the reader who tries everything.
#[test]
fn a_large_certificate_proves_only_what_trying_everything_shows() {
    let mut runner = TestRunner::deterministic();
    let counts = prop::collection::vec(0..=8_i64, 6..12);
    let cases = (prop::sample::select(vec![0_usize, 2]), counts, policies(), prop::collection::vec(any::<bool>(), 40));
    let (mut looked, mut proven) = (0, 0);
    for _ in 0..300 {
        let (shape, counts, policy, coins) = cases.new_tree(&mut runner).expect("drawn").current();
        let tables = release(shape, &counts);
        let public = public_view(&tables, &super::exhaustive::pattern(&tables, &policy, &coins));
        let Some(ranges) = ranges(&public, &policy, CAP) else { continue };
        let made = large_certificate(public[..].into(), &policy).expect("no contradiction");
        let Some(certificate) = made else { continue };
        let report = verify(public[..].into(), &certificate).expect("it fits");
        looked += 1;
        proven += report.open;
        for name in hopeless(&public, &policy, &ranges) {
            assert!(report.names.contains(&name), "{name} is proven though it is not so");
        }
    }
    assert!(looked > 100 && proven > 300, "{looked} certificates, {proven} figures");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What it says is protected passes an audit that knows nothing of its witnesses.
    #[test]
    fn a_large_search_protects(seed in 0_u64..1 << 40, hide: bool, full: bool) {
        let table = schools(seed);
        let zeros = if hide { Zeros::Hide } else { Zeros::Print };
        let policy = policy(zeros, if full { Level::Full } else { Level::Interval(5) });
        let (statuses, unmet) = pattern(&table, &policy);
        prop_assume!(unmet == 0);
        let tables = [table];
        let public = public_view(&tables, &statuses);
        let targets = targets(&tables, &policy).expect("targets");
        let report = audit(public[..].into(), &policy, Some(&targets), None, &mut silent).expect("no contradiction");
        prop_assert!(report.passed, "{:?}", report.findings);
    }

    /// A certificate by exchanges fits, and is believed by the check alone.
    #[test]
    fn a_large_certificate_holds(seed in 0_u64..1 << 40, hide: bool) {
        let table = schools(seed);
        let policy = policy(if hide { Zeros::Hide } else { Zeros::Print }, Level::Full);
        let (statuses, _) = pattern(&table, &policy);
        let public = public_view(&[table], &statuses);
        let certificate = large_certificate(public[..].into(), &policy).expect("no contradiction");
        let Some(certificate) = certificate else { return Err(TestCaseError::fail("no table that fits was found")) };
        let report = verify(public[..].into(), &certificate).expect("it fits");
        prop_assert_eq!(report.open + report.settled + report.unproven, report.hidden);
        prop_assert_eq!(report.exposed, 0);
    }
}
