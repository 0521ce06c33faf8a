"""Long-tailed recognition with vision-language models: a thin package behind runnable lessons."""

__version__ = "0.1.0"
