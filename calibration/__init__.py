"""What fits tables to data: site limits, ranges, probabilities. Limits are physics until a site is calibrated."""
