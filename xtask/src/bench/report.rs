//! What was measured, for people and for machines, and whether it is as good as it has to be.

use serde_json::{Value, json};

use super::profile::Profile;
use crate::report::grouped;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Instructions, bytes.
    Less,
    /// Bytes in a time.
    More,
}

/// One figure of both stacks.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Short, unique.
    pub name: String,
    /// What it is of.
    pub what: String,
    /// What it counts.
    pub unit: String,
    /// What ours is measured against.
    pub native: f64,
    /// Ours.
    pub ours: f64,
    /// Which way is better.
    pub better: Better,
    /// Where the instructions of both went.
    pub profiles: Option<(Profile, Profile)>,
}

/// All figures.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order in which they were measured.
    pub figures: Vec<Figure>,
}

impl Figure {
    /// Ours in parts of native's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ours / self.native
    }

    /// Whether ours is at least as good.
    #[must_use]
    pub fn met(&self) -> bool {
        match self.better {
            Better::Less => self.ours <= self.native,
            Better::More => self.ours >= self.native,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let [native, ours] = [self.native, self.ours].map(|figure| grouped(figure.round() as u64));
        let verdict = if self.met() { "" } else { "  missed" };
        let ratio = self.ratio();
        format!("{:<15} {native:>9} {ours:>9} {ratio:>6.2}  {}{verdict}", self.name, self.unit)
    }

    /// The functions that most instructions went to, side by side: native's, then ours.
    #[must_use]
    pub fn functions(&self, count: usize) -> String {
        let Some((native, ours)) = &self.profiles else { return String::new() };
        let mut text = String::new();
        for (name, profile) in [("native", native), ("ours", ours)] {
            text.push_str(&format!("    {name}\n"));
            for (function, instructions) in profile.0.iter().take(count) {
                text.push_str(&format!("    {instructions:>8}  {function}\n"));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let profile = |profile: &Profile| -> Vec<Value> {
            let entry = |(name, count): &(String, u64)| json!({ "function": name, "instructions": count });
            profile.0.iter().map(entry).collect()
        };
        let mut json = json!({
            "name": self.name,
            "what": self.what,
            "unit": self.unit,
            "native": self.native,
            "ours": self.ours,
            "ratio": self.ratio(),
            "met": self.met(),
        });
        if let Some((native, ours)) = &self.profiles {
            json["profile_native"] = profile(native).into();
            json["profile_ours"] = profile(ours).into();
        }
        json
    }
}

impl Report {
    /// Whether every bar is met.
    #[must_use]
    pub fn met(&self) -> bool {
        self.figures.iter().all(Figure::met)
    }

    /// The line above those of the figures.
    #[must_use]
    pub fn heading() -> String {
        format!("{:<15} {:>9} {:>9} {:>6}", "", "native", "ours", "ratio")
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let missed = self.figures.iter().filter(|figure| !figure.met()).count();
        let lines: Vec<String> = self.figures.iter().map(Figure::line).collect();
        let count = self.figures.len();
        let verdict = match missed {
            0 => format!("{count} figures, every one at least as good as native's"),
            missed => format!("{count} figures, {missed} worse than native's"),
        };
        format!("{}\n{}\n\n{verdict}", Self::heading(), lines.join("\n"))
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let figures: Vec<Value> = self.figures.iter().map(Figure::json).collect();
        json!({ "figures": figures, "met": self.met() })
    }

    /// The tables of docs/bench.md.
    #[must_use]
    pub fn markdown(&self, functions: usize) -> String {
        let mut text = "| | | native | ours | ratio | |\n|---|---|---:|---:|---:|---|\n".to_owned();
        for figure in &self.figures {
            let [native, ours] = [figure.native, figure.ours].map(|figure| grouped(figure.round() as u64));
            let verdict = if figure.met() { "met" } else { "**missed**" };
            let (what, unit, ratio) = (&figure.what, &figure.unit, figure.ratio());
            text += &format!("| {what} | {unit} | {native} | {ours} | {ratio:.2} | {verdict} |\n");
        }
        for figure in self.figures.iter().filter(|figure| !figure.met()) {
            if figure.profiles.is_some() {
                let functions = figure.functions(functions);
                text += &format!("\n## Why: {}\n\n{functions}", figure.what);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(native: f64, ours: f64, better: Better) -> Figure {
        let profile = |name: &str| Profile(vec![(name.to_owned(), 7)]);
        Figure {
            name: "receive".to_owned(),
            what: "TCP bulk, received".to_owned(),
            unit: "instructions / KB".to_owned(),
            native,
            ours,
            better,
            profiles: Some((profile("tcp_v4_rcv"), profile("linnet_frame"))),
        }
    }

    #[test]
    fn bars_are_met_by_the_better_one() {
        for (native, ours, better, met) in [
            (100.0, 100.0, Better::Less, true),
            (100.0, 100.1, Better::Less, false),
            (100.0, 99.9, Better::More, false),
            (100.0, 100.0, Better::More, true),
        ] {
            assert_eq!(figure(native, ours, better).met(), met, "{native} {ours} {better:?}");
        }
    }

    #[test]
    fn a_missed_bar_says_why() {
        let report = Report {
            figures: vec![figure(1000.0, 1500.0, Better::Less), figure(1000.0, 500.0, Better::Less)],
        };
        assert!(report.text().contains("1,500   1.50  instructions / KB  missed"), "{}", report.text());
        assert!(report.text().ends_with("2 figures, 1 worse than native's"));
        let markdown = report.markdown(5);
        assert_eq!(markdown.matches("## Why").count(), 1);
        assert!(markdown.contains("       7  linnet_frame"), "{markdown}");
        assert_eq!(report.json()["figures"][1]["met"], true);
    }
}
