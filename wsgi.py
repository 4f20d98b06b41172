"""For any WSGI server: `gunicorn wsgi:app`. Settings come from the environment, as for `auditweb serve`."""

from auditweb.app import create_app

app = create_app()
