//! What goes wrong in a storage, in Accord's words.

use std::error::Error as StdError;
use std::io;

use opendal::ErrorKind;

use crate::error::Error;

/// An error of the file system while `doing` something with `path`.
pub(super) fn of_io(doing: &str, path: &str, error: io::Error) -> Error {
    let said = format!("{doing} {path}");
    match class_of_io(&error) {
        Class::NotFound => not_found(&said),
        Class::Full => full(&said),
        Class::Denied => denied(&said),
        Class::Other => unreachable(&said),
    }
    .with_source(error)
}

/// An error of opendal while `doing` something with `path`.
pub(super) fn of_opendal(doing: &str, path: &str, error: opendal::Error) -> Error {
    let said = format!("{doing} {path}");
    match error.kind() {
        ErrorKind::NotFound => not_found(&said),
        ErrorKind::PermissionDenied => denied(&said),
        ErrorKind::ConfigInvalid => Error::config("storage.config", format!("{said}: the storage is configured wrong"))
            .with_hint("check its node in config/accord.yaml"),
        _ => match below(&error).map(class_of_io) {
            Some(Class::Full) => full(&said),
            Some(Class::Denied) => denied(&said),
            _ => unreachable(&said),
        },
    }
    .with_source(error)
}

enum Class {
    NotFound,
    Full,
    Denied,
    Other,
}

fn class_of_io(error: &io::Error) -> Class {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound => Class::NotFound,
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Class::Full,
        K::PermissionDenied | K::ReadOnlyFilesystem => Class::Denied,
        _ => Class::Other,
    }
}

/// The error of the operating system below another error.
fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

fn not_found(said: &str) -> Error {
    Error::failed("storage.not_found", format!("{said}: it is not there"))
}

fn full(said: &str) -> Error {
    Error::storage("storage.full", format!("{said}: the storage is full"))
        .with_hint("free some space and run again; what was there before is untouched")
}

fn denied(said: &str) -> Error {
    Error::storage("storage.denied", format!("{said}: access is denied"))
        .with_hint("give the account that runs accord the right to read and write there, or check the access key")
}

fn unreachable(said: &str) -> Error {
    Error::storage("storage.unreachable", format!("{said}: the storage does not answer as it should"))
        .with_hint("check that the storage is up and its address in config/accord.yaml is right, then run again")
}
