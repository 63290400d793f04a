"""The page: a process of its own that reads the journal and the pictures, and writes by request to the loop only."""
