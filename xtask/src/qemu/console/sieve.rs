//! Takes the kernel's lines out of what a serial console says.
//!
//! The kernel writes its lines to the console whenever it likes, in the middle of a program's line
//! too. Each begins with the time since boot, `[    1.234567] `, and ends with a newline, and nothing
//! else comes in between: that is enough to tell them apart, byte by byte. (The command line of the
//! machine sees to it that the kernel prints the time.)

/// Separates the two, over any cutting of the stream into pieces.
#[derive(Debug, Default)]
pub struct Sieve {
    /// What may still turn out to be the head of a kernel line.
    head: Vec<u8>,
    /// The kernel line being read, with its head.
    line: Option<Vec<u8>>,
}

/// What a beginning of a line is.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// Not a kernel line's, whatever follows.
    No,
    /// Perhaps: more is needed.
    Perhaps,
    /// A kernel line's, complete.
    Yes,
}

impl Sieve {
    /// Takes the next `bytes` and appends what programs said to `text` and the lines that the kernel
    /// said, without line ends, to `kernel`.
    pub fn feed(&mut self, bytes: &[u8], text: &mut Vec<u8>, kernel: &mut Vec<String>) {
        for &byte in bytes {
            if let Some(line) = &mut self.line {
                if byte == b'\n' {
                    kernel.push(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned());
                    self.line = None;
                } else {
                    line.push(byte);
                }
                continue;
            }
            self.head.push(byte);
            loop {
                match classify(&self.head) {
                    Head::Perhaps => break,
                    Head::Yes => {
                        self.line = Some(std::mem::take(&mut self.head));
                        break;
                    }
                    Head::No => {
                        // Only its first byte is surely text: a head may begin at the next.
                        text.push(self.head.remove(0));
                    }
                }
            }
        }
    }
}

/// Compares with `[` blanks digits `.` six digits `]` blank; nothing at all may become anything.
fn classify(head: &[u8]) -> Head {
    let Some((first, rest)) = head.split_first() else { return Head::Perhaps };
    if *first != b'[' {
        return Head::No;
    }
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let digits = rest[blanks..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut tail = rest[blanks + digits..].iter();
    // The time is right-aligned in twelve columns or wider, so this many bytes are in its first part.
    let whole = blanks + digits;
    if whole > 10 {
        return Head::No;
    }
    match tail.next() {
        None => return Head::Perhaps,
        Some(b'.') if digits > 0 => {}
        Some(_) => return Head::No,
    }
    for _ in 0..6 {
        match tail.next() {
            None => return Head::Perhaps,
            Some(byte) if byte.is_ascii_digit() => {}
            Some(_) => return Head::No,
        }
    }
    for expected in [b']', b' '] {
        match tail.next() {
            None => return Head::Perhaps,
            Some(byte) if *byte == expected => {}
            Some(_) => return Head::No,
        }
    }
    Head::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `size` bytes.
    fn sieve(input: &str, size: usize) -> (String, Vec<String>) {
        let (mut sieve, mut text, mut kernel) = (Sieve::default(), Vec::new(), Vec::new());
        for piece in input.as_bytes().chunks(size) {
            sieve.feed(piece, &mut text, &mut kernel);
        }
        (String::from_utf8(text).unwrap(), kernel)
    }

    #[test]
    fn kernel_lines_are_taken_out_wherever_they_are() {
        for (name, input, text, kernel) in [
            ("nothing", "", "", &[][..]),
            ("text only", "a\r\nb\r\n", "a\r\nb\r\n", &[]),
            ("a line of its own", "[    0.000000] Linux\r\nx\r\n", "x\r\n", &["[    0.000000] Linux"]),
            (
                "in a word",
                "mar[   12.345678] eth0: up\r\nker\r\n",
                "marker\r\n",
                &["[   12.345678] eth0: up"],
            ),
            (
                "two in a row",
                "a[    1.000000] b\r\n[    1.000001] c\r\nd",
                "ad",
                &["[    1.000000] b", "[    1.000001] c"],
            ),
            ("after a bracket", "[[    1.000000] b\r\nd", "[d", &["[    1.000000] b"]),
            ("a long time", "[123456.654321] b\n", "", &["[123456.654321] b"]),
            ("a job", "[1]+  Done\r\n", "[1]+  Done\r\n", &[]),
            ("a list", "[1.5, 2]\n[ 3.123456]x\n", "[1.5, 2]\n[ 3.123456]x\n", &[]),
            ("no end", "x[    1.000000] b", "x", &[]),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                let (got_text, got_kernel) = sieve(input, size);
                assert_eq!(got_text, text, "{name} by {size}");
                assert_eq!(got_kernel, kernel, "{name} by {size}");
            }
        }
    }
}
