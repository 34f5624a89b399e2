//! A server that is a client of OAuth itself: it logs its users in elsewhere, and calls other APIs in their name.
//!
//! | to | see |
//! |---|---|
//! | say who the server is, and where users log in | [`OAuth2Config`], [`ProviderType`], [`OAuth2Provider`] |
//! | log a user in by a browser | [`OAuth2Provider::start`], [`OAuth2Provider::finish`] |
//! | log a user in by a code that is entered elsewhere | [`OAuth2Provider::start_device`] |
//! | call an API in a user's name | [`OAuth2Provider::access`], [`AccessToken`] |
//! | call an API in the server's own name | [`OAuth2Provider::service`] |
//! | get a token of less for a token of more | [`OAuth2Provider::exchange`] |
//! | log a user out | [`OAuth2Provider::logout`] |
//!
//! ```no_run
//! use turbomcp_auth::client::login::{LoginRequest, OAuth2Config, OAuth2Provider, ProviderType};
//!
//! # async fn run(callback: http::Uri, headers: http::HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
//! let config = OAuth2Config {
//!     client_id: std::env::var("GOOGLE_CLIENT_ID")?,
//!     client_secret: std::env::var("GOOGLE_CLIENT_SECRET")?.into(),
//!     redirect_uri: "https://notes.example/callback".into(),
//!     ..OAuth2Config::default()
//! };
//! let google = OAuth2Provider::new("google", config, ProviderType::Google).await?;
//!
//! // Where users begin: answer with a redirect to the URL, and with the cookie.
//! let begun = google.start(LoginRequest::default()).await?;
//! println!("Location: {}\nSet-Cookie: {}", begun.url(), begun.set_cookie());
//!
//! // Where they come back.
//! let login = google.finish(&callback, &headers).await?;
//! println!("{} is logged in", login.user());
//!
//! // Whenever something is done in their name.
//! if let Some(access) = google.access(login.user()).await? {
//!     let headers = access.headers(&http::Method::GET, "https://www.googleapis.com/drive/v3/about")?;
//! #   drop(headers);
//! }
//! # Ok(())
//! # }
//! ```

mod access_token;
mod code;
mod config;
mod device;
mod exchange;
mod id_token;
mod kept;
mod pending;
mod presets;
mod provider;
mod store;

pub use access_token::AccessToken;
pub use code::{Begun, Login, LoginRequest};
pub use config::{DpopConfig, OAuth2Config, OAuth2FlowType, SecurityLevel};
pub use device::DeviceLogin;
pub use exchange::TokenExchange;
pub use id_token::IdToken;
pub use kept::Revocation;
pub use presets::ProviderType;
pub use provider::{OAuth2Provider, OAuth2ProviderBuilder};
pub use store::ExpiringStore;
