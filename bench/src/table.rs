//! Samples, and the table of them.

use crate::controller::{Controller, Side};

/// Samples of each side.
const SAMPLES: usize = 11;

/// The table, printed row by row.
pub(crate) struct Table {
    missed: usize,
}

/// A row that has been measured, and waits for its goal.
pub(crate) struct Row<'a> {
    table: &'a mut Table,
    what: &'a str,
    /// In ascending order.
    ours: Vec<f64>,
    /// In ascending order; empty without C.
    c: Vec<f64>,
}

impl Table {
    pub(crate) fn begin() -> Table {
        println!("medians of {SAMPLES} samples (least–greatest), ours and C by turns\n");
        line(["", "ours", "C", "ratio", "goal", ""]);
        Table { missed: 0 }
    }

    /// Measures controllers of our side, and of C if it is compared, by turns, so that other load affects both.
    pub(crate) fn sample<'a>(
        &'a mut self,
        what: &'a str,
        sides: &[&Side],
        measure: impl Fn(&Controller<'_>) -> f64,
    ) -> Row<'a> {
        let controllers = sides.iter().map(|side| (side.start(), vec![]));
        let mut controllers: Vec<_> = controllers.collect();
        for _ in 0..=SAMPLES {
            for (controller, samples) in &mut controllers {
                samples.push(measure(controller));
            }
        }
        let samples = controllers.into_iter().map(|(_, mut samples)| {
            // The first measurement of each is not counted.
            samples.remove(0);
            samples.sort_by(f64::total_cmp);
            samples
        });
        self.row(what, samples)
    }

    /// Measures once what is the same each time.
    pub(crate) fn count<'a>(
        &'a mut self,
        what: &'a str,
        sides: &[&Side],
        measure: impl Fn(&Side) -> f64,
    ) -> Row<'a> {
        self.row(what, sides.iter().map(|side| vec![measure(side)]))
    }

    fn row<'a>(
        &'a mut self,
        what: &'a str,
        mut samples: impl Iterator<Item = Vec<f64>>,
    ) -> Row<'a> {
        Row {
            table: self,
            what,
            ours: samples.next().unwrap_or_default(),
            c: samples.next().unwrap_or_default(),
        }
    }

    /// A row of microseconds for each of these counts. None may be more than a fifth above the least before it.
    pub(crate) fn growth(
        &mut self,
        what: &str,
        sides: &[&Side],
        counts: &[usize],
        measure: impl Fn(&Controller<'_>, usize) -> f64,
    ) {
        let mut least = f64::INFINITY;
        for &count in counts {
            let what = format!("{what}: {count}, µs");
            let row = self.sample(&what, sides, |controller| measure(controller, count));
            let ours = median(&row.ours);
            match ours / least {
                0. => row.print("", None),
                factor => row.print(&format!("grows ×{factor:.2} ≤ 1.2"), Some(factor <= 1.2)),
            }
            least = least.min(ours);
        }
    }

    pub(crate) fn end(self) {
        println!("\ngoals missed: {}", self.missed);
    }
}

impl Row<'_> {
    /// The goal is a ratio to C.
    pub(crate) fn at_least(self, limit: f64) {
        let is_met = self.ratio() >= limit;
        self.print(&format!("≥ {limit}"), Some(is_met));
    }

    /// The goal is a ratio to C.
    pub(crate) fn at_most(self, limit: f64) {
        let is_met = self.ratio() <= limit;
        self.print(&format!("≤ {limit}"), Some(is_met));
    }

    /// The goal is a number of our side.
    pub(crate) fn limit(self, limit: f64) {
        let is_met = median(&self.ours) <= limit;
        self.print(&format!("ours ≤ {limit}"), Some(is_met));
    }

    fn ratio(&self) -> f64 {
        median(&self.ours) / median(&self.c)
    }

    fn print(self, goal: &str, is_met: Option<bool>) {
        self.table.missed += usize::from(is_met == Some(false));
        let verdict = is_met.map_or("", |is_met| if is_met { "ok" } else { "short" });
        let ratio = Some(self.ratio()).filter(|ratio| ratio.is_finite());
        let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let (ours, c) = (cell(&self.ours), cell(&self.c));
        line([self.what, &ours, &c, &ratio, goal, verdict]);
    }
}

/// NaN without samples.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median, and the range of several samples.
fn cell(sorted: &[f64]) -> String {
    let is_whole = sorted.iter().all(|sample| sample.fract() == 0.);
    let digits = if is_whole { 0 } else { 2 };
    match sorted {
        [] => String::new(),
        [one] => format!("{one:.digits$}"),
        [least, .., greatest] => {
            let median = median(sorted);
            format!("{median:.digits$} ({least:.digits$}–{greatest:.digits$})")
        }
    }
}

fn line([what, ours, c, ratio, goal, verdict]: [&str; 6]) {
    let line = format!("{what:44} {ours:>27} {c:>27} {ratio:>7}  {goal:18} {verdict}");
    println!("{}", line.trim_end());
}
