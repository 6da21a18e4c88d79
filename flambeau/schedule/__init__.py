"""The scheduler: pending graph → plan. May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`."""
