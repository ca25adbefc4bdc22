//! Marks that say something of what they hide, against the reader who tries everything and takes them at their word.

use proptest::prelude::*;

use super::brute::told_ranges;
use super::build::*;
use super::exhaustive::*;
use crate::disclosure::*;

/// Marks of hidden cells that tell the truth: some bounds from above and from below, and of measures that are counted
/// among others a share.
fn marks(tables: &[Table], public: &[PublicTable], coins: &[u8]) -> Vec<Told> {
    let mut coin = coins.iter().cycle();
    let mut told = Vec::new();
    for (table, (whole, shown)) in tables.iter().zip(public).enumerate() {
        for (measure, values) in whole.values.iter().enumerate() {
            for (cell, &value) in values.iter().enumerate().filter(|&(cell, _)| shown.values[measure][cell].is_none()) {
                let mut tell = |terms: &[(usize, i64)], most| {
                    told.push(Told { table, cell, terms: terms.to_vec(), most });
                };
                match *coin.next().expect("cycle") {
                    0..=2 if value < 3 => tell(&[(measure, 1)], 2),
                    3..=4 if value < 6 => tell(&[(measure, 1)], 5),
                    5 if value > 1 => tell(&[(measure, -1)], -2),
                    6 => {
                        // At least half of those among whom they are counted, or less than that.
                        let Some(of) = whole.measures[measure].kind.of() else { continue };
                        let (part, all) = (value, whole.values[of][cell]);
                        match 2 * part >= all {
                            true => tell(&[(of, 1), (measure, -2)], 0),
                            false => tell(&[(measure, 2), (of, -1)], -1),
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever takes marks at their word finds what the audit finds, and nothing else.
    #[test]
    fn the_audit_takes_marks_at_their_word_as_a_reader_does(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.4), 40),
        words in prop::collection::vec(0..8u8, 40),
    ) {
        let policy = Policy { homogeneous: false, ..policy };
        let public = public_view(&tables, &pattern(&tables, &policy, &coins));
        let told = marks(&tables, &public, &words);
        let Some(ranges) = told_ranges(&public, &told, &policy, CAP) else { return Ok(()) };
        let expected = known_to_be_small(&tables, &policy, &ranges);
        let report = audit_told(public[..].into(), &told, &policy, &mut silent).expect("audit");
        prop_assert_eq!(fallen(&report), expected);
    }
}

#[test]
fn a_band_gives_the_numerator_of_a_group_whose_size_is_printed() {
    let table = tabulate("t", vec![flat("s", &["a", "b"])], vec![count("n"), count_where("k", 0)], |measure, leaf| {
        if leaf[0] == "a" { [10, 1][measure] } else { [40, 20][measure] }
    });
    let policy = Policy { minimum_cell: 3, level: Level::Exact, ..Policy::default() };
    let look = |printed: &[(usize, i64)], (low, high): (u8, u8)| {
        let statuses = vec![vec![vec![Status::Published; 3], vec![Status::Complementary; 3]]];
        let mut public = public_view(std::slice::from_ref(&table), &statuses);
        printed.iter().for_each(|&(cell, value)| public[0].values[1][cell] = Some(value));
        public[0].rates.push(PublicRate {
            name: "rate".to_owned(),
            numerator: 1,
            denominator: 0,
            scale: 100,
            values: vec![None; 3],
            bands: vec![None, Some(PublicBand { low, high, sizes: (10, 10), apart: false }), None],
        });
        audit(public[..].into(), &policy, None, None, &mut silent)
    };
    // From 10 to 14 % of ten people is one of them; from 10 to 40 % one to four.
    let of_a = |report: &AuditReport| report.findings.iter().filter(|finding| finding.cell.measure == "k").count();
    assert_eq!(of_a(&look(&[], (10, 14)).expect("audit")), 1);
    assert_eq!(of_a(&look(&[], (10, 40)).expect("audit")), 0);
    let lie = look(&[(1, 5)], (10, 40));
    assert!(matches!(lie, Err(DisclosureError::Contradiction { .. })), "five of ten are no 40 %");
}

#[test]
fn a_mark_gives_a_value_that_its_total_alone_does_not() {
    let table = from_rows("t", vec![flat("school", &["a", "b"])], &[(&["a"], 2), (&["b"], 4)]);
    let hidden = vec![vec![vec![Status::Published, Status::Complementary, Status::Complementary]]];
    let public = public_view(std::slice::from_ref(&table), &hidden);
    let policy = Policy { minimum_cell: 6, level: Level::Exact, sums: false, ..Policy::default() };
    let bound = |cell, most| Told { table: 0, cell, terms: vec![(0, 1)], most };
    let look = |told: &[Told]| audit_told(public[..].into(), told, &policy, &mut silent);
    assert!(look(&[]).expect("audit").passed);
    // Less than 3 and less than 5 that come to 6: 2 and 4.
    assert_eq!(look(&[bound(1, 2), bound(2, 4)]).expect("audit").findings.len(), 2);
    let lie = look(&[bound(1, 1), bound(2, 4)]);
    assert!(matches!(lie, Err(DisclosureError::Contradiction { .. })), "a mark that lies is a contradiction");
    assert!(
        matches!(look(&[bound(0, 5)]), Err(DisclosureError::Contradiction { .. })),
        "so is one of a printed figure"
    );
    assert!(matches!(look(&[bound(3, 5)]), Err(DisclosureError::InvalidTable { .. })), "there is no such cell");
}
