//! The codebook of a table: one structure, from which the Parquet footer, the data package, the CSV and the HTML are
//! made.

use serde::{Deserialize, Serialize};

use super::{NOT_APPLICABLE, PUBLISHED, SUPPRESSED, status_column};
use crate::release::Method;
use crate::release::input::{CandidateInput, DimensionColumn, MeasureColumn, MeasureKind, OutputTable};

/// The codebook of one table of a release; the value of `accord` in the Parquet footer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codebook {
    /// The version of this structure.
    pub format: u32,
    /// The release's title.
    pub title: String,
    /// What the release is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The pipeline that made it.
    pub pipeline: String,
    /// The agreement's id.
    pub agreement: String,
    /// The agreement's title.
    pub agreement_title: String,
    /// The purpose.
    pub purpose: String,
    /// The legal basis.
    pub legal_basis: String,
    /// The licence, an SPDX id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Sources to name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attribution: Vec<String>,
    /// The table.
    pub table: TableBook,
}

/// What a table shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableBook {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is counted.
    pub counts: String,
    /// The people counted: tables of one universe share the cells that have the same coordinates.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub universe: String,
    /// How its figures are protected; suppression where it is left out.
    #[serde(default, skip_serializing_if = "Method::is_suppression")]
    pub method: Method,
    /// The same in words, with what it promises.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protection: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnBook>,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnBook {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// What it means.
    pub description: String,
    /// The unit of its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Codes with their meanings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// The code of the total over the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// When a figure is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_when: Option<String>,
    /// Of a dimension: the column whose categories contain this one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Of a count: what is counted, by its definition. The same in two tables of a universe is the same count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// Of a count: the column among whose units these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Of a count: whether it is one of exclusive parts that add up to `of`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_part: bool,
}

/// What a column is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Categories.
    Dimension,
    /// Counts.
    Count,
    /// One count divided by another, in percent.
    Rate {
        /// Decimals shown.
        decimals: u32,
        /// The column above the line.
        numerator: String,
        /// The column below the line.
        denominator: String,
    },
    /// Whether the figure of another column is shown.
    Status {
        /// That column.
        of: String,
    },
}

/// A code and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The code.
    pub code: String,
    /// What it means.
    pub meaning: String,
}

impl ColumnBook {
    fn new(name: String, role: Role) -> Self {
        Self {
            name,
            role,
            description: String::new(),
            unit: None,
            labels: Vec::new(),
            total: None,
            hidden_when: None,
            within: None,
            counted: None,
            of: None,
            is_part: false,
        }
    }
}

impl Role {
    /// The role in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Role::Dimension => "dimension",
            Role::Count => "count",
            Role::Rate { .. } => "rate",
            Role::Status { .. } => "status",
        }
    }

    /// The type of the column's values.
    #[must_use]
    pub fn type_word(&self) -> &'static str {
        match self {
            Role::Dimension | Role::Status { .. } => "string",
            Role::Count => "integer",
            Role::Rate { .. } => "number",
        }
    }

    /// Whether every row has a value.
    #[must_use]
    pub fn required(&self) -> bool {
        matches!(self, Role::Dimension | Role::Status { .. })
    }
}

impl Codebook {
    pub(super) fn new(input: &CandidateInput, table: &OutputTable) -> Self {
        let dimensions = table.dimensions.iter().map(dimension);
        let measures = table.measures.iter().flat_map(|one| [measure(one, &table.counts), status(one)]);
        Self {
            format: 1,
            title: input.title.clone(),
            description: input.description.clone(),
            pipeline: input.pipeline.clone(),
            agreement: input.agreement.clone(),
            agreement_title: input.agreement_title.clone(),
            purpose: input.purpose.clone(),
            legal_basis: input.legal_basis.clone(),
            licence: input.licence.clone(),
            attribution: input.attribution.clone(),
            table: TableBook {
                name: table.name.clone(),
                title: table.title.clone(),
                description: table.description.clone(),
                counts: table.counts.clone(),
                universe: table.universe.clone(),
                method: input.method.clone(),
                protection: match input.method.is_suppression() {
                    true => String::new(),
                    false => format!("{}: {}", input.method.name(), input.method.guarantee()),
                },
                columns: dimensions.chain(measures).collect(),
            },
        }
    }
}

impl TableBook {
    /// The dimension columns.
    pub fn dimensions(&self) -> impl Iterator<Item = &ColumnBook> {
        self.columns.iter().filter(|column| column.role == Role::Dimension)
    }

    /// The measure columns.
    pub fn measures(&self) -> impl Iterator<Item = &ColumnBook> {
        self.columns.iter().filter(|column| matches!(column.role, Role::Count | Role::Rate { .. }))
    }
}

fn dimension(column: &DimensionColumn) -> ColumnBook {
    let label = |(code, meaning): &(String, String)| Label { code: code.clone(), meaning: meaning.clone() };
    ColumnBook {
        description: column.description.clone().unwrap_or_else(|| column.name.replace('_', " ")),
        labels: column.labels.iter().map(label).collect(),
        total: column.total.clone(),
        within: column.within.clone(),
        ..ColumnBook::new(column.name.clone(), Role::Dimension)
    }
}

fn measure(column: &MeasureColumn, counts: &str) -> ColumnBook {
    let (role, unit) = match &column.kind {
        MeasureKind::Count => (Role::Count, counts.to_owned()),
        MeasureKind::Rate { decimals, numerator, denominator } => {
            let (numerator, denominator) = (numerator.clone(), denominator.clone());
            (Role::Rate { decimals: *decimals, numerator, denominator }, "percent".to_owned())
        }
    };
    ColumnBook {
        description: column.description.clone().unwrap_or_else(|| column.name.replace('_', " ")),
        unit: Some(unit),
        hidden_when: Some(column.suppressed_rule.clone()).filter(|rule| !rule.is_empty()),
        counted: Some(column.counted.clone()).filter(|counted| !counted.is_empty()),
        of: column.of.clone(),
        is_part: column.is_part,
        ..ColumnBook::new(column.name.clone(), role)
    }
}

fn status(column: &MeasureColumn) -> ColumnBook {
    let label = |code: &str, meaning: &str| Label { code: code.to_owned(), meaning: meaning.to_owned() };
    let mut labels = vec![
        label(PUBLISHED, "the figure is shown"),
        label(SUPPRESSED, "the figure is hidden to protect people in small groups; it is not zero and not missing"),
    ];
    if matches!(column.kind, MeasureKind::Rate { .. }) {
        labels.push(label(NOT_APPLICABLE, "nobody is in the group, so that there is no rate"));
    }
    ColumnBook {
        description: format!("whether the figure in {} is shown", column.name),
        labels,
        ..ColumnBook::new(status_column(&column.name), Role::Status { of: column.name.clone() })
    }
}
