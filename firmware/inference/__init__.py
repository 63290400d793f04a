"""Networks beside the frame loop: a process of their own, and what the loop knows of it."""
