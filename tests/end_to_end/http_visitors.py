"""What RFCs say to a server of origins, addresses, and the handshakes of websockets."""

from tests.end_to_end.http_rows import Row, clean, get, post

ORIGINS = [
    *(
        Row("9110 4.2.3", "an omitted port is the default port", clean(origin, host), (200,), chairs=0)
        for origin, host in (
            (b"https://stock.example", b"stock.example:443"),
            (b"http://stock.example", b"stock.example:80"),
            (b"https://stock.example:443", b"stock.example"),
            (b"https://stock.example", b"stock.example"),
            (b"https://stock.example", b"STOCK.example:"),
            (b"https://stock.example:8443", b"stock.example:8443"),
            (b"http://[::1]", b"[::1]:80"),
        )
    ),
    *(
        Row("6454 5", "another host or port is another origin", clean(origin, host), (403,))
        for origin, host in (
            (b"https://stock.example", b"stock.example:80"),
            (b"https://stock.example", b"stock.example:8443"),
            (b"http://stock.example:8000", b"stock.example"),
            (b"https://stock.example.evil", b"stock.example"),
            (b"https://evil@stock.example", b"stock.example"),
            (b"ftp://stock.example", b"stock.example"),
            (b"stock.example", b"stock.example"),
            (b"null", b"null"),
            (b"http://:80", b":80"),
            (b"http://stock.example:0", b"stock.example"),
            (b"", b""),
            (b"http://", b""),
            (b"http://stock.example/", b"stock.example"),
            (b"http://stock.example:x", b"stock.example"),
            (b"http://a http://stock.example", b"stock.example"),
        )
    ),
]

ADDRESSES = [
    *(
        Row("3986 3.3", "an empty segment is a segment, and no store", get(*upgrade, path=path), (404,))
        for path in (
            b"/stores/",
            b"/stores//",
            b"/stores/?limit=1",
            b"/ws/stores/",
            b"/ws/stores//",
            b"/ws/stores/?only=changes",
            b"/stores//xlsx_report",
            b"/stores/{store}/",
        )
        for upgrade in (
            (),
            (
                b"Connection: upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ),
        )
    ),
    *(
        Row("3986 3.3", "nor where something is done to it", post(path=path), (404,))
        for path in (
            b"/stores/",
            b"/stores//",
            b"/stores//clean",
            b"/stores//group_op",
            b"/stores/{store}/clean/",
            b"//stores/{store}",
        )
    ),
    Row("3986 2.4", "a segment is decoded once", get(path=b"/stores/%2541"), (404,), said=(b"%41",)),
    Row(
        "3986 2.1",
        "hexadecimal digits in either case",
        get(path=b"/stores/%d0%b0%D0%B1"),
        (404,),
        said=("аб".encode(),),
    ),
    Row("3986 2.5", "what is no UTF-8 names no store", get(path=b"/stores/%ff"), (422,)),
]

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = b"Sec-WebSocket-Version: 13"
UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade")
UNOPENED = (b"upgrade: websocket\r\n", b"connection: upgrade", b"sec-websocket-version: 13\r\n")
SOCKET = b"/ws/stores/{store}"

HANDSHAKES = [
    Row("6455 4.2.1", "a plain GET is told to upgrade", get(path=SOCKET), (426,), said=UNOPENED),
    *(
        Row(
            "6455 4.4",
            "another version MUST be told the right one",
            get(*UPGRADE, KEY, *version, path=SOCKET),
            (426,),
            said=UNOPENED,
        )
        for version in (
            (),
            (b"Sec-WebSocket-Version: 8",),
            (b"Sec-WebSocket-Version: 13, 8",),
            (VERSION, VERSION),
            (b"Sec-WebSocket-Version: 013",),
        )
    ),
    *(
        Row("6455 4.2.1", "a key is 16 bytes in base64", get(*UPGRADE, VERSION, *key, path=SOCKET), (400,))
        for key in (
            (),
            (b"Sec-WebSocket-Key:",),
            (b"Sec-WebSocket-Key: abc",),
            (b"Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==",),
            (KEY, KEY),
        )
    ),
    Row(
        "6455 4.2.1",
        "it is a GET",
        get(*UPGRADE, KEY, VERSION, path=SOCKET, method=b"POST"),
        (405,),
        said=(b"allow: get\r\n",),
    ),
    Row(
        "9110 7.8",
        "in HTTP/1.0 Upgrade MUST be ignored",
        get(*UPGRADE, KEY, VERSION, path=SOCKET, version=b"HTTP/1.0"),
        (426,),
        kept=False,
    ),
    Row(
        "9110 7.8",
        "Upgrade is nothing without Connection",
        get(b"Upgrade: websocket", KEY, VERSION, path=SOCKET),
        (426,),
    ),
    Row(
        "9110 7.8",
        "nor to another protocol",
        get(b"Upgrade: h2c", b"Connection: upgrade", KEY, VERSION, path=SOCKET),
        (426,),
    ),
]
