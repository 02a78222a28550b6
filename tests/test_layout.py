"""Layout: for every class of defect what is done, and before it the clean text that must stay as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.config import RepairSettings
from dedupe.errors import RuleError
from dedupe.model import Article, Repair
from dedupe.repair.repairer import Repairer
from dedupe.repair.roles import REMOVED_ROLES
from dedupe.text.edits import Span, apply_spans, invert_spans
from dedupe.text.lexicon import builtin_languages, builtin_rules, load_lexicon

REPAIRER = Repairer(load_lexicon(), RepairSettings())
BODY = [
    "The mayor of Velsing said on Monday that the bridge over the Arn would open again before the winter.",
    "Repairs began in the spring, after a barge had struck the second pier and cracked it.",
    "The council will vote on the last part of the money next week, and nobody expects a close result.",
    "Engineers have checked every bearing twice, and divers have looked at the foundations of the piers.",
    "Until then the ferry runs every twenty minutes, free of charge for those who live on either bank.",
]


def look(text: str) -> Repair:
    return REPAIRER.repair(Article("a", text))


def mend(text: str) -> str:
    return apply_spans(text, [Span(e.start, e.end, e.after) for e in look(text).edits if e.automatic])


def flags(text: str) -> set[str]:
    return {flag.kind for flag in look(text).flags}


def article(*, above: tuple[str, ...] = (), inside: tuple[str, ...] = (), below: tuple[str, ...] = ()) -> str:
    return "\n".join([*above, *BODY[:2], *inside, *BODY[2:], *below]) + "\n"


CLEAN = {
    "plain": article(),
    "blank lines between paragraphs": article().replace("\n", "\n\n"),
    "a writer's own furniture words": article(
        inside=(
            "Follow us on our way down the river, the guide told the children, and they did.",
            "“Share this article with your neighbours,” the leaflet said.",
            "Sign up for the army, his father had told him, and he had signed up for the navy.",
            "This bakery uses cookies as roof tiles, and the story continues below ground, where two ovens stand.",
            "He subscribed to the view that a comment is free, and read more books than anybody in Velsing.",
        )
    ),
    "compounds and addresses": article(
        inside=("The well-known engineer, of www.example.org and Node.js fame, wrote to a.b@example.com at 5 p.m. on Friday.",)
    ),
    "dots and dashes": article(
        inside=("It went on . . . and on, 1,000 times, at 9.5% of $4.3 billion, from 10-12 to 24/7, 9/11.",)
    ),
    "numbers in words": article(
        inside=("Twenty-one of the 19th century's 21 mayors, one in three, paid two percent; one-off, 3-2, F-16.",)
    ),
    "doubling that is right": article(inside=("He had had enough of what that that meant, he said, and so so did she.",)),
    "prose about markup": article(
        inside=("The <b> tag makes text bold, and `&amp;` is an ampersand in HTML.", "If a < b and b > c, then stop.")
    ),
    "a quotation that runs on": article(inside=("“We waited for a long time at the pier.", "“Then the ferry came at last.”")),
    "French spacing": "Il a dit : « Non ! » Puis il est parti ; personne ne sait où. Pourquoi ?\nC’est tout.\n",
    "Persian joiners": "او می\N{ZERO WIDTH NON-JOINER}رود.\n",
    "Hindi joiners": "क्\N{ZERO WIDTH JOINER}ष और बाकी सब ठीक है।\n",
    "emoji": "She sent \N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET} and went.\n",
    "Hebrew with marks": "שלום\N{RIGHT-TO-LEFT MARK} (abc) עולם.\n",
    "an interview": "Q: Is it late?\nA: It is.\nQ: Then go.\nA: I will.\n",
    "a list": article(
        inside=("The plan has three parts:", "- the piers, the bearings, the deck and the lamps on the bridge", "- paint")
    ),
    "wrapped lines": "The mayor said on Monday that the\nbridge over the Arn would open again before\nthe winter, and went.\n",
    "a poem": "The rose is red,\nThe grass is green,\nThe days are fled\nThat I have seen.\n",
    "German": "Der Bürgermeister sagte, die Brücke sei „fast fertig“. Das freue ihn.\nDie Ost- und\nWestseite folgen.\n",
    "Japanese": "市長は月曜日、橋は冬までに再開すると述べた。\n修理は春に始まった。\n",
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_text_is_neither_changed_nor_flagged(name: str) -> None:
    repair = look(CLEAN[name])
    assert [edit for edit in repair.edits if edit.automatic] == []
    assert [flag for flag in repair.flags if flag.kind != "html"] == []


TABLES = [builtin_rules() / language / "layout.tsv" for language in builtin_languages()]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.parent.name)
def test_every_layout_pattern_fits_its_example_and_not_its_counterexample(table: Path) -> None:
    lexicon = load_lexicon(table.parent.name)
    rows = [line.split("\t") for line in table.read_text("utf-8").splitlines()[2:]]
    for role, pattern, example, *counterexample in rows:
        assert re.fullmatch(pattern, example), (role, example)
        for text in counterexample:
            assert not any(name == role and p.fullmatch(text) for name, p in lexicon.layout), (role, text)


FURNITURE = {
    "Sign up for our newsletter and never miss a vote.": "newsletter",
    "Get the day’s top stories in your inbox": "newsletter",
    "Share this article": "share",
    "Share this: Email | LinkedIn | X | Copy link": "share",
    "Follow us on Facebook and X": "share",
    "Story continues below (advertisement)": "advertisement",
    "Advertisement": "advertisement",
    "ADVERTISEMENT": "advertisement",
    "Read more: The night the ferry stood still": "related",
    "Related stories": "related",
    "This website uses cookies to improve your experience.": "cookie",
    "We value your privacy. Accept all cookies to continue.": "cookie",
    "Click here to read more": "promotion",
    "Leave a comment": "promotion",
    "[VIDEO]": "media",
    "WATCH: The bridge opens again": "media",
    "Updated: 3 May 2024, 10:30": "timestamp",
    "© 2025 Velsing Post. All rights reserved.": "copyright",
    "googletag.cmd.push(function() { googletag.display('ad-1'); });": "script",
}


@pytest.mark.parametrize("line", FURNITURE)
def test_furniture_leaves_the_body_and_is_told_by_its_role(line: str) -> None:
    text = article(inside=(line,))
    assert mend(text) == article()
    assert [(role.role, text[role.start : role.end]) for role in look(text).roles] == [(FURNITURE[line], line)]


def test_a_byline_a_menu_and_a_bio_of_the_same_author_leave() -> None:
    text = article(
        above=("News", "Sport", "Weather", "By Jane Doe"), below=("Jane Doe covers rivers and bridges for the Velsing Post.",)
    )
    assert mend(text) == article()
    assert [role.role for role in look(text).roles] == ["menu", "menu", "menu", "byline", "author-bio"]


def test_a_reporter_in_the_news_is_no_author_bio() -> None:
    text = article(above=("By John Smith",), below=("Jane Doe is a reporter at the Velsing Post and was arrested on Monday.",))
    assert mend(text) == article(below=("Jane Doe is a reporter at the Velsing Post and was arrested on Monday.",))


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("The bridge on Sunday. (Photo: Jane Doe / Velsing Post)", "caption"),
        ("In this photo the second pier is seen from the ferry.", "caption"),
        ("Jane Doe | Velsing Post | Getty Images", "credit"),
        ("A close vote", "heading"),
    ],
)
def test_captions_credits_and_headings_are_typed_and_stay(line: str, role: str) -> None:
    text = article(inside=(line,))
    assert mend(text) == text
    assert role in {found.role for found in look(text).roles}
    assert role not in REMOVED_ROLES


def test_a_caption_that_is_repeated_stands_once() -> None:
    caption = "The bridge on Sunday. (Photo: Jane Doe / Velsing Post)"
    assert mend(article(above=(caption,), below=(caption,))) == article(above=(caption,))


def test_a_repeated_paragraph_is_flagged() -> None:
    assert flags(article(below=(BODY[0],))) == {"repeated-paragraph"}


def test_a_headline_of_the_article_below_it_leaves() -> None:
    text = article(below=("Velsing bridge to open before winter after repairs",))
    assert mend(text) == article()
    assert [role.role for role in look(text).roles] == ["trailing-headline"]


def test_a_summary_that_the_first_paragraph_repeats_is_typed() -> None:
    summary = "The mayor of Velsing said the bridge over the Arn would open before winter."
    assert [role.role for role in look(article(above=(summary,))).roles] == ["dek"]


def test_an_article_of_nothing_but_furniture_keeps_its_text() -> None:
    assert mend("Share this article\nAdvertisement\n") == "Share this article\nAdvertisement\n"


RESIDUE = {
    "tags": ("<p>The <em>new</em> bridge.</p><p>It opens.</p>", "The new bridge.\nIt opens."),
    "line breaks": ("The bridge opens.<br /><br>It is new.", "The bridge opens.\nIt is new."),
    "a link": ('See <a href="https://example.org/a" target="_blank">the plan</a> of the city.', "See the plan of the city."),
    "a script": ("The bridge opens.<script>track();</script> It is new.", "The bridge opens. It is new."),
    "entities": (
        "Marks &amp; Sons, it&amp;nbsp;said, &#8217;twas &eacute;t&eacute;.",
        "Marks & Sons, it\N{NO-BREAK SPACE}said, ’twas été.",
    ),
    "a shortcode": ('[caption id="attachment_1" width="640"]The old bridge.[/caption]', "The old bridge."),
    "a Markdown link": ("The [old bridge](https://example.org/b) opens.", "The old bridge opens."),
    "a zero-width space in a word": ("The brid\N{ZERO WIDTH SPACE}ge opens.", "The bridge opens."),
    "a byte order mark inside": ("One.\n\N{ZERO WIDTH NO-BREAK SPACE}Two.", "One.\nTwo."),
    "a soft hyphen": ("The Donau\N{SOFT HYPHEN}dampf\N{SOFT HYPHEN}schiff opens.", "The Donaudampfschiff opens."),
    "mojibake": ("Itâ€™s the cafÃ©â€¦", "It’s the café…"),
    "double mojibake": ("donÃ¢â‚¬â„¢t go", "don’t go"),
    "mojibake beside sound letters": ("“Good”, he said, but donâ€™t.", "“Good”, he said, but don’t."),
    "mojibake that lost its last byte": ("â€œGo,â€ he said.", "“Go,” he said."),
}


@pytest.mark.parametrize("name", RESIDUE)
def test_residue_is_taken_out(name: str) -> None:
    before, after = RESIDUE[name]
    assert mend(before) == after


SPACING = {
    "space before a comma": ("The port of Velsing , on the Arn, is old.", "The port of Velsing, on the Arn, is old."),
    "space before a stop": ("They met in the old port . Then they left .", "They met in the old port. Then they left."),
    "glued sentences": ("They met in the old port.Then they left.", "They met in the old port. Then they left."),
    "a glued quotation": ("“We met,”he said.", "“We met,” he said."),
    "a word cut at the line end": ("It is inter-\nnational law.", "It is international law."),
    "a cut word that the text knows": (
        "The bear-\nings hold. New bearings cost more.",
        "The bearings hold. New bearings cost more.",
    ),
    "a compound cut at its hyphen": ("A well-\nknown man, well-known in Oslo.", "A well-known man, well-known in Oslo."),
}


@pytest.mark.parametrize("name", SPACING)
def test_spacing_is_mended(name: str) -> None:
    before, after = SPACING[name]
    assert mend(before) == after


FLAGGED = {
    "a cut word that nobody knows": ("The zorb-\nlings left.", "cut-word"),
    "a cut word that may be a compound": ("It was a long-\nterm plan.", "cut-word"),
    "a bidirectional override": ("Pay \N{RIGHT-TO-LEFT OVERRIDE}100 to him.", "bidi-override"),
    "a directional mark": ("Pay \N{RIGHT-TO-LEFT MARK}100 to him.", "invisible-character"),
    "a control character": ("Pay \x0b100 to him.", "invisible-character"),
    "a lone tag": ("He pays <b>100 to him.", "html"),
    "left-over attributes": ('He pays 100 target="_blank" rel="noopener">here.', "html"),
    "an escaped tag": ("He pays &lt;b&gt;100&lt;/b&gt; to him.", "html"),
    "an unknown shortcode": ("He pays [zorb id=12] to him.", "shortcode"),
    "Markdown emphasis": ("He pays **a lot** to him.", "markdown"),
    "a lost letter": ("They don?t pay, he said.", "broken-encoding"),
    "a replacement character": ("The caf\N{REPLACEMENT CHARACTER} is shut.", "broken-encoding"),
    "a placeholder": ("Dear %%first name%%, the bridge is open.", "placeholder"),
    "a template variable": ("People of {{city}}, the bridge is open.", "placeholder"),
    "glued words": ("He left the regionThe mayor stayed.", "glued-words"),
    "a doubled word": ("He left the the region.", "doubled-word"),
    "nested quotation marks": ("He said “this alleged “attack” is new”.", "nested-quotes"),
    "two spellings of a name": ("Mr Sergey Lavrov left. Then Sergei Lavrov spoke, and Sergei went.", "name-variant"),
    "two styles of quotation marks": ('“We go,” he said. “Now.”\n"We stay," she said.\n', "quote-style"),
    "a paragraph from elsewhere": ('“We go,” he said. “It’s late.” “No.”\n"We stay," said the other\'s wife.\n', "splice"),
    "a second dateline": ("OSLO, Norway (AP) — One.\nTwo.\nPARIS (Reuters) - Three.\n", "splice"),
    "a text that breaks off": (article(below=("The ferry will stop when the bridge has been opened by the",)), "truncated"),
    "a preview": (article(below=("The ferry will stop when the bridge… [+1234 chars]",)), "truncated"),
    "a missing stop": (
        article(inside=("The vote came as the mayor met with the engineers of the city over the weekend",)),
        "maybe-truncated",
    ),
    "a last line like a title": (article(below=("Larkin lifts outlook as shoppers return",)), "maybe-headline"),
}


@pytest.mark.parametrize("name", FLAGGED)
def test_what_is_doubtful_is_flagged_and_left(name: str) -> None:
    text, kind = FLAGGED[name]
    assert kind in flags(text)
    assert mend(text) == text


def test_the_note_of_an_invisible_character_names_it() -> None:
    [flag] = look("Pay \N{RIGHT-TO-LEFT OVERRIDE}100 to him.").flags
    assert flag.note == "RIGHT-TO-LEFT OVERRIDE (U+202E)"


@pytest.mark.parametrize(
    "slip",
    [
        "a pair of%",
        "three%",
        "$43.Eight",
        "$1.Five",
        "four.5",
        "zero:forty one",
        "ten,000",
        "24/seven",
        "$four",
        "1000’s",
        "2:thirty",
    ],
)
def test_a_slip_of_number_is_flagged_and_never_guessed(slip: str) -> None:
    text = f"The safety ensures of the pact cost {slip} in all, the International Minister mentioned."
    repair = Repairer(REPAIRER.lexicon, RepairSettings(spin="assume")).repair(Article("a", text))
    assert slip in [text[flag.start : flag.end] for flag in repair.flags if flag.kind == "number-slip"]
    if slip != "1000’s":
        at = text.index(slip)
        assert not any(edit.start < at + len(slip) and at < edit.end for edit in repair.edits)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("The two old men {buy|purchase} a new house.", "buy"),
        ("The two old men {buy|{pay|settle} for} a new house.", "buy"),
        ("The two old men live in a [big|large] new house.", "big"),
    ],
)
def test_spintax_with_a_choice_is_only_asked(text: str, options: str) -> None:
    [edit] = [
        e
        for e in Repairer(REPAIRER.lexicon, RepairSettings(spin="assume")).repair(Article("a", text)).edits
        if "{" in e.before or "[" in e.before
    ]
    assert (edit.after, edit.tier) == (options, "ask")


def test_residue_is_taken_out_of_the_title_too() -> None:
    repair = REPAIRER.repair(Article("a", "Some text.", "The <em>new</em> bri\N{ZERO WIDTH SPACE}dge"))
    assert {e.field for e in repair.edits} == {"title"}


def test_roles_and_flags_are_in_coordinates_of_the_source() -> None:
    text = f"<p>Marks &amp; Sons donâ€™t pay.</p>\n{article(inside=('Share this article', 'He left the the region.'))}"
    repair = look(text)
    assert [text[role.start : role.end] for role in repair.roles if role.role == "share"] == ["Share this article"]
    assert [text[flag.start : flag.end] for flag in repair.flags if flag.kind == "doubled-word"] == ["the the"]


def test_no_layout_leaves_everything() -> None:
    text = article(inside=("Share this article", "A <em>new</em> plan."))
    assert Repairer(REPAIRER.lexicon, RepairSettings(layout=False)).repair(Article("a", text)).edits == ()


PIECES = [
    *BODY[:2], *FURNITURE, "\n", "\n\n", "<p>", "</p>", "<br>", " ,", " .", "&amp;", "&amp;nbsp;", "donâ€™t", "“", "”",
    "\N{ZERO WIDTH SPACE}", "\N{SOFT HYPHEN}", "inter-\nnational", "{photograph}", "By Jane Doe\n", "###", ".Then it",
    '[caption id="a"]', "[/caption]", "three%", "\r\n",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from([" ", "\n", ""]))
def test_layout_edits_fit_the_source_invert_and_are_made_once(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    repair = look(text)
    spans = [Span(e.start, e.end, e.after) for e in repair.edits if e.automatic]
    assert all(text[e.start : e.end] == e.before for e in repair.edits)
    assert all(0 <= noted.start <= noted.end <= len(text) for noted in (*repair.flags, *repair.roles))
    once = apply_spans(text, spans)
    assert apply_spans(once, invert_spans(text, spans)) == text
    assert mend(once) == once


LANGUAGES = {
    "de": ("Der Bürgermeister sagte am Montag, die BrÃ¼cke sei fast fertig.", "Anzeige", "Die Reparatur begann im Frühjahr."),
    "fr": (
        "Le maire a dit lundi que le pont serait bientÃ´t ouvert.",
        "Publicité",
        "Les travaux ont commencé au printemps : enfin !",
    ),
    "ja": ("市長は月曜日、橋は冬までに再開すると述べた。", "広告", "修理は春に始まった。"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_languages_get_encoding_and_layout_and_keep_their_words(language: str) -> None:
    first, furniture, last = LANGUAGES[language]
    repairer = Repairer(load_lexicon(language), RepairSettings(language=language))
    text = f"{first}\n{furniture}\n{last}\n"
    repair = repairer.repair(Article("a", text))
    result = apply_spans(text, [Span(e.start, e.end, e.after) for e in repair.edits if e.automatic])
    assert result == f"{first.replace('Ã¼', 'ü').replace('Ã´', 'ô')}\n{last}\n"
    assert {rule for edit in repair.edits for rule in edit.rules} <= {"layout.encoding", "layout.advertisement"}


def test_a_folder_brings_tables_of_another_language(tmp_path: Path) -> None:
    (tmp_path / "nl").mkdir()
    (tmp_path / "nl" / "layout.tsv").write_text("role\tpattern\texample\nadvertisement\tAdvertentie\tAdvertentie\n", "utf-8")
    repairer = Repairer(load_lexicon("nl", [tmp_path]), RepairSettings(language="nl"))
    text = "De brug gaat weer open.\nAdvertentie\nDe burgemeester is blij.\n"
    assert [(e.before, e.rules) for e in repairer.repair(Article("a", text)).edits] == [
        ("Advertentie\n", ("layout.advertisement",))
    ]


@pytest.mark.parametrize(
    ("row", "fault"),
    [("advert\tX\tX", "unknown role"), ("share\t(\tX", "regular expression"), ("share\t(X)\tX", "captures a group")],
)
def test_a_faulty_layout_table_is_an_error_with_file_and_line(tmp_path: Path, row: str, fault: str) -> None:
    (tmp_path / "layout.tsv").write_text(f"role\tpattern\texample\n{row}\n", "utf-8")
    with pytest.raises(RuleError, match=fault) as caught:
        load_lexicon(folders=[tmp_path])
    assert str(caught.value).startswith(f"{tmp_path / 'layout.tsv'}:2:")
