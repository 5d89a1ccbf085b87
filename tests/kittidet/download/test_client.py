"""kittidet.download.client: a password goes to its own machine, and into no message."""

import base64

import pytest

from kittidet.download.client import open_client
from kittidet.download.file import download
from kittidet.errors import ConfigError
from kittidet.limits import HOSTS

SECRET = "hunter2"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    return tmp_path


def sent_to(client, address):
    """The authorization that the client puts into a request."""
    request = client.build_request("GET", address)
    flow = client._build_request_auth(request).auth_flow(request)
    return next(flow).headers.get("authorization")


def write_netrc(path, mode=0o600):
    path.write_text(f"machine data.example login me password {SECRET}\n")
    path.chmod(mode)
    return path


def test_without_a_file_nothing_is_sent(home):
    with open_client(timeout_s=1) as client:
        assert sent_to(client, "https://data.example/a.zip") is None


@pytest.mark.parametrize("named", [False, True])
def test_a_password_goes_to_its_own_machine_alone(home, monkeypatch, named):
    path = write_netrc(home / ("secrets" if named else ".netrc"))
    if named:
        monkeypatch.setenv("NETRC", str(path))
    with open_client(timeout_s=1) as client:
        basic = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
        assert sent_to(client, "https://data.example/a.zip") == basic
        assert sent_to(client, "https://other.example/a.zip") is None


@pytest.mark.parametrize("text", [f"machine a login b password c {SECRET}\n", None, "\xff"])
def test_a_named_file_that_cannot_be_used_is_an_error_without_its_content(home, monkeypatch, text):
    path = home / "secrets"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(ConfigError, match=r"secrets: no netrc file that can be used") as error:
        open_client(timeout_s=1)
    assert SECRET not in str(error.value)


def test_a_users_own_file_that_others_can_read_is_passed_over_with_a_warning(home, caplog):
    write_netrc(home / ".netrc", mode=0o644)
    with open_client(timeout_s=1) as client:
        assert sent_to(client, "https://data.example/a.zip") is None
    assert "readable by you alone" in caplog.text
    assert SECRET not in caplog.text


def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(site, tmp_path, monkeypatch):
    monkeypatch.setenv(HOSTS, "127.0.0.1")
    site.files["a.txt"] = b"a"
    site.redirects["elsewhere.txt"] = site.url.replace("127.0.0.1", "localhost") + "a.txt"
    download(f"{site.url}a.txt", tmp_path / "a.txt", sha256=None)
    asked = len(site.requests)
    with pytest.raises(ConfigError, match="download: localhost is not among the hosts"):
        download(f"{site.url}elsewhere.txt", tmp_path / "b.txt", sha256=None)
    assert [name for name, _ in site.requests[asked:]] == ["elsewhere.txt"]
