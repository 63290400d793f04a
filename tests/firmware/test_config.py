"""The configuration file: every mistake at once, in words that lead to the mend."""

from pathlib import Path

import pytest

from engine.errors import ConfigError
from firmware.config import SECTIONS, commented_defaults, default_config, describe, load_config, parse_config


def test_the_printed_defaults_are_the_defaults() -> None:
    assert parse_config(commented_defaults(), "printed") == default_config()


def test_every_key_is_described() -> None:
    for kind in SECTIONS.values():
        for key, hint in kind.__annotations__.items():
            assert describe(hint), f"{kind.__name__}.{key}"


def test_all_mistakes_are_named_with_the_nearest_key() -> None:
    text = """
    [scaner]
    [scanner]
    porrt = 1
    port = 70000
    idle_timeout_s = "long"
    [appliance]
    name = "bay 3"
    [mqtt]
    consumers = "page"
    """
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "x.toml")
    said = str(caught.value)
    for fragment in (
        "'scanner'",
        "'port'",
        "scanner.port = 70000",
        "idle_timeout_s",
        "appliance.name",
        "mqtt.consumers",
    ):
        assert fragment in said
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["[scanner", "scanner = 3", "[[scanner]]"])
def test_what_is_not_a_table_is_said(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text, "x.toml")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--defaults"):
        load_config(tmp_path / "none.toml")


def test_values_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[appliance]\nname = "bay-3"\n[mqtt]\nconsumers = ["page"]\n')
    config = load_config(file)
    assert config.appliance.name == "bay-3"
    assert config.mqtt.consumers == ["page"]
