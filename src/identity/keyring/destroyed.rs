//! Which keys are dead, by the ledger. Whoever opens a key has to bring it, so that a key file that comes back from a
//! backup opens nothing.

use crate::error::Error;

/// A key that was destroyed, or whose destruction has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestroyedKey {
    /// The agreement.
    pub agreement: String,
    /// The generation of its key.
    pub epoch: u32,
    /// The key's fingerprint.
    pub fingerprint: String,
    /// When and where it is recorded, such as `2026-07-01 (ledger entry 12)`.
    pub recorded: String,
}

/// The keys that are dead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestroyedKeys(pub Vec<DestroyedKey>);

impl DestroyedKeys {
    /// The last key of `agreement` that was destroyed.
    #[must_use]
    pub fn newest(&self, agreement: &str) -> Option<&DestroyedKey> {
        self.0.iter().filter(|key| key.agreement == agreement).max_by_key(|key| key.epoch)
    }

    /// The key of `agreement` and `epoch`, where it was destroyed.
    #[must_use]
    pub fn get(&self, agreement: &str, epoch: u32) -> Option<&DestroyedKey> {
        self.0.iter().find(|key| key.agreement == agreement && key.epoch == epoch)
    }

    /// The destroyed key with that fingerprint, whatever it is called now.
    #[must_use]
    pub fn by_fingerprint(&self, fingerprint: &str) -> Option<&DestroyedKey> {
        self.0.iter().find(|key| key.fingerprint == fingerprint)
    }
}

impl DestroyedKey {
    /// Why nothing can be done with it.
    #[must_use]
    pub fn refusal(&self) -> Error {
        let Self { agreement, epoch, fingerprint, recorded } = self;
        Error::governance(
            "identity.key_destroyed",
            format!(
                "key {epoch} of agreement {agreement} (fingerprint {fingerprint}) was destroyed on {recorded}: its \
                 pseudonyms can't be computed and its quarantine can't be opened, by nobody"
            ),
        )
        .with_hint(format!(
            "a copy that came back is removed by `accord keys destroy {agreement}`; where the agreement goes on, \
             `accord keys new {agreement}` begins a new epoch, which joins nothing made before"
        ))
    }
}
