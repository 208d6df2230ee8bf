"""State of a sandbox as tests see it: what is there, the clock, the log, and a new start."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Concatenate, ParamSpec, TypeVar

import attrs

from arena_groups.sandbox.accounts import (
    Applications,
    Tokens,
    Users,
    new_applications,
    new_tokens,
    seeded_users,
    token_credentials,
)
from arena_groups.sandbox.applications import Application
from arena_groups.sandbox.backend import Backend, SandboxNotFoundError
from arena_groups.sandbox.control_views import email_view, invitation_link
from arena_groups.sandbox.entities import (
    ChannelRecord,
    GroupRecord,
    InvitationRecord,
    InvitationState,
    RecordedRequest,
    RequestLog,
    SentEmail,
    Tier,
    UserRecord,
)
from arena_groups.sandbox.event_feed import EventFeed
from arena_groups.sandbox.faults.registry import FaultRegistry
from arena_groups.sandbox.names import HasId, Reference, as_invitation_id, as_reference
from arena_groups.sandbox.permissions import SandboxRateLimiter
from arena_groups.sandbox.seed import SeedPlan, fill_backend

_S = TypeVar("_S", bound="SandboxState")
_P = ParamSpec("_P")
_R = TypeVar("_R")


def changes(
    method: Callable[Concatenate[_S, _P], _R],
) -> Callable[Concatenate[_S, _P], _R]:
    """Make a method publish that it has changed the state."""
    action = method.__name__

    @functools.wraps(method)
    def wrapper(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        result = method(self, *args, **kwargs)
        self._publish_change(action)  # pyright: ignore[reportPrivateUsage]
        return result

    return wrapper


class SandboxState(ABC):
    """The state of a sandbox. Groups and users are named by id or slug."""

    tokens: Tokens
    users: Users
    applications: Applications

    def __init__(self, backend: Backend, plan: SeedPlan, rate_limiter: SandboxRateLimiter) -> None:
        self._backend = backend
        self._plan = plan
        self._rate_limiter = rate_limiter
        self._request_log = RequestLog()
        self._events = EventFeed()
        self._faults = FaultRegistry(Random(), lambda: self._publish_change("faults"))
        backend.on_email = self._publish_email
        self._tier: Tier = plan.tier or "supporter"
        self._fill(plan)

    def _fill(self, plan: SeedPlan) -> None:
        records = fill_backend(self._backend, plan)
        known_users, self._user_factory = records.known_users, records.user_factory
        self._known_users = known_users
        self._owner = known_users.owner
        self._faults.rng = Random(f"faults {plan.seed}")
        self._backend.oauth.rng = Random(f"oauth {plan.seed}")
        self.tokens = new_tokens(self._backend, known_users)
        self.applications = new_applications(self._backend, known_users)
        self.users = seeded_users(known_users)

    @property
    @abstractmethod
    def url(self) -> str:
        """The base URL, without a trailing slash."""

    @property
    def now(self) -> datetime:
        """The sandbox's time, in UTC."""
        return self._backend.clock.now()

    @property
    def groups(self) -> Mapping[str, int]:
        """The id of every group, by slug."""
        return {group.slug: group.id for group in self._backend.groups.values()}

    @property
    def channels(self) -> Mapping[str, int]:
        """Ids of the channels of all groups by slug, private ones too."""
        contents = (each for group in self._backend.groups.values() for each in group.contents)
        return {each.slug: each.id for each in contents if isinstance(each, ChannelRecord)}

    @property
    def emails(self) -> Sequence[SentEmail]:
        """The invitation emails "sent" so far, oldest first."""
        return tuple(self._backend.emails)

    @property
    def requests(self) -> Sequence[RecordedRequest]:
        """The requests received so far, oldest first (at most the last 100,000)."""
        return tuple(entry.record for entry in self._request_log)

    def clear_requests(self) -> None:
        """Clear the list of received requests."""
        self._request_log.clear()

    @property
    def faults(self) -> FaultRegistry:
        """The faults in place: none, until one is added."""
        return self._faults

    def describe(self) -> dict[str, object]:
        """Return the connection data for a client in any language, ready as JSON.

        Returns:
            `url`, `groups` (ids by slug), `tokens`, `users` (id, slug and name) and
            `applications`; tokens and client secrets are in clear.
        """
        return {
            "url": self.url,
            "groups": dict(self.groups),
            "tokens": attrs.asdict(self.tokens),
            "users": attrs.asdict(self.users),
            "applications": {
                "public": _credentials_of(self.applications.public),
                "confidential": _credentials_of(self.applications.confidential),
            },
        }

    def members(self, group: Reference) -> list[int]:
        """Return the members of a group.

        Args:
            group: The id or slug of the group.

        Returns:
            User ids: the owner, then the members, newest first.

        Raises:
            SandboxNotFoundError: The group does not exist.
        """
        found = self._group(group)
        return [found.owner_id, *reversed(found.members)]

    def pending_invitations(self, group: Reference) -> list[int]:
        """Return the pending invitations of a group.

        Args:
            group: The id or slug of the group.

        Returns:
            Invitation ids, newest first.

        Raises:
            SandboxNotFoundError: The group does not exist.
        """
        return list(reversed(self._group(group).pending))

    def invitation_state(self, invitation: int | HasId | SentEmail) -> InvitationState:
        """Return the state of an invitation.

        Args:
            invitation: The invitation, its id or its email.

        Returns:
            `"pending"`, `"accepted"`, `"declined"` or `"revoked"`.

        Raises:
            SandboxNotFoundError: The invitation does not exist.
        """
        return self._invitation(invitation).state

    def invitation_link(self, invitation: int | HasId | SentEmail) -> str:
        """Return the link in the email of an invitation, where its invitee answers it.

        Args:
            invitation: The invitation, its id or its email.

        Returns:
            The URL of a page of the sandbox.

        Raises:
            SandboxNotFoundError: The invitation does not exist.
            RuntimeError: The sandbox has not been started yet.
        """
        return invitation_link(self._invitation(invitation).id, self.url)

    @changes
    def advance(self, seconds: float | timedelta) -> None:
        """Move the sandbox's clock forward.

        Args:
            seconds: A duration in seconds, or a `timedelta`.

        Raises:
            TypeError: The duration is neither a number nor a `timedelta`.
            ValueError: The duration is negative, not finite, or leads past the year 8999.
        """
        self._backend.clock.advance(seconds)

    @changes
    def reset(self, *, seed: int | None = None) -> None:
        """Start again: data, clock, faults, counted and recorded requests are as in a new sandbox.

        The URL, the tokens and the applications stay as they are. Requests in progress get a
        503, so that none of them changes the new state.

        Args:
            seed: The seed of all generated data; by default that of the sandbox.

        Raises:
            TypeError: The seed is not an int.
        """
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"seed must be an int, not {type(seed).__name__}")
        plan = self._plan if seed is None else attrs.evolve(self._plan, seed=seed)
        tokens, applications = self.tokens, self.applications
        self._drop_requests()
        self._backend.restart(Random(plan.seed))
        self._rate_limiter.reset()
        self._request_log.clear()
        self._faults.clear()
        self._fill(plan)
        # Those of another seed, which the fill has drawn, are not valid.
        self._backend.credentials.clear()
        for label, credential in token_credentials(self._known_users).items():
            self._backend.credentials[getattr(tokens, label)] = credential
        self._backend.oauth.applications.clear()
        for application in (applications.public, applications.confidential):
            self._backend.oauth.applications[application.client_id] = application
        self.tokens, self.applications = tokens, applications

    @abstractmethod
    def _drop_requests(self) -> None:
        """End the requests in progress."""

    def _publish_change(self, action: str) -> None:
        self._events.publish("change", lambda: {"action": action})

    def _publish_email(self, email: SentEmail) -> None:
        self._events.publish("email", lambda: email_view(self._backend, email, self.url))

    def _group(self, group: Reference) -> GroupRecord:
        ref = as_reference(group, "group")
        found = self._backend.find_group(ref)
        if found is None:
            raise SandboxNotFoundError(f"there is no group {ref!r} in the sandbox")
        return found

    def _user(self, user: Reference) -> UserRecord:
        ref = as_reference(user, "user")
        record = self._backend.find_user(ref)
        if record is None:
            raise SandboxNotFoundError(f"there is no user {ref!r} in the sandbox")
        return record

    def _invitation(self, invitation: int | HasId | SentEmail) -> InvitationRecord:
        if isinstance(invitation, SentEmail):
            return self._invitation(invitation.invitation_id)
        invitation_id = as_invitation_id(invitation)
        found = self._backend.invitations.get(invitation_id)
        if found is None:
            raise SandboxNotFoundError(f"there is no invitation {invitation_id} in the sandbox")
        return found


def _credentials_of(app: Application) -> dict[str, str | None]:
    return {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uri": app.redirect_uri,
    }
