from dataclasses import fields
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nameparser import Lexicon, Parser

from syncd.mapping.display_name import LONGEST, plain, split_name

LETTERS = st.sampled_from([chr(code) for code in range(0x41, 0x250) if chr(code).isalpha()])
WORDS = st.text(LETTERS, min_size=1, max_size=9) | st.text(
    st.sampled_from("IVXivx\u0130\u0131DdeMma"), min_size=1, max_size=4
)
PARSER = Parser()
LEXICON = Lexicon.default()
VOCABULARY = sorted(
    {
        word
        for field in fields(Lexicon)
        if isinstance(group := getattr(LEXICON, field.name), frozenset)
        for entry in group
        for word in entry.split()
    }
)


def says_library(text: str) -> tuple[str, str]:
    parsed = PARSER.parse(text)
    return parsed.given_names, parsed.family


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("Mara Oduya", "Mara", "Oduya"),
        ("MARA ODUYA", "MARA", "ODUYA"),
        ("mara oduya", "mara", "oduya"),
        ("  Mara   Oduya\n", "Mara", "Oduya"),
        ("Mara Oduya \U0001f680", "Mara", "Oduya"),
        ("\U0001f469\u200d\U0001f4bb Mara \U0001f331 Oduya \u2b50\ufe0f", "Mara", "Oduya"),
        ("1\ufe0f\u20e3 Mara", "Mara", None),
        ("\U0001d4dc\U0001d4ea\U0001d4fb\U0001d4ea \U0001d4de\U0001d4ed\U0001d4fe\U0001d502\U0001d4ea", "Mara", "Oduya"),
        ("Mara | Dev", "Mara", None),
        ("Mara Oduya | building Acme", "Mara", "Oduya"),
        ("\U0001f680 | Mara Oduya", "Mara", "Oduya"),
        ("Mara \u00b7 Dev", "Mara", None),
        ("Mara \u2022 Dev", "Mara", None),
        ("Mara - Dev", "Mara", None),
        ("Mara \u2013 Dev", "Mara", None),
        ("Mara/Dev", "Mara", None),
        ("Mara Oduya (she/her)", "Mara", "Oduya"),
        ("Mara [dev] Oduya (MJ", "Mara", "Oduya"),
        ("(Mara)", "Mara", None),
        ("*Mara* ~Oduya~", "Mara", "Oduya"),
        ('"Mara Oduya"', "Mara", "Oduya"),
        ('Mara "MJ" Oduya', "Mara", "Oduya"),
        ("Mara Oduya @ Acme", "Mara", "Oduya"),
        ("Mara Oduya @acme #hiring", "Mara", "Oduya"),
        ("@acme Mara Oduya", "Mara", "Oduya"),
        ("Mara Oduya, founder of Acme", "Mara", "Oduya"),
        ("Mara Oduya, CFA, MBA", "Mara", "Oduya"),
        ("Mara, PhD", "Mara", None),
        ("Mara, founder", "Mara", None),
        ("Smith, John", "John", "Smith"),
        ("Dr. Jane O'Neil-Smith PhD", "Jane", "O'Neil-Smith"),
        ("Jane O\u00b4Neil", "Jane", "O'Neil"),
        ("Dr. Smith", None, "Smith"),
        ("Jos\u00e9 Mar\u00eda de la Cruz", "Jos\u00e9 Mar\u00eda", "de la Cruz"),
        ("Mara J. Oduya", "Mara J.", "Oduya"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Gal\u00b7la Mart\u00ed", "Gal\u00b7la", "Mart\u00ed"),
        ("\u674e\u5c0f\u9f99", "\u674e\u5c0f\u9f99", None),
        ("\uae40\ubbfc\uc900", "\ubbfc\uc900", "\uae40"),
        ("\u5c71\u7530 \u592a\u90ce", "\u592a\u90ce", "\u5c71\u7530"),
        ("\u0418\u0432\u0430\u043d \u0418\u0432\u0430\u043d\u043e\u0432", "\u0418\u0432\u0430\u043d", "\u0418\u0432\u0430\u043d\u043e\u0432"),
        ("\u0645\u06cc\u200c\u062e\u0648 \u0639\u0644\u06cc", "\u0645\u06cc\u200c\u062e\u0648", "\u0639\u0644\u06cc"),
        ("Tom & Jerry", "Tom & Jerry", None),
        ("Mara Oduya &", "Mara", "Oduya"),
        ("',Mara Oduya", "Mara", "Oduya"),
        ("Cher", "Cher", None),
        ("Dr", "Dr", None),
        ("mara.eth", "mara.eth", None),
    ],
)  # fmt: skip
def test_a_name_is_found_in_a_display_name(text: str, first: str | None, last: str | None) -> None:
    assert split_name(text) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "\U0001f680\U0001f680",
        "12345",
        "|||",
        "@handle",
        "#BuildInPublic",
        "Acme Inc",
        "Acme, Inc.",
        "Acme Tools GmbH",
        "building the future of work one tweet at a time",
    ],
)
def test_what_is_no_name_gives_none(text: str | None) -> None:
    assert split_name(text) == (None, None)


def test_two_plain_words_take_the_short_way() -> None:
    assert plain("Mara Oduya") == ("Mara", "Oduya")
    assert plain("Zo\u00eb \u0141uczak") == ("Zo\u00eb", "\u0141uczak")


@settings(max_examples=600, deadline=None)
@given(first=WORDS | st.sampled_from(VOCABULARY), last=WORDS | st.sampled_from(VOCABULARY))
def test_the_short_way_gives_what_the_library_gives(first: str, last: str) -> None:
    for text in (f"{first} {last}", f"{first.title()} {last.title()}", f"{first.title()} {last.upper()}"):
        found = plain(text)
        assert found is None or found == says_library(text)


def test_the_short_way_gives_what_the_library_gives_for_every_word_it_knows() -> None:
    for word, style in product(VOCABULARY, (str.lower, str.title, str.upper)):
        for text in (f"{style(word)} Oduya", f"Mara {style(word)}"):
            found = plain(text)
            assert found is None or found == says_library(text), text


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.text(st.sampled_from("ab .,|()[]@#\"'-/&\u00b7\u200d\ufe0f\U0001f680\u674e"), max_size=30)
)
def test_whatever_was_typed_gives_names_with_letters_or_none(text: str) -> None:
    for part in split_name(text):
        assert part is None or (part == part.strip() and any(map(str.isalpha, part)))


def test_a_text_of_any_length_is_looked_at_only_so_far() -> None:
    assert split_name("Mara Oduya " + " " * LONGEST + "| x" * 100_000) == ("Mara", "Oduya")
    assert split_name("a" * 1_000_000) == ("a" * LONGEST, None)
