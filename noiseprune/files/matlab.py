"""MATLAB files: variables W, leak and labels, of MATLAB 5 to 7.

A file is a header of 128 bytes and a sequence of data elements, each a tag (type and size) and
its bytes. A matrix element consists of further elements: flags, dimensions, name and content.

Files are read here rather than by `scipy.io.loadmat`, whose compiled reader trusts the tags and
crashes the interpreter where they are damaged (SciPy 1.17).

Source: MathWorks, "MAT-File Format", level 5.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from noiseprune.errors import FileError
from noiseprune.files.guard import largest_expansion, printable
from noiseprune.files.stored import Stored
from noiseprune.network import RateNetwork

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _CHAR, _SPARSE, _NUMERIC = 1, 4, 5, range(6, 16)
_IS_COMPLEX = 0x800

Element = tuple[int, memoryview]


def read_mat(path: Path) -> Stored:
    """W (full or sparse), leak (a vector) and labels (a cell array of char)."""
    content = memoryview(path.read_bytes())
    mark = bytes(content[_HEADER - 2 : _HEADER])
    if mark not in (b"IM", b"MI"):
        found = "is shorter than its header" if len(content) < _HEADER else "has another header"
        raise FileError(
            f"{path} is not a file of MATLAB 5 to 7, it {found}: save it with save(..., '-v7')"
        )
    order = "<" if mark == b"IM" else ">"
    if np.frombuffer(content, f"{order}u2", 1, _HEADER - 4)[0] != 0x0100:
        raise FileError(
            f"{path} is a MATLAB 7.3 (HDF5) file, which is not read: save it in MATLAB with "
            "save(..., '-v7')"
        )
    variables = dict(_named(body, order) for body in _matrices(content[_HEADER:], order))
    if "W" not in variables:
        names = printable(", ".join(variables)) or "(none)"
        raise FileError(f"{path} has the variables {names}, but not W: save the weights as W")
    leak, labels = (
        _value(variables[name], order) if name in variables else None for name in ("leak", "labels")
    )
    if not (labels is None or (isinstance(labels, list) and all(map(_is_text, labels)))):
        raise FileError(f"{path} has labels that are no cell array of char: save them as one")
    texts = None if labels is None else [x if isinstance(x, str) else "" for x in labels]
    return Stored(_value(variables["W"], order), None if leak is None else np.ravel(leak), texts)


def write_mat(network: RateNetwork, path: Path) -> None:
    from scipy.io import savemat

    content: dict[str, Any] = {"W": network.weights, "leak": network.leak}
    if network.labels is not None:
        content["labels"] = np.array(network.labels, dtype=object)
    savemat(path, content, appendmat=False, do_compression=True, oned_as="column")


def _is_text(value: Any) -> bool:
    """True for char, and for the empty array that an empty cell holds."""
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.size == 0)


def _elements(content: memoryview, order: str) -> Iterator[Element]:
    """(type, bytes) of one data element after the other."""
    while len(content):
        tag = np.frombuffer(content, f"{order}u4", 2)
        kind, size, begin = int(tag[0]), int(tag[1]), 8
        if kind >> 16:  # a small element: size and type share four bytes, the content is next
            kind, size, begin = kind & 0xFFFF, kind >> 16, 4
        if size > len(content) - begin or (begin == 4 and size > 4):
            raise ValueError("a data element is larger than the room for it")
        end = begin + size
        yield kind, content[begin:end]
        # Every element but a compressed one is padded to 8 bytes.
        content = content[end if kind == _COMPRESSED else -(-end // 8) * 8 :]


def _matrices(content: memoryview, order: str) -> Iterator[memoryview]:
    for kind, body in _elements(content, order):
        if kind == _COMPRESSED:
            yield from _matrices(_inflated(body), order)
        elif kind == _MATRIX:
            yield body


def _inflated(body: memoryview) -> memoryview:
    inflater = zlib.decompressobj()
    content = inflater.decompress(body, largest_expansion(len(body)))
    if not inflater.eof:
        raise ValueError("a compressed data element is cut short, or expands beyond all proportion")
    return memoryview(content)


def _named(matrix: memoryview, order: str) -> tuple[str, list[Element]]:
    """Name of a matrix, and its elements; MATLAB's hidden data have no name."""
    elements = list(_elements(matrix, order))
    name = bytes(elements[2][1]).decode("latin-1") if len(elements) > 2 else ""
    return name, elements


def _value(elements: list[Element], order: str) -> Any:
    """A matrix as an array, a sparse array, a text, or, if it is a cell array, a list of these."""
    (_, flags), dimensions, _, *content = elements
    flag = int(np.frombuffer(flags, f"{order}u4")[0])
    kind = flag & 0xFF
    if kind == _CELL:
        return [_value(list(_elements(cell, order)), order) for _, cell in content]
    if kind == _CHAR:
        return "".join(_text(element, order) for element in content)
    shape = tuple(_numbers(dimensions, order).tolist())
    if kind == _SPARSE:
        rows, ends = (_numbers(element, order).astype(np.int64) for element in content[:2])
        n_entries = int(ends[-1])  # fewer than there is room for
        data = _parts(content[2:], flag, order)[:n_entries]
        return sparse.csc_array((data, rows[:n_entries], ends), shape=shape)
    if kind in _NUMERIC:
        return _parts(content, flag, order).reshape(shape, order="F")
    raise ValueError(f"it has a variable of MATLAB class {kind}, not of numbers")


def _parts(content: list[Element], flag: int, order: str) -> npt.NDArray[Any]:
    """The real part, with the imaginary one if there is one."""
    real = _numbers(content[0], order)
    return real + 1j * _numbers(content[1], order) if flag & _IS_COMPLEX else real


def _numbers(element: Element, order: str) -> npt.NDArray[Any]:
    kind, body = element
    if kind not in _NUMBERS:
        raise ValueError(f"it has a data element of type {kind} in place of numbers")
    numbers = np.frombuffer(body, order + _NUMBERS[kind])
    return numbers.astype(numbers.dtype.newbyteorder("="))


def _text(element: Element, order: str) -> str:
    kind, body = element
    encoding = _TEXTS.get(kind, "utf-8")
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if order == "<" else "-be"
    return bytes(body).decode(encoding)
