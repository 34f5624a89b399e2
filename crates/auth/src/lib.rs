//! Who is calling: OAuth 2.1 for MCP.
//!
//! | module | what is in it | feature |
//! |---|---|---|
//! | [`challenge`] | `WWW-Authenticate`, read | always |
//! | [`pkce`] | the proof that who redeems a code is who asked for it | always |
//! | [`client`] | [`OAuthClient`]: tokens for requests, by every grant that MCP knows | `client` |
//! | [`client::login`] | [`OAuth2Provider`]: a server that logs its users in elsewhere | `login` |
//! | `dev` | tokens for development, not for production | `dev` |
//! | [`server`] | [`AuthManager`]: who is calling, by token, API key or certificate | `server` |
//!
//! ```no_run
//! use turbomcp_auth::OAuthClient;
//!
//! # async fn run() -> Result<(), turbomcp_auth::Error> {
//! let oauth = OAuthClient::builder("https://notes.example/mcp").client_name("My host").build()?;
//! // Opens a browser. Left out, it is opened when the server refuses the first request.
//! oauth.login().await?;
//! # Ok(())
//! # }
//! ```
//!
//! It is an [`Authorize`](turbomcp_transport::http::authorize::Authorize): hand it to the target of a client.

pub mod challenge;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "dev")]
pub mod dev;
#[cfg(any(feature = "client", feature = "server"))]
mod discovery;
#[cfg(any(feature = "client", feature = "server"))]
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "the client needs more of it than the server"))]
mod error;
#[cfg(any(feature = "client", feature = "server"))]
mod fetch;
#[cfg(any(feature = "client", feature = "server"))]
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "the client needs more of it than the server"))]
mod form;
#[cfg(feature = "client")]
mod jwt;
pub mod pkce;
mod random;
#[cfg(any(feature = "client", feature = "server"))]
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "the client needs more of it than the server"))]
mod secret;
#[cfg(feature = "server")]
pub mod server;
#[cfg(any(feature = "client", feature = "server"))]
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "the client needs more of it than the server"))]
mod url;

#[cfg(feature = "login")]
pub use client::login::{OAuth2Config, OAuth2FlowType, OAuth2Provider, ProviderType};
#[cfg(feature = "client")]
pub use client::{OAuthClient, OAuthClientBuilder};
#[cfg(any(feature = "client", feature = "server"))]
pub use error::Error;
#[cfg(any(feature = "client", feature = "server"))]
pub use fetch::Reach;
#[cfg(feature = "client")]
pub use jwt::SigningKey;
#[cfg(any(feature = "client", feature = "server"))]
pub use secret::Secret;
#[cfg(feature = "server")]
pub use server::{AuthConfig, AuthManager, AuthManagerBuilder, JwtConfig};
