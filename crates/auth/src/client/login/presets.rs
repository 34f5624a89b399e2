//! Where users log in.

use serde::Deserialize;

use super::config::{OAuth2Config, configured};
use crate::Error;
use crate::client::discovery::ServerMetadata;

const OPENID: &[&str] = &["openid", "profile", "email"];

/// Stands for the tenant in what Microsoft calls itself.
const TENANT: &str = "{tenantid}";

/// The tenant of personal Microsoft accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Where users log in. What is not known beforehand is found by discovery.
///
/// | provider | endpoints | asked for by default |
/// |---|---|---|
/// | Google | known | `openid profile email` |
/// | GitHub | known | `user:email` |
/// | Microsoft | known | `openid profile email` |
/// | GitLab, Okta, Auth0, Keycloak, any other of OpenID Connect | discovered | `openid profile email` |
/// | any other of OAuth | by the configuration | nothing |
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProviderType {
    /// Google accounts.
    Google,
    /// github.com. It says nothing of its users by an ID token.
    GitHub,
    /// Microsoft accounts of any tenant, work, school and personal.
    Microsoft,
    /// Microsoft accounts of one tenant, by its id or domain, or of `organizations` or `consumers`.
    #[serde(rename = "microsoft_tenant")]
    MicrosoftTenant(String),
    /// gitlab.com.
    GitLab,
    /// GitLab at a URL.
    #[serde(rename = "gitlab_at")]
    GitLabAt(String),
    /// Okta: a domain such as `dev-1.okta.com`, whose authorization server is `default`, or the URL of an issuer.
    Okta(String),
    /// Auth0: a domain such as `notes.eu.auth0.com`.
    Auth0(String),
    /// A realm of Keycloak.
    Keycloak {
        /// Where Keycloak is, such as `https://keycloak.example`.
        url: String,
        /// The name of the realm.
        realm: String,
    },
    /// Any provider of OpenID Connect, by its issuer.
    Oidc(String),
    /// Any authorization server, at the `auth_url` and `token_url` of the configuration.
    Custom,
}

/// What is known of a provider.
pub(super) struct Preset {
    pub(super) found: Found,
    pub(super) scopes: &'static [&'static str],
    /// Who may have issued an ID token, if that is not only who the metadata name.
    pub(super) issuers: Issuers,
    /// Set if requests that name a resource are refused, with what is done instead.
    pub(super) no_resources: Option<&'static str>,
}

/// Where its endpoints are.
pub(super) enum Found {
    Known(Box<ServerMetadata>),
    At(String),
}

/// Who may have issued an ID token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Issuers {
    /// Who the metadata name.
    Named,
    /// Or these.
    Also(&'static str),
    /// A tenant that the token names itself, put into this text.
    Tenant(String),
}

impl ProviderType {
    pub(super) fn preset(&self, config: &OAuth2Config) -> Result<Preset, Error> {
        if !config.issuer.is_empty() && *self != Self::Custom {
            return Err(Error::usage("an issuer is set for ProviderType::Custom only: the others know theirs"));
        }
        let at = |issuer: String| -> Result<Preset, Error> {
            configured(&issuer, "the issuer")?;
            Ok(Preset { found: Found::At(issuer), scopes: OPENID, issuers: Issuers::Named, no_resources: None })
        };
        let known = |server: ServerMetadata, scopes| Preset {
            found: Found::Known(Box::new(server)),
            scopes,
            issuers: Issuers::Named,
            no_resources: None,
        };
        Ok(match self {
            Self::Google => Preset { issuers: Issuers::Also("accounts.google.com"), ..known(google(), OPENID) },
            Self::GitHub => known(github(), &["user:email"]),
            Self::Microsoft => microsoft("common")?,
            Self::MicrosoftTenant(tenant) => microsoft(tenant)?,
            Self::GitLab => at("https://gitlab.com".into())?,
            Self::GitLabAt(url) => at(url.trim_end_matches('/').into())?,
            Self::Okta(issuer) if issuer.contains("://") => at(issuer.clone())?,
            Self::Okta(domain) => at(format!("https://{}/oauth2/default", host(domain)?))?,
            // What it calls itself ends with a slash.
            Self::Auth0(domain) => at(format!("https://{}/", host(domain)?))?,
            Self::Keycloak { url, realm } => {
                at(format!("{}/realms/{}", url.trim_end_matches('/'), segment(realm, "the realm")?))?
            }
            Self::Oidc(issuer) => at(issuer.clone())?,
            Self::Custom => known(custom(config)?, &[]),
        })
    }
}

fn google() -> ServerMetadata {
    ServerMetadata {
        issuer: "https://accounts.google.com".into(),
        authorization_endpoint: Some("https://accounts.google.com/o/oauth2/v2/auth".into()),
        token_endpoint: Some("https://oauth2.googleapis.com/token".into()),
        device_authorization_endpoint: Some("https://oauth2.googleapis.com/device/code".into()),
        revocation_endpoint: Some("https://oauth2.googleapis.com/revoke".into()),
        jwks_uri: Some("https://www.googleapis.com/oauth2/v3/certs".into()),
        code_challenge_methods_supported: s256(),
        token_endpoint_auth_methods_supported: methods(&["client_secret_post", "client_secret_basic"]),
        ..ServerMetadata::default()
    }
}

fn github() -> ServerMetadata {
    ServerMetadata {
        issuer: "https://github.com/login/oauth".into(),
        authorization_endpoint: Some("https://github.com/login/oauth/authorize".into()),
        token_endpoint: Some("https://github.com/login/oauth/access_token".into()),
        device_authorization_endpoint: Some("https://github.com/login/device/code".into()),
        code_challenge_methods_supported: s256(),
        token_endpoint_auth_methods_supported: methods(&["client_secret_post"]),
        ..ServerMetadata::default()
    }
}

fn microsoft(tenant: &str) -> Result<Preset, Error> {
    let tenant = segment(tenant, "the tenant")?;
    let base = format!("https://login.microsoftonline.com/{tenant}");
    let named = if tenant == "consumers" { CONSUMERS } else { tenant };
    let is_named = is_guid(named);
    let issuer = format!("https://login.microsoftonline.com/{}/v2.0", if is_named { named } else { TENANT });
    let server = ServerMetadata {
        issuer: issuer.clone(),
        authorization_endpoint: Some(format!("{base}/oauth2/v2.0/authorize")),
        token_endpoint: Some(format!("{base}/oauth2/v2.0/token")),
        device_authorization_endpoint: Some(format!("{base}/oauth2/v2.0/devicecode")),
        jwks_uri: Some(format!("{base}/discovery/v2.0/keys")),
        // It supports this and publishes nothing of it.
        code_challenge_methods_supported: s256(),
        token_endpoint_auth_methods_supported: methods(&[
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ]),
        ..ServerMetadata::default()
    };
    Ok(Preset {
        found: Found::Known(Box::new(server)),
        scopes: OPENID,
        issuers: if is_named { Issuers::Named } else { Issuers::Tenant(issuer) },
        no_resources: Some("Microsoft refuses requests that name a resource: name it by a scope, `RESOURCE/.default`"),
    })
}

fn custom(config: &OAuth2Config) -> Result<ServerMetadata, Error> {
    if config.token_url.is_empty() {
        return Err(Error::usage("ProviderType::Custom needs a token_url"));
    }
    let origin = configured(&config.token_url, "token_url")?.origin();
    let issuer = if config.issuer.is_empty() { origin } else { config.issuer.clone() };
    Ok(ServerMetadata { issuer, is_assumed: true, ..ServerMetadata::default() })
}

fn s256() -> Option<Vec<String>> {
    Some(vec!["S256".into()])
}

fn methods(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Checks the name of a host.
fn host(domain: &str) -> Result<&str, Error> {
    if domain.is_empty() || domain.contains(['/', '?', '#', '@', '\\']) {
        return Err(Error::usage(format!("{domain:?} is no domain")));
    }
    Ok(domain)
}

/// Checks what becomes a part of a path.
fn segment<'a>(name: &'a str, what: &str) -> Result<&'a str, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_plain) {
        return Err(Error::usage(format!("{name:?} cannot be the name of {what}")));
    }
    Ok(name)
}

pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl Issuers {
    /// True if these claims are of a token that may come from here.
    pub(super) fn include(&self, named: &str, claims: &serde_json::Map<String, serde_json::Value>) -> bool {
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
        let Some(issuer) = text("iss") else { return false };
        match self {
            Self::Named => issuer == named,
            Self::Also(other) => issuer == named || issuer == *other,
            Self::Tenant(template) => {
                text("tid").is_some_and(|tenant| is_guid(tenant) && issuer == template.replace(TENANT, tenant))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn preset(kind: &ProviderType) -> Preset {
        kind.preset(&OAuth2Config::default()).unwrap()
    }

    #[test]
    fn f89_known_endpoints_are_those_of_today() {
        for (kind, expected) in [
            (
                ProviderType::Google,
                [
                    Some("https://accounts.google.com/o/oauth2/v2/auth"),
                    Some("https://oauth2.googleapis.com/token"),
                    Some("https://oauth2.googleapis.com/device/code"),
                    Some("https://oauth2.googleapis.com/revoke"),
                    Some("https://www.googleapis.com/oauth2/v3/certs"),
                ],
            ),
            (
                ProviderType::GitHub,
                [
                    Some("https://github.com/login/oauth/authorize"),
                    Some("https://github.com/login/oauth/access_token"),
                    Some("https://github.com/login/device/code"),
                    None,
                    None,
                ],
            ),
            (
                ProviderType::MicrosoftTenant("contoso.example".into()),
                [
                    Some("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"),
                    Some("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"),
                    Some("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/devicecode"),
                    None,
                    Some("https://login.microsoftonline.com/contoso.example/discovery/v2.0/keys"),
                ],
            ),
        ] {
            let Found::Known(server) = preset(&kind).found else { panic!("{kind:?} is not known") };
            let found = [
                &server.authorization_endpoint,
                &server.token_endpoint,
                &server.device_authorization_endpoint,
                &server.revocation_endpoint,
                &server.jwks_uri,
            ];
            assert_eq!(found.map(|url| url.as_deref()), expected, "{kind:?}");
            server.require_s256().unwrap();
        }
        let Found::Known(server) = preset(&ProviderType::Microsoft).found else { panic!("it is not known") };
        assert_eq!(
            server.token_endpoint.as_deref(),
            Some("https://login.microsoftonline.com/common/oauth2/v2.0/token")
        );
    }

    #[test]
    fn f89_the_others_are_found_by_their_issuers() {
        let keycloak = |url: &str, realm: &str| ProviderType::Keycloak { url: url.into(), realm: realm.into() };
        for (kind, issuer) in [
            (ProviderType::GitLab, "https://gitlab.com"),
            (ProviderType::GitLabAt("https://git.example/".into()), "https://git.example"),
            (ProviderType::Okta("dev-1.okta.com".into()), "https://dev-1.okta.com/oauth2/default"),
            (ProviderType::Okta("https://dev-1.okta.com".into()), "https://dev-1.okta.com"),
            (ProviderType::Auth0("notes.eu.auth0.com".into()), "https://notes.eu.auth0.com/"),
            (keycloak("https://k.example/", "staff"), "https://k.example/realms/staff"),
            (ProviderType::Oidc("https://id.example/x".into()), "https://id.example/x"),
        ] {
            let Found::At(found) = preset(&kind).found else { panic!("{kind:?} is not discovered") };
            assert_eq!(found, issuer);
        }
        for bad in [
            ProviderType::Auth0("https://x".into()),
            ProviderType::Auth0(String::new()),
            ProviderType::Okta("a/b".into()),
            ProviderType::Oidc("http://id.example".into()),
            ProviderType::MicrosoftTenant("a/b".into()),
            ProviderType::MicrosoftTenant("..".into()),
            keycloak("https://k.example", "../master"),
            ProviderType::Custom,
        ] {
            assert!(bad.preset(&OAuth2Config::default()).err().unwrap().is_usage(), "{bad:?}");
        }
    }

    #[test]
    fn tokens_of_another_issuer_are_told_apart() {
        const OWN: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let microsoft = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let check = |kind: &ProviderType, claims: Value, expected: bool| {
            let preset = preset(kind);
            let Found::Known(server) = preset.found else { panic!("it is not known") };
            let found = preset.issuers.include(&server.issuer, claims.as_object().unwrap());
            assert_eq!(found, expected, "{kind:?} and {claims}");
        };
        check(&ProviderType::Google, json!({"iss": "https://accounts.google.com"}), true);
        check(&ProviderType::Google, json!({"iss": "accounts.google.com"}), true);
        check(&ProviderType::Google, json!({"iss": "https://accounts.google.com/"}), false);
        let any = ProviderType::Microsoft;
        check(&any, json!({"iss": microsoft(OWN), "tid": OWN}), true);
        check(&any, json!({"iss": microsoft(OWN), "tid": CONSUMERS}), false);
        check(&any, json!({"iss": microsoft(OWN)}), false);
        check(&any, json!({"iss": microsoft("{tenantid}"), "tid": "{tenantid}"}), false);
        check(&any, json!({"iss": "https://evil.example", "tid": OWN}), false);
        let own = ProviderType::MicrosoftTenant(OWN.into());
        check(&own, json!({"iss": microsoft(OWN), "tid": OWN}), true);
        check(&own, json!({"iss": microsoft(CONSUMERS), "tid": CONSUMERS}), false);
        let consumers = ProviderType::MicrosoftTenant("consumers".into());
        check(&consumers, json!({"iss": microsoft(CONSUMERS), "tid": CONSUMERS}), true);
        check(&consumers, json!({"iss": microsoft(OWN), "tid": OWN}), false);
    }
}
