//! The columns of a backup's row.

use keepstone_model::{backup::Backup, id::JobId};
use rusqlite::{Row, Transaction, named_params, params};

use crate::{
    Error,
    catalog::{
        Stop,
        row::{id, json, maybe_id, maybe_json, maybe_ms, maybe_time, ms, time, to_json, to_word, word},
    },
};

pub(in crate::catalog) fn put(tx: &Transaction<'_>, backup: &Backup) -> Result<(), Stop> {
    // The sequence of an adopted archive is used up, too.
    let known = tx.execute(
        "UPDATE databases SET last_sequence = max(last_sequence, ?2) WHERE id = ?1",
        params![backup.database.as_str(), backup.sequence],
    )?;
    if known == 0 {
        return Err(Error::UnknownDatabase { id: backup.database.to_string() }.into());
    }
    let search = [backup.id.as_str(), &backup.description, &backup.tags.join("\n")].join("\n").to_lowercase();
    tx.prepare_cached(
        "INSERT INTO backups (id, database, kind, sequence, state, created_at, created_by, description, tags, pinned, suspect,
             suspect_cause, acknowledged, original_size_bytes, archive_size_bytes, total_records, payload_hash, encryption, coverage, proof,
             error, job, trashed_at, trash_until, good, verdict, search)
         VALUES (:id, :database, :kind, :sequence, :state, :created_at, :created_by, :description, :tags, :pinned, :suspect,
             :suspect_cause, :acknowledged, :original_size_bytes, :archive_size_bytes, :total_records, :payload_hash, :encryption, :coverage,
             :proof, :error, :job, :trashed_at, :trash_until, :good, :verdict, :search)
         ON CONFLICT (id) DO UPDATE SET
             sequence = excluded.sequence, state = excluded.state, created_at = excluded.created_at, created_by = excluded.created_by,
             description = excluded.description, tags = excluded.tags, pinned = excluded.pinned, suspect = excluded.suspect,
             suspect_cause = excluded.suspect_cause, acknowledged = excluded.acknowledged,
             original_size_bytes = excluded.original_size_bytes, archive_size_bytes = excluded.archive_size_bytes,
             total_records = excluded.total_records, payload_hash = excluded.payload_hash, encryption = excluded.encryption,
             coverage = excluded.coverage,
             proof = excluded.proof, error = excluded.error, job = excluded.job, trashed_at = excluded.trashed_at,
             trash_until = excluded.trash_until, good = excluded.good, verdict = excluded.verdict, search = excluded.search,
             gone = CASE excluded.state WHEN 'trashed' THEN gone ELSE 0 END",
    )?
    .execute(named_params! {
        ":id": backup.id.as_str(),
        ":database": backup.database.as_str(),
        ":kind": backup.kind.as_str(),
        ":sequence": backup.sequence,
        ":state": backup.state.as_str(),
        ":created_at": ms(backup.created_at),
        ":created_by": backup.created_by,
        ":description": backup.description,
        ":tags": to_json(&backup.tags),
        ":pinned": backup.pinned,
        ":suspect": backup.suspect,
        ":suspect_cause": to_word(&backup.suspect_cause.unwrap_or_default()),
        ":acknowledged": backup.acknowledged.as_ref().map(to_json),
        ":original_size_bytes": backup.original_size_bytes,
        ":archive_size_bytes": backup.archive_size_bytes,
        ":total_records": backup.total_records,
        ":payload_hash": backup.payload_hash,
        ":encryption": backup.encryption.as_str(),
        ":coverage": backup.coverage.as_str(),
        ":proof": backup.proof.as_ref().map(to_json),
        ":error": backup.error,
        ":job": backup.job.as_ref().map(JobId::as_str),
        ":trashed_at": maybe_ms(backup.trashed_at),
        ":trash_until": maybe_ms(backup.trash_until),
        ":good": backup.is_good(),
        ":verdict": backup.verdict().as_str(),
        ":search": search,
    })?;
    Ok(())
}

pub(in crate::catalog) fn read(row: &Row<'_>) -> Result<Backup, rusqlite::Error> {
    Ok(Backup {
        id: id(row, "id")?,
        database: id(row, "database")?,
        kind: id(row, "kind")?,
        sequence: row.get("sequence")?,
        state: word(row, "state")?,
        created_at: time(row, "created_at")?,
        created_by: row.get("created_by")?,
        description: row.get("description")?,
        tags: json(row, "tags")?,
        pinned: row.get("pinned")?,
        suspect: row.get("suspect")?,
        suspect_cause: row.get::<_, Option<String>>("suspect")?.is_some().then(|| word(row, "suspect_cause")).transpose()?,
        acknowledged: maybe_json(row, "acknowledged")?,
        original_size_bytes: row.get("original_size_bytes")?,
        archive_size_bytes: row.get("archive_size_bytes")?,
        total_records: row.get("total_records")?,
        payload_hash: row.get("payload_hash")?,
        encryption: word(row, "encryption")?,
        coverage: word(row, "coverage")?,
        proof: maybe_json(row, "proof")?,
        error: row.get("error")?,
        job: maybe_id(row, "job")?,
        trashed_at: maybe_time(row, "trashed_at")?,
        trash_until: maybe_time(row, "trash_until")?,
    })
}
