"""Shipped scans and simulators; packaged networks later."""
