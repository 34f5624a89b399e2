//! One suite of conversations, held over every binding in both eras.
//!
//! A test is named `binding::era::conversation`. As with other tests, `cargo test --test bindings -- https::modern` holds
//! those whose name has that in it, and `--exact`, `--skip` and `--list` do what they do elsewhere. What has no sense over a
//! binding is in the table [`table::LEFT_OUT`] with its reason, and is printed as ignored.
//!
//! There is no harness of the compiler's: it would have to compile each of more than a thousand tests, and hold only as
//! many conversations at a time as there are processors, of which most only wait.

#[path = "../tls/authority.rs"]
#[expect(dead_code, reason = "the tests of TLS want more of it")]
mod authority;
mod binding;
mod bindings;
mod conversations;
mod harness;
mod papers;
mod raw;
mod relay;
mod site;
mod table;

fn main() -> std::process::ExitCode {
    harness::run(&harness::Options::of(std::env::args().skip(1)))
}
