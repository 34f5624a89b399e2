//! What the compiler says of mistakes.
//!
//! `TRYBUILD=overwrite cargo test -p turbomcp-mistakes` writes the messages anew; read each of them.

#[test]
fn reports_each_mistake_where_it_is_written() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
