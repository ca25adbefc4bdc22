//! What an audit of table files says: numbers of figures, names of cells, and rules. No value of a figure is in it.

use std::fmt::Write as _;

use serde::Serialize;

use super::deduce::AddUp;
use super::scoring::TableScore;
pub(super) use crate::report::number;

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Independent parts of the tables that are done.
    pub part: usize,
    /// Independent parts.
    pub parts: usize,
    /// How far the part at hand is.
    pub inner: Option<crate::disclosure::Progress>,
}

/// How a hidden figure falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// One subtraction from a total, or one sum.
    Subtraction,
    /// One subtraction from a whole that is printed with its parts.
    Parts,
    /// Several subtractions, each from what the ones before gave.
    Steps,
    /// All that makes up a total is known, though it is hidden itself or printed nowhere; or it follows from such.
    Sum,
    /// Hidden figures add up to nothing, so each of them is empty; or it follows from such.
    Nothing,
    /// Bounds, or several equations at once.
    Bounds,
    /// A printed rate and one of its counts.
    Rate,
    /// Bands of rates, group sizes and totals together.
    Bands,
    /// Averages, and the amounts or counts that are printed with them.
    Average,
    /// Another table or file of the same publication prints it.
    Elsewhere,
    /// Another publication gives it.
    Edition,
    /// What is printed would leave a negative figure: some of it is wrong.
    Impossible,
    /// Bounds show that it is small, or that nobody or everybody is counted, though not its value.
    Narrow,
    /// Hidden figures are shown to add up to a small group.
    SmallSum,
    /// A rate whose two counts are printed beside it.
    RateBeside,
    /// A rate whose counts fall.
    RateOfFallen,
}

/// The rules that would have prevented it, numbered as in the documentation of Accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Rule {
    /// Small groups are hidden.
    S1,
    /// Numerators and complements too.
    S2,
    /// Complementary suppression.
    S4,
    /// Rates and their counts.
    S6,
    /// Rates in bands by the size of the group.
    S7,
    /// All tables and releases together.
    S10,
    /// Organisations behind figures.
    S12,
    /// Quantiles.
    S13,
    /// Totals.
    S16,
}

impl Way {
    /// In a few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Way::Subtraction => "subtraction from a total",
            Way::Parts => "subtraction from a whole and its parts",
            Way::Steps => "several subtractions in a row",
            Way::Sum => "a total that is hidden or not printed, added up from its parts",
            Way::Nothing => "hidden figures that add up to nothing",
            Way::Bounds => "bounds, or several equations at once",
            Way::Rate => "a printed rate and a count",
            Way::Bands => "bands of rates, group sizes and totals",
            Way::Average => "an average and what is printed with it",
            Way::Elsewhere => "another table prints it",
            Way::Edition => "another publication gives it",
            Way::Impossible => "subtraction, to an impossible value",
            Way::Narrow => "bounds that show it to be small, though not its value",
            Way::SmallSum => "hidden figures that add up to a small group",
            Way::RateBeside => "a rate whose two counts are printed beside it",
            Way::RateOfFallen => "a rate whose counts can be computed",
        }
    }

    /// The rule that would have prevented it.
    #[must_use]
    pub fn rule(self) -> Rule {
        match self {
            Way::Subtraction | Way::Steps | Way::Sum | Way::Nothing | Way::Bounds | Way::Narrow | Way::SmallSum => {
                Rule::S4
            }
            Way::Parts => Rule::S2,
            Way::Rate | Way::Average | Way::RateBeside | Way::RateOfFallen => Rule::S6,
            Way::Bands => Rule::S7,
            Way::Elsewhere | Way::Edition => Rule::S10,
            Way::Impossible => Rule::S16,
        }
    }

    /// Whether what falls is a rate, not a count.
    #[must_use]
    pub fn is_rate(self) -> bool {
        matches!(self, Way::RateBeside | Way::RateOfFallen)
    }
}

impl Rule {
    /// What it asks.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Rule::S1 => "hide every count from 1 to the minimum less one, and its rates",
            Rule::S2 => "hide small numerators and small complements (whole less part) as small counts",
            Rule::S4 => "hide further cells, so that no hidden one can be computed from totals",
            Rule::S6 => "hide a rate or an average exactly where one of its figures is hidden",
            Rule::S7 => "print rates as bands that leave enough open for the size of their group, also together",
            Rule::S10 => "protect all tables together, with earlier releases and what is public elsewhere",
            Rule::S12 => "hide figures with too few organisations behind them, or dominated by a few",
            Rule::S13 => "print quantiles of large groups only, with people on both sides, and rounded",
            Rule::S16 => "make totals from the same rows as their parts, and test that they add up",
        }
    }
}

/// A figure that falls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fall {
    /// Where it is, in words.
    pub cell: String,
    /// How.
    pub way: Way,
    /// Steps of arithmetic.
    pub steps: u32,
}

/// How many figures fall a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WayCount {
    /// The way.
    pub way: Way,
    /// How many.
    pub figures: usize,
    /// The rule that would have prevented it.
    pub rule: Rule,
}

/// How many figures a rule would have kept from falling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    /// The rule.
    pub rule: Rule,
    /// What it asks.
    pub asks: &'static str,
    /// How many.
    pub figures: usize,
}

/// The numbers of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableBook {
    /// The table.
    pub table: String,
    /// Which other publication it is from.
    pub edition: Option<String>,
    /// Its files.
    pub files: usize,
    /// Counts that are printed.
    pub printed: usize,
    /// Counts that a symbol hides.
    pub hidden: usize,
    /// Of them, those that fall.
    pub fallen: usize,
    /// Of those, the ones that are empty, or that the policy lets be shown: they harm nobody.
    pub harmless: usize,
    /// Rates that a symbol hides.
    pub hidden_rates: usize,
    /// Of them, those that fall.
    pub fallen_rates: usize,
}

/// The numbers of a measure or a rate, over all tables that have one of its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FigureBook {
    /// Its name.
    pub figure: String,
    /// What it is.
    pub kind: FigureKind,
    /// Figures that are printed.
    pub printed: usize,
    /// Figures that a symbol hides.
    pub hidden: usize,
    /// Of a rate: those of them whose two counts are printed beside them.
    pub beside: usize,
    /// The others of them that fall.
    pub fallen: usize,
}

/// What a figure is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureKind {
    /// A count, or a sum of amounts.
    #[default]
    Count,
    /// One count as a share of another.
    Rate,
    /// A sum over a count.
    Average,
}

impl FigureKind {
    /// What stands behind its name, with a blank before it.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Rate => " (rate)",
            Self::Average => " (average)",
        }
    }

    /// Whether two other figures give it.
    #[must_use]
    pub fn is_quotient(self) -> bool {
        self != Self::Count
    }
}

/// The result of an audit of table files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// The smallest count that the policy allows to be shown.
    pub minimum_cell: u64,
    /// By table.
    pub tables: Vec<TableBook>,
    /// By measure and rate.
    pub figures: Vec<FigureBook>,
    /// Totals that are printed with all that makes them up.
    pub add_up: AddUp,
    /// How hidden figures fall, and how many each way.
    pub ways: Vec<WayCount>,
    /// Of the hidden counts that fall, those that are small groups.
    pub small: usize,
    /// Of them, those that show that nobody or everybody in a group is counted.
    pub homogeneous: usize,
    /// Of the hidden counts that fall, those that are empty and that the policy lets be shown: they harm nobody.
    pub empty: usize,
    /// Of the hidden counts that fall, those that are neither empty nor small, and that the policy lets be shown.
    pub harmless: usize,
    /// Of the hidden rates that fall, those whose counts the policy lets be shown.
    pub harmless_rates: usize,
    /// Hidden figures that bounds or several equations give a single value.
    pub bounds: usize,
    /// Hidden figures that bounds show to be small (or to be nobody or everybody of a group), without giving the value.
    pub narrow: usize,
    /// Hidden counts of which the mark itself says that they are small. That is no fall: nothing more than the mark may be
    /// told of them.
    pub marked: usize,
    /// Totals that show hidden figures to add up to a small group.
    pub small_sums: usize,
    /// Small counts that are printed.
    pub printed_small: usize,
    /// Small numerators, complements, and groups of nobody or everybody that printed counts show.
    pub printed_complements: usize,
    /// Quantiles that are printed of groups that are hidden or too small, near the end, or not rounded.
    pub printed_quantiles: usize,
    /// Figures that are printed with the organisations behind them, which are too few or dominate.
    pub printed_few: usize,
    /// Hidden figures neither shown to be safe nor to fall.
    pub undecided: usize,
    /// Places where printed figures contradict each other.
    pub contradictions: usize,
    /// The first of them.
    pub contradicting: Vec<String>,
    /// Hidden figures that would have to be negative.
    pub impossible: usize,
    /// Independent parts of the tables whose bounds were not looked at, since they contradict themselves.
    pub unexamined: usize,
    /// The worst.
    pub worst: Vec<Fall>,
    /// The rules that would have prevented it, and how many figures each.
    pub rules: Vec<RuleCount>,
    /// How the figures are protected, where none is hidden: they are rounded, or have noise.
    pub method: Option<&'static str>,
    /// Figures that are not what that method prints.
    pub unlike: usize,
    /// The publication score of each table, where the policy asks for it.
    pub scores: Vec<TableScore>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

impl AuditReport {
    /// Whether nothing is wrong: nothing falls, and the policy refuses no table for its score.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.holds() && !self.scores.iter().any(|score| score.refused)
    }

    /// Whether nothing falls that could harm anybody, and nothing contradicts itself.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.fallen().saturating_sub(self.empty + self.harmless)
            + self.fallen_rates().saturating_sub(self.harmless_rates)
            + self.bounds
            + self.narrow
            + self.small_sums
            + self.undecided
            + self.unlike
            + self.contradictions
            == 0
            && self.printed_small + self.printed_complements + self.printed_quantiles + self.printed_few == 0
    }

    /// Counts that a symbol hides.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.tables.iter().map(|table| table.hidden).sum()
    }

    /// Hidden counts that fall by arithmetic.
    #[must_use]
    pub fn fallen(&self) -> usize {
        self.tables.iter().map(|table| table.fallen).sum()
    }

    /// Rates that a symbol hides.
    #[must_use]
    pub fn hidden_rates(&self) -> usize {
        self.tables.iter().map(|table| table.hidden_rates).sum()
    }

    /// Hidden rates that fall.
    #[must_use]
    pub fn fallen_rates(&self) -> usize {
        self.tables.iter().map(|table| table.fallen_rates).sum()
    }

    /// The figures that fall a way.
    #[must_use]
    pub fn of_way(&self, way: Way) -> usize {
        self.ways.iter().find(|one| one.way == way).map_or(0, |one| one.figures)
    }

    /// The finding in a sentence or two.
    #[must_use]
    pub fn headline(&self) -> String {
        let refused = self.scores.iter().filter(|score| score.refused);
        let refused = refused.map(|score| format!(" Table {} is {}.", score.table, score.verdict()));
        std::iter::once(self.finding()).chain(refused).collect()
    }

    fn finding(&self) -> String {
        if let Some(method) = self.method {
            return self.of_method(method);
        }
        if self.holds() {
            let others = match (self.empty, self.harmless + self.harmless_rates) {
                (0, 0) => "",
                (_, 0) => ", but for some that are empty",
                _ => ", but for some that the policy lets be shown",
            };
            return format!(
                "Nothing falls: of {} and {} a reader can compute none{others}.",
                counted(self.hidden(), "hidden count", "hidden counts"),
                counted(self.hidden_rates(), "hidden rate", "hidden rates"),
            );
        }
        let counts = self.fallen() + self.bounds;
        let of = |fall: usize, all: usize, words: &str| match all {
            0 => None,
            _ => Some(format!("{} of {} {words}", number(fall), number(all))),
        };
        let hidden =
            [of(counts, self.hidden(), "hidden counts"), of(self.fallen_rates(), self.hidden_rates(), "hidden rates")];
        let hidden = hidden.into_iter().flatten().collect::<Vec<_>>().join(" and ");
        let mut said = match hidden.as_str() {
            "" => "No figure is hidden here.".to_owned(),
            hidden => format!("{hidden} can be computed from what is printed."),
        };
        let mut more = |count: usize, one: &str, many: &str| {
            if count > 0 {
                let _ = write!(said, " {} {}.", number(count), if count == 1 { one } else { many });
            }
        };
        let minimum = self.minimum_cell;
        more(
            self.small,
            &format!("of them is a group of fewer than {minimum}"),
            &format!("of them are groups of fewer than {minimum}"),
        );
        more(self.empty, "is empty, and harms nobody", "are empty, and harm nobody");
        more(
            self.homogeneous,
            "shows that nobody or everybody of a group is counted",
            "show that nobody or everybody of a group is counted",
        );
        more(self.narrow, "more can be told to be small", "more can be told to be small");
        more(
            self.printed_small,
            &format!("group of fewer than {minimum} is printed as it is"),
            &format!("groups of fewer than {minimum} are printed as they are"),
        );
        more(
            self.contradictions,
            "place holds figures that contradict each other",
            "places hold figures that contradict each other",
        );
        said
    }

    /// The finding about tables in which nothing is hidden.
    fn of_method(&self, method: &str) -> String {
        let faults = [
            (self.unlike, "figure is not what the method prints", "figures are not what the method prints"),
            (self.contradictions, "total is not the sum of its parts", "totals are not the sums of their parts"),
        ];
        let faults: Vec<String> = faults
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        if faults.is_empty() {
            return format!("No figure is hidden here, and none can be taken for the true one: {method}.");
        }
        format!("These tables are said to be protected otherwise ({method}), but {}.", faults.join(", and "))
    }

    /// What else was found, and how many of each.
    pub(super) fn besides(&self) -> Vec<(usize, &'static str)> {
        let all = [
            (self.printed_small, "small count is printed", "small counts are printed"),
            (
                self.printed_complements,
                "small numerator or complement, or group of nobody or everybody, can be told",
                "small numerators or complements, or groups of nobody or everybody, can be told",
            ),
            (
                self.printed_quantiles,
                "quantile is printed of too small a group, or not rounded",
                "quantiles are printed of too small groups, or not rounded",
            ),
            (
                self.printed_few,
                "figure is printed of too few organisations, or of a few that dominate",
                "figures are printed of too few organisations, or of a few that dominate",
            ),
            (
                self.undecided,
                "hidden figure could neither be shown to be safe nor to fall",
                "hidden figures could neither be shown to be safe nor to fall",
            ),
            (
                self.contradictions,
                "place where printed figures contradict each other",
                "places where printed figures contradict each other",
            ),
            (
                self.unexamined,
                "part contradicts itself, and its bounds were not looked at",
                "parts contradict themselves, and their bounds were not looked at",
            ),
            (self.unlike, "figure is not what the method prints", "figures are not what the method prints"),
            (
                self.marked,
                "hidden figure is small by its mark; nothing more than the mark was to be told of it",
                "hidden figures are small by their mark; nothing more than the mark was to be told of them",
            ),
        ];
        let found = all.into_iter().filter(|(count, ..)| *count > 0);
        found.map(|(count, one, many)| (count, if count == 1 { one } else { many })).collect()
    }

    /// The report for people, a line each; `paint` colours (a terminal code and a text).
    #[must_use]
    pub fn lines(&self, paint: &dyn Fn(&str, &str) -> String) -> Vec<String> {
        let colour = if self.passed() { "1;32" } else { "1;31" };
        let mut lines = vec![paint(colour, &self.headline())];
        let mut section = |title: &str, rows: Vec<String>| {
            if !rows.is_empty() {
                lines.push(String::new());
                lines.push(paint("1", title));
                lines.extend(rows.into_iter().map(|row| format!("  {row}")));
            }
        };
        let row = |count: usize, words: &str| format!("{:>9}  {words}", number(count));
        // What nobody needs to have prevented is not put on trial.
        let passed = self.holds();
        section(
            if passed { "How those can be told" } else { "How" },
            self.ways.iter().map(|one| row(one.figures, one.way.words())).collect(),
        );
        section("Besides", self.besides().into_iter().map(|(count, words)| row(count, words)).collect());
        if !passed {
            let worst = self.worst.iter().map(|fall| format!("{}: {}", fall.cell, fall.way.words()));
            section("The worst", worst.collect());
        }
        section("Contradictions, the first of them", self.contradicting.clone());
        let rule = |one: &RuleCount| format!("{:?}  {} ({})", one.rule, one.asks, number(one.figures));
        if !passed {
            section("What would have prevented it", self.rules.iter().map(rule).collect());
        }
        if self.figures.len() > 1 {
            section("Figures", self.figures.iter().map(figure_line).collect());
        }
        section("Totals that are printed with all that makes them up", self.add_up.lines());
        section("Publication score", self.scores.iter().flat_map(TableScore::lines).collect());
        section("Tables", self.tables.iter().map(table_line).collect());
        section("Notes", self.notes.clone());
        lines
    }
}

/// A number and what it counts.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// A measure's or rate's numbers in words.
pub(super) fn figure_line(book: &FigureBook) -> String {
    let what = book.kind.suffix();
    let mut line = format!("{}{what}: {} printed, {} hidden", book.figure, number(book.printed), number(book.hidden));
    if book.beside > 0 {
        let _ = write!(line, ", {} of them beside both counts", number(book.beside));
    }
    if book.fallen > 0 {
        let words = match (book.kind.is_quotient(), book.fallen) {
            (true, 1) => "falls with its counts",
            (true, _) => "fall with their counts",
            (false, 1) => "falls",
            (false, _) => "fall",
        };
        let _ = write!(line, ", {} {words}", number(book.fallen));
    }
    line
}

fn table_line(table: &TableBook) -> String {
    let edition = table.edition.as_ref().map(|edition| format!(" ({edition})")).unwrap_or_default();
    let fall = |hidden: usize, fallen: usize, harmless: usize| {
        let falls = if fallen == 1 { "falls" } else { "fall" };
        match (fallen, harmless) {
            (0, _) => format!("{} hidden", number(hidden)),
            (_, 0) => format!("{} hidden, {} {falls}", number(hidden), number(fallen)),
            (_, all) if all == fallen => format!("{} hidden, {} told without harm", number(hidden), number(fallen)),
            _ => format!(
                "{} hidden, {} {falls}, {} of them without harm",
                number(hidden),
                number(fallen),
                number(harmless)
            ),
        }
    };
    let rates = match table.hidden_rates {
        0 => String::new(),
        hidden => format!("; rates: {}", fall(hidden, table.fallen_rates, 0)),
    };
    format!(
        "{}{edition}: {} printed, {}{rates} ({})",
        table.table,
        number(table.printed),
        fall(table.hidden, table.fallen, table.harmless),
        counted(table.files, "file", "files")
    )
}
