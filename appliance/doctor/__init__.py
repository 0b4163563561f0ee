"""`appliance check`: what is asked about a board and its configuration, and the answers."""

from appliance.doctor.check_result import (
    CheckContext,
    CheckReport,
    CheckResult,
    CheckVerdict,
    report_of,
)
from appliance.doctor.questions import (
    CONFIGURED,
    OFFLINE,
    QUESTIONS,
    USUAL,
    config_errors,
    context_of,
    examine,
)

__all__ = [
    "CONFIGURED",
    "OFFLINE",
    "QUESTIONS",
    "USUAL",
    "CheckContext",
    "CheckReport",
    "CheckResult",
    "CheckVerdict",
    "config_errors",
    "context_of",
    "examine",
    "report_of",
]
