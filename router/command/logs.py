"""Sets up the log: one line an event, JSON for collectors, colours for people."""

import logging
import sys

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor


def configure(*, level: str, format: str) -> None:  # noqa: A002 - as in FRONTDESK_LOG_FORMAT
    """Log to standard error from `level` on; `auto` is for people if a terminal reads, else JSON."""
    for_people = format == "console" or (format == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _configure_libraries([structlog.stdlib.add_logger_name, *processors], renderer)


def _configure_libraries(processors: list[Processor], renderer: Processor) -> None:
    """What libraries log goes the same way, warnings and worse."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=processors, processors=[ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(True)
    for noisy in ("aiormq", "asyncpg"):  # what they warn of, a line of ours says as well, with what comes of it
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
