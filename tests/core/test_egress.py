"""Only the public internet is connected to, by whatever name or spelling an address comes."""

import asyncio
import contextlib
import socket

import aiohttp
import pytest

from intone.core.egress import LONGEST_URL, Egress, ForbiddenAddressError
from intone.errors import InvalidInputError

#: Not of the public internet, in canonical spelling.
FORBIDDEN = [
    # this host, private, carriers' NAT, loopback, link-local
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.1.2.3", "127.255.255.255", "169.254.0.1",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.168.0.1",
    # protocol assignments, documentation, 6to4 relays, benchmarks, a cloud's host
    "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.7", "168.63.129.16",
    # multicast, reserved, broadcast
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    # IPv6: unspecified, loopback, IPv4-compatible, IPv4-mapped, IPv4-translated
    "::", "::1", "::127.0.0.1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    # NAT64, also the local one; discard; Teredo, benchmarks, ORCHID, documentation, 6to4
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a00:1::1", "3ffe::1", "3fff::1",
    # SRv6, unique local and a cloud's metadata, link-local, site-local, multicast
    "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "febf::1", "fec0::1",
    "ff02::1", "ff0e::1", "4000::1", "2606:4700::1111%1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1",
    "126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.0.1",
    "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1",
    "2001:4860:4860::8888", "2003::1", "::ffff:8.8.8.8",
]  # fmt: skip
#: Spellings that resolvers take for addresses, and what is no host at all.
ODD_HOSTS = [
    "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "127.1", "127.0.1",
    "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "127.0.0.0x1", "0", "0.0", "1.1", "256.1.1.1",
    "1.2.3.4.5", "①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1", "127.0.0.1%00", "%31%32%37.0.0.1",
    "localhost%00.example.com", "a..b", "", ".", "-a.example", "a-.example", "a" * 64 + ".example",
    "[::1", "::1", "[127.0.0.1]", "[v1.a]", "a b.example", "exa\tmple.com", "example.com\\@10.0.0.1",
    "пример.рф", "bad\nhost", "[::ffff:127.0.0.1", "[1:2]", "x." * 130 + "com",
]  # fmt: skip


@pytest.fixture
async def canary():
    """A server on loopback that counts who connects; yields its port and the count."""
    connected = []

    async def count(_, writer):
        connected.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connected


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_not_of_the_public_internet_is_forbidden(address):
    assert not Egress().allows(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(InvalidInputError):
        Egress(allow_http=True).check_url(f"http://{host}/hook")


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_of_the_public_internet_is_allowed(address):
    assert Egress().allows(address)
    Egress().check_url(f"https://{f'[{address}]' if ':' in address else address}/hook")


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_hosts_in_odd_spellings_are_refused_even_where_all_is_allowed(host):
    egress = Egress(["0.0.0.0/0", "::/0"], allow_http=True)
    with pytest.raises(InvalidInputError):
        egress.check_url(f"http://{host}/hook")


@pytest.mark.parametrize("text", ["2130706433", "0x7f.1", "127.1", "①②⑦.0.0.1", "", "x", "::g"])
def test_what_is_no_canonical_address_is_not_allowed(text):
    assert not Egress(["0.0.0.0/0", "::/0"]).allows(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "https:/example.com", "https:example.com", "//example.com/", "example.com", "",
        "https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/",
        "https://example.com:0/", "https://example.com:22/", "https://example.com:25/",
        "https://example.com:65536/", "https://example.com:x/", "https://example.com:-1/",
        "https://example.com/#top", "https://example.com/\r\nX: y", "https://example.com/ü",
        "https://example.com/" + "a" * LONGEST_URL, "https://example.com\\.evil.example/",
    ],
)  # fmt: skip
def test_urls_that_are_not_for_webhooks_are_refused(url):
    with pytest.raises(InvalidInputError):
        Egress().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "https://example.com/a/b?c=d%20e", "https://EXAMPLE.com:443/",
        "https://example.com:8443/", "https://xn--e1afmkfd.xn--p1ai/", "https://a_b.example.com./",
        "HTTPS://example.com/",
    ],
)  # fmt: skip
def test_urls_for_webhooks_are_accepted(url):
    Egress().check_url(url)


def test_http_is_for_whom_the_operator_allows_it():
    Egress(allow_http=True).check_url("http://example.com/hook")
    with pytest.raises(InvalidInputError, match="begins with https://"):
        Egress().check_url("http://example.com/hook")


def test_the_operator_opens_networks_and_no_others():
    egress = Egress(["127.0.0.0/8", "fd00::/8", "10.1.2.3"])
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254", "10.1.2.3"):
        assert egress.allows(address)
    for address in ("10.1.2.4", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fc00::1"):
        assert not egress.allows(address)
    with pytest.raises(InvalidInputError, match="egress_allow"):
        Egress(["localhost"])


def answering(monkeypatch, *answers):
    """Have the loop's resolver give these addresses, one answer after another, the last for ever."""
    waiting = list(answers)

    async def getaddrinfo(host, port, **_):
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM, 6, "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in found
        ]  # fmt: skip

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_a_name_is_refused_when_any_of_its_addresses_is(monkeypatch):
    answering(monkeypatch, ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(ForbiddenAddressError):
        await Egress().resolve("two.example", 443)
    answering(monkeypatch, ["8.8.8.8", "2606:4700::1111"])
    assert await Egress().resolve("two.example", 443) == ["8.8.8.8", "2606:4700::1111"]
    answering(monkeypatch, [])
    with pytest.raises(OSError, match="no address"):
        await Egress().resolve("none.example", 443)


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_no_name_leads_where_connecting_is_forbidden(monkeypatch, address):
    answering(monkeypatch, [address])
    with pytest.raises(ForbiddenAddressError):
        await Egress().resolve("rebound.example", 80)


async def test_dns_that_flips_between_check_and_connect_reaches_nobody(monkeypatch, canary):
    """The name is public when it is checked and loopback when it is looked up to connect."""
    port, connected = canary
    egress = Egress(allow_http=True)
    url = f"http://flips.example:{port}/hook"
    timeout = aiohttp.ClientTimeout(total=0.5)
    async with aiohttp.ClientSession(connector=egress.connector(), timeout=timeout) as http:
        for answers in (
            [["8.8.8.8"], ["127.0.0.1"]],
            [["8.8.8.8"], ["8.8.8.8", "127.0.0.1"]],
            [["8.8.8.8"], ["::ffff:127.0.0.1"]],
        ):
            answering(monkeypatch, *answers)
            egress.check_url(url)
            assert await egress.resolve("flips.example", port) == ["8.8.8.8"]
            with pytest.raises(ForbiddenAddressError):
                await http.post(url)
    assert connected == []


async def test_the_checked_address_is_the_one_that_is_connected_to(monkeypatch, canary):
    """Once it is resolved, nothing looks the name up again."""
    port, connected = canary
    egress = Egress(["127.0.0.0/8"], allow_http=True)
    answering(monkeypatch, ["127.0.0.1"], ["8.8.8.8"])
    async with aiohttp.ClientSession(connector=egress.connector()) as http:
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await http.post(f"http://name.example:{port}/hook")
    assert len(connected) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost"])
async def test_whoever_forgets_to_check_a_url_connects_to_nobody(canary, host):
    """aiohttp resolves no literal addresses; the socket is refused all the same."""
    port, connected = canary
    async with aiohttp.ClientSession(connector=Egress().connector()) as http:
        with pytest.raises((aiohttp.ClientConnectorError, ForbiddenAddressError)):
            await http.post(f"http://{host}:{port}/")
    assert connected == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch, canary):
    port, connected = canary
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    timeout = aiohttp.ClientTimeout(total=0.5)
    async with aiohttp.ClientSession(connector=Egress().connector(), timeout=timeout) as http:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await http.post("http://8.8.8.8:9/")
    assert connected == []
