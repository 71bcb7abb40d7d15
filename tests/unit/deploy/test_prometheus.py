"""Prometheus' configuration, the alerts and the dashboard: they speak of metrics, labels and services that exist."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from router import app
from router.app import ProcessRole
from router.metrics import Metrics

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
CONFIG: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ALERTS = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "queues-and-waits.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]] + [rule["expr"] for rule in ALERTS]
PROMETHEUS_OWN = {"instance", "job"}
MANUAL = (ROOT / "docs" / "operations.md").read_text()
SELDOM_S = 60.0
"""Half of what `LoopStuck` allows every loop."""


def _metrics() -> Iterator[MetricWrapperBase]:
    return (metric for metric in vars(Metrics(CollectorRegistry())).values() if isinstance(metric, MetricWrapperBase))


def _series() -> dict[str, set[str]]:
    """Every series that Frontdesk exports, with its labels."""
    series = {}
    for metric in _metrics():
        labels = {*metric._labelnames, *PROMETHEUS_OWN}
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[metric._type]
        series |= {metric._name + suffix: labels | ({"le"} if suffix == "_bucket" else set()) for suffix in suffixes}
    return series


def _promtool(*arguments: str | Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_name_series_and_labels_that_exist(expression):
    series = _series()
    named = set(re.findall(r"router_\w+", expression))
    kept = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}
    chosen = re.findall(r"(router_\w+){([^}]*)}", expression)

    assert named <= set(series)
    assert all(kept <= series[name] for name in named)
    assert all(set(re.findall(r"(\w+)[=!]", labels)) <= series[name] for name, labels in chosen)


def test_the_dashboard_shows_every_metric():
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])

    missing = [metric._name for metric in _metrics() if metric._name not in shown]
    assert not missing, f"add a panel for {missing} to deploy/grafana/dashboard.py, and run that file"


def test_the_manual_says_which_role_counts_every_metric():
    named = re.findall(r"`(router_[\w…]+)`", MANUAL)
    patterns = [re.compile(name.replace("…", r"\w*")) for name in named]
    names = [metric._name + ("_total" if metric._type == "counter" else "") for metric in _metrics()]

    missing = [name for name in names if not any(pattern.fullmatch(name) for pattern in patterns)]
    assert not missing, f"say in docs/operations.md, under The processes, which role counts {missing}"


@pytest.mark.parametrize("target", [target for panel in PANELS for target in panel["targets"]], ids=itemgetter("expr"))
def test_legends_use_labels_that_the_expression_keeps(target):
    used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    summed_by = set(re.findall(r"by \(([^)]*)\)", target["expr"]))

    assert all(used <= set(labels.split(", ")) for labels in summed_by)
    assert summed_by or used <= {"loop", *PROMETHEUS_OWN}


def test_the_dashboard_is_what_its_source_writes(tmp_path):
    copy = tmp_path / "dashboard.py"
    shutil.copy(GRAFANA / "dashboard.py", copy)
    (tmp_path / "dashboards").mkdir()

    subprocess.run([sys.executable, copy], check=True, timeout=60)

    written = json.loads((tmp_path / "dashboards" / "queues-and-waits.json").read_text())
    assert written == DASHBOARD, "run `python deploy/grafana/dashboard.py`, and commit the JSON that it writes"


def test_panels_fill_the_page_without_overlap():
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    full = 24 * (1 + max(y for _, y in cells))
    assert len(cells) == len(set(cells)) == full, (
        "the widths of the panels of each Row in deploy/grafana/dashboard.py have to fill whole lines of 24"
    )


def test_every_scrape_target_is_a_service_or_prometheus_itself():
    named = [
        name.partition(":")[0]
        for job in CONFIG["scrape_configs"]
        for source in [*job.get("dns_sd_configs", []), *job.get("static_configs", [])]
        for name in source.get("names", source.get("targets"))
    ]

    assert set(named) - {"localhost"} <= set(SERVICES)


def test_grafana_finds_the_data_source_and_the_dashboard():
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    providers = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "frontdesk.yml").read_text())["providers"]

    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"] for source in sources}
    assert any(
        volume.split(":")[:2] == ["./deploy/grafana/dashboards", providers[0]["options"]["path"]]
        for volume in SERVICES["grafana"]["volumes"]
    )


@pytest.mark.parametrize("role", ProcessRole)
def test_every_role_is_scraped_and_missed_when_it_is_gone(role):
    [frontdesk] = (job for job in CONFIG["scrape_configs"] if job["job_name"] == "frontdesk")
    [missing] = (rule["expr"] for rule in ALERTS if rule["alert"] == "RoleMissing")

    assert role in frontdesk["dns_sd_configs"][0]["names"]
    assert f'absent(up{{job="frontdesk", role="{role}"}})' in missing


@pytest.mark.parametrize("rule", ALERTS, ids=itemgetter("alert"))
def test_the_manual_says_what_to_do_about_every_alert(rule):
    headings = re.findall(r"^### `(\w+)`$", MANUAL, re.MULTILINE)
    assert rule["alert"] in headings, f"write a section ### `{rule['alert']}` into docs/operations.md"


def test_loops_that_run_seldom_have_a_limit_of_their_own():
    [stuck] = (rule["expr"] for rule in ALERTS if rule["alert"] == "LoopStuck")
    common, *own = stuck.splitlines()
    seldom = [(seconds, name) for seconds, name in _loops() if seconds > SELDOM_S]

    assert seldom
    for seconds, name in seldom:
        assert re.search(rf'loop!~"([^"]*\|)?{name}(\|[^"]*)?"', common), (
            f"LoopStuck in deploy/prometheus/alerts.yml fires for `{name}`, which runs every {seconds:g} s: exclude it"
        )
        assert any(f'loop="{name}"' in line for line in own), (
            f"give `{name}`, which runs every {seconds:g} s, a line with its own limit in LoopStuck, as maintenance has"
        )


def _loops() -> Iterator[tuple[float, str]]:
    """How often each loop of `router/app.py` runs, in seconds, and its name."""
    for call in ast.walk(ast.parse(Path(app.__file__).read_text())):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "every":
            seconds, name = (ast.unparse(argument) for argument in call.args[:2])
            yield eval(seconds, vars(app)), name.strip("'")


def test_prometheus_accepts_the_configuration():
    _promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_alerts_fire_when_they_should_and_only_then():
    _promtool("test", "rules", Path(__file__).parent / "alerts_test.yml")


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    _promtool("check", "rules", file)
