//! Every mistake in the shape of a file, where the typed reader would stop at the first: the tree is walked along the
//! JSON Schema of its type. Knows the forms of schema that the types of this folder have.

use std::ops::Range;

use jiff::civil::Date;
use serde_json::{Map, Value as Json};

use super::diagnose::{Finding, listed, nearest_word};
use super::document::{Document, Entry, Node, Value};
use super::{ByteSize, Days, Keep, Picture, Share};

type Schema = Map<String, Json>;

/// All mistakes of `document` against `schema`, and the places of secrets that stand in it in plain text: no message
/// may show them.
pub(super) fn check(document: &Document, schema: &Json) -> (Vec<Finding>, Vec<Range<usize>>) {
    let mut walk = Walk { document, definitions: &schema["$defs"], findings: Vec::new(), secrets: Vec::new() };
    walk.node(&document.root, None, schema);
    (walk.findings, walk.secrets)
}

struct Walk<'a> {
    document: &'a Document,
    definitions: &'a Json,
    findings: Vec<Finding>,
    secrets: Vec<Range<usize>>,
}

impl<'a> Walk<'a> {
    fn at(&self, span: Range<usize>, message: impl Into<String>) -> Finding {
        Finding::new(&self.document.source, span, message)
    }

    fn point(&self, node: &Node, key: Option<&Entry>) -> Range<usize> {
        self.document.pointed_at(node, key.map(|entry| &entry.key_span))
    }

    fn named(&self, node: &Node, key: Option<&Entry>) -> String {
        match key {
            Some(entry) => format!("`{}`", entry.key),
            None if std::ptr::eq(node, &raw const self.document.root) => "the file".to_owned(),
            None => "this".to_owned(),
        }
    }

    /// Where a secret's source is asked for and something else stands, that may be the secret itself.
    fn secret(&mut self, node: &Node, schema: &Json) {
        let asked = schema.get("$ref").and_then(Json::as_str).is_some_and(|name| {
            matches!(name.rsplit('/').next(), Some("SecretRef" | "Unlock" | "GcsCredential" | "AzureCredential"))
        });
        let named = |entry: &Entry| {
            matches!(entry.key.as_str(), "env" | "file" | "passphrase" | "identity")
                || matches!(entry.key.as_str(), "service_account" | "token" | "sas_token" | "account_key")
        };
        let fine = matches!(&node.value, Value::Mapping(entries) if !entries.is_empty() && entries.iter().all(named));
        if asked && !fine {
            let rest = &self.document.source.text[node.span.start..];
            let line_end = node.span.start + rest.find('\n').unwrap_or(rest.len());
            let (scalars, rest) = (node.scalars(), node.span.start..line_end);
            // What is no YAML that is read has no scalars, and stands in the rest of the line.
            self.secrets.extend(if scalars.is_empty() { vec![rest] } else { scalars });
        }
    }

    fn resolve(&self, schema: &'a Json) -> &'a Schema {
        static EMPTY: std::sync::LazyLock<Schema> = std::sync::LazyLock::new(Schema::new);
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        target.map_or(schema, |name| &self.definitions[name]).as_object().unwrap_or(&EMPTY)
    }

    fn node(&mut self, node: &Node, key: Option<&Entry>, schema: &'a Json) {
        if matches!(node.value, Value::Refused) {
            return;
        }
        self.secret(node, schema);
        let schema = self.resolve(schema);
        if let Some(options) = schema.get("anyOf").and_then(Json::as_array) {
            let is_null = |option: &&Json| option.get("type").is_some_and(|kind| kind == "null");
            if node.is_null() && options.iter().any(|option| is_null(&option)) {
                return;
            }
            if let Some(option) = options.iter().find(|option| !is_null(option)) {
                self.node(node, key, option);
            }
        } else if let Some(options) = schema.get("oneOf").and_then(Json::as_array) {
            self.one_of(node, key, options);
        } else {
            self.typed(node, key, schema);
        }
    }

    fn typed(&mut self, node: &Node, key: Option<&Entry>, schema: &'a Schema) {
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Json::String(kind)) => vec![kind],
            Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
            _ => return,
        };
        if node.is_null() && kinds.contains(&"null") {
            return;
        }
        match (kinds[0], &node.value) {
            ("object", Value::Mapping(entries)) => self.object(node, key, entries, schema),
            ("array", Value::Sequence(items)) => self.array(node, key, items, schema),
            (kind, Value::Scalar { text, plain }) if !matches!(kind, "object" | "array") => {
                if let Some(expected) = scalar_mistake(kind, text, *plain && node.is_null(), *plain, schema) {
                    let span = self.point(node, key);
                    let label = format!("expected {expected}");
                    let finding = self.at(span, format!("{} has a wrong value", self.named(node, key))).label(label);
                    self.findings.push(finding);
                }
            }
            (kind, _) => self.wrong_kind(node, key, kind),
        }
    }

    fn wrong_kind(&mut self, node: &Node, key: Option<&Entry>, kind: &str) {
        let expected = match kind {
            "object" => "a mapping (`key: value`)",
            "array" => "a list (`[a, b]`)",
            "integer" | "number" => "a number",
            "boolean" => "`true` or `false`",
            _ => "a word or text",
        };
        let found = match &node.value {
            Value::Mapping(_) => "a mapping",
            Value::Sequence(_) => "a list",
            Value::Scalar { .. } if node.is_null() => "nothing",
            Value::Scalar { .. } | Value::Refused => "a single value",
        };
        let span = self.point(node, key);
        let finding =
            self.at(span, format!("{} is {found}", self.named(node, key))).label(format!("expected {expected}"));
        self.findings.push(finding);
    }

    fn object(&mut self, node: &Node, key: Option<&Entry>, entries: &[Entry], schema: &'a Schema) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let absent = |name: &&str| !entries.iter().any(|entry| entry.key == **name);
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let mut missing: Vec<&str> = required.filter(absent).collect();
        for entry in entries {
            match (properties.and_then(|known| known.get(&entry.key)), others) {
                (Some(schema), _) | (None, Some(schema)) => self.node(&entry.value, Some(entry), schema),
                (None, None) => {
                    let words = properties.into_iter().flat_map(|known| known.keys().map(String::as_str));
                    let left: Vec<&str> = words.filter(absent).collect();
                    // A misspelt key is one mistake, not an unknown and a missing one.
                    let meant = nearest_word(&entry.key, left.iter().copied());
                    missing.retain(|name| Some(*name) != meant);
                    let finding = self.at(entry.key_span.clone(), format!("unknown key `{}`", entry.key));
                    self.findings.push(finding.nearest(&entry.key, left));
                }
            }
        }
        if !missing.is_empty() {
            let keys = if missing.len() == 1 { "the key" } else { "the keys" };
            let message = format!("{} lacks {keys} {}", self.named(node, key), listed(&missing, "and"));
            let finding = self.at(self.point(node, key), message);
            self.findings.push(finding);
        }
    }

    fn array(&mut self, node: &Node, key: Option<&Entry>, items: &[Node], schema: &'a Schema) {
        if let Some(count) = schema.get("minItems").and_then(Json::as_u64)
            && items.len() as u64 != count
        {
            let span = self.point(node, key);
            let finding = self
                .at(span, format!("{} holds {} values", self.named(node, key), items.len()))
                .label(format!("expected {count}"));
            self.findings.push(finding);
        }
        if let Some(schema) = schema.get("items") {
            for item in items {
                self.node(item, None, schema);
            }
        }
    }

    /// One of several words (or, beside them, one of several keys), one of several `type`s, or one of several keys.
    fn one_of(&mut self, node: &Node, key: Option<&Entry>, options: &'a [Json]) {
        let words: Vec<&str> = options.iter().filter_map(|option| option.get("const")?.as_str()).collect();
        if !words.is_empty() {
            let keyed = |option: &Json| option.pointer("/required/0").is_some();
            match &node.value {
                Value::Scalar { text, .. } => self.word(node, key, text, &words),
                Value::Mapping(entries) if options.iter().any(keyed) => self.one_key(node, key, entries, options),
                _ => self.wrong_kind(node, key, "string"),
            }
            return;
        }
        let Value::Mapping(entries) = &node.value else { return self.wrong_kind(node, key, "object") };
        let tags: Vec<(&str, &Json)> = options
            .iter()
            .filter_map(|option| Some((option.pointer("/properties/type/const")?.as_str()?, option)))
            .collect();
        if tags.is_empty() { self.one_key(node, key, entries, options) } else { self.tagged(node, key, &tags) }
    }

    fn word(&mut self, node: &Node, key: Option<&Entry>, text: &str, words: &[&str]) {
        if !words.contains(&text) {
            let span = self.point(node, key);
            let shown = if node.is_null() { "nothing".to_owned() } else { format!("`{text}`") };
            let finding = self
                .at(span, format!("{} can't be {shown}", self.named(node, key)))
                .label(format!("expected {}", listed(words, "or")))
                .nearest_only(text, words);
            self.findings.push(finding);
        }
    }

    fn tagged(&mut self, node: &Node, key: Option<&Entry>, tags: &[(&str, &'a Json)]) {
        let words: Vec<&str> = tags.iter().map(|(word, _)| *word).collect();
        let Some(entry) = node.entry("type") else {
            let span = self.point(node, key);
            let finding = self
                .at(span, format!("{} lacks the key `type`", self.named(node, key)))
                .label(format!("its value is {}", listed(&words, "or")));
            self.findings.push(finding);
            return;
        };
        let Value::Scalar { text, .. } = &entry.value.value else {
            return self.wrong_kind(&entry.value, Some(entry), "string");
        };
        match tags.iter().find(|(word, _)| word == text) {
            Some((_, schema)) => self.node(node, key, schema),
            None => self.word(&entry.value, Some(entry), text, &words),
        }
    }

    fn one_key(&mut self, node: &Node, key: Option<&Entry>, entries: &[Entry], options: &'a [Json]) {
        let words: Vec<&str> = options.iter().filter_map(|option| option.pointer("/required/0")?.as_str()).collect();
        if let [entry] = entries {
            match options.iter().find(|option| option.pointer("/required/0").is_some_and(|word| *word == entry.key)) {
                Some(option) => self.node(node, key, option),
                None => {
                    let finding = self
                        .at(entry.key_span.clone(), format!("unknown key `{}`", entry.key))
                        .nearest(&entry.key, words);
                    self.findings.push(finding);
                }
            }
        } else {
            let span = self.point(node, key);
            let finding = self
                .at(span, format!("{} holds {} keys", self.named(node, key), entries.len()))
                .label(format!("expected exactly one of {}", listed(&words, "and")));
            self.findings.push(finding);
        }
    }
}

/// What was expected of a scalar, where it is something else.
fn scalar_mistake(kind: &str, text: &str, is_null: bool, plain: bool, schema: &Schema) -> Option<String> {
    let fits = match kind {
        "string" => return if is_null { Some("a word or text".to_owned()) } else { text_mistake(text, schema) },
        "boolean" => plain && matches!(text, "true" | "false"),
        "integer" if schema.get("minimum").is_some() => plain && text.parse::<u64>().is_ok(),
        "integer" => plain && text.parse::<i64>().is_ok(),
        "number" => plain && text.parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    };
    let expected = match kind {
        "boolean" => "`true` or `false`",
        "integer" if schema.get("minimum").is_some() => "a whole number, 0 or more",
        "integer" => "a whole number",
        _ => "a number",
    };
    (!fits).then(|| expected.to_owned())
}

fn text_mistake(text: &str, schema: &Schema) -> Option<String> {
    if schema.get("maxLength").and_then(Json::as_u64) == Some(1) && text.chars().count() != 1 {
        return Some("one character".to_owned());
    }
    if schema.get("format").is_some_and(|format| format == "date") && text.parse::<Date>().is_err() {
        return Some("a day such as 2026-07-01".to_owned());
    }
    unit_mistake(text, schema.get("pattern").and_then(Json::as_str)?)
}

/// The types that write themselves as one word with a unit read it; each has a pattern of its own.
fn unit_mistake(text: &str, pattern: &str) -> Option<String> {
    type Read = fn(&str) -> Option<String>;
    fn mistake<T: serde::de::DeserializeOwned>(text: &str) -> Option<String> {
        let error = serde_json::from_value::<T>(Json::String(text.to_owned())).err()?.to_string();
        Some(error.split_once("expected ").map_or(error.clone(), |(_, expected)| expected.to_owned()))
    }
    fn pattern_of<T: schemars::JsonSchema>() -> Option<String> {
        schemars::schema_for!(T).get("pattern").and_then(Json::as_str).map(str::to_owned)
    }
    let readers: [(Option<String>, Read); 5] = [
        (pattern_of::<Days>(), mistake::<Days>),
        (pattern_of::<ByteSize>(), mistake::<ByteSize>),
        (pattern_of::<Share>(), mistake::<Share>),
        (pattern_of::<Keep>(), mistake::<Keep>),
        (pattern_of::<Picture>(), mistake::<Picture>),
    ];
    readers.iter().find(|(known, _)| known.as_deref() == Some(pattern)).and_then(|(_, read)| read(text))
}
