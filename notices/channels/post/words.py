"""What a letter says besides the notice itself, by language."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "date": "Date",
        "reference": "Our reference",
        "page": "Page {page} of {pages}",
        "online": "Read this notice and answer it online",
        "keep": "Please give the reference in every answer.",
    },
    "de": {
        "date": "Datum",
        "reference": "Unser Zeichen",
        "page": "Seite {page} von {pages}",
        "online": "Diese Mitteilung online lesen und beantworten",
        "keep": "Bitte geben Sie bei jeder Antwort unser Zeichen an.",
    },
    "es": {
        "date": "Fecha",
        "reference": "Nuestra referencia",
        "page": "Página {page} de {pages}",
        "online": "Lea este aviso y respóndalo en línea",
        "keep": "Indique la referencia en toda respuesta.",
    },
    "ar": {
        "date": "التاريخ",
        "reference": "مرجعنا",
        "page": "صفحة {page} من {pages}",
        "online": "اقرأ هذا الإشعار وأجب عنه عبر الإنترنت",
        "keep": "يرجى ذكر المرجع في كل رد.",
    },
}


def words(language: str) -> Mapping[str, str]:
    """The words in this language (a tag), or in English."""
    return _WORDS.get(language.partition("-")[0].lower(), _WORDS["en"])


def speaks(language: str) -> bool:
    return language.partition("-")[0].lower() in _WORDS
