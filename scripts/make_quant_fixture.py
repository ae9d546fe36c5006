"""Write test/fixtures/quant_blocks.json: random blocks of every GGUF type and what the `gguf` package decodes them to.

It pins the layouts in test/reference/quant.ts by an implementation that is not ours. To make it again:

    python3 -m venv venv && venv/bin/pip install gguf==0.19.0 numpy
    venv/bin/python scripts/make_quant_fixture.py
"""

import json
import pathlib

import numpy as np
from gguf import GGMLQuantizationType, GGML_QUANT_SIZES
from gguf.quants import dequantize

# Byte offsets of the f16 numbers of a block; the other bytes may hold anything.
F16_AT = {
    "F32": [],
    "F16": [0],
    "BF16": [],
    "Q8_0": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
ELEMENTS = {1: 8, 32: 64, 256: 256}  # by block size: how many to write


def blocks(rng: np.random.Generator, name: str) -> np.ndarray:
    """u8 [n_blocks, bytes of a block]"""
    elements, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    n = ELEMENTS[elements] // elements
    if name == "F32":
        return rng.normal(size=n).astype("<f4").view(np.uint8).reshape(n, size)
    if name == "BF16":
        return (rng.normal(size=n).astype("<f4").view("<u4") >> 16).astype("<u2").view(np.uint8).reshape(n, size)
    data = rng.integers(0, 256, size=(n, size), dtype=np.uint8)
    for at in F16_AT[name]:
        data[:, at : at + 2] = rng.normal(scale=0.1, size=n).astype("<f2").view(np.uint8).reshape(n, 2)
    return data


def main() -> None:
    rng = np.random.default_rng(20240607)
    fixture = []
    for name in F16_AT:
        data = blocks(rng, name)
        values = dequantize(data, GGMLQuantizationType[name]).astype(np.float64).ravel()
        fixture.append({"dtype": name.lower(), "hex": data.tobytes().hex(), "values": values.tolist()})
    path = pathlib.Path(__file__).parent.parent / "test/fixtures/quant_blocks.json"
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in fixture) + "\n]\n")


main()
