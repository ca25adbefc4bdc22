//! A service's own key for one of ours is made in steps: first a note in the keyring's folder that it will be made, then
//! the key, then its name in the note; the note goes when the wrapped copy is there. Killed anywhere, the next call goes on
//! from the note, and no key is left in the service that nobody knows of.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::file::damaged;
use super::wrap::{ALL, AWS_KMS, Envelope, VAULT_TRANSIT, WrappedCopy, Wrapper};
use super::{KeyInfo, Keyring, unreadable};
use crate::error::{Error, Result};

/// What a note's name begins with.
const MAKING: &str = ".making-";

/// A key of a service that is being made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    agreement: String,
    epoch: u32,
    /// The word by which the service finds what was made.
    intent: String,
    /// The name of the service's own key, once it is known.
    wrapped_by: Option<String>,
}

impl Keyring {
    /// The copies of a key under `wrapper`. `before` are those that it wrapped earlier: a service's own key wraps again.
    /// `intent` is a word of which there is one for each key.
    pub(super) async fn wrapped(
        &self,
        wrapper: &dyn Wrapper,
        key: &KeyInfo,
        (plain, intent): (&[u8], &str),
        before: &[WrappedCopy],
    ) -> Result<Vec<WrappedCopy>> {
        if !wrapper.has_own_keys() {
            return wrapper.wrap(key, plain, "").await;
        }
        let ending = wrapper.endings()[0];
        let own = match before.iter().find(|copy| copy.ending == ending) {
            Some(copy) => Envelope::read(copy, key, ending)?.wrapped_by,
            None => self.own_key(wrapper, key, intent).await?,
        };
        wrapper.wrap(key, plain, &own).await
    }

    async fn own_key(&self, wrapper: &dyn Wrapper, key: &KeyInfo, intent: &str) -> Result<String> {
        let ending = wrapper.endings()[0];
        let mut note = match self.note(key, ending)? {
            Some(note) => note,
            None => {
                let (agreement, intent) = (key.agreement.clone(), intent.to_owned());
                let note = Note { agreement, epoch: key.epoch, intent, wrapped_by: None };
                self.write_note(key, ending, &note)?;
                match self.named(wrapper, key, ending, note, false).await {
                    // An answer that says no: nothing was made.
                    Err(error) if error.code() == "identity.service_refused" => {
                        self.remove(&note_name(key, ending))?;
                        return Err(error);
                    }
                    named => named?,
                }
            }
        };
        if note.wrapped_by.is_none() {
            note = self.named(wrapper, key, ending, note, true).await?;
        }
        note.wrapped_by.ok_or_else(|| Error::internal("identity.own_key", "the service's key has no name"))
    }

    /// The note with the name of the service's own key, which is made where it was not made before.
    async fn named(
        &self,
        wrapper: &dyn Wrapper,
        key: &KeyInfo,
        ending: &str,
        mut note: Note,
        look: bool,
    ) -> Result<Note> {
        let made = if look { wrapper.made(key, &note.intent).await? } else { None };
        note.wrapped_by = Some(match made {
            Some(name) => name,
            None => wrapper.make(key, &note.intent).await?,
        });
        self.write_note(key, ending, &note)?;
        Ok(note)
    }

    fn write_note(&self, key: &KeyInfo, ending: &str, note: &Note) -> Result<()> {
        let text = serde_json::to_vec_pretty(note)
            .map_err(|_| Error::internal("identity.key_format", "the note can't be written as JSON"))?;
        self.put(&note_name(key, ending), &text, true)
    }

    fn note(&self, key: &KeyInfo, ending: &str) -> Result<Option<Note>> {
        let path = self.directory.join(note_name(key, ending));
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let note: Note = serde_json::from_slice(&text).map_err(|_| damaged(&path.display().to_string()))?;
        let own = note.agreement == key.agreement && note.epoch == key.epoch;
        own.then_some(Some(note)).ok_or_else(|| damaged(&path.display().to_string()))
    }

    /// The copies of `key` are there: what noted their making goes.
    pub(super) fn remove_notes(&self, key: &KeyInfo) -> Result<()> {
        let there = self.names()?;
        for name in ALL.map(|ending| note_name(key, ending)).iter().filter(|name| there.contains(name)) {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Service keys that were made for `key` and wrap nothing, as copies that hold nothing: so that they can be destroyed.
    pub(super) fn noted(&self, key: &KeyInfo, copies: &[WrappedCopy]) -> Result<Vec<WrappedCopy>> {
        let mut noted = Vec::new();
        for ending in [AWS_KMS, VAULT_TRANSIT] {
            let Some(note) = self.note(key, ending)? else { continue };
            if copies.iter().any(|copy| copy.ending == ending) {
                continue;
            }
            if let Some(name) = note.wrapped_by {
                noted.push(WrappedCopy { ending, bytes: Envelope::write(key, &name, "")? });
            }
        }
        Ok(noted)
    }

    /// The keys for which a command that was killed may have made a key in a service: `new`, `rotate` or `rewrap`, done
    /// again, goes on with it.
    ///
    /// # Errors
    /// A storage error where the folder can't be read.
    pub fn unfinished(&self) -> Result<Vec<KeyInfo>> {
        let names = self.names()?;
        let key = |name: &String| super::read_name(name.strip_prefix(MAKING)?);
        Ok(names.iter().filter_map(key).collect())
    }
}

fn note_name(key: &KeyInfo, ending: &str) -> String {
    format!("{MAKING}{}", super::file_name(key, ending))
}
