//! Forms made from Rust types.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use turbomcp_protocol::McpError;
use turbomcp_protocol::types::{ElicitAction, ElicitResult, ElicitationSchema};

use crate::schema::{InputSchema, plain_input};
use crate::{Ask, Context};

/// What a user made of a form that asks for a `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol knows these three answers")]
pub enum Answer<T> {
    /// The user filled it in.
    Accepted(T),
    /// The user said no.
    Declined,
    /// The user went away.
    Cancelled,
}

impl<T> Answer<T> {
    /// Returns what the user filled in.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(value) => Some(value),
            Self::Declined | Self::Cancelled => None,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let result = ElicitResult::deserialize(deserializer)?;
        match result.action {
            ElicitAction::Accept => result.parse().map(Self::Accepted).map_err(D::Error::custom),
            ElicitAction::Decline => Ok(Self::Declined),
            _ => Ok(Self::Cancelled),
        }
    }
}

impl Context {
    /// Asks the user to fill in a form that is made from a type: a struct of texts, numbers, booleans, enumerations
    /// without data, and lists of those; an `Option` need not be filled in.
    ///
    /// Fields are asked for in the order of the alphabet; a form that is built by hand has an order of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_server::{Answer, Context};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Table {
    ///     /// How many you are.
    ///     #[schemars(range(min = 1, max = 12))]
    ///     guests: u8,
    ///     name: Option<String>,
    /// }
    ///
    /// async fn book(ctx: &Context) -> McpResult<String> {
    ///     match ctx.elicit_as::<Table>("What table do you want?").await? {
    ///         Answer::Accepted(table) => Ok(format!("A table for {}", table.guests)),
    ///         _ => Ok("No table, then".to_owned()),
    ///     }
    /// }
    /// # let _ = book;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`elicit`](Self::elicit), and if a field of `T` is nothing that a form can ask for.
    ///
    /// # Specification
    ///
    /// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
    pub fn elicit_as<T>(&self, message: impl Into<String>) -> Ask<'_, Answer<T>>
    where
        T: DeserializeOwned + JsonSchema,
    {
        match form_of::<T>() {
            Ok(form) => self.elicit(message, form).answered_by(),
            Err(reason) => {
                self.elicit(message, ElicitationSchema::new()).answered_by().refused(McpError::internal(reason))
            }
        }
    }
}

/// Returns the form for a type, or says why there is none.
fn form_of<T: JsonSchema>() -> Result<ElicitationSchema, String> {
    let unfit = |name: &str| format!("no form can ask for `{name}` of `{}` as its type describes it", T::schema_name());
    let schema = InputSchema::new().whole::<T>().build();
    if schema.get("type").is_none_or(|name| name != "object") {
        return Err(unfit("everything"));
    }
    let mut schema = plain_input(&schema);
    schema.retain(|keyword, _| matches!(keyword.as_str(), "type" | "properties" | "required"));
    let properties = schema.entry("properties").or_insert_with(|| Map::new().into());
    for property in properties.as_object_mut().into_iter().flat_map(Map::values_mut) {
        // Forms know formats of texts only.
        if let Value::Object(property) = property
            && property.get("type").is_some_and(|name| name != "string")
        {
            property.remove("format");
        }
    }
    let wanted = properties.clone();
    let form = serde_json::from_value::<ElicitationSchema>(Value::Object(schema)).map_err(|_| unfit("everything"))?;
    // What a form has no words for would be neither told nor enforced.
    for (name, field) in &form.properties {
        if serde_json::to_value(field).ok().as_ref() != wanted.get(name) {
            return Err(unfit(name));
        }
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Trip {
        /// Where to.
        #[schemars(length(min = 2))]
        city: String,
        #[schemars(range(min = 1, max = 14))]
        days: u8,
        budget: Option<f64>,
        #[serde(default)]
        flexible: bool,
        class: Class,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Class {
        First,
        Second,
    }

    #[test]
    fn a_form_asks_for_the_fields_of_a_struct() {
        assert_eq!(
            serde_json::to_value(form_of::<Trip>().unwrap()).unwrap(),
            json!({
                "type": "object",
                "properties": {
                    "budget": {"type": "number"},
                    "city": {"type": "string", "minLength": 2, "description": "Where to."},
                    "class": {"type": "string", "enum": ["first", "second"]},
                    "days": {"type": "integer", "minimum": 1, "maximum": 14},
                    "flexible": {"type": "boolean", "default": false},
                },
                "required": ["city", "days", "class"],
            })
        );
    }

    #[test]
    fn what_a_form_has_no_words_for_is_refused() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Nested {
            trip: Trip,
        }
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Pattern {
            #[schemars(regex(pattern = "^a"))]
            code: String,
        }
        assert!(form_of::<Nested>().is_err());
        assert_eq!(
            form_of::<Pattern>().unwrap_err(),
            "no form can ask for `code` of `Pattern` as its type describes it"
        );
        assert!(form_of::<String>().is_err());
    }

    #[test]
    fn an_answer_is_read_by_what_the_user_did() {
        #[track_caller]
        fn check(answer: Value, expected: Option<Answer<Class>>) {
            #[derive(Deserialize)]
            struct Chosen {
                class: Class,
            }
            let read = serde_json::from_value::<Answer<Chosen>>(answer).ok().map(|answer| match answer {
                Answer::Accepted(chosen) => Answer::Accepted(chosen.class),
                Answer::Declined => Answer::Declined,
                Answer::Cancelled => Answer::Cancelled,
            });
            assert_eq!(read, expected);
        }
        check(json!({"action": "accept", "content": {"class": "first"}}), Some(Answer::Accepted(Class::First)));
        check(json!({"action": "accept", "content": {"class": "third"}}), None);
        check(json!({"action": "accept"}), None);
        check(json!({"action": "decline"}), Some(Answer::Declined));
        check(json!({"action": "cancel"}), Some(Answer::Cancelled));
    }
}
