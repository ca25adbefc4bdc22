//! Probabilities after clerical review: where the model was too sure or not sure enough of the pairs that somebody
//! looked at, all its probabilities are drawn towards what was found.
//!
//! Reference: Platt (1999), with a prior that holds the line at "as stated" until decisions say otherwise.

/// How far the line may move on little evidence: standard deviations of its height (in log odds) and of its slope.
const PRIOR: (f64, f64) = (1.5, 0.25);

/// A line in log odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Calibration {
    height: f64,
    slope: f64,
}

impl Calibration {
    /// Probabilities as they are.
    pub(super) const AS_STATED: Self = Self { height: 0.0, slope: 1.0 };

    /// The line for stated probabilities and what was found.
    pub(super) fn fitted(decisions: &[(f64, bool)]) -> Self {
        let mut line = Self::AS_STATED;
        for _ in 0..50 {
            let (mut g0, mut g1) = (-line.height / PRIOR.0.powi(2), -(line.slope - 1.0) / PRIOR.1.powi(2));
            let (mut h00, mut h01, mut h11) = (PRIOR.0.powi(-2), 0.0, PRIOR.1.powi(-2));
            for &(stated, found) in decisions {
                let x = log_odds(stated);
                let p = line.of(stated);
                let (error, weight) = (f64::from(u8::from(found)) - p, p * (1.0 - p));
                g0 += error;
                g1 += error * x;
                h00 += weight;
                h01 += weight * x;
                h11 += weight * x * x;
            }
            let determinant = h00 * h11 - h01 * h01;
            let step = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
            line.height += step.0.clamp(-2.0, 2.0);
            line.slope = (line.slope + step.1.clamp(-0.5, 0.5)).max(0.1);
            if step.0.abs() + step.1.abs() < 1e-9 {
                break;
            }
        }
        line
    }

    /// A stated probability, calibrated.
    pub(super) fn of(self, stated: f64) -> f64 {
        if self == Self::AS_STATED || stated <= 0.0 || stated >= 1.0 {
            return stated;
        }
        1.0 / (1.0 + (-(self.height + self.slope * log_odds(stated))).exp())
    }
}

fn log_odds(probability: f64) -> f64 {
    let p = probability.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_draw_probabilities_towards_what_was_found() {
        let decisions: Vec<(f64, bool)> = (0..200).map(|at| (0.8, at % 2 == 0)).collect();
        let line = Calibration::fitted(&decisions);
        assert!((line.of(0.8) - 0.5).abs() < 0.05, "{}", line.of(0.8));
        assert!(line.of(0.9) < 0.9);
    }

    #[test]
    fn without_decisions_probabilities_stay_as_they_are() {
        assert!((Calibration::fitted(&[]).of(0.3) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn a_single_decision_moves_little() {
        assert!((Calibration::fitted(&[(0.6, false)]).of(0.6) - 0.6).abs() < 0.25);
    }
}
