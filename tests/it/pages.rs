//! Pages that Accord writes, opened in Chromium.

use crate::browser::{Seen, WIDTHS, contrast, look};
use crate::harness::Workspace;

const CONNECTICUT: &str = "fixtures/tables/connecticut/graduation.yaml";

/// What holds of every page: it is all there, in each width, in light and dark, and asks for nothing.
fn stands_by_itself(page: &str, title: &str, headings: &[&str], rows: u64) {
    assert!(page.contains("http-equiv=\"Content-Security-Policy\"") && page.contains("default-src"));
    assert!(!page.contains("<script") && !page.contains("style=\""), "the policy forbids both");
    for dark in [false, true] {
        let Seen { frames, console, asked } = look(page, dark);
        assert_eq!(console, Vec::<String>::new(), "nothing is refused, and nothing goes wrong");
        let mut wanted = vec!["/around"];
        wanted.extend(WIDTHS.map(|_| "/page"));
        assert_eq!(asked, wanted, "nothing else is asked for");
        assert_eq!(frames.len(), WIDTHS.len());
        for frame in &frames {
            let at = format!("{} wide, dark: {dark}: {frame}", frame["width"]);
            assert_eq!(frame["title"], title, "{at}");
            assert_eq!(frame["loaded"].as_array().map(Vec::len), Some(0), "{at}");
            assert_eq!(frame["wide"], 0, "the page is not scrolled sideways: {at}");
            assert_eq!(frame["cut"].as_array().map(Vec::len), Some(0), "nothing is cut off: {at}");
            let shown: Vec<&str> =
                frame["headings"].as_array().into_iter().flatten().filter_map(|h| h.as_str()).collect();
            assert_eq!(shown, headings, "{at}");
            assert_eq!(frame["rows"], rows, "{at}");
            assert_eq!(frame["dark"], dark, "{at}");
            let colour = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
            assert!(contrast(&colour("ink"), &colour("paper")) > 7.0, "{at}");
            assert!(contrast(&colour("border"), &colour("paper")) > 4.5, "{at}");
            assert!(colour("font").contains("system-ui"), "its own style is applied: {at}");
            let white = contrast(&colour("paper"), "rgb(255, 255, 255)") < 1.5;
            assert_eq!(white, !dark, "{at}");
        }
    }
}

#[test]
fn the_page_of_an_audit_stands_by_itself_in_a_browser_on_a_phone_and_in_the_dark() {
    let workspace = Workspace::bare();
    workspace.run(&format!("audit --spec {CONNECTICUT} --html page.html")).expect(6);
    let headings = [
        "Disclosure audit",
        "How they fall",
        "Besides",
        "The worst",
        "What would have prevented it",
        "Contradictions",
        "Figures",
        "Totals that are printed with all that makes them up",
        "Tables",
        "Notes",
    ];
    let page = workspace.read("page.html");
    let ways = page.matches("class=\"bar\"").count() as u64;
    assert!(ways > 4, "{ways}");
    // Ways, seven figures, two tables.
    stands_by_itself(&page, "Disclosure audit: hidden figures fall", &headings, ways + 7 + 2);
}

#[test]
fn names_from_files_are_text_on_the_page_and_long_ones_are_broken() {
    let workspace = Workspace::bare();
    let name = format!("<img src=x onerror=alert(1)>{}", "Abcdefghij".repeat(30));
    workspace.write("t.csv", format!("school,n\n{name},*\nB,30\nC,40\nAll,75\n"));
    let spec = "tables: { t: { files: [t.csv], dimensions: { school: { total: All } }, measures: { n: } } }\n";
    workspace.write("t.yaml", spec);
    workspace.run("audit --spec t.yaml --html page.html").expect(6);
    let page = workspace.read("page.html");
    assert!(page.contains("Abcdefghij") && !page.contains("<img"));
    let headings =
        ["Disclosure audit", "How they fall", "The worst", "What would have prevented it", "Tables", "Notes"];
    stands_by_itself(&page, "Disclosure audit: hidden figures fall", &headings, 2);
}

/// Without this, the tests above might pass because the browser says nothing.
#[test]
fn a_page_that_asks_for_something_or_is_too_wide_is_noticed() {
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">";
    let wide = "<main><div style=\"width: 900px\">wide</div><img src=\"/other\"></main>";
    let seen = look(&format!("<!DOCTYPE html><title>t</title><body>{wide}"), false);
    assert!(seen.asked.iter().any(|path| path == "/other"), "{:?}", seen.asked);
    assert!(seen.frames[0]["wide"].as_u64() > Some(0) && seen.frames[0]["loaded"].as_array().map(Vec::len) == Some(1));
    let seen = look(&format!("<!DOCTYPE html><title>t</title><body>{wide}<script>throw 'wrong'</script>"), false);
    assert!(seen.console.iter().any(|line| line.contains("wrong")), "{:?}", seen.console);
    let seen = look(&format!("<!DOCTYPE html>{policy}<title>t</title><body>{wide}"), false);
    assert!(!seen.asked.iter().any(|path| path == "/other"), "the policy forbids it");
    assert!(seen.console.iter().any(|line| line.contains("Content Security Policy")), "{:?}", seen.console);
}
