"""What the quality network in torch, its graph in ONNX and its data share."""

LAYERS = ((3, 16, 2), (16, 32, 2), (32, 48, 1), (48, 64, 2), (64, 64, 1), (64, 96, 2), (96, 96, 1))
"""Convolutions of 3 x 3: channels in, channels out, stride."""
MIDDLE = 4
"""Layer whose mean features go into the embedding beside the last ones: texture there, meaning at the end."""
LAST = (96, 96, 1)
"""The convolution after the context."""
EMBEDDED = LAYERS[MIDDLE][1] + LAST[1]

POOL, STRIDE, FLOOR = 8, 4, 4.0
"""The frame's brightness: the largest mean over so many pixels squared, so many apart, and no less than so many sd."""
LOG_GAIN = 0.25
"""Of log(1 + SNR): air and tissue both within 0 to 1.5."""
MOST_DIFFERENCE, DIFFERENCE_GAIN = 10.0, 0.2
"""Noise sd at which the difference to the frame before is cut, and its gain."""

CELLS = 16
"""Cells of the map of where, along each axis."""
MOST_IMPACT = 200.0
"""% of the median signal."""
