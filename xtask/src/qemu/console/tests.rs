//! The console against shells that echo, wrap, interrupt and hang.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// A console whose other end is driven by `guest`, in a thread of its own.
fn console(guest: impl FnOnce(UnixStream) + Send + 'static) -> Console {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(move || guest(theirs));
    Console::new(ours.try_clone().unwrap(), ours, std::io::sink(), Interrupt::default()).unwrap()
}

/// Reads one typed line and returns the number in its marks.
fn typed(reader: &mut BufReader<UnixStream>) -> Option<(String, u32)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|len| *len > 0)?;
    let number =
        line.split("@'@begin ").nth(1).map_or(0, |rest| rest.split('@').next().unwrap().parse().unwrap());
    Some((line.trim_end().to_owned(), number))
}

/// Answers each command with what `say` makes of the typed line and its number.
fn shell(say: impl Fn(&str, u32) -> String + Send + 'static) -> Console {
    console(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((line, number)) = typed(&mut reader) {
            if stream.write_all(say(&line, number).as_bytes()).is_err() {
                break;
            }
        }
    })
}

#[test]
fn status_and_output_of_a_command() {
    let mut console = shell(|_, n| format!("@@begin {n}@\r\nout\r\nno newline@@end {n} 7@@\r\n"));
    let answer = console.run("false", LIMIT).unwrap();
    assert_eq!(answer, Answer { status: 7, output: "out\nno newline".to_owned() });
}

#[test]
fn an_echo_that_wraps_is_not_taken_for_the_marks() {
    let mut console = shell(|line, n| {
        let bytes: Vec<&[u8]> = line.as_bytes().chunks(20).collect();
        let wrapped = bytes.iter().map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join(" \r");
        format!("linnet:~# \x1b[6n{wrapped}\r\n@@begin {n}@\r\nx\r\n@@end {n} 0@@\r\nlinnet:~# ")
    });
    for _ in 0..3 {
        assert_eq!(console.run("echo x", LIMIT).unwrap(), Answer { status: 0, output: "x\n".to_owned() });
    }
}

#[test]
fn kernel_lines_fall_anywhere_even_in_a_mark() {
    let mut console = shell(|_, n| {
        format!(
            "@@be[    1.000000] eth0: link up\r\ngin {n}@\r\nx[    1.100000] oh\r\ny\r\n@@end {n}[    1.2\
             00000] my\r\n 12@@"
        )
    });
    assert_eq!(console.run("x", LIMIT).unwrap(), Answer { status: 12, output: "xy\n".to_owned() });
    assert_eq!(
        console.kernel_lines(),
        ["[    1.000000] eth0: link up", "[    1.100000] oh", "[    1.200000] my"]
    );
}

#[test]
fn what_an_earlier_command_left_is_passed_over() {
    let mut console =
        shell(|_, n| format!("late words\r\n@@end {} 0@@\r\n@@begin {n}@\r\n@@end {n} 0@@", n - 1));
    assert_eq!(console.run("x", LIMIT).unwrap(), Answer { status: 0, output: String::new() });
    assert_eq!(console.run("x", LIMIT).unwrap(), Answer { status: 0, output: String::new() });
}

#[test]
fn a_command_that_hangs_is_an_error_that_names_it() {
    let mut console = shell(|_, n| format!("@@begin {n}@\r\nand then nothing"));
    let error = console.run("sleep 99", Duration::from_millis(50)).unwrap_err();
    assert!(error.to_string().contains("`sleep 99` had not ended"), "{error}");
    assert_eq!(console.recent_lines(), ["@@begin 1@", "and then nothing"]);
}

#[test]
fn a_line_that_the_terminal_forgot_is_completed() {
    let mut console = shell(|line, _| match line {
        "" => "@@begin 1@\r\n@@end 1 0@@\r\n".to_owned(),
        _ => String::new(),
    });
    assert_eq!(console.run("x", 2 * SILENCE).unwrap(), Answer { status: 0, output: String::new() });
}

#[test]
fn the_end_of_the_machine_is_told_apart() {
    let mut console = console(|mut stream| stream.write_all(b"Kernel panic\r\n").unwrap());
    assert!(console.wait_for("ready", LIMIT).unwrap_err().is::<Closed>());
    assert_eq!(console.recent_lines(), ["Kernel panic"]);
}

#[test]
fn waiting_takes_the_whole_line_and_leaves_the_rest() {
    let mut console = shell(|_, _| "booting\r\nlinnet: ready after 1.25 s\r\nmore words\r\n".to_owned());
    console.type_line("go").unwrap();
    assert_eq!(console.wait_for("linnet: ready", LIMIT).unwrap(), "booting\nlinnet: ready after 1.25 s\n");
    assert_eq!(console.wait_for("words", LIMIT).unwrap(), "more words\n");
}

#[test]
fn greeting_is_repeated_until_the_shell_is_there() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let mut console = shell(move |_, n| {
        *count.lock().unwrap() += 1;
        if n < 2 { String::new() } else { format!("@@begin {n}@\r\n@@end {n} 0@@") }
    });
    console.greet(Duration::from_secs(20)).unwrap();
    assert_eq!(*asked.lock().unwrap(), 4);
}

#[test]
fn the_transcript_has_every_byte() {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let transcript = Shared::default();
    let said = b"[    0.1\r\n[    0.100000] kernel\r\nuser\r\n";
    let mut console =
        Console::new(std::io::sink(), &said[..], transcript.clone(), Interrupt::default()).unwrap();
    assert!(console.drain(LIMIT).unwrap());
    assert_eq!(*transcript.0.lock().unwrap(), said);
}
