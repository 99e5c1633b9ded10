//! System calls of Linux on i386: a socket, a clock, signals, the script. The one room for unsafe code.
//!
//! They go through the C library's `syscall`, by number: its functions for them bring 5 KB of what nobody needs here
//! (fallbacks for old kernels, cancellation, locks around fork).

use crate::client::Millis;
use crate::environment::Environment;
use crate::message::Mac;
use crate::program;
use core::ffi::{CStr, c_char, c_int, c_long, c_short};
use core::net::{Ipv4Addr, SocketAddrV4};

/// An `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub c_int);

/// What the user asks by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGUSR1`.
    Renew,
    /// `SIGUSR2`.
    Release,
}

/// A UDP socket that is bound to an interface. It is never closed: it lives as long as the program.
#[derive(Debug)]
pub struct Socket(c_int);

/// Where signals are read from.
#[derive(Debug)]
pub struct Signals(c_int);

/// Opens a socket on `port` of `interface` that may broadcast and never blocks.
///
/// # Errors
/// There is no such interface, or the port is taken.
pub fn open(interface: &CStr, port: u16) -> Result<Socket, Error> {
    // SAFETY: numbers only.
    let fd = check(unsafe { syscall(SYS_SOCKET, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) })?;
    let name = interface.to_bytes_with_nul();
    set(fd, SO_BINDTODEVICE, name)?;
    set(fd, SO_BROADCAST, &1_i32.to_ne_bytes())?;
    set(fd, SO_REUSEADDR, &1_i32.to_ne_bytes())?;
    let here = SockAddrIn::new(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    // SAFETY: an address of the length that is told.
    check(unsafe { syscall(SYS_BIND, fd, &raw const here, ADDRESS_LEN) })?;
    Ok(Socket(fd))
}

impl Socket {
    /// The address of an Ethernet interface.
    ///
    /// # Errors
    /// It has none, or there is no such interface.
    pub fn mac(&self, interface: &CStr) -> Result<Mac, Error> {
        let mut request = IfReq { name: name(interface), family: 0, data: [0; 22] };
        // SAFETY: this request reads and writes an `ifreq`, which is no longer than ours.
        check(unsafe { syscall(SYS_IOCTL, self.0, SIOCGIFHWADDR, &raw mut request) })?;
        let [a, b, c, d, e, f, ..] = request.data;
        if request.family == ARPHRD_ETHER { Ok([a, b, c, d, e, f]) } else { Err(Error(EPFNOSUPPORT)) }
    }

    /// Whether somebody on `interface` has answered ARP for `address`.
    #[must_use]
    pub fn is_neighbour(&self, interface: &CStr, address: Ipv4Addr) -> bool {
        self.arp(SIOCGARP, interface, address) & ATF_COM != 0
    }

    /// Lets the stack ask anew.
    pub fn forget_neighbour(&self, interface: &CStr, address: Ipv4Addr) {
        self.arp(SIOCDARP, interface, address);
    }

    /// The flags of the entry after the request; none if it failed.
    fn arp(&self, request: c_int, interface: &CStr, address: Ipv4Addr) -> c_int {
        let mut entry = ArpReq {
            protocol: SockAddrIn::new(SocketAddrV4::new(address, 0)),
            hardware: [0; 16],
            flags: 0,
            netmask: [0; 16],
            device: name(interface),
        };
        // SAFETY: these requests read and write an `arpreq`.
        let done = unsafe { syscall(SYS_IOCTL, self.0, request, &raw mut entry) };
        if done < 0 { 0 } else { entry.flags }
    }

    /// Sends, or does not.
    pub fn send(&self, to: Ipv4Addr, port: u16, bytes: &[u8]) {
        let to = SockAddrIn::new(SocketAddrV4::new(to, port));
        // SAFETY: bytes and address have the lengths that are told.
        unsafe {
            syscall(
                SYS_SENDTO,
                self.0,
                bytes.as_ptr(),
                bytes.len(),
                MSG_NOSIGNAL,
                &raw const to,
                ADDRESS_LEN,
            );
        }
    }

    /// The next message that has come, cut off at the end of `bytes`, and where it came from.
    pub fn receive(&self, bytes: &mut [u8]) -> Option<(usize, SocketAddrV4)> {
        let mut from = SockAddrIn::new(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let mut tries = 0;
        loop {
            let mut len = ADDRESS_LEN;
            // SAFETY: room for as many bytes, and for an address, as is told.
            let got = unsafe {
                let (bytes, room) = (bytes.as_mut_ptr(), bytes.len());
                syscall(SYS_RECVFROM, self.0, bytes, room, 0, &raw mut from, &raw mut len)
            };
            if let Ok(got) = usize::try_from(got) {
                return Some((got, SocketAddrV4::new(from.address.into(), u16::from_be(from.port))));
            }
            // An error that was waiting (a probe that nobody answered) hides a message; two do not wait.
            tries += 1;
            if tries == 2 {
                return None;
            }
        }
    }
}

/// Lets the signals of [`Signal`] be read instead of ending the program.
///
/// # Errors
/// The kernel has no signalfd.
pub fn signals() -> Result<Signals, Error> {
    let set = signal_set();
    // SAFETY: the set is as long as told, which is what the kernel has.
    unsafe { syscall(SYS_RT_SIGPROCMASK, SIG_BLOCK, &raw const set, NULL, size_of::<SignalSet>()) };
    let flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    // SAFETY: as above.
    check(unsafe { syscall(SYS_SIGNALFD4, -1, &raw const set, size_of::<SignalSet>(), flags) }).map(Signals)
}

impl Signals {
    /// The next one that has come.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let mut info = [0_u32; 32];
        // SAFETY: room for one `signalfd_siginfo`, 128 bytes.
        let got = unsafe { syscall(SYS_READ, self.0, info.as_mut_ptr(), size_of_val(&info)) };
        match info[0] {
            SIGUSR1 if got > 0 => Some(Signal::Renew),
            SIGUSR2 if got > 0 => Some(Signal::Release),
            _ => None,
        }
    }
}

/// Sleeps until a message or a signal comes, or this long.
pub fn wait(socket: &Socket, signals: &Signals, timeout: Option<Millis>) {
    let mut fds = [socket.0, signals.0].map(|fd| PollFd { fd, events: POLLIN, revents: 0 });
    let timeout = timeout.map_or(-1, |timeout| c_int::try_from(timeout).unwrap_or(c_int::MAX));
    // SAFETY: as many as told.
    unsafe { syscall(SYS_POLL, fds.as_mut_ptr(), fds.len(), timeout) };
}

/// Since the machine was switched on, suspend included.
#[must_use]
pub fn now() -> Millis {
    let mut time = TimeSpec { seconds: 0, nanoseconds: 0 };
    // SAFETY: room for a `timespec`.
    unsafe { syscall(SYS_CLOCK_GETTIME64, CLOCK_BOOTTIME, &raw mut time) };
    time.seconds * 1000 + Millis::from(time.nanoseconds as u32 / 1_000_000)
}

/// A number that nobody can guess: as good as what the kernel has by now. A machine without a random number generator
/// takes seconds to call its pool full, and a lease does not wait for that.
#[must_use]
pub fn random() -> u32 {
    let mut number = 0_u32;
    // SAFETY: room for four bytes.
    unsafe { syscall(SYS_GETRANDOM, &raw mut number, size_of::<u32>(), GRND_INSECURE) };
    number
}

/// Calls a program with one argument and this environment, and waits for its end.
pub fn call(program: &CStr, argument: &CStr, environment: &Environment) {
    let mut pointers = [core::ptr::null::<c_char>(); 16];
    let last = pointers.len() - 1;
    for (place, string) in pointers.iter_mut().take(last).zip(environment.strings()) {
        *place = string.as_ptr().cast();
    }
    let arguments = [program.as_ptr(), argument.as_ptr(), core::ptr::null()];
    // SAFETY: the child has a copy of all of this; strings end in zeros, lists in null pointers. It makes no call
    // but these.
    unsafe {
        let child = syscall(SYS_FORK);
        if child == 0 {
            let set = signal_set();
            syscall(SYS_RT_SIGPROCMASK, SIG_UNBLOCK, &raw const set, NULL, size_of::<SignalSet>());
            syscall(SYS_EXECVE, program.as_ptr(), arguments.as_ptr(), pointers.as_ptr());
            syscall(SYS_EXIT, 127);
        }
        if child > 0 {
            syscall(SYS_WAITPID, child, NULL, 0);
        }
    }
}

/// Writes to standard error.
pub fn say(text: &[u8]) {
    // SAFETY: as many bytes as told.
    unsafe { syscall(SYS_WRITE, 2, text.as_ptr(), text.len()) };
}

/// The program's entry: the linker calls it `main`.
///
/// # Safety
/// `argv` has `argc` strings and then a null pointer, all of them there for ever: what the C library hands to `main`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linnet_dhcpc(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    // SAFETY: by this function's contract.
    let arguments = unsafe { core::slice::from_raw_parts(argv, count) };
    // SAFETY: as above.
    let arguments = arguments.iter().skip(1).map(|string| unsafe { CStr::from_ptr(*string) });
    match program::run(arguments) {
        Ok(never) => match never {},
        Err(end) => end.tell(),
    }
}

fn check(result: c_long) -> Result<c_int, Error> {
    // SAFETY: the C library's own place.
    if result < 0 { Err(Error(unsafe { *__errno_location() })) } else { Ok(result as c_int) }
}

fn set(fd: c_int, option: c_int, value: &[u8]) -> Result<(), Error> {
    // SAFETY: as many bytes as told.
    check(unsafe { syscall(SYS_SETSOCKOPT, fd, SOL_SOCKET, option, value.as_ptr(), value.len()) }).map(|_| ())
}

/// An interface's name as requests have it: a longer one is cut off, and so names none.
fn name(interface: &CStr) -> [u8; 16] {
    let mut name = [0; 16];
    for (place, byte) in name.iter_mut().take(15).zip(interface.to_bytes()) {
        *place = *byte;
    }
    name
}

/// `SIGUSR1` and `SIGUSR2`.
fn signal_set() -> SignalSet {
    SignalSet([1 << (SIGUSR1 - 1) | 1 << (SIGUSR2 - 1), 0])
}

#[repr(C)]
struct SockAddrIn {
    family: u16,
    port: u16,
    address: [u8; 4],
    zero: [u8; 8],
}

impl SockAddrIn {
    fn new(address: SocketAddrV4) -> Self {
        let (ip, port) = (address.ip().octets(), address.port().to_be());
        Self { family: AF_INET as u16, port, address: ip, zero: [0; 8] }
    }
}

/// `struct ifreq` with a hardware address.
#[repr(C)]
struct IfReq {
    name: [u8; 16],
    family: u16,
    data: [u8; 22],
}

/// `struct arpreq`.
#[repr(C)]
struct ArpReq {
    protocol: SockAddrIn,
    hardware: [u8; 16],
    flags: c_int,
    netmask: [u8; 16],
    device: [u8; 16],
}

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

/// The kernel's `struct timespec` with 64 bits of seconds.
#[repr(C)]
struct TimeSpec {
    seconds: u64,
    nanoseconds: u64,
}

/// The kernel's set of signals: one bit each.
#[repr(C)]
struct SignalSet([u32; 2]);

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

// <asm/unistd_32.h>
const SYS_EXIT: c_long = 1;
const SYS_FORK: c_long = 2;
const SYS_READ: c_long = 3;
const SYS_WRITE: c_long = 4;
const SYS_WAITPID: c_long = 7;
const SYS_EXECVE: c_long = 11;
const SYS_IOCTL: c_long = 54;
const SYS_POLL: c_long = 168;
const SYS_RT_SIGPROCMASK: c_long = 175;
const SYS_SIGNALFD4: c_long = 327;
const SYS_GETRANDOM: c_long = 355;
const SYS_SOCKET: c_long = 359;
const SYS_BIND: c_long = 361;
const SYS_SETSOCKOPT: c_long = 366;
const SYS_SENDTO: c_long = 369;
const SYS_RECVFROM: c_long = 371;
const SYS_CLOCK_GETTIME64: c_long = 403;

const NULL: *mut u8 = core::ptr::null_mut();
const ADDRESS_LEN: u32 = size_of::<SockAddrIn>() as u32;

// <asm/socket.h>, <linux/sockios.h> and their like
const AF_INET: c_int = 2;
const SOCK_DGRAM: c_int = 2;
const SOCK_NONBLOCK: c_int = 0o4000;
const SOCK_CLOEXEC: c_int = 0o2_000_000;
const SOL_SOCKET: c_int = 1;
const SO_REUSEADDR: c_int = 2;
const SO_BROADCAST: c_int = 6;
const SO_BINDTODEVICE: c_int = 25;
const MSG_NOSIGNAL: c_int = 0x4000;
const SIOCGIFHWADDR: c_int = 0x8927;
const SIOCDARP: c_int = 0x8953;
const SIOCGARP: c_int = 0x8954;
const ATF_COM: c_int = 0x02;
const ARPHRD_ETHER: u16 = 1;
const EPFNOSUPPORT: c_int = 96;
const POLLIN: c_short = 1;
const SIG_BLOCK: c_int = 0;
const SIG_UNBLOCK: c_int = 1;
const SIGUSR1: u32 = 10;
const SIGUSR2: u32 = 12;
const CLOCK_BOOTTIME: c_int = 7;
const GRND_INSECURE: c_int = 4;
