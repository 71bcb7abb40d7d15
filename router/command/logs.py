"""Sets up the log: one line an event, JSON for collectors, colours for people."""

import logging
import sys

import structlog


def configure(*, level: str, format: str) -> None:  # noqa: A002 - as in FRONTDESK_LOG_FORMAT
    """Log to standard error from `level` on; `auto` is for people if a terminal reads, else JSON."""
    for_people = format == "console" or (format == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # what it warns of, a line of ours says as well, with the broker and what comes of it
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
