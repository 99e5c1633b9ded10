//! A board file as it is written, before it is checked.

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Board, Budgets, ByteSize, Console, Cpu, Isa, Kernel, Qemu, Root, StackLink};
use crate::context::Paths;

/// The keys of a board file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBoard {
    description: String,
    cpu: RawCpu,
    memory: String,
    console: RawConsole,
    interface: String,
    root: RawRoot,
    kernel: RawKernel,
    qemu: Option<RawQemu>,
    #[serde(default)]
    budgets: RawBudgets,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCpu {
    isa: RawIsa,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawIsa {
    I586,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConsole {
    device: String,
    baud: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawRoot {
    Initramfs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKernel {
    fragments: Vec<String>,
    stack: RawLink,
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawLink {
    Builtin,
    Loadable,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQemu {
    machine: String,
    cpu: String,
    nic: String,
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBudgets {
    rootfs: Option<String>,
    kernel: Option<String>,
    firmware: Option<String>,
}

pub(super) fn load(paths: &Paths, name: &str) -> Result<Board> {
    let Some(path) = paths.data_file("boards", &format!("{name}.yaml")) else {
        bail!("there is no board `{name}`");
    };
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let raw: RawBoard = serde_yaml::from_str(&text).with_context(|| path.display().to_string())?;
    check(raw, name).map_err(anyhow::Error::msg).with_context(|| path.display().to_string())
}

fn check(raw: RawBoard, name: &str) -> Result<Board, String> {
    let size = |text: Option<String>| text.map(|text| ByteSize::parse(&text)).transpose();
    Ok(Board {
        name: name.to_owned(),
        description: raw.description,
        cpu: Cpu {
            isa: match raw.cpu.isa {
                RawIsa::I586 => Isa::I586,
            },
        },
        memory: ByteSize::parse(&raw.memory)?,
        console: Console { device: raw.console.device, baud: raw.console.baud },
        interface: raw.interface,
        root: match raw.root {
            RawRoot::Initramfs => Root::Initramfs,
        },
        kernel: Kernel {
            fragments: raw.kernel.fragments,
            stack: match raw.kernel.stack {
                RawLink::Builtin => StackLink::Builtin,
                RawLink::Loadable => StackLink::Loadable,
            },
            arguments: raw.kernel.arguments,
        },
        qemu: raw.qemu.map(|q| Qemu { machine: q.machine, cpu: q.cpu, nic: q.nic, arguments: q.arguments }),
        budgets: Budgets {
            rootfs: size(raw.budgets.rootfs)?,
            kernel: size(raw.budgets.kernel)?,
            firmware: size(raw.budgets.firmware)?,
        },
    })
}
