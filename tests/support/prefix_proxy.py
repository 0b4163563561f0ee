"""A reverse proxy that serves another HTTP server below a prefix, as nginx does."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from collections.abc import Iterator

from support.free_port import free_port

OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding"})


@contextlib.contextmanager
def prefix_proxy(port: int, prefix: str) -> Iterator[str]:
    """The address of `/` of the server at `port`, below `prefix`, which ends with a slash."""

    class Passed(http.server.BaseHTTPRequestHandler):
        def _pass(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            size = int(self.headers.get("content-length", 0))
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            path = "/" + self.path.removeprefix(prefix)
            client.request(self.command, path, self.rfile.read(size), dict(self.headers))
            answer = client.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_ONE_CONNECTION:
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(
                OSError, http.client.HTTPException
            ):  # the browser has left, or the server has stopped
                while piece := answer.read1(65536):
                    self.wfile.write(piece)
            client.close()

        do_GET = do_POST = _pass  # noqa: N815  (the names of the library)

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Passed)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
