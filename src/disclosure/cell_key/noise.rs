//! The perturbation table: for each count the distribution of its noise, in whole numbers out of 2^32.
//!
//! Each row is the distribution of maximum entropy among those on the allowed values that have mean 0 and the wanted
//! variance (J. K. Marley and V. L. Leaver, "A method for confidentialising user-defined tables: statistical properties
//! and a risk-utility analysis", ISI World Statistics Congress 2011; S. Giessing, "Computational issues in the design of
//! transition probabilities and disclosure risk estimation for additive noise", PSD 2016). It has the form
//! `p(v) = c * x^v * y^(v*v)`. Only additions, multiplications and divisions are used, which are the same on every
//! machine.

use super::CellKey;

/// What the probabilities of a row add up to.
pub(super) const WHOLE: u64 = 1 << 32;

/// The noise of one count: values in ascending order, and how much of [`WHOLE`] lies on each.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) noise: Vec<i64>,
    pub(super) shares: Vec<u64>,
}

impl Row {
    /// The noise for a draw below [`WHOLE`].
    pub(super) fn draw(&self, mut draw: u64) -> i64 {
        for (&noise, &share) in self.noise.iter().zip(&self.shares) {
            if draw < share {
                return noise;
            }
            draw -= share;
        }
        0
    }
}

/// The rows of the counts from 0 on; the last holds for all larger ones. `None` where a count has no unbiased noise.
pub(super) fn rows(rule: &CellKey) -> Option<Vec<Row>> {
    let (most, threshold) = (i64::from(rule.maximum), i64::from(rule.threshold));
    (0..=most + threshold + 1).map(|count| row(rule, count)).collect()
}

fn row(rule: &CellKey, count: i64) -> Option<Row> {
    let (most, threshold) = (i64::from(rule.maximum), i64::from(rule.threshold));
    if count == 0 {
        return Some(Row { noise: vec![0], shares: vec![WHOLE] });
    }
    let allowed = |noise: &i64| count + noise == 0 || count + noise > threshold;
    let noise: Vec<i64> = (-most..=most).filter(allowed).collect();
    let probabilities = maximum_entropy(&noise, f64::from(rule.variance_percent) / 100.0)?;
    Some(Row { shares: shares(&noise, &probabilities), noise })
}

/// Mean 0 and the variance, or the nearest that the values admit. `None` where no distribution on them has mean 0.
fn maximum_entropy(noise: &[i64], variance: f64) -> Option<Vec<f64>> {
    if noise.contains(&0) && variance == 0.0 {
        return Some(noise.iter().map(|&v| if v == 0 { 1.0 } else { 0.0 }).collect());
    }
    let (below, above) = (noise.iter().filter(|&&v| v < 0), noise.iter().filter(|&&v| v > 0));
    let nearest = if noise.contains(&0) { (0, 0) } else { (*below.clone().max()?, *above.clone().min()?) };
    let furthest = (*below.min()?, *above.max()?);
    // The noise is at most a few hundred.
    let spread = |(low, high): (i64, i64)| (-low * high) as f64;
    if variance <= spread(nearest) {
        return Some(two_points(noise, nearest));
    }
    if variance >= spread(furthest) {
        return Some(two_points(noise, furthest));
    }
    newton(noise, variance)
}

fn two_points(noise: &[i64], (low, high): (i64, i64)) -> Vec<f64> {
    let width = (high - low) as f64;
    let probability = |&v: &i64| match v {
        v if v == low => high as f64 / width,
        v if v == high => -low as f64 / width,
        _ => 0.0,
    };
    noise.iter().map(probability).collect()
}

/// Newton's method on the dual, which is convex: minimise the logarithm of the sum of
/// `exp(a * v + b * (v * v - variance))`. Far from the minimum a step is halved until it lowers that.
fn newton(noise: &[i64], variance: f64) -> Option<Vec<f64>> {
    let features: Vec<[f64; 2]> = noise.iter().map(|&v| [v as f64, (v * v) as f64 - variance]).collect();
    let weights = |at: [f64; 2]| -> Vec<f64> { features.iter().map(|f| exp(at[0] * f[0] + at[1] * f[1])).collect() };
    let mut at = [0.0, 0.0];
    for _ in 0..500 {
        let weight = weights(at);
        let sum: f64 = weight.iter().sum();
        let (gradient, step) = step(&features, &weight, sum);
        if gradient[0].abs() < 1e-10 && gradient[1].abs() < 1e-10 {
            return Some(weight.iter().map(|weight| weight / sum).collect());
        }
        let decrement = gradient[0] * step[0] + gradient[1] * step[1];
        let mut size = 1.0;
        loop {
            let next = [at[0] - size * step[0], at[1] - size * step[1]];
            if decrement < 1e-4 || size < 1e-6 || weights(next).iter().sum::<f64>() < sum {
                at = next;
                break;
            }
            size /= 2.0;
        }
    }
    None
}

/// The gradient, and the Newton step against it.
fn step(features: &[[f64; 2]], weight: &[f64], sum: f64) -> ([f64; 2], [f64; 2]) {
    let mean = |f: &dyn Fn(&[f64; 2]) -> f64| features.iter().zip(weight).map(|(x, w)| f(x) * w).sum::<f64>() / sum;
    let gradient = [mean(&|x| x[0]), mean(&|x| x[1])];
    let [a, b] = gradient;
    let second =
        [mean(&|x| (x[0] - a) * (x[0] - a)), mean(&|x| (x[0] - a) * (x[1] - b)), mean(&|x| (x[1] - b) * (x[1] - b))];
    let determinant = second[0] * second[2] - second[1] * second[1];
    let step = [(second[2] * a - second[1] * b) / determinant, (second[0] * b - second[1] * a) / determinant];
    (gradient, step)
}

/// The exponential function by its series, the same on every machine.
fn exp(at: f64) -> f64 {
    let at = at.clamp(-600.0, 600.0);
    let mut halvings = 0;
    let mut small = at;
    while small.abs() > 0.25 {
        small /= 2.0;
        halvings += 1;
    }
    let (mut sum, mut term) = (1.0, 1.0);
    for power in 1..20 {
        term *= small / f64::from(power);
        sum += term;
    }
    for _ in 0..halvings {
        sum *= sum;
    }
    sum
}

/// Whole shares that add up to [`WHOLE`] with mean exactly 0, if two neighbouring values are there to make up for the
/// rounding; else, for two values, as near as shares come.
fn shares(noise: &[i64], probabilities: &[f64]) -> Vec<u64> {
    // Between 0 and 2^32.
    let mut shares: Vec<i64> = probabilities.iter().map(|p| (p * WHOLE as f64) as i64).collect();
    let whole = 1_i64 << 32;
    let missing = whole - shares.iter().sum::<i64>();
    let moment = -shares.iter().zip(noise).map(|(share, noise)| share * noise).sum::<i64>();
    let pairs = (1..noise.len()).filter(|&at| noise[at] == noise[at - 1] + 1);
    let best =
        pairs.max_by_key(|&at| shares[at].min(shares[at - 1])).filter(|&at| shares[at].min(shares[at - 1]) > 1 << 16);
    match best {
        Some(at) => {
            let upper = moment - noise[at - 1] * missing;
            shares[at] += upper;
            shares[at - 1] += missing - upper;
        }
        None => {
            if let Some(largest) = shares.iter_mut().max() {
                *largest += missing;
            }
        }
    }
    shares.into_iter().map(|share| u64::try_from(share).unwrap_or(0)).collect()
}
