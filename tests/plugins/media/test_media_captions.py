"""Captions are read as WebVTT or SubRip and written anew: cues alone."""

import pytest

from plugins.media.errors import CaptionsInvalid
from plugins.media.rules.captions import MOST_CHARACTERS, label_of, webvtt

WRITTEN = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello\nthere\n\n01:00:00.000 --> 01:00:01.000 align:start\nBye\n"


@pytest.mark.parametrize(
    "sent",
    [
        WRITTEN.encode(),
        b"\xef\xbb\xbf" + WRITTEN.replace("\n", "\r\n").encode(),
        b"1\n00:00:01,000 --> 00:00:02,500\nHello\nthere\n\n\n2\n1:00:00,000 --> 1:00:01,000 align:start\nBye",
        b"WEBVTT - mine\n\nNOTE nobody sees this\n\nSTYLE\n::cue{background:url(//evil)}\n\n"
        b"one\n00:01.000 --> 00:02.500\nHello\nthere\n\n01:00:00.000 --> 01:00:01.000 align:start\nBye\n",
    ],
    ids=["webvtt", "bom and crlf", "subrip", "notes and styles"],
)
def test_captions_are_written_anew(sent: bytes) -> None:
    assert webvtt(sent) == WRITTEN


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "There are no captions in it."),
        (b"WEBVTT\n\njust text\n", "There are no captions in it."),
        (b"\xff\xfe\x00", "Captions must be UTF-8."),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nA\x00B\n", "Captions are text of at most 900,000 characters."),
        (b"x" * (MOST_CHARACTERS + 1), "Captions are text of at most 900,000 characters."),
        (b"WEBVTT\n\n00:02.000 --> 00:02.000\nA\n", "Line 3: captions end after they begin."),
        (b"WEBVTT\n\n00:61.000 --> 00:62.000\nA\n", "Line 3: this is no time such as 00:01:02.000 --> 00:01:04.500."),
        (b"1\nHello\n00:01.000 --> 00:02.000\n", "Line 1: a time stands where text belongs."),
        (b"00:01.000 --> 00:02.000\n00:03.000 --> 00:04.000\n", "Line 1: captions end after they begin."),
    ],
)
def test_what_is_none_is_refused_and_told_where(sent: bytes, said: str) -> None:
    with pytest.raises(CaptionsInvalid) as refusal:
        webvtt(sent)
    assert refusal.value.detail == said


@pytest.mark.parametrize(
    ("language", "label"), [("ar", "العربية"), ("pt-BR", "Português (pt-BR)"), ("tlh", "tlh"), ("en", "English")]
)
def test_languages_are_called_as_they_call_themselves(language: str, label: str) -> None:
    assert label_of(language) == label
