"""Everything that a MongoDB URL can say: what is overruled, what is refused, and what is let be."""

import pytest
from pymongo import common
from pymongo.uri_parser import parse_uri

from store_api.errors import WrongSetting
from store_api.settings import Settings
from store_api.settings.mongo_url import OVERRULED, REFUSED
from store_api.storage.clients import connect, connect_sender, connect_watcher

SET = "mongodb://user:secret-word@host/?replicaSet=rs0"

OVERRULED_VALUES = {
    "readPreference": "secondaryPreferred",
    "readPreferenceTags": "dc:ny",
    "maxStalenessSeconds": "120",
    "readConcernLevel": "local",
    "w": "0",
    "wtimeoutMS": "1",
    "journal": "false",
    "fsync": "true",
    "retryWrites": "false",
    "retryReads": "false",
    "timeoutMS": "1",
    "socketTimeoutMS": "1",
    "serverSelectionTimeoutMS": "1",
    "connectTimeoutMS": "1",
    "heartbeatFrequencyMS": "60000",
    "waitQueueTimeoutMS": "1",
    "waitQueueMultiple": "1",
    "maxPoolSize": "1",
    "connect": "true",
    "maxAdaptiveRetries": "0",
    "enableOverloadRetargeting": "true",
    "tz_aware": "false",
    "datetime_conversion": "DATETIME_MS",
    "unicode_decode_error_handler": "strict",
    "uuidRepresentation": "standard",
    "appname": "somebody",
}

LET_BE = {
    "authMechanism": "SCRAM-SHA-256",
    "authMechanismProperties": "SERVICE_NAME:other",
    "authSource": "admin",
    "compressors": "zlib",
    "localThresholdMS": "20",
    "maxConnecting": "3",
    "maxIdleTimeMS": "60000",
    "minPoolSize": "1",
    "replicaSet": "rs0",
    "serverMonitoringMode": "poll",
    "ssl": "true",
    "tls": "true",
    "tlsAllowInvalidCertificates": "true",
    "tlsAllowInvalidHostnames": "true",
    "tlsCAFile": __file__,
    "tlsCertificateKeyFile": __file__,
    "tlsCertificateKeyFilePassword": "word",
    "tlsCRLFile": __file__,
    "tlsDisableOCSPEndpointCheck": "true",
    "tlsInsecure": "true",
    "zlibCompressionLevel": "6",
}
"""They say where the replica set is, and how to get in."""

ONLY_WITH_SRV = {"srvMaxHosts": "1", "srvServiceName": "mongodb", "srvAllowedHostsSuffix": ".example"}
"""With `mongodb+srv://` they are let be; without, the driver itself refuses them."""

REFUSED_VALUES = {"directConnection": "true", "loadBalanced": "true"}

NO_TEXT = {"driver": "x", "server_api": "1"}
"""What no URL can say, by the driver."""


def lowered(options: dict[str, str]) -> set[str]:
    return {name.lower() for name in options}


def test_every_option_that_the_driver_knows_is_in_one_of_these_tables() -> None:
    tables = [OVERRULED_VALUES, LET_BE, ONLY_WITH_SRV, REFUSED_VALUES, NO_TEXT]
    known = {name.lower() for name in common.URI_OPTIONS_VALIDATOR_MAP}
    assert set().union(*map(lowered, tables)) == known
    assert sum(map(len, tables)) == len(known)
    assert lowered(OVERRULED_VALUES) == OVERRULED
    assert lowered(REFUSED_VALUES) == REFUSED.keys()


@pytest.mark.parametrize(("option", "value"), OVERRULED_VALUES.items())
def test_what_the_service_decides_for_itself_is_left_out(option: str, value: str) -> None:
    for name in (option, option.upper()):
        read = Settings.read({"MONGO_URL": f"mongodb://user:secret-word@host/?{name}={value}&replicaSet=rs0"})
        assert read.mongo_url == SET


@pytest.mark.parametrize(("option", "value"), LET_BE.items())
def test_where_the_set_is_and_how_to_get_in_is_let_be(option: str, value: str) -> None:
    with_tls = "&tls=true" if option.startswith("tls") and option != "tls" else ""
    url = f"{SET}{with_tls}&{option}={value}".replace("replicaSet=rs0&replicaSet", "replicaSet")
    try:
        assert Settings.read({"MONGO_URL": url}).mongo_url == url
    except WrongSetting as wrong:
        # This file holds no certificate; the driver looks into it at the start.
        assert option in {"tlsCAFile", "tlsCertificateKeyFile", "tlsCRLFile"}
        assert str(wrong).startswith("MONGO_URL: ")  # noqa: PT017


@pytest.mark.parametrize(
    ("option", "value"), [*REFUSED_VALUES.items(), *NO_TEXT.items(), *ONLY_WITH_SRV.items()]
)
def test_with_these_the_service_does_not_start(option: str, value: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        Settings.read({"MONGO_URL": f"mongodb://user:secret-word@host/?{option}={value}"})
    assert str(wrong.value).startswith("MONGO_URL: must")
    assert "secret-word" not in str(wrong.value)


@pytest.mark.parametrize("option", REFUSED_VALUES)
def test_what_is_refused_may_be_said_to_be_false(option: str) -> None:
    url = f"mongodb://host/?{option}=false"
    assert Settings.read({"MONGO_URL": url}).mongo_url == url


@pytest.mark.parametrize(
    "options",
    [
        "tlsCAFile=/nowhere/ca.pem&tls=true",
        "tlsCertificateKeyFile=/nowhere/key.pem&tls=true",
        "authMechanism=MONGODB-X509&authSource=admin",
        "authMechanism=NONE",
        "datetime_conversion=no_such",
        "tlsInsecure=true&tlsAllowInvalidHostnames=true&tls=true",
        "maxIdleTimeMS=soon",
        "minPoolSize=101",
        "readPreference=whatever",
        "w=-1",
        "authMechanismProperties=ENVIRONMENT:azure&authMechanism=MONGODB-OIDC",
    ],
)
def test_what_cannot_work_is_one_line_at_the_start(options: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        Settings.read({"MONGO_URL": f"mongodb://user:secret-word@host/?{options}"})
    assert str(wrong.value).startswith("MONGO_URL: ")
    assert "\n" not in str(wrong.value)
    assert "secret-word" not in str(wrong.value)


def test_clients_have_what_was_decided_whatever_the_url_says() -> None:
    said = "&".join(
        f"{name}={value}" for name, value in OVERRULED_VALUES.items() if name != "readPreferenceTags"
    )
    url = Settings.read({"MONGO_URL": f"mongodb://127.0.0.1:1/?{said}&minPoolSize=2"}).database_url
    assert parse_uri(url)["options"] == {"minPoolSize": 2}
    writing = connect_sender(url)
    for client in (connect(url).delegate, connect_watcher(url).delegate, writing):
        assert client.read_preference.name == "Primary"
        # What is numbered is sent again by ourselves, and what of it was applied is known.
        assert client.options.retry_writes is (client is not writing)
        assert client.options.retry_reads
        assert client.options.pool_options.max_pool_size == 100
        assert client.codec_options.tz_aware
        client.close()
