//! `datapackage.json`: Frictionless Data Package v2, <https://datapackage.org/standard/data-package/>.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::File;
use super::codebook::{Codebook, ColumnBook, Role};
use crate::error::{Error, Result};
use crate::release::digest::sha256_hex;
use crate::release::input::{CandidateInput, OutputTable};

/// The package of `tables`, the Parquet files in the order of the input's tables. It has no `version`: a candidate does
/// not know yet under which number it will be published. `RELEASE.json` beside it says the number.
pub(super) fn datapackage(input: &CandidateInput, books: &[Codebook], tables: &[File]) -> Result<Bytes> {
    let mut package = Map::new();
    package.insert("$schema".into(), json!("https://datapackage.org/profiles/2.0/datapackage.json"));
    package.insert("name".into(), json!(input.pipeline));
    package.insert("title".into(), json!(input.title));
    if let Some(description) = &input.description {
        package.insert("description".into(), json!(description));
    }
    if let Some(licence) = &input.licence {
        package.insert("licenses".into(), json!([{ "name": licence }]));
    }
    let sources: Vec<Value> = sources(input);
    if !sources.is_empty() {
        package.insert("sources".into(), Value::Array(sources));
    }
    let contributors = contributors(input);
    if !contributors.is_empty() {
        package.insert("contributors".into(), Value::Array(contributors));
    }
    let resources = input.tables.iter().zip(books).zip(tables);
    package.insert("resources".into(), resources.map(|((table, book), file)| resource(table, book, file)).collect());
    let mut bytes = serde_json::to_vec_pretty(&package)
        .map_err(|error| Error::internal("release.datapackage", "write the data package").with_source(error))?;
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}

fn sources(input: &CandidateInput) -> Vec<Value> {
    let notes = input.sources.iter().map(|source| json!({ "title": source.title, "version": source.version }));
    notes.chain(input.attribution.iter().map(|title| json!({ "title": title }))).collect()
}

/// Each partner once, in the order of the sources.
fn contributors(input: &CandidateInput) -> Vec<Value> {
    let mut partners: Vec<&str> = Vec::new();
    for source in &input.sources {
        if !partners.contains(&source.partner.as_str()) {
            partners.push(&source.partner);
        }
    }
    partners.into_iter().map(|partner| json!({ "title": partner, "roles": ["provider"] })).collect()
}

fn resource(table: &OutputTable, book: &Codebook, file: &File) -> Value {
    let fields: Vec<Value> = book.table.columns.iter().map(|column| field(table, column)).collect();
    let mut resource = Map::new();
    resource.insert("name".into(), json!(table.name));
    resource.insert("path".into(), json!(file.name));
    resource.insert("title".into(), json!(table.title));
    if let Some(description) = &table.description {
        resource.insert("description".into(), json!(description));
    }
    if !book.table.protection.is_empty() {
        resource.insert("protection".into(), json!(book.table.protection));
    }
    resource.insert("format".into(), json!("parquet"));
    resource.insert("mediatype".into(), json!("application/vnd.apache.parquet"));
    resource.insert("bytes".into(), json!(file.bytes.len()));
    resource.insert("hash".into(), json!(format!("sha256:{}", sha256_hex(&file.bytes))));
    let keys: Vec<&str> = book.table.dimensions().map(|column| column.name.as_str()).collect();
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://datapackage.org/profiles/2.0/tableschema.json"));
    schema.insert("fields".into(), Value::Array(fields));
    // Parquet has nulls of its own; no text stands for a missing value.
    schema.insert("missingValues".into(), json!([]));
    if !keys.is_empty() {
        schema.insert("primaryKey".into(), json!(keys));
    }
    resource.insert("schema".into(), Value::Object(schema));
    Value::Object(resource)
}

fn field(table: &OutputTable, column: &ColumnBook) -> Value {
    let mut field = Map::new();
    field.insert("name".into(), json!(column.name));
    field.insert("type".into(), json!(column.role.type_word()));
    field.insert("description".into(), json!(column.description));
    let mut constraints = Map::new();
    if column.role.required() {
        constraints.insert("required".into(), json!(true));
    }
    match &column.role {
        Role::Status { .. } => {
            let codes: Vec<&str> = column.labels.iter().map(|label| label.code.as_str()).collect();
            constraints.insert("enum".into(), json!(codes));
        }
        Role::Count => {
            constraints.insert("minimum".into(), json!(0));
        }
        _ => {}
    }
    if let Some(categories) = categories(table, column) {
        field.insert("categories".into(), categories);
    }
    if !constraints.is_empty() {
        field.insert("constraints".into(), Value::Object(constraints));
    }
    Value::Object(field)
}

/// `categories` closes the list of values: it is given only where every value of the column has a label.
fn categories(table: &OutputTable, column: &ColumnBook) -> Option<Value> {
    let at = table.dimensions.iter().position(|dimension| dimension.name == column.name)?;
    let mut labels: Vec<(&str, &str)> =
        column.labels.iter().map(|label| (label.code.as_str(), label.meaning.as_str())).collect();
    if labels.is_empty() {
        return None;
    }
    if let Some(total) = column.total.as_deref().filter(|total| labels.iter().all(|(code, _)| code != total)) {
        labels.push((total, total));
    }
    let covered = table.keys[at].iter().all(|value| labels.iter().any(|(code, _)| code == value));
    covered.then(|| labels.iter().map(|(value, label)| json!({ "value": value, "label": label })).collect())
}
