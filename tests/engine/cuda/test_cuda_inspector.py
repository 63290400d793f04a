"""Layer reports of both schemas: those of TensorRT up to 10, and of 11."""

import json
from pathlib import Path

import pytest

from engine.cuda.inspector import Shares, conv_shares
from engine.errors import Unavailable

REPORTS = json.loads((Path(__file__).parents[2] / "data/layer_reports.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["up to 10", "11"])
def test_the_shares_are_those_of_the_convolutions(name: str) -> None:
    assert conv_shares(json.dumps(REPORTS[name])) == Shares(layers=6, convolutions=4, int8=0.5, half=0.25, untold=0)


def test_types_hidden_by_dynamic_shapes_are_untold_and_prove_nothing() -> None:
    layer = {"LayerType": "CaskConvolution", "Inputs": [{"Name": "x", "Format/Datatype": "N/A due to dynamic shapes"}]}
    assert conv_shares(json.dumps({"Layers": [layer]})) == Shares(1, 1, 0.0, 0.0, 1)


def test_a_plan_without_convolutions_has_no_share() -> None:
    assert conv_shares('{"Layers": []}') == Shares(0, 0, 0.0, 0.0, 0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Layers": 3}', '{"Layers": null}', "NaN"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        conv_shares(text)


def test_names_alone_are_refused_with_the_mend() -> None:
    with pytest.raises(Unavailable, match=r"names only.*detailed"):
        conv_shares('{"Layers": ["conv1 + relu1"], "Bindings": ["a"]}')


def test_inputs_that_are_no_list_are_refused() -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        conv_shares('{"Layers": [{"LayerType": "CaskConvolution", "Inputs": [3]}]}')
