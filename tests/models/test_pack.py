"""Packing: anybody's network, refused with the reason when it would be refused at load, never half written."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, version_converter

from engine.errors import PackageRefused, ScansideError
from engine.package import Package, load_package, sealed
from engine.package.golden import read_golden
from models.answers import npz_bytes
from models.draft import OPEN, draft
from models.pack import pack
from models.signing import new_key
from tests.engine.package_cases import KEY, KEYS, MANIFEST, files, gain, golden, network, npz, stored

node = helper.make_node


def source(folder: Path, **changed: bytes | None) -> Path:
    folder.mkdir()
    for name, data in files(**changed).items():
        (folder / name).write_bytes(data)
    return folder


def refused(folder: Path, says: str, out: Path | None = None) -> PackageRefused:
    with pytest.raises(PackageRefused) as caught:
        pack(folder, out, KEY)
    assert says in str(caught.value)
    return caught.value


def filled(manifest: Path, **more: str) -> None:
    """What a person does with a draft."""
    text = manifest.read_text().replace(f"  # {OPEN}: denoise, quality, ...", "").replace(f"  # {OPEN}", "")
    text = text.replace(f'unit = "{OPEN}"', 'unit = "1"').replace(OPEN, "tests")
    for old, new in more.items():
        text = text.replace(old, new)
    manifest.write_text(text)
    card = manifest.with_name("card.md")
    card.write_text(card.read_text().replace(OPEN, "tests"))


def test_what_is_packed_loads_under_its_name_and_version(tmp_path: Path) -> None:
    package = pack(source(tmp_path / "s"), None, KEY)
    assert package.path == tmp_path / "gain-1.0"
    assert load_package(package.path, KEYS).sha256 == package.sha256
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gain-1.0", "s"]  # nothing left of the making


def test_golden_answers_are_those_of_onnx_runtime(tmp_path: Path) -> None:
    frames = golden()["image"]
    package = pack(source(tmp_path / "s", golden_npz=npz(image=frames)), None, KEY)
    np.testing.assert_array_equal(package.golden["image"], frames)
    np.testing.assert_array_equal(package.golden["denoised"], 2 * frames)


def test_golden_frames_are_made_where_there_are_none(tmp_path: Path) -> None:
    package = pack(source(tmp_path / "s", golden_npz=None), None, KEY)
    image = package.golden["image"]
    assert image.shape[0] >= 2
    assert 0 <= image.min() < 1 < 99 < image.max() <= 100
    np.testing.assert_array_equal(package.golden["denoised"], 2 * image)
    again = pack(source(tmp_path / "t", golden_npz=None), tmp_path / "again", KEY)
    assert again.sha256 == package.sha256


def test_golden_frames_may_not_become_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sealed._MAX, "golden.npz", 1000)
    assert refused(source(tmp_path / "s", golden_npz=None), "1000 are allowed").reason == "oversized"
    assert not (tmp_path / "gain-1.0").exists()


def test_any_tensor_name_can_be_a_golden_one() -> None:
    arrays = {"file": np.arange(3.0), "allow_pickle": np.zeros((2, 2), np.int8), "a/b": np.float32(1)}
    again = read_golden(npz_bytes(arrays), "g")
    assert again.keys() == arrays.keys()
    assert all((again[name] == arrays[name]).all() for name in arrays)


def test_wrong_answers_are_refused(tmp_path: Path) -> None:
    frames = golden()
    frames["denoised"] = frames["denoised"] * 1.01
    refused(source(tmp_path / "s", golden_npz=npz(**frames)), "not those of the network")


@pytest.mark.parametrize("name", ["manifest.toml", "model.onnx", "card.md"])
def test_each_file_missing(tmp_path: Path, name: str) -> None:
    folder = source(tmp_path / "s", **{name.replace(".", "_"): None})
    assert refused(folder, "the file is missing").where == f"{folder}/{name}"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("model_onnx", gain(np.nan).SerializeToString(), "NaN"),
        ("model_onnx", b"garbage", "model.onnx"),
        ("manifest_toml", b"name = 1", "manifest.toml"),
        ("golden_npz", b"garbage", "golden.npz"),
        ("golden_npz", npz(image=np.zeros((1, 1, 1, 8, 8))), "image is float64"),
        ("golden_npz", npz(image=np.float32(0)), "number of frames"),
        ("golden_npz", npz(image=np.zeros((1, 1, 1, 4, 8), np.float32)), "y is 8 to 64"),
        ("golden_npz", npz(other=np.zeros((1, 1, 1, 8, 8), np.float32)), "other"),
        ("card_md", b"\xff\xff", "UTF-8"),
        ("card_md", OPEN.encode(), "card.md: says"),
        ("manifest_toml", MANIFEST.replace("be used", OPEN).encode(), OPEN),
        ("run_sh", b"rm", "not part of a package"),
    ],
)
def test_what_would_be_refused_at_load_is_not_packed(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    refused(source(tmp_path / "s", **{name: data}), says)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_network_that_answers_nan_in_its_range_is_refused(tmp_path: Path) -> None:
    logarithm = network([node("Sub", ["image", "ten"], ["d"]), node("Log", ["d"], ["denoised"])], [stored("ten", 10)])
    kind = npz(image=np.full((1, 1, 1, 8, 8), 50, np.float32))  # frames that do not show it
    refused(source(tmp_path / "s", model_onnx=logarithm.SerializeToString(), golden_npz=kind), "denoised holds NaN")


def test_a_network_for_even_sizes_only_is_refused_for_any_size(tmp_path: Path) -> None:
    down = node("MaxPool", ["image"], ["low"], kernel_shape=[2, 2], strides=[2, 2])
    up = node("Resize", ["low", "", "twice"], ["high"], mode="nearest")
    model = network([down, up, node("Add", ["high", "image"], ["denoised"])], [stored("twice", [1, 1, 2, 2])])
    folder = source(tmp_path / "s", model_onnx=model.SerializeToString(), golden_npz=None)
    refused(folder, "ONNX Runtime cannot run it")


def test_one_version_is_one_content(tmp_path: Path) -> None:
    first, out = source(tmp_path / "s"), tmp_path / "out"
    package = pack(first, out, KEY)
    assert pack(first, out, new_key()).sha256 == package.sha256  # signed anew: the same package
    pack(first, out, KEY)
    (first / "model.onnx").write_bytes(gain(3.0).SerializeToString())
    (first / "golden.npz").unlink()
    refused(first, "holds a different gain 1.0", out)
    assert load_package(out, KEYS).sha256 == package.sha256
    (first / "manifest.toml").write_text(MANIFEST.replace('"1.0"', '"1.1"'))
    assert pack(first, out, KEY).manifest.version == "1.1"
    (first / "manifest.toml").write_text(MANIFEST.replace('"gain"', '"other"'))
    refused(first, "holds another package, 'gain'", out)


def test_nothing_that_is_no_package_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    refused(source(tmp_path / "s"), "holds something that is no package", out)
    assert (out / "thesis.txt").exists()


def test_a_folder_may_be_signed_where_it_is_but_not_changed(tmp_path: Path) -> None:
    folder = source(tmp_path / "s")
    package = pack(folder, folder, KEY)
    assert pack(folder, folder, KEY).sha256 == package.sha256
    (folder / "card.md").write_text("changed")
    refused(folder, "changed since it was signed", folder)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [(OSError(28, "No space left on device"), ScansideError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_full_disk_or_an_interrupt_leaves_the_old_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, raised: type[BaseException]
) -> None:
    first, out = source(tmp_path / "s"), tmp_path / "out"
    package = pack(first, out, KEY)
    (first / "manifest.toml").write_text(MANIFEST.replace('"1.0"', '"1.1"'))
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "made":
            raise fault
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(raised, match=r"No space left|^$"):
        pack(first, out, KEY)
    assert load_package(out, KEYS).sha256 == package.sha256


def stranger() -> onnx.ModelProto:
    """A classifier as an exporter writes it: two channels in, odd names, a batch of any size, a score out."""
    random = np.random.default_rng(3)
    weights = {
        "onnx::Conv_42": random.normal(size=(6, 2, 3, 3)),
        "features.1.weight": random.uniform(0.5, 1, 6),
        "features.1.bias": random.normal(size=6),
        "features.1.running_mean": random.normal(size=6),
        "features.1.running_var": random.uniform(1, 2, 6),
        "fc.weight": random.normal(size=(3, 6)),
        "fc.bias": random.normal(size=3),
    }
    norm = [f"features.1.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        node("Conv", ["input.1", "onnx::Conv_42"], ["/f/0"], name="/features/0/Conv", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["/f/0", *norm], ["/f/1"], name="/features/1/BatchNormalization"),
        node("Relu", ["/f/1"], ["/f/2"], name="/features/2/Relu"),
        node("GlobalAveragePool", ["/f/2"], ["/pool"], name="/pool/GlobalAveragePool"),
        node("Flatten", ["/pool"], ["/flat"], name="/Flatten", axis=1),
        node("Gemm", ["/flat", "fc.weight", "fc.bias"], ["/fc"], name="/fc/Gemm", transB=1),
        node("Softmax", ["/fc"], ["71"], name="/Softmax", axis=1),
    ]
    return network(
        nodes,
        [stored(name, values) for name, values in weights.items()],
        inputs=[("input.1", TensorProto.FLOAT, ["N", 2, 64, 64])],
        outputs=[("71", TensorProto.FLOAT, [None, None])],
        opset=18,
        producer_name="pytorch",
    )


def through_the_whole_way(tmp_path: Path, model: onnx.ModelProto, axes: dict[str, tuple[int, int]]) -> Package:
    onnx.save(model, tmp_path / "Some Net_v2.onnx")
    manifest = draft(tmp_path / "Some Net_v2.onnx", tmp_path / "source", axes)
    refused(tmp_path / "source", f"says {OPEN}")
    filled(manifest)
    package = pack(tmp_path / "source", None, KEY)
    loaded = load_package(package.path, KEYS)
    session = ort.InferenceSession(loaded.model, providers=["CPUExecutionProvider"])
    for index in range(2):
        given = {tensor.name: loaded.golden[tensor.name][index] for tensor in loaded.manifest.inputs}
        (answer,) = session.run(None, given)
        np.testing.assert_allclose(answer, loaded.golden[loaded.manifest.outputs[0].name][index], rtol=1e-4, atol=1e-6)
    return loaded


def test_a_network_that_is_not_ours(tmp_path: Path) -> None:
    package = through_the_whole_way(tmp_path, stranger(), {"N": (1, 8)})
    assert package.manifest.name == "some-net-v2"
    (taken,), (given,) = package.manifest.inputs, package.manifest.outputs
    assert [s if isinstance(s, int) else (s.name, s.min, s.max) for s in taken.shape] == [("N", 1, 8), 2, 64, 64]
    assert [s if isinstance(s, int) else s.name for s in given.shape] == ["N", 3]
    assert package.parameters == 6 * 2 * 9 + 4 * 6 + 3 * 6 + 3


def test_a_published_architecture(tmp_path: Path) -> None:
    file = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
    model = version_converter.convert_version(onnx.load(file), 17)
    package = through_the_whole_way(tmp_path, model, {})
    assert package.manifest.outputs[0].shape[:2] == (1, 1000)


def test_a_draft_says_what_is_missing_or_too_much(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    onnx.save(stranger(), file)
    with pytest.raises(PackageRefused, match=r"'N' has no bound; give --axis N=LEAST\.\.GREATEST"):
        draft(file, tmp_path / "d", {})
    with pytest.raises(PackageRefused, match="no input has a size 'M'; its sizes are N"):
        draft(file, tmp_path / "d", {"N": (1, 2), "M": (1, 2)})
    (tmp_path / "bad.onnx").write_bytes(b"garbage")
    with pytest.raises(PackageRefused, match="not an ONNX file"):
        draft(tmp_path / "bad.onnx", tmp_path / "d", {})
    with pytest.raises(PackageRefused, match="cannot be read"):
        draft(tmp_path / "none.onnx", tmp_path / "d", {})
    with pytest.raises(ScansideError, match="cannot be written"):
        draft(file, file / "d", {"N": (1, 2)})
    outputless = gain()
    outputless.graph.node[0].output[0] = "elsewhere"
    onnx.save(outputless, tmp_path / "odd.onnx")
    with pytest.raises(PackageRefused, match="not valid ONNX"):
        draft(tmp_path / "odd.onnx", tmp_path / "d", dict.fromkeys(("batch", "y", "x"), (8, 9)))
    assert not (tmp_path / "d").exists()
    draft(file, tmp_path / "d", {"N": (1, 2)})
    with pytest.raises(PackageRefused, match="exists already"):
        draft(file, tmp_path / "d", {"N": (1, 2)})


def test_a_draft_names_the_node_that_cannot_be_packed(tmp_path: Path) -> None:
    model = stranger()
    model.graph.node[2].domain = "com.vendor"
    model.opset_import.add(domain="com.vendor", version=1)
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(PackageRefused, match=r"'/features/2/Relu': operator com\.vendor\.Relu is of an unknown domain"):
        draft(tmp_path / "net.onnx", tmp_path / "d", {"N": (1, 2)})


def test_a_draft_finds_sizes_that_follow_from_others(tmp_path: Path) -> None:
    pool = node("MaxPool", ["image"], ["half"], kernel_shape=[2, 2], strides=[2, 2])
    shape = ["batch", 1, "y", None]
    model = network(
        [pool], inputs=[("image", TensorProto.FLOAT, shape)], outputs=[("half", TensorProto.FLOAT, [None] * 4)]
    )
    onnx.save(model, tmp_path / "net.onnx")
    manifest = draft(tmp_path / "net.onnx", tmp_path / "d", {"batch": (1, 4), "y": (8, 64), "image_3": (8, 64)})
    filled(manifest)
    package = pack(tmp_path / "d", None, KEY)
    batch, one, y, x = package.manifest.outputs[0].shape
    assert (batch, one) == (package.manifest.inputs[0].shape[0], 1)
    assert [(s.min, s.max) for s in (y, x) if not isinstance(s, int)] == [(4, 32), (4, 32)]


def test_a_package_survives_copying(tmp_path: Path) -> None:
    package = pack(source(tmp_path / "s"), None, KEY)
    shutil.copytree(package.path, tmp_path / "copy")
    assert load_package(tmp_path / "copy", KEYS).sha256 == package.sha256
    assert read_golden((tmp_path / "copy" / "golden.npz").read_bytes(), "g").keys() == {"image", "denoised"}
