//! Writing a file piece by piece.

use bytes::Bytes;

use super::fault::of_opendal;
use super::local::Temporary;
use super::store::blocking;
use crate::error::{Error, Result};

/// A file being written. It appears whole when [`Writer::close`] returns, and not at all when the writer is dropped.
#[derive(Debug)]
pub struct Writer(State);

enum State {
    Local(Option<Box<Temporary>>),
    Remote { writer: opendal::Writer, path: String },
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Local(_) => "Local",
            Self::Remote { .. } => "Remote",
        })
    }
}

impl Writer {
    pub(super) fn local(temporary: Temporary) -> Self {
        Self(State::Local(Some(Box::new(temporary))))
    }

    pub(super) fn remote(writer: opendal::Writer, path: &str) -> Self {
        Self(State::Remote { writer, path: path.to_owned() })
    }

    /// Appends bytes. Give it pieces of 64 KiB and more: each may cost a system call.
    ///
    /// # Errors
    /// The storage's; the file then never appears.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match &mut self.0 {
            State::Local(slot) => {
                let mut temporary = slot.take().ok_or_else(broken)?;
                let (temporary, done) = blocking(move || {
                    let done = temporary.write(&bytes);
                    Ok((temporary, done))
                })
                .await?;
                done?;
                *slot = Some(temporary);
                Ok(())
            }
            State::Remote { writer, path } => {
                writer.write(bytes).await.map_err(|error| of_opendal("write", path, error))
            }
        }
    }

    /// Makes the file appear, replacing one of its name.
    ///
    /// # Errors
    /// The storage's; the file then does not appear.
    pub async fn close(self) -> Result<()> {
        match self.0 {
            State::Local(slot) => {
                let temporary = slot.ok_or_else(broken)?;
                blocking(move || temporary.replace()).await
            }
            State::Remote { mut writer, path } => {
                writer.close().await.map_err(|error| of_opendal("write", &path, error))?;
                Ok(())
            }
        }
    }
}

fn broken() -> Error {
    Error::internal("storage.writer", "write to a file after an earlier write failed")
}
