//! Taking the standard streams where they cannot be polled or redirected.

use std::io;

use super::thread::{ThreadReader, ThreadWriter};

pub(super) type Input = ThreadReader;
pub(super) type Output = ThreadWriter;

#[cfg(windows)]
pub(super) fn take() -> io::Result<(Input, Output)> {
    use std::fs::File;
    use std::os::windows::io::AsHandle;

    let input = io::stdin().as_handle().try_clone_to_owned()?;
    let output = io::stdout().as_handle().try_clone_to_owned()?;
    Ok((ThreadReader::new(File::from(input)), ThreadWriter::new(File::from(output))))
}

#[cfg(not(windows))]
pub(super) fn take() -> io::Result<(Input, Output)> {
    Err(io::ErrorKind::Unsupported.into())
}
