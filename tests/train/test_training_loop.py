"""The training loop on a network of one weight: what it learns, when it stops, and how it goes on."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="make train-setup installs torch")
from torch import Tensor, nn  # noqa: E402

from engine.errors import ConfigError, InputRefused, ScansideError  # noqa: E402
from models.train.loop import Progress, Training, learning_rate  # noqa: E402
from models.train.run_folder import RunFolder, read_history  # noqa: E402
from models.train.task import Recipe, Settings  # noqa: E402

SETTINGS = Settings("line", 1.0, 3)


class Ticking:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self._seconds = itertools.count(0.0, 1.0)

    def monotonic(self) -> float:
        return next(self._seconds)

    def now(self) -> float:
        raise AssertionError("a record's time has no place in training")


class Line:
    """Learns y = 3 x; `breaks_at` hands out a batch that is no number."""

    def __init__(self, breaks_at: int | None = None, scores: list[float] | None = None) -> None:
        self.recipe = Recipe(rate=0.3, warm_up=5, average=0.5, validations=10, patience=3 if scores else 20)
        self._left, self._scores = breaks_at, scores

    def network(self) -> nn.Module:
        return nn.Linear(1, 1, bias=False).to(torch.float64)

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        x = torch.from_numpy(rng.uniform(-1, 1, (8, 1)))
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                return x * torch.nan, x
        return x, 3 * x

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return (network(batch[0]) - batch[1]).square().mean() + 0 * torch.rand(1).mean()

    def validate(self, network: nn.Module) -> dict[str, float]:
        off = abs(float(network.weight) - 3)
        return {"score": self._scores.pop(0) if self._scores else -off, "off": off}

    def finish(self, network: nn.Module, folder: Path) -> dict[str, object]:
        return {}


class Steep(Line):
    """A loss that is a number, with a gradient that is none."""

    def loss(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return (0 * network(batch[0])).square().sum().sqrt()


def begun(folder: Path) -> RunFolder:
    run = RunFolder(folder, SETTINGS)
    run.begin()
    return run


def quiet(progress: Progress) -> None:
    del progress


def test_it_learns_and_keeps_the_best_and_writes_what_it_saw(tmp_path: Path) -> None:
    run = begun(tmp_path)
    training = Training(Line(), SETTINGS, run, Ticking())
    best = training.run(quiet)
    assert float(best.weight) == pytest.approx(3, abs=0.2)
    assert training.progress.step == 60
    history = read_history(tmp_path)
    assert len(history) == 10
    assert len({row["step"] for row in history}) == 10
    assert max(row["score"] for row in history) == pytest.approx(training.progress.best, rel=1e-5)
    assert json.loads((tmp_path / "settings.json").read_text("utf-8"))["versions"]["torch"] == torch.__version__


def test_a_finished_run_that_is_started_again_adds_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        Training(Line(), SETTINGS, begun(tmp_path), Ticking()).run(quiet)
    assert len(read_history(tmp_path)) == 10


def test_nothing_is_written_before_a_run_begins_and_its_versions_stay(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    RunFolder(folder, SETTINGS)
    assert not folder.exists()
    run = begun(folder)
    told = json.loads((folder / "settings.json").read_text("utf-8"))
    run.write_json("settings.json", {**told, "versions": {"torch": "of then"}})
    begun(folder)
    assert json.loads((folder / "settings.json").read_text("utf-8"))["versions"] == {"torch": "of then"}


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = Training(Line(), SETTINGS, begun(tmp_path / "whole"), Ticking())
    expected = whole.run(quiet)

    def killed(progress: Progress) -> None:
        if progress.step == 35:  # between two checkpoints
            raise KeyboardInterrupt

    broken = Training(Line(), SETTINGS, begun(tmp_path / "broken"), Ticking())
    with pytest.raises(KeyboardInterrupt):
        broken.run(killed)
    resumed = Training(Line(), SETTINGS, begun(tmp_path / "broken"), Ticking())
    assert 20 <= resumed.progress.step < 35
    answer = resumed.run(quiet)
    assert resumed.progress.step == whole.progress.step
    assert float(answer.weight) == float(expected.weight)
    assert read_history(tmp_path / "broken") == read_history(tmp_path / "whole")


def test_other_settings_or_a_damaged_checkpoint_are_refused(tmp_path: Path) -> None:
    run = begun(tmp_path)
    Training(Line(), SETTINGS, run, Ticking()).run(quiet)
    with pytest.raises(ConfigError, match="another --out"):
        RunFolder(tmp_path, Settings("line", 1.0, 4))
    (tmp_path / "checkpoint.pt").write_bytes(b"PK torn")
    with pytest.raises(InputRefused, match="remove it to start again"):
        Training(Line(), SETTINGS, begun(tmp_path), Ticking())


def test_a_loss_that_is_no_number_stops_with_the_batch_saved(tmp_path: Path) -> None:
    training = Training(Line(breaks_at=30), SETTINGS, begun(tmp_path), Ticking())
    with pytest.raises(ScansideError, match=r"the loss became nan in step 30.*broken-batch\.npz"):
        training.run(quiet)
    with np.load(tmp_path / "broken-batch.npz") as saved:
        assert np.isnan(saved["array_0"]).all()
    assert begun(tmp_path).load()["progress"]["step"] < 30


def test_a_gradient_that_is_no_number_stops_before_the_weights_are_touched(tmp_path: Path) -> None:
    training = Training(Steep(), SETTINGS, begun(tmp_path), Ticking())
    with pytest.raises(ScansideError, match=r"the gradient became nan in step 0.*broken-batch\.npz"):
        training.run(quiet)
    assert (tmp_path / "broken-batch.npz").exists()
    assert training.progress.step == 0


def test_it_stops_early_and_ships_the_best(tmp_path: Path) -> None:
    training = Training(Line(scores=[1.0, 5.0, 4.0, 3.0, 2.0, 1.0]), SETTINGS, begun(tmp_path), Ticking())
    training.run(quiet)
    assert training.progress.best == 5.0
    assert training.progress.step == 30
    assert training.progress.best_step == 12


def test_the_rate_rises_first_and_falls_as_a_cosine() -> None:
    recipe = Recipe(rate=1.0, last_rate=0.1, warm_up=10)
    assert learning_rate(recipe, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(recipe, 50, 0.0) == 1.0
    assert learning_rate(recipe, 50, 0.5) == pytest.approx(0.55)
    assert learning_rate(recipe, 50, 1.5) == pytest.approx(0.1)
