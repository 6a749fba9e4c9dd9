"""The records naq keeps on the wire, each with its reader and writer."""
