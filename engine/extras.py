"""Libraries that not every appliance has: how to install them."""


def to_install(extra: str) -> str:
    """The command that installs an extra of pyproject.toml, from the folder that was cloned."""
    return f".venv/bin/pip install --editable '.[{extra}]'"
