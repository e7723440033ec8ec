"""Decides whether a file is a recording of sound, and which: MP3, M4A, OGG or WAV."""

from typing import Final

from plugins.media.rules.videos import major_brand

EXTENSIONS: Final = {"audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/ogg": "ogg", "audio/wav": "wav"}
_M4A: Final = {b"M4A ", b"M4B "}
# The first packet of each codec of sound that stands in OGG (RFC 3533, RFC 7845, RFC 5215); Theora is a picture.
_OGG_CODECS: Final = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_OGG_HEADER: Final = 27
# ISO/IEC 11172-3, layer III: bits a second by index, for version 1 and for versions 2 and 2.5; samples a second.
_KILOBITS_1: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def sound_type(head: bytes) -> str | None:
    """Return the content type of a recording; None if it is none."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if major_brand(head) in _M4A:
        return "audio/mp4"
    if head[:4] == b"OggS":
        return "audio/ogg" if _ogg_packet(head).startswith(_OGG_CODECS) else None
    return "audio/mpeg" if _has_id3(head) or _has_frames(head) else None


def _ogg_packet(head: bytes) -> bytes:
    segments = head[_OGG_HEADER - 1] if len(head) >= _OGG_HEADER else 0
    return head[_OGG_HEADER + segments :]


def _has_id3(head: bytes) -> bool:
    """Say whether the tag stands there that MP3 files begin with (ID3v2: version, flags, size in 7 bits a byte)."""
    return len(head) > 10 and head[:3] == b"ID3" and head[3] in (2, 3, 4) and all(byte < 128 for byte in head[6:10])


def _has_frames(head: bytes) -> bool:
    """Say whether two frames follow each other."""
    length = _frame_length(head[:4])
    return bool(length) and bool(_frame_length(head[length : length + 4]))


def _frame_length(header: bytes) -> int:
    """Return how long a frame of layer III is, from its header; 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0 or header[1] >> 1 & 3 != 1:
        return 0
    version, bits, rate, padding = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version not in _RATES or bits in (0, 15) or rate == 3:
        return 0
    kilobits = (_KILOBITS_1 if version == 3 else _KILOBITS_2)[bits - 1]
    return (144_000 if version == 3 else 72_000) * kilobits // _RATES[version][rate] + padding
