"""A network's own answers, by ONNX Runtime on the CPU: the reference that other forms and plans are held against."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.errors import PackageRefused
from engine.package.golden import check_golden
from engine.package.manifest import Manifest, Tensor, axes_of
from engine.package.sizes import shape_at

TOLERANCE = 1e-3
"""Largest difference between given answers and those of this machine, as a share of the answer's largest value."""

_FRAMES, _LARGEST = 2, 1 << 20
"""Made frames, and their elements at most."""

Arrays = Mapping[str, NDArray[np.generic]]


class Reference:
    """One network in ONNX Runtime; PackageRefused where it cannot be loaded or run."""

    def __init__(self, model: bytes, manifest: Manifest, where: str) -> None:
        import onnxruntime as ort

        self.manifest, self.where = manifest, where
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # ONNX Runtime's exceptions share no base class.
            raise self._refused(error) from error

    def answer(self, inputs: Arrays) -> dict[str, NDArray[np.generic]]:
        """Outputs for inputs `[frame, *shape]`, frame by frame; PackageRefused when it fails or answers NaN."""
        names = [tensor.name for tensor in self.manifest.outputs]
        frames = len(next(iter(inputs.values())))
        try:
            rows = [self._session.run(names, {n: a[i] for n, a in inputs.items()}) for i in range(frames)]
        except Exception as error:
            raise self._refused(error) from error
        answers = {name: np.stack([row[k] for row in rows]) for k, name in enumerate(names)}
        for name, array in answers.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise PackageRefused(f"{name} holds NaN or infinite values", self.where, _RANGE, reason="graph")
        return answers

    def _refused(self, error: Exception) -> PackageRefused:
        said = str(error).strip().partition("\n")[0][:300]
        return PackageRefused(f"ONNX Runtime cannot run it ({said})", self.where, _SIZES, reason="graph")


_RANGE = "correct the ranges of the inputs, or the network"
_SIZES = "a network must run at every size that its axes allow: correct the bounds, or pad inside the network"


def complete_golden(given: Arrays, reference: Reference, where: str) -> dict[str, NDArray[np.generic]]:
    """Golden frames with answers: given frames and answers, checked; answers to given frames; or made frames.

    Raises PackageRefused naming `where` for frames that are not as the manifest says, and answers that differ.
    """
    manifest = reference.manifest
    wanted = {tensor.name for tensor in manifest.inputs}
    inputs = {name: array for name, array in given.items() if name in wanted} or made_inputs(manifest, {})
    check_golden(inputs, manifest.inputs, where)
    answers = reference.answer(inputs)
    for name in answers.keys() & given.keys():
        if not all(map(_agree, given[name], answers[name])):
            mend = "leave the answers out of golden.npz"
            raise PackageRefused(f"the given answers {name} are not those of the network", where, mend, "golden")
    return {**inputs, **answers, **given}


def try_sizes(reference: Reference) -> None:
    """Runs the network at its least sizes and one above: odd sizes break what was exported for one; PackageRefused."""
    axes = axes_of(reference.manifest.inputs).values()
    for more in (0, 1) if axes else (0,):
        reference.answer(made_inputs(reference.manifest, {a.name: min(a.min + more, a.max) for a in axes}, frames=1))


def made_inputs(manifest: Manifest, sizes: Mapping[str, int], frames: int = _FRAMES) -> dict[str, NDArray[np.generic]]:
    """Seeded inputs `[frame, *shape]`, even over each range, at `sizes` or else at sizes near the typical ones."""
    random = np.random.default_rng(20)
    sizes = {**_modest(manifest.inputs), **sizes}
    return {tensor.name: _made(random, tensor, (frames, *shape_at(tensor, sizes))) for tensor in manifest.inputs}


def npz_bytes(arrays: Arrays) -> bytes:
    """A compressed npz file, the same bytes for the same arrays, whatever their names (`numpy.savez` keeps some)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            data = io.BytesIO()
            np.save(data, arrays[name], allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _modest(tensors: tuple[Tensor, ...]) -> dict[str, int]:
    """Typical sizes, the least ones where those would make a large file."""
    axes = axes_of(tensors).values()
    typical = {a.name: a.typical for a in axes}
    fits = all(np.prod(shape_at(tensor, typical)) <= _LARGEST for tensor in tensors)
    return typical if fits else {a.name: a.min for a in axes}


def _made(random: np.random.Generator, tensor: Tensor, shape: tuple[int, ...]) -> NDArray[np.generic]:
    low, high = tensor.range
    if tensor.dtype.startswith("float"):
        return random.uniform(low, high, shape).astype(tensor.dtype)
    return random.integers(int(low), int(high), shape, endpoint=True).astype(tensor.dtype)


def _agree(given: NDArray[np.generic], made: NDArray[np.generic]) -> bool:
    if given.shape != made.shape:
        return False
    off = np.abs(given.astype(np.float64) - made.astype(np.float64)).max(initial=0.0)
    return bool(off <= TOLERANCE * max(float(np.abs(made.astype(np.float64)).max(initial=0.0)), 1e-12))
