//! Who refers to whom in objects: functions and data as nodes, relocations and direct branches as edges.
//!
//! Global names join across the members of an archive, as the linker would join them.

use super::functions::{functions, members, parse};
use anyhow::{Context as _, Result};
use iced_x86::{Decoder, DecoderOptions, OpKind};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A node, by its place in the graph.
pub type Node = usize;

/// The references in a set of objects.
#[derive(Debug, Default)]
pub struct Graph {
    names: Vec<String>,
    edges: Vec<Vec<Node>>,
    exported: Vec<Node>,
    globals: HashMap<String, Node>,
}

impl Graph {
    /// Reads `bytes`, an object or an archive called `name`.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut graph = Self::default();
        for (member, bytes) in members(name, bytes)? {
            graph.add(&member, bytes).with_context(|| member.clone())?;
        }
        Ok(graph)
    }

    /// The linker's name of `node`; of nameless data the section's.
    pub fn name(&self, node: Node) -> &str {
        &self.names[node]
    }

    /// Global functions that are defined here.
    pub fn exported(&self) -> &[Node] {
        &self.exported
    }

    /// How each node that `roots` reach is reached: the node before it, itself for a root.
    /// What `stop` names is reached but not passed.
    pub fn reach(&self, roots: &[Node], stop: impl Fn(&str) -> bool) -> BTreeMap<Node, Node> {
        let mut from: BTreeMap<Node, Node> = roots.iter().map(|&root| (root, root)).collect();
        let mut queue: VecDeque<Node> = roots.iter().copied().collect();
        while let Some(node) = queue.pop_front() {
            if stop(self.name(node)) {
                continue;
            }
            for &next in &self.edges[node] {
                from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    node
                });
            }
        }
        from
    }

    fn add(&mut self, member: &str, bytes: &[u8]) -> Result<()> {
        let file = parse(member, bytes)?;
        let mut map = Map::default();
        for symbol in file.symbols() {
            if !matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data | SymbolKind::Unknown) {
                continue;
            }
            let Ok(name) = symbol.name() else { continue };
            let node = if symbol.is_local() { self.node(name) } else { self.global(name) };
            map.symbols.insert(symbol.index().0, node);
            let Some(section) = symbol.section_index() else { continue };
            map.places.entry(section.0).or_default().insert(symbol.address(), (symbol.size(), node));
            if !symbol.is_local() && symbol.kind() == SymbolKind::Text {
                self.exported.push(node);
            }
        }
        for section in file.sections() {
            map.sections.insert(section.index().0, self.node(section.name()?));
        }
        for section in file.sections() {
            self.add_relocations(&file, &section, &map)?;
        }
        for function in functions(&file)? {
            let source = map.at(function.index, function.address);
            let mut decoder = Decoder::with_ip(32, function.bytes, function.address, DecoderOptions::NONE);
            for instruction in &mut decoder {
                if instruction.op_count() == 1 && instruction.op0_kind() == OpKind::NearBranch32 {
                    let target = map.at(function.index, instruction.near_branch_target());
                    self.edges[source].push(target);
                }
            }
        }
        Ok(())
    }

    fn add_relocations(&mut self, file: &object::File, section: &object::Section, map: &Map) -> Result<()> {
        let data = section.data()?;
        for (offset, relocation) in section.relocations() {
            let source = map.at(section.index(), offset);
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let symbol = file.symbol_by_index(index)?;
            let target = match (map.symbols.get(&index.0), symbol.section_index()) {
                (Some(&node), _) => node,
                (None, Some(place)) => {
                    // A reference to a section: the addend, which stands in the code, says where in it.
                    let here = data.get(offset as usize..offset as usize + 4);
                    let addend = here.map_or(0, |b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                    let relative = relocation.kind() == object::RelocationKind::Relative;
                    map.at(place, (addend + if relative { 4 } else { 0 }) as u64)
                }
                (None, None) => continue,
            };
            self.edges[source].push(target);
        }
        Ok(())
    }

    fn node(&mut self, name: &str) -> Node {
        self.names.push(name.to_owned());
        self.edges.push(Vec::new());
        self.names.len() - 1
    }

    fn global(&mut self, name: &str) -> Node {
        if let Some(&node) = self.globals.get(name) {
            return node;
        }
        let node = self.node(name);
        self.globals.insert(name.to_owned(), node);
        node
    }
}

/// Nodes by place in one object.
#[derive(Default)]
struct Map {
    symbols: HashMap<usize, Node>,
    sections: HashMap<usize, Node>,
    places: HashMap<usize, BTreeMap<u64, (u64, Node)>>,
}

impl Map {
    /// The symbol that covers `address` in `section`, or the section itself.
    fn at(&self, section: SectionIndex, address: u64) -> Node {
        let before = self.places.get(&section.0).and_then(|places| places.range(..=address).next_back());
        match before {
            Some((&start, &(size, node))) if size == 0 || address < start + size => node,
            _ => self.sections[&section.0],
        }
    }
}
