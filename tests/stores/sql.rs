//! The example that lets a model read a database: F201.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turbomcp_tests::{Http, engines};

use crate::examples::{Program, path};

const TABLES: &str = "
    CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL, price numeric(6, 2), added timestamptz, tags text[]);
    INSERT INTO books VALUES
        (1, 'Middlemarch', 14.00, '2026-07-28 12:00:00Z', '{novel}'), (2, 'The Waves', NULL, NULL, '{}'),
        (3, 'Duino Elegies', 9.80, '2026-07-29 12:00:00Z', '{poetry,german}');
    CREATE SEQUENCE counter;
    CREATE FUNCTION spend() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO books VALUES (4, 'bought', 1, now(), '{}'); RETURN 4; END $$;
    CREATE ROLE reader LOGIN PASSWORD 'reader';
    GRANT SELECT ON books TO reader;
    GRANT ALL ON SEQUENCE counter TO reader;";

/// What is there, whoever has asked for what.
const STATE: &str = "SELECT (SELECT count(*) || ' ' || sum(id) FROM books), (SELECT is_called FROM counter),
    (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'), (SELECT count(*) FROM pg_largeobject_metadata)";

struct Model(Http);

impl Model {
    async fn ask(&self, arguments: Value) -> Value {
        self.0.tool("query", arguments).await["result"].take()
    }

    async fn read(&self, sql: &str) -> Value {
        let mut result = self.ask(json!({"sql": sql})).await;
        assert!(result["isError"].is_null(), "{sql}: {result}");
        result["structuredContent"].take()
    }

    async fn fails(&self, sql: &str, why: &str) {
        let result = self.ask(json!({"sql": sql})).await;
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{sql}: {result}"));
        assert!(result["isError"] == true && text.contains(why), "{sql}: {result}");
    }
}

#[tokio::test]
async fn f201_a_model_reads_what_is_there_and_changes_nothing() {
    let postgres = engines::Postgres::shared();
    let owner = postgres.url();
    let database = owner.rsplit('/').next().unwrap();
    postgres.statement(database, TABLES);
    let before = postgres.statement(database, STATE);
    let refused = Command::new(path("sql_readonly")).args(["127.0.0.1:0", &owner]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("connect as one that may only read"), "{said}");

    let url = format!("postgres://reader:reader@{}", owner.split_once('@').unwrap().1);
    let program = Program::start("sql_readonly", &url).await;
    let model = Model(Http::at(program.address));
    reads(&model).await;
    bounds(&model).await;
    refuses(&model).await;
    assert_eq!(postgres.statement(database, STATE), before);
}

async fn reads(model: &Model) {
    let read = model.read("SELECT id, title, price, tags, added FROM books ORDER BY id;").await;
    let column = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let columns =
        [("id", "int4"), ("title", "text"), ("price", "numeric"), ("tags", "_text"), ("added", "timestamptz")];
    assert_eq!(read["columns"], Value::from_iter(columns.map(|(name, kind)| column(name, kind))));
    assert_eq!(read["rows"][1], json!([2, "The Waves", null, [], null]));
    assert_eq!((&read["rows"][2][2], &read["rows"][2][3]), (&json!(9.8), &json!(["poetry", "german"])));
    assert_eq!((read["rows"].as_array().unwrap().len(), &read["has_more"]), (3, &json!(false)));
    for (sql, rows) in [
        ("SELECT 1 AS a, 2 AS a", json!([[1, 2]])),
        ("VALUES (1, 'a;b'), (2, 'it''s')", json!([[1, "a;b"], [2, "it's"]])),
        ("-- ; DELETE\nTABLE books LIMIT 0", json!([])),
        ("/* a /* b */ ; */ SELECT $tag$; DELETE $$ $tag$ AS \"x;y\" -- the end", json!([["; DELETE $$ "]])),
        (r"(SELECT E'\'; DELETE FROM books; --')", json!([["'; DELETE FROM books; --"]])),
        (
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n",
            json!([[6]]),
        ),
        ("SELECT title AS delete, id AS update FROM books WHERE id = 1", json!([["Middlemarch", 1]])),
    ] {
        assert_eq!(model.read(sql).await["rows"], rows, "{sql}");
    }
}

async fn bounds(model: &Model) {
    let many = "SELECT i FROM generate_series(1, 1000000) AS i";
    for (limit, expected) in [(json!(7), 7), (json!(1), 1), (json!(1000), 1000), (Value::Null, 100)] {
        let arguments = if limit.is_null() { json!({"sql": many}) } else { json!({"sql": many, "limit": limit}) };
        let table = model.ask(arguments).await["structuredContent"].take();
        assert_eq!((table["rows"].as_array().unwrap().len(), &table["has_more"]), (expected, &json!(true)));
    }
    for limit in [json!(0), json!(1001), json!(-1), json!("all")] {
        assert_eq!(model.ask(json!({"sql": many, "limit": limit})).await["isError"], true, "{limit}");
    }
    let wide = model.read("SELECT repeat('x', 30000) FROM generate_series(1, 100)").await;
    assert_eq!((wide["rows"].as_array().unwrap().len(), &wide["has_more"]), (8, &json!(true)));
    model.fails("SELECT repeat('x', 50000000)", "a row is longer than").await;
    let columns: Vec<_> = (0..101).map(|number| format!("{number}")).collect();
    model.fails(&format!("SELECT {}", columns.join(", ")), "101 columns").await;
    model.fails(&format!("SELECT '{}'", "x".repeat(10_000)), "longer than 10000 bytes").await;
    let begun = Instant::now();
    // A setting that is changed is for those that come after.
    model.fails("SELECT set_config('statement_timeout', '0', false), pg_sleep(600)", "57014").await;
    model.fails("SELECT count(*) FROM generate_series(1, 100000000000)", "57014").await;
    assert!(begun.elapsed() < Duration::from_secs(30));
}

async fn refuses(model: &Model) {
    for write in [
        "INSERT INTO books VALUES (9)",
        "update books SET id = 9",
        "DROP TABLE books",
        "COPY books TO STDOUT",
        "DO $$ $$",
    ] {
        model.fails(write, "a query begins with SELECT, WITH, VALUES or TABLE").await;
    }
    for (sql, why) in [
        ("", "the query is empty"),
        ("/* SELECT */ -- 1", "the query is empty"),
        ("SELECT 1; DELETE FROM books", "only one statement"),
        ("SELECT 1;;COMMIT", "only one statement"),
        ("WITH gone AS (DELETE FROM books RETURNING *) SELECT * FROM gone", "`DELETE` writes"),
        ("WITH new AS ( /* ( */ insert INTO books VALUES (9) RETURNING 1) TABLE new", "`INSERT` writes"),
        // From here on it is PostgreSQL that refuses.
        ("WITH gone AS MATERIALIZED (SELECT 1) DELETE FROM books", "the query has 0 columns"),
        ("WITH gone AS MATERIALIZED (SELECT 1) DELETE FROM books RETURNING id", "PostgreSQL refuses"),
        ("SELECT nextval('counter')", "25006"),
        ("SELECT setval('counter', 7)", "25006"),
        ("SELECT spend()", "25006"),
        ("SELECT set_config('transaction_read_only', 'off', true), spend()", "25001"),
        ("SELECT * INTO stolen FROM books", "the query has 0 columns"),
        ("SELECT * FROM books FOR UPDATE", "PostgreSQL refuses"),
        ("SELECT pg_read_file('/etc/passwd')", "42501"),
        ("SELECT * FROM pg_authid", "42501"),
        ("SELECT $1::int", "has parameters"),
        ("SELECT 1) AS query(c0) UNION SELECT (2", "42601"),
        ("SELECT 1 /* ; DELETE FROM books", "42601"),
        ("SELECT * FROM nothing", "relation \"nothing\" does not exist"),
        ("SELECT titel FROM books", "hint: "),
        ("SELECT 1 / 0", "division by zero"),
    ] {
        model.fails(sql, why).await;
    }
    // What a function leaves behind goes with its transaction, or with its connection.
    model.read("SELECT lo_create(0)").await;
    for _ in 0..2 {
        model.read("SELECT pg_advisory_lock(1)").await;
    }
}
