"""Fat suppression and contrast agent by words, as scanners and hospitals write them."""

import pytest

from sijstudy.cohort.header_words import agent_is_given, fat_is_suppressed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        *((text, True) for text in (
            "t1_fs_cor", "t1fs gd", "t1 fatsat", "t1 fat sat post", "axial t1 fs pre/post (no delay)",
            "cor t1 dixon", "t1 spair gd", "t1w_mdixon", "water: cor t1", "t1 fs ohne km", "t1 fs non gad",
            "bruno fs", "canon fs", "t1 option:fs", "t1 option:we", "t1 cor sin fs option:fs",
        )),
        *((text, False) for text in (
            "t1_tse_cor_no_fs", "t1 cor ohne fs km", "t1 cor non-fs +c", "t1 w/o fatsat gd", "t1 wo fs", "t1 nofs",
            "t1_fl2d_tra_dyn_nonfs", "t1 not fat sat", "sag pd fse non fat sat", "t1 sans fs", "t1 senza fat sat",
            "t1 nicht fs", "t1 kein fs", "t1 o. fs", "without fat suppression t1", "t1 non spair",
        )),
        *((text, None) for text in (
            "t1 cor", "t1 non-gad", "t1 no fs option:fs", "t1 no fs t1_fs_cor", "t1 cor sin fs", "t1 no fat",
        )),
    ],
)  # fmt: skip
def test_fat_suppression(words, expected):
    assert fat_is_suppressed(words, options_stated=False) is expected


def test_scan_options_without_fat_suppression_say_that_there_is_none():
    assert fat_is_suppressed("t1 cor option:sat1", options_stated=True) is False
    assert fat_is_suppressed("t1 cor sin fs option:sat1", options_stated=True) is False
    assert fat_is_suppressed("t1 no fs option:fs", options_stated=True) is None


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        *((text, True) for text in (
            "t1 fs GD", "T1 FS post", "T1 post KM", "T1 nach KM", "T1 n. KM", "t1 fs mit KM", "T1 tra +KM", "T1+C",
            "T1 C+", "T1 apr\u00e8s gado", "T1 con Gd", "T1 with contrast", "T1 fs Gd", "t1_mprage_sag Gd",
            "T1 CE", "T1W_TSE +C", "T1w with Gd", "T1 ohne FS KM", "T1 non-FS Gd", "novum km",
            "t1 fs gd no sat band", "si joints no angle t1 fs gd", "non-linear t1 gd", "t1 fs vor Ort KM",
        )),
        *((text, False) for text in (
            "t1 fs pre contrast", "t1_fs_cor_nativ", "T1 vor KM", "T1 v.KM", "T1 vKM", "T1 o. KM", "t1_fs_o_km",
            "T1 ohne KM", "T1 ohne i.v. KM", "T1 prae KM", "T1 pr\u00e4 KM", "T1 pra\u0308 KM", "T1 pr\ufffd KM",
            "T1 sans gado", "T1 avant gado", "T1 before Gd", "AXIAL BEFORE DYNA", "T1 kein KM", "T1 senza mdc",
            "T1 sin contraste", "T1 w/o Gd", "T1 non contrast", "T1 unenhanced", "T1 zonder contrast",
            "T1 sans injection", "T1 non-enhanced", "T1w ohne KM", "T1W w/o Gd", "T1 w/o KM",
        )),
        *((text, None) for text in (
            "t1 fs", "explain t1", "T1 pre und post KM", "T1 vor und nach KM", "T1 w/wo Gd", "T1 wo/w Gd",
            "T1 mit und ohne KM", "with/without contrast", "T1 without and with contrast", "T1 senza e con Gd",
            "T1 ISG sin Gd", "T1 ohne/mit KM", "t1 center", "T1 prepared",
        )),
    ],
)  # fmt: skip
def test_an_agent_by_description(description, expected):
    assert agent_is_given("", description) is expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        *((text, True) for text in (
            "Gadovist", "DOTAREM", "YES", "Y", "CE", "10ml ProHance", "0.1 mmol/kg Clariscan", "Elucirem", "IV",
            "Contrast", "Magnevist", "1", "Gadovist pre-filled",
        )),
        *((text, False) for text in (
            "NONE", "no", "N", "0", "0 ml", "without", "no contrast", "ohne KM", "ohne", "nativ", "kein",
            "kein KM", "keines", "Nein", "non", "aucun", "sans", "sin contraste", "ninguno", "ning\u00fan",
            "nessuno", "senza mdc", "w/o contrast", "pre contrast", "unenhanced",
        )),
        *((text, None) for text in (
            "", " ", "-", "--", "?", "N/A", "n.a.", "NA", "unknown", "unbekannt", "not specified", "ANONYMIZED",
            "REMOVED",
        )),
    ],
)  # fmt: skip
def test_an_agent_by_its_field(field, expected):
    assert agent_is_given(field, "t1 fs cor") is expected


def test_field_and_description_that_differ_say_nothing():
    assert agent_is_given("Gadovist", "t1 fs vor KM") is agent_is_given("none", "t1 fs post KM") is None
    assert agent_is_given("N/A", "t1 fs post KM") is agent_is_given("Gadovist", "t1 fs nach KM") is True
    assert agent_is_given("no contrast", "t1 fs nativ") is agent_is_given("-", "t1 fs vor KM") is False
