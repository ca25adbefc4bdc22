//! Tables that cannot be, and messages that keep quiet.

use super::build::*;
use crate::disclosure::*;

fn table(counts: [i64; 3]) -> Table {
    tabulate("t", vec![flat("s", &["a", "b", "c"])], vec![count("n")], |_, leaf| {
        counts[(leaf[0].as_bytes()[0] - b'a') as usize]
    })
}

fn error(tables: &[Table], policy: &Policy) -> DisclosureError {
    protect(tables, policy, &mut silent).expect_err("must fail")
}

#[test]
fn a_total_that_does_not_add_up_is_named() {
    let mut table = table([1234, 40, 50]);
    table.values[0][0] += 7;
    let error = error(&[table], &Policy::default());
    assert_eq!(error.to_string(), "n of t at s=Total is not the sum of its parts (along s)");
    assert_eq!(error.code(), "disclosure.not_additive");
}

#[test]
fn one_cell_with_two_values_is_named_in_both_tables() {
    let (first, mut second) = (table([30, 40, 7]), table([30, 47, 0]));
    second.name = "u".to_owned();
    let error = error(&[first, second], &Policy::default());
    assert_eq!(error.to_string(), "two tables give different figures for one cell: n of t at s=b and n of u at s=b");
}

#[test]
fn tables_of_different_universes_do_not_meet() {
    let (first, mut second) = (table([30, 40, 50]), table([30, 47, 50]));
    second.name = "u".to_owned();
    second.universe = "others".to_owned();
    assert!(protect(&[first, second], &Policy::default(), &mut silent).is_ok());
}

#[test]
fn a_numerator_above_its_denominator_is_refused() {
    let mut table = tabulate("t", vec![flat("s", &["a"])], vec![count("n"), count_where("k", 0)], |_, _| 40);
    table.values[1] = vec![41, 41];
    let error = error(&[table], &Policy::default());
    assert_eq!(error.to_string(), "n less k of t at s=Total is negative: the part is larger than the whole");
}

#[test]
fn malformed_tables_are_refused() {
    let spoil: [fn(&mut Table); 7] = [
        |t| t.values[0].truncate(2),
        |t| t.values[0][1] = -1,
        |t| t.dimensions[0].nodes[1].id = "b".to_owned(),
        |t| t.dimensions[0].nodes[0].parent = Some(1),
        |t| t.measures[0].kind = MeasureKind::CountWhere { of: 0 },
        |t| t.measures[0].kind = MeasureKind::Part { of: 3 },
        |t| t.contributors = Some(vec![1]),
    ];
    for spoil in spoil {
        let mut table = table([30, 40, 50]);
        spoil(&mut table);
        assert!(matches!(error(&[table], &Policy::default()), DisclosureError::InvalidTable { .. }));
    }
    let twins = [table([30, 40, 50]), table([30, 40, 50])];
    assert!(matches!(error(&twins, &Policy::default()), DisclosureError::InvalidTable { .. }));
}

#[test]
fn useless_policies_are_refused() {
    for policy in
        [Policy { minimum_cell: 1, ..Policy::default() }, Policy { level: Level::Interval(0), ..Policy::default() }]
    {
        assert!(matches!(error(&[table([30, 40, 50])], &policy), DisclosureError::InvalidPolicy { .. }));
    }
}

#[test]
fn published_figures_that_contradict_each_other_are_refused() {
    let table = table([30, 40, 50]);
    let published = vec![vec![vec![Status::Published; 4]]];
    let mut public = public_view(&[table], &published);
    public[0].values[0][0] = Some(121);
    let error = audit(public[..].into(), &Policy::default(), None, None, &mut silent).expect_err("must fail");
    assert!(matches!(error, DisclosureError::Contradiction { .. }));
    public[0].values[0] = vec![Some(60), Some(30), Some(40), None];
    assert!(audit(public[..].into(), &Policy::default(), None, None, &mut silent).is_err(), "a part above its whole");
}

#[test]
fn no_debug_output_shows_a_count() {
    let table = table([7, 40, 50]);
    let public = public_view(std::slice::from_ref(&table), &[vec![vec![Status::Published; 4]]]);
    for text in [format!("{table:?}"), format!("{public:?}")] {
        assert!(!text.contains('7') && !text.contains("97"), "{text}");
    }
}
