//! Percentages in bands: the smaller the group, the coarser; the ends are always bands, so that nobody is known to be one
//! of none or of all (rules S7, S8, S9).

use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Policy, Requirement};
use crate::disclosure::public::PublicBand;

/// Whole percentages that are printed alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// The least of them.
    pub low: u8,
    /// The greatest.
    pub high: u8,
    /// What is printed.
    pub text: String,
}

/// The bands of groups from a size on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeClass {
    /// The smallest group.
    pub least: u64,
    /// From 0 to 100 without a gap; none where nothing is printed.
    pub bands: Vec<Band>,
}

/// How percentages are printed. Counts must not be printed beside them: a band and its count give bounds for the other
/// count, and where a band is one percentage wide they give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bands {
    classes: Vec<SizeClass>,
    /// What stands for a group that is too small for any band.
    hidden: String,
}

/// A printed percentage.
#[derive(Clone, PartialEq, Eq)]
pub struct Printed {
    /// What is printed.
    pub text: String,
    /// The least and the greatest numerator that is printed so in a group of this size: what a reader who knows the size
    /// can say. Both are in the group.
    pub numerators: (i64, i64),
}

impl std::fmt::Debug for Printed {
    /// Shows what is printed only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Printed").field(&self.text).finish()
    }
}

impl Bands {
    /// Bands of one's own: classes in ascending order of size, each without bands or with bands that cover 0 to 100. Groups
    /// smaller than all print `hidden`.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidPolicy`] where bands overlap or leave a gap, where the group can be such that an end band
    /// is 0 or 100 percent alone, or where two bands of a class print the same.
    pub fn new(classes: Vec<SizeClass>, hidden: &str) -> Result<Self, DisclosureError> {
        let fault = |what: String| Err(DisclosureError::InvalidPolicy { what });
        if classes.windows(2).any(|pair| pair[0].least >= pair[1].least)
            || classes.first().is_some_and(|c| c.least == 0)
        {
            return fault("the classes of group sizes do not ascend from 1".to_owned());
        }
        for class in classes.iter().filter(|class| !class.bands.is_empty()) {
            let from = format!("the bands of groups from {}", class.least);
            if !covers(&class.bands) {
                return fault(format!("{from} do not cover 0 to 100 without overlap"));
            }
            let mut texts: Vec<&str> = class.bands.iter().map(|band| band.text.as_str()).chain([hidden]).collect();
            texts.sort_unstable();
            if texts.windows(2).any(|pair| pair[0] == pair[1]) {
                return fault(format!("{from} print two bands alike"));
            }
            // The numerators of an end band grow with the group, so its smallest group decides.
            let size = i64::try_from(class.least).unwrap_or(i64::MAX);
            let ends = [class.bands.first(), class.bands.last()];
            if ends.into_iter().flatten().any(|band| numerators(band, size).1 - numerators(band, size).0 < 1) {
                return fault(format!("{from} show that nobody or everybody is counted"));
            }
        }
        Ok(Bands { classes, hidden: hidden.to_owned() })
    }

    /// What is printed for `numerator` of `denominator`; `None` where the group is empty, or the numerator is not in it.
    ///
    /// The percentage is rounded to a whole one, halves up, and its band printed.
    pub fn print(&self, numerator: i64, denominator: i64) -> Option<Printed> {
        if denominator <= 0 || !(0..=denominator).contains(&numerator) {
            return None;
        }
        let size = denominator.unsigned_abs();
        let class = self.classes.iter().rev().find(|class| class.least <= size);
        let percent = (200 * i128::from(numerator) + i128::from(denominator)) / (2 * i128::from(denominator));
        let band = class.and_then(|class| {
            class.bands.iter().find(|band| (i128::from(band.low)..=i128::from(band.high)).contains(&percent))
        });
        Some(match band {
            Some(band) => Printed { text: band.text.clone(), numerators: numerators(band, denominator) },
            None => Printed { text: self.hidden.clone(), numerators: (0, denominator) },
        })
    }
}

/// Neighbouring bands of a size class that are printed as one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The first of them.
    pub first: usize,
    /// The last.
    pub last: usize,
    /// The numerators of the group that print it.
    pub numerators: (i64, i64),
}

impl std::fmt::Debug for Block {
    /// Shows the bands only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({}..={})", self.first, self.last)
    }
}

impl Bands {
    /// The bands of a group of this size, in order; none where nothing is printed.
    pub(in crate::disclosure) fn of_size(&self, size: i64) -> &[Band] {
        let class = self.classes.iter().rev().find(|class| class.least <= size.unsigned_abs());
        class.filter(|_| size > 0).map_or(&[], |class| &class.bands)
    }

    /// The smallest group of which anything is printed.
    pub fn least(&self) -> u64 {
        self.classes.iter().find(|class| !class.bands.is_empty()).map_or(u64::MAX, |class| class.least)
    }

    /// The bands of a group of `size` as a policy lets them be printed: neighbours are joined until each that holds a small
    /// numerator, a small complement, or nobody or everybody where that is protected, leaves as much open as the level asks.
    /// A single block over all bands prints nothing.
    ///
    /// # Guarantees
    /// What is joined depends on the size alone, not on the numerator: who knows the size and the rules learns from a
    /// printed block that the numerator is one of it, and no more.
    pub fn blocks(&self, size: i64, policy: &Policy) -> Vec<Block> {
        let bands = self.of_size(size).iter().enumerate();
        let block = |(at, band): (usize, &Band)| Block { first: at, last: at, numerators: numerators(band, size) };
        let mut blocks: Vec<Block> =
            bands.map(block).filter(|block| block.numerators.0 <= block.numerators.1).collect();
        // Small numerators from the lowest band up, small complements from the highest down.
        while blocks.len() > 1 {
            let few = |block: &Block| lacks(policy, block.numerators.0, block.numerators.1, size);
            let rest = |block: &Block| lacks(policy, size - block.numerators.1, size - block.numerators.0, size);
            let last = blocks.len() - 1;
            // The first of the two that become one.
            let lower = match (blocks.iter().position(few), blocks.iter().rposition(rest)) {
                (Some(at), _) => at.min(last - 1),
                (None, Some(at)) => at.saturating_sub(1),
                (None, None) => break,
            };
            let upper = blocks.remove(lower + 1);
            blocks[lower].last = upper.last;
            blocks[lower].numerators.1 = upper.numerators.1;
        }
        if let [whole] = blocks.as_mut_slice() {
            (whole.first, whole.last) = (0, self.of_size(size).len().saturating_sub(1));
            whole.numerators = (0, size);
        }
        blocks
    }

    /// What is printed for some neighbouring bands of a group of this size, and the percentages that it stands for.
    pub fn text(&self, size: i64, first: usize, last: usize) -> (String, (u8, u8)) {
        let bands = self.of_size(size);
        let (Some(low), Some(high)) = (bands.get(first), bands.get(last)) else {
            return (self.hidden.clone(), (0, 100));
        };
        let percentages = (low.low, high.high);
        let letters = bands[0].text.starts_with('L');
        let text = match percentages {
            (0, 100) => self.hidden.clone(),
            _ if first == last => low.text.clone(),
            (0, high) if letters => format!("LE{high}"),
            (low, 100) if letters => format!("GE{low}"),
            (0, high) => format!("<={high}"),
            (low, 100) => format!(">={low}"),
            (low, high) => format!("{low}-{high}"),
        };
        (text, percentages)
    }

    /// The percentages of a printed word, as `<=5`, `>=95`, `LT50`, `GE80`, `40-49` or `47`, also with `%`, or a word of
    /// one's own bands; `None` where it is none.
    pub fn read(&self, word: &str) -> Option<(u8, u8)> {
        let word = word.trim();
        let own = self.classes.iter().flat_map(|class| &class.bands).find(|band| band.text == word);
        if let Some(band) = own {
            return Some((band.low, band.high));
        }
        let word = word.strip_suffix('%').unwrap_or(word).trim_end();
        let percent = |text: &str| text.trim().parse::<u8>().ok().filter(|&percent| percent <= 100);
        let after = |starts: [&str; 3]| starts.into_iter().find_map(|start| percent(word.strip_prefix(start)?));
        let (low, high) = if let Some(high) = after(["<=", "LE", "\u{2264}"]) {
            (0, high)
        } else if let Some(low) = after([">=", "GE", "\u{2265}"]) {
            (low, 100)
        } else if let Some(high) = after(["<", "LT", "<"]) {
            (0, high.checked_sub(1)?)
        } else if let Some(low) = after([">", "GT", ">"]) {
            (low.checked_add(1)?, 100)
        } else if let Some((low, high)) = word.split_once('-') {
            (percent(low)?, percent(high)?)
        } else {
            let percent = percent(word)?;
            (percent, percent)
        };
        (low <= high && high <= 100).then_some((low, high))
    }

    /// Whether these percentages may be printed of a group of this size.
    pub fn prints(&self, (low, high): (u8, u8), size: i64, minimum: u64) -> bool {
        let bands = self.of_size(size);
        let ends = bands.iter().any(|band| band.low == low) && bands.iter().any(|band| band.high == high);
        ends && size.unsigned_abs() >= minimum
    }

    /// The least and the greatest group of which these percentages may be printed; `None` where they never are.
    pub fn sizes(&self, (low, high): (u8, u8), minimum: u64) -> Option<(i64, i64)> {
        let signed = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let uppers = self.classes.iter().skip(1).map(|class| signed(class.least) - 1).chain([i64::MAX]);
        let fits = |class: &&SizeClass| {
            class.bands.iter().any(|band| band.low == low) && class.bands.iter().any(|band| band.high == high)
        };
        let of = self.classes.iter().zip(uppers).filter(|(class, _)| fits(class));
        let of =
            of.map(|(class, upper)| (signed(class.least.max(minimum)), upper)).filter(|(least, most)| least <= most);
        of.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
    }
}

/// What the level asks about a figure in a group of this size: no figure reaches beyond its group. Somebody who is counted
/// knows that the figure is not 0, so that one more value must stay.
pub(in crate::disclosure) fn within_group(policy: &Policy, value: i64, size: i64) -> Requirement {
    let asked = policy.requirement(value, 0);
    let width = if policy.contributor { asked.width.max(2) } else { asked.width };
    Requirement { upper: asked.upper.min(size), lower: asked.lower, width: width.min(size) }
}

/// Whether figures from `low` to `high` that are printed alike leave too little open about one of them that is small, or 0
/// where that is protected.
fn lacks(policy: &Policy, low: i64, high: i64, size: i64) -> bool {
    let largest = high.min(policy.minimum() - 1);
    let protected = largest >= low && (largest > 0 || policy.homogeneous);
    protected && !within_group(policy, largest, size).is_met(low, high)
}

/// The numerators whose rounded percentage is in a band.
fn numerators(band: &Band, size: i64) -> (i64, i64) {
    PublicBand { low: band.low, high: band.high, sizes: (size, size), apart: false }.numerators(size)
}

fn covers(bands: &[Band]) -> bool {
    let joined = bands.windows(2).all(|pair| pair[1].low == pair[0].high.saturating_add(1));
    let ordered = bands.iter().all(|band| band.low <= band.high);
    ordered && joined && bands.first().is_some_and(|band| band.low == 0) && bands.last().is_some_and(|b| b.high == 100)
}
