"""The first package's network: nine fixed weights, to prove the way a network takes through the appliance."""
