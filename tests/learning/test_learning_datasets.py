"""Data to learn from: their laws, and files in every format, good and bad."""

import gzip
import pickle
import sys
from typing import get_args

import numpy as np
import pytest
import torch

from noiseprune import FileError, MissingExtraError, OptionError
from noiseprune.learning import (
    Batches,
    LinearRegressionDataset,
    SemanticsDataset,
    classification,
    linear_teacher,
)
from noiseprune.learning.data.images import read_images
from noiseprune.learning.options.names import Loss
from noiseprune.learning.training import supervised

RNG = np.random.default_rng(3)
MNIST = {
    "x_train": RNG.integers(0, 256, (6, 28, 28), np.uint8),
    "y_train": np.arange(6, dtype=np.uint8),
    "x_test": RNG.integers(0, 256, (3, 28, 28), np.uint8),
    "y_test": np.array([9, 8, 7], np.uint8),
}
CIFAR = {
    "x_train": RNG.integers(0, 256, (10, 3, 32, 32), np.uint8),
    "y_train": np.arange(10, dtype=np.uint8),
    "x_test": RNG.integers(0, 256, (2, 3, 32, 32), np.uint8),
    "y_test": np.array([4, 5], np.uint8),
}


# ---------------------------------------------------------------------------- linear teachers


def test_the_semantic_teacher_has_its_singular_values():
    data = SemanticsDataset(20_000, seed=3)
    assert data.data.shape == (20_000, 7)
    np.testing.assert_allclose(
        np.linalg.svd(data.w, compute_uv=False) ** 2, [7, 3, 1, 1], rtol=1e-12
    )
    np.testing.assert_allclose(data.targets, data.data @ data.w.T)
    x, y = data[5]
    np.testing.assert_array_equal((x, y[:1])[0], data.data[5])
    assert (len(data), y.shape) == (20_000, (4,))


def test_inputs_have_their_covariance():
    mixing = np.random.default_rng(5).standard_normal((7, 7))
    cov = mixing @ mixing.T / 7 + np.eye(7)
    n = 40_000
    data = SemanticsDataset(n, cov, seed=3)
    products = data.data[:, :, None] * data.data[:, None, :]
    z = (products.mean(0) - cov) / (products.std(0) / np.sqrt(n))
    assert np.abs(z).max() < 4
    # The covariance of items with features is that of the task, whatever C is.
    np.testing.assert_allclose(data.w @ cov, SemanticsDataset(1).w, atol=1e-12)


def test_a_teacher_has_the_singular_values_asked_for():
    teacher = linear_teacher([1.0, 0.2], 30)
    assert teacher.shape == (2, 30)
    np.testing.assert_allclose(np.linalg.svd(teacher, compute_uv=False), [1.0, 0.2], rtol=1e-12)
    assert LinearRegressionDataset(np.ones(3), 5, seed=1).targets.shape == (5, 1)
    np.testing.assert_array_equal(
        SemanticsDataset(5, seed=3).data, SemanticsDataset(5, seed=3).data
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LinearRegressionDataset(np.ones(3), 5, np.eye(2)), r"\(2, 2\): give .* \(3, 3\)"),
        (lambda: LinearRegressionDataset(np.ones(2), 5, -np.eye(2)), "eigenvalue -1, below 0"),
        (lambda: LinearRegressionDataset(np.ones(2), 0), "samples is 0"),
        (lambda: SemanticsDataset(5, np.zeros((7, 7))), "singular"),
        (lambda: SemanticsDataset(5, np.eye(3)), r"\(3, 3\)"),
        (lambda: linear_teacher([1, 1, 1], 2), "give 1 to 2 numbers"),
        (lambda: linear_teacher([1, -1], 2), "give 1 to 2 numbers"),
    ],
)
def test_wrong_teachers_are_refused(make, said):
    with pytest.raises(OptionError, match=said):
        make()


# ---------------------------------------------------------------------------- classification


def test_the_digits():
    found = classification(validation=0.25, seed=3)
    parts = (found.x_train, found.x_validation, found.x_test)
    assert [len(part) for part in parts] == [1078, 360, 359]
    assert all(0 <= part.min() < part.max() <= 1 for part in parts)
    together = np.concatenate(parts)
    assert len(np.unique(together, axis=0)) == 1797
    same = classification(seed=3, validation=0.25)
    np.testing.assert_array_equal(same.x_test, found.x_test)
    np.testing.assert_array_equal(same.x_train, found.x_train)
    assert not np.array_equal(classification(seed=5).x_test, found.x_test)
    sequences = found.rows(found.x_test)
    assert sequences.shape == (359, 8, 8)
    np.testing.assert_array_equal(sequences[0, 2], found.x_test[0, 16:24])


def test_standardised_by_the_training_data_alone():
    plain, found = classification(seed=3), classification(seed=3, standardise=True)
    np.testing.assert_allclose(found.x_train.mean(0), 0, atol=1e-5)
    expected = (plain.x_test - plain.x_train.mean(0)) / plain.x_train.std()
    np.testing.assert_allclose(found.x_test, expected, atol=1e-5)


def test_what_cannot_be_had_is_refused(tmp_path, monkeypatch):
    with pytest.raises(OptionError, match="unknown data set 'digit': did you mean 'digits'"):
        classification("digit")
    with pytest.raises(OptionError, match="validation is 1"):
        classification(validation=1)
    with pytest.raises(OptionError, match="nothing is downloaded"):
        classification("mnist")
    with pytest.raises(OptionError, match="come with scikit-learn"):
        classification("digits", tmp_path)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"digits needs .*noiseprune\[learn\]"):
        classification("digits")


# -------------------------------------------------------------------------------------- files


def write_npz(folder, name, arrays):
    np.savez(folder / f"{name}.npz", **arrays)


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return b"\0\0\x08" + bytes([array.ndim]) + sizes + array.tobytes()


def write_idx(folder, name, arrays, *, zipped=False, dotted=False):
    for stem, part in (("train", "train"), ("t10k", "test")):
        for kind, letter in (("images-idx3", "x"), ("labels-idx1", "y")):
            text = f"{stem}-{kind}-ubyte"
            text = text.replace("-idx", ".idx") if dotted else text
            data = idx(arrays[f"{letter}_{part}"])
            path = folder / (f"{text}.gz" if zipped else text)
            path.write_bytes(gzip.compress(data) if zipped else data)


def write_csv(folder, name, arrays, *, header=False):
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        lines = [",".join(map(str, [c, *image.ravel()])) for c, image in zip(y, x, strict=True)]
        if header:
            lines.insert(0, "label," + ",".join(f"p{k}" for k in range(784)))
        (folder / f"mnist_{part}.csv").write_text("\n".join(lines) + "\n")


def batches(arrays):
    for k in range(5):
        part = slice(2 * k, 2 * k + 2)
        yield f"data_batch_{k + 1}", arrays["x_train"][part], arrays["y_train"][part]
    yield "test_batch", arrays["x_test"], arrays["y_test"]


def write_binary(folder, name, arrays):
    for stem, x, y in batches(arrays):
        (folder / f"{stem}.bin").write_bytes(
            np.concatenate([y[:, None], x.reshape(len(x), -1)], 1).tobytes()
        )


def write_pickles(folder, name, arrays):
    for stem, x, y in batches(arrays):
        record = {b"data": x.reshape(len(x), -1), b"labels": [int(c) for c in y]}
        (folder / stem).write_bytes(pickle.dumps(record, protocol=3))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("mnist", write_npz),
        ("mnist", write_idx),
        ("mnist", lambda *given: write_idx(*given, zipped=True)),
        ("mnist", lambda *given: write_idx(*given, dotted=True)),
        ("mnist", write_csv),
        ("mnist", lambda *given: write_csv(*given, header=True)),
        ("cifar10", write_npz),
        ("cifar10", write_binary),
        ("cifar10", write_pickles),
    ],
)
def test_every_format_holds_the_same(name, write, tmp_path):
    arrays = MNIST if name == "mnist" else CIFAR
    folder = tmp_path / "below"
    folder.mkdir()
    write(folder, name, arrays)
    (x, y, x_test, y_test), shape = read_images(name, tmp_path)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, arrays["x_train"].reshape(len(x), -1) / np.float32(255))
    np.testing.assert_array_equal(y, arrays["y_train"])
    np.testing.assert_allclose(x_test.reshape(-1, *shape) * 255, arrays["x_test"], rtol=1e-6)
    np.testing.assert_array_equal(y_test, arrays["y_test"])
    found = classification(name, tmp_path, validation=0.5, seed=3)
    assert len(found.x_validation) == len(x) // 2
    assert set(found.y_validation) | set(found.y_train) == set(y)


def test_colours_last_come_first(tmp_path):
    turned = {k: v.transpose(0, 2, 3, 1) if v.ndim == 4 else v[:, None] for k, v in CIFAR.items()}
    write_npz(tmp_path, "cifar10", turned)
    found = classification("cifar10", tmp_path)
    np.testing.assert_allclose(
        found.x_test.reshape(-1, 3, 32, 32) * 255, CIFAR["x_test"], rtol=1e-6
    )
    rows = found.rows(found.x_test)
    assert rows.shape == (2, 32, 96)
    np.testing.assert_allclose(rows[1, 4, 32:64] * 255, CIFAR["x_test"][1, 1, 4], rtol=1e-6)


class Evil:
    def __reduce__(self):
        return (print, ("called",))


def test_a_pickle_cannot_call_anything(tmp_path, capsys):
    write_pickles(tmp_path, "cifar10", CIFAR)
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": Evil(), b"labels": []}))
    with pytest.raises(FileError, match=r"data_batch_3 .*it calls .*print, which no data need"):
        read_images("cifar10", tmp_path)
    assert capsys.readouterr().out == ""


def damage(folder, what):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(what(path.read_bytes()))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda data: data[:-5], "holds 2347 bytes, but its head says 2352"),
        (lambda data: b"\0\0\x0d" + data[3:], "not an IDX file of bytes"),
        (lambda data: b"", "is empty"),
        (lambda data: idx(MNIST["x_test"][:2]), r"images \(2, 28, 28\) of uint8 and 3 classes"),
        (lambda data: idx(MNIST["x_test"][:, :9]), r"of 784 pixels"),
    ],
)
def test_damaged_files_are_named(what, said, tmp_path):
    write_idx(tmp_path, "mnist", MNIST)
    damage(tmp_path, what)
    with pytest.raises(FileError, match=said):
        read_images("mnist", tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileError, match=r"no files of mnist: put train-images-idx3-ubyte"):
        read_images("mnist", tmp_path)
    with pytest.raises(FileError, match=r"no files of cifar10: put data_batch_1"):
        read_images("cifar10", tmp_path)
    with pytest.raises(FileError, match="is not a folder"):
        read_images("mnist", tmp_path / "nowhere")
    with pytest.raises(OptionError, match="unknown data set of files 'svhn'"):
        read_images("svhn", tmp_path)
    write_npz(tmp_path, "mnist", MNIST | {"y_test": np.array([9, 8, 12])})
    with pytest.raises(FileError, match="the class 12"):
        read_images("mnist", tmp_path)
    (tmp_path / "data_batch_1.bin").write_bytes(b"12345")
    for k in range(2, 6):
        (tmp_path / f"data_batch_{k}.bin").write_bytes(b"1" * 3073)
    (tmp_path / "test_batch.bin").write_bytes(b"1" * 3073)
    with pytest.raises(FileError, match="no multiple of 3073"):
        read_images("cifar10", tmp_path)


# ------------------------------------------------------------------------------------ epochs


def test_batches_hold_every_sample_once_in_a_new_order():
    x, y = torch.arange(10.0)[:, None], torch.arange(10)
    shuffled = Batches(x, y, 3, torch.Generator().manual_seed(3))
    orders = [torch.cat([target for _, target in shuffled]).tolist() for _ in range(2)]
    assert orders[0] != orders[1]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert [len(part) for part, _ in Batches(x, y, 3)] == [3, 3, 3, 1]


@pytest.mark.parametrize("loss", get_args(Loss))
def test_losses_do_not_depend_on_the_batch(loss):
    model = torch.nn.Linear(4, 3)
    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(3))
    y = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    one, other = (supervised.test_classifier(model, Batches(x, y, n), 3, loss) for n in (10, 3))
    assert one.loss == pytest.approx(other.loss, rel=1e-6)
    assert one.error == other.error == int((model(x).argmax(1) != y).sum()) / 10
    expected = {
        "mse": (model(x) - torch.eye(3)[y]).square().sum(1).mean(),
        "cross-entropy": torch.nn.functional.cross_entropy(model(x), y),
    }
    assert one.loss == pytest.approx(expected[loss].item(), rel=1e-6)
    with pytest.raises(OptionError, match="unknown loss 'mes'"):
        supervised.test_classifier(model, Batches(x, y, 3), 3, "mes")


def test_a_step_is_that_of_pytorch():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(3))
    y = torch.randn(6, 2, generator=torch.Generator().manual_seed(5))
    models = [torch.nn.Linear(4, 2) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    ours, theirs = (torch.optim.SGD(model.parameters(), 0.1) for model in models)
    scores = supervised.train_regressor(models[0], Batches(x, y, 6), ours)
    loss = torch.nn.MSELoss()(models[1](x), y)
    loss.backward()
    theirs.step()
    assert scores.loss == pytest.approx(2 * loss.item(), rel=1e-6)
    assert scores.error is None
    torch.testing.assert_close(models[0].weight, models[1].weight)
