"""What may be asked: the parameters of each address, path and query alike, with their bounds."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ScanId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="id of a scan")]
Number = Annotated[int, Meta(ge=0, le=2**31 - 1, description="frame, counted from 0")]
Verdict = Literal["", "ok", "warn", "rescan", "cannot_judge"]
_Time = Annotated[float, Meta(ge=0, le=1e11, description="s since 1970-01-01 UTC")]
_Side = Annotated[int, Meta(ge=16, le=2048)]
_Level = Annotated[float, Meta(ge=-1e30, le=1e30, description="in the unit of the image")]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameters."""


class Search(msgspec.Struct, forbid_unknown_fields=True):
    protocol: Annotated[str, Meta(max_length=200, description="part of the protocol's name")] = ""
    verdict: Annotated[Verdict, Meta(description="of the series; empty: any")] = ""
    after: Annotated[_Time | None, Meta(description="begun then or later, s since 1970-01-01 UTC")] = None
    before: Annotated[_Time | None, Meta(description="begun before then, s since 1970-01-01 UTC")] = None
    limit: Annotated[int, Meta(ge=1, le=200, description="scans at most")] = 50
    cursor: Annotated[str, Meta(max_length=200, description="`next` of the page before")] = ""


class OneScan(msgspec.Struct, forbid_unknown_fields=True):
    scan: ScanId


class Decisions(OneScan, forbid_unknown_fields=True):
    after: Annotated[int, Meta(ge=0, le=2**62, description="sequence of the last decision that is known")] = 0
    limit: Annotated[int, Meta(ge=1, le=500, description="decisions at most")] = 100


class Frames(OneScan, forbid_unknown_fields=True):
    before: Annotated[Number | None, Meta(description="frames below this number")] = None
    limit: Annotated[int, Meta(ge=1, le=500, description="frames at most")] = 64


class OneFrame(OneScan, forbid_unknown_fields=True):
    number: Number


class Image(OneFrame, forbid_unknown_fields=True):
    kind: Annotated[Literal["image", "processed"], Meta(description="as reconstructed, or a network's")]


class Picture(OneFrame, forbid_unknown_fields=True):
    kind: Annotated[
        Literal["image", "processed", "kspace", "elements"],
        Meta(description="image, a network's image, k-space magnitude, coil elements side by side"),
    ]


class Shown(Picture, forbid_unknown_fields=True):
    low: Annotated[_Level | None, Meta(description="value shown black, in the unit of the image")] = None
    high: Annotated[_Level | None, Meta(description="value shown white, in the unit of the image")] = None
    size: Annotated[_Side | None, Meta(description="pixels of the longer side at most")] = None


class Points(OneScan, forbid_unknown_fields=True):
    points: Annotated[int, Meta(ge=10, le=5000, description="points of each trend at most")] = 1000
