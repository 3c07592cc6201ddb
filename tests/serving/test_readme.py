import re
from pathlib import Path

import pytest

from serving.config.model_config_file import read_models_config

PACKAGE = Path(__file__).parents[2] / "serving"
README = (PACKAGE / "README.md").read_text()
LINKS = re.findall(r"\[`([\w.]+)`\]\(([\w/]+\.py)#L(\d+)\)", README)


def test_the_embedding_example_runs(half_plus_two, publish, free_port, tmp_path):
    """As it stands in the README, but for its path and ports."""
    names = {}
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    folder = publish(half_plus_two, tmp_path, 1)
    example = example.replace("/models/half/1", str(folder)).replace("8500, 8501", f"{free_port()}, {free_port()}")
    exec(example, names)  # noqa: S102 - that is the test

    assert {"predictions": [2.5]} == names["answer"]


def test_the_sample_configuration_is_one(tmp_path):
    """Of a model with labels."""
    text = re.search(r"^    model_config_list \{.*?^    \}$", README, re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "models.config").write_text(text)
    (model,) = read_models_config(str(tmp_path / "models.config")).models

    assert ("half", {"stable": 1, "canary": 2}) == (model.name, dict(model.version_labels))


def test_the_tour_names_every_file_and_no_other():
    """A new file gets its line."""
    table = "".join(line.split("|")[1] for line in README.splitlines() if line.startswith("| `"))
    named = {name.split("/")[-1] for name in re.findall(r"`([\w/]+\.py)`", table)}

    assert {path.name for path in PACKAGE.rglob("*.py")} - {"__init__.py"} == named


@pytest.mark.parametrize(("name", "path", "line"), LINKS, ids=[name for name, _, _ in LINKS])
def test_a_link_into_the_code_meets_what_it_names(name, path, line):
    """At its line, not somewhere in the file."""
    text = (PACKAGE / path).read_text().splitlines()[int(line) - 1]

    assert name == Path(path).name or re.match(rf"\s*(class|def|async def) {re.escape(name)}\b", text)
