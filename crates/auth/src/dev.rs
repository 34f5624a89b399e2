//! Tokens for development: a server is tried and tested without an authorization server. Not for production.
//!
//! Whoever has the secret can be anybody, and what was minted cannot be taken back.

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::json;

use crate::{Error, Secret};

/// How long a token is good for.
const LIFETIME_SECONDS: u64 = 24 * 3600;

/// The shortest secret that is as hard to guess as the hash.
const MIN_SECRET_BYTES: usize = 32;

/// Mints tokens that are signed by a secret, HS256, and good for 24 hours. Not for production.
///
/// ```
/// use turbomcp_auth::dev::DevTokens;
///
/// let tokens = DevTokens::new("a secret of at least thirty-two bytes", "dev", "http://127.0.0.1:8080/mcp")?;
/// let token = tokens.generate_token("ada", ["database:read"]);
/// # drop(token);
/// # Ok::<(), turbomcp_auth::Error>(())
/// ```
pub struct DevTokens {
    key: hmac::Key,
    issuer: String,
    audience: String,
}

impl DevTokens {
    /// Takes the secret, who issues the tokens and which server they are for.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the secret is shorter than 32 bytes, or if the issuer or the audience is empty.
    pub fn new(
        secret: impl Into<Secret>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, Error> {
        let (secret, issuer, audience) = (secret.into(), issuer.into(), audience.into());
        if secret.expose().len() < MIN_SECRET_BYTES {
            return Err(Error::usage(format!("a secret of fewer than {MIN_SECRET_BYTES} bytes can be guessed")));
        }
        if issuer.is_empty() || audience.is_empty() {
            return Err(Error::usage("a token says who issued it, and for whom"));
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()), issuer, audience })
    }

    /// Mints a token that says who the user is and what the user may do.
    #[must_use]
    pub fn generate_token(&self, user: &str, permissions: impl IntoIterator<Item = impl Into<String>>) -> Secret {
        let permissions: Vec<String> = permissions.into_iter().map(Into::into).collect();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|time| time.as_secs());
        let now = now.unwrap_or_default();
        let claims = json!({
            "iss": self.issuer, "aud": self.audience, "sub": user, "permissions": permissions,
            "iat": now, "exp": now + LIFETIME_SECONDS,
        });
        let mut token = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
        let signature = hmac::sign(&self.key, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Secret::new(token)
    }
}

impl fmt::Debug for DevTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, audience, .. } = self;
        f.debug_struct("DevTokens").field("issuer", issuer).field("audience", audience).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn f100_a_token_says_who_and_what_and_for_how_long() {
        let tokens = DevTokens::new(SECRET, "dev", "https://notes.example/mcp").unwrap();
        let token = tokens.generate_token("ada", ["database:read"]);
        let parts: Vec<_> = token.expose().split('.').collect();
        let read = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        assert_eq!(read(parts[0]), json!({"alg": "HS256", "typ": "JWT"}));
        let claims = read(parts[1]);
        assert_eq!(
            (&claims["sub"], &claims["iss"], &claims["aud"], &claims["permissions"]),
            (&json!("ada"), &json!("dev"), &json!("https://notes.example/mcp"), &json!(["database:read"]))
        );
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 24 * 3600);
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        hmac::verify(&key, format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[tokio::test]
    async fn f100_a_server_lets_in_whom_a_token_names() {
        use turbomcp_transport::authenticate::{Authenticate as _, Shown};

        use crate::server::{Algorithm, VerifyingKey};
        use crate::{AuthManager, JwtConfig};

        let audience = "http://127.0.0.1:8080/mcp";
        let key = VerifyingKey::from_secret(&Secret::new(SECRET)).unwrap();
        let jwt = JwtConfig::new("dev", audience).algorithms([Algorithm::HS256]).keys([key]);
        let auth = AuthManager::builder().resource(audience).jwt(jwt).build().unwrap();
        let caller = async |tokens: &DevTokens| {
            let token = tokens.generate_token("ada", ["database:read"]);
            let request = http::Request::get(audience).header("authorization", format!("Bearer {}", token.expose()));
            let (head, ()) = request.body(()).unwrap().into_parts();
            auth.authenticate(Shown::request(&head)).await
        };
        let ada = caller(&DevTokens::new(SECRET, "dev", audience).unwrap()).await.unwrap().unwrap();
        assert_eq!((ada.subject(), ada.permissions()), ("ada", &["database:read".to_owned()][..]));
        let other = DevTokens::new(SECRET.to_uppercase(), "dev", audience).unwrap();
        assert!(caller(&other).await.is_err(), "it is signed by another secret");
    }

    #[test]
    fn f100_a_secret_that_can_be_guessed_is_refused() {
        for (secret, issuer, audience) in
            [(&SECRET[1..], "dev", "x"), ("", "dev", "x"), (SECRET, "", "x"), (SECRET, "dev", "")]
        {
            assert!(DevTokens::new(secret, issuer, audience).unwrap_err().is_usage());
        }
    }
}
