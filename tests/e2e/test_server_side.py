"""The API server accepts every object that an overlay or an app renders, with its admission and its schemas."""

import pytest

from tests.e2e import site as sites
from tests.e2e.kubectl import kubectl
from workflows.kustomize import render
from workflows.overlay import Pin, load, overlay_path, set_model

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
FOLDERS = ["apps", "apps/workflows", *(f"kustomize/overlays/{name}" for name in sites.ENVIRONMENTS)]
OF_THE_OPERATOR = {"ServiceMonitor", "PrometheusRule"}  # kinds of the Prometheus operator, which need not be there
PIN = Pin("20261122143000", "sha256:" + "a" * 64)


@pytest.fixture(scope="module")
def tree(site, tmp_path_factory):
    """The clone as it would be with a model in every environment, whose namespaces are there."""
    sites.wait_until_settled()
    copy = site.copy(tmp_path_factory.mktemp("tree") / "clone", site.pull())
    for environment in sites.ENVIRONMENTS:
        path = copy.clone / overlay_path(environment)
        for model in ("cancer", "digits"):
            path.write_text(set_model(load(path), model, PIN, environment))
    return copy.clone


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_server_side_dry_run_accepts_everything(tree, folder):
    """Nothing is changed by it; what the server does not know is of a part that this cluster lacks."""
    objects = render(tree / folder)
    known = {line.split()[-1] for line in kubectl("api-resources", "--no-headers").splitlines()}
    items = [item for item in objects if item["kind"] in known]
    unknown = {item["kind"] for item in objects} - known

    words = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--field-manager=dry-run", "-f", "-"]
    told = kubectl(*words, stdin={"apiVersion": "v1", "kind": "List", "items": items})

    assert unknown <= OF_THE_OPERATOR
    assert len(items) == len(told.splitlines())
