"""A batch of one store, pure: who passes and what they merge into, what became of it, what was last seen."""
