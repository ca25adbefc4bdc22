//! Links by rules.

use super::*;

fn person(ssid: &'static str, first: &'static str, last: &'static str) -> Row {
    (Some(ssid), Some(first), Some(last), Some(13_000), "Alpha High", 2026)
}

/// Links rows under one key and gives the pairs as ssids with the rule, and the report.
fn linked(assignment: Assignment, left: &[Row], right: &[Row]) -> (Vec<(String, String, u16)>, LinkReport) {
    let keys = keys("a", 1, 1);
    let links = link(&spec(assignment), &people(&keys, left), &people(&keys, right), "college").expect("links");
    let name = |wanted: Pseudonym| {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let ids = left.iter().chain(right).filter_map(|row| row.0).map(digits);
        ids.into_iter().find(|id| ssid(&keys, id) == wanted).expect("one of the people")
    };
    let mut pairs: Vec<_> = links.pairs.iter().map(|&(left, right, rule)| (name(left), name(right), rule)).collect();
    pairs.sort();
    (pairs, links.report)
}

fn pair(left: &str, right: &str, rule: u16) -> (String, String, u16) {
    (left.into(), right.into(), rule)
}

fn ambiguous(report: &LinkReport) -> Vec<(u64, u64, u64)> {
    report.rules.iter().map(|rule| (rule.linked, rule.ambiguous_left, rule.ambiguous_right)).collect()
}

#[test]
fn rules_link_in_order_and_people_linked_are_done() {
    let left = [person("1", "Ann", "Lee"), person("2", "Bob", "Ray")];
    // 1 agrees by ssid; 9 has the name of 1, who is done by then; 8 has the name of 2.
    let right = [person("1", "Anne", "Lee"), person("9", "Ann", "Lee"), person("8", "BOB", "Ray Jr")];
    let (pairs, report) = linked(Assignment::OneToOne, &left, &right);
    assert_eq!(pairs, [pair("1", "1", 0), pair("2", "8", 1)]);
    assert_eq!((report.left_people, report.right_people, report.left_linked, report.right_linked), (2, 3, 2, 2));
    assert_eq!(ambiguous(&report), [(1, 0, 0), (1, 0, 0)]);
    // With one-to-many the left person may take the second record too.
    let (pairs, report) = linked(Assignment::OneToMany, &left, &right);
    assert_eq!(pairs, [pair("1", "1", 0), pair("1", "9", 1), pair("2", "8", 1)]);
    assert_eq!((report.left_linked, report.right_linked), (2, 3));
}

#[test]
fn ambiguous_people_are_not_linked() {
    let twins = [person("1", "Ann", "Lee"), person("2", "Ann", "Lee")];
    let one = [person("9", "Ann", "Lee")];
    for assignment in [Assignment::OneToOne, Assignment::OneToMany] {
        let (pairs, report) = linked(assignment, &twins, &one);
        assert_eq!(pairs, []);
        assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 2, 1)]);
    }
    let (pairs, report) = linked(Assignment::OneToOne, &one, &twins);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 1, 2)]);
    let (pairs, report) = linked(Assignment::OneToMany, &one, &twins);
    assert_eq!(pairs, [pair("9", "1", 1), pair("9", "2", 1)]);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (2, 0, 0)]);
}

#[test]
fn a_person_whose_rows_point_to_several_is_ambiguous() {
    let two_names = [person("1", "Ann", "Lee"), person("1", "Ann", "Lee-Ray")];
    let others = [person("8", "Ann", "Lee"), person("9", "Ann", "LeeRay")];
    let (pairs, report) = linked(Assignment::OneToOne, &two_names, &others);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report)[1], (0, 1, 2));
    let (pairs, _) = linked(Assignment::OneToMany, &two_names, &others);
    assert_eq!(pairs, [pair("1", "8", 1), pair("1", "9", 1)]);
    let (pairs, report) = linked(Assignment::OneToMany, &others, &two_names);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report)[1], (0, 2, 1));
}

#[test]
fn a_missing_value_links_nobody() {
    let no_date = |ssid| (Some(ssid), Some("Ann"), Some("Lee"), None, "Alpha High", 2026);
    let blank = |ssid| (Some(ssid), Some(" - "), Some("Lee"), Some(1), "Alpha High", 2026);
    let (pairs, report) = linked(Assignment::OneToOne, &[no_date("1"), blank("2")], &[no_date("8"), blank("9")]);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 0, 0)]);
}

#[test]
fn fields_normalised_in_two_ways_are_refused() {
    let keys = keys("a", 1, 1);
    let left = people(&keys, &ROWS);
    let mut right = people(&keys, &ROWS);
    right.rules[1].normalisers[0] = crate::workspace::Normaliser::Exact;
    let error = link(&spec(Assignment::OneToOne), &left, &right, "college").expect_err("an error, not an empty join");
    assert_eq!((error.kind(), error.code()), (Kind::Config, "identity.normalisers_differ"));
    assert_eq!(link(&spec(Assignment::OneToOne), &left, &left, "other").expect_err("no rule").code(), "identity.seam");
}

#[test]
fn links_become_the_columns_that_sql_reads() {
    let keys = keys("a", 1, 1);
    let left = people(&keys, &[person("1", "Ann", "Lee"), person("2", "Bob", "Ray")]);
    let right = people(&keys, &[person("1", "X", "Y"), person("8", "Bob", "Ray")]);
    let batch =
        link(&spec(Assignment::OneToOne), &left, &right, "college").expect("links").to_batch().expect("a batch");
    let schema = batch.schema();
    let types: Vec<_> =
        schema.fields().iter().map(|field| (field.name().as_str(), field.data_type().clone())).collect();
    let binary = DataType::FixedSizeBinary(16);
    let text = DataType::Utf8;
    let two = [("left_person", binary.clone()), ("right_person", binary)];
    assert_eq!(types[..2], two);
    assert_eq!(types[2..], [("rule", text), ("probability", DataType::Float64)]);
    let rules: Vec<_> = batch.column(2).as_string::<i32>().iter().flatten().collect();
    let mut sorted = rules.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["name_and_birth_date", "ssid"]);
    let first = batch.column(0).as_fixed_size_binary();
    let place = (0..2).find(|&row| first.value(row) == ssid(&keys, "2").as_bytes()).expect("person 2");
    assert_eq!(batch.column(1).as_fixed_size_binary().value(place), ssid(&keys, "8").as_bytes());
    let none = link(&spec(Assignment::OneToOne), &people(&keys, &[]), &right, "college").expect("no links");
    assert_eq!(none.to_batch().expect("an empty batch").num_rows(), 0);
}

fn any_row() -> impl Strategy<Value = Row> {
    let id = prop::sample::select(vec![None, Some("1"), Some("2"), Some("3"), Some("4"), Some("5"), Some("6")]);
    let first = prop::sample::select(vec![None, Some("Ann"), Some("ANN"), Some("Bo"), Some("Cy")]);
    let last = prop::sample::select(vec![Some("Lee"), Some("Ray")]);
    (id, first, last, 0..2_i32).prop_map(|(id, first, last, day)| (id, first, last, Some(day), "Alpha High", 2026))
}

fn any_rows() -> impl Strategy<Value = (Vec<Row>, Vec<Row>)> {
    prop::collection::vec(any_row(), 0..24).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
}

proptest! {
    #[test]
    fn link_is_independent_of_row_order((left, left_again) in any_rows(), (right, right_again) in any_rows(), size in 1..9_usize) {
        let keys = keys("a", 1, 1);
        let of = |rows: &[Row], size| pseudonymized(&keys, rows, size).1;
        for assignment in [Assignment::OneToOne, Assignment::OneToMany] {
            let spec = spec(assignment);
            let once = link(&spec, &of(&left, 1000), &of(&right, 1000), "college").expect("links");
            let again = link(&spec, &of(&left_again, size), &of(&right_again, size), "college").expect("links");
            prop_assert!(once.pairs == again.pairs && once.report == again.report);
        }
    }

    #[test]
    fn assignment_holds((left, _) in any_rows(), (right, _) in any_rows()) {
        let keys = keys("a", 1, 1);
        let (left, right) = (people(&keys, &left), people(&keys, &right));
        for assignment in [Assignment::OneToOne, Assignment::OneToMany] {
            let links = link(&spec(assignment), &left, &right, "college").expect("links");
            let count = |people: Vec<Pseudonym>| {
                let all = people.len();
                (all, people.into_iter().collect::<std::collections::BTreeSet<_>>().len())
            };
            let (pairs, lefts) = count(links.pairs.iter().map(|pair| pair.0).collect());
            let (_, rights) = count(links.pairs.iter().map(|pair| pair.1).collect());
            prop_assert_eq!(rights, pairs, "each person on the right has one link at most");
            prop_assert!(assignment == Assignment::OneToMany || lefts == pairs);
            prop_assert_eq!(links.report.left_linked, lefts as u64);
            prop_assert_eq!(links.report.right_linked, rights as u64);
        }
    }
}

#[test]
fn rules_link_many_to_one() {
    let twins = [person("1", "Ann", "Lee"), person("2", "Ann", "Lee")];
    let one = [person("9", "Ann", "Lee")];
    let (pairs, report) = linked(Assignment::ManyToOne, &twins, &one);
    assert_eq!(pairs, [pair("1", "9", 1), pair("2", "9", 1)]);
    assert_eq!((report.left_people, report.right_people, report.left_linked, report.right_linked), (2, 1, 2, 1));
    let (pairs, report) = linked(Assignment::ManyToOne, &one, &twins);
    assert_eq!(pairs, []);
    assert_eq!(ambiguous(&report), [(0, 0, 0), (0, 1, 2)]);
}
