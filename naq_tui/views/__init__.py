"""What the screens show, computed from the state. Pure: no Textual, no NATS; the moment is an argument."""
