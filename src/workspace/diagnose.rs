//! Mistakes in the files of a workspace, shown with file, line, caret and the nearest right word.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::error::{Error, Kind};

/// A file's text under the name that messages show.
#[derive(Debug)]
pub struct SourceText {
    /// Path relative to the workspace, with `/`.
    pub path: String,
    /// The text.
    pub text: String,
}

impl SourceText {
    /// The same text with `*` instead of each byte of `spans`.
    pub(super) fn masked(&self, spans: &[Range<usize>]) -> Self {
        let mut bytes = self.text.clone().into_bytes();
        for byte in spans.iter().flat_map(|span| span.clone()) {
            if let Some(byte) = bytes.get_mut(byte).filter(|byte| !byte.is_ascii_control()) {
                *byte = b'*';
            }
        }
        Self { path: self.path.clone(), text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file, where it could be read.
    source: Option<Arc<SourceText>>,
    /// The bytes of the text that the caret points at.
    span: Range<usize>,
    message: String,
    label: Option<String>,
    help: Vec<String>,
    governance: bool,
}

impl Finding {
    /// A mistake at `span` (bytes) of a file.
    #[must_use]
    pub fn new(source: &Arc<SourceText>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            source: Some(Arc::clone(source)),
            span: within(&source.text, span),
            message: message.into(),
            label: None,
            help: Vec::new(),
            governance: false,
        }
    }

    /// A mistake that stands in no text, such as a file that is not there.
    #[must_use]
    pub fn without_text(message: impl Into<String>) -> Self {
        Self { source: None, span: 0..0, message: message.into(), label: None, help: Vec::new(), governance: false }
    }

    /// What stands beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The nearest of `words`, or all of them where none is near.
    #[must_use]
    pub fn nearest<'w>(self, word: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut words: Vec<&str> = words.into_iter().collect();
        words.dedup();
        match nearest_word(word, words.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if words.is_empty() => self,
            None => self.help(format!("there is {}", listed(&words, "and"))),
        }
    }

    /// The nearest of `words`, where one is near.
    #[must_use]
    pub(super) fn nearest_only(self, word: &str, words: &[&str]) -> Self {
        match nearest_word(word, words.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Marks it as something that the agreement forbids.
    #[must_use]
    pub fn forbidden(mut self) -> Self {
        self.governance = true;
        self
    }

    /// Hides some bytes of the text that is shown, such as a secret that stands where none may stand.
    pub(super) fn mask(&mut self, masked: &Arc<SourceText>) {
        if self.source.as_ref().is_some_and(|source| source.path == masked.path) {
            self.source = Some(Arc::clone(masked));
        }
    }

    fn order(&self) -> (&str, usize, &str) {
        (self.source.as_ref().map_or("", |source| &source.path), self.span.start, &self.message)
    }

    fn group(&self) -> Group<'_> {
        let mut group = match &self.source {
            None => Group::with_title(Level::ERROR.primary_title(self.message.as_str())),
            Some(source) => {
                let caret = AnnotationKind::Primary.span(self.span.clone()).label(self.label.as_deref());
                let snippet = Snippet::source(source.text.as_str()).path(source.path.as_str()).annotation(caret);
                Level::ERROR.primary_title(self.message.as_str()).element(snippet)
            }
        };
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }
}

/// Keeps a span inside the text, on character boundaries, in one line and at least one character wide where it can be.
fn within(text: &str, span: Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length);
    start..floor(span.end).clamp(start, line_end)
}

/// All mistakes of a workspace, or of a file that belongs to none.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds several.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The whole report, ordered by file and line, with terminal colours where `color` says so.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut report = self.each(color);
        report.push_str(&self.to_string());
        report.push('\n');
        report
    }

    /// Each mistake, ordered by file and line, without the line that counts them.
    #[must_use]
    pub fn each(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(120);
        let mut sorted: Vec<&Finding> = self.0.iter().collect();
        sorted.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut report = String::new();
        for finding in sorted {
            report.push_str(&renderer.render(&[finding.group()]));
            report.push_str("\n\n");
        }
        report
    }

    /// One error for all of them: a governance error where the agreement forbids each of them, else a config error.
    #[must_use]
    pub fn into_error(self, color: bool) -> Error {
        let governance = !self.0.is_empty() && self.0.iter().all(|finding| finding.governance);
        let (kind, code) =
            if governance { (Kind::Governance, "governance.forbidden") } else { (Kind::Config, "config.invalid") };
        Error::new(kind, code, self.to_string()).with_report(self.render(color))
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} mistake{} in the workspace", if count == 1 { "" } else { "s" })
    }
}

/// The word most like `word`, where one is like it at all: same letters in another case, or few slips of the keyboard.
pub(crate) fn nearest_word<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_lowercase();
    words
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| second.cmp(first)))
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, each in backticks.
pub(super) fn listed(words: &[&str], and: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {and} {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
