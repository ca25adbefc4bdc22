//! The spec of table files: what its author writes. Read strictly; [`super::load`] resolves it.

mod method;
mod score;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::method::MethodSpec;
pub(super) use self::method::{BandClassSpec, BandProfile, BandsSpec, CellKeySpec, RoundingSpec};
pub(super) use self::score::{
    AreaSpec, EditionSpec, EthnicitySpec, LanguageSpec, OverSpec, RaceSpec, ScoreSpec, VariableSpec,
};
use crate::workspace::{Encoding, Homogeneous, Ordered, Zeros};

/// Tables of counts in files, and how small groups in them are protected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The tables by name. Tables of one spec that share dimensions, measures and `universe` are protected as one.
    pub tables: Ordered<TableSpec>,
    /// The rules.
    #[serde(default)]
    pub policy: PolicySpec,
    /// What other words than numbers mean in columns of figures.
    #[serde(default)]
    pub symbols: Symbols,
    /// What readers have besides: earlier releases, tables published elsewhere.
    #[serde(default)]
    pub also_public: Ordered<PublicSpec>,
}

/// One table: a file, or several of the same layout or with some of its columns each.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableSpec {
    /// Paths relative to the spec; `*` stands for any part of a name, `{year}` too, and is a column of that name then.
    /// May be left out where the spec has one table and the command line names its files.
    pub files: Vec<String>,
    /// The people counted. Cells of one universe that have the same coordinates are the same cell. All tables of the
    /// spec count the same people where it is left out.
    pub universe: Option<String>,
    /// How the files are written.
    pub format: FormatSpec,
    /// The dimensions. A dimension that a table lacks is at its total there.
    pub dimensions: Ordered<Option<DimensionSpec>>,
    /// The columns of counts.
    pub measures: Ordered<Option<MeasureSpec>>,
    /// The columns of rates.
    pub rates: Ordered<RateSpec>,
    /// The columns of medians and other quantiles.
    pub quantiles: Ordered<QuantileSpec>,
    /// The columns of averages, and of other ratios of two amounts.
    pub averages: Ordered<AverageSpec>,
    /// Other columns, carried over as they are. A column that nothing names is an error when tables are protected.
    pub keep: Vec<String>,
    /// What a cell is that has no row.
    pub missing_rows: MissingRows,
    /// For `policy: { score: … }`: what the whole table says of everybody in it and no dimension says, such as the time that a
    /// figure covers and where the people live.
    pub score: Vec<VariableSpec>,
}

/// How a file is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FormatSpec {
    /// The character between columns; guessed from the header where it is left out.
    pub delimiter: Option<char>,
    /// Lines above the header: titles, blank lines.
    pub skip_rows: usize,
    /// Lines of the header, 1 where it is left out. Two are read as one: `Graduates / Count`, an empty upper cell taking
    /// the one before it.
    pub header_rows: Option<usize>,
    /// Lines below the last row: notes. They are carried over; rows that are added stand above them.
    pub footer_rows: usize,
    /// How characters are encoded; UTF-8 where it is left out.
    pub encoding: Option<Encoding>,
}

/// What a cell is that has no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingRows {
    /// Empty. In an audit only a cell beside one that has a row, since whole slices may not be published.
    #[default]
    Zero,
    /// Hidden: rows are left out where figures are suppressed. Tables to be protected can't have them.
    Hidden,
}

/// A dimension: one column, or several that are nested.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DimensionSpec {
    /// The column; the dimension's name where it is left out. None is read where a measure goes `across` the dimension.
    pub column: Option<String>,
    /// Columns whose categories contain this one's, the nearest first: `[district, state]`.
    pub within: Vec<String>,
    /// The same from a file.
    pub hierarchy: Option<HierarchyFile>,
    /// Further hierarchies over the same categories.
    pub also: Vec<Hierarchy>,
    /// The label of the total over all categories. Where no row has it, totals are computed and written.
    pub total: Option<String>,
    /// The label of totals within one category of `within`; an empty field and `total` are read as such in any case.
    pub subtotal: Option<String>,
    /// For `policy: { score: … }`: what it says of people.
    pub score: Option<VariableSpec>,
}

/// A hierarchy: exactly one of both.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hierarchy {
    /// Columns of the table, the nearest first.
    pub within: Vec<String>,
    /// A file.
    pub file: Option<HierarchyFile>,
}

/// A delimited file with a header: in each line a category and those that contain it, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HierarchyFile {
    /// Its path, relative to the spec.
    pub file: PathBuf,
    /// Its columns, the category first, then the nearest that contains it; all of them in their order where it is left
    /// out (so a file `child,parent` needs none).
    #[serde(default)]
    pub columns: Vec<String>,
}

/// A measure: a count of all, of those within another measure (`of`), or of one part of several (`part_of`); or an amount
/// (`magnitude`).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MeasureSpec {
    /// The column; the measure's name where it is left out.
    pub column: Option<String>,
    /// The measure among whose units this one counts: a numerator and its denominator.
    pub of: Option<String>,
    /// The measure that all measures with this `part_of` add up to.
    pub part_of: Option<String>,
    /// The dimension whose categories stand in columns of their own.
    pub across: Option<String>,
    /// Of a measure `across` a dimension: category (or total label) and column.
    pub columns: Ordered<String>,
    /// The column of the cells' keys, for `method: { cell_key: … }`: for each row the sum, modulo 2^64, of the record keys of
    /// the people whom it counts; decimal, or hexadecimal after `0x`. It is read and never written.
    pub cell_key: Option<String>,
    /// Where it is no count but an amount, such as wages or days: who is behind it.
    pub magnitude: Option<MagnitudeSpec>,
    /// Of a count: the organisations behind it, such as employers or schools, for `policy: { behind_counts: … }`.
    pub behind: Option<BehindSpec>,
}

impl MeasureSpec {
    /// Who is behind the figures, where that is in columns.
    pub(super) fn contributions(&self) -> Option<MagnitudeSpec> {
        let behind = |own: &BehindSpec| MagnitudeSpec {
            organisations: Some(own.organisations.clone()),
            largest: own.largest.clone(),
            ..MagnitudeSpec::default()
        };
        self.magnitude.clone().or_else(|| self.behind.as_ref().map(behind))
    }
}

/// The organisations behind a count. The columns are read and never written, as those of amounts; every total needs a row.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BehindSpec {
    /// The column of how many organisations those counted belong to.
    pub organisations: String,
    /// The columns of how many belong to the largest of them, the largest first. Rules of dominance need as many as they
    /// look at.
    #[serde(default)]
    pub largest: Vec<String>,
}

/// Who is behind an amount. The columns named here are read and never written: they hold the mark of hidden figures in the
/// files that are published. Every total needs a row of its own, since who is behind it can't be added up.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MagnitudeSpec {
    /// Decimals of the amount, and of the largest contributions.
    pub decimals: u32,
    /// The column of how many people are behind the amount.
    pub people: Option<String>,
    /// The column of how many organisations are, such as employers. They are the contributors where it is named, the people
    /// where it is left out.
    pub organisations: Option<String>,
    /// The columns of the largest contributions, the largest first. Rules of dominance need as many as they look at.
    pub largest: Vec<String>,
}

impl MagnitudeSpec {
    /// The columns named, with the decimals of each.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, u32)> {
        let counts = self.people.iter().chain(&self.organisations).map(|column| (column.as_str(), 0));
        counts.chain(self.largest.iter().map(|column| (column.as_str(), self.decimals)))
    }
}

/// What makes an amount sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MagnitudeRuleSpec {
    /// Fewer people than this are behind it.
    People(u64),
    /// Fewer organisations than this are behind it.
    Organisations(u64),
    /// The `n` largest have more than `k` percent of it.
    Dominance {
        /// How many.
        n: u64,
        /// The percentage.
        k: u32,
    },
    /// The second largest could estimate the largest within so many percent.
    Percent(u32),
    /// The same where everybody can estimate all others within `q` percent beforehand.
    PriorPosterior {
        /// How close nobody may come, in percent.
        p: u32,
        /// How close everybody is beforehand, in percent.
        q: u32,
    },
}

impl MagnitudeRuleSpec {
    /// How many of the largest contributions it looks at.
    pub(super) fn wanted(&self) -> usize {
        match *self {
            Self::People(_) | Self::Organisations(_) => 0,
            Self::Dominance { n, .. } => usize::try_from(n).unwrap_or(usize::MAX),
            Self::Percent(_) | Self::PriorPosterior { .. } => 2,
        }
    }
}

/// A rate of two measures.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateSpec {
    /// The column; the rate's name where it is left out.
    #[serde(default)]
    pub column: Option<String>,
    /// Numerator and denominator.
    pub ratio: [String; 2],
    /// Decimals that are printed.
    #[serde(default)]
    pub decimals: u32,
    /// What 1 stands for.
    #[serde(default)]
    pub unit: RateUnit,
    /// The dimension whose categories stand in columns of their own.
    #[serde(default)]
    pub across: Option<String>,
    /// Of a rate `across` a dimension: category (or total label) and column.
    #[serde(default)]
    pub columns: Ordered<String>,
}

/// A median or another quantile of what the people of a measure earn, take or reach. It is printed where their count is
/// printed and large enough, with enough people on both sides of it, and rounded; elsewhere it carries the mark of hidden
/// figures.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantileSpec {
    /// The column; the quantile's name where it is left out.
    #[serde(default)]
    pub column: Option<String>,
    /// The measure that counts the people whose quantile it is.
    pub people: String,
    /// Which one: `[1, 2]`, the median, where it is left out; `[1, 4]` is the first quartile.
    #[serde(default = "median")]
    pub part: [u64; 2],
    /// Decimals of the column.
    #[serde(default)]
    pub decimals: u32,
    /// It is printed as a multiple of this many whole units.
    pub grain: u64,
    /// The smallest group of which it is printed, at least 10; 20 where it is left out.
    #[serde(default = "quantile_minimum")]
    pub minimum: u64,
    /// How many people are on each side of it, at least 3; 5 where it is left out.
    #[serde(default = "quantile_side")]
    pub each_side: u64,
}

fn median() -> [u64; 2] {
    [1, 2]
}

fn quantile_minimum() -> u64 {
    20
}

fn quantile_side() -> u64 {
    5
}

/// An average or another ratio of two amounts. It is printed exactly where both of its figures are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AverageSpec {
    /// The column; the average's name where it is left out.
    #[serde(default)]
    pub column: Option<String>,
    /// The measure above the line, such as an amount.
    pub of: String,
    /// The measure below it, such as the count of those who share it.
    pub over: String,
    /// Decimals that are printed.
    #[serde(default)]
    pub decimals: u32,
}

/// The unit of a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateUnit {
    /// 0 to 100.
    #[default]
    Percent,
    /// 0 to 1.
    Fraction,
}

/// Words in columns of figures. An empty field is the word `""`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Symbols {
    /// The figure is hidden. The first is what `accord protect` writes.
    pub suppressed: Vec<String>,
    /// There is no such group: a known zero, and no rate.
    pub none: Vec<String>,
    /// The figure is not published here, which says nothing about it.
    pub missing: Vec<String>,
    /// What words for hidden counts say of them besides. A word that says it itself, such as `<10` or `1-9`, is taken at it
    /// where nothing is said here; with `{}` it says nothing.
    pub bounds: Ordered<BoundSpec>,
}

/// What a word for hidden counts says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BoundSpec {
    /// The smallest count that it stands for.
    pub least: Option<u64>,
    /// The largest.
    pub most: Option<u64>,
}

impl Default for Symbols {
    fn default() -> Self {
        Self { suppressed: vec!["*".to_owned()], none: Vec::new(), missing: Vec::new(), bounds: Ordered::default() }
    }
}

/// The rules.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySpec {
    /// How figures are protected.
    pub method: MethodSpec,
    /// The smallest count that may be shown: 11 hides 1 to 10.
    pub minimum_cell: u64,
    /// Larger minimum cells, where they hold: by table, dimension or category. The largest that applies to a cell counts.
    pub minimums: Vec<MinimumSpec>,
    /// How much must stay open about each hidden small figure.
    pub level: LevelSpec,
    /// Whether a total must not show either that hidden figures add up to a small group. `full` protects such sums in any
    /// case; at the other levels `false` takes them as they come, as τ-Argus does.
    pub sums: bool,
    /// What becomes of empty cells. `accord audit` looks into the files where it is left out; `accord protect` hides them.
    pub zeros: Option<Zeros>,
    /// What becomes of groups in which nobody or everybody is counted.
    pub homogeneous: Homogeneous,
    /// What makes the amounts of measures with `magnitude` sensitive; any of them does.
    pub magnitudes: Vec<MagnitudeRuleSpec>,
    /// What makes the counts of measures with `behind` sensitive, besides being small: fewer `organisations` than this behind
    /// them, or a few of those that dominate.
    pub behind_counts: Vec<MagnitudeRuleSpec>,
    /// Categories that are hidden wherever another one beside them is, whatever their size. That alone protects nothing.
    pub hide_with: Vec<HideWithSpec>,
    /// What to keep where there is a choice.
    pub weight: WeightSpec,
    /// Figures to keep before others.
    pub prefer_keeping: Vec<PreferenceSpec>,
    /// How long to look for a better pattern, such as `90s` or `10m`.
    pub time_limit: Option<String>,
    /// Who must not be able to compute a hidden figure.
    pub attackers: Vec<AttackerSpec>,
    /// A score that says which tables go to statistical review. It hides nothing.
    pub score: Option<ScoreSpec>,
}

impl Default for PolicySpec {
    fn default() -> Self {
        Self {
            method: MethodSpec::Suppression,
            minimum_cell: 11,
            minimums: Vec::new(),
            level: LevelSpec::Full,
            sums: true,
            zeros: None,
            homogeneous: Homogeneous::Hide,
            magnitudes: Vec::new(),
            behind_counts: Vec::new(),
            hide_with: Vec::new(),
            weight: WeightSpec::Value,
            prefer_keeping: Vec::new(),
            time_limit: None,
            attackers: vec![AttackerSpec::Reader, AttackerSpec::Archivist, AttackerSpec::Contributor],
            score: None,
        }
    }
}

/// A category that is hidden together with others of its dimension.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HideWithSpec {
    /// The dimension, such as race.
    pub dimension: String,
    /// Its category, such as `Not Reported`.
    pub category: String,
}

/// A larger minimum cell: of a table, or of a dimension.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinimumSpec {
    /// The table whose counts it is about: a source that asks for more.
    #[serde(default)]
    pub table: Option<String>,
    /// The dimension: all cells that are broken down by it, those at its total left out.
    #[serde(default)]
    pub dimension: Option<String>,
    /// Of the dimension only this category, and what it contains.
    #[serde(default)]
    pub category: Option<String>,
    /// The smallest count that may be shown there.
    pub minimum: u64,
}

/// Figures to keep before others: those of some categories.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferenceSpec {
    /// The dimension.
    pub dimension: String,
    /// Its categories; its total where none is named.
    #[serde(default)]
    pub categories: Vec<String>,
    /// How many times their weight such figures count; 10 where it is left out.
    #[serde(default)]
    pub factor: Option<u32>,
}

/// How much must stay open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelSpec {
    /// Not even that it is small can be told.
    #[default]
    Full,
    /// More than one whole number stays possible.
    Exact,
    /// At least this many whole numbers beside the true one stay possible.
    Interval(u64),
    /// At least this many percent above and below stay possible, as τ-Argus has it.
    Percent(u64),
}

/// What to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightSpec {
    /// People in figures that are shown.
    #[default]
    Value,
    /// Figures that are shown.
    Cells,
    /// Between the two.
    Logarithm,
}

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttackerSpec {
    /// Has every published figure and knows the rules.
    Reader,
    /// Also has what `also_public` names.
    Archivist,
    /// Also knows that they are counted themselves.
    Contributor,
    /// Also knows which hidden figures are small, and which only protect them.
    Insider,
}

/// What readers have besides.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicSpec {
    /// Its files, as in a table.
    pub files: Vec<String>,
    /// What it is, in words, as in `release of 2025`.
    pub edition: String,
    /// The table of this spec that has the same layout.
    #[serde(default)]
    pub like: Option<String>,
    /// Its layout, where no table has it. Without `files` of its own.
    #[serde(default)]
    pub table: Option<TableSpec>,
    /// The people it counts; those of the spec where it is left out.
    #[serde(default)]
    pub universe: Option<String>,
    /// The universe that counts everybody whom this one counts: a cohort that has grown since.
    #[serde(default)]
    pub within: Option<String>,
    /// What words mean in it, where it has others.
    #[serde(default)]
    pub symbols: Option<Symbols>,
}
