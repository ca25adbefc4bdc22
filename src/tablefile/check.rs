//! Mistakes in a spec that its shape does not show, each with its place.

use super::pattern::Pattern;
use super::scoring;
use super::spec::{
    AttackerSpec, BehindSpec, DimensionSpec, LevelSpec, MagnitudeRuleSpec, MagnitudeSpec, MeasureSpec, MethodSpec,
    Spec, TableSpec, VariableSpec,
};
use crate::workspace::{Document, Finding, Findings};

/// All mistakes of a spec.
pub(super) fn check(document: &Document, spec: &Spec) -> Findings {
    let mut check = Check { document, findings: Findings::default() };
    if spec.tables.is_empty() {
        check.at("/tables", "`tables` names no table");
    }
    for (name, table) in spec.tables.iter() {
        let here = format!("/tables/{}", step(name));
        if table.files.is_empty() && spec.tables.len() > 1 {
            check.at(&here, "a spec of several tables names the `files` of each");
        }
        check.table(&here, table);
    }
    check.policy(spec);
    check.rules(spec);
    check.behind_counts(spec);
    check.hide_with(spec);
    check.cell_keys(spec);
    check.minimums(spec);
    check.score(spec);
    check.symbols(spec);
    check.public(spec);
    check.findings
}

struct Check<'a> {
    document: &'a Document,
    findings: Findings,
}

/// One step of a JSON pointer.
fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl Check<'_> {
    fn finding(&self, pointer: &str, message: impl Into<String>) -> Finding {
        Finding::new(&self.document.source, self.document.locate(pointer), message)
    }

    fn at(&mut self, pointer: &str, message: impl Into<String>) {
        let finding = self.finding(pointer, message);
        self.findings.push(finding);
    }

    /// A name that must be one of `names`.
    fn refers(&mut self, pointer: &str, what: &str, name: &str, names: &[&str]) {
        if !names.contains(&name) {
            let finding =
                self.finding(pointer, format!("there is no {what} `{name}`")).nearest(name, names.iter().copied());
            self.findings.push(finding);
        }
    }

    fn table(&mut self, here: &str, table: &TableSpec) {
        let dimensions: Vec<&str> = table.dimensions.keys().collect();
        let measures: Vec<&str> = table.measures.keys().collect();
        if measures.is_empty() {
            self.at(here, "the table has no `measures`: its columns of counts");
        }
        let captured: Vec<Vec<String>> =
            table.files.iter().map(|file| Pattern::new(file).captures().map(str::to_owned).collect()).collect();
        if captured.windows(2).any(|pair| pair[0] != pair[1]) {
            self.at(&format!("{here}/files"), "the patterns of one table capture the same names in the same order");
        }
        for (name, dimension) in table.dimensions.iter() {
            if let Some(dimension) = dimension {
                self.dimension(&format!("{here}/dimensions/{}", step(name)), dimension);
            }
        }
        for (name, measure) in table.measures.iter() {
            let Some(measure) = measure else { continue };
            let here = format!("{here}/measures/{}", step(name));
            if measure.of.is_some() && measure.part_of.is_some() {
                self.at(&here, "a measure has `of` or `part_of`, not both");
            }
            for (key, of) in [("of", &measure.of), ("part_of", &measure.part_of)] {
                let Some(of) = of else { continue };
                let others: Vec<&str> = measures.iter().copied().filter(|other| *other != name).collect();
                self.refers(&format!("{here}/{key}"), "other measure", of, &others);
            }
            self.magnitude(&here, measure);
            if measure.cell_key.is_some() && measure.across.is_some() {
                self.at(&here, "a measure that goes `across` a dimension has no column of keys (`cell_key`)");
            }
            self.across(
                &here,
                measure.across.as_deref(),
                measure.columns.is_empty(),
                measure.column.is_some(),
                &dimensions,
            );
        }
        self.quantiles(here, table);
        for (name, average) in table.averages.iter() {
            let here = format!("{here}/averages/{}", step(name));
            let whole = |own: &&Option<MeasureSpec>| own.as_ref().is_none_or(|own| own.across.is_none());
            let plain: Vec<&str> = table.measures.iter().filter(|(_, own)| whole(own)).map(|(name, _)| name).collect();
            self.refers(&format!("{here}/of"), "measure", &average.of, &plain);
            let others: Vec<&str> = plain.into_iter().filter(|&other| other != average.of).collect();
            self.refers(&format!("{here}/over"), "other measure", &average.over, &others);
            if average.decimals > 6 {
                self.at(&format!("{here}/decimals"), "an average has at most 6 decimals");
            }
        }
        let part_of = |own: &Option<MeasureSpec>| own.as_ref().and_then(|own| own.part_of.clone());
        let wholes: Vec<String> = table.measures.values().filter_map(part_of).collect();
        for (name, own) in table.measures.iter() {
            let Some(whole) = part_of(own) else { continue };
            if wholes.iter().filter(|one| **one == whole).count() == 1 {
                let said = format!(
                    "`{name}` is the only part of `{whole}`, so that both would be equal: use `of`, or name the other parts"
                );
                self.at(&format!("{here}/measures/{}/part_of", step(name)), said);
            }
        }
        for (name, rate) in table.rates.iter() {
            let here = format!("{here}/rates/{}", step(name));
            for (at, of) in rate.ratio.iter().enumerate() {
                self.refers(&format!("{here}/ratio/{at}"), "measure", of, &measures);
            }
            if rate.decimals > 9 {
                self.at(&format!("{here}/decimals"), "a rate has at most 9 decimals");
            }
            self.across(&here, rate.across.as_deref(), rate.columns.is_empty(), rate.column.is_some(), &dimensions);
        }
    }

    fn quantiles(&mut self, here: &str, table: &TableSpec) {
        for (name, quantile) in table.quantiles.iter() {
            let here = format!("{here}/quantiles/{}", step(name));
            let counts: Vec<&str> = table
                .measures
                .iter()
                .filter(|(_, own)| own.as_ref().is_none_or(|own| own.magnitude.is_none() && own.across.is_none()))
                .map(|(name, _)| name)
                .collect();
            self.refers(&format!("{here}/people"), "measure of people", &quantile.people, &counts);
            let [part, whole] = quantile.part;
            if part == 0 || part >= whole {
                self.at(&format!("{here}/part"), "a quantile is a part of a whole, such as [1, 2] or [3, 4]");
            }
            if quantile.decimals > 9 {
                self.at(&format!("{here}/decimals"), "a quantile has at most 9 decimals");
            }
            if let Err(error) = super::quantiles::rule(quantile).check() {
                self.at(&here, error.to_string());
            }
        }
    }

    fn minimums(&mut self, spec: &Spec) {
        let tables: Vec<&str> = spec.tables.keys().collect();
        let dimensions: Vec<&str> = spec.tables.values().flat_map(|table| table.dimensions.keys()).collect();
        for (at, one) in spec.policy.minimums.iter().enumerate() {
            let here = format!("/policy/minimums/{at}");
            if one.table.is_none() && one.dimension.is_none() {
                self.at(&here, "say where it holds: in a `table`, or by a `dimension`");
            }
            if one.category.is_some() && one.dimension.is_none() {
                self.at(&here, "a `category` goes with its `dimension`");
            }
            if let Some(table) = &one.table {
                self.refers(&format!("{here}/table"), "table", table, &tables);
            }
            if let Some(dimension) = &one.dimension {
                self.refers(&format!("{here}/dimension"), "dimension", dimension, &dimensions);
            }
            if !(spec.policy.minimum_cell + 1..=1_000_000).contains(&one.minimum) {
                self.at(&format!("{here}/minimum"), "it is larger than `minimum_cell`, which holds everywhere");
            }
            if !matches!(spec.policy.method, MethodSpec::Suppression) {
                self.at(
                    &here,
                    "where figures are rounded, have noise or are bands, there is one minimum: `minimum_cell`",
                );
            }
        }
    }

    /// What the score must know, and no file says.
    fn score(&mut self, spec: &Spec) {
        let asked = spec.policy.score.is_some();
        for (name, table) in spec.tables.iter() {
            let here = format!("/tables/{}", step(name));
            for (at, one) in table.score.iter().enumerate() {
                self.scored(&format!("{here}/score/{at}"), one, asked);
            }
            for (dimension, own) in table.dimensions.iter() {
                let here = format!("{here}/dimensions/{}", step(dimension));
                match own.as_ref().and_then(|own| own.score.as_ref()) {
                    Some(one) => self.scored(&format!("{here}/score"), one, asked),
                    None if asked => self.at(
                        &here,
                        format!(
                            "the score must know what `{dimension}` says of people: `score: sex`, `{{ age: 5 }}`, \
                             `{{ race: standard }}`, `{{ residence: 30000 }}`, ..., `other`; `events` where it says nothing of them"
                        ),
                    ),
                    None => {}
                }
            }
            let (population, time) = scoring::known(&spec.policy, table);
            if !population {
                self.at(
                    &here,
                    "the score must know how many people the table is about: `residence` (or `service`, `service_address`, in \
                     edition 2 `insurance`) of a dimension, or of the table, as in `score: [{ residence: 39000000 }]`",
                );
            }
            if !time {
                self.at(
                    &here,
                    "the score must know how many months a figure covers: `months` of a dimension, or of the table, as in \
                     `score: [{ months: 12 }]`",
                );
            }
        }
    }

    fn scored(&mut self, here: &str, one: &VariableSpec, asked: bool) {
        if !asked {
            self.at(here, "it goes with a score that the policy asks for: `policy: { score: { calhhs: edition_2 } }`");
        }
        if one.alternatives().iter().any(|one| one.size() == Some(0)) {
            self.at(here, "a number of people, years or months is at least 1");
        }
        let VariableSpec::Either(several) = one else { return };
        if several.len() < 2 || several.iter().any(|one| matches!(one, VariableSpec::Either(_))) {
            self.at(here, "`either` lists two or more, and none of them is `either` again");
        }
        if several.len() > 20 {
            self.at(here, "`either` lists at most 20");
        }
    }

    fn magnitude(&mut self, here: &str, measure: &MeasureSpec) {
        if measure.behind.is_some() && (measure.magnitude.is_some() || measure.across.is_some()) {
            self.at(here, "`behind` goes with a count in a column of its own: an amount names `organisations` itself");
        }
        let Some(magnitude) = &measure.magnitude else { return };
        if measure.of.is_some() || measure.part_of.is_some() || measure.across.is_some() {
            self.at(here, "an amount (`magnitude`) has no `of`, `part_of` or `across`: it is no count");
        }
        if magnitude.people.is_none() && magnitude.organisations.is_none() {
            self.at(
                &format!("{here}/magnitude"),
                "name the column of how many `people` or `organisations` are behind it",
            );
        }
        if magnitude.decimals > 9 {
            self.at(&format!("{here}/magnitude/decimals"), "an amount has at most 9 decimals");
        }
    }

    /// Rules for amounts, where there are any.
    fn rules(&mut self, spec: &Spec) {
        let measures = spec.tables.values().flat_map(|table| table.measures.values()).flatten();
        let amounts: Vec<&MagnitudeSpec> = measures.filter_map(|measure| measure.magnitude.as_ref()).collect();
        let rules = &spec.policy.magnitudes;
        if rules.is_empty() && !amounts.is_empty() {
            let said = "an amount needs rules that say when it is sensitive: `magnitudes`, such as [{ organisations: 3 }, \
                        { dominance: { n: 1, k: 80 } }]";
            self.at("/policy", said);
        }
        for (at, rule) in rules.iter().enumerate() {
            let here = format!("/policy/magnitudes/{at}");
            if let Err(error) = super::policy::rule(rule).check() {
                self.at(&here, error.to_string());
            }
            let wanted = rule.wanted();
            if amounts.iter().any(|amount| amount.largest.len() < wanted) {
                self.at(&here, format!("this rule looks at the {wanted} `largest` contributions: name their columns"));
            }
            let people = matches!(rule, MagnitudeRuleSpec::People(_));
            if people && amounts.iter().any(|amount| amount.people.is_none()) {
                self.at(&here, "this rule needs the column of how many `people` are behind each amount");
            }
        }
    }

    /// Rules for who is behind counts.
    fn behind_counts(&mut self, spec: &Spec) {
        let measures = spec.tables.values().flat_map(|table| table.measures.values()).flatten();
        let behind: Vec<&BehindSpec> = measures.filter_map(|measure| measure.behind.as_ref()).collect();
        let rules = &spec.policy.behind_counts;
        if rules.is_empty() != behind.is_empty() {
            let said = "`behind` of measures goes with rules: `behind_counts`, such as [{ organisations: 3 }], and they with it";
            self.at("/policy", said);
        }
        for (at, rule) in rules.iter().enumerate() {
            let here = format!("/policy/behind_counts/{at}");
            if let Err(error) = super::policy::rule(rule).check() {
                self.at(&here, error.to_string());
            }
            let wanted = rule.wanted();
            if behind.iter().any(|behind| behind.largest.len() < wanted) {
                self.at(&here, format!("this rule looks at the {wanted} `largest` organisations: name their columns"));
            }
            if matches!(rule, MagnitudeRuleSpec::People(_)) {
                self.at(&here, "people are counted: `minimum_cell` is their minimum");
            }
        }
        if !behind.is_empty() && !matches!(spec.policy.method, MethodSpec::Suppression) {
            self.at(
                "/policy/method",
                "who is behind counts is looked at where figures are hidden: `method: suppression`",
            );
        }
    }

    /// Categories that are hidden with others.
    fn hide_with(&mut self, spec: &Spec) {
        let dimensions: Vec<&str> = spec.tables.values().flat_map(|table| table.dimensions.keys()).collect();
        for (at, one) in spec.policy.hide_with.iter().enumerate() {
            let here = format!("/policy/hide_with/{at}");
            self.refers(&format!("{here}/dimension"), "dimension", &one.dimension, &dimensions);
            if !matches!(spec.policy.method, MethodSpec::Suppression) {
                self.at(&here, "no category is hidden with others where figures are rounded, have noise or are bands");
            }
        }
    }

    /// Cell keys, where the method needs them.
    fn cell_keys(&mut self, spec: &Spec) {
        let MethodSpec::CellKey(_) = &spec.policy.method else { return };
        for (name, table) in spec.tables.iter() {
            for (measure, own) in table.measures.iter() {
                if own.as_ref().is_none_or(|own| own.cell_key.is_none()) {
                    let here = format!("/tables/{}/measures/{}", step(name), step(measure));
                    self.at(&here, "the method `cell_key` needs the column of each measure's keys: `cell_key`");
                }
            }
        }
    }

    fn across(&mut self, here: &str, across: Option<&str>, no_columns: bool, column: bool, dimensions: &[&str]) {
        match across {
            Some(dimension) => {
                self.refers(&format!("{here}/across"), "dimension", dimension, dimensions);
                if no_columns || column {
                    self.at(here, "what goes `across` a dimension has `columns` (category: column) and no `column`");
                }
            }
            None if !no_columns => self.at(here, "`columns` go with `across`: the dimension whose categories they are"),
            None => {}
        }
    }

    fn dimension(&mut self, here: &str, dimension: &DimensionSpec) {
        if !dimension.within.is_empty() && dimension.hierarchy.is_some() {
            self.at(here, "a hierarchy stands in columns (`within`) or in a file (`hierarchy`), not in both");
        }
        for (at, also) in dimension.also.iter().enumerate() {
            if also.within.is_empty() == also.file.is_none() {
                self.at(&format!("{here}/also/{at}"), "a further hierarchy has `within` or `file`, one of both");
            }
        }
    }

    fn policy(&mut self, spec: &Spec) {
        let policy = &spec.policy;
        if !(2..=1_000_000).contains(&policy.minimum_cell) {
            self.at("/policy/minimum_cell", "the minimum cell is at least 2 and at most a million");
        }
        match policy.level {
            LevelSpec::Interval(width) if !(1..=1_000_000).contains(&width) => {
                self.at("/policy/level", "an interval is at least 1 and at most a million");
            }
            LevelSpec::Percent(percent) if !(1..=1000).contains(&percent) => {
                self.at("/policy/level", "a percentage is at least 1 and at most 1000");
            }
            _ => {}
        }
        if !policy.sums && policy.level == LevelSpec::Full {
            let said =
                "the level `full` protects sums in any case: `sums: false` goes with `percent`, `interval` or `exact`";
            self.at("/policy/sums", said);
        }
        if let MethodSpec::Bands(bands) = &policy.method {
            if let Err(what) = super::banded::bands(bands) {
                self.at("/policy/method/bands", what);
            }
            if matches!(policy.level, LevelSpec::Percent(_)) {
                self.at("/policy/level", "bands leave whole numbers open: `exact`, `interval` or `full`");
            }
            if policy.attackers.contains(&AttackerSpec::Insider) {
                self.at("/policy/attackers", "what the attacker `insider` computes from bands is not looked at");
            }
        }
        if policy.time_limit.as_deref().is_some_and(|limit| super::policy::duration(limit).is_none()) {
            self.at("/policy/time_limit", "a time limit is written `90s`, `10m` or `2h`");
        }
        if !policy.attackers.contains(&AttackerSpec::Reader) {
            self.at("/policy/attackers", "the reader is always one of the attackers");
        }
        let dimensions: Vec<&str> = spec.tables.values().flat_map(|table| table.dimensions.keys()).collect();
        for (at, preference) in policy.prefer_keeping.iter().enumerate() {
            let here = format!("/policy/prefer_keeping/{at}");
            self.refers(&format!("{here}/dimension"), "dimension", &preference.dimension, &dimensions);
            if preference.factor == Some(0) {
                self.at(&format!("{here}/factor"), "a factor is at least 1");
            }
        }
    }

    fn symbols(&mut self, spec: &Spec) {
        let own = [
            ("suppressed", &spec.symbols.suppressed),
            ("none", &spec.symbols.none),
            ("missing", &spec.symbols.missing),
        ];
        for (at, (key, words)) in own.iter().enumerate() {
            for word in words.iter() {
                if own[..at].iter().any(|(_, others)| others.contains(word)) {
                    self.at(&format!("/symbols/{key}"), format!("`{word}` has two meanings"));
                }
            }
        }
        let suppressed: Vec<&str> = spec.symbols.suppressed.iter().map(String::as_str).collect();
        for (word, bound) in spec.symbols.bounds.iter() {
            let here = format!("/symbols/bounds/{}", step(word));
            self.refers(&here, "word for hidden figures (`suppressed`)", word, &suppressed);
            if bound.least.zip(bound.most).is_some_and(|(least, most)| least > most) {
                self.at(&here, "`least` is above `most`");
            }
        }
        if spec.symbols.suppressed.is_empty() {
            self.at("/symbols/suppressed", "there must be a word for hidden figures");
        }
    }

    fn public(&mut self, spec: &Spec) {
        let tables: Vec<&str> = spec.tables.keys().collect();
        for (name, public) in spec.also_public.iter() {
            let here = format!("/also_public/{}", step(name));
            match (&public.like, &public.table) {
                (Some(like), None) => self.refers(&format!("{here}/like"), "table", like, &tables),
                (None, Some(table)) => self.table(&format!("{here}/table"), table),
                _ => self.at(&here, "what is public has the layout of a table (`like`) or one of its own (`table`)"),
            }
            if public.within.is_some() && public.universe.is_none() {
                self.at(&here, "`within` goes with a `universe` of its own: the smaller cohort's name");
            }
        }
    }
}
