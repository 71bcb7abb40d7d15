"""What becomes of HTML: its words in lines, at a size that no body can drive up."""

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.text import MAX_TEXT, from_html, sanitised

FORMATTING = ["b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"]

LAYOUTS = {
    "paragraphs": ("<p>Hello&nbsp;<b>Ada</b>,</p>\n<p>one<br>two<br><br>three</p>", "Hello Ada,\n\none\ntwo\n\nthree"),
    "lines": ("<div>a</div><div><br></div><div>b<br></div><div>c</div>", "a\n\nb\nc"),
    "white space": ("a\n <i> b</i>c <span> </span> d", "a bc d"),
    "a table": (
        "<p>So:<table><tr><th>Item<th>Price</tr><tr><td><p>Tea</p></td><td><p>3 &lt; 4</p></td></tr></table>Bye",
        "So:\n\nItem  Price\nTea  3 < 4\n\nBye",
    ),
    "a wide table": ("<table>" + "<tr><td>x</td><td>y</td></tr>" * 2 + "</table>", "x  y\nx  y"),
    "lists": ("<ul><li>a<li><p>b</p></ul><ol><li>c<li></ol>d", "* a\n\n* b\n\n1. c\nd"),
    "as written": ("<pre>def f():\n    return <b>1</b> + 1\n</pre>ok", "def f():\n    return 1 + 1\n\nok"),
    "not displayed": ('<title>T</title><div style="color:red; display: none">offers</div>shown', "shown"),
    "an image that is not displayed": ('<img style="display:none">shown<br style="display:none">', "shown"),
    "comments": ("a<!-- <p> -- > b --><![if !mso]>c<![endif]><script>if (a<b) {}</script>d", "acd"),
    "quotes": ("<p don't=1>it's <a title=\"a>b\" href='c>d'>here</a> & 1 < 2", "it's here & 1 < 2"),
    "a file in words": ("src is data:image/png;base64,AAAA", "src is data:image/png;base64,AAAA"),
}


@pytest.mark.parametrize(("html", "text"), LAYOUTS.values(), ids=LAYOUTS)
def test_html_is_read_in_lines(html: str, text: str):
    assert from_html(html) == text


HOSTILE = {
    "a wide cell": "<table><tr><td>" + "word " * 36_000 + "</td><td>x</td></tr>" + "<tr><td><td>y" * 4_500,
    "tables in tables": "<table><tr><td>a<td>b" * 900 + "word" * 10_000,
    "columns": "<table><tr>" + "<td>x" * 19_000,
    "spans": "<table><tr><td colspan=99999999 rowspan=99999999>x" * 900,
    "lists in lists": "<ul>" * 900 + "<li>x" * 18_000,
    "numbers": "<ol><li value=" + "9" * 4_000 + ">x" + "<li>y" * 18_000,
    "a number of another script": "<ol><li value=²>x",
    "lines far in": "<ul>" * 900 + "<pre>" + "x\n" * 120_000,
    "quoted quotes": "<blockquote>" * 900 + "<br>x" * 18_000,
    "margins": '<p style="margin-top:99999em">x</p>' * 7_000,
    "paddings": '<div style="padding-left:99999em">x' * 900,
    "a margin beyond numbers": f'<p style="margin-top:{"9" * 400}em">x',
    "styles of styles": f'<p style="{"style:" * 40_000}">x',
    "deep words": "<span>" * 900 + "x",
    "attributes": "<p " + "".join(f"a{number} " for number in range(30_000)) + ">x",
    "unclosed quotes": "x" + "<a b='" * 15_000 + '<a b="' * 15_000,
    "equals signs": "x<a " + "= " * 120_000,
    "a reference beyond numbers": "x&#" + "9" * 200_000 + ";",
    "references": "x" + "&" * 260_000,
    "open formatting": "<p>" + "".join(f"<b id={n}>" for n in range(900)) + "</p>" + "<p>x</p>" * 9_000,
}


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE)
def test_no_html_makes_more_text_than_it_is_long(html: str):
    assert len(html) <= MAX_TEXT
    tracemalloc.start()
    try:
        text = from_html(html)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert re.findall("word|x", text) == re.findall("word|x", re.sub("<[^<>]*>?", "", html))
    assert len(text) <= 3 * len(html)
    assert peak <= 30_000_000


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE)
def test_no_html_becomes_much_longer_by_being_made_safe(html: str):
    assert len(sanitised(html) or "") <= 2 * MAX_TEXT


@pytest.mark.parametrize("tag", FORMATTING)
@pytest.mark.parametrize("given", ["{} id={}", "{}/id={}", "{}\tTITLE='{}'", "{}\n{}", '{} a=">"{}'])
def test_open_formatting_is_not_repeated_for_every_attribute(tag: str, given: str):
    html = "<p>" + "".join(f"<{given.format(tag, number)}>" for number in range(500)) + "</p>" + "<p>x</p>" * 100
    assert len(sanitised(html) or "") <= 4 * len(html)


WORDS = [f"wörd{number}" for number in range(4)]
TAGS = ["p", "br", "div", "table", "tr", "td", "th", "caption", "ul", "ol", "li", "pre", "b", "span", "a", "o:p"]
MARKUP = [f"<{slash}{tag}{end}" for slash in ("", "/") for tag in TAGS for end in (">", " id=1>")]


@given(st.lists(st.sampled_from([*WORDS, *MARKUP, " ", "\n", "&nbsp;", "<!-- -->", "<"]), max_size=60))
def test_every_word_of_html_is_read_once_and_in_its_order(parts: list[str]):
    words = [part for part in parts if part in WORDS]
    html = "".join(f" {part} " if part in WORDS else part for part in parts)
    assert re.findall(r"wörd\d", from_html(html)) == words


@given(st.text(alphabet="<>/!-=\"' &#;9xXpbtdrliou\n\x00é", max_size=300))
def test_any_html_gives_text_of_about_its_length(html: str):
    assert len(from_html(html)) <= 3 * len(html)
