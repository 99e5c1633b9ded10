//! An error as the user reads it: what was wrong, where, what to do.

use std::io;

use anyhow::Error;

use super::FullDisk;
use crate::process::Interrupted;

/// The text of `error`: its message, then each cause on its own line, then advice where there is some.
#[must_use]
pub fn describe(error: &Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let mut text = causes.next().unwrap_or_default();
    for cause in causes {
        // Some libraries repeat their source in their own message.
        if !text.contains(&cause) {
            text.push_str("\n  because: ");
            text.push_str(&cause.replace('\n', "\n  "));
        }
    }
    if is_disk_full(error) {
        text.push_str("\n  the disk is full: free some space (`cargo xtask clean --stages` removes what can be built again)");
    }
    text
}

/// Whether the user pressed Ctrl-C.
#[must_use]
pub fn is_interrupt(error: &Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<Interrupted>().is_some())
}

/// Whether some write failed for want of space, ours or (by its last words) a command's.
#[must_use]
pub fn is_disk_full(error: &Error) -> bool {
    let ours = |cause: &(dyn std::error::Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    };
    let named = error.downcast_ref::<FullDisk>().is_some();
    named || error.chain().any(|cause| ours(cause) || cause.to_string().contains("No space left on device"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn causes_follow_the_message() {
        let error = Err::<(), _>(anyhow!("root")).context("middle").context("top").unwrap_err();
        assert_eq!(describe(&error), "top\n  because: middle\n  because: root");
    }

    #[test]
    fn a_full_disk_is_called_by_its_name() {
        let error = Error::from(io::Error::from_raw_os_error(28)).context("cannot write x");
        assert!(describe(&error).contains("the disk is full"));
    }
}
