"""Where the console's data comes from: the protocol, and what implements it."""
