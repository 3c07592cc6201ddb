"""The rules, by Prometheus' own tool: they parse, and fire when they should. The cases are in *.test.yaml."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

HERE = Path(__file__).parent
TESTS = sorted(path.name for path in HERE.glob("*.test.yaml"))


def rules(groups, kind):
    """The recording rules (`record`) or the alerts (`alert`), by name."""
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


def test_prometheus_takes_every_rule(promtool, rule_files):
    """It is strict about fields, expressions and templates."""
    assert "FAILED" not in promtool("check", "rules", "requests.yaml", "versions.yaml", "alerts.yaml", cwd=rule_files)


@pytest.mark.parametrize("name", TESTS)
def test_the_rules_do_what_their_cases_say(promtool, rule_files, name):
    """Recording rules give these values, alerts fire then and then only."""
    assert "SUCCESS" in promtool("test", "rules", name, cwd=rule_files)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_not(groups):
    """An alert that was never seen to fire is a wish."""
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    for case in YAML(typ="safe", pure=True).load(HERE / "alerts.test.yaml")["tests"]:
        for test in case["alert_rule_test"]:
            seen[bool(test["exp_alerts"])].add(test["alertname"])
    alerts = set(rules(groups, "alert"))

    # An alert that fires for one of several series in a case has been silent for the others.
    assert alerts == seen[True]
    assert seen[False] <= alerts


def test_every_recorded_value_has_a_case(groups):
    """By name."""
    cases = "".join((HERE / name).read_text() for name in TESTS)

    assert [] == [name for name in rules(groups, "record") if name not in cases]


def test_every_alert_says_in_one_sentence_what_and_where(groups):
    """With the environment or the application's name, and how grave it is."""
    for name, rule in rules(groups, "alert").items():
        assert rule["labels"]["severity"] in {"critical", "warning"}, name
        assert rule["annotations"]["summary"].endswith("."), name
        assert "{{ $labels." in rule["annotations"]["summary"], name
