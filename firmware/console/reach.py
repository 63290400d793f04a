"""Where the page can be: seen by this machine's own browser alone, as it has no login, and on a port that is free."""

import ipaddress
import socket

from engine.errors import ConfigError

_HERE = ("127.0.0.1", "::1")


def refuse_others(listen: str) -> None:
    """Raises ConfigError for an address that other machines could reach, or that is none."""
    try:
        here = str(ipaddress.ip_address(listen)) in _HERE
    except ValueError as error:
        raise ConfigError(f"console.listen = {listen!r} is no address", mend='write "127.0.0.1" or "::1"') from error
    if not here:
        raise ConfigError(
            f"console.listen = {listen!r}: the page has no login in this version, so only this machine may see it",
            mend='write "127.0.0.1", and look from elsewhere through an SSH tunnel',
        )


def free(listen: str, port: int) -> bool:
    """Nothing listens there now."""
    with socket.socket(socket.AF_INET6 if ":" in listen else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has just ended does not hold it
        try:
            probe.bind((listen, port))
        except OSError:
            return False
    return True
