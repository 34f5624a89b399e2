//! One tool, ready to be called.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use turbomcp_protocol::types::Tool;

use crate::Error;
use crate::access::{Guard, Guarded, PrimitiveKind};
use crate::handler::{ErasedTool, ToolHandler, Validation};
use crate::schema::{HeaderParam, Validator, x_mcp_headers};
use crate::tasks::{self, ToolTask};
use crate::validation::{Checks, SchemaValidator};

pub(crate) struct ToolEntry {
    pub(crate) guard: Guard,
    pub(crate) handler: Arc<dyn ErasedTool>,
    pub(crate) timeout: Option<Duration>,
    /// How its calls become tasks, if they do.
    pub(crate) task: Option<ToolTask>,
    /// The arguments that Streamable HTTP mirrors in headers.
    pub(crate) mirrored: Vec<HeaderParam>,
    /// Whether it says that a call changes nothing, and a second one nothing more.
    pub(crate) is_repeatable: bool,
    /// Whether it says one of both, so that it may be run again when nobody knows how far it came.
    pub(crate) may_begin_again: bool,
    checks: Checks,
    validation: Validation,
    /// As JSON, which takes a tenth of the memory of the parsed schemas; it is needed only to make a list.
    definition: Box<[u8]>,
}

impl ToolEntry {
    pub(super) fn new(
        name: Arc<str>,
        mut handler: impl ToolHandler,
        validator: Option<&SchemaValidator>,
    ) -> Result<Self, Error> {
        let mut definition = handler.take_definition();
        (*name).clone_into(&mut definition.name);
        if definition.input_schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(fail(
                &name,
                &"the input schema must say `\"type\": \"object\"` at its root; a struct with a field for each argument does",
            ));
        }
        let tags = definition.meta.as_ref().map(super::tags).unwrap_or_default();
        let guard = Guard::new(PrimitiveKind::Tool, name.clone(), tags, handler.access())
            .map_err(|error| fail(&name, &error))?;
        let validation = handler.validation();
        let checks = Checks::of(&mut definition, validation, validator).map_err(|error| fail(&name, &error))?;
        let input_schema = Value::Object(std::mem::take(&mut definition.input_schema));
        let mirrored = x_mcp_headers(&input_schema).map_err(|error| fail(&name, &error))?;
        if let Value::Object(schema) = input_schema {
            definition.input_schema = schema;
        }
        let is_repeatable = definition.annotations.as_ref().is_some_and(|annotations| {
            annotations.read_only_hint == Some(true) && annotations.idempotent_hint == Some(true)
        });
        let may_begin_again = definition.annotations.as_ref().is_some_and(tasks::is_repeatable);
        let task = handler.task();
        if let Some(task) = &task {
            task.check(definition.annotations.as_ref()).map_err(|reason| fail(&name, &reason))?;
            definition.execution.get_or_insert_default().task_support = Some(task.support);
        }
        let definition = serde_json::to_vec(&definition).map_err(|error| fail(&name, &error))?.into();
        let timeout = handler.timeout();
        let handler = Arc::new(handler);
        Ok(Self {
            guard,
            handler,
            timeout,
            task,
            mirrored,
            is_repeatable,
            may_begin_again,
            checks,
            validation,
            definition,
        })
    }

    /// Returns the same tool, validated otherwise.
    pub(super) fn validated_with(&self, validator: &SchemaValidator) -> Result<Self, Error> {
        let mut definition = self.definition();
        let checks =
            Checks::of(&mut definition, self.validation, Some(validator)).map_err(|error| fail(self.name(), &error))?;
        Ok(Self {
            guard: self.guard.clone(),
            handler: self.handler.clone(),
            timeout: self.timeout,
            task: self.task.clone(),
            mirrored: self.mirrored.clone(),
            is_repeatable: self.is_repeatable,
            may_begin_again: self.may_begin_again,
            checks,
            validation: self.validation,
            definition: serde_json::to_vec(&definition).map_err(|error| fail(self.name(), &error))?.into(),
        })
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.guard.name
    }

    /// Returns what arguments are held against.
    pub(crate) fn input(&self) -> &[Validator] {
        &self.checks.input
    }

    /// Returns what structured results are held against.
    pub(crate) fn output(&self) -> Option<&Validator> {
        self.checks.output.as_ref()
    }

    pub(super) fn definition(&self) -> Tool {
        serde_json::from_slice(&self.definition).expect("a definition reads what it has written")
    }
}

impl Guarded for ToolEntry {
    fn guard(&self) -> &Guard {
        &self.guard
    }
}

fn fail(name: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::registration(format!("tool `{name}`: {reason}"))
}
