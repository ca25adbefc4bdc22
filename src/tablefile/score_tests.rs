//! The publication score of files, each test named after what it guarantees.

use super::tests::Files;
use super::{AuditReport, draft, page};
use crate::error::Kind;

/// Counties of which the smallest has 30,000 people: 5 for counts of 11 to 99, 4 for the place, 3 for races, 1 for one variable.
const SPEC: &str = "
policy: { score: { calhhs: edition_2 } }
tables:
  t:
    files: [t.csv]
    score: [{ months: 12 }]
    dimensions:
      county: { total: All, score: { residence: 30000 } }
      race: { total: All, score: { race: standard } }
    measures: { n: }
";

const ROWS: &str = "county,race,n\nA,X,27\nA,Y,200\nB,X,300\nB,Y,40\n";

fn spec(good: &str, other: &str) -> String {
    assert!(SPEC.contains(good), "{good}");
    SPEC.replace(good, other)
}

fn points(report: &AuditReport) -> Vec<i32> {
    report.scores.iter().map(|score| score.points).collect()
}

fn said(report: &AuditReport) -> String {
    report.lines(&|_, text| text.to_owned()).join("\n")
}

#[test]
fn a_score_of_twelve_is_not_reviewed_and_one_of_thirteen_is() {
    let files = Files::new(&[("t.csv", ROWS)]);
    let (twelve, thirteen) = (files.audit(&spec("race: standard", "race: major")), files.audit(SPEC));
    assert_eq!((points(&twelve), points(&thirteen)), (vec![12], vec![13]));
    assert_eq!((twelve.scores[0].review, thirteen.scores[0].review), (false, true));
    assert!(said(&twelve).contains("t: 12 points, not above 12 (CalHHS DDG, edition 2.0, 4.3.1)"), "{}", said(&twelve));
    assert!(said(&thirteen).contains("t: 13 points, above 12, statistical review (CalHHS DDG"), "{}", said(&thirteen));
    // It reports, and refuses nothing unless the policy says so.
    assert!(thirteen.passed() && !thirteen.scores[0].refused, "{thirteen:?}");
    assert!(files.protect(SPEC).is_ok());
}

#[test]
fn where_the_policy_refuses_an_audit_does_not_pass_and_nothing_is_written() {
    let refusing = spec("edition_2 }", "edition_2, over: refuse }");
    let files = Files::new(&[("t.csv", ROWS)]);
    let report = files.audit(&refusing);
    assert!(!report.passed() && report.holds() && report.scores[0].refused, "{report:?}");
    let headline = report.headline();
    assert!(headline.starts_with("Nothing falls") && headline.contains("Table t is above 12"), "{headline}");
    assert!(page(&report).unwrap().contains("<title>Disclosure audit: statistical review</title>"));
    let refused = files.protect(&refusing).err().expect("13 points");
    assert_eq!((refused.kind(), refused.code()), (Kind::Disclosure, "tables.score"));
    assert!(refused.report().unwrap().contains("+3  race: the standard groups"), "{:?}", refused.report());
    assert!(refused.hint().unwrap().contains("nothing was written"));
    let twelve = refusing.replace("race: standard", "race: major");
    assert!(files.audit(&twelve).passed());
    assert_eq!(files.protect(&twelve).unwrap().report.scores[0].points, 12);
}

#[test]
fn the_smallest_printed_count_decides_and_no_count_is_said() {
    let files = Files::new(&[("t.csv", "county,race,n\nA,X,7\nA,Y,200\nB,X,300\nB,Y,45\nC,X,600\nC,Y,900\n")]);
    let before = files.audit(SPEC);
    assert_eq!((points(&before), before.printed_small), (vec![15], 1), "7 is printed");
    let done = files.protect(SPEC).unwrap();
    // What is hidden is not scored: the smallest that is left is among 11 to 99, or 100 to 999.
    let score = &done.report.scores[0];
    assert!(
        score.points < 15
            && score.criteria[0].characteristic.ends_with("to 99")
                | score.criteria[0].characteristic.ends_with("to 999")
    );
    std::fs::write(files.path("t.csv"), &done.files[0].bytes).unwrap();
    let after = files.audit(SPEC);
    assert_eq!(after.scores, done.report.scores, "the audit of what was written says the same");
    let body = page(&before).unwrap().split_once("<body>").unwrap().1.to_owned();
    let json = serde_json::to_string(&before.scores).unwrap();
    let error = files.protect(&spec("edition_2 }", "edition_2, over: refuse }"));
    let error = error.err().map(|error| format!("{error} {:?} {:?}", error.report(), error.hint())).unwrap_or_default();
    let lines = before.scores[0].lines().join("\n");
    for text in [body, json, error, lines, done.report.lines().join("\n")] {
        let numbers = text.split(|character: char| !character.is_ascii_digit()).collect::<Vec<_>>();
        assert!(!["45", "245", "307", "345"].iter().any(|count| numbers.contains(count)), "{text}");
    }
}

#[test]
fn zeros_are_no_events_and_what_is_not_known_is_taken_for_a_small_count() {
    let files = Files::new(&[("t.csv", "county,race,n\nA,X,0\nA,Y,200\nB,X,300\nB,Y,400\n")]);
    assert_eq!(points(&files.audit(SPEC)), [11], "a non-event cannot be identified: counts of 100 to 999");
    let files = Files::new(&[("t.csv", "county,race,n\nA,X,*\nA,Y,*\nB,X,*\nB,Y,*\n")]);
    let report = files.audit(SPEC);
    assert_eq!(points(&report), [15]);
    assert!(said(&report).contains("+7  events: the smallest count is not known"), "{}", said(&report));
}

#[test]
fn a_rate_whose_numerator_is_not_printed_may_be_of_a_small_one() {
    let rates = spec("measures: { n: }", "measures: { n: , k: { of: n } }\n    rates: { rate: { ratio: [k, n] } }");
    let text = "county,race,n,k,rate\nA,X,270,90,33\nA,Y,200,*,50\nB,X,300,200,67\nB,Y,400,*,*\n";
    assert_eq!(points(&Files::new(&[("t.csv", text)]).audit(&rates)), [15]);
    let without = text.replace("*,50", "*,*");
    assert_eq!(points(&Files::new(&[("t.csv", &without)]).audit(&rates)), [13]);
    let banded = rates.replace("policy: {", "policy: { method: { bands: { profile: nces } }, level: { interval: 2 },");
    let rows = "county,race,n,k,rate\nA,X,270,90,\nA,Y,200,100,\nB,X,300,200,\nB,Y,400,150,\n";
    let files = Files::new(&[("t.csv", rows)]);
    let done = files.protect(&banded).unwrap();
    assert_eq!(done.report.scores[0].points, 15, "no numerator is printed beside a band");
    std::fs::write(files.path("t.csv"), &done.files[0].bytes).unwrap();
    assert_eq!(files.audit(&banded).scores, done.report.scores);
}

#[test]
fn rounded_figures_are_scored_as_they_are_printed() {
    let rounded = spec("policy: {", "policy: { method: { rounding: { base: 15 } },");
    let files = Files::new(&[("t.csv", ROWS)]);
    let done = files.protect(&rounded).unwrap();
    assert_eq!(done.report.scores[0].points, 13);
    assert!(done.report.lines().iter().any(|line| line.contains("13 points")));
    std::fs::write(files.path("t.csv"), &done.files[0].bytes).unwrap();
    assert_eq!(points(&files.audit(&rounded)), [13]);
    assert!(files.protect(&rounded.replace("edition_2 }", "edition_2, over: refuse }")).is_err());
}

#[test]
fn other_variables_are_scored_by_the_categories_of_the_file() {
    let other = spec("score: { race: standard }", "score: other");
    let with = |categories: usize| {
        let rows: Vec<String> = (0..categories).map(|at| format!("A,R{at},50\n")).collect();
        points(&Files::new(&[("t.csv", &format!("county,race,n\n{}", rows.concat()))]).audit(&other))[0] - 10
    };
    assert_eq!([2, 4, 5, 9, 10].map(with), [3, 3, 5, 5, 7], "the total is none of them");
    // Of a hierarchy those of its finest level.
    let nested = other.replace("race: { total: All,", "race: { within: [group], total: All,");
    let text = "county,group,race,n\nA,G,R1,50\nA,G,R2,50\nA,H,R3,50\nA,H,R4,50\nA,G,,100\nA,H,,100\nA,All,All,200\n";
    assert_eq!(points(&Files::new(&[("t.csv", text)]).audit(&nested)), [13]);
}

#[test]
fn of_one_or_the_other_the_one_with_the_most_points_counts_and_as_one_variable() {
    let either = spec("score: { race: standard }", "score: { either: [sex, { race: standard }, { age: 30 }] }");
    assert_eq!(points(&Files::new(&[("t.csv", ROWS)]).audit(&either)), [13]);
    let beside = either.replace("score: [{ months: 12 }]", "score: [{ months: 12 }, { age: 30 }]");
    assert_eq!(points(&Files::new(&[("t.csv", ROWS)]).audit(&beside)), [15], "race beside ages, and two variables");
}

#[test]
fn tables_are_scored_one_by_one_and_what_is_public_besides_is_not() {
    let two = format!(
        "{}  u:\n    files: [u.csv]\n    score: [{{ months: 60 }}, {{ residence: 39000000 }}]\n    dimensions: {{ disease: {{ score: events }} }}\n    \
         measures: {{ m: }}\nalso_public:\n  before: {{ files: [before.csv], edition: release of 2024, like: t }}\n",
        SPEC.trim_start()
    );
    let files = Files::new(&[("t.csv", ROWS), ("u.csv", "disease,m\nflu,500\nmumps,44\n"), ("before.csv", ROWS)]);
    let report = files.audit(&two);
    let tables: Vec<(&str, i32)> = report.scores.iter().map(|score| (score.table.as_str(), score.points)).collect();
    assert_eq!(tables, [("t", 13), ("u", 5 - 5 - 5 - 5)]);
}

#[test]
fn what_the_score_must_know_is_asked_for_with_the_words_that_answer() {
    let refused = |spec: &str| {
        let error = Files::new(&[]).job(spec).err().unwrap_or_else(|| panic!("{spec}"));
        assert_eq!(error.kind(), Kind::Config);
        format!("{error}\n{}", error.report().unwrap_or_default())
    };
    let all = [
        (spec(", score: { race: standard }", ""), "the score must know what `race` says of people: `score: sex`"),
        (spec("race: { total: All, score: { race: standard } }", "race:"), "the score must know what `race` says"),
        (spec("score: [{ months: 12 }]", ""), "`score: [{ months: 12 }]`"),
        (spec("score: { residence: 30000 }", "score: other"), "`score: [{ residence: 39000000 }]`"),
        (spec("score: { calhhs: edition_2 }", ""), "`policy: { score: { calhhs: edition_2 } }`"),
        (spec("residence: 30000", "residence: 0"), "at least 1"),
        (spec("{ race: standard }", "{ either: [sex] }"), "two or more"),
        (spec("{ race: standard }", "{ either: [sex, { either: [sex, { age: 1 }] }] }"), "none of them is `either`"),
        (spec("{ race: standard }", "{ race: usual }"), "standard"),
        (spec("edition_2", "edition_3"), "edition_2"),
        // Edition 1.0 takes no members of a health plan for the population.
        (spec("edition_2", "edition_1").replace("residence", "insurance"), "how many people the table is about"),
    ];
    for (wrong, says) in all {
        let said = refused(&wrong);
        assert!(said.contains(says), "{says} is not in\n{said}");
    }
    assert!(Files::new(&[]).job(&spec("residence", "insurance")).is_ok());
    assert!(Files::new(&[]).job(&spec("edition_2", "edition_1")).is_ok());
}

#[test]
fn a_draft_proposes_what_dimensions_say_of_people_by_their_names() {
    let text = "County,Sex,Age Group,Diagnosis,n\nA,F,0-17,P,20\nA,M,18-64,Q,30\nB,F,18-64,P,40\nB,M,0-17,P,50\n";
    let files = Files::new(&[("t.csv", text)]);
    let spec = draft(&[files.path("t.csv")]).unwrap();
    for said in [
        "# LOOK: CalHHS's publication score takes `policy: { score: { calhhs: edition_2 } }`",
        "#   county: { score: { residence: PEOPLE } }",
        "#   sex: { score: sex }",
        "#   age_group: { score: { age: YEARS } }",
        "#   diagnosis: { score: other }",
        "#   and of the whole table `score: [{ months: 12 }, { residence: PEOPLE }]`",
    ] {
        assert!(spec.contains(said), "{said} is not in\n{spec}");
    }
    assert!(files.job(&spec).is_ok_and(|job| job.spec.policy.score.is_none()), "nothing is asked for by itself");
    let plain = draft(&[Files::new(&[]).path("none.csv")]);
    assert!(plain.is_err());
    std::fs::write(files.path("u.csv"), "county,n\nA,20\nB,30\n").unwrap();
    assert!(!draft(&[files.path("u.csv")]).unwrap().contains("score"), "no trait of people, no score");
}
