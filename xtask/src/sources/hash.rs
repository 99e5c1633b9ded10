//! SHA-256 of an archive, as the lock file writes it: 64 lower-case hexadecimal digits.

use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(String);

impl Hash {
    /// The 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash of a whole file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Self::from_digest(&hasher.finalize())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// The hash of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&Sha256::digest(bytes))
    }

    fn from_digest(digest: &[u8]) -> Self {
        Self(digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
            text
        }))
    }
}

impl TryFrom<String> for Hash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        if text.len() == 64 && text.chars().all(digit) {
            return Ok(Self(text));
        }
        Err(format!(
            "`{text}` is not a SHA-256: 64 digits of 0-9a-f are needed, this has {}",
            text.chars().filter(|&c| digit(c)).count()
        ))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn bytes_and_files_hash_alike() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc")?;
        assert_eq!(Hash::of(b"abc").as_str(), ABC);
        assert_eq!(Hash::of_file(&file)?.as_str(), ABC);
        Ok(())
    }

    #[test]
    fn only_whole_lower_case_hashes_are_taken() {
        for (text, good) in
            [(ABC.to_owned(), true), (ABC.to_uppercase(), false), (ABC[1..].to_owned(), false)]
        {
            assert_eq!(Hash::try_from(text.clone()).is_ok(), good, "{text}");
        }
    }
}
