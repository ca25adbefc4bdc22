//! Keys wrapped by the transit engine of HashiCorp Vault. Each of our keys is wrapped by a transit key of its own, named
//! `accord-AGREEMENT-eEPOCH`: deleting that one makes every copy of the wrapped key useless, also in backups, and nothing
//! else.
//!
//! The token needs `create`, `read`, `update` and `delete` on `MOUNT/keys/accord-*` and `update` on
//! `MOUNT/encrypt/accord-*` and `MOUNT/decrypt/accord-*`.

use age::secrecy::{ExposeSecret, SecretString};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::HeaderValue;
use reqwest::{Client, Method, StatusCode, Url};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::KeyInfo;
use super::file::{damaged, not_opened};
use super::http::{Answer, address, client, refused};
use super::wrap::{Envelope, VAULT_TRANSIT, WrappedCopy, Wrapper, find};
use crate::error::{Error, Result};
use crate::workspace::{Secrets, VaultTransit};

const WHAT: &str = "Vault";

pub(super) struct VaultWrapper {
    client: Client,
    address: Url,
    token: SecretString,
    mount: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: String,
}

impl VaultWrapper {
    pub(super) fn new(config: &VaultTransit, secrets: &dyn Secrets) -> Result<Self> {
        let mount = config.mount.trim_matches('/').to_owned();
        Ok(Self {
            client: client()?,
            address: address(secrets.resolve(&config.address)?.expose_secret(), WHAT)?,
            token: secrets.resolve(&config.token)?,
            mount,
            namespace: config.namespace.clone(),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&serde_json::Value>) -> Result<Answer> {
        let url = format!("{}/v1/{}/{path}", self.address.as_str().trim_end_matches('/'), self.mount);
        let mut token = HeaderValue::from_str(self.token.expose_secret())
            .map_err(|_| Error::config("identity.vault_token", "the Vault token is none"))?;
        token.set_sensitive(true);
        let mut request = self.client.request(method, url).header("X-Vault-Token", token);
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        Answer::read(request.send().await, WHAT).await
    }

    /// Makes the transit key; where it is there already, nothing is changed.
    async fn make_key(&self, key: &KeyInfo) -> Result<String> {
        let name = name(key);
        let own = serde_json::json!({
            "type": "aes256-gcm96", "exportable": false, "allow_plaintext_backup": false,
        });
        let made = self.send(Method::POST, &format!("keys/{name}"), Some(&own)).await?;
        if !made.status.is_success() {
            return Err(refused(WHAT, "make a transit key", made.status, ""));
        }
        Ok(name)
    }

    async fn wrapped(&self, key: &KeyInfo, plain: &[u8], name: &str) -> Result<Vec<WrappedCopy>> {
        let body = serde_json::json!({ "plaintext": BASE64_STANDARD.encode(plain), "associated_data": context(key) });
        let answer = self.send(Method::POST, &format!("encrypt/{name}"), Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(refused(WHAT, "wrap the key", answer.status, ""));
        }
        let encrypted: Data<Encrypted> = answer.json(WHAT)?;
        let bytes = Envelope::write(key, name, &encrypted.data.ciphertext)?;
        Ok(vec![WrappedCopy { ending: VAULT_TRANSIT, bytes }])
    }

    async fn opened(&self, key: &KeyInfo, copies: &[WrappedCopy], path: &str) -> Result<Zeroizing<Vec<u8>>> {
        let envelope = Envelope::read(find(copies, &[VAULT_TRANSIT], path)?, key, path)?;
        let body = serde_json::json!({ "ciphertext": envelope.ciphertext, "associated_data": context(key) });
        let answer = self.send(Method::POST, &format!("decrypt/{}", name(key)), Some(&body)).await?;
        match answer.status {
            status if status.is_success() => {}
            // The transit key is gone, or the ciphertext is not its own.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => return Err(not_opened(path)),
            status => return Err(refused(WHAT, "unwrap the key", status, "")),
        }
        let decrypted: Data<Decrypted> = answer.json(WHAT)?;
        let text = Zeroizing::new(decrypted.data.plaintext);
        BASE64_STANDARD.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| damaged(path))
    }

    async fn destroyed(&self, key: &KeyInfo) -> Result<Vec<String>> {
        let path = format!("keys/{}", name(key));
        let there = self.send(Method::GET, &path, None).await?;
        if there.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        if !there.status.is_success() {
            return Err(refused(WHAT, "say whether the transit key is there", there.status, ""));
        }
        let allow = serde_json::json!({ "deletion_allowed": true });
        let allowed = self.send(Method::POST, &format!("{path}/config"), Some(&allow)).await?;
        if !allowed.status.is_success() {
            return Err(refused(WHAT, "allow the deletion of the transit key", allowed.status, ""));
        }
        let deleted = self.send(Method::DELETE, &path, None).await?;
        if !deleted.status.is_success() {
            return Err(refused(WHAT, "delete the transit key", deleted.status, ""));
        }
        Ok(vec![format!("transit key {} of Vault, deleted", name(key))])
    }
}

impl Wrapper for VaultWrapper {
    fn endings(&self) -> &'static [&'static str] {
        &[VAULT_TRANSIT]
    }

    fn has_own_keys(&self) -> bool {
        true
    }

    fn make<'a>(&'a self, key: &'a KeyInfo, _: &'a str) -> BoxFuture<'a, Result<String>> {
        self.make_key(key).boxed()
    }

    fn wrap<'a>(&'a self, key: &'a KeyInfo, plain: &'a [u8], own: &'a str) -> BoxFuture<'a, Result<Vec<WrappedCopy>>> {
        self.wrapped(key, plain, own).boxed()
    }

    fn unwrap<'a>(
        &'a self,
        key: &'a KeyInfo,
        copies: &'a [WrappedCopy],
        path: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        self.opened(key, copies, path).boxed()
    }

    fn destroy<'a>(&'a self, key: &'a KeyInfo, _: &'a [WrappedCopy]) -> BoxFuture<'a, Result<Vec<String>>> {
        self.destroyed(key).boxed()
    }
}

/// Agreement ids hold what Vault allows in names, and nothing that would lead elsewhere.
fn name(key: &KeyInfo) -> String {
    format!("accord-{}-e{}", key.agreement, key.epoch)
}

/// Bound to the ciphertext, so that one key's is not taken for another's.
fn context(key: &KeyInfo) -> String {
    BASE64_STANDARD.encode(format!("accord-key/{}/{}", key.agreement, key.epoch))
}
