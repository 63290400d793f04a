"""What precision a network has after the vendor's parser read it: the parsed layers prove it, not the file's name."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parsed:
    """Counts over the parsed network, before anything is fused."""

    layers: int
    convolutions: int
    int8: int
    """Convolutions whose image comes straight from an int8 DequantizeLinear, and whose weights do, too."""
    half: int
    """Of the others, those whose image is half precision."""

    @property
    def int8_share(self) -> float:
        """Of the convolutions, 0 to 1."""
        return self.int8 / max(self.convolutions, 1)

    @property
    def half_share(self) -> float:
        """Of the convolutions, 0 to 1."""
        return self.half / max(self.convolutions, 1)


def count_precisions(trt: Any, network: Any) -> Parsed:
    """Counts of an `INetworkDefinition` of the module `trt`. Transposed convolutions are left out: they stay float."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    dequantized = {
        layer.get_output(0).name
        for layer in layers
        if layer.type == trt.LayerType.DEQUANTIZE and layer.get_input(0).dtype == trt.DataType.INT8
    }
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    int8 = [layer for layer in convolutions if _reads(layer, 0, dequantized) and _reads(layer, 1, dequantized)]
    half = [c for c in convolutions if c not in int8 and c.get_input(0).dtype == trt.DataType.HALF]
    return Parsed(len(layers), len(convolutions), len(int8), len(half))


def _reads(layer: Any, index: int, names: set[str]) -> bool:
    tensor = layer.get_input(index) if index < layer.num_inputs else None
    return tensor is not None and tensor.name in names
