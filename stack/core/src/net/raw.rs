//! Packets with the IPv4 header that a program made (`IP_HDRINCL`; feature `raw`).

use super::Net;
use super::route::Path;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host};
use crate::secret::Purpose;
use linnet_wire::ipv4::{HEADER_LEN, Header};

impl<H: Host> Net<H> {
    /// Sends `packet` by `path`. As Linux, it fills in length and checksum, and source and identification where
    /// they are zero; nothing is fragmented: `EMSGSIZE`. `EINVAL` for what is no IPv4 header.
    pub fn output_packet(
        &mut self,
        cx: &mut Context<H>,
        path: &Path,
        loop_back: bool,
        mut packet: H::Buf,
    ) -> Result<(), Errno> {
        let total_len = packet.bytes().len();
        if total_len > usize::from(path.mtu) {
            return Err(Errno::EMSGSIZE);
        }
        let len = packet.bytes_mut().get_mut(2..4).and_then(|len| len.first_chunk_mut());
        *len.ok_or(Errno::EINVAL)? = (total_len as u16).to_be_bytes();
        let mut header = Header::parse_quoted(packet.bytes()).map_err(|_| Errno::EINVAL)?;
        if header.source.is_unspecified() {
            header.source = path.source;
        }
        if header.id == 0 {
            let words = [header.source.to_bits(), header.destination.to_bits(), cx.now.as_millis()];
            header.id = self.secret.hash(Purpose::Identification, words) as u16 | 1;
        }
        let mut options = [0; MAX_OPTIONS];
        let from = packet.bytes().get(HEADER_LEN..usize::from(header.header_len)).unwrap_or(&[]);
        let options_len = from.len();
        options.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        packet.pull(usize::from(header.header_len));
        let options = options.get(..options_len).ok_or(Errno::EINVAL)?;
        self.send_packet(cx, path, &header, options, loop_back, packet)
    }
}

/// Bytes of options that a header can have.
const MAX_OPTIONS: usize = 40;
