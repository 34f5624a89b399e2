//! The fixture in a process of its own: over standard input and output, or with `--http` on a port that it prints. With
//! `--stage ADDRESS PLAN` it is the server of the suite over all bindings, over standard input and output.

use turbomcp_tests::{fixture, stage::Stage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--stage", address, plan] => {
            let stage = Stage::new(&serde_json::from_str(plan)?);
            let (server, address) = (stage.server.clone(), address.to_owned());
            tokio::spawn(async move { stage.take_orders(&address).await });
            server.run_stdio().await?;
        }
        ["--http"] => {
            let listener = fixture::server().http().bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr());
            listener.serve().await?;
        }
        _ => fixture::server().run_stdio().await?,
    }
    Ok(())
}
