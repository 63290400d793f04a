"""Where scans come from: scanner sockets, files, the simulated scanner."""
