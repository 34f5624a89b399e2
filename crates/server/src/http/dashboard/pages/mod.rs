//! The pages, and what they have in common.

mod activity;
mod answer;
mod numbers;
mod overview;
mod primitives;

use http::StatusCode;

use super::form::Submitted;
use super::html::Html;
use super::site::Site;

/// The pages that are named at the top of each.
const NAMED: [(&str, &str); 8] = [
    ("/", "Overview"),
    ("/tools", "Tools"),
    ("/resources", "Resources"),
    ("/prompts", "Prompts"),
    ("/calls", "Calls"),
    ("/sessions", "Sessions"),
    ("/metrics", "Metrics"),
    ("/config", "Configuration"),
];

/// Returns the page at a path, if there is one.
pub(super) async fn page(site: &Site, path: &str, query: &Submitted) -> Option<String> {
    let search = query.get("q").unwrap_or_default();
    Some(match path {
        "/" => overview::page(site).await,
        "/calls" => activity::calls(site, search),
        "/sessions" => activity::sessions(site),
        "/metrics" => numbers::metrics(site, search),
        "/config" => numbers::configuration(site),
        "/tools" => primitives::tools(site, search),
        "/resources" => primitives::resources(site, search),
        "/prompts" => primitives::prompts(site, search),
        "/tool" => primitives::tool(site, query.get("name")?, None)?,
        "/resource" => primitives::resource(site, query.get("uri")?, None)?,
        "/prompt" => primitives::prompt(site, query.get("name")?, None)?,
        _ => return None,
    })
}

/// Returns true if forms are submitted to a path.
pub(super) fn takes_forms(path: &str) -> bool {
    matches!(path, "/tool" | "/resource" | "/prompt")
}

/// Returns what follows from a form, if it is about something that there is.
pub(super) async fn submitted(site: &Site, path: &str, form: &Submitted) -> Option<(StatusCode, String)> {
    match path {
        "/tool" => primitives::call_tool(site, form).await,
        "/resource" => primitives::read_resource(site, form).await,
        "/prompt" => primitives::get_prompt(site, form).await,
        _ => None,
    }
}

/// Returns the page for what there is not.
pub(super) fn missing(site: &Site) -> String {
    let mut main = Html::default();
    main.raw("<h1>Not found</h1><p>There is no such page. It may have been about something that was removed.</p>");
    main.raw("<p><a href=\"/\">To the overview</a></p>");
    layout(site, "Not found", "", &main)
}

/// Puts what is on a page into what is around it.
fn layout(site: &Site, title: &str, current: &str, main: &Html) -> String {
    let server = site.server();
    let this = server.implementation();
    let name = this.title.as_deref().unwrap_or(&this.name);
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>").text(title).raw(" · ");
    html.text(name).raw("</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">");
    html.raw("<link rel=\"stylesheet\" href=\"/style.css\"><script src=\"/script.js\" defer></script></head><body>");
    html.raw(
        "<a class=\"skip\" href=\"#main\">Skip to content</a><header><div class=\"bar\"><p class=\"name\"><strong>",
    );
    html.text(name).raw("</strong> <span class=\"note\">").text(&this.version).raw("</span></p>");
    html.raw("<p class=\"connection\"><span id=\"connection\" role=\"status\"></span>");
    html.raw("<button id=\"pause\" type=\"button\" hidden>Pause updates</button></p></div>");
    html.raw("<nav aria-label=\"Dashboard\"><ul>");
    for (path, label) in NAMED {
        html.raw("<li><a href=\"").raw(path).raw("\"");
        if path == current {
            html.raw(" aria-current=\"page\"");
        }
        html.raw(">").raw(label).raw("</a></li>");
    }
    html.raw("</ul></nav></header><main id=\"main\" tabindex=\"-1\">").html(main);
    html.raw("</main><footer><p>TurboMCP ").text(env!("CARGO_PKG_VERSION"));
    html.raw(" · For programs, <a href=\"/status\">/status</a>, /metrics and /config are JSON");
    html.raw("</p></footer></body></html>\n");
    html.into_string()
}

/// How something is, which is never told by a colour alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Good,
    Fair,
    Bad,
    Neutral,
}

fn badge(html: &mut Html, mood: Mood, text: &str) {
    let (class, sign) = match mood {
        Mood::Good => ("<span class=\"badge good\">", "✓"),
        Mood::Fair => ("<span class=\"badge fair\">", "!"),
        Mood::Bad => ("<span class=\"badge bad\">", "×"),
        Mood::Neutral => ("<span class=\"badge\">", "–"),
    };
    html.raw(class).raw("<span aria-hidden=\"true\">").raw(sign).raw("</span> ").text(text).raw("</span>");
}

/// Begins a table, which is as wide as it has to be in a frame that is not.
fn open_table(html: &mut Html, caption: &'static str, columns: &[(&'static str, &'static str)]) {
    html.raw("<div class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"").raw(caption);
    html.raw("\"><table><caption>").raw(caption).raw("</caption><thead><tr>");
    for (name, class) in columns {
        html.raw("<th scope=\"col\" class=\"").raw(class).raw("\">").raw(name).raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
}

fn close_table(html: &mut Html) {
    html.raw("</tbody></table></div>");
}

/// Writes a field to search the page with, which a script submits as one types.
fn search(html: &mut Html, label: &'static str, text: &str) {
    html.raw("<form class=\"search\" role=\"search\" method=\"get\"><label for=\"q\">").raw(label);
    html.raw("</label><input type=\"search\" id=\"q\" name=\"q\" autocomplete=\"off\" spellcheck=\"false\" value=\"");
    html.text(text).raw("\"><button type=\"submit\">Search</button></form>");
}

/// Returns true if one of the texts has all the words that are looked for.
fn is_found(search: &str, texts: &[&str]) -> bool {
    let texts: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
    search.split_whitespace().all(|word| texts.iter().any(|text| text.contains(&word.to_lowercase())))
}
