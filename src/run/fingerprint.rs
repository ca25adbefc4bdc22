//! What a candidate depends on, as one digest: deliveries, decisions about their rows, plan, keys, and the version of what
//! computes.

use sha2::{Digest, Sha256};

use crate::intake::Delivery;

/// Raised whenever the same inputs would give other bytes.
const GENERATION: &str = "accord-5";

/// What is read of a source.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    /// Its name.
    pub(super) source: &'a str,
    pub(super) deliveries: &'a [Delivery],
    /// The digests of what was decided about its rows.
    pub(super) decided: &'a [String],
}

/// SHA-256 in hexadecimal digits over length-prefixed parts: generation, plan, key, and each source with its
/// deliveries' digests in order, with the day under which SQL sees it where there is one, and those of the decisions about
/// their rows where there are any.
pub(super) fn fingerprint(plan: &str, key: &str, sources: &[Input<'_>]) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(GENERATION);
    part(env!("CARGO_PKG_VERSION"));
    part(plan);
    part(key);
    for Input { source, deliveries, decided } in sources {
        part(source);
        part(&deliveries.len().to_string());
        for delivery in *deliveries {
            part(&delivery.digest);
            if let Some(day) = delivery.snapshot {
                part(&format!("of {day}"));
            }
        }
        if !decided.is_empty() {
            // No source has such a name.
            part("\0decided");
            part(&decided.len().to_string());
            decided.iter().for_each(|digest| part(digest));
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(digest: &str) -> Delivery {
        Delivery { path: "a".into(), size: 1, digest: digest.into(), ..Delivery::default() }
    }

    /// Of one source.
    fn of(plan: &str, key: &str, source: &str, delivery: Delivery, decided: &[&str]) -> String {
        let decided: Vec<String> = decided.iter().map(|digest| (*digest).to_owned()).collect();
        fingerprint(plan, key, &[Input { source, deliveries: &[delivery], decided: &decided }])
    }

    #[test]
    fn a_change_of_any_input_changes_it() {
        let base = of("p", "k", "s", delivery("1"), &[]);
        assert_eq!(base, of("p", "k", "s", delivery("1"), &[]));
        assert_ne!(base, of("q", "k", "s", delivery("1"), &[]), "plan");
        assert_ne!(base, of("p", "l", "s", delivery("1"), &[]), "key");
        assert_ne!(base, of("p", "k", "t", delivery("1"), &[]), "source");
        assert_ne!(base, of("p", "k", "s", delivery("2"), &[]), "delivery");
        assert_ne!(base, of("pk", "", "s", delivery("1"), &[]), "where one part ends");
    }

    #[test]
    fn a_decision_about_a_row_changes_it_and_the_next_one_again() {
        let with = |decided: &[&str]| of("p", "k", "s", delivery("1"), decided);
        assert_ne!(with(&[]), with(&["a"]));
        assert_ne!(with(&["a"]), with(&["a", "b"]));
        assert_ne!(with(&["a", "b"]), with(&["b", "a"]), "the last decision holds");
    }

    #[test]
    fn the_day_of_a_snapshot_changes_it() {
        let on = |day| Some(jiff::civil::Date::constant(2026, 5, day));
        let with = |snapshot| of("p", "k", "s", Delivery { snapshot, ..delivery("1") }, &[]);
        assert_ne!(with(on(1)), with(on(2)));
        assert_ne!(with(on(1)), with(None));
    }

    #[test]
    fn the_name_of_a_delivery_does_not() {
        let renamed = Delivery { path: "b".into(), ..delivery("1") };
        assert_eq!(of("p", "k", "s", delivery("1"), &[]), of("p", "k", "s", renamed, &[]));
    }
}
