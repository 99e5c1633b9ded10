//! What may not grow: the budgets of a board, checked by the build.

use super::compare::{changes, signed};
use super::{Item, Report};
use crate::board::Budgets;
use crate::report::grouped;
use anyhow::{Result, bail};

/// One limit and what it is compared with.
#[derive(Clone, Debug)]
pub struct Budget<'a> {
    /// What is limited, in the words of the board file: `rootfs`.
    pub name: &'a str,
    /// At most so many bytes.
    pub limit: u64,
    /// So many there are.
    pub bytes: u64,
    /// What they are made of, largest first.
    pub parts: &'a [Item],
}

impl Budget<'_> {
    /// How much of it is used, in percent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        self.bytes as f64 * 100.0 / self.limit.max(1) as f64
    }
}

/// The budgets of a board beside what `report` measured.
#[must_use]
pub fn budgets<'a>(report: &'a Report, limits: &Budgets) -> Vec<Budget<'a>> {
    let all = [
        ("rootfs", limits.rootfs, report.rootfs_bytes, &report.rootfs_files),
        ("stack", limits.stack, report.stack_bytes, &report.stack_symbols),
        ("net", limits.net, report.net_bytes, &report.net_objects),
        ("kernel", limits.kernel, report.kernel_image_bytes, &report.components),
        ("firmware", limits.firmware, report.firmware_bytes, &report.components),
    ];
    let set =
        all.into_iter().filter_map(|(name, limit, bytes, parts)| Some((name, limit?.bytes(), bytes, parts)));
    set.map(|(name, limit, bytes, parts)| Budget { name, limit, bytes, parts }).collect()
}

/// Fails when a budget is exceeded, with by how much, what grew since the image whose budgets are `before` (none:
/// there is no earlier one), and the largest parts; all at once.
///
/// # Errors
/// At least one budget is exceeded.
pub fn check(budgets: &[Budget], before: &[Budget]) -> Result<()> {
    let exceeded: Vec<String> = budgets
        .iter()
        .filter(|budget| budget.bytes > budget.limit)
        .map(|budget| complaint(budget, before.iter().find(|before| before.name == budget.name)))
        .collect();
    if !exceeded.is_empty() {
        bail!("{}", exceeded.join("\n"));
    }
    Ok(())
}

fn complaint(budget: &Budget, before: Option<&Budget>) -> String {
    let Budget { name, limit, bytes, parts } = budget;
    let mut text = format!(
        "{name} has {} bytes, {} over its budget of {}",
        grouped(*bytes),
        grouped(bytes - limit),
        grouped(*limit)
    );
    if let Some(before) = before.filter(|before| before.bytes != *bytes) {
        let growth = signed(*bytes as i64 - before.bytes as i64);
        text += &format!("; since the last image {growth}:");
        for change in changes(before.parts, parts).iter().filter(|change| change.growth() > 0).take(SHOWN) {
            let new = if change.before == 0 { " (new)" } else { "" };
            text += &format!("\n  {:>11}  {}{new}", signed(change.growth()), change.name);
        }
        text += "\nlargest:";
    } else {
        text += "; largest:";
    }
    for part in parts.iter().take(SHOWN) {
        text += &format!("\n  {:>11}  {}", grouped(part.bytes), part.name);
    }
    text + &format!("\nMake it smaller, or raise budgets.{name} in the board file and say why.")
}

/// Parts in one message.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::ByteSize;

    fn report() -> Report {
        let item = |name: &str, bytes| Item { name: name.to_owned(), bytes };
        Report {
            rootfs_bytes: 2_200_000,
            stack_bytes: 60_000,
            rootfs_files: vec![item("bin/busybox", 1_900_000), item("etc/services", 20_000)],
            ..Report::default()
        }
    }

    fn check_limits(rootfs: u64, stack: Option<u64>) -> Result<()> {
        let limits =
            Budgets { rootfs: Some(ByteSize(rootfs)), stack: stack.map(ByteSize), ..Budgets::default() };
        check(&budgets(&report(), &limits), &[])
    }

    #[test]
    fn a_budget_fails_by_how_much_and_because_of_what() {
        let message = check_limits(2 << 20, Some(72 << 10)).unwrap_err().to_string();
        for part in [
            "rootfs has 2,200,000 bytes",
            "102,848 over its budget of 2,097,152",
            "bin/busybox",
            "board file",
        ] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        assert!(!message.contains("stack has"), "{message}");
    }

    #[test]
    fn every_exceeded_budget_is_named() {
        let message = check_limits(2_000_000, Some(50_000)).unwrap_err().to_string();
        assert!(message.contains("rootfs has") && message.contains("stack has"), "{message}");
    }

    #[test]
    fn a_kept_budget_passes_to_the_byte() {
        assert!(check_limits(2_200_000, None).is_ok());
        assert!(check_limits(2_199_999, None).is_err());
        assert!(check(&budgets(&report(), &Budgets::default()), &[]).is_ok());
    }

    #[test]
    fn what_grew_is_named_first() {
        let limits = Budgets { rootfs: Some(ByteSize(2 << 20)), ..Budgets::default() };
        let (mut before, now) = (report(), report());
        before.rootfs_bytes = 2_000_000;
        before.rootfs_files = vec![
            Item { name: "bin/busybox".to_owned(), bytes: 1_720_000 },
            Item { name: "etc/passwd".to_owned(), bytes: 100 },
        ];
        let message = check(&budgets(&now, &limits), &budgets(&before, &limits)).unwrap_err().to_string();
        for part in [
            "since the last image +200,000:\n     +180,000  bin/busybox\n      +20,000  etc/services (new)\nlargest:",
            "1,900,000  bin/busybox",
        ] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        assert!(!message.contains("etc/passwd"), "what went is no reason: {message}");
    }
}
