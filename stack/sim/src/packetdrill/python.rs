//! The Python that scripts use: assertions about numbers, and little else.

use super::cursor::Cursor;
use super::stop::Stop;
use std::collections::BTreeMap;

/// Runs the statements in `code`. Names are looked up in `variables`, then with `lookup`.
///
/// # Errors
/// Fails at an assertion that does not hold; skips at what this is not able to run.
pub(super) fn run(
    code: &str,
    variables: &mut BTreeMap<String, f64>,
    lookup: &dyn Fn(&str) -> Option<f64>,
) -> Result<(), Stop> {
    for statement in statements(code) {
        let known = |name: &str| variables.get(name).copied().or_else(|| lookup(name));
        let mut scanner = Scanner { cursor: Cursor::bare(&statement), lookup: &known };
        if scanner.cursor.keyword("assert") {
            let value = scanner.expression()?;
            if !scanner.cursor.eat(",") && !scanner.at_end() {
                return Err(scanner.unknown());
            }
            if value == 0.0 {
                return Err(Stop::fail(statement.trim(), scanner.names(&statement)));
            }
        } else if scanner.cursor.keyword("print") || scanner.cursor.keyword("pass") {
            continue;
        } else {
            let name = scanner.cursor.word().map(str::to_owned);
            let (Some(name), true) = (name, scanner.cursor.eat("=")) else { return Err(scanner.unknown()) };
            let value = scanner.expression()?;
            if !scanner.at_end() {
                return Err(scanner.unknown());
            }
            variables.insert(name, value);
        }
    }
    Ok(())
}

/// The value of an expression without names, as in a shell's `$(( ))`.
pub(super) fn constant(text: &str) -> Option<i64> {
    let mut scanner = Scanner { cursor: Cursor::bare(text), lookup: &|_| None };
    let value = scanner.expression().ok()?;
    scanner.at_end().then_some(value as i64)
}

/// Statements end with a line or a semicolon, but not within brackets or quotes.
fn statements(code: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut depth, mut quote, mut comment) = (0, None, false);
    for c in code.replace("\\\n", " ").chars() {
        match c {
            '\n' if depth == 0 => {
                (quote, comment) = (None, false);
                all.push(String::new());
                continue;
            }
            _ if comment => continue,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '#' => comment = true,
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let (Some(last), false) = (all.last_mut(), comment) {
            last.push(c);
        }
    }
    all.retain(|statement| !statement.trim().is_empty());
    all
}

struct Scanner<'a> {
    cursor: Cursor<'a>,
    lookup: &'a dyn Fn(&str) -> Option<f64>,
}

/// Binary operators by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "//", "/", "%"]];

const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

impl Scanner<'_> {
    fn at_end(&mut self) -> bool {
        self.cursor.rest().trim().is_empty()
    }

    fn unknown(&self) -> Stop {
        Stop::skip(format!("Python beyond assertions about numbers: `{}`", self.cursor.rest().trim()))
    }

    /// What the names in `statement` stand for, for whoever has to find out why it does not hold.
    fn names(&self, statement: &str) -> String {
        let mut names: Vec<&str> = statement
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
            .collect();
        names.sort_unstable();
        names.dedup();
        let values = names.iter().filter_map(|name| Some(format!("{name} = {}", (self.lookup)(name)?)));
        values.collect::<Vec<_>>().join(", ")
    }

    fn expression(&mut self) -> Result<f64, Stop> {
        let mut value = self.conjunction()?;
        while self.cursor.keyword("or") {
            let other = self.conjunction()?;
            value = if value != 0.0 { value } else { other };
        }
        Ok(value)
    }

    fn conjunction(&mut self) -> Result<f64, Stop> {
        let mut value = self.negation()?;
        while self.cursor.keyword("and") {
            let other = self.negation()?;
            value = if value != 0.0 { other } else { value };
        }
        Ok(value)
    }

    fn negation(&mut self) -> Result<f64, Stop> {
        if self.cursor.keyword("not") {
            return Ok(truth(self.negation()? == 0.0));
        }
        let mut left = self.binary(0)?;
        let (mut holds, mut compared) = (true, false);
        loop {
            if self.cursor.keyword("in") {
                let members = self.members()?;
                (holds, compared) = (holds && members.contains(&left), true);
                continue;
            }
            let Some(operator) = COMPARISONS.iter().find(|operator| self.cursor.eat(operator)) else { break };
            let right = self.binary(0)?;
            holds &= match *operator {
                "==" => left == right,
                "!=" => left != right,
                "<=" => left <= right,
                ">=" => left >= right,
                "<" => left < right,
                _ => left > right,
            };
            (left, compared) = (right, true);
        }
        Ok(if compared { truth(holds) } else { left })
    }

    fn members(&mut self) -> Result<Vec<f64>, Stop> {
        let close = if self.cursor.eat("[") { "]" } else { ")" };
        if close == ")" && !self.cursor.eat("(") {
            return Err(self.unknown());
        }
        let mut members = Vec::new();
        while !self.cursor.eat(close) {
            members.push(self.expression()?);
            if !self.cursor.eat(",") && !self.cursor.sees(close) {
                return Err(self.unknown());
            }
        }
        Ok(members)
    }

    fn binary(&mut self, level: usize) -> Result<f64, Stop> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.cursor.eat(operator)) {
            let right = self.binary(level + 1)?;
            let (a, b) = (left as i64, right as i64);
            left = match *operator {
                "|" => (a | b) as f64,
                "^" => (a ^ b) as f64,
                "&" => (a & b) as f64,
                "<<" => (a << b.clamp(0, 62)) as f64,
                ">>" => (a >> b.clamp(0, 62)) as f64,
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "//" => (left / right).floor(),
                "/" => left / right,
                _ => left.rem_euclid(right),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<f64, Stop> {
        if self.cursor.eat("-") {
            return Ok(-self.unary()?);
        }
        if self.cursor.eat("~") {
            return Ok(!(self.unary()? as i64) as f64);
        }
        if self.cursor.eat("(") {
            let value = self.expression()?;
            return if self.cursor.eat(")") { Ok(value) } else { Err(self.unknown()) };
        }
        if self.cursor.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
            return self.literal();
        }
        let Some(name) = self.cursor.word().map(str::to_owned) else { return Err(self.unknown()) };
        if self.cursor.sees("(") {
            let values = self.members()?;
            return match (name.as_str(), values.as_slice()) {
                ("abs", [value]) => Ok(value.abs()),
                ("int", [value]) => Ok(value.trunc()),
                ("float", [value]) => Ok(*value),
                ("min", [first, rest @ ..]) => Ok(rest.iter().fold(*first, |least, value| least.min(*value))),
                ("max", [first, rest @ ..]) => Ok(rest.iter().fold(*first, |most, value| most.max(*value))),
                _ => Err(Stop::skip(format!("Python's function `{name}`"))),
            };
        }
        match name.as_str() {
            "True" => Ok(1.0),
            "False" => Ok(0.0),
            name => (self.lookup)(name).ok_or_else(|| Stop::skip(format!("the name `{name}` in Python"))),
        }
    }

    fn literal(&mut self) -> Result<f64, Stop> {
        if self.cursor.sees("0x") {
            return self.cursor.number().map(|number| number as f64).ok_or_else(|| self.unknown());
        }
        let text = self.cursor.while_of(|c| c.is_ascii_digit() || c == '.' || c == '_');
        text.replace('_', "").parse().map_err(|_| self.unknown())
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: &str) -> Result<(), Stop> {
        let lookup = |name: &str| match name {
            "tcpi_rtt" => Some(100.0),
            "tcpi_snd_cwnd" => Some(10.0),
            _ => None,
        };
        run(code, &mut BTreeMap::new(), &lookup)
    }

    #[test]
    fn what_holds() {
        for code in [
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "assert 90 <= tcpi_rtt <= 110, 'rtt; %d' % tcpi_rtt",
            "assert tcpi_rtt > 1 and not tcpi_rtt == 5 or False; print(tcpi_rtt)",
            "x = 3 * (tcpi_rtt // 30)\nassert x == 9 # nine",
            "assert (tcpi_snd_cwnd & 0x8) != 0",
            "assert tcpi_snd_cwnd in (9, 10); \\\n assert abs(-2) + 1.5 == 3.5",
            "assert 1 << 3 | 1 == 9",
        ] {
            assert_eq!(outcome(code), Ok(()), "{code}");
        }
    }

    #[test]
    fn what_does_not_shows_the_values() {
        let expected = Stop::fail("assert tcpi_rtt == 5, 'because'", "tcpi_rtt = 100");
        assert_eq!(outcome("assert tcpi_rtt == 5, 'because'"), Err(expected));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (code, name) in [
            ("assert tcpi_new == 1", "the name `tcpi_new`"),
            ("import os", "Python beyond"),
            ("assert len(3)", "function `len`"),
            ("assert 1 if 2 else 3", "Python beyond"),
        ] {
            match outcome(code) {
                Err(Stop::Skip(reason)) => assert!(reason.contains(name), "{code}: {reason}"),
                other => panic!("{code}: {other:?}"),
            }
        }
    }

    #[test]
    fn constants_of_the_shell() {
        assert_eq!(constant("15*1024*1024"), Some(15 << 20));
        assert_eq!(constant("x"), None);
    }
}
