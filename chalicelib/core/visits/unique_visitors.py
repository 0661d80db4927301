"""How many different visitors a day had: exact up to a size, and above it an estimate with a known error.

Exact numbers need every id in memory: 16,384 of them at most. Above that this is a HyperLogLog (Flajolet et al., 2007)
of 16,384 registers, whose standard error is 0.81 %: of a hundred days, ninety-five are off by less than 1.6 %.
"""

from __future__ import annotations

import math
import zlib
from hashlib import blake2b

EXACT_UP_TO = 16_384
_BITS = 14
_REGISTERS = 1 << _BITS
_BIAS = 0.7213 / (1 + 1.079 / _REGISTERS)
_ID_BYTES = 8
_IDS, _SKETCH = b"i", b"s"


class UniqueVisitors:
    """The ids of visitors, as 64-bit hashes, or the registers of the sketch once there are too many."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._registers: bytearray | None = None

    def add(self, visitor: str) -> None:
        """Add a visitor."""
        hashed = int.from_bytes(blake2b(visitor.encode(), digest_size=_ID_BYTES).digest(), "big")
        if self._registers is not None:
            _register(self._registers, hashed)
            return
        self._ids.add(hashed)
        if len(self._ids) > EXACT_UP_TO:
            self.sketch()

    def add_all(self, others: UniqueVisitors) -> None:
        """Add the visitors of ``others``; one that is in both counts once."""
        if others._registers is None and self._registers is None:
            self._ids |= others._ids
            if len(self._ids) > EXACT_UP_TO:
                self.sketch()
            return
        registers = self.sketch()
        if others._registers is not None:
            registers[:] = bytes(map(max, registers, others._registers))
        for each in others._ids:
            _register(registers, each)

    def sketch(self) -> bytearray:
        """Keep the registers instead of the ids from now on, and return them: 16 KB, and the number is an estimate."""
        if self._registers is None:
            self._registers = bytearray(_REGISTERS)
            for each in self._ids:
                _register(self._registers, each)
            self._ids = set()
        return self._registers

    def number(self) -> int:
        """Return how many different visitors were added."""
        if self._registers is None:
            return len(self._ids)
        harmonic = sum(2.0**-register for register in self._registers)
        estimate = _BIAS * _REGISTERS * _REGISTERS / harmonic
        empty = self._registers.count(0)
        if empty and estimate <= 2.5 * _REGISTERS:  # where counting empty registers is more exact
            return round(_REGISTERS * math.log(_REGISTERS / empty))
        return round(estimate)

    def to_bytes(self) -> bytes:
        """Return the stored form: 131 KB at most."""
        if self._registers is not None:
            return _SKETCH + zlib.compress(bytes(self._registers))
        return _IDS + b"".join(each.to_bytes(_ID_BYTES, "big") for each in sorted(self._ids))

    @classmethod
    def from_bytes(cls, stored: bytes) -> UniqueVisitors:
        """Read the stored form."""
        found = cls()
        if stored[:1] == _SKETCH:
            found._registers = bytearray(zlib.decompress(stored[1:]))
        else:
            found._ids = {int.from_bytes(stored[at : at + _ID_BYTES], "big") for at in range(1, len(stored), _ID_BYTES)}
        return found


def _register(registers: bytearray, hashed: int) -> None:
    place, rest = hashed & (_REGISTERS - 1), hashed >> _BITS
    zeros = 64 - _BITS - rest.bit_length() + 1
    registers[place] = max(registers[place], zeros)
