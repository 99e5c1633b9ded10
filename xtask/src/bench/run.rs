//! One run: a guest is booted, does one kind of work with its peer in step, and is measured.

use std::fs;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::gate::{self, Count, Gate, MARKS, Reason, Record};
use super::link::{Distance, Link};
use super::peer::{PORT, Peer};
use super::profile::{Profile, Symbols};
use super::work::Work;
use crate::board::Board;
use crate::context::Context;
use crate::cpio::{self, Entry, Node};
use crate::peer::carrier::{FrameReader, FrameWriter};
use crate::peer::plan;
use crate::qemu::machine::{Console, Counted, Machine, Network};
use crate::qemu::running::{self, Running};

/// Nanoseconds after which the peer looks at what the guest has sent, at the latest: on a short wire, and as a
/// part of the delay of a long one.
const STEP: u64 = 20_000;
const STEPS: u64 = 250;
/// The longest time that a run may take, in nanoseconds of the guest's clock.
const LIMIT: u64 = 600_000_000_000;
/// Longest time in which QEMU hands a frame to the NIC, by the wall's clock.
const HANDING: Duration = Duration::from_secs(30);

/// The image under test.
pub struct Subject<'a> {
    /// The board.
    pub board: &'a Board,
    /// What the console and the figures call it.
    pub name: &'a str,
    /// The kernel image.
    pub kernel: &'a Path,
    /// The same with symbols.
    pub vmlinux: &'a Path,
    /// The root file system.
    pub rootfs: &'a Path,
    /// The program that does the work.
    pub workload: &'a Path,
    /// QEMU's plugin.
    pub counter: &'a Path,
    /// Where the run leaves its files.
    pub dir: &'a Path,
    /// Whether the device may do work for the stack.
    pub offloads: bool,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Instructions between the marks.
    pub count: Count,
    /// Where they went.
    pub profile: Profile,
    /// What the program said on the console: bytes of memory.
    pub memory: Option<u64>,
}

/// Boots `subject` and has it do `work` over a wire of this `distance`; `seed` decides which frames are lost.
///
/// # Errors
/// QEMU cannot be started, or the guest does not do its work: what it said is in the message.
pub fn run(
    cx: &Context,
    subject: &Subject<'_>,
    work: &Work,
    distance: Distance,
    seed: u64,
) -> Result<Measurement> {
    fs::create_dir_all(subject.dir).with_context(|| format!("cannot make {}", subject.dir.display()))?;
    let _lock = running::lock(cx, &subject.dir.join("qemu.lock"))?;
    let mut session = Session::start(cx, subject, work, distance, seed)?;
    let end = session.go(cx, work);
    end.map_err(|error| {
        // Its last words may come a moment after its end.
        let _ = session.running.wait(Duration::from_secs(1));
        let said = session.said();
        let complaints = session.running.complaints();
        error.context(format!("{}, `{}`: {complaints}\n{}", subject.name, work.name, said.trim_end()))
    })
}

/// What was on the console so far.
type Transcript = Arc<Mutex<Vec<u8>>>;

/// A guest and its peer.
struct Session {
    running: Running,
    gate: Gate,
    from_guest: FrameReader<UnixStream>,
    to_guest: FrameWriter<UnixStream>,
    network: UnixStream,
    echo: FrameReader<UnixStream>,
    console: Transcript,
    peer: Peer,
    step: u64,
    inward: Link,
    outward: Link,
    symbols: Symbols,
    profile: PathBuf,
}

impl Session {
    fn start(
        cx: &Context,
        subject: &Subject<'_>,
        work: &Work,
        distance: Distance,
        seed: u64,
    ) -> Result<Session> {
        let mut symbols = Symbols::default();
        symbols.add(subject.workload)?;
        let idle = (symbols.address("spin_from")?, symbols.address("spin_to")?);
        let marks: Vec<u64> = MARKS.iter().map(|(name, _)| symbols.address(name)).collect::<Result<_>>()?;
        symbols.add(subject.vmlinux)?;

        let (gate, guest_gate) = Gate::new()?;
        let (echo, guest_echo) = gate::inheritable().context("cannot make a socket")?;
        echo.set_read_timeout(Some(HANDING)).context("cannot set a socket's timeout")?;
        let profile = subject.dir.join("profile");
        let (counter, profile_name) = (text(subject.counter)?, text(&profile)?);
        let plugin = gate::plugin(counter, &guest_gate, idle, &marks, profile_name);
        let offloads = if subject.offloads { "as-is" } else { "plain" };
        let init = format!(
            "/workload {} {} {offloads} {} {PORT} {} {} {}",
            subject.board.interface,
            plan::GUEST,
            plan::GATEWAY,
            work.name,
            work.count,
            work.size
        );
        let rootfs = subject.dir.join("rootfs.cpio");
        fs::write(&rootfs, with_workload(subject)?)
            .with_context(|| format!("cannot write {}", rootfs.display()))?;
        let machine = Machine {
            board: subject.board,
            memory: subject.board.memory,
            kernel: subject.kernel,
            rootfs: &rootfs,
            network: Network::Socket,
            console: Console::Socket,
            counted: Some(Counted { plugin: &plugin, echo: guest_echo.as_raw_fd(), init: &init }),
        };
        let lock = subject.dir.join("qemu.lock");
        let (running, wires) = Running::start(cx, &machine, &lock, &subject.dir.join("qemu.log"))?;
        let share = || wires.network.try_clone().context("cannot share the NIC's socket");
        Ok(Session {
            running,
            gate,
            from_guest: FrameReader::new(share()?),
            to_guest: FrameWriter::new(share()?),
            network: wires.network,
            echo: FrameReader::new(echo),
            console: transcribe(wires.console)?,
            peer: Peer::new(work),
            step: STEP.max(distance.delay / STEPS),
            inward: Link::new(distance, seed),
            outward: Link::new(distance, !seed),
            symbols,
            profile,
        })
    }

    /// Goes on, step by step, until the work is done.
    fn go(&mut self, cx: &Context, work: &Work) -> Result<Measurement> {
        let (mut begin, mut count) = (Count::default(), None);
        let (mut in_step, mut ends) = (false, 0);
        loop {
            let (reason, at) = self.gate.wait()?;
            cx.interrupt.check()?;
            let mut record = Record::Continue;
            match reason {
                Reason::Limit => {}
                Reason::Ready => in_step = true,
                Reason::Begin => {
                    begin = at;
                    record = Record::Begin;
                    self.inward.lose();
                    self.outward.lose();
                }
                Reason::End => {
                    ends += 1;
                    record = Record::Write;
                    let count = *count.get_or_insert(at - begin);
                    if ends == work.ends() {
                        // When it waits again, the profile has been written.
                        self.gate.go(at.total, record)?;
                        self.gate.wait()?;
                        return self.measurement(count);
                    }
                }
            }
            if at.total > LIMIT {
                bail!("the work was not done in {} s of the guest's clock", LIMIT / 1_000_000_000);
            }
            let limit = if in_step { self.step(at.total)? } else { gate::NEVER };
            self.gate.go(limit, record)?;
        }
    }

    fn measurement(&mut self, count: Count) -> Result<Measurement> {
        let said = self.said();
        let memory = said.lines().find_map(|line| line.strip_prefix("memory ")?.trim().parse().ok());
        Ok(Measurement { count, profile: self.symbols.profile(&self.profile)?, memory })
    }

    fn said(&self) -> String {
        let bytes = self.console.lock().expect("no holder of this lock panics").clone();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// Does what is to be done at the time `now`, while the guest waits; returns when it is to wait again.
    fn step(&mut self, now: u64) -> Result<u64> {
        while waiting(&self.network)? > 0 {
            match self.from_guest.read().context("the NIC's wire is broken")? {
                frames if frames.is_empty() => bail!("the machine has ended"),
                frames => frames.into_iter().for_each(|frame| self.outward.send(now, frame)),
            }
        }
        let arrived = self.outward.arrived(now);
        for frame in self.peer.advance(now, arrived) {
            self.inward.send(now, frame);
        }
        let frames = self.inward.arrived(now);
        if !frames.is_empty() {
            self.to_guest.write(&frames).context("the NIC's wire is broken")?;
            self.until_handed(frames.len())?;
        }
        let deadlines = [self.outward.next(), self.inward.next(), self.peer.deadline(now)];
        let next = deadlines.into_iter().flatten().min().unwrap_or(gate::NEVER);
        Ok(next.clamp(now + 1, now + self.step))
    }

    /// Waits until the NIC has `count` more frames.
    fn until_handed(&mut self, mut count: usize) -> Result<()> {
        while count > 0 {
            let frames = self.echo.read().context("QEMU does not hand frames to the NIC")?;
            if frames.is_empty() {
                bail!("the machine has ended");
            }
            // The guest's own frames are copied here as well.
            count -= frames.iter().filter(|frame| frame.get(6..12) == Some(&plan::PEER_MAC)).count();
        }
        Ok(())
    }
}

/// Reads the console to its end, beside everything else: a full one would halt the guest.
fn transcribe(mut console: UnixStream) -> Result<Transcript> {
    let transcript = Transcript::default();
    let copy = Arc::clone(&transcript);
    std::thread::Builder::new().name("console".into()).spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = console.read(&mut chunk) {
            copy.lock().expect("no holder of this lock panics").extend(&chunk[..read]);
        }
    })?;
    Ok(transcript)
}

/// How many bytes of `socket` can be read at once.
fn waiting(socket: &UnixStream) -> Result<u64> {
    rustix::io::ioctl_fionread(socket).context("a wire of the machine is broken")
}

/// The root file system of `subject` with its workload as one more file: archives are unpacked one after the
/// other.
fn with_workload(subject: &Subject<'_>) -> Result<Vec<u8>> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let entry = Entry { path: "workload".to_owned(), mode: 0o755, node: Node::File(read(subject.workload)?) };
    let mut bytes = read(subject.rootfs)?;
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(cpio::archive(&[entry]));
    Ok(bytes)
}

fn text(path: &Path) -> Result<&str> {
    let text = path.to_str().filter(|text| !text.contains(','));
    text.with_context(|| format!("{}: QEMU does not take this path: move the checkout", path.display()))
}
