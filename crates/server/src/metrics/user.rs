//! What users count and measure.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::buckets::{self, Buckets, Sum};
use crate::Error;
use crate::sync::{read, write};

/// How many combinations of labels a metric keeps apart, unless set.
const SERIES: usize = 1000;

/// How many bytes of a label's value are kept.
const LABEL_BYTES: usize = 128;

/// What a label is called whose combination was one too many.
const OVERFLOW: (&str, &str) = ("overflow", "true");

/// The label by which a histogram tells its buckets.
const BUCKET: &str = "le";

pub(crate) type Labels = Vec<(String, String)>;

/// Something that is measured, with a series of values for each combination of labels.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    series: RwLock<HashMap<Labels, Arc<Series>>>,
    most: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// With its upper bounds.
    Histogram(Vec<f64>),
}

#[derive(Debug)]
pub(super) enum Series {
    Number(Sum),
    Histogram(Buckets),
}

impl Family {
    fn new(name: String, help: String, kind: Kind) -> Self {
        Self { name, help, kind, series: RwLock::default(), most: SERIES }
    }

    /// Returns the series of these labels, or the one that stands for all that are too many.
    fn at(&self, labels: &Labels) -> Arc<Series> {
        if let Some(series) = read(&self.series).get(labels) {
            return series.clone();
        }
        let mut all = write(&self.series);
        let overflow = vec![(OVERFLOW.0.to_owned(), OVERFLOW.1.to_owned())];
        let is_full = all.len() >= self.most && !all.contains_key(labels);
        let labels = if is_full { overflow } else { labels.clone() };
        let new = || {
            Arc::new(match &self.kind {
                Kind::Counter | Kind::Gauge => Series::Number(Sum::default()),
                Kind::Histogram(bounds) => Series::Histogram(Buckets::new(bounds)),
            })
        };
        all.entry(labels).or_insert_with(new).clone()
    }

    fn add(&self, labels: &Labels, value: f64) {
        if let Series::Number(sum) = &*self.at(labels) {
            sum.add(value);
        }
    }

    fn set(&self, labels: &Labels, value: f64) {
        if let Series::Number(sum) = &*self.at(labels) {
            sum.set(value);
        }
    }

    fn observe(&self, labels: &Labels, value: f64) {
        if let (Series::Histogram(counts), Kind::Histogram(bounds)) = (&*self.at(labels), &self.kind) {
            counts.observe(bounds, value);
        }
    }

    /// Returns all series, in the order of their labels.
    pub(super) fn series(&self) -> Vec<(Labels, Arc<Series>)> {
        let mut all: Vec<_> = read(&self.series).iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

/// Returns true if a text can be the name of a metric.
pub(crate) fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.bytes().next().is_some_and(is_letter) && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// Adds a label; the same combination in another order is the same.
fn with_label(kind: &Kind, labels: &Labels, name: &str, value: &str) -> Labels {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let is_bucket = matches!(kind, Kind::Histogram(_)) && name == BUCKET;
    let name = if is_name(&name) && !is_bucket { name } else { format!("_{name}") };
    let end = (0..=LABEL_BYTES.min(value.len())).rev().find(|at| value.is_char_boundary(*at)).unwrap_or_default();
    let mut labels: Labels = labels.iter().filter(|(known, _)| *known != name).cloned().collect();
    labels.push((name, value[..end].to_owned()));
    labels.sort();
    labels
}

macro_rules! metric {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            family: Arc<Family>,
            labels: Labels,
        }

        impl $name {
            /// Creates a metric; each clone of it is the same one.
            ///
            /// The name has letters, digits and `_`. It is checked where the metric is handed to a server.
            #[must_use]
            pub fn new(name: impl Into<String>, help: impl Into<String>) -> Self {
                Self { family: Arc::new(Family::new(name.into(), help.into(), $kind)), labels: Labels::new() }
            }

            /// Returns the metric with a label, which tells one series of values from another.
            ///
            /// What is not a letter, a digit or `_` in the name of a label is replaced by `_`, and of a value 128 bytes are
            /// kept. A histogram tells its buckets by `le`, so a label of this name becomes `_le` there.
            #[must_use]
            pub fn with_label(&self, name: &str, value: impl AsRef<str>) -> Self {
                Self { family: self.family.clone(), labels: with_label(&self.family.kind, &self.labels, name, value.as_ref()) }
            }

            /// Sets how many combinations of labels are kept apart; those beyond share one that is called `overflow`. 1000
            /// unless set. What was measured before is forgotten.
            #[must_use]
            pub fn max_series(self, most: usize) -> Self {
                let Family { name, help, kind, .. } = &*self.family;
                let family = Family { most, ..Family::new(name.clone(), help.clone(), kind.clone()) };
                Self { family: Arc::new(family), labels: self.labels }
            }
        }

        impl From<$name> for Metric {
            fn from(metric: $name) -> Self {
                Self { family: metric.family }
            }
        }
    };
}

metric!(
    /// A number that only grows.
    ///
    /// ```
    /// use turbomcp_server::metrics::Counter;
    ///
    /// let lookups = Counter::new("user_lookups", "Users that were looked up.");
    /// lookups.with_label("source", "cache").inc();
    /// ```
    Counter,
    Kind::Counter
);

metric!(
    /// A number that goes up and down.
    ///
    /// ```
    /// use turbomcp_server::metrics::Gauge;
    ///
    /// let depth = Gauge::new("queue_depth", "Jobs that wait.");
    /// depth.set(3.0);
    /// ```
    Gauge,
    Kind::Gauge
);

metric!(
    /// Values, counted by how large they are.
    ///
    /// ```
    /// use std::time::Duration;
    /// use turbomcp_server::metrics::Histogram;
    ///
    /// let queries = Histogram::new("query_seconds", "How long queries take.").buckets([0.01, 0.1, 1.0]);
    /// queries.with_label("table", "users").observe_duration(Duration::from_millis(20));
    /// ```
    Histogram,
    Kind::Histogram(buckets::DEFAULT.to_vec())
);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Adds a number; one that is negative or not a number adds nothing.
    pub fn add(&self, value: f64) {
        if value >= 0.0 {
            self.family.add(&self.labels, value);
        }
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.family.set(&self.labels, value);
    }

    /// Adds a number, which may be negative.
    pub fn add(&self, value: f64) {
        self.family.add(&self.labels, value);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Takes one away.
    pub fn dec(&self) {
        self.add(-1.0);
    }
}

impl Histogram {
    /// Sets the upper bounds by which values are counted: times in seconds, unless set. What was measured before is
    /// forgotten.
    ///
    /// They are checked where the metric is handed to a server.
    #[must_use]
    pub fn buckets(self, bounds: impl IntoIterator<Item = f64>) -> Self {
        let Family { name, help, most, .. } = &*self.family;
        let kind = Kind::Histogram(bounds.into_iter().collect());
        let family = Family { most: *most, ..Family::new(name.clone(), help.clone(), kind) };
        Self { family: Arc::new(family), labels: self.labels }
    }

    /// Counts a value.
    pub fn observe(&self, value: f64) {
        self.family.observe(&self.labels, value);
    }

    /// Counts a time, in seconds.
    pub fn observe_duration(&self, time: Duration) {
        self.observe(time.as_secs_f64());
    }

    pub(super) fn family(&self) -> &Arc<Family> {
        &self.family
    }
}

/// A [`Counter`], [`Gauge`] or [`Histogram`], whichever it is.
#[derive(Debug, Clone)]
pub struct Metric {
    pub(super) family: Arc<Family>,
}

impl Metric {
    /// Returns what the metric is called; a counter's name ends in `_total` where it is shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.family.name
    }

    #[cfg(feature = "otel")]
    pub(crate) fn help(&self) -> &str {
        &self.family.help
    }

    #[cfg(feature = "otel")]
    pub(crate) fn is_counter(&self) -> bool {
        self.family.kind == Kind::Counter
    }

    /// Calls `each` with the labels and the value of each series, if its values are numbers.
    #[cfg(feature = "otel")]
    pub(crate) fn numbers(&self, mut each: impl FnMut(&Labels, f64)) {
        for (labels, series) in self.family.series() {
            if let Series::Number(sum) = &*series {
                each(&labels, sum.get());
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        let name = self.name();
        if !is_name(name) {
            return Err(Error::configuration(format!(
                "metric `{name}` has a name of other than letters, digits and `_`"
            )));
        }
        match &self.family.kind {
            Kind::Histogram(bounds) if !buckets::are_valid(bounds) => {
                Err(Error::configuration(format!("the buckets of metric `{name}` do not grow")))
            }
            _ => Ok(()),
        }
    }
}

/// Adds metrics to those there are, if all of them can be.
pub(crate) fn join(known: &mut Vec<Metric>, metrics: Vec<Metric>) -> Result<(), Error> {
    for metric in metrics {
        metric.check()?;
        if known.iter().any(|other| other.name() == metric.name()) {
            return Err(Error::configuration(format!("there are two metrics `{}`", metric.name())));
        }
        known.push(metric);
    }
    Ok(())
}

/// A value that has metrics, to be shown beside those of the server.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::metrics::{Counter, CustomMetrics, Gauge, Metric};
///
/// #[derive(Clone)]
/// struct AppMetrics {
///     lookups: Counter,
///     depth: Gauge,
/// }
///
/// impl CustomMetrics for AppMetrics {
///     fn metrics(&self) -> Vec<Metric> {
///         vec![self.lookups.clone().into(), self.depth.clone().into()]
///     }
/// }
///
/// let metrics = AppMetrics {
///     lookups: Counter::new("user_lookups", "Users that were looked up."),
///     depth: Gauge::new("queue_depth", "Jobs that wait."),
/// };
/// let server = ServerBuilder::new().with_custom_metrics(metrics.clone())?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
pub trait CustomMetrics {
    /// Returns the metrics; asked for once.
    fn metrics(&self) -> Vec<Metric>;
}

impl CustomMetrics for Vec<Metric> {
    fn metrics(&self) -> Vec<Metric> {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_of_a_histogram_is_that_of_its_buckets() {
        let check = |labels: &Labels, expected: &str| assert_eq!(labels[0].0, expected);
        check(&Histogram::new("query_seconds", "").with_label("le", "x").labels, "_le");
        check(&Histogram::new("query_seconds", "").with_label("less", "x").labels, "less");
        check(&Gauge::new("queue_depth", "").with_label("le", "x").labels, "le");
    }
}
