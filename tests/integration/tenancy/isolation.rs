//! What is of one tenant, no other ever hears of: F150, F153.

use serde_json::{Value, json};
use turbomcp::tenancy::{TenantConfig, TenantStatus};
use turbomcp_tests::{Request, Site, WebSocket, modern, websocket};

use super::world::{ACME, Caller, GLOBEX, Logged, SECRET_OF_ACME, SECRET_OF_GLOBEX, id, id_of, world};

fn text(answer: &(u16, Value)) -> &str {
    assert_eq!(answer.0, 200, "{}", answer.1);
    crate::text(&answer.1)
}

#[track_caller]
fn is_clean(told: &str) {
    for foreign in [ACME, SECRET_OF_ACME] {
        assert!(!told.contains(foreign), "{foreign} is in\n{told}");
    }
}

/// What both ask for in the same words, and only one may have.
async fn compare(acme: &Caller, globex: &Caller) {
    assert_eq!(text(&acme.tool("whose", json!({})).await), format!("ada of {ACME}"));
    assert_eq!(text(&globex.tool("whose", json!({})).await), format!("ada of {GLOBEX}"));
    assert_eq!(text(&acme.tool("order", json!({"id": "1"})).await), SECRET_OF_ACME);
    assert_eq!(text(&globex.tool("order", json!({"id": "2"})).await), SECRET_OF_GLOBEX);
    let (foreign, absent) =
        (globex.tool("order", json!({"id": "1"})).await, globex.tool("order", json!({"id": "3"})).await);
    assert_eq!(foreign, absent);
    assert!(foreign.1["error"].is_object(), "{foreign:?}");
    let read = |caller| async move { Caller::ask(caller, "resources/read", json!({"uri": "orders://1"})).await };
    assert_eq!(read(acme).await.1["result"]["contents"][0]["text"], SECRET_OF_ACME);
    let foreign = read(globex).await;
    assert_eq!(foreign, globex.ask("resources/read", json!({"uri": "orders://3"})).await);
    assert!(foreign.1["error"].is_object(), "{foreign:?}");
    globex.tool("fail", json!({})).await;
    // What one tenant may not use is as what there is not.
    let hidden = globex.tool("pay", json!({})).await;
    let unknown = globex.tool("pax", json!({})).await;
    assert_eq!(hidden.0, unknown.0);
    assert_eq!(hidden.1.to_string().replace("pay", "pax"), unknown.1.to_string());
    let list = |answer: (u16, Value)| answer.1["result"]["tools"].to_string();
    assert!(!list(globex.ask("tools/list", json!({})).await).contains("pay"));
    assert!(list(acme.ask("tools/list", json!({})).await).contains("pay"));
}

#[tokio::test]
async fn f153_nothing_of_a_tenant_reaches_another_by_any_door_of_http() {
    let (logged, _listening) = Logged::begin();
    let world = world();
    let but_pay = ["whose", "order", "ask", "wait", "fail"].map(str::to_owned);
    let config = TenantConfig { allowed_tools: Some(but_pay.into()), ..TenantConfig::default() };
    world.configs.set(id(GLOBEX), config).unwrap();
    let site = Site::start(&world.server).await;
    let http = site.client();
    let token = |tenant: &str| format!("ada@{tenant}");
    let acme = [Caller::modern(&http, token(ACME)), Caller::legacy(&http, token(ACME)).await];
    let globex = [Caller::modern(&http, token(GLOBEX)), Caller::legacy(&http, token(GLOBEX)).await];
    for (acme, globex) in acme.iter().zip(&globex) {
        compare(acme, globex).await;
    }

    // The session of somebody of the same name.
    let mut thief = Caller::modern(&http, token(GLOBEX));
    thief.http.session = acme[1].http.session.clone();
    thief.legacy = true;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    for request in [Request::post(&ping), Request::post(&notification), Request::get(), Request::delete()] {
        let mut reply = thief.send(request).await;
        assert_eq!(reply.status, 403);
        is_clean(&reply.text().await);
    }
    assert_eq!(acme[1].send(Request::post(&ping)).await.status, 200, "the session is still there");

    // A request state of somebody of the same name.
    let state = acme[0].tool("ask", json!({})).await.1["result"]["requestState"].as_str().unwrap().to_owned();
    let roots = json!({"roots_1": {"roots": []}});
    let again = json!({"name": "ask", "arguments": {}, "requestState": state, "inputResponses": roots});
    assert_eq!(globex[0].ask("tools/call", again.clone()).await.1["error"]["code"], -32602);
    assert_eq!(text(&acme[0].ask("tools/call", again).await), "0");

    // What each hears of, on subscriptions to the same.
    let uris = json!({"notifications": {"resourceSubscriptions": ["orders://1", "orders://2"]}});
    let mut streams = Vec::new();
    for caller in [&acme[0], &globex[0]] {
        let mut stream = caller.send(caller.request("subscriptions/listen", uris.clone())).await;
        assert_eq!(caller.next(&mut stream).await["method"], "notifications/subscriptions/acknowledged");
        streams.push(stream);
    }
    for caller in [&acme[1], &globex[1]] {
        for uri in ["orders://1", "orders://2"] {
            assert_eq!(caller.ask("resources/subscribe", json!({"uri": uri})).await.0, 200);
        }
        streams.push(caller.send(Request::get()).await);
    }
    world.server.tenant_resource_updated(&id(ACME), "orders://1");
    world.server.tenant_resource_updated(&id(GLOBEX), "orders://2");
    for (caller, stream) in [&acme[0], &globex[0], &acme[1], &globex[1]].into_iter().zip(&mut streams) {
        let expected = if caller.token == token(ACME) { "orders://1" } else { "orders://2" };
        assert_eq!(caller.next(stream).await["params"]["uri"], expected, "{}", caller.token);
    }
    // A tool that a tenant may not know of comes and goes without its hearing of it.
    drop(streams.drain(..));

    for caller in &globex {
        is_clean(&caller.told.lock().unwrap());
    }
    // While only one tenant is served, nothing is logged of the other.
    assert!(logged.take().contains(ACME), "logs say whose a request is");
    for caller in &globex {
        caller.tool("whose", json!({})).await;
        caller.tool("order", json!({"id": "1"})).await;
        caller.tool("fail", json!({})).await;
    }
    assert!(thief.send(Request::post(&ping)).await.status == 403);
    let said = logged.take();
    assert!(said.contains(GLOBEX), "{said}");
    is_clean(&said);
    world.server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn f150_a_refusal_does_not_tell_which_tenants_there_are() {
    let world = world();
    let suspended = TenantConfig { status: TenantStatus::Suspended, ..TenantConfig::default() };
    world.configs.set(id("suspended"), suspended).unwrap();
    let site = Site::start(&world.server).await;
    let http = site.client();
    let mut answers = Vec::new();
    for caller in [
        Caller::modern(&http, "ada@suspended"),
        Caller::modern(&http, "ada@unknown"),
        Caller::modern(&http, "ada@not/one"),
        Caller::modern(&http, "ada"),
        Caller::modern(&http, ""),
        Caller::modern(&http, "").header("X-Tenant-ID", ACME),
        Caller::modern(&http, "ada").header("X-Tenant-ID", ACME),
        Caller::modern(&http, format!("ada@{ACME}")).header("X-Tenant-ID", GLOBEX),
        Caller::modern(&http, format!("ada@{ACME}")).header("X-Tenant-ID", ACME).header("X-Tenant-ID", ACME),
    ] {
        for method in ["tools/list", "server/discover", "resources/list"] {
            let mut reply = caller.send(caller.request(method, json!({}))).await;
            answers.push((reply.status, reply.text().await));
        }
    }
    assert!(answers[0].1.contains("the request is of no tenant that is served here"), "{answers:?}");
    for answer in &answers {
        assert_eq!((answer.0, &answer.1), (403, &answers[0].1));
        for told in ["suspended", "unknown", ACME, GLOBEX] {
            assert!(!answer.1.contains(told), "{answer:?}");
        }
    }
    // The same header as the claim does no harm.
    let agreed = Caller::modern(&http, format!("ada@{ACME}")).header("X-Tenant-ID", ACME);
    assert_eq!(text(&agreed.tool("whose", json!({})).await), format!("ada of {ACME}"));
    // Neither is a session opened.
    let params = turbomcp_tests::initialize_params("2025-06-18", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let reply = Caller::modern(&http, "ada@suspended").send(Request::post(&initialize)).await;
    assert_eq!((reply.status, reply.header("mcp-session-id")), (403, None));
    // Nor does a session go on whose tenant was suspended meanwhile.
    let legacy = Caller::legacy(&http, format!("ada@{GLOBEX}")).await;
    assert_eq!(legacy.tool("whose", json!({})).await.0, 200);
    let suspended = TenantConfig { status: TenantStatus::Suspended, ..TenantConfig::default() };
    world.configs.set(id(GLOBEX), suspended).unwrap();
    assert_eq!(legacy.tool("whose", json!({})).await.0, 403);
    assert_eq!(legacy.send(Request::get()).await.status, 403);
    world.configs.set(id(GLOBEX), TenantConfig::default()).unwrap();
    assert_eq!(legacy.tool("whose", json!({})).await.0, 200);
    world.server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn f153_nothing_of_a_tenant_reaches_another_over_websocket() {
    let world = world();
    let listener = world.server.bind_websocket("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    let open = |token: String, header: Option<&'static str>| async move {
        let bearer = format!("Bearer {token}");
        let mut headers = websocket::UPGRADE.to_vec();
        headers.push(("authorization", &bearer));
        headers.extend(header.map(|header| ("x-tenant-id", header)));
        let (socket, status, _) = websocket::request(address, "/", &headers).await;
        (socket, status)
    };
    // A handshake that contradicts itself, or is of nobody, is refused as a request is.
    for (token, header) in [
        (format!("ada@{ACME}"), Some(GLOBEX)),
        ("ada@unknown".to_owned(), None),
        ("ada".to_owned(), Some(ACME)),
        ("ada".to_owned(), None),
    ] {
        assert_eq!(open(token.clone(), header).await.1, 403, "{token} {header:?}");
    }
    let (mut acme, status) = open(format!("ada@{ACME}"), Some(ACME)).await;
    assert_eq!(status, 101);
    let (mut globex, _) = open(format!("ada@{GLOBEX}"), None).await;
    async fn ask(socket: &mut WebSocket, method: &str, params: Value) -> Value {
        socket.send(&modern(id_of(method), method, params, json!({"roots": {}}))).await;
        socket.next().await
    }
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let whose = ask(&mut acme, "tools/call", call("whose", json!({}))).await;
    assert_eq!(crate::text(&whose), format!("ada of {ACME}"));
    let own = ask(&mut acme, "tools/call", call("order", json!({"id": "1"}))).await;
    assert_eq!(crate::text(&own), SECRET_OF_ACME);
    let foreign = ask(&mut globex, "tools/call", call("order", json!({"id": "1"}))).await;
    assert_eq!(foreign, ask(&mut globex, "tools/call", call("order", json!({"id": "3"}))).await);
    let read = ask(&mut globex, "resources/read", json!({"uri": "orders://1"})).await;
    assert_eq!(read, ask(&mut globex, "resources/read", json!({"uri": "orders://3"})).await);
    let state = ask(&mut acme, "tools/call", call("ask", json!({}))).await["result"]["requestState"].clone();
    let mut again = call("ask", json!({}));
    again["requestState"] = state;
    again["inputResponses"] = json!({"roots_1": {"roots": []}});
    assert_eq!(ask(&mut globex, "tools/call", again.clone()).await["error"]["code"], -32602);
    assert_eq!(crate::text(&ask(&mut acme, "tools/call", again).await), "0");
    let uris = json!({"notifications": {"resourceSubscriptions": ["orders://1", "orders://2"]}});
    for socket in [&mut acme, &mut globex] {
        let acknowledged = ask(socket, "subscriptions/listen", uris.clone()).await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    }
    world.server.tenant_resource_updated(&id(ACME), "orders://1");
    world.server.tenant_resource_updated(&id(GLOBEX), "orders://2");
    assert_eq!(acme.next().await["params"]["uri"], "orders://1");
    assert_eq!(globex.next().await["params"]["uri"], "orders://2");
    // A tenant that is suspended goes no further on a connection it has.
    let suspended = TenantConfig { status: TenantStatus::Suspended, ..TenantConfig::default() };
    world.configs.set(id(GLOBEX), suspended).unwrap();
    let refused = ask(&mut globex, "tools/call", call("whose", json!({}))).await;
    assert_eq!(refused["error"]["code"], 403);
    is_clean(&refused.to_string());
    world.server.shutdown_handle().shutdown();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn changes_of_tools_that_a_tenant_may_not_know_of_are_not_told_to_it() {
    let world = world();
    let config = TenantConfig { allowed_tools: Some(["whose".to_owned()].into()), ..TenantConfig::default() };
    world.configs.set(id(GLOBEX), config).unwrap();
    let site = Site::start(&world.server).await;
    let http = site.client();
    let mut streams = Vec::new();
    for tenant in [ACME, GLOBEX] {
        let caller = Caller::modern(&http, format!("ada@{tenant}"));
        let tools = json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": ["orders://1"]}});
        let mut stream = caller.send(caller.request("subscriptions/listen", tools)).await;
        caller.next(&mut stream).await;
        streams.push((caller, stream));
    }
    world.server.register_tool("new", |_: turbomcp::Arguments| async { "new" }).unwrap();
    world.server.resource_updated("orders://1");
    let mut methods = Vec::new();
    for (caller, stream) in &mut streams {
        let next = caller.next(stream).await;
        methods.push(next["method"].as_str().unwrap().to_owned());
    }
    assert_eq!(methods, ["notifications/tools/list_changed", "notifications/resources/updated"]);
    world.server.shutdown_handle().shutdown();
    drop(streams);
    site.ended().await.unwrap();
}
