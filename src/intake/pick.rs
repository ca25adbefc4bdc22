//! Which of the files that match are the deliveries to read: files that speak of the same period or day correct one
//! another, and what is left is picked from.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::civil::Date;

use super::delivery::{Delivery, Replaced};
use super::name::{Has, Name};
use super::natural::{natural, natural_text};
use crate::storage::Entry;
use crate::workspace::{Pick, Window};

/// A file with what its name says.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) entry: Entry,
    pub(super) name: Name,
}

/// Files that are about the same: one delivery where nothing was corrected.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The files of each part, the one that corrects behind those that it corrects.
    pub(super) parts: Vec<Vec<Named>>,
}

/// A delivery that stands: its files, and those that they correct.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) files: Vec<Delivery>,
    pub(super) replaced: Vec<Replaced>,
}

/// Files of the same period, or of the same day where names have no period; each file by itself where they have neither.
/// The groups are in order, and so are the files in them.
pub(super) fn groups(mut files: Vec<Named>, has: Has) -> Vec<Group> {
    files.sort_by(|a, b| subject(a, b, has).then_with(|| part(a, b)).then_with(|| later(a, b)));
    let mut groups: Vec<Group> = Vec::new();
    let mut last: Option<Named> = None;
    for file in files {
        let same = last.as_ref().is_some_and(|last| subject(last, &file, has).is_eq());
        let same_part = same && last.as_ref().is_some_and(|last| part(last, &file).is_eq());
        last = Some(file.clone());
        if !same {
            groups.push(Group::default());
        }
        if let Some(group) = groups.last_mut() {
            match group.parts.last_mut().filter(|_| same_part) {
                Some(part) => part.push(file),
                None => group.parts.push(vec![file]),
            }
        }
    }
    groups
}

/// What a delivery is about. Without period and day each file is a delivery of its own.
fn subject(a: &Named, b: &Named, has: Has) -> Ordering {
    match (&a.name.period, &b.name.period) {
        (Some(one), Some(other)) => natural_text(one, other),
        _ if has.date => a.name.date.cmp(&b.name.date),
        _ => natural(&a.entry.path, &b.entry.path),
    }
}

fn part(a: &Named, b: &Named) -> Ordering {
    match (&a.name.part, &b.name.part) {
        (Some(one), Some(other)) => natural_text(one, other),
        _ => Ordering::Equal,
    }
}

/// Which of two files of the same delivery corrects the other: by version, then by day, then by name. The time at which a
/// file was written is not asked: a copy of the storage would turn the order round.
fn later(a: &Named, b: &Named) -> Ordering {
    a.name
        .version
        .cmp(&b.name.version)
        .then_with(|| a.name.date.cmp(&b.name.date))
        .then_with(|| natural(&a.entry.path, &b.entry.path))
}

impl Group {
    /// What stands of the group. `digest` gives the content of each file of a part in which there are several.
    ///
    /// Without a version a file that equals an earlier one to the byte is a re-delivery and corrects nothing; with a
    /// version the highest one stands whatever it holds.
    pub(super) fn standing(&self, digest: &BTreeMap<String, String>) -> Vec<(&Named, Vec<Replaced>, Vec<String>)> {
        self.parts.iter().map(|files| standing_file(files, digest)).collect()
    }
}

fn standing_file<'f>(files: &'f [Named], digest: &BTreeMap<String, String>) -> (&'f Named, Vec<Replaced>, Vec<String>) {
    let content = |file: &Named| digest.get(&file.entry.path);
    let mut stands = &files[0];
    let mut contents = vec![content(stands)];
    for file in &files[1..] {
        let known = contents.contains(&content(file)) && content(file).is_some();
        if file.name.version > stands.name.version || !known {
            stands = file;
        }
        contents.push(content(file));
    }
    let others = files.iter().filter(|file| file.entry.path != stands.entry.path);
    let (same, replaced): (Vec<&Named>, Vec<&Named>) =
        others.partition(|file| content(file).is_some() && content(file) == content(stands));
    let replaced =
        replaced.into_iter().map(|file| Replaced { path: file.entry.path.clone(), by: stands.entry.path.clone() });
    (stands, replaced.collect(), same.into_iter().map(|file| file.entry.path.clone()).collect())
}

/// Whether a window takes a delivery of this day.
pub(super) fn in_window(pick: Pick, day: Option<Date>, today: Date) -> bool {
    let (from, until) = match pick {
        Pick::Newest | Pick::All | Pick::Last(_) => return true,
        Pick::Within(days) => {
            let first = i32::try_from(days.0)
                .ok()
                .and_then(|days| today.checked_sub(jiff::Span::new().try_days(days.saturating_sub(1)).ok()?).ok());
            (first, None)
        }
        Pick::Window(Window { from, until }) => (from, until),
    };
    day.is_some_and(|day| from.is_none_or(|from| from <= day) && until.is_none_or(|until| day <= until))
}

impl Standing {
    /// The day of a delivery: the latest one that names of its files say.
    pub(super) fn day(&self) -> Option<Date> {
        self.files.iter().filter_map(|file| file.date).max()
    }
}
