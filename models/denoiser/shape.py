"""What the network in torch and its graph in ONNX share."""

CHANNELS, BLOCKS = 32, 5
"""Of the residual blocks, at half resolution: 95,108 weights, 1.6 thousand million multiplications at 256 x 256."""

MOST_CHANGE = 3.0
"""Noise sd by which a pixel is changed at most."""

POOL, STRIDE, FLOOR = 8, 4, 4.0
"""The image's brightness: the largest mean over so many pixels squared, so many apart, and no less than so many sd."""

NOISE_GAIN = 8.0
"""The noise map is so many times the noise over the brightness: 0.08 to 1 at 1 to 12 %, the range of the image."""
