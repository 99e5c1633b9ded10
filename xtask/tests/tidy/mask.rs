//! Rust and C source with its comments and strings blanked, so that rules see only what they ask for.

/// The same text, byte for byte as long, in parts.
pub struct Masked {
    /// Code alone: comments and the insides of strings are spaces.
    pub code: String,
    /// Comments alone.
    pub comments: String,
}

/// Takes `text` apart. Line ends stay in both parts.
pub fn mask(text: &str) -> Masked {
    let bytes = text.as_bytes();
    let mut scanner =
        Scanner { bytes, at: 0, code: vec![b' '; bytes.len()], comments: vec![b' '; bytes.len()] };
    scanner.run();
    let Scanner { mut code, mut comments, .. } = scanner;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        code[at] = b'\n';
        comments[at] = b'\n';
    }
    let part = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Masked { code: part(code), comments: part(comments) }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    code: Vec<u8>,
    comments: Vec<u8>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while self.at < self.bytes.len() {
            match self.bytes[self.at..] {
                [b'/', b'/', ..] => self.comment(|rest| rest[0] == b'\n'),
                [b'/', b'*', ..] => self.block_comment(),
                [b'"', ..] => self.string(),
                [b'r', b'"' | b'#', ..] if !self.in_word() => self.raw_string(),
                [b'b' | b'c', b'r', b'"' | b'#', ..] if !self.in_word() => {
                    self.keep(1);
                    self.raw_string();
                }
                [b'\'', ..] => self.char_or_lifetime(),
                _ => self.keep(1),
            }
        }
    }

    fn in_word(&self) -> bool {
        self.at > 0 && (self.bytes[self.at - 1].is_ascii_alphanumeric() || self.bytes[self.at - 1] == b'_')
    }

    fn keep(&mut self, count: usize) {
        let end = (self.at + count).min(self.bytes.len());
        self.code[self.at..end].copy_from_slice(&self.bytes[self.at..end]);
        self.at = end;
    }

    fn comment(&mut self, ends: impl Fn(&[u8]) -> bool) {
        let start = self.at;
        while self.at < self.bytes.len() && !ends(&self.bytes[self.at..]) {
            self.at += 1;
        }
        self.comments[start..self.at].copy_from_slice(&self.bytes[start..self.at]);
    }

    fn block_comment(&mut self) {
        let (start, mut depth) = (self.at, 0);
        while self.at < self.bytes.len() {
            match self.bytes[self.at..] {
                [b'/', b'*', ..] => (depth, self.at) = (depth + 1, self.at + 2),
                [b'*', b'/', ..] => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                break;
            }
        }
        self.comments[start..self.at].copy_from_slice(&self.bytes[start..self.at]);
    }

    fn string(&mut self) {
        self.keep(1);
        while self.at < self.bytes.len() && self.bytes[self.at] != b'"' {
            self.at += if self.bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.keep(1);
    }

    fn raw_string(&mut self) {
        let hashes = self.bytes[self.at + 1..].iter().take_while(|byte| **byte == b'#').count();
        if self.bytes.get(self.at + 1 + hashes) != Some(&b'"') {
            return self.keep(1); // a raw identifier
        }
        self.keep(2 + hashes);
        let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
        while self.at < self.bytes.len() && !self.bytes[self.at..].starts_with(&end) {
            self.at += 1;
        }
        self.keep(end.len());
    }

    fn char_or_lifetime(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = match rest {
            [_, b'\\', _, tail @ ..] => tail.iter().position(|byte| *byte == b'\'').map(|at| at + 4),
            _ => rest.iter().skip(2).take(4).position(|byte| *byte == b'\'').map(|at| at + 3).filter(
                |length| {
                    // 'a' is a character; 'a, 'b> are lifetimes.
                    std::str::from_utf8(&rest[1..length - 1]).is_ok_and(|inside| inside.chars().count() == 1)
                },
            ),
        };
        match length {
            Some(length) => {
                self.keep(1);
                self.at += length - 2;
                self.keep(1);
            }
            None => self.keep(1),
        }
    }
}

/// Lines of `code` (masked) that belong to items under `#[cfg(test)]`, by number from 0.
pub fn test_lines(code: &str) -> Vec<bool> {
    let mut test = vec![false; code.lines().count() + 1];
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]").or_else(|| code[from..].find("#[cfg(all(test"))
    {
        let start = from + found;
        let end = item_end(code, start);
        let first = code[..start].matches('\n').count();
        let last = code[..end].matches('\n').count();
        test[first..=last].fill(true);
        from = end;
    }
    test
}

/// Where the item that begins at `start` ends: at its closing brace, or the `;` before any.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_told_from_code() {
        let cases = [
            ("line comment", "a // b\nc", "a     \nc"),
            ("block comment", "a /* b /* c */ d */ e", "a                   e"),
            ("string", r#"f("x // y")"#, r#"f("      ")"#),
            ("escaped quote", r#"f("\"x")"#, r#"f("   ")"#),
            ("raw string", r##"f(r#"x"y"#)"##, r##"f(r#"   "#)"##),
            ("byte string", r#"f(b"x")"#, r#"f(b" ")"#),
            ("character", "f('\"', 'x')", "f(' ', ' ')"),
            ("escaped character", r"f('\'', '\n')", "f('  ', '  ')"),
            ("lifetimes", "fn f<'a, 'b>(x: &'a str)", "fn f<'a, 'b>(x: &'a str)"),
        ];
        for (case, text, code) in cases {
            assert_eq!(mask(text).code, code, "{case}");
        }
        assert_eq!(mask("a // b").comments, "  // b");
    }

    #[test]
    fn tests_are_told_from_production() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}\n";
        let expected = [false, true, true, true, true, false, true, true, false, false];
        assert_eq!(test_lines(code), expected);
    }
}
