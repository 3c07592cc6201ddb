"""Parameters, variables, environment and scripts: what a step is given."""

import json
import sys

import pytest

from workflows.errors import WorkflowError
from workflows.local.status import node_id

DECLARED = [
    {"name": "model", "value": "digits"},
    {"name": "epochs"},
    {"name": "pool", "value": "cpu", "enum": ["cpu", "gpu"]},
]


def test_arguments_override_what_the_document_says(local):
    """Given, else the document's own."""
    document = local.dag(
        local.task("t", "echo {{workflow.parameters.model}} {{workflow.parameters.epochs}}"),
        arguments={"parameters": DECLARED},
    )
    local.run(document, arguments={"epochs": "3"})

    assert "digits 3\n" == local.log("t")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "workflow wf needs a value for its parameter `epochs`; give one"),
        ({"epochs": "1", "colour": "red"}, "workflow wf has no parameter `colour`; there are: model, epochs, pool"),
        ({"epochs": "1", "pool": "tpu"}, "parameter `pool` is one of cpu, gpu. Received: 'tpu'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_starts(local, arguments, sentence):
    """One sentence, and no folder."""
    document = local.dag(local.task("t"), arguments={"parameters": DECLARED})

    with pytest.raises(WorkflowError) as caught:
        local.run(document, arguments=arguments)

    assert (sentence, False) == (str(caught.value), local.directory.exists())


def test_a_folder_that_holds_a_run_is_refused(local):
    """A run is never written over."""
    local.run(local.dag(local.task("t")))

    with pytest.raises(WorkflowError, match="already holds a run"):
        local.run(local.dag(local.task("t")), directory=local.directory)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("workflow.name", "wf"),
        ("workflow.uid", "uid-1"),
        ("workflow.namespace", "default"),
        ("workflow.status", "Running"),
        ("workflow.mainEntrypoint", "main"),
        ("workflow.creationTimestamp", "2026-11-22T14:30:05Z"),
        ("workflow.creationTimestamp.RFC3339", "2026-11-22T14:30:05Z"),
        ("workflow.creationTimestamp.s", "1795357805"),
        ("}}{{".join(f"workflow.creationTimestamp.{letter}" for letter in "YmdHMS"), "20261122143005"),
        ("node.name", "wf.t"),
        ("pod.name", node_id("wf-v", "wf.t")),
        ("tasks.name", "t"),
        ("inputs.parameters.a", "from the task"),
        ("inputs.parameters.b", "its default"),
    ],
)
def test_a_step_may_use_a_variable(local, tag, value):
    """Each as Argo names it."""
    template = local.template(
        "v",
        f"printf '%s' '{{{{{tag}}}}}'",
        inputs={"parameters": [{"name": "a"}, {"name": "b", "default": "its default"}]},
    )
    task = {
        "name": "t",
        "template": "v",
        "arguments": {"parameters": [{"name": "a", "value": "from the task"}]},
    }
    local.run(local.document({"name": "main", "dag": {"tasks": [task]}}, template))

    assert value == local.log("t")


def test_parameters_as_json_keep_the_documents_order(local):
    """`workflow.parameters` is a list in the order in which they are declared."""
    document = local.dag(local.task("t", "echo '{{workflow.parameters}}'"), arguments={"parameters": DECLARED})
    local.run(document, arguments={"pool": "gpu", "epochs": "1"})

    assert ["model", "epochs", "pool"] == [entry["name"] for entry in json.loads(local.log("t"))]


def test_values_with_quotes_and_newlines_go_through(local):
    """What a value holds is neither escaped nor looked at for tags."""
    text = 'a "quoted" \\ back\n{{workflow.name}} ünï'
    template = local.template("t", "true", inputs={"parameters": [{"name": "x"}]})
    template["container"]["env"] = [{"name": "X", "value": "{{inputs.parameters.x}}"}]
    template["container"]["args"] = ['printf "%s" "$X"']
    task = {
        "name": "t",
        "template": "t",
        "arguments": {"parameters": [{"name": "x", "value": "{{workflow.parameters.p}}"}]},
    }
    document = local.document(
        {"name": "main", "dag": {"tasks": [task]}}, template, arguments={"parameters": [{"name": "p"}]}
    )
    local.run(document, arguments={"p": text.replace("{{workflow.name}}", "x")})

    assert text.replace("{{workflow.name}}", "x") == local.log("t")


def test_an_output_parameter_is_a_file_without_its_last_newline(local):
    """And its default where the file is missing."""
    make = local.template(
        "make",
        "printf 'two\\nlines\\n' > {{outputs.parameters.a.path}}",
        outputs={
            "parameters": [
                {"name": "a", "valueFrom": {"path": "/tmp/a"}},  # noqa: S108 - a path in the step's own folder
                {"name": "b", "valueFrom": {"path": "/tmp/b", "default": "none"}},  # noqa: S108
            ]
        },
    )
    use = local.task(
        "use", "echo '{{tasks.make.outputs.parameters.a}}' {{tasks.make.outputs.parameters.b}}", depends="make"
    )
    local.run(local.document({"name": "main", "dag": {"tasks": [{"name": "make", "template": "make"}, use]}}, make))

    assert "two\nlines none\n" == local.log("use")


def test_a_missing_output_parameter_is_an_error(local):
    """There is no value to go on with."""
    make = local.template("make", "true", outputs={"parameters": [{"name": "a", "valueFrom": {"path": "/a"}}]})
    status = local.run(local.document(make))

    assert ("Error", "wait: Error (exit code 64): the file of output parameter `a` was not written") == (
        status.phase,
        status.message,
    )


def test_a_value_outside_an_inputs_enum_is_an_error(local):
    """Found when the task is about to start, since it may come from another one."""
    template = local.template("t", "true", inputs={"parameters": [{"name": "x", "enum": ["a", "b"]}]})
    task = {"name": "t", "template": "t", "arguments": {"parameters": [{"name": "x", "value": "c"}]}}
    status = local.run(local.document({"name": "main", "dag": {"tasks": [task]}}, template))

    assert "Error" == status.phase
    assert "'c' is not one of a, b" in status.find("wf.t").message


def test_a_script_runs_its_source(local):
    """With the interpreter that is its command; python is the engine's own."""
    template = {"name": "main", "script": {"command": ["python"], "source": "import sys\nprint(sys.executable)"}}
    local.run(local.document(template))

    assert f"{sys.executable}\n" == local.log("wf")


def test_the_environment_is_the_callers_then_the_templates(local):
    """A template's variable wins, may name an earlier one, and a shell's own `$(...)` is left alone."""
    template = local.template("main", "echo $A $B $C $P [$S] $(echo shell) '$$(A)'")
    template["container"]["env"] = [
        {"name": "A", "value": "template"},
        {"name": "B", "value": "$(A)-b"},
        {"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y", "optional": True}}},
    ]
    local.run(local.document(template), env={"A": "caller", "C": "c"})

    assert "template template-b c default [] shell $(A)\n" == local.log("wf")


def test_a_command_that_is_not_there_fails_the_step(local):
    """The log says which; the run goes on to its end."""
    template = {"name": "main", "container": {"command": ["no-such-command"], "image": "none"}}
    status = local.run(local.document(template))

    why = 'failed to find name in PATH: exec: "no-such-command": executable file not found in $PATH'
    assert ("Failed", f"main: Error (exit code 64): {why}") == (status.phase, status.message)
    assert "no-such-command: No such file or directory\n" == local.log("wf")


def test_a_command_line_that_cannot_be_is_an_error(local):
    """A NUL cannot be part of an argument."""
    status = local.run(local.document({"name": "main", "container": {"command": ["echo", "a\0b"]}}))

    assert ("Error", "embedded null byte") == (status.phase, status.message)


def test_a_nested_template_gets_the_variables_in_its_inputs_and_its_tasks(local):
    """A default that names a variable, handed to a task within."""
    inner = {
        "name": "inner",
        "inputs": {"parameters": [{"name": "x", "default": "{{workflow.name}}-{{workflow.parameters.p}}"}]},
        "dag": {"tasks": [local.task("t", "echo {{inputs.parameters.x}} {{workflow.status}}")]},
    }
    main = {"name": "main", "dag": {"tasks": [{"name": "n", "template": "inner"}]}}
    document = local.document(main, inner, arguments={"parameters": [{"name": "p", "value": "v"}]})
    local.run(document)

    assert "wf-v Running\n" == local.log("n.t")
