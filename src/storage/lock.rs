//! Locks: one holder at a time, freed however the holder ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::fault::of_io;
use super::local::Local;
use super::path::LOCKS;
use super::remote::{Condition, Remote, Written};
use crate::error::{Error, Result};

/// How long a lease lasts; a killed holder blocks others for at most this long.
const LEASE: Duration = Duration::from_secs(60);
/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(20);
/// How often a lock on a file is tried.
const POLL_FILE: Duration = Duration::from_millis(50);
/// How often a lease is tried.
const POLL_LEASE: Duration = Duration::from_secs(1);

/// A lock that is held. Dropping it frees it.
#[derive(Debug)]
pub struct Lock(Held);

#[derive(Debug)]
enum Held {
    /// The operating system frees the lock with the file, and the file with the process.
    File(File),
    Lease {
        name: String,
        clock: fn() -> Timestamp,
        /// When the lease runs out, in milliseconds; moves with each renewal.
        expires: Arc<AtomicI64>,
        /// Dropped: the renewing task frees the lease and ends.
        stop: Option<oneshot::Sender<()>>,
        renewing: Option<JoinHandle<()>>,
    },
}

/// What a lease object says.
#[derive(Serialize, Deserialize)]
struct Lease {
    holder: String,
    expires_at: Timestamp,
}

impl Lock {
    pub(super) async fn local(local: &Local, name: &str, holder: &str, wait: Option<Duration>) -> Result<Self> {
        let mut file = local.lock_file(name)?;
        let until = Instant::now() + wait.unwrap_or_default();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                    let mut other = String::new();
                    let _ = file.read_to_string(&mut other);
                    return Err(locked(name, &other));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL_FILE).await,
                Err(TryLockError::Error(error)) => return Err(of_io("lock", name, error)),
            }
        }
        write_holder(&mut file, holder).map_err(|error| of_io("lock", name, error))?;
        Ok(Self(Held::File(file)))
    }

    pub(super) async fn remote(
        remote: &Arc<Remote>,
        name: &str,
        holder: &str,
        wait: Option<Duration>,
        clock: fn() -> Timestamp,
    ) -> Result<Self> {
        remote.require_conditions().await?;
        let keeper = Keeper {
            remote: Arc::clone(remote),
            path: format!("{LOCKS}/{name}"),
            holder: holder.to_owned(),
            clock,
            expires: Arc::new(AtomicI64::new(0)),
        };
        let until = Instant::now() + wait.unwrap_or_default();
        let tag = loop {
            match keeper.acquire().await? {
                Ok(tag) => break tag,
                Err(other) if Instant::now() >= until => return Err(locked(name, &other)),
                Err(_) => tokio::time::sleep(POLL_LEASE).await,
            }
        };
        let expires = Arc::clone(&keeper.expires);
        let (stop, stopped) = oneshot::channel();
        let renewing = tokio::spawn(keeper.keep(tag, stopped));
        let name = name.to_owned();
        Ok(Self(Held::Lease { name, clock, expires, stop: Some(stop), renewing: Some(renewing) }))
    }

    /// Checks that the lock is still held. A lease is lost when its holder slept, or could not reach the storage, for
    /// longer than it lasts: whoever is about to write what only the holder may write asks first.
    ///
    /// # Errors
    /// `storage.lock_lost`.
    pub fn check(&self) -> Result<()> {
        match &self.0 {
            Held::Lease { name, clock, expires, .. } if clock().as_millisecond() >= expires.load(Ordering::Acquire) => {
                Err(Error::busy("storage.lock_lost", format!("keep the lock {name}: its lease ran out"))
                    .with_hint("another run may have it now; run again"))
            }
            _ => Ok(()),
        }
    }

    /// Frees the lock and waits until others can have it. Dropping does the same without waiting.
    pub async fn release(mut self) {
        if let Held::Lease { stop, renewing, .. } = &mut self.0 {
            drop(stop.take());
            if let Some(task) = renewing.take() {
                let _ = task.await;
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Held::File(file) = &self.0 {
            let _ = file.unlock();
        }
    }
}

fn write_holder(file: &mut File, holder: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(holder.as_bytes())
}

fn locked(name: &str, holder: &str) -> Error {
    let holder = if holder.is_empty() { "another process" } else { holder };
    Error::busy("storage.locked", format!("take the lock {name}: {holder} has it"))
        .with_hint("wait until it is done, then run again")
}

/// Takes, renews and frees a lease.
struct Keeper {
    remote: Arc<Remote>,
    path: String,
    holder: String,
    clock: fn() -> Timestamp,
    expires: Arc<AtomicI64>,
}

impl Keeper {
    /// The entity tag of the lease, or who has it.
    async fn acquire(&self) -> Result<Result<String, String>> {
        let Some((body, tag)) = self.remote.read_tagged(&self.path).await? else {
            return self.write(LEASE, &Condition::New).await.map(|tag| tag.ok_or_else(String::new));
        };
        let lease = serde_json::from_slice::<Lease>(&body).map_err(|error| {
            Error::failed("storage.lease", format!("read the lease {}", self.path)).with_source(error)
        })?;
        if lease.expires_at > (self.clock)() {
            return Ok(Err(lease.holder));
        }
        self.write(LEASE, &Condition::Tag(&tag)).await.map(|tag| tag.ok_or(lease.holder))
    }

    async fn write(&self, lasting: Duration, condition: &Condition<'_>) -> Result<Option<String>> {
        let expires_at = (self.clock)() + lasting;
        let lease = Lease { holder: self.holder.clone(), expires_at };
        let body = serde_json::to_vec(&lease)
            .map_err(|error| Error::internal("storage.lease", "write a lease").with_source(error))?;
        let tag = match self.remote.write_if(&self.path, body.into(), condition).await? {
            Written::No => return Ok(None),
            Written::Yes(tag) if !tag.is_empty() => Some(tag),
            // A server that does not say the tag of what it stored.
            Written::Yes(_) => self.remote.read_tagged(&self.path).await?.map(|(_, tag)| tag),
        };
        self.expires.store(expires_at.as_millisecond(), Ordering::Release);
        Ok(tag)
    }

    /// Renews until it is told to stop, then frees the lease.
    async fn keep(self, mut tag: String, mut stopped: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                () = tokio::time::sleep(RENEWAL) => {}
            }
            match self.write(LEASE, &Condition::Tag(&tag)).await {
                Ok(Some(new)) => tag = new,
                // Another holder has it.
                Ok(None) => return self.expires.store(0, Ordering::Release),
                // Out of reach for now: the lease still runs, and `Lock::check` knows until when.
                Err(_) => {}
            }
        }
        // Written by condition, so that another holder's lease stays.
        let _ = self.write(Duration::ZERO, &Condition::Tag(&tag)).await;
    }
}
