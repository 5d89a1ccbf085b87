"""Whether to train again, and whether what came of it takes the champion's place: arithmetic and rules alone.

What trains and what promotes is left to `steps.retrain`; docs/retraining.md has the rules in words.
"""
