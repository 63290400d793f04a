"""JSON Schemas of the MQTT payloads, generated from their types."""
