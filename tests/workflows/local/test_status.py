"""The state of a run in its file."""

import json


def test_the_file_has_argos_shape(local):
    """A Workflow object: metadata, spec with the arguments that were used, status with its nodes."""
    make = local.template(
        "make",
        "echo 7 > {{outputs.parameters.n.path}}",
        inputs={"parameters": [{"name": "x"}]},
        outputs={"parameters": [{"name": "n", "valueFrom": {"path": "/n"}}]},
    )
    task = {
        "name": "a",
        "template": "make",
        "arguments": {"parameters": [{"name": "x", "value": "{{workflow.parameters.p}}"}]},
    }
    document = local.document(
        {"name": "main", "dag": {"tasks": [task]}}, make, arguments={"parameters": [{"name": "p"}]}
    )
    local.run(document, arguments={"p": "v"})
    written = json.loads((local.directory / "workflow.json").read_text())
    node = next(node for node in written["status"]["nodes"].values() if node["displayName"] == "a")

    assert ("Workflow", "wf", "uid-1", "2026-11-22T14:30:05Z") == (
        written["kind"],
        *(written["metadata"][key] for key in ("name", "uid", "creationTimestamp")),
    )
    assert [{"name": "p", "value": "v"}] == written["spec"]["arguments"]["parameters"]
    assert ("Succeeded", "Pod", "make", "wf") == tuple(
        node[key] for key in ("phase", "type", "templateName", "boundaryID")
    )
    assert {"parameters": [{"name": "n", "value": "7"}], "exitCode": "0"} == node["outputs"]
    assert {"parameters": [{"name": "x", "value": "v"}]} == node["inputs"]
    assert [node["id"]] == written["status"]["nodes"]["wf"]["children"]
    assert written["status"]["startedAt"] <= node["finishedAt"] <= written["status"]["finishedAt"]


def test_the_file_is_whole_while_the_run_goes_on(local):
    """A step reads it and finds itself running."""
    status = local.run(local.dag(local.task("a", "cp run-1/workflow.json seen.json")))
    seen = json.loads((local.folder / "seen.json").read_text())["status"]

    assert ("Succeeded", "Running", "Running") == (
        status.phase,
        seen["phase"],
        next(node["phase"] for node in seen["nodes"].values() if node["displayName"] == "a"),
    )
