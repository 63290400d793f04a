"""The shipped denoiser: network, ONNX graph, manifest and card. Trained by models.train.denoiser."""
