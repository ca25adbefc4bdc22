//! Partners' servers on this machine, one of each kind that extracts are fetched from.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::harness::{Workspace, python, python_program};
use crate::s3_server::{ACCESS_KEY_ID, Conditions, S3Server, SECRET_ACCESS_KEY};

/// Azure's example key; it is no secret.
const AZURE_KEY: &str = "YWNjb3JkIHRlc3RzIHNpZ24gd2l0aCB0aGlzIGtleQ==";
const AZURE_SAS: &str = "sv=2024-11-04&sr=c&sp=rl&sig=YWNjb3Jk";

/// A server, and how a workspace is told of it.
pub(crate) struct Site {
    /// The node under `partners` in config/accord.yaml.
    pub(crate) config: String,
    /// Variables that it names.
    pub(crate) variables: Vec<(&'static str, String)>,
    put: Put,
    _server: Vec<Running>,
    folder: TempDir,
}

/// How a file gets there.
enum Put {
    Folder(PathBuf),
    Gcs(u16),
}

/// What ends with the site.
pub(crate) enum Running {
    Child(Child),
    S3(#[expect(dead_code, reason = "it is kept so that it runs")] S3Server),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Running::Child(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Site {
    fn new(config: impl Into<String>, variables: Vec<(&'static str, String)>, put: Put, server: Vec<Running>) -> Self {
        Self { config: config.into(), variables, put, _server: server, folder: TempDir::new().expect("a folder") }
    }

    /// Puts a file there, an hour old where the server keeps times.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.put_at(path, bytes, 3600);
    }

    pub(crate) fn put_at(&self, path: &str, bytes: &[u8], seconds_ago: u64) {
        match &self.put {
            Put::Folder(folder) => {
                let path = folder.join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(&path, bytes).expect("a file");
                let time = SystemTime::now() - Duration::from_secs(seconds_ago);
                std::fs::File::options().write(true).open(path).expect("a file").set_modified(time).expect("a time");
            }
            Put::Gcs(port) => {
                let name = path.replace('/', "%2F").replace(' ', "%20");
                let mut stream = TcpStream::connect(("127.0.0.1", *port)).expect("a connection");
                let head = format!(
                    "POST /upload/storage/v1/b/bucket/o?uploadType=media&name={name} HTTP/1.1\r\nHost: localhost\r\n\
                     Content-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    bytes.len()
                );
                stream.write_all(head.as_bytes()).expect("written");
                stream.write_all(bytes).expect("written");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer");
                assert!(answer.contains(" 200 "), "{answer}");
            }
        }
    }

    /// Tells a workspace that a partner's extracts are here.
    pub(crate) fn configure(&self, workspace: &mut Workspace, partner: &str) {
        let settings = workspace.read("config/accord.yaml");
        workspace.write("config/accord.yaml", format!("{settings}\npartners:\n  {partner}: {}\n", self.config));
        for (name, value) in &self.variables {
            workspace.set(name, value);
        }
    }

    pub(crate) fn fs() -> Self {
        let folder = TempDir::new().expect("a folder");
        let root = folder.path().to_owned();
        let mut site =
            Self::new(format!("{{ type: fs, root: {} }}", root.display()), vec![], Put::Folder(root), vec![]);
        site.folder = folder;
        site
    }

    pub(crate) fn s3() -> Self {
        let server = S3Server::start("bucket", Conditions::Honoured);
        let config = "{ type: s3, bucket: bucket, prefix: to/county, region: us-west-2, endpoint: { env: P_ENDPOINT }, \
                      access_key_id: { env: P_ID }, secret_access_key: { env: P_SECRET } }";
        let variables = vec![
            ("P_ENDPOINT", server.endpoint.clone()),
            ("P_ID", ACCESS_KEY_ID.to_owned()),
            ("P_SECRET", SECRET_ACCESS_KEY.to_owned()),
        ];
        let folder = server.folder("bucket").join("to/county");
        Self::new(config, variables, Put::Folder(folder), vec![Running::S3(server)])
    }

    pub(crate) fn gcs() -> Self {
        let folder = TempDir::new().expect("a folder");
        let (child, port) = start("gcs", &[&folder.path().display().to_string(), "--bucket", "bucket"]);
        let config =
            "{ type: gcs, bucket: bucket, endpoint: { env: P_ENDPOINT }, credential: { token: { env: P_TOKEN } } }";
        let variables = vec![("P_ENDPOINT", format!("http://127.0.0.1:{port}")), ("P_TOKEN", "a-token".to_owned())];
        let mut site = Self::new(config, variables, Put::Gcs(port), vec![Running::Child(child)]);
        site.folder = folder;
        site
    }

    pub(crate) fn azure(credential: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let root = folder.path().to_owned();
        let shown = root.display().to_string();
        let arguments =
            [&shown, "--container", "outbox", "--account", "county", "--key", AZURE_KEY, "--sas", AZURE_SAS];
        let (child, port) = start("azure", &arguments);
        let config = format!(
            "{{ type: azure, account: {{ env: P_ACCOUNT }}, container: outbox, prefix: to/county, \
             endpoint: {{ env: P_ENDPOINT }}, credential: {{ {credential}: {{ env: P_SECRET }} }} }}"
        );
        let secret = if credential == "account_key" { AZURE_KEY } else { AZURE_SAS };
        let variables = vec![
            ("P_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("P_ACCOUNT", "county".to_owned()),
            ("P_SECRET", secret.to_owned()),
        ];
        let mut site = Self::new(config, variables, Put::Folder(root.join("to/county")), vec![Running::Child(child)]);
        site.folder = folder;
        site
    }

    /// A server that sends every request on to another one.
    pub(crate) fn sent_on_to(other: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {other}/a.txt\r\nContent-Length: 0\r\n\r\n");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let config = "{ type: https, endpoint: { env: P_ENDPOINT }, login: { type: token, token: { env: P_TOKEN } } }";
        let variables = vec![("P_ENDPOINT", format!("http://127.0.0.1:{port}")), ("P_TOKEN", "let-me-in".to_owned())];
        Self::new(config, variables, Put::Gcs(0), vec![])
    }

    /// A WebDAV server with TLS by an authority of its own; `kind` is `webdav`, or `https` for the same files without a
    /// listing. `ca_file` is `authority.pem`, `other.pem` (an authority that it has nothing to do with) or empty.
    pub(crate) fn web(kind: &str, ca_file: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (root, made) = (folder.path().join("files"), folder.path().join("made"));
        std::fs::create_dir_all(&root).expect("a folder");
        std::fs::create_dir_all(&made).expect("a folder");
        python("server.py", &["certificates".as_ref(), made.as_os_str()]).expect(0);
        let (shown, tls) = (root.display().to_string(), made.display().to_string());
        let (child, port) = start("webdav", &[&shown, "--tls", &tls, "--login", "county:let-me-in"]);
        let trusted = if ca_file.is_empty() { String::new() } else { format!(", ca_file: {tls}/{ca_file}") };
        let config = format!(
            "{{ type: {kind}, endpoint: {{ env: P_ENDPOINT }}{trusted}, \
             login: {{ type: password, user: {{ env: P_USER }}, password: {{ env: P_PASSWORD }} }} }}"
        );
        let variables = vec![
            ("P_ENDPOINT", format!("https://127.0.0.1:{port}")),
            ("P_USER", "county".to_owned()),
            ("P_PASSWORD", "let-me-in".to_owned()),
        ];
        let mut site = Self::new(config, variables, Put::Folder(root), vec![Running::Child(child)]);
        site.folder = folder;
        site
    }
}

/// Starts a server of `tests/python/server.py` and gives its port.
fn start(kind: &str, arguments: &[&str]) -> (Child, u16) {
    let mut child = python_program("server.py")
        .arg(kind)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("python starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("standard output")).read_line(&mut line).expect("a line");
    let port = line.trim().parse().unwrap_or_else(|_| panic!("server.py {kind} did not start: {line}"));
    (child, port)
}

/// OpenSSH's server with an SFTP account: host key, account and log of its own, on a port of its own.
pub(crate) struct SftpServer {
    pub(crate) port: u16,
    folder: TempDir,
    server: Option<Running>,
}

impl SftpServer {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let mut server = Self { port, folder, server: None };
        std::fs::create_dir_all(server.path("files")).expect("a folder");
        server.new_key("host_key");
        server.new_key("key");
        std::fs::copy(server.path("key.pub"), server.path("authorized_keys")).expect("a copy");
        let host = std::fs::read_to_string(server.path("host_key.pub")).expect("a key");
        std::fs::write(server.path("known_hosts"), format!("[127.0.0.1]:{port} {host}")).expect("a file");
        server.run();
        server
    }

    /// The same server with another host key, as after a break-in or a new machine.
    pub(crate) fn with_another_host_key(mut self) -> Self {
        self.server = None;
        self.new_key("host_key");
        self.run();
        self
    }

    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Makes a pair of keys.
    pub(crate) fn new_key(&self, name: &str) {
        let path = self.path(name);
        let _ = std::fs::remove_file(&path);
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
        assert!(made.expect("ssh-keygen starts").success());
    }

    fn run(&mut self) {
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd", "/opt/homebrew/sbin/sshd"];
        let sshd = sshd.iter().find(|path| Path::new(path).exists()).expect(
            "this test needs OpenSSH's server: `apt-get install openssh-server` (it is started on a port of its own; no \
             service needs to run)",
        );
        let root = is_root();
        if root {
            // Where the server goes to have no rights; the system's own service makes it at boot.
            std::fs::create_dir_all("/run/sshd").expect("/run/sshd");
            std::fs::set_permissions("/run/sshd", std::fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        let shown = self.folder.path().display().to_string();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {shown}/host_key\nPidFile none\nAuthorizedKeysFile \
             {shown}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication yes\n\
             KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nForceCommand internal-sftp\n\
             PermitRootLogin yes\nLogLevel VERBOSE\n",
            self.port
        );
        std::fs::write(self.path("config"), config).expect("a file");
        let child = Command::new(sshd)
            .arg("-D")
            .arg("-f")
            .arg(self.path("config"))
            .arg("-E")
            .arg(self.path("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts");
        self.server = Some(Running::Child(child));
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("sshd does not answer: {}", self.log());
    }

    /// The site that it is, with the private key and the known hosts of these names in its folder.
    pub(crate) fn site(&self, key: &str, known_hosts: &str) -> Site {
        let (key, known, files) = (self.path(key), self.path(known_hosts), self.path("files"));
        let config = format!(
            "{{ type: sftp, endpoint: {{ env: P_ENDPOINT }}, user: {{ env: P_USER }}, key_file: {}, known_hosts: {}, \
             root: {} }}",
            key.display(),
            known.display(),
            files.display()
        );
        let variables = vec![("P_ENDPOINT", format!("127.0.0.1:{}", self.port)), ("P_USER", user())];
        Site::new(config, variables, Put::Folder(files), vec![])
    }
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id starts");
    String::from_utf8(output.stdout).expect("a name").trim().to_owned()
}

fn is_root() -> bool {
    user() == "root"
}
