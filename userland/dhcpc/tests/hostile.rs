//! Messages that no honest server sends: every length of every option, cut and changed bytes, addresses of nobody.

mod server;

use linnet_dhcpc::client::{Client, Do};
use linnet_dhcpc::environment::Environment;
use linnet_dhcpc::lease::{Lease, Term};
use linnet_dhcpc::message::{Ask, REQUEST_LEN, Reply, Request, is_host, option as code};
use server::{ACK, ADDRESS, MAC, OFFER, SERVER, bare, option, reply, reply_with, usual};
use std::net::Ipv4Addr;

fn lease(message: &[u8]) -> Option<Lease> {
    Lease::from_reply(&Reply::parse(message)?)
}

/// What must hold of any lease, whatever it was made of.
fn check(lease: &Lease) {
    assert!(is_host(lease.address) && is_host(lease.server));
    assert!(lease.routers.iter().chain(&lease.dns).flatten().all(|address| is_host(*address)));
    let Term { renew, rebind, end } = lease.term;
    assert!(
        end == u32::MAX || (renew >= 1 && renew <= rebind && rebind <= end && end >= 8),
        "{:?}",
        lease.term
    );
    for string in Environment::new(b"eth0", Some(lease)).strings() {
        let text = std::str::from_utf8(string).unwrap();
        let (name, value) = text.split_once('=').unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphabetic()), "{text}");
        assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b" .-_/:".contains(&b)), "{text}");
    }
}

#[test]
fn every_length_of_every_option() {
    let known = [1, 3, 6, 15, 28, 50, 51, 52, 53, 54, 58, 59];
    for code in 0..=255_u8 {
        for len in 0..=255_usize {
            let fills: &[u8] = match (known.contains(&code), len) {
                (true, _) => &[0, 1, 4, 127, 255],
                (false, 0..9 | 240..) => &[7],
                (false, _) => &[],
            };
            for fill in fills {
                let more = option(code, &vec![*fill; len]);
                if let Some(lease) = lease(&reply_with(7, ACK, &more)) {
                    check(&lease);
                }
                // Cut off anywhere in it: refused, and nothing read beyond.
                let cut = bare(7, ADDRESS, &[usual(ACK), more[..1 + len.min(1)].to_vec()].concat());
                if ![code::PAD, code::END].contains(&code) && len > 0 {
                    assert!(Reply::parse(&cut).is_none(), "option {code} of {len}, cut");
                }
            }
        }
    }
}

#[test]
fn known_options_of_a_wrong_length_do_not_exist() {
    for len in (0..=255).filter(|len| *len != 4) {
        let value = vec![1; len];
        for needed in [code::LEASE_TIME, code::SERVER] {
            let message = reply_with(7, ACK, &option(needed, &value));
            assert_eq!(lease(&message), None, "option {needed} of {len}");
        }
        let given = |what| lease(&reply_with(7, ACK, &option(what, &value))).unwrap();
        assert_eq!(given(code::SUBNET_MASK).netmask, None, "mask of {len}");
        assert_eq!(given(code::BROADCAST).broadcast, None, "broadcast of {len}");
        if len % 4 != 0 {
            assert_eq!(given(code::ROUTER).routers, [None; 2], "routers of {len}");
            assert_eq!(given(code::DNS).dns, [None; 3], "name servers of {len}");
        }
        if len != 1 {
            let message = reply_with(7, ACK, &option(code::MESSAGE_TYPE, &value));
            assert!(Reply::parse(&message).is_none(), "message type of {len}");
        }
    }
}

#[test]
fn every_cut_and_many_changes() {
    let good = reply(7, ACK);
    for len in 0..good.len() {
        if let Some(lease) = lease(&good[..len]) {
            check(&lease);
        }
    }
    // A seeded generator: the same messages each time.
    let mut seed = 20_261_122_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for _ in 0..50_000 {
        let mut message = good.clone();
        for _ in 0..1 + next() % 8 {
            let (at, byte) = (next() % message.len(), next() as u8);
            message[at] = byte;
        }
        if let Some(lease) = lease(&message) {
            check(&lease);
        }
    }
}

#[test]
fn options_in_the_overloaded_fields() {
    let options = [option(52, &[3]), option(53, &[ACK]), option(54, &SERVER.octets()), vec![255]].concat();
    let mut message = bare(7, ADDRESS, &options);
    message[108..115].copy_from_slice(&[51, 4, 0, 0, 1, 0, 255]); // file
    message[44..51].copy_from_slice(&[1, 4, 255, 255, 0, 0, 255]); // sname
    let found = lease(&message).unwrap();
    assert_eq!((found.term.end, found.netmask), (256, Some(Ipv4Addr::new(255, 255, 0, 0))));
    // Filled to the last byte, and beyond it.
    for (last, good) in [(0, true), (1, false)] {
        message[44..108].fill(0);
        message[106..108].copy_from_slice(&[12, last]);
        assert_eq!(lease(&message).is_some(), good, "an option of {last} at the end of sname");
    }
}

#[test]
fn addresses_of_nobody_are_no_leases() {
    for (name, address, mask) in [
        ("none", [0, 0, 0, 0], [255, 255, 255, 0]),
        ("loopback", [127, 0, 0, 1], [255, 0, 0, 0]),
        ("multicast", [224, 0, 0, 1], [255, 255, 255, 0]),
        ("broadcast", [255, 255, 255, 255], [255, 255, 255, 0]),
        ("the network itself", [192, 0, 2, 0], [255, 255, 255, 0]),
        ("its broadcast address", [192, 0, 2, 255], [255, 255, 255, 0]),
    ] {
        let options = [option(1, &mask), usual(ACK), vec![255]].concat();
        assert_eq!(lease(&bare(7, address.into(), &options)), None, "{name}");
    }
    for (name, mask, kept) in [
        ("a hole", [255, 0, 255, 0], false),
        ("none", [0, 0, 0, 0], false),
        ("backwards", [0, 0, 255, 255], false),
        ("point to point", [255, 255, 255, 254], true),
        ("a host", [255, 255, 255, 255], true),
    ] {
        let lease = lease(&reply_with(7, ACK, &option(1, &mask))).unwrap();
        assert_eq!(lease.netmask.is_some(), kept, "{name}");
    }
    let far = lease(&reply_with(7, ACK, &option(28, &[203, 0, 113, 255]))).unwrap();
    assert_eq!(far.broadcast, None, "a broadcast address of another network");
}

#[test]
fn times_are_made_sense_of() {
    for (name, end, renew, rebind, expected) in [
        ("given", 3600, 600, 3000, (600, 3000, 3600)),
        ("T1 after T2", 3600, 3000, 600, (600, 600, 3600)),
        ("T2 after the end", 3600, 600, 4000, (600, 3150, 3600)),
        ("zeros", 3600, 0, 0, (1800, 3150, 3600)),
        ("a second", 1, 0, 0, (4, 7, 8)),
        ("for ever", u32::MAX, 1, 2, (u32::MAX, u32::MAX, u32::MAX)),
        ("nearly for ever", u32::MAX - 1, 0, 0, (0x7fff_ffff, 0xdfff_ffff, u32::MAX - 1)),
    ] {
        let more =
            [(51, end), (58, renew), (59, rebind)].map(|(code, time)| option(code, &u32::to_be_bytes(time)));
        let Term { renew, rebind, end } = lease(&reply_with(7, ACK, &more.concat())).unwrap().term;
        assert_eq!((renew, rebind, end), expected, "{name}");
    }
    assert_eq!(lease(&reply_with(7, ACK, &option(51, &[0; 4]))), None, "no time at all");
}

#[test]
fn domains_that_would_be_something_else_are_left_out() {
    for (name, domain, kept) in [
        ("usual", &b"linnet.test"[..], true),
        ("counted zero", b"linnet.test\0", true),
        ("an option", b"-rf", false),
        ("a command", b"a;reboot", false),
        ("a substitution", b"$(reboot)", false),
        ("a line more", b"a\nnameserver 203.0.113.1", false),
        ("two", b"a b", false),
        ("a zero inside", b"a\0b=c", false),
        ("longest", &[b'a'; 253], true),
        ("too long", &[b'a'; 255], false),
    ] {
        let lease = lease(&reply_with(7, ACK, &option(15, domain))).unwrap();
        assert_eq!(!lease.domain.bytes().is_empty(), kept, "{name}");
        check(&lease);
    }
}

#[test]
fn the_environment_of_the_script() {
    let lease = lease(&reply(7, ACK)).unwrap();
    let strings = |environment: &Environment| -> Vec<String> {
        environment.strings().map(|string| String::from_utf8(string.to_vec()).unwrap()).collect()
    };
    assert_eq!(
        strings(&Environment::new(b"eth0", Some(&lease))),
        [
            "PATH=/sbin:/usr/sbin:/bin:/usr/bin",
            "interface=eth0",
            "ip=192.0.2.15",
            "subnet=255.255.255.0",
            "broadcast=192.0.2.255",
            "router=192.0.2.1",
            "dns=192.0.2.1 192.0.2.2",
            "serverid=192.0.2.1",
            "lease=3600",
            "domain=linnet.test",
        ]
    );
    assert_eq!(strings(&Environment::new(b"eth0", None)).len(), 2);
    // Everything as long as it can be.
    let mut long = lease;
    let far = Some(Ipv4Addr::new(223, 255, 255, 255));
    (long.routers, long.dns, long.term.end) = ([far; 2], [far; 3], u32::MAX);
    let text = reply_with(7, ACK, &option(15, &[b'a'; 253]));
    long.domain = Lease::from_reply(&Reply::parse(&text).unwrap()).unwrap().domain;
    let all = strings(&Environment::new(b"a_name_of_15_let", Some(&long)));
    assert_eq!(all.last().unwrap().len(), "domain=".len() + 253);
}

#[test]
fn requests_are_complete() {
    for (name, ask, client, requested, server) in [
        ("discover", Ask::Discover, None, None, None),
        ("select", Ask::Request, None, Some(ADDRESS), Some(SERVER)),
        ("renew", Ask::Request, Some(ADDRESS), None, None),
        ("decline", Ask::Decline, None, Some(ADDRESS), Some(SERVER)),
        ("release", Ask::Release, Some(ADDRESS), None, Some(SERVER)),
    ] {
        let request = Request { ask, xid: 0x0102_0304, seconds: 258, mac: MAC, client, requested, server };
        let bytes = request.to_bytes();
        assert_eq!(bytes.len(), REQUEST_LEN);
        assert_eq!(bytes[..10], [1, 1, 6, 0, 1, 2, 3, 4, 1, 2], "{name}");
        assert_eq!(bytes[10], if client.is_none() { 0x80 } else { 0 }, "{name}: answer by broadcast");
        assert_eq!(bytes[12..16], client.unwrap_or(Ipv4Addr::UNSPECIFIED).octets(), "{name}");
        assert_eq!(bytes[28..34], MAC, "{name}");
        assert_eq!(bytes[236..243], [99, 130, 83, 99, 53, 1, ask as u8], "{name}");
        assert!(bytes[240..].contains(&255), "{name}: an end");
        // As a reply it reads back, so its options are well formed.
        let mut back = bytes;
        (back[0], back[242]) = (2, OFFER);
        let back = Reply::parse(&back).unwrap();
        assert_eq!(
            back.option(50),
            requested.map(|a| a.octets()).as_ref().map(<[u8; 4]>::as_slice),
            "{name}"
        );
        assert_eq!(back.server, server, "{name}");
        assert_eq!(back.option(61).map(<[u8]>::len), Some(7), "{name}");
    }
}

#[test]
fn a_flood_of_changed_messages_leaves_a_client_that_works() {
    let mut client = Client::new(MAC, 0, 0);
    while !matches!(client.poll(0, 7), Do::Wait(_)) {}
    for message in [reply(7, OFFER), reply(7, ACK)] {
        for at in 0..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 0x55;
            changed.truncate(message.len() - at % 3);
            changed[4] ^= 1; // not this conversation
            client.handle_message(0, 7, &changed);
        }
        client.handle_message(0, 7, &message);
        while !matches!(client.poll(0, 7), Do::Wait(_)) {}
    }
    assert_eq!(client.lease().map(|lease| lease.address), Some(ADDRESS));
}
