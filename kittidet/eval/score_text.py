"""A score as people read it, the same in terminals, cards and pages."""

NO_TRUTH = "no ground truth"


def score_text(value: float | None, digits: int = 3) -> str:
    """Return a score with so many decimals, or "no ground truth" for None: there was nothing to find."""
    return NO_TRUTH if value is None else f"{value:.{digits}f}"
