//! What may not grow: the budgets of a board, checked by the build.

use super::{Item, Report};
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

impl<'a> Budget<'a> {
    /// The budget of the root file system.
    pub fn rootfs(report: &'a Report, limit: u64) -> Self {
        Self { name: "rootfs", limit, bytes: report.rootfs_bytes, parts: &report.rootfs_files }
    }

    /// The budget of our stack.
    pub fn stack(report: &'a Report, limit: u64) -> Self {
        Self { name: "stack", limit, bytes: report.stack_bytes, parts: &report.stack_symbols }
    }

    /// The budget of the kernel image.
    pub fn kernel(report: &'a Report, limit: u64) -> Self {
        Self { name: "kernel", limit, bytes: report.kernel_image_bytes, parts: &report.components }
    }

    /// The budget of kernel image and root file system together.
    pub fn firmware(report: &'a Report, limit: u64) -> Self {
        Self { name: "firmware", limit, bytes: report.firmware_bytes, parts: &report.components }
    }
}

/// Fails when a budget is exceeded, with by how much and the largest parts of it; all at once.
///
/// # Errors
/// At least one budget is exceeded.
pub fn check(budgets: &[Budget]) -> Result<()> {
    let exceeded: Vec<String> =
        budgets.iter().filter(|budget| budget.bytes > budget.limit).map(complaint).collect();
    if !exceeded.is_empty() {
        bail!("{}", exceeded.join("\n"));
    }
    Ok(())
}

fn complaint(budget: &Budget) -> String {
    let Budget { name, limit, bytes, parts } = budget;
    let over = grouped(bytes - limit);
    let mut text = format!(
        "{name} has {} bytes, {over} over its budget of {}; largest:",
        grouped(*bytes),
        grouped(*limit)
    );
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

    fn report() -> Report {
        let item = |name: &str, bytes| Item { name: name.to_owned(), bytes };
        Report {
            rootfs_bytes: 2_200_000,
            stack_bytes: 60_000,
            rootfs_files: vec![item("bin/busybox", 1_900_000), item("etc/services", 20_000)],
            ..Report::default()
        }
    }

    #[test]
    fn a_budget_fails_by_how_much_and_because_of_what() {
        let report = report();
        let budgets = [Budget::rootfs(&report, 2 << 20), Budget::stack(&report, 72 << 10)];
        let message = check(&budgets).unwrap_err().to_string();
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
    fn a_kept_budget_passes_to_the_byte() {
        let report = report();
        assert!(check(&[Budget::rootfs(&report, 2_200_000)]).is_ok());
        assert!(check(&[Budget::rootfs(&report, 2_199_999)]).is_err());
        assert!(check(&[]).is_ok());
    }
}
