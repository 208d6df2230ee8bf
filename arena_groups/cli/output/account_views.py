"""Views of logins and settings."""

from arena_groups.cli.output.columns import Cell, Column, Overflow, View
from arena_groups.cli.output.rows import AuthStatusRow, LoginRow, SettingRow


def _scopes(status: AuthStatusRow) -> str:
    words = {"unknown": " (write: unknown until a write is tried)", "no": " (no write)"}
    return " ".join(status.scopes) + words.get(status.write, "")


def _quota(status: AuthStatusRow) -> str:
    if status.quota_limit is None:
        return "unknown"
    text = f"at most {status.quota_left} of {status.quota_limit} requests left"
    if status.quota_resets_in is None:
        return f"{text} in this window of {status.quota_window:.0f} s"
    return f"{text} for the next {status.quota_resets_in:.0f} s"


_NOTHING = {"format": "table, or ndjson in a pipe"}


def _value(setting: SettingRow) -> Cell:
    return str(setting.value).lower() if isinstance(setting.value, bool) else setting.value


LOGINS: View[LoginRow] = View(
    table=(
        Column("CURRENT", lambda s: "*" if s.current else "", width=7),
        Column("BASE URL", lambda s: s.base_url, width=20, share=1, overflow=Overflow.KEEP),
        Column("USER", lambda s: s.user or "(unknown)", width=12, overflow=Overflow.KEEP),
        Column("TOKEN SOURCE", lambda s: s.token_source, width=20, share=1),
    ),
    csv=(
        Column("base_url", lambda s: s.base_url),
        Column("current", lambda s: "true" if s.current else "false"),
        Column("user", lambda s: s.user),
        Column("token_source", lambda s: s.token_source),
    ),
)

SETTINGS: View[SettingRow] = View(
    table=(
        Column("KEY", lambda s: s.key, width=8),
        Column(
            "VALUE",
            lambda s: _value(s) or _NOTHING.get(s.key, "(none)"),
            width=24,
            share=1,
            overflow=Overflow.KEEP,
        ),
        Column("SOURCE", lambda s: s.source, width=20, share=2),
    ),
    csv=(
        Column("key", lambda s: s.key),
        Column("value", _value),
        Column("source", lambda s: s.source),
        Column("file", lambda s: s.file),
    ),
)

AUTH_STATUS: View[AuthStatusRow] = View(
    table=(
        Column("User", lambda s: f"{s.name} ({s.slug})"),
        Column("ID", lambda s: s.user_id),
        Column("Tier", lambda s: s.tier),
        Column("Token", lambda s: f"from {s.token_source}"),
        Column("API", lambda s: s.base_url),
        Column("Scopes", _scopes),
        Column("Quota", _quota),
    ),
    csv=(
        Column("base_url", lambda s: s.base_url),
        Column("token_source", lambda s: s.token_source),
        Column("user_id", lambda s: s.user_id),
        Column("slug", lambda s: s.slug),
        Column("name", lambda s: s.name),
        Column("tier", lambda s: s.tier),
        Column("scopes", lambda s: " ".join(s.scopes)),
        Column("write", lambda s: s.write),
        Column("quota_limit", lambda s: s.quota_limit),
        Column("quota_left", lambda s: s.quota_left),
    ),
)
