//! `accord contract`: contracts drafted and tried without a workspace.

use crate::harness::Workspace;

#[test]
fn a_drafted_contract_admits_the_extract_that_it_was_drafted_from() {
    let workspace = Workspace::bare();
    let draft = workspace.run("contract infer fixtures/vendor/act.csv --id act").expect(0).stdout;
    workspace.write("drafted/act.yaml", draft);
    let tried = workspace.run("contract check fixtures/vendor/act.csv --contract drafted/act.yaml").expect(0);
    tried.says("5 rows in = 5 admitted + 0 rejected").says("a run would go on");
    let json = workspace.run("contract check fixtures/vendor/act.csv --contract drafted/act.yaml --output json").json();
    assert_eq!((&json["would_run"], &json["report"]["admitted"]), (&true.into(), &5.into()));
}

#[test]
fn a_contract_is_tried_in_a_page_that_quotes_no_value_and_keeps_nothing() {
    let workspace = Workspace::bare();
    let before = workspace.files("fixtures/college_going").len();
    let line = "contract check fixtures/college_going/laccd/enrollment_20251005.csv --contract laccd_enrollment";
    workspace.run(line).expect(0).golden("contract_check");
    assert_eq!(workspace.files("fixtures/college_going").len(), before);
    assert!(!workspace.path("var").exists(), "nothing is kept");
    let other = "contract check fixtures/college_going/lausd/graduates_20251001.txt --contract laccd_enrollment";
    workspace.run(other).expect(4);
    workspace
        .run("contract check fixtures/vendor/act.csv --contract laccd_enrolment")
        .expect(2)
        .says("laccd_enrollment");
}
