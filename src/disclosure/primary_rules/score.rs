//! The Publication Scoring Criteria of California's Health and Human Services Agency (rule S14): points for what a table
//! says of people, and how finely.
//!
//! The points are those of its Data De-Identification Guidelines (DDG): edition 1.0 of 2016 (4.3, figure 6, and 6.2) and
//! edition 2.0 of 2025 (4.3.1, figure 6, and appendix D, 16.2). A table of more than 12 points is masked further or
//! reviewed by a statistician. The score hides nothing and proves nothing: it says which tables somebody looks at.

/// A table with more points goes to statistical review.
pub const REVIEW_ABOVE: i32 = 12;

/// Points by class: the least value of each, the largest first.
type Classes = &'static [(u64, i32)];

/// The points of an edition. What it does not know is scored as another variable, by the number of its categories.
struct Criteria {
    /// By the smallest count.
    events: Classes,
    /// By the months that one count covers.
    months: Classes,
    /// By the people who live in the smallest place.
    residence: Classes,
    /// The same where people are served, and not where they live.
    service: Classes,
    /// Street and ZIP of where they are served: in a town, in a rural area, in a frontier area.
    address: [i32; 3],
    /// By the members of the smallest health plan.
    insurance: Option<Classes>,
    /// By the people in the smallest program.
    program: Option<Classes>,
    sex: i32,
    intersex: Option<i32>,
    orientation: Option<i32>,
    /// Few identities, more of them.
    gender: Option<[i32; 2]>,
    /// By the years of the narrowest band.
    age: Classes,
    /// The largest groups, the standard ones.
    races: [i32; 2],
    /// Hispanic or Latino: yes or no.
    ethnicity: i32,
    /// English, Spanish, others.
    languages: i32,
    immigration: Option<i32>,
    /// Detailed races, ethnicities and languages, by the people of the smallest in the state.
    detailed: Classes,
    /// Any other variable, likewise.
    population: Option<Classes>,
    /// Any other variable, by the number of its categories.
    categories: Classes,
    /// By how many variables there are beside events, time and population.
    variables: Classes,
}

const EVENTS: Classes = &[(1_000, 2), (100, 3), (11, 5), (0, 7)];
const MONTHS: Classes = &[(60, -5), (24, -3), (12, 0), (6, 3), (3, 4), (0, 5)];
const STATEWIDE: Classes = &[(4_000_001, 1), (300_001, 2), (100_001, 3), (20_001, 5), (0, 7)];
const SERVICE: Classes = &[(2_000_001, -5), (1_000_001, -4), (560_001, -3), (250_001, -1), (20_001, 0), (0, 1)];
const CATEGORIES: Classes = &[(10, 7), (5, 5), (0, 3)];
/// Residence in edition 1.0, members of a health plan in edition 2.0.
const MEMBERS: Classes =
    &[(2_000_001, -5), (1_000_001, -3), (560_001, -1), (250_001, 0), (100_001, 1), (50_001, 3), (20_001, 4), (0, 5)];

static FIRST: Criteria = Criteria {
    events: EVENTS,
    months: MONTHS,
    residence: MEMBERS,
    service: SERVICE,
    address: [3, 3, 3],
    insurance: None,
    program: None,
    sex: 1,
    intersex: None,
    orientation: None,
    gender: None,
    age: &[(11, 2), (6, 3), (3, 5), (0, 7)],
    races: [2, 3],
    ethnicity: 2,
    languages: 2,
    immigration: None,
    detailed: &[(0, 4)],
    population: None,
    categories: CATEGORIES,
    variables: &[(3, 3), (2, 2), (1, 1)],
};

static SECOND: Criteria = Criteria {
    events: EVENTS,
    months: MONTHS,
    residence: &[
        (2_000_001, -5),
        (1_000_001, -3),
        (560_001, -1),
        (250_001, 0),
        (100_001, 1),
        (50_001, 3),
        (20_001, 4),
        (4_001, 5),
        (0, 7),
    ],
    service: SERVICE,
    address: [3, 5, 7],
    insurance: Some(MEMBERS),
    program: Some(&[(10_000_001, 0), (4_000_001, 1), (300_001, 2), (100_001, 3), (20_001, 5), (0, 7)]),
    sex: 1,
    intersex: Some(2),
    orientation: Some(2),
    gender: Some([3, 5]),
    age: &[(30, 1), (11, 2), (6, 3), (3, 5), (0, 7)],
    races: [2, 3],
    ethnicity: 1,
    languages: 1,
    immigration: Some(1),
    detailed: STATEWIDE,
    population: Some(STATEWIDE),
    categories: CATEGORIES,
    variables: &[(3, 4), (2, 2), (1, 1)],
};

/// Whose points count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Edition 1.0, 2016.
    First,
    /// Edition 2.0, 2025.
    Second,
}

/// What a table says of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The months that one count covers.
    Months(u64),
    /// Where they live: the people of the smallest place.
    Residence(u64),
    /// Where they are served: the people of the smallest place.
    Service(u64),
    /// The address where they are served.
    Address(Area),
    /// Their health plan: the members of the smallest one.
    Insurance(u64),
    /// Who pays for them, or a program that asks for their means: the people in the smallest one.
    Program(u64),
    /// Male or female.
    Sex,
    /// Intersex, yes or no, or beside male and female.
    Intersex,
    /// Straight, gay or lesbian, bisexual, asexual.
    SexualOrientation,
    /// Man, woman, transgender or non-binary.
    GenderIdentity,
    /// The same with more identities.
    DetailedGenderIdentity,
    /// Ages: the years of the narrowest band.
    Age(u64),
    /// White, Asian, Black, Hispanic, Middle Eastern or North African: no smaller groups.
    MajorRaces,
    /// With American Indian, Native Hawaiian, Pacific Islander or several races.
    StandardRaces,
    /// Finer ones: the people of the smallest in the state.
    DetailedRaces(u64),
    /// Hispanic or Latino, yes or no.
    Hispanic,
    /// Finer ones: the people of the smallest in the state.
    DetailedEthnicities(u64),
    /// English, Spanish, others.
    MajorLanguages,
    /// More of them: the people of the smallest in the state.
    DetailedLanguages(u64),
    /// Citizens and foreign born, or citizens, naturalized citizens and others.
    Immigration,
    /// Another one, of which it is known how many people of the state are in its smallest category.
    Population(u64),
    /// Another one.
    Other,
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// In neither of the others.
    Town,
    /// In a rural area.
    Rural,
    /// In a frontier area.
    Frontier,
}

/// A variable of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scored {
    /// Its name.
    pub name: String,
    /// How many categories it has.
    pub categories: usize,
    /// What it is.
    pub variable: Variable,
}

/// The points for one criterion. Of a number only its class is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreLine {
    /// The criterion.
    pub criterion: &'static str,
    /// The variable, where the criteria have no name for it.
    pub other: Option<String>,
    /// What the table is by it, in words; those before the class, where there is one.
    pub words: &'static str,
    /// The least and the greatest value of the class.
    pub class: Option<(u64, Option<u64>)>,
    /// What the class counts.
    pub unit: &'static str,
    /// The points.
    pub points: i32,
}

/// What a criterion is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Time,
    /// Residence, service or insurance: the finest of them counts.
    Population,
    People,
    /// A program so large that it narrows nothing down.
    Everybody,
}

impl Edition {
    /// Where its criteria stand.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Edition::First => "CalHHS DDG, edition 1.0, 6.2",
            Edition::Second => "CalHHS DDG, edition 2.0, 4.3.1",
        }
    }

    fn criteria(self) -> &'static Criteria {
        match self {
            Edition::First => &FIRST,
            Edition::Second => &SECOND,
        }
    }

    /// Whether it takes a variable for the population that the table is about, as it must have one.
    #[must_use]
    pub fn is_population(self, variable: Variable) -> bool {
        let known = |variable| Scored { name: String::new(), categories: 1, variable };
        self.criteria().line(&known(variable)).0 == About::Population
    }

    /// The points of a table, a line a criterion. `smallest` is its smallest count that is not zero, none where that is not
    /// known: the guidelines show zeros, "since a non-event cannot be identified" (4.2). Its variables are taken to be
    /// crossed with each other.
    #[must_use]
    pub fn score(self, smallest: Option<u64>, variables: &[Scored]) -> Vec<ScoreLine> {
        let criteria = self.criteria();
        let mut lines: Vec<(About, ScoreLine)> = Vec::new();
        for one in variables {
            let (about, line) = criteria.line(one);
            let same = |(other, own): &&mut (About, ScoreLine)| {
                let alike = (own.criterion, &own.other) == (line.criterion, &line.other);
                *other == about && (about < About::People || alike)
            };
            match lines.iter_mut().find(same) {
                // Of one criterion the highest points count.
                Some((_, own)) if own.points >= line.points => {}
                Some((_, own)) => *own = line,
                None => lines.push((about, line)),
            }
        }
        lines.sort_by_key(|(about, _)| *about);
        let people = lines.iter().filter(|(about, _)| *about == About::People).count();
        let mut all = vec![criteria.events(smallest)];
        all.extend(lines.into_iter().map(|(_, line)| line));
        all.push(criteria.interactions(people, smallest));
        all
    }
}

impl Criteria {
    fn events(&self, smallest: Option<u64>) -> ScoreLine {
        match smallest {
            Some(count) => class("events", "the smallest count is ", self.events, count, ""),
            None => {
                let most = self.events.iter().map(|&(_, points)| points).max().unwrap_or(0);
                fixed("events", "the smallest count is not known, and taken for a small one", most)
            }
        }
    }

    fn interactions(&self, people: usize, smallest: Option<u64>) -> ScoreLine {
        if people > 0 {
            let variables = u64::try_from(people).unwrap_or(u64::MAX);
            return class("interactions", "variables beside time and population: ", self.variables, variables, "");
        }
        let (said, points) = match smallest {
            Some(5..) => ("nothing beside time and population, and counts of at least 5", -5),
            Some(3..) => ("nothing beside time and population, and counts of at least 3", -3),
            _ => ("nothing beside time and population, and smaller counts", 0),
        };
        fixed("interactions", said, points)
    }

    fn line(&self, one: &Scored) -> (About, ScoreLine) {
        let smallest = "the smallest has ";
        let known = match one.variable {
            Variable::Months(months) => Some((About::Time, class("time", "", self.months, months, " months"))),
            Variable::Residence(people) => {
                Some((About::Population, class("residence", smallest, self.residence, people, " people")))
            }
            Variable::Service(people) => {
                Some((About::Population, class("place of service", smallest, self.service, people, " people")))
            }
            Variable::Address(area) => {
                let (at, said) = match area {
                    Area::Town => (0, "street and ZIP"),
                    Area::Rural => (1, "street and ZIP in a rural area"),
                    Area::Frontier => (2, "street and ZIP in a frontier area"),
                };
                Some((About::Population, fixed("place of service", said, self.address[at])))
            }
            Variable::Insurance(members) => self.insurance.map(|classes| {
                (About::Population, class("insurance coverage", smallest, classes, members, " members"))
            }),
            Variable::Program(people) => self.program.map(|classes| {
                let line = class("payer or program", smallest, classes, people, " people");
                (if line.points == 0 { About::Everybody } else { About::People }, line)
            }),
            variable => self.person(variable).map(|line| (About::People, line)),
        };
        known.unwrap_or_else(|| (About::People, self.other(one)))
    }

    /// What people are, where the criteria know it.
    fn person(&self, variable: Variable) -> Option<ScoreLine> {
        let detailed = |criterion, people: u64| {
            // Where all are one class, how many people there are does not matter.
            if self.detailed.len() == 1 {
                return fixed(criterion, "detailed", self.detailed[0].1);
            }
            class(criterion, "detailed, the smallest has ", self.detailed, people, " people in the state")
        };
        Some(match variable {
            Variable::Sex => fixed("sex", "male or female", self.sex),
            Variable::Intersex => fixed("intersex", "yes or no", self.intersex?),
            Variable::SexualOrientation => fixed("sexual orientation", "few categories", self.orientation?),
            Variable::GenderIdentity => fixed("gender identity", "few categories", self.gender?[0]),
            Variable::DetailedGenderIdentity => fixed("gender identity", "detailed", self.gender?[1]),
            Variable::Age(years) => class("age", "the narrowest band has ", self.age, years, " years"),
            Variable::MajorRaces => fixed("race", "the largest groups", self.races[0]),
            Variable::StandardRaces => fixed("race", "the standard groups", self.races[1]),
            Variable::DetailedRaces(people) => detailed("race", people),
            Variable::Hispanic => fixed("ethnicity", "Hispanic or Latino, yes or no", self.ethnicity),
            Variable::DetailedEthnicities(people) => detailed("ethnicity", people),
            Variable::MajorLanguages => fixed("language", "English, Spanish, other", self.languages),
            Variable::DetailedLanguages(people) => detailed("language", people),
            Variable::Immigration => fixed("immigration status", "citizens and others", self.immigration?),
            _ => return None,
        })
    }

    fn other(&self, one: &Scored) -> ScoreLine {
        let line = match (one.variable, self.population) {
            (Variable::Population(people), Some(classes)) => {
                class("other variable", "the smallest has ", classes, people, " people in the state")
            }
            _ => {
                let categories = u64::try_from(one.categories).unwrap_or(u64::MAX);
                class("other variable", "", self.categories, categories, " categories")
            }
        };
        ScoreLine { other: Some(one.name.clone()), ..line }
    }
}

fn fixed(criterion: &'static str, words: &'static str, points: i32) -> ScoreLine {
    ScoreLine { criterion, other: None, words, class: None, unit: "", points }
}

/// The points of the class that a value is in.
fn class(criterion: &'static str, words: &'static str, classes: Classes, value: u64, unit: &'static str) -> ScoreLine {
    let at = classes.iter().position(|&(least, _)| value >= least).unwrap_or(classes.len() - 1);
    let (least, points) = classes[at];
    let most = at.checked_sub(1).map(|above| classes[above].0 - 1);
    ScoreLine { class: Some((least, most)), unit, ..fixed(criterion, words, points) }
}
