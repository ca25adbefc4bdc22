//! An S3 bucket, or any server that speaks S3.

use std::time::Duration;

use bytes::Bytes;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::options::{DeleteOptions, ListOptions, WriteOptions};
use opendal::services::S3;
use opendal::{ErrorKind, Operator};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use super::fault::of_opendal;
use super::path::{self, PROBE};
use super::store::Entry;
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::workspace::{SecretRef, Secrets, StorageConfig};

/// Bytes of one part of a multipart upload.
const PART: usize = 8 << 20;
/// How often a write with a condition is tried that collides with another one.
const CONFLICT_TRIES: u32 = 5;

/// A bucket.
pub(super) struct Remote {
    /// Tries again what failed for the moment.
    pub(super) operator: Operator,
    /// Tries once: a conditional write whose answer got lost must not be tried again, since the second try would find
    /// the first one's object and call it another writer's.
    once: Operator,
    /// Whether the server honours conditions, found out at the first need.
    conditions: OnceCell<bool>,
}

/// What a conditional write asks for.
pub(super) enum Condition<'a> {
    /// Nothing is there yet.
    New,
    /// What is there has this entity tag.
    Tag(&'a str),
}

/// What became of a conditional write.
pub(super) enum Written {
    /// Done; the new entity tag.
    Yes(String),
    /// The condition did not hold.
    No,
}

/// Opens a bucket without a request to it.
pub(super) fn open(config: &StorageConfig, secrets: &dyn Secrets) -> Result<Remote> {
    let StorageConfig::S3 { bucket, prefix, region, endpoint, access_key_id, secret_access_key } = config else {
        return Err(Error::internal("storage.config", "open a folder as a bucket"));
    };
    let mut builder = S3::default()
        .bucket(bucket)
        .region(region)
        .access_key_id(&secret(secrets, access_key_id)?)
        .secret_access_key(&secret(secrets, secret_access_key)?)
        .disable_config_load()
        .disable_ec2_metadata();
    if let Some(prefix) = prefix {
        builder = builder.root(prefix);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(&secret(secrets, endpoint)?);
    }
    let bare = Operator::new(builder).map_err(|error| of_opendal("open bucket", bucket, error))?;
    let once = bare.layer(TimeoutLayer::new().with_io_timeout(Duration::from_secs(30)));
    let retry = RetryLayer::new().with_max_times(3).with_min_delay(Duration::from_millis(250)).with_jitter();
    Ok(Remote { operator: once.clone().layer(retry), once, conditions: OnceCell::new() })
}

/// A secret that is there: opendal takes an empty one as none and looks for others on the machine.
pub(super) fn secret(secrets: &dyn Secrets, reference: &SecretRef) -> Result<String> {
    let text = secrets.resolve(reference)?.expose_secret().to_owned();
    if text.is_empty() {
        return Err(Error::config("config.secret_missing", "open a storage: a secret it needs is empty")
            .with_hint("give the variable or the file that its node in config/accord.yaml names a value"));
    }
    Ok(text)
}

impl Remote {
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let options = ListOptions { recursive: true, ..ListOptions::default() };
        let listed = match self.operator.list_options(&folder, options).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other.map_err(|error| of_opendal("list", &folder, error))?,
        };
        let files = listed.into_iter().filter(|entry| entry.metadata().is_file() && !path::is_own(entry.path()));
        Ok(files
            .map(|entry| Entry {
                path: entry.path().to_owned(),
                size: entry.metadata().content_length(),
                modified: entry.metadata().last_modified().map(opendal::raw::Timestamp::into_inner),
            })
            .collect())
    }

    pub(super) async fn put_new(&self, path: &str, bytes: Bytes) -> Result<bool> {
        self.require_conditions().await?;
        Ok(matches!(self.write_if(path, bytes, &Condition::New).await?, Written::Yes(_)))
    }

    /// Refuses where the server ignores conditions: two writers would both believe that they were first.
    pub(super) async fn require_conditions(&self) -> Result<()> {
        if *self.conditions.get_or_try_init(|| self.probe()).await? {
            return Ok(());
        }
        Err(Error::config(
            "storage.no_conditions",
            "write exclusively: the S3 server ignores If-None-Match or If-Match",
        )
        .with_hint("use AWS S3, or a server that honours both headers on PUT, or a folder storage"))
    }

    /// Writes the probe object with conditions that can't hold; a server that lets one pass ignores them.
    async fn probe(&self) -> Result<bool> {
        let body = Bytes::from_static(b"accord writes this to see whether conditions are honoured\n");
        self.write_if(PROBE, body.clone(), &Condition::New).await?;
        if let Written::Yes(_) = self.write_if(PROBE, body.clone(), &Condition::New).await? {
            return Ok(false);
        }
        Ok(matches!(self.write_if(PROBE, body, &Condition::Tag("\"0\"")).await?, Written::No))
    }

    /// One PUT with a condition.
    pub(super) async fn write_if(&self, path: &str, bytes: Bytes, condition: &Condition<'_>) -> Result<Written> {
        for _ in 0..CONFLICT_TRIES {
            let options = match condition {
                Condition::New => WriteOptions { if_not_exists: true, ..WriteOptions::default() },
                Condition::Tag(tag) => WriteOptions { if_match: Some((*tag).to_owned()), ..WriteOptions::default() },
            };
            match self.once.write_options(path, bytes.clone(), options).await {
                Ok(metadata) => return Ok(Written::Yes(metadata.etag().unwrap_or_default().to_owned())),
                // 409: another write to this name is under way, and neither has won yet.
                Err(error) if error.kind() == ErrorKind::ConditionNotMatch && error.is_temporary() => {}
                Err(error) if matches!(error.kind(), ErrorKind::ConditionNotMatch | ErrorKind::AlreadyExists) => {
                    return Ok(Written::No);
                }
                Err(error) => return Err(of_opendal("write", path, error)),
            }
        }
        Err(Error::storage("storage.unreachable", format!("write {path}: other writes to it keep colliding"))
            .with_hint("run again"))
    }

    /// The content and the entity tag that belongs to it.
    pub(super) async fn read_tagged(&self, path: &str) -> Result<Option<(Bytes, String)>> {
        loop {
            let metadata = match self.operator.stat(path).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                other => other.map_err(|error| of_opendal("read", path, error))?,
            };
            let tag = metadata.etag().unwrap_or_default().to_owned();
            match self.operator.read_with(path).if_match(&tag).await {
                Ok(buffer) => return Ok(Some((buffer.to_bytes(), tag))),
                // Replaced or removed between the two requests.
                Err(error) if matches!(error.kind(), ErrorKind::ConditionNotMatch | ErrorKind::NotFound) => {}
                Err(error) => return Err(of_opendal("read", path, error)),
            }
        }
    }

    pub(super) async fn writer(&self, path: &str) -> Result<Writer> {
        let options = WriteOptions { chunk: Some(PART), concurrent: 2, ..WriteOptions::default() };
        let writer = self.operator.writer_options(path, options).await;
        Ok(Writer::remote(writer.map_err(|error| of_opendal("write", path, error))?, path))
    }

    pub(super) async fn remove_all(&self, prefix: &str) -> Result<()> {
        let options = DeleteOptions { recursive: true, ..DeleteOptions::default() };
        let done = self.operator.delete_options(&format!("{prefix}/"), options).await;
        done.map_err(|error| of_opendal("remove", prefix, error))
    }

    pub(super) async fn promote(&self, from: &str, to: &str) -> Result<()> {
        let entries = self.list(from).await?;
        if entries.is_empty() {
            return Err(Error::failed("storage.not_found", format!("promote {from}: it is not there")));
        }
        for entry in &entries {
            let target = format!("{to}{}", &entry.path[from.len()..]);
            let copied = self.operator.copy(&entry.path, &target).await;
            copied.map_err(|error| of_opendal("promote", &target, error))?;
        }
        self.remove_all(from).await
    }
}
