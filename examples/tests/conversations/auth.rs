//! The examples that ask who is calling.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::child::{ERAS, Era, Example, path_of};
use crate::http::Server;

/// Has the example make up a key, and returns it with its id and its SHA-256.
pub fn new_key(owner: &str) -> (String, String, String) {
    let made = Command::new(path_of("auth_api_key")).args(["new", owner]).output().unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let find = |name: &str| made.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    (find("key: "), find("id: "), find("sha256: "))
}

#[test]
fn auth_api_key_lets_in_who_has_the_key() {
    let (key, id, sha256) = new_key("ada");
    for era in ERAS {
        let mut notes = Server::start_by("auth_api_key", "/mcp", era, |command, address| {
            command.args(["serve", &address.to_string(), "ada", &id, &sha256]);
        });
        let call = notes.message("who", json!({}));
        for headers in [&[][..], &[("x-api-key", "notes_x_y")]] {
            let refused = notes.post(&call, headers);
            assert_eq!(
                (refused.status, &refused.headers["www-authenticate"][..]),
                (401, r#"ApiKey header="x-api-key""#)
            );
        }
        notes.headers.push(("x-api-key", key.clone()));
        notes.initialize();
        assert_eq!(notes.text("who", json!({}), &[]), "ada");
        let call = notes.message("erase", json!({}));
        assert_eq!(notes.post(&call, &[]).status, 403);
    }
    let over_stdio = |key: &str| {
        let mut command = Command::new(path_of("auth_api_key"));
        command.args(["stdio", "ada", &id, &sha256]).env("NOTES_KEY", key);
        command
    };
    let mut notes = Example::start_by(over_stdio(&key), Era::Modern, json!({}));
    assert_eq!(notes.text("who", json!({})), "ada");
    notes.end();
    let refused = over_stdio("notes_x_y").stdin(Stdio::null()).output().unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("the peer was not let in: "));
}

/// A key for the length of a test.
fn key() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
    })
}

fn public() -> Value {
    let point = key().public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
    json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "1"})
}

fn token(issuer: &str, audience: &str) -> String {
    let claims = json!({"iss": issuer, "aud": audience, "sub": "ada", "scope": "notes.read", "exp": 4_102_444_800_u64});
    let head = json!({"alg": "ES256", "typ": "at+jwt", "kid": "1"});
    let signed = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = key().sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_jwt_lets_in_who_has_a_token_and_says_where_to_get_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")}).to_string();
    let app = Router::new()
        .route("/.well-known/oauth-authorization-server", get(|| async move { metadata }))
        .route("/jwks", get(|| async { json!({"keys": [public()]}).to_string() }));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let resource = "https://notes.example/mcp";
    let told = issuer.clone();
    let conversation = tokio::task::spawn_blocking(move || {
        for era in ERAS {
            let mut notes = Server::start_by("auth_jwt", "/mcp", era, |command, address| {
                command.args([&address.to_string(), &told, resource]);
            });
            let call = notes.message("who", json!({}));
            let refused = notes.post(&call, &[]);
            let challenge = "Bearer scope=\"notes.read\", \
                resource_metadata=\"https://notes.example/.well-known/oauth-protected-resource/mcp\"";
            assert_eq!((refused.status, &refused.headers["www-authenticate"][..]), (401, challenge));
            let metadata = notes.request("GET", "/.well-known/oauth-protected-resource/mcp", &[], "");
            let metadata: Value = serde_json::from_str(&metadata.body).unwrap();
            assert_eq!(metadata["authorization_servers"], json!([told]));
            notes.headers.push(("authorization", format!("Bearer {}", token(&told, resource))));
            notes.initialize();
            assert_eq!(notes.text("who", json!({}), &[]), "ada may notes.read");
            let call = notes.message("erase", json!({}));
            assert_eq!(notes.post(&call, &[]).status, 403);
        }
    });
    conversation.await.unwrap();
    serving.abort();
}

#[test]
fn auth_mtls_knows_callers_by_their_certificates() {
    let folder = std::env::temp_dir().join(format!("turbomcp-example-{}-auth-mtls", std::process::id()));
    let printed = folder.with_extension("txt");
    let server = Server::start_by("auth_mtls", "/mcp", Era::Modern, |command, address| {
        command.args(["serve", &address.to_string()]).arg(&folder).stdout(std::fs::File::create(&printed).unwrap());
    });
    let told = std::fs::read_to_string(&printed).unwrap();
    let call = |name: &str| {
        let line = told.lines().find(|line| line.starts_with("cargo") && line.ends_with(name)).unwrap();
        let arguments = line.split_once(" -- ").unwrap().1.split(' ');
        let output = Command::new(path_of("auth_mtls")).args(arguments).stdin(Stdio::null()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(told.contains(&format!("https://localhost:{}/mcp", server.port())), "{told}");
    assert_eq!(call("ada"), ("who: ada\nerase: erased\n".to_owned(), String::new()));
    // As valid as hers, and of nobody whom the server knows.
    let (answer, error) = call("eve");
    assert!(answer.is_empty() && error.contains("the certificate is not known"), "{answer} {error}");
    // Without one it is no use. In TLS 1.3 a client may have sent its request before it hears that.
    let authority = folder.join("ca.pem");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use turbomcp::client::http::HttpTarget;
        use turbomcp::transport::tls::TlsConfig;
        let target = HttpTarget::new(format!("https://localhost:{}/mcp", server.port()));
        let target = target.tls(TlsConfig::default().with_ca_bundle(authority));
        let error = turbomcp::client::Client::connect(target).await.unwrap_err();
        assert!(error.is_connect() || error.is_closed(), "{error:?}");
    });
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::remove_file(printed).unwrap();
}
