//! Answers that no honest server gives: made of an honest one, each wrong in one way.

use super::{Answer, FIXED_LEN, option};

/// Where the options begin.
const OPTIONS: usize = FIXED_LEN + 4;
/// Options that a client knows.
const KNOWN: [u8; 12] = [
    option::SUBNET_MASK,
    option::ROUTER,
    option::DNS,
    option::DOMAIN,
    option::BROADCAST,
    option::REQUESTED_ADDRESS,
    option::LEASE_TIME,
    OVERLOAD,
    option::MESSAGE_TYPE,
    option::SERVER,
    option::RENEWAL_TIME,
    option::REBINDING_TIME,
];
/// RFC 2132 §9.3.
const OVERLOAD: u8 = 52;
/// Lengths that few of them have.
const LENGTHS: [u8; 9] = [0, 1, 2, 3, 5, 7, 8, 254, 255];

/// All of them, in an order that is always the same.
pub fn answers(good: &Answer) -> Vec<Answer> {
    let mut all = Vec::new();
    let mut add = |message: Vec<u8>| all.push(Answer { message, ..good.clone() });
    // One byte of the fixed part: what it is, for which hardware, which conversation, whose address, the cookie.
    for at in [0, 1, 2, 4, 7, 28, 33, FIXED_LEN, FIXED_LEN + 3] {
        let mut message = good.message.clone();
        message[at] ^= 0x41;
        add(message);
    }
    for len in [0, 1, 43, FIXED_LEN - 1, FIXED_LEN, OPTIONS - 1, OPTIONS, OPTIONS + 1, OPTIONS + 2] {
        add(good.message[..len.min(good.message.len())].to_vec());
    }
    let (fixed, options) = good.message.split_at(OPTIONS);
    for code in KNOWN {
        for len in LENGTHS {
            let value: Vec<u8> = (0..len).map(|place| place.wrapping_mul(37) ^ code).collect();
            // In front of the right ones, and as the last thing, one byte short.
            add([fixed, &[code, len], &value, options].concat());
            if let Some((_, short)) = value.split_last() {
                add([fixed, &options[..3.min(options.len())], &[code, len], short].concat());
            }
        }
    }
    for text in [&b"$(reboot)"[..], b"a;reboot", b"a\nnameserver 203.0.113.9", b"-n", &[0xff; 200]] {
        add([fixed, &[option::DOMAIN, text.len() as u8], text, options].concat());
    }
    all.push(Answer { wrong_port: true, ..good.clone() });
    all
}
