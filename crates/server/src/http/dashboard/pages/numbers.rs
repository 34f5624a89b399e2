//! What the server counts, and what it was made of.

use super::{close_table, is_found, layout, open_table, search};
use crate::http::dashboard::configuration::configuration as config;
use crate::http::dashboard::html::Html;
use crate::http::dashboard::shown::decimal;
use crate::http::dashboard::site::Site;
use crate::metrics::{Format, render};

/// A sample as Prometheus reads it.
#[derive(Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (what, value) = line.rsplit_once(' ')?;
        let (name, labels) = match what.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
            None => (what, ""),
        };
        Some(Self { name, labels, value })
    }
}

pub(super) fn metrics(site: &Site, wanted: &str) -> String {
    let server = site.server();
    let operator = server.operator();
    // A server with a dashboard counts in detail, whether or not Prometheus may read it.
    let detail = operator.metrics.detail();
    let text = detail.map(|detail| render(&server, &operator.custom, detail, Format::Text)).unwrap_or_default();
    let mut html = Html::default();
    html.raw(
        "<h1>Metrics</h1><p>What the server counts, by the names that Prometheus knows. Of histograms there are the ",
    );
    html.raw("count and the sum.</p>");
    search(&mut html, "Search metrics", wanted);
    html.raw("<div id=\"live\" data-live>");
    let is_bucket = |sample: &Sample<'_>| sample.name.ends_with("_bucket") && sample.labels.contains("le=\"");
    let (mut all, mut found, mut help) = (0, Vec::new(), "");
    for line in text.lines() {
        match line.strip_prefix("# HELP ") {
            Some(line) => help = line.split_once(' ').map_or("", |(_, help)| help),
            None if line.starts_with('#') => {}
            None => {
                let Some(sample) = Sample::read(line).filter(|sample| !is_bucket(sample)) else { continue };
                all += 1;
                if is_found(wanted, &[sample.name, sample.labels, help]) {
                    found.push((sample, help));
                }
            }
        }
    }
    html.raw("<p class=\"note\" role=\"status\">").text(found.len()).raw(" of ").text(all).raw(" metrics</p>");
    if !found.is_empty() {
        open_table(&mut html, "Metrics", &[("Metric", ""), ("Labels", ""), ("Value", "end")]);
        let mut shown = "";
        for (sample, help) in &found {
            html.raw("<tr><th scope=\"row\"><span class=\"mono\">").text(sample.name).raw("</span>");
            if *help != shown {
                html.raw("<br><span class=\"note\">").text(help).raw("</span>");
                shown = help;
            }
            html.raw("</th><td class=\"mono\">").text(if sample.labels.is_empty() { "–" } else { sample.labels });
            html.raw("</td><td class=\"end\">").text(decimal(sample.value)).raw("</td></tr>");
        }
        close_table(&mut html);
    }
    html.raw("</div>");
    layout(site, "Metrics", "/metrics", &html)
}

pub(super) fn configuration(site: &Site) -> String {
    let text = serde_json::to_string_pretty(&config(&site.server())).unwrap_or_default();
    let mut html = Html::default();
    html.raw("<h1>Configuration</h1><p>What the server was made of, without what is secret of it.</p>");
    html.raw("<pre class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"Configuration as JSON\">").text(text);
    html.raw("</pre>");
    layout(site, "Configuration", "/config", &html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read() {
        let sample = Sample { name: "a_total", labels: "l=\"x y\"", value: "1.5" };
        assert_eq!(Sample::read("a_total{l=\"x y\"} 1.5"), Some(sample));
        assert_eq!(Sample::read("b +Inf"), Some(Sample { name: "b", labels: "", value: "+Inf" }));
        assert_eq!(Sample::read("b{"), None);
    }
}
