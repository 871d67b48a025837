"""Which proxy the bot takes of what people have in their environment."""

import pytest

from bot.telegram.proxy import proxy_for
from store_api.errors import WrongSetting

PROXY, OTHER = "http://proxy:3128", "http://other:3128"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (None, {}, None),
        (None, {"HTTPS_PROXY": ""}, None),
        (None, {"HTTPS_PROXY": PROXY}, PROXY),
        (None, {"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        (None, {"https_proxy": "", "HTTPS_PROXY": OTHER}, OTHER),
        (None, {"HTTPS_PROXY": " proxy:3128\r"}, PROXY),
        (None, {"HTTPS_PROXY": "http://me:se%40cret@proxy:3128/"}, "http://me:se%40cret@proxy:3128/"),
        (None, {"HTTPS_PROXY": "https://[fd00::1]:443"}, "https://[fd00::1]:443"),
        (None, {"HTTP_PROXY": PROXY}, None),
        (None, {"ALL_PROXY": PROXY}, PROXY),
        (None, {"ALL_PROXY": "socks5://socks:1080", "HTTPS_PROXY": PROXY}, PROXY),
        ("http://bot-api:8081", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        ("http://bot-api:8081", {"HTTPS_PROXY": OTHER}, None),
        (None, {"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,.example.com"}, PROXY),
        (None, {"HTTPS_PROXY": PROXY, "NO_PROXY": "telegram.org"}, None),
        (None, {"HTTPS_PROXY": PROXY, "no_proxy": "x, *.Telegram.org"}, None),
        (None, {"HTTPS_PROXY": PROXY, "NO_PROXY": "gram.org, api"}, PROXY),
        (None, {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("http://10.0.0.7:8081", {"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.7:8081"}, None),
        ("http://[::1]:8081", {"HTTP_PROXY": PROXY, "NO_PROXY": "::1"}, None),
    ],
)
def test_the_variables_are_read_as_other_programs_do(
    url: str | None, environment: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HTTPS_PROXY", "socks5://me:secret@socks:1080"),
        ("ALL_PROXY", "socks5h://socks:1080"),
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", "http://proxy:port"),
        ("HTTPS_PROXY", "http://proxy:99999"),
        ("HTTPS_PROXY", "http://pro xy:3128"),
        ("HTTPS_PROXY", "http://[::1"),
    ],
)
def test_what_the_bot_cannot_use_is_one_line_without_its_password(name: str, text: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        proxy_for(None, {name: text})
    assert str(refused.value).startswith(f"{name}: must be an HTTP proxy's URL like http://proxy:3128")
    assert "secret" not in str(refused.value)
