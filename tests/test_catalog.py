"""Reading models.yaml and personas/: what is taken, and how everything else is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebuttal.catalog import MAX_PERSONAS, Catalog, load_catalog
from rebuttal.errors import CatalogError, NotFound

ROOT = Path(__file__).resolve().parent.parent

MODELS = """\
endpoints:
  Here:
    address: http://localhost:1234/v1
    needs_key: false
models:
  One:
    endpoint: Here
    model: one-1b
"""
CYNIC = """\
name: Cynic
instructions: Doubt everything.
"""


class Files:
    """A models.yaml and a folder of personas, good until something else is written."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models.yaml"
        self.personas = folder / "personas"
        self.personas.mkdir(exist_ok=True)
        self.models.write_text(MODELS, "utf-8")
        self.persona(CYNIC)

    def persona(self, text: str, name: str = "cynic.yaml") -> None:
        (self.personas / name).write_text(text, "utf-8")

    def load(self) -> Catalog:
        return load_catalog(self.models, self.personas)

    def refusal(self) -> CatalogError:
        with pytest.raises(CatalogError) as caught:
            self.load()
        assert str(self.models.parent) not in str(caught.value)
        return caught.value


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def endpoint(line: str) -> str:
    """A models.yaml whose endpoint has ``line`` as its line 5."""
    return MODELS.replace("    needs_key: false\n", f"    needs_key: false\n    {line}\n")


def model(line: str) -> str:
    """A models.yaml whose model has ``line`` as its line 9."""
    return MODELS + f"    {line}\n"


# What is taken


def test_a_small_catalog_is_read_with_the_defaults_of_the_rest(files: Files) -> None:
    catalog = files.load()
    one = catalog.model("One")
    assert (one.label, one.model, one.history, one.listed) == ("One", "one-1b", "whole", True)
    assert catalog.endpoint_of(one).address == "http://localhost:1234/v1"
    assert catalog.persona("cynic").instructions == "Doubt everything."


def test_every_kind_of_value_is_read(files: Files) -> None:
    files.models.write_text(
        model("temperature: 1.5")
        + "    top_p: 1.0\n    max_tokens: 300\n    context: null\n"
        + "    extra: {min_p: 0.05, stop: [a, 'b'], on: true, deep: {x: -1, none: null}}\n"
    )
    one = files.load().model("One")
    assert (one.temperature, one.top_p, one.max_tokens, one.context) == (1.5, 1.0, 300, None)
    expected = {
        "min_p": 0.05,
        "stop": ("a", "b"),
        "on": True,
        "deep": {"x": -1, "none": None},
    }
    assert one.extra == expected
    assert type(one.extra["on"]) is bool


def test_a_whole_number_is_a_number_for_a_field_of_fractions(files: Files) -> None:
    files.persona(CYNIC + "temperature: 1\n")
    assert files.load().persona("cynic").temperature == 1.0


def test_models_may_all_be_commented_out(files: Files) -> None:
    files.models.write_text(MODELS.partition("models:")[0] + "models:\n  # One:\n")
    assert files.load().models == {}


def test_the_order_of_the_file_is_kept(files: Files) -> None:
    names = ["Zeta", "Alpha", "Mid"]
    blocks = "".join(f"  {name}:\n    endpoint: Here\n    model: m\n" for name in names)
    files.models.write_text(MODELS.partition("  One:")[0] + blocks)
    assert list(files.load().models) == names


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble(files: Files) -> None:
    files.models.write_bytes(b"\xef\xbb\xbf" + MODELS.replace("\n", "\r\n").encode())
    assert list(files.load().models) == ["One"]


def test_text_of_any_language_is_kept(files: Files) -> None:
    files.persona("name: Ζήνων\nemoji: 🏛️\ninstructions: |\n  ظريف\n   é 🦊 # no comment\n")
    persona = files.load().persona("cynic")
    assert (persona.name, persona.emoji) == ("Ζήνων", "🏛️")
    assert persona.instructions == "ظريف\n é 🦊 # no comment\n"


def test_the_catalog_that_ships_is_in_order() -> None:
    catalog = load_catalog(ROOT / "models.yaml", ROOT / "personas")
    assert len(catalog.personas) >= 10
    assert catalog.models


def test_a_persona_is_found_by_key_and_by_name(files: Files) -> None:
    files.persona("name: Old Sceptic\ninstructions: x\n", "old.yaml")
    catalog = files.load()
    assert catalog.persona("old") is catalog.persona("old sceptic")
    with pytest.raises(NotFound, match="'Nobody'") as caught:
        catalog.persona("Nobody")
    assert caught.value.hint == "Known: cynic, old."
    with pytest.raises(NotFound, match="'Two'") as caught:
        catalog.model("Two")
    assert caught.value.hint == "Known: One."


def test_the_key_of_a_persona_goes_before_the_name_of_another(files: Files) -> None:
    files.persona("name: Cynical\ninstructions: x\n")
    files.persona("name: cynic\ninstructions: y\n", "zz.yaml")
    assert files.load().persona("cynic").name == "Cynical"


# The traps of YAML's types

NOT_TEXT_ELSEWHERE = (
    *("no", "No", "yes", "on", "OFF", "y", "N", "True", "FALSE", "~", "NULL", "Null"),
    *("012", "0x10", "0o7", "0b1", "1_000", "1e3", "1E-3", "1.5e3", ".5", "5.", "+5", "+.5"),
    *("2026-11-20", "2026-11-20T10:00:00Z", "12:30:45", "1:30", ".inf", "-.INF", ".nan", "="),
    *("9" * 40, "1" + "0" * 400 + ".0"),
)
TEXT_EVERYWHERE = ("1.2.3", "0 1", "1.5.0", "a", "none", "--", "12px", "127.0.0.1", "½")
"""Plain in the file; they stay the text they are."""


@pytest.mark.parametrize("trap", [*NOT_TEXT_ELSEWHERE, *TEXT_EVERYWHERE])
def test_a_trap_in_a_field_of_text_stays_what_was_typed(files: Files, trap: str) -> None:
    files.persona(f"name: x\ninstructions: {trap}\n")
    assert files.load().persona("cynic").instructions == trap


@pytest.mark.parametrize("trap", [*NOT_TEXT_ELSEWHERE, *TEXT_EVERYWHERE])
@pytest.mark.parametrize("field", ["temperature", "context"])
def test_a_trap_in_a_field_of_numbers_is_refused(files: Files, field: str, trap: str) -> None:
    files.models.write_text(model(f"{field}: {trap}"))
    error = files.refusal()
    assert error.message.startswith(f"models.yaml, line 9: models.One.{field}: a plain ")
    assert error.message.endswith(f"number is needed, and {trap[:80]} is none")


@pytest.mark.parametrize("trap", NOT_TEXT_ELSEWHERE)
def test_a_trap_in_a_field_of_true_and_false_is_refused(files: Files, trap: str) -> None:
    files.models.write_text(endpoint(f"sends_seed: {trap}"))
    assert files.refusal().message == (
        f"models.yaml, line 5: endpoints.Here.sends_seed: true or false is needed, not {trap[:80]}"
    )


@pytest.mark.parametrize("trap", NOT_TEXT_ELSEWHERE)
@pytest.mark.parametrize("form", ["{x: %s}", "{x: {y: %s}}", "{x: [a, %s]}"])
def test_a_trap_where_any_type_may_stand_is_refused(files: Files, form: str, trap: str) -> None:
    files.models.write_text(model(f"extra: {form % trap}"))
    error = files.refusal()
    assert error.message.startswith("models.yaml, line 9: models.One.extra.x")
    assert "quotes" in error.hint


@pytest.mark.parametrize("trap", NOT_TEXT_ELSEWHERE)
def test_a_trap_in_quotes_is_text_anywhere(files: Files, trap: str) -> None:
    files.models.write_text(model(f'extra: {{x: "{trap}"}}'))
    assert files.load().model("One").extra == {"x": trap}


@pytest.mark.parametrize("value", ["123", "-1", "0.5", "true", "false", "null"])
def test_a_field_of_text_that_got_something_else_asks_for_quotes(files: Files, value: str) -> None:
    files.persona(f"name: {value}\ninstructions: x\n")
    assert files.refusal().message == (
        f"personas/cynic.yaml, line 1: name: a text is needed: put {value} in quotes"
    )
    files.persona(f'name: "{value}"\ninstructions: x\n')
    assert files.load().persona("cynic").name == value


@pytest.mark.parametrize("value", ['"0.7"', "'1'", "true", "null", "|\n      1"])
def test_a_number_in_quotes_or_of_another_type_is_no_number(files: Files, value: str) -> None:
    files.models.write_text(model(f"temperature: {value}"))
    message = files.refusal().message
    assert message.startswith("models.yaml, line 9: models.One.temperature: a plain number is nee")


@pytest.mark.parametrize("value", ["300.0", "300.5"])
def test_a_fraction_is_no_count(files: Files, value: str) -> None:
    files.models.write_text(model(f"max_tokens: {value}"))
    assert "line 9: models.One.max_tokens: a plain whole number" in files.refusal().message


def test_a_colour_without_quotes_is_no_comment_that_goes_unseen(files: Files) -> None:
    files.persona(CYNIC + "colour: #8a6d1f\n")
    error = files.refusal()
    assert error.message == "personas/cynic.yaml, line 3: colour: nothing stands here"
    assert "quotes" in error.hint


# Refusals

PERSONA_REFUSALS = {
    "no name": ("instructions: x\n", 0, "name: is missing"),
    "no instructions": ("name: x\n", 0, "instructions: is missing"),
    "unknown field": (CYNIC + "tone: dry\n", 3, "tone: no such field (known: colour, "),
    "field of ours": (CYNIC + "key: other\n", 3, "key: no such field (known: colour, "),
    "twice": (CYNIC + "name: Again\n", 1, "name: stands here and again in line 3"),
    "empty name": ("name: ''\ninstructions: x\n", 1, "name: String should have at least 1"),
    "long name": (f"name: {'x' * 41}\ninstructions: x\n", 1, "name: String should have at most 40"),
    "long text": (f"name: x\ninstructions: {'y' * 4001}\n", 2, "instructions: String should have"),
    "hot": (CYNIC + "temperature: 2.1\n", 3, "temperature: Input should be less than or equal"),
    "bad colour": (CYNIC + "colour: red\n", 3, "colour: should be # and six hex digits"),
    "short colour": (CYNIC + "colour: '#abc'\n", 3, "colour: should be # and six hex digits"),
    "nothing": (CYNIC + "emoji:\n", 3, "emoji: nothing stands here"),
    "list": (CYNIC + "emoji: [a]\n", 3, "emoji: a text is needed"),
    "mapping": ("name: {a: b}\ninstructions: x\n", 1, "name: a text is needed"),
    "text only": ("just words\n", 0, "a mapping of fields is needed"),
    "list only": ("- name: x\n", 0, "a mapping of fields is needed"),
    "empty": ("", 0, "is empty"),
    "comment only": ("# name: x\n", 0, "is empty"),
    "null": ("null\n", 0, "a mapping of fields is needed"),
    "two documents": (CYNIC + "---\n" + CYNIC, 3, "a second document begins"),
    "anchor": ("name: &a x\ninstructions: x\n", 1, "anchors and aliases"),
    "alias": ("name: &a x\ninstructions: *a\n", 1, "anchors and aliases"),
    "merge key": ("name: x\n<<: {instructions: x}\n", 2, "merge keys (<<) are not used here"),
    "tag": ("name: !!str 12\ninstructions: x\n", 1, "tags (!) are not used here"),
    "own tag": ("name: x\ninstructions: !x y\n", 2, "tags (!) are not used here"),
    "code": ("name: !!python/object/apply:os.getcwd []\n", 1, "tags (!) are not used here"),
    "tag on a key": ("!!str name: x\n", 1, "tags (!) are not used here"),
    "list as key": ("? [a, b]\n: x\n", 1, "a key is one plain text"),
    "deep": (f"name: {'[' * 1000}{']' * 1000}\n", 1, "nested too deeply"),
    "deeper": (f"name: {'[' * 100_000}\n", 1, "nested too deeply"),
    "tab": ("name: x\ninstructions:\n\tx\n", 3, "not YAML: "),
    "open quote": ('name: "x\ninstructions: x\n', 3, "not YAML: "),
    "colon": ("name: x\ninstructions: Remember: doubt\n", 2, "not YAML: "),
    "control sign": ("name: x\n\ninstructions: a\x07b\n", 3, "the sign U+0007"),
    "NUL by escape": ('name: "a\\0b"\ninstructions: x\n', 1, "name: holds NUL or half a sign"),
    "half sign": ('name: x\ninstructions: "\\ud83d"\n', 2, "instructions: holds NUL or half"),
    "no sign": ('name: "\\UFFFFFFFF"\n', 0, "a \\U escape that is no sign"),
}


@pytest.mark.parametrize(
    ("text", "line", "words"), PERSONA_REFUSALS.values(), ids=PERSONA_REFUSALS.keys()
)
def test_a_persona_is_refused_by_file_line_and_field(
    files: Files, text: str, line: int, words: str
) -> None:
    files.persona(text)
    place = f"personas/cynic.yaml, line {line}: " if line else "personas/cynic.yaml: "
    assert files.refusal().message.startswith(place + words)


MODELS_REFUSALS = {
    "no sections": ("a mapping", 0, "a mapping is needed, with endpoints and models"),
    "other section": (MODELS + "seats: {}\n", 9, "seats: no such section (known: endpoints, mod"),
    "no models": (MODELS.partition("models:")[0], 0, "models: a mapping is needed"),
    "list": (MODELS.partition("  One:")[0] + "  - One\n", 5, "models: a mapping is needed"),
    "bare name": (MODELS + "  Two:\n", 9, "models.Two: a mapping of fields is needed"),
    "unknown field": (model("tempreature: 1"), 9, "models.One.tempreature: no such field (known"),
    "label": (model("label: Two"), 9, "models.One.label: no such field (known: context, "),
    "listed": (model("listed: false"), 9, "models.One.listed: no such field (known: context, "),
    "no model": (MODELS + "  Two:\n    endpoint: Here\n", 9, "models.Two.model: is missing"),
    "twice": (MODELS + "  One: {}\n", 6, "models.One: stands here and again in line 9"),
    "endpoint": (
        MODELS.replace("t: Here", "t: There"),
        7,
        "models.One.endpoint: no endpoint is ca",
    ),
    "history": (model("history: all"), 9, "models.One.history: Input should be 'whole' or 'last'"),
    "few tokens": (model("max_tokens: 3"), 9, "models.One.max_tokens: Input should be greater"),
    "extra list": (model("extra: [a]"), 9, "models.One.extra: a mapping is needed"),
    "needless": (model("weights: {path: a.gguf}"), 9, "models.One.weights: needed by embedded mo"),
    "weights text": (model("weights: a.gguf"), 9, "models.One.weights: a mapping is needed"),
    "weights field": (
        model("weights: {path: a, sha: b}"),
        9,
        "models.One.weights.sha: no such field (known: file, package, path, repo, sha256, size)",
    ),
    "weights both": (
        model("weights:\n      path: a\n      repo: a/b"),
        9,
        "models.One.weights: a path stands alone",
    ),
    "weights bare": (model("weights: {repo: a/b}"), 9, "models.One.weights: a download needs file"),
    "weights none": (model("weights: {size: 1}"), 9, "models.One.weights: needs a path, a package"),
    "weights file": (
        model("weights:\n      repo: a/b\n      file: ../a.gguf"),
        11,
        "models.One.weights.file: should be the name of a .gguf file",
    ),
    "api": (endpoint("api: anthropic"), 5, "endpoints.Here.api: Input should be 'embedded', 'oll"),
    "key": (endpoint("key: sk-4711"), 5, "endpoints.Here.key: should be the NAME of a variable"),
    "embedded with an address": (
        endpoint("api: embedded"),
        2,
        "endpoints.Here: an embedded endpoint has neither",
    ),
    "password": (
        MODELS.replace("//localhost", "//me:pass@localhost"),
        3,
        "endpoints.Here.address: should be an http:// or https:// address",
    ),
    "no address": (
        MODELS.replace("    address: http://localhost:1234/v1\n", ""),
        2,
        "endpoints.Here: address is missing",
    ),
    "not http": (
        MODELS.replace("http://localhost:1234/v1", "localhost:1234"),
        3,
        "endpoints.Here.address: should be an http:// or",
    ),
    "label of nothing": (MODELS + "  '': {endpoint: Here, model: m}\n", 9, "models.''"),
    "label of signs": (MODELS + '  "a\\nb": {endpoint: Here, model: m}\n', 9, "models.'a\\nb'"),
}


@pytest.mark.parametrize(
    ("text", "line", "words"), MODELS_REFUSALS.values(), ids=MODELS_REFUSALS.keys()
)
def test_models_yaml_is_refused_by_file_line_and_field(
    files: Files, text: str, line: int, words: str
) -> None:
    files.models.write_text(text, "utf-8")
    place = f"models.yaml, line {line}: " if line else "models.yaml: "
    error = files.refusal()
    assert error.message.startswith(place + words)
    for secret in ("sk-4711", "pass@"):
        assert secret not in str(error)


def test_an_embedded_model_without_weights_is_refused(files: Files) -> None:
    files.models.write_text(
        "endpoints: {In: {api: embedded}}\nmodels: {M: {endpoint: In, model: m}}"
    )
    assert "models.M.weights: needed by embedded models" in files.refusal().message


def test_two_personas_of_one_name_are_refused(files: Files) -> None:
    files.persona("instructions: x\nname: CYNIC\n", "other.yaml")
    message = files.refusal().message
    assert message == "personas/other.yaml, line 2: name: 'CYNIC' is taken by cynic.yaml"


@pytest.mark.parametrize("name", ["cynic.yml", "a b.yaml", "ü.yaml", "x" * 65 + ".yaml"])
def test_a_persona_in_a_file_of_another_name_is_not_passed_over(files: Files, name: str) -> None:
    files.persona("name: Other\ninstructions: x\n", name)
    error = files.refusal()
    assert error.message == f"personas/{name}: not a name for a persona's file"
    assert ".yaml" in error.hint


def test_files_of_other_kinds_and_hidden_ones_are_passed_over(files: Files) -> None:
    for name in ("README.md", "notes.txt", "._cynic.yaml"):
        files.persona("\0", name)
    assert list(files.load().personas) == ["cynic"]


def test_a_missing_models_file_is_refused(files: Files) -> None:
    files.models.unlink()
    assert files.refusal().message == "models.yaml: No such file or directory"


def test_a_missing_or_empty_folder_of_personas_is_refused(files: Files) -> None:
    (files.personas / "cynic.yaml").unlink()
    assert files.refusal().message == "personas: no persona found"
    files.personas.rmdir()
    assert files.refusal().message == "personas: No such file or directory"


def test_a_folder_in_place_of_a_persona_is_refused(files: Files) -> None:
    (files.personas / "folder.yaml").mkdir()
    assert files.refusal().message.startswith("personas/folder.yaml: ")


@pytest.mark.parametrize(("size", "taken"), [(256 * 1024, True), (256 * 1024 + 1, False)])
def test_a_file_over_the_limit_is_refused(files: Files, size: int, taken: bool) -> None:
    files.models.write_text(MODELS + "#" * (size - len(MODELS)))
    if taken:
        assert files.load().models
    else:
        assert files.refusal().message == "models.yaml: larger than 256 KiB"


@pytest.mark.parametrize("data", [b"name: x\nemoji: \xff\n", "name: ü\n".encode("latin-1")])
def test_a_file_that_is_not_utf8_is_refused_by_its_line(files: Files, data: bytes) -> None:
    (files.personas / "cynic.yaml").write_bytes(data)
    line = data.count(b"\n")
    assert files.refusal().message == f"personas/cynic.yaml, line {line}: not UTF-8 text"


def test_too_many_personas_are_refused(files: Files) -> None:
    for number in range(MAX_PERSONAS):
        files.persona("", f"p{number}.yaml")
    assert files.refusal().message == f"personas: more than {MAX_PERSONAS} personas"


def test_an_unknown_key_of_any_length_makes_a_short_message(files: Files) -> None:
    files.persona(CYNIC + f'"{"k" * 100_000}": 1\n')
    assert len(files.refusal().message) < 400


# Any text at all

YAML_SIGNS = st.text(
    alphabet=st.one_of(st.sampled_from("abn01.:-?,[]{}#&*!|>'\"%@`~=<\\uUx \n\t"), st.characters()),
    max_size=200,
)
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "name: ",
                "instructions: ",
                "endpoints:",
                "models:",
                "  One:",
                "extra: ",
                "weights: ",
            ),
            *("\n", "  ", "- ", "? ", ": ", "|", ">", "'", '"', "{", "}", "[", "]", "&a ", "*a"),
            *("<<", "!!int ", "!x ", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! !x\n", "# ", "null"),
            *("true", "1", "0.5", "012", "~", "", "x", "\\ud800", "\\UFFFFFFFF", "\\0", "\ufeff"),
        ]
    ),
    max_size=25,
).map("".join)


@pytest.fixture(scope="module")
def one_folder(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("catalog"))


@given(text=st.one_of(YAML_SIGNS, PIECES, st.binary(max_size=100)))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_content_is_a_catalog_or_a_catalog_error(one_folder: Files, text: Any) -> None:
    data = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    messages: list[str] = []
    for file in (one_folder.models, one_folder.personas / "cynic.yaml"):
        before = file.read_bytes()
        file.write_bytes(data)
        try:
            one_folder.load()
        except CatalogError as error:
            messages.append(str(error))
        finally:
            file.write_bytes(before)
    for message in messages:
        assert message.encode()  # can be printed
        assert message.startswith(("models.yaml", "personas/cynic.yaml"))
