//! The Internet checksum (RFC 1071): a ones'-complement sum of 16-bit words.

/// Adds `bytes` to the running `sum`; an odd last byte counts as if a zero followed it.
pub fn add(sum: u32, bytes: &[u8]) -> u32 {
    let mut wide = sum as u64;
    let mut words = bytes.chunks_exact(2);
    for word in &mut words {
        if let [high, low] = *word {
            wide += u64::from(u16::from_be_bytes([high, low]));
        }
    }
    if let [last] = *words.remainder() {
        wide += u64::from(last) << 8;
    }
    while wide >> 32 != 0 {
        wide = (wide & 0xffff_ffff) + (wide >> 32);
    }
    wide as u32
}

/// Folds a running sum into the 16 bits that go into a header, complemented.
#[inline(never)]
pub fn finish(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
