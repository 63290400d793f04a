"""Pictures of frames on disk, for people to look at: written by the loop when it has time, read by anybody."""
