//! Signed tokens, taken apart.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::algorithm::{Algorithm, VerifyingKey};

/// The longest token that is looked at.
const MAX_BYTES: usize = 16 << 10;

/// A signed token whose signature was not looked at yet.
pub(super) struct Jws<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) header: Header,
    /// JSON, as far as it is any.
    pub(super) payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
pub(super) struct Header {
    alg: String,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) jwk: Option<Value>,
    /// What has to be understood, and is not.
    crit: Option<Value>,
}

impl<'a> Jws<'a> {
    /// Takes a token apart; none if it is not one of three parts with a header.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = object(header)?;
        let header = serde_json::from_slice(&header).ok()?;
        let payload = object(payload)?;
        Some(Self { signed, header, payload, signature: URL_SAFE_NO_PAD.decode(signature).ok()? })
    }

    /// Returns the algorithm, if it is one of these and nothing has to be understood beside it.
    pub(super) fn algorithm(&self, allowed: &[Algorithm]) -> Option<Algorithm> {
        let algorithm = Algorithm::named(&self.header.alg)?;
        (self.header.crit.is_none() && allowed.contains(&algorithm)).then_some(algorithm)
    }

    pub(super) fn is_signed_by(&self, key: &VerifyingKey, algorithm: Algorithm) -> bool {
        key.verifies(algorithm, self.signed.as_bytes(), &self.signature)
    }

    /// Returns true if it is signed by one of these keys, among those that its header leaves to choose from.
    pub(super) fn is_signed_by_one_of(&self, keys: &[VerifyingKey], algorithm: Algorithm) -> bool {
        let kid = self.header.kid.as_deref();
        let mut named = keys.iter().filter(|key| kid.is_none_or(|kid| key.id().is_none_or(|id| id == kid)));
        named.any(|key| self.is_signed_by(key, algorithm))
    }
}

/// Decodes what has to be a JSON object: a struct would be read from an array, too.
fn object(encoded: &str) -> Option<Vec<u8>> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    decoded.trim_ascii_start().starts_with(b"{").then_some(decoded)
}

/// What a token says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) sub: Option<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) aud: Vec<String>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
    pub(super) iat: Option<NumericDate>,
    #[serde(deserialize_with = "words")]
    scope: Vec<String>,
    #[serde(deserialize_with = "words")]
    scp: Vec<String>,
    pub(super) cnf: Option<Confirmation>,
    /// What only ID tokens have, or say; the first also tokens of older versions of Keycloak, which say what they are.
    nonce: Option<IgnoredAny>,
    at_hash: Option<IgnoredAny>,
    c_hash: Option<IgnoredAny>,
    typ: Option<Value>,
    token_use: Option<Value>,
}

impl Claims {
    /// Returns true if a token tells a client who its user is, rather than a server what the client may do.
    ///
    /// Both are signed with the same keys, and where the audience is the id of an application, they are for the same.
    pub(super) fn are_of_id_token(&self) -> bool {
        let says = |claim: &Option<Value>, what: &str| claim.as_ref().and_then(Value::as_str) == Some(what);
        let has_hash = self.at_hash.is_some() || self.c_hash.is_some();
        let is_named = says(&self.typ, "ID") || says(&self.token_use, "id");
        has_hash || is_named || (self.nonce.is_some() && !says(&self.typ, "Bearer"))
    }

    /// Returns the scopes, as RFC 9068 or as others spell them.
    pub(super) fn scopes(&mut self) -> Vec<String> {
        let mut scopes = std::mem::take(&mut self.scope);
        scopes.append(&mut self.scp);
        scopes
    }
}

/// What whoever shows a token must have, too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Confirmation {
    /// The thumbprint of a key that signs each request (RFC 9449).
    pub(super) jkt: Option<String>,
    /// The hash of a certificate (RFC 8705).
    #[serde(rename = "x5t#S256")]
    pub(super) certificate: Option<String>,
}

/// Seconds since 1970, with or without a fraction.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumericDate(f64);

impl NumericDate {
    /// Returns the moment; the end of all time for what lies behind it.
    pub(super) fn time(self) -> SystemTime {
        const FAR: f64 = 1e11;
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(self.0.clamp(0.0, FAR))
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if seconds.is_finite() { Ok(Self(seconds)) } else { Err(serde::de::Error::custom("no moment")) }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// Reads a list, or a text with spaces between its words.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => one.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        OneOrMany::Many(many) => many,
    })
}

/// Finds a claim by its name, or by a JSON pointer, which begins with a slash; a list of texts, or one text.
///
/// Only scopes are written with spaces between them: a role may have one within.
pub(super) fn texts(claims: &Value, name: &str) -> Vec<String> {
    match find(claims, name) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) if matches!(name.trim_start_matches('/'), "scope" | "scp") => {
            text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
        _ => Vec::new(),
    }
}

pub(super) fn find<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: bool) {
        assert_eq!(serde_json::from_str::<Claims>(json).is_ok(), expected, "{json}");
    }

    #[test]
    fn claims_have_their_types() {
        check(r#"{"aud":"a","exp":1,"nbf":1.5,"scope":"a b"}"#, true);
        check(r#"{"aud":["a","b"],"scp":["a"]}"#, true);
        check(r#"{"exp":"9999999999"}"#, false);
        check(r#"{"nbf":"0"}"#, false);
        check(r#"{"nbf":null}"#, true);
        check(r#"{"exp":1,"exp":2}"#, false);
        check(r#"{"aud":[1]}"#, false);
        check(r#"{"sub":7}"#, false);
    }

    #[test]
    fn header_and_claims_are_objects() {
        let read = |header: &str, claims: &str| {
            let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            Jws::read(&format!("{header}.{claims}.")).is_some()
        };
        let (header, claims) = (r#"{"alg":"ES256"}"#, r#"{"iss":"a"}"#);
        assert!(read(header, claims) && read(&format!(" {header}"), &format!("\n{claims}")));
        assert!(!read(r#"["ES256",null,null,null,null]"#, claims));
        assert!(!read(header, r#"["a"]"#));
    }

    #[test]
    fn a_claim_is_found_by_name_or_by_pointer() {
        let claims =
            serde_json::json!({"realm_access": {"roles": ["a", 1]}, "https://x/y": "Store Admin", "scp": "b c"});
        assert_eq!(texts(&claims, "/realm_access/roles"), ["a"]);
        assert_eq!(texts(&claims, "https://x/y"), ["Store Admin"]);
        assert_eq!(texts(&claims, "scp"), ["b", "c"]);
        assert!(texts(&claims, "none").is_empty());
    }
}
