"""The settings of the site, from the environment. Nothing is started here, and nothing but the environment is read.

In development every variable has a default that works, except DATABASE_URL and CELERY_BROKER_URL: `config.embedded`
supplies these two before Django loads. In production mode nothing that matters has a default.
"""

from __future__ import annotations

from config.settings.data import *
from config.settings.ledger import *
from config.settings.reports import *
from config.settings.sending import *
from config.settings.site import *
from config.settings.start import *
from config.settings.start import env
from config.settings.work import *

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # A line when each task comes and another when it goes: five sweeps would fill the screen for nothing.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

env.complain()
