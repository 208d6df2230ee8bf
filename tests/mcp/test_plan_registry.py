import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from arena_groups.mcp.plan_registry import PlanCodeError, PlanRegistry, PlanState

LIFETIME = 600.0
LIMIT = 4
OWNERS = (None, "a", "b")

Registry = PlanRegistry[int]


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def plans(time: Time) -> Registry:
    return PlanRegistry(time, lifetime=LIFETIME, limit=LIMIT)


def add(plans: Registry, plan: int = 1, owner: str | None = None) -> str:
    return plans.add(plan, tool="plan_invite", owner=owner)


def test_code_of_a_plan_starts_it_once(plans: Registry) -> None:
    code = add(plans)
    assert plans.find(code) == 1
    assert plans.start(code) == 1
    with pytest.raises(PlanCodeError, match="being applied now"):
        plans.start(code)
    plans.finish(code)
    with pytest.raises(PlanCodeError, match=r"applied already. Call plan_invite again"):
        plans.start(code)


def test_interrupted_plan_is_continued_until_it_expires(plans: Registry, time: Time) -> None:
    code = add(plans)
    plans.start(code)
    plans.stop(code)
    time.now = LIFETIME - 1
    assert plans.start(code) == 1
    time.now = LIFETIME + 1
    assert plans.state(code) is PlanState.RUNNING
    plans.stop(code)
    with pytest.raises(PlanCodeError, match=r"has expired. Call plan_invite again"):
        plans.start(code)


def test_plan_expires_after_its_lifetime_to_the_second(plans: Registry, time: Time) -> None:
    code = add(plans)
    time.now = LIFETIME - 0.001
    assert plans.find(code) == 1
    time.now = LIFETIME
    with pytest.raises(PlanCodeError, match="has expired"):
        plans.find(code)


def test_wrong_code_is_refused_without_repeating_it(plans: Registry) -> None:
    code = add(plans)
    for wrong in ("", code[:-1], code.swapcase(), f" {code}", f"{code}x"):
        with pytest.raises(PlanCodeError, match="No plan has this code") as caught:
            plans.start(wrong)
        assert code[:-1] not in str(caught.value)
    assert plans.find(code) == 1


@pytest.mark.parametrize("owner", [None, "b"])
def test_code_of_another_session_is_unknown(plans: Registry, owner: str | None) -> None:
    code = add(plans, owner="a")
    with pytest.raises(PlanCodeError, match="No plan has this code"):
        plans.start(code, owner=owner)
    assert plans.start(code, owner="a") == 1


def test_codes_are_long_and_differ(plans: Registry) -> None:
    codes = {add(plans) for _ in range(50)}
    assert len(codes) == 50
    assert min(map(len, codes)) >= 24


def test_new_plan_replaces_an_ended_one_before_an_older_one(plans: Registry) -> None:
    codes = [add(plans) for _ in range(LIMIT)]
    plans.start(codes[2])
    plans.finish(codes[2])
    add(plans)
    assert plans.state(codes[2]) is None
    assert [plans.state(code) for code in codes[:2]] == [PlanState.PREPARED] * 2
    add(plans)
    assert plans.state(codes[0]) is None


def test_plans_in_use_are_never_forgotten(plans: Registry) -> None:
    codes = [add(plans) for _ in range(LIMIT)]
    for code in codes:
        plans.start(code)
    with pytest.raises(PlanCodeError, match="Too many plans"):
        add(plans)
    plans.stop(codes[1])
    add(plans)
    assert plans.state(codes[1]) is None


def test_repr_shows_no_code(plans: Registry) -> None:
    code = add(plans)
    assert code not in repr(plans)


class PlanMachine(RuleBasedStateMachine):
    """Codes against a model: who may apply what, and when."""

    codes = Bundle[str]("codes")

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.plans: Registry = PlanRegistry(self.time, lifetime=LIFETIME, limit=LIMIT)
        self.made: dict[str, tuple[int, str | None, float]] = {}
        self.running: set[str] = set()
        self.used: set[str] = set()

    @rule(target=codes, owner=st.sampled_from(OWNERS))
    def prepare(self, owner: str | None) -> str:
        number = len(self.made)
        try:
            code = add(self.plans, number, owner)
        except PlanCodeError:
            assert len(self.running) == LIMIT
            return "unknown"
        assert code not in self.made
        self.made[code] = (number, owner, self.time.now + LIFETIME)
        return code

    @rule(seconds=st.sampled_from([0.0, 1.0, LIFETIME / 2, LIFETIME]))
    def advance(self, seconds: float) -> None:
        self.time.now += seconds

    @rule(code=codes, owner=st.sampled_from(OWNERS))
    def start(self, code: str, owner: str | None) -> None:
        number, right, expires_at = self.made.get(code, (-1, None, 0.0))
        known = self.plans.state(code) is not None
        free = code not in self.running and code not in self.used
        is_usable = known and owner == right and free and self.time.now < expires_at
        if is_usable:
            assert self.plans.start(code, owner=owner) == number
            self.running.add(code)
        else:
            with pytest.raises(PlanCodeError) as caught:
                self.plans.start(code, owner=owner)
            assert code not in str(caught.value)

    @rule(code=codes)
    def finish(self, code: str) -> None:
        if code in self.running:
            self.plans.finish(code)
            self.running.remove(code)
            self.used.add(code)

    @rule(code=codes)
    def stop(self, code: str) -> None:
        if code in self.running:
            self.plans.stop(code)
            self.running.remove(code)

    @invariant()
    def is_bounded_and_forgets_nothing_in_use(self) -> None:
        assert len(self.plans) <= LIMIT
        assert all(self.plans.state(code) is PlanState.RUNNING for code in self.running)


TestPlanMachine = PlanMachine.TestCase
