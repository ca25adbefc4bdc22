//! What goes wrong at a partner's storage, and the next step.

use std::error::Error as StdError;
use std::io;

use opendal::ErrorKind;

use crate::error::Error;

/// An error of opendal while `doing` something with `path`.
pub(super) fn of_opendal(doing: &str, path: &str, error: opendal::Error) -> Error {
    let said = format!("{doing} {path}");
    let kind = error.kind();
    let told = match kind {
        ErrorKind::NotFound => not_found(&said),
        ErrorKind::PermissionDenied => denied(&said),
        ErrorKind::ConfigInvalid => Error::config("storage.config", format!("{said}: it is configured wrong"))
            .with_hint("check its node under `partners` in config/accord.yaml"),
        _ => of_causes(&said, &error),
    };
    // A message of opendal holds the whole address of a request, and an address may hold a signature that opens it.
    told.with_source(Cause(cause(&error)))
}

/// An error within a stream that opendal gives.
pub(super) fn of_stream(path: &str, error: io::Error) -> Error {
    let said = format!("read {path}");
    match error.kind() {
        io::ErrorKind::NotFound => not_found(&said),
        io::ErrorKind::PermissionDenied => denied(&said),
        _ => of_causes(&said, &error),
    }
    .with_source(Cause(cause(&error)))
}

fn of_causes(said: &str, error: &(dyn StdError + 'static)) -> Error {
    let status = causes(error).filter_map(|one| one.downcast_ref::<opendal::Error>()).find_map(status);
    match status.as_deref() {
        Some("401" | "403") => return denied(said),
        Some("301" | "302" | "303" | "307" | "308") => {
            return Error::failed("storage.sent_on", format!("{said}: the server sends the request on to another one"))
                .with_hint(
                    "passwords and extracts go to the server in `endpoint` alone; ask the partner for its address",
                );
        }
        _ => {}
    }
    if causes(error).any(|one| one.downcast_ref::<rustls::Error>().is_some_and(is_of_trust)) {
        return Error::failed("storage.untrusted", format!("{said}: the server's certificate is not to be trusted"))
            .with_hint(
                "nothing was sent to it; where the partner has an authority of its own, get its certificate from the \
                 partner's staff and name it in `ca_file`",
            );
    }
    if causes(error)
        .filter_map(|one| one.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::PermissionDenied)
    {
        return denied(said);
    }
    unreachable(said)
}

fn is_of_trust(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
}

/// An error and all below it. An I/O error that wraps another one gives that as well.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let below = |one: &&'a (dyn StdError + 'static)| -> Option<&'a (dyn StdError + 'static)> {
        let one: &'a (dyn StdError + 'static) = *one;
        match one.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => one.source(),
        }
    };
    std::iter::successors(Some(error), below)
}

/// What lies at the bottom of an error, in words without an address; what opendal itself says where nothing does.
fn cause(error: &(dyn StdError + 'static)) -> String {
    let bottom = causes(error).last().unwrap_or(error);
    match bottom.downcast_ref::<opendal::Error>() {
        Some(own) => status(own).map_or_else(|| own.kind().to_string(), |status| format!("status {status}")),
        None => bottom.to_string(),
    }
}

/// The status of an answer. opendal has it in its words alone.
fn status(error: &opendal::Error) -> Option<String> {
    let text = format!("{error:?}");
    let digits: String = text.split_once("status: ")?.1.chars().take_while(char::is_ascii_digit).collect();
    (digits.len() == 3).then_some(digits)
}

/// A cause in words.
#[derive(Debug)]
pub(super) struct Cause(pub(super) String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

pub(super) fn not_found(said: &str) -> Error {
    Error::failed("storage.not_found", format!("{said}: it is not there"))
}

pub(super) fn denied(said: &str) -> Error {
    Error::storage("storage.denied", format!("{said}: access is refused"))
        .with_hint("ask the partner whether the account may still list and read there; then check its secret")
}

pub(super) fn unreachable(said: &str) -> Error {
    Error::storage("storage.unreachable", format!("{said}: the server does not answer as it should"))
        .with_hint("check its address in config/accord.yaml, and whether the partner's server is up; then run again")
}
