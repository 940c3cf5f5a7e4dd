"""A client of Keepstone's HTTP API. One file, standard library only, Python 3.8 or newer: copy it beside your program.

    from keepstone import Keepstone

    shop = Keepstone("http://127.0.0.1:8181", token="kst_…", database="shop")
    backup = shop.create_backup(description="before the migration")
    shop.restore_backup(backup["id"], confirm=True)

The functions have the names that the backup modules before Keepstone had, and give back what the API does: see docs/api.md.
A call that is refused raises KeepstoneError, which has the stable `code`, the `message` and a `hint`. What takes long is
waited for, unless `wait=False` asks for the job.
"""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

__all__ = ["BackupScheduler", "JobFailed", "Keepstone", "KeepstoneError"]

OVER = ("done", "failed", "cancelled", "abandoned")


class KeepstoneError(Exception):
    """A call that was refused. `code` is stable, e.g. `unknown_backup`; `status` is that of HTTP, 0 where nobody answered."""

    def __init__(self, status, code, message, hint=None, field=None):
        super().__init__(message if hint is None else message + " " + hint)
        self.status, self.code, self.message, self.hint, self.field = status, code, message, hint, field


class JobFailed(KeepstoneError):
    """A job that did not end well; `job` is the whole of it, with its log."""

    def __init__(self, job):
        error = job.get("error") or {"code": job["state"], "message": "The job was " + job["state"] + ".", "hint": None}
        super().__init__(200, error["code"], error["message"], error["hint"])
        self.job = job


class Keepstone:
    """A server, as a token sees it. `url` and `token` come from KEEPSTONE_URL and KEEPSTONE_TOKEN where they are not given;
    `database` is the one that is meant where a call names none."""

    def __init__(self, url=None, token=None, database=None, timeout=60):
        self.url = (url or os.environ.get("KEEPSTONE_URL") or "http://127.0.0.1:8181").rstrip("/")
        self.token = token or os.environ.get("KEEPSTONE_TOKEN")
        self.database = database
        self.timeout = timeout

    # Backups

    def create_backup(self, backup_type="manual", description="", created_by=None, tags=None, pin=False, encrypt=None,
                      compression=True, verify=True, app_label=None, database=None, wait=True, key=None):
        """Makes a backup; gives it back once it was read back and checked. Sent twice under one `key` it is made once."""
        if created_by:
            tags = list(tags or []) + ["by " + created_by]
        method = compression if isinstance(compression, str) else ("zstd" if compression else "none")
        body = {"kind": backup_type, "description": description or "", "tags": list(tags or []), "pin": pin, "encrypt": encrypt,
                "compression": method, "verify": verify, "app_label": app_label}
        # A key of its own makes it safe to send the request again where the answer was lost.
        job = self.request("POST", "/databases/%s/backups" % self._database(database), body, key=key or str(uuid.uuid4()))
        return self.get_backup(self.wait(job)["backup"]) if wait else job

    def list_backups(self, limit=50, backup_type=None, state=None, text=None, database=None):
        """The newest first; at most `limit`, None for all of them."""
        found, offset = [], 0
        while True:
            left = 500 if limit is None else min(500, limit - len(found))
            page = self.request("GET", "/backups", query={
                "database": database or self.database, "kind": backup_type, "state": state, "q": text, "limit": left, "offset": offset})
            found += page["results"]
            offset += len(page["results"])
            if page["next"] is None or (limit is not None and len(found) >= limit):
                return found

    def get_backup(self, backup_id="latest", database=None):
        """One backup with its metadata; `latest` is the newest good one."""
        if backup_id == "latest":
            return self.request("GET", "/databases/%s/latest" % self._database(database))
        return self.request("GET", "/backups/" + _quoted(backup_id))

    def verify_backup(self, backup_id="latest", database=None):
        """Reads it back and checks it: `{"verified", "errors", "backup"}`. A failed check is no exception."""
        backup_id = self._id(backup_id, database)
        try:
            self.wait(self.request("POST", "/backups/%s/verify" % _quoted(backup_id)))
        except JobFailed as failed:
            if failed.code not in ("verification_failed", "archive_corrupt", "unproven"):
                raise
        backup = self.get_backup(backup_id)
        checks = (backup["proof"] or {"checks": []})["checks"]
        errors = ["%s: %s" % (check["name"], check.get("detail", "")) for check in checks if check["result"] == "failed"]
        return {"verified": backup["good"], "errors": errors, "backup": backup}

    def restore_backup(self, backup_id="latest", confirm=False, verify_first=True, create_safety_backup=True, path=None,
                       database=None, wait=True, although_open=False):
        """Restores over the live database, whose applications stay connected; with `path` into a new file instead, in the
        vault's `restored` folder or beside the live database. Over the live one `confirm=True` is asked for. `although_open=True` replaces
        a database that cannot be opened although another process (`holders` of its plan) has it open."""
        backup_id = self._id(backup_id, database)
        if path is None and not confirm:
            raise KeepstoneError(0, "not_confirmed", "Restore not confirmed.", "Use confirm=True: it replaces the live database.")
        wish = {"into": "replace", "safety_backup": create_safety_backup} if path is None else {"into": "new_file", "path": path}
        planned = self.request("POST", "/backups/%s/restore/plan" % _quoted(backup_id), wish)
        body = {"plan": planned["id"], "confirm": planned["plan"]["database"], "verify": verify_first,
                "although_open": although_open}
        job = self.request("POST", "/backups/%s/restore" % _quoted(backup_id), body, key=planned["id"])
        return self.wait(job) if wait else job

    def undo_restore(self, job_id, wait=True, although_open=False):
        """Brings back what a restore replaced. `although_open` as for `restore_backup`."""
        job_id = _quoted(job_id)
        planned = self.request("POST", "/jobs/%s/undo/plan" % job_id)
        body = {"plan": planned["id"], "confirm": planned["plan"]["database"], "although_open": although_open}
        job = self.request("POST", "/jobs/%s/undo" % job_id, body, key=planned["id"])
        return self.wait(job) if wait else job

    def delete_backup(self, backup_id):
        """Moves it to the trash, from where `put_back_backup` takes it for 24 hours."""
        return self.request("DELETE", "/backups/" + _quoted(backup_id))

    def put_back_backup(self, backup_id):
        return self.request("POST", "/backups/%s/put-back" % _quoted(backup_id))

    def pin_backup(self, backup_id, pinned=True):
        return self.request("POST", "/backups/%s/%s" % (_quoted(backup_id), "pin" if pinned else "unpin"))

    def cleanup_old_backups(self, daily_keep=None, weekly_keep=None, monthly_keep=None, keep_count=None, dry_run=False,
                            include_manual=False, database=None):
        """Moves what the policy does not keep to the trash: the database's own, or the one given. Gives back the plan, with
        `removed`: how many went."""
        path = "/databases/%s/cleanup" % self._database(database)
        policy = {"daily": daily_keep, "weekly": weekly_keep, "monthly": monthly_keep, "max_count": keep_count}
        policy = {name: count for name, count in policy.items() if count is not None}
        asked = {"policy": policy or None, "include_manual": include_manual}
        plan = self.request("POST", path, dict(asked, dry_run=True))
        doomed = [backup["id"] for backup in plan["backups"] if backup["action"] == "remove"]
        if not dry_run and doomed:
            self.wait(self.request("POST", path, dict(asked, confirm=doomed), key=str(uuid.uuid4())))
        return dict(plan, dry_run=dry_run, done=not dry_run, removed=0 if dry_run else len(doomed))

    def delete_old_backups(self, keep_count=30, database=None):
        """Keeps the newest `keep_count`; gives back how many went."""
        return self.cleanup_old_backups(keep_count=keep_count, database=database)["removed"]

    def get_backup_stats(self, database=None):
        """Sums of one database, or of all of them together. Beside the API's names stand those of before: `total_backups`,
        `count`, `total_size`, `total_size_mb`, `oldest_time`, `latest_time`."""
        stats = self.request("GET", "/stats", query={"database": database or self.database})["results"][-1]
        size = stats["archive_size_bytes"]
        return dict(stats, total_backups=stats["backup_count"], count=stats["backup_count"], total_size=size,
                    total_size_mb=round(size / 1e6, 2), oldest_time=stats["oldest_at"], latest_time=stats["newest_at"])

    def get_backup_info(self):
        """Versions, folders and sums of the whole vault."""
        return self.request("GET", "/info")

    def status(self):
        """Whether everything is safe: `ok`, and each database with its state and concerns."""
        return self.request("GET", "/status")

    def download_backup(self, backup_id, path, plain=False):
        """Writes the archive (or the plain database) into a new file, and gives back its path."""
        return self._download("/backups/%s/%s" % (_quoted(backup_id), "database" if plain else "archive"), {}, path)

    def export_data(self, path, format="json", include_sensitive=False, tables=None, backup_id=None, database=None):
        """Writes the content of the live database, or of a backup, into a new file, and gives back its path."""
        of = "/databases/" + self._database(database) if backup_id is None else "/backups/" + _quoted(backup_id)
        query = {"format": format, "include_sensitive": include_sensitive, "table": tables or []}
        return self._download(of + "/export", query, path)

    def import_backup(self, path, timezone=None, password=None, database=None):
        """Sends a file that another backup system left; it is checked and becomes a backup. Done twice it adds nothing."""
        query = {"filename": os.path.basename(path), "timezone": timezone}
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(os.path.getsize(path))}
        if password is not None:
            headers["Keepstone-Password"] = password
        with open(path, "rb") as file:
            with self._open("POST", "/databases/%s/import" % self._database(database), query, file, headers) as answer:
                return json.load(answer)

    # Databases, schedules, retention, jobs

    def list_databases(self):
        return self.request("GET", "/databases")["results"]

    def add_database(self, location, name=None, preset="standard"):
        return self.request("POST", "/databases", {"location": location, "name": name, "preset": preset})

    def list_schedules(self, database=None):
        return self.request("GET", "/schedules", query={"database": database or self.database})["results"]

    def cleanup_schedule(self, database=None, **wish):
        """When cleanup looks at a database by itself; with a wish (cron, time_zone, every_secs, after_backups, paused) it is set."""
        path = "/databases/%s/cleanup/schedule" % self._database(database)
        return self.request("PUT", path, wish) if wish else self.request("GET", path)

    def limits(self, **wish):
        """What holds for all jobs; with a wish (max_running, hung_after_secs, stop_within_secs) it is set."""
        return self.request("PUT", "/limits", wish) if wish else self.request("GET", "/limits")

    def add_schedule(self, cron=None, time_zone=None, every_secs=None, database=None, **more):
        wish = dict(more, cron=cron, time_zone=time_zone, every_secs=every_secs)
        return self.request("POST", "/databases/%s/schedules" % self._database(database), wish)

    def set_retention(self, database=None, confirm=False, **policy):
        """e.g. `set_retention(daily=14, weekly=8)`."""
        body = {"policy": policy, "confirm": confirm}
        return self.request("PUT", "/databases/%s/retention" % self._database(database), body)

    def get_job(self, job_id):
        return self.request("GET", "/jobs/" + _quoted(job_id))

    def wait(self, job, timeout=None):
        """Waits until a job is over; gives it back, or raises JobFailed."""
        until = None if timeout is None else time.monotonic() + timeout
        pause = 0.05
        while job["state"] not in OVER:
            if until is not None and time.monotonic() >= until:
                raise KeepstoneError(0, "timeout", "Job %s is not over yet." % job["id"])
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)
            job = self.get_job(job["id"])
        job = self.get_job(job["id"])
        if job["state"] != "done":
            raise JobFailed(job)
        return job

    # The call

    def request(self, method, path, body=None, query=None, key=None):
        """Any call of the API, e.g. `request("GET", "/backups", query={"limit": 5})`."""
        headers = {} if key is None else {"Idempotency-Key": key}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        with self._open(method, path, query or {}, data, headers) as answer:
            return json.load(answer)

    def _open(self, method, path, query, data, headers):
        pairs = []
        for name, value in query.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    pairs.append((name, str(one).lower() if isinstance(one, bool) else one))
        address = self.url + "/api/v1" + path + ("?" + urllib.parse.urlencode(pairs) if pairs else "")
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        if self.token:
            # Not handed on where a redirect leads elsewhere.
            request.add_unredirected_header("Authorization", "Bearer " + self.token)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode("utf-8", "replace")
            try:
                told = json.loads(text)
                raise KeepstoneError(error.code, told["code"], told["detail"], told.get("hint"), told.get("field")) from None
            except (ValueError, KeyError, TypeError):
                raise KeepstoneError(error.code, "http_%d" % error.code, text[:200] or str(error)) from None
        except urllib.error.URLError as error:
            raise KeepstoneError(0, "unreachable", "%s does not answer: %s" % (self.url, error.reason)) from error

    def _download(self, path, query, target):
        part = target + ".part"
        with self._open("GET", path, query, None, {}) as answer, open(part, "xb") as file:
            try:
                while True:
                    piece = answer.read(1 << 16)
                    if not piece:
                        break
                    file.write(piece)
                # A transfer that broke off raises above; one with a length that is cut short does not.
                length = answer.headers.get("Content-Length")
                if length is not None and file.tell() != int(length):
                    raise KeepstoneError(0, "broken_off", "The download broke off.")
            except BaseException:
                os.unlink(part)
                raise
        os.replace(part, target)
        return target

    def _database(self, database):
        name = database or self.database
        if not name:
            raise KeepstoneError(0, "no_database", "No database is named.", "Give database= here or to Keepstone().")
        return _quoted(name)

    def _id(self, backup_id, database):
        return self.get_backup("latest", database)["id"] if backup_id == "latest" else backup_id


class BackupScheduler:
    """The schedules of one database, by the names that a scheduler inside an application had. They run in the server, also
    while no program is there: `start` and `stop` only say whether they do."""

    def __init__(self, keepstone, database=None):
        self.keepstone = keepstone
        self.database = database or keepstone.database

    def start(self):
        """Lets scheduled backups be taken."""
        self._pause(False)

    def stop(self):
        """Holds them; what runs goes on."""
        self._pause(True)

    def is_running(self):
        path = "/databases/" + self.keepstone._database(self.database)
        return not self.keepstone.request("GET", path)["paused"] and self.get_next_run_time() is not None

    def trigger_backup(self, wait=True):
        """Takes the backup of the first schedule now; without a schedule a manual one."""
        schedules = self.keepstone.list_schedules(self.database)
        if not schedules:
            return self.keepstone.create_backup(database=self.database, wait=wait)
        path = "/schedules/%d/trigger" % schedules[0]["number"]
        job = self.keepstone.request("POST", path, key=str(uuid.uuid4()))
        return self.keepstone.get_backup(self.keepstone.wait(job)["backup"]) if wait else job

    def get_next_run_time(self):
        """When the next backup is due, e.g. `2026-11-25T02:00:00Z`; None: never."""
        runs = self.keepstone.request("GET", "/schedules/next", query={"database": self.database})["results"]
        return runs[0]["next_run_at"] if runs else None

    def update_schedule(self, cron, time_zone=None):
        """Gives the first schedule other times; without one it is added."""
        schedules = self.keepstone.list_schedules(self.database)
        if not schedules:
            return self.keepstone.add_schedule(cron, time_zone, database=self.database)
        wish = {"cron": cron, "time_zone": time_zone}
        return self.keepstone.request("PATCH", "/schedules/%d" % schedules[0]["number"], wish)

    def get_job_info(self):
        """The newest job of the database, or None."""
        found = self.keepstone.request("GET", "/jobs", query={"database": self.database, "limit": 1})["results"]
        return found[0] if found else None

    def _pause(self, paused):
        path = "/databases/" + self.keepstone._database(self.database)
        self.keepstone.request("PATCH", path, {"paused": paused})


def _quoted(name):
    return urllib.parse.quote(str(name), safe="")
