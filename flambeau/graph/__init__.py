"""The graph: nodes and the closed set of primitives that make them. May import `flambeau.dtypes` only."""
