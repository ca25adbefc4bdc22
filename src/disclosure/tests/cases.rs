//! Known tables on which other tools failed, and the rules one by one.

use super::build::*;
use crate::disclosure::*;

fn policies() -> Vec<Policy> {
    let levels = [Level::Exact, Level::Interval(3), Level::Full];
    let zeros = [Zeros::Print, Zeros::Hide];
    levels.into_iter().flat_map(|level| zeros.map(|zeros| Policy { level, zeros, ..Policy::default() })).collect()
}

fn hidden(protected: &Protected, table: usize, measure: usize, cell: usize) -> bool {
    !protected.statuses[table][measure][cell].is_published()
}

fn rows(text: &str) -> Vec<(Vec<&str>, i64)> {
    let row = |line| -> (Vec<&str>, i64) {
        let mut fields: Vec<&str> = str::split(line, ',').collect();
        let count = fields.pop().and_then(|field| field.parse().ok()).expect("count");
        (fields, count)
    };
    text.split_whitespace().map(row).collect()
}

fn table(name: &str, dimensions: Vec<Dimension>, text: &str) -> Table {
    let rows = rows(text);
    let rows: Vec<(&[&str], i64)> = rows.iter().map(|(row, count)| (&row[..], *count)).collect();
    from_rows(name, dimensions, &rows)
}

const THREE_SINGLETONS: &str = "1,A,1 1,B,1 1,H,7 1,M,1 1,W,0 2,A,1 2,B,0 2,H,0 2,M,2 2,W,8";
const SINGLETONS: &str = "1,A,1 1,B,1 1,C,1 1,D,5 1,E,5 2,A,9 2,B,9 2,C,9 2,D,9 2,E,9 3,A,0 3,B,0 3,C,0 3,D,7 3,E,7";

#[test]
fn three_singletons_in_a_row_stay_hidden() {
    for policy in policies() {
        for minimum_cell in [2, 3, 11] {
            let policy = Policy { minimum_cell, ..policy.clone() };
            let dimensions = || vec![flat("var1", &["1", "2"]), flat("var2", &["A", "B", "H", "M", "W"])];
            assert!(protected(&[table("t", dimensions(), THREE_SINGLETONS)], &policy).audit.passed);
            let dimensions = vec![flat("var1", &["1", "2", "3"]), flat("var2", &["A", "B", "C", "D", "E"])];
            assert!(protected(&[table("t", dimensions, SINGLETONS)], &policy).audit.passed);
        }
    }
}

#[test]
fn linked_tables_are_protected_as_one() {
    let cases = [
        "A,county-1,BIG,11 B,county-4,BIG,7 I,county-1,small,3 J,county-10,small,9 K,county-10,small,4",
        "A,county-1,small,2 B,county-1,small,2 I,county-1,small,8 J,county-1,small,8 K,county-2,small,3 \
         L,county-2,BIG,3 M,county-2,BIG,3 N,county-2,small,7",
    ];
    for case in cases {
        let rows = rows(case);
        let within = |column: usize| {
            let mut nodes = vec![("Total", "")];
            let mut groups: Vec<&str> = rows.iter().map(|(row, _)| row[column]).collect();
            groups.sort_unstable();
            groups.dedup();
            nodes.extend(groups.iter().map(|&group| (group, "Total")));
            nodes.extend(rows.iter().map(|(row, _)| (row[0], row[column])));
            dimension("region", &nodes)
        };
        let leaf = |_: usize, l: &[&str]| rows.iter().filter(|(row, _)| row[0] == l[0]).map(|(_, n)| n).sum();
        let tables = [
            tabulate("by county", vec![within(1)], vec![count("n")], leaf),
            tabulate("by group", vec![within(2)], vec![count("n")], leaf),
        ];
        for policy in policies() {
            let protected = protected(&tables, &Policy { minimum_cell: 5, ..policy });
            assert!(protected.audit.passed);
            // The same region has the same mark in both tables.
            let node = |table: usize, id: &str| {
                tables[table].dimensions[0].nodes.iter().position(|node| node.id == id).expect("region")
            };
            for (row, _) in &rows {
                assert_eq!(
                    hidden(&protected, 0, 0, node(0, row[0])),
                    hidden(&protected, 1, 0, node(1, row[0])),
                    "{row:?}"
                );
            }
        }
    }
}

#[test]
fn zeros_and_ones_do_not_give_each_other_away() {
    for policy in policies() {
        for text in ["s1,0 s2,0 s3,0", "s1,10 s2,5 s3,0 s4,0", "s1,10 s2,3 s3,1 s4,1", "s1,1 s2,1", "s1,40 s2,1"] {
            let categories: Vec<&str> = text.split_whitespace().filter_map(|cell| cell.split(',').next()).collect();
            for minimum_cell in [2, 11] {
                let policy = Policy { minimum_cell, ..policy.clone() };
                assert!(protected(&[table("t", vec![flat("s", &categories)], text)], &policy).audit.passed);
            }
        }
    }
}

#[test]
fn a_total_does_not_show_a_small_sum() {
    // 5 and 3 hidden under a total of 23 with 15 published would show a group of 8.
    for policy in policies() {
        let protected = protected(&[table("t", vec![flat("V1", &["A", "B", "C"])], "A,15 B,5 C,3")], &policy);
        assert!(hidden(&protected, 0, 0, 0) || hidden(&protected, 0, 0, 1), "{policy:?}");
    }
}

fn rates(counts: &[(i64, i64)]) -> Table {
    let names: Vec<String> = (0..counts.len()).map(|index| format!("s{index}")).collect();
    let categories: Vec<&str> = names.iter().map(String::as_str).collect();
    tabulate("t", vec![flat("school", &categories)], vec![count("graduates"), count_where("enrolled", 0)], |m, leaf| {
        let at = names.iter().position(|name| name == leaf[0]).expect("school");
        if m == 0 { counts[at].0 } else { counts[at].1 }
    })
}

#[test]
fn groups_of_nobody_and_everybody_are_protected() {
    let table = rates(&[(40, 0), (50, 50), (60, 30), (70, 40)]);
    for policy in policies() {
        let protected = protected(std::slice::from_ref(&table), &policy);
        assert_eq!(protected.statuses[0][1][1], Status::Primary(Reason::Homogeneous));
        assert_eq!(protected.statuses[0][1][2], Status::Primary(Reason::Homogeneous));
        let open = Policy { homogeneous: false, ..policy };
        let statuses = protect(std::slice::from_ref(&table), &open, &mut silent).expect("protected").statuses;
        assert!(statuses[0][1][2].is_published(), "100 % may be printed where the policy says so");
    }
}

#[test]
fn a_small_complement_hides_its_numerator() {
    let table = rates(&[(40, 35), (50, 20), (60, 30)]);
    for policy in policies() {
        let protected = protected(std::slice::from_ref(&table), &policy);
        assert_eq!(protected.statuses[0][1][1], Status::Primary(Reason::Complement));
    }
}

#[test]
fn a_small_numerator_is_hidden() {
    let table = rates(&[(40, 5), (50, 20), (60, 30)]);
    for policy in policies() {
        let protected = protected(std::slice::from_ref(&table), &policy);
        assert_eq!(protected.statuses[0][1][1], Status::Primary(Reason::Numerator));
    }
}

#[test]
fn an_empty_group_needs_no_protection() {
    let table = rates(&[(0, 0), (50, 20), (60, 30)]);
    let printed = protected(std::slice::from_ref(&table), &Policy { zeros: Zeros::Print, ..Policy::default() });
    assert!(printed.statuses[0].iter().flatten().all(|status| status.is_published()));
    let hidden = protected(std::slice::from_ref(&table), &Policy::default());
    assert_eq!(hidden.statuses[0][0][1], Status::Primary(Reason::Zero));
    assert_eq!(hidden.summary.complementary, 0);
}

#[test]
fn too_few_contributors_hide_a_large_count() {
    let mut table = table("t", vec![flat("s", &["a", "b", "c"])], "a,30 b,40 c,50");
    table.contributors = Some(vec![90, 4, 40, 50]);
    for policy in policies() {
        let protected = protected(std::slice::from_ref(&table), &policy);
        assert_eq!(protected.statuses[0][0][1], Status::Primary(Reason::Contributors));
        assert_eq!(protected.summary.complementary, 1);
    }
}

#[test]
fn a_total_of_ones_is_hidden_with_its_margins() {
    let protected = protected(&[table("t", vec![flat("s", &["a", "b", "c"])], "a,1 b,1 c,1")], &Policy::default());
    assert!(protected.statuses[0][0].iter().all(|status| !status.is_published()));
}

#[test]
fn nothing_small_hides_nothing() {
    let protected = protected(&[table("t", vec![flat("s", &["a", "b"])], "a,30 b,40")], &Policy::default());
    assert!(protected.statuses[0][0].iter().all(|status| status.is_published()));
    assert_eq!(protected.audit.narrowest, Narrowest::Nothing);
}

#[test]
fn the_audit_names_the_subtraction() {
    let table = table("t", vec![flat("s", &["a", "b", "c"])], "a,30 b,40 c,4");
    let policy = Policy::default();
    let statuses = vec![vec![vec![Status::Published, Status::Published, Status::Published, Status::Complementary]]];
    let public = public_view(std::slice::from_ref(&table), &statuses);
    let report = audit(public[..].into(), &policy, None, None, &mut silent).expect("audit");
    assert!(!report.passed);
    assert_eq!(
        report.findings[0].to_string(),
        "n of t at s=c can be subtracted in 1 step(s), the last from the total n of t at s=Total"
    );
}

#[test]
fn a_wrong_witness_is_not_believed() {
    // Two hidden cells of 4 and 40 under a published total: a witness that moves the published cell proves nothing.
    let table = table("t", vec![flat("s", &["a", "b", "c"])], "a,30 b,1 c,4");
    let hide = [Status::Published, Status::Published, Status::Complementary, Status::Complementary];
    let public = public_view(std::slice::from_ref(&table), &[vec![hide.to_vec()]]);
    let mut wrong = table.clone();
    wrong.values[0] = vec![35, 0, 15, 20];
    let policy = Policy::default();
    let targets = targets(std::slice::from_ref(&table), &policy).expect("targets");
    let change = |cell, by| Change { table: 0, measure: 0, cell, by };
    let changes =
        [vec![change(2, 20), change(3, 20), change(0, 40)], vec![change(2, 30), change(3, -30)], vec![change(2, 30)]];
    for tables in [&[wrong], std::slice::from_ref(&table)] {
        let evidence = Evidence { tables, changes: &changes };
        let report = audit(public[..].into(), &policy, Some(&targets), Some(evidence), &mut silent).expect("audit");
        assert_eq!(report.protected, 0);
        assert_eq!(report.findings.len(), 3, "both cells and their sum");
    }
}

#[test]
fn a_narrow_interval_across_the_minimum_is_found() {
    // a + b = 12 and b + c = 4 with every hidden cell at least 1: a is 9, 10 or 11.
    let first = table("first", vec![flat("s", &["a", "b"])], "a,10 b,2");
    let second = vec![dimension("s", &[("R", ""), ("Q", ""), ("b", "R"), ("c", "R")])];
    let second = table("second", second, "b,2 c,2 Q,20");
    let (shown, hidden) = (Status::Published, Status::Complementary);
    let statuses = [vec![vec![shown, hidden, hidden]], vec![vec![shown, shown, hidden, hidden]]];
    let tables = [first, second];
    let public = public_view(&tables, &statuses);
    let policy = Policy { zeros: Zeros::Print, ..Policy::default() };
    let targets = targets(&tables, &policy).expect("targets");
    let report = audit(public[..].into(), &policy, Some(&targets), None, &mut silent).expect("audit");
    let a = tables[0].cell_name(0, None, 1);
    assert!(
        report.findings.contains(&Finding { cell: a, kind: FindingKind::TooNarrow, attacker: Attacker::Reader }),
        "{:?}",
        report.findings
    );
}
