"""Tells of each line of a mail whether it was written for it, or quoted from another mail. It removes nothing.

What may be left out depends on what the conversation holds, which the router knows: `router.decide.fold`.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from channels.message import Line

MAX_SENTENCE = 3
"""Lines over which a mailer wraps the sentence above a quote."""

MAX_FIELDS = 12
"""Lines of the header that Outlook writes above a quote."""

_QUOTED = re.compile(r"[ \t]{0,3}>")
_MARKERS = re.compile(r"^[ \t]*(?:>[ \t]?)+")
_COLON = "[:\N{FULLWIDTH COLON}]"


def _any(words: str) -> str:
    return "|".join(word.replace("_", r"\s+") for word in words.split())


# Who wrote when, as mailers put it above a quote. People who write so name neither an address nor a time of day.
_FIRST = _any("on am le el il em op den dne dnia w_dniu på")
_LAST = _any("wrote a_écrit escribió ha_scritto escreveu geschreven написала? пише napsal napisała? írta")
_LAST_OF_ASIA = _any("さんは書きました のメール 写道 寫道 작성")
_BEFORE_A_NAME = _any("schrieb schreef skrev")
_WROTE = re.compile(
    rf"(?:{_FIRST})\s.{{5,300}}?\b(?:(?:{_BEFORE_A_NAME})\s.{{1,150}}|(?:{_LAST}))\s*{_COLON}\s*\Z"
    # a date, with or without the day of the week
    r"|(?:\w{2,4}[.,]{0,2}[ ])?\d.{5,300}"
    rf"(?:{_LAST_OF_ASIA}|<\S+@\S+>,?\s*(?:(?:{_LAST}|{_BEFORE_A_NAME})(?:\(\w\))?)?)\s*{_COLON}\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_WHEN = re.compile(r"\d{1,2}[:.h]\d{2}|\S@\S")
_ORIGINAL = _any(
    "original_message original_e-?mail original_appointment ursprüngliche_nachricht ursprüngliche_e-?mail"
    " originalnachricht message_d'origine message_original mensaje_original messaggio_originale mensagem_original"
    " oorspronkelijk_bericht ursprungligt_meddelande oprindelig_meddelelse wiadomość_oryginalna исходное_сообщение"
    " 元のメッセージ 原始邮件 原始郵件 원본_메시지"
)
_SEPARATOR = re.compile(rf"[-_*=]{{2,60}}\s?(?:{_ORIGINAL})\s?[-_*=]{{0,60}}\s*\Z|_{{20,60}}\s*\Z", re.IGNORECASE)
_FORWARD = _any(
    "forwarded_message begin_forwarded forwarded_by weitergeleitete_nachricht anfang_der_weitergeleiteten"
    " message_transféré début_du_message mensaje_reenviado inicio_del_mensaje messaggio_inoltrato doorgestuurd_bericht"
    " mensagem_encaminhada vidarebefordrat пересылаемое_сообщение"
)
_FORWARDED = re.compile(rf"[-_* ]{{0,60}}(?:{_FORWARD})", re.IGNORECASE)
_FROM = _any("from von de da van från fra od от от_кого expéditeur remitente 差出人 送信者 发件人 寄件者 보낸_사람")
_OTHER_FIELDS = _any(
    "sent date gesendet datum envoyé enviado enviado_el fecha inviato data verzonden skickat sendt дата отправлено"
    " 送信日時 发送时间 to an à para pour aan till til do кому 宛先 收件人 받는_사람 cc kopie bcc reply-to subject"
    " betreff objet asunto oggetto assunto onderwerp ämne emne temat тема 件名 主题 主旨 제목"
)
_SENDER = re.compile(rf"\*?(?:{_FROM})\s?\*?\s?{_COLON}", re.IGNORECASE)
_FIELD = re.compile(rf"\*?(?:{_FROM}|{_OTHER_FIELDS})\s?\*?\s?{_COLON}", re.IGNORECASE)
_MAYBE = re.compile(rf"^[ \t]{{0,3}}>|^[-_*=]{{2}}|{_COLON}[ \t]*$", re.MULTILINE)
_MAYBE_HEADER = re.compile(f"^{_SENDER.pattern}", re.IGNORECASE | re.MULTILINE)


def lines_of(text: str, *, forwards: bool = False) -> str:
    """Return a letter of `Line` for each line of the text; empty if none is quoted. A forwarded mail is no quote."""
    if not _MAYBE.search(text) and not _MAYBE_HEADER.search(text):
        return ""
    lines = text.split("\n")
    found = _Marking(lines, forwards=forwards).marks()
    return "" if found.count(Line.WRITTEN) == len(found) else found


class _Marking:
    def __init__(self, lines: Sequence[str], *, forwards: bool) -> None:
        self._lines = lines
        self._bare = [_MARKERS.sub("", line).strip() for line in lines]
        self._forwards = forwards

    def marks(self) -> str:
        marks: list[str] = []
        is_inside = False  # a quote without markers, which lasts to the end of the mail
        while (place := len(marks)) < len(self._lines):
            is_marked = self._is_marked(place)
            if not is_marked and not is_inside and _FORWARDED.match(self._bare[place]):
                return "".join(marks) + Line.WRITTEN * (len(self._lines) - place)
            end = self._end_of_introduction(place)
            if end:
                quote = self._marked_below(end)
                marks += Line.INTRODUCES * ((quote or end) - place)
                is_inside = is_inside or not (is_marked or quote)
            else:
                marks.append(Line.QUOTED if is_marked or is_inside else Line.WRITTEN)
        return "".join(marks)

    def _end_of_introduction(self, place: int) -> int | None:
        if not self._bare[place]:
            return None
        return self._end_of_header(place) or self._end_of_sentence(place)

    def _end_of_sentence(self, place: int) -> int | None:
        """Find the end of a sentence that a mailer wrote. Words before it are no part, whatever they begin with."""
        for end in range(place + 1, min(place + MAX_SENTENCE, len(self._lines)) + 1):
            if not self._bare[end - 1] or self._is_marked(end - 1) != self._is_marked(place):
                return None
            if self._bare[end - 1][-1] in _COLON:
                starts = [start for start in range(place, end) if self._is_sentence(start, end)]
                return end if starts and starts[-1] == place else None
        return None

    def _is_sentence(self, start: int, end: int) -> bool:
        sentence = "\n".join(self._bare[start:end])
        return _WROTE.match(sentence) is not None and _WHEN.search(sentence) is not None

    def _is_marked(self, place: int) -> bool:
        return _QUOTED.match(self._lines[place]) is not None

    def _end_of_header(self, place: int) -> int | None:
        """Find the end of a separator and the fields below it, as Outlook writes them above forwarded mail too."""
        has_separator = _SEPARATOR.match(self._bare[place]) is not None
        if not has_separator and not _SENDER.match(self._bare[place]):
            return None
        if self._forwards and not self._is_marked(place):
            return None
        begin = next(
            (start for start in range(place + has_separator, place + 3) if self._line_at(start).strip()), place
        )
        fields = list(takewhile(_FIELD.match, self._bare[begin : begin + MAX_FIELDS]))
        if len(fields) >= 3 - has_separator and _SENDER.match(fields[0]) and _WHEN.search(" ".join(fields)):
            return begin + len(fields)
        return place + 1 if has_separator and not set(self._bare[place]) <= {"_"} else None

    def _marked_below(self, place: int) -> int | None:
        """Return where a quote with markers begins that follows here, after a blank line or two at the most."""
        begin = self._written_from(place)
        return begin if _QUOTED.match(self._line_at(begin)) else None

    def _written_from(self, place: int) -> int:
        return next((below for below in range(place, place + 3) if self._line_at(below).strip()), place)

    def _line_at(self, place: int) -> str:
        return self._lines[place] if place < len(self._lines) else ""
