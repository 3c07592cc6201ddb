"""From a push to a served version, on a real cluster, in the order in which a team meets it; each test goes on from
the one before.
"""

import json
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.e2e import callers, runs
from tests.e2e import site as sites
from tests.e2e.caller import sample
from tests.e2e.kubectl import every, get, kubectl, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
MODEL = "cancer"
CONFIG = f"training/models/{MODEL}/config.py"


def commit_time(site, ref: str = "HEAD") -> float:
    """When a commit was made, in seconds since 1970."""
    return datetime.fromisoformat(site.git("log", "-1", "--format=%cI", ref)).timestamp()


def rolled_out(environment: str, version: str) -> bool:
    """Every pod of the environment's server is of the version, and ready."""
    found = get("deployment", f"{MODEL}-server", f"serving-{environment}")
    if f":{version}@" not in json.dumps(found.get("spec", {})):
        return False
    status = found["status"]
    wanted = found["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
    return counts == [wanted] * 3 and status.get("observedGeneration") == found["metadata"]["generation"]


def uid(kind: str, name: str, namespace: str) -> str:
    """Which object it is: another one of the same name has another; empty where there is none."""
    return get(kind, name, namespace).get("metadata", {}).get("uid", "")


def another(old: str, kind: str, name: str, namespace: str) -> bool:
    """Whether there is one that is not the old one."""
    return uid(kind, name, namespace) not in {"", old}


@pytest.fixture(scope="module")
def remembered() -> dict[str, str]:
    """What an earlier test of this file leaves to a later one."""
    return {}


def test_argo_cd_makes_everything_from_the_root_application(site, timed):
    """(1) One `kubectl apply`: overlays and templates are Synced and Healthy."""
    with timed("root Application applied to all Applications Synced and Healthy"):
        sites.wait_until_settled()

    assert {"train"} == {item["metadata"]["name"] for item in every("workflowtemplates", "training")}


def test_a_push_of_a_training_config_starts_the_workflow(site, remembered):
    """(2) Through Argo Server's event endpoint, for the model that it concerns and for no other."""
    runs.let_the_git_host_in()
    before = site.pull()
    site.edit(CONFIG, r"epochs=\d+", "epochs=20")
    after = site.push("Train for 20 epochs")
    earlier = runs.names()

    runs.announce(site, before, after)
    (name,) = until("the push has started a run", lambda: runs.names() - earlier)

    assert MODEL in name
    remembered |= {"first": name, "source": after}


def test_steps_run_on_their_pools(site, remembered, note):
    """(3) prepare and evaluate on the CPU node; train on the GPU node, with one GPU."""
    workflow = runs.finished(remembered["first"])
    assert "Succeeded" == runs.phase(workflow)
    for step, start, end in sorted(
        (n["displayName"], n["startedAt"], n["finishedAt"]) for n in runs.pods(workflow).values()
    ):
        seconds = (datetime.fromisoformat(end[:-1]) - datetime.fromisoformat(start[:-1])).total_seconds()
        note(f"step {step.partition('(')[0]}", seconds)

    hosts = runs.hosts(workflow)
    pools = {node["metadata"]["name"]: node["metadata"]["labels"].get("pool") for node in every("nodes", "default")}

    assert "gpu" == pools[hosts["train"]]
    assert {"cpu"} == {pools[host] for step, host in hosts.items() if step != "train"}
    train = next(node for node in runs.pods(workflow).values() if node["displayName"].startswith("train"))
    assert "nvidia.com/gpu" in train.get("resourcesDuration", {})


def test_package_and_release_push_from_pods(site, remembered):
    """(4) The image is in the registry under the digest that the release commit names, made from the pushed commit."""
    pinned = site.image("dev", MODEL)
    trailers = dict(
        line.split(": ", 1) for line in site.git("log", "-1", "--format=%(trailers:only=true)").splitlines() if line
    )

    assert (MODEL, pinned.partition("@")[0]) == (trailers["Model"], trailers["Version"])
    assert (remembered["source"], remembered["first"]) == (trailers["Source-Commit"], trailers["Workflow"])
    assert f"Release {MODEL} {trailers['Version']} to dev" == site.git("log", "-1", "--format=%s")
    remembered |= {"old": pinned, "model digest": trailers["Model-Digest"]}


def test_the_same_commit_gives_the_same_model_on_one_machine(site, remembered, tmp_path):
    """Data, seed and code are the same, so the model is, byte by byte, and the executed steps are."""
    laptop = site.copy(tmp_path / "laptop", remembered["source"])
    done = runs.shipway(laptop, "run", MODEL, "--json")
    assert done.returncode == 0, done.stderr
    directory = Path(json.loads(done.stdout)["directory"])
    own = json.loads((directory / "workflow.json").read_text())

    assert runs.steps(runs.finished(remembered["first"])) == runs.steps(own)
    assert remembered["model digest"] == json.loads((directory / "summary.json").read_text())["digest"]


def test_dev_serves_what_git_names_and_answers_as_the_model_does(site, remembered, tmp_path, timed):
    """(6) The version is git's; REST and gRPC give what the model gives in this process."""
    import tensorflow as tf

    version = remembered["old"].partition("@")[0]
    with timed("run's end to its version rolled out (dev)"):
        until("dev has rolled out", lambda: rolled_out("dev", version), within=180)
    seen = callers.once(MODEL, "serving-dev")
    folder = runs.manifest(MODEL, remembered["old"], tmp_path)
    loaded = tf.saved_model.load(str(folder))
    expected = {n: v.numpy() for n, v in loaded.signatures["serving_default"](**sample(MODEL)).items()}

    assert [] == seen.failed()
    assert {("rest", version), ("grpc", version)} == {(line["api"], line["version"]) for line in seen.lines}
    for line in seen.lines:
        assert set(expected) == set(line["outputs"])
        np.testing.assert_allclose(line["outputs"]["scores"], expected["scores"], atol=1e-6)


def test_dev_rolls_to_a_new_version_and_no_request_fails(site, remembered, note):
    """(5) Under load by both APIs, over connections that are kept open."""
    with callers.load(MODEL, "serving-dev") as seen:
        workflow = runs.finished(runs.submit(site, MODEL, "--seed=1", "--epochs=20"))
        assert "Succeeded" == runs.phase(workflow)
        new = site.image("dev", MODEL)
        until("dev has rolled out", lambda: rolled_out("dev", new.partition("@")[0]), within=180)
        until(
            "the new version answers",
            lambda: callers.log(f"load-{MODEL}", "serving-dev").versions()[-1:] == [new.partition("@")[0]],
        )
        released = commit_time(site)

    note("release commit to the first answer of the new version (dev)", seen.first(new.partition("@")[0]) - released)
    assert [] == seen.failed()
    assert [pin.partition("@")[0] for pin in (remembered["old"], new)] == seen.versions()
    remembered["new"] = new


def test_a_version_is_promoted_to_staging(site, remembered, timed):
    """(7) One commit copies version and digest, and the cluster follows."""
    with timed("promoted to staging, to rolled out there"):
        done = runs.shipway(site, "init", f"--remote={sites.GIT}")
        assert done.returncode == 0, done.stderr
        done = runs.shipway(site, "promote", MODEL, "--to=staging")
        assert done.returncode == 0, done.stderr
        assert remembered["new"] == site.image("staging", MODEL)
        until("staging has rolled out", lambda: rolled_out("staging", remembered["new"].partition("@")[0]), within=180)


def test_git_revert_rolls_back(site, remembered, timed):
    """(8) Plain git is enough, and again no request fails."""
    version = remembered["old"].partition("@")[0]
    with callers.load(MODEL, "serving-dev") as seen, timed("git revert to rolled back (dev)"):
        site.pull()
        release = site.git("log", "-1", "--format=%H", "--", "kustomize/overlays/dev")
        site.git("revert", "--no-edit", release)
        site.git("push", "-q", "origin", "HEAD:main")
        until("dev has rolled back", lambda: rolled_out("dev", version), within=180)
        until(
            "the old version answers", lambda: callers.log(f"load-{MODEL}", "serving-dev").versions()[-1:] == [version]
        )

    assert remembered["old"] == site.image("dev", MODEL)
    assert [] == seen.failed()


def test_a_bad_model_is_stopped_by_the_gate(site):
    """(9) The run fails at the gate with the reason; git is untouched."""
    before = site.pull()

    workflow = runs.finished(runs.submit(site, MODEL, "--epochs=1"))

    phases = runs.steps(workflow)
    assert "Failed" == workflow["status"]["phase"]
    assert ("Failed", "Omitted", "Omitted") == (phases["gate"], phases["package"], phases["release"])
    assert before == site.pull()


def test_what_is_deleted_by_hand_is_healed(site):
    """A Service, a Deployment and the WorkflowTemplate come back within a sync."""
    for namespace, kind, name in (
        ("serving-dev", "service", f"{MODEL}-server"),
        ("serving-dev", "deployment", f"{MODEL}-server"),
        ("training", "workflowtemplate", "train"),
    ):
        old = uid(kind, name, namespace)
        kubectl("-n", namespace, "delete", kind, name)
        until(f"{kind} {name} is back", partial(another, old, kind, name, namespace))


def test_the_bot_starts_no_run(site):
    """Every commit that the bot ever pushed, told again as the git host tells it, one by one: nothing starts."""
    site.pull()
    commits = site.git("log", "--format=%H %ae", "--first-parent").splitlines()
    own = [line.split()[0] for line in commits if line.endswith(" shipway@localhost")]
    earlier = runs.names()
    assert len(own) >= 3

    for commit in own:
        runs.announce(site, f"{commit}~1", commit)
    time.sleep(5)  # nothing is awaited: that nothing comes is what is tested

    assert earlier == runs.names()
