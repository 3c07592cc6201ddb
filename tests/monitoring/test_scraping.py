"""The ServiceMonitor in a real Prometheus: which labels the series of a server get, and which are not kept."""

import contextlib
import http.server
import shutil
import socket
import subprocess
import threading
import time

import httpx
import pytest
from ruamel.yaml import YAML

from serving.monitoring.metrics import Registry
from serving.monitoring.prometheus_exporter import generate_page
from serving.monitoring.serving_metrics import ServingMetrics
from tests.monitoring.conftest import ROOT

TIMEOUT_S = 30
# What the operator writes for each field of a monitor's relabeling; an unknown field fails the test.
RELABEL = {"sourceLabels": "source_labels", "targetLabel": "target_label", "regex": "regex", "action": "action"}
# What Prometheus finds of a pod behind a Service: the stable one's, and the canary's from a registry with a port.
PODS = {
    "stable": "models/digits:20261122143000@sha256:" + "a" * 64,
    "canary": "registry.example:5000/team/models/digits:20261123143000",
}


@pytest.fixture(scope="module")
def endpoint():
    """The only endpoint of the ServiceMonitor."""
    monitor = YAML(typ="safe", pure=True).load(ROOT / "kustomize/components/monitoring/servicemonitor.yaml")
    (endpoint,) = monitor["spec"]["endpoints"]
    return endpoint


@pytest.fixture(scope="module")
def page():
    """A page of our server's exporter on a port of its own; gives the port."""
    registry = Registry()
    metrics = ServingMetrics(registry)
    metrics.request_count.cell("digits", "OK").increment(3)
    metrics.request_count.cell("anything a client sends", "NOT_FOUND").increment()
    metrics.request_latency.cell("digits", "predict", "REST").add(700)
    metrics.mlmd_map.cell("digits", "20261122143000").set("uuid")
    body = generate_page(registry)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def relabelings(steps):
    """A monitor's relabelings in Prometheus' own words."""
    return [{RELABEL[field]: value for field, value in step.items()} for step in steps]


def scrape_config(endpoint, port):
    """What the operator makes of the endpoint, for two pods that happen to have one address."""
    found = {"__address__": f"127.0.0.1:{port}", "__meta_kubernetes_pod_label_app_kubernetes_io_instance": "digits"}
    return {
        "job_name": "digits-server",
        "metrics_path": endpoint["path"],
        "scrape_interval": "1s",
        "static_configs": [
            {
                "targets": [f"127.0.0.1:{port}"],
                "labels": {**found, "pod": pod, "__meta_kubernetes_pod_container_image": image},
            }
            for pod, image in PODS.items()
        ],
        "relabel_configs": relabelings(endpoint["relabelings"]),
        "metric_relabel_configs": relabelings(endpoint["metricRelabelings"]),
    }


def wait_for(url, ready):
    """The first answer to a query that is not empty."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(url, params={"match[]": '{job="digits-server"}'}, timeout=5)
            if answer.status_code == httpx.codes.OK and ready(answer.json()["data"]):
                return answer.json()["data"]
        time.sleep(0.2)
    pytest.fail(f"Prometheus had no series within {TIMEOUT_S} s")


@pytest.fixture(scope="module")
def series(endpoint, page, rule_files, tmp_path_factory):
    """Every series after a real Prometheus has read both pods; it runs the rules meanwhile."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not on PATH: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    rules = [str(rule_files / name) for name in ("requests.yaml", "versions.yaml", "alerts.yaml")]
    with (folder / "prometheus.yml").open("w") as file:
        YAML(typ="safe", pure=True).dump({"rule_files": rules, "scrape_configs": [scrape_config(endpoint, page)]}, file)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address={address}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, "--storage.tsdb.path=data"], cwd=folder, stdout=log, stderr=log)
    try:
        return wait_for(f"http://{address}/api/v1/series", lambda found: {item["pod"] for item in found} == set(PODS))
    finally:
        process.terminate()
        process.wait(timeout=TIMEOUT_S)


def test_every_series_says_model_and_version(series):
    """The version is the one in the pod's image, whatever stands before and behind it."""
    versions = {(item["pod"], item["model"], item["model_version"]) for item in series}

    assert {("stable", "digits", "20261122143000"), ("canary", "digits", "20261123143000")} == versions


def test_a_name_that_a_client_made_up_is_no_series(series):
    """The requests of the model itself are."""
    counted = {item["status"] for item in series if item["__name__"] == ":tensorflow:serving:request_count"}

    assert {"OK"} == counted
    assert {"digits"} == {item["model_name"] for item in series if "model_name" in item}


def test_the_servers_own_labels_stay(series):
    """Also `version`, which is what it has loaded."""
    loaded = [item["version"] for item in series if item["__name__"] == ":tensorflow:serving:mlmd_map"]
    latency = [item for item in series if item["__name__"] == ":tensorflow:serving:request_latency_count"]

    assert ["20261122143000"] * 2 == loaded
    assert {("predict", "REST")} == {(item["API"], item["entrypoint"]) for item in latency}
