//! What compiles and what does not, and what the compiler then says.
//!
//! `TRYBUILD=overwrite cargo test -p turbomcp-macros --test ui` writes the messages anew; read each of them.

#[test]
fn accepts_what_the_documentation_promises() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn reports_each_mistake_where_it_is_written() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
