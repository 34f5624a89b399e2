//! What an authority says of the certificates it has made, written by hand.

use rcgen::{KeyPair, PublicKeyData, SigningKey};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use crate::authority::{Authority, Certified};

/// Puts tag and length before a content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, length[1]],
        0x80..=0xff => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [&head, content].concat()
}

fn sequence(members: &[&[u8]]) -> Vec<u8> {
    element(0x30, &members.concat())
}

/// Takes the first element of some: its content, all of it, and what follows.
fn split(der: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (head, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        length => (2, usize::from(length)),
    };
    let (whole, rest) = der.split_at(head + length);
    (&whole[head..], whole, rest)
}

/// Returns the number of a certificate and the name of who has made it, as they are encoded.
fn number_and_issuer(certificate: &[u8]) -> (&[u8], &[u8]) {
    let (_, _, after_version) = split(split(split(certificate).0).0);
    let (_, number, rest) = split(after_version);
    let (_, _, rest) = split(rest);
    (number, split(rest).1)
}

pub const GOOD: &[u8] = &[0x80, 0];
pub const UNKNOWN: &[u8] = &[0x82, 0];

/// Since 2021.
pub fn revoked() -> Vec<u8> {
    element(0xa1, &element(0x18, b"20210101000000Z"))
}

/// What is said.
pub struct Statement<'a> {
    pub status: &'a [u8],
    pub since: &'a str,
    pub until: Option<&'a str>,
    pub sha1: bool,
    pub critical: bool,
    /// Who says it, if it is not the authority itself.
    pub by: Option<&'a Certified>,
}

impl Default for Statement<'_> {
    fn default() -> Self {
        let (since, until) = ("20200101000000Z", Some("20990101000000Z"));
        Self { status: GOOD, since, until, sha1: false, critical: false, by: None }
    }
}

impl Statement<'_> {
    /// Says it of a certificate of this authority.
    pub fn of(&self, certified: &Certified, authority: &Authority) -> Vec<u8> {
        let (number, issuer) = number_and_issuer(&certified.der);
        let hash = |bytes: &[u8]| {
            let algorithm = if self.sha1 { &SHA1_FOR_LEGACY_USE_ONLY } else { &SHA256 };
            element(4, digest(algorithm, bytes).as_ref())
        };
        let algorithm: &[u8] = match self.sha1 {
            true => &[6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0],
            false => &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1],
        };
        let key = authority.issuer.key().der_bytes().to_vec();
        let id = sequence(&[&element(0x30, algorithm), &hash(issuer), &hash(&key), number]);
        let until = self.until.map(|until| element(0xa0, &element(0x18, until.as_bytes()))).unwrap_or_default();
        // An extension that nobody knows.
        let unknown = sequence(&[&[6, 2, 0x2a, 3], &[1, 1, 0xff], &element(4, b"")]);
        let extensions = if self.critical { element(0xa1, &sequence(&[&unknown])) } else { Vec::new() };
        let answer = sequence(&[&id, self.status, &element(0x18, self.since.as_bytes()), &until, &extensions]);

        let responder = element(0xa2, &element(4, &[0; 20]));
        let produced = element(0x18, b"20200101000000Z");
        let data = sequence(&[&responder, &produced, &sequence(&[&answer])]);
        let (signature, certificates) = match self.by {
            Some(by) => (sign(&by.key_pair(), &data), element(0xa0, &sequence(&[&by.der]))),
            None => (sign(authority.issuer.key(), &data), Vec::new()),
        };
        // ECDSA with SHA-256.
        let algorithm = sequence(&[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
        let basic = sequence(&[&data, &algorithm, &element(3, &[&[0], &signature[..]].concat()), &certificates]);
        let kind = [6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
        sequence(&[&[10, 1, 0], &element(0xa0, &sequence(&[&kind, &element(4, &basic)]))])
    }
}

fn sign(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    key.sign(message).unwrap()
}
