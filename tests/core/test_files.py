"""Files: exact round trips, one clear sentence for everything else, and no half-written file."""

import errno
import os
import re
import stat
import string
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import io, sparse

import noiseprune as npr
from noiseprune import FileError, NetworkError, NoisePruneError, RateNetwork, files
from noiseprune.cli.shared import DESTINATION
from noiseprune.files import networks

SUFFIXES = tuple(networks._FORMATS)
WITH_LEAK = tuple(suffix for suffix in SUFFIXES if files.holds_leak(f"net{suffix}"))
WITH_LABELS = (*WITH_LEAK, ".csv", ".tsv")

few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def random_network(n=7, density=0.3, *, symmetric=False, labels=None, seed=3):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((n, n)) * 10.0 ** rng.integers(-12, 12, (n, n))
    weights *= rng.random((n, n)) < density
    if symmetric:
        weights = np.triu(weights) + np.triu(weights).T
    np.fill_diagonal(weights, 0)
    net = RateNetwork(weights, labels=labels)
    return RateNetwork.from_parts(net.weights, net.leak - np.median(net.leak), net.labels)


def assert_same_weights(one, other):
    assert type(one.weights) is type(other.weights)
    np.testing.assert_array_equal(one.dense_weights(), other.dense_weights())


# ---------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_network_comes_back_exactly(suffix, density, symmetric, tmp_path):
    labels = [f"cell {k}, é" for k in range(7, 0, -1)]
    net = random_network(density=density, symmetric=symmetric, labels=labels)
    npr.save(net, tmp_path / f"net{suffix}")
    back = npr.load(tmp_path / f"net{suffix}")
    assert_same_weights(net, back)
    assert back.is_symmetric == net.is_symmetric
    assert back.labels == (net.labels if suffix in WITH_LABELS else None)
    assert np.array_equal(back.leak, net.leak) == (suffix in WITH_LEAK)
    assert sorted(os.listdir(tmp_path)) == [f"net{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_neurons_without_labels_or_synapses_come_back(suffix, tmp_path):
    weights = np.zeros((1500, 1500))
    weights[1, 5] = 0.1
    net = RateNetwork(weights)
    npr.save(net, tmp_path / f"net{suffix}")
    back = npr.load(tmp_path / f"net{suffix}")
    assert_same_weights(net, back)
    assert back.labels is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_told_of(suffix):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^A network file is [^;]*", readme, re.M)
    for text in (files.__doc__, npr.load.__doc__, DESTINATION["network"], listed):
        assert re.search(rf"(?<!\w)\{suffix}\b", text)
    for lost, kept_by in (("leak is", WITH_LEAK), ("Labels are", WITH_LABELS)):
        (told,) = re.findall(rf"{lost} lost in (.*?)[:;]", npr.save.__doc__, re.S)
        assert (re.search(rf"\{suffix}\b", told) is None) == (suffix in kept_by)
    (row,) = re.findall(rf"^\| [^|]*\{suffix}\b.*", files.__doc__, re.M)
    _, _, leak, labels = (cell.strip() for cell in row.strip("|").split("|"))
    assert (leak != "no", labels != "no") == (suffix in WITH_LEAK, suffix in WITH_LABELS)


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@few
@given(
    st.lists(text, min_size=1, max_size=6),
    st.floats(-1e300, 1e300),
    st.sampled_from(WITH_LABELS),
)
def test_any_labels_keep_the_weights_in_place(tmp_path, labels, weight, suffix):
    n = len(labels)
    weights = np.arange(n * n, dtype=float).reshape(n, n)
    weights[0, -1] = weight
    np.fill_diagonal(weights, 0)
    net = RateNetwork(weights, 1.0, labels=labels)
    try:
        npr.save(net, tmp_path / f"net{suffix}")
    except FileError:
        assert suffix == ".graphml"  # XML has no control characters
        return
    back = npr.load(tmp_path / f"net{suffix}")
    np.testing.assert_array_equal(back.dense_weights(), net.dense_weights())
    if suffix in (".npz", ".mat"):
        assert back.labels == net.labels


@pytest.mark.parametrize("labels", [("10010", "720575940600000001", "7"), ("0", "a", "b")])
@pytest.mark.parametrize("suffix", WITH_LABELS)
def test_identifiers_are_labels(labels, suffix, tmp_path):
    net = random_network(n=3, density=1, labels=labels)
    npr.save(net, tmp_path / f"net{suffix}")
    assert npr.load(tmp_path / f"net{suffix}").labels == labels


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
def test_plain_scipy_files_load_and_scipy_reads_ours(form, tmp_path):
    net = random_network()
    sparse.save_npz(tmp_path / "plain.npz", sparse.csr_matrix(net.csr).asformat(form))
    back = npr.load(tmp_path / "plain.npz")
    assert_same_weights(net, back)
    np.testing.assert_array_equal(back.leak, RateNetwork(net.weights).leak)
    npr.save(net, tmp_path / "ours.npz")
    assert (sparse.load_npz(tmp_path / "ours.npz") != net.csr).nnz == 0


def test_the_callers_leak_beats_the_stored_one(tmp_path):
    path = tmp_path / "net.npz"
    npr.save(RateNetwork([[0, 1], [2, 0]], leak=[3.0, 4.0]), path)
    np.testing.assert_array_equal(npr.load(path).leak, [3, 4])
    np.testing.assert_array_equal(npr.load(path, leak=5).leak, [5, 5])
    np.testing.assert_array_equal(npr.load(path, leak="dominant", leak_margin=1).leak, [4, 4])


def test_saving_is_reproducible_to_the_byte(tmp_path):
    net = random_network()
    for name in "ab":
        npr.save(net, tmp_path / f"{name}.npz")
        time.sleep(0.01)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


# --------------------------------------------------------------------------------- tables


def table(tmp_path, content, name="net.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_table_adds_up_repeated_rows_and_takes_any_order_of_columns(tmp_path):
    path = table(tmp_path, "\ufeffSource,type,Count, target \nA,x,1,B\n\nB,x,4,A\nA,y,2.5, B\n")
    net = npr.load(path)
    assert net.labels == ("A", "B")
    np.testing.assert_array_equal(net.dense_weights(), [[0, 4], [3.5, 0]])


def test_whole_numbers_are_indices(tmp_path):
    net = npr.load(table(tmp_path, "pre\tpost\tsynapses\n0\t2\t5\n4\t4\t0\n", "net.tsv"))
    assert net.n_neurons == 5
    assert net.labels is None
    assert net.csr[2, 0] == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("pre,post,weight\n", "no rows"),
        ("0,1,3\n", "must start with a header"),
        ("pre;post;weight\na;b;1\n", "separated by commas"),
        ("pre,source,post,weight\na,b,c,1\n", "one column each"),
        ("pre,post,weight\na,b,1\n\na,c,x\n", "line 4: the weight is 'x'"),
        ("pre,post,weight\na,b,1\na,c\n", "line 3: 2 cells"),
        ("pre,post,weight\na,b,1\na, ,2\n", "line 3: a neuron has no name"),
        ("pre,post,weight\na,b,\n", "line 2: the weight is ''"),
        ("pre,post,weight\na,b,nan\n", "finite"),
        ("pre,post,weight\na,a,1\n", "self-synapse"),
    ],
)
def test_a_faulty_table_is_refused_with_its_line(content, message, tmp_path):
    path = table(tmp_path, content)
    with pytest.raises(NoisePruneError) as caught:
        npr.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fault_late_in_a_long_table_is_found(tmp_path):
    rows = "".join(f"{k % 50},{k % 50 + 1},1\n" for k in range(5000))
    with pytest.raises(FileError, match="line 5002: "):
        npr.load(table(tmp_path, "pre,post,weight\n" + rows + "a,b,c\n"))


def test_self_synapses_can_be_dropped(tmp_path):
    path = table(tmp_path, "pre,post,weight\na,a,1\na,b,2\n")
    np.testing.assert_array_equal(npr.load(path, drop_self=True).dense_weights(), [[0, 0], [2, 0]])


# -------------------------------------------------------------------------- other formats


def test_graphs_of_others_load(tmp_path):
    path = tmp_path / "net.gml"
    path.write_text(
        "graph [ directed 1 node [ id 3 ] node [ id 8 ] edge [ source 3 target 8 weight 2 ] ]"
    )
    net = npr.load(path)
    assert net.labels == ("3", "8")
    np.testing.assert_array_equal(net.dense_weights(), [[0, 0], [2, 0]])


def test_a_leak_for_some_nodes_only_is_refused(tmp_path):
    path = tmp_path / "net.gml"
    path.write_text("graph [ node [ id 0 leak 1.5 ] node [ id 1 ] edge [ source 0 target 1 ] ]")
    with pytest.raises(FileError, match="no leak for 1 of 2 nodes"):
        npr.load(path)


def test_mat_files(tmp_path):
    path = tmp_path / "net.mat"
    io.savemat(path, {"weights": np.eye(2)})
    with pytest.raises(FileError, match="has the variables weights, but not W"):
        npr.load(path)
    io.savemat(path, {"W": sparse.csc_array([[0, 1.0, 0], [0, 0, 0], [0, 2, 0]])})
    assert npr.load(path).n_synapses == 2
    io.savemat(path, {"W": np.array([[0, 1j], [0, 0]])})
    with pytest.raises(NetworkError, match="complex"):
        npr.load(path)
    io.savemat(path, {"W": np.zeros((2, 2), dtype=np.int8), "labels": np.arange(2)})
    with pytest.raises(FileError, match="cell array of char"):
        npr.load(path)
    io.savemat(path, {"W": "text"})
    with pytest.raises(NoisePruneError):
        npr.load(path)
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header.ljust(600, b"\0"))
    with pytest.raises(FileError, match=r"7\.3.*-v7'"):
        npr.load(path)


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric"])
@pytest.mark.parametrize("kind", [sparse.coo_array, np.asarray])
@pytest.mark.parametrize("field", ["real", "integer"])
def test_matrix_market_agrees_with_scipy(symmetry, kind, field, tmp_path):
    weights = np.round(100 * np.random.default_rng(11).standard_normal((5, 5)))
    sign = {"symmetric": 1, "skew-symmetric": -1}.get(symmetry)
    weights = weights if sign is None else weights + sign * weights.T
    np.fill_diagonal(weights, 0)
    path = tmp_path / "net.mtx"
    stored = kind(weights.astype(int) if field == "integer" else weights / 7)
    io.mmwrite(path, stored, comment="a comment", symmetry=symmetry)
    expected = io.mmread(path)
    expected = expected.toarray() if sparse.issparse(expected) else expected
    np.testing.assert_array_equal(npr.load(path).dense_weights(), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello\n", "starts with 'hello'"),
        ("%%MatrixMarket matrix array complex general\n1 1\n0 1\n", "is complex general"),
        ("%%MatrixMarket matrix coordinate real general\n%\n", "no size"),
        ("%%MatrixMarket matrix coordinate real general\n3 3 2\n1 2 3\n", "promises 2 rows of 3"),
        ("%%MatrixMarket matrix coordinate real general\n3 3 1\n1 4 3\n", "index outside"),
        ("%%MatrixMarket matrix coordinate real general\n3 3 1\n1 2 3x4\n", "not 3 numbers"),
    ],
)
def test_a_faulty_matrix_market_file_is_refused(content, message, tmp_path):
    with pytest.raises(FileError, match=message):
        npr.load(table(tmp_path, content, "net.mtx"))


def test_a_pattern_counts_one_a_synapse(tmp_path):
    header = "%%MatrixMarket matrix coordinate pattern symmetric\n"
    net = npr.load(table(tmp_path, header + "% one\n\n2 2 1\n2 1\n", "net.mtx"))
    np.testing.assert_array_equal(net.dense_weights(), [[0, 1], [1, 0]])


def test_pickles_are_refused(tmp_path):
    objects = np.array([[None]])
    np.save(tmp_path / "net.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "net.npz", format=objects)
    for name in ("net.npy", "net.npz"):
        with pytest.raises(FileError):
            npr.load(tmp_path / name)


def test_absurd_sizes_are_refused_before_they_fill_the_memory(tmp_path):
    header = "%%MatrixMarket matrix"
    (tmp_path / "a.mtx").write_text(f"{header} array real general\n100000 100000\n1\n")
    (tmp_path / "b.mtx").write_text(f"{header} coordinate real general\n9 9 9000000000\n1 2 1\n")
    (tmp_path / "c.mtx").write_text(
        f"{header} coordinate real general\n9000000000 9000000000 1\n1 2 1\n"
    )
    with (tmp_path / "d.npy").open("wb") as file:
        shape = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
        np.lib.format.write_array_header_1_0(file, shape)
    for path in tmp_path.iterdir():
        with pytest.raises(FileError):
            npr.load(path)


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("noiseprune.files.guard._LARGE", 2**20)
    path = tmp_path / "net.npz"
    np.savez_compressed(path, format=np.array(b"csr"), data=np.zeros(2**20))
    with pytest.raises(FileError, match="would expand to"):
        npr.load(path)
    io.savemat(tmp_path / "net.mat", {"W": np.zeros((1000, 1000))}, do_compression=True)
    with pytest.raises(FileError, match="expands beyond"):
        npr.load(tmp_path / "net.mat")


@pytest.mark.parametrize("bad", [-1, 9])
def test_an_index_out_of_range_is_refused(bad, tmp_path):
    csr = random_network().csr
    indices = csr.indices.copy()
    indices[0] = bad
    np.savez(
        tmp_path / "net.npz",
        format=np.array(b"csr"),
        shape=csr.shape,
        data=csr.data,
        indices=indices,
        indptr=csr.indptr,
    )
    with pytest.raises(FileError, match="not a sound"):
        npr.load(tmp_path / "net.npz")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"leak": np.ones(3)}, "shape"),
        ({"leak": np.full(7, np.nan)}, "not a finite"),
        ({"labels": np.array(["a"])}, "1 labels for 7 neurons"),
    ],
)
def test_a_stored_leak_or_labels_that_do_not_fit(extra, message, tmp_path):
    path = tmp_path / "net.npz"
    npr.save(random_network(), path)
    with np.load(path) as archive:
        content = {**archive, **extra}
    np.savez(path, **content)
    with pytest.raises(NetworkError, match=message) as caught:
        npr.load(path)
    assert str(path) in str(caught.value)


def test_weights_that_are_no_network_are_told_with_the_file(tmp_path):
    np.save(tmp_path / "net.npy", np.ones((2, 3)))
    with pytest.raises(NetworkError, match=r"net\.npy: .*square"):
        npr.load(tmp_path / "net.npy")


def test_what_is_no_file(tmp_path):
    for path, message in [
        (tmp_path / "missing.npz", "no file"),
        (tmp_path / "net.xyz", r"use one of \.npz, \.mtx"),
        (tmp_path / "net", "use one of"),
        (tmp_path / ("x" * 300 + ".npz"), "cannot be read"),
        ("nul\0.npz", "null byte"),
    ]:
        with pytest.raises(FileError, match=message):
            npr.load(path)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(FileError, match="is a folder"):
        npr.load(tmp_path / "folder.npz")
    with pytest.raises(FileError, match="not a file"):
        npr.save(random_network(), tmp_path / "folder.npz")


# -------------------------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a sound file in every format."""
    folder = tmp_path_factory.mktemp("whole")
    net = random_network(labels=list("abcdefg"))
    content = {}
    for suffix in SUFFIXES:
        npr.save(net, folder / f"net{suffix}")
        content[suffix] = (folder / f"net{suffix}").read_bytes()
    io.savemat(folder / "plain.mat", {"W": net.weights}, do_compression=False)
    content["plain.mat"] = (folder / "plain.mat").read_bytes()
    return content


def loads_or_refuses(path, read=npr.load):
    try:
        read(path)
    except NoisePruneError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 600 + len(str(path))


@pytest.mark.parametrize("suffix", [*SUFFIXES, "plain.mat"])
@few
@given(data=st.data())
def test_a_damaged_file_loads_or_is_refused(tmp_path, whole, suffix, data):
    content = bytearray(whole[suffix])
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    loads_or_refuses(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@few
@given(content=st.binary(max_size=300) | st.text(string.printable, max_size=60).map(str.encode))
def test_random_bytes_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    loads_or_refuses(path)


# ------------------------------------------------------------------------- atomic writing


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (RuntimeError("a bug"), RuntimeError),
        (OSError(errno.ENOSPC, "No space left on device"), FileError),
    ],
)
def test_an_interrupted_write_leaves_the_old_file_whole(error, expected, tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def interrupted():
        with files.write_atomically(path) as temporary:
            temporary.write_text("half of the n")
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".txt"
            raise error

    with pytest.raises(expected):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.txt"]


def test_a_full_disk_is_said_in_one_sentence(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(FileError, match="the disk is full: free some space"):
        npr.save(random_network(), tmp_path / "net.npz")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_never_replaced():
    with pytest.raises(FileError, match="not a file"), files.write_atomically("/dev/full"):
        pass
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(FileError, match="does not exist: create it"):
        npr.save(random_network(), tmp_path / "none" / "net.npz")


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_permissions_are_as_usual_and_links_are_followed(tmp_path):
    mask = os.umask(0o027)
    try:
        npr.save(random_network(), tmp_path / "net.npz")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "net.npz").stat().st_mode) == 0o640
    (tmp_path / "net.npz").chmod(0o604)
    (tmp_path / "link.npz").symlink_to(tmp_path / "net.npz")
    npr.save(RateNetwork([[0, 1], [1, 0]]), tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert npr.load(tmp_path / "net.npz").n_neurons == 2
    assert stat.S_IMODE((tmp_path / "net.npz").stat().st_mode) == 0o604


def test_only_networks_are_saved(tmp_path):
    with pytest.raises(NetworkError, match="found ndarray"):
        npr.save(np.eye(2), tmp_path / "net.npz")
    with pytest.raises(FileError, match="use one of"):
        npr.save(random_network(), tmp_path / "net.docx")


# --------------------------------------------------------------------------- trajectories


class Run:
    """A trajectory as `simulate` returns it, as far as files care."""

    def __init__(self, n_times=6, replicas=2, n=3):
        self.times = np.arange(n_times) * 0.05
        self.rates = np.random.default_rng(5).standard_normal((n_times, replicas, n))

    def to_neo(self):
        import neo
        import quantities as pq

        block = neo.Block(name="run")
        for replica in range(self.rates.shape[1]):
            segment = neo.Segment(name=f"replica {replica}")
            signal = neo.AnalogSignal(
                self.rates[:, replica], units=1 / pq.s, sampling_period=0.05 * pq.s
            )
            segment.analogsignals.append(signal)
            block.segments.append(segment)
        return block


@pytest.mark.parametrize("suffix", [".npz", ".nix"])
def test_a_trajectory_comes_back(suffix, tmp_path):
    run = Run()
    files.save_trajectory(run, tmp_path / f"run{suffix}")
    times, rates = files.load_trajectory(tmp_path / f"run{suffix}")
    np.testing.assert_allclose(times, run.times, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(rates, run.rates)
    assert os.listdir(tmp_path) == [f"run{suffix}"]


def test_a_trajectory_that_is_none_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"\.npz or \.nix"):
        files.save_trajectory(Run(), tmp_path / "run.csv")
    npr.save(random_network(), tmp_path / "net.npz")
    with pytest.raises(FileError, match="has times and rates"):
        files.load_trajectory(tmp_path / "net.npz")
    np.savez(tmp_path / "odd.npz", times=np.zeros(3), rates=np.zeros((4, 1, 2)))
    with pytest.raises(FileError, match=r"\(T, replicas, N\)"):
        files.load_trajectory(tmp_path / "odd.npz")
    (tmp_path / "text.nix").write_text("no HDF5")
    with pytest.raises(FileError, match=r"not a \.nix file"):
        files.load_trajectory(tmp_path / "text.nix")


def test_a_truncated_trajectory_is_refused(tmp_path):
    for suffix in (".npz", ".nix"):
        path = tmp_path / f"run{suffix}"
        files.save_trajectory(Run(), path)
        content = path.read_bytes()
        for length in (10, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            with pytest.raises(FileError):
                files.load_trajectory(path)
