//! Sizes with units, as board files have them: `16 MiB`.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("bytes", 1)];

impl ByteSize {
    /// Parses `16 MiB`, `512 KiB`, `1474560 bytes`; `16M` and `512K` too, as QEMU has them.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let factor = match unit {
            "G" => Some(1 << 30),
            "M" => Some(1 << 20),
            "K" => Some(1 << 10),
            _ => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
        };
        let number: Option<u64> = number.parse().ok();
        match (number, factor) {
            (Some(number), Some(factor)) => number
                .checked_mul(factor)
                .filter(|bytes| *bytes > 0)
                .map(Self)
                .ok_or_else(|| format!("`{text}` is out of range")),
            _ => Err(format!("`{text}` is not a size: write it as `16 MiB`, `512 KiB` or `1000 bytes`")),
        }
    }

    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// The shortest exact form.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, factor)| self.0.is_multiple_of(*factor) && self.0 > 0);
        let (name, factor) = unit.unwrap_or(&("bytes", 1));
        write!(f, "{} {name}", self.0 / factor)
    }
}

/// A visitor, so that the parser gives its error line and column.
impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size with its unit, like `16 MiB`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
        ByteSize::parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let good =
            [("16 MiB", 16 << 20), ("2MiB", 2 << 20), ("8M", 8 << 20), ("64 KiB", 65536), ("7 bytes", 7)];
        for (text, bytes) in good {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "16", "MiB", "16 MB", "-1 MiB", "1.5 MiB", "0 MiB", "99999999999 GiB"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
        for (bytes, text) in [(16 << 20, "16 MiB"), (1_474_560, "1440 KiB"), (1001, "1001 bytes")] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
