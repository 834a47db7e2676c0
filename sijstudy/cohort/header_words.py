"""What the words of a header say for and against fat suppression and a contrast agent; who says both has said nothing.

Words are as vendors and hospitals write them, in lower case; between letters they do not count.
"""

from __future__ import annotations

import re

NOT = r"(?:none?|no|not|nicht|kein[a-z]*|without|w/?o(?:ut)?|ohne|sans|senza|sem|zonder|utan|uden|uten|bez)"
# prae and prä as one letter, as two, or as what is left of it where a header does not name its character set.
PRE = r"(?:pra?(?:e|[^\x00-\x7f]{1,2})|before)(?![a-z])"
BEFORE = rf"(?:{PRE}|pre|vor|voor|avant)"
GAP = r"[ ._-]*"

FS = r"(?:(?:fs|fatsat|fat[ _-]?(?:sat|supp?)[a-z]*|spair|spir)(?![a-z]))"
FAT_SUPPRESSED = re.compile(rf"(?<![a-z])(?:{FS}|(?:dixon|water)(?![a-z])|mdixon)")
WITHOUT_FS = re.compile(rf"(?<![a-z])(?:{NOT}|o\.){GAP}{FS}")
SIN_FS = re.compile(rf"(?<![a-z])sin{GAP}{FS}")  # without in Spanish, but left (sinister, sinistra) elsewhere
FS_OPTIONS = {"option:fs", "option:we"}

AGENT = rf"(?:(?:i\.?v\.?{GAP})?(?:gd|gad[a-z]*|km|[ck]ontrast[a-z]*|ce|mdc|inj[a-z]*|enh[a-z]*)(?![a-z]))"
CONTRAST = re.compile(
    r"(?<![a-z])(gd|gad[a-z]*|km|contrast|post|ce|dotarem|clariscan|magnevist)(?![a-z])|\+ ?c\b|\bc\+|t1c(?![a-z])"
)
WITHOUT_AGENT = re.compile(
    rf"(?<![a-z])(?:(?:{NOT}|{BEFORE}|[ov]\.){GAP}{AGENT}|[ov][ _]*km(?![a-z])|sin{GAP}contraste(?![a-z])"
    rf"|{PRE}|(?:nativ[ae]?|native|unenhanced|plain)(?![a-z]))"
)
SIN_AGENT = re.compile(rf"(?<![a-z])sin{GAP}{AGENT}")
# "mit und ohne KM", "w/wo Gd", "vor und nach KM": both.
AND = r"[ /&+]+(?:(?:and|und|et|e|y|or|oder)[ /]+)?"
WITH = r"(?:with|mit|avec|con|nach|after)"
BOTH = re.compile(
    rf"(?<![a-z])(?:(?:{WITH}{AND}|w ?[/&+]+ ?(?=w)){WITHOUT_AGENT.pattern}"
    rf"|(?:{NOT}|{BEFORE}|sin){AND}(?:{WITH}|w)(?![a-z]))"
)
# An agent's field that names none: it says that nothing was given, or nothing (left empty, or de-identified).
FIELD_NO = re.compile(rf"(?:{NOT}|sin|nein|nil|aucun[a-z]*|ning[^ ]*|nessun[a-z]*|false|n)(?![a-z])")
FIELD_ZERO = re.compile(r"0+([.,]0+)? *(ml|cc)?")
FIELD_OPEN = re.compile(
    r"[\W_]*|n[/.]?a\.?|k\.? ?a\.?|nan|null|unk(nown)?|unbekannt|inconnu|not (specified|available|known|applicable)"
    r"|anon[a-z]*|removed|deleted|redacted|dummy|x+"
)


def fat_is_suppressed(words: str, *, options_stated: bool) -> bool | None:
    """Whether ``words``, with scan options as ``option:fs``, say so; None where they say both, or nothing.

    options_stated: the header speaks of scan options, so that fat suppression would be among them.
    """
    rest = SIN_FS.sub(" ", words)
    told = WITHOUT_FS.sub(" ", rest)
    suppressed, without = bool(FS_OPTIONS & set(told.split()) or FAT_SUPPRESSED.search(told)), told != rest
    if suppressed and without:
        return None
    return suppressed if suppressed or without or options_stated else None


def agent_is_given(field: str, description: str) -> bool | None:
    """Whether a contrast agent was given, by ``field`` and description; None where they differ or are silent."""
    by_field, by_text = _by_field(field.strip().lower()), _by_text(description.lower())
    if by_field is None or by_text is None:
        return by_text if by_field is None else by_field
    return by_field if by_field == by_text else None


def _by_field(field: str) -> bool | None:
    if FIELD_OPEN.fullmatch(field):
        return None
    if FIELD_NO.match(field) or FIELD_ZERO.fullmatch(field):
        return False
    return _by_text(field) is not False  # any other word is the name of an agent


def _by_text(text: str) -> bool | None:
    text = WITHOUT_FS.sub(" ", text)
    told = WITHOUT_AGENT.sub(" ", text)
    given, without = bool(CONTRAST.search(SIN_AGENT.sub(" ", told))), told != text
    if BOTH.search(text) or (given and without):
        return None
    return given if given or without else None
