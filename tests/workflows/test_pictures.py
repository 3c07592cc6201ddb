import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from workflows.pictures import Prediction, examples, sheet, terminal

ESCAPE = chr(27)
BLANK = np.zeros((28, 28), np.uint8)
SEVEN = Prediction("00007", "7", "7", 0.998, BLANK, None, "REST")
FOUR = Prediction("00004", "4", "9", 0.63, BLANK, None, "REST")
ROW = Prediction("r12", "benign", "malignant", 0.71, None, {"mean radius": 12.5, "mean texture": 20.1}, "REST")


def by_grpc(item: Prediction, **changed) -> Prediction:
    """The answer to the same example by gRPC."""
    return dataclasses.replace(item, source="gRPC", **changed)


def printed(items: list[Prediction], width: int = 100, **options) -> str:
    """What a terminal of some width shows."""
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(terminal(items))
    return console.file.getvalue()


def colours(path) -> set[tuple[int, int, int]]:
    """The colours of a PNG."""
    with Image.open(path) as image:
        return {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}


def test_answers_to_one_example_are_brought_together():
    """REST and gRPC answer the same example: one picture, in the order of asking."""
    found = examples([SEVEN, FOUR, by_grpc(SEVEN), by_grpc(FOUR)])

    assert [("00007", 2), ("00004", 2)] == [(example.first.id, len(example.answers)) for example in found]


@pytest.mark.parametrize(
    ("other", "agree", "sources"),
    [
        (by_grpc(SEVEN), True, "REST = gRPC"),
        (by_grpc(SEVEN, score=0.998 + 9e-6), True, "REST = gRPC"),
        (by_grpc(SEVEN, score=0.9), False, "REST 7, gRPC 7"),
        (by_grpc(SEVEN, prediction="1"), False, "REST 7, gRPC 1"),
        (by_grpc(SEVEN, score=float("nan")), False, "REST 7, gRPC 7"),
    ],
)
def test_sources_agree_to_one_in_a_hundred_thousand(other, agree, sources):
    """Same answer and same score, or both are shown."""
    (found,) = examples([SEVEN, other])

    assert (agree, sources) == (found.agree, found.sources)


@pytest.mark.parametrize(
    ("item", "verdict", "truth"),
    [
        (SEVEN, "7 ✓ 0.998", "label 7"),
        (FOUR, "9 ✗ 0.630", "label 4"),
        (dataclasses.replace(SEVEN, label=None), "7 0.998", "no label"),
    ],
)
def test_a_caption_tells_right_from_wrong_by_a_mark(item, verdict, truth):
    """Not by colour alone; without a label there is nothing to mark."""
    (found,) = examples([item])

    assert (verdict, truth) == (found.verdict(), found.truth)


def test_the_terminal_draws_two_pixels_to_a_cell():
    """A picture is 14 columns and 7 rows of half blocks in greys, a caption below."""
    image = BLANK.copy()
    image[:2] = 200
    lines = printed([dataclasses.replace(SEVEN, image=image)], color_system="truecolor", force_terminal=True).split(
        "\n"
    )

    assert 7 == sum("▀" in line for line in lines)
    assert 14 == lines[0].count("▀")
    assert "38;2;200;200;200;48;2;0;0;0m" in lines[0]
    assert "7 ✓ 0.998" in lines[7]


def test_without_colour_the_terminal_draws_shades():
    """A pipe or NO_COLOR gets a picture too, not a solid block."""
    image = BLANK.copy()
    image[:4] = 255
    shown = printed([dataclasses.replace(SEVEN, image=image)])

    assert "█" * 14 == shown.splitlines()[0].rstrip()
    assert "▀" not in shown


@pytest.mark.parametrize(("width", "rows"), [(100, 1), (40, 3), (10, 6)])
def test_as_many_pictures_as_fit_stand_side_by_side(width, rows):
    """Six fit across 100 columns; a narrow terminal gets more rows."""
    items = [dataclasses.replace(SEVEN, id=str(index)) for index in range(6)]

    assert rows == sum("✓" in line for line in printed(items, width).splitlines())


def test_tabular_examples_are_a_table():
    """Label, answer and the first features by name."""
    shown = printed([ROW, by_grpc(ROW)])

    assert all(word in shown for word in ("r12", "benign", "malignant ✗ 0.710", "REST = gRPC", "mean radius", "12.5"))


def test_labels_cannot_speak_to_the_terminal():
    """Neither terminal codes nor rich's markup in a label have any effect."""
    hostile = f"{ESCAPE}]0;owned{ESCAPE}\\[bold red]x[/]"
    items = [dataclasses.replace(item, label=hostile, prediction=hostile) for item in (SEVEN, ROW)]
    shown = printed(items, 200)

    assert ESCAPE not in shown
    assert "[bold red]x[/]" in shown


def test_the_sheet_is_a_png_with_wrong_answers_framed(tmp_path):
    """Six across; a wrong answer has the warning's colour, right ones have none of it."""
    sheet(tmp_path / "right.png", [SEVEN, by_grpc(SEVEN)])
    sheet(tmp_path / "wrong.png", [SEVEN, FOUR, ROW])

    assert (0xB2, 0x3C, 0x00) not in colours(tmp_path / "right.png")
    assert (0xB2, 0x3C, 0x00) in colours(tmp_path / "wrong.png")
    assert ["right.png", "wrong.png"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_sheet_takes_any_label(tmp_path):
    """A formula's dollar signs and a script without glyphs are only text."""
    hostile = "$\\frac{ \N{CJK UNIFIED IDEOGRAPH-65E5}"
    sheet(tmp_path / "sheet.png", [dataclasses.replace(SEVEN, label=hostile, prediction=hostile, source=hostile)])

    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_a_sheet_of_nothing_is_refused(tmp_path):
    """No picture is written for no answer."""
    with pytest.raises(ValueError, match="at least one prediction"):
        sheet(tmp_path / "sheet.png", [])
