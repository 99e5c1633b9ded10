//! What the kernel is made of to the last symbol: components, their objects, the objects' symbols.
//!
//! Every byte of code and constants that the link map gives to an object is in it once; what no
//! symbol covers (strings, tables, the linker's own) is the object's rest.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::linkmap::Piece;
use super::program::{Program, Symbol};
use super::report::{Item, component, largest, read};

/// The file with it in an image's folder.
pub const FILE: &str = "symbols.json";

/// The name of a stack that is a module of its own, as if it were an object.
const MODULE: &str = "net/linnet/linnet.ko";

/// All objects of a kernel, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The objects.
    pub objects: Vec<Object>,
}

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its path in the kernel's tree.
    pub name: String,
    /// Its code and constants, in bytes.
    pub bytes: u64,
    /// Functions and constants with a name, largest first; together at most `bytes`.
    pub symbols: Vec<Item>,
}

/// How finely a kernel is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Folders of the kernel's tree
    Component,
    /// Objects
    Object,
    /// Functions and constants
    Symbol,
}

impl Breakdown {
    /// Takes apart what `pieces` of the link map say was linked, with a module beside it.
    pub(super) fn of(pieces: &[Piece], vmlinux: &Program, module: Option<&Program>) -> Self {
        let mut pieces: Vec<&Piece> = pieces.iter().filter(|piece| piece.is_text()).collect();
        pieces.sort_by_key(|piece| piece.address.start);
        let mut objects: BTreeMap<&str, Object> = BTreeMap::new();
        for piece in &pieces {
            objects.entry(&piece.object).or_default().bytes += piece.bytes();
        }
        let at = |address: u64| {
            let index = pieces.partition_point(|piece| piece.address.start <= address).checked_sub(1)?;
            Some(pieces[index]).filter(|piece| piece.address.contains(&address))
        };
        for (symbol, bytes) in without_overlaps(&vmlinux.symbols) {
            if let Some(piece) = at(symbol.address) {
                let bytes = bytes.min(piece.address.end - symbol.address);
                objects.entry(&piece.object).or_default().add(&symbol.name, bytes);
            }
        }
        if let Some(module) = module {
            let object = objects.entry(MODULE).or_default();
            object.bytes += module.text;
            for symbol in module.symbols.iter().filter(|symbol| symbol.text) {
                object.add(&symbol.name, symbol.bytes);
            }
        }
        let mut objects: Vec<Object> = objects
            .into_iter()
            .map(|(name, object)| Object {
                name: name.to_owned(),
                symbols: largest(object.symbols.into_iter().map(|item| (item.name, item.bytes))),
                bytes: object.bytes,
            })
            .collect();
        objects.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        Self { objects }
    }

    /// Reads what a build left in the image's folder `dir`.
    ///
    /// # Errors
    /// There is none, or it is of another version; the message says what to do.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let advice = || format!("{} holds no symbols that this version knows: build again", path.display());
        serde_json::from_slice(&read(&path)?).with_context(advice)
    }

    /// Everything at `level` whose object lies below `within` (all of it: empty), largest first.
    ///
    /// # Errors
    /// No object lies there; the message has the names that are nearest.
    pub fn list(&self, level: Level, within: &str) -> Result<Vec<Item>> {
        let inside: Vec<&Object> = self.objects.iter().filter(|object| object.is_within(within)).collect();
        if inside.is_empty() {
            let mut known: Vec<String> = self.objects.iter().map(|object| component(&object.name)).collect();
            known.sort();
            known.dedup();
            bail!("no object of this kernel lies in `{within}`: there are {}", known.join(", "));
        }
        let items: Vec<(String, u64)> = match level {
            Level::Component => inside.iter().map(|object| (component(&object.name), object.bytes)).collect(),
            Level::Object => inside.iter().map(|object| (object.name.clone(), object.bytes)).collect(),
            Level::Symbol => inside.iter().flat_map(|object| object.parts()).collect(),
        };
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        items.into_iter().for_each(|(name, bytes)| *sums.entry(name).or_default() += bytes);
        Ok(largest(sums.into_iter()))
    }
}

impl Object {
    /// What no symbol covers.
    #[must_use]
    pub fn rest(&self) -> u64 {
        self.bytes.saturating_sub(self.symbols.iter().map(|item| item.bytes).sum())
    }

    /// Its symbols as `name (object)`, its rest as `(rest of object)`.
    fn parts(&self) -> impl Iterator<Item = (String, u64)> {
        let symbols = self.symbols.iter().map(|item| (format!("{} ({})", item.name, self.name), item.bytes));
        symbols.chain(Some((format!("(rest of {})", self.name), self.rest())).filter(|(_, bytes)| *bytes > 0))
    }

    fn is_within(&self, folder: &str) -> bool {
        let rest = self.name.strip_prefix(folder.trim_end_matches('/'));
        folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn add(&mut self, name: &str, bytes: u64) {
        match self.symbols.iter_mut().find(|item| item.name == name) {
            Some(item) => item.bytes += bytes, // static functions of one name
            None => self.symbols.push(Item { name: name.to_owned(), bytes }),
        }
    }
}

/// The symbols in the order of their addresses with what they cover that none before them does: an alias
/// covers nothing.
fn without_overlaps(symbols: &[Symbol]) -> impl Iterator<Item = (&Symbol, u64)> {
    let mut sorted: Vec<&Symbol> = symbols.iter().filter(|symbol| symbol.address > 0).collect();
    sorted.sort_by(|a, b| (a.address, b.bytes, &a.name).cmp(&(b.address, a.bytes, &b.name)));
    let mut end = 0;
    sorted.into_iter().filter_map(move |symbol| {
        let start = symbol.address.max(end);
        let bytes = (symbol.address + symbol.bytes).checked_sub(start).filter(|bytes| *bytes > 0)?;
        end = start + bytes;
        (start == symbol.address).then_some((symbol, bytes))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn piece(output: &str, object: &str, from: u64, bytes: u64) -> Piece {
        Piece {
            output: output.to_owned(),
            section: output.to_owned(),
            object: object.to_owned(),
            address: from..from + bytes,
        }
    }

    fn symbol(name: &str, address: u64, bytes: u64) -> Symbol {
        Symbol { name: name.to_owned(), rust: false, address, bytes, text: true }
    }

    /// Two components of three objects and their symbols.
    pub fn planted() -> Breakdown {
        let pieces = [
            piece(".text", "net/core/dev.o", 0x1000, 300),
            piece(".rodata", "net/core/dev.o", 0x4000, 40),
            piece(".text", "net/core/sock.o", 0x1200, 100),
            piece(".text", "kernel/fork.o", 0x1300, 70),
            piece(".data", "kernel/fork.o", 0x9000, 500),
        ];
        let symbols = vec![
            symbol("__dev_queue_xmit", 0x1000, 200),
            symbol("dev_queue_xmit_alias", 0x1000, 200),
            symbol("netif_rx", 0x10d0, 60),
            symbol("sock_init", 0x1200, 10),
            symbol("sock_init", 0x1210, 20),
            symbol("copy_process", 0x1300, 700),
            symbol("init_task", 0x9000, 500),
            symbol("absolute", 0, 7),
        ];
        let module = Program { text: 80, symbols: vec![symbol("linnet_init", 0, 60)] };
        Breakdown::of(&pieces, &Program { text: 0, symbols }, Some(&module))
    }

    fn listed(level: Level, within: &str) -> Vec<(String, u64)> {
        planted().list(level, within).unwrap().into_iter().map(|item| (item.name, item.bytes)).collect()
    }

    fn named(items: &[(&str, u64)]) -> Vec<(String, u64)> {
        items.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    }

    #[test]
    fn components_and_objects() {
        let components = [("net/core", 440), ("net/linnet", 80), ("kernel", 70)];
        assert_eq!(listed(Level::Component, ""), named(&components));
        assert_eq!(
            listed(Level::Object, "net/core"),
            named(&[("net/core/dev.o", 340), ("net/core/sock.o", 100)])
        );
        assert_eq!(listed(Level::Object, "kernel/"), named(&[("kernel/fork.o", 70)]));
    }

    #[test]
    fn each_byte_belongs_to_one_symbol_or_to_the_rest() {
        let expected = [
            ("__dev_queue_xmit (net/core/dev.o)", 200),
            ("(rest of net/core/dev.o)", 80),
            ("(rest of net/core/sock.o)", 70),
            ("netif_rx (net/core/dev.o)", 60),
            ("sock_init (net/core/sock.o)", 30),
        ];
        assert_eq!(listed(Level::Symbol, "net/core"), named(&expected));
        // Never more than its object has.
        assert_eq!(listed(Level::Symbol, "kernel"), named(&[("copy_process (kernel/fork.o)", 70)]));
    }

    #[test]
    fn a_folder_that_is_not_there_is_answered_with_those_that_are() {
        let message = planted().list(Level::Object, "net/cor").unwrap_err().to_string();
        assert!(message.contains("`net/cor`") && message.contains("net/core"), "{message}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), serde_json::to_vec(&planted()).unwrap()).unwrap();
        assert_eq!(Breakdown::load(folder.path()).unwrap(), planted());
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(Breakdown::load(folder.path()).unwrap_err().to_string().contains(FILE));
    }
}
