"""The application: `create_app` puts the parts together."""

import os
from pathlib import Path

from flask import Flask, Response, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from auditweb import api, courtesy, database, demo, logs
from auditweb.accounts import passwords
from auditweb.api import problems
from auditweb.config import ROOT, Settings
from auditweb.extensions import csrf, db, migrate
from auditweb.web import (
    assets,
    audit_log,
    errors,
    exporting,
    first_start,
    gate,
    health,
    home,
    mailing,
    my_log,
    password_reset,
    people,
    placing,
    profile,
    reviews,
    saved_views,
    security,
    shared,
    shell,
    sign_in,
    slices,
    things,
    two_factor,
)
from auditweb.web.help import bp as help_pages
from auditweb.web.invitations import bp as invitations
from auditweb.web.settings import (
    api_keys,
    data,
    deletion,
    exports,
    general,
    ownership,
    review,
    review_patterns,
    shares,
    team,
    webhooks,
)
from auditweb.web.settings import sign_in as sign_in_settings

BLUEPRINTS = (
    home.bp,
    first_start.bp,
    sign_in.bp,
    password_reset.bp,
    two_factor.bp,
    invitations,
    profile.bp,
    my_log.bp,
    help_pages,
    health.bp,
    general.bp,
    api_keys.bp,
    shares.bp,
    review.bp,
    review_patterns.bp,
    shared.bp,
    shared.support,
    slices.bp,
    data.bp,
    ownership.bp,
    deletion.bp,
    exports.bp,
    saved_views.bp,
    webhooks.bp,
    sign_in_settings.bp,
)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application, on *settings* or on those of the environment; ConfigError if they cannot be meant."""
    settings = settings or Settings.from_environ(os.environ)
    app = Flask("auditweb", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=_database_url(settings),
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings.database_url),
    )
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    logs.install(app, settings)
    courtesy.init_app(app)
    security.init_app(app, settings)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(database.MIGRATIONS))
    csrf.init_app(app)
    mailing.init_app(app, settings)
    placing.init_app(app, settings)
    exports.init_app(app, settings)
    webhooks.init_app(app, settings)
    for part in (assets, gate, shell, errors, first_start):
        part.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for log in (audit_log.bp, exporting.bp, people.bp, reviews.bp, things.bp):
        app.register_blueprint(log, url_prefix="/o/<org>/settings/audit-log")
    app.register_blueprint(team.bp, url_prefix="/o/<org>/settings/team")
    api.init_app(app, settings)
    app.register_error_handler(HTTPException, _tell)

    with app.app_context():
        database.install(db.engine)
        demo.keep_demo_to_this_machine(settings)
    passwords.prepare()
    return app


def _tell(error: HTTPException) -> Response | HTTPException:
    """Tell people of an error by a page, and programs by an object."""
    return problems.show(error) if request.path.startswith(api.PREFIX) else errors.show(error)


def _database_url(settings: Settings) -> str:
    """Return the address of the database; a relative file is where the server was started, as it is for migrations."""
    url = database.normalise_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(Path(url.database).absolute()))
    return url.render_as_string(hide_password=False)
