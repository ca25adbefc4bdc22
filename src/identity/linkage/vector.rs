//! What DataFusion calls for each pair: the function that compares two rows, and the one that keeps what is likely.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::blocking::{Keys, given_by};
use super::compare::{Comparer, Pattern};
use super::model::{Expected, Weights};
use super::sides::Rows;

/// Whose pairs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// People on the left with people on the right.
    Sides,
    /// Two different people on the left.
    Left,
    /// Two different people on the right.
    Right,
}

/// Pairs of rows and what blocks them.
#[derive(Clone)]
pub(super) struct Pairs {
    pub(super) comparer: Arc<Comparer>,
    /// Of the left and the right.
    pub(super) keys: [Arc<Keys>; 2],
    pub(super) between: Between,
}

impl Pairs {
    /// The keys of the pairs' two ends.
    pub(super) fn ends(&self) -> [&Arc<Keys>; 2] {
        let [left, right] = &self.keys;
        match self.between {
            Between::Sides => [left, right],
            Between::Left => [left, left],
            Between::Right => [right, right],
        }
    }

    fn rows(&self) -> [&Rows; 2] {
        let sides = self.comparer.sides();
        match self.between {
            Between::Sides => [&sides.left, &sides.right],
            Between::Left => [&sides.left, &sides.left],
            Between::Right => [&sides.right, &sides.right],
        }
    }
}

/// `comparison_vector(left_row, right_row)`: how much two rows agree, field by field, as one number. Null where the pair
/// does not count: an earlier rule gives it, or within a source it is one person, or the same pair the other way round.
///
/// Rows are looked up by their number, so that no encoding goes through a join.
struct ComparisonVector {
    pairs: Pairs,
    rule: usize,
    signature: Signature,
}

/// The function for the pairs that rule `rule` gives.
pub(super) fn comparison_vector(pairs: &Pairs, rule: usize) -> ScalarUDF {
    // It depends on its arguments alone. Volatile says that it is evaluated once a pair, and where it is written.
    let rows = TypeSignature::Exact(vec![DataType::UInt32, DataType::UInt32]);
    let signature = Signature::new(rows, Volatility::Volatile);
    ScalarUDF::from(ComparisonVector { pairs: pairs.clone(), rule, signature })
}

impl ScalarUDFImpl for ComparisonVector {
    fn name(&self) -> &'static str {
        "comparison_vector"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = arrays(&args)?;
        let [lefts, rights] = &arrays[..] else { return exec_err!("comparison_vector takes two rows") };
        let (lefts, rights) = (lefts.as_primitive::<UInt32Type>(), rights.as_primitive::<UInt32Type>());
        let ([left, right], [left_keys, right_keys]) = (self.pairs.rows(), self.pairs.ends());
        let within = self.pairs.between != Between::Sides;
        let pairs = lefts.values().iter().zip(rights.values());
        let (patterns, counts): (Vec<Pattern>, Vec<bool>) = pairs
            .map(|(&l, &r)| {
                let twice = within && (l >= r || left.people[l as usize] == right.people[r as usize]);
                match twice || given_by(left_keys.of(l), right_keys.of(r), self.rule) {
                    true => (0, false),
                    false => (self.pairs.comparer.pattern(left.row(l), right.row(r)), true),
                }
            })
            .unzip();
        Ok(ColumnarValue::Array(Arc::new(UInt64Array::new(patterns.into(), Some(counts.into())))))
    }
}

/// `likely(left_row, right_row, pattern)`: whether a pair may be the same person at all.
struct LikelyPair {
    likely: Arc<Likely>,
    comparer: Arc<Comparer>,
    signature: Signature,
}

/// The function over what is likely.
pub(super) fn likely_pair(likely: &Arc<Likely>, comparer: &Arc<Comparer>) -> ScalarUDF {
    let types = TypeSignature::Exact(vec![DataType::UInt32, DataType::UInt32, DataType::UInt64]);
    // Volatile, so that pairs are counted once.
    let signature = Signature::new(types, Volatility::Volatile);
    ScalarUDF::from(LikelyPair { likely: Arc::clone(likely), comparer: Arc::clone(comparer), signature })
}

impl ScalarUDFImpl for LikelyPair {
    fn name(&self) -> &'static str {
        "likely"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = arrays(&args)?;
        let [lefts, rights, patterns] = &arrays[..] else { return exec_err!("likely takes two rows and a pattern") };
        let (lefts, rights) = (lefts.as_primitive::<UInt32Type>(), rights.as_primitive::<UInt32Type>());
        let patterns = patterns.as_primitive::<UInt64Type>();
        let sides = self.comparer.sides();
        let ends = lefts.values().iter().zip(rights.values());
        let there: Vec<bool> = match patterns.nulls() {
            Some(nulls) => nulls.iter().collect(),
            None => vec![true; patterns.len()],
        };
        let likely = patterns.values().iter().zip(there).zip(ends).map(|((&pattern, there), (&l, &r))| {
            let adjust = || self.comparer.adjust(sides.left.row(l), sides.right.row(r));
            there && self.likely.holds(pattern, adjust)
        });
        let likely = BooleanArray::from(likely.collect::<Vec<bool>>());
        let compared = patterns.len() - patterns.null_count();
        self.likely.compared.fetch_add(compared as u64, Ordering::Relaxed);
        Ok(ColumnarValue::Array(Arc::new(likely)))
    }
}

/// Pairs less probable than this by themselves are not looked at again.
const UNLIKELY: f64 = 1e-3;

/// Which pairs may be the same person, by what is expected of their patterns.
pub(super) struct Likely {
    weights: Weights,
    /// Expectations by pattern, computed beforehand where there are not too many.
    table: Vec<[f32; 3]>,
    /// The most that exclusion may add to the odds.
    odds: f64,
    compared: AtomicU64,
}

impl Likely {
    const MOST: Pattern = 1 << 20;

    pub(super) fn new(weights: Weights, patterns: Pattern, odds: f64) -> Self {
        let patterns = if patterns > Self::MOST { 0 } else { patterns };
        let all = (0..patterns).map(|pattern| {
            let Expected { same, random, near } = weights.expected(&weights.levels(pattern));
            [same as f32, random as f32, near as f32]
        });
        Self { table: all.collect(), weights, odds, compared: AtomicU64::new(0) }
    }

    pub(super) fn expected(&self, pattern: Pattern) -> Expected {
        match self.table.get(pattern as usize) {
            Some(&[same, random, near]) => Expected { same: same.into(), random: random.into(), near: near.into() },
            None => self.weights.expected(&self.weights.levels(pattern)),
        }
    }

    fn holds(&self, pattern: Pattern, adjust: impl Fn() -> f32) -> bool {
        let Expected { same, random, near } = self.expected(pattern);
        same * self.odds >= UNLIKELY * near && same * self.odds >= UNLIKELY * (random * f64::from(adjust()) + near)
    }

    /// Pairs compared so far, each once.
    pub(super) fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }
}

fn arrays(args: &ScalarFunctionArgs) -> Result<Vec<ArrayRef>> {
    args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect()
}

// DataFusion compares and prints functions. Each of ours is made for one query, and says its name alone.

impl PartialEq for ComparisonVector {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pairs.comparer, &other.pairs.comparer)
            && (self.pairs.between, self.rule) == (other.pairs.between, other.rule)
    }
}

impl Eq for ComparisonVector {}

impl Hash for ComparisonVector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rule.hash(state);
    }
}

impl fmt::Debug for ComparisonVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("comparison_vector")
    }
}

impl PartialEq for LikelyPair {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.likely, &other.likely)
    }
}

impl Eq for LikelyPair {}

impl Hash for LikelyPair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for LikelyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("likely")
    }
}
