//! What changed between two sets of inputs.

use std::collections::BTreeMap;

/// One input that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Present now, absent then.
    Added(String),
    /// Present then, absent now.
    Removed(String),
    /// Another value; the two texts when both are readable.
    Changed(String, Option<(String, String)>),
}

/// The changes from `old` (text form) to `new`, in the order of the names.
pub(super) fn changes(old: &str, new: &BTreeMap<String, String>) -> Vec<Change> {
    let old: BTreeMap<&str, &str> = old.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut names: Vec<&str> = old.keys().copied().chain(new.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let change = |name: &str| match (old.get(name), new.get(name)) {
        (Some(was), Some(is)) if *was == is => None,
        (Some(was), Some(is)) => {
            let texts = was.strip_prefix('=').zip(is.strip_prefix('='));
            Some(Change::Changed(name.to_owned(), texts.map(|(a, b)| (a.to_owned(), b.to_owned()))))
        }
        (Some(_), None) => Some(Change::Removed(name.to_owned())),
        (None, Some(_)) => Some(Change::Added(name.to_owned())),
        (None, None) => None,
    };
    names.into_iter().filter_map(change).collect()
}
