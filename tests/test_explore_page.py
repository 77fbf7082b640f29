"""What the figures send: sizes, equal bytes, refused arguments, and fallbacks up to date."""

import hashlib
import html
import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import course_site
import pytest
from docutils import nodes
from explore.page import chromium
from PIL import Image

from course_lib import explore
from course_lib.explore import FIGURES, __main__, explorable

SHARED = ("runtime.js", "base.css", "theme.css")
OWN = ("numbers.math.mjs", "drawing.js")  # as each figure's script carries them
LARGER = {"axes": (14_500, 7_500)}  # 13 norms, 4 layouts, 3 views; 64 numbers in the picture
every = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)


def weight(name: str) -> int:
    """Return the bytes of a file as it is sent."""
    squeeze = explorable.squeeze if name.endswith(".css") else explorable.bare
    is_there = (explorable.HERE / name).is_file()
    return len(squeeze(explorable.read(name)).encode()) if is_there else 0


def test_shared_code_is_light():
    assert sum(map(weight, SHARED)) <= 7_000


@every
def test_figure_is_light(figure):
    names = [f"{figure.name}{ending}" for ending in (".math.mjs", ".js", ".css")]
    code, picture = LARGER.get(figure.name, (8_500, 6 * 1024))
    assert sum(map(weight, (*OWN, *names))) <= code
    assert len(explorable.read(f"{figure.name}.svg").encode()) <= picture


@every
def test_fallback_defines_its_colours_and_is_well_formed(figure):
    svg = explorable.read(f"{figure.name}.svg")
    ElementTree.fromstring(svg)
    for variable in set(re.findall(r"var\((--[\w-]+)\)", svg)):
        assert svg.count(f"{variable}:#") == 2, variable  # in light and in dark


@every
def test_script_ends_where_it_should(figure):
    sent = figure()._repr_html_()
    assert sent.count("<script>") == sent.count("</script") == 1
    assert "<!--" not in sent
    assert "http" not in re.sub(r"http://www\.w3\.org/\w+/svg", "", sent)


def test_two_executions_give_the_same_bytes():
    code = (
        "import hashlib\nfrom course_lib.explore import FIGURES\n"
        "every = [str(f()._repr_mimebundle_()) for f in FIGURES]\n"
        "print(hashlib.sha256(''.join(every).encode()).hexdigest())"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(2)]
    assert runs[0] == runs[1]


@every
def test_instances_differ_in_their_state_alone(figure):
    texts = [figure(challenge=f"“{name}” <b>&").__class__ for name in "ab"]
    assert texts == [figure, figure]
    one, other = (figure(challenge=words)._repr_html_() for words in ('"<b>', "&amp;"))
    assert one.partition("<script>")[2] == other.partition("<script>")[2]
    assert f'data-challenge="{html.escape(chr(34))}&lt;b&gt;"' in one


@every
def test_bundle_has_a_form_for_each_reader(figure):
    bundle = figure()._repr_mimebundle_()
    assert bundle["text/html"] == figure()._repr_html_()
    assert bundle["text/plain"] == f"{figure.question} {figure().sentence()}"
    assert set(bundle) == {"text/html", "image/png", "text/plain"}


@every
def test_fallback_is_what_the_figure_draws(figure, drawn):
    svg, sentence = drawn[figure.name]
    repair = f"run `python -m course_lib.explore {figure.name}`"
    assert explorable.read(f"{figure.name}.svg") == svg, repair
    assert explorable.read(f"{figure.name}.txt") == sentence, repair
    png = Image.open(io.BytesIO((explorable.HERE / f"{figure.name}.png").read_bytes()))
    assert png.info["source"] == hashlib.sha256(svg.encode()).hexdigest(), repair


@pytest.fixture(scope="module")
def drawn():
    """Draw every figure once, as the maintainer's command does."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": __main__.WIDTH, "height": 900})
        yield {figure.name: __main__.draw(page, figure) for figure in FIGURES}


@every
def test_unknown_control_is_refused(figure):
    with pytest.raises(
        TypeError, match=f"no control 'colour'; {figure.name} has {next(iter(figure.controls))}"
    ):
        figure(colour=1)


@pytest.mark.parametrize(("figure", "state", "words"), [
    (explore.BatchSize, {"batch": 3}, "expected batch to be one of 1, 2, 4"),
    (explore.BatchSize, {"batch": True}, "got True"),
    (explore.BatchSize, {"draw": 1000}, "expected draw to be a number from 1 to 999, got 1000"),
    (explore.BatchSize, {"values": [1, 1]}, "values that differ"),
    (explore.BatchSize, {"values": range(2001)}, "a list of 0 to 2000 numbers"),
    (explore.BatchSize, {"values": [1, float("nan")]}, "got"),
    (explore.TrainOrEval, {"stored": "both"}, "'unbiased', 'biased'"),
])  # fmt: skip
def test_value_that_a_control_cannot_take_is_refused(figure, state, words):
    with pytest.raises(ValueError, match=words):
        figure(**state)


@every
def test_defaults_are_allowed(figure):
    figure(**{key: start for key, (start, _) in figure.controls.items() if start != []})


def test_python_side_stays_small():
    folder = Path(explore.__file__).parent
    lines = sum(len(file.read_text(encoding="utf8").splitlines()) for file in folder.glob("*.py"))
    assert lines <= 85 * len(FIGURES)


def test_a_figure_can_be_imported_without_matplotlib():
    code = "import sys, course_lib.explore; print('matplotlib' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code]).strip() == b"False"


def test_squeezed_code_keeps_its_strings():
    code = "// one\nimport a from 'b';\nexport const a = (b, c) =>\n  `x ${b} : c`, d = ' : ';\n"
    assert explorable.bare(code) == "const a=(b,c)=>`x ${b} : c`,d=' : ';\n"
    css = "/* one */\n.a, .b {\n  color: red;\n}\n.a :hover { margin: 0 1px; }\n"
    assert explorable.squeeze(css) == ".a,.b{color:red}.a :hover{margin:0 1px}"


def test_site_keeps_a_formula_and_its_comma_on_one_line():
    formula = (
        '<span class="math notranslate nohighlight"><mjx-container>a &lt; b</mjx-container></span>'
    )
    joined = course_site.JOINED.sub(r"<b>\g<0></b>", f"<p>{formula}, and {formula}).</p>")
    assert joined == f"<p><b>{formula},</b> and <b>{formula}).</b></p>"
    assert not course_site.JOINED.search(f"<p>{formula} is one</p>")


def test_site_moves_each_kind_of_script_to_one_file(tmp_path):
    figures = [explore.BatchSize(), explore.Projection(), explore.BatchSize(batch=2)]
    body = "<p>Words</p>".join(figure._repr_html_() for figure in figures)
    shared, files = course_site.share_scripts(f"{body}<script>other()</script>", tmp_path)
    assert "'use strict'" not in shared
    assert shared.count("<script>") == 1  # what is not a figure's stays
    assert shared.count('class="course-explore"') == 3
    assert len(files) == 2
    for file in files:
        name, digest, _ = file.split(".")
        code = (tmp_path / file).read_text(encoding="utf8")
        assert f'const NAME="{name}"' in code
        assert hashlib.sha256(code.encode()).hexdigest().startswith(digest)
    assert course_site.share_scripts("<p>No figure</p>", tmp_path) == ("<p>No figure</p>", [])


@pytest.mark.parametrize(("kinds", "stands_in"), [
    (["text/html", "image/png"], True),
    (["image/png", "text/plain"], False),
])  # fmt: skip
def test_picture_beside_html_needs_no_alt_text_of_its_own(kinds, stands_in):
    forms = [nodes.container(mime_type=kind) for kind in kinds]
    image = nodes.image(uri="x.png")
    forms[kinds.index("image/png")] += image
    bundle = nodes.container("", *forms, nb_element="mime_bundle")
    assert bundle.children == forms
    assert course_site.stands_in_for_html(image) is stands_in


def test_lone_picture_stands_in_for_nothing():
    assert not course_site.stands_in_for_html(nodes.image(uri="x.png"))
