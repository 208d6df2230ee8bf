"""How far a watch goes: simulated requests and delays, measured memory, CPU and commands of Redis."""
