//! What was requested lately, and by whom.

use std::sync::Arc;

use super::{Mood, badge, close_table, is_found, layout, open_table, search};
use crate::http::dashboard::html::Html;
use crate::http::dashboard::shown;
use crate::http::dashboard::site::Site;
use crate::http::dashboard::watch::Call;
use crate::metrics::{End, ErrorType};

/// How many sessions are listed.
const LISTED: usize = 200;

fn outcome(end: End) -> (Mood, String) {
    match end {
        End::Success => (Mood::Good, "ok".to_owned()),
        End::Error(ErrorType::Tool) => (Mood::Bad, "tool failed".to_owned()),
        End::Error(error) => (Mood::Bad, error.as_str().replace('_', " ")),
        End::Cancelled => (Mood::Neutral, "cancelled".to_owned()),
    }
}

pub(super) fn calls(site: &Site, wanted: &str) -> String {
    let dashboard = site.dashboard();
    let calls = dashboard.watch.calls();
    let shows_arguments = dashboard.settings.argument_bytes.is_some();
    let is_wanted = |call: &&Arc<Call>| {
        let outcome = outcome(call.end).1;
        let texts = [
            call.method,
            call.name.as_deref().unwrap_or_default(),
            &outcome,
            call.binding,
            call.trace.as_deref().unwrap_or_default(),
            call.principal.as_deref().unwrap_or_default(),
            call.revision.as_str(),
        ];
        is_found(wanted, &texts)
    };
    let mut html = Html::default();
    html.raw("<h1>Calls</h1><p>The last requests, the newest first; at most ").text(dashboard.watch.capacity());
    html.raw(" are kept. ");
    html.raw(if shows_arguments { "The arguments of tools are recorded." } else { "Arguments are not recorded." });
    html.raw("</p>");
    search(&mut html, "Search calls", wanted);
    html.raw("<div id=\"live\" data-live>");
    let found: Vec<_> = calls.iter().filter(is_wanted).collect();
    html.raw("<p class=\"note\" role=\"status\">").text(found.len()).raw(" of ").text(calls.len()).raw(" calls</p>");
    let mut columns = vec![
        ("Time (UTC)", ""),
        ("Method", ""),
        ("Name or URI", ""),
        ("Outcome", ""),
        ("Duration", "end"),
        ("Revision", ""),
        ("Era", ""),
        ("Transport", ""),
        ("Principal", ""),
        ("Trace", ""),
    ];
    if shows_arguments {
        columns.push(("Arguments", ""));
    }
    if !found.is_empty() {
        open_table(&mut html, "Recent calls", &columns);
        found.into_iter().for_each(|call| row(&mut html, call, shows_arguments));
        close_table(&mut html);
    }
    html.raw("</div>");
    layout(site, "Calls", "/calls", &html)
}

fn row(html: &mut Html, call: &Call, shows_arguments: bool) {
    let or_dash = |text: &Option<Box<str>>| text.as_deref().unwrap_or("–").to_owned();
    html.raw("<tr><td>").text(shown::clock(call.at)).raw("</td><td class=\"mono\">").raw(call.method);
    html.raw("</td><td class=\"mono cut\">").text(or_dash(&call.name)).raw("</td><td>");
    let (mood, word) = outcome(call.end);
    badge(html, mood, &word);
    html.raw("</td><td class=\"end\">").text(shown::took(call.took)).raw("</td><td>").text(call.revision.as_str());
    html.raw("</td><td>").raw(if call.revision.is_modern() { "modern" } else { "legacy" });
    html.raw("</td><td>").raw(call.binding).raw("</td><td class=\"cut\">").text(or_dash(&call.principal));
    html.raw("</td><td class=\"mono\">").text(or_dash(&call.trace)).raw("</td>");
    if shows_arguments {
        html.raw("<td class=\"mono cut\">").text(or_dash(&call.arguments)).raw("</td>");
    }
    html.raw("</tr>");
}

pub(super) fn sessions(site: &Site) -> String {
    let clients = site.dashboard().watch.clients();
    let mut html = Html::default();
    html.raw(
        "<h1>Sessions</h1><p>Clients of the legacy era that this process serves, by a mark that is no session id. ",
    );
    html.raw("Clients of the modern era have no sessions: each of their requests says who sends it.</p>");
    html.raw("<div id=\"live\" data-live><p class=\"note\">").text(clients.len()).raw(" at the moment");
    if clients.len() > LISTED {
        html.raw("; the ").text(LISTED).raw(" that were active last are listed");
    }
    html.raw("</p>");
    if !clients.is_empty() {
        let columns = [
            ("Client", ""),
            ("Session", ""),
            ("Principal", ""),
            ("Revision", ""),
            ("Transport", ""),
            ("Requests", "end"),
            ("Errors", "end"),
            ("Age", "end"),
            ("Last active", "end"),
        ];
        open_table(&mut html, "Legacy sessions", &columns);
        for client in clients.iter().take(LISTED) {
            let age = client.opened.elapsed().unwrap_or_default();
            html.raw("<tr><th scope=\"row\" class=\"cut\">").text(shown::beginning(&client.client.name, 128));
            html.raw(" <span class=\"note\">").text(shown::beginning(&client.client.version, 64));
            html.raw("</span></th><td class=\"mono\">");
            match &client.mark {
                Some(mark) => html.text(mark).raw("…"),
                None => html.raw("connection"),
            };
            html.raw("</td><td class=\"cut\">").text(client.principal.as_deref().unwrap_or("–")).raw("</td><td>");
            html.text(client.revision.as_str()).raw("</td><td>").raw(client.binding).raw("</td><td class=\"end\">");
            html.text(shown::number(client.requests)).raw("</td><td class=\"end\">").text(shown::number(client.errors));
            html.raw("</td><td class=\"end\">").text(shown::age(age)).raw("</td><td class=\"end\">");
            html.text(shown::age(client.idle)).raw(" ago</td></tr>");
        }
        close_table(&mut html);
    }
    html.raw("</div>");
    layout(site, "Sessions", "/sessions", &html)
}
