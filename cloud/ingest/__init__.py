"""From the broker into the database: exactly once, in order, acknowledged after the commit; and the way down."""
