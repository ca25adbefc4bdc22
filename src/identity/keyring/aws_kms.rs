//! Keys wrapped by AWS KMS. Each of our keys is wrapped by a KMS key of its own, which is made for it and wraps nothing
//! else: destroying it makes every copy of the wrapped key useless, also in backups. KMS deletes a key after a waiting
//! period only (seven days, its shortest); from the first instant the key is disabled.
//!
//! The account needs `kms:CreateKey`, `kms:TagResource`, `kms:Encrypt`, `kms:Decrypt`, `kms:DescribeKey`,
//! `kms:DisableKey` and `kms:ScheduleKeyDeletion`. Requests are the JSON 1.1 protocol, signed with Signature Version 4.

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

    async fn make_key(&self, key: &KeyInfo) -> Result<String> {
        let body = json!({
            "Description": format!("Accord: wraps key {} of agreement {}, and nothing else", key.epoch, key.agreement),
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "Tags": [
                { "TagKey": "accord-agreement", "TagValue": key.agreement },
                { "TagKey": "accord-epoch", "TagValue": key.epoch.to_string() },
            ],
        });
        let answer = self.send("CreateKey", &body).await?;
        if !answer.status.is_success() {
            return Err(refused(WHAT, "make a key", answer.status, &answer.fault()));
        }
        Ok(answer.json::<Described>(WHAT)?.key_metadata.arn)
    }

    async fn wrapped(&self, key: &KeyInfo, plain: &[u8], before: &[WrappedCopy]) -> Result<Vec<WrappedCopy>> {
        let arn = match before.iter().find(|copy| copy.ending == AWS_KMS) {
            Some(copy) => Envelope::read(copy, key, AWS_KMS)?.wrapped_by,
            None => self.make_key(key).await?,
        };
        let body = json!({
            "KeyId": arn, "Plaintext": BASE64_STANDARD.encode(plain), "EncryptionContext": context(key),
        });
        let answer = self.send("Encrypt", &body).await?;
        if !answer.status.is_success() {
            return Err(refused(WHAT, "wrap the key", answer.status, &answer.fault()));
        }
        let encrypted: Encrypted = answer.json(WHAT)?;
        let bytes = Envelope::write(key, &arn, &encrypted.ciphertext_blob)?;
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
    fn wrap<'a>(
        &'a self,
        key: &'a KeyInfo,
        plain: &'a [u8],
        before: &'a [WrappedCopy],
    ) -> BoxFuture<'a, Result<Vec<WrappedCopy>>> {
        self.wrapped(key, plain, before).boxed()
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
