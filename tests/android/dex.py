"""Reading a DEX file's tables: what it defines and what it refers to.

Layout: https://source.android.com/docs/core/runtime/dex-format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


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
        self.classes = {self._class(row[0]) for row in self._rows(0x60, "<IIIIIIII")}

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
