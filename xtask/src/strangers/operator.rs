//! What `examples/observed` shows to operators, read by Prometheus' own programs and by the messages of OpenTelemetry.

use super::{Strangers, python};
use crate::{
    Outcome,
    fixture::{self, Profile},
    tools,
    workspace::Workspace,
};

pub(super) fn run(workspace: &Workspace, profile: Profile, strangers: &mut Strangers) -> Outcome {
    let observed = fixture::build(workspace, profile, "observed")?;
    let promtool = tools::debian(workspace, "prometheus", "promtool")?;
    let read = python(workspace, "tests/strangers/operator")?;
    strangers.drive("operator", read().arg(observed).arg(promtool))
}
