"""What a page is made of: bytes with a content type, under relative addresses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "wasm": "application/wasm",
    "jpg": "image/jpeg",
    "tflite": "application/octet-stream",
    "bin": "application/octet-stream",
}
"""Suffix -> content type."""


@dataclass(frozen=True)
class Resource:
    """One file of the page.

    Attributes:
        data: its bytes.
        fixed: its address names its content, so a browser may keep it for good.
    """

    data: bytes
    fixed: bool = False


@dataclass
class Resources:
    """The files of the page by their address."""

    files: dict[str, Resource] = field(default_factory=dict)

    def add(self, data: bytes, suffix: str) -> str:
        """Keep a file under an address made of its content; returns the address."""
        address = f"a/{hashlib.sha256(data).hexdigest()[:16]}.{suffix}"
        self.files[address] = Resource(data, fixed=True)
        return address

    def put(self, address: str, data: bytes, fixed: bool = False) -> None:
        """Keep a file under a given address."""
        self.files[address] = Resource(data, fixed)

    def version(self) -> str:
        """A digest of all that there is."""
        digest = hashlib.sha256()
        for address, resource in sorted(self.files.items()):
            digest.update(address.encode() + b"\0" + hashlib.sha256(resource.data).digest())
        return digest.hexdigest()[:16]


def content_type(address: str) -> str:
    """Content type of an address by its suffix."""
    return TYPES[address.rpartition(".")[2]]
