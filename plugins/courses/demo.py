"""Temporary."""

from kernel.demo import DemoStep

STEPS: tuple[DemoStep, ...] = ()
