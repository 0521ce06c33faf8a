"""Cases of ``ltnb.samplers``: one for each name of its registry."""

from __future__ import annotations

from functools import partial

from contract import oracles
from contract.cases import SamplerCase
from ltnb.samplers import create, names


def _sampler_case(strategy: str) -> SamplerCase:
    return SamplerCase(
        name=strategy,
        build=partial(create, strategy, epochs=4),
        probabilities=lambda counts, progress: oracles.sampling_probabilities(counts, strategy, progress),
        with_replacement=strategy != "instance",
        scheduled=strategy == "mix",
    )


SAMPLERS = [_sampler_case(strategy) for strategy in names()]
