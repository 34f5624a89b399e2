//! A third-party authorization server, driven by `examples/oauth_flows`: our client against it, and our server behind it.

use super::{Strangers, program, python_script, typescript_script};
use crate::{
    Outcome,
    fixture::{self, Profile, Server},
    tools,
    workspace::Workspace,
};

pub(super) fn run(workspace: &Workspace, profile: Profile, strangers: &mut Strangers) -> Outcome {
    let server = fixture::build(workspace, profile, "conformance_server")?;
    let flows = fixture::build(workspace, profile, "oauth_flows")?;
    let script = tools::npm(workspace, "tests/strangers/oauth")?.join("main.mjs");
    let node = tools::node(workspace)?;
    {
        let running = Server::start(&server, &strangers.log("oauth.server"))?;
        strangers.drive("oauth", &mut program(&flows, &[running.url.as_ref(), node.as_ref(), &script]))?;
    }
    let protected = || program(&flows, &["--protected".as_ref(), node.as_ref(), &script]);
    strangers.drive("protected-turbomcp", &mut protected())?;
    let clients = [
        ("typescript", typescript_script(workspace, "tests/strangers/typescript", "protected.mjs")?),
        ("python", python_script(workspace, "tests/strangers/python", "protected.py")?),
    ];
    for (language, client) in &clients {
        for era in ["legacy", "modern"] {
            let client = client();
            let mut command = protected();
            command.arg(client.get_program()).args(client.get_args()).arg(era);
            strangers.drive(&format!("protected-{language}-{era}"), &mut command)?;
        }
    }
    Ok(())
}
