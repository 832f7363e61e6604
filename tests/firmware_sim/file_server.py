"""A file server on loopback as stations meet them: ranges, connections that break off, folders that take uploads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Files:
    """What is offered, and what came. `breaks_after`: a download is cut there, once for each entry."""

    url: str = ""
    offered: dict[str, bytes] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    breaks_after: list[int] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    upload_method: str = "PUT"
    upload_status: int = 201


def _handler(files: Files) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            files.requests.append(("GET", self.path, wanted))
            content = files.offered.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            part = content[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("ETag", '"one"')
            self.end_headers()
            self.wfile.write(part[: files.breaks_after.pop(0)] if files.breaks_after else part)

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            files.requests.append((self.command, self.path, None))
            if self.command != files.upload_method:
                self.send_error(405)
                return
            if files.upload_status < 300:
                files.uploaded[self.path] = body
            self.send_response(files.upload_status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_POST = _take

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving_files() -> Iterator[Files]:
    """A server on a free port."""
    files = Files()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(files))
    files.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
