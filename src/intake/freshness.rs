//! How old a source is.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::pick::Named;
use crate::error::Error;
use crate::workspace::{Contract, Days};

/// How old the last delivery of a source is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// The source.
    pub source: String,
    /// Its contract.
    pub contract: String,
    /// Who delivers.
    pub partner: String,
    /// The path of the last delivery; none where there is no delivery.
    pub path: Option<String>,
    /// Its day.
    pub day: Option<Date>,
    /// Where that day is from.
    pub day_from: Option<DayFrom>,
    /// Days since then; negative for a day to come.
    pub age_days: Option<i32>,
    /// How it stands to the contract's limits.
    pub state: FreshnessState,
    /// The age beyond which it is late.
    pub warn: Option<Days>,
    /// The age beyond which it is refused.
    pub error: Option<Days>,
    /// Between which days a delivery is missing, going by the deliveries that are read.
    pub gaps: Vec<Gap>,
}

/// Where the day of a delivery is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayFrom {
    /// Its name.
    Name,
    /// The time at which it was written, in UTC.
    Written,
}

/// How a source stands to its contract's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreshnessState {
    /// Within the limits, or there are none.
    Fresh,
    /// Older than `warn`.
    Late,
    /// Older than `error`: not used any more.
    TooLate,
    /// There is no delivery.
    Missing,
}

impl std::fmt::Display for FreshnessState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::TooLate => "too late",
            Self::Missing => "missing",
        })
    }
}

/// Two deliveries with more days between them than the contract has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The day of the one.
    pub after: Date,
    /// The day of the next.
    pub before: Date,
}

impl Freshness {
    /// Whether the contract has limits to compare with.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.warn.is_some() || self.error.is_some()
    }

    /// The last delivery and its age, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Some((day, age)) = self.day.zip(self.age_days) else { return "no delivery".to_owned() };
        let written = if self.day_from == Some(DayFrom::Written) { "written on " } else { "of " };
        let days = if age.abs() == 1 { "day" } else { "days" };
        match age {
            0 => format!("last delivery {written}{day}, today"),
            1.. => format!("last delivery {written}{day}, {age} {days} ago"),
            _ => format!("last delivery {written}{day}, {} {days} from now", -age),
        }
    }

    /// What a run has to say about it, where there is something.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let (source, partner) = (&self.source, &self.partner);
        if let (FreshnessState::Late, Some(limit)) = (self.state, self.warn) {
            notes.push(format!(
                "source `{source}` of {partner} is late: {}, and one is expected within {limit}",
                self.in_words()
            ));
        }
        if self.age_days.is_some_and(|age| age < -1) && self.has_limits() {
            notes.push(format!("source `{source}` of {partner}: {}; its name can't be right", self.in_words()));
        }
        notes.extend(self.gaps.iter().map(|Gap { after, before }| {
            format!("source `{source}` of {partner}: no delivery between {after} and {before}")
        }));
        notes
    }

    /// Refuses a source that is older than its contract allows.
    ///
    /// # Errors
    /// `intake.too_late`, with partner, source, age and limit.
    pub fn check(&self) -> crate::error::Result<()> {
        let (FreshnessState::TooLate, Some(limit)) = (self.state, self.error) else { return Ok(()) };
        let said =
            format!("use source `{}` of {}: {}; the limit is {limit}", self.source, self.partner, self.in_words());
        Err(Error::data("intake.too_late", said).with_hint(format!(
            "ask {} for a new delivery; where none is due, have the parties agree a longer `delivery.freshness.error` \
             in contract {}",
            self.partner, self.contract
        )))
    }
}

/// The last delivery is the one of the last day in a name, or else the one that was written last.
pub(super) fn freshness_of(source: &str, contract: &Contract, files: &[Named], today: Date) -> Freshness {
    let limits = contract.delivery.freshness;
    let written = |file: &Named| file.entry.modified.map(|time| TimeZone::UTC.to_datetime(time).date());
    let by_name = files.iter().filter(|file| file.name.date.is_some()).max_by_key(|file| file.name.date);
    let last = by_name.or_else(|| files.iter().max_by_key(|file| file.entry.modified));
    let day = last.and_then(|file| file.name.date.or_else(|| written(file)));
    let age_days = day.and_then(|day| (today - day).get_days().into());
    let beyond =
        |limit: Option<Days>| limit.zip(age_days).is_some_and(|(limit, age)| i64::from(age) > i64::from(limit.0));
    Freshness {
        source: source.to_owned(),
        contract: contract.id.clone(),
        partner: contract.partner.clone(),
        path: last.map(|file| file.entry.path.clone()),
        day_from: day.map(|_| if by_name.is_some() { DayFrom::Name } else { DayFrom::Written }),
        day,
        age_days,
        state: match last {
            None => FreshnessState::Missing,
            Some(_) if beyond(limits.error) => FreshnessState::TooLate,
            Some(_) if beyond(limits.warn) => FreshnessState::Late,
            Some(_) => FreshnessState::Fresh,
        },
        warn: limits.warn,
        error: limits.error,
        gaps: Vec::new(),
    }
}

/// Where more days lie between two deliveries than the contract has.
pub(super) fn gaps(contract: &Contract, days: impl Iterator<Item = Date>) -> Vec<Gap> {
    let Some(every) = contract.delivery.freshness.every else { return Vec::new() };
    let mut days: Vec<Date> = days.collect();
    days.sort_unstable();
    let pairs = days.windows(2).map(|pair| Gap { after: pair[0], before: pair[1] });
    pairs.filter(|gap| i64::from((gap.before - gap.after).get_days()) > i64::from(every.0)).collect()
}
