"""Pieces of work made elsewhere, lost, kept and taken up again: always the same result."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from noiseprune import (
    ClusterError,
    FileError,
    MissingExtraError,
    OptionError,
    cli,
    clustered_network,
    save,
    simulate,
    synapse_variance,
)
from noiseprune.cluster import job_script, pool, resumed, slurm_options, workers
from noiseprune.simulation import Simulation, streaming_covariance
from noiseprune.work import digest, in_order, serial


class Numbers:
    """What the pieces of these tests share."""

    def __init__(self, factor, folder=None):
        self.factor, self.folder = factor, folder

    def digest(self):
        return digest(self.factor)


def times(shared, item):
    """Counts itself in the folder, and takes a while."""
    if shared.folder is not None:
        (shared.folder / f"{item}-{time.monotonic_ns()}").touch()
        time.sleep(0.2)
    return shared.factor * np.arange(item), item


def deadly(shared, item):
    """Takes its worker down, once for every item."""
    mark = shared.folder / f"died-{item}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return np.full(3, item * shared.factor), item


def hopeless(shared, item):
    os.kill(os.getpid(), signal.SIGKILL)


def counted(shared, item):
    return (item,)


def failing(shared, item):
    raise OptionError("no such piece")


def network():
    return clustered_network([60] * 5, 0.3, long_range=60, leak_margin=0.1, seed=3)


@pytest.fixture(scope="module")
def pair():
    with workers("local:2", threads=1) as worker:
        yield worker


def test_results_come_in_any_order_and_are_put_back():
    shuffled = [(2, "c"), (0, "a"), (3, "d"), (1, "b")]
    assert list(in_order(shuffled)) == ["a", "b", "c", "d"]


def test_digests_tell_arrays_apart():
    assert digest(np.arange(3), 1) == digest(np.arange(3), 1)
    texts = {
        digest(*parts)
        for parts in ((np.arange(3), 1), (np.arange(3), 2), (np.arange(4), 1), (1.0,), ("1.0",))
    }
    assert len(texts) == 5


def test_two_processes_make_what_one_does(pair):
    expected = list(in_order(serial(times, Numbers(3), range(9))))
    found = list(in_order(pair(times, Numbers(3), range(9))))
    for (array, number), (other, again) in zip(expected, found, strict=True):
        np.testing.assert_array_equal(array, other)
        assert number == again


def test_probes_do_not_depend_on_the_workers(pair):
    net = network()
    for symmetric in (
        net,
        clustered_network([80] * 3, 0.3, 40, directed=True, leak_margin=0.1, seed=3),
    ):
        here = synapse_variance(symmetric, method="probe", n_probes=100, seed=5)
        there = synapse_variance(symmetric, method="probe", n_probes=100, seed=5, worker=pair)
        np.testing.assert_array_equal(here.variance, there.variance)
        assert here.solver_steps == there.solver_steps


def asked(*arguments):
    """What a command prints, without its times."""
    done = CliRunner().invoke(cli.app, [*map(str, arguments), "--json", "--seed", "5"])
    assert done.exit_code == 0, done.stderr
    timed = ("seconds", "stages", "steps_per_second", "output")
    return {key: value for key, value in json.loads(done.stdout).items() if key not in timed}


def test_commands_print_and_write_the_same_on_workers(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(network(), "net.npz")
    command = ("simulate", "net.npz", "--duration", 0.5, "--replicas", 30)
    there = ("--cluster", "local:2", "--threads", 1)
    assert asked(*command, "-o", "here.npz") == asked(*command, *there, "-o", "there.npz")
    assert Path("here.npz").read_bytes() == Path("there.npz").read_bytes()
    address = pair._client.scheduler.address
    command = ("compare", "net.npz", "--keep", "0.3,0.6", "--draws", 2, "--method", "probe")
    assert asked(*command) == asked(*command, "--cluster", address)


def threads(shared, item):
    import numba

    return (numba.get_num_threads(),)


def test_workers_keep_to_their_threads(pair):
    """Though this module has loaded Numba in them before."""
    assert list(in_order(pair(threads, Numbers(1), range(2)))) == [(1,), (1,)]


def test_an_error_in_a_piece_is_the_users_error(pair):
    with pytest.raises(OptionError, match="no such piece"):
        list(pair(failing, Numbers(1), range(3)))


def test_a_lost_worker_costs_its_piece_only(tmp_path):
    with workers("local:2", threads=1) as worker:
        found = list(in_order(worker(deadly, Numbers(2, tmp_path), range(3))))
    assert [number for _, number in found] == [0, 1, 2]
    np.testing.assert_array_equal(found[2][0], [4, 4, 4])


def test_a_piece_that_kills_every_worker_is_given_up(monkeypatch):
    """Dask may give up a worker that dies as it starts: then there is none left."""
    import dask

    monkeypatch.setattr(pool, "ATTEMPTS", 2)
    monkeypatch.setattr(pool, "WAIT", 5)
    monkeypatch.setattr(pool, "POLL", 1)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),  # one death, one attempt
        workers("local:1", threads=1) as worker,
        pytest.raises(ClusterError, match=r"(lost its worker 2 times|none came back).*memory"),
    ):
        list(worker(hopeless, Numbers(2), range(1)))


def test_losing_all_workers_is_no_endless_wait(monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(pool, "WAIT", 2)
    monkeypatch.setattr(pool, "POLL", 1)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        workers(cluster.scheduler_address) as worker,
    ):
        assert len(list(worker(times, Numbers(1), range(2)))) == 2
        cluster.scale(0)
        with pytest.raises(ClusterError, match=r"none came back.*--resume"):
            list(worker(times, Numbers(1), range(2)))


# ------------------------------------------------------------------------------- resuming


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    kept, made = tmp_path / "run", tmp_path / "made"
    made.mkdir()
    shared = Numbers(3, made)
    run = resumed(serial, kept)(times, shared, range(6))
    first = [next(run) for _ in range(3)]
    run.close()
    assert len(list(made.iterdir())) == 3
    again = list(in_order(resumed(serial, kept)(times, shared, range(6))))
    assert len(list(made.iterdir())) == 6
    for index, (array, number) in first:
        np.testing.assert_array_equal(again[index][0], array)
        assert again[index][1] == number
    whole = list(in_order(serial(times, Numbers(3), range(6))))
    for (array, number), (other, same) in zip(whole, again, strict=True):
        np.testing.assert_array_equal(array, other)
        assert number == same


def test_probes_are_resumed(tmp_path):
    net = network()
    whole = synapse_variance(net, method="probe", n_probes=100, seed=5).variance

    def interrupted(function, shared, items):
        for done, result in enumerate(serial(function, shared, items)):
            if done == 2:
                raise KeyboardInterrupt
            yield result

    options = {"method": "probe", "n_probes": 100, "seed": 5}
    with pytest.raises(KeyboardInterrupt):
        synapse_variance(net, worker=resumed(interrupted, tmp_path), **options)
    assert len(list(tmp_path.glob("probe_block/piece-*.npz"))) == 2
    found = synapse_variance(net, worker=resumed(serial, tmp_path), **options).variance
    np.testing.assert_array_equal(found, whole)
    with pytest.raises(FileError, match="holds another run"):
        synapse_variance(
            net, method="probe", n_probes=100, seed=6, worker=resumed(serial, tmp_path)
        )


def rates(worker, seed=5):
    return simulate(network(), duration=0.1, replicas=40, seed=seed, worker=worker).rates


def covariance(worker, seed=5):
    asked = Simulation(duration=0.1, replicas=150, record_every=2, seed=seed)
    return streaming_covariance(network(), asked, burn_in=0.05, worker=worker).covariance


@pytest.mark.parametrize("simulated", [rates, covariance])
def test_replicas_are_resumed(tmp_path, simulated):
    made = []

    def interrupted(function, shared, items):
        """Stops before the second piece."""
        for index, item in enumerate(items):
            if index == 1:
                raise KeyboardInterrupt
            made.append(item)
            yield index, function(shared, item)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            simulated(resumed(interrupted, tmp_path))
    np.testing.assert_array_equal(simulated(resumed(interrupted, tmp_path)), simulated(serial))
    assert len(made) == len(set(made)) == 4
    with pytest.raises(FileError, match="holds another run"):
        simulated(resumed(serial, tmp_path), seed=6)


def test_damaged_and_impossible_folders_are_named(tmp_path):
    list(resumed(serial, tmp_path)(times, Numbers(1), range(2)))
    (tmp_path / "times" / "piece-000001.npz").write_bytes(b"PK")
    with pytest.raises(FileError, match=r"piece-000001\.npz is damaged.*remove it"):
        list(resumed(serial, tmp_path)(times, Numbers(1), range(2)))
    (tmp_path / "times" / "work.json").write_text("{")
    with pytest.raises(FileError, match="name another"):
        list(resumed(serial, tmp_path)(times, Numbers(1), range(2)))
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="name another"):
        list(resumed(serial, tmp_path / "file")(times, Numbers(1), range(2)))


def test_work_of_two_kinds_shares_a_folder(tmp_path):
    worker = resumed(serial, tmp_path)
    for _ in range(2):
        assert len(list(worker(times, Numbers(1), range(3)))) == 3
        assert len(list(worker(counted, Numbers(1), range(2)))) == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_kept_pieces_come_in_order_and_one_at_a_time(tmp_path):
    """Whatever the order in which they are made, none waits in memory for another."""

    def backwards(function, shared, items):
        yield from reversed(list(serial(function, shared, items)))

    found = list(resumed(backwards, tmp_path)(times, Numbers(1), range(5)))
    assert [index for index, _ in found] == list(range(5))


# ------------------------------------------------------------------------------- clusters


def test_a_scheduler_of_ones_own(pair):
    address = pair._client.scheduler.address
    with workers(address) as worker:
        found = list(in_order(worker(times, Numbers(2), range(3))))
    assert [number for _, number in found] == [0, 1, 2]


@pytest.mark.parametrize("where", ["local", "local:0", "local:x", "laptop", "slurm:x"])
def test_unknown_clusters_are_refused(where):
    with pytest.raises(OptionError, match=r"local:"), workers(where):
        pass


def test_a_scheduler_that_does_not_answer(monkeypatch):
    import distributed

    def refuse(*arguments, **options):
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    with (
        pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"),
        workers("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_scheduler_without_workers(pair, monkeypatch):
    import distributed

    def wait(client, number, timeout):
        raise TimeoutError

    monkeypatch.setattr(distributed.Client, "wait_for_workers", wait)
    address = pair._client.scheduler.address
    with pytest.raises(ClusterError, match=r"no worker for 60 s.*dask worker"), workers(address):
        pass


def test_a_lost_scheduler_is_told_from_a_lost_worker(monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(pool, "ANSWER", 2)
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
    )
    with workers(cluster.scheduler_address) as worker:
        pieces = worker(times, Numbers(1), range(2))
        next(pieces)
        cluster.close()
        with pytest.raises(ClusterError, match=r"connection.*--resume"):
            list(worker(times, Numbers(1), range(2)))


def test_a_cluster_that_cannot_start(monkeypatch):
    import distributed

    def refuse(**options):
        raise RuntimeError("no ports")

    monkeypatch.setattr(distributed, "LocalCluster", refuse)
    with pytest.raises(ClusterError, match="cannot be started"), workers("local:1"):
        pass


def test_a_worker_of_many_threads_makes_one_piece_at_a_time():
    """Compiled loops must not be started from several threads."""
    from concurrent.futures import ThreadPoolExecutor

    running, most = [], []

    def piece(shared, item):
        running.append(item)
        most.append(len(running))
        time.sleep(0.02)
        running.remove(item)
        return (item,)

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda item: pool._piece(1, piece, None, item), range(8)))
    assert max(most) == 1


def test_without_dask_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"noiseprune\[cluster\]"), workers("local:1"):
        pass


SLURM = """
[slurm]
queue = "compute"
cores = 16
memory = "64 GB"
walltime = "02:00:00"
account = "lab"
jobs = 4
extra = ["--exclusive"]
"""


def test_the_job_script_has_what_the_file_says(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(SLURM)
    script = job_script(path)
    for line in ("-p compute", "-A lab", "--cpus-per-task=16", "-t 02:00:00", "--exclusive"):
        assert f"#SBATCH {line}" in script
    assert "NUMBA_NUM_THREADS=16" in script
    assert "--nthreads 1" in script
    assert slurm_options(path)["jobs"] == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SLURM.replace("queue", "partition"), "unknown key 'partition'"),
        (SLURM.replace('queue = "compute"', ""), "no key 'queue'"),
        ("[slurm", "cannot be read as TOML"),
        (SLURM.replace("16", '"many"'), "cores"),
        (SLURM.replace("16", "true"), "cores = True: give a whole number"),
        (SLURM.replace("64 GB", "much"), "with its unit"),
        (SLURM.replace('"64 GB"', "64"), "memory = 64: give a text"),
        (SLURM.replace('["--exclusive"]', '"--exclusive"'), "give a list of texts"),
        ("slurm = 3", r"write a \[slurm\] table"),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, why):
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=why):
        slurm_options(path)
    with pytest.raises(FileError, match="cannot be read"):
        slurm_options(tmp_path / "none.toml")
    with pytest.raises(OptionError, match="--cluster-config"):
        slurm_options(None)
