//! A stage made for being killed: a folder of files, a command, and an incremental tree whose
//! half-written objects the next build would take for whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use xtask::context::{Context, Options, Paths};
use xtask::fingerprint::Fingerprint;
use xtask::process::{self, Interrupt};
use xtask::report::{Reporter, Task};
use xtask::stage::{self, Stage, WorkTree};

/// What the child process is to do; its environment says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Build and end.
    Build,
    /// Build slowly, and note each build in the file `builds`.
    Slow,
    /// Start a command that never ends by itself.
    Hang,
}

/// The stage.
pub struct Planted {
    plan: Plan,
    root: PathBuf,
}

/// Objects of the incremental tree.
const OBJECTS: [&str; 3] = ["a.o", "b.o", "c.o"];

impl Stage for Planted {
    type Output = PathBuf;
    const NAME: &'static str = "planted";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        inputs.file("source", &self.root.join("source"))
    }

    fn build(&self, cx: &Context, task: &Task, work: &Path) -> Result<()> {
        let log = cx.paths.log(Self::NAME);
        match self.plan {
            Plan::Build => {}
            Plan::Slow => {
                let note = "echo built >> \"$0\"";
                process::run(
                    cx,
                    task,
                    process::command("sh").args(["-c", note]).arg(self.root.join("builds")),
                    &log,
                )?;
                std::thread::sleep(Duration::from_millis(300));
            }
            Plan::Hang => {
                // A grandchild too: the whole group has to go.
                let hang = "sleep 1000 & echo $! > \"$0\"; sleep 1000";
                process::run(
                    cx,
                    task,
                    process::command("sh").args(["-c", hang]).arg(self.root.join("pid")),
                    &log,
                )?;
            }
        }
        let tree = WorkTree::open(cx, "planted")?;
        let objects = tree.build(compile)?;
        fs::create_dir(work.join("lib"))?;
        fs::write(work.join("lib/all.a"), objects)?;
        fs::copy(self.root.join("source"), work.join("source"))?;
        process::run(cx, task, process::command("touch").arg(work.join("by-command")), &log)
    }

    fn output(&self, dir: &Path) -> Result<PathBuf> {
        ensure!(dir.join("by-command").is_file(), "by-command is missing");
        Ok(dir.to_path_buf())
    }
}

/// Like make: what is there is not made again.
fn compile(tree: &Path) -> Result<String> {
    let mut all = String::new();
    for name in OBJECTS {
        let object = tree.join(name);
        if !object.exists() {
            fs::write(&object, format!("object {name}, {}\n", "x".repeat(100)))?;
        }
        all += &fs::read_to_string(object)?;
    }
    Ok(all)
}

/// Runs the stage in `root` as `main` would run a verb.
///
/// # Errors
/// The stage's.
pub fn run(root: &Path, plan: Plan) -> Result<PathBuf> {
    let interrupt = Interrupt::install()?;
    let paths =
        Paths { root: root.to_path_buf(), out: root.join("out"), cache: root.join("cache"), external: None };
    let options = Options { jobs: 2, offline: true, locked: true, yes: false, json: false };
    let cx = Context::new(paths, options, Reporter::quiet(), interrupt)?;
    let result = stage::run(&cx, &Planted { plan, root: root.to_path_buf() })
        .map_err(|error| cx.name_full_disk(error));
    cx.hashes.save();
    result
}
