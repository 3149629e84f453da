"""Where a setting comes from, which place wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from rebuttal.errors import InvalidInput
from rebuttal.settings import BY_PROFILE, OPTIONS, PROFILES, Settings, load_settings, read_key
from tests.settings_page import rows, rows_on_the_page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and none of our variables set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"REBUTTAL_{name.upper()}", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.delenv("SOME_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dotenv(folder: Path, text: str) -> None:
    (folder / ".env").write_text(text, "utf-8")


def test_without_anything_set_it_listens_to_this_machine_only() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.share) == ("127.0.0.1", None, False)
    assert settings.models.is_absolute()
    assert settings.models.name == "models.yaml"
    assert settings.data.is_absolute()


def test_the_environment_sets_every_kind_of_field(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOST": "::1",
        "PORT": "8080",
        "SHARE": "true",
        "MODELS": "mine.yaml",
        "TURN_WITHIN": "12.5",
    }.items():
        monkeypatch.setenv(f"REBUTTAL_{name}", value)
    settings = load_settings()
    assert (settings.host, settings.port, settings.share) == ("::1", 8080, True)
    assert (settings.models, settings.turn_within) == (Path("mine.yaml"), 12.5)


def test_the_file_is_read_from_the_working_folder(folder: Path) -> None:
    dotenv(folder, "# mine\nREBUTTAL_PORT=8081\nexport REBUTTAL_HOST='::1'\nOTHER=1\n")
    settings = load_settings()
    assert (settings.port, settings.host) == (8081, "::1")


def test_an_argument_beats_the_environment_which_beats_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv(folder, "REBUTTAL_PORT=1\nREBUTTAL_MAX_ROUNDS=1\nREBUTTAL_HOST=file\n")
    monkeypatch.setenv("REBUTTAL_PORT", "2")
    monkeypatch.setenv("REBUTTAL_MAX_ROUNDS", "2")
    settings = load_settings(port=3)
    assert (settings.port, settings.max_rounds, settings.host) == (3, 2, "file")


def test_an_argument_that_is_none_leaves_the_others_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REBUTTAL_PORT", "8080")
    assert load_settings(port=None, host=None).port == 8080


def test_an_empty_variable_is_as_good_as_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv(folder, "REBUTTAL_HOST=\n")
    monkeypatch.setenv("REBUTTAL_PORT", "")
    settings = load_settings()
    assert (settings.port, settings.host) == (None, "127.0.0.1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", "eighty"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "80.5"),
        ("share", "perhaps"),
        ("max_rounds", "0"),
        ("max_rounds", "1001"),
        ("memory_mib", "64"),
        ("first_token_within", "0"),
        ("silence_within", "-1"),
        ("turn_within", "nan"),
        ("max_turn_chars", "5"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, folder: Path, field: str, value: str
) -> None:
    monkeypatch.setenv(f"REBUTTAL_{field.upper()}", value)
    with pytest.raises(InvalidInput) as from_environment:
        load_settings()
    monkeypatch.delenv(f"REBUTTAL_{field.upper()}")
    dotenv(folder, f"REBUTTAL_{field.upper()}={value}\n")
    with pytest.raises(InvalidInput) as from_file:
        load_settings()
    for caught in (from_environment, from_file):
        assert caught.value.message.startswith(f"{field}: ")
        assert f"REBUTTAL_{field.upper()}" in caught.value.hint


def test_the_hint_names_an_option_only_where_there_is_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(port=0)
    assert caught.value.hint == "Set with --port or REBUTTAL_PORT."
    with pytest.raises(InvalidInput) as caught:
        load_settings(max_rounds=0)
    assert caught.value.hint == "Set with REBUTTAL_MAX_ROUNDS."
    assert set(OPTIONS) < set(Settings.model_fields)


def test_an_argument_that_is_no_setting_is_a_bug_and_says_so() -> None:
    with pytest.raises(TypeError, match="prot"):
        load_settings(prot=8080)


@pytest.mark.parametrize("data", [b"REBUTTAL_HOST=\xff\n", "SOME_API_KEY=\xfc\n".encode("latin-1")])
def test_a_file_that_is_no_text_is_refused(folder: Path, data: bytes) -> None:
    (folder / ".env").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"^\.env: not UTF-8"):
        load_settings()
    with pytest.raises(InvalidInput, match=r"^\.env: not UTF-8"):
        read_key("SOME_API_KEY")


def test_a_home_folder_is_meant_by_its_sign(folder: Path) -> None:
    dotenv(folder, "REBUTTAL_DATA=~/debates\n")
    settings = load_settings(models=Path("~/models.yaml"))
    assert (settings.data, settings.models) == (
        Path.home() / "debates",
        Path.home() / "models.yaml",
    )


def test_the_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://me:open-sesame@db/rebuttal"
    monkeypatch.setenv("REBUTTAL_DATABASE", address)
    settings = load_settings()
    assert settings.database == address
    assert "sesame" not in f"{settings!r} {settings}"


def test_settings_cannot_be_changed_later() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_every_setting_is_explained() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("text", ["sk-123", "  sk-123 ", "sk-123\n", "\r\nsk-123\t\r\n"])
def test_a_key_is_trimmed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOME_API_KEY", text)
    assert read_key("SOME_API_KEY") == "sk-123"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_key_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOME_API_KEY", text)
    assert read_key("SOME_API_KEY") is None


def test_a_key_that_is_not_set_is_none() -> None:
    assert read_key("SOME_API_KEY") is None


def test_a_key_comes_from_the_environment_then_from_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv(folder, "SOME_API_KEY=' from-file '\n")
    assert read_key("SOME_API_KEY") == "from-file"
    monkeypatch.setenv("SOME_API_KEY", "  ")
    assert read_key("SOME_API_KEY") == "from-file"
    monkeypatch.setenv("SOME_API_KEY", "from-environment")
    assert read_key("SOME_API_KEY") == "from-environment"


def test_a_key_with_dollar_signs_is_left_as_it_is(folder: Path) -> None:
    dotenv(folder, "SOME_API_KEY=a$b${HOME}c\n")
    assert read_key("SOME_API_KEY") == "a$b${HOME}c"


def test_the_page_of_settings_is_what_the_code_says() -> None:
    expected, there = [*rows()], rows_on_the_page()
    missing = [row for row in expected if row not in there]
    wrong = [row for row in there if row not in expected]
    told = "\n".join(["to add to docs/settings.md:", *missing, "to take away:", *wrong])
    assert not missing, told
    assert not wrong, told
    assert len(there) == len(expected), "a row is there twice"


@pytest.mark.parametrize(
    ("given", "profile"),
    [
        ({}, "local"),
        ({"HOST": "localhost"}, "local"),
        ({"HOST": "::1"}, "local"),
        ({"HOST": "127.0.0.7"}, "local"),
        ({"HOST": "0.0.0.0"}, "lan"),
        ({"HOST": "192.168.1.20"}, "lan"),
        ({"HOST": "debates.example"}, "lan"),
        ({"HOST": "0.0.0.0", "PROFILE": "local"}, "local"),
        ({"HOST": "0.0.0.0", "PROFILE": "public"}, "public"),
        ({"SHARE": "true"}, "public"),
        ({"PROFILE": "lan"}, "lan"),
    ],
)
def test_the_profile_follows_from_who_is_let_in(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], profile: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"REBUTTAL_{name}", value)
    assert load_settings().profile == profile


def test_on_a_space_everybody_is_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/rebuttal")
    settings = load_settings()
    assert settings.profile == "public"
    assert not settings.manage_models
    assert settings.owners


def test_an_option_chooses_the_profile() -> None:
    assert load_settings(profile="public").profile == "public"
    assert load_settings(share=True).profile == "public"


@pytest.mark.parametrize("profile", ["local", "lan"])
def test_a_share_link_for_friends_only_is_refused(profile: str) -> None:
    with pytest.raises(InvalidInput, match="share link") as caught:
        load_settings(profile=profile, share=True)
    assert "REBUTTAL_PROFILE" in caught.value.hint


def test_a_profile_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^profile: ") as caught:
        load_settings(profile="friends")
    assert "--profile" in caught.value.hint


@pytest.mark.parametrize(("place", "profile"), [*enumerate(PROFILES)])
def test_a_profile_gives_every_limit_its_default(place: int, profile: str) -> None:
    settings = load_settings(profile=profile)
    assert {name: getattr(settings, name) for name in BY_PROFILE} == {
        name: defaults[place] for name, defaults in BY_PROFILE.items()
    }


def test_one_limit_can_be_set_against_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBUTTAL_PROFILE", "public")
    monkeypatch.setenv("REBUTTAL_RUNNING", "3")
    settings = load_settings()
    assert (settings.running, settings.waiting) == (3, BY_PROFILE["waiting"][2])


LIMITS = [name for name, defaults in BY_PROFILE.items() if defaults[0] is None]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_taken_away_by_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    assert getattr(load_settings(profile="public"), limit) is not None
    monkeypatch.setenv(f"REBUTTAL_{limit.upper()}", "none")
    assert getattr(load_settings(profile="public"), limit) is None
    monkeypatch.delenv(f"REBUTTAL_{limit.upper()}")
    dotenv(folder, f"REBUTTAL_{limit.upper()}=none\n")
    assert getattr(load_settings(profile="public"), limit) is None


@pytest.mark.parametrize("limit", ["running", "waiting", "streams", "max_rounds"])
def test_a_limit_that_always_needs_a_number_is_not_taken_away(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setenv(f"REBUTTAL_{limit.upper()}", "none")
    with pytest.raises(InvalidInput, match=f"^{limit}: "):
        load_settings()


def test_names_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBUTTAL_HOSTS", "debates.example, *.debates.example,")
    assert load_settings().hosts == ("debates.example", "*.debates.example")


def test_the_secret_is_long_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBUTTAL_SECRET", "short-one")
    with pytest.raises(InvalidInput, match="32") as caught:
        load_settings()
    assert "short-one" not in f"{caught.value.message} {caught.value.hint}"
    secret = "open-sesame-" * 4
    monkeypatch.setenv("REBUTTAL_SECRET", secret)
    settings = load_settings()
    assert settings.secret == secret
    assert "sesame" not in f"{settings!r} {settings}"


def test_who_signs_in_has_debates_of_their_own_also_locally(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not load_settings().owners
    assert load_settings(auth=folder / "users").owners
    monkeypatch.setenv("REBUTTAL_AUTH", "users")
    assert load_settings().owners
    assert not load_settings(owners=False).owners
