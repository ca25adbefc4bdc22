//! JSON Schemas of the workspace's files, made from the types, so that editors complete and check while people write.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::{Agreement, Contract, Pipeline, Roles, Settings};

/// File names and texts of all schemas (draft 2020-12), in a fixed order. The same types give the same bytes.
#[must_use]
pub fn schemas() -> Vec<(String, String)> {
    let all = [
        ("accord", schema_of::<Settings>()),
        ("agreement", schema_of::<Agreement>()),
        ("contract", schema_of::<Contract>()),
        ("pipeline", schema_of::<Pipeline>()),
        ("roles", schema_of::<Roles>()),
    ];
    all.into_iter().map(|(name, schema)| (format!("{name}.schema.json"), pretty(&schema))).collect()
}

/// The schema of one kind of file.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let schema: Schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.to_value()
}

/// The text of the schema of a file that belongs to no workspace.
#[must_use]
pub fn schema_text<T: JsonSchema>() -> String {
    pretty(&schema_of::<T>())
}

fn pretty(schema: &Value) -> String {
    format!("{schema:#}\n")
}
