//! `pipelines/*/pipeline.yaml`: one indicator family, from sources to published tables.

use std::path::PathBuf;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::linkage::Probabilistic;
use super::method::Method;
use super::types::{Days, Ordered};

/// One indicator family.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Its name; the folder is named after it.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What the indicator is: definition, source, known breaks.
    #[serde(default)]
    pub description: Option<String>,
    /// The agreement it runs under.
    pub agreement: String,
    /// The purpose, one of the agreement's.
    pub purpose: String,
    /// When it runs, as a cron line; read by whatever starts `accord run`.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The extracts it reads.
    pub sources: Ordered<Source>,
    /// How people are linked across sources.
    #[serde(default)]
    pub identity: Identity,
    /// SQL models in order, each a file beside this one: SELECT only, over `sources.*`, `links.*` and `models.*`.
    pub models: Ordered<PathBuf>,
    /// The tables to publish.
    pub tables: Ordered<Table>,
    /// How small groups are protected; the agreement's floor holds in any case.
    #[serde(default)]
    pub disclosure: Disclosure,
    /// Where the release goes.
    pub release: Release,
}

/// Extracts under one contract.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The contract.
    pub contract: String,
    /// Where the extracts are: a path in the extracts' storage, `*` standing for any part of a file name. `{date:YYYYMMDD}`
    /// stands for the day of a delivery, `{period}` for what it covers (`2026-05`, `2025-26`), `{version}` for a number of
    /// which the higher one corrects the lower one, `{part}` for one of several files of a delivery.
    pub from: String,
    /// Which of them to read.
    pub pick: Pick,
}

/// Which deliveries to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The one whose period or day is the last, or else whose name is.
    Newest,
    /// All of them; a delivery that equals an earlier one to the byte is read once.
    All,
    /// The last so many.
    Last(u32),
    /// Those of the last so many days, the day of the run being one of them. It needs a `{date}` in the file names.
    Within(Days),
    /// Those of these days. It needs a `{date}` in the file names.
    Window(Window),
}

/// Days, both included; without one of them the window is open there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// The first day.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub from: Option<Date>,
    /// The last day.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Date>,
}

impl Pick {
    /// Whether it goes by the day of a delivery.
    #[must_use]
    pub fn needs_date(self) -> bool {
        matches!(self, Self::Within(_) | Self::Window(_))
    }
}

/// How people are linked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// Links by name; SQL reads them as `links.NAME (left_person, right_person, rule, probability)`.
    pub links: Ordered<Link>,
}

/// A link between the people of two sources.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The source on the left.
    pub left: String,
    /// The source on the right.
    pub right: String,
    /// How many people of one side may be the same person of the other.
    pub assignment: Assignment,
    /// Rules in order. Each lists link fields that both contracts have; people that agree on all of them (none missing)
    /// are linked, unless several people of one side share the values. A person linked by an earlier rule is done.
    #[serde(default)]
    pub rules: Vec<LinkRule>,
    /// Linkage by probability, for whom no rule links.
    #[serde(default)]
    pub probabilistic: Option<Probabilistic>,
}

/// How many people of one side may be one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// One to one: values shared by several people on either side link nobody and are counted as ambiguous.
    OneToOne,
    /// Several people on the right may be one on the left (a partner that holds duplicate records of a person).
    OneToMany,
    /// Several people on the left may be one on the right.
    ManyToOne,
    /// Several people on either side may be one on the other.
    ManyToMany,
}

/// Fields on which two people must agree.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRule {
    /// The rule's name, shown in reports and in the `rule` column.
    pub name: String,
    /// The fields.
    pub fields: Vec<String>,
}

/// A published table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its title.
    #[serde(default)]
    pub title: Option<String>,
    /// The model that gives its rows.
    pub from: String,
    /// What one row of the model stands for: `person` (then no person may have two), or another word such as
    /// `enrolment` (then the minimum cell also holds for the distinct people behind each cell).
    pub counts: String,
    /// The dimensions.
    pub dimensions: Ordered<Option<Dimension>>,
    /// The measures.
    pub measures: Ordered<Measure>,
}

/// A dimension: a column of the model.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dimension {
    /// The column above it in a hierarchy; its totals are published too.
    pub within: Option<String>,
    /// The label of the total over all its values; no such total where it is left out.
    pub total: Option<String>,
    /// The label of the total over the values within one value of `within`; `All` where it is left out.
    pub subtotal: Option<String>,
    /// The label of rows that have no value; such rows stop the run where it is left out.
    pub missing: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

/// A measure: exactly one of `count`, `count_where`, `count_by` and `ratio`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Measure {
    /// `true`: the number of rows.
    pub count: Option<bool>,
    /// The number of rows in which this boolean column is true.
    pub count_where: Option<String>,
    /// The number of rows for each value of this text column, one measure each, named `MEASURE_VALUE` in lower case.
    pub count_by: Option<String>,
    /// The measure that `count_where` or `count_by` is a part of; the count where it is left out. Rows counted here
    /// must be counted there.
    pub of: Option<String>,
    /// Two measures: the first divided by the second, in percent.
    pub ratio: Option<[String; 2]>,
    /// Decimals of a ratio; 1 where it is left out.
    pub decimals: Option<u32>,
    /// What it means.
    pub description: Option<String>,
}

/// How small groups are protected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disclosure {
    /// How figures are protected, one of the agreement's methods; the same one for all tables, and for all releases of the
    /// pipeline.
    pub method: Method,
    /// The smallest count shown; the agreement's where it is left out, and never below it.
    pub minimum_cell: Option<u64>,
    /// What an attacker may find out about a hidden cell.
    pub level: Level,
    /// What becomes of counts of zero.
    pub zeros: Zeros,
    /// Whether groups in which nobody or everybody is counted are shown.
    pub homogeneous: Homogeneous,
    /// Hide so much that nobody who knows that they are counted themselves can compute a protected figure.
    pub contributor: bool,
    /// What becomes of a release from which somebody who is told which hidden cells are small can compute one. Readers,
    /// and those who keep earlier releases, are always defeated.
    pub insider: Insider,
}

impl Default for Disclosure {
    fn default() -> Self {
        Self {
            method: Method::default(),
            minimum_cell: None,
            level: Level::default(),
            zeros: Zeros::default(),
            homogeneous: Homogeneous::default(),
            contributor: true,
            insider: Insider::default(),
        }
    }
}

/// What becomes of a release that an insider of the rule can undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Insider {
    /// Stewards are told.
    #[default]
    Report,
    /// It is refused.
    Refuse,
}

/// What an attacker may find out about a hidden cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not even that it is small.
    #[default]
    Full,
    /// Anything but its exact value.
    Exact,
    /// No more than that it is one of a range of values, at least this many beside the true one.
    Interval(u64),
    /// No more than this many percent above and below, as other tools have it.
    Percent(u64),
}

impl Level {
    /// Whether everything that is protected at `floor` is protected at this level, where counts below `minimum_cell` are
    /// hidden. Percentages protect a count of 1 from nothing, so that they stand beside the other levels, not under them.
    #[must_use]
    pub fn is_at_least(self, floor: Self, minimum_cell: u64) -> bool {
        match (self, floor) {
            (Self::Full, Self::Interval(width)) => width < minimum_cell,
            (Self::Full, Self::Full | Self::Exact) | (Self::Exact, Self::Exact) => true,
            (Self::Interval(own), Self::Interval(width)) => own >= width,
            (Self::Interval(_), Self::Exact) => true,
            (Self::Percent(own), Self::Percent(percent)) => own >= percent,
            _ => false,
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Level::Full => f.write_str("full"),
            Level::Exact => f.write_str("exact"),
            Level::Interval(width) => write!(f, "interval of {width}"),
            Level::Percent(percent) => write!(f, "{percent} percent"),
        }
    }
}

/// What becomes of counts of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Zeros {
    /// They carry the same mark as hidden counts.
    #[default]
    Hide,
    /// They are printed.
    Print,
}

/// Whether groups in which nobody or everybody is counted are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Homogeneous {
    /// 0 % and 100 % are hidden.
    #[default]
    Hide,
    /// They are shown.
    Print,
}

/// Where the release goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Who receives it, among the agreement's recipients.
    pub recipients: Vec<String>,
    /// The licence of the published data, an SPDX id such as `CC-BY-4.0`.
    #[serde(default)]
    pub licence: Option<String>,
    /// Sources to name, such as a data set's citation.
    #[serde(default)]
    pub attribution: Vec<String>,
}
