//! How the figures of a release are protected, as far as its readers may know it: the method and its guarantee in words.

use serde::{Deserialize, Serialize};

/// How the figures of a release are protected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Some are hidden.
    #[default]
    Suppression,
    /// All are multiples of a base.
    Rounding {
        /// The base.
        base: u64,
        /// Less than this many bases from the true figure.
        within: u64,
    },
    /// All have noise by the keys of their cells.
    CellKey {
        /// The largest noise.
        maximum: u32,
        /// Hundredths of its variance.
        variance_percent: u32,
        /// No count from 1 to this is printed.
        threshold: u32,
        /// The fingerprint of the key from which the keys of people are derived: under another one the same people have
        /// other noise.
        key: String,
    },
}

impl Method {
    /// Whether figures are hidden: then there is an audit, and a certificate.
    #[must_use]
    pub fn is_suppression(&self) -> bool {
        *self == Method::Suppression
    }

    /// Whether totals are the sums of their parts.
    #[must_use]
    pub fn is_additive(&self) -> bool {
        !matches!(self, Method::CellKey { .. })
    }

    /// Its name with its parameters.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Method::Suppression => "suppression".to_owned(),
            Method::Rounding { base, within: 1 } => format!("controlled rounding to base {base}"),
            Method::Rounding { base, within } => format!("controlled rounding to base {base} within {within} bases"),
            Method::CellKey { maximum, variance_percent, threshold, .. } => {
                let variance = f64::from(*variance_percent) / 100.0;
                let least = if *threshold == 0 { String::new() } else { format!(", no count up to {threshold}") };
                format!("noise by cell keys of at most {maximum}, variance {variance}{least}")
            }
        }
    }

    /// What readers are told, and what it promises.
    #[must_use]
    pub fn guarantee(&self) -> String {
        match self {
            Method::Suppression => "small figures are hidden, and others from which they could be computed".to_owned(),
            Method::Rounding { base, within: 1 } => format!(
                "every figure is a multiple of {base} and less than {base} from the true one, every total the sum of its \
                 parts; behind each may be any figure from what is printed to {} more, so that a printed 0 says less than \
                 {base} and not nobody",
                base - 1
            ),
            Method::Rounding { base, within } => format!(
                "every figure is a multiple of {base} and less than {within} times {base} from the true one, every total \
                 the sum of its parts; behind each may be any figure from what is printed to {} more, so that a printed 0 \
                 does not say nobody",
                base - 1
            ),
            Method::CellKey { maximum, .. } => format!(
                "every figure but an empty cell has noise of at most {maximum} that depends on the people in the cell \
                 alone: the same people have the same noise in every table and release; totals are not the sums of their \
                 parts, and rates of noisy figures are cut at 100"
            ),
        }
    }

    /// Why there is no audit of hidden figures and no certificate; none where there may be.
    #[must_use]
    pub fn without_certificate(&self) -> Option<&'static str> {
        match self {
            Method::Suppression => None,
            Method::Rounding { .. } => {
                Some("no certificate: nothing is hidden, and that figures are multiples that add up is seen by adding")
            }
            Method::CellKey { .. } => {
                Some("no certificate: nothing is hidden, and who could check the noise has the key")
            }
        }
    }
}
