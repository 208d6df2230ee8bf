"""Groups and their members."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_groups.cli.commands.members import extract_invite_code
from arena_groups.sandbox import Sandbox

At = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def pasted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What is pasted where nothing shows."""

    def paste(text: str) -> None:
        monkeypatch.setattr("arena_groups.cli.commands.members.ask_secret", lambda _name: text)

    return paste


class TestGroups:
    def test_from_creation_to_deletion(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        assert at("groups", "create", "Reading Room", "--description", "We *read*.") == 0
        made = json.loads(capsys.readouterr().out)
        assert made["description"]["plain"] == "We read."
        slug = made["slug"]
        assert at("groups", "update", slug, "--name", "Listening Room", "--no-description") == 0
        changed = json.loads(capsys.readouterr().out)
        assert (changed["id"], changed["name"]) == (made["id"], "Listening Room")
        assert changed.get("description") is None
        assert changed["slug"] != slug
        assert at("groups", "update", str(made["id"]), "--description", "Back.") == 0
        assert json.loads(capsys.readouterr().out)["description"]["markdown"] == "Back."
        picture = "https://images.example.net/a.jpg"
        assert at("groups", "update", str(made["id"]), "--avatar-url", picture) == 0
        capsys.readouterr()
        assert at("groups", "delete", changed["slug"], "--yes") == 0
        gone = json.loads(capsys.readouterr().out)
        assert (gone["outcome"], gone["type"]) == ("deleted", "Group")
        assert made["id"] not in sandbox.groups.values()

    @pytest.mark.parametrize(
        ("sort", "first"),
        [
            ("name", "2024"),
            ("newest", "Blank Page"),
            ("oldest", "Analog Weather"),
            ("updated", "Blank Page"),
        ],
    )
    def test_orders(self, at: At, capsys: Captured, sort: str, first: str) -> None:
        assert at("groups", "list", "--sort", sort) == 0
        assert json.loads(capsys.readouterr().out)[0]["name"] == first

    def test_somebody_elses(self, at: At, capsys: Captured) -> None:
        assert at("groups", "list", "--user", "minh-castellanos", person="stranger") == 0
        assert "research-studio" in capsys.readouterr().out

    def test_contents_of_a_kind_in_an_order(self, at: At, capsys: Captured) -> None:
        line = ["research-studio", "--type", "Link", "--sort", "oldest", "--limit", "5"]
        assert at("groups", "contents", *line) == 0
        found = json.loads(capsys.readouterr().out)
        times = [each["created_at"] for each in found]
        assert {each["type"] for each in found} == {"Link"}
        assert times == sorted(times)
        assert len(times) == 5

    def test_followers_in_an_order(self, at: At, capsys: Captured) -> None:
        assert at("groups", "followers", "research-studio") == 0
        newest_first = json.loads(capsys.readouterr().out)
        assert at("groups", "followers", "research-studio", "--sort", "oldest") == 0
        assert json.loads(capsys.readouterr().out) == newest_first[::-1]

    def test_the_log_has_no_secrets(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        assert at("groups", "show", "blank-page", "--verbose", chosen="table") == 0
        err = capsys.readouterr().err
        assert "debug: GET /v3/groups/{id} -> 200 in " in err
        assert sandbox.tokens.owner not in err
        assert at("groups", "show", "blank-page", "-v") == 0
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert {line["log"]["level"] for line in lines} == {"debug"}
        assert at("groups", "show", "blank-page") == 0
        assert capsys.readouterr().err == ""


class TestMembers:
    def test_joining_and_leaving(
        self, at: At, sandbox: Sandbox, capsys: Captured, pasted: Callable[[str], None]
    ) -> None:
        assert at("invite-code", "show", "night-shift") == 0
        pasted(json.loads(capsys.readouterr().out)["url"])
        assert at("members", "join", "night-shift", person="stranger") == 0
        assert json.loads(capsys.readouterr().out)["role"] == "member"
        assert sandbox.users.stranger in sandbox.members("night-shift")
        assert at("members", "leave", "night-shift", "--yes", person="stranger") == 0
        assert json.loads(capsys.readouterr().out)["outcome"] == "left"
        assert sandbox.users.stranger not in sandbox.members("night-shift")

    @pytest.mark.parametrize(("code", "exit_code"), [("wrong-4711", 6), ("", 1), ("a b", 1)])
    def test_a_wrong_code(
        self, at: At, capsys: Captured, pasted: Callable[[str], None], code: str, exit_code: int
    ) -> None:
        pasted(code)
        assert at("members", "join", "research-studio", person="stranger") == exit_code
        err = capsys.readouterr().err
        assert "4711" not in err
        assert json.loads(err)["error"]["hint"]

    @pytest.mark.parametrize(
        "text", ["c0de", "https://www.are.na/group/x/invite/c0de", "https://x.example/c0de/?a=b"]
    )
    def test_what_is_pasted(self, text: str) -> None:
        assert extract_invite_code(text).reveal() == "c0de"

    def test_several_by_slug_and_id(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        _, newest, other = sandbox.members("research-studio")[:3]
        users = [str(newest), "minh-castellanos", str(sandbox.users.member), str(other)]
        assert at("members", "remove", "research-studio", *users, "--yes") == 0
        removed = [each["id"] for each in json.loads(capsys.readouterr().out)]
        assert removed == [newest, sandbox.users.member, other]
        assert not set(removed) & set(sandbox.members("research-studio"))

    def test_one_who_is_no_member(self, at: At, sandbox: Sandbox, capsys: Captured) -> None:
        before = sandbox.members("research-studio")
        users = ["minh-castellanos", "nobody-here"]
        assert at("members", "remove", "research-studio", *users, "--yes") == 3
        error = json.loads(capsys.readouterr().err)["error"]
        assert error["message"] == "not a member of research-studio: nobody-here"
        assert sandbox.members("research-studio") == before

    def test_the_owner_stays(self, at: At, capsys: Captured) -> None:
        assert at("members", "remove", "research-studio", "1", "--yes") == 6
        assert json.loads(capsys.readouterr().err)["error"]["type"] == "forbidden"


class TestInviteCode:
    def test_from_creation_to_deletion(self, at: At, capsys: Captured) -> None:
        assert at("invite-code", "show", "blank-page") == 3
        assert at("invite-code", "create", "blank-page") == 0
        capsys.readouterr()
        assert at("invite-code", "create", "blank-page", "--quiet") == 0
        made = json.loads(capsys.readouterr().out)
        assert at("invite-code", "show", "blank-page") == 0
        assert json.loads(capsys.readouterr().out) == made
        assert at("invite-code", "delete", "blank-page", "--yes") == 0
        assert at("invite-code", "show", "blank-page") == 3

    def test_pictures(self, at: At, tmp_path: Path, capsys: Captured) -> None:
        svg, png = tmp_path / "code.svg", tmp_path / "code.png"
        line = ["night-shift", "--qr-svg", str(svg), "--qr-png", str(png)]
        assert at("invite-code", "show", *line) == 0
        assert json.loads(capsys.readouterr().out)["code"]
        assert "<svg " in svg.read_text("utf-8")
        assert png.read_bytes().startswith(b"\x89PNG\r\n")

    def test_a_picture_that_cannot_be_written(
        self, at: At, tmp_path: Path, capsys: Captured
    ) -> None:
        path = tmp_path / "no" / "where.svg"
        assert at("invite-code", "show", "night-shift", "--qr-svg", str(path)) == 1
        error = json.loads(capsys.readouterr().err)["error"]
        assert error["type"] == "system"
        assert str(path) in error["message"]
