//! The root file system: the overlay as it is, BusyBox with its links, modules, a few device nodes.
//!
//! `rootfs/` mirrors target paths; a product's own overlay goes on top of it, file by file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Stage;
use super::artifact::{Busybox, Dhcpc, Rootfs};
use crate::context::Context;
use crate::cpio::{self, Entry, Node};
use crate::fingerprint::Fingerprint;
use crate::report::Task;

/// Packs a root file system.
#[derive(Clone, Copy, Debug)]
pub struct PackRootfs<'a> {
    /// Overlays, the one that overrules the others last.
    pub overlays: &'a [PathBuf],
    /// The userland.
    pub busybox: &'a Busybox,
    /// The DHCP client.
    pub dhcpc: &'a Dhcpc,
    /// Kernel modules that are loaded at boot.
    pub modules: &'a [PathBuf],
}

/// Folders that a running system needs and that an overlay, being kept in git, cannot have empty.
const DIRECTORIES: [&str; 7] = ["dev", "mnt", "proc", "root", "tmp", "usr", "var/run"];

/// What must be there before devtmpfs is mounted: path, mode, driver, device.
const DEVICES: [(&str, u32, u32, u32); 2] = [("dev/console", 0o600, 5, 1), ("dev/null", 0o666, 1, 3)];

/// Its other names are names of the same file: each symbolic link would be an inode for as long as the system runs,
/// 0.5 KB.
const BUSYBOX: &str = "bin/busybox";

const ARCHIVE: &str = "rootfs.cpio";

/// Entries by path, so that folders come before what is in them.
type Tree = BTreeMap<String, Entry>;

impl PackRootfs<'_> {
    fn tree(&self) -> Result<Tree> {
        let mut tree = Tree::new();
        for path in DIRECTORIES {
            put(&mut tree, path, 0o755, Node::Directory);
        }
        if let Some(tmp) = tree.get_mut("tmp") {
            tmp.mode = 0o1777;
        }
        for (path, mode, major, minor) in DEVICES {
            put(&mut tree, path, mode, Node::Character { major, minor });
        }
        put(&mut tree, BUSYBOX, 0o755, Node::File(read(&self.busybox.program)?));
        put(&mut tree, "sbin/dhcpc", 0o755, Node::File(read(&self.dhcpc.program)?));
        let links = String::from_utf8_lossy(&read(&self.busybox.links)?).into_owned();
        for link in links.lines() {
            put(&mut tree, link.trim_start_matches('/'), 0o755, Node::Name(BUSYBOX.to_owned()));
        }
        for module in self.modules {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            put(&mut tree, &format!("lib/modules/{name}"), 0o644, Node::File(read(module)?));
        }
        for overlay in self.overlays {
            lay(&mut tree, overlay, "")?;
        }
        Ok(tree)
    }
}

impl Stage for PackRootfs<'_> {
    type Output = Rootfs;
    const NAME: &'static str = "rootfs";

    fn inputs(&self, inputs: &mut Fingerprint) -> Result<()> {
        for (index, overlay) in self.overlays.iter().enumerate() {
            inputs.tree(&format!("overlay {}", index + 1), overlay)?;
        }
        inputs.file("busybox", &self.busybox.program)?; // by content: an equal program is no reason
        inputs.file("links", &self.busybox.links)?;
        inputs.file("dhcpc", &self.dhcpc.program)?;
        for module in self.modules {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            inputs.file(&format!("modules/{name}"), module)?;
        }
        inputs.text("links are", "names of one file");
        inputs.text("directories", DIRECTORIES.join(" "));
        inputs.text("devices", DEVICES.map(|(path, ..)| path).join(" "));
        Ok(())
    }

    fn build(&self, _cx: &Context, task: &Task, work: &Path) -> Result<()> {
        task.note("packing");
        let mut entries: Vec<Entry> = self.tree()?.into_values().collect();
        // Files before their other names; otherwise the order stays.
        entries.sort_by_key(|entry| matches!(entry.node, Node::Name(_)));
        let path = work.join(ARCHIVE);
        fs::write(&path, cpio::archive(&entries)).with_context(|| format!("cannot write {}", path.display()))
    }

    fn output(&self, dir: &Path) -> Result<Rootfs> {
        Ok(Rootfs { dir: dir.to_path_buf(), archive: dir.join(ARCHIVE) })
    }
}

/// Puts one entry in, with the folders above it; what was there is replaced.
fn put(tree: &mut Tree, path: &str, mode: u32, node: Node) {
    for (end, _) in path.match_indices('/') {
        let above = &path[..end];
        tree.entry(above.to_owned()).or_insert_with(|| Entry {
            path: above.to_owned(),
            mode: 0o755,
            node: Node::Directory,
        });
    }
    tree.insert(path.to_owned(), Entry { path: path.to_owned(), mode, node });
}

/// Lays the overlay folder `dir` over the tree, below `prefix` (empty or ending in a slash).
fn lay(tree: &mut Tree, dir: &Path, prefix: &str) -> Result<()> {
    let context = || format!("cannot read the overlay {}", dir.display());
    for entry in fs::read_dir(dir).with_context(context)? {
        let entry = entry.with_context(context)?;
        let Ok(name) = entry.file_name().into_string() else {
            bail!("{}: a file name in an overlay has to be UTF-8", entry.path().display());
        };
        let path = format!("{prefix}{name}");
        let meta = entry.metadata().with_context(context)?;
        if meta.is_dir() {
            if !matches!(tree.get(&path), Some(Entry { node: Node::Directory, .. })) {
                put(tree, &path, 0o755, Node::Directory);
            }
            lay(tree, &entry.path(), &format!("{path}/"))?;
        } else if meta.is_symlink() {
            let target = fs::read_link(entry.path()).with_context(context)?;
            put(tree, &path, 0o777, Node::Link(target.to_string_lossy().into_owned()));
        } else if meta.is_file() {
            // Git keeps of a mode only whether a file is executable; a umask must not show here.
            let mode = if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            put(tree, &path, mode, Node::File(read(&entry.path())?));
        } else {
            bail!("{}: an overlay has files, folders and links only", entry.path().display());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    fn built(dir: &Path) -> Busybox {
        let at = |name: &str| dir.join(name);
        Busybox {
            dir: dir.to_path_buf(),
            program: at("busybox"),
            unstripped: at("unstripped"),
            config: at("config"),
            links: at("links"),
        }
    }

    #[test]
    fn parts_are_laid_over_each_other() {
        let build = folder(&[
            ("busybox", "program"),
            ("links", "/bin/sh\n/usr/bin/wc\n"),
            ("linnet.ko", "module"),
            ("dhcpc", "client"),
        ]);
        let ours = folder(&[("etc/hostname", "linnet"), ("etc/init.d/rcS", "#!/bin/sh")]);
        let theirs = folder(&[("etc/hostname", "product"), ("usr/bin/wc", "another")]);
        fs::set_permissions(ours.path().join("etc/init.d/rcS"), fs::Permissions::from_mode(0o750)).unwrap();
        symlink("sbin/init", ours.path().join("init")).unwrap();
        let stage = PackRootfs {
            overlays: &[ours.path().to_path_buf(), theirs.path().to_path_buf()],
            busybox: &built(build.path()),
            dhcpc: &Dhcpc { dir: build.path().to_path_buf(), program: build.path().join("dhcpc") },
            modules: &[build.path().join("linnet.ko")],
        };
        let tree = stage.tree().unwrap();
        let file = |text: &str| Node::File(text.as_bytes().to_vec());
        let cases = [
            ("bin", 0o755, Node::Directory),
            ("bin/busybox", 0o755, file("program")),
            ("bin/sh", 0o755, Node::Name("bin/busybox".to_owned())),
            ("dev/console", 0o600, Node::Character { major: 5, minor: 1 }),
            ("etc/hostname", 0o644, file("product")),
            ("etc/init.d/rcS", 0o755, file("#!/bin/sh")),
            ("init", 0o777, Node::Link("sbin/init".to_owned())),
            ("lib/modules/linnet.ko", 0o644, file("module")),
            ("sbin/dhcpc", 0o755, file("client")),
            ("tmp", 0o1777, Node::Directory),
            ("usr/bin/wc", 0o644, file("another")),
        ];
        for (path, mode, node) in cases {
            assert_eq!(tree[path], Entry { path: path.to_owned(), mode, node }, "{path}");
        }
        let paths: Vec<&String> = tree.keys().collect();
        for path in &paths {
            let parent = path.rsplit_once('/').map(|(parent, _)| parent.to_owned());
            let before = paths.iter().take_while(|other| other != &path);
            assert!(parent.is_none_or(|parent| before.clone().any(|other| **other == parent)), "{path}");
        }
    }

    #[test]
    fn strange_files_are_refused() {
        let overlay = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(overlay.path().join("socket")).unwrap();
        let error = lay(&mut Tree::new(), overlay.path(), "").unwrap_err();
        assert!(error.to_string().contains("an overlay has files, folders and links only"), "{error}");
    }
}
