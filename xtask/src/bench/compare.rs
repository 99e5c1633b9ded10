//! The same work on both images, one after the other, and what is compared.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::link::Distance;
use super::report::{Better, Figure};
use super::run::{Measurement, Subject, run};
use super::work::{IDLE, LOSSY, Work};
use crate::board::Board;
use crate::context::Context;

/// A wire across a room.
const SHORT: Distance = Distance { delay: 20_000, loss: 0 };
/// A wire across a continent, of which one frame in a hundred does not arrive.
const LONG: Distance = Distance { delay: 50_000_000, loss: 10 };
/// Each decides anew which frames are lost.
const SEEDS: [u64; 4] = [1, 2, 3, 4];

/// One image of the two.
pub struct Image {
    /// The kernel image.
    pub kernel: PathBuf,
    /// The same with symbols.
    pub vmlinux: PathBuf,
    /// The root file system.
    pub rootfs: PathBuf,
}

/// Both images, and what they are run with.
pub struct Images<'a> {
    /// The board.
    pub board: &'a Board,
    /// With Linux's own stack.
    pub native: Image,
    /// With ours.
    pub ours: Image,
    /// The program that does the work.
    pub workload: &'a Path,
    /// QEMU's plugin.
    pub counter: &'a Path,
    /// Where the runs leave their files.
    pub dir: &'a Path,
    /// Whether the device may do work for the stack.
    pub offloads: bool,
}

impl Images<'_> {
    fn native(&self) -> Subject<'_> {
        self.subject("native", &self.native)
    }

    fn ours(&self) -> Subject<'_> {
        self.subject("ours", &self.ours)
    }

    fn subject<'b>(&'b self, name: &'b str, image: &'b Image) -> Subject<'b> {
        Subject {
            board: self.board,
            name,
            kernel: &image.kernel,
            vmlinux: &image.vmlinux,
            rootfs: &image.rootfs,
            workload: self.workload,
            counter: self.counter,
            dir: self.dir,
            offloads: self.offloads,
        }
    }
}

/// Instructions of both for one unit of `work`.
///
/// # Errors
/// A run failed.
pub fn instructions(cx: &Context, images: &Images<'_>, work: &Work) -> Result<Figure> {
    let each = |measured: &Measurement| measured.count.busy() as f64 / work.units();
    let native = run(cx, &images.native(), work, SHORT, 1)?;
    let ours = run(cx, &images.ours(), work, SHORT, 1)?;
    Ok(Figure {
        name: work.name.to_owned(),
        what: work.what.to_owned(),
        unit: format!("instructions / {}", work.unit),
        native: each(&native),
        ours: each(&ours),
        better: Better::Less,
        profiles: Some((native.profile.per(work.units()), ours.profile.per(work.units()))),
    })
}

/// Memory of both for an idle connection.
///
/// # Errors
/// A run failed.
pub fn memory(cx: &Context, images: &Images<'_>) -> Result<Figure> {
    let bytes = |subject: Subject<'_>| -> Result<f64> {
        let memory = run(cx, &subject, &IDLE, SHORT, 1)?.memory;
        Ok(memory.context("the guest's program does not say how much memory went")? as f64 / IDLE.units())
    };
    Ok(Figure {
        name: IDLE.name.to_owned(),
        what: IDLE.what.to_owned(),
        unit: format!("bytes / {}", IDLE.unit),
        native: bytes(images.native())?,
        ours: bytes(images.ours())?,
        better: Better::Less,
        profiles: None,
    })
}

/// Goodput of both over a long and bad wire, in KB of each second of the guest's clock.
///
/// # Errors
/// A run failed.
pub fn goodput(cx: &Context, images: &Images<'_>) -> Result<Vec<Figure>> {
    let rate = |subject: &Subject<'_>, work: &Work| -> Result<f64> {
        let mut time = 0;
        for seed in SEEDS {
            time += run(cx, subject, work, LONG, seed)?.count.total;
        }
        Ok((work.count * SEEDS.len()) as f64 / 1000.0 / (time as f64 / 1e9))
    };
    let figures = LOSSY.iter().map(|work| {
        Ok(Figure {
            name: format!("goodput-{}", work.name),
            what: format!("{}, 1 % lost, 50 ms each way", work.what),
            unit: "KB / s".to_owned(),
            native: rate(&images.native(), work)?,
            ours: rate(&images.ours(), work)?,
            better: Better::More,
            profiles: None,
        })
    });
    figures.collect()
}
