"""Reading class files: which methods and fields a library has.

Layout: The Java Virtual Machine Specification, chapter 4.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_WIDE = {5, 6}
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4}
_SIZES |= {19: 2, 20: 2}
_OBJECT = {"<init>", "getClass", "hashCode", "equals", "toString", "notify", "notifyAll", "wait"}
_OBJECT |= {"clone", "finalize"}


@dataclass(frozen=True)
class ClassFile:
    """What a class declares itself.

    Attributes:
        parents: its superclass and interfaces.
        members: (name, descriptor) of methods and fields that others may use.
    """

    parents: tuple[str, ...]
    members: frozenset[tuple[str, str]]


def parse(data: bytes) -> ClassFile:
    """Read a class file."""
    count = struct.unpack_from(">H", data, 8)[0]
    texts: dict[int, str] = {}
    names: dict[int, int] = {}
    at, index = 10, 1
    while index < count:
        tag = data[at]
        if tag == 1:
            (length,) = struct.unpack_from(">H", data, at + 1)
            texts[index] = data[at + 3 : at + 3 + length].decode("utf-8", "replace")
            at += 3 + length
        else:
            if tag == 7:
                names[index] = struct.unpack_from(">H", data, at + 1)[0]
            at += 1 + _SIZES[tag]
        index += 2 if tag in _WIDE else 1
    _, _, above, interfaces = struct.unpack_from(">HHHH", data, at)
    listed = struct.unpack_from(f">{interfaces}H", data, at + 8)
    parents = tuple(texts[names[i]] for i in (above, *listed) if i)
    at += 8 + 2 * interfaces
    members = set()
    for _ in ("fields", "methods"):
        (many,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(many):
            access, name, descriptor, attributes = struct.unpack_from(">HHHH", data, at)
            at += 8
            if access & 5:
                members.add((texts[name], texts[descriptor]))
            for _ in range(attributes):
                at += 6 + struct.unpack_from(">I", data, at + 2)[0]
    return ClassFile(parents, frozenset(members))


class Library:
    """Classes of a jar, read when they are asked for."""

    def __init__(self, jar: Path) -> None:
        self._archive = zipfile.ZipFile(jar)
        self._known: dict[str, ClassFile | None] = {}

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def find(self, name: str) -> ClassFile | None:
        """A class, None if the jar has none of that name."""
        if name not in self._known:
            try:
                self._known[name] = parse(self._archive.read(f"{name}.class"))
            except KeyError:
                self._known[name] = None
        return self._known[name]

    def has(self, owner: str, name: str, descriptor: str) -> bool:
        """Whether a class has a member of its own or from above; Object's are everywhere."""
        found = self.find(owner)
        if found is None:
            return owner == "java/lang/Object" and name in _OBJECT
        if (name, descriptor) in found.members:
            return True
        if name == "<init>":
            return False
        return any(self.has(parent, name, descriptor) for parent in found.parents)

    def ancestors(self, owner: str) -> set[str]:
        """All classes and interfaces above a class, those beyond the jar included."""
        found = self.find(owner)
        above = set(found.parents) if found else set()
        return above.union(*(self.ancestors(parent) for parent in above))
