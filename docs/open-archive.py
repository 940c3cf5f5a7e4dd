#!/usr/bin/env python3
"""Opens a Keepstone archive without Keepstone: open-archive.py ARCHIVE.zip OUTPUT

Needs python3 and, for .zst payloads, the zstd command. Checks every size and hash; the output gets its name only if all of them fit."""
import gzip, hashlib, json, os, shutil, subprocess, sys, threading, zipfile

def plain(stored, name):
    if name.endswith(".zst"):
        zstd = subprocess.Popen(["zstd", "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        feed = lambda: (shutil.copyfileobj(stored, zstd.stdin), zstd.stdin.close())
        threading.Thread(target=feed, daemon=True).start()
        return zstd.stdout
    return gzip.open(stored) if name.endswith(".gz") else stored

def main(archive, output):
    zip = zipfile.ZipFile(archive)
    meta = json.loads(zip.read("metadata.json"))
    if meta["format_version"] != 1 or meta["encrypted"]:
        sys.exit("this script opens unencrypted archives of format version 1 only")
    name = next(entry for entry in zip.namelist() if entry.startswith("database."))
    payload, backup, restore, size = hashlib.sha256(), hashlib.sha256(), hashlib.sha256(), 0
    with zip.open(name) as stored:
        for block in iter(lambda: stored.read(1 << 20), b""):
            payload.update(block)
    with zip.open(name) as stored, open(output + ".part", "xb") as out:
        image = plain(stored, name)
        for block in iter(lambda: image.read(1 << 20), b""):
            masked = bytearray(block)
            for start, end in ((18, 20), (24, 28), (40, 44), (92, 96)) if size == 0 else ():
                masked[start:end] = bytes(end - start)
            size += out.write(block)
            backup.update(block), restore.update(masked)
            size <= meta["original_size"] or sys.exit("the payload is longer than it should be")
    found = (payload.hexdigest(), backup.hexdigest(), restore.hexdigest(), size)
    if found != (meta["payload_hash"], meta["backup_hash"], meta["restore_hash"], meta["original_size"]):
        sys.exit("DAMAGED: sizes or hashes differ; what could be read is in " + output + ".part")
    os.link(output + ".part", output), os.remove(output + ".part")  # never over a file that is there
    print(output, "is", meta["backup_id"], "taken", meta["created_at"], "with", meta["total_records"], "rows")

main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
