"""What every runner refuses, with the same words: networks when it loads, batches before it runs."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputRefused, Unavailable
from engine.package.manifest import Manifest, Tensor, bind


def float_tensors(manifest: Manifest) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The one input and the outputs, all float32; raises Unavailable for a network with others."""
    if len(manifest.inputs) != 1:
        mend = "runners take networks with one input: put several images into its channels"
        raise Unavailable(f"{len(manifest.inputs)} inputs", manifest.name, mend)
    for tensor in (*manifest.inputs, *manifest.outputs):
        if tensor.dtype != "float32":
            mend = "runners take and give float32: convert inside the network"
            raise Unavailable(f"{tensor.name} is {tensor.dtype}", manifest.name, mend)
    return manifest.inputs[0], manifest.outputs


def axis_sizes(batch: NDArray[np.float32], tensor: Tensor) -> dict[str, int]:
    """Axis name -> size of `batch`; raises InputRefused when its type or shape is none that the manifest promises."""
    if batch.dtype != np.float32:
        raise InputRefused(f"{batch.dtype} values", tensor.name, "give float32", reason="dtype")
    try:
        return bind((tensor,), {tensor.name: batch.shape})
    except ValueError as error:
        raise InputRefused(str(error), mend="give a shape within the manifest's bounds", reason="shape") from error


def check_values(batch: NDArray[np.float32], tensor: Tensor) -> None:
    """Raises InputRefused for NaN or infinity in `batch`, and for values outside the range of the manifest."""
    low, high = float(batch.min()), float(batch.max())  # both are NaN when any value is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputRefused("values that are not finite", tensor.name, "give finite values", reason="not_finite")
    least, greatest = (float(np.float32(limit)) for limit in tensor.range)
    if low < least or high > greatest:
        mend = "give values within the manifest's range"
        raise InputRefused(f"{low:g} to {high:g}: made for {least:g} to {greatest:g}", tensor.name, mend, "range")
