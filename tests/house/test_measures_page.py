"""The page on measures and their table say the same."""

from pathlib import Path

from noiseprune.measures import MEASURES

PAGE = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")


def test_the_page_has_every_measure_in_its_words():
    sections = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])
    measured = [title for title in sections if title != "In comparisons"]
    assert measured == [measure.title for measure in MEASURES]
    for measure in MEASURES:
        said = " ".join(sections[measure.title].split())
        assert measure.meaning in said
        assert measure.choice in said
        assert sections[measure.title].startswith("\n    ")  # its equation
        assert f"| `{measure.key}` | {measure.short} |" in PAGE


def test_a_measure_is_told_in_sentences():
    for measure in MEASURES:
        for sentence in (measure.meaning, measure.choice):
            assert sentence[0].isupper()
            assert sentence.endswith(".")
    assert len({measure.short for measure in MEASURES}) == len(MEASURES)
