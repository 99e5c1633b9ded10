//! A place in a script: skips blanks and comments, reads words and numbers, names what it missed.

/// What is wrong with a script, and in which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The line, counted from one.
    pub line: usize,
    /// What was expected and what was found.
    pub what: String,
}

/// A place in a script.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    comments: bool,
}

impl<'a> Cursor<'a> {
    /// The beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, comments: true }
    }

    /// The beginning of a `text` that has no comments.
    pub fn bare(text: &'a str) -> Self {
        Self { text, at: 0, comments: false }
    }

    /// The line where it stands, counted from one.
    pub fn line(&self) -> usize {
        1 + self.text[..self.at].matches('\n').count()
    }

    /// What is left.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next character, blanks not skipped.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// An error here.
    pub fn wrong(&self, expected: &str) -> Malformed {
        let found: String = self.rest().chars().take_while(|c| *c != '\n').take(24).collect();
        let found = if found.is_empty() { "the end of the line".to_owned() } else { format!("`{found}`") };
        Malformed { line: self.line(), what: format!("expected {expected}, found {found}") }
    }

    /// Skips blanks and the three kinds of comments.
    pub fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            if !self.comments {
                return;
            }
            if rest.starts_with("//") || rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else if blank == 0 {
                return;
            }
        }
    }

    /// Skips blanks, then `token` if it is next; says whether it was.
    pub fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    /// Whether `token` comes next after blanks.
    pub fn sees(&mut self, token: &str) -> bool {
        self.skip();
        self.rest().starts_with(token)
    }

    /// `token`, or an error.
    pub fn expect(&mut self, token: &str) -> Result<(), Malformed> {
        if self.eat(token) { Ok(()) } else { Err(self.wrong(&format!("`{token}`"))) }
    }

    /// The keyword `word` if it is next, as a whole word.
    pub fn keyword(&mut self, word: &str) -> bool {
        self.skip();
        let rest = self.rest();
        let there = rest.starts_with(word)
            && !rest[word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if there {
            self.at += word.len();
        }
        there
    }

    /// Everything up to `end`, which is skipped too.
    pub fn until(&mut self, end: &str) -> Result<&'a str, Malformed> {
        let Some(len) = self.rest().find(end) else { return Err(self.wrong(&format!("a closing `{end}`"))) };
        let text = &self.rest()[..len];
        self.at += len + end.len();
        Ok(text)
    }

    /// The characters that `accept` takes, at once: no blanks are skipped.
    pub fn while_of(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// A name; `None` if none comes next.
    pub fn word(&mut self) -> Option<&'a str> {
        self.skip();
        self.peek().filter(|c| c.is_ascii_alphabetic() || *c == '_')?;
        Some(self.while_of(|c| c.is_ascii_alphanumeric() || c == '_'))
    }

    /// A whole number: decimal or hexadecimal, with a sign if it likes.
    pub fn number(&mut self) -> Option<i64> {
        self.skip();
        let start = self.at;
        let negative = self.peek() == Some('-');
        if negative {
            self.at += 1;
        }
        let value = if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.at += 2;
            let digits = self.while_of(|c| c.is_ascii_hexdigit());
            u64::from_str_radix(digits, 16).ok().map(|value| value as i64)
        } else {
            self.while_of(|c| c.is_ascii_digit()).parse().ok()
        };
        if value.is_none() {
            self.at = start;
        }
        value.map(|value| if negative { -value } else { value })
    }

    /// A number without sign that `T` holds, or an error that names it.
    pub fn unsigned<T: TryFrom<i64>>(&mut self, what: &str) -> Result<T, Malformed> {
        let wrong = self.wrong_after_blanks(what);
        self.number().and_then(|number| T::try_from(number).ok()).ok_or(wrong)
    }

    fn wrong_after_blanks(&mut self, what: &str) -> Malformed {
        self.skip();
        self.wrong(what)
    }

    /// Seconds with a fraction, in microseconds; `None` if none come next. Stops before `...`.
    pub fn seconds(&mut self) -> Option<u64> {
        self.skip();
        let start = self.at;
        let whole = self.while_of(|c| c.is_ascii_digit());
        let mut micros: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? } * 1_000_000;
        let mut fraction = "";
        if self.rest().starts_with('.') && !self.rest().starts_with("..") {
            self.at += 1;
            fraction = self.while_of(|c| c.is_ascii_digit());
            let six = format!("{fraction:0<6.6}");
            micros += six.parse::<u64>().ok()?;
        }
        if whole.is_empty() && fraction.is_empty() {
            self.at = start;
            return None;
        }
        Some(micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds() {
        for (text, micros, rest) in [
            ("0", Some(0), ""),
            (".1", Some(100_000), ""),
            ("1.5 x", Some(1_500_000), " x"),
            ("0...0.2", Some(0), "...0.2"),
            ("0.0000019", Some(1), ""),
            ("x", None, "x"),
        ] {
            let mut cursor = Cursor::new(text);
            assert_eq!((cursor.seconds(), cursor.rest()), (micros, rest), "{text}");
        }
    }

    #[test]
    fn comments_are_blank_and_lines_are_counted() {
        let mut cursor = Cursor::new("# one\n// two\n/* three\n*/ word -0x10");
        assert_eq!(cursor.word(), Some("word"));
        assert_eq!(cursor.line(), 4);
        assert_eq!(cursor.number(), Some(-16));
        assert_eq!(cursor.wrong("more").what, "expected more, found the end of the line");
    }
}
