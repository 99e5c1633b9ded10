//! The carrier: frames to and from QEMU's `-netdev stream` over a UNIX socket.
//!
//! On the socket each frame is preceded by its length, 32 bits big-endian. A stream socket is used
//! rather than datagrams because it never drops and carries many frames per call.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// A frame longer than this means that the two ends have lost step.
const LENGTH_MAX: usize = 1 << 17;
/// Bytes asked of the socket at once.
const CHUNK: usize = 1 << 16;

/// The receiving half: cuts the stream into frames.
pub struct FrameReader<R> {
    stream: R,
    buffer: Vec<u8>,
    chunk: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// Reads frames from `stream`.
    pub fn new(stream: R) -> FrameReader<R> {
        FrameReader { stream, buffer: Vec::new(), chunk: vec![0; CHUNK] }
    }

    /// Waits for at least one frame and returns all that have arrived; none at the end of the stream.
    ///
    /// # Errors
    /// Those of the socket, and `InvalidData` for a length that cannot be.
    pub fn read(&mut self) -> io::Result<Vec<Vec<u8>>> {
        loop {
            let read = match self.stream.read(&mut self.chunk) {
                Ok(0) => return Ok(Vec::new()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.buffer.extend_from_slice(&self.chunk[..read]);
            let frames = self.cut()?;
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }

    fn cut(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let mut at = 0;
        while let Some((prefix, rest)) = self.buffer[at..].split_first_chunk::<4>() {
            let len = u32::from_be_bytes(*prefix) as usize;
            if len > LENGTH_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("frame of {len} bytes")));
            }
            let Some(frame) = rest.get(..len) else { break };
            frames.push(frame.to_vec());
            at += 4 + len;
        }
        self.buffer.drain(..at);
        Ok(frames)
    }
}

/// The sending half.
pub struct FrameWriter<W> {
    stream: W,
    buffer: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    /// Writes frames to `stream`.
    pub fn new(stream: W) -> FrameWriter<W> {
        FrameWriter { stream, buffer: Vec::with_capacity(CHUNK) }
    }

    /// Sends `frames` in one go.
    ///
    /// # Errors
    /// Those of the socket: the other end is gone.
    pub fn write(&mut self, frames: &[Vec<u8>]) -> io::Result<()> {
        self.buffer.clear();
        for frame in frames {
            self.buffer.extend((frame.len() as u32).to_be_bytes());
            self.buffer.extend_from_slice(frame);
        }
        self.stream.write_all(&self.buffer)
    }
}

/// Both halves of a connected socket.
///
/// # Errors
/// Those of duplicating the descriptor.
pub fn halves(stream: UnixStream) -> io::Result<(FrameReader<UnixStream>, FrameWriter<UnixStream>)> {
    Ok((FrameReader::new(stream.try_clone()?), FrameWriter::new(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands its bytes out one by one.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let take = self.0.len().min(1);
            into[..take].copy_from_slice(&self.0[..take]);
            self.0 = &self.0[take..];
            Ok(take)
        }
    }

    #[test]
    fn frames_survive_any_cutting_of_the_stream() {
        let frames = vec![vec![1, 2, 3], vec![], vec![9; 1514]];
        let mut bytes = Vec::new();
        FrameWriter::new(&mut bytes).write(&frames).unwrap();
        assert_eq!(bytes[..11], [0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0]);

        assert_eq!(FrameReader::new(&bytes[..]).read().unwrap(), frames);

        let mut reader = FrameReader::new(Trickle(&bytes));
        for frame in frames {
            assert_eq!(reader.read().unwrap(), [frame]);
        }
        assert!(reader.read().unwrap().is_empty());
    }

    #[test]
    fn a_length_that_cannot_be_is_an_error() {
        let error = FrameReader::new(&[0x7f, 0, 0, 0][..]).read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
