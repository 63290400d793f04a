"""One life of the console process, seen from the loop: start, tell, hear, end."""

import contextlib
import fcntl
import os
import select
import socket
import subprocess
import sys
import termios
from array import array
from pathlib import Path

import msgspec

from firmware.console.messages import LARGEST_REQUEST, Settings, ToConsole, ToLoop

COMMAND = (sys.executable, "-m", "firmware.console")

_NICER = 5
"""Than the loop at least, and never above what is ordinary: the page waits for the loop, and not for all others."""
_FIRST_TO_GO = "500"
"""When memory runs out."""
_GRACE_S = 2.0

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ToLoop] = msgspec.json.Decoder(ToLoop)


class ConsoleGone(Exception):
    """This life of the process is over, or must be ended."""

    def __init__(self, how: str, why: str) -> None:
        super().__init__(why)
        self.how = how
        """One word for counters: not_started, lost, rubbish, hung or failed."""


class ConsoleProcess:
    """Belongs to one thread; `end` leaves neither process nor descriptor behind."""

    def __init__(self, settings: Settings, command: tuple[str, ...], bell: int) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        told = msgspec.structs.replace(settings, descriptor=theirs.fileno(), parent=os.getpid())
        try:
            self._process = subprocess.Popen(
                [*command, _encoder.encode(told).decode()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the results of commands are printed there
                pass_fds=(theirs.fileno(),),
                process_group=0,  # an interrupt from the terminal is for the loop, and the loop ends its console
            )
        except OSError as error:
            self._link.close()
            raise ConsoleGone("not_started", f"its process cannot be started ({error.strerror})") from error
        finally:
            theirs.close()
        with contextlib.suppress(OSError):  # it has just died: whoever hears finds out
            Path(f"/proc/{self.pid}/oom_score_adj").write_text(_FIRST_TO_GO)
            nice = max(0, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
            os.setpriority(os.PRIO_PROCESS, self.pid, nice)
        self._link.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._link, select.POLLIN)
        self._poll.register(bell, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait(self, milliseconds: float) -> None:
        """Until the console says something, the bell rings, or the time is over."""
        self._poll.poll(milliseconds)

    def tell(self, message: ToConsole) -> bool:
        """Send at once; False when there is no room, or nobody any more: whoever hears finds out why."""
        try:
            self._link.send(_encoder.encode(message))
        except OSError:
            return False
        return True

    def hear(self) -> ToLoop | None:
        """The next message, None: there is none now. Raises ConsoleGone."""
        try:
            try:
                packet, _, flags, _ = self._link.recvmsg(LARGEST_REQUEST)
            except ConnectionResetError:  # said once; behind it lies what the process said before its end
                packet, _, flags, _ = self._link.recvmsg(LARGEST_REQUEST)
        except BlockingIOError:
            return None
        if not packet:
            raise ConsoleGone("lost", "its process ended")
        if flags & socket.MSG_TRUNC:
            raise ConsoleGone("rubbish", f"its process sent more than {LARGEST_REQUEST} bytes at once")
        try:
            return _decoder.decode(packet)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConsoleGone("rubbish", f"its process sent what is no message ({error})") from error

    def unread(self) -> int:
        """Bytes that the process has not taken yet."""
        amount = array("i", [0])
        fcntl.ioctl(self._link, termios.TIOCOUTQ, amount)
        return amount[0]

    def end(self, *, kindly: bool) -> None:
        """Close the link, which ends a console that is well, and wait for that (`kindly`); then kill it."""
        self._link.close()
        if kindly:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)
        self._process.kill()
        self._process.wait()
