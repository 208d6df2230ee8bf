"""``arena-groups completion``."""

import click

from arena_groups.cli.base import Command, example

SHELLS = ("bash", "zsh", "fish")


@example("zsh, in ~/.zshrc", "completion zsh > ~/.arena-groups.zsh; source ~/.arena-groups.zsh")
@example("fish", "completion fish > ~/.config/fish/completions/arena-groups.fish")
@example(
    "bash 4.4 or newer, in ~/.bashrc",
    "completion bash > ~/.arena-groups.bash; source ~/.arena-groups.bash",
)
@click.command("completion", cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands and options.

    SHELL is bash, zsh or fish.
    """
    from click.shell_completion import ShellComplete, get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"this release of click has no completion for {shell}")
    root = context.find_root()
    name = root.info_name or ""
    variable = f"_{name.replace('-', '_').upper()}_COMPLETE"
    # Not its own source(): that of bash looks for the bash of this machine first.
    click.echo(ShellComplete.source(found(root.command, {}, name, variable)))
