"""The appliance: sources, the frame loop, journal, sinks, configuration, command line."""
