"""Each risk of the OWASP Top Ten (2021) that a page like this has is tried by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]

TRIED_BY = {
    "A01 broken access control": (
        "test_without_a_session_nothing_but_the_login_is_shown",
        "test_only_the_owner_saves_and_every_change_is_logged_with_who",
        "test_another_site_can_change_nothing_and_another_name_sees_nothing",
        "test_nothing_that_changes_can_be_done_by_get",
        "test_a_path_leads_nowhere_else",
    ),
    "A02 cryptographic failures": (
        "test_the_first_start_makes_a_password_that_only_its_file_has",
        "test_a_secret_is_written_and_never_shown",
    ),
    "A03 injection": (
        "test_what_was_said_is_escaped",
        "test_the_log_comes_live_is_escaped_and_is_filtered_by_level",
        "test_a_name_leads_nowhere_else",
    ),
    "A04 insecure design": (
        "test_too_large_and_malformed_requests_are_refused",
        "test_number_and_size_are_bounded_and_what_is_there_stays",
        "test_what_could_open_something_is_set_in_the_owners_file_only",
    ),
    "A05 security misconfiguration": (
        "test_each_request_is_guarded_and_each_answer_has_the_headers",
        "test_a_name_that_was_made_to_point_here_is_refused",
    ),
    "A06 vulnerable and outdated components": (
        "test_nothing_in_the_page_is_loaded_from_elsewhere_or_runs_inline",
    ),
    "A07 identification and authentication failures": (
        "test_wrong_passwords_are_logged_and_limited",
        "test_an_address_waits_after_some_failures_and_others_do_not",
        "test_after_logging_out_the_cookie_is_worth_nothing",
        "test_an_old_session_is_over",
    ),
    "A08 software and data integrity failures": (
        "test_a_file_changed_elsewhere_and_a_link_are_not_overwritten",
        "test_a_damaged_file_counts_not_at_all_and_does_not_keep_the_appliance_from_its_start",
    ),
    "A09 security logging and monitoring failures": (
        "test_only_the_owner_saves_and_every_change_is_logged_with_who",
        "test_wrong_passwords_are_logged_and_limited",
    ),
    "A10 server-side request forgery": (
        "test_a_model_is_pulled_with_its_progress_and_one_that_is_not_there_is_explained",
        "test_only_a_pull_may_ask_the_hub_and_not_against_the_services_unit",
    ),
}


def test_every_risk_is_tried_by_tests_that_exist() -> None:
    files = [
        *TESTS.glob("unit/page/*.py"),
        *TESTS.glob("unit/clips/*.py"),
        TESTS / "unit" / "test_saved_settings.py",
        *TESTS.glob("acceptance/test_page*.py"),
        *TESTS.glob("integration/test_page*.py"),
    ]
    found = {
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(TRIED_BY) == 10
    for risk, names in TRIED_BY.items():
        assert set(names) <= found, (risk, set(names) - found)
