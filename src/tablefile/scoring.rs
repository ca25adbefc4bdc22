//! The publication score of tables in files (rule S14).

use serde::Serialize;

use super::layout::Loaded;
use super::report::number;
use super::spec::{
    AreaSpec, EditionSpec, EthnicitySpec, LanguageSpec, OverSpec, PolicySpec, RaceSpec, Spec, TableSpec, VariableSpec,
};
use crate::disclosure::MeasureKind;
use crate::disclosure::primary_rules::{Area, Edition, REVIEW_ABOVE, ScoreLine, Scored, Variable};
use crate::error::{Error, Result};

/// The publication score of a table. No count is in it: of the smallest one only its class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableScore {
    /// The table.
    pub table: String,
    /// Where the criteria stand.
    pub source: &'static str,
    /// All points together.
    pub points: i32,
    /// Whether they are above 12: then the table goes to statistical review.
    pub review: bool,
    /// Whether the policy refuses it for that.
    pub refused: bool,
    /// The points, criterion by criterion.
    pub criteria: Vec<CriterionPoints>,
}

/// The points of a criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CriterionPoints {
    /// The criterion.
    pub criterion: String,
    /// What the table is by it.
    pub characteristic: String,
    /// The points.
    pub points: i32,
}

/// The scores of the tables at hand, where the policy asks for them. `smallest` gives a table's smallest printed count that is
/// not zero, none where that is not known.
pub(super) fn scores(
    spec: &Spec,
    tables: &[Loaded],
    smallest: &dyn Fn(usize, &Loaded) -> Option<u64>,
) -> Vec<TableScore> {
    let Some(asked) = spec.policy.score else { return Vec::new() };
    let edition = edition(asked.calhhs);
    let own = tables.iter().enumerate().filter(|(_, table)| table.edition.is_none());
    let score = |(at, table): (usize, &Loaded)| {
        let declared = spec.tables.get(&table.name)?;
        let smallest = smallest(at, table);
        let lines = alternatives(declared, table).into_iter().map(|variables| edition.score(smallest, &variables));
        let points = |lines: &Vec<ScoreLine>| lines.iter().map(|line| line.points).sum::<i32>();
        // Of several with the most points the first is said.
        let lines = lines.reduce(|best, other| if points(&other) > points(&best) { other } else { best })?;
        let points = points(&lines);
        let review = points > REVIEW_ABOVE;
        Some(TableScore {
            table: table.name.clone(),
            source: edition.source(),
            points,
            review,
            refused: review && asked.over == OverSpec::Refuse,
            criteria: lines.iter().map(said).collect(),
        })
    };
    own.filter_map(score).collect()
}

/// The smallest count that is printed and not zero. None where none is, and where a rate is printed whose numerator is not:
/// that may be any.
pub(super) fn smallest(
    table: &Loaded,
    count: &dyn Fn(usize, usize) -> Option<i64>,
    rate: &dyn Fn(usize, usize) -> bool,
) -> Option<u64> {
    let of_unknown = |at: usize, cell: usize| rate(at, cell) && count(table.rates[at].numerator, cell).is_none();
    if (0..table.rates.len()).any(|at| (0..table.cells()).any(|cell| of_unknown(at, cell))) {
        return None;
    }
    let counts = (0..table.measures.len()).filter(|&at| table.measures[at].kind != MeasureKind::Magnitude);
    let printed = counts.flat_map(|at| (0..table.cells()).filter_map(move |cell| count(at, cell)));
    printed.filter(|&count| count > 0).min().map(i64::unsigned_abs)
}

/// The scores of tables as they are published.
pub(super) fn published(spec: &Spec, tables: &[Loaded]) -> Vec<TableScore> {
    let of = |_: usize, table: &Loaded| {
        let count = |measure: usize, cell: usize| table.values[measure][cell].printed();
        smallest(table, &count, &|rate, cell| table.rates[rate].values[cell].printed().is_some())
    };
    scores(spec, tables, &of)
}

/// Refuses to publish tables whose score is too high, where the policy says so.
pub(super) fn refuse(scores: &[TableScore]) -> Result<()> {
    let refused: Vec<&TableScore> = scores.iter().filter(|score| score.refused).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let said = format!("table `{}` has {} points{more}: {}", first.table, first.points, first.verdict());
    let report: Vec<String> = refused.iter().flat_map(|score| score.lines()).collect();
    Err(Error::disclosure("tables.score", said).with_report(format!("{}\n", report.join("\n"))).with_hint(
        "nothing was written. Take wider bands of age, larger places, longer times or fewer dimensions, or have it reviewed and \
         say `over: report`",
    ))
}

impl TableScore {
    /// What follows from it.
    #[must_use]
    pub fn verdict(&self) -> String {
        match self.review {
            true => format!("above {REVIEW_ABOVE}, statistical review ({})", self.source),
            false => format!("not above {REVIEW_ABOVE} ({})", self.source),
        }
    }

    /// The score for people: the sum, then a line a criterion.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let head = format!("{}: {} points, {}", self.table, self.points, self.verdict());
        let line = |one: &CriterionPoints| format!("{:>+5}  {}: {}", one.points, one.criterion, one.characteristic);
        std::iter::once(head).chain(self.criteria.iter().map(line)).collect()
    }
}

pub(super) fn edition(spec: EditionSpec) -> Edition {
    match spec {
        EditionSpec::First => Edition::First,
        EditionSpec::Second => Edition::Second,
    }
}

/// Whether what a table says of itself names the population that it is about, and its time.
pub(super) fn known(policy: &PolicySpec, table: &TableSpec) -> (bool, bool) {
    let Some(asked) = policy.score else { return (true, true) };
    let dimensions = table.dimensions.values().flatten().filter_map(|own| own.score.as_ref());
    let declared: Vec<Variable> =
        dimensions.chain(&table.score).flat_map(VariableSpec::alternatives).filter_map(variable).collect();
    let population = declared.iter().any(|&one| edition(asked.calhhs).is_population(one));
    (population, declared.iter().any(|one| matches!(one, Variable::Months(_))))
}

/// What a table says of people: several where a dimension is one thing or the other.
fn alternatives(spec: &TableSpec, table: &Loaded) -> Vec<Vec<Scored>> {
    let own = spec.dimensions.iter().filter_map(|(name, own)| {
        let score = own.as_ref()?.score.as_ref()?;
        Some((name, score, categories(table, name)))
    });
    let whole = spec.score.iter().map(|score| ("of the whole table", score, 1));
    let mut all: Vec<Vec<Scored>> = vec![Vec::new()];
    for (name, score, categories) in own.chain(whole) {
        let with = |other: &VariableSpec| {
            let scored = variable(other).map(|variable| Scored { name: name.to_owned(), categories, variable });
            all.iter().map(|before| before.iter().cloned().chain(scored.clone()).collect()).collect::<Vec<_>>()
        };
        all = score.alternatives().iter().flat_map(with).collect();
    }
    all
}

/// How many categories a dimension has at its finest level.
fn categories(table: &Loaded, name: &str) -> usize {
    let Some(axis) = table.axes.iter().find(|axis| axis.name == name) else { return 1 };
    let children = axis.trees[0].children();
    let finest = |&node: &usize| axis.trees[0].member[node] && children[node].is_empty() && axis.total != Some(node);
    (0..axis.nodes.len()).filter(finest).count()
}

/// What is declared, in the words of the rule; nothing where it says nothing of people.
fn variable(spec: &VariableSpec) -> Option<Variable> {
    Some(match *spec {
        VariableSpec::Events | VariableSpec::Either(_) => return None,
        VariableSpec::Months(months) => Variable::Months(months),
        VariableSpec::Residence(people) => Variable::Residence(people),
        VariableSpec::Service(people) => Variable::Service(people),
        VariableSpec::ServiceAddress(AreaSpec::Town) => Variable::Address(Area::Town),
        VariableSpec::ServiceAddress(AreaSpec::Rural) => Variable::Address(Area::Rural),
        VariableSpec::ServiceAddress(AreaSpec::Frontier) => Variable::Address(Area::Frontier),
        VariableSpec::Insurance(members) => Variable::Insurance(members),
        VariableSpec::Program(people) => Variable::Program(people),
        VariableSpec::Sex => Variable::Sex,
        VariableSpec::Intersex => Variable::Intersex,
        VariableSpec::SexualOrientation => Variable::SexualOrientation,
        VariableSpec::GenderIdentity => Variable::GenderIdentity,
        VariableSpec::DetailedGenderIdentity => Variable::DetailedGenderIdentity,
        VariableSpec::Age(years) => Variable::Age(years),
        VariableSpec::Race(RaceSpec::Major) => Variable::MajorRaces,
        VariableSpec::Race(RaceSpec::Standard) => Variable::StandardRaces,
        VariableSpec::Race(RaceSpec::Detailed(people)) => Variable::DetailedRaces(people),
        VariableSpec::Ethnicity(EthnicitySpec::Hispanic) => Variable::Hispanic,
        VariableSpec::Ethnicity(EthnicitySpec::Detailed(people)) => Variable::DetailedEthnicities(people),
        VariableSpec::Language(LanguageSpec::Major) => Variable::MajorLanguages,
        VariableSpec::Language(LanguageSpec::Detailed(people)) => Variable::DetailedLanguages(people),
        VariableSpec::Immigration => Variable::Immigration,
        VariableSpec::Population(people) => Variable::Population(people),
        VariableSpec::Other => Variable::Other,
    })
}

fn said(line: &ScoreLine) -> CriterionPoints {
    let class = match line.class {
        None => String::new(),
        Some((least, None)) => format!("{} or more", number(least)),
        Some((least, Some(most))) if least == most => number(most),
        Some((0, Some(most))) => format!("up to {}", number(most)),
        Some((least, Some(most))) => format!("{} to {}", number(least), number(most)),
    };
    let other = line.other.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    CriterionPoints {
        criterion: format!("{}{other}", line.criterion),
        characteristic: format!("{}{class}{}", line.words, line.unit),
        points: line.points,
    }
}
