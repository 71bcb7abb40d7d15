"""What goes to the log, whoever logs it, has one form."""

import json
import subprocess
import sys

PROGRAM = """
import logging, warnings
import structlog
from router.command import logs

logs.configure(level="info", format="json")
try:
    raise LookupError("lost")
except LookupError:
    structlog.get_logger().exception("ours", number=1)
    logging.getLogger("asyncio").error("of a %s", "library", exc_info=True)
warnings.warn("mind the gap")
structlog.get_logger().warning("half \\ud83d a smile", of={1})
logging.getLogger("asyncio").info("small talk")
logging.getLogger("asyncpg.pool").warning("a known outage")
"""


def test_every_record_is_a_line_of_json_with_its_traceback_inside():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=60, check=True)
    ours, library, warning, half = map(json.loads, done.stderr.splitlines())
    assert (ours["event"], ours["level"], ours["number"]) == ("ours", "error", 1)
    assert (library["event"], library["level"], library["logger"]) == ("of a library", "error", "asyncio")
    assert all("LookupError: lost" in record["exception"] for record in (ours, library))
    assert "mind the gap" in warning["event"]
    assert (half["event"], half["of"]) == ("half \ud83d a smile", "{1}")
    assert all("timestamp" in record for record in (ours, library, warning, half))
