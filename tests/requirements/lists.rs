//! PAGE: long lists.

use serde_json::{Value, json};
use turbomcp_tests::{Client, fixture};

const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "name"),
    ("resources/list", "resources", "uri"),
    ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ("prompts/list", "prompts", "name"),
];

fn keys(result: &Value, list: &str, key: &str) -> Vec<String> {
    result[list].as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

/// Holds CACHE-04.
#[tokio::test]
async fn page_05_pages_together_are_the_list() {
    let paged = fixture::limited(|limits| limits.page_size = 1);
    for (method, list, key) in LISTS {
        let whole = Client::connect(&fixture::server()).modern(method, json!({}), json!({})).await["result"].take();
        assert_eq!(whole.get("nextCursor"), None);
        // Each page on a connection of its own: a cursor is good anywhere.
        let (mut found, mut scopes, mut params) = (Vec::new(), Vec::new(), json!({}));
        loop {
            let page = Client::connect(&paged).modern(method, params, json!({})).await["result"].take();
            assert_eq!(page[list].as_array().unwrap().len(), 1);
            found.extend(keys(&page, list, key));
            scopes.push(page["cacheScope"].clone());
            match page.get("nextCursor") {
                Some(cursor) => params = json!({"cursor": cursor}),
                None => break,
            }
        }
        assert_eq!(found, keys(&whole, list, key));
        scopes.dedup();
        assert_eq!(scopes.len(), 1);
    }
}

#[tokio::test]
async fn a_cursor_outlives_changes_elsewhere_in_the_list() {
    let server = fixture::limited(|limits| limits.page_size = 3);
    let mut client = Client::connect(&server);
    let first = client.modern("tools/list", json!({}), json!({})).await["result"].take();
    assert!(server.remove_tool(first["tools"][0]["name"].as_str().unwrap()));
    let after = json!({"cursor": first["nextCursor"]});
    let second = client.modern("tools/list", after, json!({})).await["result"].take();
    let whole = Client::connect(&fixture::server()).modern("tools/list", json!({}), json!({})).await["result"].take();
    assert_eq!(keys(&second, "tools", "name"), keys(&whole, "tools", "name")[3..6]);
}

#[tokio::test]
async fn page_06_a_cursor_nobody_gave_out_is_an_error() {
    let mut client = Client::connect(&fixture::server());
    let mut legacy = Client::legacy(&fixture::server(), "2025-11-25", json!({})).await;
    for (method, ..) in LISTS {
        for cursor in [json!(""), json!("x"), json!("!!!"), json!("AAAA"), json!(1), json!({}), json!("ä")] {
            let answer = client.modern(method, json!({"cursor": cursor}), json!({})).await;
            assert_eq!(answer["error"]["code"], -32602, "{method} {cursor}: {answer}");
            assert_eq!(legacy.call(method, json!({"cursor": cursor})).await["error"]["code"], -32602);
        }
    }
}
