import xml.etree.ElementTree as ElementTree

from sijstudy.study.markdown import to_html, to_mathml


def test_formulas_become_mathml_that_a_browser_draws_by_itself():
    text = to_html("A mean $\\frac{1}{n} \\sum_i m_i$ and\n\n$$s \\ge t_\\text{subject}$$\n")
    assert text.count("<math") == 2
    assert 'display="block"' in text
    assert "<mfrac>" in text
    assert "$" not in text


def test_an_environment_is_a_block():
    assert 'display="block"' in to_html("\\begin{equation}a = b\\end{equation}")


def test_text_in_a_formula_cannot_become_markup():
    for formula in (r"\text{<script>x</script>} < 1", "a<b", r"a \& b"):
        element = ElementTree.fromstring(to_mathml(formula))
        assert not any("script" in part.tag for part in element.iter())


def test_a_formula_that_cannot_be_read_is_shown_as_written():
    assert to_mathml(r"a < \frac{") == r"<code>a &lt; \frac{</code>"


def test_dollars_that_are_money_and_code_stay():
    assert "<code>$x$</code>" in to_html("`$x$`")
    assert "<strong>bold</strong>" in to_html("**bold**")
