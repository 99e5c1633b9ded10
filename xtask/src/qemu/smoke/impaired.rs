//! The download again, and an upload, with 2 % of all frames lost, 2 % doubled and 2 % delayed, both ways.

use anyhow::Result;

use super::{Evidence, Guest, Mismatch, download, upload};
use crate::peer::impair::Impairment;

const PER_MILLE: u16 = 20;

/// Makes the wire bad, moves 4 MiB in and 1 MiB out, and makes it good again.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.peer.with(|peer| peer.impair(Impairment::all(PER_MILLE)))?;
    let result = download::fetch(guest).and_then(|down| Ok((down, upload::send(guest, 4)?)));
    let (from_guest, to_guest) = guest.peer.with(|peer| {
        let tally = peer.tally();
        peer.impair(Impairment::NONE);
        tally
    })?;
    let (down, up) = result?;
    let (lost, doubled, delayed) = (
        from_guest.lost + to_guest.lost,
        from_guest.doubled + to_guest.doubled,
        from_guest.delayed + to_guest.delayed,
    );
    if lost == 0 || doubled == 0 || delayed == 0 {
        let got = format!("{from_guest:?} and {to_guest:?}");
        return Err(Mismatch::new("frames to be lost, doubled and delayed", got).into());
    }
    let text = format!(
        "in: {}; out: {}; {lost} frames lost, {doubled} doubled, {delayed} delayed",
        down.text, up.text
    );
    let frames = from_guest.frames + to_guest.frames;
    Ok(Evidence::new(text)
        .with("frames", frames)
        .with("lost", lost)
        .with("doubled", doubled)
        .with("delayed", delayed)
        .with("kib_per_second_in", down.figures["kib_per_second"].clone())
        .with("kib_per_second_out", up.figures["kib_per_second"].clone()))
}
