//! Amounts, noise and cohorts that grow, each test named after what it guarantees.

use super::tests::Files;

const WAGES: &str = "
tables:
  wages:
    files: [wages.csv]
    dimensions: { sector: { total: All } }
    measures:
      wages: { magnitude: { decimals: 2, organisations: employers, largest: [first, second] } }
policy: { magnitudes: [organisations: 3, dominance: { n: 1, k: 80 }, percent: 10] }
";

#[test]
fn amounts_are_protected_by_their_own_rules_and_who_is_behind_them_is_not_written() {
    let rows = [
        "sector,wages,employers,first,second",
        "A,900.50,1,900.50,",
        "B,1000.00,9,200.00,150.00",
        "C,5000.00,3,4900.00,60.00",
        "D,8000.00,20,900.00,800.00",
        "All,14900.50,33,4900.00,900.50",
    ];
    let files = Files::new(&[("wages.csv", &rows.join("\n"))]);
    let out = files.protected(WAGES);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], rows[0]);
    let shown = |row: usize| lines[row].split(',').nth(1).unwrap();
    assert_eq!((shown(1), shown(3)), ("*", "*"), "one employer; one with 98 percent");
    assert!(["1000.00", "8000.00", "14900.50"].iter().any(|amount| out.contains(amount)), "{out}");
    assert!(lines[1..].iter().all(|line| line.ends_with(",*,*,*")), "{out}");
    let short = rows[..5].join("\n");
    let refused = Files::new(&[("wages.csv", &short)]).protect(WAGES).err().unwrap();
    assert!(refused.to_string().contains("has no row at sector=All"), "{refused}");
    let silent = WAGES.replace("policy: { magnitudes", "policy: { zeros: hide } # magnitudes");
    assert!(files.protect(&silent).err().unwrap().report().unwrap().contains("an amount needs rules"));
}

const NOISE: &str = "
tables:
  t:
    files: [t.csv]
    dimensions: { school: { total: All } }
    measures: { n: { cell_key: n_key }, k: { of: n, cell_key: k_key } }
    rates: { share: { ratio: [k, n], decimals: 1 } }
symbols: { none: [\"\"] }
policy: { minimum_cell: 3, level: exact, method: { cell_key: { maximum: 3, variance: 2 } } }
";

/// Sums of keys; those of totals are computed.
const KEYED: &str = "school,n,n_key,k,k_key,share
A,12,0x1111222233334444,5,0x0123456789abcdef,41.7
B,40,98765432109876543,20,1234567890123456789,50.0
C,0,,0,,
All,52,,25,,48.1
";

#[test]
fn the_same_people_have_the_same_noise_in_every_file_and_keys_are_not_written() {
    let first = Files::new(&[("t.csv", KEYED)]).protected(NOISE);
    let rows: Vec<Vec<&str>> = first.lines().map(|line| line.split(',').collect()).collect();
    let counts: Vec<i64> = rows[1..].iter().map(|row| row[1].parse().unwrap()).collect();
    assert!(counts.iter().zip([12, 40, 0, 52]).all(|(shown, count)| (shown - count).abs() <= 3), "{first}");
    assert_eq!(counts[2], 0, "an empty cell stays empty");
    assert!(rows[1..].iter().all(|row| row[2] == "*" && row[4] == "*"), "{first}");
    assert!(!first.contains("1111") && !first.contains("98765"), "{first}");
    // The rate is that of the figures that are shown.
    let (k, n): (f64, f64) = (rows[1][3].parse().unwrap(), rows[1][1].parse().unwrap());
    assert_eq!(rows[1][5], format!("{:.1}", 100.0 * k / n));
    // Another file with one of the groups: the same noise.
    let alone = "school,n,n_key,k,k_key,share\nA,12,0x1111222233334444,5,0x0123456789abcdef,41.7\n";
    let again = Files::new(&[("t.csv", alone)]).protected(NOISE);
    assert_eq!(again.lines().nth(1), first.lines().nth(1));
}

#[test]
fn noise_too_small_for_the_level_and_files_without_keys_are_refused() {
    let files = Files::new(&[("t.csv", KEYED)]);
    let full = NOISE.replace("minimum_cell: 3, level: exact", "minimum_cell: 11");
    let refused = files.protect(&full).err().unwrap();
    assert!(refused.to_string().contains("larger maximum"), "{refused}");
    let keyless = NOISE.replace("n: { cell_key: n_key }", "n: ");
    assert!(
        files.protect(&keyless).err().unwrap().report().unwrap().contains("needs the column of each measure's keys")
    );
    let wrong = Files::new(&[("t.csv", &KEYED.replace("0x1111222233334444", "eleven"))]);
    let refused = wrong.protect(NOISE).err().unwrap();
    assert!(refused.to_string().contains("holds no key of a cell") && !refused.to_string().contains("eleven"));
}

#[test]
fn those_who_came_to_a_cohort_are_a_group() {
    let spec = "
tables:
  now: { files: [now.csv], universe: all, dimensions: { school: { total: All } }, measures: { n: } }
also_public:
  before: { files: [before.csv], edition: release of 2025, like: now, universe: first, within: all }
";
    let files =
        Files::new(&[("now.csv", "school,n\nA,34\nB,40\nAll,74\n"), ("before.csv", "school,n\nA,30\nB,25\nAll,55\n")]);
    let report = files.audit(spec);
    assert_eq!(report.bounds, 1, "four came to A, fifteen to B");
    assert!(report.worst[0].cell.contains("n less release of 2025 of now at school=A"), "{}", report.worst[0].cell);
    let refused = files.protect(spec).err().unwrap();
    assert!(refused.to_string().contains("beside what is public already: release of 2025"), "{refused}");
    let apart = spec.replace(", within: all", "");
    assert_eq!(files.audit(&apart).bounds, 0, "of other people nothing follows");
}
