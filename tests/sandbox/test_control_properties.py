"""Random histories, over HTTP in one sandbox and with methods in another: both end up the same."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from arena_groups.sandbox import Sandbox, SandboxConflictError, SandboxNotFoundError
from tests.sandbox.api import Api

GROUPS = ["blank-page", "night-shift", "research-studio", 1001, "relay", "nobody"]
USERS = ["ada-osei", "minh-castellanos", 3, 4, "ona", 12, 99_999]
START = 1_800_000_000.0

groups = st.sampled_from(GROUPS)
users = st.sampled_from(USERS)
counts = st.integers(0, 3)


class Both(RuleBasedStateMachine):
    """Two sandboxes in which the same is done."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.by_method = Sandbox(clock=lambda: START, invitations=12)
        self.by_http = Sandbox(clock=lambda: START, invitations=12)
        self.runner.run(self.by_http.start())
        self.runner.run(self.by_method.start())
        self.session = self.runner.run(self._open())
        self.http = Api(self.by_http, self.session)

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def teardown(self) -> None:
        self.runner.run(self.session.close())
        self.runner.run(self.by_http.aclose())
        self.runner.run(self.by_method.aclose())
        self.runner.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def _do(self, path: str, body: object, call: Callable[[Sandbox], object]) -> Any:
        """Do the same in both, and compare the outcome. Return the answer."""
        reply = self._run(self.http.post(f"/__sandbox__/{path}", body=body))
        try:
            call(self.by_method)
            expected = 200
        except SandboxNotFoundError:
            expected = 404
        except SandboxConflictError:
            expected = 409
        except ValueError:
            expected = 400
        assert reply.status == expected, (path, body, reply.body)
        return reply.body

    @rule(slug=st.sampled_from(["relay", "blank-page", "a b", None]), owner=users, members=counts)
    def add_group(self, slug: str | None, owner: int | str, members: int) -> None:
        def call(sandbox: Sandbox) -> None:
            group = sandbox.add_group("Relay", slug=slug, owner=owner)
            sandbox.add_members(group, members)

        self._do(
            "groups", {"name": "Relay", "slug": slug, "owner": owner, "members": members}, call
        )

    @rule(group=groups, user=users)
    def join(self, group: int | str, user: int | str) -> None:
        self._do(f"groups/{group}/join", {"user": user}, lambda s: s.join_group(group, user))

    @rule(group=groups, user=users)
    def leave(self, group: int | str, user: int | str) -> None:
        self._do(f"groups/{group}/leave", {"user": user}, lambda s: s.leave_group(group, user))

    @rule(group=groups, user=users)
    def transfer(self, group: int | str, user: int | str) -> None:
        def call(sandbox: Sandbox) -> None:
            sandbox.transfer_ownership(group, user)

        self._do(f"groups/{group}/transfer", {"user": user}, call)

    @rule(group=groups, count=counts)
    def add_members(self, group: int | str, count: int) -> None:
        self._do(f"groups/{group}/members", {"count": count}, lambda s: s.add_members(group, count))

    @rule(group=groups, count=counts)
    def add_followers(self, group: int | str, count: int) -> None:
        def call(sandbox: Sandbox) -> None:
            sandbox.add_followers(group, count)

        self._do(f"groups/{group}/followers", {"count": count}, call)

    @rule(group=groups, count=counts)
    def add_invitations(self, group: int | str, count: int) -> None:
        def call(sandbox: Sandbox) -> None:
            sandbox.add_invitations(group, count)

        self._do(f"groups/{group}/invitations", {"count": count}, call)

    @rule(group=groups, position=st.integers(0, 20), answer=st.sampled_from(["accept", "decline"]))
    def answer_invitation(self, group: int | str, position: int, answer: str) -> None:
        known = sorted({*self.by_method.groups, *self.by_method.groups.values()}, key=str)
        pending = self.by_method.pending_invitations(group) if group in known else []
        number = pending[position % len(pending)] if pending else 50_001
        self._do(
            f"invitations/{number}/{answer}",
            {},
            lambda s: (
                s.accept_invitation(number) if answer == "accept" else s.decline_invitation(number)
            ),
        )

    @rule(
        name=st.sampled_from(["Ona", " ", "Łoś"]),
        email=st.sampled_from([None, "ona@example.org", "nobody"]),
        follows=st.lists(users, max_size=2),
        confirmed=st.booleans(),
    )
    def add_user(
        self, name: str, email: str | None, follows: list[int | str], *, confirmed: bool
    ) -> None:
        self._do(
            "users",
            {"name": name, "email": email, "follows": follows, "confirmed": confirmed},
            lambda s: s.add_user(name, email=email, follows=follows, confirmed=confirmed),
        )

    @rule(user=users, other=users, word=st.sampled_from(["follow", "unfollow"]))
    def follow(self, user: int | str, other: int | str, word: str) -> None:
        self._do(
            f"users/{user}/{word}",
            {"user": other},
            lambda s: s.follow(user, other) if word == "follow" else s.unfollow(user, other),
        )

    @rule(user=users, slug=st.sampled_from([None, "ona", "ada-osei", "12"]))
    def rename(self, user: int | str, slug: str | None) -> None:
        self._do(
            f"users/{user}/rename",
            {"name": "Renamed", "slug": slug},
            lambda s: s.rename_user(user, "Renamed", slug=slug),
        )

    @rule(user=users, write=st.booleans())
    def token(self, user: int | str, *, write: bool) -> None:
        tokens: list[str] = []
        answer = self._do(
            f"users/{user}/token",
            {"write": write},
            lambda s: tokens.append(s.token_for(user, write=write)),
        )
        assert [answer["token"]] == tokens if tokens else "error" in answer

    @rule(user=users, allowed=st.booleans())
    def inviting(self, user: int | str, *, allowed: bool) -> None:
        self._do(
            f"users/{user}/inviting",
            {"allowed": allowed},
            lambda s: s.allow_inviting_new_addresses(user, allowed=allowed),
        )

    @rule(seconds=st.sampled_from([0, 1, 86_400, -1, 1e300]))
    def advance(self, seconds: float) -> None:
        self._do("advance", {"seconds": seconds}, lambda s: s.advance(seconds))

    @rule(spec=st.sampled_from(["hang:times=0", "latency:seconds=0", "nonsense", "redirect"]))
    def add_fault(self, spec: str) -> None:
        self._do("faults", {"spec": spec}, lambda s: s.faults.add_spec(spec))

    @precondition(lambda self: len(self.by_method.faults) > 0)
    @rule()
    def remove_oldest_fault(self) -> None:
        oldest = next(iter(self.by_method.faults))
        oldest.remove()
        reply = self._run(self.http.delete(f"/__sandbox__/faults/{oldest.id}"))
        assert [each["id"] for each in reply.body["faults"]] == [
            each.id for each in self.by_method.faults
        ]

    @rule(seed=st.sampled_from([None, None, 7]))
    def reset(self, seed: int | None) -> None:
        self._do("reset", {"seed": seed}, lambda s: s.reset(seed=seed))

    @invariant()
    def both_are_the_same(self) -> None:
        one, other = self.by_method, self.by_http
        assert one.groups == other.groups
        assert one.now == other.now
        for group in one.groups:
            assert one.members(group) == other.members(group)
            assert one.pending_invitations(group) == other.pending_invitations(group)
        assert [repr(each.fault) for each in one.faults] == [
            repr(each.fault) for each in other.faults
        ]
        assert list(other.requests) == []

    @rule()
    def views_are_those_of_the_methods(self) -> None:
        """Compare what the surface shows of both, and with what the methods return."""
        other = Api(self.by_method, self.session)
        for path in ("users", "groups", "faults", "emails"):
            shown = [
                self._run(each.get(f"/__sandbox__/{path}")).body for each in (self.http, other)
            ]
            assert shown[0] == shown[1]
        for slug in self.by_method.groups:
            found = self._run(self.http.get(f"/__sandbox__/groups/{slug}")).body
            assert [each["id"] for each in found["members"]] == self.by_method.members(slug)
            pending = [each["id"] for each in found["pending"]]
            assert pending == self.by_method.pending_invitations(slug)
            assert (found["member_count"], found["pending_count"]) == (
                len(found["members"]),
                len(pending),
            )


TestBoth = Both.TestCase
TestBoth.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, phases=[Phase.generate]
)


async def test_reset_is_the_same_as_a_new_sandbox() -> None:
    new, again = Sandbox(clock=lambda: START), Sandbox(clock=lambda: START)
    again.add_group("Relay")
    again.token_for("ada-osei")
    again.advance(5)
    again.faults.add_spec("hang")
    again.add_application("Extra", "http://127.0.0.1/callback")
    again.reset()
    for sandbox in (new, again):
        sandbox.add_members("blank-page", 3)
        sandbox.add_invitations("blank-page", 3)
    assert new.members("blank-page") == again.members("blank-page")
    assert new.token_for("ada-osei") == again.token_for("ada-osei")
    assert new.add_application("Extra", "http://127.0.0.1/callback") == again.add_application(
        "Extra", "http://127.0.0.1/callback"
    )
    assert (new.now, new.tokens, new.applications) == (again.now, again.tokens, again.applications)
    assert len(again.faults) == 0
