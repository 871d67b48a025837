"""What RFC 9110 and 9112 say to a server of connections, content and preferences."""

from tests.end_to_end.http_rows import BODY, GZIP, Row, bad, chunked, clean, get, post

H2C = (
    b"Connection: Upgrade, HTTP2-Settings",
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    b"Upgrade: h2c",
)
KEEP, CLOSE = (b"connection: keep-alive\r\n",), (b"connection: close\r\n",)

CONNECTIONS = [
    Row("9112 9.3", "HTTP/1.1 persists", get(), (200,), said=KEEP),
    Row(
        "9112 9.3",
        "close ends it after the answer, which says so",
        get(b"Connection: close"),
        (200,),
        kept=False,
        said=CLOSE,
    ),
    Row(
        "9112 9.6",
        "and nothing after it MUST be processed",
        post(b"Connection: close") + post(),
        (200,),
        kept=False,
        chairs=2,
    ),
    Row("9110 7.6.1", "options are case-insensitive", get(b"Connection: Close"), (200,), kept=False),
    Row("9110 7.6.1", "close in a list", get(b"Connection: te, close"), (200,), kept=False),
    Row(
        "9110 5.3",
        "close in a second line",
        get(b"Connection: keep-alive", b"Connection: close"),
        (200,),
        kept=False,
    ),
    Row("9112 9.3", "other options end nothing", get(b"Connection: te, x-hop"), (200,), said=KEEP),
    Row("9112 9.3", "an empty one neither", get(b"Connection:"), (200,), said=KEEP),
    Row("9112 9.3", "HTTP/1.0 does not persist", get(version=b"HTTP/1.0"), (200,), kept=False, said=CLOSE),
    Row(
        "9112 9.3",
        "unless it asks to",
        get(b"Connection: Keep-Alive", version=b"HTTP/1.0"),
        (200,),
        said=KEEP,
    ),
    Row(
        "9112 9.3",
        "and not if it also asks for the end",
        get(b"Connection: keep-alive, close", version=b"HTTP/1.0"),
        (200,),
        kept=False,
    ),
    Row(
        "9112 9.3.2",
        "pipelined requests MUST be answered in order",
        get(path=b"/x") + get() + post() + get(),
        (404, 200, 200, 200),
        chairs=2,
    ),
    Row(
        "9110 7.8", "an upgrade may be ignored, and ends nothing", chunked(*H2C), (200,), chairs=2, said=KEEP
    ),
    Row("9110 7.8", "with a length as well", post(*H2C), (200,), chairs=2, said=KEEP),
    Row(
        "9110 7.8",
        "an upgrade to websocket elsewhere",
        get(b"Connection: upgrade", b"Upgrade: websocket"),
        (200,),
        said=KEEP,
    ),
    Row("9112 6.3", "a body that nobody wants is read all the same", post(path=b"/x") + get(), (404, 200)),
    Row("9112 6.3", "with a method that is not allowed", post(method=b"PUT") + get(), (405, 200)),
    Row("9112 6.3", "and in chunks", chunked(path=b"/x") + get(), (404, 200)),
]

EXPECTATIONS = [
    Row(
        "9110 10.1.1",
        "an expectation MUST be answered by 100 or at once",
        post(b"Expect: 100-continue"),
        (100, 200),
        chairs=2,
    ),
    Row("9110 10.1.1", "whatever its letters' case", post(b"expect: 100-Continue"), (100, 200), chairs=2),
    Row(
        "9110 10.1.1",
        "in HTTP/1.0 it MUST be ignored",
        post(b"Expect: 100-continue", version=b"HTTP/1.0"),
        (200,),
        kept=False,
        chairs=2,
    ),
    Row("9110 10.1.1", "without content there is nothing to wait for", get(b"Expect: 100-continue"), (200,)),
    bad(
        "9110 10.1.1",
        "a body that is too large is refused at once",
        post(b"Expect: 100-continue", length=b"2000000"),
        413,
        unsaid=(b"100 continue",),
    ),
    bad("9110 10.1.1", "another expectation MAY be a 417", post(b"Expect: x"), 417),
    bad("9110 10.1.1", "beside the known one too", post(b"Expect: 100-continue, x"), 417),
]

TYPES = [
    b"application/json; charset=utf-8",
    b'Application/JSON;charset="UTF-8"',
    b"application/json ; a=b",
    b"application/json;charset=utf8",
]
FOREIGN = [
    b"application/json; charset=utf-16",
    b"application/json;a=b;charset=UTF-16LE",
    b'application/json; charset="iso-8859-1"',
]
UTF_16 = BODY.decode().encode("utf-16")


CONTENTS = [
    *(
        Row(
            "9110 8.3",
            "a media type, its parameters in any case",
            post(content_type=b"Content-Type: " + kind),
            (200,),
            chairs=2,
        )
        for kind in TYPES
    ),
    *(
        Row(
            "8259 8.1",
            "JSON MUST be UTF-8",
            post(content_type=b"Content-Type: " + kind),
            (415,),
            unsaid=(b"accept-encoding",),
        )
        for kind in FOREIGN
    ),
    Row(
        "8259 8.1",
        "UTF-16 that says so",
        post(body=UTF_16, content_type=b"Content-Type: " + FOREIGN[0]),
        (415,),
    ),
    Row("8259 8.1", "UTF-16 that does not", post(body=UTF_16), (400,), said=(b"/problems/not-json",)),
    Row(
        "9110 12.5.3",
        "of a media type a 415 MUST NOT say Accept-Encoding",
        post(content_type=b"Content-Type: text/plain"),
        (415,),
        unsaid=(b"accept-encoding",),
    ),
    *(
        Row(
            "9110 15.5.16",
            "an unknown content coding ought to be a 415 with Accept-Encoding",
            post(b"Content-Encoding: " + coding, body=body),
            (415,),
            said=(b"accept-encoding: identity\r\n",),
        )
        for coding in (b"gzip", b"GZIP", b"deflate", b"br", b"identity, gzip", b"x-unheard-of")
        for body in (GZIP, BODY)
    ),
    Row("9110 8.4.1", "identity is none", post(b"Content-Encoding: identity"), (200,), chairs=2),
    Row("9110 5.6.1", "nor is an empty list", post(b"Content-Encoding:"), (200,), chairs=2),
    *(
        Row(
            "8259 4",
            "names SHOULD be unique",
            post(body=BODY[:-1] + more + b"}"),
            (422,),
            said=(b'"path":"$"',),
        )
        for more in (
            b',"quantity":1',
            b',"quantity":100',
            b',"item_id":"x"',
            b',"operation":"demand"',
            b',"\\u0071uantity":7',
        )
    ),
    Row(
        "8259 4",
        "and so in a group",
        post(
            path=b"/stores/{store}/group_op",
            body=b'{"operation":"supply","items":[{"item_id":"chair","quantity":1,"quantity":2}]}',
        ),
        (422,),
    ),
    Row(
        "8259 4",
        "and of a group",
        post(
            path=b"/stores/{store}/group_op",
            body=b'{"operation":"supply","items":[],"items":[{"item_id":"chair","quantity":1}]}',
        ),
        (422,),
    ),
    Row(
        "8259 7",
        "quotes in a text are no names",
        post(body=BODY.replace(b"chair", b'\\"\\\\\\"\\\\')),
        (200,),
    ),
]

MINIMAL = b"preference-applied: return=minimal\r\n"

PREFERENCES = [
    *(
        Row(
            "7240 2",
            "a preference is understood however it is written",
            post(b"Prefer: " + value),
            (200,),
            chairs=2,
            said=(MINIMAL,),
        )
        for value in (
            b"return=minimal",
            b'RETURN = "minimal"',
            b'return="min\\imal"',
            b"return=minimal;a=b; c",
            b'a="b, return=representation", return=minimal',
            b'a="\\", return=representation", return=minimal',
            b",, return=minimal,",
            b"return=minimal, return=representation",
            b"respond-async, wait=100, return=minimal",
            b"a b c, return=minimal",
        )
    ),
    *(
        Row(
            "7240 2",
            "and none that is not asked for",
            post(b"Prefer: " + value),
            (200,),
            chairs=2,
            unsaid=(MINIMAL,),
        )
        for value in (
            b"return=representation, return=minimal",
            b'a="b, return=minimal"',
            b'a="b, return=minimal',
            b"a;return=minimal",
            b"return, return=minimal",
            b'return="", return=minimal',
            b"return=Minimal",
            b"return=minimal=x",
            b"return minimal",
            b"returns=minimal",
        )
    ),
    Row(
        "7240 2",
        "several lines are one list",
        post(b"Prefer: wait=1", b"Prefer: return=minimal"),
        (200,),
        chairs=2,
        said=(MINIMAL,),
    ),
    Row(
        "7240 2",
        "of which the first counts",
        post(b"Prefer: return=representation", b"Prefer: return=minimal"),
        (200,),
        chairs=2,
        unsaid=(MINIMAL,),
    ),
    Row(
        "7240 2",
        "and so for a clean",
        clean(b"http://stock.example", b"stock.example", b"Prefer: a", b"Prefer: return=minimal"),
        (200,),
        chairs=0,
        said=(MINIMAL,),
    ),
]
