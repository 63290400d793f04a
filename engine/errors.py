"""Errors that say whose fault it is, what, where, and what to do."""


class ScansideError(Exception):
    """Something a person can act on; `exit_code` is what a command ends with."""

    exit_code = 3

    def __init__(self, what: str, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(": ".join(part for part in (where, what) if part) + (f"; {mend}" if mend else ""))


class PeerError(ScansideError):
    """A connected peer broke the protocol; the session ends with this sentence."""

    def __init__(self, what: str, where: str = "", mend: str = "", reason: str = "protocol") -> None:
        super().__init__(what, where, mend)
        self.reason = reason
        """One word for counters."""


class InputRefused(ScansideError):
    """A file or header cannot be used."""

    def __init__(self, what: str, where: str = "", mend: str = "", reason: str = "input") -> None:
        super().__init__(what, where, mend)
        self.reason = reason
        """One word for counters."""


class PackageRefused(ScansideError):
    """A model package, or a key for one, is not what it must be; `where` names the file."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", mend: str = "", reason: str = "package") -> None:
        super().__init__(what, where, mend)
        self.reason = reason
        """One word for counters: unsigned, unknown-key, tampered, oversized, key, or the part that is wrong."""


class PlanRefused(ScansideError):
    """A plan cannot be made, kept or used; the path that served before goes on."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", mend: str = "", reason: str = "plan") -> None:
        super().__init__(what, where, mend)
        self.reason = reason
        """One word for counters: parser, builder, crash, memory, time, store, missing, damaged, foreign, other."""


class ConfigError(ScansideError):
    """The configuration is wrong; `what` lists every error."""

    exit_code = 2


class Unavailable(ScansideError):
    """Something the command needs is not there (port taken, program missing)."""


class DeviceLost(ScansideError):
    """The GPU's context is dead and every further call fails: this process must end; another one can begin anew."""
