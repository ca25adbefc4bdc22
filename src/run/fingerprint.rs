//! What a candidate depends on, as one digest: deliveries, plan, keys, and the version of what computes.

use sha2::{Digest, Sha256};

use crate::intake::Delivery;

/// Raised whenever the same inputs would give other bytes.
const GENERATION: &str = "accord-4";

/// SHA-256 in hexadecimal digits over length-prefixed parts: generation, plan, key, and each source with its
/// deliveries' digests in order.
pub(super) fn fingerprint(plan: &str, key: &str, sources: &[(&str, &[Delivery])]) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(GENERATION);
    part(env!("CARGO_PKG_VERSION"));
    part(plan);
    part(key);
    for (name, deliveries) in sources {
        part(name);
        part(&deliveries.len().to_string());
        for delivery in *deliveries {
            part(&delivery.digest);
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(digest: &str) -> Delivery {
        Delivery { path: "a".into(), size: 1, digest: digest.into(), duplicates: Vec::new() }
    }

    #[test]
    fn a_change_of_any_input_changes_it() {
        let (one, two) = ([delivery("1")], [delivery("2")]);
        let base = fingerprint("p", "k", &[("s", &one)]);
        assert_eq!(base, fingerprint("p", "k", &[("s", &one)]));
        assert_ne!(base, fingerprint("q", "k", &[("s", &one)]), "plan");
        assert_ne!(base, fingerprint("p", "l", &[("s", &one)]), "key");
        assert_ne!(base, fingerprint("p", "k", &[("t", &one)]), "source");
        assert_ne!(base, fingerprint("p", "k", &[("s", &two)]), "delivery");
        assert_ne!(base, fingerprint("pk", "", &[("s", &one)]), "where one part ends");
    }

    #[test]
    fn the_name_of_a_delivery_does_not() {
        let renamed = [Delivery { path: "b".into(), ..delivery("1") }];
        assert_eq!(fingerprint("p", "k", &[("s", &[delivery("1")])]), fingerprint("p", "k", &[("s", &renamed)]));
    }
}
