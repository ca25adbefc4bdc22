//! The form in which a certificate and the public tables are written: one JSON value a line, whole numbers and names only.
//!
//! The first line of a certificate holds its rules, then come lines of one array each:
//!
//! | line | array |
//! |---|---|
//! | `{"base":[...]}` | the value of each hidden figure |
//! | `{"table":[i,d,i,d,...]}` | a whole table: figure `i` differs from the base by `d` |
//! | `{"move":[t,i,d,...]}` | a change of table `t`; 0 is the base, the tables follow in their order |
//! | `{"cells":[t,i,d,...]}` | a change of table `t` among innermost cells: with each changes every total that it is in |
//! | `{"step":[k,table,index,cell,other,m,...]}` | `m` times an equation, six numbers each: see [`EquationName`] |
//!
//! The kinds `k` are 0 along the dimension `other`, 1 complement, 2 parts, 3 rate from above, 4 rate from below, 5 since,
//! with the containing figure's first place in `other`.

use std::fmt::Write as _;

use super::{Certificate, EquationKind, EquationName, Rules};
use crate::disclosure::audit::Published;
use crate::disclosure::policy::{Level, Zeros};
use crate::disclosure::table::MeasureKind;

/// Figures by number, and by how much they differ.
type Differences = Vec<(u32, i64)>;

/// A certificate's text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the certificate cannot be read: {what}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// The fault.
    pub what: &'static str,
}

impl Certificate {
    /// The certificate as text.
    pub fn to_text(&self) -> String {
        let Rules { minimum_cell, level, zeros, homogeneous } = self.policy;
        let (level, extent) = match level {
            Level::Exact => ("exact", 0),
            Level::Interval(width) => ("interval", width),
            Level::Percent(percent) => ("percent", percent),
            Level::Full => ("full", 0),
        };
        let zeros = if zeros == Zeros::Print { "print" } else { "hide" };
        let mut text = String::from("{\"certificate\":1,\"about\":");
        quote(&self.about, &mut text);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            ",\"minimum\":{minimum_cell},\"level\":\"{level}\",\"extent\":{extent},\"zeros\":\"{zeros}\",\
             \"homogeneous\":{homogeneous}}}"
        );
        line("base", self.base.iter().copied(), &mut text);
        for table in &self.tables {
            line("table", pairs(table), &mut text);
        }
        for (table, change) in &self.moves {
            line("move", std::iter::once(i64::from(*table)).chain(pairs(change)), &mut text);
        }
        for (table, change) in &self.cells {
            line("cells", std::iter::once(i64::from(*table)).chain(pairs(change)), &mut text);
        }
        for step in &self.steps {
            line("step", step.iter().flat_map(|(name, m)| numbers(name, *m)), &mut text);
        }
        text
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// A line that is not of the form, with its number.
    pub fn from_text(text: &str) -> Result<Self, TextError> {
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, l)| !l.is_empty());
        let (at, head) = lines.next().ok_or(TextError { line: 1, what: "it is empty" })?;
        let (about, policy) = rules(head).map_err(|what| TextError { line: at, what })?;
        let (base, tables, moves, cells, steps) = Default::default();
        let mut certificate = Certificate { about, policy, base, tables, moves, cells, steps };
        for (line, text) in lines {
            certificate.read(text).map_err(|what| TextError { line, what })?;
        }
        Ok(certificate)
    }

    fn read(&mut self, text: &str) -> Result<(), &'static str> {
        let (key, array) = text.split_once(':').ok_or("it is no array")?;
        let array = array.strip_prefix('[').and_then(|array| array.strip_suffix("]}")).ok_or("it is no array")?;
        let items = array.split(',').filter(|item| !item.is_empty());
        let numbers: Result<Vec<i64>, _> = items.map(|item| item.trim().parse::<i64>()).collect();
        let numbers = numbers.map_err(|_| "an entry is no whole number")?;
        match key {
            "{\"base\"" => self.base = numbers,
            "{\"table\"" => self.tables.push(differences(&numbers)?),
            "{\"move\"" => self.moves.push(change(&numbers)?),
            "{\"cells\"" => self.cells.push(change(&numbers)?),
            "{\"step\"" => self.steps.push(step(&numbers)?),
            _ => return Err("it is of no known kind"),
        }
        Ok(())
    }
}

fn line(key: &str, numbers: impl Iterator<Item = i64>, text: &mut String) {
    let _ = write!(text, "{{\"{key}\":[");
    for (at, number) in numbers.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{number}");
    }
    text.push_str("]}\n");
}

fn pairs(change: &[(u32, i64)]) -> impl Iterator<Item = i64> + '_ {
    change.iter().flat_map(|&(number, by)| [i64::from(number), by])
}

fn differences(numbers: &[i64]) -> Result<Differences, &'static str> {
    let pair = |pair: &[i64]| match *pair {
        [number, by] => Ok((u32::try_from(number).map_err(|_| "a number is out of range")?, by)),
        _ => Err("a difference is not a pair"),
    };
    numbers.chunks(2).map(pair).collect()
}

/// A table, and differences from it.
fn change(numbers: &[i64]) -> Result<(u32, Differences), &'static str> {
    let (table, rest) = numbers.split_first().ok_or("a move names no table")?;
    let table = u32::try_from(*table).map_err(|_| "a move names no table")?;
    Ok((table, differences(rest)?))
}

fn numbers(name: &EquationName, multiplier: i64) -> [i64; 6] {
    let (kind, other) = match name.kind {
        EquationKind::Along(axis) => (0, axis),
        EquationKind::Complement => (1, 0),
        EquationKind::Parts => (2, 0),
        EquationKind::RateAbove => (3, 0),
        EquationKind::RateBelow => (4, 0),
        EquationKind::Since(place) => (5, place),
    };
    [kind, name.table.into(), name.index.into(), name.cell.into(), other.into(), multiplier]
}

fn step(numbers: &[i64]) -> Result<Vec<(EquationName, i64)>, &'static str> {
    let small = |number: i64| u32::try_from(number).map_err(|_| "a number is out of range");
    let equation = |six: &[i64]| {
        let &[kind, table, index, cell, other, multiplier] = six else { return Err("an equation is not six numbers") };
        let kind = match kind {
            0 => EquationKind::Along(small(other)?),
            1 => EquationKind::Complement,
            2 => EquationKind::Parts,
            3 => EquationKind::RateAbove,
            4 => EquationKind::RateBelow,
            5 => EquationKind::Since(small(other)?),
            _ => return Err("an equation is of no known kind"),
        };
        Ok((EquationName { kind, table: small(table)?, index: small(index)?, cell: small(cell)? }, multiplier))
    };
    numbers.chunks(6).map(equation).collect()
}

/// The first line, in the order in which it is written.
fn rules(head: &str) -> Result<(String, Rules), &'static str> {
    let wrong = "the first line does not hold the rules of a certificate";
    let rest = head.strip_prefix("{\"certificate\":1,\"about\":\"").ok_or(wrong)?;
    let (about, rest) = rest.rsplit_once("\",\"minimum\":").ok_or(wrong)?;
    let rest = rest.strip_suffix('}').ok_or(wrong)?;
    let mut fields = rest.split(',');
    let mut field = |key: &str| {
        let field = fields.next().unwrap_or_default();
        field.strip_prefix(key).map(|value| value.trim_matches('"').to_owned()).ok_or(wrong)
    };
    let number = |text: String| text.parse::<u64>().map_err(|_| wrong);
    let minimum_cell = number(field("")?)?;
    let level = field("\"level\":")?;
    let extent = number(field("\"extent\":")?)?;
    let level = match level.as_str() {
        "exact" => Level::Exact,
        "interval" => Level::Interval(extent),
        "percent" => Level::Percent(extent),
        "full" => Level::Full,
        _ => return Err(wrong),
    };
    let zeros = match field("\"zeros\":")?.as_str() {
        "print" => Zeros::Print,
        "hide" => Zeros::Hide,
        _ => return Err(wrong),
    };
    let homogeneous = field("\"homogeneous\":")?.parse::<bool>().map_err(|_| wrong)?;
    // What escapes it has is undone by the rules of JSON, so that it is written again as it was.
    let about = serde_json::from_str(&format!("\"{about}\"")).map_err(|_| wrong)?;
    Ok((about, Rules { minimum_cell, level, zeros, homogeneous }))
}

/// Public tables as text, for a check that does not share this code: one table a line, the release's first, then the
/// others, then the links. `minimums` of a table are the minimum cells by cell, where they are not the certificate's.
pub fn public_text(published: Published<'_>) -> String {
    let mut text = String::new();
    let all = published.tables.iter().map(|table| (true, table)).chain(published.others.iter().map(|t| (false, t)));
    for (own, table) in all {
        let _ = write!(text, "{{\"own\":{own},\"name\":");
        quote(&table.name, &mut text);
        text.push_str(",\"universe\":");
        quote(&table.universe, &mut text);
        text.push_str(",\"dimensions\":");
        list(&table.dimensions, &mut text, |dimension, text| {
            text.push_str("{\"name\":");
            quote(&dimension.name, text);
            text.push_str(",\"nodes\":");
            list(&dimension.nodes, text, |node, text| quote(&node.id, text));
            text.push_str(",\"parents\":");
            list(&dimension.nodes, text, |node, text| number(node.parent, text));
            text.push('}');
        });
        text.push_str(",\"measures\":");
        list(&table.measures, &mut text, |measure, text| {
            text.push_str("{\"name\":");
            quote(&measure.name, text);
            let kind = match measure.kind {
                MeasureKind::Count => "count",
                MeasureKind::Magnitude => "magnitude",
                MeasureKind::CountWhere { .. } => "where",
                MeasureKind::Part { .. } => "part",
            };
            let _ = write!(text, ",\"kind\":\"{kind}\",\"of\":");
            number(measure.kind.of(), text);
            text.push('}');
        });
        text.push_str(",\"values\":");
        list(&table.values, &mut text, |values, text| list(values, text, |value, text| number(*value, text)));
        text.push_str(",\"rates\":");
        list(&table.rates, &mut text, |rate, text| {
            let _ = write!(text, "{{\"numerator\":{},\"denominator\":{}", rate.numerator, rate.denominator);
            let _ = write!(text, ",\"scale\":{},\"values\":", rate.scale);
            list(&rate.values, text, |value, text| number(*value, text));
            text.push('}');
        });
        if let Some(minimums) = &table.minimums {
            text.push_str(",\"minimums\":");
            list(minimums, &mut text, |minimum, text| number(Some(*minimum), text));
        }
        text.push_str("}\n");
    }
    for link in published.links {
        text.push_str("{\"part\":");
        quote(&link.part, &mut text);
        text.push_str(",\"whole\":");
        quote(&link.whole, &mut text);
        text.push_str("}\n");
    }
    text
}

fn list<T>(items: &[T], text: &mut String, mut write: impl FnMut(&T, &mut String)) {
    text.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(']');
}

fn number(number: Option<impl std::fmt::Display>, text: &mut String) {
    let _ = match number {
        Some(number) => write!(text, "{number}"),
        None => write!(text, "null"),
    };
}

fn quote(words: &str, text: &mut String) {
    text.push('"');
    for letter in words.chars() {
        let _ = match letter {
            '"' => write!(text, "\\\""),
            '\\' => write!(text, "\\\\"),
            control if (control as u32) < 0x20 => write!(text, "\\u{:04x}", control as u32),
            other => write!(text, "{other}"),
        };
    }
    text.push('"');
}
