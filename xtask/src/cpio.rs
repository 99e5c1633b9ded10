//! Writes cpio archives of the "newc" format, which the kernel unpacks as its initramfs
//! (Documentation/driver-api/early-userspace/buffer-format.rst in Linux).
//!
//! The same entries give the same bytes: owner and group 0, times 0, inode numbers in sequence. No
//! root is needed for device nodes.

use std::fmt::Write as _;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Directory,
    /// A file with its content.
    File(Vec<u8>),
    /// A symbolic link to this target.
    Link(String),
    /// One more name of the file with this path, which comes earlier in the archive.
    Name(String),
    /// A character device.
    Character {
        /// The driver.
        major: u32,
        /// The device.
        minor: u32,
    },
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path without a leading slash.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What it is.
    pub node: Node,
}

/// The archive of `entries`, in their order: folders must come before what is in them, files before their other names.
#[must_use]
pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file_of = |entry: &Entry| match &entry.node {
        Node::Name(file) => entries.iter().position(|other| other.path == *file),
        _ => None,
    };
    // The unpacker knows the names of one file by their inode number, once it says that it has several.
    let mut names = vec![1; entries.len()];
    for file in entries.iter().filter_map(file_of) {
        names[file] += 1;
    }
    for (index, entry) in entries.iter().enumerate() {
        let (kind, data, device): (u32, &[u8], (u32, u32)) = match &entry.node {
            Node::Directory => (0o040_000, &[], (0, 0)),
            Node::File(content) => (0o100_000, content, (0, 0)),
            Node::Name(_) => (0o100_000, &[], (0, 0)),
            Node::Link(target) => (0o120_000, target.as_bytes(), (0, 0)),
            Node::Character { major, minor } => (0o020_000, &[], (*major, *minor)),
        };
        let place = file_of(entry).unwrap_or(index);
        let mode = entries[place].mode;
        let links = if matches!(entry.node, Node::Directory) { 2 } else { names[place] };
        append(&mut bytes, place + 1, kind | mode, links, device, &entry.path, data);
    }
    append(&mut bytes, 0, 0, 1, (0, 0), "TRAILER!!!", &[]);
    bytes
}

/// How many bytes of the archive an entry with this path and content takes.
#[must_use]
pub fn entry_size(path: &str, content: usize) -> usize {
    (HEADER + path.len() + 1).next_multiple_of(4) + content.next_multiple_of(4)
}

/// The magic number and 13 fields of 8 hex digits.
const HEADER: usize = 6 + 13 * 8;

fn append(
    bytes: &mut Vec<u8>,
    inode: usize,
    mode: u32,
    links: u32,
    (major, minor): (u32, u32),
    path: &str,
    data: &[u8],
) {
    let mut header = String::from("070701");
    let fields = [
        inode,
        mode as usize,
        0, // user
        0, // group
        links as usize,
        0, // time
        data.len(),
        0, // device that it lies on
        0,
        major as usize,
        minor as usize,
        path.len() + 1,
        0, // checksum: not in this format
    ];
    for field in fields {
        let _ = write!(header, "{field:08x}"); // cannot fail
    }
    bytes.extend(header.as_bytes());
    bytes.extend(path.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_laid_out_and_padded() {
        let entries = [
            Entry { path: "dev".into(), mode: 0o755, node: Node::Directory },
            Entry { path: "dev/null".into(), mode: 0o666, node: Node::Character { major: 1, minor: 3 } },
            Entry { path: "x".into(), mode: 0o644, node: Node::File(b"hello".to_vec()) },
        ];
        let bytes = archive(&entries);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("07070100000001000041ed0000000000000000000000020000000000000000"), "{text}");
        assert!(text.contains("0000000100000003000000090000000" /* 1:3, 9 bytes of name */), "{text}");
        assert!(text.contains("x\0hello\0\0\x00070701"), "{text:?}");
        assert!(text.trim_end_matches('\0').ends_with("TRAILER!!!"));
        assert_eq!(bytes.len() % 4, 0);
        let sizes = entry_size("dev", 0) + entry_size("dev/null", 0) + entry_size("x", 5);
        assert_eq!(bytes.len(), sizes + entry_size("TRAILER!!!", 0));
    }

    #[test]
    fn names_of_one_file_share_its_inode() {
        let name = |path: &str| Entry { path: path.into(), mode: 0, node: Node::Name("a".into()) };
        let file = Entry { path: "a".into(), mode: 0o755, node: Node::File(b"x".to_vec()) };
        let bytes = archive(&[file, name("b"), name("c")]);
        let header = |at: usize| String::from_utf8(bytes[at..at + 54 + 8].to_vec()).unwrap();
        // Inode, mode, owner, group, names, time, length.
        let [first, second] = [0, entry_size("a", 1)].map(header);
        assert_eq!(first, "07070100000001000081ed00000000000000000000000300000000000000010"[..62]);
        assert_eq!(second, "07070100000001000081ed00000000000000000000000300000000000000000"[..62]);
    }
}
