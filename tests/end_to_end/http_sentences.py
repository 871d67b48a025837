"""What RFC 9110 and 9112 say to a server of request lines, targets, fields, and where a body ends."""

from tests.end_to_end.http_rows import BODY, Row, bad, chunked, clean, get, one_chunk, post

SMUGGLED = get(path=b"/metrics")

REQUEST_LINES = [
    Row(
        "9112 2.2",
        "an empty line before the request line SHOULD be ignored",
        b"\r\n" + post(),
        (200,),
        chairs=2,
    ),
    Row("9112 2.2", "and so between two requests", post() + b"\r\n" + post(), (200, 200), chairs=3),
    Row("9112 2.2", "and several", b"\r\n\r\n\r\n" + get(), (200,)),
    bad("9112 2.2", "a bare CR MUST be invalid or a blank", get(b"a: b\rc: d")),
    bad("9112 2.2", "a bare CR in the request line as well", get(path=b"/stores\r/x")),
    bad("9112 2.2", "a bare LF MAY end a line; here it ends none", b"GET /stores HTTP/1.1\nHost: x\r\n\r\n"),
    bad("9112 2.2", "a bare LF in a field", get(b"a: b\nContent-Length: 5")),
    bad("9112 2.2", "a blank before the first field MUST be refused", get(host=b" Host: x\r\n")),
    bad("9112 2.2", "what is no HTTP SHOULD be a 400", b"hello\r\n\r\n"),
    bad("9112 2.2", "and so TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    bad("9112 2.3", "HTTP-name is case-sensitive", get(version=b"http/1.1")),
    bad("9112 2.3", "a version is two digits", get(version=b"HTTP/1.10")),
    bad("9112 2.3", "a version is there (no HTTP/0.9)", b"GET /stores\r\n\r\n"),
    Row(
        "9110 2.5",
        "a higher minor version SHOULD be taken as the highest known",
        get(version=b"HTTP/1.2"),
        (200,),
    ),
    bad("9110 15.6.6", "another major version can be a 505", get(version=b"HTTP/2.0"), 505),
    bad("9110 15.6.6", "or a later one", b"GET / HTTP/9.9\r\n\r\n", 505),
    bad("9110 15.6.6", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    bad("9112 3", "an invalid request line SHOULD be a 400: two blanks", get(path=b" /stores")),
    bad("9112 3", "a tab for a blank", b"GET\t/stores\tHTTP/1.1\r\nHost: x\r\n\r\n"),
    bad("9112 3", "a blank in the address", get(path=b"/stores/a b")),
    bad("9112 3", "a blank at the end", get(version=b"HTTP/1.1 ")),
    bad("9112 3", "an address that is not encoded", get(path=b'/stores/"x"')),
    bad("9112 3", "no ASCII", get(path=b"/stores/\xc3\xa9")),
    bad("9112 3", "a fragment", get(path=b"/stores#x")),
    bad("9112 3", "a percent sign alone", get(path=b"/stores/%zz")),
    bad("9112 3", "a percent sign at the end", get(path=b"/stores?after=%2")),
    bad("9112 3", "a method that is no token", get(method=b"G@T")),
    bad("9112 3", "a method that is too long SHOULD be a 501", get(method=b"X" * 9000), 501),
    bad("9112 3", "and so one longer than any head", b"X" * 20_000, 501),
    bad("9112 3", "a target that is too long MUST be a 414", get(path=b"/stores/" + b"x" * 20_000), 414),
    bad("9112 3", "and so while it has no end", b"GET /" + b"x" * 20_000, 414),
    Row(
        "9112 3",
        "8,000 octets of a request line at a minimum",
        get(path=b"/stores?after=" + b"x" * 7950),
        (200,),
    ),
    bad("6585 5", "too many fields can be a 431", get(b"a: " + b"x" * 20_000), 431),
    Row(
        "9110 9.1",
        "methods are case-sensitive; an unknown one SHOULD be a 501",
        get(method=b"get"),
        (501,),
        False,
    ),
    bad("9110 9.1", "one of WebDAV", get(method=b"PROPFIND"), 501),
    bad(
        "9110 9.3.6", "CONNECT is implemented nowhere", b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501
    ),
    *(
        Row(
            "9110 15.5.6",
            "a 405 MUST say Allow",
            get(method=method),
            (405,),
            said=(b"allow: get, head, post\r\n",),
        )
        for method in (b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE")
    ),
    Row("9110 9.1", "HEAD MUST be supported where GET is", get(method=b"HEAD"), (200,), unsaid=(b"chair",)),
    Row(
        "9110 9.3.2",
        "HEAD has no content, a problem neither",
        get(method=b"HEAD", path=b"/x"),
        (404,),
        unsaid=(b"about:blank",),
    ),
]

TARGETS = [
    Row("9112 3.2.1", "what a browser leaves as it is, is taken", get(path=b"/stores/a|b[c]^`{d}\\"), (404,)),
    bad("9112 3.2.1", "no slash at the start", get(path=b"stores")),
    Row("9112 3.2.2", "absolute-form MUST be accepted", get(path=b"http://x/stores/{store}"), (200,)),
    Row("9112 3.2.2", "whatever its letters' case", get(path=b"HTTP://x/stores/{store}?a=b"), (200,)),
    Row("9112 3.2.2", "and with TLS ended before the service", get(path=b"https://x/stores/{store}"), (200,)),
    Row("9112 3.2.2", "an empty path is a slash", get(path=b"http://x"), (200,), said=(b"text/html",)),
    Row("9112 3.2.2", "an empty path with a query", get(path=b"http://x?a=b"), (200,), said=(b"text/html",)),
    Row(
        "9112 3.2.2",
        "its host MUST count in place of Host",
        clean(b"http://a.example", b"b.example").replace(b"/stores", b"http://a.example/stores"),
        (200,),
        chairs=0,
    ),
    Row(
        "9112 3.2.2",
        "and not beside it",
        clean(b"http://b.example", b"b.example").replace(b"/stores", b"http://a.example/stores"),
        (403,),
    ),
    bad("9110 4.2.1", "an empty host MUST be invalid", get(path=b"http:///stores")),
    bad("9110 4.2.4", "user information SHOULD be an error", get(path=b"http://a:b@x/stores")),
    bad("9110 7.4", "another scheme is misdirected", get(path=b"ftp://x/stores"), 421),
    bad("9112 3.2.3", "authority-form is CONNECT's alone", get(path=b"x:80")),
    bad("9112 3.2.4", "asterisk-form is OPTIONS' alone", get(path=b"*")),
    Row(
        "9112 3.2.4",
        "OPTIONS * is about the server",
        get(path=b"*", method=b"OPTIONS"),
        (405,),
        said=(b"allow: ",),
    ),
    bad("9112 3.2", "no Host MUST be a 400", get(host=b"")),
    bad("9112 3.2", "two Hosts MUST be a 400", get(b"host: y")),
    bad("9112 3.2", "two Hosts that are the same", get(b"HOST: x")),
    *(
        bad("9112 3.2", "an invalid Host MUST be a 400", get(host=b"Host: %b\r\n" % host))
        for host in (
            b"x y",
            b"x, x",
            b"http://x",
            b"x/y",
            b"a@b",
            b"x:80:80",
            b"x:port",
            b"[::1",
            b"\xc3\xa9",
            b"x?",
            b"x#",
        )
    ),
    *(
        Row("9110 7.2", "a host and a port", get(host=b"Host: %b\r\n" % host), (200,))
        for host in (b"[::1]:80", b"stock_api.example:8000", b"127.0.0.1", b"x:", b"", b"a%20b")
    ),
    Row("9112 3.2", "HTTP/1.0 may have no Host", get(host=b"", version=b"HTTP/1.0"), (200,), kept=False),
]

FIELDS = [
    Row(
        "9110 5.1",
        "names are case-insensitive",
        post().replace(b"Content-Length", b"cONTENT-lENGTH"),
        (200,),
        chairs=2,
    ),
    Row(
        "9112 5.1",
        "blanks around a value are no part of it",
        post(length=b"\t %d\t " % len(BODY)),
        (200,),
        chairs=2,
    ),
    Row("9112 5", "no blank need follow the colon", get(b"a:b"), (200,)),
    Row("9110 5.5", "a value may be empty", get(b"a:"), (200,)),
    Row("9110 5.5", "obs-text is opaque", get(b"a: \xff\xfe"), (200,)),
    bad(
        "9112 5.1",
        "a blank before the colon MUST be a 400",
        post(body=SMUGGLED).replace(b"Length:", b"Length :"),
    ),
    bad("9112 5.1", "a tab before the colon", post(body=SMUGGLED).replace(b"Length:", b"Length\t:")),
    bad("9112 5.2", "obs-fold MUST be a 400, or a blank", get(b"a: b\r\n c")),
    bad("9112 5.2", "obs-fold of what frames a body", post(b"Transfer-Encoding:\r\n chunked", length=None)),
    bad("9110 5.1", "a name is a token", get(b"a b: c")),
    bad("9110 5.1", "a name is not empty", get(b": c")),
    bad("9112 5", "a line has a colon", get(b"no colon")),
    *(
        bad(
            "9110 5.5",
            "CR, LF and NUL MUST be refused, other controls are invalid",
            get(b"a: b" + control + b"c"),
        )
        for control in (b"\0", b"\x01", b"\x0b", b"\x0c", b"\x7f", b"\x1b")
    ),
    bad("9110 5.3", "a field that is no list is there once", post(b"Content-Type: text/plain")),
    bad(
        "9110 5.3",
        "Origin is no list",
        clean(b"http://stock.example", b"stock.example", b"Origin: http://evil"),
    ),
]

LENGTHS = [
    *(
        bad("9110 8.6", "a length that is no 1*DIGIT MUST be refused", post(length=length))
        for length in (
            b"-1",
            b"+53",
            b"5_3",
            b"53,53",
            b"53, 53",
            b"0x35",
            b"5 3",
            b"\x0b53",
            b"53.0",
            b'"53"',
            b"x",
        )
    ),
    bad("9110 8.6", "digits are ASCII", post(length="٥٣".encode())),
    bad("9110 8.6", "and not empty", post(b"Content-Length:", length=None)),
    bad("9112 6.3", "two lengths MUST be refused", post(b"Content-Length: 1")),
    bad("9112 6.3", "two that are the same may", post(b"Content-Length: %d" % len(BODY))),
    bad("9110 8.6", "a large decimal numeral MUST be anticipated", post(length=b"9" * 30), 413),
    bad("9110 8.6", "a larger one", post(length=b"9" * 5000), 413),
    bad("9110 15.5.14", "a body that is too large is a 413", post(length=b"1048577"), 413),
    Row("9110 8.6", "leading zeros are digits", post(length=b"0" * 40 + b"%d" % len(BODY)), (200,), chairs=2),
    Row(
        "9110 9.3.1", "content of a GET is framed as any other", get(b"Content-Length: 5") + b"hello", (200,)
    ),
    Row("9112 6.3", "without either there is no body", post(length=None, body=b""), (400,)),
]

CODINGS = [
    Row("9112 7.1", "chunked MUST be understood", chunked(), (200,), chairs=2),
    *(
        Row(
            "9112 7",
            "transfer codings are case-insensitive",
            chunked(coding=b"Transfer-Encoding: " + name),
            (200,),
            chairs=2,
        )
        for name in (b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked")
    ),
    Row(
        "9110 5.6.1",
        "empty elements of a list MUST be ignored",
        chunked(coding=b"Transfer-Encoding: ,chunked,"),
        (200,),
        chairs=2,
    ),
    bad("9112 6.1", "both SHOULD end the connection; they are refused", chunked(b"Content-Length: 5")),
    bad(
        "9112 6.1",
        "both, the other way round",
        chunked(coding=b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    ),
    bad("9112 6.1", "chunked twice", chunked(coding=b"Transfer-Encoding: chunked, chunked")),
    bad("9112 6.1", "in two lines", chunked(b"Transfer-Encoding: chunked")),
    bad("9112 6.3", "the last MUST be chunked", chunked(coding=b"Transfer-Encoding: chunked, gzip")),
    bad("9112 6.3", "identity is none any more", chunked(coding=b"Transfer-Encoding: identity")),
    bad("9112 6.3", "an empty one", chunked(coding=b"Transfer-Encoding:")),
    bad(
        "9112 7.1",
        "parameters of chunked SHOULD be an error",
        chunked(coding=b"Transfer-Encoding: chunked;a=b"),
    ),
    bad(
        "9112 6.1", "another coding SHOULD be a 501", chunked(coding=b"Transfer-Encoding: gzip, chunked"), 501
    ),
    bad("9112 6.1", "in HTTP/1.0 it MUST be faulty", chunked().replace(b"HTTP/1.1", b"HTTP/1.0")),
    Row(
        "9112 7.1",
        "sizes are hexadecimal, in either case",
        chunked(body=one_chunk(size=b"000035")),
        (200,),
        chairs=2,
    ),
    Row(
        "9112 7.1.1",
        "extensions MUST be ignored",
        chunked(body=one_chunk(b";a=b;c", b'0;d="e;\\"f"')),
        (200,),
        chairs=2,
    ),
    Row("9112 7.1.1", "long ones", chunked(body=one_chunk(b";a=" + b"b" * 1000)), (200,), chairs=2),
    Row("9112 7.1.1", "bad blanks too", chunked(body=one_chunk(b" ; a = b")), (200,), chairs=2),
    bad("9112 7.1.1", "their length ought to be limited", chunked(body=one_chunk(b";a=" + b"b" * 5000))),
    bad(
        "9112 7.1.1",
        "and that of all",
        chunked(body=b"".join(b"1;a=%b\r\n{\r\n" % (b"b" * 3000) for _ in range(6))),
    ),
    bad("9112 7.1", "an extension is no nonsense", chunked(body=one_chunk(b";\x00"))),
    *(
        bad("9112 7.1", "a size is 1*HEXDIG", chunked(body=one_chunk(size=size)))
        for size in (b"0x35", b"-35", b"+35", b"3_5", b" 35", b"35 ", b"zz", b";a", "٣٥".encode())
    ),
    bad("9112 7.1", "large numerals MUST be anticipated", chunked(body=one_chunk(size=b"f" * 16)), 413),
    bad("9112 7.1", "larger ones", chunked(body=one_chunk(size=b"1" + b"0" * 3000)), 413),
    bad("9112 7.1", "data that is longer than its size", chunked(body=b"5\r\n" + BODY + b"\r\n0\r\n\r\n")),
    bad(
        "9112 7.1",
        "what follows the data is CRLF, nothing else",
        chunked(body=b"%x\r\n" % len(BODY) + BODY + b"XX0\r\n\r\n"),
    ),
    bad(
        "9112 7.1", "lines end with CRLF", chunked(body=b"%x\n" % len(BODY) + BODY + b"\n0\n\n" + b" " * 5000)
    ),
    Row(
        "9112 7.1.2",
        "trailers may be discarded",
        chunked(body=one_chunk(trailers=b"Expires: x\r\na: b\r\n")),
        (200,),
        chairs=2,
    ),
    Row(
        "9110 6.5.1",
        "and MUST NOT be merged",
        chunked(body=one_chunk(trailers=b"Content-Length: 9\r\nPrefer: return=minimal\r\n")),
        (200,),
        chairs=2,
        unsaid=(b"preference-applied",),
    ),
    bad(
        "9112 7.1.2",
        "a trailer is a field line",
        chunked(body=one_chunk(trailers=b"GET /stores HTTP/1.1\r\n")),
    ),
    bad("9112 7.1.2", "too many of them", chunked(body=one_chunk(trailers=b"a: b\r\n" * 2000))),
]
