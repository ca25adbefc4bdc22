//! One file from a partner into the storage of extracts: read once, hashed while it is written, whole or absent.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::index::{Index, Stamp};
use super::{FetchProgress, Fetched, is_unfinished};
use crate::error::{Context, Error, Result};
use crate::storage::{PartnerEntry, PartnerStore, Store, Writer};

/// How often a file is read from its start where the connection is lost on the way.
const TRIES: u32 = 3;
/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// From where to where.
pub(super) struct Landing<'a> {
    pub(super) store: &'a Store,
    pub(super) remote: &'a PartnerStore,
    pub(super) partner: &'a str,
    pub(super) clock: fn() -> Timestamp,
}

/// What reading a file came to.
enum Read {
    Whole { digest: String, size: u64, stamp: Stamp },
    Changed(&'static str),
}

impl Landing<'_> {
    /// Removes what a killed fetch left on its way.
    pub(super) async fn clear(&self) -> Result<()> {
        self.store.sweep().await?;
        self.store.remove_all(&self.incoming()).await?;
        if let Some(root) = self.store.local_root() {
            // Landed extracts are full of names: they are for the account that runs accord alone.
            let folder = root.join("landed");
            let make = || {
                std::fs::create_dir_all(&folder)?;
                std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))
            };
            make().map_err(|error| {
                Error::storage("storage.denied", "make the folder of landed extracts private").with_source(error)
            })?;
        }
        Ok(())
    }

    /// Fetches a file, unless it is known.
    pub(super) async fn land(
        &self,
        index: &mut Index,
        entry: &PartnerEntry,
        progress: FetchProgress<'_>,
    ) -> Result<Fetched> {
        let path = entry.path.clone();
        if is_unfinished(&path) {
            return Ok(Fetched::Unfinished { path, why: "so its name says" });
        }
        if index.last(&path).is_some_and(|last| last.stamp.is_of(entry)) {
            return Ok(Fetched::Known { path });
        }
        let mut tries = 1;
        let read = loop {
            match self.read(entry, progress).await {
                Err(error) if error.code() == "storage.unreachable" && tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(500 << tries)).await;
                    tries += 1;
                }
                other => break other.context(|| format!("fetch {path} of partner `{}`", self.partner))?,
            }
        };
        let (digest, size, stamp) = match read {
            Read::Whole { digest, size, stamp } => (digest, size, stamp),
            Read::Changed(why) => return Ok(Fetched::Unfinished { path, why }),
        };
        let had = index.has_content(&digest);
        if !had {
            let place = format!("landed/{}/content/{digest}", self.partner);
            self.store.promote(&self.incoming(), &place).await?;
            index.content_landed(&digest, format!("{place}/{}", name_of(&path)), size);
        }
        self.store.remove_all(&self.incoming()).await?;
        index.add(self.store, &path, stamp, &digest).await?;
        Ok(if had { Fetched::Same { path, digest } } else { Fetched::New { path, size, digest } })
    }

    /// Reads a file into `incoming`, from its start to its end.
    async fn read(&self, listed: &PartnerEntry, progress: FetchProgress<'_>) -> Result<Read> {
        let path = &listed.path;
        let Some(before) = self.remote.stat(path).await? else { return Ok(Read::Changed("it is gone again")) };
        if before.size != listed.size {
            return Ok(Read::Changed("its size changes"));
        }
        let mut stream = self.remote.stream(path).await?;
        let mut writer = self.store.writer(&format!("{}/{}", self.incoming(), name_of(path))).await?;
        let (mut hash, mut size, mut waiting) = (Sha256::new(), 0, BytesMut::new());
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            size += piece.len() as u64;
            if size > before.size {
                let empty = "it was empty, or its server does not say how large it is";
                return Ok(Read::Changed(if before.size == 0 { empty } else { "it grew while it was read" }));
            }
            hash.update(&piece);
            waiting.extend_from_slice(&piece);
            if waiting.len() >= PIECE {
                write(&mut writer, &mut waiting).await?;
                progress(path, size, before.size);
            }
        }
        write(&mut writer, &mut waiting).await?;
        // Dropped without being closed, the writer leaves nothing.
        let after = self.remote.stat(path).await?;
        if after.as_ref() != Some(&before) {
            return Ok(Read::Changed("it changed while it was read"));
        }
        if size != before.size {
            return Ok(Read::Changed("it ended before its size"));
        }
        writer.close().await?;
        progress(path, size, before.size);
        let stamp = Stamp::new(listed, (self.clock)());
        Ok(Read::Whole { digest: hex::encode(hash.finalize()), size, stamp })
    }

    fn incoming(&self) -> String {
        format!("landed/{}/incoming", self.partner)
    }
}

async fn write(writer: &mut Writer, waiting: &mut BytesMut) -> Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    writer.write(waiting.split().freeze()).await
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
