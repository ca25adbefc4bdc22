//! Keys wrapped by AWS KMS and by HashiCorp Vault, against a server on this machine that speaks their requests: KMS's
//! JSON 1.1 with Signature Version 4 checked by code of its own, Vault's transit engine with its token. What the server
//! keeps of a key is gone once its own key is.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::Workspace;

const AGREEMENT: &str = "college-going-2026";
const ACCESS_KEY: &str = "AKIATEST";
const SECRET_KEY: &str = "a secret that signs";
const TOKEN: &str = "hvs.a-token";
const REGION: &str = "us-west-2";

/// The server: what it holds, and what it was asked.
#[derive(Default)]
struct Kept {
    /// State of each KMS key, by ARN.
    kms: HashMap<String, &'static str>,
    /// Transit keys, and whether they may be deleted.
    transit: HashMap<String, bool>,
    /// Plaintext by (key, ciphertext, context).
    sealed: HashMap<(String, String, String), String>,
    requests: Vec<String>,
    /// Tags of each KMS key.
    tags: HashMap<String, Value>,
    /// Requests of this kind are carried out, and then the connection ends without an answer.
    unanswered: Option<&'static str>,
    /// Answers with this status and nothing else, for so many requests.
    failing: Option<(u16, u32)>,
}

struct Services {
    endpoint: String,
    kept: Arc<Mutex<Kept>>,
}

struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Services {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let kept = Arc::new(Mutex::new(Kept::default()));
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || while serve(&stream, &shared).is_some() {});
            }
        });
        Self { endpoint, kept }
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.kept.lock().expect("a lock").requests)
    }

    fn fail(&self, status: u16, times: u32) {
        self.kept.lock().expect("a lock").failing = Some((status, times));
    }

    fn forget(&self) {
        self.kept.lock().expect("a lock").requests.clear();
    }
}

fn serve(stream: &TcpStream, kept: &Mutex<Kept>) -> Option<()> {
    let request = read(&mut BufReader::new(stream))?;
    let (status, body) = {
        let mut kept = kept.lock().ok()?;
        if kept.unanswered.is_some_and(|what| request.header("x-amz-target").ends_with(what)) {
            kept.unanswered = None;
            kept.answer(&request);
            return None;
        }
        match kept.failing.filter(|(_, times)| *times > 0) {
            Some((status, times)) => {
                kept.failing = Some((status, times - 1));
                (status, json!({}))
            }
            None => kept.answer(&request),
        }
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut output = stream;
    output.write_all(head.as_bytes()).ok()?;
    output.write_all(body.as_bytes()).ok()
}

fn read(input: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut text = String::new();
        (input.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    input.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Signature Version 4 as its documentation describes it, for a POST to `/` without a query.
    fn is_signed(&self) -> bool {
        let authorization = self.header("authorization").replace(", ", ",");
        let part = |name: &str| {
            let found = authorization.split([',', ' ']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        let signed = part("SignedHeaders");
        let lines: String = signed.split(';').map(|name| format!("{name}:{}\n", self.header(name))).collect();
        let payload = hex::encode(Sha256::digest(&self.body));
        let canonical = format!("POST\n/\n\n{lines}\n{signed}\n{payload}");
        let time = self.header("x-amz-date");
        let scope = format!("{}/{REGION}/kms/aws4_request", time.get(..8).unwrap_or_default());
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
        for step in scope.split('/') {
            key = mac(&key, step);
        }
        signed.contains("host")
            && signed.contains("x-amz-date")
            && part("Credential") == format!("{ACCESS_KEY}/{scope}")
            && part("Signature") == hex::encode(mac(&key, &to_sign))
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).expect("any length").chain_update(text).finalize().into_bytes().to_vec()
}

impl Kept {
    fn answer(&mut self, request: &Request) -> (u16, Value) {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        match request.header("x-amz-target").strip_prefix("TrentService.") {
            Some(action) => self.kms(request, action, &body),
            None => self.vault(request, &body),
        }
    }

    fn kms(&mut self, request: &Request, action: &str, body: &Value) -> (u16, Value) {
        self.requests.push(action.to_owned());
        let fault = |kind: &str| (400, json!({ "__type": kind, "message": "…" }));
        if !request.is_signed() || request.header("content-type") != "application/x-amz-json-1.1" {
            return fault("InvalidSignatureException");
        }
        if action == "CreateKey" {
            let arn = format!("arn:aws:kms:{REGION}:111122223333:key/{:04}", self.kms.len());
            assert_eq!(body["KeySpec"], "SYMMETRIC_DEFAULT");
            self.kms.insert(arn.clone(), "Enabled");
            self.tags.insert(arn.clone(), body["Tags"].clone());
            return (200, json!({ "KeyMetadata": { "Arn": arn, "KeyId": arn, "KeyState": "Enabled" } }));
        }
        if action == "ListKeys" {
            // Two pages.
            let mut arns: Vec<&String> = self.kms.keys().collect();
            arns.sort();
            let (page, next) = match body["Marker"].as_str() {
                None => (&arns[..arns.len() / 2], Some("2")),
                Some(_) => (&arns[arns.len() / 2..], None),
            };
            let keys: Vec<Value> = page.iter().map(|arn| json!({ "KeyArn": arn, "KeyId": arn })).collect();
            return (200, json!({ "Keys": keys, "NextMarker": next, "Truncated": next.is_some() }));
        }
        let arn = body["KeyId"].as_str().unwrap_or_default().to_owned();
        if action == "ListResourceTags" {
            return (200, json!({ "Tags": self.tags[&arn], "Truncated": false }));
        }
        let Some(state) = self.kms.get(&arn).copied() else { return fault("NotFoundException") };
        let context = body["EncryptionContext"].to_string();
        match (action, state) {
            ("DescribeKey", _) => (200, json!({ "KeyMetadata": { "Arn": arn, "KeyId": arn, "KeyState": state } })),
            (_, "PendingDeletion") => fault("KMSInvalidStateException"),
            ("Encrypt" | "Decrypt", "Disabled") => fault("DisabledException"),
            ("Encrypt", _) => {
                let blob = BASE64_STANDARD.encode(format!("sealed {}", self.sealed.len()));
                self.sealed
                    .insert((arn.clone(), blob.clone(), context), body["Plaintext"].as_str().unwrap().to_owned());
                (200, json!({ "CiphertextBlob": blob, "KeyId": arn }))
            }
            ("Decrypt", _) => {
                let blob = body["CiphertextBlob"].as_str().unwrap_or_default().to_owned();
                match self.sealed.get(&(arn.clone(), blob, context)) {
                    Some(plain) => (200, json!({ "Plaintext": plain, "KeyId": arn })),
                    None => fault("InvalidCiphertextException"),
                }
            }
            ("DisableKey", _) => {
                self.kms.insert(arn, "Disabled");
                (200, Value::Null)
            }
            ("ScheduleKeyDeletion", _) => {
                assert_eq!(body["PendingWindowInDays"], 7);
                self.kms.insert(arn.clone(), "PendingDeletion");
                (200, json!({ "KeyId": arn, "KeyState": "PendingDeletion", "DeletionDate": 1_800_000_000 }))
            }
            _ => fault("UnknownOperationException"),
        }
    }

    fn vault(&mut self, request: &Request, body: &Value) -> (u16, Value) {
        let path = request.path.strip_prefix("/v1/transit/").unwrap_or_default();
        self.requests.push(format!("{} {path}", request.method));
        if request.header("x-vault-token") != TOKEN {
            return (403, json!({ "errors": ["permission denied"] }));
        }
        let (what, name) = path.split_once('/').unwrap_or_default();
        let missing = |status| (status, json!({ "errors": ["no existing key named that could be found"] }));
        let context = body["associated_data"].to_string();
        match (request.method.as_str(), what, name.strip_suffix("/config")) {
            ("POST", "keys", Some(name)) => match self.transit.get_mut(name) {
                Some(deletable) => {
                    *deletable = body["deletion_allowed"] == true;
                    (200, Value::Null)
                }
                None => missing(400),
            },
            ("POST", "keys", None) => {
                assert_eq!((&body["exportable"], &body["allow_plaintext_backup"]), (&json!(false), &json!(false)));
                self.transit.entry(name.to_owned()).or_insert(false);
                (204, Value::Null)
            }
            ("GET", "keys", _) if self.transit.contains_key(name) => (200, json!({ "data": { "name": name } })),
            ("DELETE", "keys", _) => match self.transit.get(name) {
                Some(true) => {
                    self.transit.remove(name);
                    (204, Value::Null)
                }
                Some(false) => (400, json!({ "errors": ["deletion is not allowed for this key"] })),
                None => missing(400),
            },
            ("POST", "encrypt", _) if self.transit.contains_key(name) => {
                let text = format!("vault:v1:{}", BASE64_STANDARD.encode(format!("sealed {}", self.sealed.len())));
                let plain = body["plaintext"].as_str().unwrap().to_owned();
                self.sealed.insert((name.to_owned(), text.clone(), context), plain);
                (200, json!({ "data": { "ciphertext": text, "key_version": 1 } }))
            }
            ("POST", "decrypt", _) if self.transit.contains_key(name) => {
                let text = body["ciphertext"].as_str().unwrap_or_default().to_owned();
                match self.sealed.get(&(name.to_owned(), text, context)) {
                    Some(plain) => (200, json!({ "data": { "plaintext": plain } })),
                    None => (400, json!({ "errors": ["invalid ciphertext"] })),
                }
            }
            ("POST", "encrypt" | "decrypt", _) => missing(400),
            _ => missing(404),
        }
    }
}

const BY_IDENTITY: &str = "    identity: { file: var/keys/operator.age-identity }\n";

fn with_kms(services: &Services) -> Workspace {
    let mut workspace = Workspace::light();
    std::fs::remove_file(workspace.path("var/keys/college-going-2026.e1.age")).expect("removed");
    let by_kms = format!(
        "    aws_kms:\n      region: {REGION}\n      endpoint: {{ env: KMS }}\n      access_key_id: {{ env: KMS_ID }}\n      \
         secret_access_key: {{ env: KMS_SECRET }}\n"
    );
    workspace.replace("config/accord.yaml", BY_IDENTITY, &by_kms);
    workspace.set("KMS", &services.endpoint);
    workspace.set("KMS_ID", ACCESS_KEY);
    workspace.set("KMS_SECRET", SECRET_KEY);
    without_ledger(workspace)
}

fn with_vault(services: &Services) -> Workspace {
    let mut workspace = Workspace::light();
    std::fs::remove_file(workspace.path("var/keys/college-going-2026.e1.age")).expect("removed");
    let by_vault = "    vault_transit: { address: { env: VAULT }, token: { env: VAULT_TOKEN } }\n";
    workspace.replace("config/accord.yaml", BY_IDENTITY, by_vault);
    workspace.set("VAULT", &services.endpoint);
    workspace.set("VAULT_TOKEN", TOKEN);
    without_ledger(workspace)
}

/// The template's key is in its ledger; here another one is to be the first.
fn without_ledger(workspace: Workspace) -> Workspace {
    std::fs::remove_dir_all(workspace.path("var/state")).expect("removed");
    workspace
}

/// From the first key to its end; `file` is what the keyring then holds.
fn lives_and_dies(workspace: &Workspace, services: &Services, file: &str) {
    workspace.ok(&format!("keys new {AGREEMENT}"));
    workspace.run(&format!("keys new {AGREEMENT}")).expect(2).says("identity.key_exists");
    let wrapped = workspace.read(&format!("var/keys/{file}"));
    workspace.ok("run college_going");
    workspace.ok("quarantine show college_going graduates --summary");
    workspace.run("keys export-recipient").expect(2).says("keys.no_recipient");
    workspace.ok(&format!("keys rewrap {AGREEMENT}"));
    services.forget();

    for (steward, reason) in [("lausd_steward", Some("The agreement has ended")), ("laccd_steward", None)] {
        let key = format!("var/keys/{steward}.key");
        let mut args = vec!["keys", "destroy", AGREEMENT, "--as", steward, "--key", &key];
        args.extend(reason.iter().flat_map(|reason| ["--reason", reason]));
        if reason.is_none() {
            // The service is down at first: the key is refused from then on, and the next call finishes it.
            services.fail(503, 1);
            workspace.run_args(&args).expect(75).says("identity.service_down");
            workspace.run("run college_going --again").expect(5).says("identity.key_destroyed");
            workspace.ok(&format!("keys destroy {AGREEMENT}"));
        } else {
            workspace.run_args(&args).expect(0);
        }
    }
    assert!(!workspace.path(&format!("var/keys/{file}")).exists());
    // Not even without the ledger does a backup of the wrapped key open any more: the service's key is gone.
    let other = workspace.copy();
    other.write(&format!("var/keys/{file}"), &wrapped);
    other.run("run college_going --again").expect(5).says("identity.key_destroyed");
    std::fs::remove_dir_all(other.path("var/state")).expect("removed");
    other.run("run college_going").expect(1).says("identity.wrong_key");
}

#[test]
fn a_key_in_kms_dies_with_its_own_kms_key() {
    let services = Services::start();
    let workspace = with_kms(&services);
    lives_and_dies(&workspace, &services, "college-going-2026.e1.aws_kms.json");
    let kept = services.kept.lock().expect("a lock");
    assert_eq!(kept.kms.values().collect::<Vec<_>>(), [&"PendingDeletion"]);
    drop(kept);
    let proof = workspace.ok("ledger show").stdout;
    assert!(proof.contains("AWS KMS key arn:aws:kms:us-west-2:111122223333:key/0000, disabled"), "{proof}");
    let asked = services.requests();
    assert!(asked.starts_with(&["DescribeKey", "DisableKey", "ScheduleKeyDeletion"].map(str::to_owned)), "{asked:?}");
}

#[test]
fn a_key_in_vault_dies_with_its_own_transit_key() {
    let services = Services::start();
    let workspace = with_vault(&services);
    lives_and_dies(&workspace, &services, "college-going-2026.e1.vault_transit.json");
    assert!(services.kept.lock().expect("a lock").transit.is_empty());
    let proof = workspace.ok("ledger show").stdout;
    assert!(proof.contains("transit key accord-college-going-2026-e1 of Vault, deleted"), "{proof}");
}

#[test]
fn each_key_has_a_wrapping_key_of_its_own() {
    let services = Services::start();
    let workspace = with_vault(&services);
    std::fs::remove_file(workspace.path("var/keys/oulad-2026.e1.age")).expect("removed");
    workspace.ok(&format!("keys new {AGREEMENT}"));
    workspace.ok(&format!("keys rotate {AGREEMENT}"));
    workspace.ok("keys new oulad-2026");
    workspace.ok("keys rewrap");
    let mut names: Vec<String> = services.kept.lock().expect("a lock").transit.keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["accord-college-going-2026-e1", "accord-college-going-2026-e2", "accord-oulad-2026-e1"]);
    // One renamed to another's name is refused before the service is asked.
    let first = workspace.read("var/keys/college-going-2026.e1.vault_transit.json");
    workspace.write("var/keys/college-going-2026.e2.vault_transit.json", first);
    workspace.run("run college_going").expect(1).says("identity.other_key");
}

#[test]
fn a_service_that_refuses_or_is_down_is_said_without_a_secret() {
    let services = Services::start();
    let mut workspace = with_kms(&services);
    services.fail(500, 1);
    let down = workspace.run(&format!("keys new {AGREEMENT}")).expect(75).says("AWS KMS did not make a key");
    workspace.set("KMS_SECRET", "another secret");
    let refused = workspace.run(&format!("keys new {AGREEMENT}")).expect(1).says("InvalidSignatureException");
    workspace.set("KMS", "http://127.0.0.1:9");
    let nobody = workspace.run(&format!("keys new {AGREEMENT}")).expect(75).says("AWS KMS does not answer");
    workspace.set("KMS", "http://kms.example.org");
    let clear = workspace.run(&format!("keys new {AGREEMENT}")).expect(3).says("would carry keys in the clear");
    let mut vault = with_vault(&services);
    vault.set("VAULT_TOKEN", "hvs.another");
    let token = vault.run(&format!("keys new {AGREEMENT}")).expect(1).says("status 403");
    for ran in [down, refused, nobody, clear, token] {
        for secret in [SECRET_KEY, "another secret", TOKEN, "hvs.another"] {
            assert!(!ran.said().contains(secret), "{}", ran.said());
        }
    }
    let there = workspace.files("var/keys").into_iter().map(|(name, _)| name);
    assert!(
        !there.into_iter().any(|name| name.contains(".e1.aws_kms") && !name.starts_with(".making-")),
        "no key was made"
    );
}

/// What an operator does who moves the keys of a workspace to other wrapping: `to` instead of the identity.
fn moved(workspace: &Workspace, from: &str, to: &str) {
    let text = workspace.read("config/accord.yaml");
    let formerly = format!("  formerly:\n    - {}", from.trim_start().replace("\n      ", "\n        "));
    workspace
        .write("config/accord.yaml", text.replace(from, to).replace("  unlock:\n", &format!("{formerly}  unlock:\n")));
}

fn by_kms() -> String {
    format!(
        "    aws_kms:\n      region: {REGION}\n      endpoint: {{ env: KMS }}\n      access_key_id: {{ env: KMS_ID }}\n      \
         secret_access_key: {{ env: KMS_SECRET }}\n"
    )
}

const BY_VAULT: &str = "    vault_transit: { address: { env: VAULT }, token: { env: VAULT_TOKEN } }\n";

#[test]
fn keys_move_from_an_identity_to_a_service_and_back() {
    let services = Services::start();
    let mut workspace = Workspace::with_candidates();
    for (name, value) in [("KMS", services.endpoint.as_str()), ("KMS_ID", ACCESS_KEY), ("KMS_SECRET", SECRET_KEY)] {
        workspace.set(name, value);
    }
    workspace.set("VAULT", &services.endpoint);
    workspace.set("VAULT_TOKEN", TOKEN);
    let (before, pristine) = (workspace.ok("keys list").stdout, workspace.read("config/accord.yaml"));
    let names = |workspace: &Workspace| -> Vec<String> {
        let mut names: Vec<_> = workspace.files("var/keys").into_iter().map(|(name, _)| name).collect();
        names.retain(|name| name.contains(".e1.") || name.contains("making"));
        names
    };
    // Without saying where they come from they do not move, and nothing is lost.
    workspace.replace("config/accord.yaml", BY_IDENTITY, &by_kms());
    workspace.run("keys rewrap").expect(3).says("keyring.formerly");
    workspace.write("config/accord.yaml", &pristine);
    for (from, to, ending) in [
        (BY_IDENTITY.to_owned(), by_kms(), "aws_kms.json"),
        (by_kms(), BY_VAULT.to_owned(), "vault_transit.json"),
        (BY_VAULT.to_owned(), BY_IDENTITY.to_owned(), "age"),
    ] {
        let unlock = pristine.replace(BY_IDENTITY, &from);
        workspace.write("config/accord.yaml", unlock);
        moved(&workspace, &from, &to);
        // A service that is down in the middle: the same again finishes it.
        services.fail(503, 1);
        workspace.run("keys rewrap").expect(75).says("identity.service_down");
        workspace.ok("keys rewrap").says("wrapped key 1 of college-going-2026 anew");
        assert_eq!(names(&workspace), ["college-going-2026", "oulad-2026"].map(|name| format!("{name}.e1.{ending}")));
        workspace.write("config/accord.yaml", pristine.replace(BY_IDENTITY, &to));
        assert_eq!(workspace.ok("keys list").stdout, before);
        workspace.ok("run college_going").says("unchanged");
    }
    let kept = services.kept.lock().expect("a lock");
    assert!(kept.kms.len() == 2 && kept.kms.values().all(|state| *state == "PendingDeletion"), "{:?}", kept.kms);
    assert!(kept.transit.is_empty(), "what wrapped a key before is destroyed with the move");
}

/// Killed between the service's making of a key and the note of its name: it is found, and no second one is made.
#[test]
fn a_key_that_a_killed_command_made_in_a_service_is_found_again() {
    let services = Services::start();
    let workspace = with_kms(&services);
    services.kept.lock().expect("a lock").unanswered = Some("CreateKey");
    workspace.run(&format!("keys new {AGREEMENT}")).expect(75).says("identity.service_down");
    workspace.ok("keys list").says("NOT FINISHED");
    // Once more, after the name was noted and before the key was wrapped.
    services.kept.lock().expect("a lock").unanswered = Some("Encrypt");
    workspace.run(&format!("keys new {AGREEMENT}")).expect(75);
    workspace.ok("keys list").says("NOT FINISHED");
    services.forget();
    workspace.ok(&format!("keys new {AGREEMENT}")).says("made key 1");
    assert_eq!(services.requests(), ["Encrypt"], "it goes on with the key that was made");
    assert!(!workspace.ok("keys list").said().contains("NOT FINISHED"));
    assert_eq!(services.kept.lock().expect("a lock").kms.len(), 1);
    workspace.ok("run college_going");
    // What was made for a key that never came is destroyed with the others.
    services.kept.lock().expect("a lock").unanswered = Some("Encrypt");
    workspace.run(&format!("keys rotate {AGREEMENT}")).expect(75);
    for (steward, reason) in [("lausd_steward", &["--reason", "The agreement has ended"][..]), ("laccd_steward", &[])] {
        let key = format!("var/keys/{steward}.key");
        let args = ["keys", "destroy", AGREEMENT, "--as", steward, "--key", &key];
        workspace.run_args(&[&args[..], reason].concat()).expect(0);
    }
    let kept = services.kept.lock().expect("a lock");
    assert!(kept.kms.len() == 2 && kept.kms.values().all(|state| *state == "PendingDeletion"), "{:?}", kept.kms);
}
