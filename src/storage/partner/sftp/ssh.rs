//! The `ssh` process that a connection is.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use openssh_sftp_client::{Sftp, SftpOptions};
use tokio::net::unix::pipe;

use super::super::fault::Cause;
use super::misconfigured;
use crate::error::{Error, Result};

/// How long it may take until the server has let the key in.
const CONNECT: Duration = Duration::from_secs(60);
/// Where `ssh` is looked for. Nothing is taken from the environment.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";
/// Bytes kept of what `ssh` says.
const SAID: u64 = 16 << 10;

/// What `ssh` is told, whatever is written in configurations of the account or of the machine: those are not read.
const OPTIONS: [&str; 25] = [
    // The server.
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CanonicalizeHostname=no",
    // The account.
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "PubkeyAuthentication=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "HostbasedAuthentication=no",
    "GSSAPIAuthentication=no",
    "NumberOfPasswordPrompts=0",
    // Nothing but this one channel.
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    // How long it waits.
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "LogLevel=ERROR",
];

/// Whom to connect to, as whom, and what proves who is who.
#[derive(Debug)]
pub(super) struct Address {
    host: String,
    port: u16,
    user: String,
    key_file: PathBuf,
    known_hosts: PathBuf,
}

/// A connection. It ends with this value.
pub(super) struct Connection {
    pub(super) sftp: Sftp,
    _process: Process,
}

/// `ssh`, and what it says on its standard error.
struct Process {
    child: Child,
    said: Option<JoinHandle<String>>,
}

impl Address {
    pub(super) fn new(endpoint: &str, user: &str, key_file: &Path, known_hosts: &Path) -> Result<Self> {
        let (host, port) = split(endpoint)?;
        if user.is_empty() || user.starts_with('-') || !user.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(misconfigured("its `user` is no name of an account", "give the account's name alone"));
        }
        let [key_file, known_hosts] = [absolute(key_file)?, absolute(known_hosts)?];
        private(&key_file)?;
        if !known_hosts.is_file() {
            let shown = known_hosts.display();
            return Err(misconfigured(
                format!("there is no file {shown} of known host keys, and no other server is spoken to"),
                format!(
                    "write it with `ssh-keyscan -p {port} {host} > {shown}`, then compare what `ssh-keygen -lf {shown}` \
                     shows with what the partner's staff reads to you by phone"
                ),
            ));
        }
        Ok(Self { host, port, user: user.to_owned(), key_file, known_hosts })
    }

    /// Connects, proves who is who, and opens the SFTP channel.
    pub(super) async fn connect(&self) -> Result<Connection> {
        let mut process = self.start()?;
        let pipes = process.child.stdin.take().zip(process.child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Error::internal("storage.ssh", "ssh has no pipes"))?;
        let wrap = || -> std::io::Result<_> {
            let input = pipe::Sender::from_owned_fd(OwnedFd::from(input))?;
            Ok((input, pipe::Receiver::from_owned_fd(OwnedFd::from(output))?))
        };
        let (input, output) =
            wrap().map_err(|error| Error::internal("storage.ssh", "ssh has no pipes").with_source(error))?;
        let greeting = Sftp::new(input, output, SftpOptions::new());
        match tokio::time::timeout(CONNECT, greeting).await {
            Ok(Ok(sftp)) => Ok(Connection { sftp, _process: process }),
            outcome => {
                let late = outcome.is_err();
                let said = tokio::task::spawn_blocking(move || process.last_words()).await.unwrap_or_default();
                Err(self.refused(&said, late))
            }
        }
    }

    fn start(&self) -> Result<Process> {
        let mut command = Command::new("ssh");
        command.env_clear().env("PATH", PATH).env("LC_ALL", "C");
        command.args(["-F", "none", "-T", "-a", "-x"]);
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        command.arg("-o").arg(format!("UserKnownHostsFile={}", quoted(&self.known_hosts)));
        command.arg("-o").arg(format!("IdentityFile={}", quoted(&self.key_file)));
        command.args(["-p", &self.port.to_string(), "-l", &self.user, "-s", "--", &self.host, "sftp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            Error::failed("storage.ssh_missing", "start `ssh`, which SFTP goes through")
                .with_source(error)
                .with_hint("install the OpenSSH client (Debian: `apt-get install openssh-client`)")
        })?;
        let said = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                let _ = stderr.by_ref().take(SAID).read_to_end(&mut kept);
                // What nobody reads would stop it.
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
                String::from_utf8_lossy(&kept).into_owned()
            })
        });
        Ok(Process { child, said })
    }

    /// Why no connection came up, by what `ssh` said.
    fn refused(&self, said: &str, late: bool) -> Error {
        let (host, port) = (&self.host, self.port);
        let has = |words: &str| said.contains(words);
        let at = format!("connect to {host} port {port}");
        let error = if has("REMOTE HOST IDENTIFICATION HAS CHANGED") || has("REVOKED HOST KEY") {
            let shown = self.known_hosts.display();
            Error::failed("storage.host_key_changed", format!("{at}: its host key is not the one that is known"))
                .with_hint(format!(
                    "this may be another machine that poses as the partner's; nothing was read and no key was shown to \
                     it. Ask the partner by phone whether they changed it; if so, put the new key into {shown} after \
                     comparing its fingerprint"
                ))
        } else if has("Host key verification failed") || has("host key is known for") {
            let shown = self.known_hosts.display();
            Error::failed("storage.host_key_unknown", format!("{at}: its host key is not in {shown}")).with_hint(format!(
                "`ssh-keyscan -p {port} {host} >> {shown}` adds it; before you run again, compare what `ssh-keygen -lf \
                 {shown}` shows with what the partner's staff reads to you by phone"
            ))
        } else if has("Permission denied") || has("Too many authentication failures") {
            let key = self.key_file.display();
            Error::storage("storage.denied", format!("{at}: the server does not let the key of `{}` in", self.user))
                .with_hint(format!(
                    "ask the partner to put the public half (`ssh-keygen -yf {key}`) into the account's authorized_keys; \
                     a key with a passphrase can't be used"
                ))
        } else if has("subsystem request failed") {
            Error::failed("storage.no_sftp", format!("{at}: the server has no SFTP"))
                .with_hint("ask the partner to enable the sftp subsystem for the account")
        } else {
            Error::storage("storage.unreachable", format!("{at}: the server does not answer as it should"))
                .with_hint("check the `endpoint`, and whether the partner's server is up; then run again")
        };
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match (lines.last(), late) {
            (Some(line), _) => error.with_source(Cause(format!("ssh: {}", line.strip_prefix("ssh: ").unwrap_or(line)))),
            (None, true) => error.with_source(Cause(format!("no answer within {} seconds", CONNECT.as_secs()))),
            (None, false) => error,
        }
    }
}

impl Process {
    /// Ends it, and gives what it said.
    fn last_words(&mut self) -> String {
        // It ends by itself where the other side is gone; where it hangs, it is made to.
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.said.take().and_then(|said| said.join().ok()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Host and port of an endpoint.
fn split(endpoint: &str) -> Result<(String, u16)> {
    let wrong = || misconfigured("its `endpoint` is no server", "write HOST or HOST:PORT, such as sftp.example.org:22");
    let bare = endpoint.strip_prefix("sftp://").unwrap_or(endpoint).trim_end_matches('/');
    let (host, port) = match bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match bare.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (bare, None),
        },
    };
    let port = port.map_or(Ok(22), str::parse).map_err(|_| wrong())?;
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || host.starts_with('-') || !host.bytes().all(named) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

/// A path as `ssh` takes it, which knows quotes, `%` and variables in paths.
fn absolute(path: &Path) -> Result<PathBuf> {
    let full = std::path::absolute(path).map_err(|error| {
        misconfigured(format!("{} is no path", path.display()), "correct it in config/accord.yaml").with_source(error)
    })?;
    let plain = full.to_str().is_some_and(|text| !text.contains(['"', '\\', '$', '\n', '\r']));
    if plain {
        return Ok(full);
    }
    Err(misconfigured(
        format!("{} holds a character that ssh does not take in a path", full.display()),
        "use letters, digits, blanks, `.`, `-`, `_` and `/`",
    ))
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// Refuses a key that others on this machine can read, as `ssh` does, but with the next step.
fn private(key_file: &Path) -> Result<()> {
    let shown = key_file.display();
    let metadata = std::fs::metadata(key_file).map_err(|error| {
        misconfigured(
            format!("the `key_file` {shown} can't be read"),
            format!("make a key with `ssh-keygen -t ed25519 -N '' -f {shown}`, and give the partner {shown}.pub"),
        )
        .with_source(error)
    })?;
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(misconfigured(
        format!("others on this machine can read the `key_file` {shown}"),
        format!("`chmod 600 {shown}`; if they may have read it, make another key"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let good = |text: &str| split(text).expect("a server");
        assert_eq!(good("sftp.example.org"), ("sftp.example.org".to_owned(), 22));
        assert_eq!(good("sftp://10.0.0.1:2022/"), ("10.0.0.1".to_owned(), 2022));
        assert_eq!(good("[::1]:2022"), ("::1".to_owned(), 2022));
        for text in ["", "-oProxyCommand=x", "a b", "host:port", "host:99999", "user@host", "host;ls", "[::1"] {
            assert_eq!(split(text).expect_err(text).code(), "storage.config", "{text}");
        }
    }

    #[test]
    fn an_account_or_a_path_can_not_smuggle_an_option() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("known");
        std::fs::write(&file, "").expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        let with = |user: &str, known: &Path| Address::new("host", user, &file, known).map(drop);
        with("ana", &file).expect("right");
        for user in ["", "-oProxyCommand=x", "a b", "a\nb"] {
            assert_eq!(with(user, &file).expect_err("no account").code(), "storage.config");
        }
        for path in ["a\"b", "a$HOME", "a\\b"] {
            assert_eq!(with("ana", &folder.path().join(path)).expect_err("no path").code(), "storage.config");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("a mode");
        let open = with("ana", &file).expect_err("others can read the key");
        assert!(open.to_string().contains("others on this machine"), "{open}");
    }
}
