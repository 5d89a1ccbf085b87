"""kittidet.masking: no password or token is left in a text."""

import pytest

from kittidet.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("see https://host/a@b?x=1 and mail me@host", "see https://host/a@b?x=1 and mail me@host"),
        ("https://user:pa%20ss@host/a", "https://***@host/a"),
        ("'rtsp://user:p@ss@cam/1' failed", "'rtsp://***@cam/1' failed"),
        ("ftp://token@host and http://a:b@c/", "ftp://***@host and http://***@c/"),
        ("https://h/a?token=abc&part=2", "https://h/a?token=***&part=2"),
        ("https://h/a?v=1&X-Amz-Signature=abc#x", "https://h/a?v=1&X-Amz-Signature=***#x"),
        ("('https://h/?api_key=abc')", "('https://h/?api_key=***')"),
        ("https://h/?Password=a%26b&accessKeyId=q", "https://h/?Password=***&accessKeyId=***"),
    ],
)
def test_what_is_secret_in_an_address_is_not_shown(text, shown):
    assert masked(text) == shown
