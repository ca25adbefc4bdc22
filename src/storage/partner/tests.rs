//! What needs no server; the others are in `tests/it/sources.rs`.

use std::path::Path;

use secrecy::SecretString;

use super::{PartnerStore, web};
use crate::error::Result;
use crate::workspace::{PartnerStorage, SecretRef, Secrets};

struct Given(&'static str);

impl Secrets for Given {
    fn resolve(&self, _: &SecretRef) -> Result<SecretString> {
        Ok(SecretString::from(self.0))
    }
}

#[test]
fn plain_http_is_for_this_machine_alone() {
    for good in ["https://files.example.org/dav/", "http://127.0.0.1:8080", "http://localhost/a", "http://[::1]:1/"] {
        assert_eq!(web::address(good).expect(good), good.trim_end_matches('/'));
    }
    for bad in [
        "http://files.example.org",
        "http://127.0.0.1.example.org",
        "ftp://files.example.org",
        "files.example.org",
        "https://ana:secret@files.example.org",
        "https://files.example.org/?sig=secret",
        "",
    ] {
        let error = web::address(bad).expect_err(bad);
        assert_eq!(error.code(), "storage.address");
        assert!(!error.to_string().contains("secret") && error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_service_account_that_is_none_is_said_and_not_passed_over() {
    let config = PartnerStorage::Gcs {
        bucket: "bucket".into(),
        prefix: None,
        endpoint: None,
        credential: crate::workspace::GcsCredential::ServiceAccount(SecretRef::Env("KEY".into())),
    };
    let error = PartnerStore::open("csu", &config, Path::new("."), &Given("no JSON")).expect_err("no key");
    assert_eq!(error.code(), "storage.credential");
    assert!(error.to_string().starts_with("open the storage of partner `csu`"), "{error}");
}

#[test]
fn a_folder_of_a_partner_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = PartnerStorage::Fs { root: "drop".into() };
    let error = PartnerStore::open("csu", &config, folder.path(), &Given("")).expect_err("missing");
    assert_eq!((error.code(), error.kind()), ("storage.unreachable", crate::Kind::TryAgain));
    assert!(!folder.path().join("drop").exists());
}
