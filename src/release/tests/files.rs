use bytes::Bytes;

use super::world::{World, all_files, code, input, newer_input};
use crate::release::files::{self, NOT_APPLICABLE, PUBLISHED, SUPPRESSED};
use crate::release::*;

#[tokio::test]
async fn candidate_bytes_are_deterministic() {
    let (one, two) = (World::new(), World::new());
    let first = lay_down(&one.state, &input()).await.unwrap();
    let second = lay_down(&two.state, &input()).await.unwrap();
    assert_eq!((&first.id, &first.digest), (&second.id, &second.digest));
    let (first_files, second_files) = (all_files(one.folder.path()), all_files(two.folder.path()));
    assert!(first_files.len() >= 7 && first_files == second_files);
    // Once more over the same folder, also when a kill left half of it.
    let folder = format!("state/candidates/college_going/{}", first.id);
    std::fs::remove_file(one.folder.path().join(&folder).join("candidate.json")).unwrap();
    std::fs::write(one.folder.path().join(&folder).join("release/codebook.csv"), "half").unwrap();
    assert_eq!(list(&one.state, "college_going").await.unwrap(), Vec::<String>::new());
    lay_down(&one.state, &input()).await.unwrap();
    assert_eq!(all_files(one.folder.path()), first_files);
    assert_ne!(lay_down(&one.state, &newer_input()).await.unwrap().id, first.id);
}

#[tokio::test]
async fn hidden_cells_are_null_with_status() {
    let world = World::new();
    let candidate = lay_down(&world.state, &input()).await.unwrap();
    let table = candidate.table(&world.state, "by_school").await.unwrap();
    assert_eq!(table.keys[1], ["0001", "0002", "0003", "0004", "All"]);
    let graduates = table.measure("graduates").unwrap();
    assert!(graduates.values == MeasureValues::Counts(vec![Some(100), None, None, Some(0), Some(180)]));
    assert_eq!(graduates.statuses, [PUBLISHED, SUPPRESSED, SUPPRESSED, PUBLISHED, PUBLISHED]);
    let rate = table.measure("rate").unwrap();
    assert!(rate.values == MeasureValues::Rates(vec![Some(51.0), None, None, None, Some(50.6)]));
    assert_eq!(rate.statuses, [PUBLISHED, SUPPRESSED, SUPPRESSED, NOT_APPLICABLE, PUBLISHED]);
}

#[tokio::test]
async fn only_stewards_see_reasons() {
    let world = World::new();
    let candidate = lay_down(&world.state, &input()).await.unwrap();
    let reasons = candidate.reasons(&world.state, "by_school").await.unwrap();
    assert_eq!(
        reasons.iter().map(|column| column.name.as_str()).collect::<Vec<_>>()[2..],
        ["graduates_reason", "enrolled_reason", "rate_reason"]
    );
    assert_eq!(reasons[2].values[1], "primary: minimum cell");
    let public = all_files(&world.folder.path().join("state").join(candidate.release_folder()));
    assert_eq!(public.len(), 5);
    for (name, bytes) in public {
        assert!(!says_why(&bytes), "{name}");
        if name.ends_with(".parquet") {
            let columns = files::read_reasons(Bytes::from(bytes)).err().map(|error| error.code());
            // Figures are no text, so that reading all columns as text fails; the texts were read above.
            assert_eq!(columns, Some("release.not_ours"));
        }
    }
    let table = candidate.table(&world.state, "by_school").await.unwrap();
    let texts = table.keys.iter().chain(table.measures.iter().map(|measure| &measure.statuses)).flatten();
    assert!(texts.into_iter().all(|text| !says_why(text.as_bytes())));
}

fn says_why(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    text.contains("primary:") || text.contains("complementary") || text.contains("minimum cell")
}

#[tokio::test]
async fn a_rate_that_gives_a_hidden_count_away_is_refused() {
    let world = World::new();
    let mut leaking = input();
    leaking.tables[0].values[2] = MeasureValues::Rates(vec![Some(51.0), Some(50.0), None, None, Some(50.6)]);
    leaking.tables[0].steward_reasons[2][1] = "published";
    assert_eq!(code(lay_down(&world.state, &leaking).await), "release.rate_tells");
}

#[tokio::test]
async fn tables_that_do_not_hold_together_are_refused() {
    let world = World::new();
    let changes: [fn(&mut OutputTable); 6] = [
        |table| table.name = "../x".to_owned(),
        |table| table.keys[0].truncate(4),
        |table| table.keys[1][1] = "0001".to_owned(),
        |table| table.measures[1].name = "graduates".to_owned(),
        |table| table.measures[1].name = "graduates_status".to_owned(),
        |table| table.steward_reasons[0][0] = "primary: minimum cell",
    ];
    for change in changes {
        let mut wrong = input();
        change(&mut wrong.tables[0]);
        assert_eq!(code(lay_down(&world.state, &wrong).await), "release.shape");
    }
    assert!(all_files(world.folder.path()).is_empty());
}

#[tokio::test]
async fn shapes_only_are_shown_for_debugging() {
    let shown = format!("{:?}", input());
    assert!(!shown.contains("primary:") && !shown.contains("Some(100)"), "{shown}");
}

#[tokio::test]
async fn the_public_files_are_those_that_readers_open() {
    let world = World::new();
    let candidate = lay_down(&world.state, &input()).await.unwrap();
    let folder = world.folder.path().join("state").join(candidate.release_folder());
    let names: Vec<String> = all_files(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["SHA256SUMS", "by_school.parquet", "codebook.csv", "codebook.html", "datapackage.json"]);
    let html = std::fs::read_to_string(folder.join("codebook.html")).unwrap();
    assert!(html.contains("lang=\"en\"") && !html.contains("<script") && !html.contains("First <High>"));
    let package: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("datapackage.json")).unwrap()).unwrap();
    let schema = &package["resources"][0]["schema"];
    assert_eq!(schema["primaryKey"], serde_json::json!(["cohort_year", "school"]));
    let types: Vec<_> =
        schema["fields"].as_array().unwrap().iter().map(|field| field["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["string", "string", "integer", "string", "integer", "string", "number", "string"]);
}
