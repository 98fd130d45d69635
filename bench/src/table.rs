//! Samples, and the table of them.

use std::fmt::Write;

/// Samples of each side.
pub(crate) const SAMPLES: usize = 11;

/// Measures both sides by turns, so that other load affects both. The first measurement of each is not counted.
pub(crate) fn alternately<T>(both: &mut [T; 2], mut measure: impl FnMut(&mut T) -> f64) -> Samples {
    for one in both.iter_mut() {
        let _ = measure(one);
    }
    let mut samples = Samples::default();
    for _ in 0..SAMPLES {
        for (samples, one) in samples.0.iter_mut().zip(both.iter_mut()) {
            samples.push(measure(one));
        }
    }
    samples
}

/// Samples of our side, and of C.
#[derive(Default)]
pub(crate) struct Samples(pub(crate) [Vec<f64>; 2]);

impl Samples {
    /// The median of our side.
    pub(crate) fn ours(&self) -> f64 {
        median(&self.0[0])
    }

    fn ratio(&self) -> f64 {
        median(&self.0[0]) / median(&self.0[1])
    }
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(samples: &[f64]) -> f64 {
    sorted(samples)
        .get(samples.len() / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

/// The goal of a row.
pub(crate) enum Goal {
    /// For the ratio to C.
    AtLeast(f64),
    /// For the ratio to C.
    AtMost(f64),
    /// For our side, in the row's unit.
    Below(f64),
    /// For our side, in the row's unit.
    Exactly(f64),
    /// For our side, relative to the least of the earlier rows of the same kind.
    Grows {
        factor: f64,
        at_most: f64,
    },
    None,
}

/// The unit of a row: its size in the unit of the measurement, the decimals to print, and its name.
pub(crate) struct Unit(f64, usize, &'static str);

pub(crate) const THOUSANDS_PER_SECOND: Unit = Unit(1e3, 1, "k/s");
pub(crate) const MICROSECONDS: Unit = Unit(1e-6, 2, "µs");
pub(crate) const THOUSANDS: Unit = Unit(1e3, 1, "k");
pub(crate) const KIB: Unit = Unit(1024., 0, "KiB");
pub(crate) const TIMES: Unit = Unit(1., 0, "");

/// The table, printed row by row, and the number of missed goals.
pub(crate) struct Table {
    short: usize,
}

impl Table {
    pub(crate) fn begin() -> Table {
        println!("medians of {SAMPLES} samples (least–greatest), ours and C by turns");
        println!();
        line(["", "ours", "C", "ratio", "goal", ""]);
        Table { short: 0 }
    }

    pub(crate) fn row(&mut self, what: &str, unit: &Unit, samples: &Samples, goal: &Goal) {
        let &Unit(size, decimals, name) = unit;
        let ours = samples.ours() / size;
        let (goal, is_met) = match *goal {
            Goal::AtLeast(ratio) => (format!("≥ {ratio}"), Some(samples.ratio() >= ratio)),
            Goal::AtMost(ratio) => (format!("≤ {ratio}"), Some(samples.ratio() <= ratio)),
            Goal::Below(limit) => (format!("< {limit} {name}"), Some(ours < limit)),
            Goal::Exactly(number) => (
                format!("{number}"),
                Some(samples.0[0].iter().all(|sample| sample / size == number)),
            ),
            Goal::Grows { factor, at_most } => (
                format!("grows ×{factor:.2} ≤ {at_most}"),
                Some(factor <= at_most),
            ),
            Goal::None => (String::new(), None),
        };
        let verdict = match is_met {
            Some(true) => "ok",
            Some(false) => "short",
            None => "",
        };
        self.short += usize::from(is_met == Some(false));
        let what = if name.is_empty() {
            what.to_owned()
        } else {
            format!("{what}, {name}")
        };
        let [ours, c] = samples
            .0
            .each_ref()
            .map(|samples| cell(samples, size, decimals));
        let ratio = Some(samples.ratio()).filter(|ratio| ratio.is_finite());
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
        line([&what, &ours, &c, &ratio, &goal, verdict]);
    }

    pub(crate) fn end(self) {
        println!();
        println!("goals missed: {}", self.short);
    }
}

fn cell(samples: &[f64], size: f64, decimals: usize) -> String {
    let sorted = sorted(samples);
    let [Some(least), Some(greatest)] = [sorted.first(), sorted.last()] else {
        return String::new();
    };
    let mut cell = format!("{:.decimals$}", median(samples) / size);
    if samples.len() > 1 {
        let _ = write!(
            cell,
            " ({:.decimals$}–{:.decimals$})",
            least / size,
            greatest / size
        );
    }
    cell
}

fn line([what, ours, c, ratio, goal, verdict]: [&str; 6]) {
    println!(
        "{}",
        format!("{what:44} {ours:>27} {c:>27} {ratio:>7}  {goal:18} {verdict}").trim_end()
    );
}
