"""Files and folders that go from step to step."""

import stat

import pytest

from workflows.local import artifacts


def _chain(local, make: str, use: str, **art) -> dict:
    """A workflow in which `use` gets what `make` wrote to its artifact `data`."""
    templates = (
        local.template("make", make, outputs={"artifacts": [{"name": "data", "path": "/out/data", **art}]}),
        local.template("use", use, inputs={"artifacts": [{"name": "data", "path": "/in/it", **art}]}),
    )
    handed = {"name": "data", "from": "{{tasks.make.outputs.artifacts.data}}", **art}
    tasks = [
        {"name": "make", "template": "make"},
        {"name": "use", "template": "use", "depends": "make", "arguments": {"artifacts": [handed]}},
        {"name": "again", "template": "use", "depends": "use.Succeeded || use.Failed"}
        | {"arguments": {"artifacts": [handed]}},
    ]
    return local.document({"name": "main", "dag": {"tasks": tasks}}, *templates)


def test_a_file_goes_on(local):
    """The path of each step is its own."""
    status = local.run(_chain(local, "echo 1 > {{outputs.artifacts.data.path}}", "cat {{inputs.artifacts.data.path}}"))

    assert ("Succeeded", "1\n", "1\n") == (status.phase, local.log("use"), local.log("again"))
    assert local.directory / "artifacts" / "make" / "data" == status.find("wf.make").outputs.artifacts[0].path


def test_a_folder_goes_on_with_links_and_modes(local):
    """Files, empty folders, executables and relative links arrive as they were."""
    make = (
        "d={{outputs.artifacts.data.path}}; mkdir -p $d/empty $d/sub; echo x > $d/sub/f; ln -s sub/f $d/link; "
        "printf '#!/bin/sh\\necho ran\\n' > $d/tool; chmod +x $d/tool"
    )
    use = "d={{inputs.artifacts.data.path}}; [ -d $d/empty ] && cat $d/link && $d/tool"
    status = local.run(_chain(local, make, use))

    assert ("Succeeded", "x\nran\n") == (status.phase, local.log("use"))


def test_a_step_cannot_change_what_another_one_made(local):
    """It may try in every way: the next one gets what was made."""
    use = "d={{inputs.artifacts.data.path}}; cat $d/f; echo bad > $d/f; rm -rf $d; true"
    status = local.run(
        _chain(local, "mkdir {{outputs.artifacts.data.path}}; echo good > {{outputs.artifacts.data.path}}/f", use)
    )

    assert "Succeeded" == status.phase
    assert "good" == local.log("again").split("\n")[0]


def test_a_missing_output_is_an_error(local):
    """The process succeeded, the node did not; what depends on it is omitted."""
    status = local.run(_chain(local, "true # {{outputs.artifacts.data.path}}", "true"))
    node = status.find("wf.make")

    assert ("Error", "Error", "Omitted") == (status.phase, node.phase, status.find("wf.use").phase)
    assert "output artifact `data` was not written" in node.message


def test_an_optional_artifact_may_be_missing(local):
    """The next step runs without it."""
    status = local.run(_chain(local, "true", "[ ! -e {{inputs.artifacts.data.path}} ]", optional=True))

    assert "Succeeded" == status.phase


def test_a_failed_step_keeps_what_it_has_written(local):
    """Its report is there for the exit handler."""
    document = _chain(local, "echo why > {{outputs.artifacts.data.path}}; exit 1", "cat {{inputs.artifacts.data.path}}")
    document["spec"]["templates"][0]["dag"]["tasks"][1]["depends"] = "make.Failed"
    status = local.run(document)

    assert ("Failed", "why\n") == (status.find("wf.make").phase, local.log("use"))


def test_raw_text_becomes_a_file(local):
    """In a template's inputs and in a task's arguments."""
    template = local.template(
        "t",
        "cat {{inputs.artifacts.a.path}} {{inputs.artifacts.b.path}}",
        inputs={
            "artifacts": [{"name": "a", "path": "/a", "raw": {"data": "one "}}, {"name": "b", "path": "/etc/b.json"}]
        },
    )
    task = {"name": "t", "template": "t", "arguments": {"artifacts": [{"name": "b", "raw": {"data": "two"}}]}}
    local.run(local.document({"name": "main", "dag": {"tasks": [task]}}, template))

    assert "one two" == local.log("t")


def test_artifacts_go_into_and_out_of_nested_templates(local):
    """A DAG hands its input on and gives its task's output as its own."""
    copy = local.template(
        "copy",
        "cp {{inputs.artifacts.i.path}} {{outputs.artifacts.o.path}}",
        inputs={"artifacts": [{"name": "i", "path": "/i"}]},
        outputs={"artifacts": [{"name": "o", "path": "/o"}]},
    )
    inner = {
        "name": "inner",
        "inputs": {"artifacts": [{"name": "i"}]},
        "outputs": {"artifacts": [{"name": "o", "from": "{{tasks.c.outputs.artifacts.o}}"}]},
        "dag": {
            "tasks": [
                {
                    "name": "c",
                    "template": "copy",
                    "arguments": {"artifacts": [{"name": "i", "from": "{{inputs.artifacts.i}}"}]},
                }
            ]
        },
    }
    main = {
        "name": "main",
        "steps": [
            [
                {
                    "name": "n",
                    "template": "inner",
                    "arguments": {"artifacts": [{"name": "i", "raw": {"data": "deep"}}]},
                }
            ],
            [
                {
                    "name": "m",
                    "template": "copy",
                    "arguments": {"artifacts": [{"name": "i", "from": "{{steps.n.outputs.artifacts.o}}"}]},
                }
            ],
        ],
    }
    status = local.run(local.document(main, inner, copy))

    assert "Succeeded" == status.phase
    assert "deep" == status.find("wf[1].m").outputs.artifacts[0].path.read_text()


def test_a_sub_path_is_a_part_of_an_artifact(local):
    """Only the named file arrives."""
    document = _chain(
        local,
        "mkdir -p {{outputs.artifacts.data.path}}/a; echo part > {{outputs.artifacts.data.path}}/a/b",
        "cat {{inputs.artifacts.data.path}}",
    )
    handed = {"name": "data", "from": "{{tasks.make.outputs.artifacts.data}}", "subPath": "a/b"}
    document["spec"]["templates"][0]["dag"]["tasks"][1]["arguments"] = {"artifacts": [handed]}
    local.run(document)

    assert "part\n" == local.log("use")


@pytest.mark.parametrize("user", [0, 1000])
def test_handing_on_costs_no_copy_unless_the_user_is_root(tmp_path, monkeypatch, user):
    """A user's step gets another name of the read-only file; root's step, whom no permission stops, a copy."""
    monkeypatch.setattr(artifacts.os, "geteuid", lambda: user)
    source, kept, placed = tmp_path / "source", tmp_path / "kept" / "data", tmp_path / "placed" / "data"
    source.write_text("content")
    artifacts.keep(source, kept)
    artifacts.place(kept, placed)

    assert ("content", kept.stat().st_ino == source.stat().st_ino) == (placed.read_text(), True)
    assert (user != 0) == (placed.stat().st_ino == kept.stat().st_ino)
    assert not kept.stat().st_mode & stat.S_IWUSR


def test_a_file_that_has_other_names_is_copied(tmp_path):
    """Making it read-only would be felt by whoever has the other name."""
    source, other = tmp_path / "source", tmp_path / "other"
    source.write_text("content")
    other.hardlink_to(source)
    artifacts.keep(source, tmp_path / "kept")

    assert source.stat().st_mode & stat.S_IWUSR
