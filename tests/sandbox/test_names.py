"""Slugs and ids of the sandbox."""

from arena_groups.sandbox.names import NumberedNames


def next_name(names: NumberedNames, taken: set[str]) -> str:
    name = names.find("ona", lambda number: f"ona-{number}", taken.__contains__)
    taken.add(name)
    return name


def test_copied_names_go_on_from_the_same_numbers() -> None:
    names, taken = NumberedNames(), set[str]()
    assert [next_name(names, taken) for _ in range(3)] == ["ona", "ona-2", "ona-3"]
    copied = names.copy()
    taken.discard("ona-2")  # a name that is free again is not the next one
    assert next_name(copied, set(taken)) == "ona-4"
    assert next_name(names, taken) == "ona-4"
    assert next_name(names, taken) == next_name(copied, taken - {"ona-5"}) == "ona-5"
