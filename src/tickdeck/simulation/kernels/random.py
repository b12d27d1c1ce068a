"""Seeded random numbers; `state` is any record with a field ``random`` of 64 bits."""

import math

import numpy as np

from tickdeck.core.kernel import kernel


@kernel
def draw(state):
    """64 random bits (splitmix64: Steele, Lea and Flood 2014)."""
    state.random += np.uint64(0x9E3779B97F4A7C15)
    z = state.random
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def uniform(state):
    """A float in [0, 1)."""
    return np.float64(draw(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def below(state, count):
    """An integer in [0, count); count below 2^32."""
    return np.int64(((draw(state) >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@kernel
def exponential(state):
    """Exponential with mean 1."""
    return -math.log(1.0 - uniform(state))


@kernel
def normal(state):
    """Standard normal (Box and Muller 1958)."""
    return math.sqrt(2.0 * exponential(state)) * math.cos(6.283185307179586 * uniform(state))
