"""Both languages say everything, with the same words to fill in."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import fields

import pytest

from protocols.terms import EvseState
from ui.bigscreen.sight import Trouble
from ui.bigscreen.words import WORDS, Language, Words


def texts(words: Words) -> Iterator[tuple[str, str]]:
    """Each text with its name."""
    for field in fields(Words):
        value = getattr(words, field.name)
        match value:
            case str():
                yield field.name, value
            case Mapping():
                yield from ((f"{field.name}.{key}", text) for key, text in value.items())
            case tuple():
                yield from ((f"{field.name}.{index}", text) for index, text in enumerate(value))


def placeholders(text: str) -> set[str | None]:
    """The words in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_language_is_there() -> None:
    assert set(WORDS) == set(Language)
    assert Language.ENGLISH.following is Language.CHINESE
    assert Language.CHINESE.following is Language.ENGLISH


@pytest.mark.parametrize("language", list(Language))
def test_a_language_is_complete(language: Language) -> None:
    words, english = dict(texts(WORDS[language])), dict(texts(WORDS[Language.ENGLISH]))
    assert words.keys() == english.keys()
    assert all(text.strip() for text in words.values())
    assert set(WORDS[language].state) == set(EvseState)
    assert set(WORDS[language].trouble) == set(Trouble)
    for name, text in words.items():
        assert placeholders(text) == placeholders(english[name]), name


@pytest.mark.parametrize("language", list(Language))
def test_states_and_troubles_have_words_of_their_own(language: Language) -> None:
    assert len(set(WORDS[language].state.values())) == len(EvseState)
    assert len(set(WORDS[language].trouble.values())) == len(Trouble)


def test_chinese_is_chinese() -> None:
    same = {name for name, text in texts(WORDS[Language.CHINESE]) if dict(texts(WORDS[Language.ENGLISH]))[name] == text}
    assert same == {"battery", "trouble.token_file"}
