//! Rows that were rejected: read again, decided about, corrected; and the books balance whatever is decided.

use super::*;
use crate::intake::correction::{By, Corrected, Refused};
use crate::intake::resolution::Value;

/// Reads a file again with what was decided.
fn resolved(contract: &Contract, bytes: &[u8], made: Vec<Resolution>) -> Outcome {
    let mut resolutions = Resolutions::default();
    resolutions.add(made);
    scan_resolved(contract, &[("in/a.csv", bytes)], &mut References::of([contract]), resolutions)
}

fn balanced(outcome: &Outcome) -> [u64; 5] {
    let report = outcome.report();
    assert_eq!(report.rows_in, report.admitted + report.rejected + report.resolved);
    assert_eq!(report.admitted as usize, outcome.rows.len());
    assert_eq!(report.rejected as usize, outcome.quarantined.len());
    assert_eq!(report.rejects.iter().map(|one| one.rows).sum::<u64>(), report.rejected);
    [report.rows_in, report.admitted, report.rejected, report.resolved, report.corrected]
}

fn dropped(row: &QuarantinedRow) -> Resolution {
    Resolution { row: row.key().expect("a key"), decision: Some(Decision::Dropped) }
}

/// A whole row in place of another one, as its layout writes it.
fn corrected(contract: &Contract, row: &QuarantinedRow, values: &[&str]) -> Resolution {
    let layouts = super::super::layout::Layout::all(contract).expect("layouts");
    let value = |text: &&str| Value { kind: super::super::reader::Kind::Plain, text: (*text).to_owned() };
    let correction = Correction::new(&layouts[0], contract, values.iter().map(value).collect());
    Resolution { row: row.key().expect("a key"), decision: Some(Decision::Corrected(correction)) }
}

const THREE: &str = "1,a,19990102,1,2024,Y,A\n2,b,19990231,1,2024,Y,A\n3,c,19990102,99,2024,Y,A\n";

#[test]
fn a_dropped_row_is_resolved_and_stays_so_whatever_the_contract_says() {
    let text = format!("{HEADER}{THREE}");
    let first = scan_one(&contract(HEADED), &text);
    assert_eq!(balanced(&first), [3, 1, 2, 0, 0]);
    let made = vec![dropped(&first.quarantined[1])];
    let second = resolved(&contract(HEADED), text.as_bytes(), made.clone());
    assert_eq!((balanced(&second), second.rejects()), ([3, 1, 1, 1, 0], vec![(3, "BORN", "type")]));
    let wider = contract(&HEADED.replace("maximum: 40", "maximum: 400"));
    assert_eq!(balanced(&scan_one(&wider, &text)), [3, 2, 1, 0, 0]);
    assert_eq!(balanced(&resolved(&wider, text.as_bytes(), made.clone())), [3, 1, 1, 1, 0]);
    // The row is known by the content of its delivery: in another one nothing is decided about its line.
    assert_eq!(balanced(&resolved(&wider, format!("{text}\n").as_bytes(), made.clone()))[3], 0);
    let reopened = Resolution { row: made[0].row.clone(), decision: None };
    assert_eq!(
        balanced(&resolved(&contract(HEADED), text.as_bytes(), [made, vec![reopened]].concat())),
        [3, 1, 2, 0, 0]
    );
}

#[test]
fn a_corrected_row_is_admitted_from_its_correction_and_quarantined_again_where_it_does_not_fit() {
    let (contract, text) = (contract(HEADED), format!("{HEADER}{THREE}"));
    let first = scan_one(&contract, &text);
    let right = corrected(&contract, &first.quarantined[0], &["2", "b", "19990228", "1", "2024", "Y", "A"]);
    let second = resolved(&contract, text.as_bytes(), vec![right.clone()]);
    assert_eq!(balanced(&second), [3, 2, 1, 0, 1]);
    assert_eq!(second.rows[1], ["2", "b", "1999-02-28", "1.0", "2024", "true", "A"], "in its place");
    let wrong = corrected(&contract, &first.quarantined[0], &["1", "b", "19990228", "1", "2024", "Y", "A"]);
    let third = resolved(&contract, text.as_bytes(), vec![right, wrong]);
    assert_eq!((balanced(&third), third.rejects()[0]), ([3, 1, 2, 0, 0], (3, "", "conflict")));
    assert!(third.quarantined[0].reason.starts_with("its correction does not fit"), "{}", third.quarantined[0].reason);
    assert_eq!(third.quarantined[0].record, b"2,b,19990231,1,2024,Y,A", "kept as it was delivered");
    assert_eq!(third.quarantined[0].key(), first.quarantined[0].key());
}

#[test]
fn decisions_open_with_their_own_key_only_and_show_no_value() {
    let contract = contract(HEADED);
    let first = scan_one(&contract, format!("{HEADER}{THREE}"));
    let made = vec![
        dropped(&first.quarantined[0]),
        corrected(&contract, &first.quarantined[1], &["3", "MARTINEZ", "", "9", "2024", "Y", "A"]),
        Resolution { row: first.quarantined[1].key().expect("a key"), decision: None },
    ];
    let identity = age::x25519::Identity::generate();
    let sealed = seal_resolutions(&made, &identity.to_public()).expect("sealed");
    assert!(!sealed.windows(8).any(|window| window == b"MARTINEZ"));
    assert!(open_resolutions(&sealed, &identity).expect("opened") == made);
    assert!(open_resolutions(&sealed, &age::x25519::Identity::generate()).is_err());
    assert!(open_resolutions(&sealed[..sealed.len() - 1], &identity).is_err(), "truncated");
    assert!(!format!("{made:?}").contains("MARTINEZ"));
}

#[test]
fn quarantine_files_of_earlier_versions_open_and_ask_for_another_run() {
    let identity = age::x25519::Identity::generate();
    let line = "{\"source\":\"s\",\"delivery\":\"d\",\"line\":7,\"column\":null,\"rule\":\"type\",\"reason\":\"r\",\
                \"record\":\"MSxh\"}\n";
    let sealed = crate::sealed::seal(line.as_bytes(), &identity.to_public()).expect("sealed");
    let rows = open_quarantine(&sealed, &identity).expect("opened");
    assert_eq!((rows[0].line, rows[0].record.as_slice(), rows[0].key()), (7, b"1,a".as_slice(), None));
    let verdicts = replay(&contract(HEADED), &rows).expect("verdicts");
    assert_eq!(verdicts, [Verdict::Misfit { rule: "layout".into(), column: None }]);
}

/// Extracts in which rows are rejected: the contract, the bytes, and a change of the contract that admits all of them.
fn cases() -> Vec<(&'static str, Contract, Vec<u8>, Contract)> {
    let text = format!("{HEADER}1,a,,1,2024,Y,A\n2,\"Zo\u{eb} \"\"Q\"\"\nB\",,41,2024,Y,A\n3,c,,1,2024,Y,A,more\n");
    let wider = |yaml: &str| yaml.replace("maximum: 40", "maximum: 400");
    let dropping = wider(HEADED).replace("rules:", "extra_columns: drop\nrules:");
    let packed = |yaml: &str| contract(&yaml.replace("encoding: utf-8", "encoding: utf-8\ncompression: zip"));
    let wide = |yaml: &str| contract(&yaml.replace("utf-8", "utf-16"));
    let zipped = formats::zip(&[("one.csv", text.as_bytes(), true), ("two.csv", HEADER_AND_ROW.as_bytes(), false)]);
    let json =
        HEADED.replace(r#"{ type: delimited, delimiter: ",", header: true, quote: '"' }"#, "{ type: json_lines }");
    let lines = b"{\"STUDENT_ID\":\"1\",\"UNITS\":1,\"FOSTER\":true}\n{\"STUDENT_ID\":\"2\",\"UNITS\":41}\n".to_vec();
    let pictured = FIXED.replace("type: number, implied", "type: number, maximum: 3, implied");
    vec![
        ("delimited", contract(HEADED), text.clone().into_bytes(), contract(&dropping)),
        ("another version", contract(HEADED), text.clone().into_bytes(), contract(&dropping.replace("1.0.0", "1.1.0"))),
        ("utf-16", wide(HEADED), formats::utf16(&format!("\u{feff}{text}"), false), wide(&dropping)),
        ("zip", packed(HEADED), zipped, packed(&dropping)),
        ("json lines", contract(&json), lines, contract(&wider(&json))),
        ("fixed width", contract(&pictured), b"0001Ni\xf1o  212 19\n0002Ni\xf1a  399 19\n".to_vec(), contract(FIXED)),
        (
            "workbook",
            contract(formats::EXCEL),
            formats::fixture("students.xlsx"),
            contract(&formats::EXCEL.replace("type: string, required: true", "type: string")),
        ),
        (
            "parquet",
            contract(&formats::COLUMNAR.replace("name: score, type: number", "name: score, type: number, maximum: 80")),
            formats::parquet_file(&formats::batch()),
            contract(formats::COLUMNAR),
        ),
        (
            "arrow",
            contract(
                &formats::COLUMNAR
                    .replace("parquet", "arrow_ipc")
                    .replace("name: score, type: number", "name: score, type: number, maximum: 80"),
            ),
            formats::arrow_file(&formats::batch(), false),
            contract(&formats::COLUMNAR.replace("parquet", "arrow_ipc")),
        ),
    ]
}

const HEADER_AND_ROW: &str = "STUDENT_ID,NAME,BORN,UNITS,YEAR,FOSTER,BAND\n9,z,,99,2024,Y,A\n";

fn again(row: &QuarantinedRow) -> Verdict {
    Verdict::Misfit { rule: row.rule.clone(), column: row.column.clone() }
}

#[test]
fn a_quarantined_row_of_any_layout_read_again_is_rejected_for_the_same_reason() {
    for (name, contract, bytes, _) in cases() {
        let outcome = scan_one(&contract, &bytes);
        assert!(!outcome.quarantined.is_empty(), "{name}");
        let verdicts = replay(&contract, &outcome.quarantined).expect("verdicts");
        assert_eq!(verdicts, outcome.quarantined.iter().map(again).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_fixed_contract_admits_quarantined_rows_read_again_as_a_run_does() {
    for (name, strict, bytes, fixed) in cases() {
        let before = scan_one(&strict, &bytes);
        let verdicts = replay(&fixed, &before.quarantined).expect("verdicts");
        let fit = verdicts.iter().filter(|verdict| **verdict == Verdict::Fits).count();
        assert!(fit > 0, "{name}");
        let after = scan_one(&fixed, &bytes);
        assert_eq!(after.rows.len(), before.rows.len() + fit, "{name}");
        assert_eq!(after.quarantined.len(), before.quarantined.len() - fit, "{name}");
    }
}

#[test]
fn rows_rejected_beside_others_are_left_for_the_run_to_decide() {
    let outcome = headed("1,a,,1,2024,Y,A\n1,b,,1,2024,Y,A\n1,a,,1,2024,Y,A\n2,a,,99,2024,Y,A\n");
    let replayed = |contract: &Contract| replay(contract, &outcome.quarantined).expect("verdicts");
    let units = || Verdict::Misfit { rule: "range".into(), column: Some("UNITS".into()) };
    let conflict = || Verdict::Misfit { rule: "conflict".into(), column: None };
    // The second of them conflicts with the first, also without the row that was admitted.
    assert_eq!(replayed(&contract(HEADED)), [Verdict::Undecided, conflict(), units()]);
    let without = HEADED.replace("  - { type: unique, fields: [id] }\n", "").replace("rules:\n", "");
    assert_eq!(replayed(&contract(&without)), [Verdict::Fits, Verdict::Fits, units()]);
}

/// The export, its cells changed by `change` (row, field's name, text).
fn edited(
    contract: &Contract,
    rows: &[QuarantinedRow],
    change: impl Fn(usize, &str, &str) -> Option<String>,
) -> String {
    let text = export(contract, rows).expect("an export");
    let lines = super::super::correction::lines(text.as_bytes()).expect("lines");
    let header = lines[0].1.clone();
    let mut out = header.join(",") + "\n";
    for (at, (_, cells)) in lines[1..].iter().enumerate() {
        let cell = |(cell, name): (&String, &String)| {
            let text = change(at, name, cell).unwrap_or_else(|| cell.clone());
            format!("\"{}\"", text.replace('"', "\"\""))
        };
        out.push_str(&cells.iter().zip(&header).map(cell).collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

#[test]
fn an_export_that_the_partner_corrects_is_admitted_in_any_layout() {
    for (name, contract, bytes, _) in cases() {
        let before = scan_one(&contract, &bytes);
        let rows = &before.quarantined;
        // As it was written it corrects nothing.
        let untouched = from_export(&contract, rows, export(&contract, rows).expect("an export").as_bytes());
        let untouched = untouched.expect("read");
        assert_eq!((untouched.made.len(), untouched.unchanged as usize), (0, rows.len()), "{name}");
        let text = edited(&contract, rows, |at, field, text| match field {
            "id" | "code" if text.is_empty() => Some(format!("77{at}")),
            "id" if name == "fixed width" => Some(format!("77{at:02}")),
            "number" if name == "workbook" => Some("1001".to_owned()),
            "units" | "gpa" | "score" => Some(if name == "fixed width" { "200".into() } else { "7".into() }),
            "born" if ["workbook", "parquet", "arrow"].contains(&name) => Some("2001-02-03".to_owned()),
            "band" if name == "workbook" => Some("10-20".to_owned()),
            "year" => Some("2024".to_owned()),
            _ => None,
        });
        assert!(is_export(text.as_bytes()), "{name}");
        let Corrected { made, refused, .. } = from_export(&contract, rows, text.as_bytes()).expect("read");
        assert_eq!(refused, [], "{name}");
        assert_eq!(made.len(), rows.len(), "{name}");
        let after = resolved(&contract, &bytes, made);
        let rows_in = before.report().rows_in;
        assert_eq!(balanced(&after), [rows_in, rows_in, 0, 0, rows.len() as u64], "{name}");
    }
}

fn extract(contract: &Contract, rows: &[QuarantinedRow], bytes: &[u8], by: By<'_>) -> Result<Corrected> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_folder(folder.path(), clock).expect("a store");
    let captured = run(async {
        store.put("c", bytes.to_vec()).await?;
        let delivery = delivery(&store, "c").await?;
        is_send(capture(&store, &delivery, contract)).await
    });
    from_extract(contract, rows, &captured?, by)
}

const BAD: &str = "1,a,19990231,1,2024,Y,A\n2,b,19990231,1,2024,Y,A\n3,c,,99,2024,Y,A\n3,d,,99,2024,Y,A\n";

#[test]
fn a_corrected_extract_is_matched_by_fields_and_each_match_is_unique() {
    let contract = contract(HEADED);
    let outcome = headed(BAD);
    let rows = &outcome.quarantined;
    let by = ["id".to_owned()];
    let by = By::Fields(&by);
    let file = format!(
        "{HEADER}=\"2\",b,19990228,1,2024,Y,A\n1,a,19990230,1,2024,Y,A\n3,c,,9,2024,Y,A\n8,x,,9,2024,Y,A\n,x,,9,2024,Y,A\n"
    );
    let Corrected { rows: read, made, refused, .. } = extract(&contract, rows, file.as_bytes(), by).expect("read");
    let said: Vec<(u64, &str, &str)> =
        refused.iter().map(|one| (one.line, one.column.as_deref().unwrap_or(""), one.rule.as_str())).collect();
    assert_eq!(said, [(3, "BORN", "type"), (4, "", "match"), (5, "", "match"), (6, "", "match")]);
    assert!(refused[1].reason.contains("several rows in quarantine"), "{}", refused[1].reason);
    assert!(refused[2].reason.contains("no row in quarantine"), "{}", refused[2].reason);
    assert_eq!((read, made.len(), made[0].row.line), (5, 1, 3));
    let after = resolved(&contract, format!("{HEADER}{BAD}").as_bytes(), made);
    assert_eq!((balanced(&after), after.rows[0][0].as_str()), ([4, 1, 3, 0, 1], "2"));
    let twice = format!("{HEADER}2,b,19990228,1,2024,Y,A\n2,b,19990227,1,2024,Y,A\n");
    let twice = extract(&contract, rows, twice.as_bytes(), by).expect("read");
    assert!(twice.made.is_empty() && twice.refused.len() == 2, "neither is taken");
    let two = ["id".to_owned(), "name".to_owned()];
    let file = format!("{HEADER}3,d,,9,2024,Y,A\n");
    let made = extract(&contract, rows, file.as_bytes(), By::Fields(&two)).expect("read").made;
    assert_eq!(made[0].row.line, 5, "by both fields it is clear");
    let error = extract(&contract, rows, file.as_bytes(), By::Fields(&["ID".to_owned()])).expect_err("no field");
    assert_eq!((error.code(), error.kind()), ("quarantine.match", Kind::Usage));
}

#[test]
fn a_corrected_extract_in_order_has_as_many_rows_as_are_in_quarantine() {
    let contract = contract(HEADED);
    let outcome = headed(BAD);
    let file = |rows: &str| format!("{HEADER}{rows}").into_bytes();
    let four = file("1,a,,1,2024,Y,A\n2,b,,1,2024,Y,A\n3,c,,9,2024,Y,A\n4,d,,9,2024,Y,A\n");
    let made = extract(&contract, &outcome.quarantined, &four, By::Order).expect("read").made;
    assert_eq!(made.iter().map(|one| one.row.line).collect::<Vec<_>>(), [2, 3, 4, 5]);
    let after = resolved(&contract, &file(BAD), made);
    assert_eq!(balanced(&after), [4, 4, 0, 0, 4]);
    let error = extract(&contract, &outcome.quarantined, &file("1,a,,1,2024,Y,A\n"), By::Order).expect_err("fewer");
    assert_eq!(error.code(), "quarantine.match");
}

#[test]
fn what_is_said_of_a_correction_quotes_no_value() {
    let contract = contract(HEADED);
    let outcome = headed("SECRET1,SECRET2,SECRET3,1,2024,Y,A\n");
    let rows = &outcome.quarantined;
    let file = format!("{HEADER}SECRET1,SECRET4,SECRET5,1,2024,Y,A\nSECRET6,SECRET7,,1,2024,Y,A\n");
    let by = ["id".to_owned()];
    let corrected = extract(&contract, rows, file.as_bytes(), By::Fields(&by)).expect("read");
    let text = edited(&contract, rows, |_, field, _| (field == "name").then(|| "SECRET8".to_owned()));
    let exported = from_export(&contract, rows, text.as_bytes()).expect("read");
    let all: Vec<&Refused> = corrected.refused.iter().chain(&exported.refused).collect();
    assert_eq!(all.len(), 3);
    assert!(!format!("{all:?} {corrected:?}").contains("SECRET"));
    for broken in ["accord_row,id\nSECRET,SECRET\n", "accord_row\n\"SECRET", "accord_row\n\u{0}\n"] {
        let error = from_export(&contract, rows, broken.as_bytes()).expect_err("broken");
        assert_eq!((error.code(), format!("{error:?}").contains("SECRET")), ("quarantine.correction", false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn books_balance_whatever_is_damaged_and_whatever_is_decided(
        edits in prop::collection::vec((0.0..1.0_f64, any::<u8>(), 0..4_u8), 1..24),
        decisions in prop::collection::vec(0..4_u8, 40),
    ) {
        let mut bytes = format!("{HEADER}{}", valid_rows()).into_bytes();
        for (place, byte, how) in edits {
            // The header is left alone: a layout that is not known is refused as a whole.
            let at = HEADER.len() + (place * (bytes.len() - HEADER.len()) as f64) as usize;
            match how {
                0 => bytes[at] = byte & 0x7f,
                1 => bytes.insert(at, byte & 0x7f),
                2 => { bytes.remove(at); }
                _ => bytes[at] = b"\",\n\r"[usize::from(byte % 4)],
            }
        }
        let contract = contract(HEADED);
        let before = scan_one(&contract, &bytes);
        prop_assume!(before.result.is_ok());
        // Each is rejected again for the same reason, unless beside other rows.
        for (row, verdict) in before.quarantined.iter().zip(replay(&contract, &before.quarantined).expect("verdicts")) {
            let beside = ["duplicate", "conflict"].contains(&row.rule.as_str());
            prop_assert!(beside || verdict == again(row), "{} {:?}", row.rule, verdict);
        }
        let (mut made, mut drops, mut right, mut wrong) = (Vec::new(), 0, 0, 0);
        for (at, (row, how)) in before.quarantined.iter().zip(&decisions).enumerate() {
            let id = format!("9000{at}");
            match how {
                0 => { drops += 1; made.push(dropped(row)); }
                1 => {
                    right += 1;
                    made.push(corrected(&contract, row, &[&id, "x", "", "1", "2024", "Y", "A"]));
                }
                2 => {
                    wrong += 1;
                    made.push(corrected(&contract, row, &[&id, "x", "", "41", "2024", "Y", "A"]));
                }
                _ => {}
            }
        }
        let after = resolved(&contract, &bytes, made);
        let [rows_in, admitted, rejected, resolved, corrected] = balanced(&after);
        let report = before.report();
        prop_assert_eq!([rows_in, resolved, corrected], [report.rows_in, drops, right]);
        prop_assert_eq!(admitted, report.admitted + right);
        prop_assert_eq!(rejected, report.rejected - drops - right);
        let again = after.quarantined.iter().filter(|row| row.reason.starts_with("its correction")).count();
        prop_assert_eq!(again, wrong);
    }
}
