"""The shipped quality network: its data, network, ONNX graph, manifest and card. Trained by models.train.quality."""
