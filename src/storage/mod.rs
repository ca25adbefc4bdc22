//! Where bytes live: a folder or an S3 bucket behind one type, [`Store`].
//!
//! What the rest of Accord builds on, and what each back end does for it:
//!
//! | promise | folder | S3 |
//! |---|---|---|
//! | [`Store::put`], [`Store::writer`]: whole or absent, also after `kill -9` | temporary sibling, fsync, rename | one PUT or one multipart upload |
//! | [`Store::put_new`]: and exclusive | temporary sibling, fsync, hard link | PUT with `If-None-Match: *`, refused where the server ignores it |
//! | [`Store::promote`]: a folder appears whole | fsync, rename | objects copied; the caller flips a pointer afterwards |
//! | [`Store::lock`]: exclusive, freed with its process | `flock` on a lock file | a lease object that is renewed, taken over by `If-Match` once expired |
//!
//! A partner's storage is another type, [`PartnerStore`]: it lists and reads, and can't write. What is fetched from it
//! is laid down in a [`Store`], and [`Store::view`] shows that under the partner's own paths.
//!
//! S3 goes out through opendal's process-wide HTTP transport, which the program installs at its start together with the
//! TLS provider (`opendal_http_transport_reqwest::install_default`).
//!
//! Names whose segments start with `.accord-` are this folder's own (temporary files, locks): they are never listed and
//! can't be written from outside.

mod fault;
mod local;
mod lock;
mod partner;
mod path;
mod remote;
mod store;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use lock::Lock;
pub use partner::{PartnerEntry, PartnerStore, Pieces};
pub use store::{Entry, Store};
pub use view::Seen;
pub use writer::Writer;
