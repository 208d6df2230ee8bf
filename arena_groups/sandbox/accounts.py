"""Users, tokens and apps that every sandbox has from the start."""

import attrs

from arena_groups.sandbox.applications import Application
from arena_groups.sandbox.backend import Backend
from arena_groups.sandbox.entities import CredentialRecord, UserRecord
from arena_groups.sandbox.seed import KnownUsers, new_token

REDIRECT_URIS = (
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "https://app.example.org/callback",
)


@attrs.frozen
class SandboxUser:
    """A user of the sandbox.

    Attributes:
        id: The id.
        slug: The slug at the start.
        name: The name at the start.
    """

    id: int
    slug: str
    name: str


@attrs.frozen
class Tokens:
    """Bearer tokens of the seeded users. They do not show in `repr`.

    Attributes:
        owner: Of the owner of the seeded groups, with the read and write scopes.
        member: Of a member of `research-studio`.
        follower: Of a user who follows the owner and is not a member.
        read_only: Of the owner, with the read scope.
        stranger: Of a user who follows no one.
        limited: Of the owner, always over the rate limit: every request is a 429.
    """

    owner: str = attrs.field(repr=False)
    member: str = attrs.field(repr=False)
    follower: str = attrs.field(repr=False)
    read_only: str = attrs.field(repr=False)
    stranger: str = attrs.field(repr=False)
    limited: str = attrs.field(repr=False)


@attrs.frozen
class Users:
    """The users behind the tokens.

    Attributes:
        owner: The owner of the seeded groups.
        member: A member of `research-studio`.
        follower: A user who follows the owner and is not a member.
        stranger: A user who follows no one.
    """

    owner: SandboxUser
    member: SandboxUser
    follower: SandboxUser
    stranger: SandboxUser


@attrs.frozen
class Applications:
    """OAuth apps that are registered from the start.

    Attributes:
        public: An app without a client secret.
        confidential: An app with a client secret.
    """

    public: Application
    confidential: Application


def sandbox_user(record: UserRecord) -> SandboxUser:
    """Return the user of a record."""
    return SandboxUser(record.id, record.slug, record.name)


def seeded_users(known_users: KnownUsers) -> Users:
    """Return the users behind the tokens."""
    return Users(
        owner=sandbox_user(known_users.owner),
        member=sandbox_user(known_users.member),
        follower=sandbox_user(known_users.follower),
        stranger=sandbox_user(known_users.stranger),
    )


def new_tokens(backend: Backend, known_users: KnownUsers) -> Tokens:
    """Add the tokens of the known users to a backend."""
    credentials = token_credentials(known_users)
    return Tokens(**{label: new_token(backend, label, each) for label, each in credentials.items()})


def token_credentials(known_users: KnownUsers) -> dict[str, CredentialRecord]:
    """Return the credential behind each of the tokens."""
    owner = known_users.owner.id
    return {
        "owner": CredentialRecord(owner),
        "member": CredentialRecord(known_users.member.id),
        "follower": CredentialRecord(known_users.follower.id),
        "read_only": CredentialRecord(owner, write=False),
        "stranger": CredentialRecord(known_users.stranger.id),
        "limited": CredentialRecord(owner, exhausted=True),
    }


def new_applications(backend: Backend, known_users: KnownUsers) -> Applications:
    """Register the two apps with a backend."""

    def register(name: str, *, confidential: bool) -> Application:
        owner = known_users.owner.id
        return backend.oauth.register(name, REDIRECT_URIS, owner=owner, confidential=confidential)

    return Applications(
        public=register("Pocket Atlas", confidential=False),
        confidential=register("Night Desk", confidential=True),
    )
