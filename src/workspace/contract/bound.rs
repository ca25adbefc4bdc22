//! A constant that values are compared with: a number, a day or text, as it is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A constant of a contract. What it means, the type of the field says that it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound(pub String);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Bound;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_str<E>(self, text: &str) -> Result<Bound, E> {
                Ok(Bound(text.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Bound, E> {
                Ok(Bound(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Bound, E> {
                Ok(Bound(number.to_string()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Bound, E> {
                Ok(Bound(number.to_string()))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Bound, E> {
                Ok(Bound(truth.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

const EXPECTED: &str = "a number, a day such as 2026-07-01, or text";

impl JsonSchema for Bound {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "description": EXPECTED })
    }
}
