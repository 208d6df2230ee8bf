"""How far a watch goes: simulated requests and delays, and measured costs."""
