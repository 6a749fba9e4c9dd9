"""The console's state and the one function that changes it. Pure: no Textual, no NATS, no clock."""
