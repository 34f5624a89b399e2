//! Tools, resources and prompts: what there is, and trying it out.

use http::StatusCode;
use serde_json::{Map, Value};
use turbomcp_protocol::Method;
use turbomcp_protocol::types::{Prompt, Tool};

use super::answer::{self, Said};
use super::{is_found, layout, search};
use crate::http::dashboard::call::{self, Answer};
use crate::http::dashboard::form::{self, Fault, Field, Submitted};
use crate::http::dashboard::html::Html;
use crate::http::dashboard::site::{Site, TOKEN};

/// A form that was submitted, and what became of it.
pub(super) struct Tried<'a> {
    form: &'a Submitted,
    outcome: Result<Result<Answer, String>, Vec<Fault>>,
}

impl Tried<'_> {
    fn status(&self) -> StatusCode {
        match &self.outcome {
            Err(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Ok(Err(_)) => StatusCode::BAD_GATEWAY,
            Ok(Ok(_)) => StatusCode::OK,
        }
    }

    fn said(&self) -> Said<'_> {
        match &self.outcome {
            Err(faults) => Said::Faults(faults),
            Ok(Err(reason)) => Said::Unsent(reason),
            Ok(Ok(answer)) => Said::Answered(answer),
        }
    }
}

/// One line of a list.
struct Entry {
    path: &'static str,
    parameter: &'static str,
    name: String,
    title: Option<String>,
    description: Option<String>,
    hints: Vec<&'static str>,
}

fn list(site: &Site, title: &'static str, path: &str, label: &'static str, wanted: &str, entries: &[Entry]) -> String {
    let mut html = Html::default();
    html.raw("<h1>").raw(title).raw("</h1>");
    search(&mut html, label, wanted);
    html.raw("<div id=\"live\" data-live>");
    let is_wanted = |entry: &&Entry| {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        is_found(wanted, &[&entry.name, &or_nothing(&entry.title), &or_nothing(&entry.description)])
    };
    let found: Vec<_> = entries.iter().filter(is_wanted).collect();
    html.raw("<p class=\"note\" role=\"status\">").text(found.len()).raw(" of ").text(entries.len()).raw("</p>");
    html.raw("<ul class=\"list\">");
    for entry in found {
        html.raw("<li><p><a class=\"mono\" href=\"").raw(entry.path).raw("?").raw(entry.parameter).raw("=");
        html.query(&entry.name).raw("\">").text(&entry.name).raw("</a>");
        if let Some(title) = &entry.title {
            html.raw(" <span class=\"title\">").text(title).raw("</span>");
        }
        for hint in &entry.hints {
            html.raw(" <span class=\"badge\">").raw(hint).raw("</span>");
        }
        html.raw("</p>");
        if let Some(description) = &entry.description {
            html.raw("<p class=\"description\">").text(description).raw("</p>");
        }
        html.raw("</li>");
    }
    html.raw("</ul></div>");
    layout(site, title, path, &html)
}

fn hints(tool: &Tool) -> Vec<&'static str> {
    let Some(annotations) = &tool.annotations else { return Vec::new() };
    let hints = [
        (annotations.read_only_hint == Some(true), "read only"),
        (annotations.read_only_hint != Some(true) && annotations.destructive_hint == Some(true), "destructive"),
        (annotations.idempotent_hint == Some(true), "idempotent"),
        (annotations.open_world_hint == Some(true), "open world"),
    ];
    hints.into_iter().filter(|(is_so, _)| *is_so).map(|(_, hint)| hint).collect()
}

pub(super) fn tools(site: &Site, wanted: &str) -> String {
    let entry = |tool: Tool| Entry {
        path: "/tool",
        parameter: "name",
        hints: hints(&tool),
        name: tool.name,
        title: tool.title,
        description: tool.description,
    };
    let entries: Vec<_> = site.server().snapshot().registry.tool_definitions().map(entry).collect();
    list(site, "Tools", "/tools", "Search tools", wanted, &entries)
}

pub(super) fn prompts(site: &Site, wanted: &str) -> String {
    let entry = |prompt: Prompt| Entry {
        path: "/prompt",
        parameter: "name",
        name: prompt.name,
        title: prompt.title,
        description: prompt.description,
        hints: Vec::new(),
    };
    let entries: Vec<_> = site.server().snapshot().registry.prompt_definitions().map(entry).collect();
    list(site, "Prompts", "/prompts", "Search prompts", wanted, &entries)
}

pub(super) fn resources(site: &Site, wanted: &str) -> String {
    let snapshot = site.server().snapshot();
    let entry = |name, title, description, hints| Entry {
        path: "/resource",
        parameter: "uri",
        name,
        title,
        description,
        hints,
    };
    let own = |title: Option<String>, name: String, uri: &str| title.or_else(|| (name != uri).then_some(name));
    let plain = snapshot.registry.resource_definitions().map(|resource| {
        let title = own(resource.title, resource.name, &resource.uri);
        entry(resource.uri, title, resource.description, Vec::new())
    });
    let templates = snapshot.registry.template_definitions().map(|template| {
        let title = own(template.title, template.name, &template.uri_template);
        entry(template.uri_template, title, template.description, vec!["template"])
    });
    let entries: Vec<_> = plain.chain(templates).collect();
    list(site, "Resources", "/resources", "Search resources", wanted, &entries)
}

/// What is tried out on a page.
struct Trial<'a> {
    /// Where it is submitted to, and by which field it says what it is about.
    action: &'static str,
    about: (&'static str, &'a str),
    button: &'static str,
    fields: &'a [Field],
}

/// Writes the form and what became of it.
fn write_trial(html: &mut Html, site: &Site, trial: &Trial<'_>, tried: Option<&Tried<'_>>) {
    if site.dashboard().settings.read_only {
        html.raw("<p class=\"note\">The dashboard only shows: its configuration says so.</p>");
        return;
    }
    html.raw("<section aria-labelledby=\"call-title\"><h2 id=\"call-title\">Try it</h2><form id=\"call\" method=\"post\" action=\"");
    html.raw(trial.action).raw("\"><input type=\"hidden\" name=\"").raw(TOKEN).raw("\" value=\"").text(site.token());
    html.raw("\"><input type=\"hidden\" name=\"").raw(trial.about.0).raw("\" value=\"").text(trial.about.1).raw("\">");
    if trial.fields.is_empty() {
        html.raw("<p class=\"note\">It takes no arguments.</p>");
    }
    let faults = tried.and_then(|tried| tried.outcome.as_ref().err()).map(Vec::as_slice).unwrap_or_default();
    form::write(html, trial.fields, tried.map(|tried| tried.form), faults);
    html.raw("<button class=\"primary\" type=\"submit\">").raw(trial.button).raw("</button></form></section>");
    answer::write(html, &tried.map_or(Said::Nothing, Tried::said));
}

fn write_head(
    html: &mut Html,
    up: (&'static str, &'static str),
    name: &str,
    title: Option<&str>,
    description: Option<&str>,
) {
    html.raw("<p class=\"up\"><a href=\"").raw(up.0).raw("\">").raw(up.1).raw("</a></p><h1 class=\"mono\">").text(name);
    html.raw("</h1>");
    if let Some(title) = title.filter(|title| *title != name) {
        html.raw("<p class=\"title\">").text(title).raw("</p>");
    }
    if let Some(description) = description {
        html.raw("<p class=\"description\">").text(description).raw("</p>");
    }
}

fn write_schema(html: &mut Html, title: &'static str, schema: &Map<String, Value>) {
    html.raw("<details><summary>")
        .raw(title)
        .raw("</summary><pre class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html.raw(title).raw("\">").text(serde_json::to_string_pretty(schema).unwrap_or_default()).raw("</pre></details>");
}

fn find_tool(site: &Site, name: &str) -> Option<Tool> {
    site.server().snapshot().registry.tool_definitions().find(|tool| tool.name == name)
}

pub(super) fn tool(site: &Site, name: &str, tried: Option<&Tried<'_>>) -> Option<String> {
    let tool = find_tool(site, name)?;
    let fields = form::fields(&tool.input_schema);
    let mut html = Html::default();
    write_head(&mut html, ("/tools", "Tools"), &tool.name, tool.title.as_deref(), tool.description.as_deref());
    let hints = hints(&tool);
    if !hints.is_empty() {
        html.raw("<p>");
        hints.into_iter().for_each(|hint| _ = html.raw("<span class=\"badge\">").raw(hint).raw("</span> "));
        html.raw("</p>");
    }
    let trial = Trial { action: "/tool", about: ("name", name), button: "Call the tool", fields: &fields };
    write_trial(&mut html, site, &trial, tried);
    html.raw("<section aria-labelledby=\"schemas\"><h2 id=\"schemas\">Schemas</h2>");
    write_schema(&mut html, "Input schema", &tool.input_schema);
    if let Some(schema) = &tool.output_schema {
        write_schema(&mut html, "Output schema", schema);
    }
    html.raw("</section>");
    Some(layout(site, name, "/tools", &html))
}

pub(super) fn prompt(site: &Site, name: &str, tried: Option<&Tried<'_>>) -> Option<String> {
    let prompt = find_prompt(site, name)?;
    let fields = prompt_fields(&prompt);
    let mut html = Html::default();
    write_head(
        &mut html,
        ("/prompts", "Prompts"),
        &prompt.name,
        prompt.title.as_deref(),
        prompt.description.as_deref(),
    );
    let trial = Trial { action: "/prompt", about: ("name", name), button: "Get the prompt", fields: &fields };
    write_trial(&mut html, site, &trial, tried);
    Some(layout(site, name, "/prompts", &html))
}

fn find_prompt(site: &Site, name: &str) -> Option<Prompt> {
    site.server().snapshot().registry.prompt_definitions().find(|prompt| prompt.name == name)
}

fn prompt_fields(prompt: &Prompt) -> Vec<Field> {
    let arguments = prompt.arguments.iter().flatten();
    let field = |argument: &turbomcp_protocol::types::PromptArgument| {
        let is_required = argument.required == Some(true);
        form::text(&argument.name, argument.title.as_deref(), argument.description.as_deref(), is_required)
    };
    arguments.map(field).collect()
}

pub(super) fn resource(site: &Site, uri: &str, tried: Option<&Tried<'_>>) -> Option<String> {
    let snapshot = site.server().snapshot();
    let plain = snapshot.registry.resource_definitions().find(|resource| resource.uri == uri);
    let (name, description, is_template) = match plain {
        Some(resource) => (resource.title.unwrap_or(resource.name), resource.description, false),
        None => {
            let template = snapshot.registry.template_definitions().find(|template| template.uri_template == uri)?;
            (template.title.unwrap_or(template.name), template.description, true)
        }
    };
    let mut html = Html::default();
    write_head(&mut html, ("/resources", "Resources"), uri, Some(&name), description.as_deref());
    let hint = if is_template { "The template, with its variables filled in." } else { "The URI of the resource." };
    let fields = [form::text(URI, None, Some(hint), true).with_default(uri)];
    let trial = Trial { action: "/resource", about: ("uri", uri), button: "Read the resource", fields: &fields };
    write_trial(&mut html, site, &trial, tried);
    Some(layout(site, uri, "/resources", &html))
}

/// The field that says which resource is read.
const URI: &str = "uri";

async fn send<'a>(
    site: &Site,
    form: &'a Submitted,
    method: &Method,
    params: Result<Map<String, Value>, Vec<Fault>>,
) -> Tried<'a> {
    let caller = site.dashboard().settings.principal.as_ref();
    let outcome = match params {
        Ok(params) => Ok(call::send(&site.server(), caller, method, params).await),
        Err(faults) => Err(faults),
    };
    Tried { form, outcome }
}

/// Returns the params of a request about something that has a name and takes arguments.
fn named(name: &str, arguments: Map<String, Value>) -> Map<String, Value> {
    let members = [("name".to_owned(), name.into()), ("arguments".to_owned(), Value::Object(arguments))];
    members.into_iter().collect()
}

pub(super) async fn call_tool(site: &Site, form: &Submitted) -> Option<(StatusCode, String)> {
    let name = form.get("name")?;
    let fields = form::fields(&find_tool(site, name)?.input_schema);
    let params = form::arguments(&fields, form).map(|arguments| named(name, arguments));
    let tried = send(site, form, &Method::TOOLS_CALL, params).await;
    Some((tried.status(), tool(site, name, Some(&tried))?))
}

pub(super) async fn get_prompt(site: &Site, form: &Submitted) -> Option<(StatusCode, String)> {
    let name = form.get("name")?;
    let fields = prompt_fields(&find_prompt(site, name)?);
    let params = form::arguments(&fields, form).map(|arguments| named(name, arguments));
    let tried = send(site, form, &Method::PROMPTS_GET, params).await;
    Some((tried.status(), prompt(site, name, Some(&tried))?))
}

pub(super) async fn read_resource(site: &Site, form: &Submitted) -> Option<(StatusCode, String)> {
    let about = form.get("uri")?;
    let fields = [form::text(URI, None, None, true)];
    let params = form::arguments(&fields, form);
    let tried = send(site, form, &Method::RESOURCES_READ, params).await;
    Some((tried.status(), resource(site, about, Some(&tried))?))
}
