//! Keys wrapped by AWS KMS. Each of our keys is wrapped by a KMS key of its own, which is made for it and wraps nothing
//! else: destroying it makes every copy of the wrapped key useless, also in backups. KMS deletes a key after a waiting
//! period only (seven days, its shortest); from the first instant the key is disabled.
//!
//! The account needs `kms:CreateKey`, `kms:TagResource`, `kms:Encrypt`, `kms:Decrypt`, `kms:DescribeKey`,
//! `kms:DisableKey` and `kms:ScheduleKeyDeletion`; to find what a killed command made also `kms:ListKeys` and
//! `kms:ListResourceTags`. Requests are the JSON 1.1 protocol, signed with Signature Version 4.

use age::secrecy::{ExposeSecret, SecretString};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqsign_aws_v4::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::KeyInfo;
use super::file::{damaged, not_opened};
use super::http::{Answer, address, client, refused};
use super::wrap::{AWS_KMS, Envelope, WrappedCopy, Wrapper, find};
use crate::error::{Error, Result};
use crate::workspace::{AwsKms, Secrets};

const WHAT: &str = "AWS KMS";
/// The tag by which a KMS key is found that a killed command made.
const INTENT: &str = "accord-intent";
/// The shortest that KMS allows.
const WAITING_DAYS: u32 = 7;

pub(super) struct KmsWrapper {
    client: Client,
    endpoint: Url,
    signer: Signer<Credential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    key_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    arn: String,
    #[serde(default)]
    key_state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKeys {
    keys: Vec<ListedKey>,
    #[serde(default)]
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKey {
    key_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedTags {
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    tag_key: String,
    tag_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: String,
}

impl KmsWrapper {
    pub(super) fn new(config: &AwsKms, secrets: &dyn Secrets) -> Result<Self> {
        let given = config.endpoint.as_ref().map(|one| secrets.resolve(one)).transpose()?;
        let usual = || SecretString::from(format!("https://kms.{}.amazonaws.com", config.region));
        let endpoint = address(given.unwrap_or_else(usual).expose_secret(), WHAT)?;
        let [id, secret] = [&config.access_key_id, &config.secret_access_key].map(|one| secrets.resolve(one));
        let mut credentials = StaticCredentialProvider::new(id?.expose_secret(), secret?.expose_secret());
        if let Some(token) = &config.session_token {
            credentials = credentials.with_session_token(secrets.resolve(token)?.expose_secret());
        }
        let signer = Signer::new(Context::new(), credentials, RequestSigner::new("kms", &config.region));
        Ok(Self { client: client()?, endpoint, signer })
    }

    async fn send(&self, action: &str, body: &Value) -> Result<Answer> {
        let failed = || Error::failed("identity.kms_request", "a request to AWS KMS can't be signed");
        let body = body.to_string();
        let (mut parts, ()) = http::Request::post(self.endpoint.as_str())
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", format!("TrentService.{action}"))
            .header("X-Amz-Content-Sha256", hex::encode(Sha256::digest(&body)))
            .body(())
            .map_err(|_| failed())?
            .into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|_| failed())?;
        let request = self.client.post(self.endpoint.clone()).headers(parts.headers).body(body);
        Answer::read(request.send().await, WHAT).await
    }

    async fn make_key(&self, key: &KeyInfo, intent: &str) -> Result<String> {
        let body = json!({
            "Description": format!("Accord: wraps key {} of agreement {}, and nothing else", key.epoch, key.agreement),
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "Tags": [
                { "TagKey": "accord-agreement", "TagValue": key.agreement },
                { "TagKey": "accord-epoch", "TagValue": key.epoch.to_string() },
                { "TagKey": INTENT, "TagValue": intent },
            ],
        });
        let answer = self.send("CreateKey", &body).await?;
        if !answer.status.is_success() {
            return Err(refused(WHAT, "make a key", answer.status, &answer.fault()));
        }
        Ok(answer.json::<Described>(WHAT)?.key_metadata.arn)
    }

    /// The KMS key with that intent among its tags.
    async fn find_key(&self, intent: &str) -> Result<Option<String>> {
        let look = |what: &str, answer: &Answer| {
            refused(WHAT, what, answer.status, &answer.fault()).with_hint(format!(
                "a command was killed while it made a KMS key: look for one with the tag {INTENT} = {intent}, delete it \
                 where it is there, and remove the file `.making-…` in the keyring's folder"
            ))
        };
        let mut body = json!({ "Limit": 1000 });
        loop {
            let answer = self.send("ListKeys", &body).await?;
            if !answer.status.is_success() {
                return Err(look("list its keys", &answer));
            }
            let listed: ListedKeys = answer.json(WHAT)?;
            for one in listed.keys {
                // Keys of AWS's own and of others may hide their tags.
                let tags = self.send("ListResourceTags", &json!({ "KeyId": one.key_arn })).await?;
                if tags.status == StatusCode::BAD_REQUEST {
                    continue;
                }
                if !tags.status.is_success() {
                    return Err(look("list the tags of a key", &tags));
                }
                let tags: ListedTags = tags.json(WHAT)?;
                if tags.tags.iter().any(|tag| tag.tag_key == INTENT && tag.tag_value == intent) {
                    return Ok(Some(one.key_arn));
                }
            }
            match listed.next_marker {
                Some(marker) => body = json!({ "Limit": 1000, "Marker": marker }),
                None => return Ok(None),
            }
        }
    }

    async fn wrapped(&self, key: &KeyInfo, plain: &[u8], arn: &str) -> Result<Vec<WrappedCopy>> {
        let body = json!({
            "KeyId": arn, "Plaintext": BASE64_STANDARD.encode(plain), "EncryptionContext": context(key),
        });
        let answer = self.send("Encrypt", &body).await?;
        if !answer.status.is_success() {
            return Err(refused(WHAT, "wrap the key", answer.status, &answer.fault()));
        }
        let encrypted: Encrypted = answer.json(WHAT)?;
        let bytes = Envelope::write(key, arn, &encrypted.ciphertext_blob)?;
        Ok(vec![WrappedCopy { ending: AWS_KMS, bytes }])
    }

    async fn opened(&self, key: &KeyInfo, copies: &[WrappedCopy], path: &str) -> Result<Zeroizing<Vec<u8>>> {
        let envelope = Envelope::read(find(copies, &[AWS_KMS], path)?, key, path)?;
        let body = json!({
            "KeyId": envelope.wrapped_by, "CiphertextBlob": envelope.ciphertext, "EncryptionContext": context(key),
        });
        let answer = self.send("Decrypt", &body).await?;
        if !answer.status.is_success() {
            let gone =
                ["InvalidCiphertextException", "IncorrectKeyException", "NotFoundException", "DisabledException"];
            let fault = answer.fault();
            let state = fault == "KMSInvalidStateException" || gone.contains(&fault.as_str());
            return Err(if state { not_opened(path) } else { refused(WHAT, "unwrap the key", answer.status, &fault) });
        }
        let text = Zeroizing::new(answer.json::<Decrypted>(WHAT)?.plaintext);
        BASE64_STANDARD.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| damaged(path))
    }

    async fn destroyed(&self, key: &KeyInfo, copies: &[WrappedCopy]) -> Result<Vec<String>> {
        let Some(copy) = copies.iter().find(|copy| copy.ending == AWS_KMS) else { return Ok(Vec::new()) };
        let arn = Envelope::read(copy, key, AWS_KMS)?.wrapped_by;
        let described = self.send("DescribeKey", &json!({ "KeyId": arn })).await?;
        if described.status == StatusCode::BAD_REQUEST && described.fault() == "NotFoundException" {
            return Ok(Vec::new());
        }
        if !described.status.is_success() {
            return Err(refused(WHAT, "describe the key", described.status, &described.fault()));
        }
        if described.json::<Described>(WHAT)?.key_metadata.key_state != "PendingDeletion" {
            let disabled = self.send("DisableKey", &json!({ "KeyId": arn })).await?;
            if !disabled.status.is_success() {
                return Err(refused(WHAT, "disable the key", disabled.status, &disabled.fault()));
            }
            let body = json!({ "KeyId": arn, "PendingWindowInDays": WAITING_DAYS });
            let scheduled = self.send("ScheduleKeyDeletion", &body).await?;
            if !scheduled.status.is_success() {
                return Err(refused(WHAT, "delete the key", scheduled.status, &scheduled.fault()));
            }
        }
        Ok(vec![format!("AWS KMS key {arn}, disabled; KMS deletes it in {WAITING_DAYS} days")])
    }
}

impl Wrapper for KmsWrapper {
    fn endings(&self) -> &'static [&'static str] {
        &[AWS_KMS]
    }

    fn has_own_keys(&self) -> bool {
        true
    }

    fn make<'a>(&'a self, key: &'a KeyInfo, intent: &'a str) -> BoxFuture<'a, Result<String>> {
        self.make_key(key, intent).boxed()
    }

    fn made<'a>(&'a self, _: &'a KeyInfo, intent: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        self.find_key(intent).boxed()
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

    fn destroy<'a>(&'a self, key: &'a KeyInfo, copies: &'a [WrappedCopy]) -> BoxFuture<'a, Result<Vec<String>>> {
        self.destroyed(key, copies).boxed()
    }
}

/// Bound to the ciphertext and written to CloudTrail with each use.
fn context(key: &KeyInfo) -> Value {
    json!({ "accord-agreement": key.agreement, "accord-epoch": key.epoch.to_string() })
}
