//! Where credentials are kept between requests, and between runs.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use turbomcp_transport::http::authorize::BoxError;

use super::{BoxFuture, boxed, lock};
use crate::Secret;

/// Keeps secrets by name.
///
/// A name holds the server that tokens are for, or the issuer that a client is registered with. Several clients may
/// share a store if they act for the same user: each uses the tokens that another has got. Two that refresh the same
/// tokens at the same moment may both lose them, and then the user is asked again.
pub trait TokenStore: Send + Sync + 'static {
    /// Returns what is kept by a name.
    fn load(&self, name: &str) -> impl Future<Output = Result<Option<Secret>, BoxError>> + Send;

    /// Keeps a secret by a name, in place of what was kept before.
    fn save(&self, name: &str, secret: Secret) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Forgets what is kept by a name, if anything is.
    fn remove(&self, name: &str) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// [`TokenStore`], whatever the type.
pub(super) trait ErasedStore: Send + Sync {
    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret>, BoxError>>;
    fn save<'a>(&'a self, name: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), BoxError>>;
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BoxError>>;
}

impl<S: TokenStore> ErasedStore for S {
    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret>, BoxError>> {
        boxed(TokenStore::load(self, name))
    }

    fn save<'a>(&'a self, name: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), BoxError>> {
        boxed(TokenStore::save(self, name, secret))
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        boxed(TokenStore::remove(self, name))
    }
}

/// Keeps secrets as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    secrets: Mutex<HashMap<String, Secret>>,
}

impl TokenStore for MemoryStore {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        Ok(lock(&self.secrets).get(name).cloned())
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        lock(&self.secrets).insert(name.to_owned(), secret);
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        lock(&self.secrets).remove(name);
        Ok(())
    }
}

/// Keeps secrets in files of a folder, which only this user can read.
///
/// A file is replaced as a whole, so that no reader sees half of it and no crash leaves one behind.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// Keeps secrets in this folder, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Names may be URLs, and names of files may not.
    fn path(&self, name: &str) -> PathBuf {
        let digest = digest::digest(&digest::SHA256, name.as_bytes());
        self.folder.join(format!("{}.json", URL_SAFE_NO_PAD.encode(digest)))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BoxError> {
        let path = self.path(name);
        Ok(tokio::task::spawn_blocking(move || work(&path)).await??)
    }
}

impl TokenStore for FileStore {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        self.blocking(name, |path| match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        self.blocking(name, move |path| replace(path, secret.expose())).await
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        self.blocking(name, |path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
    }
    let new = path.with_extension(format!("{}.new", crate::random::text()));
    let written = write(&new, text).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn keeps(store: impl TokenStore) {
        assert_eq!(store.load("https://a").await.unwrap(), None);
        store.save("https://a", Secret::new("1")).await.unwrap();
        store.save("https://b", Secret::new("2")).await.unwrap();
        store.save("https://a", Secret::new("3")).await.unwrap();
        assert_eq!(store.load("https://a").await.unwrap(), Some(Secret::new("3")));
        store.remove("https://a").await.unwrap();
        store.remove("https://a").await.unwrap();
        assert_eq!(store.load("https://a").await.unwrap(), None);
        assert_eq!(store.load("https://b").await.unwrap(), Some(Secret::new("2")));
    }

    #[tokio::test]
    async fn the_memory_keeps() {
        keeps(MemoryStore::default()).await;
    }

    /// Holds AUTHC-33, AUTHCC-07, AUTHEMA-09.
    #[tokio::test]
    async fn files_keep_and_are_for_their_owner_only() {
        let folder = std::env::temp_dir().join(format!("turbomcp-auth-{}", crate::random::text()));
        keeps(FileStore::new(folder.join("deep"))).await;
        let files: Vec<_> = std::fs::read_dir(folder.join("deep")).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1, "nothing is left over: {files:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&files[0].path()), 0o600);
            assert_eq!(mode(&folder.join("deep")), 0o700);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
