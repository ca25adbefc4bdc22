//! The HTTP client of one partner: whom it trusts, where it may be sent on to, and how long it waits.

use std::path::Path;
use std::time::Duration;

use opendal::{HttpTransporter, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use url::{Host, Url};

use crate::error::{Error, Result};

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(20);
/// How long an answer may take between two pieces.
const READ: Duration = Duration::from_secs(60);
/// How often a server may send a request on.
const REDIRECTS: usize = 5;

/// Sends all requests of an operator through a client of its own.
pub(super) fn with_client(operator: Operator, ca_file: Option<&Path>) -> Result<Operator> {
    let transport = HttpTransporter::new(ReqwestTransport::new(client(ca_file)?));
    Ok(operator.with_context(OperationContext::new().with_http_transport(transport)))
}

/// A client that trusts the authorities of `ca_file` alone, or those of the machine where there is none.
fn client(ca_file: Option<&Path>) -> Result<Client> {
    let mut builder = Client::builder().connect_timeout(CONNECT).read_timeout(READ).redirect(same_origin());
    if let Some(path) = ca_file {
        builder = builder.tls_certs_only(authorities(path)?);
    }
    builder.build().map_err(|error| Error::failed("storage.client", "make an HTTP client").with_source(error))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>> {
    let wrong = |said: &str| {
        Error::config("storage.ca_file", format!("read `ca_file` {}: {said}", path.display()))
            .with_hint("it holds certificates between `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`")
    };
    let pem = std::fs::read(path).map_err(|error| wrong("it can't be read").with_source(error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong("it is damaged").with_source(error))?;
    if found.is_empty() { Err(wrong("no certificate is in it")) } else { Ok(found) }
}

/// Passwords and extracts go to the server that the configuration names, and to no other.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let first = attempt.previous().first();
        let same = first.is_some_and(|first| first.origin() == attempt.url().origin());
        if same && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

/// An address over which secrets and extracts may go: `https`, or `http` to this very machine.
///
/// # Errors
/// `storage.address`, without the address: it may hold a secret.
pub(super) fn address(text: &str) -> Result<String> {
    let wrong = |said: &str| Error::config("storage.address", format!("its `endpoint` {said}"));
    let url = Url::parse(text).map_err(|error| {
        wrong("is no address").with_source(error).with_hint("write it as https://HOST/FOLDER, without a blank")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a name or a password").with_hint("give them as nodes of their own"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("holds a `?` or a `#`").with_hint("give the address of the folder alone"));
    }
    match url.scheme() {
        "https" if url.host().is_some() => {}
        "http" if is_this_machine(&url) => {}
        "http" => {
            return Err(wrong("is plain http: everybody on the way could read the extracts")
                .with_hint("use https; a certificate of an authority of your own is trusted by `ca_file`"));
        }
        _ => return Err(wrong("is no https address").with_hint("write it as https://HOST/FOLDER")),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
