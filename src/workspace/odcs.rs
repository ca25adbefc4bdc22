//! Contracts written in the Open Data Contract Standard, version 3: <https://bitol-io.github.io/open-data-contract-standard/>.
//!
//! What the standard has a word for is read from it; how the bytes are laid out stands in a custom property `accord`,
//! in the words of Accord's own contracts. What would be a promise about the data and has no counterpart here is a
//! mistake, since it would not be kept. What describes the contract (team, support, price …) is left to others.

use serde_json::{Map, Value as Json, json};

use super::diagnose::Finding;
use super::document::{Document, Node, Value};
use super::schema::schema_of;
use super::{Contract, shape};

/// The custom property that holds what the standard has no word for.
const OWN: &str = "accord";
/// Keys of a contract that say something about the data, or about who made it.
const READ: [&str; 9] =
    ["apiVersion", "kind", "id", "version", "name", "status", "description", "schema", "customProperties"];
const DESCRIBING: [&str; 14] = [
    "tenant",
    "domain",
    "dataProduct",
    "tags",
    "servers",
    "support",
    "price",
    "team",
    "roles",
    "slaProperties",
    "slaDefaultElement",
    "authoritativeDefinitions",
    "contractCreatedTs",
    "$schema",
];
const OF_PROPERTY: [&str; 12] = [
    "name",
    "physicalName",
    "logicalType",
    "physicalType",
    "required",
    "unique",
    "primaryKey",
    "primaryKeyPosition",
    "description",
    "logicalTypeOptions",
    "quality",
    "customProperties",
];
const DESCRIBING_PROPERTY: [&str; 9] = [
    "id",
    "businessName",
    "classification",
    "examples",
    "tags",
    "criticalDataElement",
    "authoritativeDefinitions",
    "encryptedName",
    "transformDescription",
];

/// Whether a file of the contracts' folder is written in the standard.
pub(super) fn is_one(document: &Document) -> bool {
    let kind = document.root.entry("kind").is_some_and(|kind| text(&kind.value) == Some("DataContract"));
    kind || document.root.entry("apiVersion").is_some()
}

/// Reads it. The document then knows where the parts of the contract stand in it.
pub(super) fn read(document: &mut Document, findings: &mut Vec<Finding>) -> Option<Contract> {
    let mut found = Reader { document, findings: Vec::new(), fields: Vec::new(), unique: Vec::new() };
    let contract = found.contract();
    let aliases = found.aliases();
    let mistakes = found.findings;
    let clean = mistakes.is_empty();
    findings.extend(mistakes);
    document.aliases = aliases;
    let contract = contract.filter(|_| clean)?;
    match serde_json::from_value(contract) {
        Ok(contract) => Some(contract),
        Err(error) => {
            let finding = document.finding("/schema", "this can't be read as a contract").label(error.to_string());
            findings.push(finding);
            None
        }
    }
}

struct Reader<'d> {
    document: &'d Document,
    findings: Vec<Finding>,
    fields: Vec<Json>,
    /// Fields of the primary key, with their position in it.
    unique: Vec<(i64, String)>,
}

impl Reader<'_> {
    fn wrong(&mut self, node: &Node, message: impl Into<String>, help: &str) {
        let span = self.document.pointed_at(node, None);
        self.findings.push(Finding::new(&self.document.source, span, message).help(help));
    }

    fn contract(&mut self) -> Option<Json> {
        let root = &self.document.root;
        self.version(root);
        self.known(root, &READ, &DESCRIBING);
        let own = self.own(root, &schema_of::<Contract>());
        let mut contract = own.unwrap_or_default();
        for (key, to) in [("id", "id"), ("version", "version"), ("name", "title")] {
            if let Some(value) = root.entry(key).and_then(|entry| text(&entry.value)) {
                contract.entry(to).or_insert_with(|| json!(value));
            }
        }
        self.service_levels(root, &mut contract);
        if let Some(description) = root.entry("description").and_then(|entry| prose(&entry.value)) {
            contract.entry("description").or_insert_with(|| json!(description));
        }
        self.schema(root)?;
        let missing: Vec<&str> = ["id", "version", "title", "partner", "format"]
            .into_iter()
            .filter(|key| !contract.contains_key(*key))
            .collect();
        if !missing.is_empty() {
            let finding =
                self.document.finding("/customProperties", format!("the contract lacks {}", missing.join(", ")));
            self.findings.push(finding.help(
                "id, version and name (the title) are the standard's; put partner, format and encoding into \
                 customProperties: [{ property: accord, value: { partner: …, format: { type: … }, encoding: … } }]",
            ));
        }
        self.unique.sort();
        if self.unique.len() > 1 {
            let fields: Vec<&String> = self.unique.iter().map(|(_, name)| name).collect();
            let rules = contract.entry("rules").or_insert_with(|| json!([]));
            if let Json::Array(rules) = rules {
                rules.insert(0, json!({ "type": "unique", "fields": fields }));
            }
        }
        contract.insert("fields".to_owned(), Json::Array(std::mem::take(&mut self.fields)));
        Some(Json::Object(contract))
    }

    /// How often deliveries come and how old they may be, as far as the contract does not say it in its own words.
    fn service_levels(&mut self, root: &Node, contract: &mut Map<String, Json>) {
        let Some(Value::Sequence(levels)) = root.entry("slaProperties").map(|entry| &entry.value.value) else { return };
        let (mut frequency, mut latency) = (None, None);
        for level in levels {
            let word = |key: &str| level.entry(key).and_then(|entry| text(&entry.value));
            let to = match word("property") {
                Some("frequency" | "fy") => &mut frequency,
                Some("latency" | "ly") => &mut latency,
                _ => continue,
            };
            let value = word("value").and_then(|value| value.parse::<f64>().ok()).filter(|value| *value > 0.0);
            match value.zip(days_of(word("unit").unwrap_or_default())) {
                Some((value, days)) => *to = Some((value * days).ceil().min(36_500.0) as u32),
                None => self.wrong(
                    level,
                    "this service level has no counterpart here",
                    "frequency and latency have a number of hours (h), days (d), weeks (w) or years (y)",
                ),
            }
        }
        // A delivery is late when the next one is due and its latency has passed; that it is then refused, parties say in
        // their own words.
        let Some(warn) = frequency.into_iter().chain(latency).reduce(u32::saturating_add) else { return };
        let delivery = contract.entry("delivery").or_insert_with(|| json!({}));
        let Some(delivery) = delivery.as_object_mut() else { return };
        let freshness = delivery.entry("freshness").or_insert_with(|| json!({}));
        let Some(freshness) = freshness.as_object_mut() else { return };
        freshness.entry("warn").or_insert_with(|| json!(format!("{warn}d")));
    }

    fn version(&mut self, root: &Node) {
        let version = root.entry("apiVersion").map(|entry| &entry.value);
        if let Some(node) = version.filter(|node| !text(node).is_some_and(|version| version.starts_with("v3."))) {
            self.wrong(node, "this version of the standard is not read", "versions that are read start with `v3.`");
        }
    }

    /// Keys that are neither read nor only describe.
    fn known(&mut self, node: &Node, read: &[&str], describing: &[&str]) {
        let Value::Mapping(entries) = &node.value else { return };
        for entry in entries {
            let key = entry.key.as_str();
            if !read.contains(&key) && !describing.contains(&key) {
                let message = format!("`{key}` has no counterpart here");
                let finding = Finding::new(&self.document.source, entry.key_span.clone(), message);
                let words: Vec<&str> = read.iter().chain(describing).copied().collect();
                self.findings.push(finding.nearest_only(key, &words).help(
                    "what it promises would not be checked: remove it, or say it under `accord` in customProperties",
                ));
            }
        }
    }

    /// The value of the custom property `accord`, checked against a schema of which no key is required.
    fn own(&mut self, node: &Node, schema: &Json) -> Option<Map<String, Json>> {
        let Value::Sequence(items) = &node.entry("customProperties")?.value.value else { return None };
        let own = |item: &&Node| item.entry("property").is_some_and(|entry| text(&entry.value) == Some(OWN));
        let value = &items.iter().find(own)?.entry("value")?.value;
        let mut schema = schema.clone();
        if let Some(object) = schema.as_object_mut() {
            object.remove("required");
        }
        let part = Document::part(self.document, value);
        let (findings, _) = shape::check(&part, &schema);
        self.findings.extend(findings);
        match to_json(value) {
            Json::Object(map) => Some(map),
            _ => None,
        }
    }

    fn schema(&mut self, root: &Node) -> Option<()> {
        let Some(Value::Sequence(objects)) = root.entry("schema").map(|entry| &entry.value.value) else {
            let finding = self.document.finding("/schema", "the contract has no schema");
            self.findings.push(finding);
            return None;
        };
        let [object] = objects.as_slice() else {
            let message = format!("its schema has {} objects, and an extract is one", objects.len());
            self.findings.push(self.document.finding("/schema", message).help("make a contract of each"));
            return None;
        };
        if let Some(quality) = object.entry("quality") {
            self.promises(&quality.value, None);
        }
        let Some(Value::Sequence(properties)) = object.entry("properties").map(|entry| &entry.value.value) else {
            self.wrong(object, "the object has no properties", "list its columns under `properties`");
            return None;
        };
        for property in properties {
            self.property(property);
        }
        Some(())
    }

    fn property(&mut self, node: &Node) {
        self.known(node, &OF_PROPERTY, &DESCRIBING_PROPERTY);
        let schema = schema_of::<Contract>();
        let mut of_field = schema["$defs"]["Field"].clone();
        of_field["$defs"] = schema["$defs"].clone();
        let mut field = Map::new();
        let word = |key: &str| node.entry(key).and_then(|entry| text(&entry.value));
        let truth = |key: &str| node.entry(key).is_some_and(|entry| text(&entry.value) == Some("true"));
        let name = word("name").unwrap_or_default();
        field.insert("name".to_owned(), json!(name));
        if let Some(column) = word("physicalName") {
            field.insert("column".to_owned(), json!(column));
        }
        if let Some(description) = word("description") {
            field.insert("description".to_owned(), json!(description));
        }
        self.logical_type(node, &mut field);
        for key in ["required", "unique"] {
            if truth(key) {
                field.insert(key.to_owned(), json!(true));
            }
        }
        if truth("primaryKey") {
            field.insert("required".to_owned(), json!(true));
            let position = word("primaryKeyPosition").and_then(|position| position.parse().ok()).unwrap_or(i64::MAX);
            self.unique.push((position, name.to_owned()));
        }
        if let Some(options) = node.entry("logicalTypeOptions") {
            self.options(&options.value, &mut field);
        }
        if let Some(quality) = node.entry("quality") {
            self.promises(&quality.value, Some(&mut field));
        }
        field.extend(self.own(node, &of_field).unwrap_or_default());
        self.fields.push(Json::Object(field));
    }

    fn logical_type(&mut self, node: &Node, field: &mut Map<String, Json>) {
        let Some(entry) = node.entry("logicalType") else {
            self.wrong(node, "the property has no logicalType", "write string, integer, number, boolean or date");
            return;
        };
        let word = text(&entry.value).unwrap_or_default();
        let physical = node.entry("physicalType").and_then(|entry| text(&entry.value)).unwrap_or_default();
        let decimal = decimal(physical).filter(|_| word == "number");
        match (word, decimal) {
            (_, Some((precision, scale))) => {
                field.extend([
                    ("type".to_owned(), json!("decimal")),
                    ("precision".to_owned(), json!(precision)),
                    ("scale".to_owned(), json!(scale)),
                ]);
            }
            ("string" | "integer" | "number" | "boolean" | "date", None) => {
                field.insert("type".to_owned(), json!(word));
            }
            _ => {
                let message = format!("the type `{word}` has no counterpart here");
                self.wrong(&entry.value, message, "there is string, integer, number, boolean and date");
            }
        }
    }

    fn options(&mut self, options: &Node, field: &mut Map<String, Json>) {
        let Value::Mapping(entries) = &options.value else { return };
        let mut length = Map::new();
        for entry in entries {
            let value = to_json(&entry.value);
            match (entry.key.as_str(), text(&entry.value)) {
                ("minimum" | "maximum" | "pattern", _) => drop(field.insert(entry.key.clone(), value)),
                ("minLength", _) => drop(length.insert("minimum".to_owned(), value)),
                ("maxLength", _) => drop(length.insert("maximum".to_owned(), value)),
                ("format", Some(format)) => {
                    let known = [
                        ("yyyyMMdd", "YYYYMMDD"),
                        ("yyyy-MM-dd", "YYYY-MM-DD"),
                        ("MM/dd/yyyy", "MM/DD/YYYY"),
                        ("M/d/yyyy", "M/D/YYYY"),
                    ];
                    match known.iter().find(|(theirs, _)| *theirs == format) {
                        Some((_, ours)) => drop(field.insert("date_formats".to_owned(), json!([ours]))),
                        None => {
                            let formats: Vec<&str> = known.iter().map(|(theirs, _)| *theirs).collect();
                            let message = format!("the format `{format}` has no counterpart here");
                            self.wrong(&entry.value, message, &format!("there is {}", formats.join(", ")));
                        }
                    }
                }
                (key, _) => {
                    let message = format!("the option `{key}` has no counterpart here");
                    self.wrong(&entry.value, message, "remove it, or say it with a rule under `accord`");
                }
            }
        }
        if !length.is_empty() {
            field.insert("length".to_owned(), Json::Object(length));
        }
    }

    /// Quality rules: those of the library that a field can promise; prose is for people.
    fn promises(&mut self, quality: &Node, mut field: Option<&mut Map<String, Json>>) {
        let Value::Sequence(rules) = &quality.value else { return };
        for rule in rules {
            let word = |key: &str| rule.entry(key).and_then(|entry| text(&entry.value));
            if word("type") == Some("text") {
                continue;
            }
            let none = word("mustBe") == Some("0");
            let metric = word("metric").or(word("rule")).unwrap_or_default();
            let valid = rule.entry("arguments").and_then(|entry| entry.value.entry("validValues"));
            let valid = valid.or(rule.entry("validValues")).map(|entry| to_json(&entry.value));
            match (metric, none, field.as_deref_mut(), valid) {
                ("nullValues" | "nullCount", true, Some(field), _) => {
                    field.insert("required".to_owned(), json!(true));
                }
                ("duplicateValues" | "duplicateCount", true, Some(field), _) => {
                    field.insert("unique".to_owned(), json!(true));
                }
                ("invalidValues" | "validValues" | "invalidCount", true, Some(field), Some(Json::Array(values))) => {
                    let written = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let allowed = values.iter().map(|value| (written(value), json!(written(value))));
                    field.insert("allowed".to_owned(), Json::Object(allowed.collect()));
                }
                _ => self.wrong(
                    rule,
                    "this quality rule has no counterpart here",
                    "nullValues, duplicateValues and invalidValues with `mustBe: 0` on a property have; say others with \
                     a rule under `accord`",
                ),
            }
        }
    }

    /// Where the parts of a contract stand in this file.
    fn aliases(&self) -> Vec<(String, String)> {
        let mut aliases = vec![("/fields".to_owned(), "/schema/0/properties".to_owned())];
        let own = match self.document.root.entry("customProperties").map(|entry| &entry.value.value) {
            Some(Value::Sequence(items)) => items
                .iter()
                .position(|item| item.entry("property").is_some_and(|entry| text(&entry.value) == Some(OWN))),
            _ => None,
        };
        if let Some(at) = own {
            for key in ["format", "encoding", "compression", "rules", "person", "layouts", "thresholds", "delivery"] {
                aliases.push((format!("/{key}"), format!("/customProperties/{at}/value/{key}")));
            }
        }
        aliases
    }
}

/// How many days a unit of the standard has.
fn days_of(unit: &str) -> Option<f64> {
    match unit {
        "h" | "hour" | "hours" => Some(1.0 / 24.0),
        "d" | "day" | "days" => Some(1.0),
        "w" | "week" | "weeks" => Some(7.0),
        "y" | "yr" | "year" | "years" => Some(365.0),
        _ => None,
    }
}

/// The places of `DECIMAL(10, 2)`.
fn decimal(physical: &str) -> Option<(u8, u8)> {
    let upper = physical.to_ascii_uppercase();
    let places = upper.strip_prefix("DECIMAL").or(upper.strip_prefix("NUMERIC"))?.trim();
    let (precision, scale) = places.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => Some(text),
        _ => None,
    }
}

/// A text, or the texts of a mapping one after the other.
fn prose(node: &Node) -> Option<String> {
    match &node.value {
        Value::Mapping(entries) => {
            let texts: Vec<&str> = entries.iter().filter_map(|entry| text(&entry.value)).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        _ => text(node).map(str::to_owned),
    }
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => Json::Null,
        Value::Scalar { text, plain: false } => json!(text),
        Value::Scalar { text, .. } => match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            number => {
                let whole = number.parse::<i64>().map(Json::from).ok();
                let leading = number.trim_start_matches('-').starts_with('0') && number.len() > 1;
                let fraction = || number.parse::<f64>().ok().filter(|value| value.is_finite()).map(Json::from);
                let decimal = number.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
                let read = if leading && !number.contains('.') {
                    None
                } else {
                    whole.or_else(|| fraction().filter(|_| decimal))
                };
                read.unwrap_or_else(|| json!(number))
            }
        },
        Value::Sequence(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Mapping(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value))).collect())
        }
        Value::Refused => Json::Null,
    }
}
