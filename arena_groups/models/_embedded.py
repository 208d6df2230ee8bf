"""Users and groups as parts of other objects: all that most responses need of them."""

from typing import ClassVar

from attrs import frozen

from arena_groups._exports import set_public_module
from arena_groups.models._common import Identifiable, ResourceType, page_url

__all__ = ["EmbeddedGroup", "EmbeddedUser"]


@frozen(kw_only=True)
class EmbeddedUser(Identifiable):
    """User as part of another object."""

    KIND: ClassVar = ResourceType.USER

    id: int
    """Number that identifies the user."""
    type: ResourceType
    """``"User"``."""
    name: str
    """Display name."""
    slug: str
    """Name for URLs and API paths, such as ``"ada-osei"``."""
    avatar: str | None
    """URL of the profile picture."""
    initials: str
    """Initials of the name."""

    @property
    def url(self) -> str:
        """URL of the profile on are.na. It follows the slug, which users can change."""
        return page_url(self.slug)


@frozen(kw_only=True)
class EmbeddedGroup(Identifiable):
    """Group as part of another object."""

    KIND: ClassVar = ResourceType.GROUP

    id: int
    """Number that identifies the group."""
    type: ResourceType
    """``"Group"``."""
    name: str
    """Display name."""
    slug: str
    """Name for URLs and API paths. It changes when the group is renamed."""
    avatar: str | None
    """URL of the group's picture."""
    initials: str
    """Initials of the name."""

    @property
    def url(self) -> str:
        """URL of the group's page on are.na. It follows the slug, which a rename changes."""
        return page_url("group", self.slug)


set_public_module(globals(), __all__)
