//! What is finished although nobody waits for it any more.

use std::future::Future;
use std::sync::Mutex;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::lock;
use crate::Error;

/// Work under way, which ends when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Runs something to its end, even if nobody waits for it any more: a refresh token that was used and a new one
    /// that was not kept would be the end of the authorization.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (send, receive) = oneshot::channel();
        {
            let mut tasks = lock(&self.0);
            while tasks.try_join_next().is_some() {}
            tasks.spawn(async move {
                let _ = send.send(work.await);
            });
        }
        receive.await.unwrap_or_else(|_| Err(Error::connect("authorization has ended before its end")))
    }
}
