"""What times the appliance, beside floors and peers in the same run."""
