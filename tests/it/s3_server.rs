//! A real S3 server on this machine: `s3s` over a folder (`s3s-fs`), with signatures checked.
//!
//! Requests are served one at a time, so that a condition and the write it guards are one step, as on AWS.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpRequest};

/// The access key that the server knows.
pub(crate) const ACCESS_KEY_ID: &str = "accord-test";
/// Its secret.
pub(crate) const SECRET_ACCESS_KEY: &str = "accord-test-secret";

/// Whether the server honours `If-Match` and `If-None-Match` on writes, as AWS does, or ignores them, as older servers do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditions {
    Honoured,
    Ignored,
}

/// A running server with one empty bucket.
pub(crate) struct S3Server {
    /// Its address, such as `http://127.0.0.1:41234`.
    pub(crate) endpoint: String,
    /// The folder that holds its buckets; removed with the server.
    folder: tempfile::TempDir,
    down: Arc<AtomicBool>,
}

struct Shared {
    service: S3Service,
    runtime: tokio::runtime::Runtime,
    one_at_a_time: Mutex<()>,
    conditions: Conditions,
    down: Arc<AtomicBool>,
}

impl S3Server {
    /// Starts a server with the bucket `bucket`.
    pub(crate) fn start(bucket: &str, conditions: Conditions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(bucket)).expect("a bucket");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).expect("a folder"));
        if conditions == Conditions::Honoured {
            builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        }
        let down = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            service: builder.build(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime"),
            one_at_a_time: Mutex::new(()),
            conditions,
            down: Arc::clone(&down),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { endpoint, folder, down }
    }

    /// The folder of a bucket: each object is a file in it.
    pub(crate) fn folder(&self, bucket: &str) -> PathBuf {
        self.folder.path().join(bucket)
    }

    /// Makes the server drop every connection, or answer again.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let Ok(mut output) = stream.try_clone() else { return };
        let mut input = BufReader::new(stream);
        while let Some(request) = self.read_request(&mut input) {
            if self.down.load(Ordering::SeqCst) || self.answer(request, &mut output).is_none() {
                return;
            }
        }
    }

    fn read_request(&self, input: &mut BufReader<TcpStream>) -> Option<HttpRequest> {
        let first = line(input)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let header = line(input)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':')?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let body = read_body(input, &headers)?;
        let mut request = HttpRequest::new(Body::from(body));
        *request.method_mut() = method.parse().ok()?;
        *request.uri_mut() = target.parse().ok()?;
        let writes = method == "PUT" || method == "POST";
        // The signature covers the conditions, so that it goes with them.
        let ignored = |name: &str| {
            self.conditions == Conditions::Ignored
                && (name == "authorization" || (writes && (name == "if-match" || name == "if-none-match")))
        };
        let headers: HashMap<String, String> = headers.into_iter().filter(|(name, _)| !ignored(name)).collect();
        *request.headers_mut() = (&headers).try_into().ok()?;
        Some(request)
    }

    fn answer(&self, request: HttpRequest, output: &mut TcpStream) -> Option<()> {
        let head_only = request.method().as_str() == "HEAD";
        let (parts, body) = {
            let _turn = self.one_at_a_time.lock().ok()?;
            self.runtime.block_on(async {
                let (parts, mut stream) = self.service.call(request).await.ok()?.into_parts();
                let mut body = Vec::new();
                while let Some(piece) = stream.next().await {
                    body.extend_from_slice(&piece.ok()?);
                }
                Some((parts, body))
            })?
        };
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        for (name, value) in &parts.headers {
            if name.as_str() == "transfer-encoding" || (name.as_str() == "content-length" && !head_only) {
                continue;
            }
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if !head_only {
            head.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        output.write_all(&head).ok()?;
        if !head_only {
            output.write_all(&body).ok()?;
        }
        output.flush().ok()
    }
}

/// A line without its end; none when the connection is over.
fn line(input: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    if input.read_line(&mut text).ok()? == 0 {
        return None;
    }
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_body(input: &mut BufReader<TcpStream>, headers: &[(String, String)]) -> Option<Vec<u8>> {
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return read_chunks(input);
    }
    let mut body = vec![0; header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0)];
    input.read_exact(&mut body).ok()?;
    Some(body)
}

fn read_chunks(input: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(line(input)?.split(';').next()?.trim(), 16).ok()?;
        let start = body.len();
        body.resize(start + size, 0);
        input.read_exact(&mut body[start..]).ok()?;
        line(input)?;
        if size == 0 {
            return Some(body);
        }
    }
}
