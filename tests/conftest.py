"""What the tests of this folder share."""

from planted_errors import (  # noqa: F401 (hooks of pytest)
    pytest_configure,
    pytest_runtest_makereport,
    pytest_terminal_summary,
)
