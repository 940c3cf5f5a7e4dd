"""An example of the client, and its test: against a running server, whose address and token stand in KEEPSTONE_URL and
KEEPSTONE_TOKEN (scope admin), with a SQLite database at KEEPSTONE_TEST_DATABASE that it may change.

    python3 -m unittest discover clients/python
"""

import os
import sqlite3
import tempfile
import unittest
import zipfile

from keepstone import BackupScheduler, Keepstone, KeepstoneError

LOCATION = os.environ.get("KEEPSTONE_TEST_DATABASE")


@unittest.skipUnless(LOCATION, "KEEPSTONE_TEST_DATABASE names no database")
class BeforeAndAfter(unittest.TestCase):
    """What an application's own tests do: a backup before, a restore after."""

    @classmethod
    def setUpClass(cls):
        cls.id = Keepstone().add_database(LOCATION)["id"]

    def setUp(self):
        self.shop = Keepstone(database=self.id)
        self.before = self.shop.create_backup(description="before the test", created_by="unittest", tags=["test"])

    def orders(self):
        connection = sqlite3.connect(LOCATION)
        try:
            return connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        finally:
            connection.close()

    def delete_orders(self):
        connection = sqlite3.connect(LOCATION)
        with connection:
            connection.execute("DELETE FROM orders")
        connection.close()

    def test_what_a_test_broke_comes_back(self):
        count = self.orders()
        self.delete_orders()
        with self.assertRaises(KeepstoneError) as refused:
            self.shop.restore_backup(self.before["id"])
        self.assertEqual(refused.exception.code, "not_confirmed")
        restored = self.shop.restore_backup(self.before["id"], confirm=True)
        self.assertEqual(self.orders(), count)
        self.shop.undo_restore(restored["id"])
        self.assertEqual(self.orders(), 0)
        self.shop.restore_backup(self.before["id"], confirm=True, create_safety_backup=False)
        self.assertEqual(self.orders(), count)

    def test_a_backup_is_listed_verified_deleted_and_put_back(self):
        self.assertTrue(self.before["good"])
        self.assertEqual(self.before["tags"], ["test", "by unittest"])
        listed = self.shop.list_backups(limit=5)
        self.assertEqual(listed[0]["id"], self.before["id"])
        self.assertIn(self.before["id"], [backup["id"] for backup in self.shop.list_backups(limit=None, backup_type="manual")])
        self.assertEqual(self.shop.get_backup()["id"], self.before["id"])
        verified = self.shop.verify_backup(self.before["id"])
        self.assertTrue(verified["verified"], verified["errors"])
        self.shop.pin_backup(self.before["id"])
        with self.assertRaises(KeepstoneError) as refused:
            self.shop.delete_backup(self.before["id"])
        self.assertEqual((refused.exception.status, refused.exception.code), (409, "delete_refused"))
        self.shop.pin_backup(self.before["id"], pinned=False)
        newer = self.shop.create_backup()
        self.assertTrue(self.shop.delete_backup(self.before["id"])["deleted"])
        self.assertEqual(self.shop.put_back_backup(self.before["id"])["state"], "complete")
        self.assertEqual(self.shop.get_backup()["id"], newer["id"])

    def test_the_same_key_makes_one_backup(self):
        jobs = [self.shop.create_backup(description="once", key="key-%s" % self.before["id"], wait=False) for _ in range(3)]
        self.assertEqual(len({job["id"] for job in jobs}), 1)
        self.shop.wait(jobs[0])

    def test_content_goes_out_and_comes_in(self):
        with tempfile.TemporaryDirectory() as folder:
            exported = self.shop.export_data(os.path.join(folder, "shop.zip"), format="csv")
            self.assertIn("orders.csv", zipfile.ZipFile(exported).namelist())
            archive = self.shop.download_backup(self.before["id"], os.path.join(folder, "a.zip"))
            self.assertEqual(os.path.getsize(archive), self.before["archive_size_bytes"])
            plain = os.path.join(folder, "shop_backup_daily_20250627_020000.db")
            self.shop.download_backup(self.before["id"], plain, plain=True)
            report = self.shop.import_backup(plain, timezone="UTC")
            self.assertTrue(report["ok"], report)
            self.assertIn(report["results"][0]["result"], ("imported", "present"))
            new = self.shop.restore_backup(self.before["id"], path="from-python-%s.sqlite" % self.before["id"])
            self.assertEqual(new["state"], "done")

    def test_old_ones_go_and_the_sums_are_told(self):
        plan = self.shop.cleanup_old_backups(daily_keep=7, weekly_keep=4, dry_run=True)
        self.assertEqual((plan["removed"], plan["done"]), (0, False))
        self.assertEqual(self.shop.delete_old_backups(keep_count=1000), 0)
        stats = self.shop.get_backup_stats()
        self.assertEqual(stats["count"], stats["backup_count"])
        self.assertGreater(stats["total_size"], 0)
        self.assertGreaterEqual(self.shop.get_backup_info()["database_count"], 1)
        self.assertIn(self.id, [database["id"] for database in self.shop.status()["results"]])

    def test_the_scheduler_is_held_and_changed(self):
        scheduler = BackupScheduler(self.shop)
        self.assertTrue(scheduler.is_running())
        scheduler.stop()
        self.assertFalse(scheduler.is_running())
        scheduler.start()
        changed = scheduler.update_schedule("0 14 * * *", time_zone="UTC")
        self.assertEqual(changed["cron"], "0 14 * * *")
        self.assertIsNotNone(scheduler.get_next_run_time())
        self.assertEqual(scheduler.trigger_backup()["kind"], "daily")
        self.assertEqual(scheduler.get_job_info()["state"], "done")

    def test_what_is_not_there_is_told(self):
        with self.assertRaises(KeepstoneError) as missing:
            self.shop.get_backup("shop_daily_20200101T000000Z_0000")
        self.assertEqual((missing.exception.status, missing.exception.code), (404, "unknown_backup"))
        with self.assertRaises(KeepstoneError) as nobody:
            Keepstone("http://127.0.0.1:1", token="x").status()
        self.assertEqual(nobody.exception.code, "unreachable")
        with self.assertRaises(KeepstoneError) as stranger:
            Keepstone(token="kst_" + "0" * 64).status()
        self.assertEqual((stranger.exception.status, stranger.exception.code), (401, "bad_token"))


if __name__ == "__main__":
    unittest.main()
