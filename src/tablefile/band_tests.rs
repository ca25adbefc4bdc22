//! Rates in bands, each test named after what it guarantees.

use super::tests::Files;
use crate::error::Kind;

const SPEC: &str = "
policy: { method: { bands: { profile: nces } }, level: { interval: 2 }, minimum_cell: 10 }
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All }, race: { total: All } }
    measures: { n: , k: { of: n } }
    rates: { rate: { ratio: [k, n] } }
";

const ROWS: &str = "school,race,n,k,rate
A,X,8,3,
A,Y,40,1,
A,Z,352,240,
B,X,60,60,
B,Y,17,8,
B,Z,170,100,
";

fn spec(good: &str, other: &str) -> String {
    assert!(SPEC.contains(good));
    SPEC.replace(good, other)
}

#[test]
fn a_rate_is_a_band_of_its_groups_size_and_no_count_stands_beside_it() {
    let out = Files::new(&[("t.csv", ROWS)]).protected(SPEC);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[1], "A,X,*,*,*", "eight people");
    assert_eq!(lines[2], "A,Y,*,*,<=5%");
    assert_eq!(lines[4], "B,X,*,*,>=95%");
    assert_eq!(lines[5], "B,Y,*,*,40-59%", "49 % would be seven or eight, the others nine or ten");
    assert!(out.contains("All,All,*,*,64%") && !out.contains("412"), "{out}");
    assert!(lines[1..].iter().all(|line| line.split(',').nth(3) == Some("*")), "{out}");
    let with_sizes = Files::new(&[("t.csv", ROWS)]).protected(&spec("profile: nces", "profile: nces, sizes: print"));
    assert!(with_sizes.contains("A,X,*,*,*"), "{with_sizes}");
    // More sizes are hidden for that of the eight, and so are the rates beside them.
    let hidden = with_sizes.lines().filter(|line| line.contains(",*,*,*")).count();
    assert!(hidden >= 4, "{with_sizes}");
}

#[test]
fn letters_of_edfacts_and_bands_of_ones_own_are_printed() {
    let edfacts = spec("profile: nces", "profile: edfacts").replace("minimum_cell: 10", "minimum_cell: 6");
    let out = Files::new(&[("t.csv", ROWS)]).protected(&edfacts);
    assert!(out.contains("A,X,8,*,LT50") && out.contains("B,X,60,*,GE90"), "{out}");
    let own = spec(
        "profile: nces",
        "sizes: hide, classes: [{ from: 10, cuts: [20, 50, 80] }, { from: 100, ends: 10, step: 5 }]",
    );
    let out = Files::new(&[("t.csv", ROWS)]).protected(&own);
    assert!(out.contains("B,Y,*,*,20-49%") && out.contains("B,Z,*,*,55-59%"), "{out}");
    for wrong in [
        "{ }",
        "{ profile: nces, classes: [{ from: 10, ends: 5 }] }",
        "{ classes: [{ from: 10, cuts: [50, 20] }] }",
        "{ classes: [{ from: 10, ends: 5, cuts: [50] }] }",
        "{ classes: [{ from: 10, ends: 2 }] }",
    ] {
        let refused = Files::new(&[]).job(&spec("{ profile: nces }", wrong)).err().unwrap();
        assert_eq!(refused.kind(), Kind::Config, "{wrong}");
    }
    for (good, wrong) in
        [("level: { interval: 2 }", "level: { percent: 30 }"), ("minimum_cell: 10", "attackers: [reader, insider]")]
    {
        assert!(Files::new(&[]).job(&spec(good, wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn protected_bands_pass_the_audit_of_published_files() {
    for sizes in ["hide", "print"] {
        let spec = spec("profile: nces", &format!("profile: nces, sizes: {sizes}"));
        let files = Files::new(&[("t.csv", ROWS)]);
        let out = files.protected(&spec);
        std::fs::write(files.path("t.csv"), &out).unwrap();
        let report = files.audit(&spec);
        assert!(report.passed(), "{out}\n{report:?}");
        // Of bands alone an audit knows less, and says so.
        assert_eq!(report.notes.iter().any(|note| note.contains("without sizes of groups")), sizes == "hide");
    }
}

#[test]
fn an_audit_finds_numerators_that_bands_and_totals_give_and_what_is_no_band() {
    let with_sizes = spec("profile: nces", "profile: nces, sizes: print");
    let look = |text: &str| {
        let files = Files::new(&[("t.csv", text)]);
        files.audit(&with_sizes)
    };
    let text = "school,race,n,k,rate\nA,X,290,*,<=2\nA,Y,10,*,<=20\nA,All,300,*,<=1\n";
    let report = look(text);
    assert!(report.passed(), "{report:?}");
    // Three of ten are the only ones from 30 to 39 %.
    let report = look("school,race,n,k,rate\nA,X,280,*,<=2\nA,Y,10,*,30-39\nA,All,290,*,<=2\n");
    assert_eq!((report.passed(), report.bounds), (false, 1), "{report:?}");
    // Four of 50 are the only ones of 8 %, and no more than two of each can be.
    let report = look("school,race,n,k,rate\nA,X,40,*,<=5\nA,Y,10,*,<=20\nA,All,50,*,8\n");
    assert_eq!((report.passed(), report.bounds), (false, 3), "{report:?}");
    assert_eq!(report.worst[0].way, super::Way::Bands);
    // A band that groups of this size do not have, and a count beside one.
    assert_eq!(look("school,race,n,k,rate\nA,X,40,*,<=3\nA,Y,310,93,30\nA,All,350,*,*\n").unlike, 2);
    // The columns of counts need not be there.
    let without = "school,race,rate\nA,X,<=5%\nA,Y,40-49%\nA,All,30%\n";
    let refused = super::audit(&Files::new(&[("t.csv", without)]).job(SPEC).unwrap(), &[], &mut |_| {}).err().unwrap();
    assert!(refused.to_string().contains("no column `n`"), "{refused}");
    let report = look("school,race,n,rate\nA,X,40,<=5%\nA,Y,17,40-49%\nA,All,57,16%\n");
    assert_eq!(report.contradictions, 0, "{report:?}");
    let refused = super::audit(
        &Files::new(&[("t.csv", "school,race,n,rate\nA,X,40,few\n")]).job(SPEC).unwrap(),
        &[],
        &mut |_| {},
    );
    assert!(refused.err().unwrap().to_string().contains("no band"));
}

#[test]
fn what_bands_are_not_proven_for_is_refused() {
    let files = Files::new(&[("t.csv", ROWS), ("old.csv", "school,race,n,k,rate\nA,X,20,*,<=20\n")]);
    let refused = |spec: &str| files.protect(spec).err().unwrap().to_string();
    let public = format!("{SPEC}also_public:\n  old: {{ files: [old.csv], edition: last year, like: t }}\n");
    assert!(refused(&public).contains("of the same people (`old`)"), "{}", refused(&public));
    let grown = public.replace("like: t", "like: t, universe: before, within: now");
    assert!(refused(&grown).contains("of the same people"), "{}", refused(&grown));
    let none = spec("    rates: { rate: { ratio: [k, n] } }\n", "    keep: [rate]\n");
    assert!(refused(&none).contains("no `rates`"));
    assert!(refused(&spec("ratio: [k, n]", "ratio: [n, k]")).contains("a part of a group"));
}

#[test]
fn what_is_public_of_other_people_changes_no_band() {
    let files = Files::new(&[("t.csv", ROWS), ("old.csv", "school,race,n,k,rate\nA,X,20,*,<=20\nA,Y,40,*,<=5\n")]);
    let others =
        "also_public:\n  old: { files: [old.csv], edition: last year, like: t, universe: those of last year }\n";
    let text = files.protected(&format!("{SPEC}{others}"));
    assert_eq!(text, files.protected(SPEC));
}
