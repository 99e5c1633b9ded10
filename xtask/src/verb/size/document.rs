//! The tables in docs/size.md that `cargo xtask size --write` keeps: one row a target, as last measured.

use anyhow::{Context as _, Result};

use crate::report::{duration, grouped};
use crate::size::breakdown::{Breakdown, Level};
use crate::size::{FIGURES, Report};
use crate::verb::qemu::least::Least;

/// The file, below the checkout.
pub const FILE: &str = "docs/size.md";

/// Around what is generated.
const BEGIN: &str = "<!-- begin: written by `cargo xtask size --write` -->";
const END: &str = "<!-- end -->";
/// For what has not been measured.
const UNKNOWN: &str = "–";
/// Components in the second table.
const COMPONENTS: usize = 12;

/// What is written about one target.
pub struct Measured<'a> {
    /// Its name.
    pub target: &'a str,
    /// Its figures.
    pub report: &'a Report,
    /// What its kernel is made of.
    pub breakdown: &'a Breakdown,
    /// In how much RAM it runs, if somebody has looked.
    pub least: Option<&'a Least>,
}

/// Puts what was measured into the text of the document: its row in the first table in place of the old one,
/// its column of components in place of the second table.
///
/// # Errors
/// The document has no place for it.
pub fn update(document: &str, measured: &Measured) -> Result<String> {
    let (head, rest) = document.split_once(BEGIN).with_context(|| format!("{FILE} has no line `{BEGIN}`"))?;
    let (old, tail) = rest.split_once(END).with_context(|| format!("{FILE} has no line `{END}`"))?;
    let start = row_start(measured.target);
    let mut rows: Vec<String> = rows(old).filter(|row| !row.starts_with(&start)).map(str::to_owned).collect();
    rows.push(row(measured));
    rows.sort();
    let mut text = format!("{head}{BEGIN}\n\n{}\n", header().join("\n"));
    rows.iter().for_each(|row| text += &format!("{row}\n"));
    text += &components(measured)?;
    Ok(text + "\n" + END + tail)
}

/// The first table's head and the line below it.
fn header() -> [String; 2] {
    let titles = FIGURES.iter().map(|figure| figure.title.trim());
    let all: Vec<&str> =
        ["target"].into_iter().chain(titles).chain(["least RAM", "free in 4 MiB", "served after"]).collect();
    let line = ["---"].into_iter().chain(all.iter().skip(1).map(|_| "---:")).collect::<Vec<_>>();
    [format!("| {} |", all.join(" | ")), format!("|{}|", line.join("|"))]
}

/// The rows of the first table in the generated part `old`; a table of another form has none.
fn rows(old: &str) -> impl Iterator<Item = &str> {
    let table = old.split_once(&header().join("\n")).map_or("", |(_, table)| table);
    table.trim_start_matches('\n').lines().take_while(|line| line.starts_with("| "))
}

fn row_start(target: &str) -> String {
    format!("| {target} | ")
}

fn row(Measured { target, report, least, .. }: &Measured) -> String {
    let figures = FIGURES.iter().map(|figure| grouped((figure.of)(report)));
    let kib = |bytes: u64| format!("{} KiB", grouped(bytes / 1024));
    let memory = match least {
        None => [UNKNOWN; 3].map(str::to_owned),
        Some(least) => [
            kib(least.least_bytes),
            least.free_bytes_in_4_mib.map_or(UNKNOWN.to_owned(), kib),
            duration(std::time::Duration::from_millis(least.served_after_ms)),
        ],
    };
    let cells: Vec<String> = figures.chain(memory).collect();
    format!("{}{} |", row_start(target), cells.join(" | "))
}

fn components(Measured { target, breakdown, report, .. }: &Measured) -> Result<String> {
    let items = breakdown.list(Level::Component, "")?;
    let mut text = format!("\n| {target}: largest components | bytes | of the kernel |\n|---|---:|---:|\n");
    for item in items.iter().take(COMPONENTS) {
        let share = item.bytes as f64 * 100.0 / report.kernel_code_bytes.max(1) as f64;
        text += &format!("| `{}` | {} | {share:.1} % |\n", item.name, grouped(item.bytes));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::size::Item;
    use crate::size::breakdown::Object;

    const EMPTY: &str =
        "# Sizes\n\n<!-- begin: written by `cargo xtask size --write` -->\n<!-- end -->\n\nMore.\n";

    fn written(document: &str, target: &str, stack_bytes: u64, least: Option<&Least>) -> String {
        let object = |name: &str, bytes| Object { name: name.into(), bytes, symbols: Vec::<Item>::new() };
        let breakdown = Breakdown { objects: vec![object("net/core/dev.o", 750), object("mm/slub.o", 250)] };
        let report = Report { stack_bytes, kernel_code_bytes: 1000, ..Report::default() };
        update(document, &Measured { target, report: &report, breakdown: &breakdown, least }).unwrap()
    }

    #[test]
    fn a_row_replaces_the_old_one_and_leaves_the_others() {
        let least = Least {
            image: String::new(),
            least_bytes: 5 << 20,
            free_bytes: None,
            free_bytes_in_4_mib: None,
            served_after_ms: 2460,
            attempts: Vec::new(),
        };
        let one = written(EMPTY, "qemu-virtio-minimal", 70_000, None);
        let two = written(&one, "qemu-pc-minimal", 71_000, Some(&least));
        let three = written(&two, "qemu-virtio-minimal", 69_999, None);
        let rows: Vec<&str> =
            three.lines().filter(|line| line.starts_with("| qemu-") && !line.contains(": ")).collect();
        assert_eq!(rows.len(), 2, "{three}");
        assert!(rows[0].starts_with("| qemu-pc-minimal | 71,000 | "), "{three}");
        assert!(rows[0].ends_with("| 5,120 KiB | – | 2.46 s |"), "{three}");
        assert!(rows[1].starts_with("| qemu-virtio-minimal | 69,999 | "), "{three}");
        assert!(three.contains("| `net/core` | 750 | 75.0 % |"), "{three}");
        assert!(three.starts_with("# Sizes\n") && three.ends_with("-->\n\nMore.\n"), "{three}");
        assert_eq!(written(&three, "qemu-virtio-minimal", 69_999, None), three, "twice is once");
    }

    #[test]
    fn a_document_without_a_place_is_refused() {
        let error = update(
            "# Sizes\n",
            &Measured {
                target: "x",
                report: &Report::default(),
                breakdown: &Breakdown::default(),
                least: None,
            },
        );
        assert!(error.unwrap_err().to_string().contains("docs/size.md has no line"));
    }

    /// Other columns, other boards, a row too short: then it was written by another version.
    #[test]
    fn the_document_is_of_this_form() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let document = std::fs::read_to_string(root.join(FILE)).unwrap();
        let old = document.split_once(BEGIN).unwrap().1.split_once(END).unwrap().0;
        let columns = header()[0].matches('|').count();
        let mut targets = Vec::new();
        for row in rows(old) {
            assert_eq!(row.matches('|').count(), columns, "{row}");
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let target = cells.next().unwrap();
            let board = std::fs::read_dir(root.join("boards")).unwrap().flatten().any(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                target.starts_with(&format!("{}-", name.trim_end_matches(".yaml")))
            });
            assert!(board, "{target}: there is no such board");
            for cell in cells.take(FIGURES.len()) {
                assert!(cell.replace(',', "").parse::<u64>().is_ok(), "{cell} in {row}");
            }
            targets.push(target);
        }
        assert!(targets.contains(&"qemu-pc-minimal"), "run `cargo xtask size --write`: {targets:?}");
    }
}
