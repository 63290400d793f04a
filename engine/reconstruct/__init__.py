"""Readouts to images: where a readout belongs, whitening, transforms, coil combination."""
