"""What the answers are made from."""

from dataclasses import dataclass
from pathlib import Path

from firmware.console.link_end import LinkEnd
from firmware.console.live import Live
from firmware.console.messages import Settings
from firmware.console.trends import TrendBook
from firmware.journal_reader import JournalReader


@dataclass(frozen=True, slots=True)
class Console:
    """Everything that a handler may look at."""

    settings: Settings
    reader: JournalReader
    live: Live
    link: LinkEnd
    trends: TrendBook

    @property
    def pictures(self) -> Path:
        """Folder of the pictures."""
        return Path(self.settings.pictures)
