"""What the tests of the console share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.console.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.console.reader.close()
    desk.journal.close()
