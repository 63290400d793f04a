"""What a good engineer would use or write instead."""
