//! From a script's text to its events: times, system calls, shell commands, Python blocks.

use super::cursor::{Cursor, Malformed};
use super::packet_syntax::packet;
use super::script::{Action, Call, Event, Expected, Script, Value, When};

/// Reads a script.
///
/// # Errors
/// Where it is not in the language, with the line.
pub fn parse(text: &str) -> Result<Script, Malformed> {
    let mut cursor = Cursor::new(text);
    let mut script = Script::default();
    while cursor.eat("--") {
        script.options.push(option(&mut cursor));
    }
    loop {
        cursor.skip();
        if cursor.rest().is_empty() {
            return Ok(script);
        }
        script.events.push(event(&mut cursor)?);
    }
}

fn option(cursor: &mut Cursor) -> (String, String) {
    let name = cursor.while_of(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-').to_owned();
    let mut value = String::new();
    if cursor.peek() == Some('=')
        || cursor.peek() == Some(' ') && !cursor.rest().trim_start().starts_with("//")
    {
        cursor.while_of(|c| c == '=' || c == ' ');
        value = cursor.while_of(|c| !c.is_whitespace()).to_owned();
    }
    (name, value)
}

fn event(cursor: &mut Cursor) -> Result<Event, Malformed> {
    let line = cursor.line();
    // What prepares and cleans up has no time.
    if cursor.eat("`") {
        return Ok(Event { line, when: When::Relative(0, 0), action: shell(cursor)? });
    }
    let when = time(cursor)?;
    let end = if cursor.rest().starts_with("...") {
        cursor.expect("...")?;
        Some(cursor.seconds().ok_or_else(|| cursor.wrong("the time when the call ends"))?)
    } else {
        None
    };
    cursor.skip();
    let line = cursor.line();
    let action = if cursor.eat("`") {
        shell(cursor)?
    } else if cursor.eat("%{") {
        Action::Code(cursor.until("}%")?.to_owned())
    } else if cursor.sees("<") || cursor.sees(">") {
        Action::Packet(packet(cursor)?)
    } else {
        Action::Call(call(cursor, end)?)
    };
    Ok(Event { line, when, action })
}

fn shell(cursor: &mut Cursor) -> Result<Action, Malformed> {
    Ok(Action::Shell(cursor.until("`")?.to_owned()))
}

fn time(cursor: &mut Cursor) -> Result<When, Malformed> {
    if cursor.eat("*") {
        return Ok(When::Any);
    }
    let relative = cursor.eat("+");
    let wrong = cursor.wrong("a time, like `0.1`, `+.1`, `+0~+.2` or `*`");
    let from = cursor.seconds().ok_or(wrong)?;
    let mut to = from;
    if cursor.eat("~") {
        cursor.eat("+");
        to = cursor.seconds().ok_or_else(|| cursor.wrong("the end of a range of times"))?;
    }
    Ok(if relative { When::Relative(from, to) } else { When::Absolute(from, to) })
}

fn call(cursor: &mut Cursor, end: Option<u64>) -> Result<Call, Malformed> {
    let name =
        cursor.word().ok_or_else(|| cursor.wrong("a system call, a packet (`<`, `>`) or a command"))?;
    let name = name.to_owned();
    cursor.expect("(")?;
    let args = list(cursor, ")")?;
    cursor.expect("=")?;
    let result = if cursor.eat("...") {
        Expected::Any
    } else {
        match cursor.number().ok_or_else(|| cursor.wrong("what the call returns"))? {
            -1 => Expected::Error(errno(cursor)),
            number => Expected::Number(number),
        }
    };
    // An explanation, which says nothing.
    if cursor.eat("(") {
        cursor.until(")")?;
    }
    Ok(Call { name, args, result, end })
}

fn errno(cursor: &mut Cursor) -> Option<String> {
    cursor.skip();
    cursor.peek().filter(|c| *c == 'E')?;
    cursor.word().map(str::to_owned)
}

fn list(cursor: &mut Cursor, close: &str) -> Result<Vec<Value>, Malformed> {
    let mut values = Vec::new();
    while !cursor.eat(close) {
        values.push(value(cursor)?);
        if !cursor.eat(",") && !cursor.sees(close) {
            return Err(cursor.wrong(&format!("`,` or `{close}`")));
        }
    }
    Ok(values)
}

fn value(cursor: &mut Cursor) -> Result<Value, Malformed> {
    let first = one(cursor)?;
    if !cursor.sees("|") {
        return Ok(first);
    }
    let mut parts = vec![first];
    while cursor.eat("|") {
        parts.push(one(cursor)?);
    }
    Ok(Value::Or(parts))
}

fn one(cursor: &mut Cursor) -> Result<Value, Malformed> {
    if cursor.eat("...") {
        return Ok(Value::Any);
    }
    if cursor.eat("[") {
        return Ok(Value::List(list(cursor, "]")?));
    }
    if cursor.eat("{") {
        return fields(cursor);
    }
    if cursor.eat("\"") {
        let mut text = cursor.until("\"")?.to_owned();
        while cursor.eat("\"") {
            text.push_str(cursor.until("\"")?);
        }
        return Ok(Value::Text(text));
    }
    if let Some(number) = cursor.number() {
        return Ok(Value::Number(number));
    }
    let name = cursor.word().ok_or_else(|| cursor.wrong("a value"))?.to_owned();
    if name == "_" {
        return Ok(Value::Any);
    }
    if cursor.eat("(") {
        return Ok(Value::Apply(name, list(cursor, ")")?));
    }
    Ok(Value::Symbol(name))
}

fn fields(cursor: &mut Cursor) -> Result<Value, Malformed> {
    let mut fields = Vec::new();
    while !cursor.eat("}") {
        let first = value(cursor)?;
        let field = match (first, cursor.eat("=")) {
            (Value::Symbol(name) | Value::Apply(name, _), true) => (Some(name), value(cursor)?),
            (_, true) => return Err(cursor.wrong("a field's name before `=`")),
            (value, false) => (None, value),
        };
        fields.push(field);
        if !cursor.eat(",") && !cursor.sees("}") {
            return Err(cursor.wrong("`,` or `}`"));
        }
    }
    Ok(Value::Fields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Event {
        parse(text).expect("a script").events.remove(0)
    }

    #[test]
    fn times() {
        for (text, when) in [
            ("0 `x`", When::Absolute(0, 0)),
            ("+.1 `x`", When::Relative(100_000, 100_000)),
            ("+0~+.2 `x`", When::Relative(0, 200_000)),
            ("1~2.5 `x`", When::Absolute(1_000_000, 2_500_000)),
            ("* `x`", When::Any),
            ("`x`", When::Relative(0, 0)),
        ] {
            assert_eq!(first(text).when, when, "{text}");
        }
    }

    #[test]
    fn calls() {
        let Action::Call(call) = first(
            "+0...0.2 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 40}, {\"a\" \"b\", 1}], msg_flags=0},\n \
             MSG_MORE|MSG_OOB) = -1 EAGAIN (Can't be helped)",
        )
        .action
        else {
            panic!("not a call")
        };
        assert_eq!((call.name.as_str(), call.end), ("sendmsg", Some(200_000)));
        assert_eq!(call.result, Expected::Error(Some("EAGAIN".into())));
        let piece = |data, len| Value::Fields(vec![(None, data), (None, Value::Number(len))]);
        let pieces = vec![piece(Value::Any, 40), piece(Value::Text("ab".into()), 1)];
        let message =
            [("msg_name", Value::Any), ("msg_iov", Value::List(pieces)), ("msg_flags", Value::Number(0))];
        let message = message.map(|(name, value)| (Some(name.to_owned()), value)).to_vec();
        let flags = ["MSG_MORE", "MSG_OOB"].map(|name| Value::Symbol(name.into())).to_vec();
        assert_eq!(call.args, [Value::Number(4), Value::Fields(message), Value::Or(flags)]);
    }

    #[test]
    fn options_come_first() {
        let script =
            parse("// a comment\n--mss=1000\n--send_omit_free // why\n--ip_version=ipv4\n0 `x`").expect("it");
        let names: Vec<_> =
            script.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(names, [("mss", "1000"), ("send_omit_free", ""), ("ip_version", "ipv4")]);
        assert_eq!(script.events[0].line, 5);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line, what) in [
            ("0 `x`\n+0 socket(3 = 4", 2, "expected `,` or `)`, found `= 4`"),
            ("\n\nyes", 3, "expected a time"),
            ("0 read(1)", 1, "expected `=`, found the end of the line"),
            ("0 `x", 1, "expected a closing ```"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.line, line, "{text}");
            assert!(error.what.starts_with(what), "{text}: {}", error.what);
        }
    }
}
