"""Every environment with no model, one and two: valid for Kubernetes, and each invariant holds for all of them."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from serving.options import ServerOptions
from tests.kustomize.objects import SCHEMAS, of, pod, selects, server, validate
from workflows.kustomize import render

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.name for path in (ROOT / "kustomize/overlays").iterdir())
MODELS = sorted(path.name for path in (ROOT / "kustomize/models").iterdir())
CASES = [(name, models) for name in OVERLAYS for models in ((), ("digits",), ("digits", "cancer"))]
INSTANCE = "app.kubernetes.io/instance"

every_case = pytest.mark.parametrize(
    ("environment", "models"), CASES, ids=[f"{name}-{len(models)}" for name, models in CASES]
)


@pytest.mark.parametrize("version", SCHEMAS)
@every_case
def test_every_object_fits_the_schemas_of_kubernetes(rendered, environment, models, version):
    """In strict mode, so that no field is misspelt."""
    for item in rendered(environment, models):
        validate(item, version)


@every_case
def test_each_model_has_one_of_each_kind(rendered, environment, models):
    """Named for it, and nothing is there for a model that was not released."""
    objects = rendered(environment, models)
    expected = {f"{model}-server" for model in models}

    for kind in ("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"):
        assert expected == set(of(objects, kind)), kind


@every_case
def test_everything_is_in_the_environments_namespace(rendered, environment, models):
    """The namespace itself enforces Pod Security `restricted`."""
    objects = rendered(environment, models)
    (namespace,) = of(objects, "Namespace").values()

    assert f"serving-{environment}" == namespace["metadata"]["name"]
    assert "restricted" == namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    for item in objects:
        assert item["kind"] == "Namespace" or f"serving-{environment}" == item["metadata"]["namespace"]


@every_case
def test_a_server_runs_the_version_that_the_overlay_names(rendered, environment, models):
    """By tag and digest together, under the model's own name; probes, environment and arguments say the same model."""
    for model in models:
        deployment = of(rendered(environment, models), "Deployment")[f"{model}-server"]
        container = server(deployment)

        assert f"docker.io/models/{model}:20261122143000@sha256:{'a' * 64}" == container["image"]
        assert model == deployment["spec"]["template"]["metadata"]["labels"][INSTANCE]
        assert f"metadata.labels['{INSTANCE}']" == container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"]
        for probe in ("startupProbe", "readinessProbe"):
            assert {"path": f"/v1/models/{model}/metadata", "port": "rest"} == container[probe]["httpGet"]


@every_case
def test_selectors_find_the_pods_of_their_own_model_only(rendered, environment, models):
    """Service, Deployment, budget, policy and spread alike."""
    objects = rendered(environment, models)
    deployments = of(objects, "Deployment")
    for name, deployment in deployments.items():
        selectors = {
            "Deployment": deployment["spec"]["selector"]["matchLabels"],
            "Service": of(objects, "Service")[name]["spec"]["selector"],
            "PodDisruptionBudget": of(objects, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"],
            "NetworkPolicy": of(objects, "NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"],
            "spread": pod(deployment)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        }
        for what, selector in selectors.items():
            assert [name] == [other for other in deployments if selects(selector, deployments[other])], what
        assert name == pod(deployment)["serviceAccountName"]


@every_case
def test_pods_keep_to_pod_security_restricted(rendered, environment, models):
    """No root, no new privileges, no capability, nothing to write but /tmp, no token."""
    for deployment in of(rendered(environment, models), "Deployment").values():
        spec, container = pod(deployment), server(deployment)

        assert {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}.items() <= (
            spec["securityContext"].items()
        )
        assert spec["securityContext"]["runAsUser"] > 0
        assert {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        } == container["securityContext"]
        assert spec["automountServiceAccountToken"] is False
        assert ["/tmp"] == [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]  # noqa: S108 - the pod's own
        assert {"emptyDir", "configMap", "name"} >= {key for volume in spec["volumes"] for key in volume}


@every_case
def test_an_update_never_takes_the_old_version_first(rendered, environment, models):
    """One more pod before one less, a drain before the end, and after it the time that our server takes to finish."""
    for deployment in of(rendered(environment, models), "Deployment").values():
        drain = server(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]

        assert 0 == deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"]
        assert 0 < drain
        assert drain + ServerOptions().shutdown_grace_s < pod(deployment)["terminationGracePeriodSeconds"]


@every_case
def test_ports_are_named_and_flags_are_written_in_full(rendered, environment, models):
    """As the server reads them: --flag=value only."""
    objects = rendered(environment, models)
    for name, deployment in of(objects, "Deployment").items():
        container = server(deployment)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}

        assert {"grpc": 8500, "rest": 8501} == ports
        assert {"grpc": 8500, "rest": 8501} == {
            port["targetPort"]: port["port"] for port in of(objects, "Service")[name]["spec"]["ports"]
        }
        assert all(argument.startswith("--") and "=" in argument for argument in container["args"])
        assert "--model_name=$(MODEL_NAME)" in container["args"]
        assert "--model_base_path=/models/$(MODEL_NAME)" in container["args"]


@every_case
def test_every_server_says_what_it_needs(rendered, environment, models):
    """Requests of both and a limit of memory."""
    for deployment in of(rendered(environment, models), "Deployment").values():
        resources = server(deployment)["resources"]

        assert {"cpu", "memory"} == set(resources["requests"])
        assert {"memory"} == set(resources["limits"])


@every_case
def test_an_autoscaler_is_where_the_component_is_and_drives_its_own_model(rendered, environment, models):
    """Then nobody else sets the number of replicas; elsewhere the overlay does."""
    objects = rendered(environment, models)
    scalers = of(objects, "HorizontalPodAutoscaler")

    assert ({f"{model}-server" for model in models} if environment == "prod" else set()) == set(scalers)
    for name, scaler in scalers.items():
        assert {"apiVersion": "apps/v1", "kind": "Deployment", "name": name} == scaler["spec"]["scaleTargetRef"]
        assert "annotations" not in scaler["metadata"]
    for name, deployment in of(objects, "Deployment").items():
        assert (name in scalers) != ("replicas" in deployment["spec"])


@every_case
def test_monitoring_is_where_the_component_is(rendered, environment, models):
    """The exporter is switched on, its file is there, Prometheus is let in and finds every Service."""
    objects = rendered(environment, models)
    monitors = of(objects, "ServiceMonitor")
    if environment != "prod":
        assert {} == monitors == of(objects, "ConfigMap")
        return
    ((file, config),) = of(objects, "ConfigMap").items()
    (monitor,) = monitors.values()

    assert 'path: "/monitoring/prometheus/metrics"' in config["data"]["monitoring.config"]
    assert "/monitoring/prometheus/metrics" == monitor["spec"]["endpoints"][0]["path"]
    for name, deployment in of(objects, "Deployment").items():
        service = of(objects, "Service")[name]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert "--monitoring_config_file=/etc/serving/monitoring.config" in server(deployment)["args"]
        assert {"name": file} in [volume.get("configMap") for volume in pod(deployment)["volumes"]]
        assert 2 == len(of(objects, "NetworkPolicy")[name]["spec"]["ingress"])


@every_case
def test_no_gpu_is_asked_for_where_the_component_is_not(rendered, environment, models):
    """Neither by limit nor by node."""
    assert "nvidia.com/gpu" not in str(rendered(environment, models))


@pytest.mark.parametrize("environment", OVERLAYS)
def test_the_gpu_component_gives_every_server_one(rendered, environment):
    """Limit, toleration and node, valid, and nothing else changed."""
    objects = rendered(environment, ("digits", "cancer"), "gpu")
    for deployment in of(objects, "Deployment").values():
        validate(deployment)
        assert "1" == str(server(deployment)["resources"]["limits"]["nvidia.com/gpu"])
        assert {"nvidia.com/gpu.present": "true"} == pod(deployment)["nodeSelector"]
        assert "nvidia.com/gpu" == pod(deployment)["tolerations"][0]["key"]
    assert 2 == len(of(objects, "Deployment"))


def test_the_base_builds_alone():
    """A server of a model named `model`, upstream's image pinned, in no namespace."""
    objects = render(ROOT / "kustomize/base")
    (deployment,) = of(objects, "Deployment").values()

    assert "tensorflow/serving:2.20.0" == server(deployment)["image"]
    assert "/v1/models/model/metadata" == server(deployment)["readinessProbe"]["httpGet"]["path"]
    assert all("namespace" not in item["metadata"] for item in objects)
    for item in objects:
        validate(item)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_a_few_lines_that_name_it(model):
    """Every model's file is the same but for its name and first line."""
    text = (ROOT / f"kustomize/models/{model}/kustomization.yaml").read_text().split("\n", 1)[1]
    other = (ROOT / "kustomize/models/digits/kustomization.yaml").read_text().split("\n", 1)[1]

    assert other == text.replace(model, "digits")


@pytest.mark.parametrize("environment", OVERLAYS)
def test_an_environment_as_it_is_committed_renders(environment):
    """With whatever was released to it."""
    assert of(render(ROOT / f"kustomize/overlays/{environment}"), "Namespace")


def test_no_deprecated_field_and_no_floating_tag_is_used():
    """The field commonLabels would write into selectors for good; a tag that moves says nothing."""
    for path in (ROOT / "kustomize").rglob("*.yaml"):
        text = path.read_text()
        assert {} == {
            word: path
            for word in ("commonLabels", "bases:", "vars:", "patchesStrategicMerge", ":latest")
            if word in text
        }


def test_files_are_short_and_named_for_their_kind():
    """One object a file; no file above 100 lines."""
    for path in (ROOT / "kustomize/base").glob("*.yaml"):
        (item,) = [document for document in YAML(typ="safe", pure=True).load_all(path.read_text()) if document]
        assert path.stem == item["kind"].lower()
    assert max(len(path.read_text().splitlines()) for path in (ROOT / "kustomize").rglob("*.yaml")) <= 100
