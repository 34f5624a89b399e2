//! The first page: whether all is well, and what is going on.

use std::sync::atomic::Ordering;

use super::{Mood, badge, close_table, layout, open_table};
use crate::health::HealthStatus;
use crate::http::dashboard::html::Html;
use crate::http::dashboard::site::Site;
use crate::http::dashboard::{configuration, shown, spark};

pub(super) async fn page(site: &Site) -> String {
    let mut html = Html::default();
    html.raw("<h1>Overview</h1><div id=\"live\" data-live>");
    state(&mut html, site).await;
    requests(&mut html, site);
    html.raw("<div class=\"columns\">");
    connections(&mut html, site);
    revisions(&mut html, site);
    html.raw("</div></div>");
    layout(site, "Overview", "/", &html)
}

fn of_status(status: &HealthStatus) -> (Mood, &'static str) {
    match status {
        HealthStatus::Healthy => (Mood::Good, "Healthy"),
        HealthStatus::Degraded(_) => (Mood::Fair, "Degraded"),
        HealthStatus::Unhealthy(_) => (Mood::Bad, "Unhealthy"),
    }
}

async fn state(html: &mut Html, site: &Site) {
    let report = site.server().health().await;
    let (started, uptime) = site.dashboard().watch.started();
    let server = site.server();
    let metrics = server.metrics();
    html.raw(
        "<section aria-labelledby=\"state\"><h2 id=\"state\">State</h2><dl class=\"facts\"><div><dt>Health</dt><dd>",
    );
    let (mood, word) = of_status(&report.status);
    badge(html, mood, word);
    html.raw("</dd></div><div><dt>Readiness</dt><dd>");
    match (report.healthy, site.server().is_shutting_down()) {
        (true, _) => badge(html, Mood::Good, "Ready"),
        (false, false) => badge(html, Mood::Bad, "Not ready"),
        (false, true) => badge(html, Mood::Fair, "Shutting down"),
    }
    html.raw("</dd></div><div><dt>Up for</dt><dd>")
        .text(shown::age(uptime))
        .raw("</dd></div><div><dt>Started (UTC)</dt><dd>");
    html.text(shown::timestamp(started)).raw("</dd></div><div><dt>Requests so far</dt><dd>");
    html.text(shown::number(metrics.request_count())).raw("</dd></div><div><dt>In flight</dt><dd>");
    html.text(shown::number(metrics.requests_in_flight.load(Ordering::Relaxed))).raw("</dd></div></dl>");
    if report.details.is_empty() {
        html.raw("<p class=\"note\">No checks are configured.</p></section>");
        return;
    }
    html.raw("<h3>Health checks</h3>");
    let columns = [("Check", ""), ("Status", ""), ("What it found", ""), ("Last run", "end")];
    open_table(html, "Health checks", &columns);
    for found in &report.details {
        let (mood, word) = of_status(&found.status);
        html.raw("<tr><th scope=\"row\">").text(&found.name).raw("</th><td>");
        badge(html, mood, word);
        html.raw("</td><td>").text(found.message.as_deref().unwrap_or("–")).raw("</td><td class=\"end\">");
        html.text(shown::clock(found.timestamp)).raw("</td></tr>");
    }
    close_table(html);
    html.raw("</section>");
}

fn requests(html: &mut Html, site: &Site) {
    let watch = &site.dashboard().watch;
    let rates = watch.rates();
    let seconds = rates.requests.len().max(1) as f64;
    let sum = |numbers: &[u32]| numbers.iter().map(|number| f64::from(*number)).sum::<f64>();
    let (requests, errors) = (sum(&rates.requests), sum(&rates.errors));
    let most = rates.requests.iter().max().copied().unwrap_or_default();
    let percent = if requests > 0.0 { errors / requests * 100.0 } else { 0.0 };

    html.raw("<section aria-labelledby=\"requests\"><h2 id=\"requests\">Requests in the last minute</h2>");
    html.raw("<div class=\"cards\"><div class=\"card\"><h3>Requests per second</h3><p class=\"figure\">");
    html.text(format_args!("{:.1}", requests / seconds)).raw("</p>");
    let text = format!("Requests per second: {:.1} on average, {most} at most", requests / seconds);
    spark::line(html, &rates.requests, &text);
    html.raw("<p class=\"note\">").text(shown::number(requests as u64)).raw(" requests, ").text(most);
    html.raw(" in the busiest second</p></div><div class=\"card\"><h3>Errors</h3><p class=\"figure\">");
    html.text(format_args!("{percent:.1}")).raw(" %</p>");
    spark::line(html, &rates.errors, &format!("Errors per second: {errors} in the last minute"));
    html.raw("<p class=\"note\">").text(shown::number(errors as u64)).raw(" failed</p></div>");
    html.raw("<div class=\"card\"><h3>Latency</h3>");
    match watch.percentiles([50, 95, 99]) {
        Some([p50, p95, p99]) => {
            html.raw("<p class=\"figure\">").text(shown::took(p50)).raw("</p><dl class=\"parts\">");
            for (name, took) in [("Half are faster", p50), ("95 of 100", p95), ("99 of 100", p99)] {
                html.raw("<div><dt>").raw(name).raw("</dt><dd>").text(shown::took(took)).raw("</dd></div>");
            }
            html.raw("</dl><p class=\"note\">of the last 1024 requests at most</p></div></div></section>");
        }
        None => _ = html.raw("<p class=\"figure\">–</p><p class=\"note\">No requests yet</p></div></div></section>"),
    }
}

fn connections(html: &mut Html, site: &Site) {
    html.raw("<section aria-labelledby=\"connections\"><h2 id=\"connections\">Connections</h2>");
    let bindings = configuration::bindings(&site.server());
    if bindings.is_empty() {
        html.raw("<p class=\"note\">Nobody has connected yet.</p></section>");
        return;
    }
    open_table(html, "Connections by binding", &[("Binding", ""), ("Open", "end"), ("Opened", "end")]);
    for (binding, open, opened) in bindings {
        html.raw("<tr><th scope=\"row\">").text(binding).raw("</th><td class=\"end\">").text(shown::number(open));
        html.raw("</td><td class=\"end\">").text(shown::number(opened)).raw("</td></tr>");
    }
    close_table(html);
    html.raw("</section>");
}

fn revisions(html: &mut Html, site: &Site) {
    html.raw("<section aria-labelledby=\"revisions\"><h2 id=\"revisions\">Revisions</h2>");
    let revisions = site.dashboard().watch.revisions();
    if revisions.is_empty() {
        html.raw("<p class=\"note\">Nothing has been requested yet.</p></section>");
        return;
    }
    open_table(html, "Requests by revision", &[("Revision", ""), ("Era", ""), ("Requests", "end")]);
    for (revision, count) in revisions.into_iter().rev() {
        let era = if revision.is_modern() { "modern" } else { "legacy" };
        html.raw("<tr><th scope=\"row\">").text(revision.as_str()).raw("</th><td>").raw(era);
        html.raw("</td><td class=\"end\">").text(shown::number(count)).raw("</td></tr>");
    }
    close_table(html);
    html.raw("</section>");
}
