"""A policy that sees: predictions of an encoder become estimates, and these the goals of a run."""
