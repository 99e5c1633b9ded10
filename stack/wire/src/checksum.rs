//! The Internet checksum (RFC 1071): a ones'-complement sum of 16-bit words.

/// Adds `bytes` to the running `sum`; an odd last byte counts as if a zero followed it.
pub fn add(sum: u32, bytes: &[u8]) -> u32 {
    // RFC 1071 §2 (C): words of 32 bits add up to the same, once folded.
    let mut wide = sum as u64;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        if let Some(word) = word.first_chunk() {
            wide += u64::from(u32::from_be_bytes(*word));
        }
    }
    let mut last = [0; 4];
    last.iter_mut().zip(words.remainder()).for_each(|(to, from)| *to = *from);
    wide += u64::from(u32::from_be_bytes(last));
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
