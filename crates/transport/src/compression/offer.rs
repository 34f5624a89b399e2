//! How two sides that talk in lines agree on compression.
//!
//! A client that wants it begins with eight bytes that no JSON begins with, and waits for the same eight. A server that
//! knows them sends them back, and both compress from then on. One that does not takes them for a line that is no
//! message, and says so in plain text, by which the client knows it.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{CompressionAlgorithm, CompressionConfig, CompressionError, Lz4Reader, Lz4Writer};
use crate::Error;
use crate::lines::Lines;

/// The first byte stands in no UTF-8, and the last one ends a line.
const PREAMBLE: [u8; 8] = *b"\xf5MCPLZ4\n";

impl CompressionConfig {
    /// Checks that it is of use for a binding that carries lines.
    ///
    /// # Errors
    ///
    /// If a setting is not possible, or LZ4 is not among the algorithms.
    pub fn check_for_lines(&self) -> Result<(), CompressionError> {
        self.check(&[CompressionAlgorithm::Lz4])
    }
}

impl<R, W> Lines<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    /// Offers to a server to compress, and waits for its agreement.
    ///
    /// # Errors
    ///
    /// If the server does not agree: it speaks plain text, or closes the connection. It cannot be used any more then. If
    /// the configuration is [of no use here](CompressionConfig::check_for_lines).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn offer_compression(
        self,
        config: &CompressionConfig,
    ) -> Result<Lines<Lz4Reader<R>, Lz4Writer<W>>, Error> {
        config.check_for_lines().map_err(std::io::Error::other)?;
        let (mut reader, mut writer, rest) = self.into_streams();
        writer.write_all(&PREAMBLE).await?;
        writer.flush().await?;
        let mut answer = [0; PREAMBLE.len()];
        for at in 0..answer.len() {
            reader.read_exact(&mut answer[at..=at]).await?;
            if answer[at] != PREAMBLE[at] {
                return Err(Error::broken("plain text, although compression was offered"));
            }
        }
        let streams = (Lz4Reader::compressed(reader, config), Lz4Writer::new(writer, Some(config.clone())));
        Ok(rest.with_streams(streams.0, streams.1))
    }

    /// Waits for what the client begins with, and compresses if it offers to; any other is served as it is.
    ///
    /// # Errors
    ///
    /// If the client is gone before it says anything, or begins like one that offers and is none. If the configuration is
    /// [of no use here](CompressionConfig::check_for_lines).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn accept_compression(
        self,
        config: &CompressionConfig,
    ) -> Result<Lines<Lz4Reader<R>, Lz4Writer<W>>, Error> {
        config.check_for_lines().map_err(std::io::Error::other)?;
        let (mut reader, mut writer, rest) = self.into_streams();
        let mut offer = [0; PREAMBLE.len()];
        reader.read_exact(&mut offer[..1]).await?;
        if offer[0] != PREAMBLE[0] {
            let first = Bytes::copy_from_slice(&offer[..1]);
            return Ok(rest.with_streams(Lz4Reader::plain(reader, first), Lz4Writer::new(writer, None)));
        }
        reader.read_exact(&mut offer[1..]).await?;
        if offer != PREAMBLE {
            return Err(Error::broken("an offer of compression that is none"));
        }
        writer.write_all(&PREAMBLE).await?;
        writer.flush().await?;
        let streams = (Lz4Reader::compressed(reader, config), Lz4Writer::new(writer, Some(config.clone())));
        Ok(rest.with_streams(streams.0, streams.1))
    }
}
