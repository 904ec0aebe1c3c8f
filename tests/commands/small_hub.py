"""A hub on the loopback interface: the few requests of a download, and what may go wrong with them."""

import hashlib
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.conftest import TINY

COMMIT = "1234567890" * 4  # main
REPO = "somebody/canary"
URLS = "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE"
CHECKPOINT = {f"{REPO}/{name}": (TINY / name).read_bytes() for name in ("config.json", "model.safetensors")}
LLM = {
    f"Qwen/Qwen3-1.7B/{name}": (TINY / "llm_backbone" / name).read_bytes()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json")
}


@dataclass
class SmallHub:
    """Serves `files`, told as large ones are: by a redirect to another host that sends the bytes."""

    files: dict[str, bytes]
    """"owner/name/file" -> content."""
    cut_after: list[int] = field(default_factory=list)
    """The next answers end after so many bytes, without having sent what they promised."""
    statuses: list[int] = field(default_factory=list)
    """The next requests for metadata are answered with these."""
    error: str = "EntryNotFound"
    """The code of a 404."""
    knows_ranges: bool = True
    damaged: bool = False
    """Sends other bytes than it has announced."""
    stalls: list[int] = field(default_factory=list)
    """The next answers stop after so many bytes, and the connection stays open."""
    announced_size: int | None = None
    announced_etag: str | None = None
    announced_commit: str | None = None
    names_as_git: bool = False
    """Announces the SHA-1 under which git knows a file, as hubs do of small ones."""
    ranges: list[str | None] = field(default_factory=list)
    """What was asked for, of each content that was sent."""
    encodings: list[str | None] = field(default_factory=list)
    """Accept-Encoding of the same requests."""
    programs: set[str | None] = field(default_factory=set)
    """User-Agent of all requests."""
    asked: list[str] = field(default_factory=list)
    """The path of each request for metadata."""
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    """Method and Authorization of each request, and "CDN" for those that reached the other host."""

    def __post_init__(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.path = urlsplit(self.path).path
                hub.tokens.append(("HEAD", self.headers["Authorization"]))
                hub.programs.add(self.headers["User-Agent"])
                hub.announce(self)

            def do_GET(self) -> None:
                self.path = urlsplit(self.path).path  # of a proxy the whole address is asked
                is_cdn = self.path.startswith("/cdn/")
                hub.tokens.append(("CDN" if is_cdn else "GET", self.headers["Authorization"]))
                hub.programs.add(self.headers["User-Agent"])
                if is_cdn:
                    hub.send(self)
                else:
                    hub.announce(self)

            def log_message(self, *_: object) -> None:
                pass

        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def announce(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        status = self.statuses.pop(0) if self.statuses else 302
        asked = re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", request.path)
        name = f"{asked[1]}/{asked[3]}" if asked else ""
        if status == 302 and name not in self.files:
            status = 404
        request.send_response(status)
        request.send_header("Content-Length", "0")
        if status == 404:
            request.send_header("X-Error-Code", self.error)
        if status == 302:
            content = self.files[name]
            request.send_header("Location", f"http://localhost:{self.server.server_port}/cdn/{name}")
            commit = COMMIT if asked[2] == "main" else asked[2]
            request.send_header("X-Repo-Commit", self.announced_commit or commit)
            etag = git_name(content) if self.names_as_git else hashlib.sha256(content).hexdigest()
            etag = etag if self.announced_etag is None else self.announced_etag
            request.send_header("X-Linked-Etag", f'"{etag}"')
            request.send_header("X-Linked-Size", str(self.announced_size or len(content)))
        request.end_headers()

    def send(self, request: BaseHTTPRequestHandler) -> None:
        content = self.files[request.path.removeprefix("/cdn/")]
        if self.damaged:
            content = content[:-1] + b"?"
        wanted = request.headers["Range"]
        self.ranges.append(wanted)
        self.encodings.append(request.headers["Accept-Encoding"])
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.knows_ranges else 0
        if start >= len(content) > 0:
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.send_header("Connection", "close")  # else the next request may come on it just before it is closed
        request.end_headers()
        end = start + self.cut_after.pop(0) if self.cut_after else len(content)
        with suppress(ConnectionError):
            if self.stalls:
                request.wfile.write(content[start : start + self.stalls.pop(0)])
                self.closing.wait()
            else:
                request.wfile.write(content[start:end])


def git_name(content: bytes) -> str:
    """SHA-1 as of `git hash-object`."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
