"""Plans: networks compiled for one device, held to their reference before they serve, and kept safely."""
