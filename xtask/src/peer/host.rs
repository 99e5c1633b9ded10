//! The peer as a running thing: one thread that owns the stack, the servers and the wire.
//!
//! Two threads serve one peer: one reads frames from the socket, one does everything else in turns
//! of "take in, let all advance, send out, sleep until the next deadline". Others talk to it by
//! [`PeerHandle::with`], which runs a closure inside that second thread.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::udp;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use super::carrier::{self, FrameWriter};
use super::dhcp;
use super::dns;
use super::echo::{self, DatagramEcho};
use super::flood;
use super::http::{Files, Http};
use super::impair::{Impairer, Impairment, Tally};
use super::load::{Load, Order, PORTS, Report};
use super::noise::Noise;
use super::pcap::Pcap;
use super::ping::Ping;
use super::plan;
use super::server::{Server, endpoint};
use super::silent::{self, Filter};
use super::sink::{Journal, Sink};
use super::wire::Wire;

/// The peer's clock runs so many times as fast as the wall's: smoltcp's shortest retransmission
/// timeout of 1 s becomes 40 ms, and a lossy run is not spent waiting.
const HASTE: u32 = 25;
/// The thread looks around at least this often, by the wall's clock.
const IDLE: Duration = Duration::from_millis(500);

/// What the peer is given to start with.
pub struct Setup<'a> {
    /// The connected socket of the guest's NIC.
    pub stream: UnixStream,
    /// Where to write the capture: every frame as the guest sent it, or as it reached the guest.
    pub pcap: Option<&'a Path>,
    /// Decides the fate of frames while the wire is impaired.
    pub seed: u64,
}

/// Access to a running peer; dropping it ends the peer.
pub struct PeerHandle {
    events: Sender<Event>,
    thread: Option<JoinHandle<()>>,
    /// What the HTTP server serves.
    pub files: Files,
    /// What was sent to the HTTP server and to the sink.
    pub journal: Journal,
}

enum Event {
    Frames(Vec<Vec<u8>>),
    Call(Box<dyn FnOnce(&mut Peer) + Send>),
    Stop,
}

impl PeerHandle {
    /// Starts a peer.
    ///
    /// # Errors
    /// When the capture cannot be created or a thread cannot be started.
    pub fn start(setup: Setup<'_>) -> Result<PeerHandle> {
        let pcap = match setup.pcap {
            Some(path) => Some(
                Pcap::create(path).with_context(|| format!("cannot write the capture {}", path.display()))?,
            ),
            None => None,
        };
        let (mut reader, writer) = carrier::halves(setup.stream).context("cannot share the NIC's socket")?;
        let (events, inbox) = mpsc::channel();
        let files = Files::new(Mutex::new(BTreeMap::new()));
        let journal = Journal::default();
        let mut peer = Peer::new(writer, pcap, setup.seed, &files, &journal);

        let frames = events.clone();
        // Ends by itself at the end of the stream, which the peer's own end brings about.
        std::thread::Builder::new().name("wire".into()).spawn(move || {
            while let Ok(batch) = reader.read() {
                if batch.is_empty() || frames.send(Event::Frames(batch)).is_err() {
                    break;
                }
            }
        })?;
        let thread = std::thread::Builder::new().name("peer".into()).spawn(move || peer.run(&inbox))?;
        Ok(PeerHandle { events, thread: Some(thread), files, journal })
    }

    /// Runs `work` inside the peer's thread and returns its result.
    ///
    /// # Errors
    /// When the peer has ended.
    pub fn with<R: Send + 'static>(&self, work: impl FnOnce(&mut Peer) -> R + Send + 'static) -> Result<R> {
        let (answer, result) = mpsc::channel();
        let call = Box::new(move |peer: &mut Peer| {
            let _ = answer.send(work(peer)); // nobody waits any more: nothing to tell
        });
        self.events.send(Event::Call(call)).map_err(|_| anyhow!("the network peer has ended"))?;
        result.recv().map_err(|_| anyhow!("the network peer has ended"))
    }

    /// Serves `content` under `path`, which begins with a slash.
    pub fn serve(&self, path: &str, content: Vec<u8>) {
        self.files.lock().expect("no holder of this lock panics").insert(path.to_owned(), content.into());
    }

    /// Pings the guest with `size` bytes and waits for the answer, at most for `limit`; false if
    /// none comes.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn ping(&self, size: usize, limit: Duration) -> Result<bool> {
        let deadline = Instant::now() + limit;
        self.with(move |peer| peer.ping.ask(plan::GUEST, size, &mut peer.sockets))??;
        loop {
            if self.with(|peer| peer.ping.answered(&mut peer.sockets))? {
                return Ok(true);
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Does `order` against the guest and waits for its end, at most for `limit`.
    ///
    /// # Errors
    /// When it does not end in time (the message says how far it came), or the peer has ended.
    pub fn load(&self, order: Order, limit: Duration) -> Result<Report> {
        let deadline = Instant::now() + limit;
        self.with(move |peer| peer.start_load(&order))??;
        loop {
            let (report, (done, all)) = self.with(Peer::load_report)??;
            if let Some(report) = report {
                return Ok(report);
            }
            if Instant::now() > deadline {
                self.with(Peer::end_load)?;
                bail!("only {done} of {all} connections had ended after {} s", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for PeerHandle {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Stop); // an error: it has stopped already
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The state of the peer, inside its thread.
pub struct Peer {
    started: Instant,
    writer: FrameWriter<UnixStream>,
    pcap: Option<Pcap<io::BufWriter<std::fs::File>>>,
    from_guest: Impairer,
    to_guest: Impairer,
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    servers: Vec<Server>,
    echo: DatagramEcho,
    ping: Ping,
    dhcp: dhcp::Server,
    dhcp_socket: SocketHandle,
    dns_socket: SocketHandle,
    load: Option<Load>,
    /// Connections of all orders so far.
    opened: u16,
    claimed: bool,
    guest_mac: Option<[u8; 6]>,
}

impl Peer {
    fn new(
        writer: FrameWriter<UnixStream>,
        pcap: Option<Pcap<io::BufWriter<std::fs::File>>>,
        seed: u64,
        files: &Files,
        journal: &Journal,
    ) -> Peer {
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(plan::PEER_MAC)));
        config.random_seed = seed;
        let mut iface = Interface::new(config, &mut wire, smoltcp::time::Instant::ZERO);
        iface.update_ip_addrs(|addresses| {
            for (address, prefix) in [(plan::GATEWAY, plan::PREFIX), (plan::SERVER, 32)] {
                addresses.push(IpCidr::new(address.into(), prefix)).expect("two addresses fit");
            }
        });

        let mut sockets = SocketSet::new(Vec::new());
        let (http_files, http_journal, sink_journal) = (files.clone(), journal.clone(), journal.clone());
        let servers = vec![
            Server::new(plan::HTTP_PORT, move || {
                Http::new(Arc::clone(&http_files), Arc::clone(&http_journal))
            }),
            Server::new(plan::SINK_PORT, move || Sink::new(Arc::clone(&sink_journal))),
            Server::new(plan::ECHO_PORT, || echo::StreamEcho),
            Server::new(plan::RESET_PORT, || echo::Reset),
        ];
        let echo = DatagramEcho::new(plan::ECHO_PORT, &mut sockets);
        let ping = Ping::new(&mut sockets);
        let dhcp_socket = sockets.add(echo::datagram_socket(dhcp::SERVER_PORT));
        let dns_socket = sockets.add(echo::datagram_socket(dns::PORT));
        Peer {
            started: Instant::now(),
            writer,
            pcap,
            from_guest: Impairer::new(seed),
            to_guest: Impairer::new(!seed),
            wire,
            iface,
            sockets,
            servers,
            echo,
            ping,
            dhcp: dhcp::Server::default(),
            dhcp_socket,
            dns_socket,
            load: None,
            opened: 0,
            claimed: false,
            guest_mac: None,
        }
    }

    /// From now on both directions of the wire are this bad.
    pub fn impair(&mut self, impairment: Impairment) {
        self.from_guest.set(impairment);
        self.to_guest.set(impairment);
    }

    /// What was done to the frames since the last [`Peer::impair`]: from the guest, to the guest.
    pub fn tally(&self) -> (Tally, Tally) {
        (self.from_guest.tally(), self.to_guest.tally())
    }

    /// What the DHCP server has done.
    pub fn dhcp_tally(&self) -> dhcp::Tally {
        self.dhcp.tally
    }

    /// From now on the DHCP server behaves like this.
    pub fn set_manners(&mut self, manners: dhcp::Manners) {
        self.dhcp.manners = manners;
    }

    /// From now on somebody else has the guest's address, or nobody has, and says so by ARP.
    pub fn claim_guest_address(&mut self, claimed: bool) {
        self.claimed = claimed;
    }

    /// Sends so many SYNs to `port` of the guest, each from another address and port, drawn from `seed`.
    ///
    /// # Errors
    /// The guest has not sent a frame yet, so that its hardware address is not known.
    pub fn flood(&mut self, seed: u64, syns: usize, port: u16) -> Result<()> {
        let mac = self.guest_mac.context("the guest has not sent a frame yet")?;
        let mut noise = Noise::new(seed);
        self.wire.sent.extend((0..syns).map(|_| flood::syn(&mut noise, mac, port)));
        Ok(())
    }

    /// Makes the capture on disk complete up to now.
    pub fn flush_capture(&mut self) {
        if let Some(pcap) = &mut self.pcap
            && pcap.flush().is_err()
        {
            self.pcap = None; // a full disk: the test goes on without its capture
        }
    }

    fn start_load(&mut self, order: &Order) -> Result<()> {
        self.end_load();
        self.load = Some(Load::start(order, self.opened, &mut self.iface, &mut self.sockets)?);
        self.opened = (self.opened + order.connections) % PORTS;
        Ok(())
    }

    fn load_report(&mut self) -> Result<(Option<Report>, (usize, usize))> {
        let load = self.load.as_ref().context("no load was started")?;
        Ok((load.report(), load.progress()))
    }

    fn end_load(&mut self) {
        if let Some(load) = self.load.take() {
            load.remove(&mut self.sockets);
        }
    }

    fn run(&mut self, inbox: &Receiver<Event>) {
        loop {
            let wait = self.sleep_for();
            let mut event = match inbox.recv_timeout(wait) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            while let Some(next) = event {
                match next {
                    Event::Frames(frames) => self.take_in(frames),
                    Event::Call(work) => work(self),
                    Event::Stop => {
                        self.flush_capture();
                        return;
                    }
                }
                event = inbox.try_recv().ok();
            }
            if self.turn().is_err() {
                break; // the guest's end is closed; what is left to do is answer calls
            }
        }
        self.flush_capture();
        while let Ok(event) = inbox.recv() {
            match event {
                Event::Call(work) => work(self),
                Event::Frames(_) => {}
                Event::Stop => break,
            }
        }
    }

    fn take_in(&mut self, frames: Vec<Vec<u8>>) {
        let now = Instant::now();
        let mut arrived = Vec::with_capacity(frames.len());
        for frame in frames {
            self.capture(&frame);
            self.guest_mac = frame.get(6..).and_then(|rest| rest.first_chunk()).copied().or(self.guest_mac);
            self.from_guest.pass(frame, now, &mut arrived);
        }
        self.arrive(arrived);
    }

    /// Gives to the stack what came through the impairment.
    fn arrive(&mut self, frames: Vec<Vec<u8>>) {
        for frame in frames {
            match silent::filter(&frame, self.claimed.then_some(plan::GUEST)) {
                Filter::Pass => self.wire.received.push_back(frame),
                Filter::Swallow => {}
                Filter::Answer(answer) => self.wire.sent.push_back(answer),
            }
        }
    }

    /// Lets everything advance as far as it can and sends what comes of it.
    fn turn(&mut self) -> io::Result<()> {
        let mut late = Vec::new();
        self.from_guest.release(Instant::now(), &mut late);
        self.arrive(late);

        self.iface.poll(self.stack_now(), &mut self.wire, &mut self.sockets);
        for server in &mut self.servers {
            server.poll(&mut self.sockets);
        }
        self.echo.poll(&mut self.sockets);
        self.answer_dhcp();
        self.answer_dns();
        if let Some(load) = &mut self.load {
            load.poll(&mut self.sockets);
        }
        self.iface.poll(self.stack_now(), &mut self.wire, &mut self.sockets);

        let now = Instant::now();
        let mut out = Vec::with_capacity(self.wire.sent.len());
        while let Some(frame) = self.wire.sent.pop_front() {
            self.to_guest.pass(frame, now, &mut out);
        }
        self.to_guest.release(now, &mut out);
        if out.is_empty() {
            return Ok(());
        }
        for frame in &out {
            self.capture(frame);
        }
        self.writer.write(&out)
    }

    fn answer_dhcp(&mut self) {
        let socket = self.sockets.get_mut::<udp::Socket>(self.dhcp_socket);
        let mut answers = Vec::new();
        while let Ok((request, meta)) = socket.recv() {
            let to_us = meta.local_address == Some(plan::GATEWAY.into());
            answers.extend(self.dhcp.answer(request, !to_us));
        }
        for answer in answers {
            let mut meta = udp::UdpMetadata::from(endpoint(answer.destination, dhcp::CLIENT_PORT));
            meta.local_address = Some(plan::GATEWAY.into());
            let from = if answer.wrong_port { self.dns_socket } else { self.dhcp_socket };
            // A full queue: the client asks again.
            let _ = self.sockets.get_mut::<udp::Socket>(from).send_slice(&answer.message, meta);
        }
    }

    fn answer_dns(&mut self) {
        let socket = self.sockets.get_mut::<udp::Socket>(self.dns_socket);
        while let Ok((query, from)) = socket.recv() {
            let Some(answer) = dns::answer(query) else { continue };
            let _ = socket.send_slice(&answer, from); // a full queue: the client asks again
        }
    }

    fn capture(&mut self, frame: &[u8]) {
        if let Some(pcap) = &mut self.pcap {
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            if pcap.record(at, frame).is_err() {
                self.pcap = None; // a full disk: the test goes on without its capture
            }
        }
    }

    fn stack_now(&self) -> smoltcp::time::Instant {
        smoltcp::time::Instant::from_micros((self.started.elapsed() * HASTE).as_micros() as i64)
    }

    fn sleep_for(&mut self) -> Duration {
        let stack = self.iface.poll_delay(self.stack_now(), &self.sockets);
        let stack = stack.map_or(IDLE, |delay| Duration::from_micros(delay.total_micros()) / HASTE);
        let now = Instant::now();
        let held = [&self.from_guest, &self.to_guest].into_iter().filter_map(Impairer::next_deadline);
        let held = held.min().map_or(IDLE, |due| due.saturating_duration_since(now));
        stack.min(held).min(IDLE)
    }
}
