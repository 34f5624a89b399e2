//! Our client against a third-party authorization server, driven by `examples/oauth_flows`.

use super::{Strangers, program};
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
    let running = Server::start(&server, &strangers.log("oauth.server"))?;
    let node = tools::node(workspace)?;
    strangers.drive("oauth", &mut program(&flows, &[running.url.as_ref(), node.as_ref(), &script]))
}
