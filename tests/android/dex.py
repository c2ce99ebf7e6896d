"""Reading a DEX file's tables: what it defines and what it refers to.

Layout: https://source.android.com/docs/core/runtime/dex-format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_NONE = 0xFFFFFFFF


@dataclass(frozen=True, order=True)
class Reference:
    """A method or field that code names.

    Attributes:
        owner: class in the JVM's notation, ``android/view/View``.
        name: of the method or field.
        descriptor: the JVM's, ``(I)V`` of a method, ``I`` of a field.
    """

    owner: str
    name: str
    descriptor: str


class Dex:
    """A parsed DEX file.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"dex\n":
            raise ValueError("not a DEX file")
        self._data = data
        self.version = int(data[4:7])
        self._strings = [self._string(at) for at in self._table(0x38, "<I")]
        self._types = [self._strings[at] for at in self._table(0x40, "<I")]
        protos = [self._proto(*row) for row in self._rows(0x48, "<III")]
        self.fields = [
            Reference(self._class(owner), self._strings[name], self._types[kind])
            for owner, kind, name in self._rows(0x50, "<HHI")
        ]
        self.methods = [
            Reference(self._class(owner), self._strings[name], protos[proto])
            for owner, proto, name in self._rows(0x58, "<HHI")
        ]
        self.parents: dict[str, tuple[str, ...]] = {}
        self.defined: set[Reference] = set()
        for row in self._rows(0x60, "<8I"):
            self._add_class(*row)

    def _add_class(self, name: int, _flags: int, above: int, interfaces: int, *rest: int) -> None:
        listed: tuple[int, ...] = ()
        if interfaces:
            (count,) = struct.unpack_from("<I", self._data, interfaces)
            listed = struct.unpack_from(f"<{count}H", self._data, interfaces + 4)
        has_parent = above != _NONE
        kinds = ((above,) if has_parent else ()) + listed
        self.parents[self._class(name)] = tuple(self._class(i) for i in kinds)
        if rest[2]:
            self._add_members(rest[2])

    def _add_members(self, at: int) -> None:
        """What a class defines itself: four lists, indices as differences."""
        counts = []
        for _ in range(4):
            count, at = self._uleb128(at)
            counts.append(count)
        for kind, count in enumerate(counts):
            index = 0
            for _ in range(count):
                step, at = self._uleb128(at)
                index += step
                _, at = self._uleb128(at)
                if kind >= 2:
                    _, at = self._uleb128(at)
                self.defined.add((self.methods if kind >= 2 else self.fields)[index])

    def _uleb128(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    def leaving(self) -> set[Reference]:
        """References that end outside of this file, at the class of the platform they reach."""
        found = set()
        for reference in (*self.methods, *self.fields):
            owner = reference.owner
            while owner in self.parents:
                own = Reference(owner, reference.name, reference.descriptor)
                if own in self.defined or not self.parents[owner]:
                    break
                owner = self._above(owner, reference)
            if owner not in self.parents and not owner.startswith("["):
                found.add(Reference(owner, reference.name, reference.descriptor))
        return found

    def _above(self, owner: str, reference: Reference) -> str:
        """The next class to look at: an interface of ours that defines it, else the superclass."""
        for parent in self.parents[owner][1:]:
            if Reference(parent, reference.name, reference.descriptor) in self.defined:
                return parent
        return self.parents[owner][0]

    def _rows(self, header: int, layout: str) -> list[tuple[int, ...]]:
        count, start = struct.unpack_from("<II", self._data, header)
        step = struct.calcsize(layout)
        return [struct.unpack_from(layout, self._data, start + i * step) for i in range(count)]

    def _table(self, header: int, layout: str) -> list[int]:
        return [row[0] for row in self._rows(header, layout)]

    def _string(self, at: int) -> str:
        while self._data[at] & 0x80:
            at += 1
        end = self._data.index(0, at + 1)
        return self._data[at + 1 : end].decode("utf-8", "replace")

    def _class(self, index: int) -> str:
        return self._types[index].removeprefix("L").removesuffix(";")

    def _proto(self, _shorty: int, result: int, parameters: int) -> str:
        kinds: list[str] = []
        if parameters:
            (count,) = struct.unpack_from("<I", self._data, parameters)
            indices = struct.unpack_from(f"<{count}H", self._data, parameters + 4)
            kinds = [self._types[i] for i in indices]
        return f"({''.join(kinds)}){self._types[result]}"
