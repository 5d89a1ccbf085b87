"""Which code a run was made with: the versions of the steps, as the keys of their outputs hold them.

A change of code that changes a step's result raises that step's version (docs/adr/0002-what-a-cache-key-is-made-of.md);
a comment or a log line does not, so that nobody trains again for it.
"""

from kittidet.files import digest_of
from kittidet.steps import evaluate, fetch, records, split, train, validate
from kittidet.synthetic import SYNTH_VERSION


def code_digest() -> str:
    """Return the digest of the versions of every step that makes a part of a run."""
    versions = {step.__name__: step.VERSION for step in (fetch, validate, split, records, train, evaluate)}
    return digest_of({**versions, "synthetic": SYNTH_VERSION})
