"""Recordings from Neo's objects and from files: shapes, units, names and what is refused."""

import json
import subprocess
import sys

import neo
import numpy as np
import pytest
import quantities as pq
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import datasets, recordings
from noiseprune.cli import app
from noiseprune.errors import FileError, MissingExtraError, OptionError, RecordingError

SEED = 7


def signal(values, units="mV", period=0.1, start=0.0, **more):
    values = np.asarray(values, dtype=float)
    return neo.AnalogSignal(
        values, units=units, sampling_period=period * pq.s, t_start=start * pq.s, **more
    )


def noise(n_samples=40, n=1):
    return np.random.default_rng(SEED).standard_normal((n_samples, n))


def train(times, stop=20.0, start=0.0, **more):
    return neo.SpikeTrain(times, units="s", t_start=start, t_stop=stop, **more)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# --------------------------------------------------------------------------------------- signals


def test_signals_are_put_together_in_the_unit_of_the_first():
    first = signal(noise(40, 2), array_annotations={"labels": np.array(["a", "b"])})
    second = signal(noise(40, 1), "V", name="c")
    third = signal(noise(40, 2), "uV")
    record = recordings.from_neo([first, second, third])
    assert record.channels == ("a", "b", "c", "3", "4")
    assert (record.units, record.period, record.n_samples) == ("mV", pytest.approx(0.1), 40)
    np.testing.assert_allclose(record.pieces[0][:, 2:3], 1000 * second.magnitude)
    np.testing.assert_allclose(record.pieces[0][:, 3:], third.magnitude / 1000)
    in_volts = recordings.from_neo([first, second, third], units="V")
    np.testing.assert_allclose(in_volts.pieces[0], record.pieces[0] / 1000)
    assert in_volts.units == "V"


def test_signals_are_cut_to_the_time_they_share():
    values = noise(50)
    early, late = signal(values[:40]), signal(values[10:], start=1.0, name="late")
    record = recordings.from_neo([early, late])
    np.testing.assert_allclose(record.pieces[0], np.repeat(values[10:40], 2, axis=1))
    assert any("unequal length: up to 1 s" in note for note in record.notes)
    assert recordings.from_neo([early, signal(values[:40])]).notes == ()


def test_segments_are_pieces():
    block = neo.Block()
    for length in (30, 50):
        segment = neo.Segment()
        segment.analogsignals.append(signal(noise(length, 3)))
        block.segments.append(segment)
    block.segments.append(neo.Segment())  # without anything: left out
    record = recordings.from_neo(block)
    assert [piece.shape for piece in record.pieces] == [(30, 3), (50, 3)]
    assert record.length == pytest.approx(8.0)
    assert [len(piece) for piece in record.after(1.0).pieces] == [20, 40]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([signal(noise(), "mV"), signal(noise(), "Hz", name="rate")], "'rate' is in Hz, which is"),
        ([signal(noise()), signal(noise(), period=0.2)], "every 0.2 s"),
        ([signal(noise()), signal(noise(), start=9.0)], "share no time"),
        ([signal(noise(1))], "1 sample, but"),
        ([signal(np.full((40, 1), np.nan), name="dead")], "'0' is nan at sample 0|'dead' is nan"),
        ([], "has no analog signals or spike trains"),
        (neo.Segment(), "nothing in 1 segments"),
        ([signal(noise()), train([1.0])], "--kind signals or --kind spikes"),
        (3.0, "float, not of Neo"),
        ([train([1.0], stop=3.0), train([6.0], start=5.0)], "share no time"),
        ([train([1.0], stop=0.5 + 0.5)], "lasts 1 s, 5 bins"),
    ],
)
def test_what_does_not_go_together_is_refused(given, words):
    with pytest.raises(RecordingError, match=words):
        recordings.from_neo(given, bin=0.2)


def test_units_that_do_not_fit_are_refused():
    with pytest.raises(RecordingError, match=r"is in mV, which is not Hz: give signals"):
        recordings.from_neo(signal(noise()), units="Hz")
    with pytest.raises(RecordingError, match="'furlongs per' is unknown"):
        recordings.from_neo(signal(noise()), units="furlongs per")


def test_segments_of_other_channels_are_refused():
    block = neo.Block()
    for n in (2, 3):
        segment = neo.Segment()
        segment.analogsignals.append(signal(noise(20, n)))
        block.segments.append(segment)
    with pytest.raises(RecordingError, match="segment 1 has channels 0, 1, 2"):
        recordings.from_neo(block)


# ---------------------------------------------------------------------------------- spike trains


def test_counts_are_those_of_a_histogram():
    rng = np.random.default_rng(SEED)
    times = [np.sort(rng.uniform(0, 20, size)) for size in (300, 0, 50)]
    record = recordings.from_neo([train(t) for t in times], bin=0.25)
    for k, spikes in enumerate(times):
        counts, _ = np.histogram(spikes, bins=80, range=(0, 20))
        np.testing.assert_allclose(record.pieces[0][:, k] * 0.25, counts)
    assert list(record.silent) == [1]
    assert (record.units, record.channels) == ("Hz", ("0", "1", "2"))


def test_trains_of_unequal_length_are_cut_and_named():
    rng = np.random.default_rng(SEED)
    spikes = np.sort(rng.uniform(2, 18, 200))
    trains = [train(spikes, name="a"), train(spikes, start=2.0, stop=18.0, unit=4)]
    record = recordings.from_neo(trains, bin=0.5)
    assert record.channels == ("a", "4")
    assert record.pieces[0].shape == (32, 2)
    np.testing.assert_array_equal(record.pieces[0][:, 0], record.pieces[0][:, 1])
    assert record.pieces[0].sum() * 0.5 == 400
    assert any("unequal" in note for note in record.notes)


def test_smoothed_rates_are_elephant_s():
    rng = np.random.default_rng(SEED)
    spikes = np.sort(rng.uniform(0, 20, 400))
    record = recordings.from_neo([train(spikes)], smoothing=0.2)
    times = (np.arange(len(record.pieces[0])) + 10) * 0.1  # 5 kernel widths are cut
    expected = np.exp(-((times[:, None] - spikes) ** 2) / 0.08).sum(axis=1) / np.sqrt(0.08 * np.pi)
    assert np.corrcoef(record.pieces[0][:, 0], expected)[0, 1] > 0.95
    assert record.pieces[0].mean() == pytest.approx(expected.mean(), rel=0.02)
    with pytest.raises(RecordingError, match="too short for a kernel of 3 s"):
        recordings.from_neo([train(spikes)], smoothing=3.0)


# ----------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A network, and its simulation as .nix and .npz, all by the command line."""
    folder = tmp_path_factory.mktemp("simulated")
    rng = np.random.default_rng(SEED)
    weights = rng.standard_normal((6, 6)) * 0.3
    np.fill_diagonal(weights, 0)
    net = npr.RateNetwork(weights, leak=2.0, labels=[f"n{k}" for k in range(6)])
    npr.save(net, folder / "net.npz")
    for suffix in (".nix", ".npz"):
        made = said(
            *("simulate", folder / "net.npz", "--duration", 60, "--dt", 0.02, "--noise", 1),
            *("--replicas", 2, "--record-every", 5, "--seed", 3, "-o", folder / f"run{suffix}"),
        )
        assert made["n_steps"] == 3000
    return folder, net


READER = """
import json, sys
from neo.io import NixIO
with NixIO(sys.argv[1], "ro") as file:
    (block,) = file.read_all_blocks()
print(json.dumps([
    {
        "shape": list(signal.shape),
        "units": signal.dimensionality.string,
        "period": float(signal.sampling_period.rescale("s")),
        "labels": [str(name) for name in signal.array_annotations["labels"]],
        "values": signal.magnitude.tolist(),
    }
    for segment in block.segments for signal in segment.analogsignals
]))
"""


def test_another_process_reads_with_neo_what_simulate_wrote(simulated):
    folder, net = simulated
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READER, str(folder / "run.nix")],
        capture_output=True,
        text=True,
        check=True,
    )
    with np.load(folder / "run.npz") as kept:
        rates, times = kept["rates"], kept["times"]
    found = json.loads(process.stdout)
    assert len(found) == 2
    for replica, values in enumerate(found):
        assert values["shape"] == [601, 6]
        assert values["units"] == "dimensionless"
        assert values["period"] == pytest.approx(times[1])
        assert values["labels"] == list(net.labels)
        np.testing.assert_array_equal(values["values"], rates[:, replica])


def test_a_simulation_is_the_same_recording_in_either_format(simulated):
    folder, net = simulated
    nix, npz = (recordings.read(folder / f"run{s}", burn_in=5.0) for s in (".nix", ".npz"))
    assert nix.channels == npz.channels == net.labels
    assert nix.step == npz.step == 0.02
    assert nix.period == pytest.approx(npz.period)
    for one, other in zip(nix.pieces, npz.pieces):
        np.testing.assert_array_equal(one, other)
    assert len(nix.pieces) == 2
    assert len(nix.pieces[0]) == 551


@pytest.mark.parametrize("suffix", [".nix", ".npz"])
def test_prune_by_a_recording(simulated, suffix):
    folder, net = simulated
    file = folder / f"run{suffix}"
    found = said("prune", folder / "net.npz", "--recording", file, "--burn-in", 5, "--keep", 0.5)
    assert (found["method"], found["guarantee"]) == ("recording", "none")
    assert found["n_kept"] == 15
    measured = found["recording"]
    assert measured["length"] == pytest.approx(110.2)
    assert measured["noise"] == pytest.approx(1.0, rel=0.15)
    exact = npr.synapse_variance(net).variance
    record = recordings.read(file, burn_in=5.0)
    variance = recordings.synapse_variance(net, record)
    assert np.abs((variance.variance - exact) / variance.standard_error).max() < 5
    pruning = npr.prune(net, 0.5, variance=variance, seed=0)
    assert pruning.gain == pytest.approx(found["gain"])
    shown = run("prune", folder / "net.npz", "--recording", file, "--burn-in", 5, "--keep", 0.5)
    assert "110.2 s" in shown.stdout


def test_the_surgeon_sees_a_recording(simulated):
    folder, _ = simulated
    arguments = ("--recording", folder / "run.nix", "--burn-in", 5, "--keep", 0.5)
    found = said("prune", folder / "net.npz", *arguments, "--rule", "surgeon")
    assert (found["method"], found["rule"], found["n_kept"]) == ("recording", "surgeon", 15)
    assert found["recording"]["length"] == pytest.approx(110.2)
    assert "activity" not in found["recording"]


def test_infer_from_a_file_and_prune(simulated, tmp_path):
    folder, net = simulated
    arguments = ("infer", folder / "run.nix", "--burn-in", 5, "--keep", 0.5)
    files = (
        "-o",
        tmp_path / "i.npz",
        "--pruned",
        tmp_path / "p.npz",
        "--report",
        tmp_path / "r.html",
    )
    found = said(*arguments, *files)
    inferred = npr.load(tmp_path / "i.npz")
    again = npr.infer_network(recordings.read(folder / "run.nix", burn_in=5.0))
    np.testing.assert_allclose(inferred.dense_drift(), again.drift)
    error = (again.drift - net.dense_drift()) / again.standard_error
    assert np.abs(error).max() < 5
    assert found["length"] == pytest.approx(110.2)
    assert found["method"] == "lagged"
    assert found["n_kept"] == npr.load(tmp_path / "p.npz").n_synapses
    assert found["spectral_abscissa"]["original"] < 0
    text = (tmp_path / "r.html").read_text()
    for words in (
        "What it does not mean",
        "effective couplings",
        "not anatomical",
        "inferred from",
    ):
        assert words in text
    shown = run(*arguments)
    assert "Inferred network" in shown.stdout
    assert "Pruned network" in shown.stdout


def test_the_mouse_goes_all_the_way(tmp_path):
    page = tmp_path / "mouse.html"
    found = said("infer", "dataset:mouse", "--keep", 0.5, "--report", page)
    assert (found["n_neurons"], found["length"]) == (15, pytest.approx(1200))
    assert found["recording"]["units"] == "Hz"
    assert found["n_kept"] == pytest.approx(105, abs=1)
    text = page.read_text()
    for words in ("dataset:mouse", "What this result means", "no count of any", "adn:0", "Poisson"):
        assert words in text
    record = datasets.available_spikes()[0]
    spikes = datasets.load_spikes("mouse")
    assert (len(spikes.labels), spikes.times.size) == (record.n_neurons, record.n_spikes)
    assert spikes.times.max() <= record.duration


def test_the_sorted_spikes_of_an_npz_file(tmp_path):
    rng = np.random.default_rng(SEED)
    times, unit = np.sort(rng.uniform(0, 50, 900)), rng.integers(0, 3, 900)
    np.savez(tmp_path / "s.npz", spike_times=times, unit=unit, location=["a", "a", "b"])
    record = recordings.read(tmp_path / "s.npz", bin=0.5)
    assert record.channels == ("a:0", "a:1", "b:2")
    counts, _ = np.histogram(times[unit == 2], bins=100, range=(0, 50))
    np.testing.assert_allclose(record.pieces[0][:, 2] * 0.5, counts)
    np.savez(tmp_path / "s.npz", spike_times=times, unit=unit, labels=list("xyz"), duration=60.0)
    record = recordings.read(tmp_path / "s.npz", bin=0.5)
    assert (record.channels, record.length) == (("x", "y", "z"), 60.0)
    for bad, words in (
        ({"spike_times": times[:5], "unit": unit}, "one time and one unit"),
        ({"spike_times": np.where(times > 49, np.nan, times), "unit": unit}, "is nan: cut"),
        ({"spike_times": times, "unit": unit - 1}, "run from -1 to 1"),
        ({"spike_times": times, "unit": unit, "duration": 10.0}, "after its end at 10 s"),
        ({"spike_times": times, "unit": unit.astype(str)}, "give seconds"),
    ):
        np.savez(tmp_path / "bad.npz", **bad)
        with pytest.raises(RecordingError, match=words):
            recordings.read(tmp_path / "bad.npz")
    np.savez(tmp_path / "bad.npz", x=times)
    with pytest.raises(FileError, match="holds x, but a recording has"):
        recordings.read(tmp_path / "bad.npz")


def test_a_clock_that_started_long_before_is_no_silence(tmp_path):
    """Spikes from 1,000 s on: nothing is known of the time before, unless the file says so."""
    rng = np.random.default_rng(SEED)
    times, unit = rng.uniform(1000, 1060, 900), rng.integers(0, 3, 900)
    np.savez(tmp_path / "late.npz", spike_times=times, unit=unit)
    record = recordings.read(tmp_path / "late.npz", bin=0.5)
    assert record.length == pytest.approx(60.0)
    np.testing.assert_allclose(record.mean, np.bincount(unit) / 60)
    np.savez(tmp_path / "late.npz", spike_times=times, unit=unit, duration=1060.0)
    assert recordings.read(tmp_path / "late.npz", bin=0.5).length == pytest.approx(1060.0)


def test_a_trajectory_is_refused_where_it_is_not_what_was_asked_for(simulated, tmp_path):
    folder, _ = simulated
    for options, words in (
        ({"kind": "spikes"}, "leave kind 'spikes' out"),
        ({"units": "mV"}, "leave units 'mV' out"),
        ({"series": "lfp"}, "leave series 'lfp' out"),
    ):
        with pytest.raises(RecordingError, match=words):
            recordings.read(folder / "run.npz", **options)
    with np.load(folder / "run.npz") as stored:
        arrays = dict(stored)
    arrays["times"] = arrays["times"] ** 1.1
    np.savez(tmp_path / "bent.npz", **arrays)
    with pytest.raises(RecordingError, match="s apart: resample it to equal steps"):
        recordings.read(tmp_path / "bent.npz")
    with pytest.raises(OptionError, match="kind"):
        recordings.read(folder / "run.npz", kind="rubbish")
    with pytest.raises(OptionError, match="bin"):
        recordings.read(folder / "run.npz", bin=-3.0)


def test_lists_of_neo_and_single_signals():
    segment = neo.Segment()
    segment.spiketrains.extend([train([1.0, 2.0, 3.5]), train([0.5, 7.0])])
    assert recordings.from_neo(segment.spiketrains).n_channels == 2
    segment.analogsignals.extend(
        [signal(noise(), name="lfp"), signal(noise(80), "s", period=0.05, name="pupil")]
    )
    with pytest.raises(RecordingError, match="choose one with --series"):
        recordings.from_neo(segment, kind="signals")
    lfp = recordings.from_neo(segment, series="lfp")
    assert (lfp.channels, lfp.units) == (("lfp",), "mV")
    with pytest.raises(RecordingError, match="no analog signal 'emg': there are lfp, pupil"):
        recordings.from_neo(segment, series="emg")
    with pytest.raises(RecordingError, match="leave it out, or kind 'spikes'"):
        recordings.from_neo(segment, series="lfp", kind="spikes")


def test_options_that_would_do_nothing_are_refused(simulated, tmp_path):
    folder, _ = simulated
    net, file = folder / "net.npz", folder / "run.npz"
    for arguments, words in (
        (("prune", net, "--bin", 1), "--bin 1.0 reads recordings"),
        (("prune", net, "--match", "name"), "--match name is for recordings"),
        (("prune", net, "--recording", file, "--method", "probe"), "come from the recording"),
        (("prune", net, "--drive", "independent-poisson", "--n-probes", 3), "come from the rec"),
        (("infer", file, "--noise", 2), "finds the noise itself"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert words in " ".join(result.output.split())
    shown = run("infer", file, "-o", tmp_path / "net.mtx")
    assert "does not hold the leak" in shown.stdout


def test_a_folder_that_neo_reads_no_reader_knows(tmp_path):
    (tmp_path / "session").mkdir()
    with pytest.raises(FileError, match="of no kind that Neo can read"):
        recordings.read(tmp_path / "session")


@pytest.fixture
def nwb(tmp_path):
    """A file with 3 units, one series in mV and one that is none."""
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    rng = np.random.default_rng(SEED)
    session = pynwb.NWBFile("test", "id", datetime(2020, 1, 1, tzinfo=UTC))
    times = [np.sort(rng.uniform(0, 30, 200)) for _ in range(3)]
    for spikes in times:
        session.add_unit(spike_times=spikes, obs_intervals=[[0.0, 30.0]])
    values = rng.standard_normal((100, 2))
    series = pynwb.TimeSeries("lfp", data=values, unit="volts", rate=10.0, conversion=1e-3)
    session.add_acquisition(series)
    path = tmp_path / "session.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(session)
    return path, times, values


@pytest.mark.filterwarnings("ignore")
def test_nwb_by_pynwb(nwb):
    path, times, values = nwb
    spikes = recordings.read(path, kind="spikes", bin=0.5)
    assert spikes.channels == ("0", "1", "2")
    counts, _ = np.histogram(times[1], bins=60, range=(0, 30))
    np.testing.assert_allclose(spikes.pieces[0][:, 1] * 0.5, counts)
    lfp = recordings.read(path, kind="signals")
    np.testing.assert_allclose(lfp.pieces[0], values * 1e-3)
    assert (lfp.units, lfp.period) == ("V", pytest.approx(0.1))
    with pytest.raises(RecordingError, match="choose with --kind"):
        recordings.read(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(FileError, match=r"damaged|truncated"):
        recordings.read(path)


@pytest.mark.filterwarnings("ignore")
def test_nwb_gaps_are_no_silence_and_electrodes_go_before_behaviour(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    session = pynwb.NWBFile("test", "id", datetime(2020, 1, 1, tzinfo=UTC))
    seen = [[[0, 20], [50, 80]], [[10, 30], [45, 60], [62, 90]]]
    rng = np.random.default_rng(SEED)
    for intervals in seen:
        spikes = np.concatenate([np.sort(rng.uniform(a, b, 20 * (b - a))) for a, b in intervals])
        session.add_unit(spike_times=spikes, obs_intervals=intervals)
    device = session.create_device("probe")
    group = session.create_electrode_group("group", "of the probe", "cortex", device)
    for _ in range(2):
        session.add_electrode(group=group, location="cortex")
    region = session.create_electrode_table_region([0, 1], "both")
    values = rng.standard_normal((50, 2))
    session.add_acquisition(
        pynwb.ecephys.ElectricalSeries(
            "lfp", values, region, rate=10.0, conversion=1e-3, channel_conversion=[1.0, 2.0]
        )
    )
    session.add_acquisition(pynwb.TimeSeries("speed", data=np.ones(7), unit="m/s", rate=1.0))
    path = tmp_path / "gaps.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(session)
    spikes = recordings.read(path, kind="spikes", bin=1.0)
    assert [len(piece) for piece in spikes.pieces] == [10, 10, 18]  # 10-20, 50-60, 62-80
    assert np.all(np.abs(spikes.mean - 20) < 3)
    covariance = np.cov(np.vstack(spikes.pieces).T)
    assert abs(covariance[0, 1]) < 4 * 20 / np.sqrt(38)
    lfp = recordings.read(path, kind="signals")
    np.testing.assert_allclose(lfp.pieces[0], values * 1e-3 * [1.0, 2.0])


def test_without_pynwb_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    path = tmp_path / "session.nwb"
    path.write_bytes(b"something")
    with pytest.raises(MissingExtraError, match=r"pip install 'noiseprune\[nwb\]'"):
        recordings.read(path)


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "block.pkl"
    path.write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(FileError, match="is a pickle, which may run any program"):
        recordings.read(path)


def test_names_of_datasets_are_told_apart():
    with pytest.raises(OptionError, match="did you mean 'mouse'"):
        recordings.read("dataset:mouze")
    with pytest.raises(OptionError, match="is a recording and has no synapses: noiseprune infer"):
        datasets.load("mouse")
    assert said("datasets")["recordings"][0]["name"] == "mouse"
    assert said("datasets", "mouse")["n_spikes"] == 98794
