//! The names of requests and notifications.

use std::borrow::Cow;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        impl Method {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*

            const KNOWN: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

/// The name of a request or notification. Names this crate does not know survive unchanged.
///
/// # Specification
///
/// [Schema reference](https://modelcontextprotocol.io/specification/2026-07-28/schema)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Method(Cow<'static, str>);

methods! {
    /// `tools/call`
    TOOLS_CALL = "tools/call",
    /// `tools/list`
    TOOLS_LIST = "tools/list",
    /// `resources/read`
    RESOURCES_READ = "resources/read",
    /// `resources/list`
    RESOURCES_LIST = "resources/list",
    /// `resources/templates/list`
    RESOURCES_TEMPLATES_LIST = "resources/templates/list",
    /// `resources/subscribe` (legacy)
    RESOURCES_SUBSCRIBE = "resources/subscribe",
    /// `resources/unsubscribe` (legacy)
    RESOURCES_UNSUBSCRIBE = "resources/unsubscribe",
    /// `prompts/get`
    PROMPTS_GET = "prompts/get",
    /// `prompts/list`
    PROMPTS_LIST = "prompts/list",
    /// `completion/complete`
    COMPLETION_COMPLETE = "completion/complete",
    /// `logging/setLevel` (legacy)
    LOGGING_SET_LEVEL = "logging/setLevel",
    /// `initialize` (legacy)
    INITIALIZE = "initialize",
    /// `ping` (legacy)
    PING = "ping",
    /// `server/discover` (modern)
    SERVER_DISCOVER = "server/discover",
    /// `subscriptions/listen` (modern)
    SUBSCRIPTIONS_LISTEN = "subscriptions/listen",
    /// `tasks/get` (extension, and 2025-11-25)
    TASKS_GET = "tasks/get",
    /// `tasks/update` (extension)
    TASKS_UPDATE = "tasks/update",
    /// `tasks/cancel` (extension, and 2025-11-25)
    TASKS_CANCEL = "tasks/cancel",
    /// `tasks/result` (2025-11-25)
    TASKS_RESULT = "tasks/result",
    /// `tasks/list` (2025-11-25)
    TASKS_LIST = "tasks/list",
    /// `sampling/createMessage`
    SAMPLING_CREATE_MESSAGE = "sampling/createMessage",
    /// `elicitation/create`
    ELICITATION_CREATE = "elicitation/create",
    /// `roots/list`
    ROOTS_LIST = "roots/list",
    /// `notifications/initialized` (legacy)
    INITIALIZED = "notifications/initialized",
    /// `notifications/cancelled`
    CANCELLED = "notifications/cancelled",
    /// `notifications/progress`
    PROGRESS = "notifications/progress",
    /// `notifications/message`
    MESSAGE = "notifications/message",
    /// `notifications/tools/list_changed`
    TOOLS_LIST_CHANGED = "notifications/tools/list_changed",
    /// `notifications/prompts/list_changed`
    PROMPTS_LIST_CHANGED = "notifications/prompts/list_changed",
    /// `notifications/resources/list_changed`
    RESOURCES_LIST_CHANGED = "notifications/resources/list_changed",
    /// `notifications/resources/updated`
    RESOURCES_UPDATED = "notifications/resources/updated",
    /// `notifications/roots/list_changed` (legacy)
    ROOTS_LIST_CHANGED = "notifications/roots/list_changed",
    /// `notifications/elicitation/complete` (2025-11-25)
    ELICITATION_COMPLETE = "notifications/elicitation/complete",
    /// `notifications/subscriptions/acknowledged` (modern)
    SUBSCRIPTIONS_ACKNOWLEDGED = "notifications/subscriptions/acknowledged",
    /// `notifications/tasks` (extension)
    TASKS_CHANGED = "notifications/tasks",
    /// `notifications/tasks/status` (2025-11-25)
    TASKS_STATUS = "notifications/tasks/status",
}

impl Method {
    /// Returns the method with this name, without allocating for those this crate knows.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        // In the order of the table above, so that the frequent ones are found first.
        match Self::KNOWN.iter().find(|known| known.0 == name) {
            Some(known) => known.clone(),
            None => Self(Cow::Owned(name.to_owned())),
        }
    }

    /// Returns the name as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if a request of this method may be answered by asking for input.
    #[must_use]
    pub fn may_require_input(&self) -> bool {
        *self == Self::TOOLS_CALL || *self == Self::PROMPTS_GET || *self == Self::RESOURCES_READ
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_known_and_unknown_names() {
        assert_eq!(Method::from_name("tools/call"), Method::TOOLS_CALL);
        assert!(matches!(Method::from_name("ping").0, Cow::Borrowed(_)));
        assert_eq!(Method::from_name("x/y").as_str(), "x/y");
        assert_ne!(Method::from_name("Tools/call"), Method::TOOLS_CALL);
    }
}
