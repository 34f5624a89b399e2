//! Where the user is asked.

use std::fmt;
use std::future::Future;
use std::process::Stdio;
use std::sync::Arc;

use turbomcp_transport::http::authorize::BoxError;

use super::{BoxFuture, boxed};

/// What became of a URL that was to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Visit {
    /// The user has it before them. Its answer will come to the listener on this machine.
    Opened,
    /// The authorization server has redirected to this URL, which somebody else caught.
    Returned(String),
}

/// Opens URLs for the user.
#[derive(Clone)]
pub struct Browser {
    open: Arc<dyn Fn(String) -> BoxFuture<'static, Result<Visit, BoxError>> + Send + Sync>,
}

impl Browser {
    /// Opens URLs by a function.
    ///
    /// ```
    /// use turbomcp_auth::client::{Browser, Visit};
    ///
    /// let browser = Browser::new(|url| async move {
    ///     eprintln!("Please open {url}");
    ///     Ok(Visit::Opened)
    /// });
    /// # drop(browser);
    /// ```
    pub fn new<F, Fut>(open: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Visit, BoxError>> + Send + 'static,
    {
        Self { open: Arc::new(move |url| boxed(open(url))) }
    }

    /// Opens URLs with the program of this system that does, and shows them on the standard error if there is none.
    ///
    /// No shell sees a URL.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|url| async move {
            // The runtime reaps it.
            if let Err(error) = command(&url).spawn() {
                tracing::debug!(%error, "no browser can be started");
                eprintln!("To go on, open this in a browser:\n{url}");
            }
            Ok(Visit::Opened)
        })
    }

    pub(super) async fn open(&self, url: String) -> Result<Visit, BoxError> {
        (self.open)(url).await
    }
}

/// Returns the command that opens a URL, which is one argument of it.
fn command(url: &str) -> tokio::process::Command {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Default for Browser {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds SEC-11.
    #[test]
    fn defence_21_no_shell_sees_a_url() {
        let url = "https://login.example/?a=$(id)&b=`id`;id|id&c='\"";
        let command = command(url);
        let command = command.as_std();
        assert_eq!(command.get_args().last().unwrap(), url);
        let program = command.get_program().to_string_lossy().into_owned();
        assert!(["open", "rundll32", "xdg-open"].contains(&program.as_str()), "{program}");
        assert!(command.get_args().all(|argument| argument != "-c" && argument != "/c"));
    }
}
