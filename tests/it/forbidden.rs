//! What the agreement does not allow, by whatever route.

use crate::harness::{Workspace, golden};

const SQL: &str = "pipelines/college_going/outcomes.sql";
const AGREEMENT: &str = "config/agreements/college-going-2026.yaml";
const PIPELINE: &str = "pipelines/college_going/pipeline.yaml";

/// Ways to a linkage field (`ssid`), to a field that nobody listed (`foster`), to the system's tables, to a file, and
/// out of a SELECT.
const ROUTES: &[(&str, &str)] = &[
    ("named", "SELECT person, ssid FROM sources.graduates"),
    ("not_listed", "SELECT person, foster FROM sources.graduates"),
    ("star", "SELECT * FROM sources.graduates"),
    ("qualified_star", "SELECT g.* FROM sources.graduates AS g"),
    ("star_of_a_join", "SELECT * FROM sources.graduates JOIN sources.laccd USING (person)"),
    ("star_except", "SELECT * EXCEPT (ssid) FROM sources.graduates"),
    ("alias", "SELECT person, ssid AS school FROM sources.graduates"),
    (
        "alias_of_the_table",
        "SELECT g.a, g.c AS district FROM sources.graduates AS g (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)",
    ),
    ("quoted", r#"SELECT person, "ssid" FROM "sources"."graduates""#),
    ("upper_case", "SELECT person, SSID FROM SOURCES.GRADUATES"),
    ("with_catalog", "SELECT person, ssid FROM accord.sources.graduates"),
    ("expression", "SELECT person, left(ssid, 4) || 'x' AS school FROM sources.graduates"),
    ("cast", "SELECT person, CAST(birth_date AS VARCHAR) AS school FROM sources.graduates"),
    ("condition", "SELECT person FROM sources.graduates WHERE ssid LIKE '9%'"),
    ("case", "SELECT person, CASE WHEN foster = 'Y' THEN 1 ELSE 0 END AS school FROM sources.graduates"),
    ("order", "SELECT person FROM sources.graduates ORDER BY last_name LIMIT 5"),
    ("group", "SELECT count(*) AS n FROM sources.graduates GROUP BY birth_date"),
    ("having", "SELECT district FROM sources.graduates GROUP BY district HAVING max(ssid) > '5'"),
    ("aggregate", "SELECT max(ssid) AS school FROM sources.graduates"),
    ("aggregate_filter", "SELECT count(*) FILTER (WHERE foster = 'Y') AS n FROM sources.graduates"),
    ("window", "SELECT person, row_number() OVER (PARTITION BY last_name) AS n FROM sources.graduates"),
    ("subquery", "SELECT person FROM (SELECT person, ssid FROM sources.graduates) AS g WHERE g.ssid > '5'"),
    ("scalar_subquery", "SELECT person, (SELECT max(ssid) FROM sources.graduates) AS school FROM sources.graduates"),
    (
        "exists",
        "SELECT person FROM sources.graduates AS g WHERE EXISTS (SELECT 1 FROM sources.laccd AS l WHERE l.ssid = g.ssid)",
    ),
    ("in", "SELECT person FROM sources.graduates WHERE ssid IN (SELECT ssid FROM sources.laccd)"),
    ("cte", "WITH g AS (SELECT person, ssid AS school FROM sources.graduates) SELECT person, school FROM g"),
    (
        "cte_of_a_cte",
        "WITH a AS (SELECT * FROM sources.graduates), b AS (SELECT * FROM a) SELECT person, foster FROM b",
    ),
    (
        "recursive",
        "WITH RECURSIVE r AS (SELECT ssid FROM sources.graduates UNION ALL SELECT ssid FROM r) SELECT ssid FROM r",
    ),
    ("union", "SELECT person, school FROM sources.graduates UNION ALL SELECT person, ssid FROM sources.graduates"),
    ("join_on", "SELECT g.person FROM sources.graduates AS g JOIN sources.laccd AS l ON g.ssid = l.ssid"),
    ("join_using", "SELECT g.person FROM sources.graduates AS g JOIN sources.laccd AS l USING (ssid)"),
    ("natural_join", "SELECT g.person FROM sources.graduates AS g NATURAL JOIN sources.laccd AS l"),
    (
        "lateral",
        "SELECT g.person FROM sources.graduates AS g, LATERAL (SELECT l.person FROM sources.laccd AS l WHERE l.ssid = g.ssid) AS x",
    ),
    ("struct", "SELECT person, struct(ssid) AS school FROM sources.graduates"),
    ("string_agg", "SELECT string_agg(ssid, ',') AS school FROM sources.graduates"),
    ("distinct_on", "SELECT DISTINCT ON (ssid) person FROM sources.graduates"),
    (
        "disguised",
        "SELECT person, cohort_year, district, ethnicity AS school, ethnicity, english_learner, TRUE AS enrolled_within_16_months, TRUE AS enrolled_within_12_months FROM sources.graduates",
    ),
    ("information_schema", "SELECT table_name FROM information_schema.tables"),
    ("information_schema_columns", "SELECT * FROM information_schema.columns"),
    ("show_tables", "SHOW TABLES"),
    ("show_columns", "SHOW COLUMNS FROM sources.graduates"),
    ("describe", "DESCRIBE sources.graduates"),
    ("read_csv", "SELECT * FROM read_csv('fixtures/college_going/laccd/enrollment_20251005.csv')"),
    ("read_parquet", "SELECT * FROM read_parquet('var/state/staging/x.parquet')"),
    ("file_in_quotes", "SELECT * FROM 'fixtures/college_going/laccd/enrollment_20251005.csv'"),
    ("file_as_a_table", r#"SELECT * FROM "fixtures/college_going/laccd/enrollment_20251005.csv""#),
    ("function_as_a_table", "SELECT * FROM generate_series(1, 10)"),
    ("other_schema", "SELECT * FROM public.graduates"),
    ("no_schema", "SELECT * FROM graduates"),
    ("view", "CREATE VIEW v AS SELECT ssid FROM sources.graduates"),
    ("table", "CREATE TABLE t AS SELECT ssid FROM sources.graduates"),
    (
        "external_table",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'fixtures/college_going/laccd/enrollment_20251005.csv'",
    ),
    ("select_into", "SELECT person INTO t FROM sources.graduates"),
    ("copy", "COPY (SELECT person FROM sources.graduates) TO 'out.csv'"),
    ("copy_of_a_table", "COPY sources.graduates TO 'out.parquet'"),
    ("insert", "INSERT INTO sources.graduates SELECT * FROM sources.graduates"),
    ("update", "UPDATE sources.graduates SET school = '1'"),
    ("delete", "DELETE FROM sources.graduates"),
    ("drop", "DROP TABLE sources.graduates"),
    ("set", "SET datafusion.catalog.information_schema = true"),
    ("explain", "EXPLAIN SELECT person FROM sources.graduates"),
    ("explain_analyze", "EXPLAIN ANALYZE SELECT person FROM sources.graduates"),
    ("prepare", "PREPARE p AS SELECT person FROM sources.graduates"),
    ("begin", "BEGIN"),
    ("two_statements", "SELECT person FROM sources.graduates; DROP TABLE sources.graduates"),
    ("values_with_a_subquery", "SELECT * FROM (VALUES ((SELECT max(ssid) FROM sources.graduates))) AS v"),
];

#[test]
fn a_field_that_is_not_allowed_can_not_be_read_by_any_route() {
    let workspace = Workspace::with_keys();
    let mut told = String::new();
    let mut wrong = Vec::new();
    for (name, sql) in ROUTES {
        workspace.write(SQL, sql);
        let ran = workspace.run("check");
        if ran.code != 5 {
            wrong.push(format!("{name}: exit {}\n{}", ran.code, ran.said()));
        }
        let error = ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("-").to_owned();
        told.push_str(&format!("{name}\n  {error}\n"));
    }
    assert!(wrong.is_empty(), "not refused as the agreement's:\n{}", wrong.join("\n"));
    golden("forbidden_sql", &told);
}

#[test]
fn what_the_check_refuses_the_run_refuses_too() {
    let workspace = Workspace::with_releases();
    for sql in [ROUTES[0].1, ROUTES[2].1, "COPY (SELECT person FROM sources.graduates) TO 'out.csv'"] {
        workspace.write(SQL, sql);
        workspace.run("run college_going").expect(5);
        workspace.run("plan college_going").expect(5);
    }
    workspace.nothing_lost("college_going");
    assert!(!workspace.path("out.csv").exists());
    assert_eq!(workspace.recorded("college_going").len(), 1);
}

#[test]
fn the_refusal_names_the_field_and_the_agreement() {
    let workspace = Workspace::with_keys();
    workspace.write(SQL, "SELECT person, ssid, foster FROM sources.graduates");
    workspace.run("check").expect(5).golden("forbidden_field");
}

#[test]
fn a_pipeline_can_not_loosen_what_the_agreement_says() {
    const RECIPIENTS: &str = "recipients: [district_analysts, public]";
    const ENGLISH_LEARNER: &str =
        "english_learner: { total: All students, description: \"English learner at completion, Y or N\" }";
    const CSU: &str = "  - contract: csu_enrollment
    clause: Exhibit A, 3
    purposes: [college_going]
    link: [csu_student_id, ssid, first_name, last_name, birth_date]
    analyse: [term_start]
";
    let cases = [
        ("minimum_cell", PIPELINE, "release:\n", "disclosure: { minimum_cell: 5 }\n\nrelease:\n"),
        (
            "protection",
            PIPELINE,
            "release:\n",
            "disclosure: { level: exact, homogeneous: print, contributor: false }\n\nrelease:\n",
        ),
        ("recipient", AGREEMENT, RECIPIENTS, "recipients: [district_analysts]"),
        ("dimension", PIPELINE, ENGLISH_LEARNER, "foster: { total: All students }"),
        ("purpose", PIPELINE, "purpose: college_going", "purpose: marketing"),
        ("contract", AGREEMENT, CSU, ""),
        (
            "link_field",
            AGREEMENT,
            "[csu_student_id, ssid, first_name, last_name, birth_date]",
            "[csu_student_id, ssid]",
        ),
    ];
    let mut told = String::new();
    for (name, file, from, to) in cases {
        let workspace = Workspace::with_keys();
        workspace.replace(file, from, to);
        for command in ["check", "run college_going"] {
            let ran = workspace.run(command);
            told.push_str(&format!("== {name}\n{}\n", ran.said()));
            assert_eq!(ran.code, 5, "{name}\n{}", ran.said());
        }
    }
    golden("loosened", &told);
}

#[test]
fn a_pipeline_can_tighten_what_the_agreement_says() {
    let workspace = Workspace::light();
    workspace.replace(PIPELINE, "release:\n", "disclosure: { minimum_cell: 20 }\n\nrelease:\n");
    workspace.replace(PIPELINE, "recipients: [district_analysts, public]", "recipients: [public]");
    workspace.ok("check");
    workspace.ok("plan college_going").says("counts under 20 people");
    workspace.ok("run college_going");
}

#[test]
fn an_agreement_that_says_so_lets_pipelines_protect_less() {
    let workspace = Workspace::with_keys();
    workspace.replace(
        PIPELINE,
        "release:\n",
        "disclosure: { level: { interval: 5 }, contributor: false }\n\nrelease:\n",
    );
    workspace.run("check").expect(5);
    const REQUIRED: &str = "complementary_suppression: required\n";
    let floor = "  protection: { level: { interval: 5 }, contributor: false }\n";
    workspace.replace(AGREEMENT, REQUIRED, &format!("{REQUIRED}{floor}"));
    workspace.ok("check");
    workspace.ok("plan college_going").says("not from those who are counted");
}

#[test]
fn functions_that_give_another_result_each_time_are_refused() {
    let workspace = Workspace::with_keys();
    for call in ["random()", "now()", "uuid()", "current_date", "current_timestamp"] {
        workspace.write(SQL, format!("SELECT person, {call} AS x FROM sources.graduates"));
        let ran = workspace.run("check");
        assert_eq!(ran.code, 3, "{call}\n{}", ran.said());
    }
}
