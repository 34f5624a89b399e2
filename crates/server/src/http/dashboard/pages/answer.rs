//! What became of a call, as a developer reads it.

use serde_json::Value;

use super::{Mood, badge};
use crate::http::dashboard::call::Answer;
use crate::http::dashboard::form::Fault;
use crate::http::dashboard::html::Html;
use crate::http::dashboard::shown;

/// How much is shown of one text.
const SHOWN: usize = 256 << 10;

/// Pictures that a browser draws without doing anything else.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// What there is to be said of a call.
pub(super) enum Said<'a> {
    Nothing,
    Faults(&'a [Fault]),
    Unsent(&'a str),
    Answered(&'a Answer),
}

/// Writes what became of a call, where whoever does not see it hears of it.
pub(super) fn write(html: &mut Html, said: &Said<'_>) {
    html.raw("<section aria-labelledby=\"result-title\"><h2 id=\"result-title\">Result</h2>");
    html.raw("<div id=\"result\" aria-live=\"polite\" tabindex=\"-1\">");
    match said {
        Said::Nothing => _ = html.raw("<p class=\"note\">Nothing was sent yet.</p>"),
        Said::Faults(faults) => {
            html.raw("<p>");
            badge(html, Mood::Bad, "Not sent");
            html.raw(" Some arguments cannot be read:</p><ul>");
            for fault in *faults {
                html.raw("<li><span class=\"mono\">")
                    .text(&fault.name)
                    .raw("</span> ")
                    .text(&fault.reason)
                    .raw("</li>");
            }
            html.raw("</ul>");
        }
        Said::Unsent(reason) => {
            html.raw("<p>");
            badge(html, Mood::Bad, "Not answered");
            html.raw(" ").text(reason).raw("</p><p class=\"note\">The dashboard calls as nobody in particular unless ");
            html.raw("<code>DashboardConfig::call_as</code> says as whom.</p>");
        }
        Said::Answered(answer) => answered(html, answer),
    }
    html.raw("</div></section>");
}

fn answered(html: &mut Html, answer: &Answer) {
    html.raw("<p>");
    match &answer.outcome {
        Err(error) => {
            badge(html, Mood::Bad, "Error");
            html.raw(" <span class=\"mono\">").text(&error["code"]).raw("</span> ");
            html.text(error["message"].as_str().unwrap_or_default());
        }
        Ok(result) if result["isError"] == Value::Bool(true) => {
            badge(html, Mood::Bad, "Failed");
            html.raw(" The tool ran, or looked at its arguments, and says that it failed.");
        }
        Ok(result) if result["resultType"] == "input_required" => {
            badge(html, Mood::Fair, "Asks back");
            html.raw(" It needs an answer of a user, which the dashboard does not give.");
        }
        Ok(_) => badge(html, Mood::Good, "Succeeded"),
    }
    html.raw(" <span class=\"note\">in ").text(shown::took(answer.took)).raw("</span></p>");
    let whole = match &answer.outcome {
        Err(error) => {
            if let Some(data) = error.get("data") {
                json(html, "Data", data);
            }
            error
        }
        Ok(result) => {
            let structured = result.get("structuredContent");
            for block in result["content"].as_array().into_iter().flatten() {
                // For clients that know no structured content, tools say it as text, too.
                let said = block["text"].as_str().and_then(|text| serde_json::from_str(text).ok());
                if said.is_none() || said.as_ref() != structured {
                    content(html, block);
                }
            }
            for resource in result["contents"].as_array().into_iter().flatten() {
                contents(html, resource);
            }
            for message in result["messages"].as_array().into_iter().flatten() {
                html.raw("<h3>").text(message["role"].as_str().unwrap_or("?")).raw("</h3>");
                content(html, &message["content"]);
            }
            if let Some(structured) = structured {
                json(html, "Structured", structured);
            }
            result
        }
    };
    html.raw("<details><summary>The whole answer</summary>");
    text(html, &serde_json::to_string_pretty(whole).unwrap_or_default(), "The whole answer");
    html.raw("</details>");
}

fn content(html: &mut Html, block: &Value) {
    let member = |name: &str| block[name].as_str().unwrap_or_default();
    match member("type") {
        "text" => text(html, member("text"), "Text"),
        "image" => picture(html, member("mimeType"), member("data")),
        "audio" => _ = html.raw("<p>Audio, ").text(member("mimeType")).raw(", ").text(size(member("data"))).raw("</p>"),
        "resource_link" => {
            html.raw("<p>Resource: ").text(member("name")).raw(" <span class=\"mono\">").text(member("uri"));
            html.raw("</span></p>");
        }
        "resource" => contents(html, &block["resource"]),
        _ => json(html, "Content", block),
    }
}

/// Writes what is in a resource.
fn contents(html: &mut Html, resource: &Value) {
    let member = |name: &str| resource[name].as_str().unwrap_or_default();
    html.raw("<p><span class=\"mono\">")
        .text(member("uri"))
        .raw("</span> <span class=\"note\">")
        .text(member("mimeType"));
    html.raw("</span></p>");
    match (resource["text"].as_str(), resource["blob"].as_str()) {
        (Some(plain), _) => text(html, plain, "Text"),
        (None, Some(data)) => picture(html, member("mimeType"), data),
        (None, None) => {}
    }
}

fn picture(html: &mut Html, kind: &str, data: &str) {
    let is_base64 = data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    if PICTURES.contains(&kind) && is_base64 {
        html.raw("<figure><img src=\"data:")
            .text(kind)
            .raw(";base64,")
            .text(data)
            .raw("\" alt=\"A picture that the tool made\">");
        html.raw("<figcaption class=\"note\">").text(kind).raw(", ").text(size(data)).raw("</figcaption></figure>");
    } else {
        html.raw("<p>Binary data, ").text(kind).raw(", ").text(size(data)).raw("</p>");
    }
}

/// Writes how many bytes some Base64 stands for.
fn size(data: &str) -> String {
    let bytes = data.trim_end_matches('=').len() * 3 / 4;
    format!("{} bytes", shown::number(bytes as u64))
}

fn json(html: &mut Html, title: &'static str, value: &Value) {
    html.raw("<h3>").raw(title).raw("</h3>");
    text(html, &serde_json::to_string_pretty(value).unwrap_or_default(), title);
}

fn text(html: &mut Html, all: &str, label: &'static str) {
    let shown = shown::beginning(all, SHOWN);
    html.raw("<pre class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"").raw(label).raw("\">").text(shown);
    html.raw("</pre>");
    if shown.len() < all.len() {
        let rest = shown::number((all.len() - shown.len()) as u64);
        html.raw("<p class=\"note\">").text(rest).raw(" more bytes are not shown</p>");
    }
}
