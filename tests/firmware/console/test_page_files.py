"""The page's files by themselves: whole, without a way out of the box, and readable in both room themes."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.decide.sentence import WORD

STATIC = Path(__file__).parents[3] / "firmware" / "console" / "static"
MODULES = sorted(STATIC.glob("*.js"))
SHEETS = sorted(STATIC.glob("*.css"))
OURS = [*MODULES, *SHEETS, STATIC / "index.html"]
PARSING = (
    "--experimental-vm-modules",
    "--no-warnings",
    "--eval",
    "for (const path of process.argv.slice(1))"
    " new (require('vm').SourceTextModule)(require('fs').readFileSync(path, 'utf8'), { identifier: path })",
)
"""Arguments of node that parse modules without running any."""
PUBLISHED = {
    "htm-preact.mjs": "htm@3.1.1 preact/standalone.mjs",
    "uplot.mjs": "uplot@1.6.32 dist/uPlot.esm.js",
    "uplot.css": "uplot@1.6.32 dist/uPlot.min.css",
    "LICENSE-htm.txt": "htm@3.1.1 LICENSE",
    "LICENSE-preact.txt": "preact@11.2.0 LICENSE",
    "LICENSE-uplot.txt": "uplot@1.6.32 LICENSE",
}
"""Package and file on the npm registry that each library's file is."""
TEXT_ON_FIELD = ("ok", "learning", "warn", "rescan", "unjudged", "lost", "waiting")


def test_every_file_that_one_names_is_there() -> None:
    named = [STATIC / path.removeprefix("/static/") for path in re.findall(r'"(/static/[^"]+)"', _text("index.html"))]
    for module in MODULES:
        named += [STATIC / path for path in re.findall(r'(?:from |import\()"\./([^"]+)"', module.read_text("utf-8"))]
        named += [
            STATIC / path.removeprefix("/static/")
            for path in re.findall(r'"(/static/[^"]+)"', module.read_text("utf-8"))
        ]
    assert [path.name for path in named if not path.is_file()] == []


def test_every_file_is_named_by_another() -> None:
    told = "\n".join(path.read_text("utf-8") for path in OURS)
    assert [path.name for path in [*MODULES, *SHEETS] if not re.search(rf'[/"]{re.escape(path.name)}"', told)] == []


def test_no_two_modules_give_one_name_to_different_things() -> None:
    exported = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
    names = [name for module in MODULES for name in exported.findall(module.read_text("utf-8"))]
    assert len(names) > 100
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_file_has_no_way_out_and_no_markup_from_text(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    for forbidden in ("http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in text


def test_the_first_page_has_no_inline_script_or_style() -> None:
    page = _text("index.html")
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []


def test_every_module_is_well_formed() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here")
    done = subprocess.run([node, *PARSING, *map(str, MODULES)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_vendored_libraries_are_the_published_ones() -> None:
    vendor = STATIC / "vendor"
    row = r"^\| (\S+) \|.*\| `([a-z]+@\d+\.\d+\.\d+)` (\S+) \| ([0-9a-f]{64}) \|$"
    told = re.findall(row, (vendor / "README.md").read_text("utf-8"), re.MULTILINE)
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendor.iterdir()}
    del found["README.md"]
    assert found == {name: digest for name, _, _, digest in told}
    assert {name: f"{package} {file}" for name, package, file, _ in told} == PUBLISHED


def test_the_page_says_the_words_of_the_sentences() -> None:
    said = dict(re.findall(r'^  (\w+): \{ word: "([^"]+)"', _text("words.js"), re.MULTILINE))
    assert said == {verdict.value: word for verdict, word in WORD.items()}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str) -> None:
    tokens = _tokens(theme)
    for name in TEXT_ON_FIELD:
        assert _contrast(tokens[f"--on-{name}"], tokens[f"--{name}"]) >= 7
        assert min(_contrast(tokens[f"--{name}-ink"], tokens[back]) for back in ("--panel", "--raised")) >= 4.5
    for ink in ("--text", "--quiet", "--link"):
        assert min(_contrast(tokens[ink], tokens[back]) for back in ("--bg", "--panel", "--raised")) >= 4.5


def _text(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def _tokens(theme: str) -> dict[str, str]:
    """The custom properties as a theme has them: the dark one's over the light one's."""
    sheet = _text("base.css")
    blocks = re.findall(r':root(\[data-theme="dark"\])? \{(.*?)\n\}', sheet, re.DOTALL)
    tokens: dict[str, str] = {}
    for dark, body in blocks:
        if not dark or theme == "dark":
            tokens |= dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", body))
    return tokens


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2 (1 to 21)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
