//! The Internet checksum (RFC 1071): a ones'-complement sum of 16-bit words.

/// Adds `bytes` to the running `sum`; an odd last byte counts as if a zero followed it.
pub fn add(sum: u32, bytes: &[u8]) -> u32 {
    // RFC 1071 §2 (B) and (C): words of 32 bits in the machine's own order add up to the same, once folded
    // and put in order.
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 4];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mut own = u64::from(u32::from_ne_bytes(last));
    for word in words {
        own += u64::from(u32::from_ne_bytes(*word));
    }
    while own >> 32 != 0 {
        own = (own & 0xffff_ffff) + (own >> 32);
    }
    let (total, carry) = sum.overflowing_add(u32::from_be(own as u32));
    total.wrapping_add(u32::from(carry))
}

/// Folds a running sum into the 16 bits that go into a header, complemented.
#[inline(never)]
pub fn finish(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
