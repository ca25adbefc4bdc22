//! Releases of one population one after the other, against the reader who keeps them all.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::brute::ranges;
use super::build::*;
use super::exhaustive::*;
use crate::disclosure::*;

/// An earlier release of tables, as a pattern shows them.
fn earlier(tables: &[Table], statuses: &[Vec<Vec<Status>>]) -> Vec<PublicTable> {
    public_view(tables, statuses)
}

fn beside(earlier: &[PublicTable], tables: &[Table]) -> (Beside, Vec<Linked>) {
    let mut beside = Beside::default();
    let linked = earlier.iter().map(|table| link(table, "release 1", tables, &mut beside)).collect();
    (beside, linked)
}

fn protected_beside(tables: &[Table], policy: &Policy, beside: &Beside) -> Result<Protected, DisclosureError> {
    protect_beside(tables, policy, beside, &|| false, &mut silent)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever an earlier release of the same figures printed, both together give nobody away, or nothing is published.
    #[test]
    fn a_second_release_gives_nobody_away_beside_the_first(
        tables in releases(),
        policy in policies(),
        coins in prop::collection::vec(prop::bool::weighted(0.5), 40),
    ) {
        let first = earlier(&tables, &pattern(&tables, &policy, &coins));
        let (beside, _) = beside(&first, &tables);
        let Ok(second) = protected_beside(&tables, &policy, &beside) else { return Ok(()) };
        let mut public = public_view(&tables, &second.statuses);
        let own = public.len();
        // What is linked with nothing shows nothing: every figure in it is hidden, or it would be restated.
        public.extend(beside.others.iter().cloned());
        let Some(ranges) = ranges(&public, &policy, CAP) else { return Ok(()) };
        for target in targets(&tables, &policy).expect("targets") {
            prop_assert!(target.table < own && is_met(&policy, ranges[&place(&target)]), "{}", name(&tables, place(&target)));
        }
    }

    /// Where the first release was protected by itself, there is a second: at worst the same again.
    #[test]
    fn the_same_release_again_is_no_news(tables in releases(), policy in policies()) {
        let Ok(first) = protect(&tables, &policy, &mut silent) else { return Ok(()) };
        let (beside, linked) = beside(&public_view(&tables, &first.statuses), &tables);
        let apart = linked.iter().any(|linked| *linked != Linked::Restated);
        let again = protected_beside(&tables, &policy, &beside);
        prop_assert!(apart || again.is_ok());
    }
}

/// Schools by cohort; `n` by cohort, then school.
fn schools(cohorts: &[&str], counts: &[[i64; 4]]) -> Table {
    tabulate(
        "by_school",
        vec![flat("cohort", cohorts), flat("school", &["a", "b", "c", "d"])],
        vec![count("n")],
        |_, leaf| {
            let cohort = cohorts.iter().position(|cohort| *cohort == leaf[0]).unwrap();
            counts[cohort][(leaf[1].as_bytes()[0] - b'a') as usize]
        },
    )
}

fn hiding(table: &Table, hidden: &[(&str, &str)]) -> Vec<Vec<Vec<Status>>> {
    let status = |cell: usize| {
        let name = table.cell_name(0, None, cell).coordinates;
        let at = (name[0].1.as_str(), name[1].1.as_str());
        if hidden.contains(&at) { Status::Complementary } else { Status::Published }
    };
    vec![vec![(0..table.cell_count()).map(status).collect()]]
}

const COUNTS: [[i64; 4]; 3] = [[4, 40, 50, 60], [30, 41, 52, 63], [31, 44, 57, 60]];

#[test]
fn categories_that_stayed_the_same_are_linked_though_others_came() {
    let now = [schools(&["2025", "2026", "2027"], &COUNTS)];
    let policy = Policy::default();
    // In the earlier release the small cell leaned on the largest school.
    let before = [schools(&["2025", "2026"], &COUNTS[..2])];
    let hidden = [("2025", "a"), ("2025", "d"), ("Total", "a"), ("Total", "d")];
    let (beside, linked) = beside(&earlier(&before, &hiding(&before[0], &hidden)), &now);
    assert_eq!(linked, [Linked::Partly { dimension: "cohort".to_owned(), categories: 2 }]);
    // By itself the second release leans on the school that costs least, which the first one printed.
    let alone = protect(&now, &policy, &mut silent).unwrap();
    let public = public_view(&now, &alone.statuses);
    let published = Published { tables: &public, others: &beside.others, links: &beside.links };
    let targets = targets(&now, &policy).unwrap();
    let report = audit(published, &policy, Some(&targets), None, &mut silent).unwrap();
    let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|said| said.starts_with("n of by_school at cohort=2025, school=a can be subtracted")),
        "{said:?}"
    );
    assert!(report.findings.iter().all(|finding| finding.attacker == Attacker::Archivist), "{said:?}");
    // Beside it, it leans on what the first one hid.
    let both = protected_beside(&now, &policy, &beside).unwrap();
    let hidden_at = |statuses: &Protected, school: usize| !statuses.statuses[0][0][5 + school].is_published();
    assert!(hidden_at(&both, 4) && !hidden_at(&both, 2) && hidden_at(&alone, 2));
}

#[test]
fn a_release_that_would_unmask_an_old_one_is_refused() {
    // School a has no cohort of its own any more: what is left of the total without it was printed before.
    let before = [schools(&["2025"], &COUNTS[..1])];
    let hidden = [("2025", "a"), ("2025", "d"), ("Total", "a"), ("Total", "d")];
    let first = earlier(&before, &hiding(&before[0], &hidden));
    let mut now = schools(&["2025"], &COUNTS[..1]);
    now.dimensions[1].nodes.remove(1);
    now.dimensions[1].nodes.iter_mut().for_each(|node| node.parent = None);
    now.dimensions[1].nodes.remove(0);
    now.values[0] = vec![40, 50, 60, 40, 50, 60];
    let now = [now];
    assert!(protect(&now, &Policy::default(), &mut silent).is_ok(), "by itself it gives nobody away");
    let (beside, _) = beside(&first, &now);
    let Err(DisclosureError::AuditFailed(report)) = protected_beside(&now, &Policy::default(), &beside) else {
        panic!("the small school of the first release can be subtracted")
    };
    let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.contains("(release 1)") && said.contains("school=a")), "{said:?}");
    assert!(said.iter().all(|said| !said.contains(" 4")), "{said:?}");
}

#[test]
fn people_who_came_are_a_group() {
    let mut counts = COUNTS;
    counts[1][1] += 3;
    let now = [schools(&["2025", "2026"], &[COUNTS[1], counts[1]])];
    let before = [schools(&["2025", "2026"], &[COUNTS[1], COUNTS[1]])];
    let (beside, linked) = beside(&earlier(&before, &hiding(&before[0], &[])), &now);
    assert_eq!(linked, [Linked::Grown]);
    let Err(DisclosureError::AuditFailed(report)) = protected_beside(&now, &Policy::default(), &beside) else {
        panic!("the three who came can be subtracted")
    };
    let cells: BTreeSet<String> = report.findings.iter().map(|finding| finding.cell.to_string()).collect();
    assert!(cells.contains("n less release 1 of by_school at cohort=2026, school=b"), "{cells:?}");
}

#[test]
fn figures_that_differ_either_way_are_not_subtracted() {
    let now = [schools(&["2025"], &COUNTS[1..2])];
    let before = [schools(&["2025"], &[[31, 40, 52, 63]])];
    let (beside, linked) = beside(&earlier(&before, &hiding(&before[0], &[])), &now);
    assert_eq!(linked, [Linked::Partly { dimension: "school".to_owned(), categories: 2 }]);
    let mut other = before;
    other[0].universe = "others".to_owned();
    let mut none = Beside::default();
    let apart = link(&earlier(&other, &hiding(&other[0], &[]))[0], "release 1", &now, &mut none);
    assert_eq!((apart, none), (Linked::Apart, Beside::default()));
    assert!(protected_beside(&now, &Policy::default(), &beside).is_ok());
}

#[test]
fn a_small_figure_that_was_printed_before_is_refused() {
    let now = [schools(&["2025"], &COUNTS[..1])];
    let (beside, _) = beside(&earlier(&now, &hiding(&now[0], &[])), &now);
    let Err(DisclosureError::Unprotectable { cells }) = protected_beside(&now, &Policy::default(), &beside) else {
        panic!("everybody knows it")
    };
    assert!(cells.iter().any(|cell| cell.coordinates[1].1 == "a"), "{cells:?}");
}

/// What a reader computes who puts together what two releases print of a cohort in which nothing printed has changed.
fn union(before: &PublicTable, now: &PublicTable, row: &[usize]) -> Option<i64> {
    let known = |cell: usize| now.values[0][cell].or(before.values[0][cell]);
    let (total, parts) = row.split_first()?;
    let hidden: Vec<&usize> = parts.iter().filter(|cell| known(**cell).is_none()).collect();
    let printed: i64 = parts.iter().filter_map(|cell| known(*cell)).sum();
    (hidden.len() == 1).then_some(known(*total)? - printed)
}

/// School by cohort by race: in each cohort some school grew and another shrank, and nothing changed at (2025, a).
fn cube(now: bool) -> Table {
    tabulate(
        "by_race",
        vec![flat("cohort", &["2025", "2026"]), flat("school", &["a", "b"]), flat("race", &["x", "y", "z", "w"])],
        vec![count("n")],
        |_, leaf| {
            let step = i64::from(now);
            match (leaf[0], leaf[1], leaf[2]) {
                ("2025", "a", "x") => 4,
                ("2025", "a", "y") => 26,
                ("2025", "a", "z") => 30,
                ("2025", "a", _) => 34,
                ("2025", _, "x") => 41 - 2 * step,
                ("2025", _, _) => 50 + step,
                (_, "a", "y") => 33 - 3 * step,
                (_, "a", _) => 44 + step,
                (_, _, "z") => 61 - step,
                _ => 72 + 2 * step,
            }
        },
    )
}

#[test]
fn figures_that_went_up_and_down_elsewhere_do_not_unmask_a_group_that_stayed() {
    let (before, now) = ([cube(false)], [cube(true)]);
    let policy = Policy::default();
    let row: Vec<usize> = (0..now[0].cell_count())
        .filter(|&cell| {
            let at = now[0].cell_name(0, None, cell).coordinates;
            at[0].1 == "2025" && at[1].1 == "a"
        })
        .collect();
    let small = row[1];
    assert_eq!((now[0].values[0][small], row.len()), (4, 5));
    // The release as it would be by itself, and an earlier one that leaned on other races, safe by itself as well.
    let alone = protect(&now, &policy, &mut silent).expect("protected");
    let leaned: Vec<usize> =
        row[2..].iter().copied().filter(|&cell| !alone.statuses[0][0][cell].is_published()).collect();
    let costly = Policy {
        prefer_keeping: leaned
            .iter()
            .map(|&cell| Preference {
                dimension: "race".to_owned(),
                nodes: vec![now[0].cell_name(0, None, cell).coordinates[2].1.clone()],
                factor: 1000,
            })
            .collect(),
        ..policy.clone()
    };
    let first = protect(&before, &costly, &mut silent).expect("protected");
    let public = earlier(&before, &first.statuses);
    let fallen = union(&public[0], &public_view(&now, &alone.statuses)[0], &row);
    assert_eq!(fallen, Some(4), "the attack by subtraction must work where nobody looks");
    // Beside it.
    let (beside, linked) = beside(&public, &now);
    assert!(matches!(linked[0], Linked::Parts { .. }), "{linked:?}");
    let both = protected_beside(&now, &policy, &beside).expect("protected");
    assert_eq!(union(&public[0], &public_view(&now, &both.statuses)[0], &row), None);
    // Only what stayed the same is linked where releases contradict each other otherwise.
    let mut restated = Beside::default();
    link_restated(&public[0], "release 1", &now, &mut restated);
    let both = protected_beside(&now, &policy, &restated).expect("protected");
    assert_eq!(union(&public[0], &public_view(&now, &both.statuses)[0], &row), None);
}

#[test]
fn a_measure_that_stayed_the_same_is_linked_though_another_changed() {
    let make = |passed: i64| {
        tabulate(
            "t",
            vec![flat("school", &["a", "b", "c", "d"])],
            vec![count("n"), count_where("passed", 0)],
            |measure, leaf| {
                let at = usize::from(leaf[0].as_bytes()[0] - b'a');
                let change = if at % 2 == 0 { passed } else { -passed };
                if measure == 0 { COUNTS[0][at] } else { [0, 15, 20, 25][at] + if at == 0 { 0 } else { change } }
            },
        )
    };
    let (before, now) = ([make(0)], [make(1)]);
    let mut statuses = vec![vec![vec![Status::Published; 5]; 2]];
    for cell in [1, 4] {
        statuses[0][0][cell] = Status::Complementary;
    }
    let (beside, linked) = beside(&earlier(&before, &statuses), &now);
    assert!(matches!(linked[0], Linked::Partly { .. } | Linked::Parts { .. } | Linked::Grown), "{linked:?}");
    let whole = beside.others.iter().any(|table| {
        table.measures.len() == 1 && table.measures[0].name == "n" && table.dimensions[0].nodes.len() == 5
    });
    assert!(whole, "the counts of all schools are the same");
}
