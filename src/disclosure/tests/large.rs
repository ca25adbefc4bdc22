//! The ways of large tables, on tables that are not.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::brute::ranges;
use super::build::*;
use super::certificates::{hopeless, with_minimums};
use super::exhaustive::{CAP, policies, release};
use crate::disclosure::certificate::large_certificate;
use crate::disclosure::*;
use crate::disclosure::{condense, primary, system};
use crate::disclosure::{large, printed};

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

/// The large search's pattern, by cell, with what it found no witness for. Printed zeros take a search of their own if asked.
fn pattern_by(table: &Table, policy: &Policy, own: bool) -> (Vec<Vec<Vec<Status>>>, usize) {
    let tables = std::slice::from_ref(table);
    let release = system::build(tables).expect("adds up");
    let primary = primary::apply(tables, &release, policy);
    let targets = primary.targets(&release);
    let condensed = condense::condense(tables, &release, &primary, policy);
    let found = match own {
        true => printed::search(tables, &release, (&condensed, &targets), policy, &|| false, &mut silent),
        false => large::search(tables, &release, &condensed, policy, &|| false, &mut silent),
    };
    let status = |&variable: &u32| {
        let hidden = condensed
            .unknown_of(variable as usize)
            .map_or(primary.hidden[variable as usize].is_some(), |unknown| found.hidden[unknown]);
        primary.status(variable as usize, hidden)
    };
    (vec![vec![release.printed(0, 0).iter().map(status).collect()]], found.unmet.len() + condensed.hopeless.len())
}

fn pattern(table: &Table, policy: &Policy) -> (Vec<Vec<Vec<Status>>>, usize) {
    pattern_by(table, policy, false)
}

/// What a large table's certificate proves is true, and all that is: compared with the reader who tries everything.
/// One in which a number is changed is refused, or still true.
#[test]
fn a_large_certificate_proves_only_what_trying_everything_shows() {
    let mut runner = TestRunner::deterministic();
    let counts = prop::collection::vec(0..=8_i64, 6..12);
    let cases = (prop::sample::select(vec![0_usize, 2]), counts, policies(), prop::collection::vec(any::<bool>(), 40));
    let (mut looked, mut proven, mut missed, mut refused) = (0, 0, 0, 0);
    for at in 0..300 {
        let (shape, counts, policy, coins) = cases.new_tree(&mut runner).expect("drawn").current();
        let mut tables = release(shape, &counts);
        if at % 3 == 0 {
            with_minimums(&mut tables, policy.minimum_cell, &coins);
        }
        let public = public_view(&tables, &super::exhaustive::pattern(&tables, &policy, &coins));
        let Some(ranges) = ranges(&public, &policy, CAP + 2) else { continue };
        let made = large_certificate(public[..].into(), &policy).expect("no contradiction");
        let Some(certificate) = made else { continue };
        let report = verify(public[..].into(), &certificate).expect("it fits");
        looked += 1;
        proven += report.open;
        let hopeless = hopeless(&public, &policy, &ranges);
        missed += report.names.len() - hopeless.len();
        let is_true = |report: &CertificateReport| hopeless.iter().all(|name| report.names.contains(name));
        assert!(is_true(&report), "something is proven though it is not so");
        let mut changed = certificate;
        let Some((_, cells)) = changed.cells.last_mut() else { continue };
        let entry = at % cells.len();
        cells[entry].1 += if at % 2 == 0 { 1 } else { -1 };
        match verify(public[..].into(), &changed) {
            Ok(report) => assert!(is_true(&report), "a changed certificate proves what is not so"),
            Err(_) => refused += 1,
        }
    }
    assert!(looked > 100 && proven > 300 && refused > 50, "{looked} certificates, {proven} figures, {refused} refused");
    assert_eq!(missed, 0, "figures are open and not shown to be, {proven} are");
}

/// Two rows and two columns have the same totals but for what is printed: where they do not cross nobody is left, as no
/// total by itself shows.
#[test]
fn a_large_certificate_shows_by_a_combination_of_totals_that_cells_are_empty() {
    let counts = [[4, 30, 50, 55], [25, 7, 60, 65], [0, 0, 40, 20], [0, 0, 90, 70]];
    let rows = flat("row", &["a", "b", "c", "d"]);
    let table = tabulate("t", vec![rows, flat("column", &["w", "x", "y", "z"])], vec![count("n")], |_, names| {
        let row = usize::from(names[0].as_bytes()[0] - b'a');
        counts[row][usize::from(names[1].as_bytes()[0] - b'w')]
    });
    let hide = |cell: usize| match table.coordinates(cell)[..] {
        [row, column] if row * column > 0 && (row > 2 || column < 3) => Status::Complementary,
        _ => Status::Published,
    };
    let statuses = vec![vec![(0..table.cell_count()).map(hide).collect()]];
    let public = public_view(&[table], &statuses);
    let policy = policy(Zeros::Hide, Level::Full);
    let made = large_certificate(public[..].into(), &policy).expect("no contradiction").expect("a table that fits");
    let report = verify(public[..].into(), &made).expect("it fits");
    assert_eq!((report.passed, report.open, report.settled), (true, 8, 4), "{report:?}");
    assert!(made.steps.iter().any(|step| step.len() > 1), "{made:?}");
    // Without the combination nothing is shown of these.
    let mut without = made;
    without.steps.retain(|step| step.len() == 1);
    let report = verify(public[..].into(), &without).expect("it fits");
    assert_eq!((report.settled, report.unproven), (0, 4), "{report:?}");
}

/// A table of which a certificate moves innermost cells.
fn certified() -> (Vec<PublicTable>, Certificate) {
    let table = schools(7);
    let policy = policy(Zeros::Hide, Level::Full);
    let (statuses, _) = pattern(&table, &policy);
    let public = public_view(&[table], &statuses);
    let certificate =
        large_certificate(public[..].into(), &policy).expect("no contradiction").expect("a table that fits");
    (public, certificate)
}

/// The number of a hidden cell among the hidden ones.
fn number(public: &PublicTable, is_wanted: impl Fn(usize) -> bool) -> u32 {
    let hidden = (0..public.values[0].len()).filter(|&cell| public.values[0][cell].is_none());
    hidden.enumerate().find(|&(_, cell)| is_wanted(cell)).expect("there is one").0 as u32
}

#[test]
fn a_change_of_cells_that_breaks_a_published_total_is_refused() {
    let (public, mut certificate) = certified();
    assert!(public[0].values[0][0].is_some(), "the state's total is published");
    let inner = number(&public[0], |cell| is_inner(&public[0], cell));
    certificate.cells.push((0, vec![(inner, 1)]));
    let refused = verify(public[..].into(), &certificate).expect_err("it adds somebody");
    assert!(matches!(refused, CertificateError::DoesNotFit { .. }), "{refused}");
}

#[test]
fn a_change_of_cells_that_names_a_total_is_refused() {
    let (public, mut certificate) = certified();
    let total = number(&public[0], |cell| !is_inner(&public[0], cell));
    certificate.cells.push((0, vec![(total, 0)]));
    let refused = verify(public[..].into(), &certificate).expect_err("it is no innermost cell");
    assert!(matches!(refused, CertificateError::Malformed { .. }), "{refused}");
}

#[test]
fn a_change_of_cells_of_several_measures_is_refused() {
    let table = tabulate("t", vec![flat("s", &["a", "b"])], vec![count("n"), count_where("m", 0)], |measure, _| {
        [30, 4][measure]
    });
    let statuses = vec![vec![vec![Status::Published; 3], vec![Status::Complementary; 3]]];
    let public = public_view(&[table], &statuses);
    let mut certificate = certify(public[..].into(), &Policy::default(), "t", &mut silent).expect("made");
    certificate.cells.push((0, vec![(1, 1)]));
    let refused = verify(public[..].into(), &certificate).expect_err("a complement would change as well");
    assert!(matches!(refused, CertificateError::Malformed { .. }), "{refused}");
}

/// It is made in two threads, and does not depend on which is faster.
#[test]
fn a_large_certificate_is_the_same_every_time() {
    let (_, first) = certified();
    assert!((0..5).all(|_| certified().1 == first));
}

fn is_inner(table: &PublicTable, cell: usize) -> bool {
    let mut rest = cell;
    table.dimensions.iter().rev().all(|dimension| {
        let node = rest % dimension.nodes.len();
        rest /= dimension.nodes.len();
        dimension.nodes.iter().all(|other| other.parent != Some(node))
    })
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

    /// Where zeros are printed it always ends with a pattern, and that passes an audit that knows nothing of its witnesses.
    #[test]
    fn a_large_search_protects_beside_printed_zeros(seed in 0_u64..1 << 40, minimum in 3_u64..12) {
        let table = schools(seed);
        let policy = Policy { minimum_cell: minimum, ..policy(Zeros::Print, Level::Full) };
        let (statuses, unmet) = pattern_by(&table, &policy, true);
        prop_assert_eq!(unmet, 0);
        prop_assert!(pattern_by(&table, &policy, true).0 == statuses, "another pattern the second time");
        let tables = [table];
        let empty = tables[0].values[0].iter().zip(&statuses[0][0]).filter(|&(&value, _)| value == 0);
        prop_assert!(empty.into_iter().all(|(_, status)| *status == Status::Published));
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
