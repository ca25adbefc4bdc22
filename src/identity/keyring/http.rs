//! Requests to a key service. Answers and causes are not passed on where they could hold a key.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);

/// A client for one service. It follows no redirection: a key goes to the configured address or nowhere.
pub(super) fn client() -> Result<Client> {
    let builder = Client::builder().connect_timeout(CONNECT).timeout(WHOLE);
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| Error::failed("identity.http", "the connection to the key service can't be prepared"))
}

/// An address of a service that keys are sent to: TLS, or this machine.
pub(super) fn address(text: &str, what: &str) -> Result<Url> {
    let bad = |why: &str| {
        Error::config("identity.service_address", format!("the address of {what} {why}"))
            .with_hint("it looks like `https://vault.example.org:8200`; without TLS only this machine is reached")
    };
    let url: Url = text.trim().trim_end_matches('/').parse().map_err(|_| bad("is none"))?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(bad("would carry keys in the clear")),
    }
}

/// What the service said: a status and, with success or not, a body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    pub(super) async fn read(sent: reqwest::Result<Response>, what: &str) -> Result<Self> {
        let down = || {
            Error::storage("identity.service_down", format!("{what} does not answer"))
                .with_hint("check its address in config/accord.yaml and the network, and run the command again")
        };
        // Causes of the client name addresses only, never what was sent.
        let response = sent.map_err(|error| down().with_source(error.without_url()))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|_| down())?.to_vec();
        Ok(Self { status, body })
    }

    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Error::failed("identity.service_answer", format!("{what} answered something else")))
    }

    /// The word in the answer that says what went wrong, where there is one.
    pub(super) fn fault(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Fault {
            #[serde(rename = "__type")]
            kind: String,
        }
        let fault: Option<Fault> = serde_json::from_slice(&self.body).ok();
        let word = fault.map(|fault| fault.kind).unwrap_or_default();
        word.rsplit('#').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(60).collect()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.body);
    }
}

/// The error of an answer that is no success.
pub(super) fn refused(what: &str, doing: &str, status: StatusCode, word: &str) -> Error {
    let word = if word.is_empty() { String::new() } else { format!(", {word}") };
    let message = format!("{what} did not {doing} (status {}{word})", status.as_u16());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || word.contains("Throttling") {
        return Error::storage("identity.service_down", message).with_hint("run the command again later");
    }
    Error::failed("identity.service_refused", message)
        .with_hint("check that the credentials in config/accord.yaml may do this; docs/keys.md lists what is needed")
}
