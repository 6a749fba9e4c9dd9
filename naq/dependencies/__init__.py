"""Jobs that wait for other jobs: stored apart until their parents have ended, then put into their queues."""
