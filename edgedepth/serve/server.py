"""The page's files over HTTP: from memory, read-only."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgedepth.errors import UserError
from edgedepth.serve.resources import Resource, Resources, content_type
from edgedepth.serve.site import content_policy

GZIPPED = (".js", ".css", ".html", ".json", ".wasm", ".bin", ".tflite")
IDLE_S = 30.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    resources: Resources
    policy: str
    local_only: bool

    def __init__(self, address: tuple[str, int]) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        self._connections.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Hang up on browsers too, which would keep their connections open."""
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up, or speaks http to https, is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "edgedepth"
    sys_version = ""
    timeout = IDLE_S

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        address = urlsplit(self.path).path.lstrip("/") or "index.html"
        resource = self.server.resources.files.get(address)
        if self.server.local_only and not is_local(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif resource is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._send(address, resource, body)

    def _send(self, address: str, resource: Resource, body: bool) -> None:
        data = resource.data
        squeezed = address.endswith(GZIPPED) and "gzip" in self.headers.get("Accept-Encoding", "")
        if squeezed:
            data = _gzip(data)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type(address))
        self.send_header("Content-Length", str(len(data)))
        if squeezed:
            self.send_header("Content-Encoding", "gzip")
        keep = "public, max-age=31536000, immutable" if resource.fixed else "no-cache"
        for name, value in {
            "Vary": "Accept-Encoding",
            "Cache-Control": keep,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": self.server.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not printed."""


@lru_cache(maxsize=256)
def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=5, mtime=0)


def is_local(host_header: str) -> bool:
    """The Host of a request names this machine, so no foreign page has sent it here by a name of
    its own (DNS rebinding)."""
    name = urlsplit(f"//{host_header}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def listening(
    resources: Resources,
    host: str,
    port: int,
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[ThreadingHTTPServer]:
    """A server that listens; ``serve_forever`` answers.

    Args:
        resources: the page.
        host: address to listen on.
        port: 0 for any free one.
        certificate: PEM files of the certificate and its key, for https.

    Raises:
        UserError: the address or port cannot be had, or the certificate is unusable.
    """
    context = None if certificate is None else _tls(*certificate)
    try:
        server = _Server((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"cannot listen on {host}:{port} ({reason})", "try another --port or --host"
        ) from None
    server.resources = resources
    server.policy = content_policy(resources.files["index.html"].data)
    server.local_only = is_local(host)
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    try:
        yield server
    finally:
        server.server_close()


def _tls(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"--cert {certificate} and --key {key} do not do ({reason})",
            "give PEM files of a certificate and its private key",
        ) from None
    return context


def own_address() -> str:
    """This machine's address in its network, 127.0.0.1 if it has none; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
