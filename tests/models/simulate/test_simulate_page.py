"""The page of faults says what the table of faults holds."""

from pathlib import Path

import pytest

from models.simulate import FAULTS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "faults.md").read_text("utf-8")


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_every_fault_is_on_the_page_with_its_range_and_picture(kind: str) -> None:
    recipe = FAULTS[kind]
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind}` | {recipe.physics} |")]
    assert f"{recipe.unit}, {recipe.range[0]:g} to {recipe.range[1]:g} | {recipe.default:g} |" in row
    assert f"| {recipe.finding or 'none'} |" in row
    if recipe.slices == 1:
        assert f"(faults/{kind}.png)" in PAGE


def test_pictures_are_small_and_say_what_they_are() -> None:
    for picture in sorted((DOCS / "faults").glob("*.png")):
        assert picture.stat().st_size <= 60_000
        label = "real" if picture.stem.startswith("real-") else "simulated"
        assert f"![{label} " in next(line for line in PAGE.splitlines() if f"(faults/{picture.name})" in line)
