//! The files in a cpio archive of the `newc` kind: the root file system as the kernel unpacks it.

use anyhow::{Context as _, Result, bail};

/// Files with their sizes in bytes, in the archive's order. A file with several names counts once.
pub fn files(archive: &[u8]) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    let mut at = 0;
    loop {
        let header =
            archive.get(at..at + HEADER).context("the cpio archive ends in the middle of a header")?;
        if !header.starts_with(b"070701") {
            bail!("no cpio header of the newc kind at byte {at}");
        }
        let field = |index: usize| -> Result<usize> {
            let digits = &header[6 + index * 8..14 + index * 8];
            let text = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
            text.with_context(|| format!("damaged cpio header at byte {at}"))
        };
        let (mode, size, name_size) = (field(1)?, field(6)?, field(11)?);
        let name =
            archive.get(at + HEADER..at + HEADER + name_size).context("the cpio archive ends in a name")?;
        let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
        if name == "TRAILER!!!" {
            return Ok(files);
        }
        if mode & FILE_TYPE == REGULAR && size > 0 {
            files.push((name, size as u64));
        }
        at = (at + HEADER + name_size).next_multiple_of(4) + size.next_multiple_of(4);
    }
}

const HEADER: usize = 110;
const FILE_TYPE: usize = 0o170_000;
const REGULAR: usize = 0o100_000;

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An archive of regular files.
    pub fn archive(files: &[(&str, usize)]) -> Vec<u8> {
        let mut archive = Vec::new();
        let all = files.iter().copied().chain([("TRAILER!!!", 0)]);
        for (name, size) in all {
            let mode = if size > 0 { REGULAR | 0o755 } else { 0o040_755 };
            let mut fields = [0; 13];
            (fields[1], fields[6], fields[11]) = (mode, size, name.len() + 1);
            archive.extend_from_slice(b"070701");
            for field in fields {
                archive.extend_from_slice(format!("{field:08X}").as_bytes());
            }
            archive.extend_from_slice(name.as_bytes());
            archive.push(0);
            archive.resize(archive.len().next_multiple_of(4), 0);
            archive.resize((archive.len() + size).next_multiple_of(4), 7);
        }
        archive
    }

    #[test]
    fn files_are_listed() {
        let archive = archive(&[("bin", 0), ("bin/busybox", 701), ("etc/passwd", 32)]);
        let expected = [("bin/busybox".to_owned(), 701), ("etc/passwd".to_owned(), 32)];
        assert_eq!(files(&archive).unwrap(), expected);
    }

    #[test]
    fn damage_is_an_error() {
        let whole = archive(&[("bin/busybox", 701)]);
        for (case, bytes) in
            [("cut", &whole[..whole.len() - 200]), ("empty", &whole[..0]), ("text", b"hello".as_slice())]
        {
            assert!(files(bytes).is_err(), "{case}");
        }
    }
}
