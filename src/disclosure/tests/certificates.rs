//! Certificates against the reader who tries everything, and changed ones that must be refused.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::brute::{Place, Ranges, linked_ranges, ranges};
use super::build::*;
use super::exhaustive::*;
use super::linked::{cohorts, rated};
use crate::disclosure::*;

/// Figures that a certificate cannot do anything for: neither open nor out of the question.
pub(super) fn hopeless(public: &[PublicTable], policy: &Policy, ranges: &Ranges) -> BTreeSet<CellName> {
    let is_hidden = |&(table, measure, of, cell): &Place| of.is_some() || public[table].values[measure][cell].is_none();
    let group = |&(table, measure, of, cell): &Place| {
        let mut wholes = Vec::new();
        let mut at = measure;
        while let Some(next) = public[table].measures[at].kind.of() {
            wholes.push(next);
            at = next;
        }
        let wholes = of.map_or(wholes, |of| vec![of]);
        policy.homogeneous && wholes.iter().any(|&whole| ranges[&(table, whole, None, cell)].1 > 0)
    };
    let lost = |place: &Place| {
        let (low, high) = ranges[place];
        let own = Policy { minimum_cell: minimum(public, policy, place), ..policy.clone() };
        let settled = low >= own.minimum() || (high == 0 && !group(place));
        is_hidden(place) && !is_met(&own, (low, high)) && !settled
    };
    ranges.keys().filter(|place| lost(place)).map(|&place| public_name(public, place)).collect()
}

/// The largest minimum cell of the places where a figure stands: those of the same coordinates, totals left out.
fn minimum(public: &[PublicTable], policy: &Policy, place: &Place) -> u64 {
    if public.iter().all(|table| table.minimums.is_none()) {
        return policy.minimum_cell;
    }
    let kind = |&(table, _, _, cell): &Place| {
        let table = &public[table];
        let mut names: Vec<(String, String)> = Vec::new();
        let mut rest = cell;
        for dimension in table.dimensions.iter().rev() {
            let node = rest % dimension.nodes.len();
            rest /= dimension.nodes.len();
            if dimension.total() != Some(node) {
                names.push((dimension.name.clone(), dimension.nodes[node].id.clone()));
            }
        }
        names.sort();
        (table.universe.clone(), names)
    };
    let (own, mut least) = (kind(place), 0);
    for (number, table) in public.iter().enumerate() {
        for cell in 0..table.values[0].len() {
            if kind(&(number, 0, None, cell)) == own {
                least = least.max(table.minimums.as_ref().map_or(policy.minimum_cell, |minimums| minimums[cell]));
            }
        }
    }
    least
}

/// Larger minimum cells, here and there.
pub(super) fn with_minimums(tables: &mut [Table], least: u64, coins: &[bool]) {
    let mut coin = coins.iter().rev().cycle();
    for table in tables.iter_mut().skip(usize::from(coins[0])) {
        let mut minimum = || least + if *coin.next().expect("cycle") { 2 } else { 0 };
        table.minimums = Some((0..table.cell_count()).map(|_| minimum()).collect());
    }
}

fn public_name(public: &[PublicTable], (table, measure, of, cell): Place) -> CellName {
    let table = &public[table];
    let whole = Table {
        name: table.name.clone(),
        universe: table.universe.clone(),
        dimensions: table.dimensions.clone(),
        measures: table.measures.clone(),
        values: Vec::new(),
        contributors: None,
        contributions: Vec::new(),
        minimums: None,
    };
    whole.cell_name(measure, of, cell)
}

fn made(published: Published<'_>, policy: &Policy) -> (Certificate, CertificateReport) {
    let certificate = certify(published, policy, "tables", &mut silent).expect("small tables have an assignment");
    let again = Certificate::from_text(&certificate.to_text()).expect("readable");
    assert_eq!(certificate, again);
    let report = verify(published, &certificate).expect("it fits");
    (certificate, report)
}

/// What only whole numbers make tight may stay unproven; of everything else, next to nothing does.
#[test]
fn a_certificate_proves_nearly_all_that_is_true() {
    let mut runner = TestRunner::deterministic();
    let cases = (releases(), policies(), prop::collection::vec(prop::bool::weighted(0.5), 40));
    let (mut hidden, mut missed) = (0, 0);
    for _ in 0..400 {
        let (tables, policy, coins) = cases.new_tree(&mut runner).unwrap().current();
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        let Some(ranges) = ranges(&public, &policy, CAP).filter(|_| tables.len() == 1) else { continue };
        let (_, report) = made(public[..].into(), &policy);
        hidden += report.hidden;
        missed += report.names.len().saturating_sub(hopeless(&public, &policy, &ranges).len());
    }
    assert!(hidden > 500 && missed * 50 < hidden, "{missed} of {hidden}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a certificate proves is true.
    #[test]
    fn a_certificate_proves_only_what_trying_everything_shows(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.5), 40),
    ) {
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        let (_, report) = made(public[..].into(), &policy);
        let names: BTreeSet<CellName> = report.names.iter().cloned().collect();
        prop_assert!(report.names.len() == report.unproven);
        for name in hopeless(&public, &policy, &ranges) {
            // One name stands for a figure that several tables hold.
            let first = public.iter().any(|table| table.name == name.table) && names.contains(&name);
            prop_assert!(first || tables.len() > 1, "{name} is proven though it is not so");
        }
    }

    /// The same where larger minimum cells hold here and there.
    #[test]
    fn a_certificate_proves_of_each_figure_what_its_own_minimum_asks(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.5), 40),
    ) {
        let mut tables = tables;
        with_minimums(&mut tables, policy.minimum_cell, &coins);
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        let Some(ranges) = ranges(&public, &policy, CAP + 2) else { return Ok(()) };
        let (certificate, report) = made(public[..].into(), &policy);
        let names: BTreeSet<CellName> = report.names.iter().cloned().collect();
        let hopeless = hopeless(&public, &policy, &ranges);
        for name in &hopeless {
            prop_assert!(names.contains(name) || tables.len() > 1, "{name} is proven though it is not so");
        }
        let larger: BTreeSet<u64> = tables.iter().filter_map(|table| table.minimums.as_ref()).flatten().copied().collect();
        prop_assert!(report.minimums.iter().all(|minimum| larger.contains(minimum)));
        // The same certificate for other minimums is another: nothing is proven by the smaller ones.
        let mut public = public;
        public.iter_mut().for_each(|table| table.minimums = None);
        let smaller = verify(public[..].into(), &certificate).expect("it fits");
        prop_assert!(smaller.unproven <= report.unproven);
    }

    /// The same with rates that are printed although their counts are not.
    #[test]
    fn a_certificate_keeps_to_printed_rates(
        counts in prop::collection::vec((0..=6i64, 0..=6i64), 3),
        policy in policies(),
        coins in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (_, public) = rated(&counts, &policy, &coins);
        let Some(ranges) = ranges(&public, &policy, 24) else { return Ok(()) };
        let (_, report) = made(public[..].into(), &policy);
        let names: BTreeSet<CellName> = report.names.into_iter().collect();
        prop_assert!(names.is_superset(&hopeless(&public, &policy, &ranges)));
    }

    /// And with an earlier edition of a cohort that has grown.
    #[test]
    fn a_certificate_keeps_to_earlier_editions(
        early in prop::collection::vec(0..=4i64, 4),
        more in prop::collection::vec(0..=3i64, 4),
        policy in policies(),
        coins in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (_, public, links) = cohorts(&early, &more, &policy, &coins);
        let Some(ranges) = linked_ranges(&public, &links, &policy, CAP) else { return Ok(()) };
        let published = Published { tables: &public[..1], others: &public[1..], links: &links };
        let (_, report) = made(published, &policy);
        let names: BTreeSet<CellName> = report.names.into_iter().collect();
        for name in hopeless(&public, &policy, &ranges) {
            prop_assert!(name.table != public[0].name || names.contains(&name), "{} is proven though it is not so", name);
        }
    }

    /// A certificate in which one number is changed is refused, or it is still true.
    #[test]
    fn a_changed_certificate_is_refused(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.6), 40),
        which in any::<prop::sample::Index>(),
        by in prop_oneof![Just(1i64), Just(-1i64)],
    ) {
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        let (certificate, report) = made(public[..].into(), &policy);
        if certificate.base.is_empty() {
            return Ok(());
        }
        let number = which.index(certificate.base.len());
        let mut changed = certificate.clone();
        changed.base[number] += by;
        // A figure in no equation but its own may have another value; any other breaks a total.
        let other = verify(public[..].into(), &changed);
        prop_assert!(other.is_err() || other.as_ref().is_ok_and(|other| other.hidden == report.hidden));
        for table in 0..certificate.tables.len() {
            let mut changed = certificate.clone();
            let entry = which.index(changed.tables[table].len());
            changed.tables[table][entry].1 += by;
            if let Ok(other) = verify(public[..].into(), &changed) {
                prop_assert!(other.open <= report.hidden);
                prop_assert!(ranges(&public, &policy, CAP).is_none_or(|ranges| {
                    hopeless(&public, &policy, &ranges).len() <= other.unproven || tables.len() > 1
                }), "a changed table proves what is not so");
            }
        }
    }
}

fn example() -> (Vec<PublicTable>, Policy, Certificate) {
    let table =
        tabulate("t", vec![flat("s", &["a", "b", "c"]), flat("k", &["x", "y"])], vec![count("n")], |_, leaf| {
            [[4, 30], [25, 7], [40, 50]][(leaf[0].as_bytes()[0] - b'a') as usize][usize::from(leaf[1] == "y")]
        });
    let policy = Policy { zeros: Zeros::Print, ..Policy::default() };
    let hide = |cell: usize| match table.coordinates(cell)[..] {
        [1 | 2, 1 | 2] => Status::Complementary,
        _ => Status::Published,
    };
    let statuses = vec![vec![(0..table.cell_count()).map(hide).collect()]];
    let public = public_view(std::slice::from_ref(&table), &statuses);
    let certificate = certify(public[..].into(), &policy, "example", &mut silent).expect("made");
    (public, policy, certificate)
}

fn refused(public: &[PublicTable], certificate: &Certificate) -> CertificateError {
    verify(public.into(), certificate).expect_err("must be refused")
}

#[test]
fn a_true_certificate_passes() {
    let (public, _, certificate) = example();
    let report = verify(public[..].into(), &certificate).expect("fits");
    assert!(report.passed);
    assert_eq!((report.hidden, report.open, report.unproven, report.exposed), (4, 4, 0, 0));
}

#[test]
fn a_changed_base_is_refused() {
    let (public, _, mut certificate) = example();
    certificate.base[0] += 1;
    assert!(matches!(refused(&public, &certificate), CertificateError::DoesNotFit { table: 0, .. }));
}

#[test]
fn a_witness_off_by_one_is_refused() {
    let (public, _, certificate) = example();
    let mut changed = certificate.clone();
    changed.tables[0][0].1 += 1;
    assert!(matches!(refused(&public, &changed), CertificateError::DoesNotFit { table: 1, .. }));
    let mut changed = certificate;
    changed.moves.push((0, vec![(0, 1), (1, -1)]));
    assert!(matches!(refused(&public, &changed), CertificateError::DoesNotFit { .. }));
}

#[test]
fn a_missing_witness_leaves_figures_unproven() {
    let (public, _, mut certificate) = example();
    certificate.tables.clear();
    certificate.moves.clear();
    let report = verify(public[..].into(), &certificate).expect("fits");
    assert!(!report.passed);
    assert_eq!(report.unproven, 4);
}

#[test]
fn a_certificate_about_other_tables_is_refused() {
    let (mut public, _, certificate) = example();
    public[0].values[0][3] = Some(33);
    assert!(verify(public[..].into(), &certificate).is_err());
    let (mut public, _, certificate) = example();
    public[0].values[0][4] = Some(4);
    assert!(matches!(refused(&public, &certificate), CertificateError::OtherTables { named: 4, hidden: 3 }));
}

#[test]
fn a_negative_value_is_refused() {
    let (public, _, mut certificate) = example();
    certificate.moves.push((0, vec![(0, -90), (1, 90), (2, 90), (3, -90)]));
    assert!(matches!(refused(&public, &certificate), CertificateError::DoesNotFit { .. }));
}

#[test]
fn a_printed_small_count_is_exposed() {
    let table = from_rows("t", vec![flat("s", &["a", "b"])], &[(&["a"], 4), (&["b"], 30)]);
    let public = public_view(std::slice::from_ref(&table), &[vec![vec![Status::Published; 3]]]);
    let (_, report) = made(public[..].into(), &Policy::default());
    assert!(!report.passed);
    assert_eq!(report.exposed, 1);
}

#[test]
fn a_printed_group_of_nobody_is_exposed_where_the_rules_hide_it() {
    let table = tabulate("t", vec![flat("s", &["a", "b"])], vec![count("n"), count_where("k", 0)], |measure, leaf| {
        if measure == 0 { 40 } else { [0, 20][usize::from(leaf[0] == "b")] }
    });
    let public = public_view(std::slice::from_ref(&table), &[vec![vec![Status::Published; 3]; 2]]);
    for (homogeneous, exposed) in [(true, 1), (false, 0)] {
        let (_, report) = made(public[..].into(), &Policy { homogeneous, ..Policy::default() });
        assert_eq!((report.passed, report.exposed), (!homogeneous, exposed));
    }
}

#[test]
fn the_debug_form_of_a_certificate_shows_no_value() {
    let (_, _, certificate) = example();
    let text = format!("{certificate:?}");
    assert!(!certificate.base.iter().any(|value| *value > 11 && text.contains(&value.to_string())), "{text}");
}

#[test]
fn text_that_is_no_certificate_names_the_line() {
    let (_, _, certificate) = example();
    let text = certificate.to_text();
    for (spoiled, line) in [
        (text.replacen("\"minimum\"", "\"least\"", 1), 1),
        (text.replacen("\"base\"", "\"basis\"", 1), 2),
        (text.replacen("{\"table\":[", "{\"table\":[1,", 1), 3),
        (text.replacen("{\"table\":[", "{\"table\":[x,", 1), 3),
    ] {
        assert_eq!(Certificate::from_text(&spoiled).expect_err("spoiled").line, line);
    }
}
