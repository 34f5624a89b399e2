//! The user and the browser: it follows redirects and keeps cookies, and the user fills in each form that comes.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use turbomcp::auth::client::{Browser, Visit};

use crate::Outcome;

/// How many pages a user looks at.
const MAX_PAGES: usize = 30;

/// A browser whose user agrees to everything.
pub(crate) fn that_agrees() -> Browser {
    Browser::new(|url| async move {
        visit(&url, Answer::Yes).await?;
        Ok(Visit::Opened)
    })
}

/// A browser whose user signs in and then does not consent.
pub(crate) fn that_refuses() -> Browser {
    Browser::new(|url| async move {
        visit(&url, Answer::No).await?;
        Ok(Visit::Opened)
    })
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Goes from page to page until there is nothing left to fill in, and returns the last one.
pub(crate) async fn visit(url: &str, answer: Answer) -> Outcome<String> {
    match go(url, answer, None).await? {
        End::Page(page) => Ok(page),
        End::Away(url) => Err(format!("{url} is away from here").into()),
    }
}

/// Goes from page to page until one leads to a URL that begins like this, and returns that.
pub(crate) async fn visit_until(url: &str, answer: Answer, away: &str) -> Outcome<String> {
    match go(url, answer, Some(away)).await? {
        End::Away(url) => Ok(url),
        End::Page(page) => Err(format!("no page leads to {away}: {page}").into()),
    }
}

/// Where the pages end.
enum End {
    Page(String),
    Away(String),
}

async fn go(url: &str, answer: Answer, away: Option<&str>) -> Outcome<End> {
    let mut cookies = BTreeMap::new();
    let (mut method, mut url, mut body) = ("GET", url.to_owned(), String::new());
    for _ in 0..MAX_PAGES {
        let jar: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let page = request(method, &url, &[("Cookie", &jar.join("; "))], &body).await?;
        for cookie in page.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(location) = page.all("location").next() {
            if away.is_some_and(|away| location.starts_with(away)) {
                return Ok(End::Away(location.to_owned()));
            }
            (method, url, body) = ("GET", absolute(&url, location), String::new());
        } else if let Some(form) = Form::find(&page.body) {
            if answer == Answer::No && form.asks("consent") {
                (method, url, body) = ("GET", format!("{url}/abort"), String::new());
            } else {
                (method, url, body) = ("POST", absolute(&url, &form.action), form.filled_in());
            }
        } else if page.status < 400 {
            return Ok(End::Page(page.body));
        } else {
            return Err(format!("{url} answers {}: {}", page.status, page.body).into());
        }
    }
    Err("the pages do not end".into())
}

/// The first form of a page.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    fn find(page: &str) -> Option<Self> {
        let form = page.split("<form").nth(1)?.split("</form>").next()?;
        let action = attribute(form.split('>').next()?, "action")?;
        let inputs = form.split("<input").skip(1).filter_map(|input| input.split('>').next());
        let fields = inputs.filter_map(|input| {
            Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_else(|| "alice".into())))
        });
        Some(Self { action, fields: fields.collect() })
    }

    fn asks(&self, prompt: &str) -> bool {
        self.fields.iter().any(|(name, value)| name == "prompt" && value == prompt)
    }

    fn filled_in(&self) -> String {
        let pairs = self.fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&#39;", "'").replace("&quot;", "\"").replace("&lt;", "<").replace("&amp;", "&"))
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

fn absolute(base: &str, location: &str) -> String {
    if !location.starts_with('/') {
        return location.to_owned();
    }
    let authority = base.split('/').nth(2).unwrap_or_default();
    format!("http://{authority}{location}")
}

pub(crate) struct Page {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Sends a request, with a form if it has a body.
pub(crate) async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Outcome<Page> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url} is not of http"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority).await?;
    let mut request = format!("{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((request + body).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{url} answers half a head"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?.parse()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { unchunked(body).ok_or("a broken chunk")? } else { body.to_owned() };
    Ok(Page { status, headers, body })
}

fn unchunked(mut text: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = text.split_once("\r\n")?;
        match usize::from_str_radix(size, 16).ok()? {
            0 => return Some(whole),
            size => {
                whole += rest.get(..size)?;
                text = rest.get(size + 2..)?;
            }
        }
    }
}
