//! Drafts of files as people have them, each test named after what it guarantees.

use super::draft;
use super::tests::Files;

fn drafted(text: &str) -> (Files, String) {
    let files = Files::new(&[("t.csv", text)]);
    let spec = draft(&[files.path("t.csv")]).unwrap();
    (files, spec)
}

fn says(spec: &str, all: &[&str]) {
    for said in all {
        assert!(spec.contains(said), "{said} is not in\n{spec}");
    }
}

/// A table of Excel: a title, merged cells above the columns, totals in rows and columns, a note.
const EXCEL: &str = "Enrolment by school,,,,,\n,,,,,\n,,Students,,,Graduates,\n\
    County,School,Black,White,Total,Black,White\nEast,Lake,3,40,43,2,30\nEast,Hill,14,30,44,12,25\n\
    East,Total,17,70,87,14,55\nWest,Bay,1,60,61,1,44\nWest,Cove,25,31,56,20,18\nWest,Total,26,91,117,21,62\n\
    State,Total,43,161,204,35,117\nSource: the state\n";

#[test]
fn a_table_of_excel_with_two_lines_of_header_is_drafted_and_protected_as_it_is() {
    let text = EXCEL.replace(
        "Enrolment by school,,,,,\n,,,,,\n,,Students,,,Graduates,",
        "Enrolment by school\n\n,,Students,,,Graduates,",
    );
    let (files, spec) = drafted(&text);
    says(
        &spec,
        &[
            "skip_rows: 2, header_rows: 2, footer_rows: 1",
            "within: [County], total: State, subtotal: Total",
            "category: { total: Total }",
            "students: { across: category",
            "Black: Students / Black",
            "graduates: { of: students, across: category",
        ],
    );
    let out = files.protected(&spec);
    assert!(out.starts_with("Enrolment by school\n\n,,Students,,,Graduates,\nCounty,"), "{out}");
    assert!(out.ends_with("Source: the state\n"), "{out}");
    let figures = out.lines().skip(4).flat_map(|line| line.split(',').skip(2));
    assert!(figures.clone().filter(|word| *word == "*").count() > 8);
    assert!(figures.filter_map(|word| word.parse::<u64>().ok()).all(|count| count == 0 || count >= 11), "{out}");
    std::fs::write(files.path("t.csv"), &out).unwrap();
    assert!(files.audit(&spec).passed());
}

#[test]
fn a_small_count_of_a_file_is_never_taken_for_a_name() {
    // No line of it has a name of its own for each column.
    let text = EXCEL.split_once("\n,,Students").unwrap().1.split_once('\n').unwrap().1;
    let text = text.split_once("Source").unwrap().0;
    let files = Files::new(&[("t.csv", text)]);
    let refused = draft(&[files.path("t.csv")]).err().map(|error| format!("{error} {error:?}"));
    let said = refused.expect("a header that names two columns alike");
    assert!(said.contains("two columns `Black`") && !said.contains("Lake"), "{said}");
}

#[test]
fn columns_that_add_up_to_a_total_stand_across_a_dimension_and_parts_of_a_cohort_do_not() {
    let (files, spec) =
        drafted("School,Black,White,Asian,Total\nA,3,40,22,65\nB,14,30,0,44\nAll schools,17,70,22,109\n");
    says(&spec, &["category: { total: Total }", "n: { across: category", "Asian: Asian", "total: All schools"]);
    assert!(!files.protected(&spec).contains(",3,"));
    let (_, spec) = drafted("School,Cohort Count,Graduated Count,Other Count\nA,65,40,25\nB,44,30,14\nC,70,60,10\n");
    assert!(!spec.contains("across") && spec.contains("of: cohort_count"), "{spec}");
}

#[test]
fn the_smallest_count_that_may_be_shown_is_the_files_own() {
    let (_, spec) = drafted("school,n\nA,<10\nB,30\nC,11\n");
    says(&spec, &["minimum_cell: 10", "suppressed: [\"*\", \"<10\"]"]);
    let (_, spec) = drafted("school,n\nA,*\nB,30\nC,6\n");
    says(&spec, &["minimum_cell: 6"]);
    let (_, spec) = drafted("school,n\nA,5\nB,30\nC,6\n");
    says(&spec, &["minimum_cell: 11"]);
}

#[test]
fn whole_numbers_are_categories_where_nothing_else_tells_the_rows_apart() {
    let (_, spec) = drafted("band,sex,n\n1,F,40\n2,F,31\n3,F,20\n1,M,50\n2,M,17\n3,M,25\n");
    let (dimensions, measures) = spec.split_once("    measures:").unwrap();
    assert!(
        dimensions.contains("      band:") && measures.contains("      n:") && !measures.contains("band"),
        "{spec}"
    );
}

#[test]
fn amounts_are_drafted_with_who_is_behind_them() {
    let (files, spec) = drafted(
        "sector,wages,employers,first,second\nA,900.50,1,900.50,\nB,1000.00,9,200.00,150.00\nC,5000.00,3,4900.00,60.00\n\
         D,8000.00,20,900.00,800.00\nAll,14900.50,33,4900.00,900.50\n",
    );
    says(
        &spec,
        &[
            "magnitudes: [organisations: 3, dominance: { n: 1, k: 80 }, percent: 10]",
            "wages: { magnitude: { decimals: 2, organisations: employers, largest: [first, second] } }",
        ],
    );
    let out = files.protected(&spec);
    assert!(out.contains("\nA,*,*,*,*\n") && out.contains("\nD,8000.00,*,*,*\n"), "{out}");
}
