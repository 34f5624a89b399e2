//! Asking the client while its request is being answered: elicitation, sampling and roots, in both eras.
//!
//! In the legacy era the question is a request of the server's, and the handler waits for the answer. In the modern era
//! the handler is dropped, the question is the answer to its request, and when the client repeats the request with what
//! was asked for, the handler runs again and finds it.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use turbomcp_protocol::encode::encode_for;
use turbomcp_protocol::scan::text_of;
use turbomcp_protocol::types::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ElicitRequestFormParams, ElicitRequestParams,
    ElicitRequestUrlParams, ElicitResult, ElicitationCapability, ElicitationSchema, ListRootsResult, RootsCapability,
    SamplingCapability,
};
use turbomcp_protocol::{ErrorCode, McpError, McpResult, Method};

use crate::Context;
use crate::access::identity;
use crate::inner::Inner;
use crate::request::{Outcome, Response};
use crate::sampling;
use crate::schema::Validator;
use crate::sync::lock;
use crate::tasks::TaskRun;

/// What a modern request has been given, and what it still wants.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Answers of earlier rounds and of this one.
    given: BTreeMap<String, Value>,
    /// Answers the handler has read; they travel on in the request state.
    used: BTreeMap<String, Value>,
    /// Questions nobody has answered yet, as JSON.
    wanted: BTreeMap<String, Vec<u8>>,
    asked: BTreeMap<&'static str, u32>,
    round: u32,
}

/// What a request state holds, sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    round: u32,
    answers: BTreeMap<String, Value>,
}

impl Inputs {
    /// Takes what the request brings from earlier rounds.
    pub(crate) fn load(&mut self, inner: &Inner) -> McpResult<()> {
        let known = &inner.message.known;
        if let Some(sealed) = known.request_state {
            let refused =
                || McpError::invalid_params("the request state is not one this server gave out for this request");
            let sealed = text_of(inner.raw(sealed)).ok_or_else(refused)?;
            let state = inner.server.seal().open(&sealed, &binding(inner)).ok_or_else(refused)?;
            let state: State = serde_json::from_slice(&state).map_err(|_| refused())?;
            self.round = state.round;
            self.given = state.answers;
        }
        if let Some(responses) = known.input_responses {
            let responses: BTreeMap<String, Value> = serde_json::from_slice(inner.raw(responses))
                .map_err(|_| McpError::invalid_params("`inputResponses` must be an object"))?;
            self.given.extend(responses);
        }
        Ok(())
    }

    /// Returns the answers that the handler has read.
    pub(crate) fn used(&self) -> BTreeMap<String, Value> {
        self.used.clone()
    }

    /// Takes what a handler had read that runs again.
    pub(crate) fn restore(&mut self, given: BTreeMap<String, Value>) {
        self.given = given;
    }

    /// Names a question by what it was named, or by its number.
    fn key<T>(&mut self, ask: &mut Ask<'_, T>) -> String {
        let number = self.asked.entry(ask.kind).or_default();
        *number += 1;
        ask.key.take().unwrap_or_else(|| format!("{}_{number}", ask.kind))
    }

    /// Returns the question to the client, if the handler waits for an answer.
    pub(crate) fn required(&mut self, inner: &Inner) -> Option<Response> {
        if self.wanted.is_empty() {
            return None;
        }
        let state = State { round: self.round + 1, answers: std::mem::take(&mut self.used) };
        let state = serde_json::to_vec(&state).unwrap_or_default();
        let sealed = inner.server.seal().close(&state, &binding(inner));
        let mut members = b"\"inputRequests\":{".to_vec();
        for (index, (key, request)) in std::mem::take(&mut self.wanted).iter().enumerate() {
            if index > 0 {
                members.push(b',');
            }
            turbomcp_protocol::escape::write_string(key, &mut members);
            members.push(b':');
            members.extend_from_slice(request);
        }
        members.extend_from_slice(b"},\"requestState\":");
        turbomcp_protocol::escape::write_string(&sealed, &mut members);
        Some(Outcome::InputRequired(members).into())
    }
}

/// What a request state is bound to: who asks, the method and what the request asks for.
fn binding(inner: &Inner) -> Vec<u8> {
    let known = &inner.message.known;
    let mut bound = Vec::new();
    // Its length comes first, so that no identity can be written that reads as another one and a method.
    if let Some(identity) = inner.extensions.get().and_then(identity) {
        bound.extend_from_slice(&(identity.as_str().len() as u64).to_be_bytes());
        bound.extend_from_slice(identity.as_str().as_bytes());
    }
    bound.push(0);
    bound.extend_from_slice(inner.method.as_str().as_bytes());
    for span in [known.name, known.uri] {
        bound.push(0);
        bound.extend_from_slice(span.map_or(b"", |span| inner.raw(span)));
    }
    // As a value, so that the order of members and white space do not matter.
    let arguments = known.arguments.and_then(|span| serde_json::from_slice::<Value>(inner.raw(span)).ok());
    bound.push(0);
    bound.extend_from_slice(arguments.unwrap_or_default().to_string().as_bytes());
    bound
}

/// A question to the client; `await` it for the answer.
///
/// # Cancel safety
///
/// Dropping it gives up waiting; the client may still see the question.
#[must_use = "the client is asked when this is awaited"]
#[derive(Debug)]
pub struct Ask<'a, T> {
    ctx: &'a Context,
    key: Option<String>,
    kind: &'static str,
    method: Method,
    params: Option<Vec<u8>>,
    refusal: Option<McpError>,
    /// The form that what the user enters has to fit.
    form: Option<ElicitationSchema>,
    answer: std::marker::PhantomData<fn() -> T>,
}

impl<T> Ask<'_, T> {
    /// Names the question, as modern clients see it; unless named it is numbered. Names are unique within a request.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl<'a, T> Ask<'a, T> {
    /// Asks the same, and reads the answer as something else.
    pub(crate) fn answered_by<U>(self) -> Ask<'a, U> {
        let Ask { ctx, key, kind, method, params, refusal, form, answer: _ } = self;
        Ask { ctx, key, kind, method, params, refusal, form, answer: std::marker::PhantomData }
    }

    /// Does not ask, but fails.
    pub(crate) fn refused(mut self, refusal: McpError) -> Self {
        self.refusal = Some(refusal);
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> Ask<'_, T> {
    async fn send(self) -> McpResult<T> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let inner = self.ctx.inner();
        if let Some(run) = inner.task() {
            return self.in_task(run).await;
        }
        let Some(peer) = inner.peer.clone() else { return self.in_rounds().await };
        let params = self.params.as_deref().and_then(|params| std::str::from_utf8(params).ok());
        let limit: Duration = inner.server.limits().client_answer_timeout;
        let question = inner.asked.question();
        let answer = tokio::time::timeout(limit, peer.ask(&inner.outlet, &self.method, params)).await;
        drop(question);
        let answer = answer.map_err(|_| McpError::unavailable("the client did not answer in time"))??;
        let unfit = || McpError::invalid_request("the client's answer does not fit");
        let answer: Value = serde_json::from_str(answer.get()).map_err(|_| unfit())?;
        self.decode(answer).ok_or_else(unfit)
    }

    fn decode(&self, answer: Value) -> Option<T> {
        let fits = self.form.as_ref().is_none_or(|form| fits_form(form, &answer));
        fits.then(|| serde_json::from_value(answer).ok()).flatten()
    }

    async fn in_rounds(mut self) -> McpResult<T> {
        let inner = self.ctx.inner();
        {
            let mut inputs = lock(&inner.inputs);
            let key = inputs.key(&mut self);
            if let Some(answer) = inputs.given.get(&key).cloned() {
                let decoded = self
                    .decode(answer.clone())
                    .ok_or_else(|| McpError::invalid_params(format!("the input response `{key}` does not fit")))?;
                inputs.used.insert(key, answer);
                return Ok(decoded);
            }
            inputs.wanted.insert(key, self.request());
        }
        inner.attend();
        pending().await
    }

    /// Asks while the task goes on, and waits for the answer.
    async fn in_task(mut self, run: &TaskRun) -> McpResult<T> {
        let inner = self.ctx.inner();
        let (key, given) = {
            let mut inputs = lock(&inner.inputs);
            let key = inputs.key(&mut self);
            // It may have been asked in a round of the call.
            let given = inputs.given.get(&key).cloned();
            (key, given)
        };
        let unfit = || McpError::invalid_params("an input response does not fit");
        if let Some(answer) = given {
            return self.decode(answer).ok_or_else(unfit);
        }
        let request = String::from_utf8(self.request()).map_err(McpError::internal)?;
        let request = RawValue::from_string(request).map_err(McpError::internal)?;
        let question = inner.asked.question();
        let answer = run.ask(&key, &request).await;
        drop(question);
        self.decode(answer?).ok_or_else(unfit)
    }

    /// Writes the question as it stands in a result.
    fn request(&self) -> Vec<u8> {
        let mut request = format!(r#"{{"method":"{}""#, self.method).into_bytes();
        if let Some(params) = &self.params {
            request.extend_from_slice(b",\"params\":");
            request.extend_from_slice(params);
        }
        request.push(b'}');
        request
    }
}

/// Returns true unless the user has entered something that does not fit the form.
pub(crate) fn fits_form(form: &ElicitationSchema, answer: &Value) -> bool {
    if answer["action"] != "accept" {
        return true;
    }
    let Ok(Ok(validator)) = serde_json::to_value(form).map(|schema| Validator::compile(&schema)) else { return true };
    validator.is_none_or(|validator| validator.check(&answer["content"]).is_ok())
}

impl<'a, T: DeserializeOwned + Send + 'static> IntoFuture for Ask<'a, T> {
    type Output = McpResult<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = McpResult<T>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Context {
    /// Asks the user to fill in a form.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_protocol::types::{ElicitAction, ElicitationSchema, NumberSchema};
    /// use turbomcp_server::Context;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Table {
    ///     guests: u32,
    /// }
    ///
    /// async fn book(ctx: &Context) -> McpResult<String> {
    ///     let guests = NumberSchema::new().with_minimum(1);
    ///     let form = ElicitationSchema::new().integer("guests", guests).required("guests");
    ///     let answer = ctx.elicit("How many are you?", form).await?;
    ///     match answer.action {
    ///         ElicitAction::Accept => Ok(format!("A table for {}", answer.parse::<Table>()?.guests)),
    ///         _ => Ok("No table, then".to_owned()),
    ///     }
    /// }
    /// # let _ = book;
    /// ```
    ///
    /// # Errors
    ///
    /// If the client has not declared form elicitation, does not answer, or answers with what does not fit the
    /// form; if a field takes several values and the protocol version has no such field. That the user declines is an
    /// answer.
    ///
    /// # Specification
    ///
    /// [Elicitation](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation)
    pub fn elicit(&self, message: impl Into<String>, schema: ElicitationSchema) -> Ask<'_, ElicitResult> {
        let fits = self.revision().has_multi_select() || !schema.has_multi_select();
        let params = ElicitRequestParams::Form(ElicitRequestFormParams::new(message, schema.clone()));
        let has = self.revision().has_elicitation() && self.client_capabilities().has_form_elicitation();
        let mut needed = ClientCapabilities::new();
        needed.elicitation = Some(ElicitationCapability::new());
        let mut ask = self.ask("elicitation", Method::ELICITATION_CREATE, Some(self.adapted(&params)), has, &needed);
        if !fits {
            let code = ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY;
            let refusal = || McpError::new(code, "the client's protocol version has no fields for several values");
            ask.refusal.get_or_insert_with(refusal);
        }
        ask.form = Some(schema);
        ask
    }

    /// Asks the user to visit a URL.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_protocol::types::{ElicitAction, ElicitRequestUrlParams};
    /// use turbomcp_server::Context;
    ///
    /// async fn connect(ctx: &Context) -> McpResult<bool> {
    ///     let page = ElicitRequestUrlParams::new("Connect your storage", "https://notes.example/connect");
    ///     Ok(ctx.elicit_url(page).await?.action == ElicitAction::Accept)
    /// }
    /// # let _ = connect;
    /// ```
    ///
    /// # Errors
    ///
    /// If the client has not declared URL elicitation, or does not answer. That the user declines is an answer.
    ///
    /// # Specification
    ///
    /// [URL mode](https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#url-mode-elicitation-requests)
    pub fn elicit_url(&self, mut params: ElicitRequestUrlParams) -> Ask<'_, ElicitResult> {
        // Some revisions require it; to the others it is not sent.
        params.elicitation_id.get_or_insert_with(|| self.server().seal().identifier());
        let has = self.revision().has_url_elicitation() && self.client_capabilities().has_url_elicitation();
        let mut needed = ClientCapabilities::new();
        needed.elicitation = Some(ElicitationCapability::new().with_url(serde_json::Map::new()));
        let params = ElicitRequestParams::Url(params);
        self.ask("elicitation", Method::ELICITATION_CREATE, Some(self.adapted(&params)), has, &needed)
    }

    /// Asks the client's model for a message.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_protocol::types::{CreateMessageRequestParams, SamplingMessage};
    /// use turbomcp_server::Context;
    ///
    /// async fn summarize(ctx: &Context, text: &str) -> McpResult<Option<String>> {
    ///     let question = SamplingMessage::user(format!("Summarize in one sentence: {text}"));
    ///     let answer = ctx.sample(CreateMessageRequestParams::new([question], 100)).await?;
    ///     Ok(answer.as_text().map(str::to_owned))
    /// }
    /// # let _ = summarize;
    /// ```
    ///
    /// A client that has not declared that it honours `includeContext` is not sent it.
    ///
    /// # Errors
    ///
    /// If the client has not declared sampling, or not with tools where there are any; if a use of a tool is not
    /// followed by its result; if the user refuses, or there is no answer.
    ///
    /// # Specification
    ///
    /// [Sampling](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling)
    pub fn sample(&self, mut params: CreateMessageRequestParams) -> Ask<'_, CreateMessageResult> {
        let capabilities = self.client_capabilities();
        if self.revision().has_sampling_tools()
            && capabilities.sampling.as_ref().is_some_and(|sampling| sampling.context.is_none())
        {
            params.include_context = None;
        }
        let with_tools = params.tools.is_some() || params.tool_choice.is_some();
        let has = capabilities.sampling.is_some() && (!with_tools || capabilities.has_sampling_tools());
        let mut needed = ClientCapabilities::new();
        needed.sampling = Some(SamplingCapability::new());
        if with_tools {
            needed.sampling = Some(SamplingCapability::new().with_tools(serde_json::Map::new()));
        }
        let mut ask = self.ask("sampling", Method::SAMPLING_CREATE_MESSAGE, Some(self.adapted(&params)), has, &needed);
        if let Err(reason) = sampling::check(&params.messages) {
            ask.refusal = Some(McpError::internal(reason));
        }
        ask
    }

    /// Asks the client for the directories it works in.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_server::Context;
    ///
    /// async fn directories(ctx: &Context) -> McpResult<Vec<String>> {
    ///     Ok(ctx.list_roots().await?.roots.into_iter().map(|root| root.uri).collect())
    /// }
    /// # let _ = directories;
    /// ```
    ///
    /// # Errors
    ///
    /// If the client has not declared roots, or does not answer.
    ///
    /// # Specification
    ///
    /// [Roots](https://modelcontextprotocol.io/specification/2026-07-28/client/roots)
    pub fn list_roots(&self) -> Ask<'_, ListRootsResult> {
        let has = self.client_capabilities().roots.is_some();
        let mut needed = ClientCapabilities::new();
        needed.roots = Some(RootsCapability::new());
        self.ask("roots", Method::ROOTS_LIST, None, has, &needed)
    }

    fn adapted<T: turbomcp_protocol::encode::Adapt>(&self, params: &T) -> Vec<u8> {
        let mut out = Vec::new();
        encode_for(params, self.revision(), &mut out);
        out
    }

    fn ask<T>(
        &self,
        kind: &'static str,
        method: Method,
        params: Option<Vec<u8>>,
        has: bool,
        needed: &ClientCapabilities,
    ) -> Ask<'_, T> {
        let refusal = if self.revision().is_modern() && !self.inner().method.may_require_input() {
            Some(McpError::internal(format!("`{}` cannot ask the client for input", self.inner().method)))
        } else {
            (!has).then(|| McpError::missing_client_capability(needed))
        };
        Ask { ctx: self, key: None, kind, method, params, refusal, form: None, answer: std::marker::PhantomData }
    }
}
