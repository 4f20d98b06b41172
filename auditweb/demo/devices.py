"""What people sit at: their browsers, and what these called themselves as the years went by."""

from datetime import datetime, timedelta

_FIRST_CHROME = 131  # the version of November 2024, with which the demo's count of Chrome releases begins
_CHROME_OF = datetime.fromisoformat("2024-11-12T00:00:00+00:00")


def user_agent(browser: str, moment: datetime) -> str:
    """Return what *browser* ("chrome-windows", "safari-iphone" …) called itself at *moment*."""
    return _USER_AGENTS[browser].format(
        chrome=_FIRST_CHROME + (moment - _CHROME_OF) // timedelta(weeks=4),
        safari=f"{18 + (moment - _CHROME_OF) // timedelta(days=365)}.{1 + moment.month // 3}",
    )


_USER_AGENTS = {
    "chrome-windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{chrome}.0.0.0 Safari/537.36",
    "edge-windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{chrome}.0.0.0 Safari/537.36 Edg/{chrome}.0.0.0",
    "chrome-mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{chrome}.0.0.0 Safari/537.36",
    "chrome-android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{chrome}.0.0.0 Mobile Safari/537.36",
    "safari-mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{safari} Safari/605.1.15",
    "safari-iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{safari} Mobile/15E148 Safari/604.1",
    "firefox-linux": "Mozilla/5.0 (X11; Linux x86_64; rv:{chrome}.0) Gecko/20100101 Firefox/{chrome}.0",
}
