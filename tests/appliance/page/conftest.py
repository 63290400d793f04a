"""A real Chromium before a real appliance that a real scan is played into."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from benchmarks.exposure import Exposure, brain_series, with_impossible_numbers
from benchmarks.site import Site, closing_site
from firmware.console.follow import LEARNED
from tests.appliance.page.made_up import MadeUpPage
from tests.appliance.page.watched import Watched
from tests.elsewhere import Elsewhere


@pytest.fixture
def browser_of(chromium: Browser, elsewhere: Elsewhere) -> Iterator[Callable[..., Watched]]:
    """Makes browsers before a site; at the end each must have been without a slip, and nothing have left the box."""
    made: list[Watched] = []
    before = len(elsewhere.asked)

    def make(site: Site, **options: object) -> Watched:
        context = chromium.new_context(viewport={"width": 1280, "height": 720}, **options)  # type: ignore[arg-type]
        made.append(Watched(context, site.address))
        return made[-1]

    yield make
    for watched in made:
        watched.context.close()
    for watched in made:
        watched.clean()
    assert elsewhere.asked[before:] == []


@pytest.fixture
def made_up(chromium: Browser) -> Iterator[MadeUpPage]:
    page = MadeUpPage(chromium)
    yield page
    page.context.close()


@pytest.fixture(scope="session")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One appliance for all tests that leave it as it is; it knows the bundled protocol already."""
    with closing_site(Site(tmp_path_factory.mktemp("known"))) as site:
        for seed in range(LEARNED):
            one = Exposure(brain_series(1, seed=seed), site.scanner_port)
            one.send()
            assert one.end().images == 1, one.broken
        yield site


@pytest.fixture
def known_site(one_site: Site) -> Site:
    """The one appliance with the next patient on its table: no test sees the series of the one before."""
    token = httpx.get(f"{one_site.address}/api/v1/now").json()["token"]
    headers = {"X-Scanside-Token": token, "Origin": one_site.address}
    httpx.post(f"{one_site.address}/api/v1/notes", json={"kind": "new_exam"}, headers=headers).raise_for_status()
    return one_site


@pytest.fixture
def fresh_site(tmp_path: Path) -> Iterator[Site]:
    """An appliance of one test, which may be killed."""
    with closing_site(Site(tmp_path)) as site:
        yield site


@pytest.fixture
def scanner() -> Iterator[Callable[..., Exposure]]:
    """Begins series of the bundled scan before a site; nothing but the header is sent yet. None outlives the test."""
    begun: list[Exposure] = []

    def begin(site: Site, images: int, kind: str = "none", *, impossible: bool = False, **wishes: object) -> Exposure:
        blocks = brain_series(images, kind, **wishes)  # type: ignore[arg-type]
        blocks = with_impossible_numbers(blocks, 0) if impossible else blocks
        begun.append(Exposure(blocks, site.scanner_port))
        return begun[-1]

    yield begin
    for series in begun:
        series.end()
