"""The whole story of a scan as one HTML file that needs nothing else."""
