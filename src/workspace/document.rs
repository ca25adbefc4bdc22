//! A YAML file as a tree that knows where each key and value stands.
//!
//! The tree is there for messages and for the strict checks that a typed reader stops at the first of; the values that
//! run come from the typed reader.

use std::ops::Range;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnose::{Finding, SourceText};

/// A parsed file.
#[derive(Debug)]
pub struct Document {
    /// Path and text.
    pub source: Arc<SourceText>,
    pub(super) root: Node,
    /// Where parts stand that are written in the words of another standard: a pointer's start, and what it is here.
    pub(super) aliases: Vec<(String, String)>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A plain (unquoted) scalar may be a number, a boolean or null; a quoted one is text.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something that is not read and has been reported.
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        let Value::Scalar { text, plain: true } = &self.value else { return false };
        matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The places of all scalars in it.
    pub(super) fn scalars(&self) -> Vec<Range<usize>> {
        match &self.value {
            Value::Scalar { .. } => vec![self.span.clone()],
            Value::Sequence(items) => items.iter().flat_map(Node::scalars).collect(),
            Value::Mapping(entries) => entries.iter().flat_map(|entry| entry.value.scalars()).collect(),
            Value::Refused => Vec::new(),
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

impl Document {
    /// Parses a text. Broken YAML, repeated keys, tags, anchors, aliases and merge keys are findings; the tree is there
    /// unless the YAML is broken.
    pub(super) fn parse(source: Arc<SourceText>, findings: &mut Vec<Finding>) -> Option<Self> {
        let events = match events(&source) {
            Ok(events) => events,
            Err(finding) => {
                findings.push(finding);
                return None;
            }
        };
        let mut builder = Builder { source: &source, events: events.into_iter().peekable(), findings };
        let root = builder.node().unwrap_or(Node { span: 0..0, value: Value::Mapping(Vec::new()) });
        if let Some((_, span)) = builder.events.next() {
            builder.findings.push(Finding::new(&source, span, "a file of the workspace holds one YAML document only"));
        }
        Some(Self { source, root, aliases: Vec::new() })
    }

    /// A part of a file as a tree of its own, at the same places.
    pub(super) fn part(of: &Self, root: &Node) -> Self {
        Self { source: Arc::clone(&of.source), root: root.clone(), aliases: Vec::new() }
    }

    fn aliased(&self, pointer: &str) -> String {
        let known = self.aliases.iter().find_map(|(from, to)| {
            let rest = pointer.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        });
        known.unwrap_or_else(|| pointer.to_owned())
    }

    /// The bytes of the value at a JSON pointer such as `/sources/graduates/contract` or `/data/0/link/2`; of its key
    /// where the value spans lines. A path that is not there gives its nearest parent that is.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> Range<usize> {
        let pointer = self.aliased(pointer);
        let (mut node, mut key) = (&self.root, None);
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &node.value {
                Value::Mapping(entries) => {
                    entries.iter().find(|entry| entry.key == step).map(|entry| (&entry.value, Some(&entry.key_span)))
                }
                Value::Sequence(items) => {
                    step.parse().ok().and_then(|at: usize| items.get(at)).map(|item| (item, None))
                }
                Value::Scalar { .. } | Value::Refused => None,
            };
            let Some((value, key_span)) = next else { break };
            (node, key) = (value, key_span);
        }
        self.pointed_at(node, key)
    }

    /// The bytes of a key, such as that of the source at `/sources/graduates`.
    #[must_use]
    pub fn locate_key(&self, pointer: &str) -> Range<usize> {
        let pointer = &*self.aliased(pointer);
        let Some((parent, key)) = pointer.rsplit_once('/') else { return self.locate(pointer) };
        let mut node = &self.root;
        for step in parent.split('/').skip(1) {
            let Some(entry) = node.entry(&step.replace("~1", "/").replace("~0", "~")) else {
                return self.locate(pointer);
            };
            node = &entry.value;
        }
        node.entry(&key.replace("~1", "/").replace("~0", "~"))
            .map_or_else(|| self.locate(pointer), |entry| entry.key_span.clone())
    }

    /// Where to point for a whole value: a scalar itself, the key of a collection, its first part where it has no key.
    pub(super) fn pointed_at(&self, node: &Node, key: Option<&Range<usize>>) -> Range<usize> {
        match (&node.value, key) {
            (Value::Scalar { .. }, _) if !node.span.is_empty() => node.span.clone(),
            (_, Some(key)) => key.clone(),
            (Value::Mapping(entries), None) if !entries.is_empty() => entries[0].key_span.clone(),
            _ => node.span.clone(),
        }
    }

    /// A finding at a JSON pointer.
    pub(super) fn finding(&self, pointer: &str, message: impl Into<String>) -> Finding {
        Finding::new(&self.source, self.locate(pointer), message)
    }
}

/// One step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

type Placed<'t> = (Event<'t>, Range<usize>);

fn events(source: &Arc<SourceText>) -> Result<Vec<Placed<'_>>, Finding> {
    let mut events = Vec::new();
    for next in Parser::new_from_str(&source.text) {
        let (event, span) = next.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(0);
            let finding = Finding::new(source, at..at + 1, "this is not YAML").label(error.info());
            let word = source
                .text
                .get(..at)
                .is_some_and(|text| text.ends_with(|last: char| last.is_alphanumeric() || last == '_'));
            match source.text.get(at..) {
                Some(rest) if word && rest.starts_with('{') => {
                    finding.help("put quotes around a text with braces: \"graduates_{date:YYYYMMDD}.csv\"")
                }
                _ => finding,
            }
        })?;
        let kept = event.is_node() || matches!(event, Event::SequenceEnd | Event::MappingEnd);
        if kept {
            events.push((event, bytes(span)));
        }
    }
    Ok(events)
}

fn bytes(span: Span) -> Range<usize> {
    let start = span.start.byte_offset().unwrap_or(0);
    start..span.end.byte_offset().unwrap_or(start)
}

struct Builder<'t, 'f> {
    source: &'t Arc<SourceText>,
    events: std::iter::Peekable<std::vec::IntoIter<Placed<'t>>>,
    findings: &'f mut Vec<Finding>,
}

impl Builder<'_, '_> {
    fn refuse(&mut self, span: &Range<usize>, message: &str) {
        self.findings.push(Finding::new(self.source, span.clone(), message).help("write the value out"));
    }

    fn node(&mut self) -> Option<Node> {
        let (event, span) = self.events.next()?;
        if event.tag().is_some() {
            self.refuse(&span, "YAML tags (`!name`) are not read");
        }
        if event.anchor_id().is_some() {
            self.refuse(&span, "YAML anchors (`&name`) are not read");
        }
        let value = match event {
            Event::Scalar(text, style, ..) => {
                Value::Scalar { text: text.into_owned(), plain: matches!(style, ScalarStyle::Plain) }
            }
            Event::SequenceStart(..) => self.sequence(),
            Event::MappingStart(..) => self.mapping(),
            _ => {
                self.refuse(&span, "YAML aliases (`*name`) are not read");
                Value::Refused
            }
        };
        Some(Node { span, value })
    }

    fn at_end(&mut self) -> bool {
        matches!(self.events.peek(), None | Some((Event::SequenceEnd | Event::MappingEnd, _)))
    }

    fn sequence(&mut self) -> Value {
        let mut items = Vec::new();
        while !self.at_end() {
            items.extend(self.node());
        }
        self.events.next();
        Value::Sequence(items)
    }

    fn mapping(&mut self) -> Value {
        let mut entries: Vec<Entry> = Vec::new();
        while !self.at_end() {
            let (Some(key), Some(value)) = (self.node(), self.node()) else { break };
            let Value::Scalar { text, .. } = key.value else {
                self.refuse(&key.span, "a key must be a word");
                continue;
            };
            if text == "<<" {
                self.refuse(&key.span, "YAML merge keys (`<<`) are not read");
            } else if entries.iter().any(|entry| entry.key == text) {
                let finding = Finding::new(self.source, key.span, format!("the key `{text}` stands here twice"));
                self.findings.push(finding.help("remove one of the two"));
            } else {
                entries.push(Entry { key: text, key_span: key.span, value });
            }
        }
        self.events.next();
        Value::Mapping(entries)
    }
}
