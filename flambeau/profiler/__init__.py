"""`flambeau.profiler`: where time goes, in PyTorch's form."""
