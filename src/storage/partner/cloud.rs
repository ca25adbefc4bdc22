//! Folders, object stores, WebDAV and HTTPS, through opendal.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opendal::Operator;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::services::{Azblob, Fs, Gcs, Http, S3, Webdav};

use super::super::remote::secret;
use super::{fault, web};
use crate::error::{Error, Result};
use crate::workspace::{AzureCredential, GcsCredential, PartnerStorage, SecretRef, Secrets, WebLogin};

/// What a service account may do with what is not its own: read it.
const GCS_SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

pub(super) fn open(config: &PartnerStorage, workspace_root: &Path, secrets: &dyn Secrets) -> Result<Operator> {
    let give = |reference: &SecretRef| secret(secrets, reference);
    let address = |reference: &SecretRef| web::address(&secret(secrets, reference)?);
    let mut own_ca = None;
    let bare = match config {
        PartnerStorage::Fs { root } => return folder(&workspace_root.join(root)),
        PartnerStorage::S3 { bucket, prefix, region, endpoint, access_key_id, secret_access_key, ca_file } => {
            own_ca = ca_file.as_ref();
            let mut builder = S3::default()
                .bucket(bucket)
                .root(prefix.as_deref().unwrap_or(""))
                .region(region)
                .access_key_id(&give(access_key_id)?)
                .secret_access_key(&give(secret_access_key)?)
                .disable_config_load()
                .disable_ec2_metadata();
            if let Some(endpoint) = endpoint {
                builder = builder.endpoint(&address(endpoint)?);
            }
            Operator::new(builder)
        }
        PartnerStorage::Gcs { bucket, prefix, endpoint, credential } => {
            let mut builder = Gcs::default()
                .bucket(bucket)
                .root(prefix.as_deref().unwrap_or(""))
                .scope(GCS_SCOPE)
                .disable_config_load()
                .disable_vm_metadata();
            if let Some(endpoint) = endpoint {
                builder = builder.endpoint(&address(endpoint)?);
            }
            Operator::new(match credential {
                GcsCredential::Token(token) => builder.token(give(token)?),
                GcsCredential::ServiceAccount(key) => builder.credential(&service_account(&give(key)?)?),
            })
        }
        PartnerStorage::Azure { account, container, prefix, endpoint, credential } => {
            let account = give(account)?;
            let endpoint = match endpoint {
                Some(endpoint) => address(endpoint)?,
                None => web::address(&format!("https://{account}.blob.core.windows.net"))?,
            };
            let builder = Azblob::default()
                .container(container)
                .root(prefix.as_deref().unwrap_or(""))
                .account_name(&account)
                .endpoint(&endpoint);
            Operator::new(match credential {
                AzureCredential::SasToken(token) => builder.sas_token(give(token)?.trim_start_matches('?')),
                AzureCredential::AccountKey(key) => builder.account_key(&give(key)?),
            })
        }
        PartnerStorage::Webdav { endpoint, login, ca_file } => {
            own_ca = ca_file.as_ref();
            let builder = Webdav::default().endpoint(&address(endpoint)?);
            Operator::new(match login {
                None => builder,
                Some(WebLogin::Password { user, password }) => {
                    builder.username(&give(user)?).password(&give(password)?)
                }
                Some(WebLogin::Token { token }) => builder.token(&give(token)?),
            })
        }
        PartnerStorage::Https { endpoint, login, ca_file } => {
            own_ca = ca_file.as_ref();
            let builder = Http::default().endpoint(&address(endpoint)?);
            Operator::new(match login {
                None => builder,
                Some(WebLogin::Password { user, password }) => {
                    builder.username(&give(user)?).password(&give(password)?)
                }
                Some(WebLogin::Token { token }) => builder.token(&give(token)?),
            })
        }
        PartnerStorage::Sftp { .. } => return Err(Error::internal("storage.config", "open SFTP as an object store")),
    };
    let bare = bare.map_err(|error| fault::of_opendal("open", "it", error))?;
    let own_ca = own_ca.map(|path| workspace_root.join(path));
    Ok(patient(web::with_client(bare, own_ca.as_deref())?))
}

/// Opens a folder that is there: opendal would make one that is not.
fn folder(root: &Path) -> Result<Operator> {
    if !root.is_dir() {
        return Err(Error::storage("storage.unreachable", format!("there is no folder {}", root.display()))
            .with_hint("mount it, or correct its `root` in config/accord.yaml; nothing is created at a partner"));
    }
    let root = root.to_string_lossy();
    Operator::new(Fs::default().root(&root)).map_err(|error| fault::of_opendal("open folder", &root, error))
}

/// Waits for answers, and asks again where asking again may help.
fn patient(bare: Operator) -> Operator {
    let timeout = TimeoutLayer::new().with_timeout(Duration::from_secs(60)).with_io_timeout(Duration::from_secs(60));
    let retry = RetryLayer::new().with_max_times(3).with_min_delay(Duration::from_millis(250)).with_jitter();
    bare.layer(timeout).layer(retry)
}

/// A service account's key as opendal takes it. What opendal can't read it would pass over in silence.
fn service_account(json: &str) -> Result<String> {
    let parsed: Option<serde_json::Value> = serde_json::from_str(json).ok();
    let has = |key: &str| parsed.as_ref().is_some_and(|key_file| key_file[key].is_string());
    if !(has("client_email") && has("private_key")) {
        let said = "its `service_account` is not the JSON of a service account's key";
        return Err(Error::config("storage.credential", said)
            .with_hint("give the whole file that Google hands out, with `client_email` and `private_key`"));
    }
    Ok(BASE64_STANDARD.encode(json))
}
