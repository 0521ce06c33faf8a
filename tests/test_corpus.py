"""A class-level corpus: its statistics, VL-LTR's files, and prompt sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ltnb.clip import clip_templates, prompt_sentences
from ltnb.data.corpus import corpus_statistics, read_corpus, sentence_bank, write_corpus

CORPUS = [["It has two legs.", "First seen in 1912."], [], ["größer als ein Hund", "#1", "three: \\n", "one\u2028line"]]


def test_what_is_written_is_read_back_in_the_layout_of_vl_ltr(tmp_path: Path):
    place = write_corpus(tmp_path / "imagenet", CORPUS)
    assert place == tmp_path / "imagenet" / "wiki"
    assert sorted(path.name for path in place.iterdir()) == ["desc_0.txt", "desc_1.txt", "desc_2.txt"]
    assert (place / "desc_0.txt").read_bytes() == b"It has two legs.\nFirst seen in 1912.\n"
    assert read_corpus(place) == read_corpus(tmp_path / "imagenet", 3) == CORPUS
    write_corpus(tmp_path / "imagenet", CORPUS)  # again, in place
    assert read_corpus(place) == CORPUS


def test_files_are_ordered_by_number_and_cleaned(tmp_path: Path):
    for i in range(12):
        (tmp_path / f"desc_{i}.txt").write_bytes(f"  sentence {i} \r\n\n \n another\n".encode())
    (tmp_path / "desc_old.txt").write_text("not a class")
    assert read_corpus(tmp_path) == [[f"sentence {i}", "another"] for i in range(12)]


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no corpus in .*desc_<i>.txt for each class"):
        read_corpus(tmp_path)
    write_corpus(tmp_path, CORPUS)
    with pytest.raises(FileNotFoundError, match=r"desc_3\.txt is missing"):
        read_corpus(tmp_path, 5)
    (tmp_path / "wiki" / "desc_1.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"desc_1\.txt is missing"):
        read_corpus(tmp_path)


def test_bad_corpora_are_named(tmp_path: Path):
    write_corpus(tmp_path, CORPUS)
    with pytest.raises(ValueError, match="num_classes must be at least 3"):
        read_corpus(tmp_path, 2)
    with pytest.raises(ValueError, match="folder must be without files of other classes"):
        write_corpus(tmp_path, CORPUS[:2])
    for bad in ([["two\nlines"]], [["a"], [" b"]], [[""]], [["a\rb"]]):
        with pytest.raises(ValueError, match="corpus must be of sentences"):
            write_corpus(tmp_path / "other", bad)
    with pytest.raises(ValueError, match="corpus must be a list"):
        write_corpus(tmp_path / "other", [])
    assert not (tmp_path / "other").exists()
    (tmp_path / "wiki" / "desc_0.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no UTF-8 text"):
        read_corpus(tmp_path)


def test_prompt_sentences_put_every_name_into_every_template():
    expected = [["a photo of a cat.", "art of the cat."], ["a photo of a dog.", "art of the dog."]]
    assert prompt_sentences(["cat", "dog"], ["a photo of a {}.", "art of the {}."]) == expected


def test_clips_own_templates_are_eighty():
    (sentences,) = prompt_sentences(["goldfish"], clip_templates())
    assert len(set(sentences)) == 80
    assert all("goldfish" in sentence for sentence in sentences)


def test_corpus_statistics_against_counting_by_hand():
    corpus = [["It is a cat.", "Oslo, 1912"], [], ["x"], ["one two three", "a b", "c"]]
    found = corpus_statistics(corpus)
    assert (found.classes, found.sentences, found.fewest, found.most) == (4, 6, 0, 3)
    assert found.mean == 1.5
    assert found.median == 1.5
    assert found.tokens == pytest.approx((5 + 3 + 1 + 3 + 2 + 1) / 6)
    assert corpus_statistics(corpus, list).tokens == pytest.approx(sum(map(len, sum(corpus, []))) / 6)
    assert str(found) == "4 classes, 6 sentences: M_min 0, M_max 3, M_mean 2, M_med 2, L_avg 2"
    assert np.isnan(corpus_statistics([[], []]).tokens)


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ([], "corpus must be a list of lists"),
        ("text", "corpus must be"),
        (["a", "b"], "class 0"),
        ([["a"], [1]], "class 1"),
    ],
)
def test_corpus_statistics_names_bad_input(corpus, message):
    with pytest.raises(ValueError, match=message):
        corpus_statistics(corpus)


def test_a_sentence_bank_holds_articles_and_prompts_class_by_class():
    bank = sentence_bank([["a", "b"], []], [["p0"], ["p1", "q1"]])
    assert bank.lines == ["a", "b", "p0", "p1", "q1"]
    assert (bank.y.tolist(), bank.prompt.tolist()) == ([0, 0, 0, 1, 1], [False, False, True, True, True])
    some = bank.take(bank.prompt)
    assert (some.lines, some.y.tolist(), some.prompt.tolist()) == (["p0", "p1", "q1"], [0, 1, 1], [True] * 3)
    turned = sentence_bank([["a", "b"], []], [["p0"], ["p1", "q1"]], prompts_first=True)
    assert turned.lines == ["p0", "a", "b", "p1", "q1"]
    assert (turned.y.tolist(), turned.prompt.tolist()) == ([0, 0, 0, 1, 1], [True, False, False, True, True])
    with pytest.raises(ValueError, match="prompts must be lists for 1 classes"):
        sentence_bank([["a"]], [["p"], ["q"]])
    with pytest.raises(ValueError, match="corpus must be a list"):
        sentence_bank([], [])
