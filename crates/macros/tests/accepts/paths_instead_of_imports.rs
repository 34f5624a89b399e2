//! Nothing has to be imported, and the crate may have another name.

mod sdk {
    pub use turbomcp::*;
}

mod short {
    pub struct Demo;

    #[turbomcp::server]
    impl Demo {
        #[turbomcp::tool]
        fn add(&self, a: i64, b: i64) -> i64 {
            a + b
        }
    }
}

struct Demo;

#[turbomcp::server(crate = crate::paths_instead_of_imports::sdk)]
impl Demo {
    #[sdk::tool]
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    #[resource("app://{name}")]
    fn item(&self, name: String) -> String {
        name
    }
}

#[turbomcp::tool(crate = crate::paths_instead_of_imports::sdk)]
fn free() {}

#[test]
fn is_accepted() {
    let _ = turbomcp::IntoServer::into_server(Demo);
    let _ = turbomcp::IntoServer::into_server(short::Demo);
    let _ = free_tool();
}
