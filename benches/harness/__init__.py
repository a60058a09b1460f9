"""End-to-end benchmarks of authgate: real programs on real sockets, one file for each question."""
