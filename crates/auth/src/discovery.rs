//! What an authorization server publishes of itself (RFC 8414, or OpenID Connect Discovery).

use serde::de::DeserializeOwned;

use crate::Error;
use crate::fetch::Fetcher;
use crate::url::Url;

/// A document that says whose it is.
pub(crate) trait OfIssuer {
    fn issuer(&self) -> &str;
}

/// Finds what is published under the name of an issuer.
pub(crate) async fn of_issuer<T: DeserializeOwned + OfIssuer>(fetcher: &Fetcher, issuer: &str) -> Result<T, Error> {
    let (origin, path) = origin_and_path(issuer)?;
    let mut urls = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        urls.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    published(fetcher, urls, issuer).await
}

/// Finds what a provider of OpenID Connect publishes: where that has it first, and then where OAuth does.
#[cfg(feature = "login")]
pub(crate) async fn of_openid_issuer<T: DeserializeOwned + OfIssuer>(
    fetcher: &Fetcher,
    issuer: &str,
) -> Result<T, Error> {
    let (origin, path) = origin_and_path(issuer)?;
    let urls = vec![
        format!("{origin}{path}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ];
    published(fetcher, urls, issuer).await
}

fn origin_and_path(issuer: &str) -> Result<(String, String), Error> {
    let url = Url::parse(issuer, "the issuer")?;
    if url.uri().query().is_some() {
        return Err(Error::refused("the issuer has a query"));
    }
    Ok((url.origin(), url.path().to_owned()))
}

async fn published<T: DeserializeOwned + OfIssuer>(
    fetcher: &Fetcher,
    urls: Vec<String>,
    issuer: &str,
) -> Result<T, Error> {
    let found = first::<T>(fetcher, urls).await?;
    let found = found.ok_or_else(|| Error::refused(format!("{issuer} publishes no metadata")))?;
    require_issuer(&found, issuer)?;
    Ok(found)
}

/// Refuses what is said by one issuer of another.
pub(crate) fn require_issuer(metadata: &impl OfIssuer, issuer: &str) -> Result<(), Error> {
    if metadata.issuer() == issuer {
        return Ok(());
    }
    Err(Error::refused(format!("the metadata of {issuer:?} are those of {:?}", metadata.issuer())))
}

/// Returns the first document there is, at places where there need not be one.
pub(crate) async fn first<T: DeserializeOwned>(fetcher: &Fetcher, urls: Vec<String>) -> Result<Option<T>, Error> {
    for url in urls {
        let url = Url::parse(&url, "a well-known URL")?;
        let answer = fetcher.get(&url).await?;
        if answer.status.is_success() {
            // Some servers answer whatever is asked for with a page.
            if !answer.body.trim_ascii_start().starts_with(b"{") {
                tracing::debug!(url = url.as_str(), "what is there is no metadata");
                continue;
            }
            return read(&answer.body, &url).map(Some);
        }
        if !answer.status.is_client_error() {
            return Err(Error::connect(format!("{} answers with status {}", url.as_str(), answer.status.as_u16())));
        }
    }
    Ok(None)
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8], url: &Url) -> Result<T, Error> {
    let read = serde_json::from_slice(body);
    read.map_err(|error| Error::refused(format!("the metadata at {} cannot be read", url.as_str())).with_source(error))
}
