//! Percentages in bands: the smaller the group, the coarser; the ends are always bands, so that nobody is known to be one
//! of none or of all (rules S7, S8, S9).

use crate::disclosure::error::DisclosureError;

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

/// The numerators whose rounded percentage is in a band: from `(2 low - 1) size / 200` rounded up to below
/// `(2 high + 1) size / 200`.
fn numerators(band: &Band, size: i64) -> (i64, i64) {
    let wide = i128::from(size);
    let low = ((2 * i128::from(band.low) - 1) * wide + 199).div_euclid(200).max(0);
    let high = ((2 * i128::from(band.high) + 1) * wide - 1).div_euclid(200).min(wide);
    (i64::try_from(low).unwrap_or(size), i64::try_from(high).unwrap_or(size))
}

fn covers(bands: &[Band]) -> bool {
    let joined = bands.windows(2).all(|pair| pair[1].low == pair[0].high.saturating_add(1));
    let ordered = bands.iter().all(|band| band.low <= band.high);
    ordered && joined && bands.first().is_some_and(|band| band.low == 0) && bands.last().is_some_and(|b| b.high == 100)
}
