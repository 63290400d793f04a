"""Where decisions go: MQTT, the terminal."""
