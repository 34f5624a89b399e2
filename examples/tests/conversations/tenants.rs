//! A conversation with the server of several customers.

use std::fs::{self, File};

use serde_json::json;

use crate::child::ERAS;
use crate::http::Server;

#[test]
fn multi_tenant_server_has_the_invoices_of_each_customer_for_nobody_else() {
    for era in ERAS {
        let log = std::env::temp_dir().join(format!("turbomcp-tenants-{}-{era:?}", std::process::id()));
        let mut server = Server::start_by("multi_tenant_server", "/mcp", era, |command, address| {
            command.arg(address.to_string()).stderr(File::create(&log).unwrap());
        });
        let said = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let key = |tenant: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("{tenant}: ")));
            line.unwrap_or_else(|| panic!("{said}")).to_owned()
        };
        server.headers.push(("x-api-key", key("acme")));
        server.initialize();
        assert_eq!(server.text("invoice", json!({"number": 1}), &[]), "250");
        assert!(server.text("export", json!({}), &[]).contains("250"));
        let call = server.message("invoice", json!({"number": 1}));
        assert_eq!(server.post(&call, &[("x-tenant-id", "acme")]).status, 200);
        assert_eq!(server.post(&call, &[("x-tenant-id", "globex")]).status, 403);
        // Somebody of the same name, in another company.
        server.headers.clear();
        server.headers.push(("x-api-key", key("globex")));
        server.initialize();
        let mut refusals = Vec::new();
        for number in [1, 7] {
            let call = server.message("invoice", json!({"number": number}));
            refusals.push(server.post(&call, &[]).messages().remove(0)["error"]["message"].clone());
        }
        assert_eq!(refusals[0], refusals[1]);
        assert!(refusals[0].is_string());
        assert_eq!(server.text("write", json!({"total": 9}), &[]), "2");
        assert_eq!(server.text("invoice", json!({"number": 2}), &[]), "9");
        let call = server.message("write", json!({"total": 9}));
        let again = server.post(&call, &[]);
        assert_eq!(again.status, 429);
        assert!(again.headers.contains_key("retry-after"));
        let call = server.message("export", json!({}));
        let hidden = server.post(&call, &[]).messages().remove(0);
        assert_eq!(hidden["error"]["message"], "unknown tool `export`");
    }
}
