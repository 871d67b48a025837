"""A torture that one can repeat: everything at once, under faults at random, and a judge that knows all."""
