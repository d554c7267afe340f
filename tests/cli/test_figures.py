"""The figures, on their fast variants: the numbers are right, and what is drawn is the numbers."""

import functools
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from naive import keep_probability
from scipy import linalg
from typer.testing import CliRunner

import noiseprune as npr
from noiseprune import figures
from noiseprune.checks import seed_sequence, substream
from noiseprune.cli import app
from noiseprune.errors import FileError, OptionError
from noiseprune.figures import kept, protocol, style
from noiseprune.progress import silent

SEED = 7
NAMES = pytest.mark.parametrize("name", figures.PICTURES)


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A figure, made once when it is first asked for: its folder, its document, its progress."""

    @functools.cache
    def make(name):
        folder, calls = tmp_path_factory.mktemp(name), []
        files = figures.remake(
            name, folder, fast=True, seed=SEED, progress=lambda *x: calls.append(x)
        )
        assert files == [folder / f"{name}.{suffix}" for suffix in ("json", "png", "svg")]
        return folder, strict(files[0].read_text(encoding="utf-8")), calls

    return make


@pytest.fixture
def numbers(made):
    return lambda name: made(name)[1]["numbers"]


def network(about):
    """A generated network, repeated from what the numbers say of it."""
    net = npr.clustered_network(
        about["sizes"], long_range=about["long_range"], seed=about["generator_seed"]
    )
    assert (net.n_neurons, net.n_synapses) == (about["n_neurons"], about["n_synapses"])
    return net


def pruned(net, keep, rival, seed=SEED):
    """A pruned network, repeated from what the numbers say of it."""
    return npr.prune(
        net,
        keep,
        rival["rule"],
        None if rival["rule"] == "paper" else rival["sampling"],
        None if rival["rule"] == "paper" else rival["balance"],
        effort="refit" if rival["refit"] else "draw",
        seed=seed,
    ).network


def lines(axes):
    """(x, y) of every line of some axes."""
    return [tuple(np.asarray(data, float) for data in line.get_data()) for line in axes.lines]


def drawn(axes, x, y):
    """True if one of the lines runs through just these points."""
    return any(
        found[0].shape == np.shape(x)
        and np.array_equal(found[0], x)
        and np.array_equal(found[1], y)
        for found in lines(axes)
    )


# ------------------------------------------------------------------------------- every figure


@NAMES
def test_files_are_whole_and_say_what_they_hold(made, name):
    folder, document, _ = made(name)
    assert document.keys() == {"figure", "noiseprune", "fast", "seed", "numbers"}
    assert (document["figure"], document["fast"], document["seed"]) == (name, True, SEED)
    assert document["noiseprune"] == npr.__version__
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(folder / f"{name}.svg").getroot().tag.endswith("svg")
    for file in folder.glob(f"{name}.*"):
        assert file.stat().st_size < 500_000
    assert len(list(folder.iterdir())) == 3


@NAMES
def test_the_same_numbers_give_the_same_picture(made, name, tmp_path, monkeypatch):
    folder = made(name)[0]
    monkeypatch.setattr(figures.pictures, "FORMATS", ("svg",))
    (tmp_path / f"{name}.json").write_bytes((folder / f"{name}.json").read_bytes())
    (again,) = figures.redraw(name, tmp_path)
    assert again.read_bytes() == (folder / f"{name}.svg").read_bytes()


@NAMES
def test_progress_only_grows_and_ends(made, name):
    fractions = [done / total for done, total in made(name)[2]]
    assert fractions == sorted(fractions)
    assert fractions[0] > 0
    assert fractions[-1] == 1


@NAMES
def test_every_axis_is_labelled_or_shares_a_label(made, numbers, name):
    figure = figures.PICTURES[name].draw(numbers(name))
    axes = [a for a in figure.axes if a.get_label() != "<colorbar>"]
    assert any(a.get_xlabel() for a in axes)
    if name != "similarity":  # whose rows are named one by one
        assert any(a.get_ylabel() for a in axes)
    said = " ".join([a.get_title() for a in axes] + [figure.get_suptitle()])
    assert said.strip()


def test_looks_differ_by_colour_by_marker_by_line_and_in_grey():
    looks = list(style.LOOKS.values())
    for values in (
        [look.marker for look in looks],
        [look.line for look in looks],
        [look.label for look in looks],
    ):
        assert len(set(values)) == len(looks)
    grey = sorted(float(np.dot((0.299, 0.587, 0.114), to_rgb(look.colour))) for look in looks)
    assert np.min(np.diff(grey)) > 0.05
    assert grey[-1] < 0.75  # to be seen on white


def test_numbers_are_listed_to_some_digits():
    assert protocol.listed([1.23456789, 2e-9]) == [1.23457, 2e-9]
    assert protocol.listed(np.array([[1.25, 1], [2, 3]]), 2) == [[1.2, 1.0], [2.0, 3.0]]
    assert protocol.listed([None, 0.5]) == [None, 0.5]


# --------------------------------------------------------------------------------- each figure


def test_panels_are_the_rule_written_out(numbers):
    found = numbers("panels")
    net = network(found["network"])
    weights, leak = net.dense_weights(), net.leak
    present = weights != 0
    c = linalg.solve_continuous_lyapunov(weights - np.diag(leak), -np.eye(len(leak)))
    variance = np.diag(c)[:, None] + np.diag(c)[None, :] - 2 * np.sign(weights) * c
    probability = keep_probability(weights, leak, 1.0, found["keep"] * net.n_synapses)
    assert np.sum(probability[present]) == pytest.approx(found["keep"] * net.n_synapses)
    expected = {
        "weight": np.where(present, weights, np.nan),
        "covariance": c,
        "variance": np.where(present, variance, np.nan),
        "keep_probability": np.where(present, probability, np.nan),
    }
    figure = figures.PICTURES["panels"].draw(found)
    for axes, (name, matrix) in zip(figure.axes, expected.items()):
        kept_numbers = np.array(found[name], float)
        np.testing.assert_allclose(kept_numbers, matrix, rtol=2e-3, atol=1e-6)
        (image,) = axes.images
        np.testing.assert_array_equal(np.ma.filled(image.get_array(), np.nan), kept_numbers)
    rule = np.minimum(1, found["gain"] * np.abs(weights) * variance)[present]
    np.testing.assert_allclose(probability[present], rule, rtol=1e-6)


def test_eigenvalues_are_those_of_the_drifts(numbers):
    found = numbers("eigenvalues")
    net = network(found["network"])
    before = np.linalg.eigvalsh(np.diag(net.leak) - net.dense_weights())
    np.testing.assert_allclose(found["eigenvalues"], before, rtol=1e-5)
    figure = figures.PICTURES["eigenvalues"].draw(found)
    for axes, rival in zip(figure.axes, found["rivals"].values()):
        other = pruned(net, found["keep"], rival)
        after = np.linalg.eigvalsh(np.diag(other.leak) - other.dense_weights())
        np.testing.assert_allclose(rival["eigenvalues"], after, rtol=1e-5, atol=1e-9)
        assert np.max(np.abs(after / before - 1)) <= rival["epsilon"] * (1 + 1e-9)
        assert rival["n_kept"] == other.n_synapses
        assert drawn(axes, found["eigenvalues"], rival["eigenvalues"])


def test_eigenvalues_below_the_axis_are_marked(numbers):
    found = json.loads(json.dumps(numbers("eigenvalues")))
    found["rivals"]["noise"]["eigenvalues"][:2] = [-0.5, 0.0]
    figure = figures.PICTURES["eigenvalues"].draw(found)
    (marked,) = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    np.testing.assert_array_equal(marked.get_xdata(), found["eigenvalues"][:2])
    assert any("below the axis" in text.get_text() for text in figure.legends[0].get_texts())


def test_similarity_is_measured_vector_by_vector(numbers):
    found = numbers("similarity")
    net = network(found["network"])
    drift = net.dense_drift()
    values, vectors = np.linalg.eigh(drift)
    for rival in found["rivals"].values():
        if rival["refit"]:
            assert rival["refit"]["norm_after"] < rival["refit"]["norm_before"]
            continue  # whose weights depend on rounding
        other = pruned(net, found["keep"], rival).dense_drift()
        errors = {"eps_lambda": np.abs(np.linalg.eigvalsh(other) / values - 1)}
        pairs = list(zip(values, vectors.T))
        errors["eps_v"] = [abs(v @ other @ v / value - 1) for value, v in pairs]
        errors["cosine"] = [abs(v @ other @ v) / np.linalg.norm(other @ v) for _, v in pairs]
        for name, each in errors.items():
            expected = np.quantile(each, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
            np.testing.assert_allclose(rival[name], expected, rtol=1e-4, atol=1e-6)
    figure = figures.PICTURES["similarity"].draw(found)
    for place, rival in enumerate(found["rivals"].values()):
        for axes, name in zip(figure.axes, ("eps_lambda", "eps_v")):
            _, low, first, _, third, high, worst = rival[name]
            assert drawn(axes, [low, high], [place, place])
            assert drawn(axes, [worst], [place])
            box = axes.patches[place]
            assert (box.get_x(), box.get_width()) == (first, third - first)
        assert drawn(figure.axes[2], [1 - rival["cosine"][0]], [place])


def test_dynamics_are_two_simulations_under_one_noise(numbers):
    found = numbers("dynamics")
    net = network(found["network"])

    def states(of):
        return npr.simulate(
            of,
            duration=found["duration"],
            dt=found["dt"],
            noise=found["noise"],
            drive=found["drive"],
            replicas=found["replicas"],
            record_every=10,
            seed=SEED,
        )

    original = states(net)
    np.testing.assert_allclose(found["times"], original.times, atol=1e-9)
    figure = figures.PICTURES["dynamics"].draw(found)
    for name, rival in found["rivals"].items():
        assert drawn(figure.axes[0], found["times"], rival["mean"])
        if name == "refit":
            continue
        rates = states(pruned(net, found["keep"], rival)).rates
        error = np.array(
            [
                [np.linalg.norm(x - y) / np.linalg.norm(y) for x, y in zip(now, then)]
                for now, then in zip(rates, original.rates)
            ]
        )
        np.testing.assert_allclose(rival["mean"], error.mean(axis=1), rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(rival["std"], error.std(axis=1), rtol=1e-4, atol=1e-12)


def test_the_default_beats_the_paper_s_rule_and_that_the_weights(numbers):
    late = {name: rival["mean"][-1] for name, rival in numbers("dynamics")["rivals"].items()}
    assert late["noise"] < late["paper"] < late["weight"]


def test_kept_is_what_compare_finds(numbers):
    found = numbers("kept")
    net = network(found["network"])
    degrees = [keep * net.n_synapses / net.n_neurons for keep in found["fractions"]]
    np.testing.assert_allclose(found["best_possible"], 2 / np.sqrt(degrees), rtol=1e-5)
    assert len(found["curves"]) == 3 * 3 * 3 + 2
    recipes = [recipe for _, recipe in kept.WAYS]
    for place, keep in enumerate(found["fractions"][:2]):
        rows = npr.compare(net, keep, draws=found["draws"], recipes=recipes, seed=SEED).rows
        for row, curve in zip(rows, found["curves"]):
            assert [curve[key] for key in ("rule", "sampling", "balance")] == [
                row.rule, row.sampling, row.balance,
            ]  # fmt: skip
            assert curve["epsilon"][place] == pytest.approx(row.epsilon, rel=1e-5)
            assert curve["largest"][place] == pytest.approx(row.epsilon_max, rel=1e-5)
            assert curve["kept"][place] == pytest.approx(row.kept_fraction, rel=1e-5)
            assert curve["n_stable"][place] == row.n_stable


def test_counts_are_equal_but_for_coins_and_the_paper_s_clipping(numbers):
    for curve in numbers("kept")["curves"]:
        asked = np.array(numbers("kept")["fractions"])
        if curve["sampling"] in ("systematic", "balanced", "none"):
            np.testing.assert_allclose(curve["kept"], asked, rtol=0.005)
        elif curve["rule"] == "paper":
            assert curve["kept"][-1] < 0.9 * asked[-1]
        elif curve["sampling"] == "independent":  # some 2,500 coins a draw
            np.testing.assert_allclose(curve["kept"], asked, atol=0.02)


def test_the_bound_is_the_theorem_s_and_holds():
    """K = (2 / sigma^2) 3 (ln N + ln 40) / epsilon^2 solved for epsilon; None where above 1."""
    net = protocol.paper_network(300)
    ways = [protocol.PAPER, protocol.NOISE]
    bound, none = protocol.epsilon_curves(net, ways, (0.05, 0.8), 2, SEED, silent)
    gain = npr.prune(net, 0.8, sampling="independent", balance="leak", seed=1).gain
    expected = np.sqrt(2 * 3 * (np.log(300) + np.log(40)) / gain)
    assert bound["promised"] == [None, pytest.approx(expected, rel=1e-5)]
    assert bound["largest"][1] < expected < 1
    assert none["promised"] == [None, None]


def test_kept_draws_every_curve_in_its_panel(numbers):
    found = json.loads(json.dumps(numbers("kept")))
    percent = [100 * keep for keep in found["fractions"]]
    promise = found["curves"][0]
    assert (promise["rule"], promise["sampling"], promise["balance"]) == (
        "noise", "independent", "leak",
    )  # fmt: skip
    promise["promised"] = [None, 0.9, 0.8]
    figure = kept.draw(found)
    assert drawn(figure.axes[0], percent[1:], [0.9, 0.8])
    assert any("promised" in text.get_text() for text in figure.legends[0].get_texts())
    places = {
        (sampling, balance): axes
        for axes, (sampling, balance) in zip(
            figure.axes,
            [(s, b) for s in kept.SAMPLINGS for b in kept.BALANCES],
        )
    }
    for axes in places.values():
        assert drawn(axes, percent, found["best_possible"])
    for curve in found["curves"]:
        where = [axes for (s, b), axes in places.items() if b == curve["balance"]
                 and curve["sampling"] in (s, "none")]  # fmt: skip
        assert len(where) == (3 if curve["sampling"] == "none" else 1)
        for axes in where:
            assert drawn(axes, [100 * x for x in curve["kept"]], curve["epsilon"])
            hollow = [k for k, stable in enumerate(curve["n_stable"]) if stable < found["draws"]]
            assert drawn(
                axes,
                [100 * curve["kept"][k] for k in hollow],
                [curve["epsilon"][k] for k in hollow],
            )


def test_connectomes_are_what_compare_finds(numbers):
    found = numbers("connectomes")
    assert len(found["networks"]) == 4
    net = npr.datasets.load("mushroom-body")
    about = found["networks"]["mushroom-body"]
    assert (about["n_neurons"], about["n_synapses"]) == (net.n_neurons, net.n_synapses)
    recipes = [
        npr.Recipe(**{key: curve[key] for key in ("rule", "sampling", "balance")})
        for curve in about["curves"]
    ]
    rows = npr.compare(net, 0.5, draws=found["draws"], recipes=recipes, seed=SEED).rows
    place = found["fractions"].index(0.5)
    for row, curve in zip(rows, about["curves"]):
        assert curve["epsilon"][place] == pytest.approx(row.epsilon, rel=1e-5)
    figure = figures.PICTURES["connectomes"].draw(found)
    for axes, other in zip(figure.axes, found["networks"].values()):
        for curve in other["curves"]:
            assert drawn(axes, [100 * x for x in curve["kept"]], curve["epsilon"])


def test_cost_slopes_are_those_of_the_logarithms(numbers):
    found = numbers("cost")
    sizes = found["n_neurons"]
    assert found["machine"]["threads"] >= 1
    figure = figures.PICTURES["cost"].draw(found)
    for axes, kind in zip(figure.axes, found["kinds"].values()):
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        for stage, seconds in kind["seconds"].items():
            assert len(seconds) == len(sizes)
            assert min(seconds) > 0
            slope = np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2])
            assert kind["slopes"][stage] == pytest.approx(slope, abs=0.03)
            assert any(f"slope {kind['slopes'][stage]:.1f}" in label for label in labels)
            assert drawn(axes, sizes, seconds)


def test_spikes_are_judged_by_the_exact_variances(numbers):
    found = numbers("spikes")
    net = network(found["network"])
    exact = npr.synapse_variance(net).variance
    figure = figures.PICTURES["spikes"].draw(found)
    for name, points in found["sources"].items():
        lengths = [point["length"] for point in points]
        for axes, key in zip(figure.axes, ("correlation", "epsilon")):
            assert drawn(axes, lengths, [point[key] for point in points])
        assert all(-1 <= point["correlation"] <= 1 for point in points)
        assert name == "control" or points[-1]["correlation"] > 0.3
    assert found["exact"]["correlation"] == 1
    stream = np.random.default_rng(substream(seed_sequence(SEED), 3, 0))
    pruning = npr.prune(net, found["keep"], variance=exact, seed=stream)
    epsilon = npr.spectral_similarity(net, pruning.network, detail=False).epsilon
    assert found["exact"]["epsilons"][0] == pytest.approx(epsilon, rel=1e-4)
    for point in found["sources"]["control"]:
        control = npr.recordings.independent_poisson(
            net, duration=point["length"], seed=substream(seed_sequence(SEED), 2)
        )
        variance = npr.recordings.synapse_variance(net, control, shrink="none").variance
        assert point["correlation"] == pytest.approx(np.corrcoef(variance, exact)[0, 1], rel=1e-4)


def test_inference_errors_and_slopes_are_those_drawn(numbers):
    found = numbers("inference")
    (axes,) = figures.PICTURES["inference"].draw(found).axes
    for curve in found["curves"].values():
        assert drawn(axes, found["lengths"], curve["errors"])
        first, last = curve["errors"][0], curve["errors"][-1]
        slope = np.log(last / first) / np.log(found["lengths"][-1] / found["lengths"][0])
        assert curve["slope"] == pytest.approx(slope, abs=0.01)


def test_the_kept_figures_show_what_is_claimed_of_recordings():
    """Full loop: 0.9 at the longest. Inferred drifts: the error falls as the root of the length."""
    folder = Path(figures.__file__).parents[2] / "figures"
    spikes, inference = (
        strict((folder / f"{name}.json").read_text())["numbers"] for name in ("spikes", "inference")
    )
    for name in ("binned", "smoothed"):
        last = spikes["sources"][name][-1]
        assert last["correlation"] > 0.9
        assert (
            last["epsilon"] < 1.1 * spikes["exact"]["epsilon"] < 0.3 * spikes["weight"]["epsilon"]
        )
    assert spikes["sources"]["control"][-1]["epsilon"] > 0.8 * spikes["weight"]["epsilon"]
    assert -0.6 < inference["curves"]["directed, lagged"]["slope"] < -0.4


# --------------------------------------------------------------------------- the command, errors


def command(*arguments):
    return CliRunner().invoke(app, ["figures", *(str(argument) for argument in arguments)])


def refused(*arguments):
    """The one line on stderr of a command that fails."""
    result = command(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_only_makes_those_and_json_says_what(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    only = ["--only", "dynamics,cost", "--only", "dynamics"]
    result = command("--fast", *only, "--seed", SEED, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    said = strict(result.stdout)
    assert (said["seed"], said["fast"]) == (SEED, True)
    assert [figure["name"] for figure in said["figures"]] == ["dynamics", "cost"]
    assert said["seconds"] == pytest.approx(sum(f["seconds"] for f in said["figures"]))
    files = [file for figure in said["figures"] for file in figure["files"]]
    assert sorted(files) == sorted(str(p.relative_to(tmp_path)) for p in tmp_path.glob("figures/*"))
    assert len(files) == 6


def test_same_seed_same_numbers_and_another_seed_others():
    one, again, other = (
        figures.PICTURES["eigenvalues"].measure(True, seed, silent) for seed in (1, 1, 2)
    )
    assert one == again != other


def test_redraw_needs_the_numbers_alone(tmp_path):
    assert command("--only", "dynamics", "--fast", "-o", tmp_path).exit_code == 0
    picture = tmp_path / "dynamics.svg"
    before = picture.read_bytes()
    picture.unlink()
    result = command("--only", "dynamics", "--redraw", "-o", tmp_path)
    assert "dynamics.svg" in result.stdout
    assert picture.read_bytes() == before


def test_what_an_interrupted_run_has_made_is_whole(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(kept, "measure", interrupt)
    assert command("--only", "dynamics,kept", "--fast", "-o", tmp_path).exit_code == 130
    assert {path.stem for path in tmp_path.iterdir()} == {"dynamics"}
    assert len(list(tmp_path.iterdir())) == 3


def test_errors_are_one_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    assert "did you mean 'dynamics'" in refused("--only", "dynamic", "-o", tmp_path)
    assert "choose one of panels" in refused("--only", "panels,", "-o", tmp_path)
    assert "File exists" in refused("-o", file)
    assert "Not a directory" in refused("-o", file / "below")
    assert "leave it out" in refused("--fast", "--redraw", "-o", tmp_path)
    assert "there is no file" in refused("--only", "cost", "--redraw", "-o", tmp_path)
    (tmp_path / "panels.png").mkdir()
    assert "panels.png is not a file" in refused("--only", "panels", "-o", tmp_path)
    assert not (tmp_path / "panels.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a sound .json file"),
        ("[]", "does not hold the numbers of the figure 'kept'"),
        ('{"figure": "cost"}', "does not hold the numbers of the figure 'kept'"),
        ('{"figure": "kept", "numbers": {}}', "fractions"),
    ],
)
def test_foreign_numbers_are_refused(text, said, tmp_path):
    (tmp_path / "kept.json").write_text(text)
    with pytest.raises(FileError, match=said):
        figures.redraw("kept", tmp_path)


def test_an_unknown_figure_is_refused(tmp_path):
    for function in (figures.remake, figures.redraw):
        with pytest.raises(OptionError, match="did you mean 'kept'"):
            function("keept", tmp_path)
