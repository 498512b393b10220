"""Bets: checks and HTML; the behavior in a page is in tests/browser."""

from __future__ import annotations

import pytest

from tdyn import player, quiz

GOOD = [("a", "yes", True), ("b", "no", False), ("c", "no", False)]


def test_html_has_native_radio_buttons_and_a_live_region():
    html = quiz.bet("Which?", GOOD, "which").html(with_runtime=False)
    assert html.count('<input type="radio" name="which"') == 3
    assert "<legend>Which?</legend>" in html
    assert 'aria-live="polite"' in html
    assert html.count('data-mark="right"') == 1
    assert "checked" not in html


def test_texts_are_escaped():
    html = quiz.bet("<q>&", [("<a>", "</fieldset>", True), ("b", "<i>", False)], "q").html(
        with_runtime=False
    )
    assert "<a>" not in html
    assert html.count("</fieldset>") == 1
    assert "&lt;q&gt;&amp;" in html


def test_script_is_shared_with_the_players():
    page = quiz.bet("Which?", GOOD, "one").html() + quiz.bet("Which?", GOOD, "two").html()
    assert player.strip_duplicates(page).count("<script data-tdyn-player>") == 1
    assert "( ) a" in quiz.bet("Which?", GOOD, "one")._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize(
    ("question", "options", "name", "error"),
    [
        ("", GOOD, "q", ValueError),
        ("Which?", GOOD, "a b", ValueError),
        ("Which?", GOOD[:1], "q", ValueError),
        ("Which?", GOOD[1:], "q", ValueError),
        ("Which?", [*GOOD, ("d", "yes", True)], "q", ValueError),
        ("Which?", [GOOD[0], GOOD[0]], "q", ValueError),
        ("Which?", [*GOOD, ("d", "", False)], "q", ValueError),
        ("Which?", [*GOOD, ("d", "no", 0)], "q", TypeError),
        ("Which?", [*GOOD, ("d", "no")], "q", TypeError),
        ("Which?", [*GOOD, (1, "no", False)], "q", TypeError),
    ],
)
def test_refuses(question, options, name, error):
    with pytest.raises(error):
        quiz.bet(question, options, name)
