//! What the publication score needs and no file says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Points for what each table says of people and how finely (rule S14): above 12 it goes to statistical review.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreSpec {
    /// The edition of the Data De-Identification Guidelines of California's Health and Human Services Agency whose Publication
    /// Scoring Criteria count.
    pub calhhs: EditionSpec,
    /// What follows from more than 12 points.
    #[serde(default)]
    pub over: OverSpec,
}

/// Whose points count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EditionSpec {
    /// Edition 1.0, 2016: that of departments whose own guidelines still follow it.
    #[serde(rename = "edition_1")]
    First,
    /// Edition 2.0, 2025.
    #[serde(rename = "edition_2")]
    Second,
}

/// What follows from a score above 12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverSpec {
    /// The report says so.
    #[default]
    Report,
    /// An audit does not pass, and `accord protect` writes nothing.
    Refuse,
}

/// What a dimension, or the whole table, says of people. A number of people or years is that of the smallest category: of the
/// smallest place, of the narrowest band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariableSpec {
    /// Nothing before they were counted: it is what is counted, such as a disease or an outcome. No points.
    Events,
    /// The months that one figure covers: 12 for a year, 60 for five years together. 1 also for less.
    Months(u64),
    /// Where they live: the people who live in the smallest place.
    Residence(u64),
    /// Where they are served, and they may come from elsewhere: the people who live in the smallest place.
    Service(u64),
    /// The address where they are served: a clinic, an office.
    ServiceAddress(AreaSpec),
    /// Their health plan: the members of the smallest.
    Insurance(u64),
    /// Who pays for them, or a program that asks for their means: the people in the smallest.
    Program(u64),
    /// Male or female.
    Sex,
    /// Intersex: yes or no, or beside male and female.
    Intersex,
    /// Straight, gay or lesbian, bisexual, asexual.
    SexualOrientation,
    /// Man, woman, transgender or non-binary.
    GenderIdentity,
    /// The same with more identities.
    DetailedGenderIdentity,
    /// Ages: the years of the narrowest band.
    Age(u64),
    /// Races, also those with Hispanic or Latino among them.
    Race(RaceSpec),
    /// Ethnicity beside race.
    Ethnicity(EthnicitySpec),
    /// The language spoken.
    Language(LanguageSpec),
    /// Citizens and foreign born, or citizens, naturalized citizens and others. Each status of others by itself goes to review
    /// whatever the score.
    Immigration,
    /// Something else, such as veterans or schooling: the people of the smallest category in the whole state.
    Population(u64),
    /// Something else. Its points are by the number of its categories.
    Other,
    /// One or the other, never together, as in files whose rows are by sex or by race: the table is scored with each of them,
    /// and the most points count.
    Either(Vec<VariableSpec>),
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AreaSpec {
    /// In neither of the others.
    Town,
    /// Some are in a rural area.
    Rural,
    /// Some are in a frontier area.
    Frontier,
}

/// Which races.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RaceSpec {
    /// White, Asian, Black, Hispanic, Middle Eastern or North African, and no smaller groups.
    Major,
    /// American Indian, Native Hawaiian, Pacific Islander or several races too.
    Standard,
    /// Finer ones: the people of the smallest in the whole state.
    Detailed(u64),
}

/// Which ethnicities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EthnicitySpec {
    /// Hispanic or Latino: yes or no.
    Hispanic,
    /// Finer ones: the people of the smallest in the whole state.
    Detailed(u64),
}

/// Which languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LanguageSpec {
    /// English, Spanish, others.
    Major,
    /// More: the people who speak the rarest in the whole state.
    Detailed(u64),
}

impl VariableSpec {
    /// What it may be: itself, or one of several.
    pub(in crate::tablefile) fn alternatives(&self) -> &[VariableSpec] {
        match self {
            Self::Either(several) => several,
            one => std::slice::from_ref(one),
        }
    }

    /// Its number of people, years or months.
    pub(in crate::tablefile) fn size(&self) -> Option<u64> {
        match *self {
            Self::Months(size)
            | Self::Residence(size)
            | Self::Service(size)
            | Self::Insurance(size)
            | Self::Program(size)
            | Self::Age(size)
            | Self::Population(size)
            | Self::Race(RaceSpec::Detailed(size))
            | Self::Ethnicity(EthnicitySpec::Detailed(size))
            | Self::Language(LanguageSpec::Detailed(size)) => Some(size),
            _ => None,
        }
    }
}
