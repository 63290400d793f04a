"""Why there is no answer, as an answer."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from engine.errors import ScansideError
from firmware.console.api import Refusal


class Refused(ScansideError):
    """A request that gets no answer; `status` is HTTP's."""

    def __init__(self, status: int, what: str, mend: str = "") -> None:
        super().__init__(what, "", mend)
        self.status = status


def refused(status: int, what: str, mend: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A `Refusal` with its status."""
    body = msgspec.json.encode(Refusal(what=what, mend=mend))
    return Response(body, status, headers, media_type="application/json")
