//! A board file as it is written (`RawBoard`), and the checks that make a `Board` of it.
//!
//! What a single value may be, its type says, so that the parser reports line and column. What
//! only the whole can tell (files that must exist, devices that must fit) is checked here.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Board, Budgets, ByteSize, Console, Cpu, Kernel, Qemu, Root};
use crate::context::Paths;
use crate::yaml;

/// The keys of a board file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBoard {
    description: String,
    cpu: Cpu,
    memory: ByteSize,
    console: Console,
    interface: String,
    root: Root,
    kernel: Kernel,
    qemu: Option<Qemu>,
    #[serde(default)]
    budgets: Budgets,
}

/// RAM that an image for a board of this kind can make use of: enough to boot at all, and below what
/// a 32-bit kernel without highmem reaches.
const MEMORY: [ByteSize; 2] = [ByteSize(2 << 20), ByteSize(1 << 30)];

/// Processors of one machine: as many as a kernel without ACPI finds in a table of the firmware.
const CPUS: std::ops::RangeInclusive<u8> = 1..=8;

/// The line speeds that an 8250 is commonly run at, in bits a second.
const BAUDS: [u32; 6] = [9600, 19200, 38400, 57600, 115_200, 230_400];

/// What the kernel can name an interface in IFNAMSIZ with its terminator (net/if.h).
const INTERFACE_NAME: usize = 15;

/// Reads and checks the board called `name`; see [`Board::load`].
pub(super) fn load(paths: &Paths, name: &str) -> Result<Board> {
    let Some(path) = paths.data_file("boards", &format!("{name}.yaml")) else {
        bail!("{}", yaml::no_such("board", name, &paths.names("boards", "yaml")));
    };
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(paths, &path, &text, name)
}

/// Makes a board of the text of its file.
pub(super) fn parse(paths: &Paths, path: &Path, text: &str, name: &str) -> Result<Board> {
    let shown = paths.show(path);
    let shown = Path::new(&shown);
    let raw: RawBoard = yaml::from_str(shown, text)?;
    if let Err(Fault { value, message }) = check(&raw, paths) {
        let (line, column) = yaml::find_word(text, &value).unwrap_or((1, 1));
        return Err(yaml::complain(shown, text, line, column, &message));
    }
    Ok(Board {
        name: name.to_owned(),
        description: raw.description,
        cpu: raw.cpu,
        memory: raw.memory,
        console: raw.console,
        interface: raw.interface,
        root: raw.root,
        kernel: raw.kernel,
        qemu: raw.qemu,
        budgets: raw.budgets,
    })
}

/// What is wrong with the whole, and the value to point at.
struct Fault {
    value: String,
    message: String,
}

fn check(raw: &RawBoard, paths: &Paths) -> Result<(), Fault> {
    let fault = |value: &str, message: String| Err(Fault { value: value.to_owned(), message });
    let [least, most] = MEMORY;
    if !(least..=most).contains(&raw.memory) {
        return fault("memory", format!("memory: {} is not within {least} to {most}", raw.memory));
    }
    let count = raw.cpu.count;
    if !CPUS.contains(&count) {
        let [least, most] = [CPUS.start(), CPUS.end()];
        return fault(&count.to_string(), format!("cpu.count: {count} is not within {least} to {most}"));
    }
    let console = &raw.console;
    if !console.device.starts_with("tty") {
        return fault(&console.device, format!("`{}` is no serial device: write `ttyS0`", console.device));
    }
    if !BAUDS.contains(&console.baud) {
        return fault(&console.baud.to_string(), format!("{} is none of the speeds {BAUDS:?}", console.baud));
    }
    let interface = &raw.interface;
    if interface.is_empty() || interface.len() > INTERFACE_NAME || interface.contains(['/', ' ', ':']) {
        return fault(interface, format!("`{interface}` is no name for a network interface: write `eth0`"));
    }
    let known = paths.names("kernel", "config");
    for fragment in &raw.kernel.fragments {
        if !known.contains(fragment) {
            return fault(fragment, yaml::no_such("kernel fragment", fragment, &known));
        }
    }
    if let Some(repeated) = repeated(&raw.kernel.fragments) {
        return fault(repeated, format!("kernel fragment `{repeated}` is listed twice"));
    }
    Ok(())
}

fn repeated(words: &[String]) -> Option<&String> {
    words.iter().enumerate().find(|(i, word)| words[..*i].contains(word)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests;
