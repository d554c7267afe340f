"""Every compiled loop of the simulation: products on tiles, counted noise, and the step.

States are kept for the registers of the processor. The replicas of one neuron lie side by side
in lanes, padded to whole vectors of 32 bytes; some vectors form a panel, (rows, width),
and a state is its panels one after the other, flat. Neurons are padded to whole tiles of `TILE`
rows; the padding has no synapses and nothing reads it.

The weights come in tiles of G rows and one column, G = `TILE` or 1 (BSR, or plain CSR). A tile
multiplies the lanes of one neuron into those of G others. Its sums stay in registers: each
weight is loaded once for all replicas of a panel, and each rate once for G rows.

Noise is a function of (key, step, neuron, replica): Philox-4x32-10, the counter-based generator
of Salmon, Moraes, Dror and Shaw (SC 2011), then Box and Muller's transform, which gives a number
each to two neurons. No order of work, and no number of threads, changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from noiseprune.kernels import Reals, inlined, kernel, philox, sequential
from noiseprune.weights import FloatArray, IntArray

TILE = 4
"""Rows of a tile, and a multiple of the two that share a draw."""

VECTORS = {1: 6, TILE: 3}
"""Vectors of a panel, for tiles of G rows: their sums leave 4 of 16 registers to operands."""

VECTOR = 32
"""Bytes of a vector."""

# ---------------------------------------------------------------------------- products


def _tile_product(height: int) -> Callable[..., None]:
    """tile_product(indices, weights, start, end, before, after, row), for tiles of `height` rows.

    after[row + g] += sum_e weights[e, g] before[indices[e]] over start <= e < end; `before` and
    `after` are panels. In the intermediate language of LLVM, for Numba holds no sums of a
    variable number of lanes in registers.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def tile_product(
        typing: Any, indices: Any, weights: Any, start: Any, end: Any, before: Any, after: Any,
        row: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(
            indices, weights, types.int64, types.int64, before, after, types.int64
        )

        def build(context: Any, code: Any, signature: Any, arguments: Any) -> Any:
            def data(k: int) -> Any:
                return context.make_array(signature.args[k])(context, code, arguments[k])

            def integer(value: int) -> Any:
                return ir.Constant(ir.IntType(64), value)

            columns, values, source, target = (data(k) for k in (0, 1, 4, 5))
            real = context.get_data_type(signature.args[1].dtype)
            size = context.get_abi_sizeof(real)
            lanes = VECTOR // size
            vector = ir.VectorType(real, lanes)
            fused = {"flags": ("contract",)}

            def at(pointer: Any, v: int) -> Any:
                address = code.gep(pointer, [integer(v * lanes)])
                return code.bitcast(address, vector.as_pointer())

            def load(pointer: Any, v: int) -> Any:
                return code.load(at(pointer, v), align=size)

            def broadcast(value: Any) -> Any:
                undefined = ir.Constant(vector, ir.Undefined)
                first = code.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
                zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
                return code.shuffle_vector(first, undefined, zeros)

            width = cgutils.unpack_tuple(code, source.shape)[1]
            done = code.append_basic_block()
            choice = code.switch(code.udiv(width, integer(lanes)), done)
            for vectors in range(1, VECTORS[height] + 1):
                block = code.append_basic_block()
                choice.add_case(integer(vectors), block)
                code.position_at_end(block)
                sums = {}
                for g in range(height):
                    line = code.add(arguments[6], integer(g))
                    line = code.gep(target.data, [code.mul(line, width)])
                    for v in range(vectors):
                        sums[line, v] = cgutils.alloca_once_value(code, load(line, v))
                entries = cgutils.for_range_slice(
                    code, arguments[2], arguments[3], integer(1), intp=ir.IntType(64)
                )
                with entries as (entry, _):
                    j = code.load(code.gep(columns.data, [entry]))
                    j = code.sext(j, ir.IntType(64)) if j.type.width < 64 else j
                    rates = code.gep(source.data, [code.mul(j, width)])
                    loaded = [load(rates, v) for v in range(vectors)]
                    tile = code.gep(values.data, [code.mul(entry, integer(height))])
                    weight = [
                        broadcast(code.load(code.gep(tile, [integer(g)]))) for g in range(height)
                    ]
                    for k, ((_, v), total) in enumerate(sums.items()):
                        product = code.fmul(weight[k // vectors], loaded[v], **fused)
                        code.store(code.fadd(code.load(total), product, **fused), total)
                for (line, v), total in sums.items():
                    code.store(code.load(total), at(line, v), align=size)
                code.branch(done)
            code.position_at_end(done)
            return context.get_dummy_value()

        return signature, build

    return tile_product  # type: ignore[no-any-return]


_product_of_rows = _tile_product(1)
_product_of_tiles = _tile_product(TILE)

# ------------------------------------------------------------------------------- noise

_LOW = np.uint64(0xFFFFFFFF)
_32, _12, _52, _63 = np.uint64(32), np.uint64(12), np.uint64(52), np.uint64(63)
_MANTISSA = np.uint64(2**52 - 1)
_ONE = np.uint64(0x3FF << 52)  # the bits of 1.0, and of 2^52: numbers with a mantissa put in
_TWO_52 = np.uint64(0x433 << 52)


@inlined
def normal_pair(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64
) -> tuple[np.float64, np.float64]:
    """Two independent standard normal numbers of four random words (Box and Muller).

    s sqrt(-2 ln u) (cos a, sin a): u on (0, 1) and the angle a on (-pi/2, pi/2) with 52 bits,
    s a random sign. ln and sin by their series (error about 1e-15), without branches: the
    compiler turns loops over this into vectors, which it cannot do with calls of a library.
    """
    first, second = (c0 << _32) | c1, (c2 << _32) | c3
    uniform = np.uint64((first >> _12) | _ONE).view(np.float64) - (1.0 - 2.0**-53)
    # ln u = ln 2 (exponent + 1/2) + ln(m / sqrt 2), the latter 2 artanh t
    bits = np.float64(uniform).view(np.uint64)
    exponent = np.uint64((bits >> _52) | _TWO_52).view(np.float64) - (2.0**52 + 1023.0)
    m = np.uint64((bits & _MANTISSA) | _ONE).view(np.float64)
    t = (m - np.sqrt(2.0)) / (m + np.sqrt(2.0))
    q = t * t
    series = 1 / 13 + q * (1 / 15 + q * (1 / 17 + q * (1 / 19)))
    series = 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * series)))))
    logarithm = np.log(2.0) * (exponent + 0.5) + 2.0 * t * series
    radius = np.sqrt(np.maximum(-2.0 * logarithm, 0.0))
    radius = np.uint64(np.float64(radius).view(np.uint64) ^ (second << _63)).view(np.float64)
    # half the angle, on (-pi/4, pi/4)
    half = np.pi / 2 * (np.uint64((second >> _12) | _ONE).view(np.float64) - (1.5 - 2.0**-53))
    q = half * half
    series = 1 / 5040 - q * (1 / 362880 - q * (1 / 39916800 - q * (1 / 6227020800)))
    sine = half * (1.0 - q * (1 / 6 - q * (1 / 120 - q * series)))
    series = 1 / 40320 - q * (1 / 3628800 - q * (1 / 479001600 - q * (1 / 87178291200)))
    cosine = 1.0 - q * (1 / 2 - q * (1 / 24 - q * (1 / 720 - q * series)))
    return radius * (1.0 - 2.0 * sine * sine), radius * (2.0 * sine * cosine)


@sequential
def noise_of_two(
    key: npt.NDArray[np.uint64], step: np.uint64, pair: np.uint64, left: np.uint64, xi: FloatArray
) -> None:
    """xi (2, width) of neurons 2 pair and 2 pair + 1 in the replicas from `left` on."""
    k0, k1 = key[0], key[1]
    for r in range(xi.shape[1]):
        c0, c1, c2, c3 = philox(left + np.uint64(r), pair, step & _LOW, step >> _32, k0, k1)
        xi[0, r], xi[1, r] = normal_pair(c0, c1, c2, c3)


# -------------------------------------------------------------------------------- steps


class Scheme(NamedTuple):
    """All of x <- decay x + phi(W x + drive) + noise xi that no step changes.

    starts, indices, weights : W (h W) in tiles, (rows / G + 1,), (tiles,) and (tiles, G)
    decay, drive : (rows,)
    rectified, noise : phi, and the size of the noise
    key : of the random numbers
    first_replica, panel : the number of the first replica, and the lanes of a panel
    """

    starts: IntArray
    indices: IntArray
    weights: Reals
    decay: Reals
    drive: Reals
    rectified: bool
    noise: float
    key: npt.NDArray[np.uint64]
    first_replica: int
    panel: int


@sequential
def finish(
    decay: float, rectified: bool, noise: float, xi: FloatArray, old: Reals, new: Reals
) -> None:
    """new <- decay old + phi(new) + noise xi, over the lanes of one neuron."""
    if rectified:
        for r in range(new.size):
            if new[r] < 0.0:
                new[r] = 0.0
    for r in range(new.size):
        new[r] = decay * old[r] + new[r] + noise * xi[r]


@sequential
def finish_rows(
    scheme: Scheme, top: int, bottom: int, step: np.uint64, left: np.uint64, old: Reals, new: Reals
) -> None:
    """`finish` for the rows top .. bottom - 1, each with its noise."""
    xi = np.empty((2, new.shape[1]))
    for i in range(top, bottom, 2):
        noise_of_two(scheme.key, step, np.uint64(i // 2), left, xi)
        for g in range(2):
            decay = scheme.decay[i + g]
            finish(decay, scheme.rectified, scheme.noise, xi[g], old[i + g], new[i + g])


@sequential
def step_of_piece(
    scheme: Scheme, top: int, bottom: int, step: np.uint64, before: Reals, after: Reals
) -> None:
    """One step of the rows top .. bottom - 1, as `rate_steps`."""
    starts, indices, weights = scheme.starts, scheme.indices, scheme.weights
    rows = scheme.decay.size
    lanes = before.size // rows
    height = weights.shape[1]
    for left in range(0, lanes, scheme.panel):
        width = min(scheme.panel, lanes - left)
        old = before[left * rows : (left + width) * rows].reshape(rows, width)
        new = after[left * rows : (left + width) * rows].reshape(rows, width)
        for i in range(top, bottom):
            new[i] = scheme.drive[i]
        for line in range(top // height, bottom // height):
            start, end = starts[line], starts[line + 1]
            if height == 1:
                _product_of_rows(indices, weights, start, end, old, new, line)
            else:
                _product_of_tiles(indices, weights, start, end, old, new, line * height)
        lane = np.uint64(scheme.first_replica + left)
        finish_rows(scheme, top, bottom, step, lane, old, new)


@kernel
def rate_steps(
    scheme: Scheme, bounds: IntArray, first_step: int, state: Reals, block: Reals
) -> None:
    """Steps first_step, first_step + 1, ... from `state` into the slices of `block`.

    `state` is (rows * lanes,), `block` (steps, rows * lanes), both in panels. `bounds` cuts the
    rows, at multiples of TILE, into pieces of equal work.
    """
    for step in range(block.shape[0]):
        before = state if step == 0 else block[step - 1]
        now = np.uint64(first_step + step)
        for piece in numba.prange(bounds.size - 1):
            step_of_piece(scheme, bounds[piece], bounds[piece + 1], now, before, block[step])
