//! What a message on the bus says.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MESSAGE_BYTES;
use crate::access::{Guard, PrimitiveKind};
use crate::hub::Change;
#[cfg(feature = "http")]
use crate::sessions::{Announcement, Said, SessionKey};

/// The version of what is written here.
///
/// A replica that knows only older ones takes what is said for everything. It skips a kind that is new to it, and a member
/// that is new to it in what it knows: what may be skipped is no new version.
const VERSION: u32 = 1;

/// What has changed, as one replica tells it to another.
#[derive(Debug)]
pub(super) enum Told {
    /// A list: those on it that came, went or are others now.
    Tools(Vec<Guard>),
    Prompts(Vec<Guard>),
    Resources(Vec<Guard>),
    /// The resource with this URI.
    Updated(String),
    /// The resource with the second of these, of the tenant with the first: for nobody else.
    #[cfg(feature = "multi-tenancy")]
    UpdatedFor(String, String),
    /// It is not known what.
    Everything,
    /// What only newer replicas have a word for, which is this.
    Unknown(String),
    /// Something about a session.
    #[cfg(feature = "http")]
    Session(SessionKey, Said),
}

/// Why a message is skipped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    TooLong,
    Malformed,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it is too long",
            Self::Malformed => "it is malformed",
        })
    }
}

/// What every version has.
#[derive(Deserialize)]
struct Envelope<'a> {
    v: u32,
    #[serde(borrow)]
    from: std::borrow::Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    v: u32,
    from: &'a str,
    what: What<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What<'a> {
    #[serde(borrow)]
    Tools(Vec<Listed<'a>>),
    #[serde(borrow)]
    Prompts(Vec<Listed<'a>>),
    #[serde(borrow)]
    Resources(Vec<Listed<'a>>),
    #[serde(borrow)]
    Updated(std::borrow::Cow<'a, str>),
    UpdatedFor(#[serde(borrow)] std::borrow::Cow<'a, str>, #[serde(borrow)] std::borrow::Cow<'a, str>),
    Everything,
    #[cfg(feature = "http")]
    Session(&'a str, #[serde(borrow)] About<'a>),
}

/// What is said about a session.
#[cfg(feature = "http")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum About<'a> {
    Appended {
        stream: u32,
    },
    Read {
        stream: u32,
        reader: u64,
    },
    #[serde(borrow)]
    Message(&'a serde_json::value::RawValue),
    Left {
        number: u32,
    },
    Ended,
}

/// What decides who may know of a primitive.
#[derive(Serialize, Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_false")]
    template: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Scopes, roles, permissions, and the roles without which nobody knows of it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    needs: [Vec<String>; 4],
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "that is how it is called")]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_nothing(needs: &[Vec<String>; 4]) -> bool {
    needs.iter().all(Vec::is_empty)
}

impl<'a> Listed<'a> {
    fn of(guard: &'a Guard) -> Self {
        Self {
            name: (*guard.name).into(),
            template: guard.kind() == PrimitiveKind::ResourceTemplate,
            tags: guard.tags().to_vec(),
            needs: guard.access.as_ref().map(|access| access.parts().map(<[String]>::to_vec)).unwrap_or_default(),
        }
    }

    fn guard(self, kind: PrimitiveKind) -> Result<Guard, Broken> {
        let kind = if self.template { PrimitiveKind::ResourceTemplate } else { kind };
        let access = crate::Access::from_parts(self.needs);
        Guard::new(kind, (*self.name).into(), self.tags, access).map_err(|_| Broken::Malformed)
    }
}

/// Writes what has changed; that everything may have, if it is more than fits.
pub(super) fn write(from: &str, change: Change<'_>, guards: &[&Guard]) -> String {
    let listed = || guards.iter().copied().map(Listed::of).collect();
    let what = match change {
        Change::Tools => What::Tools(listed()),
        Change::Prompts => What::Prompts(listed()),
        Change::Resources => What::Resources(listed()),
        Change::Updated(uri) => What::Updated(uri.into()),
    };
    fitting(from, what)
}

/// Writes that a resource of one tenant has changed.
#[cfg(feature = "multi-tenancy")]
pub(super) fn write_for(from: &str, tenant: &str, uri: &str) -> String {
    fitting(from, What::UpdatedFor(tenant.into(), uri.into()))
}

fn fitting(from: &str, what: What<'_>) -> String {
    let message = encode(from, what);
    if message.len() > MESSAGE_BYTES { everything(from) } else { message }
}

/// Writes what is said about a session; none if it is more than fits, or not JSON.
#[cfg(feature = "http")]
pub(super) fn write_session(from: &str, announcement: &Announcement) -> Option<String> {
    let about = match &announcement.said {
        Said::Appended { stream } => About::Appended { stream: *stream },
        Said::Read { stream, reader } => About::Read { stream: *stream, reader: *reader },
        Said::Message(frame) => About::Message(serde_json::from_slice(frame).ok()?),
        Said::Left { number } => About::Left { number: *number },
        Said::Ended => About::Ended,
    };
    let message = encode(from, What::Session(announcement.key.as_str(), about));
    (message.len() <= MESSAGE_BYTES).then_some(message)
}

/// Writes that everything may have changed.
pub(super) fn everything(from: &str) -> String {
    encode(from, What::Everything)
}

fn encode(from: &str, what: What<'_>) -> String {
    serde_json::to_string(&Wire { v: VERSION, from, what }).expect("texts and lists of them can be written")
}

/// What there is to tell, as it is written.
const KINDS: &[&str] = &[
    "tools",
    "prompts",
    "resources",
    "updated",
    "updatedfor",
    "everything",
    #[cfg(feature = "http")]
    "session",
];

/// What is said about a session, as it is written.
const SAID: &[&str] = &["appended", "read", "message", "left", "ended"];

/// Returns the beginning of what a message tells, if only newer replicas of the same version have a word for it.
#[cold]
fn unknown_kind(message: &str) -> Option<String> {
    fn kind_of(told: &Value) -> Option<(&str, &Value)> {
        match told {
            Value::String(kind) => Some((kind, &Value::Null)),
            Value::Object(members) if members.len() == 1 => {
                members.iter().next().map(|(kind, of_what)| (kind.as_str(), of_what))
            }
            _ => None,
        }
    }

    let message: Value = serde_json::from_str(message).ok()?;
    let (kind, of_what) = kind_of(message.get("what")?)?;
    if !KINDS.contains(&kind) {
        return Some(format!("{kind:.64}"));
    }
    let (said, _) = kind_of(of_what.get(1).filter(|_| kind == "session")?)?;
    (!SAID.contains(&said)).then(|| format!("{kind} {said:.64}"))
}

/// Reads a message; none if it is from `own`.
pub(super) fn read(message: &str, own: &str) -> Result<Option<Told>, Broken> {
    if message.len() > MESSAGE_BYTES {
        return Err(Broken::TooLong);
    }
    let envelope: Envelope<'_> = serde_json::from_str(message).map_err(|_| Broken::Malformed)?;
    if envelope.from == own {
        return Ok(None);
    }
    // While replicas are replaced by newer ones, these may tell more than can be understood here.
    if envelope.v > VERSION {
        return Ok(Some(Told::Everything));
    }
    let Ok(wire) = serde_json::from_str::<Wire<'_>>(message) else {
        return unknown_kind(message).map(|kind| Some(Told::Unknown(kind))).ok_or(Broken::Malformed);
    };
    let guards = |listed: Vec<Listed<'_>>, kind| listed.into_iter().map(|it| it.guard(kind)).collect::<Result<_, _>>();
    Ok(Some(match wire.what {
        What::Tools(listed) => Told::Tools(guards(listed, PrimitiveKind::Tool)?),
        What::Prompts(listed) => Told::Prompts(guards(listed, PrimitiveKind::Prompt)?),
        What::Resources(listed) => Told::Resources(guards(listed, PrimitiveKind::Resource)?),
        What::Updated(uri) => Told::Updated(uri.into_owned()),
        #[cfg(feature = "multi-tenancy")]
        What::UpdatedFor(tenant, uri) => Told::UpdatedFor(tenant.into_owned(), uri.into_owned()),
        // There are no tenants here.
        #[cfg(not(feature = "multi-tenancy"))]
        What::UpdatedFor(..) => return Ok(None),
        What::Everything => Told::Everything,
        #[cfg(feature = "http")]
        What::Session(key, about) => Told::Session(SessionKey::parse(key).ok_or(Broken::Malformed)?, about.into()),
    }))
}

#[cfg(feature = "http")]
impl From<About<'_>> for Said {
    fn from(about: About<'_>) -> Self {
        match about {
            About::Appended { stream } => Self::Appended { stream },
            About::Read { stream, reader } => Self::Read { stream, reader },
            About::Message(frame) => Self::Message(frame.get().as_bytes().to_vec().into()),
            About::Left { number } => Self::Left { number },
            About::Ended => Self::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;
    #[cfg(feature = "http")]
    use crate::bus::FRAME_BYTES;

    fn guard(name: &str, tags: &[&str], access: Access) -> Guard {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        Guard::new(PrimitiveKind::Tool, name.into(), tags, access).unwrap()
    }

    #[test]
    fn what_decides_who_may_know_of_it_comes_along() {
        let access = Access::new().scopes(["s"]).roles(["r", "q"]).permissions(["p"]).visible_to_roles(["v"]);
        let guards = [guard("plain", &[], Access::new()), guard("a \"b\"", &["t", "ü"], access)];
        let message = write("one", Change::Tools, &[&guards[0], &guards[1]]);
        let Ok(Some(Told::Tools(read))) = read(&message, "other") else { panic!("{message}") };
        assert_eq!(format!("{read:?}"), format!("{:?}", &guards));
    }

    #[cfg(feature = "http")]
    #[test]
    fn what_is_said_about_a_session_comes_as_it_was() {
        let key = SessionKey::of("a session");
        let frame = bytes::Bytes::from_static(br#"{"jsonrpc": "2.0", "id": 7, "result": {"text": "\"\u00fc"}}"#);
        for said in [
            Said::Appended { stream: 7 },
            Said::Read { stream: 7, reader: u64::MAX },
            Said::Message(frame),
            Said::Left { number: u32::MAX },
            Said::Ended,
        ] {
            let expected = format!("{said:?}");
            let announcement = Announcement { key: key.clone(), said, is_from_afar: false };
            let message = write_session("one", &announcement).unwrap();
            let Ok(Some(Told::Session(read_key, read))) = read(&message, "other") else { panic!("{message}") };
            assert_eq!((read_key, format!("{read:?}")), (key.clone(), expected), "{message}");
        }
        // What is not left in the store fits, with the longest that goes around it.
        let from = crate::seal::Seal::new(&[], std::time::Duration::ZERO).identifier();
        let frame = format!("\"{}\"", "x".repeat(FRAME_BYTES - 2)).into();
        let announcement = Announcement { key: key.clone(), said: Said::Message(frame), is_from_afar: false };
        assert!(write_session(&from, &announcement).is_some());
        let frame = format!("\"{}\"", "x".repeat(MESSAGE_BYTES)).into();
        let announcement = Announcement { key, said: Said::Message(frame), is_from_afar: false };
        assert_eq!(write_session("one", &announcement), None);
        let made_up = r#"{"v":1,"from":"x","what":{"session":["short","ended"]}}"#;
        assert_eq!(read(made_up, "y").unwrap_err(), Broken::Malformed);
    }

    #[test]
    fn own_messages_are_not_heard() {
        assert!(read(&everything("one"), "one").unwrap().is_none());
        assert!(read(&everything("one"), "other").unwrap().is_some());
    }

    #[test]
    fn what_does_not_fit_may_be_anything() {
        let uri = format!("file:///{}", "ü".repeat(MESSAGE_BYTES));
        let message = write("one", Change::Updated(&uri), &[]);
        assert!(matches!(read(&message, "other"), Ok(Some(Told::Everything))), "{message}");
        let uri = "test://\"quoted\\";
        let message = write("one", Change::Updated(uri), &[]);
        assert!(matches!(read(&message, "other"), Ok(Some(Told::Updated(read))) if read == uri), "{message}");
    }

    #[cfg(feature = "multi-tenancy")]
    #[test]
    fn what_is_for_one_tenant_says_for_which() {
        let message = write_for("one", "acme", "test://\"quoted\"");
        let Ok(Some(Told::UpdatedFor(tenant, uri))) = read(&message, "other") else { panic!("{message}") };
        assert_eq!((&*tenant, &*uri), ("acme", "test://\"quoted\""));
        let message = write_for("one", "acme", &"ü".repeat(MESSAGE_BYTES));
        assert!(matches!(read(&message, "other"), Ok(Some(Told::Everything))), "{message}");
    }

    #[test]
    fn broken_messages_are_told_apart_from_those_of_newer_versions() {
        for broken in [
            "",
            "{}",
            "null",
            "[1]",
            r#"{"v":1,"from":"x"}"#,
            r#"{"v":1,"from":"x","what":7}"#,
            r#"{"v":1,"from":"x","what":{}}"#,
            r#"{"v":1,"from":"x","what":"updated"}"#,
            r#"{"v":1,"from":"x","what":{"updatedfor":"a"}}"#,
            r#"{"v":1,"from":"x","what":{"tools":[{"tags":[]}]}}"#,
            r#"{"v":1,"from":"x","what":{"tools":[{"name":"a","needs":[["a b"],[],[],[]]}]}}"#,
            r#"{"v":1,"from":7,"what":"everything"}"#,
        ] {
            assert_eq!(read(broken, "y").unwrap_err(), Broken::Malformed, "{broken}");
        }
        assert_eq!(read(&" ".repeat(MESSAGE_BYTES + 1), "y").unwrap_err(), Broken::TooLong);
        let newer = r#"{"v":2,"from":"x","what":{"more":1},"and":[]}"#;
        assert!(matches!(read(newer, "y"), Ok(Some(Told::Everything))));
        assert!(read(newer, "x").unwrap().is_none());
    }

    #[cfg(feature = "http")]
    #[test]
    fn what_only_newer_replicas_have_a_word_for_is_told_from_what_is_broken() {
        let key = SessionKey::of("a session");
        for (what, expected) in [
            (r#""more""#.to_owned(), "more"),
            (r#"{"more":["a",1]}"#.to_owned(), "more"),
            (format!(r#"{{"session":["{key}","paused"]}}"#), "session paused"),
            (format!(r#"{{"session":["{key}",{{"paused":{{"stream":1}}}}]}}"#), "session paused"),
        ] {
            let message = format!(r#"{{"v":1,"from":"x","what":{what}}}"#);
            let told = read(&message, "y");
            assert!(matches!(&told, Ok(Some(Told::Unknown(kind))) if kind == expected), "{message}: {told:?}");
            assert!(read(&message, "x").unwrap().is_none());
        }
        for what in [r#"{"session":[]}"#, r#"{"session":["short","paused"],"more":1}"#, r#"{"more":1,"and":2}"#] {
            let message = format!(r#"{{"v":1,"from":"x","what":{what}}}"#);
            assert_eq!(read(&message, "y").unwrap_err(), Broken::Malformed, "{message}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn members_that_only_newer_replicas_have_a_word_for_are_skipped() {
        let key = SessionKey::of("a session");
        let of_a_session = format!(r#"{{"session":["{key}",{{"appended":{{"stream":7,"soon":true}}}}]}}"#);
        let message = |what: &str| format!(r#"{{"v":1,"from":"x","at":7,"what":{what}}}"#);
        let told = read(&message(&of_a_session), "y");
        assert!(matches!(told, Ok(Some(Told::Session(_, Said::Appended { stream: 7 })))), "{told:?}");
        let told = read(&message(r#"{"tools":[{"name":"a","icon":"b"}]}"#), "y");
        assert!(matches!(&told, Ok(Some(Told::Tools(guards))) if *guards[0].name == *"a"), "{told:?}");
    }
}
