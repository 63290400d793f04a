"""Series and faults made from real raw data, with their truth."""
