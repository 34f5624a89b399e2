"""What `examples/observed` shows to operators, read by programs of others: Prometheus' promtool and Python client, and
the messages of OpenTelemetry. `main.py OBSERVED PROMTOOL` prints one line a check."""

import base64
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

PATIENCE = 30
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PASSWORD = {"authorization": "Basic " + base64.b64encode(b"metrics:secret").decode()}
CALLS = 7

failed = []


def check(name, holds, seen=""):
    if not holds:
        failed.append(name)
    print(f"ok {name}" if holds else f"not ok {name}: {str(seen)[:800]!r}", flush=True)


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers as the protocol says."""

    kept = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.kept.append((self.path, self.headers["content-type"], body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def request(port, method, path, headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = response.status, response.getheader("content-type"), response.read().decode()
    connection.close()
    return answer


def call(port, title):
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "tracestate": "desk=1",
    }
    params = {"name": "read", "arguments": {"title": title}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": "one", "method": "tools/call", "params": params}
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "read",
    }
    return request(port, "POST", "/mcp", headers, json.dumps(message))


def samples(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(found, name, **labels):
    return found.get((name, tuple(sorted(labels.items()))))


def read_metrics(port, promtool):
    status, kind, text = request(port, "GET", "/metrics", PASSWORD)
    check("the metrics are shown to whoever has the password", (status, kind.split(";")[0]) == (200, "text/plain"), kind)
    linted = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=PATIENCE)
    said = linted.stdout + linted.stderr
    check("promtool finds nothing to say", linted.returncode == 0 and not said.strip(), said)
    families = list(read_text(text))
    found = samples(families)
    kinds = {family.name: family.type for family in families}
    named = {
        "turbomcp_server_requests": "counter",
        "turbomcp_server_request_duration_seconds": "histogram",
        "turbomcp_server_active_connections": "gauge",
        "turbomcp_server_errors": "counter",
    }
    check("the metrics have the names and types they were promised", named.items() <= kinds.items(), kinds)
    requests = "turbomcp_server_requests_total"
    check("calls that were answered are counted", value(found, requests, method="tools/call", status="success") == CALLS, found)
    check("calls that failed are counted", value(found, requests, method="tools/call", status="error") == 1, found)
    count = value(found, "turbomcp_server_request_duration_seconds_count", method="tools/call")
    check("durations are counted", count == CALLS + 1, count)
    buckets = [v for (name, labels), v in found.items() if name == "turbomcp_server_request_duration_seconds_bucket"]
    check("buckets are cumulative", buckets == sorted(buckets) and buckets[-1] == CALLS + 1, buckets)
    check("the error is of a tool", value(found, "turbomcp_server_errors_total", error_type="tool") == 1, found)
    check("users count beside the server", value(found, "notes_lookups_total", outcome="found") == CALLS, found)
    _, kind, text = request(port, "GET", "/metrics", {**PASSWORD, "accept": "application/openmetrics-text;version=1.0.0"})
    open_metrics = samples(read_openmetrics(text))
    same = value(open_metrics, requests, method="tools/call", status="success") == CALLS
    check("OpenMetrics says the same", same and kind.startswith("application/openmetrics-text; version=1.0.0"), kind)


def attributes(of):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of}


def read_traces(kept):
    exports = [(kind, ExportTraceServiceRequest.FromString(body)) for path, kind, body in kept if path == "/v1/traces"]
    check("spans arrive as protobuf", exports and all(kind == "application/x-protobuf" for kind, _ in exports), kept)
    resources = [resource for _, export in exports for resource in export.resource_spans]
    names = {attributes(resource.resource.attributes).get("service.name") for resource in resources}
    check("they name the service", names == {"notes"}, names)
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    spans = [span for span in spans if span.name == "tools/call read"]
    check("each call has a span", len(spans) == CALLS + 1, len(spans))
    in_trace = all((s.trace_id.hex(), s.parent_span_id.hex(), s.trace_state) == (TRACE, PARENT, "desk=1") for s in spans)
    check("they belong to the trace of the client", in_trace, spans)
    check("they are those of a server", all(span.kind == Span.SPAN_KIND_SERVER for span in spans), spans)
    whole = all(0 < span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    check("they have a beginning and an end", whole, spans)
    first = attributes(spans[0].attributes) if spans else {}
    named = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "read", "mcp.protocol.version": "2026-07-28"}
    check("they say what was called", named.items() <= first.items(), first)
    bad = [attributes(s.attributes).get("error.type") for s in spans if s.status.code == Status.STATUS_CODE_ERROR]
    check("the one that failed says so", bad == ["tool"], bad)
    check("no argument is in them", not any("shopping" in str(span) for span in spans), spans)


def read_instruments(kept):
    exports = [ExportMetricsServiceRequest.FromString(body) for path, _, body in kept if path == "/v1/metrics"]
    scopes = [scope for export in exports for resource in export.resource_metrics for scope in resource.scope_metrics]
    metrics = {metric.name: metric for scope in scopes for metric in scope.metrics}
    points = metrics["turbomcp.server.requests"].sum.data_points if "turbomcp.server.requests" in metrics else []
    counts = {tuple(sorted(attributes(point.attributes).items())): point.as_int for point in points}
    expected = (("mcp.method.name", "tools/call"), ("status", "success"))
    check("requests are exported", counts.get(expected) == CALLS, counts)
    durations = metrics.get("mcp.server.operation.duration")
    total = sum(point.count for point in durations.histogram.data_points) if durations else 0
    check("durations are exported", total == CALLS + 1, metrics.keys())
    lookups = metrics["notes_lookups"].sum.data_points if "notes_lookups" in metrics else []
    check("what users count is exported", sum(point.as_double for point in lookups) == CALLS + 1, lookups)


def main(observed, promtool):
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "shopping"), "w") as note:
            note.write("milk")
        port = free_port()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        server = subprocess.Popen([observed, f"127.0.0.1:{port}", folder], env=environment)
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    status, _, body = request(port, "GET", "/health/ready")
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
            report = json.loads(body)
            check("it is ready", (status, report["healthy"], report["status"]) == (200, True, "healthy"), body)
            for _ in range(CALLS):
                call(port, "shopping")
            call(port, "missing")
            read_metrics(port, promtool)
            server.send_signal(signal.SIGTERM)
            check("it ends in order", server.wait(PATIENCE) == 0, server.returncode)
        finally:
            server.kill()
    read_traces(Collector.kept)
    read_instruments(Collector.kept)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
