"""Where real mails and customers' texts lie: beside the repository, not in it, so that not everybody has them."""

import os
from pathlib import Path

SHARED_DATA = Path(os.environ.get("FRONTDESK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
MAILS = sorted((SHARED_DATA / "mail").glob("*.eml"))
NO_MAILS = f"no mails in {SHARED_DATA}, which the repository does not hold; FRONTDESK_SHARED_DATA says where they are"
