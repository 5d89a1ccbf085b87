import sys

import numpy as np

from kittidet.runs.environment import describe_environment


def test_versions_and_hardware_are_named_without_loading_tensorflow():
    before = "tensorflow" in sys.modules
    facts = describe_environment()
    assert facts["numpy"] == np.__version__
    assert facts["python"].startswith("3.")
    assert "cores" in facts["processor"]
    assert facts["accelerators"]
    assert ("tensorflow" in sys.modules) == before
