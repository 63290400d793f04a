"""The pure core: values, reconstruction, assessment, decision. No socket, broker, disk or wall clock."""
