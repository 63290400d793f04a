"""The look's own modules in a real browser, without an appliance: what is drawn where, against NumPy."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from tests.appliance.page.module_page import module_page

pytestmark = pytest.mark.appliance

ROOM = (480, 360)
"""CSS pixels of the stage."""
STYLE = f"#root {{ width: {ROOM[0]}px; height: {ROOM[1]}px; display: flex }} .look-stage {{ border: 0 !important }}"
SHELL = f'<!doctype html><link rel="stylesheet" href="/static/look.css"><style>{STYLE}</style><div id="root"></div>'
STAGE = """async ({ pixels, width, height, mm, place, findings, frame, view, low, high, rows, columns }) => {
  const { html, render } = await import("/static/vendor/htm-preact.mjs");
  const { Stage } = await import("/static/look-stage.js");
  const root = document.querySelector("#root");
  render(null, root);
  const image = { width, height, stored: Uint16Array.from(pixels), offset: 0, step: 1 };
  await new Promise((done) => render(html`<${Stage} frame=${{ number: frame }} image=${image}
    processed=${null} picture=${{ place, pixel_mm: mm }} view=${view} setView=${() => {}}
    window=${{ low, high }} half=${1}
    dragging="window" findings=${findings} onPoint=${() => {}} onRoom=${done} label="x" />`, root));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const drawn = root.querySelector("canvas").getContext("2d");
  const grey = rows.map((row) => columns.map((column) => drawn.getImageData(column, row, 1, 1).data[0]));
  const rect = root.querySelector(".mark-edge");
  const box = rect && ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
  return { grey, box, letters: [...root.querySelectorAll(".look-edge")].map((one) => one.textContent),
    said: root.textContent };
}"""
AT_FIRST = {"window": None, "inverted": False, "zoom": 1, "x": 0, "y": 0}
PLACES = [(transpose, rows, columns) for transpose in (0, 1) for rows in (0, 1) for columns in (0, 1)]


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Page]:
    page = module_page(chromium, SHELL)
    yield page
    page.close()


def place(transpose: int, flip_rows: int, flip_columns: int, letters: str = "RLAP") -> dict[str, Any]:
    named = dict(zip(("left", "right", "top", "bottom"), letters or [""] * 4, strict=True))
    turned = {"transpose": bool(transpose), "flip_rows": bool(flip_rows), "flip_columns": bool(flip_columns)}
    return {**turned, **named, "view": "axial", "why_unknown": "" if letters else "the header states none"}


def as_displayed(image: NDArray[Any], transpose: int, flip_rows: int, flip_columns: int) -> NDArray[Any]:
    turned = image.T if transpose else image
    turned = turned[::-1] if flip_rows else turned
    return turned[:, ::-1] if flip_columns else turned


def found(kind: str, place: str = "", placed: int = 5, **where: list[int]) -> dict[str, Any]:
    """A finding of a scan of several slices: image 5 is of another repetition."""
    told = {"finding": kind, "kind": kind, "severity": "warn", "place": place, "message": kind, "caused_by": ""}
    numbers = {"first_frame": 1, "first_number": 3, "placed_number": placed}
    return told | numbers | {"where": where, "evidence": "", "action": ""}


@pytest.fixture
def staged(modules: Page) -> Callable[..., dict[str, Any]]:
    """Puts a picture on the stage; what is drawn at the middle of each displayed pixel, and what is marked."""

    def stage(image: NDArray[Any], turn: tuple[int, int, int], mm: tuple[float, float], **more: Any) -> dict[str, Any]:
        height, width = image.shape
        rows, columns, _ = cells(as_displayed(image, *turn).shape, mm[::-1] if turn[0] else mm)
        given = {
            "pixels": image.ravel().tolist(),
            "width": width,
            "height": height,
            "mm": list(mm),
            "place": place(*turn),
            "findings": None,
            "frame": 5,
            "view": AT_FIRST,
            "low": 0,
            "high": 255,
            "rows": rows.astype(int).tolist(),
            "columns": columns.astype(int).tolist(),
        }
        result: dict[str, Any] = modules.evaluate(STAGE, given | more)
        return result

    return stage


def cells(shape: tuple[int, int], mm: tuple[float, float]) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Middles on the screen of displayed rows and columns, and screen pixels per mm, where the picture just fits."""
    rows, columns = shape
    wide, high = columns * mm[0], rows * mm[1]
    scale = min(ROOM[0] / wide, ROOM[1] / high)
    left, top = (ROOM[0] - wide * scale) / 2, (ROOM[1] - high * scale) / 2
    return top + (np.arange(rows) + 0.5) * mm[1] * scale, left + (np.arange(columns) + 0.5) * mm[0] * scale, scale


@pytest.mark.parametrize("turn", PLACES)
def test_a_picture_is_turned_and_stretched_as_its_place_says(turn: tuple[int, int, int], staged) -> None:
    image, mm = (np.arange(24).reshape(4, 6) * 10).astype(int), (3.0, 2.0)
    told = staged(image, turn, mm)
    np.testing.assert_allclose(told["grey"], as_displayed(image, *turn), atol=1)


@pytest.mark.parametrize("turn", PLACES)
def test_a_marked_place_lies_on_the_pixels_that_it_names(turn: tuple[int, int, int], staged) -> None:
    image, mm = np.zeros((8, 6), int), (2.0, 2.0)
    left, top, right, bottom = 1, 2, 3, 7
    image[top:bottom, left:right] = 200
    finding = found("ghost", box=[left, top, right, bottom])
    told = staged(image, turn, mm, findings=[finding])
    marked = np.argwhere(as_displayed(image, *turn))
    rows, columns, scale = cells(as_displayed(image, *turn).shape, mm)
    half = mm[0] * scale / 2
    x, y, width, height = told["box"]
    edges = [columns[marked[:, 1].min()] - half, rows[marked[:, 0].min()] - half]
    edges += [columns[marked[:, 1].max()] + half, rows[marked[:, 0].max()] + half]
    np.testing.assert_allclose([x, y, x + width, y + height], edges, atol=0.01)


def test_columns_are_marked_over_the_whole_height_and_never_too_thin_to_see(staged) -> None:
    image = np.zeros((100, 400), int)
    finding = found("rf-interference", columns=[122])
    x, _, width, height = staged(image, (0, 0, 0), (1.0, 1.0), findings=[finding], rows=[], columns=[])["box"]
    assert x + width / 2 == pytest.approx(122.5 * ROOM[0] / 400)
    assert width >= 6
    assert height == pytest.approx(ROOM[0] / 4)


def test_an_orientation_that_nobody_stated_has_no_letters(staged) -> None:
    image = np.zeros((4, 4), int)
    assert staged(image, (0, 0, 0), (1.0, 1.0))["letters"] == ["R", "L", "A", "P"]
    told = staged(image, (0, 0, 0), (1.0, 1.0), place=place(0, 0, 0, ""))
    assert told["letters"] == []
    assert "Orientation unknown: the header states none" in told["said"]


def test_window_and_inversion(staged) -> None:
    image = np.array([[0, 50], [100, 150]])
    for inverted, expected in ((False, [[0, 0], [128, 255]]), (True, [[255, 255], [127, 0]])):
        told = staged(image, (0, 0, 0), (1.0, 1.0), low=50, high=150, view={**AT_FIRST, "inverted": inverted})
        np.testing.assert_allclose(told["grey"], expected, atol=1)


def test_what_is_under_the_pointer_stays_there_when_the_wheel_zooms(modules: Page) -> None:
    apart = modules.evaluate("""async () => {
      const { turned, onScreen, inverse, apply } = await import("/static/look-turn.js");
      const { zoomed, AT_FIRST } = await import("/static/look-view.js");
      const room = { width: 480, height: 360 };
      const apart = [];
      for (const transpose of [false, true])
      for (const factor of [1.5, 4, 20])
      for (const [x, y] of [[0, 0], [60, -40], [-100, 90]]) {
        const picture = turned({ transpose, flip_rows: true }, { width: 100, height: 80 }, [1, 1.5]);
        const before = apply(inverse(onScreen(picture, room, AT_FIRST)), 240 + x, 180 + y);
        const view = zoomed(AT_FIRST, factor, { x, y }, picture, room);
        const after = apply(inverse(onScreen(picture, room, view)), 240 + x, 180 + y);
        apart.push(Math.hypot(before[0] - after[0], before[1] - after[1]));
      }
      return apart;
    }""")
    assert max(apart) < 1e-6


def test_a_picture_cannot_be_moved_out_of_sight(modules: Page) -> None:
    share = modules.evaluate("""async () => {
      const { turned, onScreen, bounds } = await import("/static/look-turn.js");
      const { moved, AT_FIRST } = await import("/static/look-view.js");
      const room = { width: 480, height: 360 };
      const picture = turned({}, { width: 100, height: 100 }, [1, 1]);
      const shown = [[9999, 0], [-9999, 0], [0, 9999], [0, -9999]].map(([right, down]) => {
        const view = moved({ ...AT_FIRST, zoom: 4 }, right, down, picture, room);
        const [left, top, end, bottom] = bounds(onScreen(picture, room, view), [0, 0, 100, 100]);
        const seen = [Math.min(end, 480) - Math.max(left, 0), Math.min(bottom, 360) - Math.max(top, 0)];
        return Math.min(...seen) / (end - left);
      });
      return shown;
    }""")
    assert min(share) > 0.09


def test_a_place_in_the_image_is_marked_only_in_the_image_in_which_it_was_measured(staged) -> None:
    image, finding = np.zeros((8, 6), int), found("ghost", "the left half", box=[1, 2, 3, 7])
    told = staged(image, (0, 0, 0), (2.0, 2.0), findings=[finding])
    assert told["box"]
    assert "measured in" not in told["said"]
    told = staged(image, (0, 0, 0), (2.0, 2.0), findings=[finding], frame=6)
    assert told["box"] is None
    assert "WARNING: ghost, the left half, measured in image 5" in told["said"]


def test_a_place_in_k_space_is_marked_only_in_the_image_in_which_it_was_measured(modules: Page) -> None:
    (here, marked, named), (elsewhere, unmarked, _) = modules.evaluate(
        """async (findings) => {
      const { html, render } = await import("/static/vendor/htm-preact.mjs");
      const { KSpace } = await import("/static/look-kspace.js");
      const picture = { kinds: ["kspace"], kspace_size: [128, 256] };
      const root = document.querySelector("#root");
      return [5, 7].map((number) => {
        render(html`<${KSpace} scan="s1-1" frame=${{ number }} picture=${picture} findings=${findings} />`, root);
        const ring = root.querySelector("circle");
        const at = ring && [ring.getAttribute("cx"), ring.getAttribute("cy")];
        return [at, root.querySelector("p").textContent, root.querySelector("img").alt];
      });
    }""",
        [found("spike", lines=[34], samples=[48])],
    )
    assert [float(share.rstrip("%")) for share in here] == pytest.approx([100 * 48.5 / 256, 100 * 34.5 / 128])
    assert "line 34, sample 48" in marked
    assert named.startswith("k-space of image 5")
    assert elsewhere is None
    assert "measured in image 5" in unmarked


def test_what_was_found_links_to_the_image_in_which_it_began(modules: Page) -> None:
    told = modules.evaluate(
        """async (findings) => {
      const { html, render } = await import("/static/vendor/htm-preact.mjs");
      const { Side } = await import("/static/look-side.js");
      const { NotKept } = await import("/static/look-not-kept.js");
      const frame = { scan: "s1-1", number: 6, slice: 0, repetition: 2, verdict: "warn", sentence: "" };
      const detail = { frame, findings, reasons: ["first_frame"], missing_rows: [], latency_ms: {} };
      const root = document.querySelector("#root");
      render(html`<${Side} detail=${detail} /><${NotKept} scan="s1-1" frame=${frame} findings=${findings} />`, root);
      const links = [...root.querySelectorAll("a")].filter((one) => one.hash.startsWith("#/look"));
      return [links.map((one) => [one.hash, one.textContent]), root.textContent];
    }""",
        [found("ghost", "the left half", box=[1, 2, 3, 7])],
    )
    links, text = told
    assert links == [["#/look/s1-1/3", "image 3"]] * 2
    assert "the left half, measured in image 5" in text
    assert "Not judged because: first image." in text
