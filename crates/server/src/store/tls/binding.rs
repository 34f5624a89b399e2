//! What binds a login to the connection it is made on: `tls-server-end-point` of RFC 5929.

use ring::digest::{self, digest};

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;

/// The hash of each algorithm that certificates are signed by, by the DER of its OID; MD5 and SHA-1 are replaced by SHA-256.
const ALGORITHMS: &[(&[u8], &digest::Algorithm)] = &[
    // RSA, PKCS #1: MD5, SHA-1, SHA-256, SHA-384, SHA-512.
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", &digest::SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", &digest::SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", &digest::SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", &digest::SHA384),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", &digest::SHA512),
    // ECDSA: SHA-1, SHA-256, SHA-384, SHA-512.
    (b"\x2a\x86\x48\xce\x3d\x04\x01", &digest::SHA256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", &digest::SHA256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", &digest::SHA384),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", &digest::SHA512),
];

/// Returns the hash of a certificate in DER, by the hash it is signed with; none if that is none of these, as with Ed25519,
/// for which the hash is not defined.
pub(super) fn tls_server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (parts, _) = element(SEQUENCE, certificate)?;
    let (_, behind) = element(SEQUENCE, parts)?;
    let (algorithm, _) = element(SEQUENCE, behind)?;
    let (oid, _) = element(OID, algorithm)?;
    let (_, hash) = ALGORITHMS.iter().find(|(known, _)| *known == oid)?;
    Some(digest(hash, certificate).as_ref().to_vec())
}

/// Takes an element of DER with this tag: what is in it, and what is behind it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is like a certificate as far as it is read.
    fn signed_by(oid: &[u8]) -> Vec<u8> {
        fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x82, length[0], length[1]], content].concat()
        }
        let body = wrapped(SEQUENCE, &[7; 300]);
        let algorithm = wrapped(SEQUENCE, &[&[OID, u8::try_from(oid.len()).unwrap()], oid].concat());
        wrapped(SEQUENCE, &[body, algorithm, vec![3, 2, 0, 7]].concat())
    }

    #[test]
    fn a_certificate_is_hashed_as_it_is_signed() {
        let hash = |oid| tls_server_end_point(&signed_by(oid)).map(|hash| hash.len());
        assert_eq!(hash(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), Some(32));
        assert_eq!(hash(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), Some(32));
        assert_eq!(hash(b"\x2a\x86\x48\xce\x3d\x04\x03\x03"), Some(48));
        assert_eq!(hash(b"\x2a\x86\x48\xce\x3d\x04\x03\x04"), Some(64));
        // Ed25519.
        assert_eq!(hash(b"\x2b\x65\x70"), None);
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        let whole = signed_by(b"\x2a\x86\x48\xce\x3d\x04\x03\x02");
        // As far as what is signed with.
        for length in 0..whole.len() {
            assert_eq!(tls_server_end_point(&whole[..length]), None, "{length}");
        }
        assert_eq!(tls_server_end_point(&[SEQUENCE, 0x84, 1, 0, 0, 0, 1]), None);
    }
}
