//! What comes out does not depend on where keys are held: in memory, or on disk for want of it.

use proptest::prelude::*;

use super::spread::shown;
use super::*;
use crate::Spill;

const SCHOOLS: &str = r#"
id: schools
version: 1.0.0
partner: p
title: t
format: { type: delimited, delimiter: ",", header: false }
encoding: utf-8
fields:
  - { name: code, type: string, unique: true }
  - { name: kind, type: string }
  - { name: year, type: integer }
rules:
  - { type: unique, fields: [kind, year] }
  - { type: consistent, key: [kind], field: year, decision: reject_later, reason: once }
thresholds: { rejected: 100% }
"#;

const PUPILS: &str = r#"
id: pupils
version: 1.0.0
partner: p
title: t
format: { type: delimited, delimiter: ",", header: false }
encoding: utf-8
fields:
  - { name: id, type: string, unique: true }
  - { name: school, type: string }
  - { name: band, type: string }
rules:
  - { type: consistent, key: [band], field: school, decision: keep_each, reason: why not }
  - { type: reference, fields: [school], contract: schools, to: [code], when_missing: admit }
thresholds: { rejected: 100% }
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Duplicates, contradictions, references: which rows are rejected, why, and what the books say.
    #[test]
    fn the_outcome_is_the_same_whether_keys_spill_or_not(
        schools in prop::collection::vec((0..120_u32, 0..150_u32, 0..3_u32), 1..200),
        pupils in prop::collection::vec((0..200_u32, 0..150_u32, 0..90_u32), 1..300),
        memory in 0..4000_usize,
    ) {
        let (of_schools, of_pupils) = (contract(SCHOOLS), contract(PUPILS));
        let lines = |rows: &[(u32, u32, u32)]| rows.iter().map(|(a, b, c)| format!("{a},{b},{c}\n")).collect::<String>();
        let (schools, pupils) = (lines(&schools), lines(&pupils));
        let folder = tempfile::tempdir().expect("a folder");
        let both = |mut references: References| {
            [(&of_schools, &schools), (&of_pupils, &pupils)]
                .map(|(contract, rows)| shown(&scan_with(contract, &[("in/a.csv", rows.as_bytes())], &mut references)))
        };
        let references = || References::of([&of_schools, &of_pupils]);
        let spill = Spill { directory: folder.path().to_owned(), memory };
        prop_assert_eq!(both(references().spilling(spill)), both(references()));
    }
}
