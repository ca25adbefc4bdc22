//! Pages in a real browser: Chromium without a window, and a server that has nothing but the page.
//!
//! The page is shown in frames of several widths, whose measures a script of the frame around them takes: a window of
//! Chromium itself is never narrower than a tablet.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Widths of a small phone, a phone, a tablet and a desk.
pub(crate) const WIDTHS: [u64; 4] = [320, 390, 768, 1280];

/// What a browser made of a page.
pub(crate) struct Seen {
    /// By width: title, headings, rows of tables, width of what is shown, colours, what was loaded.
    pub(crate) frames: Vec<Value>,
    /// What stands on the console, but for what the measuring itself says.
    pub(crate) console: Vec<String>,
    /// What was asked of the server.
    pub(crate) asked: Vec<String>,
}

/// Shows a page in light or dark.
///
/// # Panics
/// Without Chromium.
pub(crate) fn look(page: &str, dark: bool) -> Seen {
    let (port, asked) = serve(page.to_owned());
    let profile = TempDir::new().expect("a folder");
    // 0 is dark to Blink, 1 is light.
    let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
    let output = Command::new(chromium())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
        ])
        .args(["--enable-logging=stderr", "--window-size=1400,900", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(scheme)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://127.0.0.1:{port}/around"))
        .stdin(Stdio::null())
        .output()
        .expect("Chromium starts");
    let (shown, logged) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let found = shown.split_once("<pre id=\"found\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.unwrap_or_else(|| panic!("the page was not measured: {shown}\n{logged}"));
    let frames: Vec<Value> = serde_json::from_str(&unescaped(found)).unwrap_or_else(|why| panic!("{why}: {found}"));
    let said: Vec<String> = logged.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    assert!(said.iter().any(|line| line.contains("measured")), "the console is not heard: {logged}");
    let console = said.into_iter().filter(|line| !line.contains("measured")).collect();
    let asked = asked.lock().expect("requests").clone();
    Seen { frames, console, asked }
}

/// The frame around the page, which measures it.
fn around() -> String {
    let mut page = String::from(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><style>:root { color-scheme: light dark }</style>\
         <link rel=\"icon\" href=\"data:,\"></head><body>",
    );
    for width in WIDTHS {
        let _ = write!(page, "<iframe src=\"/page\" width=\"{width}\" height=\"800\" style=\"border: 0\"></iframe>");
    }
    page.push_str(
        r##"<pre id="found"></pre><script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
    const cut = [...page.querySelectorAll("main *")].filter((one) => !one.closest(".scroll") && !one.closest("svg")
      && one.getBoundingClientRect().right > root.clientWidth + 1).map((one) => one.tagName);
    const bars = [...page.querySelectorAll(".bar rect")].map((bar) => bar.getBoundingClientRect().width);
    return {
      width: frame.width, title: page.title, wide: root.scrollWidth - root.clientWidth, cut, bars,
      headings: [...page.querySelectorAll("h1, h2")].map((one) => one.textContent),
      rows: page.querySelectorAll("tbody tr").length, items: page.querySelectorAll("main li").length,
      dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
      ink: view.getComputedStyle(page.body).color, paper: view.getComputedStyle(page.body).backgroundColor,
      border: view.getComputedStyle(page.querySelector(".verdict") || page.body).borderLeftColor,
      font: view.getComputedStyle(page.body).fontFamily,
      loaded: view.performance.getEntriesByType("resource").map((one) => one.name),
    };
  });
  document.getElementById("found").textContent = JSON.stringify(found);
  console.log("measured");
});
</script></body></html>"##,
    );
    page
}

/// Serves the page and what is around it; and what was asked for.
fn serve(page: String) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (page, heard) = (page.clone(), Arc::clone(&heard));
            std::thread::spawn(move || answer(stream, &page, &heard));
        }
    });
    (port, asked)
}

fn answer(mut stream: TcpStream, page: &str, asked: &Mutex<Vec<String>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
    let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)) else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let (status, body) = match path.as_str() {
        "/around" => ("200 OK", around()),
        "/page" => ("200 OK", page.to_owned()),
        _ => ("404 Not Found", String::new()),
    };
    asked.lock().expect("requests").push(path);
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store");
    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let app = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    found.chain([app]).find(|path| Path::exists(path)).expect(
        "this test needs Chromium: `apt-get install --no-install-recommends chromium` (it is run without a window, with a \
         profile of its own)",
    )
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// How far two colours, as browsers write them, are apart in light: from 1 to 21 (WCAG 2).
pub(crate) fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let inner = colour.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("rgb(…)").0;
        let part = |word: &str| {
            let part = word.trim().parse::<f64>().expect("a number") / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let parts: Vec<f64> = inner.split(',').take(3).map(part).collect();
        0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05
    };
    let (one, other) = (light(one), light(other));
    if one > other { one / other } else { other / one }
}
