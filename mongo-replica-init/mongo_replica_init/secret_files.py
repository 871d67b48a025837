"""The secrets: a key that the members share, a password a user and a token, made on first use and kept.

keyFile            for mongod and this program: base64, no whitespace, mode 0400
passwords.env      for this program: SERVICE_PASSWORD and WRITER_PASSWORD, mode 0400
bot-password.env   for this program: BOT_PASSWORD, mode 0400
first-token        for this program and the operator: lets in whoever makes the other tokens, mode 0400
.env               for the service: MONGO_URL, mode 0440
writer.env         for other programs that write stock: MONGO_URL, mode 0400
bot/.env           for the bot, in a folder that can be given to it alone: MONGO_URL, mode 0440
"""

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from dotenv import dotenv_values

from mongo_replica_init.problems import UnusableSecrets
from mongo_replica_init.settings import Settings
from mongo_replica_init.token_text import is_token, new_token

KEY_FILE = "keyFile"
PASSWORDS = "passwords.env"
BOT_PASSWORD = "bot-password.env"  # noqa: S105  (a file's name)
FIRST_TOKEN = "first-token"  # noqa: S105  (a file's name)
SERVICE = ".env"
WRITER = "writer.env"
BOT = "bot/.env"

KEY_BYTES = 567
"""756 characters of base64; mongod takes 6 to 1024 (MongoDB manual, "Use keyfile authentication")."""

PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Secrets:
    """What was read from the folder.

    Args:
        key: the key as a password, without whitespace; None where the members have no keyFile.
        service_password: of the service's user.
        writer_password: of the user of other programs.
        bot_password: of the bot's user; None in a folder of a time when it had none.
        first_token: lets the operator in; None in a folder of a time when nobody was asked for one.
    """

    key: str | None
    service_password: str
    writer_password: str
    bot_password: str | None
    first_token: str | None

    def __repr__(self) -> str:
        """Show no value at all."""
        return "Secrets(...)"


def make_secrets(folder: Path, settings: Settings) -> list[str]:
    """Make what is not there yet, and give the names of what was made.

    Two that run at once agree: whoever comes second keeps what the first one made.

    Raises:
        UnusableSecrets: the folder cannot be written, or what is there cannot be read.
    """
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        passwords = _password("SERVICE_PASSWORD") + _password("WRITER_PASSWORD")
        made += _make(folder, KEY_FILE, key, 0o400)
        made += _make(folder, PASSWORDS, passwords, 0o400)
        # Files of their own: a folder may be there that has all but these, and nothing in it is written anew.
        made += _make(folder, BOT_PASSWORD, _password("BOT_PASSWORD"), 0o400)
        made += _make(folder, FIRST_TOKEN, f"{new_token()}\n", 0o400)
        kept = read_secrets(folder)
        service = _url(settings, settings.service_user, kept.service_password)
        writer = _url(settings, settings.writer_user, kept.writer_password)
        bot = _url(settings, settings.bot_user, kept.bot_password or "")
        made += _make(folder, SERVICE, f"MONGO_URL={service}\n", 0o440)
        made += _make(folder, WRITER, f"MONGO_URL={writer}\n", 0o400)
        made += _make(folder, BOT, f"MONGO_URL={bot}\n", 0o440)
    except OSError as error:
        raise UnusableSecrets(f"{folder} cannot be written: {error.strerror}") from None
    return made


def read_secrets(folder: Path) -> Secrets:
    """Read the key, the passwords and the token.

    Raises:
        UnusableSecrets: they are not there, or not whole.
    """
    try:
        # Exactly what mongod takes from its file: everything but whitespace.
        key = "".join((folder / KEY_FILE).read_text().split()) if (folder / KEY_FILE).exists() else None
        passwords = _variables(folder / PASSWORDS)
        bot_has_one = (folder / BOT_PASSWORD).exists()
        bot = _variables(folder / BOT_PASSWORD).get("BOT_PASSWORD") if bot_has_one else None
        there_is_one = (folder / FIRST_TOKEN).exists()
        token = (folder / FIRST_TOKEN).read_text().strip() if there_is_one else None
    except OSError as error:
        raise UnusableSecrets(f"{error.filename} cannot be read: {error.strerror}") from None
    service, writer = passwords.get("SERVICE_PASSWORD"), passwords.get("WRITER_PASSWORD")
    if not service or not writer or key == "":
        raise UnusableSecrets(
            f"{folder} is not whole: {PASSWORDS} must hold SERVICE_PASSWORD and WRITER_PASSWORD, and "
            f"{KEY_FILE} a key"
        )
    if bot_has_one and not bot:
        raise UnusableSecrets(f"{folder} is not whole: {BOT_PASSWORD} must hold BOT_PASSWORD")
    if token is not None and not is_token(token):
        raise UnusableSecrets(f"{folder} is not whole: {FIRST_TOKEN} must hold a token, as make-secrets does")
    return Secrets(key, service, writer, bot, token)


def _variables(file: Path) -> dict[str, str | None]:
    with file.open() as lines:
        return dotenv_values(stream=lines)


def _password(name: str) -> str:
    return f"{name}={secrets.token_urlsafe(PASSWORD_BYTES)}\n"


def _url(settings: Settings, user: str, password: str) -> str:
    # The passwords that are made here need no escaping.
    return (
        f"mongodb://{user}:{password}@{','.join(settings.hosts)}/"
        f"?replicaSet={settings.replica_set}&authSource=admin"
    )


def _make(folder: Path, name: str, content: str, mode: int) -> list[str]:
    """Put a whole file in place, unless there is one: nobody ever sees half of it."""
    file = folder / name
    if file.exists():
        return []
    file.parent.mkdir(exist_ok=True)
    with NamedTemporaryFile("w", dir=file.parent, prefix=f"{file.name}.") as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
        Path(draft.name).chmod(mode)
        try:
            os.link(draft.name, file)
        except FileExistsError:
            return []
    return [name]
