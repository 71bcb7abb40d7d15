"""Every named statement is run by some store: one that was written and forgotten would keep a promise only on paper."""

from pathlib import Path

import router
from router.postgres.statements import SQL, load

CODE = "".join(path.read_text() for path in Path(router.__file__).parent.rglob("*.py"))
BY_TABLE = "prune_"


def test_every_statement_is_run():
    files = [str(path.relative_to(SQL).with_suffix("")) for path in sorted(SQL.rglob("*.sql"))]
    idle = [
        f"{file}.{name}"
        for file in files
        for name in load(file)
        if f'"{name}"' not in CODE and not name.startswith(BY_TABLE)
    ]
    assert not idle, f"no store in router/postgres/ runs {idle}"
