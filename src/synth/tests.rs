//! The guarantees of the generator, each checked on the bytes it writes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex};

use super::{Options, Summary, generate};

type Store = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

struct Sink(Store, String);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().entry(self.1.clone()).or_default().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn make(people: u64, seed: u64, threads: usize) -> (Summary, BTreeMap<String, Vec<u8>>) {
    let store = Store::default();
    let options = Options { threads: NonZeroUsize::new(threads).unwrap(), ..Options::new(people, seed) };
    let open = |path: &str| -> io::Result<Box<dyn Write + Send>> {
        store.lock().unwrap().insert(path.to_owned(), Vec::new());
        Ok(Box::new(Sink(Arc::clone(&store), path.to_owned())))
    };
    let summary = generate(&options, &open, &mut |_| {}).unwrap();
    let files = store.lock().unwrap().clone();
    (summary, files)
}

/// One county for all the tests that only look.
static COUNTY: LazyLock<(Summary, BTreeMap<String, Vec<u8>>)> = LazyLock::new(|| make(20_000, 7, 2));

const GRADUATES: &str = "lausd/graduates_20251001.txt";
const LACCD: &str = "laccd/enrollment_20251005.csv";
const CSU: &str = "csu/ers_20251004.txt";
const CSU_OLDER: &str = "csu/ers_20250915.txt";

fn bytes(path: &str) -> &'static [u8] {
    &COUNTY.1[path]
}

fn dirt(kind: &str) -> u64 {
    COUNTY.0.dirt.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("no dirt named {kind}")).1
}

fn graduates() -> Vec<Vec<String>> {
    let text = encoding_rs::WINDOWS_1252.decode(bytes(GRADUATES)).0;
    text.split_terminator("\r\n").map(|line| line.split('^').map(str::to_owned).collect()).collect()
}

/// Fields of a comma line whose formula ids keep their quotes.
fn csv_line(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut fresh = true;
    for letter in line.chars() {
        match letter {
            '"' if fresh || quoted => quoted = !quoted,
            ',' if !quoted => {
                fields.push(String::new());
                fresh = true;
                continue;
            }
            _ => fields.last_mut().unwrap().push(letter),
        }
        fresh = false;
    }
    fields
}

fn laccd() -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes(LACCD)).unwrap();
    text.lines().skip(1).map(csv_line).collect()
}

fn csu(path: &str) -> Vec<String> {
    std::str::from_utf8(bytes(path)).unwrap().split_terminator('\n').map(str::to_owned).collect()
}

fn links() -> Vec<[String; 3]> {
    let text = std::str::from_utf8(bytes("truth/links.csv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap())
        .collect()
}

fn clean_id(id: &str) -> &str {
    id.trim_start_matches('=').trim_matches('"')
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
    let first = make(9_000, 1, 1);
    assert!(first == make(9_000, 1, 1));
    assert!(first.1[GRADUATES] != make(9_000, 2, 1).1[GRADUATES]);
}

#[test]
fn threads_do_not_change_the_bytes() {
    let one = make(13_000, 1, 1);
    for threads in [2, 3, 8] {
        assert!(one == make(13_000, 1, threads), "{threads} threads");
    }
}

#[test]
fn a_county_of_nobody_has_headers_only() {
    let (summary, files) = make(0, 1, 2);
    assert!(summary.files.iter().all(|(_, rows)| *rows == 0));
    assert!(files[LACCD].ends_with(b"UNITS_ATTEMPTED\n"));
    assert!(files[CSU].is_empty());
}

#[test]
fn too_many_people_are_refused() {
    let open = |_: &str| -> io::Result<Box<dyn Write + Send>> { unreachable!("nothing is opened") };
    let error = generate(&Options::new(super::MOST_PEOPLE + 1, 1), &open, &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), "synth.too_many_people");
}

#[test]
fn an_error_of_the_storage_ends_the_work_and_names_the_file() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let open = |path: &str| -> io::Result<Box<dyn Write + Send>> {
        Ok(if path == CSU { Box::new(Full) } else { Box::new(io::sink()) })
    };
    let options = Options { threads: NonZeroUsize::new(3).unwrap(), ..Options::new(60_000, 1) };
    let error = generate(&options, &open, &mut |_| {}).unwrap_err();
    assert_eq!(error.code(), "synth.write");
    assert!(error.to_string().contains(CSU));
}

#[test]
fn rows_are_counted() {
    let lines = |path: &str| bytes(path).iter().filter(|byte| **byte == b'\n').count() as u64;
    for (path, rows) in &COUNTY.0.files {
        let header = u64::from(path.ends_with(".csv"));
        assert_eq!(lines(path), rows + header, "{path}");
    }
    assert!(lines(CSU_OLDER) < lines(CSU));
}

#[test]
fn every_kind_of_dirt_occurs_and_is_counted() {
    assert!(COUNTY.0.dirt.iter().all(|(_, count)| *count > 0), "{:?}", COUNTY.0.dirt);
    let json = std::str::from_utf8(bytes("truth/dirt.json")).unwrap();
    for (kind, count) in &COUNTY.0.dirt {
        assert!(json.contains(&format!("\"{kind}\": {count}")), "{kind}");
    }
}

#[test]
fn dirt_of_the_graduates_is_where_the_counts_say() {
    let rows = graduates();
    let distinct: HashSet<_> = rows.iter().collect();
    let count = |bad: &dyn Fn(&[String]) -> bool| distinct.iter().filter(|row| bad(row)).count() as u64;
    assert!(rows.iter().all(|row| row.len() == 15 && row[0] == "GRAD"));
    assert_eq!((rows.len() - distinct.len()) as u64, dirt("graduates_duplicate_rows"));
    assert_eq!(count(&|row| row[5].ends_with("9931")), dirt("graduates_invalid_birth_date_rows"));
    assert_eq!(
        count(&|row| row[5].is_empty() || row[8].is_empty() || row[11].is_empty()),
        dirt("graduates_blank_required_rows")
    );
    assert_eq!(count(&|row| row[12] == "RZ"), dirt("graduates_unknown_ethnicity_rows"));
}

#[test]
fn no_ssid_comes_twice_but_for_counted_duplicates() {
    let rows = graduates();
    let ssids: HashSet<_> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!((rows.len() - ssids.len()) as u64, dirt("graduates_duplicate_rows"));
    assert_eq!(ssids.len() as u64, COUNTY.0.graduates);
    assert!(ssids.iter().all(|ssid| ssid.len() == 10 && !ssid.starts_with('0')));
}

#[test]
fn the_redelivery_of_the_graduates_has_the_same_bytes() {
    assert!(bytes(GRADUATES) == bytes("lausd/graduates_20251002.txt"));
}

#[test]
fn the_graduates_are_windows_1252() {
    assert!(bytes(GRADUATES).contains(&0xF1), "ñ");
    assert!(bytes(GRADUATES).windows(3).any(|name| name == b"Zo\xEB"), "Zoë");
    assert!(std::str::from_utf8(bytes(GRADUATES)).is_err());
}

#[test]
fn dirt_of_the_college_district_is_where_the_counts_say() {
    assert!(bytes(LACCD).starts_with(b"\xEF\xBB\xBFSTUDENT_ID,"));
    assert!(!bytes(LACCD).contains(&b'\r'));
    let rows = laccd();
    assert!(rows.iter().all(|row| row.len() == 9));
    let students: HashMap<&str, &[String]> = rows.iter().map(|row| (clean_id(&row[0]), &row[..])).collect();
    let count = |is: &dyn Fn(&[String]) -> bool| students.values().filter(|row| is(row)).count() as u64;
    assert_eq!(count(&|row| row[4].is_empty()), dirt("laccd_blank_ssid"));
    assert_eq!(count(&|row| row[4].ends_with("E+09")), dirt("laccd_excel_ssid"));
    assert_eq!(count(&|row| ["0000000000", "9999999999"].contains(&&*row[4])), dirt("laccd_placeholder_ssid"));
    assert_eq!(count(&|row| row[2].contains(',')), dirt("laccd_suffixed_name"));
    let mangled = rows.iter().filter(|row| row[0].starts_with("=\"")).count() as u64;
    // A copy of a mangled row is mangled, too.
    assert!(
        (dirt("laccd_excel_student_id_rows")..=dirt("laccd_excel_student_id_rows") + dirt("laccd_duplicate_rows"))
            .contains(&mangled)
    );
    assert!(rows.iter().all(|row| clean_id(&row[0]).len() == 7));
    // One row per student, college and term, but for copies.
    let keys: HashSet<_> = rows.iter().map(|row| (clean_id(&row[0]), &row[5], &row[6])).collect();
    let extra = (rows.len() - keys.len()) as u64;
    assert_eq!(extra, dirt("laccd_duplicate_rows"));
}

#[test]
fn every_line_of_the_university_has_its_width() {
    for path in [CSU, CSU_OLDER] {
        assert!(bytes(path).is_ascii());
        assert!(csu(path).iter().all(|line| line.len() == super::extracts::CSU_WIDTH), "{path}");
    }
    let lines = csu(CSU);
    let newest: HashSet<_> = lines.iter().collect();
    assert!(csu(CSU_OLDER).iter().all(|line| newest.contains(line)));
}

#[test]
fn dirt_of_the_university_is_where_the_counts_say() {
    let lines = csu(CSU);
    let students: HashMap<&str, &str> = lines.iter().map(|line| (&line[7..16], &line[..])).collect();
    let count = |is: &dyn Fn(&str) -> bool| students.values().filter(|line| is(line)).count() as u64;
    assert_eq!(count(&|line| line[51..59] == *"00000000"), dirt("csu_missing_birth_date"));
    assert_eq!(count(&|line| line[59..69] == *"          "), dirt("csu_blank_ssid"));
    assert_eq!(count(&|line| ["0000000000", "9999999999"].contains(&&line[59..69])), dirt("csu_placeholder_ssid"));
    assert_eq!(count(&|line| line[81..] == *"999"), dirt("csu_missing_residence"));
}

#[test]
fn the_truth_agrees_with_clean_records() {
    let (mut by_laccd, mut by_csu) = (HashMap::new(), HashMap::new());
    let links = links();
    for [ssid, laccd, csu] in &links {
        assert!(laccd.is_empty() || by_laccd.insert(laccd.as_str(), ssid.as_str()).is_none());
        assert!(csu.is_empty() || by_csu.insert(csu.as_str(), ssid.as_str()).is_none());
    }
    let ssids: HashSet<_> = links.iter().map(|link| link[0].as_str()).collect();
    assert_eq!(ssids.len() as u64, COUNTY.0.graduates);

    let clean = |ssid: &str| {
        ssid.len() == 10 && ssid.bytes().all(|b| b.is_ascii_digit()) && !["0000000000", "9999999999"].contains(&ssid)
    };
    let mut seen = HashSet::new();
    for row in &laccd() {
        let linked = by_laccd.get(clean_id(&row[0])).copied();
        seen.insert(clean_id(&row[0]).to_owned());
        if clean(&row[4]) {
            assert_eq!(linked, ssids.get(row[4].as_str()).copied());
        }
    }
    assert!(by_laccd.keys().all(|id| seen.contains(*id)));
    for line in &csu(CSU) {
        let linked = by_csu.get(&line[7..16]).copied();
        seen.insert(line[7..16].to_owned());
        if clean(&line[59..69]) {
            assert_eq!(linked, ssids.get(&line[59..69]).copied());
        }
    }
    assert!(by_csu.keys().all(|id| seen.contains(*id)));
}

#[test]
fn the_shares_are_those_of_the_county() {
    let links = links();
    let share = |part: usize, of: usize| part as f64 / of as f64;
    let at_laccd = links.iter().filter(|link| !link[1].is_empty()).count();
    let at_csu = links.iter().filter(|link| !link[2].is_empty()).count();
    assert!((0.29..0.41).contains(&share(at_laccd, links.len())), "{at_laccd} of {}", links.len());
    assert!((0.19..0.31).contains(&share(at_csu, links.len())), "{at_csu} of {}", links.len());
    let rows = laccd();
    let students: HashSet<_> = rows.iter().map(|row| clean_id(&row[0])).collect();
    let others = share(students.len() - at_laccd, students.len());
    assert!((0.24..0.36).contains(&others), "{others}");
}

#[test]
fn starts_lie_on_both_sides_of_every_window() {
    let rows = graduates();
    let completed: HashMap<&str, &str> =
        rows.iter().filter(|row| row[11].len() == 8).map(|row| (row[1].as_str(), row[11].as_str())).collect();
    let by_laccd: HashMap<String, String> =
        links().into_iter().filter(|link| !link[1].is_empty()).map(|[ssid, laccd, _]| (laccd, ssid)).collect();
    let months = |date: &str| date[..4].parse::<i32>().unwrap() * 12 + date[4..6].parse::<i32>().unwrap();
    let (mut before, mut first_year, mut thirteen_to_sixteen, mut later) = (0, 0, 0, 0);
    for row in &laccd() {
        let completed = by_laccd.get(clean_id(&row[0])).and_then(|ssid| completed.get(ssid.as_str()));
        let Some(completed) = completed else { continue };
        match months(&row[7].replace('-', "")) - months(completed) {
            ..0 => before += 1,
            0..12 => first_year += 1,
            12..=16 => thirteen_to_sixteen += 1,
            17.. => later += 1,
        }
    }
    assert!(before > 0 && first_year > 0 && thirteen_to_sixteen > 0 && later > 0);
}

fn fixture() -> (Summary, BTreeMap<String, Vec<u8>>) {
    make(6_000, 20_260_701, 2)
}

fn fixture_path(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/college_going").join(path)
}

#[test]
fn the_committed_fixture_is_what_this_code_makes() {
    let (summary, files) = fixture();
    assert!(summary.dirt.iter().all(|(_, count)| *count > 0), "{:?}", summary.dirt);
    assert!(files.values().map(Vec::len).sum::<usize>() < 3_000_000);
    for (path, made) in files {
        assert!(std::fs::read(fixture_path(&path)).unwrap() == made, "{path}");
    }
}

#[test]
#[ignore = "writes the committed fixture anew, after a wanted change of the generator"]
fn write_the_fixture() {
    for (path, made) in fixture().1 {
        let target = fixture_path(&path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, made).unwrap();
    }
}
