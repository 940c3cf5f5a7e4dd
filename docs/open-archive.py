#!/usr/bin/env python3
"""Opens a Keepstone archive without Keepstone: open-archive.py ARCHIVE.zip OUTPUT. Needs python3, the zstd command for .zst; for .enc the
package cryptography and the password (asked for, or the first line of standard input). OUTPUT gets its name only if all hashes fit."""
import getpass, gzip, hashlib, hmac, json, os, shutil, subprocess, sys, threading, zipfile
def unlock(meta):  # the whole metadata, and the cipher of the payload
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    sealed, slots, checksum = bytes.fromhex(meta.pop("sealed")), meta.pop("slots"), meta.pop("slots_checksum")
    hashlib.sha256(canonical(slots)).hexdigest() == checksum or sys.exit("DAMAGED: the key slots do not fit their checksum")
    word = getpass.getpass().encode() if sys.stdin.isatty() else sys.stdin.buffer.readline().rstrip(b"\r\n").decode("utf-8-sig").encode()
    for slot in slots:
        salt, fresh, wrapped = (bytes.fromhex(slot[name]) for name in ("salt", "wrap_salt", "wrapped"))
        key = (hashlib.pbkdf2_hmac("sha256", word, salt, slot["iterations"], 32) if slot["kdf"] != "scrypt" else
               hashlib.scrypt(word, salt=salt, n=slot["n"], r=slot["r"], p=slot["p"], maxmem=2**31 - 1, dklen=32))
        try: data = AESGCM(hmac.digest(key, b"keepstone 1 wrap" + fresh, "sha256")).decrypt(bytes(12), wrapped, None)
        except Exception: continue  # this slot is another password's
        content, payload = (AESGCM(hmac.digest(data, b"keepstone 1 " + what, "sha256")) for what in (b"metadata", b"payload"))
        return {**meta, **json.loads(content.decrypt(sealed[:12], sealed[12:], b"keepstone 1 metadata\n" + canonical(meta)))}, payload
    sys.exit("WRONG PASSWORD")
def main(archive, output, size=0):
    zip, payload, backup = zipfile.ZipFile(archive), hashlib.sha256(), hashlib.sha256()
    meta, name = json.loads(zip.read("metadata.json")), next(entry for entry in zip.namelist() if entry.startswith("database."))
    meta["format_version"] == 1 or sys.exit("this script opens archives of format version 1 only")
    (meta, cipher), total = unlock(meta) if name.endswith(".enc") else (meta, None), zip.getinfo(name).file_size
    def feed(into):
        with zip.open(name) as stored, into:
            for at in range(0, total, 65552):
                chunk, nonce = stored.read(65552), (at // 65552).to_bytes(11, "big") + bytes([at + 65552 >= total])
                payload.update(chunk), into.write(cipher.decrypt(nonce, chunk, None) if cipher else chunk)
    (image, into), gz = map(os.fdopen, os.pipe(), ("rb", "wb")), ".gz" in name
    threading.Thread(target=feed, args=(into,), daemon=True).start()
    image = subprocess.Popen(["zstd", "-dcq"], stdin=image, stdout=subprocess.PIPE).stdout if ".zst" in name else image
    with gzip.open(image) if gz else image as image, open(output + ".part", "xb") as out:
        for block in iter(lambda: image.read(1 << 20) if size <= meta["original_size"] else b"", b""):
            size, _ = size + out.write(block), backup.update(block)
    if (payload.hexdigest(), backup.hexdigest(), size) != (meta["payload_hash"], meta["backup_hash"], meta["original_size"]):
        sys.exit("DAMAGED: sizes or hashes differ; what could be read is in " + output + ".part")
    os.link(output + ".part", output), os.remove(output + ".part")  # never over a file that is there
    print(output, "is", meta["backup_id"], "taken", meta["created_at"], "with", meta["total_records"], "rows")
main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
