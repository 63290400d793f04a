"""What a person says: handed to the loop, which records it, and answered from the record."""

import asyncio

from firmware.console.api import NotePayload, NoteRequest
from firmware.console.console import Console
from firmware.console.link_end import LinkBusy
from firmware.console.refusals import Refused
from firmware.console.said import note_payload


async def note(console: Console, asked: NoteRequest) -> NotePayload:
    """Answers once it is on disk."""
    if why := _incomplete(asked):
        raise Refused(400, why)
    if asked.scan and await asyncio.to_thread(console.reader.scan, asked.scan) is None:
        raise Refused(404, f"there is no scan {asked.scan!a:.60}", "it may be older than the record is kept")
    try:
        answer = await console.link.ask(asked)
    except LinkBusy as error:
        raise Refused(503, str(error), "try again in a moment") from error
    if answer.refused:
        raise Refused(409, answer.refused)
    recorded = await asyncio.to_thread(console.reader.notes_after, answer.note - 1, 1)
    if not recorded or recorded[0].sequence != answer.note:
        raise Refused(503, "it is recorded, but cannot be read back now", "load the page again")
    return note_payload(recorded[0])


def _incomplete(asked: NoteRequest) -> str:
    wanted = {
        "acknowledge": bool(asked.scan and asked.finding and not asked.opinion),
        "opinion": bool(asked.scan and asked.opinion and not asked.finding),
        "new_exam": not (asked.scan or asked.finding or asked.opinion),
    }
    needs = {
        "acknowledge": "an acknowledgement names its scan and finding",
        "opinion": "an opinion names its scan and is fine or bad",
        "new_exam": "a new examination names nothing else",
    }
    return "" if wanted[asked.kind] else needs[asked.kind]
