"""Report a link: store a visitor's abuse report and count it in a metric that raises an alarm."""

from __future__ import annotations

from datetime import datetime

from chalicelib import logs
from chalicelib.aws.dynamodb import abuse_report_store, rate_counters
from chalicelib.core import limits
from chalicelib.core.abuse_report import AbuseReport
from chalicelib.errors import TooManyRequests
from chalicelib.usecases import follow_link, identify_visitor


def submit_report(report: AbuseReport, address: str, now: datetime) -> None:
    """Store a report from ``address``, an IP address that is not kept.

    Raises:
        LinkUnknown, TooManyRequests, StoreUnavailable
    """
    follow_link.find(report.link_id, now)
    network = identify_visitor.network_of_today(address, now)
    if rate_counters.spend(f"report#{network}", limits.REPORTS_OF_NETWORK, 1, now) is None:
        raise TooManyRequests(limits.REPORTS_OF_NETWORK.seconds_left(now))
    if rate_counters.spend(f"report#{report.link_id}", limits.REPORTS_ABOUT_LINK, 1, now) is None:
        return  # the reporter is not at fault if a link gets too many reports: accept without an error
    abuse_report_store.add(report, now)
    logs.note(reported=report.reason, Reports=1)
