"""Sets up the log: one line per event, JSON for collectors, colours for people."""

import json
import logging
import sys
from typing import Any

import orjson
import stamina
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor


def configure(*, level: str, format: str) -> None:  # noqa: A002 - as in FRONTDESK_LOG_FORMAT
    """Log to standard error from `level` up; `auto` writes for people on a terminal, and JSON otherwise."""
    for_people = format == "console" or (format == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(_json)
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _configure_libraries([structlog.stdlib.add_logger_name, *processors], renderer)


def _json(event: EventDict, **options: Any) -> str:
    """Fast, because tickets have many lines; `json` writes what `orjson` refuses, such as half a surrogate pair."""
    try:
        return orjson.dumps(event, **options).decode()
    except TypeError:
        return json.dumps(event, **options)


def _configure_libraries(processors: list[Processor], renderer: Processor) -> None:
    """Send what libraries log the same way, if it is a warning or worse."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=processors, processors=[ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.captureWarnings(True)
    stamina.instrumentation.set_on_retry_hooks([])
    for noisy in ("aiormq", "asyncpg"):  # our own lines report the same problems, with their consequences
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
