"""How much of a network's work each of its convolutions is."""

from math import prod
from typing import TYPE_CHECKING

from calibration.bounds import showing
from calibration.frames import Frame
from engine.forms.fold import weights_of
from engine.forms.int8 import convolution_nodes

if TYPE_CHECKING:
    from onnx import ModelProto


def work_shares(network: "ModelProto", taken: str, frame: Frame) -> dict[str, float]:
    """Convolution of a folded network -> its share of the multiplications of all of them, for one frame.

    An element of the output takes as many as there are weights for its channel.
    """
    nodes, weights = convolution_nodes(network), weights_of(network.graph)
    outputs = [node.output[0] for node in nodes.values()]
    made = showing(network, outputs).run(outputs, {taken: frame.batch})
    counts = {
        name: float(answer.size * prod(weights[node.input[1]].shape[1:]))
        for (name, node), answer in zip(nodes.items(), made, strict=True)
    }
    return {name: count / sum(counts.values()) for name, count in counts.items()}
