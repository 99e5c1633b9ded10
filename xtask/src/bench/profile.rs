//! Where the instructions went: the counter's profile, by function.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSymbol as _, SymbolKind};

/// The functions of a program, or of several, by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    functions: BTreeMap<u64, String>,
    addresses: BTreeMap<String, u64>,
}

/// Instructions by function, most first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile(pub Vec<(String, u64)>);

impl Symbols {
    /// Adds those of the ELF file `path`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        let context = || format!("cannot read the symbols of {}", path.display());
        let bytes = std::fs::read(path).with_context(context)?;
        let file = object::File::parse(&*bytes).with_context(context)?;
        for symbol in file.symbols() {
            // Labels in assembly have no kind; of two names for one place the function's is the better one.
            let function = symbol.kind() == SymbolKind::Text;
            let named = function || matches!(symbol.kind(), SymbolKind::Label | SymbolKind::Unknown);
            if let Ok(name) = symbol.name()
                && named
                && !name.is_empty()
            {
                let name = format!("{:#}", rustc_demangle::demangle(name));
                if function || !self.functions.contains_key(&symbol.address()) {
                    self.functions.insert(symbol.address(), name.clone());
                }
                self.addresses.insert(name, symbol.address());
            }
        }
        Ok(())
    }

    /// The address of `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn address(&self, name: &str) -> Result<u64> {
        self.addresses.get(name).copied().with_context(|| format!("there is no symbol `{name}`"))
    }

    /// The function that `address` is in.
    fn at(&self, address: u64) -> &str {
        self.functions.range(..=address).next_back().map_or("?", |(_, name)| name)
    }

    /// The counter's file as a profile: lines of an address and a count.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn profile(&self, path: &Path) -> Result<Profile> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for line in text.lines() {
            let parts = line.split_once(' ').and_then(|(address, count)| {
                Some((u64::from_str_radix(address, 16).ok()?, count.parse::<u64>().ok()?))
            });
            let (address, count) = parts.with_context(|| format!("{}: {line:?}", path.display()))?;
            *sums.entry(self.at(address)).or_default() += count;
        }
        let mut list: Vec<(String, u64)> =
            sums.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(Profile(list))
    }
}

impl Profile {
    /// All instructions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The profile of one of so many `units`.
    #[must_use]
    pub fn per(&self, units: f64) -> Profile {
        Profile(self.0.iter().map(|(name, count)| (name.clone(), (*count as f64 / units) as u64)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_by_function() {
        let functions = [(0x100, "a"), (0x200, "b")].map(|(at, name)| (at, name.to_owned()));
        let symbols = Symbols { functions: functions.into(), ..Symbols::default() };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profile");
        std::fs::write(&path, "100 5\n1ff 7\n200 100\n10 1\n").unwrap();
        let profile = symbols.profile(&path).unwrap();
        let named = [("b", 100), ("a", 12), ("?", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(profile.0, named);
        assert_eq!(profile.total(), 113);
        assert!(symbols.address("c").is_err());
    }
}
