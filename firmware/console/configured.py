"""The console as the configuration wants it."""

from collections.abc import Callable
from pathlib import Path

from engine.seams import Clock
from firmware.config import Config
from firmware.console.asks import Asks
from firmware.console.link import ConsoleLink
from firmware.console.messages import Settings
from firmware.console.reach import refuse_others
from firmware.health import Health
from firmware.journal import Entry, Journal
from firmware.journal_reader import JournalReader
from firmware.record import NoteRecord


def configured_link(
    config: Config, journal: Journal, health: Health, clock: Clock, told: Callable[[str], None]
) -> ConsoleLink:
    """Not started yet; `told` hears the page's address. Raises ConfigError."""
    console, state = config.console, Path(config.appliance.state_dir)
    refuse_others(console.listen)
    settings = Settings(
        descriptor=-1,
        parent=-1,
        journal=str(state / "journal.db"),
        pictures=str(state / "pictures"),
        appliance=config.appliance.name,
        room=console.room or config.appliance.name,
        session=journal.session,
        listen=console.listen,
        port=console.port,
        viewers=console.viewers,
        exam_gap_s=console.exam_gap_minutes * 60,
    )

    def record(note: NoteRecord, committed: Callable[[int], None]) -> None:
        journal.append(Entry(note=note, on_note=lambda recorded: committed(recorded.sequence)))

    known = JournalReader(Path(settings.journal), settings.appliance)
    asks = Asks(record, lambda: journal.problem, known, clock, journal.session)
    link = ConsoleLink(settings, asks, lambda: journal.newest, health, clock, told)
    journal.subscribe(link.committed)
    return link
