//! A disk that is really full: a small tmpfs is the output folder, with less room than the build needs.
//!
//! Mounting wants a mount namespace of its own, which root has, and on most systems everybody within a
//! user namespace. Where neither is allowed the simulated full disk of `main.rs` has to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Site;
use super::planted::Plan;

/// Pages that the tmpfs has, and files.
const PAGES: u64 = 64;
const FILES: u64 = 64;

#[test]
fn on_a_full_disk_the_error_names_it_and_with_room_the_next_build_completes() {
    for namespace in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mut probe = Command::new("unshare");
        probe.args(namespace).args(["mount", "-t", "tmpfs", "linnet-test", "/mnt"]);
        if !probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            continue;
        }
        let mut command = Command::new("unshare");
        command.args(namespace).arg(std::env::current_exe().unwrap());
        command.args(["--exact", "disk::within_the_namespace", "--nocapture", "--test-threads=1"]);
        let output = command.env("CRASH_NAMESPACE", "1").output().unwrap();
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success() && said.contains("full disks:"), "{said}");
        return;
    }
    eprintln!("no file system may be mounted here: the full disk is only simulated");
}

/// Not a test by itself: what runs where a file system may be mounted.
#[test]
fn within_the_namespace() {
    if std::env::var_os("CRASH_NAMESPACE").is_none() {
        return;
    }
    let reference = Site::new();
    reference.build();
    let expected = reference.finished();

    let site = Site::new();
    let out = site.path("out");
    fs::create_dir(&out).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={},nr_inodes={FILES}", PAGES * page())]);
    assert!(mount.arg("linnet-test").arg(&out).status().unwrap().success());

    let mut failures = Vec::new();
    let rooms = (0..24).map(Room::Pages).chain((1..24).map(Room::Files));
    for room in rooms {
        let filler = room.leave(&out);
        let output = site.child(Plan::Build, &[]);
        for (name, files) in site.finished() {
            assert_eq!(Some(&files), expected.get(&name), "{room:?}: half-made, looks whole");
        }
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(message.contains("the disk is full"), "{room:?}: {message}");
            assert!(message.contains(&format!("the disk at {}", out.display())), "{room:?}: {message}");
            assert_eq!(site.leftovers(), [""; 0], "{room:?}");
            failures.push(room);
        }
        filler.into_iter().for_each(|file| fs::remove_file(file).unwrap());
        site.build();
        assert_eq!(site.finished(), expected, "{room:?}: the next build");
        assert_eq!(site.leftovers(), [""; 0], "{room:?}: the next build");
        fs::remove_dir_all(out.join("stages")).unwrap();
        fs::remove_dir_all(out.join("build")).unwrap();
    }
    let files = failures.iter().filter(|room| matches!(room, Room::Files(_))).count();
    assert!(files >= 4 && failures.len() - files >= 4, "{failures:?}");
    println!("full disks: {}", failures.len());
}

/// What is left free.
#[derive(Clone, Copy, Debug)]
enum Room {
    Pages(u64),
    Files(u64),
}

impl Room {
    /// Fills the disk at `dir` up to that; returns the files with which.
    fn leave(self, dir: &Path) -> Vec<PathBuf> {
        let disk = rustix::fs::statvfs(dir).unwrap();
        match self {
            Self::Pages(pages) => {
                let path = dir.join("filler");
                fs::write(&path, vec![1; ((disk.f_bavail - pages) * page()) as usize]).unwrap();
                vec![path]
            }
            Self::Files(files) => (0..disk.f_favail - files)
                .map(|number| {
                    let path = dir.join(format!("filler-{number}"));
                    fs::write(&path, "").unwrap();
                    path
                })
                .collect(),
        }
    }
}

fn page() -> u64 {
    rustix::param::page_size() as u64
}
