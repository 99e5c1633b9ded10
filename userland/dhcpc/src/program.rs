//! The program: `dhcpc [-a MILLISECONDS] INTERFACE SCRIPT`.
//!
//! Runs in the foreground until it is ended, so that init can watch it. `SIGUSR1` renews the lease, `SIGUSR2` gives
//! it back. The script is called as udhcpc calls it: with what happened as its argument and the lease in its
//! environment.

use crate::client::{Client, Do, Happening, Millis};
use crate::environment::Environment;
use crate::message::{CLIENT_PORT, SERVER_PORT};
use crate::sys::{self, Error, Signal};
use core::convert::Infallible;
use core::ffi::CStr;

/// Why it ends.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// Wrong arguments.
    Usage,
    /// The system refused this.
    Refused(&'a [u8], Error),
}

impl End<'_> {
    /// Says so on standard error, and gives the exit status.
    #[must_use]
    pub fn tell(self) -> i32 {
        match self {
            End::Usage => {
                sys::say(b"usage: dhcpc [-a MILLISECONDS] INTERFACE SCRIPT\n");
                2
            }
            End::Refused(what, Error(errno)) => {
                let digits = [errno / 100, errno / 10 % 10, errno % 10].map(|digit| b'0' + digit as u8);
                sys::say(b"dhcpc: ");
                sys::say(what);
                sys::say(b": error ");
                sys::say(&digits);
                sys::say(b" of the system (errno)\n");
                1
            }
        }
    }
}

/// Port of the discard service (RFC 863): what a probe is addressed to, if it is sent at all.
const DISCARD_PORT: u16 = 9;
/// RFC 2131 §2: a client takes messages of up to 576 bytes; more than an Ethernet frame holds is none.
const MESSAGE_MAX: usize = 1500;

/// What the command line says.
struct Arguments<'a> {
    probe: u32,
    interface: &'a CStr,
    script: &'a CStr,
}

/// Runs with these arguments (without the program's name).
///
/// # Errors
/// The arguments are wrong, or there is no such interface, or the port is taken.
pub fn run<'a>(arguments: impl Iterator<Item = &'a CStr>) -> Result<Infallible, End<'a>> {
    let Arguments { probe, interface, script } = parse(arguments).ok_or(End::Usage)?;
    let socket =
        sys::open(interface, CLIENT_PORT).map_err(|error| End::Refused(interface.to_bytes(), error))?;
    let mac = socket.mac(interface).map_err(|error| End::Refused(interface.to_bytes(), error))?;
    let signals = sys::signals().map_err(|error| End::Refused(b"signalfd", error))?;
    let mut client = Client::new(mac, probe, sys::now());
    loop {
        let now = sys::now();
        match client.poll(now, sys::random()) {
            // What cannot be sent now is sent again later.
            Do::Send(to, request) => socket.send(to, SERVER_PORT, &request.to_bytes()),
            Do::Tell(happening) => tell(script, interface, happening, &client),
            Do::Probe(address) => {
                socket.forget_neighbour(interface, address);
                socket.send(address, DISCARD_PORT, &[]);
            }
            Do::Look(address) => {
                let taken = socket.is_neighbour(interface, address);
                client.handle_probe(taken);
            }
            Do::Wait(until) => {
                let timeout = until.map(|until| until.saturating_sub(now));
                sys::wait(&socket, &signals, timeout);
                take(&socket, &mut client);
                match signals.next() {
                    Some(Signal::Renew) => client.renew(sys::now(), sys::random()),
                    Some(Signal::Release) => client.release(),
                    None => {}
                }
            }
        }
    }
}

fn parse<'a>(mut arguments: impl Iterator<Item = &'a CStr>) -> Option<Arguments<'a>> {
    let mut first = arguments.next()?;
    let mut probe = 0;
    if first == c"-a" {
        probe = number(arguments.next()?)?;
        first = arguments.next()?;
    }
    let parsed = Arguments { probe, interface: first, script: arguments.next()? };
    arguments.next().is_none().then_some(parsed)
}

/// At most a minute, in milliseconds.
fn number(text: &CStr) -> Option<u32> {
    let digit = |sum: u32, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'));
    let digits = Some(text.to_bytes()).filter(|digits| (1..=5).contains(&digits.len()))?;
    digits.iter().try_fold(0, digit).filter(|number| *number <= 60_000)
}

/// Everything that has come.
fn take(socket: &sys::Socket, client: &mut Client) {
    let mut bytes = [0; MESSAGE_MAX];
    while let Some((len, from)) = socket.receive(&mut bytes) {
        // RFC 2131 §4.1: servers and relays send from this port.
        if from.port() == SERVER_PORT {
            let now: Millis = sys::now();
            client.handle_message(now, sys::random(), bytes.get(..len).unwrap_or(&[]));
        }
    }
}

fn tell(script: &CStr, interface: &CStr, happening: Happening, client: &Client) {
    let word = match happening {
        Happening::Deconfigured => c"deconfig",
        Happening::Bound => c"bound",
        Happening::Renewed => c"renew",
        Happening::Failed => c"leasefail",
    };
    let environment = Environment::new(interface.to_bytes(), client.lease());
    sys::call(script, word, &environment);
}
