"""Screens: the main one with its panes, reports, output, and dialogs."""
