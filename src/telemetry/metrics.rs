//! The closed list of metrics. None has a label per room or user, so their
//! number does not grow with use.

use std::sync::LazyLock;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// The metrics of this process.
static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::register);

/// Upper ends of the classes in which durations are counted, in seconds.
const SECONDS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

const SECONDS_SUFFIX: &str = "_seconds";

/// The metrics of this process. Changing one costs an atomic addition.
pub(super) fn metrics() -> &'static Metrics {
    &METRICS
}

/// Declares the struct, its registration and its descriptions in one place.
macro_rules! metric_list {
    ($($kind:ident $register:ident $describe:ident $unit:ident $field:ident = $name:literal $text:literal;)+) => {
        /// Everything that is counted.
        pub(super) struct Metrics {
            $(pub(super) $field: $kind,)+
            /// Answers by class of status, from 1xx to 5xx.
            http_requests: [Counter; 5],
            handle: PrometheusHandle,
        }

        impl Metrics {
            fn register() -> Self {
                let recorder = recorder();
                $(recorder.$describe($name.into(), Some(Unit::$unit), $text.into());)+
                Self {
                    $($field: recorder.$register(&Key::from_static_name($name), &METADATA),)+
                    http_requests: http_requests(&recorder),
                    handle: recorder.handle(),
                }
            }
        }
    };
}

metric_list! {
    Gauge register_gauge describe_gauge Count connections = "hubbub_connections" "Open WebSocket connections.";
    Gauge register_gauge describe_gauge Count polling = "hubbub_polling" "Polls that are held right now.";
    Gauge register_gauge describe_gauge Count rooms = "hubbub_rooms" "Rooms with a member on this instance.";
    Gauge register_gauge describe_gauge Count tasks = "hubbub_tasks" "Tasks of the program that are alive.";
    Gauge register_gauge describe_gauge Count broker_up = "hubbub_broker_up" "1 while probes come back through the broker, else 0.";
    Gauge register_gauge describe_gauge Count draining = "hubbub_draining" "1 once this instance takes nobody new.";
    Counter register_counter describe_counter Count connections_opened = "hubbub_connections_opened_total" "Connections that were opened.";
    Counter register_counter describe_counter Count frames_in = "hubbub_frames_in_total" "Frames from clients.";
    Counter register_counter describe_counter Count frames_out = "hubbub_frames_out_total" "Frames to clients.";
    Counter register_counter describe_counter Count sends = "hubbub_sends_total" "Messages, and changes of them, that clients asked to send.";
    Counter register_counter describe_counter Count acks = "hubbub_acks_total" "Messages, and changes of them, that were stored and acknowledged.";
    Counter register_counter describe_counter Count duplicates = "hubbub_duplicates_total" "Messages that had been stored before, under the same key.";
    Counter register_counter describe_counter Count deliveries = "hubbub_deliveries_total" "Room frames handed to members.";
    Counter register_counter describe_counter Count repairs = "hubbub_repairs_total" "Holes that were closed from the log.";
    Counter register_counter describe_counter Count gaps = "hubbub_gaps_total" "Times that history was no longer there for a client.";
    Counter register_counter describe_counter Count rollbacks = "hubbub_rollbacks_total" "Times that entries a client had seen were gone.";
    Counter register_counter describe_counter Count outbox_dropped = "hubbub_outbox_dropped_total" "Times that a slow client fell behind in a room; it reads the log later.";
    Counter register_counter describe_counter Count rate_limited = "hubbub_rate_limited_total" "Frames and requests refused because of a rate.";
    Counter register_counter describe_counter Count polls = "hubbub_polls_total" "Polls that were answered.";
    Counter register_counter describe_counter Count sign_ins = "hubbub_sign_ins_total" "Sessions that began.";
    Counter register_counter describe_counter Count broker_errors = "hubbub_broker_errors_total" "Calls to the broker that failed or took too long.";
    Histogram register_histogram describe_histogram Seconds broker_append = "hubbub_broker_append_seconds" "How long storing a message took.";
    Histogram register_histogram describe_histogram Seconds broker_read = "hubbub_broker_read_seconds" "How long reading from a log took.";
}

const METADATA: Metadata<'static> = Metadata::new("hubbub", Level::INFO, None);
const HTTP_REQUESTS: &str = "hubbub_http_requests_total";

impl Metrics {
    /// Counts an answer by the class of its status.
    pub(super) fn http_request(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.http_requests.get(class) {
            counter.increment(1);
        }
    }

    /// All metrics as Prometheus reads them.
    pub(super) fn render(&self) -> String {
        self.run_upkeep();
        self.handle.render()
    }

    /// Folds what histograms gathered, so that it takes no memory when nobody
    /// reads the metrics. Once in five seconds is enough.
    pub(super) fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn recorder() -> PrometheusRecorder {
    let builder = PrometheusBuilder::new();
    let with_classes = |builder: PrometheusBuilder| -> Result<_, BuildError> {
        let durations = Matcher::Suffix(SECONDS_SUFFIX.to_owned());
        builder.set_buckets_for_metric(durations, &SECONDS)
    };
    // Only an empty list of classes is refused, and ours is not.
    with_classes(builder)
        .unwrap_or_else(|_| PrometheusBuilder::new())
        .build_recorder()
}

fn http_requests(recorder: &PrometheusRecorder) -> [Counter; 5] {
    let text = "Answers over HTTP, by class of status.";
    recorder.describe_counter(HTTP_REQUESTS.into(), Some(Unit::Count), text.into());
    ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
        let key = Key::from_parts(HTTP_REQUESTS, vec![Label::new("status", class)]);
        recorder.register_counter(&key, &METADATA)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_rendered_with_its_description_from_the_start() {
        let metrics = Metrics::register();
        metrics.broker_append.record(0.003);
        metrics.connections.set(2.0);
        metrics.http_request(404);
        metrics.http_request(0);
        metrics.http_request(999);
        let text = metrics.render();
        for line in [
            "# HELP hubbub_connections Open WebSocket connections.",
            "hubbub_connections 2",
            "hubbub_frames_in_total 0",
            "hubbub_http_requests_total{status=\"4xx\"} 1",
            "hubbub_broker_append_seconds_bucket{le=\"0.005\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn names_follow_the_habits_of_prometheus() {
        let text = Metrics::register().render();
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert!(name.starts_with("hubbub_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            assert_eq!(name.ends_with("_seconds"), kind == "histogram", "{name}");
        }
    }
}
