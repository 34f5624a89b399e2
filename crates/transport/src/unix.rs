//! Unix sockets: one message a line, as on stdio.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::lines::Lines;
use crate::listener::Accept;
use crate::{Extensions, PeerCredentials};

/// A listening socket, whose file only its owner can open and which is removed with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens on a path. A socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    ///
    /// If there is something else at the path, somebody listens there, or the directory cannot be written.
    pub fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        match std::fs::symlink_metadata(&path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"));
            }
            Ok(_) if is_listened_on(&path) => return Err(ErrorKind::AddrInUse.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Made under another name, so that nobody can connect before the permissions are set.
        let mut made = path.clone().into_os_string();
        made.push(format!(".{}", std::process::id()));
        let made = PathBuf::from(made);
        // It may be that of a process with the same number that ended before it was renamed: in a container, of any.
        if std::fs::symlink_metadata(&made).is_ok_and(|found| found.file_type().is_socket()) && !is_listened_on(&made) {
            let _ = std::fs::remove_file(&made);
        }
        let listener = UnixListener::bind(&made)?;
        let placed =
            std::fs::set_permissions(&made, Permissions::from_mode(0o600)).and_then(|()| std::fs::rename(&made, &path));
        if let Err(error) = placed {
            let _ = std::fs::remove_file(&made);
            return Err(error);
        }
        Ok(Self { listener, path })
    }

    /// Sets who may open it, as `chmod` does: `0o660` lets the group of the file in as well.
    ///
    /// # Errors
    ///
    /// If the file is gone, or another user's.
    pub fn set_permissions(&self, mode: u32) -> io::Result<()> {
        std::fs::set_permissions(&self.path, Permissions::from_mode(mode))
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_listened_on(path: &Path) -> bool {
    StdStream::connect(path).is_ok()
}

impl Accept for Socket {
    type Stream = UnixStream;
    type Peer = Option<PeerCredentials>;

    async fn accept(&self) -> io::Result<(UnixStream, Option<PeerCredentials>)> {
        let (stream, _) = self.listener.accept().await?;
        let peer = credentials(&stream);
        Ok((stream, peer))
    }
}

/// Asks the operating system who is at the other end.
fn credentials(stream: &UnixStream) -> Option<PeerCredentials> {
    let peer = stream.peer_cred().ok()?;
    Some(PeerCredentials::new(peer.uid(), peer.gid(), peer.pid()))
}

/// Carries messages over a connection; handlers find its [`PeerCredentials`] in the extensions.
#[must_use]
pub fn over(stream: UnixStream) -> Lines<OwnedReadHalf, OwnedWriteHalf> {
    let mut extensions = Extensions::new();
    if let Some(peer) = credentials(&stream) {
        extensions.insert(peer);
    }
    let (reader, writer) = stream.into_split();
    Lines::new(reader, writer).with_extensions(extensions)
}
