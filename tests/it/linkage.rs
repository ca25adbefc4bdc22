//! Linkage by probability in a pipeline: as configured, as shown, and what it leaves behind.

use crate::harness::Workspace;

const PIPELINE: &str = "pipelines/college_going/pipeline.yaml";

const PROBABILISTIC: &str = "      probabilistic:
        compare: { first_name: given_name, last_name: family_name, birth_date: date }
        swapped: [first_name, last_name]
        blocking:
          - [first_name, last_name]
          - [birth_date]
          - [last_name, birth_date.year]
          - [first_name.nickname, birth_date.year]
        thresholds: { link: 0.9, review: 0.1 }
        report_by: ethnicity
";

/// A workspace whose link `college` also links by probability.
pub(crate) fn with_probability(more: &str) -> Workspace {
    let workspace = Workspace::light();
    let text = workspace.read(PIPELINE);
    let at = text.find("    university:").expect("the second link");
    workspace.write(PIPELINE, format!("{}{PROBABILISTIC}{more}{}", &text[..at], &text[at..]));
    workspace
}

#[test]
fn the_plan_shows_what_is_compared_and_the_run_links_and_keeps_work_and_model() {
    let workspace = with_probability("");
    let plan = workspace.run("plan college_going").expect(0).stdout;
    assert!(plan.contains("by probability on keyed encodings of: first_name, last_name, birth_date"), "{plan}");
    assert!(plan.contains("linked from 0.9 on, for review from 0.1 on"), "{plan}");
    let said = workspace.run("run college_going").expect(0).stdout;
    assert!(said.contains("link college: about") && said.contains("of the matches are linked"), "{said}");
    let model = workspace.files("var/state/linkage/college_going/college");
    let named = |end: &str| model.iter().filter(|path| path.0.ends_with(end)).count();
    assert_eq!((named("model.json"), named("review.csv.age")), (1, 1), "left");
    let list = workspace.run("review college_going college").expect(0).stdout;
    assert!(list.starts_with("left,right,decision,key,probability"), "{list}");
    // The same again, to the byte: nothing is laid down anew.
    let again = workspace.run("run college_going").expect(0).stdout;
    assert!(again.contains("unchanged") || again.contains("nothing changed"), "{again}");
}

#[test]
fn a_reviewed_model_and_decisions_are_read_and_are_part_of_the_plan() {
    let workspace = with_probability("");
    // Nothing is linked by itself: every pair that is at all likely waits.
    workspace.replace(PIPELINE, "link: 0.9, review: 0.1", "link: null, review: 0.001");
    workspace.run("run college_going").expect(0);
    let model = workspace.read("var/state/linkage/college_going/college/model.json");
    workspace.write("pipelines/college_going/college.json", model);
    let list = workspace.run("review college_going college").expect(0).stdout;
    workspace.write("pipelines/college_going/reviewed.csv", list.replace(",,", ",different,"));
    let text = workspace.read(PIPELINE);
    let named = "        report_by: ethnicity\n        model: college.json\n        decisions: reviewed.csv\n";
    workspace.write(PIPELINE, text.replace("        report_by: ethnicity\n", named));
    let ran = workspace.run("run college_going").expect(0).stdout;
    assert!(!ran.contains("unchanged"), "{ran}");
    let left = workspace.run("review college_going college").expect(0).stdout;
    let pairs = |list: &str| -> Vec<String> { list.lines().skip(1).map(|line| line[..65].to_owned()).collect() };
    let decided = pairs(&list);
    assert!(!decided.is_empty() && pairs(&left).iter().all(|pair| !decided.contains(pair)), "it waits no more");
    // What a steward reads of it, and what a change of the file changes.
    let plan = || workspace.ok("plan college_going").stdout;
    let before = plan();
    assert!(
        before.contains("weights of college.json (sha256 ") && before.contains("review of reviewed.csv (sha256 "),
        "{before}"
    );
    let model = workspace.read("pipelines/college_going/college.json");
    workspace.write("pipelines/college_going/college.json", format!("{model}\n"));
    assert_ne!(plan(), before);
    workspace.write("pipelines/college_going/college.json", model);
    // After a rotation nobody has the pseudonyms that were decided about.
    workspace.ok("keys rotate college-going-2026");
    workspace.run("run college_going").expect(3).says("identity.keys_differ");
    workspace.write("pipelines/college_going/reviewed.csv", "left,right,decision\nnobody,nobody,maybe\n");
    let refused = workspace.run("run college_going").expect(3).said();
    assert!(refused.contains("line 2 of the decisions can't be read"), "{refused}");
}

#[test]
fn nothing_is_compared_that_the_agreement_does_not_list_and_nothing_linked_that_is_not_told_apart() {
    let workspace = with_probability("");
    let text = workspace.read(PIPELINE);
    let (agreement, listed) =
        ("config/agreements/college-going-2026.yaml", "link: [laccd_student_id, ssid, first_name, ");
    workspace.replace(agreement, listed, "link: [laccd_student_id, ssid, ");
    let said = workspace.run("check").expect(5).said();
    assert!(said.contains("compare: { first_name: given_name") && said.contains("for linkage"), "{said}");
    workspace.replace(agreement, "link: [laccd_student_id, ssid, ", listed);
    workspace.write(
        PIPELINE,
        text.replace("compare: { first_name: given_name, ", "compare: { ")
            .replace(
                "        swapped: [first_name, last_name]\n        blocking:\n          - [first_name, last_name]\n",
                "        blocking:\n",
            )
            .replace("          - [first_name.nickname, birth_date.year]\n", ""),
    );
    let said = workspace.run("check").expect(3).said();
    assert!(said.contains("nothing tells twins apart"), "{said}");
    workspace.write(PIPELINE, text.replace("[last_name, birth_date.year]", "[lastname, birth_date.year]"));
    let said = workspace.run("check").expect(3).said();
    assert!(said.contains("lastname"), "{said}");
}
