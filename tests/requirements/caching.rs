//! CACHE: how long a result may be kept, and for whom.

use std::collections::BTreeSet;

use serde_json::json;

use crate::sweep;

const CACHEABLE: [&str; 6] =
    ["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"];

/// Holds CACHE-02, CACHE-03, CACHE-04.
#[tokio::test]
async fn cache_01_what_may_be_kept_says_so_and_nothing_else_does() {
    let (mut cached, mut questions) = (BTreeSet::new(), 0);
    for (method, answer) in sweep().await {
        let Some(result) = answer.get("result") else { continue };
        if CACHEABLE.contains(&method) && result["resultType"] == "complete" {
            cached.insert(method);
            assert!(result["ttlMs"].is_u64(), "{method}: {answer}");
            assert!([json!("public"), json!("private")].contains(&result["cacheScope"]), "{method}: {answer}");
        } else {
            questions += usize::from(result["resultType"] == "input_required");
            assert_eq!((result.get("ttlMs"), result.get("cacheScope")), (None, None), "{method}: {answer}");
        }
    }
    assert_eq!(cached.len(), CACHEABLE.len(), "{cached:?}");
    assert!(questions >= 3);
}
