//! Small types that several config files share.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A mapping that keeps the order in which its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered<V>(Vec<(String, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Ordered<V> {
    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Keys and values in written order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Keys in written order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Values in written order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> FromIterator<(String, V)> for Ordered<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl<V: Serialize> Serialize for Ordered<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderedVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for OrderedVisitor<V> {
            type Value = Ordered<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for Ordered<V> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Ordered_of_{}", V::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<V>();
        json_schema!({ "type": "object", "additionalProperties": values })
    }
}

/// Where a secret (or a host) comes from. The value itself never stands in a file of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable: `{ env: NAME }`.
    Env(String),
    /// A file, relative to the workspace: `{ file: PATH }`.
    File(PathBuf),
}

/// A number of days, written `14d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub u32);

/// A number of bytes, written `512MiB` or `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A share of a whole from 0 to 1, written `1%` or `25%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// A type written as one word with a unit.
trait Word: Sized {
    const NAME: &'static str;
    const PATTERN: &'static str;
    const EXPECTED: &'static str;
    fn parse(text: &str) -> Option<Self>;
    fn write(&self) -> String;
}

impl Word for Days {
    const NAME: &'static str = "Days";
    const PATTERN: &'static str = r"^[0-9]+d$";
    const EXPECTED: &'static str = "a number of days such as 14d";
    fn parse(text: &str) -> Option<Self> {
        text.strip_suffix('d')?.parse().ok().map(Days)
    }
    fn write(&self) -> String {
        format!("{}d", self.0)
    }
}

impl Word for ByteSize {
    const NAME: &'static str = "ByteSize";
    const PATTERN: &'static str = r"^[0-9]+(KiB|MiB|GiB)$";
    const EXPECTED: &'static str = "a size such as 512MiB or 2GiB";
    fn parse(text: &str) -> Option<Self> {
        let (digits, shift) = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
            .iter()
            .find_map(|(unit, shift)| text.strip_suffix(unit).map(|digits| (digits, *shift)))?;
        digits.parse::<u64>().ok()?.checked_mul(1 << shift).map(ByteSize)
    }
    fn write(&self) -> String {
        [("GiB", 30), ("MiB", 20)]
            .iter()
            .find(|(_, shift)| self.0.is_multiple_of(1 << shift))
            .map_or_else(|| format!("{}KiB", self.0 >> 10), |(unit, shift)| format!("{}{unit}", self.0 >> shift))
    }
}

impl Word for Share {
    const NAME: &'static str = "Share";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)?%$";
    const EXPECTED: &'static str = "a share such as 1% or 0.5%";
    fn parse(text: &str) -> Option<Self> {
        let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
        (0.0..=100_000.0).contains(&percent).then_some(Share(percent / 100.0))
    }
    fn write(&self) -> String {
        format!("{}%", self.0 * 100.0)
    }
}

macro_rules! word_serde {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.write())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| {
                    serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &<$name as Word>::EXPECTED)
                })
            }
        }
        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { <$name as Word>::NAME.into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": <$name as Word>::PATTERN, "description": <$name as Word>::EXPECTED })
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.write()) }
        }
    )*};
}
word_serde!(Days, ByteSize, Share);
