//! What a candidate depends on, as one digest: deliveries, decisions about their rows, plan, keys, and the version of what
//! computes.

use sha2::{Digest, Sha256};

use super::sources::Delivered;

/// Raised whenever the same inputs would give other bytes.
const GENERATION: &str = "accord-3";

/// SHA-256 in hexadecimal digits over length-prefixed parts: generation, plan, key, and each source with its
/// deliveries' digests in order, and those of the decisions about their rows where there are any.
pub(super) fn fingerprint(plan: &str, key: &str, sources: &[(&str, &Delivered)]) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(GENERATION);
    part(env!("CARGO_PKG_VERSION"));
    part(plan);
    part(key);
    for (name, Delivered { deliveries, decided }) in sources {
        part(name);
        part(&deliveries.len().to_string());
        for delivery in deliveries {
            part(&delivery.digest);
        }
        if !decided.digests.is_empty() {
            // No source has such a name.
            part("\0decided");
            part(&decided.digests.len().to_string());
            decided.digests.iter().for_each(|digest| part(digest));
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::super::quarantine::Decided;
    use super::*;
    use crate::intake::Delivery;

    fn delivered(digest: &str, decided: &[&str]) -> Delivered {
        let delivery = Delivery { path: "a".into(), size: 1, digest: digest.into(), duplicates: Vec::new() };
        let digests = decided.iter().map(|digest| (*digest).to_owned()).collect();
        Delivered { deliveries: vec![delivery], decided: Decided { digests, ..Decided::default() } }
    }

    #[test]
    fn a_change_of_any_input_changes_it() {
        let (one, two) = (delivered("1", &[]), delivered("2", &[]));
        let base = fingerprint("p", "k", &[("s", &one)]);
        assert_eq!(base, fingerprint("p", "k", &[("s", &one)]));
        assert_ne!(base, fingerprint("q", "k", &[("s", &one)]), "plan");
        assert_ne!(base, fingerprint("p", "l", &[("s", &one)]), "key");
        assert_ne!(base, fingerprint("p", "k", &[("t", &one)]), "source");
        assert_ne!(base, fingerprint("p", "k", &[("s", &two)]), "delivery");
        assert_ne!(base, fingerprint("pk", "", &[("s", &one)]), "where one part ends");
    }

    #[test]
    fn a_decision_about_a_row_changes_it_and_the_next_one_again() {
        let with = |decided: &[&str]| fingerprint("p", "k", &[("s", &delivered("1", decided))]);
        assert_ne!(with(&[]), with(&["a"]));
        assert_ne!(with(&["a"]), with(&["a", "b"]));
        assert_ne!(with(&["a", "b"]), with(&["b", "a"]), "the last decision holds");
    }

    #[test]
    fn the_name_of_a_delivery_does_not() {
        let (one, mut renamed) = (delivered("1", &[]), delivered("1", &[]));
        renamed.deliveries[0].path = "b".into();
        assert_eq!(fingerprint("p", "k", &[("s", &one)]), fingerprint("p", "k", &[("s", &renamed)]));
    }
}
