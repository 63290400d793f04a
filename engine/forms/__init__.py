"""Precisions of one network: each a file of its own, made from the package's fp32 file; no weights are kept twice."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.package import Package

FP32, FP16, BF16, INT8_S8, INT8_U8, MIXED = "fp32", "fp16", "bf16", "int8-s8", "int8-u8", "mixed"
"""fp32 is the reference. bf16 is a hint to a runner that executes the fp32 file. int8-s8: signed symmetric activations,
for TensorRT; int8-u8: unsigned, for CPUs. mixed: int8-s8 whose other layers are in half precision."""


@dataclass(frozen=True, slots=True)
class Form:
    """One precision of a network, as a runner takes it."""

    name: str
    data: bytes
    """An ONNX file; for runners that need one, the plan compiled from it."""

    @property
    def sha256(self) -> str:
        """Of the data."""
        return hashlib.sha256(self.data).hexdigest()


def fp32(package: "Package") -> Form:
    """The network as it was signed: the reference of every other form."""
    return Form(FP32, package.model)
