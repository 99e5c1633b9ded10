//! The client in virtual time: from nothing to a lease, and all that may become of it (RFC 2131 §4.4).

mod server;

use linnet_dhcpc::client::{Client, Do, Happening, Millis};
use linnet_dhcpc::message::{Ask, Request};
use server::{ACK, ADDRESS, MAC, NAK, OFFER, SERVER, option, reply, reply_with};
use std::net::Ipv4Addr;

const XID: u32 = 0x1234_5678;
const SECOND: Millis = 1000;

/// A client, its clock, and what it has done since it was last asked.
struct Bench {
    client: Client,
    now: Millis,
    done: Vec<(Millis, Do)>,
}

impl Bench {
    fn new(probe: u32) -> Self {
        Self { client: Client::new(MAC, probe, 0), now: 0, done: Vec::new() }
    }

    /// Lets it do what it wants until it waits; until when.
    fn settle(&mut self) -> Option<Millis> {
        for _ in 0..16 {
            match self.client.poll(self.now, XID) {
                Do::Wait(until) => return until,
                Do::Look(_) => return Some(self.now),
                other => self.done.push((self.now, other)),
            }
        }
        panic!("it does not come to rest: {:?}", self.done);
    }

    /// Runs until this time.
    fn run_to(&mut self, end: Millis) {
        loop {
            match self.settle() {
                Some(until) if until <= end => self.now = until.max(self.now + 1),
                _ => break,
            }
        }
        self.now = end;
    }

    fn hear(&mut self, message: &[u8]) {
        self.client.handle_message(self.now, 7, message);
        self.settle();
    }

    fn take(&mut self) -> Vec<(Millis, Do)> {
        std::mem::take(&mut self.done)
    }

    /// What was sent, and where to.
    fn sent(&mut self) -> Vec<(Ipv4Addr, Request)> {
        let sent = |(_, done)| if let Do::Send(to, request) = done { Some((to, request)) } else { None };
        self.take().into_iter().filter_map(sent).collect()
    }

    fn told(&mut self) -> Vec<Happening> {
        let told = |(_, done)| if let Do::Tell(news) = done { Some(news) } else { None };
        self.take().into_iter().filter_map(told).collect()
    }

    /// A client with a lease since now, granted by an ACK with these options more.
    fn bound(more: &[u8]) -> Self {
        let mut bench = Bench::new(0);
        bench.settle();
        bench.hear(&reply(XID, OFFER));
        bench.hear(&reply_with(XID, ACK, more));
        assert_eq!(bench.told().last(), Some(&Happening::Bound));
        bench
    }
}

fn seconds(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

#[test]
fn from_nothing_to_a_lease() {
    let mut bench = Bench::new(0);
    assert!(bench.settle().is_some());
    let done = bench.take();
    assert_eq!(done[0].1, Do::Tell(Happening::Deconfigured), "the interface is brought up first");
    let Do::Send(to, discover) = done[1].1 else { panic!("{done:?}") };
    assert_eq!((to, discover.ask, discover.xid), (Ipv4Addr::BROADCAST, Ask::Discover, XID));
    assert_eq!((discover.client, discover.requested, discover.server), (None, None, None));

    bench.hear(&reply(XID, OFFER));
    let [(to, request)] = bench.sent()[..] else { panic!("one request") };
    assert_eq!((to, request.ask), (Ipv4Addr::BROADCAST, Ask::Request));
    assert_eq!((request.client, request.requested, request.server), (None, Some(ADDRESS), Some(SERVER)));

    bench.hear(&reply(XID, ACK));
    assert_eq!(bench.told(), [Happening::Bound]);
    let lease = bench.client.lease().unwrap();
    assert_eq!((lease.address, lease.term.renew, lease.term.rebind), (ADDRESS, 1800, 3150));
    assert_eq!(bench.settle(), Some(1800 * SECOND));
}

#[test]
fn without_a_server_it_asks_ever_less_often() {
    let mut bench = Bench::new(0);
    bench.run_to(600 * SECOND);
    let done = bench.take();
    let times: Vec<Millis> =
        done.iter().filter(|(_, done)| matches!(done, Do::Send(..))).map(|(at, _)| *at).collect();
    for (place, pair) in times.windows(2).enumerate() {
        let (gap, base) = (pair[1] - pair[0], SECOND << place.min(6));
        assert!((base - 512..base + 512).contains(&gap), "gap {place} is {gap} ms");
    }
    assert_eq!(times.len(), 15);
    let failed = done.iter().filter(|(_, done)| *done == Do::Tell(Happening::Failed)).count();
    assert_eq!(failed, 1);
    let Do::Send(_, last) = done.last().unwrap().1 else { panic!() };
    assert!(last.seconds > 500, "seconds since it began: {}", last.seconds);
}

#[test]
fn a_silent_or_refusing_server_is_left() {
    let mut bench = Bench::new(0);
    bench.settle();
    bench.hear(&reply(XID, OFFER));
    bench.take();
    bench.run_to(17 * SECOND);
    let asks: Vec<Ask> = bench.sent().iter().map(|(_, request)| request.ask).collect();
    assert_eq!(asks[..4], [Ask::Request, Ask::Request, Ask::Request, Ask::Discover]);

    bench.hear(&reply(XID, OFFER));
    bench.take();
    let refused = bench.now;
    bench.hear(&reply(XID, NAK));
    assert_eq!(bench.take(), []);
    bench.run_to(refused + SECOND);
    let [(at, Do::Send(_, request))] = bench.take()[..] else { panic!("one message") };
    assert_eq!(request.ask, Ask::Discover);
    assert!(at > refused + 400, "not at once");
}

#[test]
fn a_lease_is_renewed_at_t1_from_its_server_and_at_t2_from_any() {
    let times = [option(51, &seconds(800)), option(58, &seconds(100)), option(59, &seconds(300))].concat();
    let mut bench = Bench::bound(&times);
    bench.run_to(99 * SECOND);
    assert_eq!(bench.take(), []);
    bench.run_to(100 * SECOND);
    let [(to, request)] = bench.sent()[..] else { panic!("one request") };
    // RFC 2131 §4.3.6, table 4.
    assert_eq!((to, request.ask, request.client), (SERVER, Ask::Request, Some(ADDRESS)));
    assert_eq!((request.requested, request.server), (None, None));

    // Half of what remains, a minute at least: at 200, at 260, then T2.
    bench.run_to(299 * SECOND);
    assert_eq!(bench.take().iter().map(|(at, _)| at / SECOND).collect::<Vec<_>>(), [200, 260]);
    bench.run_to(300 * SECOND);
    let [(to, request)] = bench.sent()[..] else { panic!("one request") };
    assert_eq!((to, request.client), (Ipv4Addr::BROADCAST, Some(ADDRESS)));

    bench.hear(&reply_with(XID, ACK, &times));
    assert_eq!(bench.told(), [Happening::Renewed]);
    bench.run_to(399 * SECOND);
    assert_eq!(bench.take(), []);
    bench.run_to(400 * SECOND);
    assert!(matches!(bench.sent()[..], [(SERVER, Request { ask: Ask::Request, seconds: 0, .. })]));
}

#[test]
fn another_server_may_answer_only_what_was_asked_of_all() {
    let times = [option(51, &seconds(800)), option(58, &seconds(100)), option(59, &seconds(300))].concat();
    let other = [option(54, &[192, 0, 2, 77]), times.clone()].concat();
    let mut bench = Bench::bound(&times);
    bench.run_to(100 * SECOND);
    bench.take();
    bench.hear(&reply_with(XID, ACK, &other));
    bench.hear(&reply_with(XID, NAK, &option(54, &[192, 0, 2, 77])));
    assert_eq!(bench.take(), [], "while renewing");
    bench.run_to(300 * SECOND);
    bench.take();
    bench.hear(&reply_with(XID, ACK, &other));
    assert_eq!(bench.told(), [Happening::Renewed]);
    assert_eq!(bench.client.lease().unwrap().server, Ipv4Addr::new(192, 0, 2, 77));
}

#[test]
fn a_lease_that_nobody_renews_ends() {
    let mut bench = Bench::bound(&option(51, &seconds(80)));
    bench.run_to(79 * SECOND);
    bench.take();
    bench.run_to(80 * SECOND);
    let done = bench.take();
    assert_eq!(done[0], (80 * SECOND, Do::Tell(Happening::Deconfigured)));
    assert!(matches!(done[1].1, Do::Send(_, Request { ask: Ask::Discover, .. })), "{done:?}");
    assert_eq!(bench.client.lease(), None);
}

#[test]
fn a_refused_renewal_ends_the_lease_at_once() {
    let mut bench = Bench::bound(&[]);
    bench.run_to(1800 * SECOND);
    bench.take();
    bench.hear(&reply(XID, NAK));
    let done = bench.take();
    assert_eq!(done[0].1, Do::Tell(Happening::Deconfigured));
    assert!(matches!(done[1].1, Do::Send(_, Request { ask: Ask::Discover, client: None, .. })), "{done:?}");
}

#[test]
fn a_lease_for_ever_is_never_renewed_unless_told() {
    let mut bench = Bench::bound(&option(51, &[255; 4]));
    assert_eq!(bench.settle(), None);
    bench.client.renew(bench.now, 9);
    bench.settle();
    let [(to, request)] = bench.sent()[..] else { panic!("one request") };
    assert_eq!((to, request.xid), (SERVER, 9));
    bench.hear(&reply_with(9, ACK, &option(51, &[255; 4])));
    assert_eq!(bench.told(), [Happening::Renewed]);
    assert_eq!(bench.settle(), None);
}

#[test]
fn an_address_in_use_is_declined() {
    for (taken, name) in [(false, "free"), (true, "taken")] {
        let mut bench = Bench::new(200);
        bench.settle();
        bench.hear(&reply(XID, OFFER));
        bench.take();
        bench.hear(&reply(XID, ACK));
        assert_eq!(bench.take(), [(0, Do::Probe(ADDRESS))], "{name}");
        bench.now = 200;
        assert_eq!(bench.client.poll(200, 0), Do::Look(ADDRESS), "{name}");
        bench.client.handle_probe(taken);
        bench.settle();
        if !taken {
            assert_eq!(bench.told(), [Happening::Bound]);
            continue;
        }
        let [(to, request)] = bench.sent()[..] else { panic!("one message") };
        assert_eq!((to, request.ask), (Ipv4Addr::BROADCAST, Ask::Decline));
        assert_eq!((request.requested, request.server), (Some(ADDRESS), Some(SERVER)));
        // RFC 2131 §3.1: ten seconds at least before it begins anew.
        bench.run_to(10 * SECOND);
        assert_eq!(bench.take(), []);
        bench.run_to(10 * SECOND + 200);
        assert!(matches!(bench.sent()[..], [(_, Request { ask: Ask::Discover, .. })]));
    }
}

#[test]
fn a_lease_is_given_back_when_told() {
    let mut bench = Bench::bound(&[]);
    bench.client.release();
    assert_eq!(bench.settle(), None);
    let [(_, Do::Send(to, release)), (_, Do::Tell(Happening::Deconfigured))] = bench.take()[..] else {
        panic!("a release, then the news")
    };
    assert_eq!((to, release.ask), (SERVER, Ask::Release));
    assert_eq!((release.client, release.requested, release.server), (Some(ADDRESS), None, Some(SERVER)));
    bench.client.renew(bench.now, 3);
    bench.settle();
    assert!(matches!(bench.sent()[..], [(_, Request { ask: Ask::Discover, xid: XID, .. })]));
}

#[test]
fn what_is_not_for_this_conversation_changes_nothing() {
    let mut other_mac = reply(XID, OFFER);
    other_mac[28] ^= 2;
    for (name, message) in [
        ("another conversation", reply(XID + 1, OFFER)),
        ("another client", other_mac),
        ("an ACK that nobody asked for", reply(XID, ACK)),
        ("a NAK that nobody asked for", reply(XID, NAK)),
        ("an offer without a server", server::bare(XID, ADDRESS, &[53, 1, 2, 51, 4, 0, 0, 14, 16, 255])),
        ("an offer without a time", server::bare(XID, ADDRESS, &[53, 1, 2, 54, 4, 192, 0, 2, 1, 255])),
        ("nothing", Vec::new()),
    ] {
        let mut bench = Bench::new(0);
        bench.settle();
        bench.take();
        bench.hear(&message);
        assert_eq!(bench.take(), [], "{name}");
    }
    for (name, message) in [
        ("another address", {
            let mut message = reply(XID, ACK);
            message[19] = 16;
            message
        }),
        ("another server's ACK", reply_with(XID, ACK, &option(54, &[192, 0, 2, 2]))),
        ("another server's NAK", reply_with(XID, NAK, &option(54, &[192, 0, 2, 2]))),
        ("another offer", reply(XID, OFFER)),
    ] {
        let mut bench = Bench::new(0);
        bench.settle();
        bench.hear(&reply(XID, OFFER));
        bench.take();
        bench.hear(&message);
        assert_eq!(bench.take(), [], "{name}");
    }
}
