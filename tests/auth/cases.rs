//! The table of refusals: every credential that is no good, with the whole answer.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{ApiKey, ApiKeyConfig, ApiKeys, DpopConfig, Holder};

use crate::issuer::{Issuer, RESOURCE};
use crate::keys::{Key, RSA_PUBLIC, b64, now, sha256};
use crate::site::auth;

/// Who tries to get in, and with what.
pub struct World {
    pub issuer: Issuer,
    stranger: Key,
    rsa: Key,
    holder: Key,
    pub api_key: String,
    expired_api_key: String,
    removed_api_key: String,
    /// What is kept of the keys that are known, as it is written in files.
    pub kept: Value,
}

pub type Headers = Vec<(&'static str, Vec<u8>)>;

/// What is shown in a request of this method.
pub type Shown = Box<dyn Fn(&World, &str) -> Headers>;

/// What is answered.
#[derive(Clone, Copy)]
pub enum Answer {
    /// 401, and nothing was wrong with what was shown, for it was nothing.
    Missing,
    /// 401, by the codes of RFC 6750.
    Token(&'static str),
    /// 401, by the codes of RFC 9449.
    Proof(&'static str),
    Malformed(&'static str),
    Scope,
}

pub struct Case {
    pub name: &'static str,
    pub query: &'static str,
    pub shown: Shown,
    pub answer: Answer,
}

impl World {
    pub async fn start() -> Self {
        let expired = SystemTime::now() - Duration::from_secs(1);
        let [key, removed, late] = [None, None, Some(expired)].map(|expiry| {
            let (key, entry) = ApiKey::generate("mcp", Holder::new("job").scopes(["notes.read"]));
            let kept = json!({
                "id": entry.id(), "sha256": entry.sha256(), "holder": {"subject": "job", "scopes": ["notes.read"]},
                "expires_at_seconds": expiry.map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()),
            });
            (key.expose().to_owned(), kept)
        });
        Self {
            issuer: Issuer::start().await,
            stranger: Key::p256("k1"),
            rsa: Key::rsa("rsa", false),
            holder: Key::p256("holder"),
            api_key: key.0,
            expired_api_key: late.0,
            removed_api_key: removed.0,
            // What has expired goes when one is added, so it comes last.
            kept: json!([key.1, late.1]),
        }
    }

    pub fn manager(&self) -> AuthManager {
        let keys: ApiKeys = serde_json::from_value(self.kept.clone()).unwrap();
        let auth = auth(&self.issuer).api_keys(ApiKeyConfig::default().keys(keys)).dpop(DpopConfig::default());
        auth.build().unwrap()
    }

    fn claims(&self, changes: Value) -> String {
        self.issuer.key.token(&self.issuer.but(changes))
    }

    /// A good token that is bound to a key.
    fn bound(&self) -> String {
        self.claims(json!({"cnf": {"jkt": self.holder.thumbprint()}}))
    }

    fn proof_claims(method: &str, token: &str) -> Value {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let jti = format!("jti-{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        json!({"jti": jti, "htm": method, "htu": RESOURCE, "iat": now(), "ath": sha256(token)})
    }
}

pub fn header(name: &'static str, value: impl Into<Vec<u8>>) -> Headers {
    vec![(name, value.into())]
}

fn bearer(token: impl AsRef<str>) -> Headers {
    header("Authorization", format!("Bearer {}", token.as_ref()))
}

fn dpop(token: &str, proof: &str) -> Headers {
    vec![("Authorization", format!("DPoP {token}").into_bytes()), ("DPoP", proof.as_bytes().to_vec())]
}

/// A token with other claims than a good one.
fn claims(changes: Value) -> impl Fn(&World, &str) -> Headers {
    move |world, _| bearer(world.claims(changes.clone()))
}

/// A good token, spoilt afterwards.
fn spoilt(spoil: impl Fn(&str) -> String) -> impl Fn(&World, &str) -> Headers {
    move |world, _| bearer(spoil(&world.issuer.token()))
}

/// A token with another header than a good one, signed by the key of the issuer.
fn headed(head: Value) -> impl Fn(&World, &str) -> Headers {
    move |world, _| bearer(world.issuer.key.sign(&head, &world.issuer.claims().to_string()))
}

/// A proof with other claims than a good one.
pub fn proof(changes: Value) -> impl Fn(&World, &str) -> Headers {
    move |world, method| {
        let token = world.bound();
        let mut claims = World::proof_claims(method, &token);
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let head = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": world.holder.jwk()});
        dpop(&token, &world.holder.sign(&head, &claims.to_string()))
    }
}

/// A proof with another header than a good one.
fn proof_headed(head: impl Fn(&World) -> Value) -> impl Fn(&World, &str) -> Headers {
    move |world, method| {
        let token = world.bound();
        let claims = World::proof_claims(method, &token);
        dpop(&token, &world.holder.sign(&head(world), &claims.to_string()))
    }
}

const SIGNED: &str = "the token is not signed as it must be";
const SIGNATURE: &str = "the signature of the token is not valid";
pub const MALFORMED: &str = "the token is malformed";
const CLAIMS: &str = "the claims of the token are malformed";
const AUDIENCE: &str = "the token is for another audience";
const ISSUER: &str = "the token is of another issuer";
const HEADER: &str = "`Authorization` is malformed";
const KEY: &str = "the API key is not valid";
const QUERY: &str = "a token in a URL is not taken: it would be seen in logs";
const URL: &str = "the DPoP proof is for another URL";
const PUBLIC: &str = "the DPoP proof holds no public key";
const PROOF: &str = "the claims of the DPoP proof are malformed";
const AGE: &str = "the DPoP proof is too old, or from the future";

pub fn cases() -> Vec<Case> {
    use Answer::{Malformed, Missing, Proof, Scope, Token};
    let mut cases = Vec::new();
    let mut at = |name, query, answer, shown: Shown| cases.push(Case { name, query, shown, answer });
    macro_rules! refuse {
        ($name:literal, $answer:expr, $shown:expr) => {
            at($name, "", $answer, Box::new($shown))
        };
    }
    refuse!("nothing", Missing, |_, _| vec![]);
    refuse!("another scheme", Missing, |_, _| header("Authorization", "Basic YWRhOnNlY3JldA=="));
    refuse!("only the name of a scheme", Malformed(HEADER), |_, _| header("Authorization", "Bearer"));
    refuse!("a scheme and a space", Malformed(HEADER), |_, _| header("Authorization", "Bearer  "));
    refuse!("two words", Malformed(HEADER), |world, _| bearer(format!("{} x", world.issuer.token())));
    refuse!("the scheme twice", Malformed(HEADER), |world, _| bearer(format!("Bearer {}", world.issuer.token())));
    refuse!("a list", Malformed(HEADER), |world, _| bearer(format!("{},x", world.issuer.token())));
    refuse!("bytes", Malformed(HEADER), |_, _| header("Authorization", b"Bearer \xff\xfe".to_vec()));
    refuse!("two of them", Malformed("`Authorization` is there more than once"), |world: &World, _| {
        [bearer(world.issuer.token()), bearer(world.issuer.token())].concat()
    });
    at("a token in the URL", "?access_token=x", Malformed(QUERY), Box::new(|_, _| vec![]));
    at("a token in both", "?a=b&access_token=x", Malformed(QUERY), Box::new(|world, _| bearer(world.issuer.token())));

    refuse!("an opaque token", Token(MALFORMED), |_, _| bearer("2YotnFZFEjr1zCsicMWpAA"));
    refuse!("two parts", Token(MALFORMED), spoilt(|token| token.rsplit_once('.').unwrap().0.to_owned()));
    refuse!("five parts", Token(MALFORMED), spoilt(|token| format!("{token}.e30.e30")));
    refuse!("no parts", Token(MALFORMED), |_, _| bearer(".."));
    refuse!("padding", Token(MALFORMED), spoilt(|token| format!("{token}==")));
    refuse!("another alphabet", Token(MALFORMED), spoilt(|token| format!("{token}+/")));
    refuse!("a long one", Token(MALFORMED), spoilt(|token| format!("{token}{}", "A".repeat(20_000))));
    refuse!("a header that is no JSON", Token(MALFORMED), spoilt(|token| format!("e{token}")));
    refuse!("a payload that is no object", Token(MALFORMED), |world: &World, _| {
        bearer(world.issuer.key.sign(&json!({"alg": "ES256", "kid": "k1"}), "[]"))
    });
    refuse!("a payload that is no JSON", Token(MALFORMED), |world: &World, _| {
        bearer(world.issuer.key.sign(&json!({"alg": "ES256", "kid": "k1"}), "{"))
    });

    refuse!("alg none", Token(SIGNED), |world: &World, _| {
        let head = b64(r#"{"alg":"none","typ":"JWT"}"#);
        bearer(format!("{head}.{}.", b64(world.issuer.claims().to_string())))
    });
    refuse!("alg None", Token(SIGNED), |world: &World, _| {
        let head = b64(r#"{"alg":"None","typ":"JWT"}"#);
        bearer(format!("{head}.{}.", b64(world.issuer.claims().to_string())))
    });
    refuse!("alg none, and signed", Token(SIGNED), headed(json!({"alg": "none", "kid": "k1"})));
    refuse!("no alg", Token(MALFORMED), headed(json!({"typ": "JWT", "kid": "k1"})));
    refuse!("an alg that is not known", Token(SIGNED), headed(json!({"alg": "ES256K", "kid": "k1"})));
    refuse!("an alg that is not allowed", Token(SIGNED), headed(json!({"alg": "ES384", "kid": "k1"})));
    refuse!("alg of another key", Token(SIGNATURE), headed(json!({"alg": "RS256", "kid": "k1"})));
    refuse!("RSA's public key as a secret", Token(SIGNED), |world: &World, _| {
        bearer(Key::secret("rsa", RSA_PUBLIC.as_bytes()).token(&world.issuer.claims()))
    });
    refuse!("what is published as a secret", Token(SIGNED), |world: &World, _| {
        bearer(Key::secret("k1", world.issuer.key.jwk().to_string().as_bytes()).token(&world.issuer.claims()))
    });
    refuse!("something to be understood", Token(SIGNED), headed(json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]})));
    refuse!("somebody else's key", Token(SIGNATURE), |world: &World, _| {
        bearer(world.stranger.token(&world.issuer.claims()))
    });
    refuse!("a key that is not known", Token(SIGNATURE), headed(json!({"alg": "ES256", "kid": "k2"})));
    refuse!("a key that has been replaced", Token(SIGNATURE), |world: &World, _| {
        bearer(world.rsa.token(&world.issuer.claims()))
    });
    refuse!("a key of its own", Token(SIGNATURE), |world: &World, _| {
        let head = json!({"alg": "ES256", "kid": "k1", "jwk": world.stranger.jwk()});
        bearer(world.stranger.sign(&head, &world.issuer.claims().to_string()))
    });
    refuse!("a URL of its own", Token(SIGNATURE), |world: &World, _| {
        let head =
            json!({"alg": "ES256", "kid": "k1", "jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/x"});
        bearer(world.stranger.sign(&head, &world.issuer.claims().to_string()))
    });
    refuse!("no signature", Token(SIGNATURE), spoilt(|token| format!("{}.", token.rsplit_once('.').unwrap().0)));
    refuse!("half a signature", Token(SIGNATURE), spoilt(|token| token[..token.len() - 46].to_owned()));
    refuse!(
        "a signature of zeros",
        Token(SIGNATURE),
        spoilt(|token| { format!("{}.{}", token.rsplit_once('.').unwrap().0, b64([0; 64])) })
    );
    refuse!("other claims than were signed", Token(SIGNATURE), |world: &World, _| {
        let token = world.issuer.token();
        let parts: Vec<_> = token.split('.').collect();
        let claims = b64(world.issuer.but(json!({"sub": "root"})).to_string());
        bearer(format!("{}.{claims}.{}", parts[0], parts[2]))
    });
    refuse!("another header than was signed", Token(SIGNATURE), |world: &World, _| {
        let token = world.issuer.token();
        let head = b64(json!({"alg": "ES256", "kid": "k1"}).to_string());
        bearer(format!("{head}.{}", token.split_once('.').unwrap().1))
    });
    const TYPE: &str = "the token is of another type";
    refuse!("a proof", Token(TYPE), headed(json!({"alg": "ES256", "kid": "k1", "typ": "dpop+jwt"})));
    refuse!("a logout token", Token(TYPE), headed(json!({"alg": "ES256", "kid": "k1", "typ": "logout+jwt"})));

    const ID: &str = "an ID token is for a client, not for a server";
    // They are signed by the same key, and may be for the same audience.
    for (name, said) in [
        ("an ID token with a hash of its access token", json!({"at_hash": "x"})),
        ("an ID token with a hash of its code", json!({"c_hash": "x"})),
        ("an ID token with a nonce", json!({"nonce": "x"})),
        ("an ID token of Keycloak", json!({"nonce": "x", "typ": "ID"})),
        ("an ID token of Cognito", json!({"token_use": "id"})),
    ] {
        let id_token = move |world: &World, _: &str| {
            let head = json!({"alg": "ES256", "kid": "k1", "typ": "JWT"});
            bearer(world.issuer.key.sign(&head, &world.issuer.but(said.clone()).to_string()))
        };
        at(name, "", Token(ID), Box::new(id_token));
    }

    refuse!("another audience", Token(AUDIENCE), claims(json!({"aud": "https://other.example/mcp"})));
    refuse!("other audiences", Token(AUDIENCE), claims(json!({"aud": ["https://other.example/mcp", "x"]})));
    refuse!("no audience", Token(AUDIENCE), claims(json!({"aud": null})));
    refuse!("an empty list", Token(AUDIENCE), claims(json!({"aud": []})));
    refuse!("the origin of the audience", Token(AUDIENCE), claims(json!({"aud": "https://notes.example"})));
    refuse!("the audience with a slash", Token(AUDIENCE), claims(json!({"aud": format!("{RESOURCE}/")})));
    refuse!("an audience in another case", Token(AUDIENCE), claims(json!({"aud": RESOURCE.to_uppercase()})));
    refuse!("an audience that is no text", Token(CLAIMS), claims(json!({"aud": 7})));
    refuse!("another issuer", Token(ISSUER), claims(json!({"iss": "https://id.example"})));
    refuse!("the issuer with a slash", Token(ISSUER), |world: &World, _| {
        bearer(world.claims(json!({"iss": format!("{}/", world.issuer.url)})))
    });
    refuse!("the issuer in another case", Token(ISSUER), |world: &World, _| {
        bearer(world.claims(json!({"iss": world.issuer.url.to_uppercase()})))
    });
    refuse!("no issuer", Token(MALFORMED), claims(json!({"iss": null})));
    refuse!("expired", Token("the token has expired"), claims(json!({"exp": now() - 31})));
    refuse!("expired long ago", Token("the token has expired"), claims(json!({"exp": 0})));
    refuse!("expired before all time", Token("the token has expired"), claims(json!({"exp": -1e300})));
    refuse!("without end", Token("the token does not say when it expires"), claims(json!({"exp": null})));
    refuse!("an end that is a text", Token(CLAIMS), claims(json!({"exp": (now() + 600).to_string()})));
    refuse!("two ends", Token(CLAIMS), |world: &World, _| {
        let claims = world.issuer.but(json!({"exp": null})).to_string();
        let claims = claims.replacen('{', &format!("{{\"exp\":0,\"exp\":{},", now() + 600), 1);
        bearer(world.issuer.key.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims))
    });
    refuse!("not yet", Token("the token is not valid yet"), claims(json!({"nbf": now() + 300})));
    refuse!("not yet, as a text", Token(CLAIMS), claims(json!({"nbf": "0"})));
    refuse!("issued in the future", Token("the token is not valid yet"), claims(json!({"iat": now() + 300})));
    refuse!("no subject", Token("the token names no subject"), claims(json!({"sub": null})));
    refuse!("an empty subject", Token("the token names no subject"), claims(json!({"sub": ""})));
    refuse!("a subject that is no text", Token(CLAIMS), claims(json!({"sub": 1})));
    refuse!("no tenant", Token("the token names no tenant"), claims(json!({"org": null})));
    refuse!("a tenant that is no text", Token("the token names no tenant"), claims(json!({"org": ["acme"]})));
    refuse!("no scopes", Scope, claims(json!({"scope": null})));
    refuse!("other scopes", Scope, claims(json!({"scope": "notes.write notes.reader"})));
    refuse!("scopes in another case", Scope, claims(json!({"scope": "Notes.Read"})));
    refuse!("scopes in one word", Scope, claims(json!({"scp": ["notes.read notes.write"], "scope": null})));

    refuse!("an API key as a token", Token("an API key is not shown like this"), |world: &World, _| {
        bearer(&world.api_key)
    });
    refuse!("an empty API key", Token(KEY), |_, _| header("X-API-Key", ""));
    refuse!("any API key", Token(KEY), |_, _| header("X-API-Key", "secret"));
    refuse!("the beginning of an API key", Token(KEY), |world: &World, _| header("X-API-Key", &world.api_key[..20]));
    refuse!("an API key without its end", Token(KEY), |world: &World, _| {
        header("X-API-Key", &world.api_key[..world.api_key.len() - 1])
    });
    refuse!("an API key with more at its end", Token(KEY), |world: &World, _| {
        header("X-API-Key", format!("{}0", world.api_key))
    });
    refuse!("an API key in capitals", Token(KEY), |world: &World, _| header("X-API-Key", world.api_key.to_uppercase()));
    refuse!("the random part of another API key", Token(KEY), |world: &World, _| {
        header("X-API-Key", format!("{}{}", &world.api_key[..21], &world.expired_api_key[21..]))
    });
    refuse!("an API key with another id", Token(KEY), |world: &World, _| {
        header("X-API-Key", format!("mcp_0000000000000000{}", &world.api_key[20..]))
    });
    refuse!("an API key with another prefix", Token(KEY), |world: &World, _| {
        header("X-API-Key", world.api_key.replace("mcp_", "mpc_"))
    });
    refuse!("an API key that was removed", Token(KEY), |world: &World, _| header("X-API-Key", &*world.removed_api_key));
    refuse!("an API key that has expired", Token("the API key has expired"), |world: &World, _| {
        header("X-API-Key", &*world.expired_api_key)
    });
    refuse!("two API keys", Malformed("the API key is shown more than once"), |world: &World, _| {
        [header("X-API-Key", &*world.api_key), header("X-API-Key", &*world.api_key)].concat()
    });
    refuse!("an API key that is no text", Token(KEY), |_, _| header("X-API-Key", b"mcp_\xff".to_vec()));

    const BOUND: &str = "the token is bound to a key, so it is shown by the scheme `DPoP`";
    const NOT_UNDERSTOOD: &str = "the token is bound to something that is not understood";
    refuse!("a bound token as a bearer", Token(BOUND), |world: &World, _| bearer(world.bound()));
    refuse!("a bearer token with a proof", Token("the token is not bound to a key"), |world: &World, method| {
        let token = world.issuer.token();
        let head = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": world.holder.jwk()});
        dpop(&token, &world.holder.sign(&head, &World::proof_claims(method, &token).to_string()))
    });
    refuse!("bound by means that are not known", Token(NOT_UNDERSTOOD), claims(json!({"cnf": {"kid": "x"}})));
    refuse!("bound to a certificate", Token("the token is bound to another certificate"), |world: &World, _| {
        bearer(world.claims(json!({"cnf": {"x5t#S256": sha256("certificate")}})))
    });
    const ONE: &str = "a request with this token needs one DPoP proof";
    refuse!("no proof", Proof(ONE), |world: &World, _| header("Authorization", format!("DPoP {}", world.bound())));
    refuse!("two proofs", Proof(ONE), |world: &World, method| {
        let mut headers = proof(json!({}))(world, method);
        headers.push(headers[1].clone());
        headers
    });
    refuse!("no JWT as a proof", Proof("the DPoP proof is malformed"), |world: &World, _| dpop(&world.bound(), "x"));
    const KIND: &str = "the DPoP proof is of another type";
    const HOW: &str = "the DPoP proof is not signed as it must be";
    refuse!(
        "a proof without type",
        Proof(KIND),
        proof_headed(|world| json!({"alg": "ES256", "jwk": world.holder.jwk()}))
    );
    refuse!(
        "a proof of another type",
        Proof(KIND),
        proof_headed(|world| { json!({"typ": "JWT", "alg": "ES256", "jwk": world.holder.jwk()}) })
    );
    refuse!(
        "a proof with alg none",
        Proof(HOW),
        proof_headed(|world| { json!({"typ": "dpop+jwt", "alg": "none", "jwk": world.holder.jwk()}) })
    );
    refuse!("a proof with a secret", Proof(HOW), |world: &World, method| {
        let token = world.bound();
        let secret = Key::secret("s", &[7; 32]);
        let head = json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": secret.jwk()});
        dpop(&token, &secret.sign(&head, &World::proof_claims(method, &token).to_string()))
    });
    refuse!("a proof by an algorithm that is not taken", Proof(HOW), |world: &World, method| {
        let token = world.bound();
        let head = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": world.rsa.jwk()});
        dpop(&token, &world.rsa.sign(&head, &World::proof_claims(method, &token).to_string()))
    });
    refuse!("a proof without a key", Proof(PUBLIC), proof_headed(|_| json!({"typ": "dpop+jwt", "alg": "ES256"})));
    refuse!(
        "a proof with a private key",
        Proof(PUBLIC),
        proof_headed(|world| {
            let mut jwk = world.holder.jwk();
            jwk["d"] = json!("AAAA");
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk})
        })
    );
    refuse!(
        "a proof with another key than it is signed by",
        Proof("the signature of the DPoP proof is not valid"),
        proof_headed(|world| json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": world.stranger.jwk()}))
    );
    refuse!("somebody else's proof", Proof("the token is bound to another key"), |world: &World, method| {
        let token = world.bound();
        let head = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": world.stranger.jwk()});
        dpop(&token, &world.stranger.sign(&head, &World::proof_claims(method, &token).to_string()))
    });
    const METHOD: &str = "the DPoP proof is for another method";
    refuse!("a proof for another method", Proof(METHOD), proof(json!({"htm": "PUT"})));
    refuse!("a proof for a method in another case", Proof(METHOD), proof(json!({"htm": "post"})));
    refuse!("a proof for another path", Proof(URL), proof(json!({"htu": "https://notes.example/other"})));
    refuse!("a proof for another host", Proof(URL), proof(json!({"htu": "https://other.example/mcp"})));
    refuse!("a proof for another scheme", Proof(URL), proof(json!({"htu": "http://notes.example/mcp"})));
    refuse!("a proof for a query", Proof(URL), proof(json!({"htu": format!("{RESOURCE}?x=1")})));
    const ATH: &str = "the DPoP proof is for another token";
    refuse!("a proof for no token", Proof(ATH), proof(json!({"ath": null})));
    refuse!("a proof for another token", Proof(ATH), proof(json!({"ath": sha256("x")})));
    refuse!("an old proof", Proof(AGE), proof(json!({"iat": now() - 120})));
    refuse!("a proof from the future", Proof(AGE), proof(json!({"iat": now() + 300})));
    refuse!("a proof without a date", Proof(PROOF), proof(json!({"iat": null})));
    refuse!("a proof without an id", Proof(PROOF), proof(json!({"jti": null})));
    refuse!("a proof with an empty id", Proof("the DPoP proof has no usable `jti`"), proof(json!({"jti": ""})));
    refuse!(
        "a proof with a long id",
        Proof("the DPoP proof has no usable `jti`"),
        proof(json!({"jti": "x".repeat(300)}))
    );
    cases
}

impl Answer {
    pub fn status(self) -> u16 {
        match self {
            Self::Missing | Self::Token(_) | Self::Proof(_) => 401,
            Self::Malformed(_) => 400,
            Self::Scope => 403,
        }
    }

    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "credentials are required",
            Self::Token(why) | Self::Proof(why) | Self::Malformed(why) => why,
            Self::Scope => "more scopes are needed",
        }
    }

    pub fn challenges(self) -> Vec<String> {
        let place = r#"resource_metadata="https://notes.example/.well-known/oauth-protected-resource/mcp""#;
        let reason = self.reason();
        let error = |code: &str| format!(r#"error="{code}", error_description="{reason}", "#);
        let (bearer, dpop) = match self {
            Self::Missing => (String::new(), String::new()),
            Self::Token(_) => (error("invalid_token"), error("invalid_token")),
            Self::Proof(_) => (error("invalid_token"), error("invalid_dpop_proof")),
            Self::Malformed(_) => (error("invalid_request"), error("invalid_request")),
            Self::Scope => (error("insufficient_scope"), error("insufficient_scope")),
        };
        let scope = if let Self::Malformed(_) = self { "" } else { "scope=\"notes.read\", " };
        vec![
            format!("Bearer {bearer}{scope}{place}"),
            format!(r#"DPoP {dpop}{scope}{place}, algs="ES256""#),
            r#"ApiKey header="x-api-key""#.to_owned(),
        ]
    }

    pub fn body(self) -> Value {
        let code = match self.status() {
            401 => 401,
            403 => 403,
            _ => -32600,
        };
        json!({"jsonrpc": "2.0", "error": {"code": code, "message": self.reason()}})
    }
}
