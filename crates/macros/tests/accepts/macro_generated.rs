//! A `macro_rules!` macro may write the impl block.

use turbomcp::prelude::*;

macro_rules! calculator {
    ($name:ident, $title:literal, $number:ty, $least:expr, $(#[$attribute:meta])* $operation:ident) => {
        struct $name;

        #[server(name = $title, version = "1.0.0")]
        impl $name {
            $(#[$attribute])*
            #[tool(description = $title)]
            async fn $operation(&self, a: $number, #[arg(min = $least, default = $least)] b: $number) -> $number {
                a + b
            }
        }
    };
}

calculator!(Integers, "integers", i64, 1, /// Adds.
    add);
calculator!(Fractions, "fractions", f64, 0.5, add);

#[test]
fn is_accepted() {
    let _ = (Integers.into_server(), Fractions.into_server());
}
