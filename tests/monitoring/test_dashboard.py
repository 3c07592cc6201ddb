"""The dashboard: what Grafana needs of it, and that no panel leaves out which version it shows."""

import itertools
import re
from collections import Counter

from ruamel.yaml import YAML

# What Grafana writes into an expression before it asks Prometheus.
VARIABLES = {"$environment": "serving-prod", "$model": "digits", "$version": ".+", "$__rate_interval": "1m"}
PARTS = {
    "pods by version": ":tensorflow:serving:mlmd_map",
    "pods that answer": "up{",
    "requests": "model:serving_successes:rate5m",
    "failures by status": ":tensorflow:serving:request_count",
    "failure ratio": "model:serving_failures:ratio_rate5m",
    "p50": "model:serving_latency_seconds:p50_rate5m",
    "p99": "model:serving_latency_seconds:p99_rate5m",
    "in flight": ":tensorflow:serving:request_latency_sum",
    "batch sizes": ":tensorflow:serving:batching_session:processed_batch_size_sum",
    "memory": "container_memory_working_set_bytes",
    "CPU": "container_cpu_usage_seconds_total",
}


def expressions(dashboard):
    """Of every panel and annotation."""
    of_panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return of_panels + [item["expr"] for item in dashboard["annotations"]["list"]]


def cells(position):
    """The cells of Grafana's grid, 24 wide, that a panel covers."""
    columns = range(position["x"], position["x"] + position["w"])
    return set(itertools.product(columns, range(position["y"], position["y"] + position["h"])))


def test_grafanas_sidecar_finds_it(objects):
    """By the label; in a ConfigMap whose name stays, in the namespace of the rules."""
    (item,) = [item for item in objects if item["kind"] == "ConfigMap"]

    assert "model-servers-dashboard" == item["metadata"]["name"]
    assert "1" == item["metadata"]["labels"]["grafana_dashboard"]
    assert {"monitoring"} == {item["metadata"]["namespace"] for item in objects}


def test_panels_have_their_own_id_and_place(dashboard):
    """No two overlap, none leaves the grid, none is far from the one above it."""
    panels = dashboard["panels"]
    covered = Counter(cell for panel in panels for cell in cells(panel["gridPos"]))

    assert len(panels) == len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels})
    assert {1} == set(covered.values())
    assert 24 * len({y for _, y in covered}) == len(covered)
    assert max(x for x, _ in covered) < 24


def test_every_panel_says_which_version_it_shows(dashboard):
    """In the legend of its first series."""
    for panel in dashboard["panels"]:
        assert "{{model_version}}" in panel["targets"][0]["legendFormat"], panel["title"]
        assert "model_version" in panel["targets"][0]["expr"], panel["title"]


def test_everything_that_was_asked_for_has_a_panel(dashboard):
    """One of each."""
    joined = "\n".join(expressions(dashboard))

    assert [] == [part for part, name in PARTS.items() if name not in joined]


def test_every_source_is_the_variable(dashboard):
    """So that it works whatever the Prometheus of a Grafana is called."""
    queried = [*dashboard["panels"], *dashboard["annotations"]["list"]]
    queried += [item for item in dashboard["templating"]["list"] if item["type"] == "query"]

    assert "datasource" == dashboard["templating"]["list"][0]["name"]
    for item in queried:
        assert {"type": "prometheus", "uid": "${datasource}"} == item["datasource"]


def test_every_variable_is_there_before_it_is_used(dashboard):
    """In queries of other variables as well, which Grafana fills in from left to right."""
    defined: set[str] = {"__rate_interval"}
    for item in dashboard["templating"]["list"]:
        assert set(re.findall(r"\$(\w+)", str(item["query"]))) <= defined
        defined.add(item["name"])
    for expression in expressions(dashboard):
        assert set(re.findall(r"\$([a-z_]\w*)", expression)) <= defined


def test_prometheus_reads_every_expression(promtool, dashboard, tmp_path):
    """As it is when Grafana has put values in the place of variables."""
    rules = []
    for number, expression in enumerate(expressions(dashboard)):
        text = expression
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        rules.append({"record": f"panel:{number}", "expr": text})
    with (tmp_path / "panels.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump({"groups": [{"name": "panels", "rules": rules}]}, file)

    assert f"{len(rules)} rules found" in promtool("check", "rules", "panels.yaml", cwd=tmp_path)
