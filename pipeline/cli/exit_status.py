"""The exit statuses of the command (docs/deploy.md); schedulers act on them."""

FAILED = 1
WRONG_USAGE = 2  # click's own
DRIFT = 3
REFUSED = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
