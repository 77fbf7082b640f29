"""The built site on this machine, below a sub-path and compressed, as project pages are served."""

import gzip
import mimetypes
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".xml", ".txt", ".ipynb", ".md"}
NAME = "course"  # the site's first folder; that of a planted fault has the fault's name


class Site(ThreadingHTTPServer):
    """Serve a folder as `/course/`, and as `/NAME/` once more with some pages replaced."""

    daemon_threads = True

    def __init__(self, folder: Path, replaced: Mapping[str, Mapping[str, str]]) -> None:
        self.folder = folder.resolve()
        self.replaced = {NAME: {}, **replaced}
        self.packed: dict[Path, bytes] = {}
        super().__init__(("127.0.0.1", 0), Reply)

    def base(self, name: str = NAME) -> str:
        """Return the address of a copy of the site."""
        return f"http://127.0.0.1:{self.server_port}/{name}/"

    def body(self, path: str) -> tuple[int, Path, bytes]:
        """Return status, file and compressed bytes of what stands at a path."""
        name, _, rest = path.lstrip("/").partition("/")
        if rest in self.replaced.get(name, ()):
            return 200, Path(rest), gzip.compress(self.replaced[name][rest].encode())
        file = (self.folder / rest).resolve()
        file = file / "index.html" if file.is_dir() else file
        if name not in self.replaced or self.folder not in file.parents or not file.is_file():
            return 404, Path("404.txt"), gzip.compress(b"There is nothing here.")
        if file not in self.packed:
            content = file.read_bytes()
            self.packed[file] = gzip.compress(content) if file.suffix in COMPRESSED else content
        return 200, file, self.packed[file]


class Reply(BaseHTTPRequestHandler):
    """Answer one request."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        """Send a file; the browser may keep nothing, so that each page shows its whole weight."""
        status, file, content = self.server.body(self.path.partition("?")[0])
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self.send_response(status)
        if file.suffix in COMPRESSED:
            self.send_header("Content-Encoding", "gzip")
            kind += "; charset=utf-8"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a missing file shows up in the browser."""


@contextmanager
def served(folder: Path, replaced: Mapping[str, Mapping[str, str]] | None = None) -> Iterator[Site]:
    """Serve a site while the block runs."""
    with Site(folder, replaced or {}) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()
