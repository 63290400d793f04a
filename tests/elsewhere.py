"""Where everything lands that a browser sends to any other address than the appliance's: its proxy, which answers none.

It sees what the page's own events do not show: requests of workers and of the browser itself.
"""

import re
import socketserver
import threading

CHROMIUMS_OWN = re.compile(r"[A-Z]+ (http://)?[a-z0-9.-]*\.(google|googleapis|gvt1)\.com[:/]")
"""What Debian's Chromium asks for itself whatever it shows; a page that asked it would be seen by its own events."""


class Elsewhere:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Turned(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline(4096).decode("latin-1").strip()
                if line and not CHROMIUMS_OWN.match(line):  # a connection opened ahead of need asks nothing
                    asked.append(line)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Turned)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
